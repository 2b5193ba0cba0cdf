"""How long the action took, as the worker's own histogram counted it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
import numpy as np
import pandas as pd

from dlqkit.frames import HISTOGRAMS, SAMPLES, check_frame
from dlqkit.signals.counters import METRICS, increase
from dlqkit.signals.hand_made import as_samples

__all__ = ["BUCKETS", "bucket_histogram"]

BUCKETS: Mapping[str, str] = {"low_ms": "Float64", "high_ms": "Float64", "actions": "Float64", "source": "str"}
# A metric's name ends in its unit (Prometheus naming practice); the runbook's are seconds.
_UNITS_MS = {"_milliseconds": 1.0, "_millis": 1.0, "_ms": 1.0, "_microseconds": 0.001}
_INFINITE = float("inf")


class _Native(msgspec.Struct):
    count: str = "0"
    # Rule (which ends belong to it), lower bound, upper bound, how many.
    buckets: list[tuple[int, str, str, str]] = []


def bucket_histogram(
    samples: pd.DataFrame,
    *,
    histograms: pd.DataFrame | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    workflow_id: str | None = None,
    metrics: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Count actions by how long they took, from the histogram that the worker exports.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with ``metric`` and labels as columns; its ``_bucket`` series with their ``le`` are read.
    histograms : DataFrame, optional
        ``frames.HISTOGRAMS`` with ``metric`` and labels as columns: native histograms. Where there are any of the
        metric they are taken, as they are finer.
    start, end : datetime, optional
        Aware; what was counted by scrapes after ``start``, up to ``end``.
    workflow_id : str, optional
        Of this workflow alone.
    metrics : mapping, optional
        What differs from the runbook's names, as for ``metric_samples``.

    Returns
    -------
    DataFrame
        A row per bucket that counted something, ascending.

        low_ms, high_ms : Float64, milliseconds; where in between an action lies is not known. ``high_ms`` is NA for
            the last bucket, which is open
        actions : Float64, attempts as the worker counts them, so more than events
        source : ``native`` or ``classic``

    Notes
    -----
    Source: Prometheus, runbook §1. Counters that fell had been restarted. Where workers have different buckets, the
    bounds that all of them have are kept.
    """
    wanted = {**METRICS, **(metrics or {})}["duration"]
    factor = next((ms for suffix, ms in _UNITS_MS.items() if wanted.endswith(suffix)), 1000.0)
    low, high = (None if moment is None else pd.Timestamp(moment) for moment in (start, end))
    samples = as_samples(samples)
    known = [frame for frame in (samples, histograms) if frame is not None and len(frame)]
    among = pd.concat(known) if len(known) > 1 else known[0] if known else None
    source = "native"
    counted = _native(_own(histograms, wanted, workflow_id), low, high, among) if histograms is not None else {}
    if not counted:
        source, counted = "classic", _classic(_own(samples, f"{wanted}_bucket", workflow_id), low, high, among)
    rows = [
        {"low_ms": left * factor, "high_ms": pd.NA if right == _INFINITE else right * factor, "actions": count,
         "source": source}
        for (left, right), count in sorted(counted.items()) if count > 0
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(BUCKETS)).astype(dict(BUCKETS))


def _own(frame: pd.DataFrame, metric: str, workflow_id: str | None) -> pd.DataFrame:
    if frame.empty or "metric" not in frame.columns:
        return frame.iloc[:0]
    own = frame[frame["metric"].astype("str") == metric]
    if workflow_id is not None and "workflow_id" in own.columns:
        own = own[own["workflow_id"].astype("str") == workflow_id]
    return own


def _classic(
    samples: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None, among: pd.DataFrame | None
) -> dict[tuple[float, float], float]:
    if samples.empty or "le" not in samples.columns:
        return {}
    steps = increase(samples, among=among)
    if start is not None:
        steps = steps[steps["sampled_at"] > start]
    if end is not None:
        steps = steps[steps["sampled_at"] <= end]
    # Labels are of the series, so they are read once for each and not for every sample.
    series = samples.drop_duplicates("series_id").set_index("series_id").sort_index()
    bounds = pd.to_numeric(series["le"].astype("str").str.replace("Inf", "inf"), errors="coerce")
    labels = [name for name in series.columns if name not in {*SAMPLES, "metric", "le"}]
    worker = pd.Series(list(zip(*(series[name].astype("str").fillna("") for name in labels), strict=True)) or None,
                       index=series.index, dtype="object")  # fmt: skip
    grown = steps.groupby("series_id")["increase"].sum().astype("float64")
    frame = pd.DataFrame({"worker": worker, "bound": bounds.astype("float64"), "grown": grown.reindex(series.index)})
    frame = frame[frame["bound"].notna()]
    if frame.empty:
        return {}
    by_bound = frame.fillna({"grown": 0.0}).groupby(["worker", "bound"], dropna=False)["grown"].sum()
    targets = [part.droplevel(0).sort_index() for _, part in by_bound.groupby(level=0, dropna=False)]
    shared = sorted(set.intersection(*(set(part.index) for part in targets)))
    total = sum(part.reindex(shared).to_numpy(dtype=np.float64) for part in targets)
    # A scrape is no snapshot of all buckets at once, so a wider one may be an event behind.
    cumulative = np.maximum.accumulate(np.asarray(total))
    lows = [min(0.0, shared[0]), *shared[:-1]] if shared else []
    return dict(zip(zip(lows, shared, strict=True), np.diff(cumulative, prepend=0.0).tolist(), strict=True))


def _native(
    histograms: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None, among: pd.DataFrame | None
) -> dict[tuple[float, float], float]:
    check_frame(histograms, HISTOGRAMS, ("series_id", "sampled_at", "buckets_json"))
    out: dict[tuple[float, float], float] = {}
    for series_id, part in histograms.groupby("series_id", sort=True):
        ordered = part.sort_values("sampled_at", kind="stable")
        parsed = [_decoded(text) for text in ordered["buckets_json"].astype("str")]
        counts = pd.DataFrame(
            {
                "series_id": pd.array([series_id] * len(ordered), dtype="Int32"),
                "sampled_at": ordered["sampled_at"].to_numpy(),
                "value": pd.array([_number(one.count) for one in parsed], dtype="Float64"),
                "place": range(len(ordered)),
            }
        )
        counts["sampled_at"] = pd.to_datetime(counts["sampled_at"], utc=True)
        steps = increase(counts, among=among)
        inside = pd.Series(True, index=steps.index)
        inside &= steps["sampled_at"] > start if start is not None else True
        inside &= steps["sampled_at"] <= end if end is not None else True
        for step in steps[inside & steps["increase"].notna()].itertuples(index=False):
            born = step.reset or step.place == 0
            before = {} if born else _bounds(parsed[step.place - 1])
            for bucket, count in _grown(before, _bounds(parsed[step.place])).items():
                out[bucket] = out.get(bucket, 0.0) + count
    return _settled(out)


def _decoded(text: str) -> _Native:
    try:
        return msgspec.json.decode(text, type=_Native)
    except msgspec.DecodeError:
        return _Native()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _bounds(one: _Native) -> dict[tuple[float, float], float]:
    return {(_number(low), _number(high)): _number(count) for _, low, high, count in one.buckets}


def _grown(
    before: Mapping[tuple[float, float], float], after: Mapping[tuple[float, float], float]
) -> dict[tuple[float, float], float]:
    """What was counted in between, in the later one's buckets: a histogram that grows too fine halves its own."""
    out = dict(after)
    for bucket, count in before.items():
        if bucket not in out:
            wider = next((one for one in out if one[0] <= bucket[0] and bucket[1] <= one[1]), None)
            if wider is None:
                continue
            bucket = wider
        out[bucket] -= count
    return {bucket: max(count, 0.0) for bucket, count in out.items()}


def _settled(counted: Mapping[tuple[float, float], float]) -> dict[tuple[float, float], float]:
    """Buckets of several resolutions, in the widest of them."""
    out: dict[tuple[float, float], float] = {}
    for bucket in sorted((one for one, count in counted.items() if count > 0), key=lambda one: (one[0], -one[1])):
        last = next(reversed(out), None)
        inside = last is not None and last[0] <= bucket[0] and bucket[1] <= last[1]
        key = last if inside and last is not None else bucket
        out[key] = out.get(key, 0.0) + counted[bucket]
    return out
