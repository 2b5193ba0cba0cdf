"""A server whose clock is ahead: what a window that ends now leaves out is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from dlqkit.frames import Coverage
from dlqkit.sources import clock_ahead
from dlqkit.sources.clock_ahead import Clocks
from dlqkit.sources.execution_logs import ExecutionLogs, Page
from dlqkit.sources.kept_answers import KeptAnswer
from tests.sources.api import KEY, api, cut


def read(*, ahead: timedelta, end: timedelta) -> tuple[int, Coverage]:
    """Twenty records, one a minute, the newest so far ahead of now; asked for up to ``end`` from now."""
    now = datetime.now(UTC)
    data = [{"id": f"r{n}", "trace_id": f"t{n}", "workflow_id": "wf", "status": "failed", "queued_to_dlq": True,
             "created_at": (now + ahead - timedelta(minutes=n)).isoformat()} for n in range(20)]  # fmt: skip
    with api(lambda query: (200, cut(data, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load(start=now - timedelta(hours=2), end=now + end)
    return len(loaded.frame), loaded.coverage


@pytest.mark.parametrize("ask", ["load", "stream"])
def test_records_of_after_now_are_told_with_how_far_they_are_ahead(ask: str) -> None:
    """Ten minutes ahead: half of the records are of after the window's end, and no count is whole."""
    now = datetime.now(UTC)
    data = [{"id": f"r{n}", "trace_id": f"t{n}", "workflow_id": "wf", "status": "failed", "queued_to_dlq": True,
             "created_at": (now + timedelta(minutes=10 - n)).isoformat()} for n in range(20)]  # fmt: skip
    with api(lambda query: (200, cut(data, query))) as (url, _):
        logs = ExecutionLogs(url, KEY, sleep=lambda _: None)
        question: dict[str, Any] = {"start": now - timedelta(hours=2), "end": now}
        coverage = logs.load(**question).coverage if ask == "load" else logs.stream(lambda _: None, **question)[0]

    assert (coverage.rows, coverage.completeness) == (9, "unverified")
    assert "10 records bear a time up to 10 min after now" in " ".join(coverage.missing)
    assert f"--end after {now + timedelta(minutes=10):%Y-%m-%dT%H:%M}" in " ".join(coverage.missing)


def test_a_server_that_says_that_its_clock_is_ahead_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _: date)

    _, coverage = read(ahead=timedelta(minutes=10), end=timedelta())

    assert "The server's clock is 10 min ahead of this machine's." in coverage.missing


def test_with_an_end_behind_them_records_of_after_now_are_kept() -> None:
    count, coverage = read(ahead=timedelta(minutes=10), end=timedelta(minutes=11))

    assert (count, coverage.completeness, coverage.missing) == (20, "complete", ())


def test_records_between_an_earlier_end_and_now_are_rightly_outside() -> None:
    """Somebody asked for the time until an hour ago."""
    count, coverage = read(ahead=-timedelta(minutes=30), end=-timedelta(minutes=40))

    assert (count, coverage.completeness, coverage.missing) == (9, "complete", ())


def test_a_clock_that_is_some_seconds_ahead_makes_nothing_unverified() -> None:
    count, coverage = read(ahead=timedelta(seconds=20), end=timedelta())

    assert (count, coverage.completeness) == (19, "complete")
    assert "1 records bear a time up to" in coverage.missing[0]


def test_a_clock_that_is_few_seconds_ahead_is_forgiven() -> None:
    count, coverage = read(ahead=timedelta(seconds=3), end=timedelta())

    assert (count, coverage.completeness, coverage.missing) == (19, "complete", ())


def test_records_that_came_to_be_while_others_were_read_are_rightly_outside() -> None:
    """Asked for five minutes ago, and right clocks: what is of after the end says nothing of any clock."""
    now = datetime.now(UTC)
    data = [{"id": f"r{n}", "trace_id": f"t{n}", "workflow_id": "wf", "status": "failed", "queued_to_dlq": True,
             "created_at": (now - timedelta(minutes=n)).isoformat()} for n in range(20)]  # fmt: skip
    begun = now - timedelta(minutes=5)
    with api(lambda query: (200, cut(data, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load(end=begun, clocks=Clocks(begun))

    assert (len(loaded.frame), loaded.coverage.completeness, loaded.coverage.missing) == (14, "complete", ())


@pytest.mark.parametrize("pause", [timedelta(seconds=7), timedelta(minutes=4), timedelta(days=1)])
def test_pages_that_were_kept_say_the_same_of_the_clocks_later(
    pause: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three minutes ahead, and read again when this machine's clock has passed the newest record."""
    now = datetime.now(UTC)
    date = format_datetime(now + timedelta(minutes=3), usegmt=True)
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _: date)
    data = [{"id": f"r{n}", "trace_id": f"t{n}", "workflow_id": "wf", "status": "failed", "queued_to_dlq": True,
             "created_at": (now + timedelta(minutes=3, seconds=-20 * n)).isoformat()} for n in range(30)]  # fmt: skip
    pages: list[Page] = []
    clocks = Clocks(now)
    with api(lambda query: (200, cut(data, query))) as (url, _):
        logs = ExecutionLogs(url, KEY, sleep=lambda _: None)
        question: dict[str, Any] = {"start": now - timedelta(hours=1), "end": now, "clocks": clocks}
        once, _ = logs.stream(lambda _: None, on_page=pages.append, **question)
        kept = {page.request_id: page.body for page in pages}

        def recall() -> Any:
            left = dict(kept)
            return lambda one: KeptAnswer(left.pop(one)) if one in left else None

        monkeypatch.setattr(clock_ahead, "datetime", Later.after(pause))
        again, _ = logs.stream(lambda _: None, kept=recall, **question)

    assert once.completeness == "unverified"
    assert len(once.missing) == 2
    assert (again.completeness, again.missing) == (once.completeness, once.missing)


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 -0100", "Mon, 01 Jan 0001 00:00:00 +0100", "Fri, 31 Dec 9999 23:59:59 +2400"]
)
def test_a_date_that_no_year_of_utc_has_costs_no_record(date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written well, and an hour later than the last moment that Python knows."""
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _: date)

    count, coverage = read(ahead=timedelta(), end=timedelta(minutes=1))

    assert (count, coverage.completeness, coverage.missing) == (20, "complete", ())


def test_a_date_that_no_year_of_utc_has_says_nothing_of_the_clocks() -> None:
    """The next answer may have a right one."""
    clocks = Clocks(datetime.now(UTC))

    clocks.see_date("Fri, 31 Dec 9999 23:59:59 -0100")
    before = clocks.server_s
    clocks.see_date(format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True))

    assert before is None
    assert clocks.server_s == pytest.approx(600, abs=30)


class Later(datetime):
    """A clock that has gone on."""

    pause = timedelta()

    @classmethod
    def after(cls, pause: timedelta) -> type[Later]:
        return type("Later", (cls,), {"pause": pause})

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + cls.pause
