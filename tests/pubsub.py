"""A Pub/Sub on loopback with one dead-letter topic, and what Google's own client does with it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from dlqkit.simulator.pubsub import PubSub

TOPIC = "projects/tests/topics/dead-letters"
OTHER_TOPIC = "projects/tests/topics/other"
NAME = "projects/tests/subscriptions/dead-letters"


@dataclass
class Service:
    """The server, and two clients of Google's."""

    server: PubSub
    publisher: Any
    subscriber: Any

    def subscribe(self, name: str = NAME, topic: str = TOPIC, **how: Any) -> None:
        request = {"name": name, "topic": topic, "ack_deadline_seconds": 10, **how}
        self.subscriber.create_subscription(request=request, retry=None)
        # An empty answer need not take as long as the service's own.
        self.server.subscriptions.known[name].patience_s = 0.1

    def publish(self, messages: Sequence[dict[str, Any]], topic: str = TOPIC) -> list[str]:
        ids: list[str] = []
        # The service takes one ordering key a request.
        for _, alike in itertools.groupby(messages, key=lambda one: one.get("ordering_key", "")):
            own = [types.PubsubMessage(**one) for one in alike]
            for begin in range(0, len(own), 500):
                request = {"topic": topic, "messages": own[begin : begin + 500]}
                ids += self.publisher.publish(request=request, retry=None).message_ids
        return ids

    def pull(self, name: str = NAME, most: int = 1000) -> list[Any]:
        request = {"subscription": name, "max_messages": most}
        try:
            return list(self.subscriber.pull(request=request, retry=None, timeout=2).received_messages)
        except DeadlineExceeded:
            return []

    def drain(self, name: str = NAME) -> list[Any]:
        """Everything that another subscriber gets at once, acknowledged as it comes."""
        out: list[Any] = []
        while some := self.pull(name):
            out += some
            request = {"subscription": name, "ack_ids": [one.ack_id for one in some]}
            self.subscriber.acknowledge(request=request, retry=None)
        return out

    def wait_until_free(self, count: int, seconds: float, name: str = NAME) -> float:
        """How long it takes until so many messages can be leased by anybody."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            waiting = self.server.subscriptions.known[name].waiting.values()
            if sum(one.leased_until <= time.monotonic() for one in waiting) >= count:
                break
            time.sleep(0.05)
        return time.monotonic() - begun


@contextmanager
def serving() -> Iterator[Service]:
    """The service, and the environment in which every client finds it."""
    import grpc

    server = PubSub([TOPIC, OTHER_TOPIC])
    server.start()
    host = f"127.0.0.1:{server.port}"
    options = [("grpc.max_receive_message_length", -1)]
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(host, options)))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(host, options)))
    try:
        with pytest.MonkeyPatch.context() as patch, publisher, subscriber:
            patch.setenv("PUBSUB_EMULATOR_HOST", host)
            yield Service(server, publisher, subscriber)
    finally:
        server.stop()
