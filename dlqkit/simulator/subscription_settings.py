"""What a subscription of the simulated Pub/Sub may be told, and the message that its dead-letter policy makes."""

from __future__ import annotations

from typing import Any

import grpc
from google.pubsub_v1 import types

__all__ = ["dead_lettered", "source_attributes", "take_over", "validated"]

# Limits of the service (cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions).
DEADLINE_S = (10, 600)
DELIVERY_ATTEMPTS, DEFAULT_ATTEMPTS = (5, 100), 5
SHORTEST_LIFE_S = 86_400
# What may not change after a subscription is made.
FIXED = {"name", "topic", "enable_message_ordering", "filter"}
MARK = "CloudPubSubDeadLetterSource"


def validated(settings: Any, topics: set[str], context: grpc.ServicerContext) -> Any:
    """The settings, if the service would take them; the call ends where it would not."""
    if not DEADLINE_S[0] <= settings.ack_deadline_seconds <= DEADLINE_S[1]:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "ack_deadline_seconds must be from 10 to 600.")
    if settings.HasField("dead_letter_policy"):
        policy = settings.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or DEFAULT_ATTEMPTS
        if policy.dead_letter_topic not in topics:
            context.abort(grpc.StatusCode.NOT_FOUND, "The dead-letter topic does not exist.")
        if not DELIVERY_ATTEMPTS[0] <= policy.max_delivery_attempts <= DELIVERY_ATTEMPTS[1]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "max_delivery_attempts must be from 5 to 100.")
    if settings.expiration_policy.HasField("ttl") and settings.expiration_policy.ttl.seconds < SHORTEST_LIFE_S:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expiration_policy.ttl must be a day at least.")
    return settings


def take_over(settings: Any, request: Any, context: grpc.ServicerContext) -> Any:
    """The settings with the fields of an update's mask."""
    changed = types.Subscription.pb()()
    changed.CopyFrom(settings)
    for path in request.update_mask.paths:
        if path in FIXED or path not in changed.DESCRIPTOR.fields_by_name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"The field {path} cannot be changed.")
        changed.ClearField(path)
        whole = types.Subscription.pb()()
        whole.CopyFrom(request.subscription)
        for other in set(whole.DESCRIPTOR.fields_by_name) - {path}:
            whole.ClearField(other)
        changed.MergeFrom(whole)
    return changed


def dead_lettered(message: Any, subscription: str, attempts: int, message_id: str) -> Any:
    """The message that a dead-letter policy publishes instead of a delivery after the last one.

    It keeps data, attributes and ordering key; what tells of its source is added
    (cloud.google.com/pubsub/docs/handling-failures).
    """
    forwarded = types.PubsubMessage.pb()()
    forwarded.CopyFrom(message)
    forwarded.message_id = message_id
    forwarded.publish_time.GetCurrentTime()
    told = source_attributes(subscription, attempts, message.publish_time.ToJsonString())
    for name, value in told.items():
        forwarded.attributes[name] = value
    return forwarded


def source_attributes(subscription: str, attempts: int, published_at: str) -> dict[str, str]:
    """What Pub/Sub adds to a message that it forwards to a dead-letter topic."""
    _, project, _, name = subscription.split("/")
    return {
        f"{MARK}DeliveryCount": str(attempts),
        f"{MARK}Subscription": name,
        f"{MARK}SubscriptionProject": project,
        f"{MARK}TopicPublishTime": published_at,
    }
