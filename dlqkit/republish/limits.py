"""What Pub/Sub takes: checked when a plan is made, so that no event is refused only once it is sent."""

from __future__ import annotations

from dlqkit.language import say
from dlqkit.republish.sink import Message
from dlqkit.untrusted import for_terminal, is_utf8, shorten

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_ATTRIBUTE_KEY_BYTES",
    "MAX_ATTRIBUTE_VALUE_BYTES",
    "MAX_ORDERING_KEY_BYTES",
    "MAX_REQUEST_BYTES",
    "MAX_REQUEST_MESSAGES",
    "check_message",
    "message_bytes",
]

# cloud.google.com/pubsub/quotas, "Resource limits". The megabytes there are millions: the stock client refuses
# 10,000,001 bytes.
MAX_REQUEST_BYTES = 10_000_000
MAX_REQUEST_MESSAGES = 1000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024
# Attribute keys that begin so are the service's own, and a publisher's are refused.
RESERVED_PREFIX = "goog"
# Tag and length of a field of a protocol buffer, for lengths up to 2^28.
_FIELD_BYTES = 5
# The topic's name: projects/ (30 letters) /topics/ (255 letters).
_TOPIC_BYTES = 320


def message_bytes(message: Message) -> int:
    """At most so many bytes of a request are this message's."""
    size = _FIELD_BYTES + len(message.data) + _FIELD_BYTES
    if message.ordering_key:
        size += _length(message.ordering_key) + _FIELD_BYTES
    for key, value in message.attributes.items():
        size += _length(key) + _length(value) + 3 * _FIELD_BYTES
    return size


def check_message(message: Message) -> str | None:
    """Why Pub/Sub would refuse a message, in a sentence; None where it takes it.

    Parameters
    ----------
    message : Message
        With every attribute that is sent, the dedupe attribute too.

    Returns
    -------
    str or None
        A sentence without the payload or an attribute's value.
    """
    if not message.data and not message.attributes:
        return say("The message has neither a payload nor an attribute.")
    if message_bytes(message) + _TOPIC_BYTES > MAX_REQUEST_BYTES:
        return say(
            "The message has {size} bytes, and a request takes {most} in all.",
            size=len(message.data),
            most=MAX_REQUEST_BYTES,
        )
    if len(message.attributes) > MAX_ATTRIBUTES:
        return say(
            "The message has {count:d} attributes, and {most:d} are allowed.",
            count=len(message.attributes),
            most=MAX_ATTRIBUTES,
        )
    if _length(message.ordering_key) > MAX_ORDERING_KEY_BYTES:
        return say("The ordering key is longer than {most:d} bytes.", most=MAX_ORDERING_KEY_BYTES)
    for key, value in message.attributes.items():
        shown = shorten(for_terminal(key), 40)
        if not key:
            return say("An attribute has no name.")
        if _length(key) > MAX_ATTRIBUTE_KEY_BYTES:
            return say(
                "The name of the attribute {name} is longer than {most:d} bytes.",
                name=shown,
                most=MAX_ATTRIBUTE_KEY_BYTES,
            )
        if key.startswith(RESERVED_PREFIX):
            return say(
                "The attribute {name} has a name that Pub/Sub keeps for itself ({prefix}…).",
                name=shown,
                prefix=RESERVED_PREFIX,
            )
        if _length(value) > MAX_ATTRIBUTE_VALUE_BYTES:
            return say(
                "The value of the attribute {name} is longer than {most:d} bytes.",
                name=shown,
                most=MAX_ATTRIBUTE_VALUE_BYTES,
            )
    if any(not is_utf8(text) for text in (message.ordering_key, *message.attributes, *message.attributes.values())):
        return say("An attribute or the ordering key holds half a character (a lone surrogate).")
    return None


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
