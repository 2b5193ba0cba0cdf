from __future__ import annotations

import gzip
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dlqkit.errors import AccessDenied, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs, Page
from dlqkit.sources.http import _retry_after
from tests.frames import START
from tests.sources.api import KEY, api, cut, load, rows


def test_offset_is_found_out_and_followed_to_the_end() -> None:
    data = rows(250)
    with api(lambda query: (200, cut(data, query))) as (url, asked):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (250, "complete")
    assert "Pages follow each other by offset." in coverage.findings
    assert {question["key"] for question in asked} == {KEY}


def test_an_api_without_pages_is_unverified_when_its_page_is_full() -> None:
    """A hundred of a hundred: there may be more, and no way to see them."""
    data = rows(250)
    with api(lambda query: (200, data[: min(int(query["limit"]), 100)])) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "unverified")
    assert "no way to go on" in coverage.missing[0]


def test_a_hidden_limit_is_not_taken_for_the_end() -> None:
    """Asked for a hundred it gives fifty, a round number: that may be its limit."""
    data = rows(250)
    with api(lambda query: (200, data[:50])) as (url, _):
        assert load(url)[1].completeness == "unverified"
    with api(lambda query: (200, data[:43])) as (url, _):
        assert load(url)[1].completeness == "complete"


def test_parameters_that_are_refused_are_no_way_to_go_on() -> None:
    data = rows(150)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return (400, {"error": "unknown"}) if set(query) - {"limit"} else (200, data[:100])

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "unverified")


@pytest.mark.parametrize("first", [0, 1])
def test_page_numbers_from_zero_or_one(first: int) -> None:
    data = rows(230)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        number = int(query.get("page", first)) - first
        return 200, {"items": data[100 * number : 100 * number + 100]}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (230, "complete")
    assert "Pages follow each other by page numbers." in coverage.findings


def test_a_cursor_is_followed_under_the_name_the_api_takes() -> None:
    data = rows(330)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        skip = int(query.get("pageToken", 0))
        following = skip + 100
        return 200, {"results": data[skip:following], "nextPageToken": str(following) if following < 330 else None}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (330, "complete")


def test_a_larger_limit_is_used_where_it_gives_more_and_not_where_one_is_set() -> None:
    data = rows(3000)
    with api(lambda query: (200, cut(data, query, 1000))) as (url, asked):
        assert load(url)[0] == 3000
        assert len(asked) <= 6
    settings = ExecutionLogsSettings(page_limit=500)
    with api(lambda query: (200, cut(data, query, 1000))) as (url, asked):
        assert load(url, settings)[0] == 3000
        assert {question["limit"] for question in asked} == {"500"}


def test_reading_stops_when_the_window_is_covered() -> None:
    """Newest first, and only the last hour is asked for."""
    data = rows(2000)
    start = START + timedelta(minutes=1940)
    with api(lambda query: (200, cut(data, query))) as (url, asked):
        count, coverage = load(url, start=start.to_pydatetime())

    assert (count, coverage.completeness, len(asked)) == (60, "complete", 1)


def test_the_budget_of_requests_ends_it_as_partial() -> None:
    data = rows(1000)
    with api(lambda query: (200, cut(data, query))) as (url, asked):
        count, coverage = load(url, max_requests=4)

    assert (coverage.completeness, len(asked)) == ("partial", 4)
    assert 300 <= count <= 400
    assert "budget of 4 requests" in coverage.missing[0]


def test_a_filter_that_the_api_ignores_is_applied_here() -> None:
    with api(lambda query: (200, rows(40))) as (url, _):
        count, coverage = load(url, queued_to_dlq=True, workflow_id="wf")

    assert count == 20
    assert any("does not apply every filter" in text for text in coverage.findings)


def test_records_that_arrive_while_paging_are_there_once() -> None:
    """Three new records push the others down between two pages; they are read as well."""
    data = rows(250)
    fresh = [{**data[0], "id": f"new{n}", "trace_id": f"n{n}"} for n in range(3)]
    count = 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal count
        count += 1
        return 200, cut((fresh if count > 1 else []) + data, query)

    with api(answer) as (url, _):
        found, coverage = load(url)

    assert found == 253
    assert coverage.completeness == "complete"


def test_a_page_that_breaks_keeps_what_came_before() -> None:
    data = rows(500)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return (500, b"oops") if int(query.get("offset", 0)) >= 200 else (200, cut(data, query))

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (298, "partial")
    assert "could not be had" in coverage.missing[0]


def test_a_body_that_was_cut_is_asked_again() -> None:
    data, tries = rows(30), []

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        tries.append(query)
        return 200, json.dumps(data).encode()[:400] if len(tries) < 3 else data

    with api(answer) as (url, _):
        assert load(url)[0] == 30


def test_every_page_is_handed_on_as_it_came() -> None:
    data, pages = rows(120), []
    with api(lambda query: (200, cut(data, query))) as (url, _):
        ExecutionLogs(url).load(on_page=pages.append)

    assert all(isinstance(page, Page) for page in pages)
    assert json.loads(pages[0].body) == data[:100]
    assert pages[0].received == 100


def test_a_key_that_is_refused_and_a_service_that_is_away() -> None:
    with api(lambda query: (401, {"message": "no"})) as (url, _), pytest.raises(AccessDenied, match="refuses access"):
        load(url)
    with api(lambda query: (503, b"")) as (url, _), pytest.raises(SourceUnavailable, match="503"):
        load(url)


def test_an_echoed_key_is_masked_before_anything_is_kept() -> None:
    data = [{**rows(1)[0], "last_error": f"header was {KEY}"}]
    pages: list[Page] = []
    with api(lambda query: (200, data)) as (url, _):
        loaded = ExecutionLogs(url, KEY).load(on_page=pages.append)

    assert KEY not in loaded.frame.to_csv()
    assert KEY.encode() not in pages[0].body
    assert pages[0].masked == 1
    assert pages[0].original_sha256


def test_a_key_is_not_sent_unencrypted_to_another_machine() -> None:
    with pytest.raises(ParameterError, match="unencrypted"):
        ExecutionLogs("http://api.example/execution-logs", KEY)


def test_a_redirect_elsewhere_gets_no_key() -> None:
    """The other address is on another port, so it is another origin; it echoes the key, and the message does not."""
    with api(lambda query: (200, [])) as (other, asked):

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", f"{other}/{self.headers['X-API-Key']}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(UnexpectedAnswer, match="another address") as caught:
                ExecutionLogs(f"http://127.0.0.1:{server.server_port}/execution-logs", KEY).load()
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)
        assert asked == []
    assert "/********;" in caught.value.problem
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        f"http://[{KEY}]/",
        f"http://{KEY}\u2100.com/",
        "http://[::1",
        "/\xff",
        "http://\xe9\xe9.com:x/",
        "http://a:99999/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_address_that_is_none_and_is_sent_on_to_is_a_fault_in_words(status: int, location: str) -> None:
    """With the key in it, or not even text; whoever reads the message, and whatever led to it, sees no key."""
    sent = location.encode().decode("latin-1")
    with (
        api(lambda query: (status, [], {"Location": sent})) as (url, _),
        pytest.raises(UnexpectedAnswer, match=r"another address|nothing at|in a circle") as caught,
    ):
        ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("by", ["redirect", "link", "body"])
@pytest.mark.parametrize("between", ["\\@", "\\@:@", "/\\@"])
def test_an_address_that_python_and_urllib3_read_differently_gets_no_key(by: str, between: str) -> None:
    """What stands before a backslash is the host that is connected to, and behind an @ the one that is compared."""
    with api(lambda query: (200, rows(3))) as (other, asked):

        def answer(query: dict[str, str]) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
            target = f"{other.removesuffix('/execution-logs')}{between}{own[0].removeprefix('http://')}"
            if by == "redirect":
                return 302, [], {"Location": target}
            return 200, {"items": rows(3), "next": target if by == "body" else None}, {
                "Link": f'<{target}>; rel="next"' if by == "link" else "<x>; rel=first"
            }  # fmt: skip

        own: list[str] = []
        with api(answer) as (url, _):
            own.append(url)
            try:
                ExecutionLogs(url, KEY, sleep=lambda _: None).load()
            except UnexpectedAnswer as error:
                assert "another address" in error.problem or "nothing at" in error.problem
        assert asked == []


def test_the_page_before_a_bad_redirect_is_kept() -> None:
    data = rows(150)

    def answer(query: dict[str, str]) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
        if "cursor" in query:
            return 302, [], {"Location": f"http://[{KEY}]/"}
        return 200, {"items": cut(data, query), "next_cursor": "100"}

    with api(answer) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "partial")
    assert KEY not in " ".join(coverage.missing)


def test_a_body_beside_a_redirect_is_unpacked_no_further_than_any_other() -> None:
    """100 MB of zeros in 100 kB."""
    bomb = gzip.compress(bytes(100 << 20), 6)
    with (
        api(lambda query: (302, bomb, {"Location": "/x", "Content-Encoding": "gzip"})) as (url, _),
        pytest.raises(UnexpectedAnswer, match="more than 64 MiB"),
    ):
        ExecutionLogs(url, KEY, sleep=lambda _: None).load()


def test_a_redirect_that_drops_the_question_is_asked_it_again() -> None:
    """As one that only adds a slash; else each page would be the first, and the list seem to end there."""
    data = rows(100)

    def answer(query: dict[str, str]) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
        if not query["path"].endswith("/"):
            return 301, [], {"Location": "/execution-logs/"}
        return 200, cut(data, query, 37)

    with api(answer, by_path=True) as (url, _):
        count, coverage = load(url)

    assert (count, coverage.completeness) == (100, "complete")


@pytest.mark.parametrize("text", ["\x1c120", "120 ", " 2.5\x1f"])
def test_a_wait_is_read_without_the_signs_around_it(text: str) -> None:
    """Python strips some that no number may begin with."""
    assert _retry_after(text, cap_s=200) == float(text.strip())
