"""The files of an export: one, or a folder of parts whose names tell a column, as engines write tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from dlqkit.errors import ParameterError
from dlqkit.sources.masking import Masks

__all__ = ["ExportPart", "find_parts"]

# What Hive and Spark call the folder of rows that have no value in its column.
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
# A folder's name may have bytes that are no UTF-8.
_AS_IT_IS = "surrogatepass"


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A file, what it is called in messages, and the columns that its folders tell of every row in it."""

    path: Path
    name: str
    columns: Mapping[str, str | None] = field(default_factory=dict)

    def without_secrets(self, masks: Masks) -> tuple[ExportPart, int]:
        """The part as its rows and messages may name it, and in how many places of its columns a secret stood."""
        columns: dict[str, str | None] = {}
        count = 0
        for name, value in self.columns.items():
            masked, in_name = masks.apply(name.encode(errors=_AS_IT_IS))
            text, in_value = masks.apply((value or "").encode(errors=_AS_IT_IS))
            columns[masked.decode(errors=_AS_IT_IS)] = None if value is None else text.decode(errors=_AS_IT_IS)
            count += in_name + in_value
        return replace(self, name=masks.text(self.name), columns=columns), count

    def complete(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows with the folders' columns; where a row has one itself, that one counts."""
        return [{**self.columns, **row} for row in rows] if self.columns else list(rows)

    def complete_lines(self, lines: Sequence[bytes]) -> list[bytes]:
        """The same for rows that are JSON text; everything else of them stays letter by letter."""
        if not self.columns:
            return list(lines)
        told = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in self.columns.items()}
        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        out = []
        for line in lines:
            try:
                out.append(msgspec.json.encode({**told, **decoder.decode(line)}))
            except msgspec.ValidationError:
                out.append(line)  # no object: to be counted as no record
        return out


def find_parts(path: Path) -> list[ExportPart]:
    """The files of one path, in the order of their names.

    Raises
    ------
    ParameterError
        If there is nothing at the path, or no file in the folder.
    """
    if path.is_file():
        return [ExportPart(path, path.name)]
    if not path.is_dir():
        raise ParameterError(f"There is no file {path}.", "Check the path after --records.")
    parts = []
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path)
        # Marks and checksums of the engine that wrote the folder, such as _SUCCESS and .part-0.crc.
        if file.is_file() and not any(name.startswith((".", "_")) for name in inner.parts):
            parts.append(ExportPart(file, f"{path.name}/{inner.as_posix()}", _told(inner.parent)))
    if not parts:
        raise ParameterError(f"The folder {path} holds no file.", "Check the path after --records.")
    return parts


def _told(folder: Path) -> dict[str, str | None]:
    pairs = (name.split("=", 1) for name in folder.parts if "=" in name)
    return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, value in pairs}
