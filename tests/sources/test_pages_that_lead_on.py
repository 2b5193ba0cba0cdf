"""How APIs name the next page, and what they name that is none: followed, or never called complete."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
import requests

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.http import Request, Response
from dlqkit.sources.kept_answers import id_of
from tests.sources.api import KEY, api, load, rows

FIFTY = rows(50)
HERE = "/execution-logs"


@pytest.mark.parametrize(
    ("first", "parameter"),
    [
        ({"nextPageUrl": f"{HERE}?part=2"}, "part"),
        ({"NextLink": f"{HERE}?part=2"}, "part"),
        ({"next_href": f"{HERE}?part=2"}, "part"),
        ({"links": [{"rel": "self", "href": HERE}, {"rel": "next", "href": f"{HERE}?part=2"}]}, "part"),
        ({"info": {"next": f"{HERE}?part=2", "prev": None}}, "part"),
        ({"paginator": {"has_more": True, "next_cursor": "x"}}, "cursor"),
        ({"response_meta": {"next_cursor": "x"}}, "cursor"),
        ({"metadata": {"continue": "abc", "remainingItemCount": 13}}, "continue"),
        ({"NextMarker": "m"}, "Marker"),
        ({"nextRecordsUrl": f"{HERE}?part=2", "done": False}, "part"),
        ({"metadata": {"continue": "abc"}}, "listOptions.continue"),
        ({"NextContinuationToken": "t"}, "continuation-token"),
    ],
    ids=str,
)
def test_a_next_page_is_found_under_the_names_that_apis_use(first: dict[str, Any], parameter: str) -> None:
    """A short page of no round length would be called complete without it."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"items": FIFTY[37:]} if parameter in query else {"items": FIFTY[:37], **first}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (50, "complete")


@pytest.mark.parametrize("shown", [37, 0])
@pytest.mark.parametrize(
    ("beside", "headers", "named"),
    [
        ({"LastEvaluatedKey": {"id": {"S": "r36"}}}, {}, None),
        ({"nextStartKey": {"id": 36}}, {}, "nextStartKey"),
        ({"_scroll_id": "x"}, {}, "_scroll_id"),
        ({"continueFrom": 38}, {}, "continueFrom"),
        ({}, {"x-ms-continuation": "abc"}, "x-ms-continuation"),
        ({}, {"X-Nomad-NextToken": "abc"}, "X-Nomad-NextToken"),
    ],
    ids=str,
)
def test_a_way_on_that_nobody_knows_to_follow_is_no_end(
    beside: dict[str, Any], headers: dict[str, str], named: str | None, shown: int
) -> None:
    """Nor is it where a filter left nothing of the first page."""
    with api(lambda _: (200, {"items": FIFTY[:shown], **beside}, headers)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (shown, "unverified")
    if named is not None:
        assert any(f"names “{named}”" in one for one in coverage.missing)


@pytest.mark.parametrize(
    ("style", "completeness"), [("none", "complete"), ("cursor", "unverified"), ("link", "unverified")]
)
def test_that_there_are_no_pages_is_the_analysts_word_and_that_the_next_is_named_is_no_word_for_a_name_unknown(
    style: Literal["none", "cursor", "link"], completeness: str
) -> None:
    with api(lambda _: (200, {"items": FIFTY[:37], "_scroll_id": "x"})) as (url, _):
        count, coverage = load(url, ExecutionLogsSettings(pagination=style))

    assert (count, coverage.completeness) == (37, completeness)


@pytest.mark.parametrize(
    "beside",
    [{"total_entries": 50}, {"recordsTotal": 900, "recordsFiltered": 50}, {"nbPages": 2}, {"totalSize": 50},
     {"metadata": {"remainingItemCount": 13}}],
    ids=str,
)  # fmt: skip
def test_a_number_that_says_there_are_more_is_no_end(beside: dict[str, Any]) -> None:
    with api(lambda _: (200, {"items": FIFTY[:37], **beside})) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (37, "unverified")


@pytest.mark.parametrize(
    "beside",
    [{"nextRunAt": "2026-03-02T15:00:00Z"}, {"next_retry_at": 5}, {"previousCursor": "x"}, {"nextToken": None},
     {"hasContinuation": "no"}, {"nextForwardToken": ""}, {"LastEvaluatedKey": {}}, {"csrf_token": "x"},
     {"paging": {"cursors": {"before": "x", "after": "y"}}},
     {"nextPollInSeconds": 30}, {"next_refresh": "2026-03-02T15:00:00Z"},
     {"total_size": 20480}, {"currentMarker": "x"}, {"next_scheduled_run": "x"}, {"markers": []}],
    ids=str,
)  # fmt: skip
def test_what_only_sounds_like_a_next_page_does_no_harm(beside: dict[str, Any]) -> None:
    headers = {"X-NextJS-Cache": "MISS", "X-CSRF-Token": "x", "X-Prev-Cursor": "x"}
    with api(lambda _: (200, {"items": FIFTY[:37], **beside}, headers)) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (37, "complete")


def test_a_page_whose_headers_lead_on_is_not_kept_for_a_resumed_reading() -> None:
    """Its body alone would be taken for all that there is."""
    request = Request("http://127.0.0.1/execution-logs", {})
    address = str(requests.Request("GET", request.url).prepare().url)

    assert id_of(request, Response(b"[]", 200, {}, address)) is not None
    assert id_of(request, Response(b"[]", 200, {"x-ms-continuation": "abc"}, address)) is None


def _followed(way: str, url: str, place: int, size: int, data: list[Any]) -> tuple[Any, dict[str, str]]:
    """A page and where the next one is: an address, or a cursor that is a place in disguise or none."""
    page, more = data[place : place + size], place + size < len(data)
    number = place // size + 2
    if way in ("link page", "link offset", "link path"):
        target = {"link page": f"{url}?page={number}", "link offset": f"{url}?offset={place + size}",
                  "link path": f"{url}/{number}"}[way]  # fmt: skip
        return page, {"Link": f'<{target}>; rel="next"'} if more else {}
    cursor = {"cursor": str(place + size), "cursor in words": f"offset:{place + size}",
              "packed cursor": base64.b64encode(b'{"offset":%d}' % (place + size)).decode(),
              "key": f"2026-03-02T14:00:00Z {place + size}"}[way]  # fmt: skip
    return {"items": page, "next_cursor": cursor if more else None}, {}


def _place(way: str, query: dict[str, str], size: int) -> int:
    if way == "link page":
        return (int(query.get("page", 1)) - 1) * size
    if way == "link offset":
        return int(query.get("offset", 0))
    if way == "link path":
        last = query["path"].rsplit("/", 1)[-1]
        return (int(last) - 1) * size if last.isdigit() else 0
    text = query.get("cursor", "0")
    if way == "packed cursor" and text != "0":
        return int(json.loads(base64.b64decode(text))["offset"])
    return int(text.split(":")[-1].split(" ")[-1])


PLACES = ["link page", "link offset", "link path", "cursor", "cursor in words", "packed cursor"]


@pytest.mark.parametrize("way", PLACES)
@pytest.mark.parametrize("leaves_at", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [61, 60, 47])
def test_links_and_cursors_that_are_places_in_disguise_pass_no_record_over_in_silence(
    way: str, leaves_at: int, count: int
) -> None:
    """A record leaves the list while it is read, and what follows moves up to a page that was read already."""
    data, asked = rows(count), 0

    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        nonlocal asked
        asked += 1
        page, headers = _followed(way, HERE, _place(way, query, 20), 20, data)
        if asked == leaves_at:
            del data[5]
        return 200, page, headers

    with api(answer, by_path=True) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    missing = {one["id"] for one in data} - set(loaded.frame["record_id"])
    assert not missing or loaded.coverage.completeness == "unverified"
    assert len(missing) <= 1


@pytest.mark.parametrize("way", [*PLACES, "key"])
@pytest.mark.parametrize("count", [40, 47, 61])
def test_a_list_that_stays_as_it_is_is_complete_however_its_pages_are_named(way: str, count: int) -> None:
    """Places are looked at twice; a key that says where a page begins needs no second look."""
    data = rows(count)

    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        return 200, *_followed(way, HERE, _place(way, query, 20), 20, data)

    with api(answer, by_path=True) as (url, asked):
        came, coverage = load(url)

    pages = -(-count // 20)
    assert (came, coverage.completeness) == (count, "complete")
    assert (len(asked) >= 2 * pages) == (way != "key")


@pytest.mark.parametrize("way", ["link page", "key"])
@pytest.mark.parametrize(
    ("number", "what"),
    [(1, "nothing"), (2, "nothing"), (4, "nothing"), (2, "the page before"), (4, "the page before")],
)
def test_a_page_that_comes_without_a_record_or_as_the_one_before_once_is_asked_for_again(
    way: str, number: int, what: str
) -> None:
    data, asked, before = rows(75), 0, rows(0)

    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        nonlocal asked, before
        asked += 1
        place = _place(way, query, 20)
        page, headers = _followed(way, HERE, place, 20, data)
        if asked == number:
            wrong = [] if what == "nothing" else before
            page = {**page, "items": wrong} if isinstance(page, dict) else wrong
        before = page["items"] if isinstance(page, dict) else page
        return 200, page, headers

    with api(answer) as (url, _):
        assert load(url)[0] == 75


def test_pages_that_a_filter_emptied_cost_one_request_more_and_no_record() -> None:
    """Five in a row, in the middle of a list that a cursor leads through."""
    data = rows(40)
    pages = {"a": data[:20], **{one: [] for one in "bcdef"}, "g": data[20:]}

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        cursor = query.get("cursor", "a")
        return 200, {"items": pages[cursor], "next_cursor": chr(ord(cursor) + 1) if cursor != "g" else None}

    with api(answer) as (url, asked):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (40, "complete")
    assert [one.get("cursor") for one in asked][:3] == [None, "b", "b"]
    assert len(asked) <= 10


_Answer = Callable[[dict[str, str]], tuple[int, Any, dict[str, str]]]


def _feed(link: Callable[[int, int], str], data: list[Any]) -> _Answer:
    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        place = int(query.get("from", "x0")[1:])
        page = data[place : place + 100]
        return 200, page, {"Link": link(place, len(page))}

    return answer


@pytest.mark.parametrize("count", [60, 230])
def test_a_link_to_a_next_page_that_is_said_to_be_empty_is_the_end(count: int) -> None:
    """As Sentry has it: ``results="false"``."""

    def link(place: int, length: int) -> str:
        more = "true" if place + length < count else "false"
        following = f'<{HERE}?from=x{place + length}>; rel="next"; results="{more}"'
        return f'<{HERE}?from=x0>; rel="previous"; results="false", {following}'

    with api(_feed(link, rows(count))) as (url, _):
        came, coverage = load(url)

    assert (came, coverage.completeness) == (count, "complete")


@pytest.mark.parametrize("count", [60, 230])
def test_an_empty_page_that_names_itself_ends_a_feed_unverified(count: int) -> None:
    """As Okta's log does, whose next page is where new records will be."""
    with api(_feed(lambda place, length: f'<{HERE}?from=x{place + length}>; rel="next"', rows(count))) as (url, asked):
        came, coverage = load(url)

    assert (came, coverage.completeness) == (count, "unverified")
    assert coverage.missing == ("The last page has no record, and names itself as the next one.",)
    assert len(asked) < 10


def test_pages_that_are_empty_without_end_are_not_followed_for_ever() -> None:
    step = {"n": 0}

    def link(place: int, length: int) -> str:
        step["n"] += 1
        return f'<{HERE}?from=x{place + length + 7 * step["n"]}>; rel="next"'

    with api(_feed(link, rows(60))) as (url, asked):
        came, coverage = load(url)

    assert (came, coverage.completeness) == (60, "partial")
    assert coverage.missing == ("50 pages in a row had no record and named a next one; what may follow was not read.",)
    assert len(asked) < 60


@pytest.mark.parametrize("beside", [{}, {"last": False}])
def test_two_looks_that_end_alike_while_the_list_changes_show_no_end(beside: dict[str, Any]) -> None:
    """A record leaves above each time that the last page is asked for, and one comes in front between the looks."""
    data, looks, came_in_front = rows(61), 0, False

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal looks, came_in_front
        at = (int(query.get("page", 1)) - 1) * 20
        if looks == 1 and at == 0 and not came_in_front:
            came_in_front = True
            data.insert(0, {**rows(1)[0], "id": "new"})
        page = data[at : at + 20]
        if at == 40 and len(page) == 20 and looks < 2 and query.get("page") == "3":
            looks += 1
            del data[3]
        return 200, {"items": page, **(beside if page else {})}

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    missing = {one["id"] for one in data} - set(loaded.frame["record_id"])
    assert not missing or loaded.coverage.completeness == "unverified"
