"""The simulated platform keeps the runbook, and its truth is the truth of what it serves."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dlqkit.simulator.dialect import PAGINATIONS
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
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_is_the_same_platform(scenario: str) -> None:
    now = time.time()
    first, second = (Platform(seed=5, scenario=scenario, events=2000, now=now).attempts for _ in range(2))

    assert np.array_equal(first.ended, second.ended)
    assert np.array_equal(first.error, second.error)


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
    with urllib.request.urlopen(f"{server.url}/worker-1/metrics", timeout=10) as answer:
        page = answer.read().decode()
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
