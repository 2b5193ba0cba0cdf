"""The simulated platform keeps the runbook, and its truth is the truth of what it serves."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from dlqkit.simulator.dialect import PAGINATIONS
from dlqkit.simulator.execution_logs_api import answer
from dlqkit.simulator.platform import SCENARIOS, Platform
from dlqkit.simulator.server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    served = Server(Platform(seed=7, events=4000, pagination="cursor"))
    served.start()
    yield served
    served.stop()


def get(server: Server, path: str, key: str | None = None) -> Any:
    request = urllib.request.Request(server.url + path, headers={"X-API-Key": key or server.api_key})
    with urllib.request.urlopen(request, timeout=10) as answered:
        return json.loads(answered.read())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_is_the_same_platform(scenario: str) -> None:
    now = time.time()
    first, second = (Platform(seed=5, scenario=scenario, events=2000, now=now).attempts for _ in range(2))

    assert np.array_equal(first.ended, second.ended)
    assert np.array_equal(first.error, second.error)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_is_the_same_platform_at_any_hour(scenario: str) -> None:
    """By night as in the afternoon: no incident is left without its events because of when it is looked at."""
    hours = [datetime(2026, 11, 27, 2, 50, tzinfo=UTC), datetime(2026, 11, 27, 15, 20, tzinfo=UTC)]
    night, day = (Platform(seed=7, scenario=scenario, events=2000, now=hour.timestamp()) for hour in hours)

    assert np.array_equal(night.attempts.event, day.attempts.event)
    assert np.array_equal(night.attempts.error, day.attempts.error)
    assert np.array_equal(night.attempts.dead, day.attempts.dead)
    assert np.allclose(night.attempts.ended - night.now, day.attempts.ended - day.now, rtol=0, atol=0.001)


def test_most_events_arrive_in_the_hours_of_the_incident_or_when_it_is_said() -> None:
    """Of 24 hours' worth the 4 around the peak have 4 + 0.6 · 24 / π · sin 30° = 6.29, those around the least 1.71."""
    now = datetime(2026, 11, 27, 2, tzinfo=UTC).timestamp()
    around_peak = Platform(seed=7, events=24_000, now=now).arrived
    around_least = Platform(seed=7, events=24_000, now=now, busiest=now + 10 * 3600).arrived

    lately = [int(((came > now - 4 * 3600) & (came <= now)).sum()) for came in (around_peak, around_least)]
    assert lately == [pytest.approx(6292, abs=300), pytest.approx(1708, abs=200)]


def test_the_clock_of_a_platform_goes_on_from_its_own_time() -> None:
    """A platform of last year has seen nothing of this one, and its API answers of its own present."""
    past = time.time() - 365 * 86_400
    platform = Platform(seed=5, events=2000, now=past)

    assert 0 <= platform.clock() - past < 60
    ended = [datetime.fromisoformat(row["at"]).timestamp() for row in platform.truth()["losses"]]
    assert ended
    assert max(abs(at - past) for at in ended) < 86_400


def test_no_attempt_exceeds_max_attempts_and_only_retryable_ones_reach_it() -> None:
    """Runbook: a failed action is retried up to MAX_ATTEMPTS, then the event is a dead letter."""
    platform = Platform(seed=5, events=5000)
    rows = platform.attempts

    assert rows.number.max() == platform.max_attempts
    assert not (rows.dead & ~rows.failed).any()
    assert rows.dead[rows.failed & (rows.number == platform.max_attempts)].all()
    # An event dies once.
    assert len(np.unique(rows.event[rows.dead])) == rows.dead.sum()


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [("infrastructure", "infrastructure"), ("business", "business"), ("timeout", "timeout"), ("mixed", "mixed"),
     ("silence", None), ("quiet", None)],
)  # fmt: skip
def test_the_truth_names_what_was_made_to_happen(scenario: str, expected: str | None) -> None:
    truth = Platform(seed=5, scenario=scenario, events=10_000).truth()

    assert truth["failure_class"] == expected
    assert (truth["affected_events"] or 0) >= 20 if expected else truth["affected_events"] is None


def test_a_fix_ends_the_incident_and_republished_events_succeed() -> None:
    platform = Platform(seed=5, scenario="timeout", events=10_000)
    before = set(platform.dead_events())

    platform.heal()
    sent = platform.republish_affected()
    time.sleep(1.2)

    assert sent >= len(before) > 0
    # What was under way when the cause was removed may still die; nothing that was sent again does.
    assert not before & set(platform.dead_events())
    assert platform.truth()["going_on"] is False


def test_a_silent_worker_that_is_back_takes_what_the_subscription_kept() -> None:
    """Nothing is attempted from the beginning of the silence to its end; then each event that waited, 20 a second."""
    platform = Platform(seed=5, scenario="silence", events=10_000)
    begins = platform.fault.begins
    assert platform.attempts.begun.max() < begins + 60

    platform.heal(platform.now)
    rows, waited = platform.attempts, (platform.arrived > begins) & (platform.arrived < platform.now - 1)
    first = rows.number == 1

    assert not ((rows.begun > begins + 60) & (rows.begun < platform.now)).any()
    assert waited.sum() > 100 and np.isin(np.flatnonzero(waited), rows.event[first]).all()
    kept = np.sort(rows.begun[first & np.isin(rows.event, np.flatnonzero(waited))])
    assert np.allclose(np.diff(kept), 0.05)


def test_a_wrong_key_is_refused(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(server, "/execution-logs", key="wrong")

    assert refused.value.code == 401
    refused.value.close()


def test_records_have_the_runbooks_fields_and_filters_combine(server: Server) -> None:
    workflow_id = server.platform.workflows[0].workflow_id
    answer = get(server, f"/execution-logs?workflow_id={workflow_id}&queued_to_dlq=true&limit=5")
    rows = answer[server.platform.dialect.wrapper]

    fields = {
        "status",
        "retryable",
        "queued_to_dlq",
        "attempts",
        "last_error",
        "payload_snapshot",
        "action_duration_ms",
    }
    assert rows
    assert all(fields <= set(row) for row in rows)
    assert {(row["workflow_id"], row["queued_to_dlq"]) for row in rows} == {(workflow_id, True)}


def test_the_page_of_a_worker_and_its_last_scrape_agree(server: Server) -> None:
    """The page is newer than the scrape, never behind it."""
    with urllib.request.urlopen(f"{server.url}/worker-1/metrics", timeout=10) as answered:
        page = answered.read().decode()
    values = {
        line.split(" ")[0]: float(line.split(" ")[1]) for line in page.splitlines() if line.startswith("worker_succ")
    }
    scraped = get(server, "/prometheus/api/v1/query?query=worker_success_total%7Binstance%3D%22worker-1%3A8000%22%7D")

    assert values
    for one in scraped["data"]["result"]:
        own = values[f'worker_success_total{{workflow_id="{one["metric"]["workflow_id"]}"}}']
        assert own >= float(one["value"][1])


@pytest.mark.parametrize("query", ["worker_dlq_total%5B5x%5D", "rate(worker_dlq_total%5B5m%5D)", "%7B"])
def test_a_query_that_cannot_be_answered_is_refused_as_prometheus_does(server: Server, query: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(server, f"/prometheus/api/v1/query?query={query}")

    assert json.loads(refused.value.read())["status"] == "error"
    assert refused.value.code in {400, 422}


def test_seeds_draw_every_pagination() -> None:
    drawn = {Platform(seed=seed, scenario="quiet", events=1000).dialect.pagination for seed in range(40)}

    assert drawn == set(PAGINATIONS)


def test_the_stock_client_publishes_and_the_worker_consumes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead event that is sent to its topic is run again by the simulated worker; a subscription sees the message."""
    from google.cloud import pubsub_v1

    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.pubsub.port}")
    platform = server.platform
    platform.heal()
    event = platform.dead_events()[0]
    topic = platform.workflows[0].topic
    with pubsub_v1.SubscriberClient() as subscriber:
        name = "projects/simulated-project/subscriptions/seen"
        subscriber.create_subscription(name=name, topic=topic, ack_deadline_seconds=10)
        publisher = pubsub_v1.PublisherClient()
        try:
            publisher.publish(topic, json.dumps(platform.payload_of(event)).encode(), by="a test").result(timeout=10)
        finally:
            publisher.stop()
            publisher.transport.close()
        pulled = subscriber.pull(subscription=name, max_messages=5, timeout=10).received_messages
        subscriber.acknowledge(subscription=name, ack_ids=[one.ack_id for one in pulled])

    assert [one.message.attributes["by"] for one in pulled] == ["a test"]
    time.sleep(1.2)
    assert event not in platform.dead_events()


def test_the_truth_tells_of_each_dead_letter_what_the_api_says_of_it() -> None:
    """Trace, text, attempts and client of a dead letter are in the truth as in its record."""
    # In the afternoon; at night there are too few.
    platform = Platform(seed=3, scenario="timeout", events=3000, now=datetime(2026, 3, 2, 15, tzinfo=UTC).timestamp())
    query = {"workflow_id": platform.workflows[0].workflow_id, "queued_to_dlq": "true", "limit": "100"}
    status, _, value = answer(platform, query, "http://127.0.0.1/execution-logs")
    records = value if isinstance(value, list) else value[platform.dialect.wrapper]
    truth = platform.truth()
    told = {(one["trace_id"], one["text"], one["attempts"], one["client"]) for one in truth["losses"]}

    assert status == 200
    assert platform.dialect.newest_first
    assert len(records) >= 50
    # The truth looks back some hours, the API to the platform's beginning.
    for record in records[:50]:
        error = record["last_error"]
        text = error["message"] if isinstance(error, dict) else error
        assert (record["trace_id"], text, record["attempts"], record["client_id"]) in told
    assert {one["attempts"] for one in truth["losses"] if one["kind"] == "deadline"} == {truth["max_attempts"]}


def test_a_database_that_several_workflows_share_fails_them_alike() -> None:
    """The busiest workflows lose events to one outage, by the same errors; at least one workflow is left alone."""
    platform = Platform(seed=1, scenario="shared", events=8000)
    truth = platform.truth()
    hit = {truth["workflow_id"], *truth["also_hit"]}
    since = truth["cause_at"]
    kinds = {
        name: {one["kind"] for one in truth["losses"] if one["workflow_id"] == name and one["at"] >= since}
        for name in hit
    }

    assert len(hit) == 3
    assert hit < {one.workflow_id for one in platform.workflows}
    assert all(kinds[name] >= {"connection_refused", "no_route"} for name in hit)
    assert truth["end_at"] is not None


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_clients_report_events_that_were_done_that_are_dead_and_that_never_arrived(scenario: str) -> None:
    """What never arrived is in no record of any worker; what is dead or done has its record, and it says so."""
    platform = Platform(seed=2, scenario=scenario, events=8000)
    reports = platform.truth()["reports"]
    traces: dict[str, set[str]] = {}
    keys: dict[str, set[str]] = {}
    rows = platform.attempts
    for row in np.flatnonzero(rows.ended <= time.time()):
        event = int(rows.event[row])
        outcome = "dead" if rows.dead[row] else "failed" if rows.failed[row] else "succeeded"
        workflow = platform.workflows[int(platform.workflow_of[event])]
        traces.setdefault(platform.trace_id(event), set()).add(outcome)
        keys.setdefault(workflow.shape.key_of(event), set()).add(outcome)

    assert {one["fate"] for one in reports} >= {"succeeded", "never arrived"}
    for one in reports:
        found = traces.get(one["trace_id"]) if one["trace_id"] else keys.get(one["business_key"])
        assert (found is None) == (one["fate"] == "never arrived")
        assert found is None or one["fate"] in found


def test_the_list_of_reports_tells_nothing_of_the_fates(server: Server) -> None:
    """The CSV that support hands over has times, traces and business keys."""
    with urllib.request.urlopen(f"{server.url}/control/reports", timeout=10) as answered:
        lines = answered.read().decode().splitlines()

    assert lines[0] == "reported_at,trace_id,business_key"
    assert len(lines) >= 10
    assert not any("arrived" in line or "dead" in line.split(",")[0] for line in lines)
