"""What stands in a configured address behind the question mark is asked as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from dlqkit.sources.execution_logs import ExecutionLogs, Page
from dlqkit.sources.http import check_url
from dlqkit.sources.metrics_page import MetricsPage
from tests.sources.api import api, cut, rows


@contextmanager
def asked() -> Iterator[tuple[str, list[str]]]:
    """An API by offset, ten records a page; its address, and each question as it came."""
    queries: list[str] = []

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, cut(rows(23), query, 10) if "limit" in query else b"up 1\n"

    with api(answer, as_written=queries) as (url, _):
        yield url, queries


@pytest.mark.parametrize(
    "query",
    [
        "tag=a&tag=b&empty=&x=1%2B1",
        "debug",
        "filter=a%26b%3Dc",
        "path=/var/",
        "q=a+b",
        "t=%D1%82",
        "name%5B%5D=1&name%5B%5D=2",
    ],
)
def test_a_question_in_the_address_is_asked_with_each_page_as_it_was_written(query: str) -> None:
    """Names that come twice, values that are empty, and characters that are written in a way of their own."""
    with asked() as (url, queries):
        loaded = ExecutionLogs(f"{url}?{query}", sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness) == (23, "complete")
    assert len(queries) > 3
    assert {one[: len(query) + 1] for one in queries} == {f"{query}&"}
    assert query.split("=")[0] not in loaded.coverage.details["query"]


def test_a_parameter_of_ours_stands_for_all_of_its_name_in_the_address() -> None:
    """Else two limits, two places or two workflows would be asked for at once."""
    pages: list[Page] = []
    with asked() as (url, queries):
        own = f"{url}?limit=1&tag=a&offset=7&%6Cimit=2&workflow_id=other&tag="
        ExecutionLogs(own, sleep=lambda _: None).load(workflow_id="wf", on_page=pages.append)

    assert {(*one["tag"], *one["workflow_id"], *one["limit"]) for one in map(_named, queries[:2])} == {
        ("a", "", "wf", "100")
    }
    assert queries[0].count("offset=7") == 1
    assert all(len(_named(one).get("offset", [])) <= 1 for one in queries)
    assert pages[0].query["workflow_id"] == "wf"


def test_a_slash_at_the_end_of_a_value_stays() -> None:
    """Of a path it says nothing, and is left out."""
    assert check_url("http://127.0.0.1/metrics/", setting="x", has_secret=False) == "http://127.0.0.1/metrics"
    with asked() as (url, queries):
        MetricsPage(f"{url}?match=/a/&match=/b/").load()

    assert queries == ["match=/a/&match=/b/"]


def _named(query: str) -> dict[str, list[str]]:
    return parse_qs(query, keep_blank_values=True)
