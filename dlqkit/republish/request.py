"""One intended request and what became of each of its messages, a bad one among them found by halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from dlqkit.republish.interrupts import holding_interrupts
from dlqkit.republish.journal import Change
from dlqkit.republish.sink import NOT_SENT, Message, Pending, SendError, Sink

__all__ = ["Answer", "Flight", "let_go", "prepare_request", "send_request"]

# An id is some 20 digits; an endpoint of a team may answer with a longer one, but not with a page.
_MAX_ID_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    changes: tuple[Change, ...]
    unsent: tuple[Message, ...] = ()
    """Surely not sent: they are planned again."""
    code: str | None = None
    """Of the error that speaks of the target rather than of one message."""
    is_ambiguous: bool = False
    retry_after_s: float = 0.0
    """So long the target asks to be left alone."""

    @property
    def is_refused(self) -> bool:
        """Whether the target as a whole refused: the next request would be refused as well."""
        return self.code is not None and not self.is_ambiguous and self.code not in NOT_SENT


@dataclass(frozen=True, slots=True)
class _InThread:
    future: Future[list[str]]

    def wait(self) -> list[str]:
        return self.future.result()


def prepare_request(sink: Sink, messages: Sequence[Message], pool: Executor) -> Callable[[], Pending]:
    """A request that is ready to go; calling it does not wait for the answer."""
    prepare: Callable[[Sequence[Message]], Callable[[], Pending]] | None = getattr(sink, "prepare", None)
    return prepare(messages) if prepare is not None else lambda: _InThread(pool.submit(sink.send, messages))


@dataclass(slots=True)
class Flight:
    """A request that is under way."""

    sink: Sink
    messages: Sequence[Message]
    pending: Pending
    pool: Executor
    _halves: Future[Answer] | None = None

    def answer(self) -> Answer:
        """Wait for what becomes of each message; interrupted, it can be asked again, and nothing is sent twice."""
        if self._halves is None:
            try:
                return _acked(self.messages, self.pending.wait())
            except SendError as error:
                if not _needs_halves(self.messages, error):
                    return _after_error(self.messages, error)
            # In another thread no interrupt can stop it half way, to be begun once more.
            with holding_interrupts():
                self._halves = self.pool.submit(_split, self.sink, self.messages)
        return self._halves.result()


def send_request(sink: Sink, messages: Sequence[Message]) -> Answer:
    """Send messages of one ordering key, all of them at intent.

    Returns
    -------
    Answer
        A change for each message, those that were not sent too.
    """
    try:
        return _acked(messages, sink.send(messages))
    except SendError as error:
        return _split(sink, messages) if _needs_halves(messages, error) else _after_error(messages, error)


def _acked(messages: Sequence[Message], ids: Sequence[str]) -> Answer:
    if len(ids) != len(messages) or len(set(ids)) != len(ids) or not all(ids):
        # Which id is whose cannot be told, and whether all were stored neither.
        return _doubtful(messages, "WRONG_IDS")
    return Answer(
        tuple(
            Change(one.item, "acked", message_id=_as_id(text)) for one, text in zip(messages, ids, strict=True)
        )
    )  # fmt: skip


def _needs_halves(messages: Sequence[Message], error: SendError) -> bool:
    return error.is_definite and error.code == "INVALID_ARGUMENT" and len(messages) > 1


def _after_error(messages: Sequence[Message], error: SendError) -> Answer:
    if error.code in NOT_SENT:
        return Answer(_unsent(messages), tuple(messages), error.code)
    if not error.is_definite:
        return replace(_doubtful(messages, error.code), retry_after_s=error.retry_after_s)
    changes = tuple(Change(one.item, "failed", code=error.code) for one in messages)
    # A single message that is refused for what it is says nothing of the next one.
    is_of_the_message = error.code in {"INVALID_ARGUMENT", "HTTP_400", "HTTP_413", "HTTP_422"}
    return Answer(changes, (), None if is_of_the_message else error.code)


def _split(sink: Sink, messages: Sequence[Message]) -> Answer:
    """Send the halves of a request that was refused because of one message in it.

    The intent that is in the journal covers them: the refusal was definite, so nothing of the request was stored, and
    whatever a kill interrupts from here on is in doubt by that intent. An intent for each half would need a commit,
    and would say no more.
    """
    half = len(messages) // 2
    first = send_request(sink, messages[:half])
    key = messages[0].ordering_key
    has_stopped = first.code is not None
    breaks_order = bool(key) and any(change.state != "acked" for change in first.changes)
    rest = messages[half:]
    if has_stopped or breaks_order:
        return Answer((*first.changes, *_unsent(rest)), (*first.unsent, *rest), first.code, first.is_ambiguous)
    second = send_request(sink, rest)
    return Answer((*first.changes, *second.changes), second.unsent, second.code, second.is_ambiguous)


def _doubtful(messages: Sequence[Message], code: str) -> Answer:
    return Answer(tuple(Change(one.item, "in_doubt", code=code) for one in messages), (), code, True)


def let_go(messages: Sequence[Message]) -> Answer:
    """The answer of a request that was intended and not made."""
    return Answer(_unsent(messages), tuple(messages))


def _unsent(messages: Sequence[Message]) -> tuple[Change, ...]:
    return tuple(Change(one.item, "planned", code="NOT_SENT") for one in messages)


def _as_id(text: str) -> str:
    """An id as it came; what cannot be shown of it is spelled out."""
    is_plain = text.isascii() and text.isprintable()
    return (text if is_plain else text.encode("unicode_escape").decode())[:_MAX_ID_CHARACTERS]
