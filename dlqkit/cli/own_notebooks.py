"""Whose notebooks lie in an incident folder: what a stranger put there is not opened, because it would be run."""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import create_bytes, move_folder, read_json, storage_error
from dlqkit.resources import find_notebooks

__all__ = ["MARK", "are_own", "mark_own", "set_aside"]

MARK = ".laid-here"
"""File beside the notebooks that says under which name this user's own record of them is kept."""
_NAME_BYTES = 16
# Beside the notebooks, and nothing that a kernel could import.
_NOT_RUN = {MARK, ".ipynb_checkpoints"}


def are_own(folder: Path) -> bool:
    """Whether this user's dlqkit laid the notebooks there, or their code is that of dlqkit itself.

    Parameters
    ----------
    folder : Path
        ``DIR/notebooks``.

    Notes
    -----
    The record is kept outside of the folder, with the inode and the time of change of the mark, which the system
    alone sets: unpacked or copied, and maybe changed by somebody on the way, it is another file. A folder that was
    moved stays one's own.
    """
    if folder.is_symlink():
        return False
    if not folder.exists():
        return True
    mark = folder / MARK
    if mark.is_file() and not mark.is_symlink():
        with mark.open(encoding="utf-8", errors="replace") as file:
            name = file.read(4 * _NAME_BYTES).strip()
        if len(name) == 2 * _NAME_BYTES and name.isalnum():
            record = _records() / name
            return record.is_file() and record.read_text(encoding="utf-8") == _identity(mark)
    return _holds_our_code_alone(folder)


def mark_own(folder: Path) -> None:
    """Record the notebooks as this user's, where they are not yet.

    Raises
    ------
    StorageError
        If the record cannot be written.
    """
    mark = folder / MARK
    if mark.exists() and are_own(folder):
        return
    try:
        mark.unlink(missing_ok=True)
        create_bytes(mark, f"{secrets.token_hex(_NAME_BYTES)}\n".encode())
        create_bytes(_records() / mark.read_text(encoding="utf-8").strip(), _identity(mark).encode())
    except OSError as error:
        raise storage_error(mark, error) from error


def set_aside(folder: Path) -> Path:
    """Move the notebooks beside, so that nothing of theirs is run; where they are now.

    Raises
    ------
    StorageError
        If they cannot be moved.
    """
    number = 1
    while (target := folder.with_name(f"{folder.name}-not-mine-{number}")).exists() or target.is_symlink():
        number += 1
    move_folder(folder, target)
    return target


def _records() -> Path:
    return Path(platformdirs.user_data_path("dlqkit", appauthor=False)) / "notebooks"


def _identity(mark: Path) -> str:
    about = mark.stat()
    return f"{about.st_dev} {about.st_ino} {about.st_ctime_ns}"


def _holds_our_code_alone(folder: Path) -> bool:
    """Whether nothing lies there but our notebooks, their code as we wrote it but for the values of parameters."""
    ours = {path.name: path for path in find_notebooks()}
    for path in folder.iterdir():
        if path.name in _NOT_RUN:
            continue
        if path.name not in ours or path.is_symlink() or not path.is_file():
            return False
        try:
            if list(_code(path)) != list(_code(ours[path.name])):
                return False
        except (EvidenceError, ValueError, SyntaxError, KeyError, TypeError, AttributeError, RecursionError):
            return False
    return True


def _code(path: Path) -> Iterator[Any]:
    """The code of each cell; of the parameters, names alone where each value is a literal."""
    for cell in read_json(path)["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        body = ast.parse(source).body if "parameters" in cell["metadata"].get("tags", []) else []
        literal = [
            ast.unparse(node.target)
            for node in body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.annotation, ast.Name)
            and isinstance(node.value, ast.Constant)
        ]
        yield literal if body and len(literal) == len(body) else source
