"""Original messages of a dead-letter subscription: leased, read, let go; never acknowledged, never sought."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from dlqkit.errors import ParameterError, SourceError
from dlqkit.frames import Completeness, Coverage, Loaded
from dlqkit.language import in_english, mark
from dlqkit.settings import DeadLetterSubscriptionSettings
from dlqkit.sources.masking import Masks
from dlqkit.sources.message_decode import MessagePage, MessageReader, frame_of
from dlqkit.sources.message_leases import LEASE_S, QUIET_PULLS, Reading
from dlqkit.sources.subscription_client import SubscriptionClient
from dlqkit.sources.subscription_rules import findings_of, refuse

__all__ = ["DeadLetterSubscription"]

_NAME = re.compile(r"projects/[a-z0-9:._-]{2,100}/subscriptions/[A-Za-z][\w.~+%-]{2,254}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
PULL_TIMEOUT_S = 5.0
# An answer that comes too late has leased its messages in vain.
SHORTEST_PULL_S = 1.0
# What Pub/Sub gives at once.
PULL_MESSAGES = 1000


class DeadLetterSubscription:
    """Reads what waits in a dead-letter subscription and leaves it there.

    Parameters
    ----------
    name : str
        ``projects/P/subscriptions/S``.
    settings : DeadLetterSubscriptionSettings, optional
        Budgets, address, where the ids stand.
    workflow_id : str, optional
        Of every message that does not tell another.
    secrets : collection of str, optional
        Masked in what is kept.
    pull_timeout_s : float
        How long one request for messages may take.

    Raises
    ------
    ParameterError
        If that is no name of a subscription, or the fields cannot be looked up.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: DeadLetterSubscriptionSettings | None = None,
        workflow_id: str | None = None,
        secrets: Collection[str] = (),
        pull_timeout_s: float = PULL_TIMEOUT_S,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ParameterError(
                f"{name[:100]!r} is no name of a subscription.",
                "Write dead_letter_subscription.name as projects/PROJECT/subscriptions/NAME.",
            )
        self.name = name
        if settings is not None and settings.endpoint is not None and not _HOST.fullmatch(settings.endpoint):
            raise ParameterError(
                f"dead_letter_subscription.endpoint is {settings.endpoint[:80]!r}.",
                "Write a host and a port without a scheme, such as pubsub.googleapis.com:443.",
            )
        self._settings = settings or DeadLetterSubscriptionSettings()
        self._workflow_id, self._masks, self._pull_timeout_s = workflow_id, Masks(secrets), pull_timeout_s
        MessageReader(self._settings.fields, self._masks)

    def __repr__(self) -> str:
        return f"DeadLetterSubscription({self.name!r})"

    def load(
        self, *, on_page: Callable[[MessagePage], None] | None = None, stop: threading.Event | None = None
    ) -> Loaded:
        """Every message that can be seen, each once.

        Parameters
        ----------
        on_page : callable, optional
            Gets each answer's messages as they come.
        stop : Event, optional
            Ends the reading early; what is held is let go.

        Returns
        -------
        Loaded
            ``frames.ORIGINALS``. A reading that a budget or a fault ended is ``partial``, its number "at least"; one
            whose requests all went unanswered, or that gave nothing, is ``unverified``.

        Raises
        ------
        SourceError
            If the subscription counts deliveries, does not allow pulling, or gives nothing: before a message is
            leased, except where the first pull is refused.

        Notes
        -----
        Messages are held until the reading ends, since one that is let go comes back at once. A kill lets them go
        when their leases run out, after 30 s at most; where it hits between an answer and its extension, after the
        subscription's own deadline. Each reading is one more delivery of each message.
        """
        reading = Reading(
            MessageReader(self._settings.fields, self._masks, self._workflow_id), on_page, stop or threading.Event()
        )
        with SubscriptionClient(self.name, endpoint=self._settings.endpoint) as client:
            about = reading.tried(client.settings)
            refuse(self.name, about)
            with reading.held_until_the_end(client):
                self._read(client, reading)
        return self._finish(reading, about)

    def _read(self, client: SubscriptionClient, reading: Reading) -> None:
        own, quiet = self._settings, 0
        while quiet < QUIET_PULLS and not reading.stop.is_set():
            room = own.max_messages - len(reading.ack_ids)
            left_s = own.deadline_s - reading.elapsed_s
            if room <= 0 or reading.size >= own.max_bytes or left_s <= 0:
                if room <= 0:
                    text = mark("Reading stopped at its limit of {limit} messages; there may be more.")
                    reading.missing.append(in_english(text, limit=own.max_messages))
                elif reading.size >= own.max_bytes:
                    text = mark("Reading stopped at its limit of {limit} bytes; there may be more.")
                    reading.missing.append(in_english(text, limit=own.max_bytes))
                else:
                    text = mark("Reading stopped at its limit of {limit:g} s; there may be more.")
                    reading.missing.append(in_english(text, limit=own.deadline_s))
                return
            timeout_s = min(self._pull_timeout_s, max(left_s, SHORTEST_PULL_S))
            failed = reading.failed
            try:
                received = reading.tried(partial(client.pull, min(room, PULL_MESSAGES), timeout_s))
                reading.answered += received is not None
                reading.uncertain += reading.failed - failed
                quiet = 0 if reading.take(client, received or ()) else quiet + 1
            except SourceError as error:
                if not reading.rows:
                    raise
                broken = in_english(mark("Reading broke off: {problem}"), problem=error.problem)
                reading.missing += [broken, error.next_step]
                return
        if reading.stop.is_set():
            reading.missing.append(mark("Reading was interrupted; there may be more."))

    def _finish(self, reading: Reading, about: Any) -> Loaded:
        frame = frame_of(reading.rows)
        completeness: Completeness = "partial" if reading.missing else "complete"
        missing = list(reading.missing)
        if about.enable_message_ordering and (frame["ordering_key"] != "").any():
            completeness = "partial"
            missing.append(
                mark("It keeps the order of keys, so what stands behind a message of the same key is not shown.")
            )
        if reading.masked:
            text = mark("Known secrets were masked in {count} places; those messages are not whole.")
            missing.append(in_english(text, count=reading.masked))
        if not reading.answered and not missing:
            completeness = "unverified"
            text = mark("No request was answered within {seconds:g} s: there is nothing, or it is slow.")
            missing.append(in_english(text, seconds=self._pull_timeout_s))
        if reading.uncertain and not reading.missing:
            completeness = "partial" if completeness == "partial" else "unverified"
            text = mark(
                "{count} requests for messages failed; what they may have leased comes back after {seconds:d} s and is "
                "not shown."
            )
            missing.append(in_english(text, count=reading.uncertain, seconds=about.ack_deadline_seconds))
        if frame.empty and completeness == "complete":
            completeness = "unverified"
            text = mark(
                "It gave nothing: it is empty, or another reader holds what is in it; one that was killed does so for "
                "{seconds:d} s, so read it once more after that."
            )
            missing.append(in_english(text, seconds=LEASE_S))
        first, last = frame["published_at"].min(), frame["published_at"].max()
        coverage = Coverage(
            got_start=first.to_pydatetime() if len(frame) else None,
            got_end=last.to_pydatetime() if len(frame) else None,
            rows=len(frame),
            completeness=completeness,
            missing=tuple(missing),
            findings=(*reading.findings(), *findings_of(about)),
            details={
                "requests": reading.requests,
                "failed_requests": reading.failed,
                "bytes": reading.size,
                "held_s": round(reading.elapsed_s, 1),
                "at_least": completeness != "complete",
            },
        )
        return Loaded(frame, coverage, self.name)
