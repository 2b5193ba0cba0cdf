"""Which incident folder it is: a renamed one is the same, a copy of it another."""

from __future__ import annotations

import json
import os
import secrets
import socket
from pathlib import Path

from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import FILE_MODE, make_folder, read_json, storage_error
from dlqkit.republish.plan import FOLDER

__all__ = ["read_owner"]

_NAME = "owner.json"


def read_owner(directory: Path) -> str:
    """The folder's own id, made where it has none, or only that of the folder that it was copied from.

    Parameters
    ----------
    directory : Path
        The incident folder.

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    StorageError
        If it cannot be written.

    Notes
    -----
    The id is random, and its file says on which machine it is and which file and folder of the disk it was written as.
    So an id whose numbers a copy happens to get again, once the first folder is gone, is not the copy's.
    """
    folder = Path(directory) / FOLDER
    known = _read(folder)
    if known is not None:
        return known
    make_folder(folder)
    own = folder / f".{_NAME}.{secrets.token_hex(4)}"
    try:
        own.unlink(missing_ok=True)
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"owner": secrets.token_hex(16), **_place(folder, os.fstat(descriptor).st_ino)}, file)
            file.flush()
            os.fsync(descriptor)
        # Of two who make it at once the first one's stands; what was copied from another folder does not.
        try:
            os.link(own, folder / _NAME)
        except FileExistsError:
            if _read(folder) is None:
                own.replace(folder / _NAME)
        own.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder / _NAME, error) from error
    made = _read(folder)
    assert made is not None
    return made


def _place(folder: Path, inode: int) -> dict[str, object]:
    # Not the device: its number may be another one after the machine was started anew.
    return {"host": socket.gethostname(), "inode": inode, "folder": folder.stat().st_ino}


def _read(folder: Path) -> str | None:
    """The id, if it was written for this very place."""
    path = folder / _NAME
    try:
        known = read_json(path)
        owner = known.pop("owner")
        return str(owner) if known == _place(folder, path.stat().st_ino) else None
    except (EvidenceError, OSError, ValueError, AttributeError, KeyError, RecursionError):
        return None
