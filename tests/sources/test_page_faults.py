"""Answers that speak against themselves: one that failed is no empty list, one that is not whole not complete."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from dlqkit.errors import SourceError, UnexpectedAnswer
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.page_faults import find_failure, find_shortfall
from dlqkit.sources.record_decode import decode_page
from dlqkit.untrusted import for_terminal_lines
from tests.sources.api import api, cut, load, rows

FAILED: list[dict[str, Any]] = [
    {"error": "shard timeout", "items": []},
    {"error": {"message": "shard timeout"}, "items": None},
    {"error": {"code": 503, "reason": {"detail": "shard timeout"}}, "items": []},
    {"errors": [{"message": "shard timeout"}], "data": []},
    {"errors": [{"message": "shard timeout"}], "data": None},
    {"errors": [{"id": "e1", "status": "500", "title": "shard timeout"}]},
    {"errors": {"items": [{"message": "shard timeout"}]}, "data": []},
    {"success": False, "message": "shard timeout", "data": []},
    {"ok": "false", "message": "shard timeout", "data": []},
    {"isSuccess": False, "msg": "shard timeout", "data": []},
    {"status": "error", "message": "shard timeout", "data": []},
    {"status": "Failed", "detail": "shard timeout", "data": []},
    {"status": 500, "message": "shard timeout", "data": []},
    {"code": "503", "message": "shard timeout", "data": []},
    {"meta": {"statusCode": 504, "message": "shard timeout"}, "data": []},
]
SOUND: list[dict[str, Any]] = [
    {"error": None},
    {"error": ""},
    {"error": {}},
    {"error": []},
    {"errors": []},
    {"error": False},
    {"error": "none"},
    {"error": {"code": 0, "message": ""}},
    {"error": {"code": 200, "message": "OK"}},
    {"error": {"code": 0, "message": "No error"}},
    {"error": {"code": 200, "message": "Request processed."}},
    {"errorMessage": "OK."},
    {"error": "n/a"},
    {"error": "-"},
    {"error": "No errors."},
    {"errors": {"count": 3, "total": 12}},
    {"request": {"status": "failed", "limit": 100, "code": 500}},
    {"total_size": 20480},
    {"errors": 3},
    {"errors": {"count": 0}},
    {"status": "success"},
    {"status": "ok"},
    {"status": 200},
    {"code": 0},
    {"code": 20000},
    {"success": True},
    {"success": 0, "failed": 12},
    {"ok": "yes"},
    {"message": "nothing was found"},
    {"workflow_id": "wf-1", "status": "failed"},
    {"partial": False},
    {"timed_out": False},
    {"truncated": False},
    {"incomplete_results": False},
    {"complete": True},
    {"_shards": {"total": 5, "successful": 5, "failed": 0}},
]


@pytest.mark.parametrize("answer", FAILED, ids=str)
def test_an_answer_that_says_it_failed_and_has_no_record_is_asked_again(answer: dict[str, Any]) -> None:
    """It is no empty list: the reason is told in its words, and a later answer counts."""
    with api(lambda query: (200, answer)) as (url, asked), pytest.raises(SourceError, match="shard timeout"):
        load(url)
    assert len(asked) > 1

    answers = iter([answer])
    with api(lambda query: (200, next(answers, {"items": cut(rows(60), query)}))) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (60, "complete")


@pytest.mark.parametrize(
    "behind",
    [{"code": 404, "message": "no more data"}, {"code": 404}, {"success": False, "message": "No records found."},
     {"status": "error", "message": "Page out of range"}, {"statusCode": 416, "message": "No more results"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("way", ["offset", "page"])
def test_that_nothing_is_behind_the_last_record_is_the_end_and_no_failure(way: str, behind: dict[str, Any]) -> None:
    """In whatever words; and no reason to ask again."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("offset", 0)) if way == "offset" else (int(query.get("page", 1)) - 1) * 100
        page = rows(250)[at : at + 100]
        return 200, {"data": page, "code": 200, "message": "ok"} if page else {"data": [], **behind}

    with api(answer) as (url, asked):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.missing) == (250, "complete", ())
    assert len(asked) < 12
    with api(lambda query: (200, {"data": [], **behind})) as (url, _):
        assert load(url)[1].completeness == "complete"


def test_the_status_that_was_asked_for_is_none_of_the_answer() -> None:
    """Executions that failed are what is asked for, and some APIs repeat the question."""
    for count in (0, 57):
        with api(lambda query, count=count: (200, {"status": "failed", "items": cut(rows(count), query)})) as (url, _):
            loaded, coverage = load(url)
        assert (loaded, coverage.completeness) == (count, "complete")
    with api(lambda query: (200, {"status": "error", "items": []})) as (url, _), pytest.raises(SourceError):
        load(url)


def test_a_later_page_that_says_it_failed_is_not_the_end() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        if int(query.get("offset", 0)) > 150:
            return 200, {"error": "backend timeout", "items": []}
        return 200, {"items": cut(rows(450), query)}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (199, "partial")
    assert "backend timeout" in " ".join(coverage.missing)


@pytest.mark.parametrize("beside", SOUND, ids=str)
def test_what_is_no_fault_does_no_harm(beside: dict[str, Any]) -> None:
    for count in (0, 57):
        with api(lambda query, count=count: (200, {**beside, "items": cut(rows(count), query)})) as (url, _):
            loaded, coverage = load(url)
        assert (loaded, coverage.completeness, coverage.missing) == (count, "complete", ())


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"error": "backend timeout"}, "backend timeout"),
        ({"errors": [{"message": "backend timeout"}]}, "backend timeout"),
        ({"error": "x" * 9000}, "error"),
        ({"error": {"code": 0, "message": "shard gone"}}, "shard gone"),
        ({"error": {"code": 200, "message": "one shard timed out"}}, "one shard timed out"),
        ({"success": False}, "success: false"),
        ({"partial": True}, "partial"),
        ({"timed_out": True}, "timed_out"),
        ({"timedOut": "true"}, "timedOut"),
        ({"incomplete_results": True}, "incomplete_results"),
        ({"complete": False}, "complete"),
        ({"_shards": {"total": 5, "successful": 3, "failed": 2}}, "2 of its shards"),
        ({"truncated": True}, "truncated"),
        ({"meta": {"IsTruncated": True}}, "IsTruncated"),
    ],
    ids=str,
)
@pytest.mark.parametrize("has_pages", [False, True])
def test_an_answer_that_says_it_is_not_whole_is_partial_however_its_pages_end(
    beside: dict[str, Any], said: str, has_pages: bool
) -> None:
    with api(lambda query: (200, {**beside, "items": cut(rows(57), query if has_pages else {"limit": "57"})})) as (
        url,
        _,
    ):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (57, "partial")
    assert said in " ".join(coverage.missing)


def test_a_page_that_is_cut_and_followed_by_another_is_whole() -> None:
    """As where ``truncated`` means that more pages follow."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        items = cut(rows(250), query)
        return 200, {"items": items, "truncated": items[-1]["id"] != "r0"}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (250, "complete")


def test_an_answer_that_fails_in_part_on_one_page_is_partial() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        failed = 1 if 0 < int(query.get("offset", 0)) < 150 else 0
        return 200, {"hits": {"total": 250, "hits": cut(rows(250), query)}, "_shards": {"total": 5, "failed": failed}}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (250, "partial")


def test_the_words_of_a_fault_are_short_and_raw() -> None:
    """As all facts are; a terminal shows them escaped, once."""
    said = find_failure({"error": "\x1b[2J\u202e\n" + "a" * 500})
    assert said == "\x1b[2J\u202e " + "a" * 113 + "…"
    assert len(said) == 120
    name = "\x1b[2J" + "a" * 500
    assert name[:119] in (find_shortfall({"error": name}) or "")
    with pytest.raises(UnexpectedAnswer) as caught:
        decode_page(b'{"items":[],"error":"\\u001b[2J\\u202edown"}')
    assert "\x1b[2J\u202edown" in caught.value.problem
    shown = "".join(for_terminal_lines(caught.value.problem, 200))
    assert shown == "The Execution Logs API answers that it failed: ⟨001B⟩[2J⟨202E⟩down."


def _nested(depth: int, name: str, inner: Any) -> Any:
    for _ in range(depth):
        inner = {name: inner} if name else [inner]
    return inner


@pytest.mark.parametrize("name", ["message", "error", "a", ""])
@pytest.mark.parametrize("depth", [22, 200, 900])
def test_an_error_however_deep_is_told_at_once_and_the_records_stay(name: str, depth: int) -> None:
    """It took twice as long with each level, and from some 450 on nothing was read at all."""
    error = f'{{"{name}":' * depth + "true" + "}" * depth if name else "[" * depth + "true" + "]" * depth
    body = f'{{"items":{json.dumps(rows(3))},"error":{error}}}'.encode()
    begin = time.monotonic()
    page = decode_page(body)
    said = find_shortfall(page.wrapper)
    assert time.monotonic() - begin < 10
    assert (len(page.frame), said) == (3, "The API gave records and said beside them that it failed: error")


def test_a_message_is_read_down_to_eight_deep_and_below_is_something() -> None:
    assert find_failure({"error": _nested(8, "cause", "down")}) == "down"
    assert find_failure({"error": _nested(9, "cause", "down")}) == "error"
    assert find_failure({"error": _nested(8, "cause", None)}) is None
    assert find_failure({"error": _nested(8, "", [])}) is None


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "-" + "9" * 400, "1e400", "1e300", "-1", "2.5"])
@pytest.mark.parametrize(
    "beside",
    ['"error":N', '"errors":N', '"errors":[N]', '"error":[[N]]', '"error":{"code":N}', '"error":{"message":N}',
     '"error":{"a":{"b":[N]}}', '"status":N', '"code":N', '"success":N', '"partial":N', '"complete":N', '"message":N',
     '"_shards":{"failed":N}', '"_shards":N', '"truncated":N', '"fault":N'],
)  # fmt: skip
def test_a_number_of_any_length_costs_no_record(beside: str, number: str) -> None:
    page = decode_page(f'{{"items":{json.dumps(rows(3))},{beside.replace("N", number)}}}'.encode())
    said = find_shortfall(page.wrapper, is_last=True)
    assert len(page.frame) == 3
    assert said is None or len(said) < 200


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), True, [], [[]], [True], {}, {"a": []}, object()]
)
@pytest.mark.parametrize(
    "name", ["error", "errors", "status", "code", "success", "message", "partial", "complete", "_shards"]
)
def test_a_value_of_any_kind_is_looked_at_in_any_place(name: str, value: Any) -> None:
    for wrapper in ({name: value}, {"error": {name: value}}, {"errors": [value]}, {"_shards": {"failed": value}}):
        for has_records in (False, True):
            said = find_shortfall(wrapper, is_last=True, has_records=has_records)
            assert said is None or len(said) < 200


@pytest.mark.parametrize(
    "behind",
    [
        {"success": False, "code": 500, "message": "No data for shard 3: backend timed out"},
        {"success": False, "message": "No data for shard 3: backend gone"},
        {"success": False, "message": "No data for shard 3; it is away"},
        {"success": False, "message": "No records available with status failed, node-4 is away"},
        {"success": False, "message": "No records in cache - database is down"},
        {"success": False, "message": "No data for shard 3 as its request timed out"},
        {"success": False, "message": "No data for one of all the many shards that there are today"},
        {"status": "error", "statusCode": 503, "message": "No records found"},
        {"code": "500", "message": "No more data"},
        {"error": "No records found", "code": 500},
        {"error": {"code": 503, "message": "No records found"}},
        {"error": {"type": "timeout_error", "message": "No records found"}},
        {"errors": [{"message": "No records found"}, {"message": "shard timeout"}]},
        {"error": "No records found", "exception": "shard timeout"},
        {"error": "No records found", "success": False, "message": "shard timeout"},
    ],
    ids=str,
)
def test_words_that_nothing_is_there_excuse_no_fault_of_the_server(behind: dict[str, Any]) -> None:
    """Behind the last page as on the first one: the list does not end where a shard does not answer."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        page = rows(250)[(int(query.get("page", 1)) - 1) * 100 :][:100]
        return 200, {"items": page} if page else {"items": [], **behind}

    with api(answer) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (250, "partial")
    with api(lambda query: (200, {"items": [], **behind})) as (url, _), pytest.raises(SourceError):
        load(url)


@pytest.mark.parametrize(
    "behind",
    [
        {"error": "No records found"},
        {"error": {"code": 404, "message": "No records found."}},
        {"errors": [{"code": "NO_DATA", "message": "No more data"}]},
        {"success": False, "error": {"message": "Page out of range"}},
        {"status": "error", "error": True, "message": "No executions found for workflow wf-1"},
        {"error": "No executions found with status failed"},
        {"error": "no data for 2026-03-01T00:00:00Z"},
    ],
    ids=str,
)
def test_an_error_that_says_that_nothing_is_there_is_the_end(behind: dict[str, Any]) -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        page = rows(250)[(int(query.get("page", 1)) - 1) * 100 :][:100]
        return 200, {"items": page} if page else {"items": [], **behind}

    with api(answer) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.missing) == (250, "complete", ())
    with api(lambda query: (200, {"items": [], **behind})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (0, "complete")


def test_an_error_beside_records_is_one_though_it_says_that_nothing_is_there() -> None:
    """That nothing was found is not true of such a page."""
    with api(lambda query: (200, {"items": cut(rows(57), query), "error": "No records found"})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (57, "partial")


@pytest.mark.parametrize(
    ("flag", "is_so"), [("complete", False), ("is_complete", False), ("incomplete", True), ("isIncomplete", True)]
)
def test_a_page_that_others_complete_is_whole(flag: str, is_so: bool) -> None:
    """And the last one is not, if it says so itself."""

    def answer(query: dict[str, str], last: bool = not is_so) -> tuple[int, Any]:
        at = int(query.get("cursor", 0))
        is_last = at >= 20
        page = {"items": rows(24)[at : at + 10], "next_cursor": None if is_last else str(at + 10)}
        return 200, {**page, flag: last if is_last else is_so}

    with api(answer) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.missing) == (24, "complete", ())
    with api(lambda query: answer(query, is_so)) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (24, "partial")


def test_records_in_a_list_that_is_called_errors_are_records() -> None:
    """And that name alone is no fault; what has no field of a record is one."""
    body = b'{"errors":[{"id":"r1","workflow_id":"wf","trace_id":"t","status":"failed"}]}'
    page = decode_page(body)
    assert (len(page.frame), find_shortfall(page.wrapper)) == (1, None)
    assert decode_page(b'{"errors":[]}').received == 0
    with pytest.raises(UnexpectedAnswer, match="down"):
        decode_page(b'{"errors":[{"message":"down"}]}')
    own = ExecutionLogsSettings(records_path="errors")
    assert decode_page(b'{"errors":[{"id":"r1","status":"failed"}]}', own).received == 1


def test_an_error_beside_a_list_of_any_name_is_not_taken_for_the_records() -> None:
    body = b'{"errors":[{"message":"one shard is away"}],"runs":[{"id":"r1","trace_id":"t","status":"failed"}]}'
    page = decode_page(body)
    assert (len(page.frame), page.quarantined) == (1, ())
    assert "one shard is away" in (find_shortfall(page.wrapper) or "")
