"""The live world: what the sources say now; what fails is said and never raised."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.live import LiveWorld, connect_world
from dlqkit.settings import Settings
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.prometheus import Prometheus


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    served = Server(Platform(seed=7, events=20_000, pagination="none"))
    served.start()
    yield served
    served.stop()


def settings_of(server: Server, **more: object) -> Settings:
    own = {"execution_logs": {"url": f"{server.url}/execution-logs", "api_key": {"env": "KEY"}},
           "prometheus": {"url": f"{server.url}/prometheus"}, **more}  # fmt: skip
    return Settings.model_validate(own)


def test_it_reads_records_and_counters_of_now(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", server.api_key)
    world = connect_world(settings_of(server))
    workflow = server.platform.workflows[0].workflow_id
    since = world.now() - timedelta(minutes=5)
    records, samples = world.records(workflow, since), world.samples(workflow, since)

    assert set(records.frame["workflow_id"]) == {workflow}
    assert (records.frame["recorded_at"] >= since).all()
    assert samples is not None
    assert set(samples.frame["metric"]) == {"worker_dlq_total", "worker_failure_total", "worker_success_total"}
    assert samples.frame["workflow_id"].nunique() > 1


def test_where_the_list_is_cut_a_trace_is_asked_for_by_itself(server: Server) -> None:
    """The API gives the newest 100 records and no way to go on; the oldest dead letter is not among them."""
    platform = server.platform
    event = platform.dead_events()[0]
    workflow = platform.workflows[int(platform.workflow_of[event])].workflow_id
    world = LiveWorld(ExecutionLogs(f"{server.url}/execution-logs", server.api_key), None)
    since = datetime.fromtimestamp(platform.start, UTC)
    trace = platform.trace_id(event)

    assert trace not in set(world.records(workflow, since).frame["trace_id"])
    assert trace in set(world.records(workflow, since, (trace,)).frame["trace_id"])


def test_a_source_that_fails_is_partial_and_says_why() -> None:
    gone = {"retry_budget_s": 0.1}
    world = LiveWorld(ExecutionLogs("http://127.0.0.1:9/x", "k", **gone), Prometheus("http://127.0.0.1:9", **gone))
    records = world.records("wf", datetime.now(UTC) - timedelta(minutes=1))
    samples = world.samples("wf", datetime.now(UTC) - timedelta(minutes=1))

    assert samples is not None
    for loaded in (records, samples):
        assert loaded.frame.empty and loaded.coverage.completeness == "partial" and loaded.coverage.missing


def test_without_prometheus_there_are_no_samples_and_without_the_api_no_world() -> None:
    assert LiveWorld(ExecutionLogs("http://127.0.0.1:9/x"), None).samples("wf", datetime.now(UTC)) is None
    with pytest.raises(ParameterError, match="Execution Logs"):
        connect_world(Settings())


def test_a_wait_ends_when_the_run_is_to_stop() -> None:
    stopped = threading.Event()
    stopped.set()
    begun = time.monotonic()
    LiveWorld(ExecutionLogs("http://127.0.0.1:9/x"), None, stopped=stopped).wait(30)

    assert time.monotonic() - begun < 1
