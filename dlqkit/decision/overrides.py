"""An analyst's own word on the class of an event or of a whole signature, kept in ``judgement.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dlqkit.decision.classes import CLASSES, CLASSIFIED
from dlqkit.decision.disputes import say_republish
from dlqkit.errors import FrameError, ParameterError

__all__ = ["OVERRIDDEN", "ClassOverride", "apply_overrides", "find_unmatched_overrides", "parse_overrides"]

OVERRIDDEN: Mapping[str, str] = {
    **CLASSIFIED,
    "class_by_fields": "category",
    "overridden": "boolean",
    "overridden_by": "str",
    "override_reason": "str",
}
_TARGETS = ("signature_id", "event_key")
_KEYS = (*_TARGETS, "class", "by", "reason")
_NEXT = "Write class_overrides as a list of: signature_id or event_key, class, by, reason."


@dataclass(frozen=True, slots=True)
class ClassOverride:
    """One person's word on one signature or one event."""

    failure_class: str
    by: str
    reason: str
    signature_id: str | None = None
    event_key: str | None = None

    def __post_init__(self) -> None:
        if (self.signature_id is None) == (self.event_key is None):
            raise ParameterError("A class override names a signature_id or an event_key, and one of them alone.", _NEXT)
        if self.failure_class not in CLASSES:
            raise ParameterError(
                f"The class override of {self.target} says {self.failure_class[:40]!r}, which is no failure class.",
                f"Write one of {', '.join(CLASSES)}.",
            )
        for name, value in (("by", self.by), ("reason", self.reason)):
            if not value.strip():
                raise ParameterError(
                    f"The class override of {self.target} has no {name}.",
                    "Write who decided it and why, so that the report can say so.",
                )

    @property
    def target(self) -> str:
        """What it is about, in words."""
        return f"signature {self.signature_id}" if self.signature_id is not None else f"event {self.event_key}"


def parse_overrides(value: object) -> tuple[ClassOverride, ...]:
    """The overrides that ``class_overrides`` of ``judgement.yaml`` holds.

    Parameters
    ----------
    value : object
        As YAML reads it; None where there are none.

    Returns
    -------
    tuple of ClassOverride
        In the order of the file.

    Raises
    ------
    ParameterError
        If an entry is not complete, names a class that there is not, or if two speak of the same target.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ParameterError("class_overrides is not a list.", _NEXT)
    overrides = tuple(_parse(entry, number) for number, entry in enumerate(value, start=1))
    seen: set[tuple[str | None, str | None]] = set()
    for override in overrides:
        target = (override.signature_id, override.event_key)
        if target in seen:
            raise ParameterError(f"There are two class overrides of {override.target}.", "Keep the one that holds.")
        seen.add(target)
    return overrides


def _parse(entry: object, number: int) -> ClassOverride:
    if not isinstance(entry, Mapping):
        raise ParameterError(f"Class override {number} is not a table of names.", _NEXT)
    strange = [str(name) for name in entry if name not in _KEYS]
    if strange:
        raise ParameterError(f"Class override {number} has a key {strange[0][:40]!r} that means nothing.", _NEXT)
    texts: dict[str, str | None] = {}
    for name in _KEYS:
        text = entry.get(name)
        if text is not None and not isinstance(text, str):
            # YAML reads an id of digits alone as a number, and some of a to f as well.
            raise ParameterError(
                f"The {name} of class override {number} is not text.", f'Put it into quotes: "{text}".'
            )
        texts[name] = text
    return ClassOverride(
        failure_class=texts["class"] or "",
        by=texts["by"] or "",
        reason=texts["reason"] or "",
        signature_id=texts["signature_id"],
        event_key=texts["event_key"],
    )


def apply_overrides(classified: pd.DataFrame, overrides: Sequence[ClassOverride]) -> pd.DataFrame:
    """The classified events, with the analyst's word in place of the fields' where there is one.

    Parameters
    ----------
    classified : DataFrame
        From ``classes.classify_failures``.
    overrides : sequence of ClassOverride
        One for an event counts before one for its signature.

    Returns
    -------
    DataFrame
        A row per event as before, columns of ``OVERRIDDEN``.

        failure_class : the analyst's word, else as before; class_by_fields : what the fields say
        overridden : boolean; overridden_by, override_reason : whose word and why, empty where there is none
        disputed : False where a person decided; counter_evidence stays, republish follows the new class

    Raises
    ------
    FrameError
        If a column of ``classes.CLASSIFIED`` is missing.
    """
    missing = [name for name in CLASSIFIED if name not in classified.columns]
    if missing:
        raise FrameError(f"The classified events have no {missing[0]}.", "Pass what classify_failures returns.")
    out = classified.copy()
    classes = out["failure_class"].astype("str")
    out["class_by_fields"] = out["failure_class"]
    people, reasons = (pd.Series("", index=out.index, dtype="str") for _ in range(2))
    for override in sorted(overrides, key=lambda one: one.event_key is not None):
        own = _matches(out, override)
        classes = classes.mask(own, override.failure_class)
        people, reasons = people.mask(own, override.by), reasons.mask(own, override.reason)
    decided = people != ""
    out["failure_class"] = pd.Series(pd.Categorical(classes, categories=list(CLASSES)), index=out.index)
    out["overridden"], out["overridden_by"], out["override_reason"] = decided, people, reasons
    out["disputed"] = out["disputed"] & ~decided
    said = say_republish(out["failure_class"], out["disputed"], out["names_dependency"])
    out["republish"], out["republish_reason"] = said["republish"], said["republish_reason"]
    return out[list(OVERRIDDEN)].astype(dict(OVERRIDDEN))


def find_unmatched_overrides(classified: pd.DataFrame, overrides: Sequence[ClassOverride]) -> tuple[ClassOverride, ...]:
    """The overrides whose signature or event is not among the classified ones: mistyped, or of before the incident.

    Parameters
    ----------
    classified : DataFrame
        From ``classes.classify_failures``.
    overrides : sequence of ClassOverride
        As parsed.

    Returns
    -------
    tuple of ClassOverride
        In the same order.
    """
    return tuple(override for override in overrides if not _matches(classified, override).any())


def _matches(classified: pd.DataFrame, override: ClassOverride) -> pd.Series:
    if override.event_key is not None:
        mask = classified["event_key"] == override.event_key
    else:
        mask = classified["signature_id"] == override.signature_id
    return mask.fillna(False).astype(bool)
