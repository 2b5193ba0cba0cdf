"""Item 2 of §7: the execution records show no new dead letter, and reach from the fix to the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from dlqkit.closure import sentences
from dlqkit.closure.checklist import Item, State
from dlqkit.closure.counter import STALE
from dlqkit.closure.quiet import LEAST_EXPECTED, Incidence, weigh_quiet
from dlqkit.closure.since import Since
from dlqkit.executions.event_history import event_states, record_outcomes
from dlqkit.language import mark, say
from dlqkit.membership import select_rows

__all__ = ["Reach", "check_records", "count_ended", "find_gap"]

# So many of the events since the fix have failed and are tried again that, by the incident's own share of dead ones,
# half of them may be dying: then they are not dead yet, and no dead letter is no good news.
RETRIED = 0.5
_TEXT = mark("The execution logs show no new dead letters for the workflow.")
_NO_RECORDS = mark("No execution records were collected.")
_ONE_TRACE = mark(
    "Only records of the trace that was asked for were collected, so those of the workflow are not known."
)
_ENDS_EARLY = mark("The records do not reach to the end of the evidence, so newer ones may be missing.")
_NOT_WHOLE = mark("The records are not whole since then, so some may be missing.")


@dataclass(frozen=True, slots=True)
class Reach:
    """Of what the records tell: dead letters between two times, and whether any part cannot be read."""

    known_from: datetime | None
    """From when on no dead letter is missing; None where that is not known."""
    known_to: datetime
    has_records: bool = True
    """Whether any source of records answered."""
    quarantined: int = 0
    """Records that could not be read; any of them may be a dead letter."""
    is_workflow: bool = True
    """Whether the workflow was asked for, and not one trace of it."""


def check_records(
    records: pd.DataFrame,
    since: Since,
    as_of: datetime,
    incidence: Incidence | None,
    reach: Reach,
    *,
    signatures: Collection[str] | None = None,
    evidence: str = "",
) -> Item:
    """Whether the records show no dead letter since then.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow, up to ``as_of``.
    since, as_of, incidence
        As for ``counter.check_counter``.
    reach : Reach
        Of what the records tell.
    signatures : collection of str, optional
        Ids of the incident's own; then ``records`` have ``signature_id``.
    evidence : str
        Ids of the sources.

    Returns
    -------
    Item
        Unknown where the records do not cover the time, or where quiet proves nothing.
    """
    begin, is_whole = pd.Timestamp(since.at), reach.known_from is not None and reach.known_from <= since.at
    dead = records[_is_dead(records)]
    is_fresh = dead["recorded_at"] > begin
    fresh = dead.loc[is_fresh, "recorded_at"]
    if len(fresh):
        alike = None if signatures is None else int(dead.loc[is_fresh, "signature_id"].isin(set(signatures)).sum())
        is_exact = is_whole and reach.known_to >= as_of - STALE and not reach.quarantined
        why = sentences.new_dead_letters(len(fresh), alike, since.at, as_of, fresh.max(), is_whole=is_exact)
        newest = fresh.max().isoformat()
        return Item("records", say(_TEXT), "no", why, evidence, since.at.isoformat(), float(len(fresh)), newest)

    def item(state: State, why: str) -> Item:
        return Item("records", say(_TEXT), state, why, evidence, since.at.isoformat())

    unknown = find_gap(records, reach, since.at, as_of)
    if unknown:
        return item("unknown", unknown)
    ended, retried = count_ended(records, since.at), _count_retried(records, since.at)
    share = incidence.share if incidence is not None and incidence.share is not None else 1.0
    if retried >= LEAST_EXPECTED and retried >= RETRIED * share * (retried + ended):
        return item("unknown", sentences.still_retried(int(retried), int(ended)))
    told_to = _told_to(records, as_of)
    if told_to < since.at:
        return item("unknown", sentences.nothing_recorded(told_to, since.at))
    return item(*weigh_quiet(since.at, told_to, incidence, ended))


def find_gap(records: pd.DataFrame, reach: Reach, since: datetime, as_of: datetime) -> str:
    """Why a dead letter of between these times may be missing, in a sentence; empty where none is.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow, up to ``as_of``.
    reach : Reach
    since, as_of : datetime
    """
    if not reach.has_records:
        return say(_NO_RECORDS)
    if not reach.is_workflow:
        return say(_ONE_TRACE)
    undated = int(records.loc[_is_dead(records), "recorded_at"].isna().sum())
    if undated:
        return sentences.undated(undated)
    untold = _count_untold(records, since)
    if untold:
        return sentences.untold(untold)
    if reach.known_to < as_of - STALE:
        return say(_ENDS_EARLY)
    if reach.quarantined:
        return sentences.unreadable(reach.quarantined)
    if reach.known_from is None or reach.known_from > since:
        return say(_NOT_WHOLE)
    told_to = _told_to(records, as_of)
    expected = _due(records["recorded_at"].dropna(), told_to, as_of)
    return sentences.behind(told_to, expected) if expected is None or expected >= LEAST_EXPECTED else ""


def _told_to(records: pd.DataFrame, as_of: datetime) -> datetime:
    """Until when records of any kind show that the API keeps up."""
    newest = records["recorded_at"].max()
    return as_of if pd.isna(newest) or newest >= pd.Timestamp(as_of - STALE) else newest.to_pydatetime()


def _due(times: pd.Series, told_to: datetime, as_of: datetime) -> float | None:
    """How many records were to come since the newest, by how often they came; None where that cannot be told."""
    if told_to >= as_of or times.empty:
        return 0.0
    told = times.max() - times.min()
    return float((len(times) - 1) * ((as_of - told_to) / told)) if told > pd.Timedelta(0) else None


def count_ended(records: pd.DataFrame, since: datetime) -> float:
    """Events that succeeded after that time."""
    states = _states_since(records, since)
    return float(states.isin(["succeeded", "healed"]).sum())


def _count_retried(records: pd.DataFrame, since: datetime) -> float:
    """Events of which the newest record after that time is a failure, and no dead letter yet."""
    states = _states_since(records, since)
    return float(states.isin(["failed", "retrying"]).sum())


def _states_since(records: pd.DataFrame, since: datetime) -> pd.Series:
    without_payloads = records.drop(columns=["payload_snapshot", "extra_json"], errors="ignore")
    return event_states(select_rows(without_payloads, records["recorded_at"] > pd.Timestamp(since)))["state"]


def _count_untold(records: pd.DataFrame, since: datetime) -> int:
    """Failures after that time which do not say whether they are dead letters."""
    after = records[records["recorded_at"] > pd.Timestamp(since)]
    return int(((record_outcomes(after) == "failed") & after["queued_to_dlq"].isna()).sum()) if len(after) else 0


def _is_dead(records: pd.DataFrame) -> pd.Series:
    return records["queued_to_dlq"].fillna(False).astype(bool)
