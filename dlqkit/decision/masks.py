"""Masks: what of an error text changes from event to event, found in many texts at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.decision.bits import Bits, after, before, count_until, flood, flood_back, pack, places, unpack

__all__ = ["MASK", "find_masked", "mask_texts"]

# Bytes that no UTF-8 text holds.
MASK = b"\xff"
_END = 0xFE
_CONTROLS_TO_SPACE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
# So many texts at a time, and of their bytes so many: a block and what is made of it stay in the processor's cache.
_CHUNK_TEXTS = 1 << 15
_BLOCK = 1 << 17
# glibc gives large blocks back when they are freed and takes them anew, page by page, unless a block as large as this
# was freed before (mallopt(3), M_MMAP_THRESHOLD); one that is never written to costs nothing. Halves the time.
_KEPT_BYTES = 31 << 20
# Before the first text, so that one may look behind its first character.
_MARGIN = 64
# Words after which a number of three digits names the failure (HTTP 503, status code: 404), by their last four letters.
_STATUS_WORDS = tuple(np.frombuffer(word, dtype=np.uint32)[0] for word in (b"http", b"atus", b"code", b"rror"))
_STATUS_REACH = 10
_SMALL = np.uint32(0x20202020)


def _read(data: npt.NDArray[np.uint8]) -> dict[str, Bits]:
    """The streams of the characters that matter, a block at a time, since a block stays near the processor."""
    out = {name: np.empty(len(data) // 64, dtype=np.uint64) for name in ("digit", "upper", "lower", *"-.@")}
    small, flags, more = np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, np.bool_), np.empty(_BLOCK, np.bool_)
    for begin in range(0, len(data), _BLOCK):
        block = data[begin : begin + _BLOCK]
        if len(block) < _BLOCK:
            small, flags, more = small[: len(block)], flags[: len(block)], more[: len(block)]
        words = slice(begin // 64, (begin + len(block)) // 64)
        for name, first, count in (("digit", "0", 10), ("upper", "A", 26), ("lower", "a", 26)):
            np.subtract(block, ord(first), out=small)
            out[name][words] = pack(np.less(small, count, out=flags))
        np.equal(block, ord("_"), out=more)
        out["-"][words] = pack(np.logical_or(np.equal(block, ord("-"), out=flags), more, out=flags))
        for character in ".@":
            out[character][words] = pack(np.equal(block, ord(character), out=flags))
    return out


def _find_tokens(data: npt.NDArray[np.uint8]) -> tuple[Bits, Bits]:
    """The places of all tokens, and the last places of those that are to be masked."""
    s = _read(data)
    digit, dash = s["digit"], s["-"]
    letter = s["upper"] | s["lower"]
    word = letter | digit
    before_word = before(word)
    between_words = after(word) & before_word
    dot, at = s["."] & between_words, s["@"] & between_words
    token = word | dot | (dash & (before_word | before(dash)))
    masked = flood(digit, token) & ~_find_names(token, digit, s["upper"], s["lower"], dot)
    masked &= token & ~before(token)
    if at.any():
        token |= at
        masked = flood(masked | flood(at, token) & dot, token) & ~before(token)
    return token, _keep_statuses(data, digit & ~after(token), masked)


def _find_names(token: Bits, digit: Bits, upper: Bits, lower: Bits, dot: Bits) -> Bits:
    """Ends of tokens whose digits belong to a name: one or two after a letter, as in S3Exception or aws.s3.Fault."""
    first = digit & after(upper | lower)
    weak = first | digit & after(first)
    strong = digit & ~weak
    before_two = before(lower & before(lower))
    before_three = before(lower & before_two)
    return flood(upper & (before_two & after(dot) | before_three & after(weak)), token) & ~flood(strong, token)


def _keep_statuses(data: npt.NDArray[np.uint8], starts: Bits, masked: Bits) -> Bits:
    """The ends to be masked without those of HTTP statuses of failure."""
    found = places(starts & before(before(masked)))
    fits = (data[found] | 1) == ord("5")  # 4 or 5, and two digits behind it
    for step in (1, 2):
        fits &= (data[found + step] - 48) < 10
    found = found[fits]
    quads = np.ndarray(len(data) - 3, dtype=np.uint32, buffer=data, strides=(1,))
    letter = np.full(len(found), -1)
    for gap in range(_STATUS_REACH - 4, 0, -1):
        near = data[found - gap]
        np.copyto(letter, found - gap, where=((near | 0x20) - 97) < 26)
        np.copyto(letter, -1, where=near == _END)
    found, letter = found[letter > 0], letter[letter > 0]
    near = quads[letter - 3] | _SMALL
    named = np.logical_or.reduce([near == word for word in _STATUS_WORDS])
    ends = found[named] + 2
    np.bitwise_and.at(masked, ends >> 6, ~(np.uint64(1) << (ends & 63).astype(np.uint64)))
    return masked


def _lay_out(texts: pa.LargeStringArray, begin: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a chunk's texts in a row, each with an end behind it, and the places of the ends."""
    _, bounds, values = texts.buffers()
    offsets = np.frombuffer(bounds, dtype=np.int64)[texts.offset :][begin : min(begin + _CHUNK_TEXTS, len(texts)) + 1]
    own = (offsets - offsets[0]).astype(np.int32)
    count, size = len(own) - 1, int(own[-1])
    part = pa.BinaryArray.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(own), (values or pa.py_buffer(b"")).slice(int(offsets[0]), size)]
    )
    whole = pa.ListArray.from_arrays(pa.array([0, count], type=pa.int32()), part)
    stop = _MARGIN + size + count - 1
    data = np.empty(-(-(stop + 1) // 64) * 64, dtype=np.uint8)
    data[:_MARGIN] = _END
    data[_MARGIN:stop] = np.frombuffer(pc.binary_join(whole, bytes([_END]))[0].as_buffer(), dtype=np.uint8)
    data[stop:] = _END
    return data, _MARGIN + own[1:] + np.arange(count)


def _mask_chunk(texts: pa.LargeStringArray, begin: int) -> pa.BinaryArray:
    data, ends = _lay_out(texts, begin)
    token, last = _find_tokens(data)
    flags = unpack(last).view(np.uint8)
    data |= np.negative(flags, out=flags)
    kept = ~flood_back(last, token) | last
    kept[0] = 0
    offsets = np.zeros(len(ends) + 1, dtype=np.int32)
    offsets[1:] = count_until(kept, ends) + 1  # with the end itself
    # A stream is a bitmap as Arrow has them, and its filter is the fastest way to leave bytes out.
    bits = pa.Array.from_buffers(pa.bool_(), len(data), [None, pa.py_buffer(kept)])
    left = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)]).filter(bits)
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), left.buffers()[1]])


def mask_texts(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], list[bytes]]:
    """For each text the number of its masked form, and the forms: UTF-8 with ``MASK`` in place of what is masked."""
    known: dict[bytes, int] = {}
    codes = np.empty(len(texts), dtype=np.int64)
    if len(texts) > _CHUNK_TEXTS:
        np.empty(_KEPT_BYTES, dtype=np.uint8)
    for begin in range(0, len(texts), _CHUNK_TEXTS):
        coded = _mask_chunk(texts, begin).dictionary_encode()
        own = np.array([known.setdefault(form, len(known)) for form in coded.dictionary.to_pylist()], dtype=np.int64)
        codes[begin : begin + len(coded)] = own[coded.indices.to_numpy()]
    return codes, [form[:-1].translate(_CONTROLS_TO_SPACE) for form in known]


def find_masked(texts: pa.LargeStringArray) -> list[list[str]]:
    """For each text what was masked in it, in order."""
    out: list[list[str]] = []
    for begin in range(0, len(texts), _CHUNK_TEXTS):
        data, ends = _lay_out(texts, begin)
        token, last = _find_tokens(data)
        whole = flood_back(last, token)
        starts, stops = np.sort(places(whole & ~after(whole))), np.sort(places(last)) + 1
        raw = data.tobytes()
        tokens = [raw[start:stop].decode() for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        borders = np.searchsorted(starts, ends).tolist()
        out += [tokens[low:high] for low, high in zip([0, *borders[:-1]], borders, strict=True)]
    return out
