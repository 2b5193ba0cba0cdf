"""The facts of classes and signatures: how many events each has, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.decision.overrides import ClassOverride
from dlqkit.executions.durations import Proposal
from dlqkit.language import say
from dlqkit.report.coverage import time_text

__all__ = ["Limits", "tell_diagnosis"]

CLASSES = ("business", "infrastructure", "timeout", "unknown")
# One class speaks for the incident when it holds nearly all of its events; background failures make up the rest.
LEADING_SHARE = 0.9
# More signatures than anybody reads; the rest is in the evidence.
SIGNATURES = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """MAX_ATTEMPTS and the action's timeout, and what proposes them; None where they are set."""

    max_attempts: float | None
    timeout_ms: float | None
    attempts: Proposal | None
    timeout: Proposal | None


def tell_diagnosis(
    limits: Limits,
    classes: pd.DataFrame,
    events: pd.Series,
    groups: pd.DataFrame,
    unmatched: Sequence[ClassOverride],
) -> dict[str, Any]:
    """The facts of ``diagnose``.

    Parameters
    ----------
    limits : Limits
        What the fields were held against.
    classes : DataFrame
        ``decision.overrides.OVERRIDDEN``: a row per event, or for several that are alike; then ``action_duration_ms``
        is the least of theirs, and ``longest_ms`` the most.
    events : Series
        How many events each row of ``classes`` stands for.
    groups : DataFrame
        The signatures, columns of ``error_groups.GROUPS``.
    unmatched : sequence of ClassOverride
        What the analyst said of no event that there is.
    """
    counts = {name: int(events[classes["failure_class"] == name].sum()) for name in CLASSES}
    total = sum(counts.values())
    leading = max(CLASSES, key=lambda name: counts[name])
    value = "unknown" if not total else leading if counts[leading] >= LEADING_SHARE * total else "mixed"
    attempts, timeout = limits.attempts, limits.timeout
    assumptions = []
    if attempts is not None and attempts.value is not None:
        assumptions.append(
            say("MAX_ATTEMPTS is taken as {value:d}: {basis}.", value=round(attempts.value), basis=attempts.basis)
        )
    if timeout is not None and timeout.value is not None:
        assumptions.append(
            say("The action's timeout is taken as {value:,.0f} ms: {basis}.", value=timeout.value, basis=timeout.basis)
        )
    as_set = say("as set")
    return {
        "class": {
            "value": value,
            "counts": counts,
            "disputed": int(events[classes["disputed"]].sum()),
            "overridden": int(events[classes["overridden"]].sum()),
            "unmatched_overrides": [override.target for override in unmatched],
            "rules": _rule_rows(classes, events),
            "max_attempts": {
                "value": limits.max_attempts,
                "basis": as_set if attempts is None else attempts.basis,
            },
            "timeout_ms": {"value": limits.timeout_ms, "basis": as_set if timeout is None else timeout.basis},
        },
        "signatures": _signature_rows(groups, classes, events),
        "signature_count": len(groups),
        "assumptions": assumptions,
    }


def _most(column: pd.Series, events: pd.Series) -> str | None:
    """The value of most events, in words; None where there is none."""
    codes, keys = pd.factorize(column)
    known = codes >= 0
    counts = np.bincount(codes[known], events.loc[column.index].to_numpy()[known], minlength=len(keys))
    named = [(count, text) for count, text in zip(counts, pd.Series(keys).astype("str"), strict=True) if text]
    most = max((count for count, _ in named), default=0)
    return min((str(text) for count, text in named if count == most), default=None)


def _texts(column: pd.Series, events: pd.Series) -> list[dict[str, Any]]:
    """Words of the error texts that tell, and how many events have each, most frequent first; None where none tells."""
    words = column.astype("str").fillna("").where(column.notna(), "")
    counts = events[column.index].groupby(words).sum()
    ordered = sorted(counts.items(), key=lambda one: (one[0] == "", -one[1], str(one[0])))
    return [{"words": str(text) or None, "events": int(count)} for text, count in ordered]


def _span(least: pd.Series, most: pd.Series) -> list[float] | None:
    """The least and the most; None where nothing is known."""
    return [float(least.min()), float(most.max())] if least.notna().any() else None


def _rule_rows(classes: pd.DataFrame, events: pd.Series) -> list[dict[str, Any]]:
    """By which rule how many events got their class, and the fields it was read from, most frequent first."""
    rows = []
    longest = "longest_ms" if "longest_ms" in classes.columns else "action_duration_ms"
    for rule, own in classes.groupby("rule", observed=True, sort=True):
        rows.append(
            {
                "rule": str(rule),
                "failure_class": _most(own["class_by_fields"], events),
                "reason": _most(own["reason"], events),
                "events": int(events[own.index].sum()),
                "retryable": _most(own["retryable"], events),
                "attempts": _span(own["attempts"], own["attempts"]),
                "max_attempts": _most(own["max_attempts"], events),
                "action_duration_ms": _span(own["action_duration_ms"], own[longest]),
                "timeout_ms": _most(own["timeout_ms"], events),
                "text_says": _most(own["text_says"], events),
                "texts": _texts(own["text_says"], events),
                "counter_evidence": _most(own["counter_evidence"], events),
                "counter_events": int(
                    events[own.index[own["counter_evidence"] == _most(own["counter_evidence"], events)]].sum()
                ),
                "disputed": int(events[own.index[own["disputed"]]].sum()),
            }
        )
    return sorted(rows, key=lambda row: (-row["events"], row["rule"]))


def _signature_rows(groups: pd.DataFrame, classes: pd.DataFrame, events: pd.Series) -> list[dict[str, Any]]:
    out = []
    by_signature = dict(iter(classes.groupby("signature_id", sort=False)))
    shown = groups.head(SIGNATURES)
    if len(groups) > SIGNATURES and groups["first_at"].notna().any():
        # The first error of all begins the story, however rare it is.
        first = groups.loc[[groups["first_at"].idxmin()]]
        shown = shown if first.index[0] in shown.index else pd.concat([shown.iloc[:-1], first])
    for group in shown.itertuples(index=False):
        own = by_signature.get(group.signature_id, classes.iloc[:0])
        out.append(
            {
                "signature_id": group.signature_id,
                "signature": group.signature,
                "error_type": None if pd.isna(group.error_type) else str(group.error_type),
                "masks": str(group.masks),
                "is_new": None if pd.isna(group.is_new) else bool(group.is_new),
                "events": int(group.events),
                "share": float(group.share),
                "failure_class": _most(own["failure_class"], events) or "unknown",
                "suggested_class": _most(own["suggested_class"], events) or "unknown",
                "text_says": _most(own["text_says"], events),
                "counter_evidence": _most(own["counter_evidence"], events),
                "names_dependency": bool(own["names_dependency"].any()),
                "disputed": bool(own["disputed"].any()),
                "republish": _most(own["republish"], events),
                "class_by_fields": _most(own["class_by_fields"], events),
                "overridden_by": _most(own["overridden_by"], events),
                "override_reason": _most(own["override_reason"], events),
                "first_at": time_text(group.first_at),
                "last_at": time_text(group.last_at),
            }
        )
    return out
