"""Pub/Sub in process: the real messages over generic handlers, so that the stock client works on it unchanged."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, timestamp_pb2
from google.pubsub_v1 import types

from dlqkit.simulator.faults import PublishFaults
from dlqkit.simulator.publish_limits import MAXIMUM_BYTES, find_refusal

__all__ = ["PubSub"]

DEFAULT_DEADLINE_S = 10.0
OnMessages = Callable[[str, list[tuple[bytes, Mapping[str, str]]]], None]


@dataclass(slots=True)
class _Waiting:
    """A message of a subscription, and until when somebody has it."""

    message: Any
    leased_until: float = 0.0


@dataclass(slots=True)
class _Subscription:
    topic: str
    deadline_s: float
    waiting: dict[str, _Waiting] = field(default_factory=dict)


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
        self._subscriptions: dict[str, _Subscription] = {}
        self._on_messages = on_messages
        self.faults = PublishFaults()
        self._published: list[tuple[str, Any]] = []
        self._lock = threading.Condition()
        self._count = 0
        self._stopped = threading.Event()
        # gRPC's own limit of 4 MB would refuse what the service takes.
        options = [("grpc.max_receive_message_length", MAXIMUM_BYTES + (1 << 20))]
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
        self._server.add_generic_rpc_handlers((self._publisher(), self._subscriber()))
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def start(self) -> None:
        """Serve until ``stop``."""
        self._server.start()

    def stop(self) -> None:
        """End every call and the server."""
        self._stopped.set()
        with self._lock:
            self._lock.notify_all()
        self._server.stop(0.2).wait(2)

    # --- handlers

    def _publisher(self) -> Any:
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": _unary(self._create_topic, types.Topic, types.Topic),
                "GetTopic": _unary(self._get_topic, types.GetTopicRequest, types.Topic),
                "ListTopics": _unary(self._list_topics, types.ListTopicsRequest, types.ListTopicsResponse),
                "DeleteTopic": _unary(self._delete_topic, types.DeleteTopicRequest, None),
                "Publish": _unary(self._publish, types.PublishRequest, types.PublishResponse),
            },
        )

    def _subscriber(self) -> Any:
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Subscriber",
            {
                "CreateSubscription": _unary(self._create_subscription, types.Subscription, types.Subscription),
                "GetSubscription": _unary(self._get_subscription, types.GetSubscriptionRequest, types.Subscription),
                "DeleteSubscription": _unary(self._delete_subscription, types.DeleteSubscriptionRequest, None),
                "Pull": _unary(self._pull, types.PullRequest, types.PullResponse),
                "Acknowledge": _unary(self._acknowledge, types.AcknowledgeRequest, None),
                "ModifyAckDeadline": _unary(self._modify, types.ModifyAckDeadlineRequest, None),
                "StreamingPull": grpc.stream_stream_rpc_method_handler(
                    self._streaming_pull,
                    request_deserializer=types.StreamingPullRequest.pb().FromString,
                    response_serializer=types.StreamingPullResponse.pb().SerializeToString,
                ),
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

    # --- subscriptions

    def _create_subscription(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need_topic(request.topic, context)
        with self._lock:
            if request.name in self._subscriptions:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "Subscription already exists")
            request.ack_deadline_seconds = request.ack_deadline_seconds or int(DEFAULT_DEADLINE_S)
            self._subscriptions[request.name] = _Subscription(request.topic, float(request.ack_deadline_seconds))
        return request

    def _get_subscription(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need_subscription(request.subscription, context)
        return types.Subscription.pb()(
            name=request.subscription, topic=own.topic, ack_deadline_seconds=int(own.deadline_s)
        )

    def _delete_subscription(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need_subscription(request.subscription, context)
        with self._lock:
            del self._subscriptions[request.subscription]
        return empty_pb2.Empty()

    def _need_subscription(self, name: str, context: grpc.ServicerContext) -> _Subscription:
        own = self._subscriptions.get(name)
        if own is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
            raise AssertionError  # abort raises; this tells the type checker
        return own

    def _take(self, own: _Subscription, most: int) -> list[Any]:
        now = time.monotonic()
        taken: list[Any] = []
        for ack_id, waiting in own.waiting.items():
            if len(taken) == most:
                break
            if waiting.leased_until <= now:
                waiting.leased_until = now + own.deadline_s
                taken.append(types.ReceivedMessage.pb()(ack_id=ack_id, message=waiting.message))
        return taken

    def _pull(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need_subscription(request.subscription, context)
        deadline = time.monotonic() + min(context.time_remaining() or 5.0, 5.0) - 0.2
        with self._lock:
            taken = self._take(own, request.max_messages or 1)
            while not taken and time.monotonic() < deadline and not self._stopped.is_set():
                self._lock.wait(0.05)
                taken = self._take(own, request.max_messages or 1)
        return types.PullResponse.pb()(received_messages=taken)

    def _acknowledge(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need_subscription(request.subscription, context)
        with self._lock:
            for ack_id in request.ack_ids:
                own.waiting.pop(ack_id, None)
        return empty_pb2.Empty()

    def _modify(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need_subscription(request.subscription, context)
        self._extend(own, request.ack_ids, [request.ack_deadline_seconds] * len(request.ack_ids))
        return empty_pb2.Empty()

    def _extend(self, own: _Subscription, ack_ids: Any, seconds: Any) -> None:
        with self._lock:
            for ack_id, more in zip(ack_ids, seconds, strict=False):
                if ack_id in own.waiting:
                    own.waiting[ack_id].leased_until = time.monotonic() + more if more else 0.0
            self._lock.notify_all()

    def _streaming_pull(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        first = next(requests)
        own = self._need_subscription(first.subscription, context)
        ended = threading.Event()
        context.add_callback(ended.set)

        def follow() -> None:
            try:
                for request in requests:
                    with self._lock:
                        for ack_id in request.ack_ids:
                            own.waiting.pop(ack_id, None)
                    self._extend(own, request.modify_deadline_ack_ids, request.modify_deadline_seconds)
            except grpc.RpcError:
                ended.set()

        threading.Thread(target=follow, daemon=True).start()
        while not ended.is_set() and not self._stopped.is_set():
            with self._lock:
                taken = self._take(own, 1000)
                if not taken:
                    self._lock.wait(0.1)
            if taken:
                yield types.StreamingPullResponse.pb()(received_messages=taken)


def _unary(method: Callable[[Any, grpc.ServicerContext], Any], request: Any, response: Any) -> Any:
    serializer = (empty_pb2.Empty if response is None else response.pb()).SerializeToString
    return grpc.unary_unary_rpc_method_handler(
        method, request_deserializer=request.pb().FromString, response_serializer=serializer
    )
