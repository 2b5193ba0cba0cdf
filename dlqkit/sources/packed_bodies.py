"""The body of an answer over HTTP, unpacked as it comes; one that was cut while packed is broken, not short."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator
from http import HTTPStatus
from typing import Any

import urllib3

__all__ = ["ACCEPTED", "body_of"]

# What is asked for; more would depend on what else is installed.
ACCEPTED = "gzip, deflate"
_CHUNK = 1 << 16  # of packed bytes
_PIECE = 1 << 16  # of unpacked bytes: a thousand may come of one
_LEAST = 64  # of packed bytes: a member of gzip may be of twenty, and what follows it is copied
_MOST_ENCODINGS = 5  # as urllib3 has it; each may be a thousand times the one before
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
# The low half of the first byte (RFC 1950, section 2.2); many servers leave out what comes around the data (RFC 1951).
_ZLIB_METHOD = 8


def body_of(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    """The pieces of a body, unpacked, as they come.

    Whoever reads them can look at the clock after each: some are empty, where much was unpacked and nothing came of it.

    Raises
    ------
    urllib3.exceptions.HTTPError
        If it broke off, was damaged or was packed and does not come to its end: its last piece may be anything then.
    """
    names = [name.strip() for name in raw.headers.get("Content-Encoding", "").lower().split(",")]
    chunks = _come(raw)
    # A name that is none, such as that of a charset, was never acted upon.
    if not _UNPACK.keys() & set(names):
        yield from chunks
        return
    if len(names) > _MOST_ENCODINGS:
        raise _broken()
    first = next(chunks, b"")
    if not first:
        if raw.status == HTTPStatus.OK:
            raise _broken()
        return  # an answer without a body, such as a redirect, may name an encoding
    pieces = _with(first, chunks)
    for name in reversed(names):
        if name not in _UNPACK and name not in _AS_IT_IS:
            raise _broken()
        pieces = _gathered(_UNPACK[name](pieces)) if name in _UNPACK else pieces
    try:
        yield from pieces
    except zlib.error as error:
        raise _broken() from error


def _come(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    while chunk := raw.read1(_CHUNK, decode_content=False):
        yield chunk


def _with(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _broken() -> urllib3.exceptions.DecodeError:
    return urllib3.exceptions.DecodeError("The packed body is broken.")


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """One member or several; what follows them and is none is left out, as other clients do."""
    unpacker: Any = zlib.decompressobj(_GZIP)
    rest = b""
    for chunk in chunks:
        packed, at = memoryview(rest + chunk), 0
        while at < len(packed):
            if unpacker is None and packed[at : at + len(_MAGIC)] != _MAGIC:
                if packed[at:] == _MAGIC[:1]:
                    break
                yield from _left_out(chunks)
                return
            unpacker = unpacker or zlib.decompressobj(_GZIP)
            at += yield from _pieces(unpacker, packed[at:])
            unpacker = None if unpacker.eof else unpacker
        rest = bytes(packed[at:])
        yield b""
    if unpacker is not None or rest:
        raise _broken()


def _inflate(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker: Any = None
    for chunk in chunks:
        if chunk:
            unpacker = unpacker or zlib.decompressobj(_ZLIB if chunk[0] & 0x0F == _ZLIB_METHOD else _RAW)
            yield from _pieces(unpacker, memoryview(chunk))
            if unpacker.eof:
                yield from _left_out(chunks)
                return
        yield b""
    raise _broken()


def _left_out(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Read to the end nevertheless: whether all of it came is told by its length."""
    for _ in chunks:
        yield b""


def _pieces(unpacker: Any, packed: memoryview) -> Generator[bytes, None, int]:
    """What comes of it, and how much of it was taken: all but what follows the end."""
    at, step = 0, _LEAST
    while True:
        part = packed[at : at + step]
        piece = unpacker.decompress(part, _PIECE)
        # Both are copies, and no longer than a step: of no more than the member had so far, or of little.
        at += len(part) - len(unpacker.unused_data or unpacker.unconsumed_tail)
        if piece:
            yield piece
        # More may be left inside although all of the input is taken.
        if unpacker.eof or (at == len(packed) and len(piece) < _PIECE):
            return at
        step = min(2 * step, _CHUNK)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces put together, since a member may be of one byte; an empty one says to go on with what is there."""
    lot: list[bytes] = []
    size = 0
    for piece in pieces:
        lot.append(piece)
        size += len(piece)
        if not piece or size >= _PIECE:
            yield b"".join(lot)
            lot, size = [], 0
    if lot:
        yield b"".join(lot)


_UNPACK: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
}
_AS_IT_IS = {"", "identity"}
