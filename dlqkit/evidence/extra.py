"""What lies in an incident folder and is not dlqkit's: whoever was sent the folder knows what not to open."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import read_json
from dlqkit.resources import find_notebooks

__all__ = ["Extra", "find_extra"]

_LANGUAGE = r"(\.[a-z]{2,3}(-[A-Za-z]{2,4})?)?"
# The snapshots are looked at file by file where they are verified.
_OWN = re.compile(
    r"incident\.toml|judgement\.yaml|audit\.jsonl|audit\.head|redaction\.key|\.[a-z.]+\.lock|evidence/.*"
    rf"|report/(postmortem|colleague){_LANGUAGE}\.(ipynb|html|md|pdf|zip)|report/facts{_LANGUAGE}\.json"
    rf"|report/figures{_LANGUAGE}/([a-z_]+|pin-[0-9]{{3,}}){_LANGUAGE}\.(png|svg)"
    r"|updates/[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[a-z]+\.json|notebooks/\.laid-here"
    r"|signatures/[0-9]{3,}\.json(\.sig)?|pins/([0-9]{3,}\.json|[0-9a-f]{16}\.png)"
    r"|republish/(plan-[0-9]{3,}(\.[a-z]+)?\.json|\.plan-[0-9]{3,}\.[a-z]+\.json\.prepared|journal\.(sqlite(-wal|-shm)?|mark|lock)|owner\.json|\.planning"
    r"|claims/.*|sent/.*)"
)
_SIGNATURES, _JOURNAL = "signatures/", "republish/journal.sqlite"
_RUNS = {".py", ".pyc", ".pyd", ".so", ".pth", ".sh", ".ps1", ".bat", ".exe", ".js"}


@dataclass(frozen=True, slots=True)
class Extra:
    """A file that dlqkit neither reads nor runs, and what it is."""

    path: str
    what: str


def find_extra(directory: Path) -> tuple[Extra, ...]:
    """Every file of an incident folder that dlqkit did not make there, and every notebook that is not as it came.

    Signatures that the audit log does not know, and what SQLite keeps beside a journal without the journal, are none of
    ours whatever they are called.

    Returns
    -------
    tuple of Extra
        In order of paths. Links are not among them: ``manifest.verify`` names each. Nothing is opened but notebooks,
        which are read as JSON and compared with the package's own.
    """
    found = []
    wrote = {
        name for line in audit_log.read(directory) if isinstance(line.get("wrote"), dict) for name in line["wrote"]
    }
    for path in _files(directory):
        name = path.relative_to(directory).as_posix()
        what = _what(path, name) or _unknown(directory, name, wrote)
        if what is not None:
            found.append(Extra(name, what))
    return tuple(sorted(found, key=lambda one: one.path))


def _files(directory: Path) -> Iterator[Path]:
    for place, _, names in os.walk(directory):
        for name in names:
            path = Path(place) / name
            if not path.is_symlink():
                yield path


def _what(path: Path, name: str) -> str | None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return "is no file: a pipe, a socket or a device"
    if name.startswith("notebooks/") and path.suffix == ".ipynb" and name.count("/") == 1:
        return _of_notebook(path)
    if path.suffix in _RUNS:
        return "is a program: a notebook beside it may import it"
    if mode & 0o111:
        return "may be run as a program"
    if _OWN.fullmatch(name) or ".ipynb_checkpoints/" in name:
        return None
    return "is not dlqkit's"


def _unknown(directory: Path, name: str, wrote: Collection[str]) -> str | None:
    """What is wrong with a file that has a name of dlqkit's, and that it cannot have written there."""
    if name.startswith(_SIGNATURES) and name not in wrote:
        return "is not in audit.jsonl, which names each signature"
    if name in {f"{_JOURNAL}-wal", f"{_JOURNAL}-shm"} and not (directory / _JOURNAL).exists():
        return "belongs to a journal that is not there"
    return None


def _of_notebook(path: Path) -> str | None:
    own = next((one for one in find_notebooks() if one.name == path.name), None)
    if own is None:
        return "is a notebook of somebody's own"
    return None if _code(path) == _code(own) else "is not as dlqkit made it: read it before you run it"


def _code(path: Path) -> list[str] | None:
    """The code of each cell but those of parameters, which are filled in."""
    try:
        cells: list[dict[str, Any]] = read_json(path)["cells"]
        return [
            "".join(cell["source"])
            for cell in cells
            if cell["cell_type"] == "code" and "parameters" not in cell.get("metadata", {}).get("tags", [])
        ]
    except (EvidenceError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
