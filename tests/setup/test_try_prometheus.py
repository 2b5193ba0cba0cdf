"""What is seen of a Prometheus, over real sockets; the simulator's, one of a few values, and a real one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.settings import Settings
from dlqkit.setup.checks import Check, Tried
from dlqkit.setup.try_page import try_metrics_page
from dlqkit.setup.try_prometheus import try_prometheus
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from tests import platform as known
from tests.real import free_port, prometheus
from tests.setup.servers import KEY, Answer, serve
from tests.sources.certificate import make_certificate

DAY_S = 86_400


def checks_of(tried: Tried, subject: str) -> list[Check]:
    return [check for check in tried.checks if check.subject == subject]


def server(series: Mapping[str, Mapping[str, str]], *, since_s: float = 20 * DAY_S, is_scraped: bool = True) -> Answer:
    """A server with a series of each name, scraped since so long ago; it says nothing of itself."""

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/api/v1/label/__name__/values":
            return _success(sorted(series))
        if path == "/api/v1/query":
            wanted = re.findall(r"worker\w+|jobs\w+", query["query"])
            rows = [{"metric": {"__name__": name, **labels}, "value": [1, "3"]} for name, labels in series.items()
                    if name in wanted]  # fmt: skip
            return _success({"resultType": "vector", "result": rows if is_scraped else []})
        if path == "/api/v1/query_range":
            start, end, step = (float(query[name]) for name in ("start", "end", "step"))
            now = time.time()
            steps = [start + step * n for n in range(int((end - start) // step) + 1)]
            values = [[at, "1"] for at in steps if now - since_s <= at <= now]
            rows = [{"metric": {"__name__": query["query"]}, "values": values}] if values else []
            return _success({"resultType": "matrix", "result": rows})
        return 404, {"status": "error", "errorType": "not_found", "error": "no such page"}

    return answer


def _success(data: Any) -> tuple[int, Any]:
    return 200, {"status": "success", "data": data}


def settings(url: str, **more: Any) -> Settings:
    return Settings.model_validate({"prometheus": {"url": url, **more}})


LABELS = {"workflow_id": "wf", "instance": "w1"}
USUAL = dict.fromkeys(
    ("worker_dlq_total", "worker_success_total", "worker_failure_total", "worker_action_duration_seconds"), LABELS
)


def test_a_server_that_says_nothing_of_itself_is_tried_by_its_samples() -> None:
    """As services do that only speak the query language: labels, kind and the oldest sample are seen all the same."""
    with serve(server(USUAL)) as (url, _):
        tried = try_prometheus(settings(url))

    assert tried.works
    assert checks_of(tried, "access")[0].said == "It answers."
    assert tried.seen["labels"]["worker_dlq_total"] == ["instance", "workflow_id"]
    assert "worker_action_duration_seconds (gauge): 1 series, 1 workflow; by" in checks_of(tried, "labels")[3].said
    (retention,) = checks_of(tried, "retention")
    assert retention.said.startswith("The oldest sample of the worker is of ")
    assert retention.said.endswith(" 19 days ago.") or retention.said.endswith(" 20 days ago.")
    assert tried.seen["retention"] is None


def test_samples_of_a_few_hours_are_a_note() -> None:
    """What an incident needs is collected soon, or lost."""
    with serve(server(USUAL, since_s=5.5 * 3600)) as (url, _):
        (check,) = checks_of(try_prometheus(settings(url)), "retention")

    assert check.state == "note"
    assert "ago" in check.said
    assert check.said.split(", ")[-1].startswith(("4 h", "5 h"))


def test_metrics_of_other_names_are_proposed_and_then_found() -> None:
    """One name each is alike, so that it can be taken; the network's failures are not."""
    jobs = {name.replace("worker_", "jobs_"): labels for name, labels in USUAL.items()}
    with serve(server({**jobs, "net_conntrack_dialer_conn_failed_total": {}})) as (url, _):
        tried = try_prometheus(settings(url))
        mended = try_prometheus(settings(url, **tried.proposed))

    assert tried.proposed["metrics"] == {
        "dlq": "jobs_dlq_total", "success": "jobs_success_total", "failure": "jobs_failure_total",
        "duration": "jobs_action_duration_seconds",
    }  # fmt: skip
    assert [check.state for check in checks_of(tried, "metrics")] == ["fails"] * 4
    assert 'prometheus.metrics = { dlq = "jobs_dlq_total" }' in checks_of(tried, "metrics")[0].next_step
    assert mended.works


def test_where_several_names_are_alike_none_is_taken() -> None:
    with serve(server({"a_dlq_total": {}, "b_dlq_total": {}})) as (url, _):
        tried = try_prometheus(settings(url))

    assert tried.proposed == {}
    assert "alike: a_dlq_total, b_dlq_total" in checks_of(tried, "metrics")[0].said


def test_a_native_histogram_is_seen_by_its_series() -> None:
    """Its samples are no numbers, so that a query for values has none of them."""
    usual = server(USUAL)

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/api/v1/series" and query["match[]"] == "worker_action_duration_seconds":
            return _success(
                [{"__name__": query["match[]"], **LABELS}, {"__name__": query["match[]"], "workflow_id": "b"}]
            )
        status, value = usual(path, query)
        if path == "/api/v1/query":
            rows = value["data"]["result"]
            value["data"]["result"] = [one for one in rows if "duration" not in one["metric"]["__name__"]]
        return status, value

    with serve(answer) as (url, _):
        tried = try_prometheus(settings(url))

    said = checks_of(tried, "labels")[3].said
    assert said.startswith("worker_action_duration_seconds (native histogram): 2 series, 2 workflows; by instance")


def test_a_counter_that_has_counted_nothing_yet_is_no_fault() -> None:
    """Most clients export a labelled counter with its first count."""
    young = {name: labels for name, labels in USUAL.items() if name != "worker_dlq_total"}
    with serve(server(young)) as (url, _):
        tried = try_prometheus(settings(url))
        named = try_prometheus(settings(url, metrics={"dlq": "my_dlq_total"}))

    assert tried.works
    assert "first dead letter" in checks_of(tried, "metrics")[1].said
    assert not named.works


def test_a_dead_letter_counter_without_workflows_fails() -> None:
    """The runbook's first signal is by workflow."""
    with serve(server({**USUAL, "worker_dlq_total": {"instance": "w1"}})) as (url, _):
        tried = try_prometheus(settings(url))

    check = checks_of(tried, "labels")[0]
    assert check.state == "fails"
    assert "no label workflow_id (instance)" in check.said


def test_a_worker_that_is_not_scraped_now_fails() -> None:
    with serve(server(USUAL, is_scraped=False)) as (url, _):
        (check,) = checks_of(try_prometheus(settings(url)), "samples")

    assert (check.state, "not scraped now" in check.said) == ("fails", True)


def test_a_server_whose_clock_is_behind_is_told() -> None:
    with serve(server(USUAL), ahead=timedelta(minutes=-3)) as (url, _):
        (check,) = checks_of(try_prometheus(settings(url)), "clock")

    assert (check.state, "behind this machine's" in check.said) == ("fails", True)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"not found", "There is nothing at"),
        (200, b"<html><title>Log in</title></html>", "a web page (“Log in”)"),
        (200, b'{"version": 1}', "JSON that is none of Prometheus"),
        (200, b"", "an empty answer"),
    ],
)
def test_a_wrong_address_is_told_by_what_stands_there(status: int, body: bytes, said: str) -> None:
    with serve(lambda path, query: (status, body)) as (url, _):
        tried = try_prometheus(settings(url))

    (check,) = checks_of(tried, "access")
    assert (check.state, said in check.said, bool(check.next_step)) == ("fails", True, True)


def test_refused_connection_missing_token_and_unknown_authority_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own next step."""
    _, context = make_certificate(tmp_path)
    monkeypatch.setenv("TOKEN", KEY)
    closed = try_prometheus(settings(f"http://127.0.0.1:{free_port()}"))
    with serve(server(USUAL), key=f"Bearer {KEY}") as (url, _):
        without = try_prometheus(settings(url))
        with_token = try_prometheus(settings(url, auth={"bearer": {"env": "TOKEN"}}))
    with serve(server(USUAL), tls=context) as (url, _):
        unknown = try_prometheus(settings(url))

    assert "connection refused" in checks_of(closed, "access")[0].said
    assert without.is_refused
    assert with_token.works
    assert "ca_file" in checks_of(unknown, "access")[0].next_step


@pytest.fixture(scope="module")
def simulated() -> Iterator[Server]:
    one = Server(Platform(seed=3, scenario="infrastructure", events=5000))
    one.start()
    yield one
    one.stop()


def test_the_simulator_shows_retention_kind_and_version(simulated: Server) -> None:
    """Seed 3 exports durations as a summary, for 15 days by its own word, and a day by its samples."""
    tried = try_prometheus(settings(f"{simulated.url}/prometheus"))

    assert tried.works
    assert tried.seen["version"] == "2.42.0"
    assert "(summary)" in checks_of(tried, "labels")[3].said
    assert checks_of(tried, "retention")[0].said.startswith("It keeps 15d; the oldest sample")


def test_a_page_of_a_worker_that_has_just_started_is_a_note_and_one_of_other_names_fails() -> None:
    """Most clients show a labelled counter with its first count."""
    with serve(lambda path, query: (200, b"process_start_time_seconds 1\n")) as (url, _):
        young = try_metrics_page(Settings(), url)
    with serve(lambda path, query: (200, b"jobs_dlq_total 1\n")) as (url, _):
        other = try_metrics_page(Settings(), url)

    assert [check.state for check in checks_of(young, "metrics")] == ["note"] * 4
    assert [check.state for check in checks_of(other, "metrics")] == ["fails", "note", "note", "note"]


def test_a_workers_page_shows_its_metrics_and_a_wrong_address_what_stands_there(simulated: Server) -> None:
    page = try_metrics_page(Settings(), f"{simulated.url}/worker-1/metrics")
    with serve(lambda path, query: (200, b"<html></html>")) as (url, _):
        login = try_metrics_page(Settings(), url)

    assert page.works
    assert page.seen["metrics"]["dlq"] == ("worker_dlq_total",)
    assert "not metrics" in checks_of(login, "access")[0].said


@pytest.mark.real
def test_a_real_prometheus_says_its_version_and_its_oldest_sample(tmp_path: Path) -> None:
    """Six hours of samples that end now: labels are there, and the oldest is found to the hour."""
    platform = known.make_platform()
    with prometheus(platform.openmetrics, tmp_path) as url:
        tried = try_prometheus(settings(url))

    assert re.fullmatch(r"[23]\.[0-9]+\..*", tried.seen["version"])
    assert set(tried.seen["metrics"]) == {"dlq", "success", "failure", "duration"}
    assert "histogram" in checks_of(tried, "labels")[3].said
    (retention,) = checks_of(tried, "retention")
    assert retention.state == "note"
    assert retention.said.endswith((" 5 h ago.", " 6 h ago.")) or re.search(r"[56] h [0-9]+ min ago\.$", retention.said)
