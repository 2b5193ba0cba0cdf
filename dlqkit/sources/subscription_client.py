"""Four requests to one Pub/Sub subscription, each with its own deadline and no retry that nobody sees."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dlqkit.errors import AccessDenied, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.language import in_english, mark
from dlqkit.untrusted import for_terminal, shorten

__all__ = ["IDS_PER_REQUEST", "SubscriptionClient"]

REQUEST_TIMEOUT_S = 10.0
# An answer holds 10 MB of messages and what is around them; gRPC's own limit of 4 MiB would lose it with its leases.
MAX_ANSWER_BYTES = 64 << 20
# A request of ids may have 512 KiB (cloud.google.com/pubsub/quotas), and an id of the service has some 200 bytes.
IDS_PER_REQUEST = 1000


class SubscriptionClient:
    """Speaks to Pub/Sub about one subscription.

    Parameters
    ----------
    name : str
        ``projects/P/subscriptions/S``.
    endpoint : str, optional
        Another address than Google's, always over TLS. ``PUBSUB_EMULATOR_HOST`` comes before it, without TLS and
        without credentials, as in Google's own client.

    Raises
    ------
    AccessDenied
        If there are no credentials.
    """

    def __init__(self, name: str, *, endpoint: str | None = None) -> None:
        from google.api_core.client_options import ClientOptions
        from google.auth.exceptions import GoogleAuthError
        from google.pubsub_v1.services.subscriber import SubscriberClient

        self.name = name
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        try:
            if emulator:
                self._client: Any = SubscriberClient(transport=_plain_transport(emulator))
            else:
                self._client = SubscriberClient(client_options=ClientOptions(api_endpoint=endpoint))
        except GoogleAuthError as error:
            raise _no_credentials(error) from error

    def __enter__(self) -> SubscriptionClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__(None, None, None)

    def settings(self) -> Any:
        """The subscription as Pub/Sub has it.

        Raises
        ------
        AccessDenied
            If ``pubsub.subscriptions.get`` is missing.
        SourceError
            If there is none of that name, or no answer.
        """
        with self._named("pubsub.subscriptions.get", "roles/pubsub.viewer"):
            return self._client.get_subscription(
                request={"subscription": self.name}, retry=None, timeout=REQUEST_TIMEOUT_S
            )

    def pull(self, most: int, timeout_s: float) -> Sequence[Any] | None:
        """Lease up to so many messages; None where no answer came in time, which an empty subscription may do too."""
        from google.api_core.exceptions import DeadlineExceeded

        with self._named("pubsub.subscriptions.consume", "roles/pubsub.subscriber"):
            try:
                answer = self._client.pull(
                    request={"subscription": self.name, "max_messages": most}, retry=None, timeout=timeout_s
                )
            except DeadlineExceeded:
                return None
        return list(answer.received_messages)

    def set_deadline(self, ack_ids: Sequence[str], seconds: int) -> int:
        """Hold messages for so long from now, 0 lets them go; how many requests named a lease that had run out."""
        from google.api_core.exceptions import BadRequest

        refused = 0
        with self._named("pubsub.subscriptions.consume", "roles/pubsub.subscriber"):
            for begin in range(0, len(ack_ids), IDS_PER_REQUEST):
                some = ack_ids[begin : begin + IDS_PER_REQUEST]
                request = {"subscription": self.name, "ack_ids": some, "ack_deadline_seconds": seconds}
                try:
                    self._client.modify_ack_deadline(request=request, retry=None, timeout=REQUEST_TIMEOUT_S)
                except BadRequest:
                    # Only where delivery is exactly once is that an error: the message is free already.
                    refused += 1
        return refused

    @contextmanager
    def _named(self, permission: str, role: str) -> Iterator[None]:
        """Errors of Google's client as dlqkit's own."""
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            yield
        except exceptions.NotFound as error:
            raise UnexpectedAnswer(
                in_english(mark("The dead-letter subscription {name} does not exist."), name=self.name),
                mark("Check dead_letter_subscription.name: gcloud pubsub subscriptions list."),
            ) from error
        except exceptions.Forbidden as error:
            raise AccessDenied(
                in_english(
                    mark("The dead-letter subscription {name} refuses these credentials: {permission} is missing."),
                    name=self.name,
                    permission=permission,
                ),
                in_english(mark("Ask for {role} on this subscription, and collect again."), role=role),
            ) from error
        except exceptions.Unauthenticated as error:
            raise AccessDenied(
                in_english(
                    mark("The dead-letter subscription {name} does not know these credentials."), name=self.name
                ),
                mark("Renew them: gcloud auth application-default login."),
            ) from error
        except GoogleAuthError as error:
            raise _no_credentials(error) from error
        except (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError, exceptions.Aborted,
                exceptions.Cancelled) as error:  # fmt: skip
            raise SourceUnavailable(
                in_english(
                    mark("The dead-letter subscription {name} gave no answer: {reason}."),
                    name=self.name,
                    reason=type(error).__name__,
                ),
                mark("Collect again; nothing was taken off it."),
            ) from error
        except exceptions.GoogleAPICallError as error:
            text = shorten(for_terminal(error.message or type(error).__name__), 200)
            raise SourceError(
                in_english(
                    mark("The dead-letter subscription {name} cannot be read: {said}"), name=self.name, said=text
                ),
                mark("Check that it is a pull subscription and is not detached."),
            ) from error


def _plain_transport(host: str) -> Any:
    import grpc
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    options = [("grpc.max_receive_message_length", MAX_ANSWER_BYTES)]
    return SubscriberGrpcTransport(channel=grpc.insecure_channel(host, options=options))


def _no_credentials(error: Exception) -> AccessDenied:
    return AccessDenied(
        in_english(mark("There are no credentials for Pub/Sub: {reason}."), reason=type(error).__name__),
        mark("Log in: gcloud auth application-default login; or set GOOGLE_APPLICATION_CREDENTIALS."),
    )
