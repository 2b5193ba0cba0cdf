"""Whether failing actions take longer than healthy ones, or are refused at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.executions.duration_basis import CUT_FROM, LONGEST_MS, Basis, duration_basis, durations_per_attempt
from dlqkit.executions.durations import duration_words
from dlqkit.executions.event_history import record_outcomes
from dlqkit.executions.intervals import MEDIAN_NEEDS, median_interval
from dlqkit.executions.limits import check_limit
from dlqkit.executions.masks import read_mask
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import mark, say
from dlqkit.membership import is_one_of
from dlqkit.signals.points import aware

__all__ = ["GROUPS", "DurationComparison", "Verdict", "compare_durations"]

Verdict = Literal["slow then dead", "dead at once", "both", "no difference", "cannot tell"]
GROUPS = ("failing", "healthy", "baseline")
# Twice as long, or half: what an analyst sees in a figure; less than that explains no dead letter.
RATIO = 2.0
# Two kinds of failures are there when each is a fifth of them.
KIND_SHARE = 0.2
# Medians that differ by no more than this part are not worth a sentence.
SAME = 0.1
# A quantile needs as many values as there must be for one to lie beyond it.
_QUANTILES = {"p50_ms": (0.50, 1), "p90_ms": (0.90, 10), "p95_ms": (0.95, 20), "p99_ms": (0.99, 100)}

# What the medians say.
_LONGER = mark("Half of the failing actions took {middle} or less, {beside} {usual}: {ratio:,.3g} times as long.")
_REFUSED = mark("Half of the failing actions took {middle} or less, {beside} {usual}: they were refused, not slow.")
_SAME_LENGTH = mark("Half of the failing actions took {middle} or less, {beside} {usual}: about as long.")
_UNTOLD = mark(
    "Half of the failing actions took {middle} or less, {beside} {usual}, but the ratio may be anything from "
    "{smallest:.2g} to {largest:.2g}."
)


@dataclass(frozen=True, slots=True)
class DurationComparison:
    """How long failing actions took beside healthy ones, and what follows from it.

    ``groups`` has a row for ``failing``, ``healthy`` (the same window) and ``baseline`` (before the onset):
    ``records`` and ``durations`` (those that have one) Int64, ``censored`` Int64 (ended by the timeout), ``p50_ms``
    with its 95 % interval ``p50_low_ms`` and ``p50_high_ms``, ``p90_ms``, ``p95_ms``, ``p99_ms``, Float64, and
    ``unknown_above_ms``: a quantile that is NA is at least that; where this is NA too, the values are too few.
    """

    groups: pd.DataFrame
    verdict: Verdict
    sentence: str
    basis: Basis
    reference: str | None
    """The group that the failing ones are held against: ``baseline``, else ``healthy``."""


@dataclass(frozen=True, slots=True)
class _Group:
    values: npt.NDArray[np.float64]
    cut: npt.NDArray[np.bool_]

    @property
    def open_ended(self) -> npt.NDArray[np.float64]:
        return np.where(self.cut, np.inf, self.values)


def compare_durations(
    records: pd.DataFrame,
    *,
    onset_at: datetime | None = None,
    end_at: datetime | None = None,
    timeout_ms: float | None = None,
    failing: pd.Series | npt.ArrayLike | None = None,
    usual_ms: float | None = None,
) -> DurationComparison:
    """Whether failing actions were slow, or were refused at once.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow.
    onset_at, end_at : datetime, optional
        Aware; the failing and the healthy ones are of this half-open window, the baseline is what came before it.
        Without an onset all records are the window, and there is no baseline.
    timeout_ms : float, optional
        The action's timeout: a failing action that lasted so long was ended by it, and would have lasted longer.
    failing : Series of bool, or array, optional
        Which records are the failing ones, such as those of one signature; by default dead and failed ones.
    usual_ms : float, optional
        What one attempt usually takes by another source, such as ``baseline`` of the duration signal. It is said where
        the records tell too little of before: what succeeds beside an incident may be slow as well.

    Returns
    -------
    DurationComparison
        ``verdict``: ``slow then dead``, ``dead at once``, ``both``, ``no difference`` or ``cannot tell``.

    Notes
    -----
    Runbook §3 and §4. An event that died and passed later is in no group of healthy ones.

    Medians are compared by their order-statistic intervals: slower is at least twice the usual with intervals that do
    not touch. Where it is not known whether a duration is of the last attempt or of all, the
    verdict must be the same in both readings. Records of an incident are no independent draws, so an interval is
    narrower than it should be; the factor of two stands against that.
    """
    check_frame(records, RECORDS, ("action_duration_ms", "queued_to_dlq", "last_error", "recorded_at", "status"))
    check_limit(timeout_ms, "timeout_ms")
    onset_at = None if onset_at is None else aware(onset_at, "onset_at")
    end_at = None if end_at is None else aware(end_at, "end_at")
    outcome = record_outcomes(records)
    inside = pd.Series(True, index=records.index)
    before = pd.Series(False, index=records.index)
    at = records["recorded_at"]
    if onset_at is not None:
        inside, before = (at >= onset_at), (at < onset_at)
    if end_at is not None:
        inside &= at < end_at
    is_failing = outcome.isin(["dead", "failed"])
    if failing is not None:
        is_failing = pd.Series(read_mask(records, failing)[0], index=records.index)
    good = (outcome == "succeeded") & ~_passed_later(records, outcome)
    masks = {"failing": inside & is_failing, "healthy": inside & good, "baseline": before & good}
    basis = duration_basis(records, timeout_ms)
    readings = _readings(records, basis)
    groups = {name: {key: _group(values, masks[key], key, timeout_ms) for key in GROUPS}
              for name, values in readings.items()}  # fmt: skip
    check_limit(usual_ms, "usual_ms")
    verdicts = {name: _verdict(parts, timeout_ms, usual_ms) for name, parts in groups.items()}
    shown = next(iter(groups))
    verdict, sentence, reference = verdicts[shown]
    if len({one[0] for one in verdicts.values()}) > 1:
        verdict = "cannot tell"
        other = say(
            "But it is not known whether a duration is of the last attempt or of all of them, and by attempt the "
            "answer would be another."
        )
        sentence = f"{sentence} {other}"
    elif len(groups) > 1:
        sentence = f"{sentence} {_other_reading(groups, reference)}".strip()
    counts = {key: int(mask.sum()) for key, mask in masks.items()}
    frame = pd.DataFrame([_row(key, counts[key], groups[shown][key], timeout_ms) for key in GROUPS])
    dtypes = {**dict.fromkeys(["records", "durations", "censored"], "Int64"), "group": "str"}
    floats = [name for name in frame.columns if name.endswith("_ms")]
    return DurationComparison(frame.astype({**dtypes, **dict.fromkeys(floats, "Float64")}), verdict,
                              f"{sentence} {_basis_words(basis)}".strip(), basis, reference)  # fmt: skip


def _passed_later(records: pd.DataFrame, outcome: pd.Series) -> pd.Series:
    """Records of events that have died: such a success came after a republish, mostly of after the mend."""
    if "event_key" not in records.columns:
        return pd.Series(False, index=records.index)
    return is_one_of(records["event_key"], records.loc[outcome == "dead", "event_key"].dropna())


def _readings(records: pd.DataFrame, basis: Basis) -> dict[str, npt.NDArray[np.float64]]:
    """Durations as they may be meant; the first is shown."""
    plain = records["action_duration_ms"].to_numpy(dtype=np.float64, na_value=np.nan)
    per_attempt = durations_per_attempt(records)
    if basis == "attempt":
        return {"attempt": plain}
    if basis == "sum":
        return {"sum": per_attempt}
    return {"attempt": plain, "sum": per_attempt}


def _group(values: npt.NDArray[np.float64], mask: pd.Series, name: str, timeout_ms: float | None) -> _Group:
    own = values[mask.fillna(False).to_numpy(dtype=bool)]
    # A negative or endless duration is a fault of a clock; zero is less than a millisecond.
    own = own[(own >= 0) & (own <= LONGEST_MS)]
    cut = np.zeros(len(own), dtype=bool)
    if timeout_ms is not None and name == "failing":
        cut = own >= CUT_FROM * timeout_ms
    return _Group(own, cut)


def _row(name: str, records: int, group: _Group, timeout_ms: float | None) -> dict[str, object]:
    values = np.sort(group.open_ended)
    middle, low, high = median_interval(values)
    row: dict[str, object] = {
        "group": name,
        "records": records,
        "durations": len(values),
        "censored": int(group.cut.sum()),
    }
    for column, (share, needed) in _QUANTILES.items():
        # "inverted_cdf" is a value that was seen; between a known and an unknown one nothing can be interpolated.
        value = float(np.quantile(values, share, method="inverted_cdf")) if len(values) >= needed else np.nan
        if column == "p50_ms":
            # The median that the sentence names.
            value = middle
        row[column] = value if np.isfinite(value) else pd.NA
        if column == "p50_ms":
            row |= {
                "p50_low_ms": low if np.isfinite(low) else pd.NA,
                "p50_high_ms": high if np.isfinite(high) else pd.NA,
            }
    cut = group.values[group.cut]
    # At least the timeout; a clock that is read early shows a little less.
    row["unknown_above_ms"] = min(float(cut.min()), timeout_ms) if len(cut) and timeout_ms is not None else pd.NA
    return row


def _verdict(
    groups: dict[str, _Group], timeout_ms: float | None, usual_ms: float | None
) -> tuple[Verdict, str, str | None]:
    failing = groups["failing"]
    if len(failing.values) == 0:
        return "cannot tell", say("No failing record tells how long its action took."), None
    if len(failing.values) < MEDIAN_NEEDS:
        text = say("Only {count} failing records have a duration.", count=len(failing.values))
        return "cannot tell", text, None
    cut_share = float(failing.cut.mean())
    reference = next((name for name in ("baseline", "healthy") if len(groups[name].values) >= MEDIAN_NEEDS), None)
    if cut_share > 0.5 and timeout_ms is not None:
        told: dict[str, object] = {"share": cut_share, "timeout": _words(timeout_ms)}
        text = _ended_by_timeout(groups, reference, usual_ms, told)
        return "slow then dead", text + _also_slower(groups, usual_ms), reference
    if reference is None:
        text = say("There are too few healthy records to hold the failing ones against.")
        return "cannot tell", text, None
    usual = groups[reference].values
    kinds = _kinds(failing, usual)
    if kinds is not None:
        fast, slow = kinds
        text = say(
            "{fast:.0%} of the failing actions took far less time than usual, {slow:.0%} far more; {beside} take "
            "{usual}.",
            fast=fast, slow=slow, beside=_of(reference, groups), usual=_usual_words(usual),
        )  # fmt: skip
        return "both", text, reference
    verdict, text = _by_medians(failing, usual, _of(reference, groups))
    return verdict, text + _also_slower(groups, usual_ms), reference


def _ended_by_timeout(
    groups: dict[str, _Group], reference: str | None, usual_ms: float | None, told: dict[str, object]
) -> str:
    """That the timeout ended most, beside what was usual before, else beside what succeeded meanwhile."""
    if reference == "baseline":
        return say(
            "{share:.0%} of the failing actions were ended by the timeout of {timeout}; {beside} take {usual}.",
            **told, beside=_of(reference, groups), usual=_usual_words(groups[reference].values),
        )  # fmt: skip
    if usual_ms is not None:
        return say(
            "{share:.0%} of the failing actions were ended by the timeout of {timeout}; usually an action takes "
            "{usual}.",
            **told, usual=_words(usual_ms),
        )  # fmt: skip
    if reference is None:
        return say("{share:.0%} of the failing actions were ended by the timeout of {timeout}.", **told)
    return say(
        "{share:.0%} of the failing actions were ended by the timeout of {timeout}; {beside} take {usual}, and what "
        "was usual before is not known.",
        **told, beside=_of(reference, groups), usual=_usual_words(groups[reference].values),
    )  # fmt: skip


def _kinds(failing: _Group, usual: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """The shares of far shorter and far longer ones, where both are many."""
    middle = float(np.median(usual))
    low, high = np.quantile(usual, [0.05, 0.95])
    fast = float((failing.open_ended < min(middle / RATIO, low)).mean())
    slow = float((failing.open_ended > max(middle * RATIO, high)).mean())
    return (fast, slow) if min(fast, slow) >= KIND_SHARE else None


def _by_medians(failing: _Group, usual: npt.NDArray[np.float64], beside: str) -> tuple[Verdict, str]:
    middle, low, high = median_interval(failing.open_ended)
    usual_middle, usual_low, usual_high = median_interval(usual)
    told: dict[str, object] = {
        "middle": _words(middle), "beside": beside, "usual": _words(usual_middle)
    }  # fmt: skip
    # Zero is anything under a millisecond, and stands in a ratio as half of one.
    ratio = max(middle, 0.5) / max(usual_middle, 0.5)
    if low > usual_high and ratio >= RATIO:
        return "slow then dead", say(_LONGER, **told, ratio=ratio)
    if high < usual_low and ratio <= 1 / RATIO:
        unmeasured = "" if middle > 0 else " " + say("Zero may also mean that nothing was measured.")
        return "dead at once", say(_REFUSED, **told) + unmeasured
    smallest, largest = max(low, 0.5) / max(usual_high, 0.5), max(high, 0.5) / max(usual_low, 0.5)
    if smallest > 1 / RATIO and largest < RATIO:
        return "no difference", say(_SAME_LENGTH, **told)
    return "cannot tell", say(_UNTOLD, **told, smallest=smallest, largest=largest)


def _also_slower(groups: dict[str, _Group], usual_ms: float | None) -> str:
    """Whether the healthy ones of the window are slower than before, too: then the whole workflow is."""
    own, low, _ = median_interval(groups["healthy"].values)
    before, _, high = median_interval(groups["baseline"].values)
    if len(groups["baseline"].values) < MEDIAN_NEEDS and usual_ms is not None:
        before = high = usual_ms
    if not (low > high and own >= RATIO * max(before, 0.5)):
        return ""
    return " " + say(
        "The {count} healthy ones of the same time are slower as well: {now} against {before} before.",
        count=len(groups["healthy"].values), now=_words(own), before=_words(before),
    )  # fmt: skip


def _other_reading(groups: dict[str, dict[str, _Group]], reference: str | None) -> str:
    """What the answer would be by attempt, where the same words rest on another number."""
    plain, by_attempt = ({name: median_interval(parts[name].open_ended)[0] for name in parts if len(parts[name].values)}
                         for parts in groups.values())  # fmt: skip
    if "failing" not in plain or abs(by_attempt["failing"] - plain["failing"]) <= SAME * plain["failing"]:
        return ""
    middle = _words(by_attempt["failing"])
    if reference is None:
        return say(
            "It is not known whether durations add up an event's attempts; if so, half of the failing ones took "
            "{middle} or less an attempt.",
            middle=middle,
        )
    return say(
        "It is not known whether durations add up an event's attempts; if so, half of the failing ones took {middle} "
        "or less an attempt, {ratio:,.2g} times as long as {beside}.",
        middle=middle, beside=_of(reference, groups["attempt"]),
        ratio=max(by_attempt["failing"], 0.5) / max(by_attempt[reference], 0.5),
    )  # fmt: skip


def _of(reference: str, groups: dict[str, _Group]) -> str:
    if reference == "baseline":
        return say("healthy ones before the onset")
    return say("the {count} healthy ones of the same time", count=len(groups["healthy"].values))


def _usual_words(values: npt.NDArray[np.float64]) -> str:
    return _words(median_interval(values)[0])


def _words(value_ms: float) -> str:
    return say("longer than is known") if np.isinf(value_ms) else duration_words(value_ms)


def _basis_words(basis: Basis) -> str:
    if basis == "sum":
        return say("Durations add up an event's attempts, so the mean of an attempt was taken.")
    return ""
