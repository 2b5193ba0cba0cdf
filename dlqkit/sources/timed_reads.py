"""An answer over HTTP that ends in time, however its bytes come: in the status line, a header, a chunk or a trailer."""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import requests
import urllib3

from dlqkit.sources.packed_bodies import ACCEPTED

__all__ = ["OneAnswer", "TimedAdapter", "TimedConnection", "TimedTlsConnection", "within"]


class OneAnswer(requests.Session):
    """A session whose answers are taken as they are, those that send on to another address too.

    Even where it is not to follow, ``requests`` unpacks the body of such an answer whole and reads its address; a bad
    one raises a plain ``ValueError`` that holds it, with whatever secret a server put there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept-Encoding"] = ACCEPTED

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, so that nothing of it is looked at."""


# A service that works on an answer says so every few seconds; one that says it more often says nothing else.
_MOST_BEFORE = 100
_SECONDS: ContextVar[float] = ContextVar("seconds", default=math.inf)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """An answer that is asked for in this block is read for so long after its request was sent, then times out."""
    before = _SECONDS.set(seconds)
    try:
        yield
    finally:
        _SECONDS.reset(before)


class _TimedReads(io.RawIOBase):
    """What comes through a socket; its time-out is for each read alone, and a line or header is of many."""

    def __init__(self, raw: Any, sock: socket.socket, moment: float) -> None:
        self._raw, self._sock, self._moment = raw, sock, moment
        self._silence_s = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._moment < math.inf:
            left = self._moment - time.monotonic()
            if left <= 0:
                raise TimeoutError("The time of the whole answer is over.")
            self._sock.settimeout(left if self._silence_s is None else min(left, self._silence_s))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        plain: Any = self.fp
        self.fp = io.BufferedReader(_TimedReads(plain.detach(), sock, time.monotonic() + _SECONDS.get()))

    def _read_status(self) -> tuple[str, int, str]:
        """The status of the answer itself, without those that say that it is yet to come (RFC 9110, section 15.2)."""
        base: Any = super()
        for _ in range(_MOST_BEFORE):
            version, status, reason = base._read_status()
            if not 100 <= status < 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("There are too many answers before the answer.")

    def begin(self) -> None:
        """As the base class does; refuses two lengths, for which urllib3 would leave the answer open."""
        super().begin()
        # What follows is of another protocol, so nothing more is asked here.
        self.will_close = self.will_close or self.status == HTTPStatus.SWITCHING_PROTOCOLS
        lengths = {one.strip() for text in self.headers.get_all("Content-Length", []) for one in text.split(",")}
        if len(lengths) > 1:
            raise http.client.HTTPException("The answer has two lengths.")


class TimedConnection(urllib3.connection.HTTPConnection):
    """A connection whose answers keep to ``within``."""

    response_class = _Answer


class TimedTlsConnection(urllib3.connection.HTTPSConnection):
    """The same over TLS."""

    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = TimedConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = TimedTlsConnection


def _tls() -> ssl.SSLContext:
    """As urllib3 makes it, which would write the keys of each connection to a file that the environment names.

    The functions of ``ssl`` do so too; setting the file's name back leaves the file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.hostname_checks_common_name = False
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


class TimedAdapter(requests.adapters.HTTPAdapter):
    """For a session of ``requests``: its answers keep to ``within``."""

    tls_pool: type[urllib3.HTTPSConnectionPool] = _TlsPool

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As the base class does, with these connections."""
        super().init_poolmanager(*arguments, ssl_context=_tls(), **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": self.tls_pool}
