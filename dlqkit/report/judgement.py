"""What people add: ``judgement.yaml`` of an incident folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dlqkit.decision.overrides import ClassOverride, parse_overrides
from dlqkit.decision.signing.signature_edits import SignatureEdits, read_signature_edits
from dlqkit.errors import ParameterError

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["JUDGEMENT_KEYS", "Judgement", "read_judgement"]

# What a person writes as plain text; beside these there are words on classes and on signatures.
JUDGEMENT_KEYS = ("severity", "cause", "done", "owner", "prevention")
_OTHER_KEYS = ("class_overrides", "signatures", "closure")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What people wrote: texts (None where one is still needed), and their word on classes and signatures."""

    texts: Mapping[str, str | None]
    class_overrides: tuple[ClassOverride, ...] = ()
    signatures: SignatureEdits = field(default_factory=SignatureEdits)


def read_judgement(folder: IncidentFolder) -> Judgement:
    """What people wrote.

    Raises
    ------
    ParameterError
        If the file is no YAML, or a key of it means nothing or holds something else than it should.
    """
    import yaml

    path = folder.path / "judgement.yaml"
    values: Any = {}
    if path.is_file():
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParameterError("judgement.yaml is not YAML.", "Mend it, or remove it.") from error
    known = ", ".join((*JUDGEMENT_KEYS, *_OTHER_KEYS))
    if not isinstance(values, dict):
        raise ParameterError("judgement.yaml is not a table of names.", f"Write {known}.")
    strange = [str(name) for name in values if name not in (*JUDGEMENT_KEYS, *_OTHER_KEYS)]
    if strange:
        raise ParameterError(f"judgement.yaml has a key {strange[0][:40]!r} that means nothing.", f"Write {known}.")
    for name in JUDGEMENT_KEYS:
        if isinstance(values.get(name), dict | list):
            problem = f"In judgement.yaml {name} is no plain text."
            raise ParameterError(problem, f"Write {name}: in words, after a colon.")
    texts = {name: str(values[name]) if values.get(name) else None for name in JUDGEMENT_KEYS}
    edits = read_signature_edits(values.get("signatures"))
    return Judgement(texts, parse_overrides(values.get("class_overrides")), edits)
