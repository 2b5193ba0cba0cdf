"""The milestones of an incident, measured or said by people, and the times to detect, mitigate and recover.

The times are ranges: they begin with the onset, which is known between two moments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from dlqkit.executions.event_history import record_outcomes
from dlqkit.language import mark, say
from dlqkit.membership import is_one_of
from dlqkit.report.coverage import time_text
from dlqkit.report.tables import Table, evidence_rows
from dlqkit.report.wording import count_text, duration_text, moment_text

__all__ = ["describe_milestones", "merge_said", "show_milestones", "show_times"]

Facts = Mapping[str, Any]
_NAMES = {
    "first_failure": mark("First failing attempt"),
    "first_dead_letter": mark("First dead letter"),
    "alert": mark("Alert"),
    "known": mark("People know"),
    "fix": mark("Fix"),
    "last_dead_letter": mark("Last dead letter"),
    "drained": mark("Drained: nothing is left to do"),
}
_TIMES = {
    "detect": mark("To detect: from the onset until people know"),
    "mitigate": mark("To mitigate: from the onset until the fix"),
    "recover": mark("To recover: from the onset until nothing is left to do"),
}
_OF_DEATH = {"first_failure", "first_dead_letter", "last_dead_letter", "drained"}
# Two moments this near are one: records have whole seconds in places.
_NEAR = timedelta(seconds=1)


def describe_milestones(facts: Facts, own: pd.DataFrame, dead: pd.DataFrame) -> dict[str, Any]:
    """The milestones as facts.

    Parameters
    ----------
    facts : mapping
        With ``state``, ``onset``, ``events``, ``last_dead_letter``, ``closure``, ``said``, ``workflow`` and ``as_of``.
    own : DataFrame
        ``frames.RECORDS`` of the workflow, up to ``as_of``.
    dead : DataFrame
        Dead letters of the incident (``state.select_dead``).

    Returns
    -------
    dict
        ``rows``, one for each milestone, in order: ``milestone``; ``low`` and ``high``, between which it was, both None
        where it is not known, ``low`` None where it may have been before; ``evidence``; ``who`` said it, else None.

        ``times`` ``detect``, ``mitigate``, ``recover``: ``low_s``, ``high_s`` (None: at least ``low_s``; both None: not
        known) and ``is_before``, where what ends it is before the onset.
    """
    if facts["state"]["value"] in {"nothing", "unknown"}:
        return {"rows": [], "times": []}
    rows = [_measured(name, *span, evidence) for name, (span, evidence) in _spans(facts, own, dead).items()]
    told = {row["milestone"]: row for row in rows}
    for entry in facts["said"]:
        name = entry["milestone"]
        # What is measured stands; people name what the evidence does not know.
        if name is not None and told[name]["high"] in {None, entry["at"]}:
            told[name] |= {"low": entry["at"], "high": entry["at"], "who": entry["who"]}
    known = [told[name]["high"] for name in ("alert", "known") if told[name]["high"]]
    ends = {"detect": min(known, default=None), "mitigate": told["fix"]["high"], "recover": told["drained"]["high"]}
    return {"rows": rows, "times": [_time(name, end, facts) for name, end in ends.items()]}


def _measured(name: str, low: str | None, high: str | None, evidence: str) -> dict[str, Any]:
    return {"milestone": name, "low": low, "high": high, "evidence": evidence if high else "", "who": None}


Span = tuple[str | None, str | None]


def _spans(facts: Facts, own: pd.DataFrame, dead: pd.DataFrame) -> dict[str, tuple[Span, str]]:
    """Between which moments each milestone was, by what is measured, and the evidence of it."""
    records = facts["events"]["evidence"]
    last, since = facts["last_dead_letter"]["at"], facts["closure"]["since"]
    fix = _utc(since["at"]) if since["is_fix"] else None
    first_dead = _first_dead_letter(facts, dead)
    return {
        "first_failure": _first_failure(facts, own, dead, first_dead[0][1]),
        "first_dead_letter": first_dead,
        "alert": ((None, None), ""),
        "known": ((None, None), ""),
        "fix": ((fix, fix), since["basis"]),
        "last_dead_letter": ((last, last), records),
        "drained": (_drained(facts, own, dead), records),
    }


def _utc(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).isoformat()


def _of_events(own: pd.DataFrame, dead: pd.DataFrame) -> pd.DataFrame:
    """Every record of the incident's events, with its outcome."""
    own = own.drop(columns=["payload_snapshot", "extra_json"], errors="ignore")
    mine = own[is_one_of(own["event_key"], dead["event_key"].dropna()) & own["recorded_at"].notna()]
    return mine.assign(outcome=record_outcomes(mine))


def _first_failure(facts: Facts, own: pd.DataFrame, dead: pd.DataFrame, dead_by: str | None) -> tuple[Span, str]:
    """When it was; at the latest when an event had died, or when the counter of failures had surely begun to rise."""
    records, mine = facts["events"]["evidence"], _of_events(own, dead)
    failing = mine[mine["outcome"].isin(["failed", "dead"])]
    if failing.empty:
        return (None, None), records
    at = time_text(failing["recorded_at"].min())
    # One record may stand for all attempts of an event, or the list may be cut: then earlier ones are not seen.
    of_then = failing.loc[failing["recorded_at"] == failing["recorded_at"].min(), "attempts"]
    is_whole = facts["events"]["affected"]["bound"] == "exact" and not facts["onset"]["is_window_start"]
    if is_whole and bool((of_then == 1).fillna(False).any()):
        return (at, at), records
    known = [moment for moment in (at, dead_by) if moment is not None]
    counted = _failures_rise(facts)
    earliest = min(known + counted, key=_moment)
    if earliest in known:
        return (None, earliest), records
    return (None, earliest), " ".join(dict.fromkeys(f"{records} {facts['onset']['evidence']}".split()))


def _failures_rise(facts: Facts) -> list[str]:
    """By when the workflow's failures had surely begun to outgrow its successes, in this incident."""
    onset = facts["onset"]["at"]
    return [
        row["onset_high_at"] or row["onset_at"]
        for row in facts["signals"]
        if row["signal"] == "failures" and row["workflow_id"] == facts["workflow"]["id"]
        and (not onset or not row["end_at"] or _moment(row["end_at"]) >= _moment(onset))
    ]  # fmt: skip


def _first_dead_letter(facts: Facts, dead: pd.DataFrame) -> tuple[Span, str]:
    onset = facts["onset"]
    at = time_text(dead["recorded_at"].dropna().min()) if len(dead) else None
    if at is None:
        # Only a counter tells: between two of its scrapes.
        is_dead = facts["state"]["kind"] == "dead_letters"
        low = None if onset["is_window_start"] else onset["low"]
        return ((low, onset["high"] or onset["at"]) if is_dead else (None, None)), onset["evidence"]
    if not onset["is_window_start"] and facts["events"]["affected"]["bound"] == "exact":
        return (at, at), facts["events"]["evidence"]
    if onset["is_window_start"] or facts["state"]["kind"] != "dead_letters":
        return (None, at), facts["events"]["evidence"]
    # The records are cut, so the first that is seen may be of long after; the onset was looked for in the counter, too.
    ids = dict.fromkeys(f"{onset['evidence']} {facts['events']['evidence']}".split())
    return (onset["low"], min(at, onset["high"] or onset["at"], key=_moment)), " ".join(ids)


def _drained(facts: Facts, own: pd.DataFrame, dead: pd.DataFrame) -> Span:
    """When the last of the incident's events passed; not known where one is open, or passed under another key."""
    if facts["events"]["open"] != {"value": 0, "bound": "exact"}:
        return None, None
    mine = _of_events(own, dead)
    died_at = mine[mine["outcome"] == "dead"].groupby("event_key")["recorded_at"].max()
    is_pass = (mine["outcome"] == "succeeded") & (mine["recorded_at"] > mine["event_key"].map(died_at))
    passed = mine[is_pass].groupby("event_key")["recorded_at"].min()
    if passed.empty or set(passed.index) != set(dead["event_key"].dropna()):
        return None, None
    at = time_text(passed.max())
    return at, at


def _time(name: str, end: str | None, facts: Facts) -> dict[str, Any]:
    """How long from the onset to an end: at least, and at most where the onset cannot have been earlier."""
    onset, still_open = facts["onset"], facts["events"]["open"]
    out: dict[str, Any] = {"time": name, "low_s": None, "high_s": None, "is_before": False}
    if onset["at"] is None:
        return out
    latest = _moment(onset["high"] or onset["at"])
    if end is None:
        # Some are open still, so it takes longer than until now.
        if name == "recover" and still_open["value"] and still_open["bound"] in {"exact", "at_least"}:
            out["low_s"] = max((_moment(facts["as_of"]) - latest).total_seconds(), 0.0)
        return out
    earliest = None if onset["is_window_start"] else _moment(onset["low"] or onset["at"])
    if earliest is not None and _moment(end) < earliest:
        return {**out, "is_before": True}
    out["low_s"] = max((_moment(end) - latest).total_seconds(), 0.0)
    out["high_s"] = None if earliest is None else (_moment(end) - earliest).total_seconds()
    return out


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def merge_said(moments: Sequence[Mapping[str, Any]], said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The timeline with what people say in its place; ``who`` tells whose word a row is, None where it is measured."""
    rows = [{**row, "who": None} for row in moments]
    rows += [{"at": one["at"], "what": one["what"], "evidence": "", "who": one["who"]} for one in said]
    return sorted(rows, key=lambda row: _moment(row["at"]))


def show_milestones(facts: Facts) -> Table:
    """When it began, who knew when, when it was mended, and when nothing was left."""
    # Where nothing was dead-lettered, what no record has did not happen, and is not merely unknown.
    is_dead = facts["state"]["kind"] == "dead_letters"
    rows = [row for row in facts["milestones"]["rows"] if is_dead or row["high"] or row["milestone"] not in _OF_DEATH]
    return Table(
        say("Milestones"),
        (say("milestone"), say("when"), say("evidence, or who says so")),
        evidence_rows(
            rows,
            lambda row: _named(_NAMES, row["milestone"]),
            _when,
            lambda row: _by_whom(row, facts) if row["who"] else row["evidence"] or _why_unknown(row, facts),
        ),
        say("no incident, no milestones"),
        said=frozenset(number for number, row in enumerate(rows) if row["who"]),
    )


def _named(names: Mapping[str, str], name: str) -> str:
    return say(names[name])


def _when(row: Mapping[str, Any]) -> str:
    if row["high"] is None:
        return say("not known")
    if row["low"] is None:
        return say("at or before {at}", at=moment_text(row["high"]))
    if _moment(row["high"]) - _moment(row["low"]) <= _NEAR:
        return moment_text(row["high"])
    return say("between {low} and {high}", low=moment_text(row["low"]), high=moment_text(row["high"]))


def _by_whom(row: Mapping[str, Any], facts: Facts) -> str:
    """Who says so; of an earlier snapshot people may have told since what came after it."""
    if _moment(row["high"]) > _moment(facts["as_of"]):
        return say("{who} says so; it is of after this evidence", who=row["who"])
    return say("{who} says so", who=row["who"])


def _why_unknown(row: Mapping[str, Any], facts: Facts) -> str:
    name = row["milestone"]
    approved = [plan["approved"] for plan in facts["republish"]["plans"] if plan["approved"]]
    if name == "fix" and approved:
        # A reason is no moment of a fix, but whoever approved knew of one.
        return say(
            "No evidence tells; a republish was approved at {at} because “{reason}”. If that is the fix, write when it "
            "was into timeline of judgement.yaml, with milestone: fix.",
            at=moment_text(approved[0]["at"]), reason=approved[0]["reason"],
        )  # fmt: skip
    if name in {"alert", "known", "fix"}:
        return say("No evidence tells; write it into timeline of judgement.yaml, with milestone: {name}.", name=name)
    if name == "drained" and facts["events"]["open"]["value"]:
        return say("Events that are open: {count}.", count=count_text(facts["events"]["open"]))
    return say("The records do not tell.")


def show_times(facts: Facts) -> Table:
    """How long it took to detect, to mitigate and to recover, as ranges."""
    return Table(
        say("Times from the onset"),
        (say("span"), say("how long")),
        evidence_rows(facts["milestones"]["times"], lambda row: _named(_TIMES, row["time"]), _long),
        say("no incident, no times"),
    )


def _long(row: Mapping[str, Any]) -> str:
    if row["is_before"]:
        return say("not known: what ends it is before the onset")
    if row["low_s"] is None:
        return say("not known")
    low = duration_text(row["low_s"])
    if row["high_s"] is None:
        return say("at least {time}", time=low)
    high = duration_text(row["high_s"])
    return low if low == high else say("{low} to {high}", low=low, high=high)
