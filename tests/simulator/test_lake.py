"""Records by the million: the same for the same seed, as true as they say, readable as dlqkit's own."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.signatures import group_errors
from dlqkit.evidence.store import read_frame, write_frame
from dlqkit.frames import RECORDS, check_frame, conform
from dlqkit.signals.outcomes import record_outcomes
from dlqkit.simulator.error_texts import ERRORS, Facts
from dlqkit.simulator.lake.plan import draw_plan
from dlqkit.simulator.lake.write import write_lake
from dlqkit.simulator.workflows import payload, wrong_field

END_S = 1_772_452_800.0  # 2026-03-02T12:00Z
MINUTE = pd.Timedelta(minutes=1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """30,000 records in three files."""
    folder = tmp_path_factory.mktemp("lake")
    return folder, write_lake(folder, records=30_000, seed=7, end_s=END_S, rows_per_file=10_000)


@pytest.fixture(scope="module")
def frame(lake: tuple[Path, dict[str, Any]]) -> pd.DataFrame:
    """Every record of the three files."""
    parts = [read_frame(path, RECORDS) for path in sorted((lake[0] / "records").iterdir())]
    return conform(pd.concat(parts, ignore_index=True), RECORDS)


def digest(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_is_the_same_bytes_and_another_seed_is_not(tmp_path: Path) -> None:
    """What was found in a lake can be looked for again in one that is made anew."""
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        write_lake(tmp_path / name, records=2_000, seed=seed, end_s=END_S)

    assert sorted(digest(tmp_path / "one")) == ["records/part-00000.parquet", "truth.json"]
    assert digest(tmp_path / "one") == digest(tmp_path / "again")
    assert not set(digest(tmp_path / "one").values()) & set(digest(tmp_path / "other").values())


def test_a_lake_has_exactly_as_many_records_as_were_asked_for(tmp_path: Path) -> None:
    """Files differ by one record at most, none is nearly empty, and no event is in two of them."""
    write_lake(tmp_path, records=5_003, seed=1, end_s=END_S, rows_per_file=2_000)

    files = [pq.read_table(path) for path in sorted((tmp_path / "records").iterdir())]

    assert [file.num_rows for file in files] == [1668, 1668, 1667]
    events = [set(file["event_key"].to_pylist()) for file in files]
    assert not events[0] & events[1] and not events[1] & events[2] and not events[0] & events[2]


def test_a_lake_is_read_like_dlqkits_own_parquet(
    lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame, tmp_path: Path
) -> None:
    """The same columns in the same types, times without a zone that are UTC."""
    write_frame(tmp_path / "own.parquet", frame)

    own = pq.read_schema(tmp_path / "own.parquet")

    for path in (lake[0] / "records").iterdir():
        assert pq.read_schema(path).equals(own)
    assert own.field("recorded_at").type == pa.timestamp("us")
    check_frame(frame, RECORDS, tuple(RECORDS))


def test_ids_are_of_one_record_and_of_one_event(frame: pd.DataFrame) -> None:
    """An event's records have its key, its trace and its payload, and nobody else's."""
    assert frame["record_id"].is_unique
    events = frame.groupby("event_key")
    assert events["trace_id"].nunique().eq(1).all()
    assert events["payload_snapshot"].nunique().eq(1).all()
    assert frame["trace_id"].nunique() == len(events)
    parts = frame["event_key"].str.split(".", expand=True)
    assert (parts[0] == frame["trace_id"]).all()
    assert (parts[1] == frame["workflow_id"]).all()
    assert parts[2].str.fullmatch("[0-9a-f]{12}").all()


def test_the_truth_is_what_the_records_say(lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame) -> None:
    """Every count of the truth, counted again from the files."""
    truth = lake[1]
    dead = frame[frame["queued_to_dlq"]]
    outcomes = record_outcomes(frame)

    assert truth == json.loads((lake[0] / "truth.json").read_text())
    assert truth["records"] == len(frame) == 30_000
    assert truth["events"] == frame["event_key"].nunique()
    assert truth["successes"] == (outcomes == "succeeded").sum()
    assert truth["dead_letters"] == len(dead) == (outcomes == "dead").sum()
    assert truth["dead_events"] == dead["event_key"].nunique()
    assert truth["without_duration"] == frame["action_duration_ms"].isna().sum() > 0
    assert pd.Timestamp(truth["first_record_at"]) == frame["recorded_at"].min()
    assert pd.Timestamp(truth["last_record_at"]) == frame["recorded_at"].max()
    assert {int(key): count for key, count in truth["attempts"].items()} == Counter(frame["attempts"].tolist())
    minutes = dead["recorded_at"].dt.floor("min").value_counts().sort_index()
    assert [[at.isoformat(timespec="microseconds"), count] for at, count in minutes.items()] == truth[
        "dead_letters_per_minute"
    ]
    for workflow in truth["workflows"]:
        own = frame[frame["workflow_id"] == workflow["workflow_id"]]
        lost = own[own["queued_to_dlq"]]
        assert [workflow[name] for name in ("records", "events", "dead_letters", "dead_events")] == [
            len(own), own["event_key"].nunique(), len(lost), lost["event_key"].nunique()
        ]  # fmt: skip
        assert sum(workflow["classes"].values()) == len(lost)


def test_the_incident_is_where_the_truth_says(lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame) -> None:
    """The busiest workflow loses hardly an event before the cause, and more than a third of them after it."""
    truth = lake[1]
    cause, onset = pd.Timestamp(truth["cause_at"]), pd.Timestamp(truth["onset_at"])
    own = frame[(frame["workflow_id"] == truth["workflow_id"]) & (frame["recorded_at"] < truth["end"])]
    retried = own[own["queued_to_dlq"] & own["retryable"].fillna(True)]

    assert retried["recorded_at"].min() == onset
    assert cause < onset < cause + 10 * MINUTE
    before, after = own[own["recorded_at"] < cause], own[own["recorded_at"] >= onset]
    assert before["queued_to_dlq"].mean() < 0.01
    events = after.groupby("event_key")["queued_to_dlq"].any()
    assert 0.5 < events.mean() < 0.8


def test_dlqkit_finds_the_classes_that_the_truth_knows(lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame) -> None:
    """All four of them, by event."""
    truth = lake[1]
    timeouts = {one["workflow_id"]: one["timeout_ms"] for one in truth["workflows"]}

    found = classify_failures(frame, max_attempts=truth["max_attempts"], timeout_ms=timeouts)

    assert found["failure_class"].value_counts().to_dict() == truth["event_classes"]
    assert set(truth["classes"]) == {"business", "infrastructure", "timeout", "unknown"}
    assert sum(truth["classes"].values()) == truth["dead_letters"]
    # Some events died twice, or each count could stand for the other.
    assert sum(truth["event_classes"].values()) == truth["dead_events"] < truth["dead_letters"]


def test_dlqkit_finds_the_signatures_that_the_truth_knows(
    lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame
) -> None:
    """Ids and numbers inside do not make new ones: each kind of the incident is one signature."""
    told = {one["kind"]: one["dead_letters"] for one in lake[1]["signatures"]}

    found = group_errors(frame[frame["queued_to_dlq"]])

    counts = sorted(found["records"].tolist(), reverse=True)[:6]
    kinds = ("connection_refused", "pool_timeout", "server_closed", "no_route", "deadline", "invalid_payload")
    assert counts == sorted((told[kind] for kind in kinds), reverse=True)


def test_a_timed_out_action_stands_at_its_timeout(lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame) -> None:
    """The pile that an analyst sees in the histogram, of the second workflow alone."""
    second = lake[1]["workflows"][1]
    cut = frame[frame["error_type"] == "ActionTimeout"]

    assert set(cut["workflow_id"]) == {second["workflow_id"]}
    assert cut["action_duration_ms"].between(second["timeout_ms"], 1.01 * second["timeout_ms"]).all()
    assert (frame["action_duration_ms"] > 1.01 * second["timeout_ms"]).sum() == 0
    assert len(cut) > 500


def test_retries_come_one_after_another(frame: pd.DataFrame) -> None:
    """Attempts of an event count up in time; only the last of a run is a dead letter or a success."""
    runs = frame.sort_values(["event_key", "recorded_at"], kind="stable")
    same = runs["event_key"].eq(runs["event_key"].shift())
    starts = ~same | runs["attempts"].eq(1)
    step = runs["attempts"] - runs["attempts"].shift()

    assert runs.loc[starts, "attempts"].eq(1).all()
    assert step[~starts].eq(1).all()
    ends = starts.shift(-1, fill_value=True)
    assert runs.loc[ends, "status"].isin(["succeeded", "dead_lettered"]).all()
    assert runs.loc[~ends, "status"].eq("failed").all()


def test_payloads_are_those_of_the_platform(lake: tuple[Path, dict[str, Any]], frame: pd.DataFrame) -> None:
    """Whole JSON with the platform's fields; the client's change is in each payload that was refused for it alone."""
    plan = draw_plan(7, 30_000, END_S, 10_000)
    shapes = {workflow.workflow_id: workflow.shape for workflow in plan.workflows}
    events = frame.drop_duplicates("event_key")
    refused = events["error_type"].eq("ValidationError").tolist()
    change = lake[1]["payload_change"]

    for text, workflow_id, extra, is_refused in zip(
        events["payload_snapshot"], events["workflow_id"], events["extra_json"], refused, strict=True
    ):
        body, shape = json.loads(text), shapes[workflow_id]
        assert json.loads(extra) == {"client_id": body["client_id"]}
        usual = set(payload(shape, 0, "acme", "", 0))
        if not is_refused:
            assert set(body) == usual
        elif shape == plan.workflows[0].shape:
            assert wrong_field(body, shape) == change["field"]
            assert body["client_id"] == change["client"]
    assert sum(refused) > 50


def test_errors_are_those_of_the_platform(frame: pd.DataFrame) -> None:
    """Each kind in the platform's own words, once its ids and numbers are taken out; success says nothing."""
    facts = Facts("XYZ-1", "0123456789abcdef", "a-workflow", 1, "a_field", '"a"', 0)
    masks = [re.escape(re.sub("[0-9]+", "#", kind.text(facts))) for kind in ERRORS if kind.kind != "hostile_note"]
    for word in (r"XYZ\-\#", "a_field", '"a"', r"a\-workflow"):
        masks = [mask.replace(word, ".+") for mask in masks]
    pattern = "|".join([*(mask.replace(r"\#", "[0-9a-f]+") for mask in masks), "note cannot be stored: (.|\n)+"])
    failed = frame[frame["status"] != "succeeded"]

    assert all(re.fullmatch(pattern, text) for text in failed["last_error"])
    assert len(masks) == 11
    assert frame.loc[frame["status"] == "succeeded", "last_error"].isna().all()
    assert frame.loc[frame["status"] == "succeeded", "retryable"].isna().all()
    assert failed["last_error"].nunique() > 1000


def test_a_message_names_the_key_and_the_value_of_its_own_payload(frame: pd.DataFrame) -> None:
    """A message that was joined with another event's payload would send an analyst to the wrong client."""
    invalid = frame[frame["error_type"] == "ValidationError"]

    for text, snapshot in zip(invalid["last_error"], invalid["payload_snapshot"], strict=True):
        field, value, key = re.fullmatch(r"payload\.(\w+) is not valid: got (.+) in (\S+)", text).groups()  # type: ignore[union-attr]
        body = json.loads(snapshot)
        assert key in body.values()
        assert json.loads(value) == body.get(field)


def test_files_follow_each_other_in_time(lake: tuple[Path, dict[str, Any]]) -> None:
    """Each file is in order, and only retries and events that came again are later than the next file's first."""
    times = [pq.read_table(path)["recorded_at"].to_pandas() for path in sorted((lake[0] / "records").iterdir())]

    assert all(column.is_monotonic_increasing for column in times)
    assert times[0].iloc[0] < times[1].iloc[0] < times[2].iloc[0]
    for number in (0, 1):
        assert (times[number] > times[number + 1].iloc[0]).mean() < 0.02


def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    """Two million need what two hundred thousand need, within a fifth."""
    code = (
        "import pathlib, resource, sys; from dlqkit.simulator.lake.write import write_lake\n"
        "write_lake(pathlib.Path(sys.argv[1]), records=int(sys.argv[2]), seed=1, end_s=1772452800.0)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    few, many = (
        int(
            subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / count), count], capture_output=True, text=True, check=True
            ).stdout
        )
        for count in ("200000", "2000000")
    )

    size = sum(path.stat().st_size for path in (tmp_path / "2000000" / "records").iterdir())
    assert size < 100 * 2_000_000
    assert many <= 1.2 * few


def test_records_of_another_lake_are_not_mixed_in(tmp_path: Path) -> None:
    """Files of two lakes in one folder would be counted as one."""
    write_lake(tmp_path, records=1_000, seed=1, end_s=END_S)
    before = digest(tmp_path)

    with pytest.raises(FileExistsError):
        write_lake(tmp_path, records=1_000, seed=2, end_s=END_S)

    assert digest(tmp_path) == before
