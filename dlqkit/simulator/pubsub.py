"""Pub/Sub in process: the real messages over generic handlers, so that the stock client works on it unchanged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from dlqkit.simulator.leases import Waiting as _Waiting
from dlqkit.simulator.subscriptions import Subscriptions
from dlqkit.simulator.subscriptions import unary as _unary

__all__ = ["PubSub"]

# Limits of the service (cloud.google.com/pubsub/quotas): messages and bytes of a request, and an attribute's value.
MAXIMUM_MESSAGES, MAXIMUM_BYTES = 1000, 10_000_000
OnMessages = Callable[[str, list[bytes]], None]


class PubSub:
    """Topics and subscriptions of one process; ``on_messages`` gets what is published to a topic.

    Parameters
    ----------
    topics : sequence of str
        Full names of topics that exist from the start.
    on_messages : callable, optional
        Called with the topic and the data of each published batch.
    """

    def __init__(self, topics: list[str], on_messages: OnMessages | None = None) -> None:
        self._topics = set(topics)
        self._on_messages = on_messages
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
        if not request.messages or len(request.messages) > MAXIMUM_MESSAGES or request.ByteSize() > MAXIMUM_BYTES:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The request has too many or too large messages, or none.")
        if any(not message.data and not message.attributes for message in request.messages):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A message has neither data nor attributes.")
        ids = []
        with self._lock:
            for message in request.messages:
                self._count += 1
                message.message_id = str(10_000_000 + self._count)
                message.publish_time.GetCurrentTime()
                ids.append(message.message_id)
                for subscription in self._subscriptions.values():
                    if subscription.topic == request.topic:
                        subscription.waiting[message.message_id] = _Waiting(message)
            self._lock.notify_all()
        if self._on_messages is not None:
            self._on_messages(request.topic, [bytes(message.data) for message in request.messages])
        return types.PublishResponse.pb()(message_ids=ids)
