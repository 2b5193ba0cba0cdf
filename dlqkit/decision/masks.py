"""Masks: what of an error text changes from event to event, found in many texts at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.decision.bits import Bits, after, before, count_until, flood, flood_back, overflow, pack, places, unpack

__all__ = ["MASK", "find_masked", "mask_texts"]

# Bytes that no UTF-8 text holds.
MASK = b"\xff"
_END = 0xFE
_CONTROLS_TO_SPACE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
# So many texts at a time, and of their bytes so many: a block and what is made of it stay in the processor's cache.
_CHUNK_TEXTS = 1 << 15
_BLOCK = 1 << 18
# glibc gives large blocks back when they are freed and takes them anew, page by page, unless a block as large as this
# was freed before (mallopt(3), M_MMAP_THRESHOLD); one that is never written to costs nothing. Halves the time.
_KEPT_BYTES = 31 << 20
# Words after which a number of three digits names the failure (HTTP 503, status code: 404), by their last four letters.
_STATUS_WORDS = tuple(np.frombuffer(word, dtype=np.uint32)[0] for word in (b"http", b"atus", b"code", b"rror"))
_STATUS_REACH = 10
_SMALL = np.uint32(0x20202020)


def _read(data: npt.NDArray[np.uint8]) -> dict[str, Bits]:
    """The streams of the characters that matter, a block at a time, since a block stays near the processor."""
    out = {name: np.empty(-(-len(data) // 64), dtype=np.uint64) for name in ("digit", "upper", "lower", *"-.@")}
    small, flags = np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, np.bool_)
    for begin in range(0, len(data), _BLOCK):
        block = data[begin : begin + _BLOCK]
        if len(block) < _BLOCK:
            whole = np.full(-(-len(block) // 64) * 64, _END, dtype=np.uint8)
            whole[: len(block)] = block
            block, small, flags = whole, small[: len(whole)], flags[: len(whole)]
        words = slice(begin // 64, (begin + len(block)) // 64)
        for name, first, count in (("digit", "0", 10), ("upper", "A", 26), ("lower", "a", 26)):
            # Processors compare bytes with a sign in one step, those without one in two.
            np.subtract(block, (ord(first) + 128) % 256, out=small)
            out[name][words] = pack(np.less(small.view(np.int8), count - 128, out=flags))
        other = np.equal(block, ord("_"), out=small.view(np.bool_))
        out["-"][words] = pack(np.bitwise_or(np.equal(block, ord("-"), out=flags), other, out=flags))
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
    after_token = after(token)
    last = before(overflow(digit, token) & ~_find_names(token, digit, letter, s, dot) & after_token & ~token)
    if at.any():
        token |= at
        after_token = after(token)
        last = before(overflow(last | flood(at, token) & dot, token) & after_token & ~token)
    return token, _keep_statuses(data, digit & ~after_token, last)


def _find_names(token: Bits, digit: Bits, letter: Bits, s: dict[str, Bits], dot: Bits) -> Bits:
    """Behind the ends of tokens whose digits belong to a name: one or two after a letter, as in aws.s3.Fault.

    What it says of other places means nothing.
    """
    upper, lower = s["upper"], s["lower"]
    first = digit & after(letter)
    weak = first | digit & after(first)
    strong = digit & ~weak
    before_two = before(lower & before(lower))
    before_three = before(lower & before_two)
    named = upper & (before_two & after(dot) | before_three & after(weak))
    return overflow(named, token) & ~overflow(strong, token)


def _keep_statuses(data: npt.NDArray[np.uint8], starts: Bits, masked: Bits) -> Bits:
    """The ends to be masked without those of HTTP statuses of failure."""
    found = places(starts & before(before(masked)))
    found = found[(data[found] | 1) == ord("5")]  # 4 or 5, and two digits behind it
    for step in (1, 2):
        found = found[(data[found + step] - 48) < 10]
    quads = np.ndarray(max(len(data) - 3, 0), dtype=np.uint32, buffer=data, strides=(1,))
    letters, starts_of = [], []
    left = found
    for gap in range(1, _STATUS_REACH - 3):
        near = data[left - gap]  # before the first text is the last one's end
        is_letter = ((near | 0x20) - 97) < 26
        letters.append((left - gap)[is_letter])
        starts_of.append(left[is_letter])
        left = left[~is_letter & (near != _END)]
    letter, found = np.concatenate(letters), np.concatenate(starts_of)
    found, letter = found[letter > 2], letter[letter > 2]
    near = quads[letter - 3] | _SMALL
    named = np.logical_or.reduce([near == word for word in _STATUS_WORDS])
    ends = found[named] + 2
    np.bitwise_and.at(masked, ends >> 6, ~(np.uint64(1) << (ends & 63).astype(np.uint64)))
    return masked


def _lay_out(texts: pa.LargeStringArray, begin: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a chunk's texts in a row, not to be written to, each with an end behind it; the ends' places."""
    _, bounds, values = texts.buffers()
    offsets = np.frombuffer(bounds, dtype=np.int64)[texts.offset :][begin : min(begin + _CHUNK_TEXTS, len(texts)) + 1]
    # With an empty text behind the others, so that these are all followed by an end.
    own = np.append(offsets - offsets[0], offsets[-1] - offsets[0]).astype(np.int32)
    count, size = len(own) - 1, int(own[-1])
    part = pa.BinaryArray.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(own), (values or pa.py_buffer(b"")).slice(int(offsets[0]), size)]
    )
    whole = pa.ListArray.from_arrays(pa.array([0, count], type=pa.int32()), part)
    # An element of an Arrow array is a copy of its bytes, the array's buffer is not.
    joined = pc.binary_join(whole, bytes([_END])).buffers()[2]
    data = np.frombuffer(joined, dtype=np.uint8, count=size + count - 1)
    return data, own[1:-1] + np.arange(count - 1)


def _mask_chunk(texts: pa.LargeStringArray, begin: int) -> pa.BinaryArray:
    data, ends = _lay_out(texts, begin)
    token, last = _find_tokens(data)
    flags = unpack(last).view(np.uint8)
    masked = np.negative(flags, out=flags)[: len(data)]
    masked |= data
    kept = ~flood_back(last, token) | last
    offsets = np.zeros(len(ends) + 1, dtype=np.int32)
    offsets[1:] = count_until(kept, ends) + 1  # with the end itself
    # A stream is a bitmap as Arrow has them, and its filter is the fastest way to leave bytes out.
    bits = pa.Array.from_buffers(pa.bool_(), len(data), [None, pa.py_buffer(kept)])
    left = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(masked)]).filter(bits)
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
