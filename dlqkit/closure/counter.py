"""Item 1 of §7: the dead-letter counter does not grow, and would be seen to grow.

A counter that is not scraped grows unseen. So every worker that had counted dead letters has to be scraped from the fix
to the end; a hole in the scrapes, a worker that is gone and a counter that was not born again make the item unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.closure import sentences
from dlqkit.closure.checklist import Item, State
from dlqkit.closure.quiet import Incidence, weigh_quiet
from dlqkit.closure.since import Since
from dlqkit.language import mark, say
from dlqkit.signals.counters import METRICS, increase, metric_samples, steps_within
from dlqkit.signals.scrapes import TARGET_LABELS

__all__ = ["STALE", "check_counter", "find_growth"]

STALE = timedelta(minutes=5)
"""A source that ends so long before the moment that is asked for tells nothing of it; also Prometheus' own lookback."""
# Scrapes in a row that may fail; of what is scraped every five minutes the hole is longer than STALE.
MISSED_SCRAPES = 3
_TEXT = mark("Metrics are back to normal: the dead-letter counter does not grow.")


def check_counter(
    samples: pd.DataFrame,
    workflow_id: str | None,
    since: Since,
    as_of: datetime,
    incidence: Incidence | None,
    *,
    names: Mapping[str, str] | None = None,
    recorded: float | None = None,
    onset_at: datetime | None = None,
    going_on: Sequence[str] = (),
    evidence: str = "",
) -> Item:
    """Whether the dead-letter counter has stood still since then.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels, up to ``as_of``.
    workflow_id : str or None
        None: of all.
    since, as_of
        What is looked at.
    incidence : Incidence or None
        What the incident would have made meanwhile; None where it was none of dead letters.
    names : mapping, optional
        Metrics whose names differ from the runbook's.
    recorded : float, optional
        Events that came to an end by the records, where no counter of successes tells.
    onset_at : datetime, optional
        When the incident began: of workers that were gone before nothing is asked.
    going_on : sequence of str
        Other signals of the workflow without an end, in words.
    evidence : str
        Ids of the sources.

    Returns
    -------
    Item
        Unknown where no scrape tells of the whole time, where nothing was done in it, or where quiet proves nothing.
    """
    begin, end = pd.Timestamp(since.at), pd.Timestamp(as_of)
    steps = _steps(samples, "dlq", None, names)
    own = _of(steps, workflow_id)
    # A step that began before may have held the incident's last dead letter.
    inside = own[(own["previous_at"] >= begin) & (own["sampled_at"] <= end)]
    grown = inside[inside["increase"].fillna(0) > 0]
    if len(grown):
        count, newest = float(grown["increase"].sum()), grown["sampled_at"].max()
        why = sentences.counter_grew(count, since.at, as_of, newest)
        return Item("metrics", say(_TEXT), "no", why, evidence, since.at.isoformat(), count, newest.isoformat())

    def item(state: State, why: str) -> Item:
        return Item("metrics", say(_TEXT), state, why, evidence, since.at.isoformat())

    began = samples["sampled_at"].min() if len(samples) else end
    unseen = _find_unseen(steps, own, begin, end, pd.Timestamp(onset_at or since.at), began)
    if unseen is None:
        is_scraped = bool(((samples["sampled_at"] > begin) & (samples["sampled_at"] <= end)).any())
        name = (names or {}).get("dlq", METRICS["dlq"])
        unseen = sentences.counter_not_exported(name) if is_scraped else sentences.nothing_scraped(begin, end)
    if unseen:
        return item("unknown", unseen)
    if going_on:
        return item("no", sentences.open_signals(going_on))
    succeeded = _of(_steps(samples, "success", workflow_id, names), workflow_id)
    ended = float(steps_within(succeeded, begin, end)["increase"].sum()) if len(succeeded) else recorded
    return item(*weigh_quiet(since.at, as_of, incidence, ended))


def find_growth(
    samples: pd.DataFrame, workflow_id: str | None, start: datetime, end: datetime,
    names: Mapping[str, str] | None = None,
) -> pd.Series:  # fmt: skip
    """When the dead-letter counter was seen to have grown between two times: ``sampled_at`` of each such scrape."""
    steps = steps_within(_steps(samples, "dlq", workflow_id, names), pd.Timestamp(start), pd.Timestamp(end))
    grown: pd.Series = steps.loc[steps["increase"].fillna(0) > 0, "sampled_at"]
    return grown


def _steps(samples: pd.DataFrame, name: str, workflow_id: str | None, names: Mapping[str, str] | None) -> pd.DataFrame:
    """How a counter grew from scrape to scrape, with ``target``, the worker that it is of."""
    own = _of(metric_samples(samples, name, names), workflow_id)
    if own.empty:
        times = own["sampled_at"]
        return own.assign(previous_at=times, target="", increase=pd.Series(dtype="Float64"),
                          reset=pd.Series(dtype="boolean"), gap_s=pd.Series(dtype="Float64"))  # fmt: skip
    labels = [label for label in TARGET_LABELS if label in own.columns]
    steps = increase(own, among=samples)
    if not labels:
        return steps.assign(target="")
    targets = steps[["series_id", *labels]].drop_duplicates("series_id").set_index("series_id")
    words = targets[labels].astype("object")
    joined = pd.Series(["/".join(str(word) for word in row if not pd.isna(word)) for row in words.to_numpy()],
                       index=targets.index)  # fmt: skip
    return steps.assign(target=steps["series_id"].map(joined))


def _of(rows: pd.DataFrame, workflow_id: str | None) -> pd.DataFrame:
    return rows[rows["workflow_id"] == workflow_id] if workflow_id and "workflow_id" in rows.columns else rows


def _find_unseen(
    steps: pd.DataFrame, own: pd.DataFrame, begin: pd.Timestamp, end: pd.Timestamp, onset: pd.Timestamp,
    began: pd.Timestamp,
) -> str | None:  # fmt: skip
    """What no scrape tells of between these times, in a sentence; empty where all is seen, None where nothing is.

    ``began`` is when scraping of anything did: a worker that is first seen later was started then.

    A worker is seen while it exports the counter, of this workflow or of any other: then this one would appear with its
    first dead letter. Workers that were gone before the onset had no part in it.
    """
    usual = own["gap_s"].median()
    hole = max(pd.Timedelta(STALE), pd.Timedelta(seconds=MISSED_SCRAPES * (0.0 if pd.isna(usual) else float(usual))))
    last = own.groupby("target")["sampled_at"].max()
    targets = sorted(last[last >= onset - hole].index)
    if not targets:
        return None
    across = own[(own["previous_at"] < begin) & (own["sampled_at"] > begin) & (own["increase"].fillna(0) > 0)]
    across = across[across["sampled_at"] - across["previous_at"] > hole]
    if len(across):
        step = across.iloc[0]
        return sentences.counter_in_gap(float(step["increase"]), step["previous_at"], step["sampled_at"])
    for target in targets:
        of_target = steps[steps["target"] == target]
        first = of_target["sampled_at"].min()
        # A worker that was started later had nothing to count before, and its first value counts as growth.
        start = first if began <= begin + hole and first > begin else begin
        unseen = _first_hole(of_target, start, end, hole)
        if unseen is not None:
            low, high = unseen
            is_gone = bool(target) and high >= end
            return sentences.absent_counter(target, low) if is_gone else sentences.counter_unseen(low, high, target)
    return ""


def _first_hole(
    steps: pd.DataFrame, begin: pd.Timestamp, end: pd.Timestamp, hole: pd.Timedelta
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The first time between these two that is longer than ``hole`` and of which no scrape of a worker tells."""
    known = steps.dropna(subset=["previous_at"])
    # What a process counted before it restarted is only seen if it was scraped shortly before.
    blind = known["reset"].fillna(False) | known["increase"].isna()
    known = known[~(blind & (known["sampled_at"] - known["previous_at"] > hole))]
    known = known[(known["sampled_at"] > begin) & (known["previous_at"] < end)].sort_values("previous_at")
    reached = [begin, *known["sampled_at"].cummax().clip(lower=begin)]
    begins = [*known["previous_at"], end]
    for told_to, goes_on in zip(reached, begins, strict=True):
        if goes_on - told_to > hole:
            return told_to, goes_on
    return None
