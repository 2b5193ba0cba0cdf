"""Many records under one id, and one record in many looks: what is kept, and of which event it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.engines.contract import collect
from dlqkit.evidence.folder import RECORD_VERSION
from dlqkit.evidence.frame_stream import join_records
from dlqkit.evidence.looks import merge_looks
from dlqkit.evidence.scan import scan_snapshots
from dlqkit.evidence.store import read_frame, write_frame
from dlqkit.frames import RECORD_CONTENT, RECORDS
from tests.frames import dead, good, records

ENGINES = ("frames", "duckdb")


def of_run(number: int, **more: Any) -> dict[str, Any]:
    """One of many dead letters that an API gives the id of the run."""
    own = {"record_id": "run-42", "event_key": f"e{number}", "trace_id": f"t{number}"}
    return dead(10, **own, payload_snapshot=f'{{"order":{number}}}', **more)


def merged(looks: Sequence[Sequence[Mapping[str, Any]]], engine: str, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Event, status and error of each record, on an engine."""
    frames = [records(rows) for rows in looks]
    if engine == "frames":
        found = merge_looks(frames)
    else:
        files = [tmp_path / f"{number}.parquet" for number in range(len(frames))]
        for file, frame in zip(files, frames, strict=True):
            write_frame(file, frame)
        found = collect(scan_snapshots(files, RECORD_VERSION, "duckdb"), RECORDS)
    columns = found[["event_key", "status", "last_error"]].astype("object")
    return sorted(map(tuple, columns.where(columns.notna(), "").to_numpy().tolist()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("looks", [1, 2])
def test_dead_letters_that_share_an_id_are_all_there_and_of_their_own_events(
    engine: str, looks: int, tmp_path: Path
) -> None:
    """A run that fails 47 events in one moment gives them its id; a second look at them doubles none."""
    rows = [of_run(number, last_error=f"error {number}") for number in range(47)]

    found = merged([rows] * looks, engine, tmp_path)

    assert found == sorted((f"e{number}", "failed", f"error {number}") for number in range(47))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_shares_an_id_and_all_but_its_payload_is_kept_in_every_look(engine: str, tmp_path: Path) -> None:
    rows = [of_run(number) | {"trace_id": "one"} for number in range(3)]

    found = merged([rows, rows[::-1], rows[:2]], engine, tmp_path)

    assert [event for event, _, _ in found] == ["e0", "e1", "e2"]


@pytest.mark.parametrize("engine", ENGINES)
def test_of_an_error_that_was_edited_between_two_looks_the_last_text_is_kept(engine: str, tmp_path: Path) -> None:
    """One record in each look: nothing shows that they are two."""
    looks = [[of_run(0, last_error="old text")], [of_run(0, last_error="new text")]]

    assert merged(looks, engine, tmp_path) == [("e0", "failed", "new text")]


@pytest.mark.parametrize("engine", ENGINES)
def test_one_of_many_under_an_id_that_succeeds_later_is_still_of_its_own_event(engine: str, tmp_path: Path) -> None:
    rows = [of_run(number) for number in range(3)]
    later = good(90, record_id="run-42", event_key="e1", trace_id="t1", payload_snapshot='{"order":1}')

    found = merged([rows, [rows[0], later, rows[2]]], engine, tmp_path)

    assert [(event, status) for event, status, _ in found] == [
        ("e0", "failed"), ("e1", "failed"), ("e1", "success"), ("e2", "failed")
    ]  # fmt: skip


def test_two_sources_that_bring_many_under_one_id_bring_each_once(tmp_path: Path) -> None:
    """The dead letters, and then all records of the workflow with another text of one lone record's error."""
    lone = dead(20, record_id="r", trace_id="t", event_key="e", last_error="old text")
    first = records([*(of_run(number) for number in range(5)), lone])
    second = records([*(of_run(number) for number in range(7)), lone | {"last_error": "new text"}])
    for name, frame in (("a", first), ("b", second)):
        write_frame(tmp_path / f"{name}.parquet", frame)

    count = join_records(
        [tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "whole.parquet", RECORD_VERSION, RECORD_CONTENT
    )

    whole = read_frame(tmp_path / "whole.parquet", RECORDS)
    assert count == 8
    pd.testing.assert_frame_equal(whole, second, check_categorical=False)
