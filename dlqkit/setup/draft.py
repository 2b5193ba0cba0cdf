"""Settings that are being made: values as they were typed or accepted, loaded the way that every command loads them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.evidence.store import write_bytes
from dlqkit.settings import Settings, load_settings
from dlqkit.setup.settings_text import write_profile, write_settings

__all__ = ["Draft", "write_draft"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written.

    ``before`` is the file's text where a profile is added to it. ``found`` has words on what was found out live and
    stays out of force.
    """

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    profile: str | None = None
    before: str | None = None
    found: Mapping[str, str] = field(default_factory=dict)

    def set(self, table: str, key: str, value: Any) -> Draft:
        """With one more value; None takes it out."""
        own = {name: one for name, one in self.values.get(table, {}).items() if name != key}
        return replace(self, values={**self.values, table: own if value is None else {**own, key: value}})

    def get(self, table: str, key: str) -> Any:
        """A value; None where there is none."""
        return self.values.get(table, {}).get(key)

    def note(self, place: str, word: str | None) -> Draft:
        """With a word on ``table.key``."""
        return replace(self, found={**self.found, **({place: word} if word else {})})

    def text(self) -> str:
        """The file as it would be written now."""
        if self.profile is not None:
            return write_profile(
                self.before or "", self.profile, {name: own for name, own in self.values.items() if own}
            )
        return write_settings(self.values, day=datetime.now(UTC).date(), found=self.found)

    def load(self) -> Settings:
        """As a command would load the file: what is tried is what is written, and no variable helps.

        Raises
        ------
        ParameterError
            If a value does not fit.
        """
        with tempfile.TemporaryDirectory(prefix="dlqkit-") as scratch:
            path = Path(scratch) / "dlqkit.toml"
            path.write_bytes(self.text().encode())
            try:
                return load_settings(path, profile=self.profile, environ={})
            except ParameterError as error:
                if str(path) not in error.next_step:
                    raise
                raise ParameterError(error.problem, "Give another value for it.") from None


def write_draft(draft: Draft, path: Path) -> Path | None:
    """Write the file, for its owner alone, once it is seen to load; where the old one is kept, if there was one.

    Raises
    ------
    ParameterError
        If it would not load.
    StorageError
        If it cannot be written.
    """
    draft.load()
    # A link stays one: the file that it leads to may lie in a repository of the analyst's own.
    path = path.resolve()
    kept = None
    if path.exists() and draft.profile is None:
        kept = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.old")
        write_bytes(kept, path.read_bytes())
    write_bytes(path, draft.text().encode())
    return kept
