"""Samples that were put together by hand, as the frame that every function reads."""

from __future__ import annotations

import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.frames import SAMPLES, conform
from dlqkit.signals.columns import check_labels, numbers, times_us
from dlqkit.signals.scrapes import series_code

__all__ = ["as_samples"]


def as_samples(samples: pd.DataFrame) -> pd.DataFrame:
    """The samples with every column of ``frames.SAMPLES`` in its dtype, as ``read_scrapes`` takes them.

    Parameters
    ----------
    samples : DataFrame
        ``sampled_at`` and ``value`` of any type that tells them, ``metric`` (or ``__name__``) and labels as columns.

    Returns
    -------
    DataFrame
        Times without a zone are taken as UTC; without ``series_id`` a series is what has the same metric and labels.

    Raises
    ------
    FrameError
        If ``sampled_at`` or ``value`` is missing, or a column holds what is no time, number or text.
    """
    for name in ("sampled_at", "value"):
        if name not in samples.columns:
            raise FrameError(
                f"The frame has no column {name}.", f"Load it with dlqkit, or add {name} as {SAMPLES[name]}."
            )
    if all(name in samples.columns and str(samples[name].dtype) == dtype for name, dtype in SAMPLES.items()):
        return samples
    if "metric" not in samples.columns and "__name__" in samples.columns:
        samples = samples.rename(columns={"__name__": "metric"})
    check_labels(samples)
    at = pd.Series(times_us(samples["sampled_at"]), index=samples.index)
    out = samples.assign(
        sampled_at=pd.to_datetime(at, unit="us", utc=True).dt.as_unit("us"),
        value=pd.array(numbers(samples["value"]), dtype="Float64"),
    )
    if "series_id" not in out.columns or out["series_id"].isna().any():
        labels = out.drop(columns="series_id", errors="ignore")
        out["series_id"] = pd.factorize(series_code(labels))[0]
    return conform(out, SAMPLES)
