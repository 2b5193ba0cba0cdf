"""Masks: what of an error text changes from event to event, found in many texts at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.decision.signing.bits import Bits, after, before, count_until, flood_back, overflow, pack, places, unpack

__all__ = ["MASK", "find_masked", "mask_texts"]

# Bytes that no UTF-8 text holds.
MASK = b"\xff"
_END = 0xFE
_CONTROLS_TO_SPACE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
# So many bytes of texts at a time: they and what is made of them stay in the processor's cache.
_CHUNK = 1 << 21
# Of which a tenth comes again where there are some eighty thousand texts or fewer.
_SAMPLE = 1 << 14
# glibc gives large blocks back when they are freed and takes them anew, page by page, unless a block as large as this
# was freed before (mallopt(3), M_MMAP_THRESHOLD); one that is never written to costs nothing. Halves the time.
_KEPT_BYTES = 31 << 20
# Words after which a number of three digits names the failure (HTTP 503, status code: 404), by their last four letters.
_STATUS_WORDS = tuple(np.frombuffer(word, dtype=np.uint32)[0] for word in (b"http", b"atus", b"code", b"rror"))
_STATUS_REACH = 7
_LETTER_OR_END = np.array([bytes([byte]).isalpha() or byte == _END for byte in range(256)])
_SMALL = np.uint32(0x20202020)


def _read(data: npt.NDArray[np.uint8]) -> dict[str, Bits]:
    """The streams of the characters that matter, with as few passes over the bytes as there are."""
    small, flags = np.empty(len(data), np.uint8), np.empty(len(data), np.bool_)

    def find(character: str) -> npt.NDArray[np.bool_]:
        return np.equal(data, ord(character), out=flags)

    def find_range(values: npt.NDArray[np.uint8], first: str, count: int) -> Bits:
        # Processors compare bytes with a sign in one step, those without one in two.
        np.subtract(values, (ord(first) + 128) % 256, out=small)
        return pack(np.less(small.view(np.int8), count - 128, out=flags))

    digit = find_range(data, "0", 10)
    letter = find_range(np.bitwise_or(data, ord("a") - ord("A"), out=small), "a", 26)
    upper = find_range(data, "@", 27)  # which comes right before A
    lower = letter & ~upper
    at = upper & ~letter
    upper ^= at
    other = np.equal(data, ord("_"), out=small.view(np.bool_))
    dash = pack(np.bitwise_or(find("-"), other, out=flags))
    return {"digit": digit, "letter": letter, "upper": upper, "lower": lower, "-": dash, ".": pack(find(".")), "@": at}


def _find_tokens(data: npt.NDArray[np.uint8]) -> tuple[Bits, Bits]:
    """The places of all tokens, and the last places of those that are to be masked."""
    s = _read(data)
    digit, dash, dot, at = s["digit"], s["-"], s["."], s["@"]
    token = s["letter"] | digit
    before_word = before(token)
    between_words = after(token)
    between_words &= before_word
    dot &= between_words
    at &= between_words
    before_word |= before(dash)
    dash &= before_word
    token |= dot
    token |= dash
    behind = overflow(digit, token)
    behind &= ~_find_names(token, s, dot)
    behind &= ~token
    if at.any():
        # An address is one token, to be masked if a part of it is, or if a dot comes after its @: that is where its
        # run without dots overflows. A part's end is the @ behind it or the end of the whole.
        joined = token | at
        marks = overflow(at, joined ^ dot)
        marks &= dot
        marks |= behind & at
        behind |= overflow(marks, joined)
        behind &= ~joined
        token = joined
    return token, _keep_statuses(data, digit & ~after(token), before(behind))


def _find_names(token: Bits, s: dict[str, Bits], dot: Bits) -> Bits:
    """Behind the ends of tokens whose digits belong to a name: one or two after a letter, as in aws.s3.Fault.

    What it says of other places means nothing.
    """
    digit, upper, lower = s["digit"], s["upper"], s["lower"]
    weak = after(s["letter"])
    weak &= digit
    second = after(weak)
    second &= digit
    weak |= second
    # After a dot a capital and two small letters are a name, after a digit they are three.
    name = after(weak)
    name &= upper
    name = after(name)
    name &= lower
    capital = after(dot)
    capital &= upper
    name |= capital
    for _ in range(2):
        name = after(name)
        name &= lower
    named = overflow(name, token)
    named &= ~overflow(digit ^ weak, token)
    return named


def _keep_statuses(data: npt.NDArray[np.uint8], starts: Bits, masked: Bits) -> Bits:
    """The ends to be masked without those of HTTP statuses of failure."""
    quads = np.ndarray(max(len(data) - 3, 0), dtype=np.uint32, buffer=data, strides=(1,))
    found = places(starts & before(masked, 2))
    found = found[(data[found] | 1) == ord("5")]  # 4 or 5, and two digits behind it
    for step in (1, 2):
        found = found[(data[found + step] - 48) < 10]
    # The last letter before each; before the first text is the last one's end.
    letters, starts_of = [], []
    left = found
    for steps in range(1, _STATUS_REACH):
        stops = _LETTER_OR_END[data[left - steps]]
        letters.append((left - steps)[stops])
        starts_of.append(left[stops])
        left = left[~stops]
        if not len(left):
            break
    letter, found = np.concatenate(letters), np.concatenate(starts_of)
    near = quads[np.maximum(letter, 3) - 3] | _SMALL
    named = letter > 2
    named &= np.logical_or.reduce([near == word for word in _STATUS_WORDS])
    ends = found[named] + 2
    np.bitwise_and.at(masked, ends >> 6, ~(np.uint64(1) << (ends & 63).astype(np.uint64)))
    return masked


def _chunks(texts: pa.LargeStringArray) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Of some texts at a time the bytes in a row, not to be written to, an end behind each; the ends' places."""
    _, bounds, values = texts.buffers()
    offsets = np.frombuffer(bounds, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    held = values or pa.py_buffer(b"")
    begin = 0
    while begin < len(texts):
        end = max(int(np.searchsorted(offsets, offsets[begin] + _CHUNK, side="right")) - 1, begin + 1)
        # With an empty text behind the others, so that these are all followed by an end.
        own = np.empty(end - begin + 2, dtype=np.int32)
        np.subtract(offsets[begin : end + 1], offsets[begin], out=own[:-1], casting="same_kind")
        own[-1] = own[-2]
        count, size = len(own) - 1, int(own[-1])
        part = pa.BinaryArray.from_buffers(
            pa.binary(), count, [None, pa.py_buffer(own), held.slice(int(offsets[begin]), size)]
        )
        whole = pa.ListArray.from_arrays(pa.array([0, count], type=pa.int32()), part)
        # An element of an Arrow array is a copy of its bytes, the array's buffer is not.
        joined = pc.binary_join(whole, bytes([_END])).buffers()[2]
        yield np.frombuffer(joined, dtype=np.uint8, count=size + count - 1), own[1:-1] + np.arange(count - 1)
        begin = end


def _mask_chunk(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> pa.BinaryArray:
    token, last = _find_tokens(data)
    flags = unpack(last).view(np.uint8)
    masked = np.negative(flags, out=flags)[: len(data)]
    masked |= data
    kept = flood_back(last, token)
    kept ^= last
    np.invert(kept, out=kept)
    offsets = np.zeros(len(ends) + 1, dtype=np.int32)
    offsets[1:] = count_until(kept, ends) + 1  # with the end itself
    # A stream is a bitmap as Arrow has them, and its filter is the fastest way to leave bytes out.
    bits = pa.Array.from_buffers(pa.bool_(), len(data), [None, pa.py_buffer(kept)])
    left = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(masked)]).filter(bits)
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), left.buffers()[1]])


def mask_texts(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], list[bytes]]:
    """For each text the number of its masked form, and the forms: UTF-8 with ``MASK`` in place of what is masked."""
    if _repeats(texts):
        coded = texts.dictionary_encode()
        codes, forms = _mask_each(coded.dictionary)
        return codes[coded.indices.to_numpy()], forms
    return _mask_each(texts)


def _repeats(texts: pa.LargeStringArray) -> bool:
    """Whether the texts are few that come again and again, so that numbering them first costs less than masking all."""
    sample = texts.take(pa.array(np.arange(0, len(texts), max(len(texts) // _SAMPLE, 1))))
    return bool(pc.count_distinct(sample).as_py() < 0.9 * len(sample))


def _mask_each(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], list[bytes]]:
    known: dict[bytes, int] = {}
    codes = np.empty(len(texts), dtype=np.int64)
    np.empty(_KEPT_BYTES, dtype=np.uint8)
    begin = 0
    for data, ends in _chunks(texts):
        coded = _mask_chunk(data, ends).dictionary_encode()
        own = np.array([known.setdefault(form, len(known)) for form in coded.dictionary.to_pylist()], dtype=np.int64)
        codes[begin : begin + len(coded)] = own[coded.indices.to_numpy()]
        begin += len(coded)
    return codes, [form[:-1].translate(_CONTROLS_TO_SPACE) for form in known]


def find_masked(texts: pa.LargeStringArray) -> list[list[str]]:
    """For each text what was masked in it, in order."""
    out: list[list[str]] = []
    for data, ends in _chunks(texts):
        token, last = _find_tokens(data)
        whole = flood_back(last, token)
        starts, stops = np.sort(places(whole & ~after(whole))), np.sort(places(last)) + 1
        raw = data.tobytes()
        tokens = [raw[start:stop].decode() for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        borders = np.searchsorted(starts, ends).tolist()
        out += [tokens[low:high] for low, high in zip([0, *borders[:-1]], borders, strict=True)]
    return out
