"""What people add: ``judgement.yaml`` of an incident folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.closure.word import parse_word
from dlqkit.decision.overrides import ClassOverride, parse_overrides
from dlqkit.decision.signing.signature_edits import SignatureEdits, read_signature_edits
from dlqkit.errors import ParameterError
from dlqkit.evidence.people_file import load_yaml
from dlqkit.evidence.store import read_words
from dlqkit.notebook_html import Shown
from dlqkit.report.people import Entry, FollowUp, parse_entries, parse_follow_ups, parse_lessons, parse_texts

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["ASKED_FOR", "JUDGEMENT_KEYS", "Judgement", "parse_judgement", "read_judgement", "read_yaml"]

JUDGEMENT_KEYS = ("severity", "cause", "done", "solution_remaining", "owner", "prevention")
"""What a person writes as plain text."""
ASKED_FOR = (
    "cause", "contributing_factors", "done", "solution_remaining", "owner", "prevention", "lessons", "follow_ups",
)  # fmt: skip
"""What a report needs of people: while any is empty, it is a draft."""
_PEOPLE = ("contributing_factors", "lessons", "follow_ups", "timeline")
# Words on classes and signatures, and what dlqkit adds for people: of the closing, of the review.
_OTHER_KEYS = ("class_overrides", "signatures", "closure", "review")


@dataclass(frozen=True, slots=True, repr=False)
class Judgement(Shown):
    """What people wrote; None, or left out, where they wrote nothing."""

    texts: Mapping[str, str | None]
    class_overrides: tuple[ClassOverride, ...] = ()
    signatures: SignatureEdits = field(default_factory=SignatureEdits)
    contributing_factors: tuple[str, ...] | None = None
    lessons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    follow_ups: tuple[FollowUp, ...] | None = None
    timeline: tuple[Entry, ...] = ()

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        counts = {
            "class overrides": self.class_overrides,
            "follow-ups": self.follow_ups or (),
            "moments": self.timeline,
        }
        return f"Judgement: {'still to be written' if self.lacks else 'all is written'}", [
            *self.texts.items(),
            ("contributing factors", "; ".join(self.contributing_factors or ())),
            *((name, len(values) or None) for name, values in counts.items()),
            ("to be written", ", ".join(self.lacks)),
        ]

    @property
    def lacks(self) -> list[str]:
        """Which of ``ASKED_FOR`` are still to be written."""
        given: dict[str, Any] = {
            **self.texts,
            "contributing_factors": self.contributing_factors is not None,
            "lessons": self.lessons,
            "follow_ups": self.follow_ups is not None,
        }
        return [name for name in ASKED_FOR if not given[name]]


def read_judgement(folder: IncidentFolder) -> Judgement:
    """What people wrote.

    Raises
    ------
    ParameterError
        If the file is no YAML, or a key of it means nothing or holds something else than it should.
    """
    return parse_judgement(read_yaml(folder.path / "judgement.yaml"))


def read_yaml(path: Path) -> Any:
    """What the file holds, an empty table where there is none."""
    import yaml

    try:
        return (load_yaml(read_words(path)) if path.is_file() else None) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(
            "judgement.yaml is not YAML.", "Mend it, or remove it; aliases (&a, *a) are not read."
        ) from error


def parse_judgement(values: Any) -> Judgement:
    """What ``judgement.yaml`` holds, as ``read_judgement``."""
    names = (*JUDGEMENT_KEYS, *_PEOPLE, *_OTHER_KEYS)
    known = ", ".join(names)
    if not isinstance(values, dict):
        raise ParameterError("judgement.yaml is not a table of names.", f"Write {known}.")
    strange = [str(name) for name in values if name not in names]
    if strange:
        raise ParameterError(f"judgement.yaml has a key {strange[0][:40]!r} that means nothing.", f"Write {known}.")
    for name in JUDGEMENT_KEYS:
        if isinstance(values.get(name), dict | list):
            problem = f"In judgement.yaml {name} is no plain text."
            raise ParameterError(problem, f"Write {name}: in words, after a colon.")
    entries = parse_entries(values.get("timeline"))
    _check_fix(parse_word(values.get("closure")).fixed_at, entries)
    return Judgement(
        {name: str(values[name]).strip() or None if values.get(name) else None for name in JUDGEMENT_KEYS},
        parse_overrides(values.get("class_overrides")),
        read_signature_edits(values.get("signatures")),
        parse_texts(values.get("contributing_factors"), "contributing_factors"),
        parse_lessons(values.get("lessons")),
        parse_follow_ups(values.get("follow_ups")),
        entries,
    )


def _check_fix(fixed_at: str | None, entries: Sequence[Entry]) -> None:
    """Quiet is asked for from one moment on, so there cannot be two."""
    told = [one.at for one in entries if one.milestone == "fix" and fixed_at not in {None, one.at}]
    if told:
        raise ParameterError(
            f"In judgement.yaml closure.fixed_at is {fixed_at}, and the timeline's fix {told[0]}.",
            "Keep the one that holds, and remove the other.",
        )
