"""What changed in the world since a plan was made: the same selection over newer evidence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.errors import PlanError
from dlqkit.republish.edits import Edit
from dlqkit.republish.known import Known
from dlqkit.republish.plan import Plan
from dlqkit.republish.planning import plan_republish
from dlqkit.republish.selection import Selection
from dlqkit.settings import Settings

__all__ = ["CHANGES", "diff_plan", "edits_of", "held_then"]

CHANGES: Mapping[str, str] = {
    "event_key": "str",
    "trace_id": "str",
    "change": "category",
    "before": "str",
    "now": "str",
}
KINDS = ("no longer to be sent", "new dead letter", "can be sent now", "died again", "other signature", "other text")


def edits_of(plan: Plan) -> tuple[Edit, ...]:
    """The edits that the plan's events went through, each of its own event, in order."""
    return tuple(
        Edit(note["kind"], note["patch"], note["reason"], note["by"], event.event_key)
        for event in plan.events
        if event.edited is not None
        for note in event.edited["edits"]
    )


def held_then(plan: Plan, event_key: str | None = None) -> dict[str, str]:
    """Events that a plan left out since another one had them, and which: an edit leaves them out too.

    Parameters
    ----------
    plan : Plan
        That is edited.
    event_key : str, optional
        The one event that the edit is of: it is meant, whoever had it then.
    """
    return {one.event_key: one.detail for one in plan.left_out
            if one.reason == "in another open plan" and one.event_key != event_key}  # fmt: skip


def diff_plan(
    plan: Plan, records: pd.DataFrame, classified: pd.DataFrame, settings: Settings, known: Known | None = None
) -> pd.DataFrame:
    """What the same selection would give now.

    Parameters
    ----------
    plan : Plan
    records, classified, settings, known
        As for ``plan_republish``, of the newer snapshot. Claims of the plan itself must not be in ``known``.

    Returns
    -------
    DataFrame
        A row per event for which something changed, columns of ``CHANGES``, in the order of ``change`` and event.

        change : ``no longer to be sent`` (such as: it succeeded since), ``new dead letter`` (it matches the selection
            and is not in the plan), ``can be sent now`` (it was left out), ``died again`` (a newer dead letter),
            ``other signature``, ``other text`` (the record's payload is another one)
        before, now : what was said of it, and what would be said; empty where it was or is not selected
    """
    now = _plan_again(plan, records, classified, settings, known)
    then_sent = {event.event_key: event for event in plan.events}
    then_out = {one.event_key: one for one in plan.left_out}
    now_sent = {event.event_key: event for event in now.events} if now else {}
    now_out = {one.event_key: one for one in now.left_out} if now else {}
    rows = []
    for key, event in then_sent.items():
        if key not in now_sent:
            reason = f"{now_out[key].reason}: {now_out[key].detail}" if key in now_out else "no longer selected"
            rows.append((key, event.trace_id, KINDS[0], "planned", reason))
            continue
        new = now_sent[key]
        for kind, before, after in (
            (KINDS[3], event.dead_at, new.dead_at),
            (KINDS[4], event.signature_id, new.signature_id),
            (KINDS[5], event.original_sha256[:12], new.original_sha256[:12]),
        ):
            if before != after:
                rows.append((key, event.trace_id, kind, before or "", after or ""))
    for key, new in now_sent.items():
        if key in then_out:
            rows.append((key, new.trace_id, KINDS[2], then_out[key].reason, "planned"))
        elif key not in then_sent:
            rows.append((key, new.trace_id, KINDS[1], "", "would be planned"))
    for key, left in now_out.items():
        if key not in then_sent and key not in then_out:
            rows.append((key, left.trace_id, KINDS[1], "", f"{left.reason}: {left.detail}"))
    frame = pd.DataFrame(rows, columns=list(CHANGES)).astype(dict(CHANGES))
    frame["change"] = pd.Categorical(frame["change"], categories=list(KINDS), ordered=True)
    return frame.sort_values(["change", "event_key"]).reset_index(drop=True)


def _plan_again(
    plan: Plan, records: pd.DataFrame, classified: pd.DataFrame, settings: Settings, known: Known | None
) -> Plan | None:
    """The plan that the same question gives now; None where it gives none."""
    dead = set(records.loc[records["queued_to_dlq"].fillna(False).astype(bool), "event_key"])
    edits = [edit for edit in edits_of(plan) if edit.event_key in dead]
    try:
        return plan_republish(
            records,
            classified,
            Selection.from_json(plan.selection),
            settings,
            known,
            edits=edits,
            topic=plan.target.address if plan.target.kind == "pubsub" else None,
            confirmed_topic=plan.target.address,
            use_http=plan.target.kind == "http",
            # A ceiling that was lowered since changes none of the events; the approval refuses the plan.
            max_rate=min(plan.max_rate, settings.republish.max_rate or plan.max_rate),
        )
    except PlanError:
        return None
