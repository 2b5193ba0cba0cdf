from __future__ import annotations

import bisect
import json
import tracemalloc
from typing import Any

import msgspec
import pandas as pd
import pytest

from dlqkit.errors import ParameterError, UnexpectedAnswer
from dlqkit.frames import RECORDS
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources import json_elements, record_decode, record_plain
from dlqkit.sources.page_markers import find_cursor, find_end_marker
from dlqkit.sources.record_decode import decode_page, finish_records, read_field_names

ROW: dict[str, Any] = {
    "id": "r1", "workflow_id": "wf", "trace_id": "t1", "created_at": "2026-03-02T14:00:05.123Z", "status": "failed",
    "retryable": True, "queued_to_dlq": True, "attempts": 5, "last_error": "refused", "action_duration_ms": 12.5,
    "payload_snapshot": {"b": 1, "a": "ü"},
}  # fmt: skip


def one(settings: ExecutionLogsSettings | None = None, **more: Any) -> pd.Series:
    return decode_page(json.dumps([{**ROW, **more}]).encode(), settings).frame.iloc[0]


@pytest.mark.parametrize(
    ("value", "holder"),
    [
        ([ROW], "bare array"),
        ({"items": [ROW], "total": 1}, "“items”"),
        ({"data": {"items": [ROW]}}, "“data.items”"),
        ({"status": "ok", "executions": [ROW], "warnings": []}, "“executions”"),
        ({"meta": {"next_cursor": "x"}, "whatever": [ROW]}, "“whatever”"),
    ],
)
def test_records_are_found_in_any_wrapper_and_it_is_said_which(value: Any, holder: str) -> None:
    page = decode_page(json.dumps(value).encode())

    assert page.frame["record_id"].tolist() == ["r1"]
    assert any(holder in text for text in page.findings)


def test_the_name_of_what_holds_the_records_is_told_in_short_and_in_one_line() -> None:
    """One of a megabyte, another one on each page, would be kept and shown as often as there are pages."""
    page = decode_page(json.dumps({"\x1b[31m" + "x" * 1_000_000: [ROW]}).encode())

    # The escape takes six letters where it is shown, and one of the sixty.
    assert page.findings[0] == f"Records are wrapped in “\x1b[31m{'x' * 54}…”."


ODD_PAYLOADS = {
    "nested too deeply": "[" * 50_000 + "]" * 50_000,
    "as deep in objects": '{"n":' * 50_000 + "1" + "}" * 50_000,
    "a number that no double holds": '{"n": 1e400}',
    "a number of five thousand digits": '{"n": ' + "9" * 5000 + "}",
    "no JSON": '{"n": ',
}


@pytest.mark.parametrize("odd", ODD_PAYLOADS)
def test_a_payload_that_cannot_be_looked_into_costs_only_the_key_of_its_own_record(odd: str) -> None:
    """As one without that field: the record's id stands for it."""
    own = ExecutionLogsSettings(event_key=("payload.n",))
    payloads = [{"n": 7}, ODD_PAYLOADS[odd], {"m": 7}]
    rows = [{**ROW, "id": f"r{n}", "payload_snapshot": payload} for n, payload in enumerate(payloads, 1)]

    page = decode_page(json.dumps(rows).encode(), own)
    of_an_export, _, bad = finish_records(rows, own)

    assert page.frame["event_key"].tolist() == ["7", "r2", "r3"]
    assert page.frame["payload_snapshot"].tolist() == ['{"n": 7}', ODD_PAYLOADS[odd], '{"m": 7}']
    assert (page.received, page.quarantined, bad) == (3, (), 0)
    assert of_an_export["event_key"].tolist() == ["7", "r2", "r3"]


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def can_be_read(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except RecursionError:
        return False
    return True


@pytest.mark.parametrize("name", ["last_error", "payload_snapshot", "more"])
def test_a_record_that_is_nested_as_deep_as_can_just_be_read_costs_no_other_one(name: str) -> None:
    """What can be read depends on who reads it; of every depth it is kept or put apart."""
    deepest = bisect.bisect(range(2000), 0, key=lambda depth: not can_be_read(nested(depth))) - 1
    for depth in range(deepest - 25, deepest + 5):
        deep = nested(depth)
        body = b'[{"id": "r1", "status": "failed"}, {"id": "r2", "' + name.encode() + b'": ' + deep + b"}]"

        page = decode_page(body)

        assert page.frame["record_id"].iloc[0] == "r1"
        assert len(page.frame) + len(page.quarantined) == 2
        assert read_field_names(body)[:2] == ("id", "status")


@pytest.mark.parametrize("digits", [20, 400, 4000])
def test_a_whole_number_of_a_payload_is_a_key_to_its_last_digit(digits: int) -> None:
    own = ExecutionLogsSettings(event_key=("payload.n",))

    body = b'[{"id": "r1", "status": "failed", "payload": {"n": ' + b"7" * digits + b"}}]"

    assert decode_page(body, own).frame["event_key"].tolist() == ["7" * digits]


def test_a_frame_has_every_column_in_its_dtype() -> None:
    frame = decode_page(json.dumps([ROW]).encode()).frame

    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(RECORDS)


def test_the_payload_is_kept_as_the_exact_text() -> None:
    """Order, spaces and escapes of the body stay, so that it can be proven and sent again."""
    body = b'[{"trace_id": "t", "status": "x", "payload_snapshot": {"b" : 1.10, "a":"\\u00fc"}}]'

    assert decode_page(body).frame["payload_snapshot"].iloc[0] == '{"b" : 1.10, "a":"\\u00fc"}'
    assert one(payload_snapshot='{"a": 1}')["payload_snapshot"] == '{"a": 1}'


def test_an_error_may_be_text_or_an_object() -> None:
    assert one()["last_error"] == "refused"
    row = one(last_error={"type": "DbError", "code": 1040, "message": "too many"})
    assert (row["last_error"], row["error_type"], row["error_code"]) == ("too many", "DbError", "1040")
    assert one(last_error={"x": 1})["last_error"] == '{"x": 1}'
    assert pd.isna(one(last_error=None)["last_error"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T14:00:05.123Z", "2026-03-02T14:00:05.123Z"),
        ("2026-03-02T17:00:05+03:00", "2026-03-02T14:00:05Z"),
        ("2026-03-02 14:00:05Z", "2026-03-02T14:00:05Z"),
        (1772460005, "2026-03-02T14:00:05Z"),
        (1772460005.5, "2026-03-02T14:00:05.5Z"),
        (1772460005123, "2026-03-02T14:00:05.123Z"),
        ("1772460005123", "2026-03-02T14:00:05.123Z"),
        (1772460005123456, "2026-03-02T14:00:05.123456Z"),
    ],
)
def test_times_of_every_usual_form_are_utc(value: Any, expected: str) -> None:
    assert one(created_at=value)["recorded_at"] == pd.Timestamp(expected)


def test_a_time_without_a_zone_is_unknown_until_the_zone_is_set() -> None:
    page = decode_page(json.dumps([{**ROW, "created_at": "2026-03-02T14:00:05"}]).encode())
    assert page.frame["recorded_at"].isna().all()
    assert any("no zone" in text for text in page.findings)

    row = one(ExecutionLogsSettings(timezone="Europe/Berlin"), created_at="2026-03-02T14:00:05")
    assert row["recorded_at"] == pd.Timestamp("2026-03-02T13:00:05Z")


@pytest.mark.parametrize("more", [{}, {"id": None}], ids=["plain", "odd"])
def test_of_a_long_error_only_what_it_says_is_read(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in it takes twenty times as much in Python as in the page; what says nothing is kept as its text."""
    monkeypatch.setattr(record_plain, "_LONGEST_OF_WHOLE_ERRORS", 0)
    monkeypatch.setattr(json_elements, "_AT_ONCE", 1 << 14)
    long = [[]] * 200_000
    said = {"message": "too many", "type": "DbError", "code": 1040, "detail": long}
    texts = [json.dumps(error) for error in (said, {"message": long}, long)]
    rows = [json.dumps({**ROW, **more, "last_error": "E"}).replace('"E"', text) for text in texts]

    body = ("[" + ",".join(rows) + "]").encode()
    decode_page(json.dumps([ROW]).encode())
    tracemalloc.start()
    frame = decode_page(body).frame
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert frame["last_error"].tolist() == ["too many", *texts[1:]]
    assert frame.loc[0, ["error_type", "error_code"]].tolist() == ["DbError", "1040"]
    assert peak < 8 * len(body)


def test_a_page_in_lots_is_read_like_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields, times and what is odd may differ from lot to lot; a name that one of them has holds for all."""
    rows = [
        {**ROW}, {"status": "b", "executionId": 5, "zone": 1}, 5, {"unrelated": 1}, {**ROW, "status": "a", "color": 2},
        {"unrelated": 2}, [], {"status": None, "trace_id": "t", "attempts": "x", "color": 3}, {**ROW, "status": 7},
    ]  # fmt: skip
    body = json.dumps(rows).encode()
    whole = decode_page(body)
    for most in (1, 2, 4):
        monkeypatch.setattr(record_decode, "_MOST_OF_LOT", most)
        lots = decode_page(body)

        pd.testing.assert_frame_equal(lots.frame, whole.frame)
        assert (lots.received, lots.quarantined, lots.odd_at) == (whole.received, whole.quarantined, whole.odd_at)
        assert set(lots.findings) == set(whole.findings)


def test_fields_are_found_without_case_or_underscores_and_said() -> None:
    body = json.dumps([{"executionId": 7, "traceId": "t", "finishedAt": "2026-03-02T14:00:05Z", "queuedToDlq": "true",
                        "status": "FAILED"}])  # fmt: skip
    page = decode_page(body.encode())

    row = page.frame.iloc[0]
    assert (row["record_id"], row["trace_id"], row["queued_to_dlq"]) == ("7", "t", True)
    assert "recorded_at is read from “finishedAt”." in page.findings


def test_a_field_can_be_set_and_a_wrong_one_is_refused() -> None:
    row = one(ExecutionLogsSettings(fields={"recorded_at": "moment"}), moment="2026-03-02T15:00:00Z")
    assert row["recorded_at"] == pd.Timestamp("2026-03-02T15:00:00Z")
    with pytest.raises(ParameterError, match="no column"):
        one(ExecutionLogsSettings(fields={"when": "moment"}))


def test_an_event_is_told_by_trace_workflow_and_payload_unless_set_otherwise() -> None:
    """Two events of one trace are two; two attempts of one event are one."""
    rows = [
        ROW,
        {**ROW, "id": "r2"},
        {**ROW, "id": "r3", "payload_snapshot": {"b": 2}},
        {**ROW, "id": "r4", "trace_id": None},
    ]
    frame = decode_page(json.dumps(rows).encode()).frame
    assert frame["event_key"].nunique() == 3
    assert frame["event_key"].iloc[0] == frame["event_key"].iloc[1]

    by_field = decode_page(json.dumps(rows).encode(), ExecutionLogsSettings(event_key=("payload.b",))).frame
    assert by_field["event_key"].tolist() == ["1", "1", "2", "1"]


def test_what_is_no_record_is_quarantined_and_the_rest_is_kept() -> None:
    page = decode_page(json.dumps([ROW, 5, "x", None, {"unrelated": 1}, [ROW]]).encode())

    assert (len(page.frame), page.received, len(page.quarantined)) == (1, 6, 5)


def test_values_that_do_not_fit_are_absent_not_zero() -> None:
    row = one(attempts="many", action_duration_ms="NaN", retryable="perhaps", queued_to_dlq=None)

    assert row[["attempts", "action_duration_ms", "retryable", "queued_to_dlq"]].isna().all()


@pytest.mark.parametrize("value", [b'"a \\ud800 b"', b'"a \xff b"', b'"a", "attempts": NaN', b'"a", "attempts": 1e999'])
def test_one_odd_character_or_number_does_not_cost_the_page(value: bytes) -> None:
    """A lone surrogate, a byte that is no UTF-8, a number that JSON does not have."""
    body = b'[{"trace_id": "t1", "status": "x", "last_error": ' + value + b'}, {"trace_id": "t2", "status": "y"}]'

    page = decode_page(body)

    assert page.frame["trace_id"].tolist() == ["t1", "t2"]
    assert page.frame["attempts"].isna().all()
    assert page.frame["last_error"].iloc[0].startswith("a")


def test_nonsense_counts_and_depths_are_absent_or_refused() -> None:
    assert pd.isna(one(attempts=10**30)["attempts"])
    assert pd.isna(one(attempts=-1)["attempts"])
    with pytest.raises(UnexpectedAnswer):
        decode_page(b"[" * 5000)


def test_ids_stay_text() -> None:
    """A number with leading zeros or more digits than a float has is not changed."""
    body = b'[{"trace_id": 12345678901234567890, "workflow_id": "007", "status": "x"}]'
    row = decode_page(body).frame.iloc[0]

    assert (row["trace_id"], row["workflow_id"]) == ("12345678901234567890", "007")


def test_records_without_an_id_get_one_from_their_content() -> None:
    row = {name: value for name, value in ROW.items() if name != "id"}
    frame = decode_page(json.dumps([row, row, {**row, "attempts": 4}]).encode()).frame

    assert frame["record_id"].nunique() == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty answer"),
        (b"<html><title>Sign in</title>", "Sign in"),
        (b'[{"trace_id": "t"', "cut off or broken"),
        (b'{"error": "no such tenant"}', "no such tenant"),
        (b'"text"', "instead of JSON"),
    ],
)
def test_a_body_without_records_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=words):
        decode_page(body)


def test_null_where_the_list_would_be_is_an_empty_page() -> None:
    assert decode_page(b'{"items": null, "total": 0}').received == 0


def test_python_values_give_the_same_frame() -> None:
    frame, _, bad = finish_records([ROW, {"unrelated": 1}])

    assert frame.equals(decode_page(json.dumps([ROW], ensure_ascii=False, separators=(",", ":")).encode()).frame)
    assert bad == 1


def test_records_without_an_id_are_one_only_if_they_are_equal() -> None:
    """Fields of other names, or values that run together differently, are other records."""
    same = {"trace_id": "t", "status": "failed"}
    more = [{"a": 12, "b": 3}, {"a": 1, "b": 23}, {"x": "E"}, {"y": "E"}, {"x": "E"}]
    ids = decode_page(json.dumps([{**same, **one} for one in more]).encode()).frame["record_id"].tolist()

    assert len(set(ids)) == 4
    assert ids[2] == ids[4]


def test_a_time_of_no_year_that_anything_ran_in_is_told_of_and_kept_as_it_came() -> None:
    """Some of them are no time at all in UTC; Go writes one that is not set as of the year 1."""
    times = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00Z", "2262-01-01T00:00:00Z",
             "1970-01-01T00:00:00Z", "2261-12-31T23:59:59Z", -5, 10**20]  # fmt: skip
    page = decode_page(json.dumps([{"id": f"r{n}", "status": "f", "created_at": at} for n, at in enumerate(times)])
                       .encode())  # fmt: skip

    assert page.frame["recorded_at"].dropna().dt.year.tolist() == [1970, 2261]
    unread = [json.loads(text)["_unread"]["created_at"] for text in page.frame["extra_json"].dropna()]
    assert unread == [*times[:4], -5, 10**20]


def test_a_cursor_is_found_in_objects_about_the_page_and_a_link_in_one_of_its_own() -> None:
    """As deep as APIs nest them; what a record or a filter calls so is none."""
    beside = {"data": {"meta": {"pagination": {"cursor": {"next_cursor": "c7"}}}, "items": [ROW]}}
    assert decode_page(json.dumps(beside).encode()).wrapper["next_cursor"] == "c7"

    linked = {"items": [ROW], "_links": {"x": 1}, "links": {"next": {"href": "/logs?page=2", "title": {"a": [1]}}}}
    assert decode_page(json.dumps(linked).encode()).wrapper["next"] == "/logs?page=2"


def test_objects_about_the_page_nested_without_end_are_refused_without_a_copy_for_each() -> None:
    """Three hundred of them around 16 MB: each would be as much again."""
    body = b'{"meta":' * 300 + b'{"a":"' + b"x" * (16 << 20) + b'"}' + b"}" * 300

    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedAnswer, match="holds no list of records"):
            decode_page(body)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "link",
    [{}, {"href": None}, {"href": None, "templated": False}, {"href": "", "title": "next"}, {"cursor": None, "has": 1},
     {"cursor": "", "limit": 100}, {"url": ""}, None],
)  # fmt: skip
def test_an_object_of_a_next_page_without_an_address_says_that_there_is_none(link: Any) -> None:
    wrapper = decode_page(json.dumps({"items": [ROW], "links": {"next": link}}).encode()).wrapper
    assert find_end_marker(wrapper, {}, None) is True


@pytest.mark.parametrize("link", [{"url": "/x?page=2"}, {"cursor": "c7"}, {"after": {"a": 1}}, {"offset": 100}])
def test_an_object_of_a_next_page_that_is_read_in_part_says_that_more_follows(link: Any) -> None:
    wrapper = decode_page(json.dumps({"items": [ROW], "paging": {"next": link}}).encode()).wrapper
    assert find_end_marker(wrapper, {}, None) is False
    assert (find_cursor(wrapper) or ((), None))[1] == link.get("cursor")
