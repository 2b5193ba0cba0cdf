"""What tells failing events from healthy ones: how long they took, and in which fields they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.decision.differences import what_differs
from dlqkit.executions.comparison import DurationComparison, compare_durations
from dlqkit.membership import is_one_of
from dlqkit.report.coverage import value_or_none

__all__ = ["describe_differences", "describe_durations", "find_differences"]

# Beside the first answers further ones are of fewer and fewer events.
ANSWERS = 3
# A payload's own value does not go into a report; a bound, a length, a type or that it is missing does.
_TELLING = ("(", "> ", "<= ", "length ")
HIDDEN = "<value>"


def describe_durations(
    own: pd.DataFrame, main: pd.Series | None, moment: datetime, timeout_ms: float | None
) -> tuple[dict[str, Any], DurationComparison]:
    """Failing, healthy and baseline durations side by side, as facts and as they were computed.

    Parameters
    ----------
    own : DataFrame
        Records of the workflow.
    main : Series or None
        The signal that the report is about.
    moment : datetime
        The end of what is looked at.
    timeout_ms : float or None
        The action's timeout.
    """
    onset = None if main is None else main["onset_at"]
    end = None if main is None else moment if pd.isna(main["end_at"]) else main["end_at"]
    found = compare_durations(own, onset_at=onset, end_at=end, timeout_ms=timeout_ms)
    numbers = [str(name) for name in found.groups.columns if name != "group"]
    groups = [
        {"group": str(row["group"]), **{name: value_or_none(row[name]) for name in numbers}}
        for row in found.groups.to_dict("records")
    ]
    facts = {"verdict": found.verdict, "sentence": found.sentence, "basis": found.basis, "groups": groups}
    return facts, found


def find_differences(
    own: pd.DataFrame, dead: pd.DataFrame, main: pd.Series | None, moment: datetime, keys: Sequence[str] | None = None
) -> pd.DataFrame:
    """In which fields the incident's dead letters differ from what succeeded; columns of ``differences.DIFFERENCES``.

    Parameters
    ----------
    own, dead : DataFrame
        Records of the workflow, and its dead letters in the incident.
    main : Series or None
        The signal that the report is about; only records from its onset to its end are compared.
    moment : datetime
        The end of what is looked at.
    keys : sequence of str, optional
        Only these events count as failing, such as those of one class.
    """
    low = pd.Timestamp(moment) if main is None else main["onset_at"]
    high = pd.Timestamp(moment) if main is None or pd.isna(main["end_at"]) else main["end_at"]
    inside = own[(own["recorded_at"] >= low) & (own["recorded_at"] <= high)].reset_index(drop=True)
    before = own[own["recorded_at"] < low]
    wanted = dead["event_key"] if keys is None else pd.Series(keys, dtype="str")
    failing = inside["queued_to_dlq"].fillna(False).astype(bool) & is_one_of(inside["event_key"], wanted)
    # What was read off the error is the failure itself, not a condition of it.
    plain = inside.drop(columns=[name for name in ("signature", "signature_id", "template") if name in inside.columns])
    return what_differs(plain, failing, baseline=before[plain.columns] if len(before) else None, most=ANSWERS)


def describe_differences(
    own: pd.DataFrame,
    dead: pd.DataFrame,
    main: pd.Series | None,
    moment: datetime,
    classes: Mapping[str, Sequence[str]],
    *,
    with_values: bool = False,
) -> list[dict[str, Any]]:
    """The same as facts, without values of payloads; a row for all events, or for each class of a mixed incident.

    ``with_values``: whether values of payloads are shown.

    Returns
    -------
    list of dict
        ``of`` (a failure class, or ``all``), ``answer``, ``reason`` and ``rows``: each with ``conditions`` (a list of
        column and value in words), ``fields``, effect with its interval, sizes, ``usual``.
    """
    parts: list[tuple[str, Sequence[str] | None]] = [("all", None)]
    if len(classes) > 1:
        parts = list(classes.items())
    out = []
    for name, keys in parts:
        found = find_differences(own, dead, main, moment, keys)
        rows = [_row(row, with_values) for row in found.to_dict("records")]
        out.append({"of": name, "answer": found.attrs["answer"], "reason": found.attrs["reason"], "rows": rows})
    return out


def _row(row: Mapping[Any, Any], with_values: bool) -> dict[str, Any]:
    conditions = [
        [str(name), str(value) if with_values else _shown(str(name), value)]
        for name, value in row["conditions"].items()
    ]
    numbers = ("effect", "low", "high", "rate_with", "rate_without", "failing_with", "failing_without", "healthy_with",
               "healthy_without", "explains", "comparisons", "p_value", "baseline_share")  # fmt: skip
    usual = row["usual"]
    return {
        "conditions": conditions,
        "fields": [str(name) for name in row["fields"]],
        **{name: value_or_none(row[name]) for name in numbers},
        "usual": None if pd.isna(usual) else bool(usual),
    }


def _shown(name: str, value: Any) -> str:
    text = str(value)
    return text if not name.startswith("payload") or text.startswith(_TELLING) else HIDDEN
