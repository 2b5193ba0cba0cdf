"""What a request to the outside world takes and gives: a message, its ids, or an error that says whether it is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dlqkit.errors import DlqkitError
from dlqkit.republish.plan import Plan, PlannedEvent

__all__ = ["NOT_SENT", "Failed", "Message", "Pending", "SendError", "Sink", "message_of"]

NOT_SENT = frozenset({"UNREACHABLE"})
"""Codes of errors before any byte of the request left: the event is still to be sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it is sent."""

    item: int
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    dedupe_key: str


class SendError(DlqkitError):
    """A request that did not end in ids.

    Parameters
    ----------
    code : str
        The answer's name, such as ``NOT_FOUND`` or ``HTTP_503``; never its text, which may repeat a payload.
    is_definite : bool
        True where the answer means that nothing was stored; False where it may have been.
    retry_after_s : float, optional
        So long the target asks to be left alone.
    """

    def __init__(self, code: str, is_definite: bool, retry_after_s: float = 0.0) -> None:
        sure = "nothing was stored" if is_definite else "it may have been stored"
        super().__init__(
            f"The request was answered by {code}; {sure}.", "Look at the plan's status before anything is sent again."
        )
        # What an exception is pickled by.
        self.args = (code, is_definite, retry_after_s)
        self.code = code
        self.is_definite = is_definite
        self.retry_after_s = retry_after_s


class Pending(Protocol):
    """A request that is under way."""

    def wait(self) -> list[str]:
        """An id for each message, in order. Raises ``SendError``. Interrupted, it can be called again."""
        ...


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that failed before it was under way."""

    error: SendError

    def wait(self) -> list[str]:
        """As ``Pending.wait``."""
        raise self.error


class Sink(Protocol):
    """Where messages go.

    Optional are ``max_messages``, the most that one request takes, and ``prepare``, which takes messages and gives a
    callable that lets the request go and returns it as ``Pending``; a sink without it sends from a second thread.
    """

    def send(self, messages: Sequence[Message]) -> list[str]:
        """Send them in one request; an id for each, in order. Raises ``SendError``."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def message_of(plan: Plan, event: PlannedEvent) -> Message:
    """An event as the plan says that it is sent: the only attribute that is added is the dedupe attribute."""
    attributes = dict(event.attributes or {})
    name = plan.target.dedupe_attribute
    if name and plan.target.kind == "pubsub":
        attributes[name] = event.dedupe_key
    return Message(event.item, event.payload.encode(), attributes, event.ordering_key or "", event.dedupe_key)
