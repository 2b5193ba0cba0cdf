"""A page of plain records gives the same frame whether it is read at once or value by value."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import RECORDS
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources import record_decode, record_plain
from dlqkit.sources.record_decode import Decoded, decode_page
from dlqkit.sources.record_plain import decode_plain

PLAIN = ExecutionLogsSettings()
ROW: dict[str, Any] = {
    "id": "r1", "workflow_id": "wf", "trace_id": "t1", "created_at": "2026-03-02T14:00:05.123Z", "status": "failed",
    "retryable": True, "queued_to_dlq": True, "attempts": 5, "last_error": "refused", "action_duration_ms": 12.5,
    "payload_snapshot": {"b": 1, "a": "ü"},
}  # fmt: skip
TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "ü", '"', "\\", "null", "2026-03-02 14:00:05,5+01:00", "0"]))
OBJECTS = st.dictionaries(st.sampled_from(["a", "message", "type", "code", "ü"]), st.one_of(TEXTS, st.integers()))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.one_of(TEXTS, st.sampled_from(["r1", "r2", "r3"])),
    "workflow_id": TEXTS,
    "trace_id": TEXTS,
    "created_at": st.one_of(TEXTS, st.sampled_from(["2026-03-02T14:00:05Z", "2026-03-02T14:00:05.1234567Z", 17])),
    "status": st.one_of(TEXTS, st.sampled_from(["failed", "success", "failed"])),
    "retryable": st.one_of(st.none(), st.booleans(), st.sampled_from(["yes", 1])),
    "attempts": st.one_of(st.none(), st.integers(-1, 10**20), st.floats(allow_nan=False, allow_infinity=False)),
    "last_error": st.one_of(TEXTS, OBJECTS, st.just([1])),
    "error_type": TEXTS,
    "payload_snapshot": st.one_of(OBJECTS, OBJECTS, TEXTS, st.just([{}])),
    "worker": st.one_of(TEXTS, OBJECTS),
    "region": st.integers(0, 3),
}  # fmt: skip
CHANGES = st.fixed_dictionaries({}, optional=VALUES)
ROWS = st.lists(
    st.one_of(CHANGES, CHANGES.map(lambda changes: {**ROW, **changes}), st.sampled_from([None, 3, ROW])), max_size=12
)


def value_by_value(body: bytes, patch: pytest.MonkeyPatch) -> Decoded:
    with patch.context() as patched:
        patched.setattr(record_decode, "decode_plain", lambda *_: None)
        return decode_page(body)


@settings(max_examples=400, deadline=None)
@given(rows=ROWS, indent=st.sampled_from([None, 2]))
@example(rows=[{**ROW, "created_at": "a", "attempts": -1}], indent=None)
def test_any_page_is_read_alike(rows: list[Any], indent: int | None) -> None:
    """Fields that come and go, odd values, texts for numbers: whoever reads the page, it says the same."""
    body = json.dumps(rows, indent=indent).encode()
    read = decode_page(body)
    with pytest.MonkeyPatch.context() as patch:
        slow = value_by_value(body, patch)

    assert_frame_equal(read.frame, slow.frame)
    assert (read.received, read.quarantined, read.findings) == (slow.received, slow.quarantined, slow.findings)


@pytest.mark.parametrize("more", [{}, {"status": "failed"}], ids=["short", "plain"])
def test_an_empty_error_text_is_none_whoever_reads_it(more: dict[str, Any]) -> None:
    """An event without an error has no error text to group by."""
    body = json.dumps([{"id": "a", "last_error": "", **more}]).encode()

    assert decode_page(body).frame["last_error"].isna().all()


def test_a_field_that_comes_late_in_a_page_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first records lack it, so it is met while the others are read."""
    rows = [{**ROW, "id": f"r{number}"} for number in range(30)]
    rows[20] |= {"error_code": "1040", "shard": 3}
    read = decode_plain(json.dumps(rows).encode(), PLAIN)

    assert read is not None
    assert read[0]["error_code"].tolist()[20] == "1040"
    assert read[0]["extra_json"].dropna().to_dict() == {20: '{"shard":3}'}
    assert_frame_equal(read[0], value_by_value(json.dumps(rows).encode(), monkeypatch).frame)


def test_a_page_of_thousands_is_read_like_one_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are turned into columns a thousand at a time; nothing is lost or moved where one lot ends."""
    rows = [
        {
            **ROW,
            "id": f"r{number}",
            "status": "failed" if number % 3 else "a new one",
            "payload_snapshot": {"n": number},
        }
        for number in range(2001)
    ]
    rows[1999] |= {"last_error": {"type": "Timeout", "message": "late"}, "attempts": None, "trace_id": None}
    body = json.dumps(rows).encode()
    read = decode_plain(body, PLAIN)

    assert read is not None
    assert read[0]["record_id"].tolist() == [f"r{number}" for number in range(2001)]
    assert read[0]["payload_snapshot"].iloc[[0, 999, 1000, 2000]].tolist() == [
        '{"n": 0}', '{"n": 999}', '{"n": 1000}', '{"n": 2000}',
    ]  # fmt: skip
    assert read[0].loc[1999, ["last_error", "error_type", "event_key"]].tolist() == ["late", "Timeout", "r1999"]
    assert_frame_equal(read[0], value_by_value(body, monkeypatch).frame)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.pop("id"),
        lambda row: row.update(status=None),
        lambda row: row.update(payload_snapshot='{"a": 1}'),
        lambda row: row.update(last_error={"x": 1}),
        lambda row: row.update(trace_id=7),
    ],
)
def test_what_is_no_plain_record_is_left_to_the_other_reader(change: Callable[[dict[str, Any]], Any]) -> None:
    """One such record, and nothing is said of the page."""
    odd = dict(ROW)
    change(odd)

    assert decode_plain(json.dumps([ROW, odd]).encode(), PLAIN) is None
    assert decode_plain(json.dumps([ROW, ROW]).encode(), PLAIN) is not None


def test_payloads_do_not_keep_the_page_in_memory() -> None:
    """The frame's text is its own: a page may be large beside what is kept of it."""
    read = decode_plain(json.dumps([ROW] * 3).encode(), PLAIN)

    assert read is not None
    array = read[0]["payload_snapshot"].array.__arrow_array__()
    assert array.nbytes < 200


def test_pages_of_an_api_are_frames_of_their_own() -> None:
    """What pages of one API have in common is made once; whoever names the columns of one frame names no other's."""
    body = json.dumps([ROW]).encode()
    first = decode_page(body).frame
    first.columns.name = "field"

    second = decode_page(body).frame

    assert second.columns.name is None
    assert list(second.columns) == list(RECORDS)
    assert str(second.columns.dtype) == "str"


def test_a_long_page_of_odd_errors_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long page errors are read a few at a time; what they say stays the same."""
    errors: list[Any] = [{"message": "m", "code": 3}, {"type": "T", "detail": ["x"], "reason": 2.5}, None, "", "text"]
    for odd in ([], [[1, {"a": 2}]], [{"x": 1}], [True]):
        rows = [{**ROW, "last_error": error} for error in (*errors, *odd)]
        body = json.dumps(rows).encode()
        whole = decode_page(body)
        with monkeypatch.context() as patch:
            patch.setattr(record_plain, "_LONGEST_OF_WHOLE_ERRORS", 0)
            patch.setattr(record_plain, "_AT_ONCE", 2)
            assert_frame_equal(decode_page(body).frame, whole.frame)
        assert_frame_equal(value_by_value(body, monkeypatch).frame, whole.frame)


def test_more_records_than_a_page_may_have_are_not_made() -> None:
    """They are counted first: each takes thirty bytes as text, and two hundred in memory."""
    body = b"[" + b",".join([b'{"id":"r","status":"b"}'] * 500_001) + b"]"

    assert decode_plain(body, PLAIN) is None
    with pytest.raises(UnexpectedAnswer, match="more than 500,000 elements"):
        decode_page(body)


@pytest.mark.parametrize("name", ['a "quoted" name', "a\\b", "a\tb", "a\x1b[31m"])
def test_a_field_of_any_name_costs_no_page(name: str) -> None:
    """A client chooses the names of its own fields: the record is kept, and its value stands beside it."""
    page = decode_page(json.dumps([{**ROW, name: "kept"}, ROW]).encode())

    assert page.frame["record_id"].tolist() == ["r1", "r1"]
    assert json.loads(page.frame["extra_json"].iloc[0]) == {name: "kept"}


def test_records_that_each_have_a_field_of_their_own_are_read_in_time() -> None:
    """Fifty thousand names in a page: each record has one of them, and keeps it."""
    rows = [{**ROW, "id": f"r{number}", f"x{number}": number} for number in range(50_000)]

    page = decode_page(json.dumps(rows).encode())

    assert page.frame["extra_json"].tolist() == [f'{{"x{number}":{number}}}' for number in range(50_000)]


@pytest.mark.parametrize("names", [12, 53, 54, 70, 300])
def test_a_page_of_many_names_is_read_alike(names: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many fields the records have, they come in the order in which the page first names them."""
    rows = [
        {**ROW, **{f"x{number}": place for number in range(names - place, -1, -place)}}
        for place in range(1, 12)
    ]  # fmt: skip
    body = json.dumps(rows).encode()

    read = decode_page(body)

    assert_frame_equal(read.frame, value_by_value(body, monkeypatch).frame)
    order = list(dict.fromkeys(name for row in rows for name in row if name not in ROW))
    for text, row in zip(read.frame["extra_json"], rows, strict=True):
        assert list(json.loads(text).items()) == [(name, row[name]) for name in order if name in row]


def test_too_many_elements_are_refused_before_one_of_them_is_made() -> None:
    """Three million numbers take two bytes each in the page, and a hundred each in Python."""
    body = b'{"items": [' + b"1," * 2_999_999 + b"1]}"

    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedAnswer, match="500,000 elements"):
            decode_page(body)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["id", "trace_id", "status"])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_record_with_a_name_of_megabytes_is_put_apart_as_it_came(name: str, quote: bytes) -> None:
    """A number of two million digits, or a text as long; the record beside it is kept."""
    value = quote + b"9" * 2_000_000 + quote
    fields = {"id": b'"r2"', "trace_id": b'"t"', "status": b'"failed"', name: value}
    huge = b"{ " + b", ".join(b'"%s": %s' % (own.encode(), raw) for own, raw in fields.items()) + b"}"

    page = decode_page(b"[" + json.dumps(ROW).encode() + b"," + huge + b"]")

    assert page.frame["record_id"].tolist() == ["r1"]
    assert [(one.raw == huge, one.reason) for one in page.quarantined] == [
        (True, f"It has more than 1,048,576 bytes in {name!r}.")
    ]
