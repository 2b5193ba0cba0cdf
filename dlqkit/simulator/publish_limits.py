"""Why the service would refuse a publish request, after its documentation."""

from __future__ import annotations

from typing import Any

__all__ = ["MAXIMUM_BYTES", "MAXIMUM_MESSAGES", "find_refusal"]

# cloud.google.com/pubsub/quotas, "Resource limits"; one ordering key a request: reference of PubsubMessage.
MAXIMUM_MESSAGES, MAXIMUM_BYTES = 1000, 10_000_000
MAXIMUM_ATTRIBUTES, MAXIMUM_KEY, MAXIMUM_VALUE, MAXIMUM_ORDERING_KEY = 100, 256, 1024, 1024


def find_refusal(request: Any) -> str | None:
    """The reason, or None where the request is taken."""
    if not request.messages or len(request.messages) > MAXIMUM_MESSAGES or request.ByteSize() > MAXIMUM_BYTES:
        return "The request has too many or too large messages, or none."
    if len({message.ordering_key for message in request.messages}) > 1:
        return "The messages of a request have several ordering keys."
    for message in request.messages:
        if not message.data and not message.attributes:
            return "A message has neither data nor attributes."
        if len(message.ordering_key.encode()) > MAXIMUM_ORDERING_KEY:
            return "An ordering key is too long."
        if len(message.attributes) > MAXIMUM_ATTRIBUTES:
            return "A message has too many attributes."
        for key, value in message.attributes.items():
            if not key or key.startswith("goog") or len(key.encode()) > MAXIMUM_KEY:
                return "The name of an attribute is empty, too long, or reserved."
            if len(value.encode()) > MAXIMUM_VALUE:
                return "The value of an attribute is too long."
    return None
