"""A dead-letter subscription is read and nothing of it is lost: not by reading, not by a kill, not by a fault."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2
from google.pubsub_v1 import types

from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.settings import DeadLetterSubscriptionSettings
from dlqkit.sources import message_leases
from dlqkit.sources.dead_letter_subscription import DeadLetterSubscription
from dlqkit.sources.masking import Masks
from dlqkit.sources.message_decode import MessageReader
from dlqkit.sources.message_leases import Reading
from dlqkit.sources.subscription_client import SubscriptionClient
from tests.pubsub import NAME, OTHER_TOPIC, Service, serving


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as served:
        yield served


def source(pull_timeout_s: float = 2.0, **settings: Any) -> DeadLetterSubscription:
    return DeadLetterSubscription(
        NAME, settings=DeadLetterSubscriptionSettings(**settings), pull_timeout_s=pull_timeout_s
    )


def fail(service: Service, *codes: grpc.StatusCode | None, method: str = "Pull", done: bool = False) -> None:
    """The next calls of a method end so, one after the other; None lets one pass."""
    left = list(codes)

    def on_call(name: str, is_done: bool) -> grpc.StatusCode | None:
        return left.pop(0) if left and (name, is_done) == (method, done) else None

    service.server.subscriptions.on_call = on_call


def test_two_thousand_messages_are_read_once_each_and_all_are_there_for_another_subscriber(service: Service) -> None:
    """However few messages an answer brings; nothing is acknowledged, nothing sought."""
    service.subscribe()
    service.server.subscriptions.known[NAME].stinginess = 0.3
    ids = service.publish([{"data": json.dumps({"n": n}).encode(), "attributes": {"trace_id": f"t{n}"}}
                           for n in range(2000)])  # fmt: skip

    loaded = source().load()

    assert sorted(loaded.frame["message_id"]) == sorted(ids)
    assert loaded.coverage.completeness == "complete"
    assert set(loaded.frame["trace_id"]) == {f"t{n}" for n in range(2000)}
    assert "trace_id is read from attributes.trace_id of 2,000 messages." in loaded.coverage.findings
    assert service.server.subscriptions.calls["Acknowledge"] == 0
    assert service.server.subscriptions.calls["Seek"] == 0
    service.server.subscriptions.known[NAME].stinginess = 0.0
    assert sorted(one.message.message_id for one in service.drain()) == sorted(ids)


def test_everything_of_a_message_is_kept_whatever_a_client_wrote_into_it(service: Service) -> None:
    hostile = {"ansi": "\x1b[31mred", "html": "<script>alert(1)</script>", "formula": "=1+1", "long": "x" * 1024,
               "line": "a\nb", "name with space": "ü"}  # fmt: skip
    service.subscribe()
    service.publish([{"data": b"\xff\xfe", "attributes": hostile, "ordering_key": "k\x1b[1m"},
                     {"data": b"", "attributes": {"a": "b"}}, {"data": b"\x00" * 3}])  # fmt: skip

    frame = source().load().frame

    assert json.loads(frame["attributes_json"][0]) == hostile
    assert frame["ordering_key"].tolist() == ["k\x1b[1m", "", ""]
    assert frame["payload_text"].isna().tolist() == [True, False, False]
    assert frame["payload_text"].tolist()[1:] == ["", "\x00\x00\x00"]


def test_a_name_that_each_message_writes_in_another_way_does_not_fill_the_coverage(service: Service) -> None:
    names = ["traceid", "trace-id", "trace_id", "TraceId", "TRACE_ID"]
    service.subscribe()
    service.publish([{"data": b"{}", "attributes": {name: "t"}} for name in (*names, "trace_id")])

    told = [sentence for sentence in source().load().coverage.findings if sentence.startswith("trace_id")]

    assert told[0] == "trace_id is read from attributes.trace_id of 2 messages."
    assert told[1].endswith("of 1 message.")
    assert told[3:] == ["trace_id is read from 2 further places."]


@pytest.mark.parametrize("is_held", [False, True])
def test_a_subscription_that_gives_nothing_is_not_called_complete(service: Service, is_held: bool) -> None:
    """It is empty, or a reading that was killed a moment ago holds all of it: the two look alike."""
    service.subscribe()
    if is_held:
        service.publish([{"data": b"one"}])
        with SubscriptionClient(NAME, endpoint=None) as killed:
            assert len(killed.pull(10, 5.0) or ()) == 1
    loaded = source().load()

    assert len(loaded.frame) == 0
    assert loaded.coverage.completeness == "unverified"
    assert "one that was killed does so for 30 s" in loaded.coverage.missing[0]
    assert any("no end mark" in sentence for sentence in loaded.coverage.findings)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [({"max_messages": 30}, "30 messages"), ({"max_bytes": 3000}, "3,000 bytes"), ({"deadline_s": 0.2}, "0.2 s")],
)
def test_a_budget_ends_the_reading_and_the_number_is_at_least(
    service: Service, settings: dict[str, Any], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.subscribe()
    service.publish([{"data": b"x" * 1000} for _ in range(100)])
    monkeypatch.setattr("dlqkit.sources.dead_letter_subscription.PULL_MESSAGES", 10)
    if "deadline_s" in settings:
        service.server.subscriptions.on_call = lambda *_: time.sleep(0.05)

    loaded = source(**settings).load()

    assert 0 < len(loaded.frame) < 100
    assert loaded.coverage.completeness == "partial"
    assert loaded.coverage.details["at_least"] is True
    assert loaded.coverage.missing == (f"Reading stopped at its limit of {limit}; there may be more.",)
    service.server.subscriptions.on_call = None
    assert len(service.drain()) == 100


def test_a_subscription_that_counts_deliveries_is_refused_before_a_message_is_leased(service: Service) -> None:
    """Four readings of an unguarded reader would have sent its messages to the next dead-letter topic."""
    policy = {"dead_letter_topic": OTHER_TOPIC, "max_delivery_attempts": 5}
    service.subscribe(dead_letter_policy=policy)
    service.publish([{"data": b"one"}])

    for _ in range(10):
        with pytest.raises(SourceError, match="each reading counts as one of its 5 deliveries"):
            source().load()

    assert service.server.subscriptions.calls["Pull"] == 0
    (held,) = service.pull()
    assert held.delivery_attempt == 1


def test_a_push_subscription_is_refused(service: Service) -> None:
    service.subscribe(push_config={"push_endpoint": "https://example.com/push"})

    with pytest.raises(SourceError, match="hands its messages elsewhere"):
        source().load()


def test_settings_that_cannot_be_read_are_a_refusal_that_names_the_permission(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"one"}])
    fail(service, grpc.StatusCode.PERMISSION_DENIED, method="GetSubscription")

    with pytest.raises(AccessDenied, match=r"pubsub\.subscriptions\.get is missing"):
        source().load()
    assert service.server.subscriptions.calls["Pull"] == 0


def test_a_pull_that_is_refused_names_the_permission(service: Service) -> None:
    service.subscribe()
    fail(service, grpc.StatusCode.PERMISSION_DENIED)

    with pytest.raises(AccessDenied, match=r"pubsub\.subscriptions\.consume is missing"):
        source().load()


def test_a_subscription_that_does_not_exist_is_named(service: Service) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"{NAME} does not exist"):
        source().load()


@pytest.mark.parametrize("done", [False, True])
def test_a_fault_that_passes_is_counted_and_loses_nothing(service: Service, done: bool) -> None:
    """Also when the answer was lost after the messages were leased: they come back when that lease runs out."""
    service.subscribe()
    ids = service.publish([{"data": str(n).encode()} for n in range(20)])
    fail(service, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, done=done)

    loaded = source().load()

    assert loaded.coverage.details["failed_requests"] == 2
    assert any("2 of" in sentence and "requests failed" in sentence for sentence in loaded.coverage.findings)
    assert len(loaded.frame) == (0 if done else 20)
    assert loaded.coverage.completeness == "unverified"
    assert "comes back after 10 s" in loaded.coverage.missing[0]
    service.wait_until_free(20, 12)
    assert sorted(one.message.message_id for one in service.drain()) == sorted(ids)


def test_a_fault_that_stays_gives_what_came_and_lets_it_go(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.subscribe()
    service.publish([{"data": str(n).encode()} for n in range(20)])
    monkeypatch.setattr("dlqkit.sources.dead_letter_subscription.PULL_MESSAGES", 10)
    fail(service, None, *[grpc.StatusCode.UNAVAILABLE] * 9)

    loaded = source().load()

    assert len(loaded.frame) == 10
    assert loaded.coverage.completeness == "partial"
    assert loaded.coverage.missing[0].startswith("Reading broke off: ")
    service.server.subscriptions.on_call = None
    assert len(service.drain()) == 20


def test_no_answer_at_all_is_an_error_and_no_default_retry_hides_it(service: Service) -> None:
    """Google's client would repeat it for a minute."""
    service.subscribe()
    fail(service, *[grpc.StatusCode.UNAVAILABLE] * 99)
    begun = time.monotonic()

    with pytest.raises(SourceUnavailable, match="gave no answer"):
        source().load()

    assert service.server.subscriptions.calls["Pull"] == message_leases.FAILURES_IN_A_ROW
    assert time.monotonic() - begun < 5


def test_requests_that_are_never_answered_in_time_leave_it_unverified(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"one"}])
    service.server.subscriptions.on_call = lambda name, done: (
        time.sleep(0.6) if (name, done) == ("Pull", False) else None
    )

    loaded = source(pull_timeout_s=0.3).load()

    assert loaded.coverage.completeness == "unverified"
    assert loaded.coverage.missing == ("No request was answered within 0.3 s: there is nothing, or it is slow.",)
    service.server.subscriptions.on_call = None


def test_a_long_reading_keeps_its_leases_and_sees_each_message_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases of one second, a reading of three: they are extended as long as it goes on."""
    monkeypatch.setattr(message_leases, "LEASE_S", 1)
    monkeypatch.setattr(message_leases, "EXTEND_EVERY_S", 0.3)
    monkeypatch.setattr(message_leases, "QUIET_PULLS", 15)
    monkeypatch.setattr("dlqkit.sources.dead_letter_subscription.QUIET_PULLS", 15)
    service.subscribe()
    service.publish([{"data": str(n).encode()} for n in range(50)])
    service.server.subscriptions.known[NAME].patience_s = 0.2

    loaded = source().load()

    assert loaded.coverage.details["held_s"] > 2.5
    assert len(loaded.frame) == 50
    waiting = service.server.subscriptions.known[NAME].waiting.values()
    assert {one.attempts for one in waiting} == {1}


def test_leases_that_run_out_bring_the_message_again_and_it_is_one_row(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_leases, "LEASE_S", 0)
    service.subscribe()
    service.publish([{"data": str(n).encode()} for n in range(5)])

    loaded = source().load()

    assert sorted(loaded.frame["payload_text"]) == list("01234")
    assert len(service.drain()) == 5


def test_what_cannot_be_let_go_is_said_and_is_free_when_its_lease_runs_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_leases, "LEASE_S", 3)
    service.subscribe()
    service.publish([{"data": b"one"}])
    fail(service, None, *[grpc.StatusCode.UNAVAILABLE] * 9, method="ModifyAckDeadline")

    loaded = source().load()

    assert len(loaded.frame) == 1
    assert "1 could not be let go; they are free when their leases run out, in 3 s." in loaded.coverage.findings
    assert service.wait_until_free(1, 6) < 4
    service.server.subscriptions.on_call = None
    assert len(service.drain()) == 1


def test_a_reading_that_is_told_to_stop_lets_go_at_once(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": str(n).encode()} for n in range(50)])
    stop = threading.Event()

    loaded = source().load(on_page=lambda _: stop.set(), stop=stop)

    assert loaded.coverage.completeness == "partial"
    assert loaded.coverage.missing == ("Reading was interrupted; there may be more.",)
    assert len(service.drain()) == 50


def test_a_page_that_cannot_be_kept_ends_the_reading_and_lets_go(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": str(n).encode()} for n in range(50)])

    def full(_: object) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        source().load(on_page=full)
    assert len(service.drain()) == 50


def test_a_killed_reading_loses_nothing_and_leaves_leases_of_half_a_minute_at_most(service: Service) -> None:
    """kill -9 while everything is held: the leases run out, and another subscriber gets every message."""
    service.subscribe(ack_deadline_seconds=600)
    ids = service.publish([{"data": str(n).encode()} for n in range(200)])
    code = f"""
import sys, time
from dlqkit.sources.dead_letter_subscription import DeadLetterSubscription
def wait(page):
    print("held", flush=True)
    time.sleep(60)
DeadLetterSubscription({NAME!r}).load(on_page=wait)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    waiting = service.server.subscriptions.known[NAME].waiting
    left_s = max(one.leased_until for one in waiting.values()) - time.monotonic()

    assert 0 < left_s <= message_leases.LEASE_S
    for one in waiting.values():
        one.leased_until -= message_leases.LEASE_S
    assert sorted(one.message.message_id for one in service.drain()) == sorted(ids)


def test_where_keys_are_kept_in_order_what_stands_behind_is_missing_and_the_order_stays(service: Service) -> None:
    service.subscribe(enable_message_ordering=True)
    service.publish([{"data": f"{key}{n}".encode(), "ordering_key": key} for n in range(5) for key in "ab"])

    loaded = source().load()

    assert sorted(loaded.frame["payload_text"]) == ["a0", "b0"]
    assert loaded.coverage.completeness == "partial"
    assert "order of keys" in loaded.coverage.missing[0]
    order = [one.message.data.decode() for one in service.drain()]
    assert [one for one in order if one[0] == "a"] == ["a0", "a1", "a2", "a3", "a4"]
    assert [one for one in order if one[0] == "b"] == ["b0", "b1", "b2", "b3", "b4"]


def test_what_an_analyst_should_know_of_the_subscription_is_said(service: Service) -> None:
    service.subscribe(
        enable_exactly_once_delivery=True,
        filter='attributes.tenant = "acme"',
        retry_policy={"minimum_backoff": duration_pb2.Duration(seconds=20)},
    )
    service.publish([{"data": b"one"}])

    findings = " ".join(source().load().coverage.findings)

    assert "exactly once" in findings
    assert "It has a filter" in findings
    assert "another 20 s" in findings
    assert len(service.drain()) == 1


def test_messages_larger_than_what_grpc_takes_by_default_are_read(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"x" * 6_000_000}])
    service.publish([{"data": b"y" * 6_000_000}])

    loaded = source().load()

    assert sorted(text[0] for text in loaded.frame["payload_text"]) == ["x", "y"]
    assert len(service.drain()) == 2


@pytest.mark.parametrize("name", ["", "dead-letters", "projects/p/topics/t", "projects/p/subscriptions/", "a\nb"])
def test_what_is_no_name_of_a_subscription_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="no name of a subscription"):
        DeadLetterSubscription(name)


@pytest.mark.parametrize("endpoint", ["https://pubsub.googleapis.com", "host:port", "host/path", ""])
def test_an_endpoint_is_a_host_and_a_port(endpoint: str) -> None:
    with pytest.raises(ParameterError, match=r"dead_letter_subscription\.endpoint"):
        source(endpoint=endpoint)


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Nothing is asked anywhere: the named file is not there."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(AccessDenied, match="no credentials for Pub/Sub") as refused:
        source().load()
    assert "gcloud auth application-default login" in refused.value.next_step


def test_a_message_that_an_answer_holds_twice_is_one_message() -> None:
    """A subscription delivers at least once, in one answer too."""

    class Client:
        def set_deadline(self, ack_ids: list[str], seconds: int) -> int:
            return 0

    def received(ack_id: str) -> Any:
        message = types.PubsubMessage(data=b"{}", message_id="7", attributes={"a": "b"})
        return types.ReceivedMessage(ack_id=ack_id, message=message)

    reading = Reading(MessageReader({}, Masks([])), None, threading.Event())

    assert reading.take(Client(), [received("first"), received("second")]) == 1  # type: ignore[arg-type]
    assert len(reading.rows) == 1
    assert reading.ack_ids == {"7": "second"}
