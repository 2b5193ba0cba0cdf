"""A team's own endpoint for re-ingest: one POST an event, with a key by which it can drop a repeat."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
import urllib3

from dlqkit.errors import ParameterError
from dlqkit.republish.sink import Message, SendError
from dlqkit.sources.http import check_url, shown_url
from dlqkit.sources.packed_bodies import body_of
from dlqkit.sources.timed_reads import OneAnswer, TimedAdapter, TimedTlsConnection, within

__all__ = ["IDEMPOTENCY_HEADER", "HttpSink"]

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""draft-ietf-httpapi-idempotency-key-header: its value is a quoted string."""
CONNECT_S = 10.0
_MAX_ANSWER_BYTES = 65_536
# Of a number of seconds; more of them are for ever either way.
_MOST_DIGITS = 9
# They ask for the same request once more (408, 425, 429), or say that the first one with this key still runs (409, as
# the draft has it).
_DOUBTFUL = {408, 409, 425, 429}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LETS_IN = re.compile(r"(?<=//)[^/?#@]*@|[?#].*", re.DOTALL)
_ID_FIELDS = ("message_id", "messageId", "id")


class _Connection(TimedTlsConnection):
    """A connection whose handshake comes to the same as its beginning: before both are there no request leaves."""

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise urllib3.exceptions.NewConnectionError(self, "There was no connection.") from error


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Connection


class _Adapter(TimedAdapter):
    """A pool repeats nothing by itself, not even on a connection that was closed."""

    tls_pool = _Pool

    def __init__(self) -> None:
        super().__init__(max_retries=0)


class HttpSink:
    """Posts the bytes of each event; made by ``publisher.connect_sink``.

    Parameters
    ----------
    url : str
        Of the endpoint; redirects are not followed.
    header : str, optional
        Name of the header that carries the dedupe key; none is sent without it.
    bearer : str, optional
        The token, already resolved.
    ca_file : Path, optional
        The authority of the endpoint's certificate.
    deadline_s : float
        Of a request with its answer, by the clock.

    Raises
    ------
    ParameterError
        If the address or the header's name cannot be used, or the token would be sent unencrypted.
    """

    max_messages = 1

    def __init__(
        self,
        url: str,
        *,
        header: str | None = IDEMPOTENCY_HEADER,
        bearer: str | None = None,
        ca_file: Path | None = None,
        deadline_s: float = 30.0,
    ) -> None:
        self._url = check_url(url, setting="republish.http.url", has_secret=bearer is not None)
        if header is not None and not _HEADER_NAME.fullmatch(header):
            raise ParameterError(
                "The name of the header for the idempotency key is not one.", f"Write {IDEMPOTENCY_HEADER}."
            )
        self._header = header
        self._deadline_s = deadline_s
        self._session = OneAnswer()
        self._session.trust_env = False  # no .netrc and no proxy of the environment: both would see the token
        self._session.mount("http://", _Adapter())
        self._session.mount("https://", _Adapter())
        self._session.headers.update({"User-Agent": "dlqkit", "Content-Type": "application/json"})
        if bearer is not None:
            self._session.headers["Authorization"] = f"Bearer {bearer}"
        if ca_file is not None:
            if not ca_file.is_file():
                raise ParameterError(f"The CA file {ca_file} does not exist.", "Check ca_file in the settings.")
            self._session.verify = str(ca_file)

    def __repr__(self) -> str:
        return f"HttpSink({shown_url(self._url)!r})"

    def send(self, messages: Sequence[Message]) -> list[str]:
        """Post one message; the endpoint's id of it, else the dedupe key by which it knows it.

        Raises
        ------
        SendError
            ``UNREACHABLE`` where there was no connection; ``HTTP_`` and the status; or what broke.
        """
        return [self._post(message) for message in messages]

    def _post(self, message: Message) -> str:
        headers = {}
        if self._header is not None:
            is_drafted = self._header.lower() == IDEMPOTENCY_HEADER.lower()
            headers[self._header] = f'"{message.dedupe_key}"' if is_drafted else message.dedupe_key
        until = time.monotonic() + self._deadline_s
        try:
            with (
                within(self._deadline_s),
                self._session.post(
                    self._url,
                    data=message.data,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(CONNECT_S, self._deadline_s), self._deadline_s),
                ) as answer,
            ):
                status = answer.status_code
                if not 200 <= status < 300:
                    is_sure = 400 <= status < 500 and status not in _DOUBTFUL
                    raise SendError(f"HTTP_{status}", is_sure, _retry_after(answer))
                return _find_id(answer, _read(answer, until)) or message.dedupe_key
        except requests.exceptions.ConnectTimeout:
            raise SendError("UNREACHABLE", True) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if _never_connected(error):
                raise SendError("UNREACHABLE", True) from None
            is_late = isinstance(error, requests.exceptions.Timeout)
            raise SendError("DEADLINE_EXCEEDED" if is_late else "NO_WHOLE_ANSWER", False) from None

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()


def _read(answer: requests.Response, until: float) -> bytes:
    """The beginning of a body; the status has already said that the event was taken."""
    body = b""
    try:
        for chunk in body_of(answer.raw):
            body += chunk
            if len(body) >= _MAX_ANSWER_BYTES or time.monotonic() >= until:
                break
    except (urllib3.exceptions.HTTPError, OSError):
        return b""  # an answer without an id is an answer
    return body


def _find_id(answer: requests.Response, body: bytes) -> str:
    for name in ("X-Message-Id", "Message-Id", "Location"):
        if answer.headers.get(name):
            # What stands around an address may let somebody in, and an id is shown.
            text = str(answer.headers[name])
            return _LETS_IN.sub("", text) if name == "Location" else text
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        for name in _ID_FIELDS:
            if isinstance(value.get(name), str | int) and not isinstance(value.get(name), bool):
                return str(value[name])
    return ""


def _retry_after(answer: requests.Response) -> float:
    """Seconds that the endpoint asks for, by number or date (RFC 9110, section 10.2.3); 0 where it asks for none."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MOST_DIGITS])
    try:
        wait = parsedate_to_datetime(text) - datetime.now(UTC)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, wait.total_seconds())


def _never_connected(error: BaseException) -> bool:
    """Whether no connection was made, so that not a byte of the event left."""
    seen: BaseException | None = error
    while seen is not None:
        if any(isinstance(one, urllib3.exceptions.NewConnectionError) for one in (seen, getattr(seen, "reason", None))):
            return True
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = inner if inner is not None else seen.__cause__
    return False
