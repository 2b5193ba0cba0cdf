"""Whether something is wrong, what, and since when: the main signal, the state, the onset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.executions.event_history import event_states
from dlqkit.language import mark, say, say_count
from dlqkit.report.coverage import dead_letters_are_whole, evidence_ids, time_text
from dlqkit.report.terms import term

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

# What of a silence is that of a source alone (signals.silence).
SOURCES = ("scrapes", "records", "log lines")
# A file that ends so shortly before the window is as good as one that reaches its end.
STALE = timedelta(minutes=1)
# Traces that are named of the open events of a quiet window.
NAMED = 3
_CHECK = mark("Check the workflow_id, the window and dlqkit's URLs.")

__all__ = [
    "Told",
    "choose_main_signal",
    "count_untold",
    "describe_onset",
    "describe_state",
    "is_known",
    "judge_state",
    "select_dead",
    "span_of",
    "tell_untold",
    "with_fix",
]


@dataclass(frozen=True, slots=True)
class Told:
    """What records tell where no signal is seen; what takes long to count is asked for only where it matters."""

    records: int
    statuses: Callable[[], list[str]]
    undated: Callable[[], int]
    """Dead letters without a time."""
    untold: Callable[[], int]
    """As ``count_untold``."""
    dead: Callable[[], tuple[int, int, int]]
    """Dead letters from the window's start on, all of them, and how many events of the first are open."""
    open_traces: Callable[[], list[str]]
    """The first traces of those events, by their names."""


def choose_main_signal(signals: pd.DataFrame, workflow_id: str | None) -> pd.Series | None:
    """The worst signal of the workflow, or of all workflows together; they are in that order."""
    own = signals
    if workflow_id:
        own = own[(own["workflow_id"] == workflow_id) | own["workflow_id"].isna()]
    # A source that fell silent by itself may be a gap in the evidence alone: it counts where nothing else is seen.
    surely = own[~own["what"].isin(SOURCES)]
    first = surely if len(surely) else own
    return None if first.empty else first.iloc[0]


def is_known(own: pd.DataFrame, samples: pd.DataFrame, workflow_id: str | None, trace_id: str | None = None) -> bool:
    """Whether any source speaks of the workflow; of a trace only records can."""
    if trace_id is not None:
        return len(own) > 0
    if workflow_id is None or len(own) or "workflow_id" not in samples.columns:
        return True
    return bool((samples["workflow_id"].astype("str") == workflow_id).any())


def describe_state(
    main: pd.Series | None,
    own: pd.DataFrame,
    rows: list[dict[str, Any]],
    asked: str | None,
    *,
    known: bool,
    trace_id: str | None = None,
    window: tuple[datetime, datetime] | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """``going_on``, ``ended``, ``nothing`` or ``unknown``, of which signal, and why.

    Parameters
    ----------
    main : Series or None
        The signal that the report is about.
    own : DataFrame
        Records of the workflow, or all; ``frames.RECORDS``.
    rows : list of dict
        From ``coverage_rows``.
    asked : str or None
        What was asked for, in words.
    known : bool
        Whether any source speaks of it.
    trace_id : str, optional
        The trace, if the question is one; then only its own records count.
    window : (datetime, datetime), optional
        What was asked for; dead letters of before it are the baseline.
    until : datetime, optional
        The end of the evidence.

    Returns
    -------
    dict
        ``value``, ``kind`` (a signal, or None) and ``reason``, a sentence. "Nothing" is only said where a source that
        tells of dead letters answered, says which they are, and none of them lacks its time. Of "nothing" ``until`` is
        the end of the evidence where that is before the window's, ``open`` how many dead events of the window are open,
        and ``open_traces`` the first of them; of "unknown" ``why`` is the setting that is missing.
    """

    lost = own["queued_to_dlq"].fillna(False).astype(bool)
    inside = lost if window is None else lost & (own["recorded_at"] >= window[0])

    def find_open() -> pd.DataFrame:
        states = event_states(own)
        keys = set(own.loc[inside, "event_key"].dropna())
        return states[states["event_key"].isin(keys) & (states["state"] == "open")]

    def dead() -> tuple[int, int, int]:
        return int(inside.sum()), int(lost.sum()), len(find_open()) if inside.any() else 0

    told = Told(
        len(own),
        statuses=lambda: list(own["status"].astype("str").dropna().unique()),
        undated=lambda: int((own["queued_to_dlq"].fillna(False).astype(bool) & own["recorded_at"].isna()).sum()),
        untold=lambda: count_untold(own),
        dead=dead,
        open_traces=lambda: sorted(find_open()["trace_id"].dropna().astype("str").unique())[:NAMED],
    )
    return judge_state(main, told, rows, asked, known=known, trace_id=trace_id, window=window, until=until)


def judge_state(
    main: pd.Series | None, told: Told, rows: list[dict[str, Any]], asked: str | None, *, known: bool,
    trace_id: str | None, window: tuple[datetime, datetime] | None, until: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    """The same of records that are counted."""
    if main is not None:
        value = "going_on" if pd.isna(main["end_at"]) else "ended"
        what = None if pd.isna(main["what"]) else str(main["what"])
        return {"value": value, "kind": str(main["signal"]), "reason": str(main["evidence"]), "what": what}
    reason, why = _why_unknown(told, rows, asked, known=known)
    if reason:
        return {"value": "unknown", "kind": None, "reason": reason, "why": why}
    if trace_id is not None:
        said = say(
            "Its {records} records say: {outcomes}; it is no dead letter.",
            records=told.records, outcomes=", ".join(sorted(told.statuses())),
        )  # fmt: skip
        return {"value": "nothing", "kind": None, "reason": said}
    kinds = dict.fromkeys(row["kind"].split(":")[0] for row in rows if row["received"])
    looked = say("Looked at: {sources}; none of the five signals is seen.", sources=", ".join(map(term, kinds)))
    few, still_open = _few_dead(told)
    early = until is not None and window is not None and until < window[1] - STALE
    return {
        "value": "nothing",
        "kind": None,
        "reason": f"{looked} {few}".strip(),
        "until": time_text(until) if early else None,
        "open": still_open,
        "open_traces": told.open_traces() if still_open else [],
    }


def _few_dead(told: Told) -> tuple[str, int]:
    """What is said of dead letters that make no incident, and how many of their events are open."""
    count, every, still_open = told.dead()
    if not count:
        return "", 0
    if before := every - count:
        usual = say_count(
            "{count} dead letter is too few to be called an incident (before the window: {before}).",
            "{count} dead letters are too few to be called an incident (before the window: {before}).",
            count, before=before,
        )  # fmt: skip
        return usual, still_open
    # Without a single one before, there is no usual number that these could be within.
    few = say_count(
        "{count} dead letter is too few to be called an incident.",
        "{count} dead letters are too few to be called an incident.",
        count,
    )
    return few, still_open


def _why_unknown(told: Told, rows: list[dict[str, Any]], asked: str | None, *, known: bool) -> tuple[str, str]:
    """Why nothing can be said, in a sentence, and the setting that would help; both empty where something can."""
    telling = [row for row in rows if row["kind"].startswith(("records", "prometheus: counters"))]
    if all(row["received"] == 0 for row in telling):
        failed = next((row["missing"][0] for row in telling if row["missing"]), "")
        what = say("No source that tells of dead letters answered with anything in this window.")
        return f"{what} {failed or say(_CHECK)}", ""
    if not known:
        return say("No source knows {asked} in this window; check the id.", asked=asked), ""
    undated = told.undated()
    if undated:
        sentence = say(
            "{count} dead letters have no time that can be read, so nothing can be said of when; "
            "set execution_logs.timezone, or name the time's field.",
            count=undated,
        )
        return sentence, "time"
    counted = any(row["received"] for row in telling if row["kind"].startswith("prometheus"))
    untold = told.untold()
    if untold and not counted:
        neither = say("No counter was seen either.")
        return f"{tell_untold(told.records, untold)} {neither}", "queued_to_dlq"
    if not counted and not dead_letters_are_whole(rows):
        return say("The records are not whole and no counter was seen, so dead letters may be missing."), ""
    return "", ""


def count_untold(own: pd.DataFrame) -> int:
    """How many events failed, where no record says whether it is a dead letter; 0 where one does."""
    if own.empty or own["queued_to_dlq"].notna().any():
        return 0
    states = event_states(own)
    return int((states["state"] == "failed").sum())


def tell_untold(records: int, failed: int) -> str:
    """That the records do not say which of them are dead letters."""
    return say(
        "None of {records} records says whether it is a dead letter (queued_to_dlq); {failed} events failed.",
        records=records, failed=failed,
    )  # fmt: skip


def with_fix(state: dict[str, Any], fixed_at: datetime | None) -> dict[str, Any]:
    """The state with the fix that people name, where events died up to the end of what is looked at.

    By the incident's own rhythm it goes on for minutes after its last dead letter. Whether the last one is of before
    the fix says what can be said meanwhile.
    """
    if fixed_at is None or state["value"] != "going_on" or state["kind"] != "dead_letters":
        return state
    return {**state, "fixed_at": time_text(fixed_at)}


def describe_onset(
    main: pd.Series | None, moment: datetime, folder: IncidentFolder, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """When it began: ``at`` between ``low`` and ``high``, its age, and whether it may have begun before."""
    if main is None:
        empty = dict.fromkeys(("at", "low", "high", "age_s"))
        return {**empty, "is_window_start": False, "evidence": "", "basis": ""}
    at = pd.Timestamp(main["onset_at"])
    order = ("records", "prometheus") if main["signal"] == "dead_letters" else ("prometheus", "records", "worker")
    return {
        "at": time_text(at),
        "low": time_text(main["onset_low_at"]),
        "high": time_text(main["onset_high_at"]),
        "age_s": (pd.Timestamp(moment) - at).total_seconds(),
        "is_window_start": bool(pd.isna(main["onset_low_at"]) or at <= pd.Timestamp(_first_seen(folder))),
        "evidence": evidence_ids(rows, *order),
        "basis": str(main["evidence"]),
    }


def _first_seen(folder: IncidentFolder) -> datetime:
    """When the evidence begins: the first scrape, or from when on no record is missing; before it nothing was seen."""
    scraped = folder.samples().frame["sampled_at"].min()
    told = folder.dead_letters_known_from
    known = [start for start in (None if pd.isna(scraped) else scraped.to_pydatetime(), told) if start is not None]
    return min(known) if known else folder.window.start


def select_dead(own: pd.DataFrame, main: pd.Series | None, moment: datetime) -> pd.DataFrame:
    """Dead-letter records of the workflow from the onset to the end."""
    if main is None or main["signal"] != "dead_letters":
        return own.iloc[:0]
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    low, high = span_of(main, moment)
    return dead[(dead["recorded_at"] >= low) & (dead["recorded_at"] <= high)]


def span_of(main: pd.Series, moment: datetime) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From when to when a signal's dead letters are those of its incident."""
    low = main["onset_low_at"] if not pd.isna(main["onset_low_at"]) else main["onset_at"]
    high = pd.Timestamp(moment) if pd.isna(main["end_at"]) else main["end_at"]
    return min(low, main["onset_at"]), high
