"""What a republish tells of the incident: whether events pass again, and which open ones no plan is to send."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dlqkit.executions.event_history import event_states
from dlqkit.report.past_republish import find_horizon, is_cancelled_by_then
from dlqkit.report.republished import told_plans

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["find_unsent", "with_recovery"]

# From this share of the events on, what passes speaks for the incident and not for a part of it.
PASSED_SHARE = 0.5
# Traces that are named of each class.
NAMED = 3


def with_recovery(facts: Mapping[str, Any], keys: Collection[str], *, is_told_to_end: bool) -> dict[str, Any]:
    """The state, ``recovering`` in place of ``going_on`` where events that were sent again pass and none died since.

    Parameters
    ----------
    facts : mapping
        With ``state``, ``class``, ``last_dead_letter`` and ``republish``.
    keys : collection of str
        Of the incident's events.
    is_told_to_end : bool
        Whether a dead letter of up to the end of the evidence would have been seen.

    Returns
    -------
    dict
        ``state``. That the signal has no end only says that too little time has passed since the last dead letter by
        the incident's own rhythm; that its events pass says more. Of a mixed incident what passes is one part, which
        tells nothing of the others.
    """
    state: dict[str, Any] = dict(facts["state"])
    republish = facts["republish"]
    passed = set(republish["passed"]) & set(keys)
    first, last = republish["first_passed_at"], facts["last_dead_letter"]["at"]
    died_again = any((plan["totals"] or {}).get(name) for plan in republish["plans"]
                     for name in ("failed_same", "failed_new"))  # fmt: skip
    if (
        state["value"] != "going_on"
        or state["kind"] != "dead_letters"
        or facts["class"]["value"] == "mixed"
        or first is None
        or last is None
        or died_again
        or not is_told_to_end
        or len(passed) < PASSED_SHARE * len(set(keys))
        or datetime.fromisoformat(last) >= datetime.fromisoformat(first)
    ):
        return state
    return {**state, "value": "recovering"}


def find_unsent(
    folder: IncidentFolder,
    own: pd.DataFrame,
    dead: pd.DataFrame,
    moment: datetime,
    classes: Mapping[str, Sequence[str]],
    republish: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Open events of the incident that no plan has sent or is to send, by class.

    Parameters
    ----------
    folder : IncidentFolder
        For its plans.
    own, dead : DataFrame
        Records of the workflow, and its dead letters in the incident.
    moment : datetime
        The end of what is looked at.
    classes : mapping
        Event keys by failure class.
    republish : mapping
        From ``describe_republish``.

    Returns
    -------
    list of dict
        ``failure_class``, ``events``, ``traces`` (the first of them), most events first; empty where there is no plan.
        What a plan leaves out, and what a cancelled one did not send, is in no plan.
    """
    if not republish["plans"]:
        return []
    known = set(republish["sent"]) | set(republish["passed"])
    until = find_horizon(folder, moment)
    for plan in told_plans(folder, moment):
        if not is_cancelled_by_then(folder, plan, until):
            known |= {event.event_key for event in plan.events}
    states = event_states(own)
    mine = states["event_key"].isin(set(dead["event_key"])) & (states["state"] == "open")
    traces = states.loc[mine & ~states["event_key"].isin(known)].set_index("event_key")["trace_id"]
    rows = []
    for name, keys in classes.items():
        found = traces[traces.index.isin(set(keys))]
        if len(found):
            named = found.dropna().astype("str").sort_values().head(NAMED)
            rows.append({"failure_class": name, "events": len(found), "traces": list(named)})
    return sorted(rows, key=lambda row: (-row["events"], row["failure_class"]))
