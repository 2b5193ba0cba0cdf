"""The closing checklist of an incident folder: its evidence, its republish and its people's word put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.closure.checklist import Item, judge
from dlqkit.closure.counter import check_counter, find_growth
from dlqkit.closure.quiet import Incidence, longest_pause
from dlqkit.closure.records import Reach, check_records, count_ended, find_gap
from dlqkit.closure.returned import Return, check_return
from dlqkit.closure.said import check_confirmation, check_republish, check_ticket
from dlqkit.closure.sentences import not_ended, still_silent
from dlqkit.closure.since import find_since
from dlqkit.closure.word import Closing, Word, read_word
from dlqkit.evidence import audit_log
from dlqkit.language import say
from dlqkit.report.coverage import dead_letters_known_to, evidence_ids
from dlqkit.report.wording import SIGNAL_NAMES

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_closure", "find_fix"]


def describe_closure(
    folder: IncidentFolder,
    own: pd.DataFrame,
    samples: pd.DataFrame,
    main: pd.Series | None,
    moment: datetime,
    rows: list[dict[str, Any]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The checklist as facts.

    Parameters
    ----------
    folder : IncidentFolder
    own : DataFrame
        ``frames.RECORDS`` of the workflow, up to ``moment``.
    samples : DataFrame
        With labels, up to ``moment``.
    main : Series or None
        The signal that the report is about.
    moment : datetime
    rows : list of dict
        From ``coverage_rows``.
    facts : mapping
        With ``workflow``, ``onset``, ``signals``, ``signatures``, ``other_incidents``, ``other_workflows``,
        ``metrics``, ``republish``, ``events``, ``review`` and ``said``.

    Returns
    -------
    dict
        ``items`` (``closure.checklist.Item`` as plain values), ``verdict``, ``reasons``, ``since`` (``at``, ``basis``),
        ``closed``, ``counts``: the same loss by records, counter and journal; ``came_back``:
        ``closure.returned.Return``, None where the ticket was not closed.
    """
    word = read_word(folder.path)
    end_at = _end_of(main)
    since = find_since(_said_fix(word, facts["said"]), end_at, moment, folder.notes)
    workflow_id, names = facts["workflow"]["id"], folder.metric_names
    incidence = _incidence(facts, own, samples, main, moment, names)
    reach = _reach(folder, rows, moment)
    counter = check_counter(
        samples, workflow_id, since, moment, incidence, names=names, recorded=count_ended(own, since.at) or None,
        onset_at=_moment(facts["onset"]["at"]), going_on=_open_signals(facts),
        evidence=evidence_ids(rows, "prometheus"),
    )  # fmt: skip
    records = check_records(
        own, since, moment, incidence, reach, evidence=evidence_ids(rows, "records"),
        signatures=[row["signature_id"] for row in facts["signatures"]] if incidence is not None else None,
    )  # fmt: skip
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    last = dead["recorded_at"].dropna().max()
    items = [_unless_going_on(one, main) for one in (counter, records)]
    # What is said of the fix has to be said after it; while quiet is only looked at for a while there is no such time.
    settled = since.at if since.is_fix or end_at is not None else None
    items.append(check_confirmation(word.confirmed, None if pd.isna(last) else last.to_pydatetime(), settled))
    items.append(check_ticket(_attached(folder, word), word.closed, settled, facts["review"]["lacks"]))
    republish = check_republish(facts["republish"], _counts(facts), _alike(facts))
    items += [republish] if republish is not None else []
    closure = judge(items, word.accepted)
    return {
        "items": [asdict(one) for one in closure.items],
        "verdict": closure.verdict,
        "reasons": list(closure.reasons),
        "since": {"at": since.at.isoformat(), "basis": since.basis, "is_fix": since.is_fix},
        "closed": None if word.closed is None else asdict(word.closed),
        "came_back": None
        if word.closed is None
        else asdict(_find_return(word.closed, facts, own, dead, reach, counter, moment)),
        "counts": _three_ways(facts),
    }


def find_fix(folder: IncidentFolder, said: Sequence[Mapping[str, Any]], moment: datetime) -> datetime | None:
    """When the cause was removed, as people say, up to ``moment``; None where nobody says."""
    since = find_since(_said_fix(read_word(folder.path), said), None, moment, folder.notes)
    return since.at if since.is_fix else None


def _said_fix(word: Word, said: Sequence[Mapping[str, Any]]) -> datetime | None:
    return _moment(word.fixed_at or next((one["at"] for one in said if one["milestone"] == "fix"), None))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _end_of(main: pd.Series | None) -> datetime | None:
    if main is None or pd.isna(main["end_at"]):
        return None
    end: datetime = pd.Timestamp(main["end_at"]).to_pydatetime()
    return end


def _incidence(
    facts: Mapping[str, Any], own: pd.DataFrame, samples: pd.DataFrame, main: pd.Series | None, moment: datetime,
    names: Mapping[str, str],
) -> Incidence | None:  # fmt: skip
    """How the incident killed events: by its counters, else by the records; None where it was none of dead letters."""
    if main is None or main["signal"] != "dead_letters":
        return None
    metrics = facts["metrics"]
    dead = metrics["dead_letters_increase"] or facts["events"]["affected"]["value"]
    onset, end = pd.Timestamp(main["onset_at"]), _end_of(main) or moment
    hours = (pd.Timestamp(end) - onset).total_seconds() / 3600
    won = metrics["successes_increase"]
    share = dead / (dead + won) if dead and won is not None else None
    died_at = _died_at(facts, own, onset, end, moment)
    if not len(died_at):
        died_at = find_growth(samples, facts["workflow"]["id"], onset.to_pydatetime(), end, names)
    return Incidence(dead / hours if dead and hours > 0 else None, share, longest_pause(died_at))


def _died_at(
    facts: Mapping[str, Any], own: pd.DataFrame, onset: pd.Timestamp, end: datetime, moment: datetime
) -> pd.Series:
    """When events died of what the incident's died of, in it and in the workflow's other incidents."""
    died_at = own["recorded_at"]
    spans = [(onset, end)] + [
        (_moment(one["onset_at"]), _moment(one["end_at"]) or moment) for one in facts["other_incidents"]
    ]
    inside = pd.Series(False, index=own.index)
    for low, high in spans:
        inside |= (died_at >= pd.Timestamp(low)) & (died_at <= pd.Timestamp(high))
    alike = own["signature_id"].isin([row["signature_id"] for row in facts["signatures"]])
    return died_at[inside & alike & own["queued_to_dlq"].fillna(False).astype(bool)]


def _reach(folder: IncidentFolder, rows: list[dict[str, Any]], moment: datetime) -> Reach:
    sources = [row for row in rows if row["kind"].startswith("records")]
    return Reach(
        folder.dead_letters_known_from,
        dead_letters_known_to(rows, moment),
        has_records=any(row["received"] or row["completeness"] != "partial" for row in sources),
        quarantined=sum(row["quarantined"] for row in sources),
        is_workflow=folder.incident.trace_id is None,
    )


def _open_signals(facts: Mapping[str, Any]) -> list[str]:
    """Signals of failures and durations of the workflow that have not ended; those of dead letters are counted."""
    own = (None, facts["workflow"]["id"])
    names = [
        row["signal"] for row in facts["signals"]
        if row["end_at"] is None and row["signal"] in {"failures", "duration"} and row["workflow_id"] in own
    ]  # fmt: skip
    return [say(SIGNAL_NAMES[name]) for name in dict.fromkeys(names)]


def _unless_going_on(item: Item, main: pd.Series | None) -> Item:
    """An item that holds, while the report says that the incident goes on, is not known."""
    if item.state != "yes" or main is None or not pd.isna(main["end_at"]):
        return item
    if main["signal"] == "silence":
        return replace(item, state="unknown", why=still_silent(item.why))
    return replace(item, state="unknown", why=not_ended(item.why)) if main["signal"] == "dead_letters" else item


def _attached(folder: IncidentFolder, word: Word) -> list[dict[str, Any]]:
    """Where the post-mortem was attached and when: by dlqkit, as its log has it, or by hand."""
    by_hand = [] if word.attached is None else [{"ticket": word.attached.ticket, "at": word.attached.at}]
    return by_hand + [
        {
            "ticket": str(line.get("ticket", "")),
            "at": str(line["at"]),
            "lacked": line.get("lacked") or (),
            "complete": line.get("complete", True),
        }
        for line in audit_log.read(folder.path)
        if line.get("action") == "postmortem attached" and line.get("at")
    ]


def _find_return(
    closed: Closing, facts: Mapping[str, Any], own: pd.DataFrame, dead: pd.DataFrame, reach: Reach, counter: Item,
    moment: datetime,
) -> Return:  # fmt: skip
    seen_to = datetime.fromisoformat(closed.seen_to)
    return check_return(dead, seen_to, moment, gap=find_gap(own, reach, seen_to, moment), counter=counter)


def _alike(facts: Mapping[str, Any]) -> list[str]:
    return [str(row["name"] or row["workflow_id"]) for row in facts["other_workflows"] if row["alike"]]


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same loss three ways, for the republish."""
    return {
        "recorded": facts["events"]["affected"]["value"],
        "counted": facts["metrics"]["dead_letters_increase"],
        "open": facts["events"]["open"]["value"],
    }


def _whole(count: float | None) -> int | None:
    return None if count is None else round(count)


def _held_alone(held: int) -> list[dict[str, Any]]:
    """What a dead-letter subscription has beyond the records."""
    count = {"value": held, "bound": "at_least"}
    source = say("dead-letter subscription")
    return [{"source": source, "what": say("events without a record"), "count": count}] if held else []


def _three_ways(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was lost, and what became of it, by records, counter and the republish's journal."""
    states: dict[str, int] = {}
    for plan in facts["republish"]["plans"]:
        for name, count in plan["states"].items():
            states[name] = states.get(name, 0) + count
    return [
        {"source": say("execution records"), "what": say("events dead-lettered"), "count": facts["events"]["affected"]},
        *_held_alone(facts["events"]["held"]["value"]),
        {
            "source": say("dead-letter counter"),
            "what": say("dead letters counted"),
            "count": {
                "value": _whole(facts["metrics"]["dead_letters_increase"]),
                "bound": facts["metrics"]["dead_letters_bound"],
            },
        },
        {"source": say("execution records"), "what": say("events still open"), "count": facts["events"]["open"]},
        {
            "source": say("republish journal"),
            "what": say("events sent again and acknowledged"),
            "count": {"value": states.get("acked") if states else None, "bound": "exact"},
        },
        {
            "source": say("republish proof"),
            "what": say("events that passed then"),
            "count": {"value": len(facts["republish"]["passed"]) if states else None, "bound": "exact"},
        },
    ]
