"""What to expect of a plan: how long it takes, and what it adds to the load that is there; outside its hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from dlqkit.language import mark
from dlqkit.republish.plan import Plan
from dlqkit.signals.counters import increase, metric_samples, steps_within

__all__ = ["NEWEST", "forecast", "live_rate"]

# The newest rate is taken over so long: some twenty scrapes, or enough records of a busy worker.
NEWEST = pd.Timedelta(minutes=10)


def live_rate(
    workflow_id: str,
    records: pd.DataFrame,
    samples: pd.DataFrame | None = None,
    *,
    names: Mapping[str, str] | None = None,
    records_are_whole: bool = True,
) -> tuple[float | None, str]:
    """Events per second that the workflow ends now, and what that rests on.

    Parameters
    ----------
    workflow_id : str
    records : DataFrame
        ``frames.RECORDS`` of all workflows; the newest one tells what “now” is.
    samples : DataFrame, optional
        ``frames.SAMPLES`` with ``metric`` and labels; its counters of successes and failures count before the records.
    names : mapping, optional
        Metrics whose names differ from the runbook's.
    records_are_whole : bool
        Whether the records of the last ten minutes are all there; where they are not, they tell no rate.

    Returns
    -------
    (float or None, str)
        None where neither source tells.
    """
    rate = _rate_of_counters(workflow_id, samples, names)
    if rate is not None:
        return rate, mark("the worker's counters, the last 10 minutes of scrapes")
    own = records[(records["workflow_id"] == workflow_id) & records["recorded_at"].notna()]
    if not records_are_whole or own.empty:
        return None, mark("neither counters nor whole records tell it")
    now = records["recorded_at"].max()
    recent = own[own["recorded_at"] > now - NEWEST]
    # In English: it is kept beside the plan.
    basis = mark("execution records of the last 10 minutes")
    return recent["event_key"].nunique() / NEWEST.total_seconds(), basis


def _rate_of_counters(workflow_id: str, samples: pd.DataFrame | None, names: Mapping[str, str] | None) -> float | None:
    if samples is None or samples.empty or "workflow_id" not in samples.columns:
        return None
    own = samples[samples["workflow_id"].astype("str") == workflow_id]
    grown, spans = 0.0, []
    for name in ("success", "failure"):
        part = metric_samples(own, name, names)
        if part.empty:
            continue
        end = part["sampled_at"].max()
        steps = steps_within(increase(part), end - NEWEST, end)
        if len(steps):
            grown += float(steps["increase"].sum())
            spans.append(float((end - max(part["sampled_at"].min(), end - NEWEST)).total_seconds()))
    return grown / max(spans) if spans and max(spans) > 0 else None


def forecast(plan: Plan, rate_per_s: float | None, basis: str) -> dict[str, Any]:
    """How much is sent, how long that takes, and what it adds.

    Parameters
    ----------
    plan : Plan
    rate_per_s : float or None
        From ``live_rate``, with its basis.
    basis : str

    Returns
    -------
    dict
        ``events``, ``bytes``, ``topic``, ``ordering_keys`` (None: not known), ``largest_key`` (events of the busiest
        one), ``seconds`` (sending alone), ``seconds_at_most`` (with a whole outcome deadline after each step; None
        where it is not known), ``rate_per_s`` (now), ``rate_basis``, ``added_share`` (of the rate now; None where it is
        not known or nothing runs)
    """
    keys = [event.ordering_key for event in plan.events]
    counted = Counter(key for key in keys if key)
    seconds = len(plan.events) / plan.max_rate
    # Events of one key go one after the other; of the steps all but the last are waited for before the next begins.
    waiting = None if plan.outcome_deadline_s is None else plan.outcome_deadline_s * max(len(plan.steps) - 1, 0)
    return {
        "events": len(plan.events),
        "bytes": sum(len(event.payload.encode()) for event in plan.events),
        "topic": plan.target.address,
        "ordering_keys": None if None in keys else len(counted),
        "largest_key": max(counted.values(), default=0),
        "seconds": round(seconds, 1),
        "seconds_at_most": None if waiting is None else round(seconds + waiting, 1),
        "rate_per_s": None if rate_per_s is None else round(rate_per_s, 3),
        "rate_basis": basis,
        "added_share": round(plan.max_rate / rate_per_s, 3) if rate_per_s else None,
    }
