"""A full disk and one that fails stop a run by name, and lose nothing."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.republish.journal import open_journal, read_journal
from tests.real import find_program
from tests.republish.plans import make_plan, send_all

ROOT = Path(__file__).parents[2]
COUNT = 60


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets the n-th call fail."""
    target = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run(
        [find_program("gcc"), "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"], check=True
    )  # fmt: skip
    return target


class Stored:
    """A sink that keeps what it took in a file: it outlives the process that sent."""

    max_messages = 5

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, messages: list) -> list[str]:  # type: ignore[type-arg]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{one.item}\n" for one in messages)
        return [f"id-{one.item}" for one in messages]

    def close(self) -> None:
        return


def stored(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def child(directory: Path, log: Path, limit: int = 0, **environ: str) -> dict[str, str]:
    """Send the plan in a process of its own whose disk fails; what it ended in."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.republish.test_disk", str(directory), str(log), str(limit)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def check_nothing_lost(directory: Path, log: Path) -> None:
    """The same command goes on: no event is sent twice, and each is acknowledged or in doubt by name."""
    sent_before = stored(log)
    frame = read_journal(directory)
    known = dict(zip(frame["item"], frame["state"].astype("str"), strict=True))
    assert all(known.get(item) in {"intent", "acked", "in_doubt"} for item in sent_before)
    with open_journal(directory) as journal:
        send_all(journal, Stored(log), make_plan(COUNT))
        after = journal.states("plan-001")

    assert len(stored(log)) == len(set(stored(log)))
    assert set(after.values()) <= {"acked", "in_doubt"}
    assert {item for item, state in after.items() if state == "acked"} <= set(stored(log))
    assert set(range(1, COUNT + 1)) - set(stored(log)) <= {i for i, state in after.items() if state == "in_doubt"}


@pytest.mark.parametrize(
    ("call", "number", "times"),
    [("fsync", 1, 0), ("fsync", 5, 0), ("fsync", 9, 1), ("fsync", 10, 0), ("fsync", 12, 1), ("fsync", 15, 0),
     ("write", 1, 0), ("write", 20, 1), ("write", 40, 0), ("write", 60, 1), ("write", 75, 0), ("write", 90, 1)],
)  # fmt: skip
def test_when_the_disk_fails_at_any_call_nothing_is_lost(
    tmp_path: Path, shim: Path, call: str, number: int, times: int
) -> None:
    log = tmp_path / "stored"
    ended = child(
        tmp_path / "incident", log, LD_PRELOAD=str(shim), DISK_CALL=call, DISK_FROM=str(number),
        DISK_ERROR=str(errno.EIO), DISK_TIMES=str(times),
    )  # fmt: skip

    assert ended["error"] in {"StorageError", "none"}
    if ended["error"] == "none":  # a call beyond the last, or one whose error changes nothing
        assert sorted(stored(log)) == list(range(1, COUNT + 1))
    check_nothing_lost(tmp_path / "incident", log)


def test_the_run_does_meet_the_failure(tmp_path: Path, shim: Path) -> None:
    """The twelfth sync is one of a request's: some events arrived, and the run stops by name before the rest."""
    log = tmp_path / "stored"
    ended = child(
        tmp_path / "incident", log, LD_PRELOAD=str(shim), DISK_CALL="fsync", DISK_FROM="12",
        DISK_ERROR=str(errno.EIO), DISK_TIMES="0",
    )  # fmt: skip

    assert ended["error"] == "StorageError"
    assert "could not be written" in ended["problem"]
    assert 0 < len(stored(log)) < COUNT
    check_nothing_lost(tmp_path / "incident", log)


@pytest.mark.parametrize("limit", [60_000, 110_000, 180_000])
def test_a_file_that_may_not_grow_stops_the_run(tmp_path: Path, limit: int) -> None:
    log = tmp_path / "stored"
    ended = child(tmp_path / "incident", log, limit)

    assert ended["error"] in {"StorageError", "none"}
    check_nothing_lost(tmp_path / "incident", log)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("filled", [400, 750, 850, 950])
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, small_disk: Path, filled: int) -> None:
    """Once there is room again, the same command goes on."""
    log = tmp_path / "stored"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (filled << 10))
    ended = child(small_disk / "incident", log)
    ballast.unlink()

    assert ended["error"] in {"StorageError", "none"}
    if ended["error"] == "StorageError" and (small_disk / "incident" / "republish").exists():
        assert "disk is full" in ended["problem"] or "could not be written" in ended["problem"]
    check_nothing_lost(small_disk / "incident", log)


def test_a_full_disk_is_met_before_all_is_sent(tmp_path: Path, small_disk: Path) -> None:
    """Otherwise the tests above would show nothing."""
    (small_disk / "ballast").write_bytes(b"x" * (800 << 10))
    log = tmp_path / "stored"

    assert child(small_disk / "incident", log)["error"] == "StorageError"
    assert len(stored(log)) < COUNT


def _main() -> None:
    from dlqkit.errors import DlqkitError

    directory, log, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    if limit:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    out = {"error": "none", "problem": ""}
    try:
        with open_journal(directory) as journal:
            send_all(journal, Stored(log), make_plan(COUNT))
    except DlqkitError as error:
        out = {"error": type(error).__name__, "problem": error.problem}
    sys.stdout.write(json.dumps(out))


if __name__ == "__main__":
    _main()
