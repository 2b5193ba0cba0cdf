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
    key = request.messages[0].ordering_key
    for message in request.messages:
        attributes = message.attributes
        if not message.data and not attributes:
            return "A message has neither data nor attributes."
        if message.ordering_key != key:
            return "The messages of a request have several ordering keys."
        if len(attributes) > MAXIMUM_ATTRIBUTES:
            return "A message has too many attributes."
        for name, value in attributes.items():
            if not name or name.startswith("goog") or _is_longer(name, MAXIMUM_KEY):
                return "The name of an attribute is empty, too long, or reserved."
            if _is_longer(value, MAXIMUM_VALUE):
                return "The value of an attribute is too long."
    return "An ordering key is too long." if _is_longer(key, MAXIMUM_ORDERING_KEY) else None


def _is_longer(text: str, most: int) -> bool:
    # A character has four bytes at most.
    return len(text) * 4 > most and len(text.encode()) > most
