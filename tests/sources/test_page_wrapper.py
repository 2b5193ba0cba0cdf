"""What stands beside the records: however odd, too large or broken it is, it costs no record and counts as none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import UnexpectedAnswer
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources import page_wrapper
from dlqkit.sources.page_markers import UNREADABLE, find_cursor, find_end_marker, find_total
from dlqkit.sources.page_wrapper import UNREAD_BESIDE, open_page
from dlqkit.sources.record_decode import NO_LIST, decode_page, read_field_names
from tests.sources.api import api, load, rows

BROKEN = (b"nul", b"NaN", b"-Infinity", b'"\xff"', b'"\\ud800"', b"[1, -]", b'{"a": nul}', b"1" * 5000, b"1e400")
NO_RECORDS = (
    b"nul",
    b'"\xff"',
    b'"\\ud800"',
    b"5",
    b'{"status": nul}',
    b"[NaN]",
    b"{}",
    b'{"id": "\xff", "status": "x"}',
)


def record(number: int) -> bytes:
    return b'{"id": "r%d", "status": "failed", "trace_id": "t%d"}' % (number, number)


def array(values: list[bytes]) -> bytes:
    return b"[" + b", ".join(values) + b"]"


ELEMENTS = st.lists(st.none() | st.sampled_from(NO_RECORDS), max_size=6).map(
    lambda drawn: [record(place) if one is None else one for place, one in enumerate(drawn)]
)
BESIDE = st.lists(
    st.tuples(st.sampled_from(["timings", "meta", "links", "total", "next_cursor", "a\xff"]),
              st.sampled_from(BROKEN) | st.lists(st.sampled_from(BROKEN), max_size=9).map(array)
              | st.sampled_from(BROKEN).map(lambda one: b'{"inner": [' + one + b'], "more": ' + one + b"}")),
    max_size=3, unique_by=lambda pair: pair[0],
)  # fmt: skip


@settings(max_examples=120, deadline=None, derandomize=True)
@given(elements=ELEMENTS, before=BESIDE, behind=BESIDE, path=st.sampled_from([None, "items", "data.items"]))
def test_what_is_broken_beside_the_records_is_none_of_them(
    elements: list[bytes], before: list[tuple[str, bytes]], behind: list[tuple[str, bytes]], path: str | None
) -> None:
    """Whatever stands in other lists and objects of the page, before the records or behind them."""
    members = [(b'"%s": %s' % (name.encode("latin-1"), value)) for name, value in before]
    members.append(b'"items": ' + array(elements))
    members += [b'"%s": %s' % (name.encode("latin-1"), value) for name, value in behind]
    body = b"{" + b", ".join(members) + b"}"
    if path == "data.items":
        body = b'{"x": {"y": 1}, "data": ' + body + b', "z": NaN}'

    page = decode_page(body, ExecutionLogsSettings(records_path=path))

    good = [place for place, one in enumerate(elements) if one == record(place)]
    assert page.received == len(elements)
    assert page.frame["record_id"].tolist() == [f"r{place}" for place in good]
    assert sorted([*good, *page.odd_at]) == list(range(len(elements)))
    assert len(page.odd_at) == len(page.quarantined)
    for at, one in zip(page.odd_at, page.quarantined, strict=True):
        assert one.raw == elements[at] or json.loads(one.raw) == json.loads(elements[at])


def test_a_list_of_odd_numbers_before_the_records_does_not_make_up_for_records_that_are_missing() -> None:
    page = decode_page(b'{"timings": [NaN, Infinity], "items": ' + array([record(0), b"nul"]) + b', "total": 4}')

    assert (page.received, len(page.quarantined), page.odd_at, page.wrapper["total"]) == (2, 1, (1,), 4)
    assert UNREAD_BESIDE in page.findings


def test_only_what_is_odd_beside_the_records_is_told_of_as_beside_them() -> None:
    page = decode_page(b'{"timings": [1, 2], "items": ' + array([record(0), b"nul"]) + b"}")

    assert (page.received, page.odd_at) == (2, (1,))
    assert UNREAD_BESIDE not in page.findings


@pytest.mark.parametrize("value", BROKEN[:5] + BROKEN[7:])
@pytest.mark.parametrize("name", ["total", "page", "next_cursor", "next", "note"])
@pytest.mark.parametrize("around", [b"%b", b'"meta": {%b}', b'"links": {"page": {%b}}'])
def test_one_odd_value_beside_the_records_costs_none_of_them_and_is_told_of(
    value: bytes, name: str, around: bytes
) -> None:
    body = b'{"items": [' + record(0) + b"], " + around.replace(b"%b", b'"' + name.encode() + b'": ' + value) + b"}"

    page = decode_page(body)

    assert page.frame["record_id"].tolist() == ["r0"]
    assert (page.received, page.quarantined) == (1, ())
    assert page.wrapper.get(name, UNREADABLE) is UNREADABLE
    assert UNREAD_BESIDE in page.findings
    assert read_field_names(body) == ("id", "status", "trace_id")
    # A total that cannot be read is none; a cursor that cannot be read says that more follows.
    assert find_total(page.wrapper) is None
    assert find_cursor(page.wrapper) is None
    is_next = name.startswith("next") and not (value[:1] not in b'"1' and around != b"%b")
    assert not is_next or find_end_marker(page.wrapper, {}, None) is False


@pytest.mark.parametrize(
    "link", [b'{"href": "\xff"}', b'{"href": NaN}', b'{"href" "/x"}', b'{"cursor": 1e400}', b"[nul]"]
)
def test_a_next_page_that_cannot_be_read_says_that_more_follows(link: bytes) -> None:
    page = decode_page(b'{"items": [' + record(0) + b'], "links": {"next": ' + link + b"}}")

    assert len(page.frame) == 1
    assert find_end_marker(page.wrapper, {}, None) is False


@pytest.mark.parametrize(
    "body",
    [b'{"items": [%b], "x": [1, 2', b'{"x": [1, 2], "items": [%b', b'{"x": [nul, "items": [%b]}',
     b'{"items": [%b], "x": "', b'{"items": [%b],}', b'{"items": [%b]} {}', b"{items: [%b]}", b'{"items": [%b,]}',
     b'{"items": [%b] 1}', b'{"items": nul, "warnings": [%b]}', b'{"data": {"items" [%b]}, "x": {"list": []}}'],
)  # fmt: skip
def test_a_page_of_which_nobody_knows_the_records_is_refused_in_words(body: bytes) -> None:
    """Cut within another list, cut within the records, or broken where its values are told apart."""
    with pytest.raises(UnexpectedAnswer, match="Next: "):
        decode_page(body.replace(b"%b", record(0)))


@pytest.mark.parametrize("before", [b"", b"\n", b" \t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
@pytest.mark.parametrize("odd", [b"1", b"NaN"])
def test_a_page_that_begins_with_a_line_break_loses_no_record_by_an_odd_value_beside_them(
    before: bytes, odd: bytes
) -> None:
    body = before + b'{"items": ' + array([record(n) for n in range(7)]) + b', "took": ' + odd + b"}"

    page = decode_page(body)

    assert page.frame["record_id"].tolist() == [f"r{n}" for n in range(7)]
    assert (UNREAD_BESIDE in page.findings) == (odd == b"NaN")


@pytest.mark.parametrize("odd", [b"", b', "odd": NaN'])
@pytest.mark.parametrize(
    ("page", "settings_of", "holder"),
    [
        (b'{"warnings": [1, 2, 3, 4], "items": [%b]%o}', {}, "items"),
        (b'{"data": {"list": [%b], "errors": []%o}, "counts": {"items": [1]}%o}', {}, "data.list"),
        (b'{"items": [1, 2], "own": {"list": [%b]%o}%o}', {"records_path": "own.list"}, "own.list"),
        (b'{"whatever": [%b], "other": [1]%o}', {}, "whatever"),
    ],
)
def test_the_records_of_a_broken_page_are_looked_for_where_those_of_a_whole_one_are(
    odd: bytes, page: bytes, settings_of: Any, holder: str
) -> None:
    body = page.replace(b"%b", record(0)).replace(b"%o", odd)

    opened = open_page(body, settings_of.get("records_path"))

    assert (bytes(opened.array), opened.holder, opened.has_odd) == (b"[" + record(0) + b"]", holder, bool(odd))
    assert len(decode_page(body, ExecutionLogsSettings(**settings_of)).frame) == 1


def test_an_object_beside_the_records_that_is_too_large_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its fields takes forty times as much in Python as in the page."""
    many = b", ".join(b'"%d": 1' % number for number in range(100))
    body = b'{"items": [' + record(0) + b'], "meta": {"next_cursor": "c", ' + many + b"}}"
    assert decode_page(body).wrapper["next_cursor"] == "c"
    monkeypatch.setattr(page_wrapper, "_MOST_ABOUT_PAGES", 20)

    page = decode_page(body)

    assert (len(page.frame), page.received, page.wrapper) == (1, 1, {})
    assert UNREAD_BESIDE in page.findings


@pytest.mark.parametrize("page", [b"{%b, %r}", b'{"x": {%b}, "own": {%r}}',
                                  b'{"a": {%c}, "b": {%c}, "c": {}, "own": {%r}}'])  # fmt: skip
def test_objects_around_the_records_of_too_many_fields_are_refused_before_they_are_made(
    page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_wrapper, "_MOST_MEMBERS", 60)
    many = b", ".join(b'"%d": 1' % number for number in range(100))
    body = page.replace(b"%b", many).replace(b"%c", many[:300].rsplit(b",", 1)[0])

    with pytest.raises(UnexpectedAnswer, match="an object of more than 60 fields"):
        decode_page(body.replace(b"%r", b'"items": [' + record(0) + b"]"))


def test_of_plain_values_that_nobody_looks_for_so_many_are_kept_and_a_cursor_always_is() -> None:
    many = {f"own {number}": number for number in range(2000)}

    wrapper = decode_page(json.dumps({**many, "items": [], "next_cursor": "c"}).encode()).wrapper

    assert wrapper["next_cursor"] == "c"
    assert len(wrapper) == 1001


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"nextPageToken": "b"}', b'{"total": 0, "has_more": false}',
     b'{"response_metadata": {"next_cursor": ""}}',
     b'{"_links": {"self": {"href": "/x"}, "next": null}, "page": {"size": 20, "number": 0}}'],
)  # fmt: skip
def test_an_object_of_nothing_but_what_is_about_pages_is_a_page_without_records(body: bytes) -> None:
    """APIs that leave empty lists out, as JSON of Protocol Buffers does, answer so."""
    page = decode_page(body)

    assert (page.received, len(page.frame), page.has_list, page.left_out) == (0, 0, False, (NO_LIST,))
    assert not any("Records" in text for text in page.findings)


@pytest.mark.parametrize(
    ("page", "completeness"),
    [
        ({"size": 20, "totalElements": 0, "totalPages": 0, "number": 0}, "complete"),
        ({"size": 20, "total_count": "0"}, "complete"),
        ({"size": 20, "totalElements": 3, "totalPages": 1, "number": 0}, "unverified"),
        ({"size": 20, "count": 0}, "unverified"),
    ],
    ids=str,
)
def test_an_answer_that_leaves_the_list_out_is_empty_where_what_is_about_pages_says_so(
    page: dict[str, Any], completeness: str
) -> None:
    """Spring writes an empty page so; a count may be that of the page."""
    body = {"page": page, "_links": {"self": {"href": "/execution-logs"}}}
    with api(lambda query: (200, body)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (0, completeness)
    assert any("holds no list" in text for text in coverage.missing) == (completeness != "complete")


def test_an_answer_that_says_of_two_totals_that_one_is_none_is_empty_for_sure_by_neither() -> None:
    page = decode_page(b'{"page": {"totalElements": 0}, "meta": {"total": 7}}')

    assert (page.has_list, page.left_out) == (False, (NO_LIST,))


@pytest.mark.parametrize("body", [b"{}", b'{"data": {}}', b'{"data": {"next_token": "b"}, "total": 0}'])
def test_a_list_that_is_named_and_left_out_is_an_empty_one(body: bytes) -> None:
    page = decode_page(body, ExecutionLogsSettings(records_path="data.items"))

    assert (page.received, page.has_list, page.left_out) == (0, False, ())
    assert page.wrapper.get("next_token") == ("b" if b"next_token" in body else None)


@pytest.mark.parametrize("path", [None, "data.items"])
@pytest.mark.parametrize(
    "body",
    [b'{"error": "down"}', b'{"message": "no"}', b'{"status": "ok"}', b'{"data": "x"}', b'{"data": {"items": 5}}',
     b'{"version": 1}', b'{"meta": {"version": 1}}', b'{"next": nul}', b'{"total": 5, "error": null}'],
)  # fmt: skip
def test_an_object_that_holds_anything_else_is_no_page_without_records(body: bytes, path: str | None) -> None:
    with pytest.raises(UnexpectedAnswer):
        decode_page(body, ExecutionLogsSettings(records_path=path))


@pytest.mark.parametrize("name", ["next", "next_cursor", "nextPageToken"])
@pytest.mark.parametrize(
    ("path", "wrap"),
    [
        ("response.body.logs", lambda found: {"response": {"body": found}}),
        ("body.logs", lambda found: {"body": found}),
        (None, lambda found: found),
    ],
)
def test_a_cursor_is_found_in_an_object_of_cursors_at_every_level(
    name: str, path: str | None, wrap: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    hundred = rows(100)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("cursor", query.get("page_token", query.get("pageToken", "0"))))
        following = str(at + 37) if at + 37 < 100 else None
        return 200, wrap({"paging": {"cursors": {"previous": str(at), name: following}}, "logs": hundred[at : at + 37]})

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(records_path=path))

    assert (count, coverage.completeness) == (100, "complete")


def test_of_an_object_of_cursors_the_place_of_the_page_itself_leads_nowhere() -> None:
    page = decode_page(b'{"data": [], "paging": {"cursors": {"before": "a", "after": "b", "cursor": "c"}}}')

    assert find_cursor(page.wrapper) is None
    assert find_end_marker(page.wrapper, {}, None) is None


def test_a_page_that_leaves_its_list_out_may_have_an_object_of_cursors() -> None:
    page = decode_page(b'{"paging": {"cursors": {"next_cursor": null}}}')

    assert (page.has_list, page.left_out, page.wrapper) == (False, (NO_LIST,), {"next_cursor": None})
