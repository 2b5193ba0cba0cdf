"""A real standalone Spark cluster on loopback: a master and workers as processes, for the tests marked ``spark``.

``python -m tests.engines.cluster COMMAND …`` starts one, runs the command with its address in ``DLQKIT_SPARK_URL``, and
stops it; the exit code is the command's. Without pyspark or Java it says so, which fails with ``DLQKIT_REQUIRE_REAL=1``
alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cluster", "ClusterError", "NotInstalled", "connect_server", "java_version", "spark_cluster"]

LOOPBACK = "127.0.0.1"
START_S, STOP_S = 90.0, 20.0
NEEDED_JAVA = 17
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"


class ClusterError(RuntimeError):
    """The cluster did not start."""


class NotInstalled(ClusterError):
    """Spark cannot be had here."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    url: str
    """``spark://127.0.0.1:PORT``."""
    page: str
    """Address of the master's own page, with ``/json/``."""
    master: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]
    logs: Path

    def kill_worker(self, number: int) -> None:
        """End a worker and its executors at once, as a machine that fails does."""
        _signal_group(self.workers[number], signal.SIGKILL)
        self.workers[number].wait(STOP_S)

    def kill(self) -> None:
        """End the master and every worker at once, as a room without power does."""
        for process in (self.master, *self.workers):
            _signal_group(process, signal.SIGKILL)
        for process in (self.master, *self.workers):
            process.wait(STOP_S)

    def process_groups(self) -> set[int]:
        """Of the master, and of each worker with its executors."""
        return {process.pid for process in (self.master, *self.workers)}

    def status(self) -> dict[str, Any]:
        """What the master says of itself: its workers and applications."""
        # No proxy: the page is on loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.page}/json/", timeout=5) as answer:
            status: dict[str, Any] = json.load(answer)
        return status

    def count_alive(self) -> int:
        """How many workers are registered and alive."""
        return sum(worker["state"] == "ALIVE" for worker in self.status()["workers"])


def java_version() -> int | None:
    """The major version of the Java that Spark would take, or None where there is none."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if program is None:
        return None
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else None


def spark_class() -> str:
    """PyPI's Spark has no ``start-master.sh``; its ``bin/spark-class`` starts every part of it.

    Raises
    ------
    NotInstalled
        If pyspark or a Java that fits it is not there.
    """
    try:
        import pyspark
    except ImportError as error:
        raise NotInstalled(
            "pyspark is not installed here; run make test-spark, which has its own environment"
        ) from error
    java = java_version()
    if java is None or java < NEEDED_JAVA:
        raise NotInstalled(f"Spark needs Java {NEEDED_JAVA} or newer and found {java or 'none'}")
    return str(Path(pyspark.__file__).parent / "bin" / "spark-class")


@contextmanager
def spark_cluster(folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "1g") -> Iterator[Cluster]:
    """A cluster whose workers are registered; stopped at the end with all that it started.

    Parameters
    ----------
    folder : Path
        Gets the logs and what workers write.
    workers, cores, memory
        How many workers, and what each of them gives to applications.
    """
    program, started = spark_class(), []
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Port 0 is a free one, which the log then names: a port that was looked for before may be taken by then.
        master = _start(program, folder / "master.log", _MASTER, "--host", LOOPBACK, "--port", "0", "--webui-port", "0")
        started.append(master)
        url = _wait_for(r"Starting Spark master at (spark://\S+)", master, folder / "master.log")
        page = _wait_for(r"MasterWebUI.* started at (http://\S+)", master, folder / "master.log")
        for number in range(workers):
            started.append(
                _start(program, folder / f"worker-{number}.log", _WORKER, "--host", LOOPBACK, "--port", "0",
                       "--webui-port", "0", "--cores", str(cores), "--memory", memory,
                       "--work-dir", str(folder / f"work-{number}"), url)
            )  # fmt: skip
        cluster = Cluster(url, page, master, tuple(started[1:]), folder)
        _wait_until_registered(cluster)
        yield cluster
    finally:
        for process in reversed(started):
            _stop(process)


@contextmanager
def connect_server(folder: Path) -> Iterator[str]:
    """A Spark Connect server of two threads on loopback, by its address; stopped at the end.

    Raises
    ------
    NotInstalled
        If pyspark or a Java that fits it is not there.
    """
    program = spark_class()
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "spark.connect.grpc.binding.address": LOOPBACK,
        "spark.connect.grpc.binding.port": "0",
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.host": LOOPBACK,
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    settings = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    log = folder / "connect.log"
    server = _start(
        program, log, _SUBMIT, "--class", _CONNECT, "--master", "local[2]", *settings, "spark-internal",
        memory="1g",
    )  # fmt: skip
    try:
        yield "sc://" + _wait_for(r"Spark Connect server started at: \S*?(127\.0\.0\.1:[1-9][0-9]*)", server, log)
    finally:
        _stop(server)


def _start(program: str, log: Path, *arguments: str, memory: str = "256m") -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    # The pages of master and workers listen where this says, and everywhere without it.
    environment |= {"SPARK_LOCAL_IP": LOOPBACK, "SPARK_PUBLIC_DNS": LOOPBACK, "SPARK_DAEMON_MEMORY": memory}
    # Nobody submits here, and its port would be 6066 for every cluster of a machine.
    environment["SPARK_MASTER_OPTS"] = "-Dspark.master.rest.enabled=false"
    with log.open("wb") as file:
        return subprocess.Popen(
            [program, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            # A group of its own, so that executors end with their worker.
            start_new_session=True,
        )  # fmt: skip


def _wait_for(pattern: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace")
        if found := re.search(pattern, said):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise ClusterError(f"{log.stem} did not start; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")


def _wait_until_registered(cluster: Cluster) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if cluster.count_alive() == len(cluster.workers):
            return
        for number, worker in enumerate(cluster.workers):
            if worker.poll() is not None:
                said = (cluster.logs / f"worker-{number}.log").read_text(errors="replace")
                raise ClusterError(f"worker {number} ended; the end of its log:\n{said[-2000:]}")
        time.sleep(0.1)
    raise ClusterError(f"{cluster.count_alive()} of {len(cluster.workers)} workers registered within {START_S:.0f} s")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    # Executors that outlive their worker are of the same group.
    _signal_group(process, signal.SIGKILL)
    process.wait(STOP_S)


def main(command: list[str]) -> int:
    """Run a command beside a cluster; its exit code."""
    # Or what was started would outlive a make that is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="dlqkit-spark-") as scratch:
        try:
            with spark_cluster(Path(scratch)) as cluster:
                print(f"A Spark cluster of {len(cluster.workers)} workers: {cluster.url}", flush=True)  # noqa: T201
                return subprocess.run(
                    command, env={**os.environ, "DLQKIT_SPARK_URL": cluster.url}, check=False
                ).returncode
        except NotInstalled as error:
            required = os.environ.get("DLQKIT_REQUIRE_REAL") == "1"
            print(f"{'Failed' if required else 'Skipped'}: {error}", file=sys.stderr)  # noqa: T201
            return int(required)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
