"""A file of the incident folder that people edit and dlqkit writes to: of two at once neither loses a word."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlqkit.errors import StorageError
from dlqkit.evidence.store import FILE_MODE, MOST_WORDS, storage_error, write_bytes

__all__ = ["editing", "load_yaml"]

# A write takes some milliseconds; whoever holds the file for so long hangs.
WAIT_S, _PAUSE_S = 10.0, 0.02
_MOST_DEPTH = 50
# A letter of UTF-8 has four at most; a file with more letters than people write is refused where it is read.
_MOST_BYTES = 4 * MOST_WORDS


def load_yaml(text: str) -> Any:
    """What a person's YAML holds.

    Raises
    ------
    yaml.YAMLError
        If it is none, is nested deeper than anybody writes, or has aliases: a few of them make a value that takes all
        memory when it is written out.
    """
    import yaml

    depth = 0
    try:
        # Event by event, so that brackets without end are not read to theirs, which takes the square of the time.
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > _MOST_DEPTH:
                raise yaml.YAMLError("it has aliases, or is nested too deep")
        return yaml.safe_load(text)
    except (RecursionError, ValueError, OverflowError) as error:  # a date such as 2026-02-31, a number without end
        raise yaml.YAMLError(str(error) or "it is nested too deep") from error


@contextmanager
def editing(path: Path) -> Iterator[Callable[[str], None]]:
    """Be the only dlqkit that writes to a file, from reading it on.

    Parameters
    ----------
    path : Path
        It need not be there yet; its folder has to be.

    Yields
    ------
    callable
        Writes the new text, whole or not at all; refuses where an editor has saved the file meanwhile.

    Raises
    ------
    StorageError
        If another dlqkit holds it for ten seconds, it was changed meanwhile, or it cannot be written.
    """
    with _alone(path):
        before = _content(path)

        def write(text: str) -> None:
            if _content(path) != before:
                raise StorageError(
                    f"{path.name} was changed by somebody else in this moment; nothing was written over it.",
                    "Run the same command again.",
                )
            write_bytes(path, text.encode())

        yield write


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    # Not the file itself, which every write replaces; a kill lets go of it.
    place = path.with_name(f".{path.name}.lock")
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        _wait(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StorageError(
                    f"Another dlqkit has been writing to {path.name} for {WAIT_S:.0f} s.",
                    "Wait until it is done, and try again.",
                ) from None
            time.sleep(_PAUSE_S)
        except OSError as error:
            raise storage_error(path, error) from error
