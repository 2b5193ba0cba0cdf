"""A status that is of a moment is asked again, one that is of the question is told at once, and both have an end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dlqkit.errors import AccessDenied, SourceError, UnexpectedAnswer
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.http import HttpClient, NoAnswer, QuestionRefused
from tests.sources.api import api, cut, rows

ODD = [101, 300, 302, 304, 402, 406, 407, 408, 409, 413, 418, 421, 423, 425, 429, 431, 451, 499, 500, 502, 503,
       599, 999]  # fmt: skip
REFUSED = [400, 404, 405, 410, 414, 422, 501]


@pytest.mark.parametrize("status", ODD)
def test_one_odd_status_costs_no_record(status: int) -> None:
    """In the middle of the pages, and with nothing else wrong."""
    data, odd = rows(23), [status]

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return (odd.pop(), {}) if odd and query.get("offset", "0") == "9" else (200, cut(data, query, 10))

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness, odd) == (23, "complete", [])


@pytest.mark.parametrize("status", ODD)
def test_an_odd_status_that_stays_is_told_after_five_tries_and_is_no_refusal(status: int) -> None:
    """Whoever asks for a page with a parameter that may be unknown is not to take it for an answer to that."""
    with api(lambda _: (status, {})) as (url, asked), pytest.raises(SourceError, match=str(status)) as caught:
        ExecutionLogs(url, sleep=lambda _: None).load()

    assert len(asked) == 5
    assert isinstance(caught.value, NoAnswer) or not isinstance(caught.value, UnexpectedAnswer)


@pytest.mark.parametrize("status", REFUSED)
def test_a_question_that_is_refused_is_told_at_once(status: int) -> None:
    """Asked again it would be refused again."""
    with api(lambda _: (status, {"error": "no such thing"})) as (url, asked), pytest.raises(QuestionRefused) as caught:
        ExecutionLogs(url, sleep=lambda _: None).load()

    assert str(status) in caught.value.problem
    assert len(asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_access_that_is_refused_is_told_at_once(status: int) -> None:
    """A key does not get better by being sent again."""
    with api(lambda _: (status, {})) as (url, asked), pytest.raises(AccessDenied, match=str(status)):
        ExecutionLogs(url, sleep=lambda _: None).load()

    assert len(asked) == 1


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/sorry", "?again=1"])
def test_one_answer_that_sends_elsewhere_or_in_a_circle_costs_no_record(target: str) -> None:
    """As a proxy does while the service restarts."""
    astray = 1 if target.startswith("http") else 6

    def answer(query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        nonlocal astray
        astray -= 1
        return (302, {}, {"Location": target}) if astray >= 0 else (200, cut(rows(3), {"limit": "9", **query}), {})

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness) == (3, "complete")


def test_a_try_that_begins_late_has_what_is_left_of_the_time_of_the_page() -> None:
    """Not the time of a whole answer once more."""

    def answer(_: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        time.sleep(1.4 if len(asked) == 1 else 4)
        return 503, {}, {"Retry-After": "0"}

    with api(answer) as (url, asked):
        client = HttpClient(url, name="the API", setting="execution_logs.url", deadline_s=2.0, retry_budget_s=1.8)
        began = time.monotonic()
        with pytest.raises(SourceError, match="no answer in time"):
            client.get(url)
        took = time.monotonic() - began

    assert (len(asked), took < 3.2) == (2, True)
