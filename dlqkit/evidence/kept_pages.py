"""Which raw page answered which request: with it, a collect that was interrupted goes on at the page where it stopped.

A line for each page stands in ``asked/`` of the part's folder, written after the page itself; a line that was cut by a
kill counts for nothing, and its page is asked for again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import FILE_MODE, make_folder, read_bounded, read_raw, storage_error
from dlqkit.sources.kept_answers import KeptAnswer

__all__ = ["KeptPages", "note_page"]

# A line is some hundred bytes: a page each, as in a manifest.
_MOST_BYTES = 128 << 20


def note_page(path: Path, request_id: str, page: Path) -> None:
    """Write down that a page has answered a request.

    Raises
    ------
    StorageError
        If the disk is full or the place cannot be written.
    """
    make_folder(path.parent)
    line = json.dumps({"request": request_id, "page": page.name}, ensure_ascii=True) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line.encode())
    except OSError as error:
        raise storage_error(path, error) from error


class KeptPages:
    """The pages of earlier attempts at one question, each to be had once."""

    def __init__(self) -> None:
        self._pages: dict[str, list[tuple[Path, int, str | None]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._pages.values()))

    def add(self, path: Path, folder: Path, masked: Iterable[Mapping[str, Any]]) -> None:
        """Add the pages of one attempt, of which ``path`` tells and which lie in ``folder``."""
        places = {Path(one["file"]).name: one for one in masked}
        for request_id, name in _lines(path):
            about = places.get(name, {})
            if (folder / name).is_file():
                kept = (folder / name, about.get("places", 0), about.get("original_sha256"))
                self._pages.setdefault(request_id, []).append(kept)

    def take(self, request_id: str) -> KeptAnswer | None:
        """The page that answered a request, unless it was taken already or cannot be read."""
        while pages := self._pages.get(request_id):
            path, masked, original_sha256 = pages.pop(0)
            try:
                return KeptAnswer(read_raw(path), masked, original_sha256)
            except EvidenceError:
                continue  # cut by what interrupted it: to be asked for again
        return None


def _lines(path: Path) -> list[tuple[str, str]]:
    try:
        lines = read_bounded(path, _MOST_BYTES).split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(path, error) from error
    out = []
    for line in lines:
        try:
            value = json.loads(line)
            out.append((str(value["request"]), Path(str(value["page"])).name))
        except (ValueError, KeyError, TypeError):
            continue  # cut by a kill, and followed by what the next run wrote
    return out
