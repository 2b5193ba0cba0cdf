"""What an analyst pins while exploring: a table, a figure or an observation for the post-mortem, with its provenance.

Each pin is a file of its own in ``DIR/pins``, and a figure's PNG beside it, so that one is taken back by removing it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit import __version__
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import create_bytes, read_bounded, read_json, remove_file, storage_error, write_bytes
from dlqkit.frames import Loaded
from dlqkit.notebook_html import Shown
from dlqkit.report.pinnable import LONGEST_CELL, LONGEST_TEXT, MOST_ROWS, content_of
from dlqkit.report.redact import mask_credentials
from dlqkit.untrusted import shorten

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.figure import Figure

__all__ = ["FOLDER", "Pin", "describe_pins", "pin", "pinned_figures", "unpin"]

FOLDER = "pins"
LONGEST_CODE = 1_000
MOST_PINS = 100
_NUMBERED = re.compile(r"([0-9]{3,6})\.json")
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYS = {"at", "by", "note", "kind", "title", "columns", "rows", "of_rows", "left_out", "text", "alt", "png_sha256",
         "snapshot", "evidence", "made_by", "dlqkit"}  # fmt: skip


class Pin(Shown):
    """A pin that was made."""

    def __init__(self, number: int, values: Mapping[str, Any]) -> None:
        self.number, self.values = number, values

    def _shown(self) -> tuple[str, Sequence[tuple[str, object]]]:
        what = {"table": f"a table of {self.values['of_rows']} rows", "figure": "a figure", "text": "an observation"}
        return f"Pinned as {self.number}: {self.values['note']}", [
            ("what", what[self.values["kind"]]),
            ("left out", ", ".join(self.values["left_out"])),
            ("next", f"dlqkit postmortem DIR shows it; incident.unpin({self.number}) takes it back"),
        ]


def pin(folder: IncidentFolder, thing: object, note: str, *, evidence: str = "") -> Pin:
    """Put a table, a figure or an observation into the post-mortem.

    Parameters
    ----------
    folder : IncidentFolder
        An opened snapshot; the pin names it.
    thing : object
        What a notebook shows: a table or text of dlqkit's, an event's history, a figure or axes, a frame or what a
        loader returned, a sentence or number. Of a frame 50 rows and 8 columns; what clients sent (payloads, further
        fields) is left out, and values of payloads and credentials in its texts are masked. What is drawn into a figure
        is not looked at.
    note : str
        What it shows, in a sentence; also the words for a figure that has none.
    evidence : str
        Ids of the sources it rests on, such as ``001/2``; else those that ``thing`` knows of, or the whole snapshot.

    Returns
    -------
    Pin

    Raises
    ------
    ParameterError
        If there is no note, it is nothing that can be pinned, or it shows a payload.
    StorageError
        If it cannot be written.
    """
    if not note.strip():
        raise ParameterError("The pin has no note.", "Say in a sentence what it shows: incident.pin(table, 'one pool')")
    content, png = content_of(thing, note)
    values = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": audit_log.current_user(),
        "note": mask_credentials(shorten(note.strip(), LONGEST_TEXT)),
        "snapshot": folder.snapshot,
        "evidence": evidence or (thing.source if isinstance(thing, Loaded) else ""),
        "made_by": mask_credentials(shorten(_cell_code(), LONGEST_CODE)),
        "dlqkit": __version__,
        **content,
    }
    root = Path(folder.path)
    document = (json.dumps(values, ensure_ascii=True, indent=1, sort_keys=True) + "\n").encode()
    known = _files(root)
    if len(known) >= MOST_PINS:
        raise ParameterError(f"There are {len(known)} pins already.", "Take some back: incident.unpin(1)")
    if png is not None:
        write_bytes(_png_path(root, values), png)
    number = max((number for number, _ in known), default=0) + 1
    audit_log.append(root, "pinned", note=values["note"], sha256=hashlib.sha256(document).hexdigest())
    # Of two notebooks at once each has its own number.
    while not create_bytes(root / FOLDER / f"{number:03d}.json", document):
        number += 1
    return Pin(number, values)


def unpin(folder: IncidentFolder, number: int) -> None:
    """Take a pin out of the post-mortem again.

    Raises
    ------
    ParameterError
        If there is none of this number.
    """
    root = Path(folder.path)
    known = dict(_files(root))
    if number not in known:
        shown = ", ".join(map(str, known)) or "none"
        raise ParameterError(f"There is no pin {number}.", f"There are: {shown}.")
    audit_log.append(root, "unpinned", number=number)
    remove_file(known[number])


def describe_pins(folder: IncidentFolder) -> dict[str, Any]:
    """Pins as facts.

    Returns
    -------
    dict
        ``rows``, each with its ``number``, by whom, when, of which snapshot, and what it shows; ``mark``, which changes
        with each of them.

    Raises
    ------
    EvidenceError
        If a file of them is none that dlqkit wrote.
    """
    rows = [{"number": number, **_read(path)} for number, path in _files(Path(folder.path))]
    return {"rows": rows, "mark": _mark(rows)}


def pinned_figures(folder: Path, facts: Mapping[str, Any]) -> list[Figure]:
    """The PNG of each pinned figure, unless it is no longer the one that was pinned."""
    from dlqkit.report.figure import Figure

    out = []
    for row in facts["pinned"]["rows"]:
        path = _png_path(folder, row)
        if row["kind"] != "figure" or path.is_symlink() or not path.is_file():
            continue
        png = read_bounded(path)
        if hashlib.sha256(png).hexdigest() == row["png_sha256"] and png.startswith(_PNG):
            out.append(Figure(figure_name(row["number"]), png, row["alt"]))
    return out


def figure_name(number: int) -> str:
    """Under which a pinned figure stands in a report and its files."""
    return f"pin-{number:03d}"


def _mark(rows: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16] if rows else ""


def _files(root: Path) -> list[tuple[int, Path]]:
    try:
        paths = list((root / FOLDER).glob("*.json"))
    except OSError as error:
        raise storage_error(root / FOLDER, error) from error
    found = [(int(name[1]), path) for path in paths if (name := _NUMBERED.fullmatch(path.name))]
    return sorted(found)


def _png_path(root: Path, values: Mapping[str, Any]) -> Path:
    # By its content, so that two notebooks at once cannot take each other's.
    return root / FOLDER / f"{values['png_sha256'][:16]}.png"


def _read(path: Path) -> dict[str, Any]:
    broken = EvidenceError(f"The pin {FOLDER}/{path.name} is none that dlqkit wrote.", "Remove the file.")
    if path.is_symlink() or path.parent.is_symlink():
        raise broken
    try:
        values = read_json(path)
    except (EvidenceError, OSError, ValueError, RecursionError) as error:
        raise broken from error
    if not isinstance(values, dict) or set(values) != _KEYS or not _is_whole(values):
        raise broken
    return values


def _is_whole(values: Mapping[str, Any]) -> bool:
    """Whether each value is what it should be: the file may have come with a folder of somebody else's."""
    texts = (
        "at",
        "by",
        "note",
        "kind",
        "title",
        "text",
        "alt",
        "png_sha256",
        "snapshot",
        "evidence",
        "made_by",
        "dlqkit",
    )
    lists = (values["columns"], values["left_out"])
    if not all(isinstance(values[name], str) and len(values[name]) <= LONGEST_TEXT for name in texts):
        return False
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
        return False
    if values["kind"] not in {"table", "figure", "text"} or not isinstance(values["of_rows"], int):
        return False
    if re.fullmatch("(?:[0-9a-f]{64})?", values["png_sha256"]) is None:
        return False
    try:
        is_aware = datetime.fromisoformat(values["at"]).tzinfo is not None
    except ValueError:
        return False
    rows = values["rows"]
    return is_aware and isinstance(rows, list) and len(rows) <= MOST_ROWS and all(
        isinstance(row, list) and len(row) == len(values["columns"])
        and all(isinstance(cell, str) and len(cell) <= LONGEST_CELL for cell in row)
        for row in rows
    )  # fmt: skip


def _cell_code() -> str:
    """The code of the notebook's cell that pins: how whatever is pinned was made; empty elsewhere."""
    import sys

    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    written = getattr(shell, "user_ns", {}).get("In") or [""]
    return str(written[-1]).strip()
