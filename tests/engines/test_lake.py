"""What the answers say of a simulated lake, held against what is true of it, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from dlqkit.decision.scale.classes import count_classes
from dlqkit.decision.scale.signatures import count_signatures
from dlqkit.engines.scan import scan_records
from dlqkit.executions.scale.counts import count_outcomes, count_records, count_workflows
from dlqkit.simulator.lake.write import write_lake

END_S = 1_772_452_800.0  # 2026-03-02T12:00Z
KINDS = ("connection_refused", "pool_timeout", "server_closed", "no_route", "deadline", "invalid_payload")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Twenty thousand records in four files, and their truth."""
    folder = tmp_path_factory.mktemp("lake")
    return folder / "records", write_lake(folder, records=20_000, seed=11, end_s=END_S, rows_per_file=5_000)


@pytest.fixture
def scanned(lake: tuple[Path, dict[str, Any]], engine: str, request: pytest.FixtureRequest) -> nw.LazyFrame[Any]:
    """The lake on an engine."""
    session = request.getfixturevalue("spark") if engine == "spark" else None
    return scan_records(lake[0], engine, spark=session)


def test_counts_and_times_are_those_of_the_truth(scanned: nw.LazyFrame[Any], lake: tuple[Path, dict[str, Any]]) -> None:
    """To the microsecond, of whatever zone a machine is."""
    truth = lake[1]

    found = count_records(scanned).iloc[0]
    outcomes = count_outcomes(scanned).groupby("outcome")["records"].sum()

    names = ("records", "events", "dead_letters", "dead_events")
    assert [int(found[name]) for name in names] == [truth[name] for name in names]
    assert found["first_at"] == pd.Timestamp(truth["first_record_at"])
    assert found["last_at"] == pd.Timestamp(truth["last_record_at"])
    assert int(outcomes["succeeded"]) == truth["successes"]
    assert int(outcomes["dead"]) == truth["dead_letters"]


def test_each_workflow_has_the_dead_events_of_the_truth(
    scanned: nw.LazyFrame[Any], lake: tuple[Path, dict[str, Any]]
) -> None:
    """The busiest first, which is the one that the incident hits most."""
    truth = lake[1]

    found = count_workflows(scanned)

    names = ["records", "dead_letters", "dead_events"]
    told = {one["workflow_id"]: [one[name] for name in names] for one in truth["workflows"] if one["dead_letters"]}
    assert {row["workflow_id"]: [int(row[name]) for name in names] for _, row in found.iterrows()} == told
    assert found["workflow_id"].iloc[0] == truth["workflow_id"]


def test_classes_are_those_of_the_truth(scanned: nw.LazyFrame[Any], lake: tuple[Path, dict[str, Any]]) -> None:
    """All four, events that died twice counted once, by their last dead letter."""
    truth = lake[1]
    timeouts: dict[str, float | None] = {one["workflow_id"]: one["timeout_ms"] for one in truth["workflows"]}

    found = count_classes(scanned, max_attempts=truth["max_attempts"], timeout_ms=timeouts)

    assert found.groupby("failure_class")["events"].sum().to_dict() == truth["event_classes"]
    assert set(truth["event_classes"]) == {"business", "infrastructure", "timeout", "unknown"}


def test_signatures_are_those_of_the_truth(scanned: nw.LazyFrame[Any], lake: tuple[Path, dict[str, Any]]) -> None:
    """Each kind of the incident is one, with as many records, however many ids its messages hold."""
    told = {one["kind"]: one["dead_letters"] for one in lake[1]["signatures"]}

    found = count_signatures(scanned)

    assert sorted(found["records"].tolist(), reverse=True)[:6] == sorted((told[kind] for kind in KINDS), reverse=True)
