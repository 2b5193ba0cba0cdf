"""The subscriber half of the simulated Pub/Sub, method by method."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
from google.protobuf import duration_pb2, empty_pb2
from google.pubsub_v1 import types

from dlqkit.simulator.leases import MAXIMUM_MESSAGES, Subscription, Waiting
from dlqkit.simulator.subscription_settings import dead_lettered, take_over, validated

__all__ = ["Subscriptions", "unary"]

DEFAULT_DEADLINE_S = 10
DEFAULT_LIFE_S = 31 * 86_400
# Extra time before the client's own deadline, so that an empty answer still arrives in it.
BEFORE_DEADLINE_S = 0.2
# Ids of forwarded messages are none of those that the publisher half gives.
FIRST_FORWARDED = 1_000_000_000


class Subscriptions:
    """Every subscription of one process.

    Parameters
    ----------
    lock : Condition
        Shared with the publisher half; notified when a message comes.
    topics : set of str
        Full names of the topics there are.
    """

    def __init__(self, lock: threading.Condition, topics: set[str]) -> None:
        self.known: dict[str, Subscription] = {}
        self.calls: Counter[str] = Counter()
        """How often each method was called."""
        self.on_call: Callable[[str, bool], grpc.StatusCode | None] | None = None
        """Told the method, and whether it is done; it may wait, and what it returns is how the call fails."""
        self._lock, self._topics = lock, topics
        self._stopped = threading.Event()
        self._forwarded = 0
        # Drawn anew for each process: what a client may count on must not depend on it.
        self._random = random.Random()

    def stop(self) -> None:
        """End every call that waits."""
        self._stopped.set()
        with self._lock:
            self._lock.notify_all()

    def deliver(self, topic: str, message: Any) -> None:
        """Hand a message to every subscription of its topic; the lock must be held."""
        for own in self.known.values():
            if own.topic == topic:
                own.waiting[message.message_id] = Waiting(message)
        self._lock.notify_all()

    def add(self, name: str, topic: str, **how: Any) -> None:
        """Make a subscription of the platform's own; ``how`` is of ``Subscription``."""
        settings = types.Subscription.pb()(name=name, topic=topic, ack_deadline_seconds=DEFAULT_DEADLINE_S)
        self.known[name] = Subscription(settings, **how)

    def handler(self) -> Any:
        """The methods of ``google.pubsub.v1.Subscriber``."""
        methods = {
            "CreateSubscription": (self._create, types.Subscription, types.Subscription),
            "GetSubscription": (self._get, types.GetSubscriptionRequest, types.Subscription),
            "UpdateSubscription": (self._update, types.UpdateSubscriptionRequest, types.Subscription),
            "ListSubscriptions": (self._list, types.ListSubscriptionsRequest, types.ListSubscriptionsResponse),
            "DeleteSubscription": (self._delete, types.DeleteSubscriptionRequest, None),
            "Pull": (self._pull, types.PullRequest, types.PullResponse),
            "Acknowledge": (self._acknowledge, types.AcknowledgeRequest, None),
            "ModifyAckDeadline": (self._modify, types.ModifyAckDeadlineRequest, None),
            "Seek": (self._seek, types.SeekRequest, types.SeekResponse),
        }
        handlers = {
            name: unary(self._watched(name, method), request, response)
            for name, (method, request, response) in methods.items()
        }
        handlers["StreamingPull"] = grpc.stream_stream_rpc_method_handler(
            self._streaming_pull,
            request_deserializer=types.StreamingPullRequest.pb().FromString,
            response_serializer=types.StreamingPullResponse.pb().SerializeToString,
        )
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", handlers)

    def _watched(self, name: str, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls[name] += 1
            self._fail(name, False, context)
            answer = method(request, context)
            self._fail(name, True, context)
            return answer

        return call

    def _fail(self, name: str, done: bool, context: grpc.ServicerContext) -> None:
        code = self.on_call(name, done) if self.on_call is not None else None
        if code is not None:
            context.abort(code, "A fault was injected.")

    # --- subscriptions

    def _create(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            if request.topic not in self._topics:
                _not_found(request.topic, context)
            if request.name in self.known:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "Subscription already exists")
            request.ack_deadline_seconds = request.ack_deadline_seconds or DEFAULT_DEADLINE_S
            if not request.HasField("expiration_policy"):
                request.expiration_policy.ttl.CopyFrom(duration_pb2.Duration(seconds=DEFAULT_LIFE_S))
            validated(request, self._topics, context)
            self.known[request.name] = Subscription(request)
        return request

    def _get(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._need(request.subscription, context).settings

    def _update(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need(request.subscription.name, context)
        with self._lock:
            own.settings = validated(take_over(own.settings, request, context), self._topics, context)
        return own.settings

    def _list(self, request: Any, _: grpc.ServicerContext) -> Any:
        named = [own.settings for name, own in sorted(self.known.items()) if name.startswith(request.project + "/")]
        return types.ListSubscriptionsResponse.pb()(subscriptions=named)

    def list_of_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Names of a topic's subscriptions: a method of the publisher."""
        if request.topic not in self._topics:
            _not_found(request.topic, context)
        named = sorted(name for name, own in self.known.items() if own.topic == request.topic)
        return types.ListTopicSubscriptionsResponse.pb()(subscriptions=named)

    def _delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need(request.subscription, context)
        with self._lock:
            del self.known[request.subscription]
        return empty_pb2.Empty()

    def _seek(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._need(request.subscription, context)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "Seek drops or repeats messages, and nothing here may do it.")

    def _need(self, name: str, context: grpc.ServicerContext) -> Subscription:
        own = self.known.get(name)
        if own is None:
            _not_found(name, context)
            raise AssertionError  # abort raises; this tells the type checker
        return own

    # --- messages

    def _take(self, own: Subscription, most: int) -> list[Any]:
        """Lease what may be delivered now, oldest first; the lock must be held."""
        taken, spent = own.take(most)
        for message, attempts in spent:
            self._forwarded += 1
            told = dead_lettered(message, own.settings.name, attempts, str(FIRST_FORWARDED + self._forwarded))
            self.deliver(own.settings.dead_letter_policy.dead_letter_topic, told)
        return taken

    def _pull(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need(request.subscription, context)
        if request.max_messages < 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "max_messages must be positive.")
        most = min(request.max_messages, MAXIMUM_MESSAGES)
        if self._random.random() < own.stinginess:
            most = self._random.randint(0, min(most, max(len(own.waiting) // 2, 1)))
        remaining = context.time_remaining() or own.patience_s
        deadline = time.monotonic() + min(own.patience_s, max(remaining - BEFORE_DEADLINE_S, 0))
        with self._lock:
            taken = self._take(own, most) if most else []
            while most and not taken and time.monotonic() < deadline and not self._stopped.is_set():
                self._lock.wait(0.05)
                taken = self._take(own, most)
        return types.PullResponse.pb()(received_messages=taken)

    def _acknowledge(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need(request.subscription, context)
        with self._lock:
            self._check_ids(own, request.ack_ids, context)
            own.drop(request.ack_ids)
        return empty_pb2.Empty()

    def _modify(self, request: Any, context: grpc.ServicerContext) -> Any:
        own = self._need(request.subscription, context)
        if not 0 <= request.ack_deadline_seconds <= 600:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "ack_deadline_seconds must be from 0 to 600.")
        with self._lock:
            self._check_ids(own, request.ack_ids, context)
            own.extend(request.ack_ids, [request.ack_deadline_seconds] * len(request.ack_ids))
            self._lock.notify_all()
        return empty_pb2.Empty()

    def _check_ids(self, own: Subscription, ack_ids: Sequence[str], context: grpc.ServicerContext) -> None:
        """Where delivery is exactly once, a lease that has run out is an error."""
        if own.settings.enable_exactly_once_delivery and any(own.leased(one) is None for one in ack_ids):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Some acknowledgement ids are not valid any more.")

    def _streaming_pull(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self.calls["StreamingPull"] += 1
        first = next(requests)
        own = self._need(first.subscription, context)
        ended = threading.Event()
        context.add_callback(ended.set)

        def follow() -> None:
            try:
                for request in requests:
                    with self._lock:
                        own.drop(request.ack_ids)
                        own.extend(request.modify_deadline_ack_ids, request.modify_deadline_seconds)
                        self._lock.notify_all()
            except grpc.RpcError:
                ended.set()

        threading.Thread(target=follow, daemon=True).start()
        while not ended.is_set() and not self._stopped.is_set():
            with self._lock:
                taken = self._take(own, MAXIMUM_MESSAGES)
                if not taken:
                    self._lock.wait(0.1)
            if taken:
                yield types.StreamingPullResponse.pb()(received_messages=taken)


def _not_found(name: str, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")


def unary(method: Callable[[Any, grpc.ServicerContext], Any], request: Any, response: Any) -> Any:
    """A handler of one request and one answer; no response type stands for an empty one."""
    serializer = (empty_pb2.Empty if response is None else response.pb()).SerializeToString
    return grpc.unary_unary_rpc_method_handler(
        method, request_deserializer=request.pb().FromString, response_serializer=serializer
    )
