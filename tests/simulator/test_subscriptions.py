"""The simulated subscriptions behave to Google's client as the service's documents say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf import duration_pb2, field_mask_pb2

from tests.pubsub import NAME, OTHER_TOPIC, TOPIC, Service, serving

SECOND = "projects/tests/subscriptions/second"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as served:
        yield served


def let_go(service: Service, received: list[Any], name: str = NAME) -> None:
    request = {"subscription": name, "ack_ids": [one.ack_id for one in received], "ack_deadline_seconds": 0}
    service.subscriber.modify_ack_deadline(request=request, retry=None)


def test_a_leased_message_is_nobody_elses_until_it_is_let_go(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"one"}])

    held = service.pull()
    assert [one.message.data for one in held] == [b"one"]
    assert service.pull() == []
    let_go(service, held)
    assert [one.message.data for one in service.pull()] == [b"one"]


def test_a_lease_runs_out_by_itself(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"one"}])
    held = service.pull()
    request = {"subscription": NAME, "ack_ids": [held[0].ack_id], "ack_deadline_seconds": 1}
    service.subscriber.modify_ack_deadline(request=request, retry=None)

    assert service.pull() == []
    assert 0.3 < service.wait_until_free(1, 5) < 2
    assert len(service.pull()) == 1


def test_a_message_that_is_delivered_too_often_goes_to_the_dead_letters_with_its_source(service: Service) -> None:
    """Attributes and key stay; the copy tells how often, from where, and when the first was published."""
    policy = {"dead_letter_topic": OTHER_TOPIC, "max_delivery_attempts": 5}
    service.subscribe(dead_letter_policy=policy)
    service.subscribe(SECOND, OTHER_TOPIC)
    service.publish([{"data": b"one", "attributes": {"tenant": "acme"}, "ordering_key": "c-1"}])
    attempts = []
    for _ in range(5):
        held = service.pull()
        attempts += [one.delivery_attempt for one in held]
        let_go(service, held)

    assert attempts == [1, 2, 3, 4, 5]
    assert service.pull() == []
    (forwarded,) = [one.message for one in service.pull(SECOND)]
    assert (forwarded.data, forwarded.ordering_key, forwarded.attributes["tenant"]) == (b"one", "c-1", "acme")
    assert forwarded.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert forwarded.attributes["CloudPubSubDeadLetterSourceSubscription"] == "dead-letters"
    assert forwarded.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == "tests"
    assert forwarded.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"].endswith("Z")


def test_a_key_waits_for_the_acknowledgement_of_its_earlier_message_and_others_do_not(service: Service) -> None:
    service.subscribe(enable_message_ordering=True)
    service.publish([{"data": f"{key}{n}".encode(), "ordering_key": key} for n in (1, 2) for key in "ab"])

    first = service.pull()
    assert sorted(one.message.data for one in first) == [b"a1", b"b1"]
    assert service.pull() == []
    service.subscriber.acknowledge(request={"subscription": NAME, "ack_ids": [first[0].ack_id]}, retry=None)
    assert [one.message.data for one in service.pull()] == [first[0].message.data[:1] + b"2"]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"ack_deadline_seconds": 9}, exceptions.InvalidArgument),
        ({"ack_deadline_seconds": 601}, exceptions.InvalidArgument),
        ({"expiration_policy": {"ttl": duration_pb2.Duration(seconds=3600)}}, exceptions.InvalidArgument),
        ({"dead_letter_policy": {"dead_letter_topic": "projects/tests/topics/none"}}, exceptions.NotFound),
        ({"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}}, exceptions.InvalidArgument),
        ({"topic": "projects/tests/topics/none"}, exceptions.NotFound),
    ],
)
def test_what_the_service_does_not_take_is_refused(service: Service, how: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        service.subscribe(**how)


def test_seek_is_refused_and_deadlines_have_their_limits(service: Service) -> None:
    service.subscribe()
    service.publish([{"data": b"one"}])
    (held,) = service.pull()

    with pytest.raises(exceptions.PermissionDenied):
        service.subscriber.seek(request={"subscription": NAME}, retry=None)
    for seconds in (-1, 601):
        request = {"subscription": NAME, "ack_ids": [held.ack_id], "ack_deadline_seconds": seconds}
        with pytest.raises(exceptions.InvalidArgument):
            service.subscriber.modify_ack_deadline(request=request, retry=None)
    with pytest.raises(exceptions.InvalidArgument):
        service.subscriber.pull(request={"subscription": NAME, "max_messages": 0}, retry=None)


def test_where_delivery_is_exactly_once_an_old_lease_cannot_acknowledge(service: Service) -> None:
    """Elsewhere the acknowledgement of an old lease still counts, as the service does its best."""
    service.subscribe(enable_exactly_once_delivery=True)
    service.subscribe(SECOND)
    service.publish([{"data": b"one"}])
    for name in (NAME, SECOND):
        held = service.pull(name)
        let_go(service, held, name)
        request = {"subscription": name, "ack_ids": [held[0].ack_id]}
        if name == NAME:
            with pytest.raises(exceptions.InvalidArgument):
                service.subscriber.acknowledge(request=request, retry=None)
        else:
            service.subscriber.acknowledge(request=request, retry=None)

    assert len(service.pull(NAME)) == 1
    assert service.pull(SECOND) == []


def test_a_subscription_can_be_changed_and_is_listed_by_its_topic(service: Service) -> None:
    service.subscribe()
    mask = field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"])
    changed = service.subscriber.update_subscription(
        request={"subscription": {"name": NAME, "ack_deadline_seconds": 60}, "update_mask": mask}, retry=None
    )
    listed = list(service.publisher.list_topic_subscriptions(request={"topic": TOPIC}, retry=None))

    assert (changed.topic, changed.ack_deadline_seconds) == (TOPIC, 60)
    assert changed.expiration_policy.ttl.days == 31
    assert listed == [NAME]
    mask = field_mask_pb2.FieldMask(paths=["topic"])
    with pytest.raises(exceptions.InvalidArgument):
        service.subscriber.update_subscription(
            request={"subscription": {"name": NAME, "topic": OTHER_TOPIC}, "update_mask": mask}, retry=None
        )


def test_a_stingy_subscription_gives_everything_in_the_end(service: Service) -> None:
    """Few messages or none in an answer say nothing of how many there are."""
    service.subscribe()
    service.server.subscriptions.known[NAME].stinginess = 1.0
    service.publish([{"data": str(n).encode()} for n in range(300)])
    answers, deadline = [], time.monotonic() + 10
    while sum(answers) < 300 and time.monotonic() < deadline:
        answers.append(len(service.pull()))

    assert sum(answers) == 300
    assert len(answers) > 1
