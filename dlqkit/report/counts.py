"""How many: events, what the counters say beside them, other workflows, durations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.balance import count_by_counter, lacks_records
from dlqkit.executions.event_history import event_states
from dlqkit.language import say
from dlqkit.membership import is_one_of
from dlqkit.report.coverage import dead_letters_are_whole, evidence_ids, time_text, value_or_none
from dlqkit.report.state import select_dead
from dlqkit.signals.counters import increase, metric_samples, steps_within

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "bound_events",
    "count_events",
    "count_metrics",
    "describe_last_dead_letter",
    "doubt_of",
    "find_doubt",
    "list_earlier_and_later",
    "list_others",
    "no_events",
    "tell_earlier_and_later",
]

UNSEEN_BEFORE = timedelta(minutes=5)


def count_metrics(
    folder: IncidentFolder,
    samples: pd.DataFrame,
    workflow_id: str | None,
    main: pd.Series | None,
    moment: datetime,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    """How much the three counters grew from the onset (without one: the window's start) to the end (or ``as_of``)."""
    low = main["onset_low_at"] if main is not None and not pd.isna(main["onset_low_at"]) else folder.window.start
    end = pd.Timestamp(moment) if main is None or pd.isna(main["end_at"]) else main["end_at"]
    out: dict[str, Any] = {
        "since": time_text(low), "until": time_text(end), "evidence": evidence_ids(rows, "prometheus")
    }  # fmt: skip
    for name, key in (("dlq", "dead_letters"), ("failure", "failures"), ("success", "successes")):
        own = metric_samples(samples, name, folder.metric_names)
        if workflow_id and "workflow_id" in own.columns:
            own = own[own["workflow_id"] == workflow_id]
        if own.empty:
            out[f"{key}_increase"] = None
            continue
        steps = increase(own, among=samples)
        out[f"{key}_increase"] = float(steps_within(steps, low, end)["increase"].sum())
    counted = count_by_counter(
        samples, pd.Timestamp(low), end, {workflow_id} if workflow_id else set(), folder.metric_names
    )
    out["dead_letters_bound"] = "exact" if counted is None or counted.is_exact else "at_least"
    return out


def describe_last_dead_letter(out: Mapping[str, Any], dead: pd.DataFrame, moment: datetime) -> dict[str, Any]:
    """When the last dead letter came, and how long before the evidence ends."""
    at = dead["recorded_at"].max() if len(dead) else pd.NaT
    if pd.isna(at):
        return {"at": None, "age_s": None}
    return {"at": time_text(at), "age_s": (pd.Timestamp(moment) - at).total_seconds()}


def find_doubt(own: pd.DataFrame, dead: pd.DataFrame, main: pd.Series | None, rows: list[dict[str, Any]]) -> str:
    """Why records that look whole may not be, in a sentence; empty where nothing speaks against them."""
    return doubt_of(len(dead), own["recorded_at"].min(), main, rows)


def doubt_of(held: int, first_at: pd.Timestamp, main: pd.Series | None, rows: list[dict[str, Any]]) -> str:
    """The same of the dead letters that are held, and of when the workflow's first record came."""
    if main is None or main["signal"] != "dead_letters":
        return ""
    counted = value_or_none(main["size"]) or 0.0
    if lacks_records(counted, held):
        return say(
            "The dead-letter counter grew by {counted:,.0f}, and the records hold {held} of them; "
            "so the number of events is at least that of the records.",
            counted=counted, held=held,
        )  # fmt: skip
    has_api = any(row["kind"] == "records: dead letters" for row in rows)
    if not has_api and not first_at < main["onset_at"] - UNSEEN_BEFORE:
        return say("The exported records begin with the incident, so there may be earlier ones.")
    return ""


def count_events(
    own: pd.DataFrame,
    dead: pd.DataFrame,
    rows: list[dict[str, Any]],
    onset: Mapping[str, Any],
    doubt: str,
    passed: Collection[str] = (),
    states: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Distinct events affected, still open, and healed, each ``{"value", "bound"}``.

    Parameters
    ----------
    own, dead : DataFrame
        Records of the workflow, and its dead letters in the incident; ``frames.RECORDS``.
    rows : list of dict
        From ``coverage_rows``.
    onset : mapping
        From ``describe_onset``.
    doubt : str
        From ``find_doubt``.
    passed : collection of str
        Keys of events that were sent again and are proven to have passed: an edited one has another key in its record.
    states : DataFrame, optional
        ``event_states`` of ``own``, if they are at hand.

    Returns
    -------
    dict
        bound : ``exact``; ``at_least`` or ``at_most``; ``of_seen`` where neither side is known. How many are affected
        rests on the answer for dead letters alone; what became of them on the workflow's other records too.
    """
    if not _are_told(rows):
        return no_events(rows)
    undated = own["recorded_at"].isna() & own["queued_to_dlq"].fillna(False).astype(bool)
    states = event_states(own) if states is None else states
    affected = states[is_one_of(states["event_key"], dead["event_key"])]
    has_passed = affected["event_key"].isin(set(passed))
    still_open = int(((affected["state"] == "open") & ~has_passed).sum())
    healed = int(((affected["state"] == "healed") | ((affected["state"] == "open") & has_passed)).sum())
    return bound_events((len(affected), still_open, healed), rows, onset, doubt, has_undated=bool(undated.any()))


def _are_told(rows: list[dict[str, Any]]) -> bool:
    sources = [row for row in rows if row["kind"].startswith("records")]
    return any(row["received"] or row["completeness"] == "complete" for row in sources)


def bound_events(
    counts: tuple[int, int, int], rows: list[dict[str, Any]], onset: Mapping[str, Any], doubt: str, *, has_undated: bool
) -> dict[str, Any]:
    """The same of events that are counted: affected, open and healed; ``has_undated``: dead letters without a time."""
    if not _are_told(rows):
        return no_events(rows)
    affected, still_open, healed = counts
    # Before the evidence begins there may have been more, of which nothing is seen.
    dead_whole = dead_letters_are_whole(rows) and not doubt and not onset["is_window_start"] and not has_undated
    rest = [row for row in rows if row["kind"] in {"records: workflow", "records: trace", "records: export"}]
    rest_whole = bool(rest) and all(row["completeness"] == "complete" for row in rest)
    open_bound = {(True, True): "exact", (True, False): "at_most", (False, True): "at_least"}
    return {
        "affected": {"value": affected, "bound": "exact" if dead_whole else "at_least"},
        "open": {"value": still_open, "bound": open_bound.get((dead_whole, rest_whole), "of_seen")},
        "healed": {"value": healed, "bound": "exact" if dead_whole and rest_whole else "at_least"},
        "evidence": evidence_ids(rows, "records"),
    }


def no_events(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The same where there is nothing to count."""
    nothing = {"value": None, "bound": "exact"}
    return {"affected": nothing, "open": nothing, "healed": nothing, "evidence": evidence_ids(rows, "records")}


def list_others(
    signals: pd.DataFrame, workflow_id: str | None, folder: IncidentFolder, findings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Other workflows whose dead letters jump too; ``alike`` where ``findings`` have both in one."""
    others = signals[(signals["workflow_id"] != workflow_id) & (signals["signal"] == "dead_letters")]
    together = {name for row in findings if workflow_id in row["workflow_ids"] for name in row["workflow_ids"]}
    return [
        {
            "workflow_id": str(row.workflow_id),
            "name": folder.workflow_name(str(row.workflow_id)),
            "events": value_or_none(row.size),
            "onset_at": time_text(row.onset_at),
            "alike": str(row.workflow_id) in together,
        }
        for row in others.dropna(subset=["workflow_id"]).itertuples(index=False)
    ]


def list_earlier_and_later(
    signals: pd.DataFrame, main: pd.Series | None, own: pd.DataFrame, moment: datetime, states: pd.DataFrame
) -> list[dict[str, Any]]:
    """The workflow's other incidents of dead letters in the window, in order of time.

    Parameters
    ----------
    signals : DataFrame
        From ``find_signals``.
    main : Series or None
        The signal that the report is about.
    own : DataFrame
        ``frames.RECORDS`` of the workflow.
    moment : datetime
        The end of what is looked at.
    states : DataFrame
        ``event_states`` of ``own``.

    Returns
    -------
    list of dict
        ``onset_at``, ``end_at`` (None: it goes on), ``events`` and ``open``: as far as records show; None where there
        are no records of it.
    """

    def count(other: pd.Series) -> tuple[int, int]:
        taken = set(select_dead(own, main, moment)["event_key"].dropna())
        keys = set(select_dead(own, other, moment)["event_key"].dropna()) - taken
        return len(keys), len(keys & set(states.loc[states["state"] == "open", "event_key"]))

    return tell_earlier_and_later(signals, main, count)


def tell_earlier_and_later(
    signals: pd.DataFrame, main: pd.Series | None, count: Callable[[pd.Series], tuple[int, int]]
) -> list[dict[str, Any]]:
    """The same, where ``count`` tells how many events an incident has beside those of ``main``, and how many open."""
    if main is None or main["signal"] != "dead_letters":
        return []
    others = signals[(signals["signal"] == "dead_letters") & (signals["workflow_id"] == main["workflow_id"])]
    others = others[others["onset_at"] != main["onset_at"]].sort_values("onset_at")
    rows = []
    for _, other in others.iterrows():
        events, still_open = count(other)
        rows.append(
            {
                "onset_at": time_text(other["onset_at"]),
                "end_at": time_text(other["end_at"]),
                "events": events or None,
                "open": still_open if events else None,
            }
        )
    return rows
