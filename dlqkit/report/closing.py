"""The closing checklist of an incident folder: its evidence, its republish and its people's word put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.closure.checklist import Closure, Item, judge
from dlqkit.closure.measured import Incidence, check_counter, check_records, find_since
from dlqkit.closure.said import check_confirmation, check_republish, check_ticket
from dlqkit.closure.word import Acceptance, Word, read_word
from dlqkit.evidence import audit_log
from dlqkit.report.coverage import dead_letters_are_whole, dead_letters_known_to, evidence_ids

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["check_closure", "describe_closure", "to_closure"]


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
        With ``workflow``, ``metrics``, ``republish`` and ``events``.

    Returns
    -------
    dict
        ``items`` (``closure.checklist.Item`` as plain values), ``verdict``, ``reasons``, ``since`` (``at``, ``basis``),
        ``closed``, ``counts``: the same loss by records, counter and journal; ``came_back``: dead letters after the
        ticket was closed, None where it was not.
    """
    word = read_word(folder.path)
    since = find_since(_moment(word.fixed_at), _end_of(main), moment)
    workflow_id, incidence = facts["workflow"]["id"], _incidence(facts, main, moment)
    silent = main is not None and main["signal"] == "silence" and pd.isna(main["end_at"])
    sources = [row for row in rows if row["kind"].startswith("records")]
    measured = [
        check_counter(
            samples, workflow_id, since, moment, incidence, names=folder.metric_names,
            evidence=evidence_ids(rows, "prometheus"),
        ),
        check_records(
            own, since, moment, incidence, known_to=dead_letters_known_to(rows, moment),
            has_records=any(row["received"] or row["completeness"] != "partial" for row in sources),
            is_whole=dead_letters_are_whole(rows), evidence=evidence_ids(rows, "records"),
        ),
    ]  # fmt: skip
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]["recorded_at"].dropna()
    last = dead.max().to_pydatetime() if len(dead) else None
    items: list[Item] = [_unless_silent(one, silent=silent) for one in measured]
    items += [check_confirmation(word.confirmed, last), check_ticket(_attached(folder), word.closed)]
    republish = check_republish(facts["republish"])
    items += [republish] if republish is not None else []
    closure = judge(items, word.accepted)
    return {
        "items": [asdict(one) for one in closure.items],
        "verdict": closure.verdict,
        "reasons": list(closure.reasons),
        "since": {"at": since.at.isoformat(), "basis": since.basis},
        "closed": None if word.closed is None else asdict(word.closed),
        "came_back": _came_back(word, dead),
        "counts": _three_ways(facts),
    }


def check_closure(folder: IncidentFolder, *, as_of: datetime | None = None) -> Closure:
    """Whether the incident may be closed, by the folder's snapshot and its people's word.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at a snapshot of after the fix.
    as_of : datetime, optional
        Aware; the last time in the evidence by default.

    Returns
    -------
    Closure
        The same as the report's.
    """
    from dlqkit.report.facts import facts

    return to_closure(facts(folder, as_of=as_of))


def to_closure(facts: Mapping[str, Any]) -> Closure:
    """The facts' checklist as ``Closure``."""
    items = [
        Item(**{**one, "accepted": Acceptance(**one["accepted"]) if one["accepted"] else None})
        for one in facts["closure"]["items"]
    ]
    return Closure(facts["closure"]["verdict"], tuple(facts["closure"]["reasons"]), tuple(items))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _end_of(main: pd.Series | None) -> datetime | None:
    if main is None or pd.isna(main["end_at"]):
        return None
    end: datetime = pd.Timestamp(main["end_at"]).to_pydatetime()
    return end


def _incidence(facts: Mapping[str, Any], main: pd.Series | None, moment: datetime) -> Incidence:
    """How often the incident killed events: by its counters, else by the records."""
    if main is None or main["signal"] != "dead_letters":
        return Incidence()
    metrics = facts["metrics"]
    dead = metrics["dead_letters_increase"] or facts["events"]["affected"]["value"]
    end = _end_of(main) or moment
    hours = (pd.Timestamp(end) - pd.Timestamp(main["onset_at"])).total_seconds() / 3600
    won = metrics["successes_increase"]
    share = dead / (dead + won) if dead and won is not None else None
    return Incidence(dead / hours if dead and hours > 0 else None, share)


def _unless_silent(item: Item, *, silent: bool) -> Item:
    """Where no event is done, none can die: that is no recovery."""
    if not silent or item.state != "yes":
        return item
    return replace(item, state="unknown", why=f"{item.why} But no event is being done at all, so none can fail.")


def _attached(folder: IncidentFolder) -> list[dict[str, Any]]:
    return [
        {"ticket": str(line.get("ticket", "")), "at": str(line.get("at", ""))}
        for line in audit_log.read(folder.path)
        if line.get("action") == "postmortem attached"
    ]


def _came_back(word: Word, dead: pd.Series) -> int | None:
    return None if word.closed is None else int((dead > pd.Timestamp(word.closed.at)).sum())


def _whole(count: float | None) -> int | None:
    return None if count is None else round(count)


def _three_ways(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was lost, and what became of it, by records, counter and the republish's journal."""
    states: dict[str, int] = {}
    for plan in facts["republish"]["plans"]:
        for name, count in plan["states"].items():
            states[name] = states.get(name, 0) + count
    return [
        {"source": "execution records", "what": "events dead-lettered", "count": facts["events"]["affected"]},
        {
            "source": "dead-letter counter",
            "what": "dead letters counted",
            "count": {"value": _whole(facts["metrics"]["dead_letters_increase"]), "bound": "exact"},
        },
        {"source": "execution records", "what": "events still open", "count": facts["events"]["open"]},
        {
            "source": "republish journal",
            "what": "events sent again and acknowledged",
            "count": {"value": states.get("acked") if states else None, "bound": "exact"},
        },
        {
            "source": "republish proof",
            "what": "events that passed then",
            "count": {"value": len(facts["republish"]["passed"]) if states else None, "bound": "exact"},
        },
    ]
