"""Where the counter and the records count other dead letters, by how many, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.frames import Coverage
from dlqkit.language import mark, say
from dlqkit.signals.counters import increase, metric_samples, steps_within

__all__ = ["DIFFERENCES", "Counted", "balance_counter", "count_by_counter", "difference", "lacks_records", "repeats"]

DIFFERENCES: Mapping[str, str] = {"between": "str", "more": "str", "size": "Int64", "cause": "str", "sentence": "str"}
_BETWEEN = "counter and records"
# A counter and its records differ by what happens between two looks; by more than this, records are missing.
_UNSEEN_SHARE, _UNSEEN_EVENTS = 1.05, 3
# A series that ends this many scrapes before the others is of a worker that is gone.
_GONE_SCRAPES = 3
# Two series with the same values this many times over are one counter, scraped twice.
_SAME_VALUES = 5


def lacks_records(counted: float, recorded: float) -> bool:
    """Whether the counter saw so many more dead letters than the records hold that some of these are missing."""
    return counted > _UNSEEN_SHARE * recorded + _UNSEEN_EVENTS


@dataclass(frozen=True, slots=True)
class Counted:
    """The dead-letter counter of a window: ``grown`` in all steps between two scrapes that touch it.

    To be held against the records, ``start`` to ``end`` is as much of it as every process was scraped in, begun at a
    scrape: ``steps`` touch it, ``low`` of the growth is surely inside, ``high`` with the steps at its edges.
    """

    steps: pd.DataFrame
    grown: float
    start: pd.Timestamp
    end: pd.Timestamp
    low: float
    high: float
    spacing: pd.Timedelta

    @property
    def is_exact(self) -> bool:
        """Whether all of the growth is surely of the window, and no process may have counted what no scrape saw."""
        return self.low == self.high == self.grown and not self.stops

    @property
    def stops(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """When a process may have counted what no scrape saw: from its last scrape to its restart, or its end."""
        gaps = [(row.previous_at, row.sampled_at) for row in self.steps[self.steps["reset"]].itertuples(index=False)]
        last = self.steps.groupby("series_id", observed=True)["sampled_at"].max()
        gone = last[last < self.end - _GONE_SCRAPES * self.spacing]
        return sorted([*gaps, *((at, at + self.spacing) for at in gone)])


def difference(between: str, more: str, size: float, cause: str, sentence: str) -> dict[str, Any]:
    """A row of ``DIFFERENCES``."""
    return {"between": between, "more": more, "size": round(size), "cause": cause, "sentence": sentence}


def count_by_counter(
    samples: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None, workflow_ids: set[str],
    metrics: Mapping[str, str] | None,
) -> Counted | None:  # fmt: skip
    """How much the workflows' dead-letter counters grew; None where there are none, or none of the window."""
    own = metric_samples(samples, "dlq", metrics)
    if workflow_ids and "workflow_id" in own.columns:
        own = own[own["workflow_id"].astype("str").isin(workflow_ids)]
    if own.empty:
        return None
    steps = increase(own, among=samples)
    steps = steps[steps["increase"].notna()]
    first, last = samples["sampled_at"].min(), samples["sampled_at"].max()
    start = first if start is None else max(start, first)
    end = last if end is None else end
    if steps.empty or start > last:
        return None
    gap = steps["gap_s"].median()
    spacing = pd.Timedelta(seconds=15.0 if pd.isna(gap) else float(gap))
    touching = steps_within(steps, start, end)
    grown = float(touching["increase"].sum())
    # Events after a live process's last scrape are in the records alone as yet.
    ends = own.groupby("series_id", observed=True)["sampled_at"].max()
    seen = ends[ends >= ends.max() - _GONE_SCRAPES * spacing].min()
    if len(touching):
        start, end = min(start, touching["previous_at"].min()), max(end, touching["sampled_at"].max())
    end = min(end, seen)
    touching = steps_within(steps, start, end)
    inside = touching[(touching["previous_at"] >= start) & (touching["sampled_at"] <= end)]
    low, high = (float(part["increase"].sum()) for part in (inside, touching))
    return Counted(touching, grown, start, end, low, high, spacing)


def balance_counter(
    counted: Counted, dead: pd.DataFrame, recorded: int, records: pd.DataFrame, coverage: Coverage | None
) -> list[dict[str, Any]]:
    """Why the counter and the records differ, likeliest first; nothing where they balance.

    ``dead`` are all dead letters, each record once, of which ``recorded`` are in the window; ``records`` all records of
    the workflow.
    """
    at = dead["recorded_at"]
    inside = dead[((at > counted.start) & (at <= counted.end)).fillna(False).astype(bool)]
    # What is at the edges of the window may explain a difference; what it is beyond that is between the two counts.
    gap = recorded - counted.grown
    if len(inside) > counted.high and gap > 0:
        return _more_records(counted, inside, gap)
    if len(inside) < counted.low and gap < 0:
        return _more_counted(counted, dead, records, coverage, -gap)
    return []


def _more_records(counted: Counted, inside: pd.DataFrame, gap: float) -> list[dict[str, Any]]:
    rows = []
    copies, _ = repeats(inside)
    lost = _lost_at_restarts(counted, inside)
    for size, cause, sentence in (
        (copies, "records per attempt",
         mark("{count} records are of earlier attempts of the same events: the counter counts an event once.")),
        (lost, "counter reset",
         mark("Up to {count} events were counted by a worker that stopped before its counter was scraped again.")),
    ):  # fmt: skip
        explained = min(size, gap)
        if explained >= 1:
            rows.append(difference(_BETWEEN, "records", explained, cause, say(sentence, count=round(explained))))
            gap -= explained
    if gap >= 1:
        words = say(
            "{gap:,.0f} more are in the records for no reason that is seen; a worker that is not scraped would do so.",
            gap=gap,
        )
        rows.append(difference(_BETWEEN, "records", gap, "not explained", words))
    return rows


def _lost_at_restarts(counted: Counted, inside: pd.DataFrame) -> int:
    """At most how many records fall between the last scrape of a process and its restart, beyond what was counted."""
    steps = counted.steps
    lost = 0.0
    for low, high in counted.stops:
        there = int(((inside["recorded_at"] > low) & (inside["recorded_at"] <= high)).sum())
        touching = steps[(steps["sampled_at"] > low) & (steps["previous_at"] < high)]
        # Where other workers count in the same time, a record may be theirs: what they surely counted is taken off.
        sure = touching[(touching["previous_at"] >= low) & (touching["sampled_at"] <= high)]
        lost += max(there - float(sure["increase"].sum()), 0.0)
    return round(lost)


def _more_counted(
    counted: Counted, dead: pd.DataFrame, records: pd.DataFrame, coverage: Coverage | None, gap: float
) -> list[dict[str, Any]]:
    rows = []
    is_cut = coverage is not None and coverage.completeness != "complete"
    # Records that begin late because their list was cut off are not retention's doing.
    first = pd.NaT if is_cut else records["recorded_at"].min()
    early = counted.steps[counted.steps["sampled_at"] <= first] if not pd.isna(first) else counted.steps.iloc[:0]
    undated = int(dead["recorded_at"].isna().sum())
    quarantined = coverage.quarantined if coverage is not None else 0
    found = [
        (_scraped_twice(counted), "scraped twice",
         mark("{count} were counted by series with the same values as another's.")),
        (float(early["increase"].sum()), "retention",
         mark("{count} were counted before the first record there is: the records do not reach back so far.")),
        (undated, "no time", mark("{count} dead letters have no time, so they may be of this window.")),
        (quarantined, "unreadable records", mark("Up to {count} records could not be read.")),
        (gap if is_cut else 0, "truncated page",
         mark("{count} are not in the records, and the list of them was cut off.")),
        (gap if _is_rewritten(records) else 0, "rewritten records",
         mark("{count} are not in the records, which hold each event once: an event that died twice, or succeeded "
              "since, shows only its last state.")),
    ]  # fmt: skip
    for size, cause, sentence in found:
        explained = min(size, gap)
        if explained >= 1:
            rows.append(difference(_BETWEEN, "counter", explained, cause, say(sentence, count=round(explained))))
            gap -= explained
    if gap >= 1:
        words = say("{gap:,.0f} more were counted than there are records, for no reason that is seen.", gap=gap)
        rows.append(difference(_BETWEEN, "counter", gap, "not explained", words))
    return rows


def _scraped_twice(counted: Counted) -> float:
    """The growth of series that have the values of another one."""
    seen: set[tuple[float, ...]] = set()
    copied = 0.0
    for _, part in counted.steps.groupby("series_id", sort=True, observed=True):
        values = tuple(part["value"].astype("float64"))
        if len(values) >= _SAME_VALUES and float(part["increase"].sum()) > 0 and values in seen:
            copied += float(part["increase"].sum())
        seen.add(values)
    return copied


def _is_rewritten(records: pd.DataFrame) -> bool:
    """Whether no event has a second record, though some were tried several times."""
    several = (records["attempts"] > 1).fillna(False).any() if "attempts" in records.columns else False
    return bool(several) and not records["event_key"].dropna().duplicated().any()


def repeats(dead: pd.DataFrame) -> tuple[int, int]:
    """Dead letters beyond the first of each event: of earlier attempts, and of events that died again."""
    known = dead.dropna(subset=["event_key"]).sort_values("recorded_at", kind="stable")
    before = known.groupby("event_key")["attempts"].shift() if "attempts" in known.columns else None
    repeated = int(known["event_key"].duplicated().sum())
    if before is None:
        return 0, repeated
    # A further attempt of the same delivery has the next number; one that begins anew does not.
    grown = int((known["attempts"] == before + 1).fillna(False).sum())
    return grown, repeated - grown
