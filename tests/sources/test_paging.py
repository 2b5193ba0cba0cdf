"""APIs that page in ways one would not guess: a thousand records are never called complete when a hundred came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zlib import crc32

import pytest

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.page_markers import find_cursor, find_end_marker, find_next_url, find_total
from tests.frames import START
from tests.sources.api import KEY, api, cut, load, rows

THOUSAND = rows(1000)


def filtered(data: list[Any], query: dict[str, str]) -> list[Any]:
    """What an API gives that takes a parameter it does not know for the name of a field."""
    unknown = {name: value for name, value in query.items() if name != "limit"}
    return [row for row in data if all(row.get(name) == value for name, value in unknown.items())][:100]


def test_a_limit_above_the_servers_own_may_fall_back_to_a_smaller_page() -> None:
    """Asked for a thousand at once it gives fifty; that is not the end."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        limit = int(query["limit"])
        return 200, cut(THOUSAND, {**query, "limit": str(limit if limit <= 100 else 50)})

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (1000, "complete")


def test_a_parameter_taken_for_a_field_brings_nothing_and_is_no_end() -> None:
    """``offset=100`` finds no record whose “offset” is 100; that is not the end."""
    with api(lambda query: (200, filtered(THOUSAND, query))) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "unverified")


def test_one_record_by_offset_and_one_where_offset_is_a_field() -> None:
    """Of one record nothing can overlap, so the start is asked for again; a short page is complete either way."""
    with api(lambda query: (200, cut(rows(1), query))) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.details["pagination"]) == (1, "complete", "offset")

    with api(lambda query: (200, filtered(rows(1), query))) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.details["pagination"]) == (1, "complete", "none")


@pytest.mark.parametrize("most", [64, 73])
def test_a_hidden_limit_of_any_size_is_found_by_asking_on(most: int) -> None:
    """64 or 73 of the 100 asked for looks like the end, and is the server's own limit."""
    with api(lambda query: (200, cut(THOUSAND, query, most))) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (1000, "complete")


def test_a_short_page_of_an_api_without_pages_is_complete_and_says_on_what_that_rests() -> None:
    with api(lambda query: (200, THOUSAND[:73])) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (73, "complete")
    assert any("fewer than the 100 asked for" in text for text in coverage.findings)


def test_one_record_with_an_old_time_does_not_end_the_reading() -> None:
    """A record that was changed late stands among the newest with its old time."""
    data = [dict(row) for row in THOUSAND]
    data[50]["created_at"] = (START - timedelta(days=1)).isoformat()
    data[99]["created_at"] = (START - timedelta(days=1)).isoformat()
    with api(lambda query: (200, cut(data, query))) as (url, _):
        count, coverage = load(url, start=START.to_pydatetime())

    assert (count, coverage.completeness) == (998, "complete")


@pytest.mark.parametrize("as_text", [False, True])
def test_a_total_that_only_counts_its_own_page_is_no_end(as_text: bool) -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        items = cut(THOUSAND, query)
        return 200, {"items": items, "total": str(len(items)) if as_text else len(items)}

    with api(answer) as (url, _):
        assert load(url)[0] == 1000

    def without_pages(query: dict[str, str]) -> tuple[int, Any]:
        return answer({"limit": query["limit"]})

    with api(without_pages) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (100, "unverified")


def test_a_true_total_ends_the_reading_and_one_that_is_not_reached_is_said() -> None:
    with api(lambda query: (200, {"items": cut(rows(250), query), "total": "250"})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (250, "complete")

    with api(lambda query: (200, {"items": cut(rows(250), query), "total": 300})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (250, "unverified")
    assert "speaks of 300 records" in coverage.missing[0]


@pytest.mark.parametrize("way", ["offset", "page"])
@pytest.mark.parametrize("total", [100, 130, 200, 999])
def test_a_total_that_is_too_low_does_not_end_the_reading(way: str, total: int) -> None:
    """Some count no further than a limit of their own; behind a full page one more request tells."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        size = min(int(query["limit"]), 100)
        place = (int(query.get("page", 1)) - 1) * size if way == "page" else int(query.get("offset", 0))
        return 200, {"items": THOUSAND[place : place + size], "total": total}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (1000, "complete")


def test_no_more_that_is_said_of_a_full_page_in_the_middle_is_not_believed() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        place = int(query.get("offset", 0))
        return 200, {"items": cut(THOUSAND, query), "has_more": place < 300}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (1000, "complete")


def test_the_last_page_once_more_beyond_a_true_total_is_the_end() -> None:
    """A list of whole pages, and an API that answers a number beyond the last with the last page."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = min(int(query.get("page", 1)), 3)
        return 200, {"items": rows(300)[100 * (number - 1) : 100 * number], "total": 300}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (300, "complete")


def test_pages_that_are_empty_from_one_moment_on_are_not_called_the_end() -> None:
    """By offset the record before is asked for again: a page without it says that something is wrong."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        return 200, cut(THOUSAND, query) if asked < 4 else []

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert count < 1000
    assert coverage.completeness == "unverified"


def test_pages_that_became_shorter_before_the_second_are_not_called_the_end() -> None:
    """By number, page 1 and 2 of five records each lie within the first page of thirty-three."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        size = 33 if asked < 2 else 5
        place = int(query.get("page", 0)) * size
        return 200, THOUSAND[place : place + size]

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (33, "unverified")


@pytest.mark.parametrize(("says", "completeness"), [("all", "unverified"), ("page", "complete"), ("left", "complete")])
def test_a_total_that_sinks_while_a_cursor_is_followed_is_said(says: str, completeness: str) -> None:
    """A cursor may be a place in disguise, and then a record that left the list hides another."""
    data = rows(250)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        place = int(query.get("cursor", "0-0")[:-2])
        page = data[place : place + 100]
        following = f"{place + 100}-0" if place + 100 < len(data) else None
        totals = {"all": len(data), "page": len(page), "left": len(data) - place}
        if says == "all":
            del data[:3]
        return 200, {"items": page, "next_cursor": following, "total": totals[says]}

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(page_limit=100))

    assert (count < 250, coverage.completeness) == (completeness == "unverified", completeness)


@pytest.mark.parametrize("name", ["cursor", "after"])
def test_an_empty_cursor_is_no_end_of_an_api_that_pages_by_offset(name: str) -> None:
    """``"cursor": null`` repeats that none was asked for."""
    with api(lambda query: (200, {"items": cut(THOUSAND, query), name: None})) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (1000, "complete")


@pytest.mark.parametrize(
    "marker", [{"has_more": False}, {"next": None}, {"last": True}, {"totalPages": 1, "number": 0}]
)
def test_an_api_that_always_says_it_was_the_last_page(marker: Mapping[str, Any]) -> None:
    """A full page that calls itself the last is checked once."""
    with api(lambda query: (200, {"items": cut(THOUSAND, query), **marker})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (1000, "complete")
    assert any("it was not" in text for text in coverage.findings)

    with api(lambda query: (200, {"items": rows(43), **marker})) as (url, asked):
        assert load(url)[1].completeness == "complete"
    assert len(asked) == 1


def test_has_more_that_is_always_true_ends_where_the_pages_do() -> None:
    with api(lambda query: (200, {"items": cut(rows(250), query), "has_more": True})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness) == (250, "complete")

    with api(lambda query: (200, {"items": rows(43), "has_more": True})) as (url, _):
        assert load(url)[1].completeness == "unverified"


@pytest.mark.parametrize("first", [0, 1])
def test_pages_numbered_in_an_object_of_their_own(first: int) -> None:
    """``page: {number, totalPages}``, counted from 0 or from 1."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = int(query.get("page", first))
        place = (number - first) * 100
        about = {"number": number, "size": 100, "totalPages": 3, "totalElements": 250}
        return 200, {"content": rows(250)[max(place, 0) : place + 100], "page": about}

    with api(answer) as (url, asked):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.details["pagination"]) == (250, "complete", "page")
    settings = ExecutionLogsSettings(pagination="page")
    with api(answer) as (url, asked):
        assert load(url, settings)[0] == 250
    assert not any("offset" in question for question in asked)


def test_a_link_to_the_page_itself_is_not_followed() -> None:
    """The first page's link is to itself and offset works; then a link that turns back."""
    with api(lambda query: (200, {"items": cut(rows(250), query), "next": "?limit=100"})) as (url, _):
        assert load(url)[0] == 250

    def turning(query: dict[str, str]) -> tuple[int, Any]:
        place = int(query.get("from", 0))
        return 200, {"items": rows(250)[place : place + 100], "next": "?limit=100&from=100"}

    with api(turning) as (url, asked):
        count, coverage = load(url)
    assert (count, coverage.completeness, len(asked)) == (200, "partial", 2)
    assert "names only pages that were there already" in coverage.missing[0]


def test_links_that_stop_on_a_full_page_are_an_end() -> None:
    """Pages that named the next one, and then one that names none, as long as the others."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        place = int(query.get("from", 0))
        more = {"_links": {"next": {"href": f"?limit=100&from={place + 100}"}}} if place < 200 else {}
        return 200, {"items": rows(300)[place : place + 100], **more}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.details["pagination"]) == (300, "complete", "link")


def test_a_cursor_that_is_taken_for_a_field_is_no_end() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"items": filtered(THOUSAND, query), "next_cursor": "abc"}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "unverified")


def test_a_cursor_that_leads_to_nothing_is_an_end() -> None:
    """The last record's id is given as a cursor even where nothing follows it."""
    data = rows(7)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        if query.get("after", data[-1]["id"]) not in {row["id"] for row in data}:
            return 400, {"error": "no such cursor"}
        return 200, {"items": [] if "after" in query else data, "end_cursor": data[-1]["id"]}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (7, "complete")


def test_a_page_that_a_filter_emptied_is_not_the_end() -> None:
    """The cursor goes on over a page without records."""
    pages = {"": (rows(300)[:100], "a"), "a": ([], "b"), "b": (rows(300)[100:200], None)}

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        items, following = pages[query.get("cursor", "")]
        return 200, {"items": items, "next_cursor": following}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (200, "complete")


@pytest.mark.parametrize(("total", "shift"), [(100, 2), (101, 1), (103, 2), (250, 3), (100, 60)])
def test_records_that_come_in_front_while_paging_are_neither_lost_nor_doubled(total: int, shift: int) -> None:
    """They may be new, or old ones that moved there before they were read: the front is looked at again."""
    data = rows(total)
    fresh = [{**data[0], "id": f"new{n}", "trace_id": f"n{n}"} for n in range(shift)]
    asked_before = False

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked_before
        now, asked_before = (fresh if asked_before else []) + data, True
        return 200, cut(now, query)

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (total + shift, "complete")


def test_records_that_leave_the_list_while_paging_do_not_hide_others() -> None:
    """Five dead letters heal between two pages, so that what follows moves up by five."""
    data = rows(400)
    count_of_answers = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal count_of_answers
        count_of_answers += 1
        return 200, cut(data if count_of_answers < 3 else data[:10] + data[15:], query)

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (400, "complete")
    assert any("went back" in text for text in coverage.findings)


def test_a_list_in_another_order_each_time_is_not_called_complete() -> None:
    data = rows(900)
    turn = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal turn
        turn += 1
        mixed = sorted(data, key=lambda row: crc32(f"{row['id']} {turn}".encode()))
        return 200, cut(mixed, query)

    with api(answer) as (url, _):
        count, coverage = load(url, max_requests=40)

    assert coverage.completeness != "complete" or count == 900


def test_a_short_page_in_the_middle_is_not_the_end() -> None:
    """Pages are cut by their size in bytes, so each has another length."""
    data = rows(600)
    lengths = iter([100, 60, 90, 20, 100, 77])

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, cut(data, query, next(lengths, 100))

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(page_limit=100))

    assert (count, coverage.completeness) == (600, "complete")


def test_a_number_beyond_the_last_page_may_be_refused_or_bring_the_last_again() -> None:
    data = rows(230)

    def refusing(query: dict[str, str]) -> tuple[int, Any]:
        place = 100 * (int(query.get("page", 1)) - 1)
        return (200, data[place : place + 100]) if place < 230 else (404, {"detail": "Invalid page."})

    def clamping(query: dict[str, str]) -> tuple[int, Any]:
        place = 100 * (min(int(query.get("page", 1)), 3) - 1)
        return 200, data[place : place + 100]

    for answer in (refusing, clamping):
        with api(answer) as (url, _):
            count, coverage = load(url)
        assert (count, coverage.completeness) == (230, "complete")


def test_a_service_that_breaks_on_a_parameter_it_does_not_know() -> None:
    """Server errors are no answer to a probe: nobody knows whether a second page is there, unless it is set."""
    for count in (43, 100):
        data = rows(count)
        with api(lambda query, data=data: (200, data) if set(query) == {"limit"} else (500, b"")) as (url, _):  # type: ignore[misc]
            coverage = load(url)[1]
            assert coverage.completeness == "partial"
            assert any('pagination = "none"' in text for text in coverage.findings) == (count == 43)
            set_so = load(url, ExecutionLogsSettings(pagination="none"))[1]
            assert set_so.completeness == ("complete" if count == 43 else "unverified")


def test_pages_by_set_number_or_offset_are_checked_too() -> None:
    """A style that was set and that the API does not know is no way to go on."""
    for style in ("offset", "page"):
        settings = ExecutionLogsSettings(pagination=style)
        with api(lambda query: (200, THOUSAND[:100])) as (url, _):
            assert load(url, settings)[1].completeness == "unverified"


def test_an_answer_without_records_that_speaks_of_some() -> None:
    with api(lambda query: (200, {"items": [], "total": 12})) as (url, _):
        assert load(url)[1].completeness == "unverified"
    with api(lambda query: (200, {"items": [], "total": 0})) as (url, _):
        assert load(url)[1].completeness == "complete"


def test_what_wrappers_say() -> None:
    """The markers themselves; a Link header about something else says nothing of pages."""
    assert find_end_marker({"current_page": 2, "last_page": 3}, {}, 1) is False
    assert find_end_marker({"current_page": 3, "last_page": 3}, {}, 1) is True
    assert find_end_marker({"cursor": None}, {}, None) is None
    assert find_end_marker({"next_cursor": None}, {}, None) is True
    assert find_end_marker({}, {"Link": '<https://a/licence>; rel="license"'}, None) is None
    assert find_end_marker({}, {"Link": '<https://a/?p=1>; rel="prev"'}, None) is True
    assert find_cursor({"cursor": "own", "next_cursor": "n"}) == (("cursor", "next_cursor"), "n")
    assert find_next_url({"next": "?p=2"}, {}, "https://a/b?p=1") == "https://a/b?p=2"
    assert (find_total({"total": "12"}), find_total({"total": True}), find_total({"total": "many"})) == (12, None, None)
    assert (find_total({"total": -1}), find_total({"total": 40}, {}, 57), find_total({"total": 57}, {}, 57)) == (
        None, None, 57,
    )  # fmt: skip
    assert (find_total({"count": 350}, {}, 57), find_total({"count": 57}, {}, 57)) == (350, None)
    assert (find_total({"total": 57}, {"X-Total": "350"}, 57), find_total({}, {"X-Total": "many"}, 57)) == (350, None)
    assert find_total({"total": {"value": 10_000, "relation": "gte"}}) == 10_001
    assert find_end_marker({"page": 1, "total_pages": 1}, {"X-Pagination": "{broken"}, 1) is True


@pytest.mark.parametrize(
    "more",
    [
        {"has_more": "true"},
        {"has_more": 1},
        {"hasMore": "yes"},
        {"has-more": True},
        {"hasNext": True},
        {"isLast": "false"},
        {"page": {"last": False}},
        {"pageInfo": {"hasNextPage": True}},
        {"more": True},
        {"done": False},
        {"remaining": 293},
        {"next_page": 2},
        {"total": {"value": 350, "relation": "eq"}},
        {"total": {"value": 57, "relation": "gte"}},
        {"result_info": {"total_count": "350"}},
        {"totalHits": 350.0},
        {"total": 57, "total_count": 350},
        {"count": 350},
        {"total_pages": 7},
        {"current_page": 1, "total_pages": "7"},
    ],
    ids=str,
)
def test_however_it_is_said_that_more_exists_a_short_page_is_not_complete(more: dict[str, Any]) -> None:
    """Beside the records, or beside their list in an object of its own, be that named in the settings or not."""
    named = ExecutionLogsSettings(records_path="hits.hits")
    for wrapped, settings in (({"items": rows(57)}, None), ({"hits": {"hits": rows(57), **more}}, None),
                              ({"hits": {"hits": rows(57), **more}}, named)):  # fmt: skip
        body = wrapped if "hits" in wrapped else {**wrapped, **more}
        with api(lambda query, body=body: (200, body)) as (url, _):
            count, coverage = load(url, settings)
        assert (count, coverage.completeness) == (57, "unverified")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Total-Count": "350"},
        {"x-total": "350"},
        {"X-WP-Total": "350"},
        {"X-WP-TotalPages": "7"},
        {"X-Page": "1", "X-Total-Pages": "7"},
        {"X-Has-More": "true"},
        {"X-Next-Page": "2"},
        {"X-Pagination": '{"TotalCount":350,"PageSize":57}'},
        {"X-Pagination": '{"CurrentPage":1,"TotalPages":7}'},
    ],
    ids=str,
)
def test_headers_say_that_more_exists_too(headers: dict[str, str]) -> None:
    with api(lambda query: (200, rows(57), headers)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (57, "unverified")


@pytest.mark.parametrize(
    "beside",
    [
        {"count": 57},
        {"total": -1},
        {"total": 57},
        {"total_pages": 1},
        {"remaining": 0},
        {"has_more": "false"},
        {"hasNext": 0},
        {"last": 1},
        {"last": "true"},
        {"next_page": None},
        {"total": {"value": 57, "relation": "eq"}},
        {"_shards": {"total": 350, "failed": 0}},
    ],
    ids=str,
)
def test_what_says_no_more_leaves_a_short_page_complete(beside: dict[str, Any]) -> None:
    with api(lambda query: (200, {**beside, "items": rows(57)}, {"X-Next-Page": "", "X-Total": "57"})) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.missing) == (57, "complete", ())


@pytest.mark.parametrize("total", [-1, 0, 57])
def test_a_total_below_what_came_does_not_end_a_list_that_says_it_goes_on(total: int) -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        items = cut(rows(350), query, 60)
        return 200, {"items": items, "total": total, **({"has_more": "yes"} if len(items) == 60 else {})}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (350, "complete")


def test_a_total_that_is_a_lower_bound_does_not_make_so_many_all() -> None:
    """As Elasticsearch counts no further than a limit, and gives no page beyond one."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        found = {"total": {"value": 500, "relation": "gte"}, "hits": cut(THOUSAND[:500], query)}
        return 200, {"took": 3, "timed_out": False, "_shards": {"total": 5, "failed": 0}, "hits": found}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (500, "unverified")


@pytest.mark.parametrize("cursor", [{"after": 100}, ["a", 100], "x" * 9000])
def test_a_cursor_that_is_no_plain_value_is_no_end(cursor: Any) -> None:
    """On whichever page: more follows, and nobody knows how to ask for it."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("cursor", "0"))
        following = str(at + 37) if at + 37 < plain_until else cursor
        return 200, {"items": THOUSAND[at : at + 37], "next_cursor": following}

    for plain_until in (0, 100):
        with api(answer) as (url, _):
            count, coverage = load(url)
        assert (count, coverage.completeness) == ((37, "unverified") if plain_until == 0 else (111, "partial"))


@pytest.mark.parametrize(
    "link",
    [
        '</x?cursor={}>; rel="next"',
        '</x?cursor={}>; title="a=b"; rel="next"',
        "</x?cursor={}>;rel=next",
        '</x?cursor={}>; REL="last NEXT"',
        "</x?cursor={}>; rel='next'",
        '<https://a.example/licence>; rel="license", </x?cursor={};a=1>; title="x, <y>; rel=z"; rel="next"',
    ],
)
def test_a_link_is_followed_however_it_is_written(link: str) -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        at = int(query.get("cursor", "0").partition(";")[0])
        headers = {"Link": link.format(at + 37)} if at + 37 < 200 else {"Link": '</x>; rel="first"'}
        return 200, THOUSAND[at : at + 37] if at + 37 < 200 else THOUSAND[at:200], headers

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness, coverage.details["pagination"]) == (200, "complete", "link")


def test_a_link_to_the_next_page_that_cannot_be_read_is_no_end() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        at = int(query.get("cursor", "0"))
        return 200, THOUSAND[at : at + 37], {"Link": '</x?cursor=37>; rel="next"' if at == 0 else "<<<;;rel==next"}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (74, "partial")


def test_a_part_of_the_whole_is_no_end() -> None:
    """``206 Partial Content`` says so by itself, and its range how many there are."""
    for headers, total in (
        ({"Content-Range": "items 0-36/100"}, "100"),
        ({"Content-Range": "0-36/100"}, "100"),
        ({"Content-Range": "bytes 0-36/7000"}, ""),
        ({}, ""),
    ):

        def answer(query: dict[str, str], headers: dict[str, str] = headers) -> tuple[int, Any, dict[str, str]]:
            return (206, THOUSAND[:37], headers) if query.get("offset", "0") == "0" else (200, [], {})

        with api(answer) as (url, _):
            count, coverage = load(url)
        assert (count, coverage.completeness) == (37, "unverified")
        assert total in " ".join(coverage.missing)


def test_parts_that_end_with_the_whole_are_all() -> None:
    """As PostgREST answers: each page a part, with its range."""

    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        at = int(query.get("offset", "0"))
        page = THOUSAND[at : min(at + 37, 100)]
        return 206, page, {"Content-Range": f"items {at}-{at + len(page) - 1}/100"}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "complete")


@pytest.mark.parametrize("style", ["offset", "page", "cursor", "none"])
@pytest.mark.parametrize("share", [2, 7, 40])
def test_elements_that_are_no_records_are_counted_once_each(style: str, share: int) -> None:
    """Though the end of a page is asked for again, and they have no id by which they would be known."""
    elements = [None if n % share == share - 1 else row for n, row in enumerate(rows(130))]
    most = 30 if style != "none" else 1000

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        # None of the sizes at which an API may have cut.
        limit = min(int(query["limit"]), most + 1)
        if style == "cursor":
            at = int(query.get("cursor", "0"))
            more = str(at + limit) if at + limit < len(elements) else None
            return 200, {"items": elements[at : at + limit], "next_cursor": more}
        at = {"offset": int(query.get("offset", "0")), "page": (max(int(query.get("page", "1")), 1) - 1) * limit}
        return 200, elements[at.get(style, 0) :][: limit if style != "none" else 1000]

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.quarantined) == (130 - 130 // share, 130 // share)


def test_pages_of_odd_elements_alone_are_read_over() -> None:
    """Three of them in a row end nothing while the cursor goes on."""
    data = rows(100)
    elements = [*data[:40], *[None] * 60, *data[40:]]

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("cursor", "0"))
        return 200, {"items": elements[at : at + 20], "next_cursor": str(at + 20) if at + 20 < 160 else None}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.quarantined, coverage.completeness) == (100, 60, "complete")


def test_odd_elements_of_a_list_that_moves_are_counted_no_more_than_once() -> None:
    """A record leaves the list between two looks, so that all that stands behind it stands one place higher."""
    elements: list[Any] = [None if n % 9 == 8 else row for n, row in enumerate(rows(130))]
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        if asked == 4:
            del elements[3]
        limit = min(int(query["limit"]), 30)
        at = (max(int(query.get("page", "1")), 1) - 1) * limit
        return 200, elements[at : at + limit]

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(pagination="page"))

    assert count <= 130 - 130 // 9
    assert coverage.quarantined <= 130 // 9
    assert coverage.completeness == "complete" or count < 130 - 130 // 9


def test_a_last_page_that_is_repeated_beyond_the_end_counts_its_odd_elements_once() -> None:
    """And a total of more than there is shows that something is missing."""
    elements = [None if n % 8 == 7 else row for n, row in enumerate(rows(170))]

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = min(max(int(query.get("page", "1")), 1), 2)
        return 200, {"items": elements[(number - 1) * 100 : number * 100], "total": 190}

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(pagination="page"))

    assert (count, coverage.quarantined, coverage.completeness) == (149, 21, "unverified")


def test_elements_alone_of_an_api_that_ignores_offset_end_the_asking() -> None:
    """Whatever else its answers hold that changes each time."""
    asked = []

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        asked.append(query)
        return 200, {"items": [{"unknown": n} for n in range(30)], "stamp": len(asked)}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.quarantined) == (0, 30)
    assert len(asked) < 10


def test_a_last_page_that_is_a_part_of_its_chain_of_links_is_the_end() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        at = int(query.get("cursor", "0"))
        headers = {"Link": f'</x?cursor={at + 42}>; rel="next"'} if at + 42 < 210 else {}
        return 206, THOUSAND[at : at + 42], headers

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (210, "complete")


@pytest.mark.parametrize("again", [False, True])
def test_an_empty_page_in_the_middle_is_no_end(again: bool) -> None:
    """By page number: once it is asked for again, and what stands behind it is read in any case."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        number = int(query.get("page", "1"))
        asked += number == 3
        return 200, [] if number == 3 and (again or asked == 1) else THOUSAND[:450][100 * (number - 1) : 100 * number]

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == ((350, "unverified") if again else (450, "complete"))
    assert any("Page 3 came without a record twice" in text for text in coverage.missing) == again


def test_a_second_page_that_came_empty_is_no_end_either() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = int(query.get("page", "1"))
        return 200, [] if number == 2 else THOUSAND[:450][100 * (number - 1) : 100 * number]

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (350, "unverified")


def test_a_total_below_what_came_ends_nothing() -> None:
    """More was promised once, and the total is no word of an end: 40 records, pages of 10, the second one shorter."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = int(query.get("page", "1"))
        page = THOUSAND[10 * (number - 1) : 10 * number][: 8 if number == 2 else 10] if number < 5 else []
        return 200, {"items": page, "total": 5, **({"has_more": True} if number == 1 else {})}

    with api(answer) as (url, _):
        assert load(url)[0] == 38


@pytest.mark.parametrize("count", [57, 250, 450])
@pytest.mark.parametrize("way", ["offset", "page", "cursor"])
@pytest.mark.parametrize("what", ["payload", "last_error"])
def test_a_record_that_is_written_otherwise_in_each_answer_is_one(what: str, way: str, count: int) -> None:
    """Replicas write a payload's fields in other orders, and an error may tell how long is left."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        texts = {"payload": [{"a": 1, "b": 2}, {"b": 2, "a": 1}][asked % 2], "last_error": f"retry in {90 - asked} s"}
        at = {"offset": int(query.get("offset", 0)), "page": (int(query.get("page", 1)) - 1) * 100,
              "cursor": int(query.get("cursor", 0))}[way]  # fmt: skip
        page = [{**row, what: texts[what]} for row in rows(count)[at : at + 100]]
        more = {"next_cursor": str(at + 100) if at + 100 < count else None} if way == "cursor" else {}
        return 200, {"items": page, **more}

    with api(answer) as (url, _):
        loaded, coverage = load(url)

    assert (loaded, coverage.completeness) == (count, "complete")


@pytest.mark.parametrize("way", ["offset", "page"])
def test_records_that_differ_in_what_they_hold_alone_are_several(way: str) -> None:
    """A run that fails many events in one moment gives all of them its id, time and fate."""
    data = [{**rows(1)[0], "payload": {"n": n}} for n in range(250)]

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("offset", 0)) if way == "offset" else (int(query.get("page", 1)) - 1) * 100
        return 200, data[at : at + 100]

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.frame["payload_snapshot"].nunique() == len(loaded.frame) == 250


@pytest.mark.parametrize("count", [1, 57])
def test_no_content_behind_the_last_record_is_the_end(count: int) -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        page = cut(rows(count), query)
        return (200, page) if page and "page" not in query else (204, b"")

    with api(answer) as (url, _):
        loaded, coverage = load(url)

    assert (loaded, coverage.completeness) == (count, "complete")


@pytest.mark.parametrize("style", ["offset", "page"])
@pytest.mark.parametrize("what", ["the first page once more", "nothing"])
@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_single_old_answer_does_not_make_a_list_end_with_its_first_page(style: str, what: str, number: int) -> None:
    """Each question but the first is asked in vain once; what pages there are is found all the same, or left open."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        if asked == number:
            return 200, rows(200)[:33] if what == "the first page once more" else []
        at = int(query.get("offset", 0)) if style == "offset" else (int(query.get("page", 1)) - 1) * 33
        return 200, rows(200)[max(at, 0) :][: min(33, int(query["limit"]))]

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert count == 200 or coverage.completeness == "unverified"


def test_a_list_that_grows_under_short_pages_is_read_by_offset() -> None:
    """The second answer begins with the second record of the first, and has a new one behind the last."""
    data = rows(54)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        page = data[int(query.get("offset", 0)) :][: min(3, int(query["limit"]))]
        if len(data) == 54:
            data.insert(0, rows(55)[54])
        return 200, page

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.details["pagination"], coverage.completeness) == (54, "offset", "complete")


@pytest.mark.parametrize(
    ("style", "count", "more", "completeness"),
    [
        ("cursor", 50, {}, "complete"),
        ("link", 50, {}, "complete"),
        ("none", 50, {}, "complete"),
        ("none", 137, {}, "complete"),
        ("none", 100, {}, "unverified"),
        ("none", 100, {"total": 100}, "complete"),
        ("none", 50, {"total": 51}, "unverified"),
        ("cursor", 50, {"has_more": True}, "unverified"),
        ("auto", 50, {}, "unverified"),
    ],
)
def test_a_page_that_is_as_long_as_a_limit_may_be_is_all_where_the_analyst_said_how_the_api_pages(
    style: Any, count: int, more: dict[str, Any], completeness: str
) -> None:
    """But not where it is as long as what was asked for, or says itself that there are more."""
    settings = ExecutionLogsSettings(pagination=style)
    with api(lambda _: (200, {"items": rows(count), **more})) as (url, _):
        loaded = ExecutionLogs(url, KEY, settings=settings, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness) == (count, completeness)


def test_lists_of_other_names_on_each_page_are_told_of_a_few_times_only() -> None:
    def answer(query: dict[str, str]) -> tuple[int, Any]:
        at = int(query.get("cursor", 0))
        other = {f"other{at}": [{**row, "id": f"o{at}"} for row in rows(3)]}
        more = {"next_cursor": str(at + 10)} if at < 990 else {}
        return 200, {"items": THOUSAND[at : at + 10], **other, **more}

    with api(answer) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(page_limit=10))

    assert (count, coverage.completeness) == (1000, "unverified")
    assert 10 <= len(coverage.missing) <= 15


def left_out(pages: Mapping[str, Any]) -> Any:
    """An API that knows ``pageToken`` alone, has an answer for each of these, and refuses one that it did not give."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        token = query.get("pageToken", "")
        given = {str(page["nextPageToken"]) for page in pages.values() if "nextPageToken" in page}
        return (200, pages.get(token, {})) if token in {"", *given} else (400, {"error": "invalid page token"})

    return answer


def test_pages_that_leave_the_empty_list_out_are_read_as_empty_ones() -> None:
    """A last page of nothing at all, and one in the middle that has nothing but the next token."""
    first = {"executions": rows(80)[:40], "nextPageToken": "a"}
    with api(left_out({"": first})) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.missing) == (40, "complete", ())

    pages = {"": first, "a": {"nextPageToken": "b"}, "b": {"executions": rows(80)[40:]}}
    with api(left_out(pages)) as (url, _):
        count, coverage = load(url)
    assert (count, coverage.completeness, coverage.missing) == (80, "complete", ())


def test_a_last_page_that_says_that_it_failed_is_none_that_left_its_list_out() -> None:
    pages = {"": {"executions": rows(80)[:40], "nextPageToken": "a"}, "a": {"error": {"message": "try later"}}}
    with api(left_out(pages)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (40, "partial")


def test_an_answer_without_any_list_is_empty_for_sure_only_where_the_list_is_named() -> None:
    with api(left_out({})) as (url, _):
        count, coverage = load(url)
        assert (count, coverage.completeness) == (0, "unverified")
        assert "holds no list" in coverage.missing[0]
        assert "execution_logs.records_path" in coverage.missing[0]

        count, coverage = load(url, ExecutionLogsSettings(records_path="executions"))
        assert (count, coverage.completeness, coverage.missing) == (0, "complete", ())


@pytest.mark.parametrize("total", [20, 100, 250])
@pytest.mark.parametrize("kind", ["slack", "relay", "facebook", "meta"])
def test_cursors_in_objects_beside_the_records_are_followed(kind: str, total: int) -> None:
    """A last page has an empty cursor, one that leads nowhere, cursors but no link, or none."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        name = "cursor" if kind in ("slack", "meta") else "after"
        place = int(query.get(name, "at-0").removeprefix("at-"))
        found, end = rows(total)[place : place + 100], place + 100
        more, cursor = end < total, f"at-{end}"
        beside: Mapping[str, Any] = {
            "slack": {"response_metadata": {"next_cursor": cursor if more else ""}},
            "relay": {"pageInfo": {"endCursor": cursor, "hasNextPage": more, "startCursor": f"at-{place}"}},
            "facebook": {"paging": {"cursors": {"before": f"at-{place}", "after": cursor},
                                    **({"next": f"/?limit=100&after={cursor}"} if more else {})}},
            "meta": {"meta": {"next_cursor": cursor if more else None}},
        }[kind]  # fmt: skip
        return 200, {"records": found, **beside}

    with api(answer) as (url, _):
        count, coverage = load(url)

    is_unsaid = kind == "facebook" and total in (20, 100)
    assert (count, coverage.completeness) == (total, "unverified" if is_unsaid else "complete")


def test_the_cursor_of_a_last_record_is_no_next_page_where_none_follows() -> None:
    assert find_cursor({"endCursor": "c", "hasNextPage": True}) == (("after", "endCursor"), "c")
    assert find_cursor({"endCursor": "c", "hasNextPage": False}) is None
    assert find_cursor({"end_cursor": "c", "has_next_page": False, "next_cursor": "d"}) == (
        ("cursor", "next_cursor"),
        "d",
    )


@pytest.mark.parametrize("following", [None, ""])
def test_the_cursor_of_the_page_itself_is_not_that_of_a_next_one(following: str | None) -> None:
    """One page, which names its own place and that nothing follows it."""
    wrapper = {"cursor": "s1", "next_cursor": following}
    assert find_cursor(wrapper) is None
    assert find_end_marker(wrapper, {}, None) is True
    with api(lambda _: (200, {"items": rows(50), **wrapper})) as (url, _):
        assert load(url)[1].completeness == "complete"

    assert find_cursor({"cursor": "s1"}) == (("cursor",), "s1")
    assert find_cursor({"cursor": "s1", "nextCursor": "s2"}) == (("cursor", "nextCursor"), "s2")


@pytest.mark.parametrize("total", [10**400, 10**15, -1])
def test_a_total_that_nobody_can_mean_is_none(total: int) -> None:
    with api(lambda query: (200, {"items": cut(rows(7), query), "total": total})) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (7, "complete")


@pytest.mark.parametrize("number", [2, 3, 4])
def test_an_answer_without_a_list_is_no_end_until_it_comes_twice(number: int) -> None:
    """A backend gives ``{}`` once where a page by cursor stands."""
    asked = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        at = int(query.get("cursor", 0))
        page = {"items": THOUSAND[at : at + 40], "next_cursor": str(at + 40) if at < 160 else None}
        return 200, {} if asked == number else page

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (200, "complete")


def test_a_cursor_that_is_taken_for_a_field_is_no_end_though_another_name_is_not_known() -> None:
    """Of the names that are tried one brings the first page once more, and one no record: the third is not guessed."""
    data = [{**row, "token": "of the record"} for row in rows(200)]

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        if "token" in query:
            return 200, {"items": [row for row in data if row["token"] == query["token"]]}
        at = int(query.get("pagination_token", 0))
        return 200, {"items": data[at : at + 40], "next_token": str(at + 40) if at < 160 else None}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (40, "unverified")
