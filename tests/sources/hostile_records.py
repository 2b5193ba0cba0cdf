"""Records as no API should send them, by category; each is one element of a page, as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["CASES", "GOOD", "PAYLOAD", "Case", "element"]

PAYLOAD = b'{"order" : 1.10, "t": "\\u00fc"}'
_FIELDS: Mapping[str, bytes] = {
    "id": b'"r1"', "workflow_id": b'"wf"', "trace_id": b'"t1"', "created_at": b'"2026-03-02T14:00:05Z"',
    "status": b'"failed"', "retryable": b"true", "queued_to_dlq": b"true", "attempts": b"5",
    "last_error": b'"refused"', "error_type": b'"DbError"', "action_duration_ms": b"12.5", "payload_snapshot": PAYLOAD,
    "region": b'"eu"',
}  # fmt: skip
_DEEP = 100_000
_NUMBERS = {
    "NaN": b"NaN", "Infinity": b"Infinity", "-Infinity": b"-Infinity", "1e400": b"1e400", "-1e400": b"-1e400",
    "5,000 digits": b"9" * 5000, "2 to the 63": b"9223372036854775808", "2 to the 64": b"18446744073709551616",
    "below int64": b"-9223372036854775809", "a tiny number": b"1e-400", "40 decimals": b"0." + b"123456789" * 5,
    "leading zeros": b"007", "a plus": b"+1", "no whole part": b".5", "a bare point": b"1.", "minus nought": b"-0",
    "an exponent": b"1E+2", "past a double": b"9007199254740993",
}  # fmt: skip
_TEXTS = {
    "high half": b'"a \\ud800 b"', "low half": b'"a \\udc00 b"', "halves swapped": b'"\\udc00\\ud800"',
    "half at the end": b'"\\ud83d"', "byte ff": b'"a \xff b"', "overlong nought": b'"\xc0\x80"',
    "half as bytes": b'"\xed\xa0\x80"', "cut character": b'"\xe2\x82"', "Latin-1": "\"für\"".encode("latin-1"),
    "byte order mark": b'"\xef\xbb\xbfx"', "NUL": b'"a\x00b"', "escaped NUL": b'"a\\u0000b"', "raw newline": b'"a\nb"',
    "escape sequence": b'"\\u001b]0;x\\u0007"', "line separator": '"a\u2028b"'.encode(), "bidi": '"a\u202eb"'.encode(),
    "unknown escape": b'"\\x41"', "100 kB": b'"' + b"x" * 100_000 + b'"', "empty": b'""', "the word null": b'"null"',
    "brackets": b'"]}],[{\\""',
}  # fmt: skip
_STRUCTURES = {
    "empty object": b"{}", "empty array": b"[]", "array in array": b"[[], [[]]]", "mixed array": b'[1, "a", null, {}]',
    "1,000 deep": b"[" * 1000 + b"]" * 1000, "100,000 deep": b"[" * _DEEP + b"]" * _DEEP,
    "100,000 objects deep": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "doubled keys": b'{"a": 1, "a": 2}',
}  # fmt: skip
_TYPES = {"null": b"null", "true": b"true", "false": b"false", "a number": b"3.7", "a text": b'"x"'}
_TIMES = (
    "2026-03-02T14:00:05", "2026-10-25T02:30:00", "2026-03-29T02:30:00", "2026-03-02 14:00:05,123", "2026-03-02",
    "2026-03", "14:00:05", "yesterday", "", " ", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "1677-01-01T00:00:00Z",
    "2262-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", "-2026-03-02T14:00:05Z",
    "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T25:00:00Z",
    "2026-06-30T23:59:60Z", "2026-03-02T14:00:05+25:00", "2026-03-02T14:00:05+14:00", "2026-03-02T14:00:05-00:00",
    "2026-03-02T14:00:05.123456789123Z", "2026-03-02T14:00:05.Z", "2026-W10-1T14:00:05Z", "2026-061T14:00:05Z",
    "01/02/2026 14:00", "Mon, 02 Mar 2026 14:00:05 GMT", "2026-03-02T14:00:05 Europe/Berlin", "20260302T140005Z",
    "1772460005", "1772460005123", "1772460005123456", "1772460005123456789", "-1772460005", "1e18", "1e30", "NaN",
    "inf", "\u0662\u0660\u0662\u0666-03-02T14:00:05Z", "2026-03-02T14:00:05\u2212" + "03:00",
)  # fmt: skip
_EPOCHS = (b"0", b"-1", b"1772460005", b"1772460005.5", b"1772460005123456789", b"1e18", b"1e30", b"-1e30", b"true",
           b"253402300800", b"9" * 30)  # fmt: skip
_DURATIONS = (b"-1", b"-0.001", b"-1e308", b"1e308", b"1e15", b"9007199254740993", b"0", b"1e-320", b'"12ms"',
              b'"PT1S"', b'"1,5"', b'"-5"', b'"NaN"', b'"1e400"', b"[1]", b'{"ms": 1}')  # fmt: skip
_BARE = (b"null", b"true", b"0", b"-1", b'"x"', b'""', b"[]", b"{}", b"[[{}]]", b'{"": ""}', b'{"unrelated": 1}',
         b"NaN", b'"\xff"', b'"\\ud800"', b"[" * _DEEP + b"]" * _DEEP, b"9" * 5000, b"1e400", b"nul", b"tru e", b"'x'",
         b"{'a': 1}", b'{"a": 1,}', b'{"a" 1}', b'{a: 1}', b'{"status": }', b'{"status"}', b'{"\\ud800": 1}',
         b'{"\xff": 1}')  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One element, its category, and what is odd about it."""

    category: str
    name: str
    raw: bytes
    payload: bytes | None = PAYLOAD
    """The payload's text as it is served; None where it has none."""

    def __str__(self) -> str:
        return f"{self.category}: {self.name}"


def element(values: Mapping[str, bytes] | None = None, without: str | None = None, more: bytes = b"") -> bytes:
    """A record with some of its fields' texts replaced."""
    fields = {name: text for name, text in {**_FIELDS, **(values or {})}.items() if name != without}
    return b"{" + b", ".join(b'"%s": %s' % (name.encode(), text) for name, text in fields.items()) + more + b"}"


GOOD = element()


def _in_fields(category: str, values: Mapping[str, bytes], fields: tuple[str, ...]) -> Iterator[Case]:
    for what, text in values.items():
        for name in fields:
            payload = text if name == "payload_snapshot" else PAYLOAD
            yield Case(category, f"{what} as {name}", element({name: text}), payload)


def _cases() -> Iterator[Case]:
    ids = ("id", "workflow_id", "trace_id", "status")
    yield from _in_fields("numbers", _NUMBERS, ("attempts", "action_duration_ms", "last_error", "payload_snapshot",
                                                "region", "trace_id", "queued_to_dlq", "created_at"))  # fmt: skip
    yield from _in_fields("texts", _TEXTS, (*ids, "last_error", "error_type", "payload_snapshot", "region"))
    yield from _in_fields("structures", _STRUCTURES, ("last_error", "payload_snapshot", "region", "id", "status",
                                                      "attempts"))  # fmt: skip
    yield from _in_fields("mixed types", _TYPES, tuple(_FIELDS))
    for name in _FIELDS:
        yield Case("missing fields", f"no {name}", element(without=name),
                   None if name == "payload_snapshot" else PAYLOAD)  # fmt: skip
        doubled = b', "%s": %s' % (name.encode(), _FIELDS[name])
        yield Case("duplicate keys", f"{name} twice", element(more=doubled))
        if name != "payload_snapshot":
            yield Case("duplicate keys", f"{name} twice, then null", element(more=b', "%s": null' % name.encode()))
    for what, text in _TEXTS.items():
        yield Case("extra fields", f"{what} as a name", element(more=b", " + text + b": 1"))
    for count in (1, 200, 20_000):
        more = b"".join(b', "x%d": %d' % (number, number) for number in range(count))
        yield Case("extra fields", f"{count:,} of them", element(more=more))
    for text in _TIMES:
        yield Case("times", text, element({"created_at": b'"%s"' % text.encode()}))
    for raw in _EPOCHS:
        yield Case("times", raw.decode(), element({"created_at": raw}))
    for raw in _DURATIONS:
        yield Case("durations", raw.decode(), element({"action_duration_ms": raw}))
    for raw in _BARE:
        yield Case("no record", repr(raw[:20]), raw, None)


CASES = tuple(_cases())
