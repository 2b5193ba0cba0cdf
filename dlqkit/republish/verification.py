"""A subscription of our own, made before a run, that holds a copy of what arrived: it can show what was stored."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable
from dlqkit.republish.publisher import DEADLINE_S
from dlqkit.sources.subscription_rules import refuse

if TYPE_CHECKING:
    import grpc

__all__ = ["LEASE_S", "MIN_EXPIRATION_S", "create_verification_subscription", "load_seen"]

MIN_EXPIRATION_S = 86_400
"""The shortest that the service allows (reference of ExpirationPolicy); it deletes the subscription by itself then."""
LEASE_S = 120
"""Longer than a reading goes on, so that nothing is handed out twice; a killed one hides what it held so long."""
# Tells it from a subscription that somebody else's messages are waiting in.
_LABELS = {"made-by": "dlqkit"}
_NAME_ANOTHER = "Make a new plan with the name of one that is not there yet: dlqkit makes it before it sends."
_AT_ONCE = 1000
_NAME = re.compile(r"projects/[^/]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
# A pull may be empty although messages are there; so many in a row end the reading early.
_EMPTY_PULLS = 3
# A pull waits for a message; where there is none, no longer than this.
_PULL_S = 10.0
_NONE_YET = "DEADLINE_EXCEEDED"


def create_verification_subscription(
    channel: grpc.Channel, name: str, topic: str, *, expires_after_s: int = MIN_EXPIRATION_S
) -> bool:
    """Make the subscription that the plan names, before its first event is sent.

    Parameters
    ----------
    channel : grpc.Channel
        By ``publisher.connect_channel``.
    name, topic : str
        ``projects/P/subscriptions/S`` and ``projects/P/topics/T``.
    expires_after_s : int
        Without use for so long, the service deletes it.

    Returns
    -------
    bool
        True if it was made; False if an earlier call made it, which is as good.

    Raises
    ------
    ParameterError
        If the name is none, the expiration too short, or a subscription of that name is not one that this has made: of
        this topic, without a filter or a dead-letter policy, with an expiry.
    SourceError
        If the service refuses or does not answer.
    """
    from google.pubsub_v1 import types

    if not _NAME.fullmatch(name):
        raise ParameterError(
            "republish.verification_subscription is no subscription's name.", "Write projects/P/subscriptions/S."
        )
    if expires_after_s < MIN_EXPIRATION_S:
        raise ParameterError(
            f"A subscription cannot expire after {expires_after_s} s.", f"Give {MIN_EXPIRATION_S} s or more."
        )
    raw = types.Subscription.pb()(name=name, topic=topic, ack_deadline_seconds=LEASE_S, labels=_LABELS)
    raw.expiration_policy.ttl.seconds = expires_after_s
    client = _subscriber(channel)
    made = _ask(partial(client.create_subscription, request=types.Subscription.wrap(raw)), "ALREADY_EXISTS")
    if made is not None:
        return True
    _check(client, name, topic)
    return False


def _check(client: Any, name: str, topic: str) -> None:
    """Refuse a subscription in which others' messages wait, or that does not hold all that is sent to the topic.

    Raises
    ------
    ParameterError
        Saying why.
    """
    found = _ask(partial(client.get_subscription, request={"subscription": name}))
    try:
        refuse(name, found)
    except SourceError as error:
        raise ParameterError(error.problem, _NAME_ANOTHER) from error
    faults = {
        "is of another topic": found.topic != topic,
        "has a filter, so what was sent may not be in it": bool(found.filter),
        "never expires, so nobody would remove it": not found.expiration_policy.ttl,
        "was not made by dlqkit; reading it would take its messages from others": dict(found.labels) != _LABELS,
    }
    wrong = [words for words, is_so in faults.items() if is_so]
    if wrong:
        raise ParameterError(f"The verification subscription {wrong[0]}.", _NAME_ANOTHER)


def load_seen(
    channel: grpc.Channel,
    name: str,
    wanted: Collection[str],
    *,
    topic: str,
    dedupe_attribute: str,
    budget_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, str]:
    """Which of the wanted dedupe keys the subscription holds; nothing is acknowledged.

    Parameters
    ----------
    channel : grpc.Channel
        By ``publisher.connect_channel``.
    name : str
        ``projects/P/subscriptions/S``.
    wanted : collection of str
        Dedupe keys of events in doubt.
    topic : str
        What the subscription is to be of; it may have been made anew, or changed, since the run.
    dedupe_attribute : str
        Its name.
    budget_s : float
        So long is read at most.
    clock : callable
        A clock that never goes back.

    Returns
    -------
    dict
        Message id by dedupe key. A key that is not in it was not seen, which says nothing of whether it was sent: for
        ``LEASE_S`` after a reading was killed, what it held is hidden.

    Raises
    ------
    ParameterError
        As ``create_verification_subscription``.
    SourceError
        If the service refuses or does not answer.
    """
    client = _subscriber(channel)
    _check(client, name, topic)
    until, held, empty = clock() + budget_s, [], 0
    seen: dict[str, str] = {}
    left = set(wanted)
    try:
        while left and empty < _EMPTY_PULLS and clock() < until:
            answer = _ask(
                partial(client.pull, request={"subscription": name, "max_messages": _AT_ONCE}),
                _NONE_YET,
                timeout=max(1.0, min(_PULL_S, until - clock())),
            )
            received = list(answer.received_messages) if answer is not None else []
            empty = 0 if received else empty + 1
            for one in received:
                held.append(one.ack_id)
                key = one.message.attributes.get(dedupe_attribute)
                if key in left:
                    seen[key] = one.message.message_id
                    left.discard(key)
    finally:
        for begin in range(0, len(held), _AT_ONCE):
            request = {"subscription": name, "ack_ids": held[begin : begin + _AT_ONCE], "ack_deadline_seconds": 0}
            _ask(partial(client.modify_ack_deadline, request=request))
    return seen


def _subscriber(channel: grpc.Channel) -> Any:
    from google.pubsub_v1.services.subscriber import SubscriberClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def _ask(call: Callable[..., Any], accepted: str = "", *, timeout: float = DEADLINE_S) -> Any:
    """Ask once; None where the answer is the error that is accepted."""
    from google.api_core import exceptions

    try:
        return call(retry=None, timeout=timeout)
    except exceptions.GoogleAPICallError as error:
        code: str = error.grpc_status_code.name if error.grpc_status_code is not None else "UNKNOWN"
        if code == accepted:
            return None
        if code in {"PERMISSION_DENIED", "UNAUTHENTICATED"}:
            raise AccessDenied(
                f"Pub/Sub refuses the verification subscription ({code}).",
                "Ask for pubsub.subscriptions.create, consume and pubsub.topics.attachSubscription.",
            ) from None
        if code in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"}:
            raise SourceUnavailable(f"Pub/Sub gave no answer ({code}).", "Try again in a minute.") from None
        raise SourceError(
            f"Pub/Sub refuses the verification subscription ({code}).", "Check its name and whether it is still there."
        ) from None
