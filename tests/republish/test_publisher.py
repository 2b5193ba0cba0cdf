"""What the publisher sends to Pub/Sub, and what each answer of the service means; over real sockets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish import sending
from dlqkit.republish.journal import open_journal
from dlqkit.republish.limits import MAX_REQUEST_BYTES, check_message
from dlqkit.republish.plan import Target
from dlqkit.republish.publisher import Publisher, connect_channel, connect_sink
from dlqkit.republish.sending import Message, SendError
from dlqkit.simulator.pubsub import PubSub
from tests.real import free_port
from tests.republish.plans import ATTRIBUTE, TOPIC, make_plan, send_all, states

DEFINITE = {"topic_missing": "NOT_FOUND", "permission_denied": "PERMISSION_DENIED",
            "unauthenticated": "UNAUTHENTICATED"}  # fmt: skip
DOUBTFUL = {"unavailable": "UNAVAILABLE", "exhausted": "RESOURCE_EXHAUSTED", "internal": "INTERNAL",
            "ack_lost": "UNAVAILABLE"}  # fmt: skip


@pytest.fixture
def pubsub() -> Iterator[PubSub]:
    served = PubSub([TOPIC])
    served.start()
    yield served
    served.stop()


@pytest.fixture
def publisher(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{pubsub.port}")
    made = connect_sink(Target("pubsub", TOPIC, ATTRIBUTE), deadline_s=1.0)
    assert isinstance(made, Publisher)
    yield made
    made.close()


def message(item: int, data: bytes = b"{}", key: str = "", **attributes: str) -> Message:
    return Message(item, data, attributes, key, f"dedupe-{item}")


def test_the_bytes_attributes_and_key_arrive_as_they_are(pubsub: PubSub, publisher: Publisher) -> None:
    sent = [
        Message(1, b'{"a":  1.10}', {"tenant": "ä", "topic": "odd", "data": "x"}, "k", ""),
        message(2, b"\x00", "k"),
    ]

    ids = publisher.send(sent)

    stored = pubsub.published()
    assert [one["message_id"] for one in stored] == ids
    assert [one["sha256"] for one in stored] == [hashlib.sha256(one.data).hexdigest() for one in sent]
    assert stored[0]["attributes"] == {"tenant": "ä", "topic": "odd", "data": "x"}
    assert [one["ordering_key"] for one in stored] == ["k", "k"]


@pytest.mark.parametrize("kind", sorted({*DEFINITE, *DOUBTFUL}))
def test_an_error_is_asked_once_and_says_whether_it_is_sure(pubsub: PubSub, publisher: Publisher, kind: str) -> None:
    """The stock client repeats the doubtful ones by itself, which stores copies."""
    pubsub.faults.add(kind, times=5)

    with pytest.raises(SendError) as failed:
        publisher.send([message(1)])

    assert failed.value.code == {**DEFINITE, **DOUBTFUL}[kind]
    assert failed.value.is_definite is (kind in DEFINITE)
    assert pubsub.faults.requests == 1
    assert len(pubsub.published()) == (1 if kind == "ack_lost" else 0)


@pytest.mark.parametrize("kind", ["slow_answer", "slow"])
def test_an_answer_after_the_deadline_is_doubtful(pubsub: PubSub, publisher: Publisher, kind: str) -> None:
    pubsub.faults.add(kind, seconds=10)
    began = time.monotonic()

    with pytest.raises(SendError) as failed:
        publisher.send([message(1)])

    assert (failed.value.code, failed.value.is_definite) == ("DEADLINE_EXCEEDED", False)
    assert 0.9 <= time.monotonic() - began < 5


def test_where_nobody_listens_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    channel, _ = connect_channel()
    publisher = Publisher(TOPIC, channel, connect_s=0.3)

    with pytest.raises(SendError) as failed:
        publisher.send([message(1)])
    publisher.close()

    assert (failed.value.code, failed.value.is_definite) == ("UNREACHABLE", True)


def test_an_error_holds_nothing_of_the_payload(pubsub: PubSub, publisher: Publisher) -> None:
    pubsub.faults.add("bad_message", text="4111")

    with pytest.raises(SendError) as failed:
        publisher.send([message(1, b'{"card": "4111"}')])

    assert failed.value.code == "INVALID_ARGUMENT"
    assert "4111" not in f"{failed.value} {failed.value.args} {failed.value.__cause__}"


def test_an_endpoint_that_is_no_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in ("https://europe-west1-pubsub.googleapis.com", "user@host", " "):
        with pytest.raises(ParameterError, match="endpoint"):
            connect_channel(odd, environ={})


def test_without_credentials_nothing_is_sent_and_the_analyst_hears_how_to_log_in(tmp_path: Path) -> None:
    import google.auth

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        assert google.auth is not None
        with pytest.raises(ParameterError, match="no credentials"):
            connect_channel(environ={})


def test_what_the_service_refuses_is_found_before(pubsub: PubSub, publisher: Publisher) -> None:
    """At each limit the service and our check agree: just within is taken, just beyond is not."""
    many = {f"a{number}": "x" for number in range(100)}
    cases = [
        (message(1, b"", **{}), False),
        (message(1, b"", a="1"), True),
        (Message(1, b"{}", many, "", ""), True),
        (Message(1, b"{}", {**many, "b": "x"}, "", ""), False),
        (Message(1, b"{}", {"k" * 256: "v"}, "", ""), True),
        (Message(1, b"{}", {"k" * 257: "v"}, "", ""), False),
        (Message(1, b"{}", {"a": "v" * 1024}, "", ""), True),
        (Message(1, b"{}", {"a": "ä" * 513}, "", ""), False),
        (Message(1, b"{}", {"googclient_x": "v"}, "", ""), False),
        (Message(1, b"{}", {"": "v"}, "", ""), False),
        (message(1, key="k" * 1024), True),
        (message(1, key="k" * 1025), False),
        (message(1, b"x" * (MAX_REQUEST_BYTES - 400)), True),
        (message(1, b"x" * (MAX_REQUEST_BYTES + 1)), False),
    ]
    for one, is_taken in cases:
        assert (check_message(one) is None) is is_taken, check_message(one)
        if is_taken:
            assert len(publisher.send([one])) == 1
        else:
            with pytest.raises(SendError):
                publisher.send([one])


def test_half_a_character_is_found_before() -> None:
    assert "half a character" in str(check_message(Message(1, b"{}", {"a": "\ud800"}, "", "")))
    assert "half a character" in str(check_message(Message(1, b"{}", {}, "\udfff", "")))


def test_a_whole_plan_arrives_once_in_spite_of_every_fault(
    pubsub: PubSub, publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is acknowledged is stored, what is stored is acknowledged or in doubt, and nothing is stored twice."""
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)
    monkeypatch.setattr(sending, "MAX_BAD_ANSWERS", 99)
    for kind in ("ack_lost", "unavailable", "exhausted", "fewer_ids", "internal"):
        pubsub.faults.add(kind, skip=1)
    pubsub.faults.add("bad_message", text='"order": 57,', times=0)
    plan = make_plan(60)
    publisher.max_messages = 5
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, publisher, plan)
        known = journal.events("plan-001").set_index("dedupe_key")["state"].astype("str").to_dict()
        assert states(journal, plan)[56] == "failed"
    stored = [one["attributes"][ATTRIBUTE] for one in pubsub.published()]

    assert len(stored) == len(set(stored))
    assert {key for key, state in known.items() if state == "acked"} <= set(stored)
    assert {known[key] for key in stored} == {"acked", "in_doubt"}
    assert (sent.failed, sent.acked + sent.in_doubt) == (1, 59)
