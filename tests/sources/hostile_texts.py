"""Bodies of a Prometheus and lines of a worker's log as nobody should send them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.sources.hostile_records import CASES

__all__ = ["LOG_LINES", "PROMETHEUS_BODIES"]

_DEEP = 100_000
_VALUES = (b'"NaN"', b'"+Inf"', b'"-Inf"', b'"1e400"', b'"-1e400"', b'"1e-400"', b'"abc"', b'""', b'" 1"', b'"1,5"',
           b'"0x10"', b'"1_000"', b'"\\u0031"', b'"' + b"9" * 5000 + b'"', b"NaN", b"1e400", b"null", b"true", b"5",
           b"[]", b"{}", b'"\xff"', b'"\\ud800"', b'"1\x00"', b'"1"2', b'"1')  # fmt: skip
_TIMES = (b"NaN", b"1e400", b"-1", b"0", b"1e18", b"-1e18", b"9" * 400, b"9" * 5000, b'"1772460005"', b"null", b"true",
          b"1772460005.1234567890123", b"{}", b"1e-400", b"01", b"1772460005,1")  # fmt: skip
_LABELS = (b'{"__name__": "m", "__name__": "n"}', b'{"__name__": "\\ud800"}', b'{"__name__": "\xff"}', b"{}", b"[]",
           b"null", b'{"a": 1}', b'{"a": null}', b'{"\\u0000": "x"}', b'{"series_id": "x"}', b'{"value": "x"}',
           b'{"sampled_at": "x"}', b'{"metric": "x"}', b'{"": ""}', b'{"__name__": {"a": "b"}}',
           b'{"a": "' + b"x" * 1_000_000 + b'"}',
           b"{" + b",".join(b'"l%d": "x"' % number for number in range(3000)) + b"}")  # fmt: skip
_BODIES = (b"", b" ", b"null", b"[]", b"{}", b"5", b'"x"', b"NaN", b"<html><title>x</title>", b"\xff\xfe", b"\x00",
           b'{"status": "success"}', b'{"status": "success", "data": null}', b'{"status": "success", "data": {}}',
           b'{"status": "success", "data": []}', b'{"status": "success", "data": {"resultType": "matrix"}}',
           b'{"status": "success", "data": {"resultType": "matrix", "result": null}}',
           b'{"status": "success", "data": {"resultType": "matrix", "result": {}}}',
           b'{"status": "success", "data": {"resultType": "matrix", "result": [null]}}',
           b'{"status": "success", "data": {"resultType": "matrix", "result": [5, "x"]}}',
           b'{"status": "success", "data": {"resultType": "nothing", "result": []}}',
           b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "x", 3]}}',
           b'{"status": "error"}', b'{"status": "error", "error": null}', b'{"status": "error", "error": {"a": 1}}',
           b'{"status": "error", "errorType": 5, "error": "\\ud800"}', b'{"status": 5}', b'{"status": "other"}',
           b'{"status": "success", "warnings": 5, "data": {"resultType": "matrix", "result": []}}',
           b'{"status": "success", "warnings": [null], "data": {"resultType": "matrix", "result": []}}',
           b'{"status": "success", "data": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
           b"[" * _DEEP, b'{"a":' * _DEEP, b'{"status": "success", "data": ' + b"9" * 5000 + b"}",
           b'{"status": "success", "data": NaN}',
           b'{"status": "success", "status": "error", "error": "x"}')  # fmt: skip


def _series(metric: bytes, values: bytes) -> bytes:
    return b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": %b, "values": %b}]}}' % (
        metric, values,
    )  # fmt: skip


def _bodies() -> Iterator[bytes]:
    yield from _BODIES
    name, good = b'{"__name__": "m"}', b'[1772460005, "1"]'
    # Of a few values, and of as many as are read by columns.
    for count in (1, 500):
        around = b",".join([good] * count)
        for value in _VALUES:
            yield _series(name, b"[%b, [1772460020, %b], %b]" % (around, value, good))
        for time in _TIMES:
            yield _series(name, b'[%b, [%b, "1"], %b]' % (around, time, good))
        for labels in _LABELS:
            yield _series(labels, b"[%b]" % around)
        for values in (b"null", b"{}", b"[[]]", b"[[1]]", b"[[1, 2, 3]]", b"[null]", b"[%b,]" % good, b"[" * _DEEP):
            yield _series(name, values)
    whole = _series(name, b"[%b]" % b",".join([good] * 500))
    yield from (whole[:-cut] for cut in (1, 2, 3, 10, 500))
    yield b"\xef\xbb\xbf" + whole


def _lines() -> Iterator[bytes]:
    # A line ends where a record has a line of its own.
    yield from (case.raw.replace(b"\n", b" ") for case in CASES)
    yield from (b"\x00", b"\xff\xfe", b"2026-03-02T14:00:05Z \xff", b"2026-03-02T14:00:05Z stdout F {", b"[pod/x] {",
                b"{" * 1000, b"}", b"[", b"]", b"'", b"\x1b]0;x\x07", b"x" * 3_000_000,
                b'{"log": "' + b"{" * 10_000 + b'"}',
                b'{"log": "{\\"log\\": \\"{}\\"}"}', b'{"message": {"message": {"message": 1}}}')  # fmt: skip


PROMETHEUS_BODIES = tuple(_bodies())
LOG_LINES = tuple(_lines())
