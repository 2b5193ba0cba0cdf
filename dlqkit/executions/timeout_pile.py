"""The timeout that nobody has set, read from where the durations of failed records pile up."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlqkit.executions.duration_basis import CUT_FROM, duration_basis, durations_per_attempt
from dlqkit.executions.durations import CUT_ABOVE, Proposal, known_durations
from dlqkit.executions.event_history import record_outcomes
from dlqkit.language import mark, say

__all__ = ["piled_records", "propose_timeout"]

# A pile: this many records, and this share of the failed ones, within one part in twenty-five.
PILE_RECORDS = 5
PILE_SHARE = 0.05
PILE_WIDTH = 1.04
# A timeout cuts every action: where more successes than this take longer than the pile, nothing was cut there.
OUTLAST_SHARE, OUTLAST_RECORDS = 0.02, 3
# What calls anything over a network is given more than this. With nothing that succeeded to hold it against, a pile
# below is taken for a refusal.
SHORTEST_ALONE_MS = 100.0
# Most of so many error texts have to name a duration before it is believed.
NAMED_SHARE, NAMED_TEXTS = 0.8, 200
_ENDED = mark("{records} failed records ended between {low:,.0f} and {high:,.0f} ms")
_ENDED_AS_MEANS = mark(
    "{records} failed records ended between {low:,.0f} and {high:,.0f} ms, as the mean of their attempts"
)
_NAMED = mark(
    "{records} failed records ended between {low:,.0f} and {high:,.0f} ms, and their errors name {named:,.0f} ms"
)
_NAMED_AS_MEANS = mark(
    "{records} failed records ended between {low:,.0f} and {high:,.0f} ms, as the mean of their attempts, and their "
    "errors name {named:,.0f} ms"
)
_ENDED_AS_SUMS = mark(
    "{records} failed records ended between {low:,.0f} and {high:,.0f} ms, the sum of {attempts} attempts by the "
    "error text"
)
_ENDED_PERHAPS_AS_SUMS = mark(
    "{records} failed records ended between {low:,.0f} and {high:,.0f} ms; if that is the sum of {attempts} attempts, "
    "it is {each:,.0f} ms"
)


@dataclass(frozen=True, slots=True)
class _Pile:
    """Failed records that ended after the same time."""

    records: pd.DataFrame
    low_ms: float
    high_ms: float
    share: float
    is_sum: bool


def propose_timeout(records: pd.DataFrame) -> Proposal:
    """The value at which the durations of failed records pile up, milliseconds.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow.

    Returns
    -------
    Proposal
        ``value`` is None where there is no pile, where many failed records or successes take longer than it, and where
        nothing succeeded and it is shorter than any call over a network is given; ``basis`` says which.

    Notes
    -----
    A timeout cuts, so the durations it ends lie in a narrow band with nothing above it. The duration that the band's
    errors name is proposed where they name the same one, else the band's lower edge, rounded to three digits; it is a
    reading of the records and not a setting.
    """
    known = known_durations(records)
    found = _find_pile(known)
    if isinstance(found, str):
        return Proposal(None, found)
    longer, good = _outlasting(known, found.low_ms * PILE_WIDTH, is_sum=found.is_sum)
    if longer >= max(OUTLAST_RECORDS, OUTLAST_SHARE * good):
        text = say(
            "failed records pile up at {low:,.0f} ms, but {longer} of {good} successes took longer",
            low=found.low_ms, longer=longer, good=good,
        )  # fmt: skip
        return Proposal(None, text)
    if good < OUTLAST_RECORDS and found.low_ms < SHORTEST_ALONE_MS and not _is_named(found.records, found.low_ms):
        text = say(
            "failed records pile up at {low:,.3g} ms, and no successes tell whether an action may take longer",
            low=found.low_ms,
        )
        return Proposal(None, text)
    value = _rounded(found.low_ms)
    named = _named_limit(found)
    ended: dict[str, object] = {"records": len(found.records), "low": value, "high": found.high_ms}
    if named is not None:
        ended = {**ended, "low": found.low_ms, "named": named}
        return Proposal(named, say(_NAMED_AS_MEANS if found.is_sum else _NAMED, **ended), found.share)
    if found.is_sum:
        return Proposal(value, say(_ENDED_AS_MEANS, **ended), found.share)
    attempts = _usual_attempts(found.records)
    if attempts > 1 and duration_basis(known, None) == "unknown":
        # Nothing tells whether five cut attempts of a minute were added up, or one was cut after five; a text may.
        if _is_named(found.records, value / attempts) and not _is_named(found.records, value):
            text = say(_ENDED_AS_SUMS, **ended, attempts=attempts)
            return Proposal(_named_limit(found, attempts) or _rounded(value / attempts), text, found.share)
        if not _is_named(found.records, value):
            text = say(_ENDED_PERHAPS_AS_SUMS, **ended, attempts=attempts, each=value / attempts)
            return Proposal(value, text, found.share)
    return Proposal(value, say(_ENDED, **ended), found.share)


def piled_records(records: pd.DataFrame) -> pd.DataFrame:
    """The failed records whose durations pile up at one value; none where there is no pile."""
    found = _find_pile(known_durations(records))
    return records.iloc[:0] if isinstance(found, str) else found.records


def _find_pile(known: pd.DataFrame) -> _Pile | str:
    """Where durations of failed records pile up with hardly any above; a reason where they do not."""
    failed = _failed_records(known)
    # Where durations are sums, and events with several records show it, five cut attempts pile up at five timeouts.
    is_sum = duration_basis(known) == "sum"
    took = durations_per_attempt(failed) if is_sum else failed["action_duration_ms"].to_numpy(dtype=np.float64)
    values = np.sort(took)
    if len(values) < PILE_RECORDS:
        return say("too few failed records have a duration")
    ends = np.searchsorted(values, values * PILE_WIDTH, side="right")
    sizes = ends - np.arange(len(values))
    best = int(np.argmax(sizes))
    low, size = float(values[best]), int(sizes[best])
    above = int((values > low * PILE_WIDTH).sum())
    # A pile without a cut is only a usual duration: others then take longer, and single ones take less and more.
    if size < PILE_RECORDS or size < PILE_SHARE * len(values) or above > 0.02 * size or _is_spread(values, low, size):
        return say("failed records do not pile up at one duration")
    inside = failed[(took >= low) & (took <= low * PILE_WIDTH)]
    return _Pile(inside, low, float(values[best + size - 1]), size / len(values), is_sum)


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


def _named_durations(failed: pd.DataFrame, value_ms: float) -> list[set[float]]:
    """Of each error text the durations near this one that it names, milliseconds; written in these or in seconds."""
    texts = failed["last_error"].astype("str").fillna("").head(NAMED_TEXTS)
    low, high = value_ms / PILE_WIDTH, value_ms * PILE_WIDTH
    numbers = ([float(number) for number in _NUMBERS.findall(text)] for text in texts)
    return [{each for one in own for each in (one, 1000 * one) if low <= each <= high} for own in numbers]


def _is_named(failed: pd.DataFrame, value_ms: float) -> bool:
    """Whether most error texts name this duration, in milliseconds or seconds."""
    named = _named_durations(failed, value_ms)
    return sum(bool(one) for one in named) >= NAMED_SHARE * max(len(named), 1)


def _named_limit(found: _Pile, attempts: int = 1) -> float | None:
    """The one duration that most error texts name, where it is what cut the pile, of so many attempts together.

    A limit is the same in each text; what was measured is not.
    """
    low, high = found.low_ms / attempts, found.high_ms / attempts
    named = _named_durations(found.records, low)
    counts = Counter(value for own in named for value in own)
    limits = [value for value, count in counts.items() if count >= NAMED_SHARE * len(named)]
    cuts = [value for value in limits if CUT_FROM * value <= low and high <= CUT_ABOVE * value]
    return cuts[0] if len(cuts) == 1 else None


def _failed_records(records: pd.DataFrame) -> pd.DataFrame:
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
