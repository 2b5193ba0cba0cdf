"""Jumps in the volume of events shortly before the onset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dlqkit.language import say
from dlqkit.signals.counters import metric_names
from dlqkit.signals.dead_letters import exposed_steps
from dlqkit.signals.dispersion import blocks_of
from dlqkit.signals.exposure import with_profile
from dlqkit.signals.flow import joined
from dlqkit.signals.growth import growth
from dlqkit.signals.runs import find_runs
from dlqkit.signals.scrapes import read_scrapes

__all__ = ["volume_changes"]

# Less than half as much again is the usual up and down of a day.
LEAST_RATIO = 1.5
# Fewer events do not tell a volume.
LEAST_EVENTS = 50.0


def volume_changes(
    samples: pd.DataFrame,
    begin: pd.Timestamp,
    end: pd.Timestamp,
    *,
    metrics: Mapping[str, str] | None = None,
    workflow_id: str | None = None,
) -> list[dict[str, Any]]:
    """Rows of ``changes.CHANGES`` of kind ``volume``: from when on more events were worked off than usual."""
    scrapes = read_scrapes(samples)
    if not len(scrapes.at_s):
        return []
    names = metric_names(metrics)
    parts = [growth(scrapes.of({names[name], names[name].removesuffix("_total")})) for name in ("success", "dlq")]
    if not parts[0].rows:
        parts = [growth(scrapes.of({names["duration"] + "_count"}))]
    wanted = {name for part in parts for name in part.rows if workflow_id in (None, name)}
    points = joined([part.of(name).points() for part in parts for name in wanted if name in part.rows])
    if not len(points) or points.total < LEAST_EVENTS:
        return []
    start_s, end_s = scrapes.began_s, float(scrapes.at_s.max())
    edges = blocks_of(start_s, end_s, 2 * scrapes.spacing_s)
    exposure = with_profile(points, start_s, end_s, [])
    rows = []
    for run in find_runs(exposed_steps(points, exposure, edges)):
        at = pd.Timestamp(float(points.at_s[run.first]), unit="s", tz="UTC")
        ratio = run.size / max(run.expected, 1e-9)
        if begin <= at <= end and ratio >= LEAST_RATIO and points.previous_s[run.first] > start_s:
            what = say("volume rises to {ratio:.1f} times the usual", ratio=ratio)
            rows.append({"at": at, "kind": "volume", "what": what, "workflow_id": workflow_id, "evidence": "counters"})
    return rows
