"""What differs: the conditions under which records fail, against the successful records of the same time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.subgroups.answers import all_hold, find_answers, weigh
from dlqkit.decision.subgroups.comparable import FEWEST, stretches
from dlqkit.decision.subgroups.conditions import condition_value, equivalents
from dlqkit.decision.subgroups.conditions import say as say_conditions
from dlqkit.decision.subgroups.features import Feature
from dlqkit.decision.subgroups.likelihood import risk_difference
from dlqkit.decision.subgroups.record_features import record_features
from dlqkit.decision.subgroups.search import Subgroup, Table, make_table
from dlqkit.decision.subgroups.sides import SEED, compared, draw, sides, times
from dlqkit.errors import ParameterError
from dlqkit.language import say

__all__ = ["DIFFERENCES", "what_differs"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DIFFERENCES: Mapping[str, str] = {
    "conditions": "object",
    "fields": "object",
    "also": "object",
    "effect": "Float64",
    "low": "Float64",
    "high": "Float64",
    "rate_with": "Float64",
    "rate_without": "Float64",
    "failing_with": "Int64",
    "failing_without": "Int64",
    "healthy_with": "Int64",
    "healthy_without": "Int64",
    "explains": "Float64",
    "only_here": "Int64",
    "comparisons": "Float64",
    "p_value": "Float64",
    "baseline_share": "Float64",
    "baseline_rate": "Float64",
    "usual": "boolean",
    "sentence": "str",
}
# More are not read; half of them at most are failing ones, and the healthy ones stand for all of theirs.
SAMPLE = 100_000
# The baseline only says what was usual, for which fewer records do.
_BASELINE_PART = 5
# A rate before the incident of more than this part of today's is no news.
_USUAL = 0.5


def what_differs(
    records: pd.DataFrame,
    failing: pd.Series | npt.ArrayLike | str,
    baseline: pd.DataFrame | None = None,
    *,
    time: str = "recorded_at",
    exclude: Collection[str] = (),
    most: int = 5,
    sample: int = SAMPLE,
) -> pd.DataFrame:
    """Under which conditions records fail that otherwise succeed; no row where nothing explains it.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, or any frame of plain columns. ``payload_snapshot`` and ``extra_json`` are read as JSON.
    failing : Series of bool, array, or the name of such a column
        Which records failed, in the order of the rows (a Series with another index is aligned).
    baseline : DataFrame, optional
        Records from before, which tell what was usual. They are never the other side of the comparison, because
        they are of another time.
    time : str
        The column with the time of a record; if it is absent, the first column of times; without any, all records
        are taken to be of the same time.
    exclude : collection of str
        Columns, or fields as they are named here, that are no causes.
    most : int
        Answers at most.
    sample : int
        With more records, so many are drawn (the same ones each time), the failing ones first.

    Returns
    -------
    DataFrame
        Columns of ``DIFFERENCES``; a row per answer, best first. A further answer explains failing records that
        the ones before it do not.

        conditions : dict, column to value; all hold together. A payload field is ``payload.a.b``; a field of
        ``extra_json`` has its own name; any element of a list is ``payload.items[].sku``. The value is the value
        itself, or one of ``"> 5"``, ``"<= 5"``, ``"> 5 and <= 9"``, ``"length > 5"`` (of a text), ``"(missing)"``,
        ``"(present)"``, ``"(null)"``, ``"(text)"`` and the other types, ``"(like a-9)"`` (a format: letters are a,
        digits 9)
        fields : tuple of str, the columns alone, for where values may not be shown
        also : dict, for a column of ``conditions`` the other columns (to their values) that would say the same
        rate_with, rate_without : share of the records that failed, where the conditions hold and where they do not
        effect, low, high : rate_with less rate_without, and its 95 % interval
        failing_with, failing_without, healthy_with, healthy_without : Int64, records that were compared
        explains : share of the failing records that is beyond what rate_without would give
        only_here : Int64, failing records that no other answer explains
        comparisons : how many answers of this kind there could have been
        p_value : upper bound, after correction for the comparisons
        baseline_share, baseline_rate : share of the baseline's records where the conditions hold, and how many of
        those failed; NA where unknown
        usual : True where it failed as often before
        sentence : str, with the values

        ``attrs["answer"]`` is ``"found"``, ``"nothing"`` or ``"not comparable"``, ``attrs["reason"]`` the sentence
        for it, ``attrs["compared"]`` how many failing and healthy records were compared, of how many.

    Raises
    ------
    FrameError
        If ``failing`` names no column of truth values, has another length than the records, or lacks some of them.

    Notes
    -----
    Runbook §4. What follows from the failure (status, attempts, error, duration) is no cause and is not looked at.
    An event counts once. Only stretches of time in which records both failed and succeeded are compared.
    """
    if most < 1 or sample < 2 * FEWEST:
        raise ParameterError(f"most is {most} and sample is {sample}.", f"Give most >= 1 and sample >= {2 * FEWEST}.")
    frame, mask = sides(records, failing)
    when = times(frame, time)
    strata = stretches(when, mask)
    if strata.reason:
        return _no_answer("not comparable", strata.reason, mask)
    rows = compared(mask, strata.of)
    if mask[rows].sum() < max(FEWEST, mask.sum() / 2) or (~mask[rows]).sum() < FEWEST:
        return _no_answer("not comparable", say("Most records failed at times at which nothing succeeded."), mask)
    drawn = _by_time(draw(rows, mask, sample), when)
    skip = {*exclude, *((failing,) if isinstance(failing, str) else ()), *((when.name,) if when is not None else ())}
    part = frame.iloc[drawn].reset_index(drop=True)
    before = _baseline(baseline, failing, sample, time)
    whole = part if before is None else pd.concat([part, before.records], ignore_index=True)
    hours = (
        when.iloc[drawn].reset_index(drop=True).reindex(whole.index)
        if when is not None and strata.repeats_daily
        else None
    )
    of_whole = np.concatenate([mask[drawn], np.zeros(len(whole) - len(part), dtype=bool)])
    features = record_features(whole, of_whole, skip=skip, hours=hours, compared=len(part))
    if not features:
        return _no_answer("nothing", say("No column differs between any two records."), mask)
    table = make_table([feature.first(len(part)) for feature in features], mask[drawn], _dense(strata.of[drawn]))
    weights = np.where(
        table.failing, mask[rows].sum() / table.failing.sum(), (~mask[rows]).sum() / (~table.failing).sum()
    )
    answers = find_answers(table, weights, most)
    out = _frame(table, answers, weights, [_usual(before, features, answer, len(part)) for answer in answers])
    reason = (
        say("{found:d} of at most {most:d} answers.", found=len(out), most=most) if len(out)
        else say("No condition on up to three columns explains the failures better than chance.")
    )  # fmt: skip
    out.attrs.update(
        answer="found" if len(out) else "nothing", reason=reason,
        compared={"failing": int(table.failing.sum()), "of_failing": int(mask.sum()),
                  "healthy": int((~table.failing).sum()), "of_healthy": int((~mask).sum())},
    )  # fmt: skip
    return out


def _dense(stratum: Ints) -> Ints:
    out: Ints = np.unique(stratum, return_inverse=True)[1].astype(np.int64)
    return out


@dataclass(frozen=True, slots=True)
class _Before:
    """Records of the baseline, and which failed, where that is known."""

    records: pd.DataFrame
    failing: Bools | None


def _by_time(rows: Ints, when: pd.Series | None) -> Ints:
    """The rows in the order of their times, so that what counts the events is seen to."""
    if when is None:
        return rows
    return rows[np.argsort(when.iloc[rows].to_numpy(), kind="stable")]


def _baseline(baseline: pd.DataFrame | None, failing: Any, sample: int, time: str) -> _Before | None:
    if baseline is None or baseline.empty:
        return None
    drawn = baseline
    if len(baseline) > sample // _BASELINE_PART:
        rng = np.random.default_rng(SEED)
        drawn = baseline.iloc[np.sort(rng.choice(len(baseline), sample // _BASELINE_PART, replace=False))]
    drawn = drawn.iloc[_by_time(np.arange(len(drawn)), times(drawn, time))]
    name = failing if isinstance(failing, str) else "queued_to_dlq"
    known = drawn[name].fillna(False).to_numpy(dtype=bool) if name in drawn.columns else None
    return _Before(drawn.reset_index(drop=True), known)


def _usual(
    before: _Before | None, features: list[Feature], answer: Subgroup, first: int
) -> tuple[float | None, float | None]:
    """An answer's share of the baseline's records, and how many of those failed."""
    if before is None:
        return None, None
    inside = np.logical_and.reduce([features[one.feature].holds(one)[first:] for one in answer.conditions])
    rate = None if before.failing is None or not inside.any() else float(before.failing[inside].mean())
    return float(inside.mean()), rate


def _frame(
    table: Table,
    answers: list[Subgroup],
    weights: npt.NDArray[np.float64],
    usual: list[tuple[float | None, float | None]],
) -> pd.DataFrame:
    rows = np.arange(len(table.failing))
    holds = [all_hold(table, answer.conditions) for answer in answers]
    lines = []
    for place, answer in enumerate(answers):
        inside = holds[place]
        others = np.logical_or.reduce([np.zeros(len(rows), dtype=bool), *holds[:place], *holds[place + 1 :]])
        k, n, rest_k, rest_n = weigh(table, inside, rows, weights)
        effect, low, high = risk_difference(k, n, rest_k, rest_n)
        conditions = {table.features[one.feature].column: condition_value(table, one) for one in answer.conditions}
        share, rate = usual[place]
        failed = table.failing
        lines.append({
            "conditions": conditions, "fields": tuple(conditions), "also": equivalents(table, rows, answer.conditions),
            "effect": effect, "low": low, "high": high, "rate_with": k / n, "rate_without": rest_k / rest_n,
            "failing_with": int((inside & failed).sum()), "failing_without": int((~inside & failed).sum()),
            "healthy_with": int((inside & ~failed).sum()), "healthy_without": int((~inside & ~failed).sum()),
            "explains": (k - n * rest_k / rest_n) / (k + rest_k), "only_here": int((inside & failed & ~others).sum()),
            "comparisons": answer.comparisons, "p_value": math.exp(answer.log_p),
            "baseline_share": share, "baseline_rate": rate,
            "usual": None if rate is None else rate >= _USUAL * k / n,
            "sentence": say(
                "Where {conditions}, {share:.1%} of the records failed ({failed:,.0f} of {records:,.0f}), elsewhere "
                "{rest_share:.1%} ({rest_failed:,.0f} of {rest:,.0f}); these are {part:.0%} of the failing records.",
                conditions=say_conditions(conditions), share=k / n, failed=k, records=n, rest_share=rest_k / rest_n,
                rest_failed=rest_k, rest=rest_n, part=k / (k + rest_k),
            ),
        })  # fmt: skip
    return pd.DataFrame(lines, columns=list(DIFFERENCES)).astype(dict(DIFFERENCES))


def _no_answer(answer: str, reason: str, mask: Bools) -> pd.DataFrame:
    out = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in DIFFERENCES.items()})
    out.attrs.update(answer=answer, reason=reason, compared={"failing": 0, "of_failing": int(mask.sum()), "healthy": 0,
                                                             "of_healthy": int((~mask).sum())})  # fmt: skip
    return out
