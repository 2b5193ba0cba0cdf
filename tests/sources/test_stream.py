"""Records handed on page by page: the same ones as in one frame, within the budget, and the next page fetched ahead."""

from __future__ import annotations

import json
import threading
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import StorageError
from dlqkit.frames import RECORDS, Coverage
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.execution_logs import ExecutionLogs, Page
from tests.frames import at
from tests.sources.api import api, cut, rows

TEN = ExecutionLogsSettings(page_limit=10)


def by_cursor(data: list[dict[str, Any]], query: dict[str, str], most: int = 10) -> dict[str, Any]:
    first = int(query.get("cursor", "0-0")[:-2])
    end = first + min(int(query["limit"]), most)
    return {"items": data[first:end], "next_cursor": f"{end}-0" if end < len(data) else None}


def stream(url: str, settings: ExecutionLogsSettings = TEN, **question: Any) -> tuple[list[pd.DataFrame], Coverage]:
    parts: list[pd.DataFrame] = []
    coverage, _ = ExecutionLogs(url, settings=settings, sleep=lambda _: None).stream(parts.append, **question)
    return parts, coverage


@pytest.mark.parametrize(
    "question",
    [{}, {"queued_to_dlq": True}, {"workflow_id": "none"}, {"start": at(60 * 20), "end": at(60 * 30)}],
)
def test_the_pages_hold_what_the_frame_holds(question: dict[str, Any]) -> None:
    """Filters, window and coverage are those of a reading into one frame, whatever comes twice."""
    data = rows(45)
    with api(lambda query: (200, cut(data, query, 10))) as (url, _):
        parts, coverage = stream(url, **question)
        whole = ExecutionLogs(url, settings=TEN).load(**question)

    joined = pd.concat(parts, ignore_index=True).astype({"status": "category"}) if parts else whole.frame[:0]
    pd.testing.assert_frame_equal(joined, whole.frame)
    assert coverage == whole.coverage
    assert all(list(part.columns) == list(RECORDS) for part in parts)


def test_a_state_that_comes_again_is_handed_on_once() -> None:
    """Three records arrive in front while it pages, so the tail of each page comes again on the next."""
    data, shift = rows(45), 0

    def shifting(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal shift
        shift += 3
        return 200, cut([{**one, "id": f"n{shift}-{n}"} for n, one in enumerate(data[:shift])] + data, query, 10)

    with api(shifting) as (url, _):
        parts, coverage = stream(url)

    ids = pd.concat(parts)["record_id"]
    assert ids.is_unique
    assert {f"r{number}" for number in range(45)} <= set(ids)
    assert coverage.rows == len(ids)


def test_the_next_page_is_asked_for_while_one_is_kept() -> None:
    """The wait for the API hides behind the writing; the page after that one is not asked for yet."""
    data, seen = rows(40), []
    asked_for = {place: threading.Event() for place in ("0-0", "10-0", "20-0", "30-0")}

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        asked_for[query.get("cursor", "0-0")].set()
        return 200, by_cursor(data, query)

    def keep(page: Page) -> None:
        place = 10 * (page.number - 1)
        if place < 30:
            assert asked_for[f"{place + 10}-0"].wait(10)
        if place < 20:
            assert not asked_for[f"{place + 20}-0"].wait(0.05)
        seen.append(page.number)

    with api(answer) as (url, asked):
        _, coverage = stream(url, on_page=keep)

    assert seen == [1, 2, 3, 4]
    assert len(asked) == 4
    assert coverage.completeness == "complete"


def test_the_budget_counts_the_page_that_is_fetched_ahead() -> None:
    data = rows(100)
    with api(lambda query: (200, by_cursor(data, query))) as (url, asked):
        parts, coverage = stream(url, max_requests=3)

    assert len(asked) == 3
    assert sum(map(len, parts)) == coverage.rows == 30
    assert coverage.completeness == "partial"


def test_a_disk_that_is_full_ends_the_reading() -> None:
    """It is told as it is, and the API is asked for no more than the page that was under way."""
    data = rows(100)

    def full(_: pd.DataFrame) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    with api(lambda query: (200, by_cursor(data, query))) as (url, asked), pytest.raises(StorageError, match="full"):
        ExecutionLogs(url, settings=TEN).stream(full)

    assert len(asked) <= 2


def _place(query: dict[str, str]) -> int:
    return int(query.get("offset", query.get("cursor", "0-0")[:-2]))


def test_a_server_that_lowers_its_limit_on_the_way_is_read_to_its_end() -> None:
    """Ten records a page, then four, then one: none is passed over, by offset or by cursor."""
    data = rows(60)

    def most(place: int) -> int:
        return 10 if place < 20 else 4 if place < 40 else 1

    for paged in (lambda query, most: cut(data, query, most), lambda query, most: by_cursor(data, query, most)):
        with api(
            lambda query, paged=paged: (
                200,
                paged(query, most(int(query.get("offset", query.get("cursor", "0-0")[:-2])))),
            )
        ) as (url, _):
            parts, coverage = stream(url)

        assert sorted(pd.concat(parts)["record_id"]) == sorted(one["id"] for one in data)
        assert coverage.completeness == "complete"


def test_a_record_of_fifty_megabytes_is_read_beside_others() -> None:
    """One payload that is longer than everything else together: kept to the last letter, as its neighbours are."""
    data = rows(3)
    payload = {"order": 7, "blob": "ä" * (25 << 20)}
    data[1] = {**data[1], "payload_snapshot": payload}
    text = json.dumps(payload, ensure_ascii=False)
    body = json.dumps({"items": data}, ensure_ascii=False).encode()
    with api(lambda query: (200, body if "offset" not in query else [])) as (url, _):
        parts, coverage = stream(url)

    found = pd.concat(parts, ignore_index=True)
    assert found["record_id"].tolist() == ["r2", "r1", "r0"]
    assert found.loc[1, "payload_snapshot"] == text
    assert coverage.rows == 3
