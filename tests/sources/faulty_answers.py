"""How an answer can go wrong between a service and whoever asks: each fault is what it writes to the socket."""

from __future__ import annotations

import email.utils
import gzip
import json
import random
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["HARMLESS", "LASTING", "PASSING", "Wire", "gzip_bomb", "send"]

HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
# Of a client that gives an answer a second or less; a stall is longer than that.
STALL_S, TRICKLE_S = 1.5, 0.05
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection that was asked for something, and where else one could be sent."""

    connection: socket.socket
    path: str
    elsewhere: str

    def head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """Status and headers; without a length the body ends with the connection."""
        lines = [f"HTTP/1.1 {status} Here", "Content-Type: application/json", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [] if length is None else [f"Content-Length: {length}"]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.head(status, headers or {}, len(body))
        self.connection.sendall(body)

    def reset(self) -> None:
        """Take the connection away, so that the other side sees a reset rather than an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Fault = Callable[[Wire, bytes, dict[str, str], random.Random], None]


def send(fault: str | None, wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    """A page as a fault leaves it; None for none."""
    every: Mapping[str, Fault] = {**PASSING, **HARMLESS, **LASTING}
    (every[fault] if fault is not None else _plain)(wire, body, headers, draw)


def _plain(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    wire.answer(200, body, headers)


# --- what breaks off


def _reset_before(wire: Wire, *_: Any) -> None:
    wire.reset()


def _reset_within(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, headers, len(body))
    wire.connection.sendall(body[: draw.randrange(len(body))])
    wire.reset()


def _short(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, headers, len(body) + draw.choice([1, 100, 10_000]))
    wire.connection.sendall(body[: draw.randrange(1, len(body) + 1)])


def _length_too_small(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, headers, draw.randrange(1, len(body)))
    wire.connection.sendall(body)


def _cut_at_close(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, headers, None)
    wire.connection.sendall(body[: draw.randrange(1, len(body))])


def _cut_chunk(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, {**headers, "Transfer-Encoding": "chunked"}, None)
    half = draw.randrange(1, len(body))
    wire.connection.sendall(b"%x\r\n%s\r\n" % (half, body[:half]) + b"%x\r\n" % (len(body) - half))


def _cut_json(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.answer(200, body[: draw.randrange(1, len(body))], headers)


# --- what is packed


def _corrupt_gzip(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    packed = bytearray(gzip.compress(body, mtime=0))
    # Behind the header, which is ten bytes: each of these is either data or the checksum.
    packed[draw.randrange(10, len(packed))] ^= 0xFF
    wire.answer(200, bytes(packed), {**headers, "Content-Encoding": "gzip"})


def _cut_gzip(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    packed = gzip.compress(body, mtime=0)
    wire.answer(200, packed[: draw.randrange(1, len(packed) - 1)], {**headers, "Content-Encoding": "gzip"})


def _no_gzip(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    wire.answer(200, body, {**headers, "Content-Encoding": "gzip"})


def _gzip(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    wire.answer(200, gzip.compress(body, mtime=0), {**headers, "Content-Encoding": "gzip"})


def _chunked(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, {**headers, "Transfer-Encoding": "chunked"}, None)
    half = draw.randrange(1, len(body))
    for part in (body[:half], body[half:], b""):
        wire.connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))


# --- what takes time


def _stall(wire: Wire, *_: Any) -> None:
    time.sleep(STALL_S)
    wire.reset()


def _stall_within(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    wire.head(200, headers, len(body))
    wire.connection.sendall(body[: draw.randrange(len(body))])
    time.sleep(STALL_S)
    wire.reset()


def _trickle(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    """A byte now and then, for ever: no wait for bytes is long."""
    wire.head(200, headers, len(body) + 10_000)
    for byte in body + b" " * 10_000:
        wire.connection.sendall(bytes([byte]))
        time.sleep(TRICKLE_S)


def _slowly(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    wire.head(200, headers, len(body))
    step = len(body) // 4 + 1
    for at in range(0, len(body), step):
        wire.connection.sendall(body[at : at + step])
        time.sleep(0.01)


# --- what is said instead


def _status(status: int, body: bytes = b'{"error": "not now"}', **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda wire, *_: wire.answer(status, body, named)


def _in_a_second(wire: Wire, *_: Any) -> None:
    wire.answer(429, b"{}", {"Retry-After": email.utils.formatdate(time.time() + 1, usegmt=True)})


def _sent_away(wire: Wire, *_: Any) -> None:
    wire.answer(302, b"", {"Location": f"{wire.elsewhere}{wire.path}"})


def _sent_in_a_circle(wire: Wire, *_: Any) -> None:
    wire.answer(307, b"", {"Location": wire.path})


def _sent_on(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    """To the same address with one parameter more; whoever comes with it gets the page."""
    if "hop=" in wire.path:
        wire.answer(200, body, headers)
    else:
        status = draw.choice([301, 302, 303, 307, 308])
        wire.answer(status, b"", {"Location": f"{wire.path}{'&' if '?' in wire.path else '?'}hop=1"})


def _with_bom(wire: Wire, body: bytes, headers: dict[str, str], _: random.Random) -> None:
    wire.answer(200, b"\xef\xbb\xbf" + body, headers)


def _skewed(wire: Wire, body: bytes, headers: dict[str, str], draw: random.Random) -> None:
    at = time.time() + draw.choice([-86_400.0, -3_600.0, 90.0, 4e9])
    wire.answer(200, body, {**headers, "Date": email.utils.formatdate(at, usegmt=True)})


# --- what is too much


def _huge(wire: Wire, *_: Any) -> None:
    """Records without an end."""
    wire.head(200, {}, None)
    wire.connection.sendall(b'{"items": [')
    many = b'{"id": "h", "trace_id": "t", "status": "failed"},' * (MIB // 50)
    for _ in range(300):
        wire.connection.sendall(many)


def _many_elements(wire: Wire, *_: Any) -> None:
    """As many elements as fit into a body that is not too long by itself."""
    wire.answer(200, b"[" + b"{}," * (12 * MIB) + b"{}]")


def _deep(wire: Wire, *_: Any) -> None:
    depth = 100_000
    body = b'{"items": [{"id": "d", "status": "failed", "payload": ' + b"[" * depth + b"]" * depth + b"}"
    wire.answer(200, body)  # and the list is not closed: a page that nothing can be had of


def _bomb(wire: Wire, *_: Any) -> None:
    wire.answer(200, gzip_bomb(), {"Content-Encoding": "gzip"})


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """Half a gigabyte in half a megabyte; made once, for it takes longer than an answer may."""
    return gzip.compress(b'{"items": [' + b" " * (512 * MIB), 1, mtime=0)


PASSING: Mapping[str, Fault] = {
    "reset before the answer": _reset_before,
    "reset within the answer": _reset_within,
    "short body": _short,
    "length too small": _length_too_small,
    "cut at close": _cut_at_close,
    "cut chunk": _cut_chunk,
    "cut JSON": _cut_json,
    "corrupt gzip": _corrupt_gzip,
    "cut gzip": _cut_gzip,
    "gzip that is none": _no_gzip,
    "stall": _stall,
    "stall within": _stall_within,
    "trickle": _trickle,
    "429 in a second": _status(429, Retry_After="1"),
    "429 at a time": _in_a_second,
    "429 tomorrow": _status(429, Retry_After="86400"),
    "429 soon": _status(429, Retry_After="soon"),
    "429 before": _status(429, Retry_After="-5"),
    "500": _status(500),
    "502 with a page": _status(502, HTML),
    "503 in a second": _status(503, Retry_After="1"),
    "504": _status(504, b""),
    "200 with a page": _status(200, HTML),
    "200 without a body": _status(200, b""),
    "200 with null": _status(200, b"null"),
    "200 with an error": _status(200, json.dumps({"error": "backend restarts"}).encode()),
}
HARMLESS: Mapping[str, Fault] = {
    "gzip": _gzip,
    "chunked": _chunked,
    "slowly": _slowly,
    "sent on": _sent_on,
    "byte order mark": _with_bom,
    "clock skew": _skewed,
}
# Those that are of no use in passing.
LASTING: Mapping[str, Fault] = {
    "sent away": _sent_away,
    "sent in a circle": _sent_in_a_circle,
    "401": _status(401),
    "403": _status(403, HTML),
    "404": _status(404),
    "huge body": _huge,
    "many elements": _many_elements,
    "deep nesting": _deep,
    "gzip bomb": _bomb,
}
