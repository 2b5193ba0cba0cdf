"""What people add: ``judgement.yaml`` of an incident folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlqkit.errors import ParameterError

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["JUDGEMENT_KEYS", "read_judgement"]

# What a person may write into judgement.yaml as plain text; other keys are left alone.
JUDGEMENT_KEYS = ("severity", "cause", "done", "owner", "prevention")


def read_judgement(folder: IncidentFolder) -> dict[str, str | None]:
    """What people wrote; None for what is still needed."""
    import yaml

    path = folder.path / "judgement.yaml"
    values: Any = {}
    if path.is_file():
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParameterError("judgement.yaml is not YAML.", "Mend it, or remove it.") from error
        if not isinstance(values, dict):
            raise ParameterError("judgement.yaml is not a table of names.", f"Write {', '.join(JUDGEMENT_KEYS)}.")
    for name in JUDGEMENT_KEYS:
        if isinstance(values.get(name), dict | list):
            raise ParameterError(
                f"In judgement.yaml {name} is no plain text.", f"Write {name}: in words, after a colon."
            )
    return {name: str(values[name]) if values.get(name) else None for name in JUDGEMENT_KEYS}
