"""Two processes open a journal at the same moment; a process of its own, since threads and forks do not mix."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from dlqkit.errors import StorageError
from dlqkit.republish.journal import open_journal

HAS_IT, REFUSED, WAITED_TOO_LONG, CRASHED = 0, 1, 7, 9


def race(directory: Path) -> list[int]:
    """How each of the two ended, sorted."""
    begin_read, begin_write = os.pipe()
    done_read, done_write = os.pipe()
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            status = CRASHED
            try:
                os.close(begin_write)
                os.read(begin_read, 1)  # ends when the parent lets go
                status = _try(directory, done_read, done_write)
            finally:
                os._exit(status)
        children.append(child)
    for descriptor in (begin_read, begin_write, done_read, done_write):
        os.close(descriptor)
    return sorted(os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children)


def _try(directory: Path, done_read: int, done_write: int) -> int:
    """Whoever is refused tells the other, which waits for it."""
    try:
        with open_journal(directory):
            os.set_blocking(done_read, False)
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    if os.read(done_read, 1):
                        return HAS_IT
                except BlockingIOError:
                    time.sleep(0.001)
            return WAITED_TOO_LONG
    except StorageError:
        os.write(done_write, b"x")
        return REFUSED


if __name__ == "__main__":
    for number in range(int(sys.argv[2])):
        sys.stdout.write(",".join(str(one) for one in race(Path(sys.argv[1]) / str(number))) + "\n")
