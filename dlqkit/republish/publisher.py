"""Publish to a topic: one request, one deadline, no hidden retry, and an answer that says whether it is sure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit.errors import ParameterError
from dlqkit.republish.limits import MAX_REQUEST_MESSAGES
from dlqkit.republish.plan import Target
from dlqkit.republish.sink import Failed, Message, Pending, SendError, Sink
from dlqkit.settings import SecretReference
from dlqkit.sources.secrets import resolve_secret

if TYPE_CHECKING:
    import grpc
    from google.pubsub_v1.types import PublishRequest, PublishResponse

__all__ = ["EMULATOR", "Publisher", "connect_channel", "connect_sink", "find_server"]

EMULATOR = "PUBSUB_EMULATOR_HOST"
"""The variable by which the stock client, and this one, is sent to another server without credentials."""
DEADLINE_S = 30.0
CONNECT_S = 10.0
SERVICE = "pubsub.googleapis.com:443"
_SCOPES = ("https://www.googleapis.com/auth/pubsub",)
# Answers after which the service has stored nothing. Every other one may stand for a request that was stored and
# whose acknowledgement was lost (cloud.google.com/pubsub/docs/reference/error-codes; the stock client retries those,
# and so sends copies).
DEFINITE = frozenset({"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_ARGUMENT", "FAILED_PRECONDITION",
                      "UNIMPLEMENTED"})  # fmt: skip
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    # A channel repeats requests by itself too, and takes rules for it from the name's TXT record.
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
)


def find_server(endpoint: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Host and port of the Pub/Sub that is sent to: an emulator's, else the endpoint's, else Google's own.

    Parameters
    ----------
    endpoint, environ
        As of ``connect_channel``.

    Raises
    ------
    ParameterError
        If the endpoint is no host.
    """
    emulator = (os.environ if environ is None else environ).get(EMULATOR)
    if emulator:
        return emulator
    address = endpoint or SERVICE
    if "/" in address or "@" in address or not address.strip():
        raise ParameterError(
            "republish.endpoint is not a host.", "Write it as europe-west1-pubsub.googleapis.com, or leave it out."
        )
    return address if ":" in address else f"{address}:443"


def connect_channel(endpoint: str | None = None, environ: Mapping[str, str] | None = None) -> tuple[grpc.Channel, str]:
    """A channel to Pub/Sub, and the address it goes to.

    Parameters
    ----------
    endpoint : str, optional
        ``host`` or ``host:port`` of a regional endpoint, such as ``europe-west1-pubsub.googleapis.com``.
    environ : mapping, optional
        The environment; the process's own by default.

    Raises
    ------
    ParameterError
        If the endpoint is no host, or there are no credentials.
    """
    import grpc

    address = find_server(endpoint, environ)
    if (os.environ if environ is None else environ).get(EMULATOR):
        # As the stock client does: an emulator has no certificate and wants no credentials.
        return grpc.insecure_channel(address, options=_OPTIONS), address
    import google.auth
    import google.auth.exceptions
    import google.auth.transport.grpc
    import google.auth.transport.requests

    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
    except (google.auth.exceptions.GoogleAuthError, OSError) as error:
        raise ParameterError(
            f"There are no credentials for Pub/Sub ({type(error).__name__}).",
            "Log in by gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key's file.",
        ) from None
    request = google.auth.transport.requests.Request()
    connect: Any = google.auth.transport.grpc.secure_authorized_channel  # it has no types
    return connect(credentials, request, address, options=_OPTIONS), address


class Publisher:
    """Publishes to one topic through the GAPIC client; made by ``connect_sink``.

    Parameters
    ----------
    topic : str
        ``projects/P/topics/T``.
    channel : grpc.Channel
        Made after any fork: a channel does not survive one.
    deadline_s : float
        Of a request, from its beginning to its answer.
    connect_s : float
        Of a connection, where there is none; until then nothing was sent.
    """

    max_messages = MAX_REQUEST_MESSAGES

    def __init__(
        self, topic: str, channel: grpc.Channel, *, deadline_s: float = DEADLINE_S, connect_s: float = CONNECT_S
    ) -> None:
        import google.api_core.gapic_v1
        from google.pubsub_v1 import gapic_version as package_version
        from google.pubsub_v1.services.publisher import transports

        gapic: Any = google.api_core.gapic_v1  # it has no types
        self.topic = topic
        self._channel = channel
        # The call beneath ``PublisherClient.publish``: that one cannot be begun without waiting for its end, and with
        # ``retry=None`` it adds nothing but these headers.
        self._publish: Any = transports.PublisherGrpcTransport(channel=channel).publish
        self._metadata = (
            gapic.routing_header.to_grpc_metadata((("topic", topic),)),
            gapic.client_info.ClientInfo(gapic_version=package_version.__version__).to_grpc_metadata(),
        )
        self._deadline_s = deadline_s
        self._connect_s = connect_s
        self._is_connected = False

    def send(self, messages: Sequence[Message]) -> list[str]:
        """Publish messages of one ordering key in one request, and wait for its answer.

        Returns
        -------
        list of str
            The ids that the service gave, in the messages' order.

        Raises
        ------
        SendError
            ``UNREACHABLE`` where there was no connection, so that nothing was sent; else the service's code.
        """
        return self.prepare(messages)().wait()

    def prepare(self, messages: Sequence[Message]) -> Callable[[], Pending]:
        """A request that is ready to go: calling it lets it go, and does not wait for its answer."""
        from google.pubsub_v1 import types

        # The raw protocol buffers, filled in place: the client's own wrapping of each message costs more than sending
        # it, and a message that is built apart is copied once more.
        raw = types.PublishRequest.pb()(topic=self.topic)
        for one in messages:
            message = raw.messages.add()
            message.data = one.data
            message.ordering_key = one.ordering_key
            attributes = message.attributes
            for name, value in one.attributes.items():
                attributes[name] = value
        return partial(self._start, types.PublishRequest.wrap(raw))

    def _start(self, request: PublishRequest) -> Pending:
        try:
            self._connect()
        except SendError as error:
            return Failed(error)
        return _Publish(self._publish.future(request, timeout=self._deadline_s, metadata=self._metadata), self._lost)

    def _lost(self) -> None:
        """After an error the next request asks first whether there is a connection."""
        self._is_connected = False

    def _connect(self) -> None:
        if self._is_connected:
            return
        import grpc
        from google.pubsub_v1 import types

        # A question that changes nothing, before an event is at stake: whatever is answered, there is a connection.
        # Where the topic may not be read, that is an answer too.
        ask = self._channel.unary_unary(
            "/google.pubsub.v1.Publisher/GetTopic",
            request_serializer=types.GetTopicRequest.pb().SerializeToString,
            response_deserializer=types.Topic.pb().FromString,
        )
        try:
            ask(types.GetTopicRequest.pb()(topic=self.topic), timeout=self._connect_s, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                raise SendError("UNREACHABLE", True) from None
        self._is_connected = True

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()


class _Publish:
    """A request that is under way."""

    def __init__(self, call: grpc.Future[PublishResponse], on_error: Callable[[], None]) -> None:
        self._call, self._on_error = call, on_error

    def wait(self) -> list[str]:
        """As ``Pending.wait``."""
        import grpc
        from google.pubsub_v1 import types

        try:
            answer = self._call.result()
        except grpc.RpcError as error:
            self._on_error()
            code = error.code().name
            raise SendError(code, code in DEFINITE) from None
        except grpc.FutureCancelledError:
            self._on_error()
            raise SendError("CANCELLED", False) from None
        return list(types.PublishResponse.pb(answer).message_ids)


def connect_sink(
    target: Target,
    *,
    endpoint: str | None = None,
    bearer: SecretReference | None = None,
    ca_file: Path | None = None,
    deadline_s: float = DEADLINE_S,
) -> Sink:
    """The sink of a plan's target, its secrets resolved; nothing is sent yet.

    Parameters
    ----------
    target : Target
        Of the plan.
    endpoint : str, optional
        Of Pub/Sub, where it is a regional one.
    bearer : SecretReference, optional
        Token of the HTTP endpoint.
    ca_file : Path, optional
        The authority of the HTTP endpoint's certificate.
    deadline_s : float
        Of a request.

    Raises
    ------
    ParameterError
        If the address cannot be used, or a secret or the credentials cannot be had.
    """
    if target.kind == "http":
        from dlqkit.republish.http_sink import HttpSink

        token = resolve_secret(bearer) if bearer is not None else None
        return HttpSink(
            target.address, header=target.dedupe_attribute, bearer=token, ca_file=ca_file, deadline_s=deadline_s
        )
    channel, _ = connect_channel(endpoint)
    return Publisher(target.address, channel, deadline_s=deadline_s)
