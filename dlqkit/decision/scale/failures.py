"""Signatures and classes at once: both rest on an event's last dead letter, which costs most to find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from dlqkit.decision.scale.classes import class_alike, count_classes, find_sums
from dlqkit.decision.scale.dead_letters import (
    FIELDS,
    TEXTS,
    Limit,
    count_alike,
    mark_last_dead,
    with_fields,
    with_texts,
)
from dlqkit.decision.scale.signatures import refuse_splits, sign_alike
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.engines.contract import MOST_ROWS
from dlqkit.executions.limits import check_limit

__all__ = ["Failures", "count_failures"]


@dataclass(frozen=True, slots=True)
class Failures:
    """What dead letters say, and of which class their events are."""

    signatures: pd.DataFrame
    """As ``count_signatures`` gives them."""
    classes: pd.DataFrame
    """As ``count_classes`` gives them."""


def count_failures(
    records: nw.LazyFrame[Any],
    *,
    max_attempts: int | Mapping[str, int | None] | None = None,
    timeout_ms: Limit = None,
    edits: SignatureEdits | None = None,
    at_most: int = MOST_ROWS,
) -> Failures:
    """The signatures and the failure classes of dead letters, read once.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``; only dead letters count.
    max_attempts, timeout_ms : number or mapping, optional
        As for ``count_classes``.
    edits : SignatureEdits, optional
        As for ``count_signatures``.
    at_most : int
        Kinds of texts, by attempts and whether they may be tried again, that may come out of the engine.

    Raises
    ------
    ParameterError
        If the edits part a signature.
    EngineError
        If there are more kinds.
    """
    check_limit(max_attempts, "max_attempts", whole=True)
    check_limit(timeout_ms, "timeout_ms")
    refuse_splits(edits)
    dead = with_texts(with_fields(mark_last_dead(records), timeout_ms))
    alike = count_alike(dead, {**FIELDS, **TEXTS}, at_most=at_most)
    if find_sums(alike):
        # Rare, and needs the records of attempts before the last.
        classes = count_classes(records, max_attempts=max_attempts, timeout_ms=timeout_ms)
    else:
        classes = class_alike(alike, max_attempts=max_attempts, timeout_ms=timeout_ms)
    return Failures(sign_alike(alike, edits), classes)
