"""Pub/Sub in process: the real messages over generic handlers, so that the stock client works on it unchanged."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2, timestamp_pb2
from google.pubsub_v1 import types

from dlqkit.simulator.faults import PublishFaults
from dlqkit.simulator.leases import Waiting as _Waiting
from dlqkit.simulator.publish_limits import MAXIMUM_BYTES, find_refusal
from dlqkit.simulator.subscriptions import Subscriptions
from dlqkit.simulator.subscriptions import unary as _unary

__all__ = ["PubSub"]

OnMessages = Callable[[str, list[tuple[bytes, Mapping[str, str]]]], None]


class PubSub:
    """Topics and subscriptions of one process; ``on_messages`` gets what is published to a topic.

    Parameters
    ----------
    topics : sequence of str
        Full names of topics that exist from the start.
    on_messages : callable, optional
        Called with the topic, and data and attributes of each message, of every published batch.
    """

    def __init__(self, topics: list[str], on_messages: OnMessages | None = None) -> None:
        self._topics = set(topics)
        self._on_messages = on_messages
        self.faults = PublishFaults()
        self._published: list[tuple[str, Any]] = []
        self._lock = threading.Condition()
        self.subscriptions = Subscriptions(self._lock, self._topics)
        self._subscriptions = self.subscriptions.known
        self._count = 0
        # gRPC's own limit of 4 MB would refuse what the service takes.
        options = [("grpc.max_receive_message_length", MAXIMUM_BYTES + (1 << 20))]
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
        self._server.add_generic_rpc_handlers((self._publisher(), self.subscriptions.handler()))
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def start(self) -> None:
        """Serve until ``stop``."""
        self._server.start()

    def stop(self) -> None:
        """End every call and the server."""
        self.subscriptions.stop()
        self._server.stop(0.2).wait(2)

    # --- handlers

    def _publisher(self) -> Any:
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": _unary(self._create_topic, types.Topic, types.Topic),
                "GetTopic": _unary(self._get_topic, types.GetTopicRequest, types.Topic),
                "ListTopics": _unary(self._list_topics, types.ListTopicsRequest, types.ListTopicsResponse),
                "ListTopicSubscriptions": _unary(
                    self.subscriptions.list_of_topic,
                    types.ListTopicSubscriptionsRequest,
                    types.ListTopicSubscriptionsResponse,
                ),
                "DeleteTopic": _unary(self._delete_topic, types.DeleteTopicRequest, None),
                "Publish": _unary(self._publish, types.PublishRequest, types.PublishResponse),
            },
        )

    # --- topics

    def _create_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            if request.name in self._topics:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "Topic already exists")
            self._topics.add(request.name)
        return request

    def _get_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need_topic(request.topic, context)
        return types.Topic.pb()(name=request.topic)

    def _list_topics(self, request: Any, _: grpc.ServicerContext) -> Any:
        named = [types.Topic.pb()(name=name) for name in sorted(self._topics) if name.startswith(request.project + "/")]
        return types.ListTopicsResponse.pb()(topics=named)

    def _delete_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need_topic(request.topic, context)
        self._topics.discard(request.topic)
        return empty_pb2.Empty()

    def _need_topic(self, name: str, context: grpc.ServicerContext) -> None:
        if name not in self._topics:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")

    def _publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need_topic(request.topic, context)
        fault = self.faults.before(request, context)
        refusal = find_refusal(request)
        if refusal is not None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
        ids = []
        now = timestamp_pb2.Timestamp()
        now.GetCurrentTime()
        with self._lock:
            for message in request.messages:
                self._count += 1
                message.message_id = str(10_000_000 + self._count)
                message.publish_time.CopyFrom(now)
                ids.append(message.message_id)
                self._published.append((request.topic, message))
                for subscription in self._subscriptions.values():
                    if subscription.topic == request.topic:
                        subscription.waiting[message.message_id] = _Waiting(message)
            self._lock.notify_all()
        if self._on_messages is not None:
            self._on_messages(request.topic, [(bytes(one.data), dict(one.attributes)) for one in request.messages])
        return self.faults.after(fault, types.PublishResponse.pb()(message_ids=ids), context)

    def published(self, topic: str | None = None) -> list[dict[str, Any]]:
        """What was stored, in that order: topic, id, ordering key, attributes and SHA-256 of the data."""
        with self._lock:
            stored = [(name, message) for name, message in self._published if topic in {None, name}]
        return [
            {
                "topic": name,
                "message_id": message.message_id,
                "ordering_key": message.ordering_key,
                "attributes": dict(message.attributes),
                "sha256": hashlib.sha256(message.data).hexdigest(),
            }
            for name, message in stored
        ]
