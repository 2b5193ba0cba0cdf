"""A lake on a real Spark cluster of this machine, one worker of which fails half-way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlqkit.simulator.lake.write import write_lake
from tests.engines.cluster import Cluster, NotInstalled, java_version, spark_cluster

ROOT = Path(__file__).parents[2]
JOB = Path(__file__).with_name("lake_job.py")
END_S = 1_772_452_800.0  # 2026-03-02T12:00Z
FILES, ANSWER_S, PATIENCE_S = 16, 300, 10
LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Story:
    """What was seen of a cluster before, while and after one of its workers was killed."""

    truth: dict[str, Any]
    before: dict[str, Any]
    addresses: list[str]
    half_way: int
    answer: list[dict[str, Any]]
    after: dict[str, Any]
    left: set[int]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A driver asks two workers of 16 files; when some are read, the first worker and its executor are killed."""
    folder = tmp_path_factory.mktemp("cluster")
    truth = write_lake(folder / "lake", records=32_000, seed=7, end_s=END_S, rows_per_file=32_000 // FILES)
    with cluster_or_skip(folder) as cluster:
        told = _ask_and_kill(cluster, folder / "lake" / "records", folder / "driver.log")
        groups = cluster.process_groups()
    yield Story(truth=truth, left=processes_of(groups), **told)


@contextmanager
def cluster_or_skip(folder: Path) -> Iterator[Cluster]:
    """A cluster of two workers, where Spark can be had."""
    try:
        with spark_cluster(folder) as cluster:
            yield cluster
    except NotInstalled as error:
        if os.environ.get("DLQKIT_REQUIRE_REAL") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextmanager
def asking_driver(cluster: Cluster, lake: Path, log: Path, patience_s: int) -> Iterator[subprocess.Popen[str]]:
    """A driver that asks the cluster, ended at the end."""
    with log.open("w") as errors, subprocess.Popen(
        [sys.executable, str(JOB), cluster.url, str(lake), str(patience_s)],
        stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as driver:  # fmt: skip
        try:
            yield driver
        finally:
            driver.kill()


def read_half_way(driver: subprocess.Popen[str], log: Path) -> int:
    """How many tasks were done when the driver said that it is half-way."""
    assert driver.stdout is not None
    first = driver.stdout.readline()
    assert "half_way" in first, log.read_text()[-3000:]
    return int(json.loads(first)["half_way"])


def _ask_and_kill(cluster: Cluster, lake: Path, log: Path) -> dict[str, Any]:
    with asking_driver(cluster, lake, log, ANSWER_S) as driver:
        half_way = read_half_way(driver, log)
        before = cluster.status()
        addresses = listening_addresses(processes_of(cluster.process_groups()) | {driver.pid})
        cluster.kill_worker(0)
        said, _ = driver.communicate(timeout=ANSWER_S)
        after = cluster.status()
    assert driver.returncode == 0, log.read_text()[-3000:]
    answer = json.loads(said)["answer"]
    return {"before": before, "addresses": addresses, "half_way": half_way, "answer": answer, "after": after}


def processes_of(groups: set[int]) -> set[int]:
    """Every process of these groups."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold anything: state, parent, group.
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) in groups and state != "Z":
            found.add(int(path.parent.name))
    return found


def listening_addresses(processes: set[int]) -> list[str]:
    """The addresses, without ports, that these processes and their own children accept connections on."""
    sockets = set()
    for process in processes | {child for one in processes for child in children_of(one)}:
        for path in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(str(path.readlink()))
            except OSError:
                continue
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            local, state, inode = (row.split()[number] for number in (1, 3, 9))
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                found.append(local.partition(":")[0])
    return found


def children_of(process: int) -> set[int]:
    """The processes that this one started, and those that they started."""
    try:
        own = {int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()}
    except OSError:
        return set()
    return own | {further for one in own for further in children_of(one)}


@pytest.mark.spark
def test_both_workers_are_at_work_before_one_fails(story: Story) -> None:
    """A cluster of one worker would show nothing of what a cluster does."""
    workers = story.before["workers"]

    assert [worker["state"] for worker in workers] == ["ALIVE", "ALIVE"]
    assert [worker["coresused"] for worker in workers] == [1, 1]


@pytest.mark.spark
def test_no_part_of_the_cluster_listens_beyond_loopback(story: Story) -> None:
    """Whoever can reach a master's port can run code there."""
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}

    # Master, two workers, two executors and the driver, with a page for each of the first three.
    assert len(story.addresses) >= 9
    assert set(story.addresses) <= loopback


@pytest.mark.spark
def test_a_worker_that_fails_half_way_changes_no_count(story: Story) -> None:
    """What it had read is read again by the other, once; times are UTC although the session's zone is not."""
    expected = {
        one["workflow_id"]: {name: one[name] for name in ("records", "dead_letters", "dead_events")}
        for one in story.truth["workflows"]
    }
    first_at = [row.pop("first_at") for row in story.answer]

    assert 5 <= story.half_way < FILES
    assert sorted(worker["state"] for worker in story.after["workers"]) == ["ALIVE", "DEAD"]
    assert {row.pop("workflow_id"): row for row in story.answer} == expected
    assert min(first_at) + "+00:00" == story.truth["first_record_at"]


@pytest.mark.spark
def test_nothing_of_the_cluster_is_left_running(story: Story) -> None:
    """Executors end with their worker, also with one that was killed."""
    assert story.left == set()


@pytest.mark.spark
def test_a_cluster_that_goes_away_is_an_error_and_not_an_endless_wait(tmp_path: Path) -> None:
    """Spark itself waits for its master as long as there is a night; the analyst is told after some seconds."""
    write_lake(tmp_path / "lake", records=32_000, seed=7, end_s=END_S, rows_per_file=32_000 // FILES)
    log = tmp_path / "driver.log"

    with (
        cluster_or_skip(tmp_path) as cluster,
        asking_driver(cluster, tmp_path / "lake" / "records", log, PATIENCE_S) as driver,
    ):
        assert read_half_way(driver, log) < FILES
        cluster.kill()
        killed_at = time.monotonic()
        said, _ = driver.communicate(timeout=ANSWER_S)

    assert driver.returncode == 0, log.read_text()[-3000:]
    assert json.loads(said)["error"] == (
        "Spark has run no task for 10 s: its workers are gone, or others keep them busy.\n"
        "Next: Look at the page of the cluster's master, then ask again; or choose another engine."
    )
    assert time.monotonic() - killed_at > PATIENCE_S


@pytest.mark.parametrize(("required", "word", "code"), [("0", "Skipped: ", 0), ("1", "Failed: ", 1)])
def test_without_spark_it_says_so_and_fails_only_where_real_parts_are_required(
    required: str, word: str, code: int, tmp_path: Path
) -> None:
    """An analyst without Java can still run everything else."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engines.cluster", "echo", "the command ran"],
        env={**os.environ, "JAVA_HOME": str(tmp_path), "DLQKIT_REQUIRE_REAL": required},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == code
    assert done.stderr.startswith(word)
    assert "the command ran" not in done.stdout


@pytest.mark.parametrize(("said", "version"), [("17.0.15", 17), ("25", 25), ("1.8.0_392", 1)])
def test_the_version_of_java_is_read_as_it_says_it(
    said: str, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Java 8 calls itself 1.8, which is too old like every other before 17."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{said}\" 2025-04-15' >&2\n")
    program.chmod(0o700)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert java_version() == version
