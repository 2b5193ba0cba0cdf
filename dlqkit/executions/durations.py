"""How long the action takes, and what its timeout cuts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlqkit.executions.duration_basis import LONGEST_MS, Basis, duration_basis, durations_per_attempt
from dlqkit.executions.event_history import record_outcomes
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, check_frame

__all__ = ["Proposal", "duration_histogram", "duration_words", "failed_records", "propose_timeout"]

# Ten bins a decade tell 400 ms from 500 ms and still fit a page.
BINS_A_DECADE = 10
# What ends within one part in fifty above the timeout was cut by it: the cut itself takes a moment.
CUT_ABOVE = 1.02
# Runbook's class rule: at 0.95 of the timeout an action counts as timed out.
CUT_BELOW = 0.95
# A pile: this many records, and this share of the failed ones, within one part in twenty-five.
PILE_RECORDS = 5
PILE_SHARE = 0.05
PILE_WIDTH = 1.04
# A timeout cuts every action: where more successes than this take longer than the pile, nothing was cut there.
OUTLAST_SHARE, OUTLAST_RECORDS = 0.02, 3
# Most of so many error texts have to name a duration before it is believed.
NAMED_SHARE, NAMED_TEXTS = 0.8, 200


@dataclass(frozen=True, slots=True)
class Proposal:
    """A number about the worker that nobody has set, taken from the records; None if they do not tell."""

    value: float | None
    basis: str
    share: float | None = None


def _known(records: pd.DataFrame) -> pd.DataFrame:
    check_frame(records, RECORDS, ("action_duration_ms", "queued_to_dlq", "last_error", "status"))
    durations = records["action_duration_ms"].astype("Float64")
    return records[((durations > 0) & (durations <= LONGEST_MS)).fillna(False).astype(bool)]


def duration_words(value_ms: float) -> str:
    """``12 ms``, ``1.5 s``, ``30 s``, ``10 min``, ``6 h``."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        # Seconds are said up to two minutes, as timeouts are set so.
        if value_ms >= size * (1 if unit in {"s", "d"} else 1 if value_ms % size == 0 and value_ms >= 120_000 else 2):
            count = value_ms / size
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"
    return f"{value_ms:.3g} ms"


def duration_histogram(
    records: pd.DataFrame, *, timeout_ms: float | None = None, basis: Basis | None = None
) -> pd.DataFrame:
    """Count records by how long their action took.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; rows without a positive duration, or with one of years, are left out.
    timeout_ms : float, optional
        The action's timeout; an edge of the bins falls exactly on it, and what it cut is in rows of its own.
    basis : str, optional
        From ``duration_basis``: of a ``sum`` over attempts the mean of one is counted, else what the record says.

    Returns
    -------
    DataFrame
        A row per bin and outcome that has records, ascending.

        low_ms, high_ms : Float64, milliseconds, half-open; bins of equal width on a logarithmic scale
        outcome : category, ``succeeded``, ``failed`` or ``dead``
        records : Int64
        censored : boolean, True for what ran into the timeout: its true duration is at least ``low_ms``
    """
    check_limit(timeout_ms, "timeout_ms")
    known = _known(records)
    columns = {"low_ms": "Float64", "high_ms": "Float64", "outcome": "category", "records": "Int64"}
    if known.empty:
        frame = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
        frame["censored"] = pd.Series(dtype="boolean")
        return frame
    values = known["action_duration_ms"].to_numpy(dtype=np.float64)
    if basis == "sum":
        values = durations_per_attempt(known)
    cut = np.zeros(len(values), dtype=bool)
    if timeout_ms is not None:
        cut = (values >= timeout_ms) & (values <= timeout_ms * CUT_ABOVE)
    edges = _edges(values, timeout_ms)
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    frame = pd.DataFrame({"bin": index, "outcome": _outcomes(known), "censored": cut})
    counted = frame.groupby(["bin", "censored", "outcome"], observed=True).size().reset_index(name="records")
    out = pd.DataFrame(
        {
            "low_ms": edges[counted["bin"]],
            "high_ms": edges[counted["bin"] + 1],
            "outcome": counted["outcome"],
            "records": counted["records"],
            "censored": counted["censored"],
        }
    )
    if timeout_ms is not None:
        out.loc[out["censored"], ["low_ms", "high_ms"]] = [timeout_ms, timeout_ms * CUT_ABOVE]
        out = out.groupby(["low_ms", "high_ms", "outcome", "censored"], observed=True, as_index=False)["records"].sum()
    out = out.sort_values(["low_ms", "censored", "outcome"], kind="stable").reset_index(drop=True)
    return out[["low_ms", "high_ms", "outcome", "records", "censored"]].astype({**columns, "censored": "boolean"})


def _outcomes(records: pd.DataFrame) -> pd.Categorical:
    names = record_outcomes(records).replace({"retrying": "failed"})
    return pd.Categorical(names, categories=["succeeded", "failed", "dead"])


def _edges(values: np.ndarray, timeout_ms: float | None) -> np.ndarray:
    # Shifted so that one edge is the timeout itself; without one, edges are at 1, 10, 100 … milliseconds.
    anchor = 0.0 if timeout_ms is None else float(np.log10(timeout_ms))
    low = np.floor((np.log10(values.min()) - anchor) * BINS_A_DECADE)
    high = np.floor((np.log10(values.max()) - anchor) * BINS_A_DECADE) + 1
    edges = 10 ** (anchor + np.arange(low, high + 1) / BINS_A_DECADE)
    if timeout_ms is not None:
        edges[np.argmin(np.abs(edges - timeout_ms))] = timeout_ms
    return np.asarray(edges)


def propose_timeout(records: pd.DataFrame) -> Proposal:
    """The value at which the durations of failed records pile up, milliseconds.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow.

    Returns
    -------
    Proposal
        ``value`` is None where there is no pile, or where many failed records or successes take longer than it.

    Notes
    -----
    A timeout cuts, so the durations it ends lie in a narrow band with nothing above it. The band's lower edge,
    rounded to three digits, is proposed; it is a reading of the records and not a setting.
    """
    known = _known(records)
    failed = failed_records(known)
    # Where durations are sums, and events with several records show it, five cut attempts pile up at five timeouts.
    is_sum = duration_basis(known) == "sum"
    values = np.sort(
        durations_per_attempt(failed) if is_sum else failed["action_duration_ms"].to_numpy(dtype=np.float64)
    )
    if len(values) < PILE_RECORDS:
        return Proposal(None, "too few failed records have a duration")
    ends = np.searchsorted(values, values * PILE_WIDTH, side="right")
    sizes = ends - np.arange(len(values))
    best = int(np.argmax(sizes))
    low, size = float(values[best]), int(sizes[best])
    share = size / len(values)
    above = int((values > low * PILE_WIDTH).sum())
    # A pile without a cut is only a usual duration: others then take longer, and single ones take less and more.
    if size < PILE_RECORDS or share < PILE_SHARE or above > 0.02 * size or _is_spread(values, low, size):
        return Proposal(None, "failed records do not pile up at one duration")
    longer, good = _outlasting(known, low * PILE_WIDTH, is_sum=is_sum)
    if longer >= max(OUTLAST_RECORDS, OUTLAST_SHARE * good):
        many = f"{longer:,} of {good:,} successes took longer"
        return Proposal(None, f"failed records pile up at {low:,.0f} ms, but {many}")
    band = values[best : best + size]
    value = _rounded(float(band.min()))
    each = ", as the mean of their attempts" if is_sum else ""
    basis = f"{size:,} failed records ended between {value:,.0f} and {band.max():,.0f} ms{each}"
    attempts = 1 if is_sum else _usual_attempts(failed)
    if attempts > 1 and duration_basis(known, None) == "unknown":
        # Nothing tells whether five cut attempts of a minute were added up, or one was cut after five; a text may.
        if _is_named(failed, value / attempts) and not _is_named(failed, value):
            return Proposal(
                _rounded(value / attempts), f"{basis}, the sum of {attempts} attempts by the error text", share
            )
        if not _is_named(failed, value):
            basis += f"; if that is the sum of {attempts} attempts, it is {value / attempts:,.0f} ms"
    return Proposal(value, basis, share)


def _outlasting(known: pd.DataFrame, bound_ms: float, *, is_sum: bool) -> tuple[int, int]:
    """Successes that took longer than a bound, and all; of several attempts only where each one's time is known."""
    good = known[(record_outcomes(known) == "succeeded").to_numpy()]
    if is_sum:
        took = durations_per_attempt(good) if len(good) else np.empty(0)
    else:
        once = good["attempts"].fillna(1) <= 1 if "attempts" in good.columns else pd.Series(True, index=good.index)
        took = good.loc[once, "action_duration_ms"].to_numpy(dtype=np.float64)
    return int((took > bound_ms).sum()), len(took)


_NUMBERS = re.compile(r"(?<![0-9.])[0-9]{1,9}(?:\.[0-9]{1,3})?(?![0-9.]*[0-9])")


def _usual_attempts(failed: pd.DataFrame) -> int:
    """How often failed records say that they were tried; 1 where they differ or do not say."""
    known = failed["attempts"].dropna() if "attempts" in failed.columns else failed.iloc[:0, 0]
    if known.empty:
        return 1
    most = int(known.mode().iloc[0])
    return most if float((known == most).mean()) >= NAMED_SHARE else 1


def _is_named(failed: pd.DataFrame, value_ms: float) -> bool:
    """Whether most error texts name this duration, in milliseconds or seconds."""
    texts = failed["last_error"].astype("str").fillna("").head(NAMED_TEXTS)
    low, high = value_ms / PILE_WIDTH, value_ms * PILE_WIDTH
    named = 0
    for text in texts:
        numbers = [
            float(number) for number in re.findall(r"(?<![0-9.])[0-9]{1,9}(?:\.[0-9]{1,3})?(?![0-9.]*[0-9])", text)
        ]
        named += any(low <= number <= high or low <= 1000 * number <= high for number in numbers)
    return named >= NAMED_SHARE * max(len(texts), 1)


def failed_records(records: pd.DataFrame) -> pd.DataFrame:
    """Retryable dead letters where there are enough: their attempts all failed, so sums of them pile up too."""
    dead = records["queued_to_dlq"].fillna(False).astype(bool) & records["retryable"].fillna(True).astype(bool)
    if int(dead.sum()) >= PILE_RECORDS:
        return records[dead]
    return records[records["last_error"].notna() & (records["last_error"].astype("str") != "")]


def _is_spread(values: np.ndarray, low: float, size: int) -> bool:
    """Whether the band before the pile holds as many: then it is the top of a smooth distribution."""
    below = int(((values >= low / PILE_WIDTH) & (values < low)).sum())
    return below > 0.3 * size


def _rounded(value: float) -> float:
    digits = int(np.floor(np.log10(value)))
    unit = 10.0 ** (digits - 2)
    return float(np.floor(value / unit) * unit)
