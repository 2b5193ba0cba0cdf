"""Many records under one id, as an API has them that gives each the id of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.record_exports import RecordExports
from tests.sources.api import KEY, api, cut

COUNT = 47
TRACE, PAYLOAD = "share their id with records of other events", "differ in their payload"


def of_run(number: int, **more: Any) -> dict[str, Any]:
    """One of the events that a run failed in the same moment."""
    return {"execution_id": "run-42", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed",
            "timestamp": "2026-03-02T14:00:00Z", "queued_to_dlq": True, "last_error": f"error {number}",
            "payload": {"order": number}, **more}  # fmt: skip


@pytest.mark.parametrize(
    "told",
    ["trace_id", "workflow_id", "last_error", "payload"],
)
def test_records_of_one_id_that_differ_in_one_thing_are_all_kept(told: str) -> None:
    """Not even their time or their count of attempts tells them apart."""
    alike = of_run(0)
    data = [{**alike, told: of_run(number, workflow_id=f"wf{number}")[told]} for number in range(COUNT)]
    with api(lambda query: (200, {"items": cut(data, query, most=20)})) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert loaded.coverage.completeness == "complete"
    said = " ".join(loaded.coverage.findings)
    assert (TRACE in said) == (told != "last_error")


def test_a_field_that_is_of_the_time_of_asking_makes_no_record_two() -> None:
    """Pages overlap, and each time that a record is served it says when that was."""
    data, served = [of_run(number, execution_id=f"r{number}") for number in range(COUNT)], 0

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal served
        served += 1
        page = cut(data, query, most=20)
        return 200, [{**one, "served_at": served, "duration_ms": served} for one in page]

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert served > 3
    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert not any("share their id" in one for one in loaded.coverage.findings)


@pytest.mark.parametrize("form", ["lines", "array", "csv", "parquet"])
def test_an_export_keeps_all_records_of_one_id(form: str, tmp_path: Path) -> None:
    data, path = [of_run(number) for number in range(COUNT)], tmp_path / "export"
    if form == "csv":
        pd.DataFrame([{**one, "payload": json.dumps(one["payload"])} for one in data]).to_csv(path, index=False)
    elif form == "parquet":
        pd.DataFrame(data).to_parquet(path)
    else:
        path.write_text(json.dumps(data) if form == "array" else "\n".join(map(json.dumps, data)))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == loaded.coverage.rows == COUNT
    assert any(TRACE in one and one.startswith("At least 47 ") for one in loaded.coverage.findings)


def test_that_records_without_a_trace_count_as_one_event_is_told_with_what_helps(tmp_path: Path) -> None:
    """Nothing but their payload tells them apart, and a key of it may be named."""
    path = tmp_path / "export"
    path.write_text(json.dumps([of_run(number, trace_id=None) for number in range(3)]))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == 3
    assert any(PAYLOAD in one and "execution_logs.event_key" in one for one in loaded.coverage.findings)


def test_several_states_of_one_event_are_no_records_that_share_an_id(tmp_path: Path) -> None:
    """Each attempt is a record with the id of the execution: that is what an id is for."""
    path = tmp_path / "export"
    path.write_text(json.dumps([of_run(1, attempts=attempt) for attempt in range(1, 6)]))

    loaded = RecordExports(path).load()

    assert len(loaded.frame) == 5
    assert not any("share their id" in one for one in loaded.coverage.findings)


def _paged(way: str, data: list[dict[str, Any]], size: int, query: dict[str, str], *, total: bool = False) -> Any:
    length = min(size, int(query["limit"]))
    at = {"offset": int(query.get("offset", 0)), "page": (max(int(query.get("page", 1)), 1) - 1) * length,
          "cursor": int(query.get("cursor", 0))}[way]  # fmt: skip
    answer: dict[str, Any] = {"items": data[at : at + length]}
    if way == "cursor":
        answer["next_cursor"] = str(at + size) if at + size < len(data) else None
    if total:
        answer["total"] = len(data)
    return answer


@pytest.mark.parametrize("size", [10, 20, 25])
@pytest.mark.parametrize("way", ["offset", "page", "cursor"])
def test_a_run_among_other_records_is_kept_whatever_part_of_it_a_page_ends_with(way: str, size: int) -> None:
    """Alone at a page's edge, and beside others on the next page, one of its events is the same."""
    others = [of_run(number, execution_id=f"r{number}") for number in range(28)]
    data = others[:5] + [of_run(number, trace_id="t") for number in range(100, 147)] + others[5:]
    with api(lambda query: (200, _paged(way, data, size, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.frame["payload_snapshot"].nunique() == len(loaded.frame) == loaded.coverage.rows == 75
    assert loaded.coverage.completeness == "complete"
    assert not any("left the list" in one or "changed" in one for one in loaded.coverage.findings)


@pytest.mark.parametrize("way", ["offset", "page", "cursor"])
@pytest.mark.parametrize("pair", [(9, 10), (8, 9), (10, 11)])
def test_two_events_of_a_run_on_both_sides_of_a_page_are_two(way: str, pair: tuple[int, int]) -> None:
    """Their payloads say other things, so that neither is the other one once more."""
    ids = ["run" if number in pair else f"r{number}" for number in range(24)]
    data = [of_run(number, execution_id=one, trace_id="t") for number, one in enumerate(ids)]
    with api(lambda query: (200, _paged(way, data, 10, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.frame["payload_snapshot"].nunique() == len(loaded.frame) == loaded.coverage.rows == 24
    assert loaded.coverage.completeness == "complete"


def test_an_event_that_a_page_repeats_beside_another_of_its_run_is_no_third() -> None:
    """The second page has the last record of the first again, and behind it another of its state."""
    data = [of_run(number, execution_id=f"r{number}") for number in range(9)]
    first, second = (of_run(number, trace_id="t") for number in (9, 10))
    pages = {"": [*data, first], "b": [first, second]}

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"items": pages.get(query.get("cursor", ""), []), "next_cursor": None if "cursor" in query else "b"}

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.frame["payload_snapshot"].nunique() == len(loaded.frame) == loaded.coverage.rows == 11
    assert loaded.coverage.completeness == "complete"


@pytest.mark.parametrize("way", ["page", "cursor"])
def test_a_record_whose_error_alone_is_another_on_the_next_page_is_never_passed_over_in_silence(way: str) -> None:
    """It may be the same one, whose error was edited while the list moved, or another event of its run."""
    alike = {"execution_id": "run", "trace_id": "t", "payload": {}}
    data = [of_run(number, **(alike if number in {9, 10} else {"execution_id": f"r{number}"})) for number in range(24)]
    with api(lambda query: (200, _paged(way, data, 10, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness) == (23, "unverified")
    assert loaded.coverage.missing == (
        "Records with the id, the time and the fate of one on another page, and with another error, were taken for the "
        "same: 1.",
    )


@pytest.mark.parametrize("way", ["offset", "page"])
def test_a_record_that_stands_twice_to_the_letter_is_one_wherever_a_page_ends(way: str) -> None:
    data = [of_run(number, execution_id=f"r{number}") for number in range(130)]
    data.insert(49, data[49])
    with api(lambda query: (200, _paged(way, data, 50, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert len(loaded.frame) == loaded.coverage.rows == 130
    assert loaded.coverage.completeness == "complete"


def _of_twelve_runs(count: int) -> list[dict[str, Any]]:
    """Each run fails in turn, with an error that alone tells one event from another."""
    runs = [{"execution_id": f"run{run}", "trace_id": f"t{run}", "payload": {}} for run in range(12)]
    return [of_run(number, **runs[number % 12]) for number in range(count)]


@pytest.mark.parametrize("count", [24, 30, 36, 60])
@pytest.mark.parametrize("way", ["offset", "page", "page from 0"])
def test_pages_that_repeat_the_first_with_other_errors_are_others_where_the_api_writes_records_alike(
    way: str, count: int
) -> None:
    data = _of_twelve_runs(count)

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        if way == "page from 0":
            query = {**query, "page": str(int(query.get("page", 0)) + 1)}
        return 200, _paged(way.split()[0], data, 12, query)

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.frame["last_error"].nunique() == len(loaded.frame) == loaded.coverage.rows == count
    assert loaded.coverage.completeness == "complete"
    assert any("the API wrote each alike" in one for one in loaded.coverage.findings)


def test_pages_by_cursor_that_repeat_the_first_with_other_errors_are_not_called_all() -> None:
    data = _of_twelve_runs(36)
    with api(lambda query: (200, _paged("cursor", data, 12, query))) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert loaded.coverage.completeness == "unverified"


@pytest.mark.parametrize("texts", ["of each answer", "of one replica in two", "of each address, as a cache has it"])
def test_an_api_without_pages_that_writes_errors_anew_has_each_record_once(texts: str) -> None:
    data, asked, cached = _of_twelve_runs(12), 0, dict[str, int]()

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        number = {"of each answer": asked, "of one replica in two": asked % 2}.get(texts)
        if number is None:
            number = cached.setdefault(str(sorted(query.items())), asked)
        return 200, [{**one, "last_error": f"retry in {900 - number} s"} for one in data]

    with api(answer) as (url, _):
        loaded = ExecutionLogs(url, KEY, sleep=lambda _: None).load()

    assert (len(loaded.frame), loaded.coverage.completeness) == (12, "complete")
