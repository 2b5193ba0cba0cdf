"""Answers with more than one list: what is not read is said where it looks like records, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources import page_lists
from dlqkit.sources.record_decode import decode_page
from tests.sources.api import api, load, rows

NINETY = rows(90)
HALF, OTHER = json.dumps(NINETY[:45]), json.dumps(NINETY[45:])
PRETTY = json.dumps({"data": {"items": NINETY[:45], "total": 90, "page": {"size": 45}, "facets": []}}, indent=4)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f'{{"items":{HALF},"items":{OTHER}}}', "items"),
        (f'{{"items" : {HALF} , "items"\n: {OTHER}, "total": 9}}', "items"),
        (f'{{"links":[],"items":{HALF},"items":{HALF},"items":{OTHER}}}', "items"),
        (f'{{"data":{{"a":1,"items":{HALF},"items":{OTHER}}}}}', "data.items"),
        (f'{{"data":{HALF},"items":{OTHER}}}', "data"),
        (f'{{"links":[{{"rel":"self"}}],"items":{HALF},"older":{OTHER}}}', "older"),
        (f'{{"data":{{"wf-1":{HALF},"wf-2":{OTHER}}}}}', "data.wf-2"),
        (f'{{"items":{HALF},"archive":{{"rows":{OTHER}}}}}', "archive.rows"),
        (f'{{"items":{HALF},"\\u202e\\u001b[2J":{OTHER}}}', "\u202e\x1b[2J"),
    ],
)
def test_a_second_list_of_records_is_named_and_never_complete(body: str, name: str) -> None:
    with api(lambda query: (200, body.encode() if query.get("offset", "0") == "0" else {"items": []})) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (45, "unverified")
    assert f"“{name}”" in " ".join(coverage.missing)


@pytest.mark.parametrize(
    "beside",
    [
        {"links": [{"rel": "next", "href": "/x", "id": 1}]},
        {"facets": [{"name": "status", "count": 3}], "included": [{"id": "1", "type": "workflow"}]},
        {"workflows": [{"id": "wf-1", "status": "active"}]},
        {"latest": NINETY[:1], "longest": NINETY[44:45]},
        {"latest": NINETY[:5], "by_id": NINETY[44::-1]},
        {"warnings": [], "sort": ["created_at"], "columns": [["id", "status"]]},
        {"aggregations": {"by_day": [{"date": "2026-03-01", "count": 3}]}},
        {"note": "x" * 5000},
    ],
    ids=lambda beside: "+".join(beside),
)
def test_lists_of_other_things_raise_no_alarm(beside: dict[str, Any]) -> None:
    for body in (
        {**beside, "items": NINETY[:45]},
        {"items": NINETY[:45], **beside},
        {"data": {"items": NINETY[:45]}, **beside},
    ):
        for indent in (None, 2, 8):
            page = decode_page(json.dumps(body, indent=indent).encode())
            assert (len(page.frame), page.left_out) == (45, ())


@pytest.mark.parametrize(
    "beside",
    [{"workflows": [{"id": "w1", "workflow_id": "a", "status": "on"}]}, {"queues": [{"id": "q", "queued_to_dlq": 3}]}],
    ids=str,
)  # fmt: skip
def test_lists_of_other_things_beside_no_record_raise_no_alarm(beside: dict[str, Any]) -> None:
    """An empty window is all clear; but records beside an empty list are read."""
    assert decode_page(json.dumps({"items": [], **beside}).encode()).left_out == ()
    long = [{**NINETY[0], "payload": "x" * 200_000}, *NINETY[1:45]]
    assert decode_page(json.dumps({"items": long, **beside}).encode()).left_out == ()


def test_an_indented_page_raises_no_alarm() -> None:
    assert decode_page(PRETTY.encode()).left_out == ()


def test_of_lists_with_unknown_names_the_one_of_records_is_read() -> None:
    for body in ({"shown": [{"rel": "x"}], "runs": NINETY}, {"items": [], "records": NINETY}):
        page = decode_page(json.dumps(body).encode())
        assert (len(page.frame), page.quarantined, page.left_out) == (90, (), ())


def test_a_list_that_was_named_in_the_settings_is_the_one_that_is_meant() -> None:
    own = ExecutionLogsSettings(records_path="data.items")
    body = json.dumps({"data": {"items": NINETY[:45], "next_cursor": "n"}, "records": NINETY[45:]}).encode()
    page = decode_page(body, own)
    assert (len(page.frame), page.left_out, page.wrapper["next_cursor"]) == (45, (), "n")


def test_fields_that_were_named_in_the_settings_tell_records_too() -> None:
    body = b'{"items":[{"key":"a","flow":"f"}],"older":[{"key":"b","flow":"f"}]}'
    own = ExecutionLogsSettings(fields={"record_id": "key", "workflow_id": "flow"})
    assert len(decode_page(body, own).left_out) == 1


def test_a_list_of_which_one_record_is_not_on_the_page_is_named() -> None:
    body = {"items": NINETY[:45], "latest": [*NINETY[:5], NINETY[45]]}
    assert decode_page(json.dumps(body).encode()).left_out == (
        "An answer holds another list that looks like records, “latest”; it was not read.",
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (4, ["“list0”", "“list1”", "“list2”", "“list3”"]),
        (5, ["“list0”", "“list1”", "“list2”", "not read: 2."]),
        (1000, ["“list0”", "“list1”", "“list2”", "not read: 997."]),
    ],
)
def test_of_many_lists_a_few_are_named_and_the_others_counted(count: int, said: list[str]) -> None:
    body = json.dumps({"items": NINETY[:45], **{f"list{n}": NINETY[45:46] for n in range(count)}}).encode()
    left_out = decode_page(body).left_out
    assert len(left_out) == len(said)
    assert all(words in sentence for words, sentence in zip(said, left_out, strict=True))


def test_a_list_with_a_long_name_is_named_in_short() -> None:
    body = json.dumps({"items": NINETY[:45], "a\nb" * 3000: NINETY[45:]}).encode()
    (said,) = decode_page(body).left_out
    assert ("“a ba ba b" in said, "…”" in said, len(said) < 150) == (True, True, True)


def test_the_records_are_made_plain_once_however_many_other_lists_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    plain = page_lists.msgspec.json.format
    monkeypatch.setattr(
        page_lists.msgspec.json, "format", lambda text, **how: made.append(len(text)) or plain(text, **how)
    )
    decode_page(json.dumps({"items": NINETY[:45], **{f"list{n}": NINETY[45:46] for n in range(50)}}).encode())
    assert sum(size > 2000 for size in made) == 1
    made.clear()
    assert decode_page(json.dumps({"items": NINETY[:45], "sort": ["created_at"]}).encode()).left_out == ()
    assert made == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"schemas": ["urn:x"], "Resources": []}, "Resources"),
        ({"schemas": ["urn:x"], "totalResults": 0, "Resources": []}, "Resources"),
        ({"warnings": ["deprecated", "slow"], "dag_runs": [], "total_entries": 0}, "dag_runs"),
        ({"data": {"schemas": ["urn:x"], "runs": []}}, "data.runs"),
        ({"warnings": ["deprecated"], "data": {"items": []}}, "data.items"),
    ],
    ids=str,
)
def test_a_list_of_words_is_not_taken_for_the_records_beside_an_empty_list_of_them(
    body: dict[str, Any], name: str
) -> None:
    page = decode_page(json.dumps(body, indent=2).encode())

    assert (page.received, page.quarantined, page.has_list, page.left_out) == (0, (), True, ())
    assert f"Records are wrapped in “{name}”." in page.findings


@pytest.mark.parametrize(
    "body",
    [
        {"jobs": ["x"], "errors": []},
        {"jobs": ["x"], "child_jobs": []},
        {"found": ["x"], "warnings": []},
        {"found": [5], "runs": []},
        {"found": ["x", {"a": 1}], "runs": []},
        {"found": ["x"], "filter": {"tags": []}},
        {"found": ["x"], "total": 1},
        {"items": ["x"], "total": 0},
    ],
    ids=str,
)
def test_a_list_of_words_that_may_be_the_records_is_put_apart(body: dict[str, Any]) -> None:
    page = decode_page(json.dumps(body).encode())

    (own,) = (one for one in (body.get("jobs"), body.get("found"), body.get("items")) if one is not None)
    assert [json.loads(one.raw) for one in page.quarantined] == own


@pytest.mark.parametrize("body", [{"schemas": ["urn:x"], "totalResults": 0}, {"total": 0, "warnings": ["slow"]}])
def test_a_list_of_words_beside_a_total_of_none_is_no_list_of_records(body: dict[str, Any]) -> None:
    """As SCIM answers where nothing is found (RFC 7644, section 3.4.2)."""
    with api(lambda query: (200, body)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.quarantined, coverage.missing) == (0, "complete", 0, ())
