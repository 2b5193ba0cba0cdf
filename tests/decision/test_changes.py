from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from dlqkit import language
from dlqkit.decision.changes import CHANGES, find_changes
from dlqkit.errors import ParameterError
from tests.frames import at, counter, good, lines, records

ONSET = at(3600)


def test_a_new_process_and_a_new_version_are_seen_with_their_times() -> None:
    """The process started at 3000 s with version 1.9.0; the scrape after it is the first to show it."""
    began, again = at(0).timestamp() - 5000, at(3000).timestamp()
    samples = pd.concat([
        counter("process_start_time_seconds", [began] * 201 + [again] * 60, instance="w1"),
        counter("worker_build_info", [1.0] * 201, series_id=1, instance="w1", version="1.8.2"),
        counter("worker_build_info", [None] * 201 + [1.0] * 60, series_id=2, instance="w1", version="1.9.0"),
    ])  # fmt: skip

    found = find_changes(samples, ONSET)

    assert found["kind"].tolist() == ["restart", "version"]
    assert found["at"].tolist() == [at(3000), at(201 * 15)]
    assert found["what"].tolist() == ["restart of w1", "version 1.8.2 → 1.9.0 on w1"]


def test_a_counter_that_fell_is_a_restart_once() -> None:
    """The rare counter comes back four minutes later; that is the same restart."""
    samples = pd.concat([
        counter("worker_success_total", [100.0] * 200 + [1.0] * 60, instance="w1"),
        counter("worker_dlq_total", [9.0] * 200 + [None] * 16 + [1.0] * 40, series_id=1, instance="w1"),
    ])  # fmt: skip

    found = find_changes(samples, ONSET)

    assert found["at"].tolist() == [at(200 * 15)]


def test_only_the_half_hour_before_the_onset_counts() -> None:
    notes = [(at(1700), "too early"), (at(3400), "deploy of 1.9"), (at(3700), "rollback")]

    found = find_changes(counter("up", [1.0]), ONSET, notes=[(when.to_pydatetime(), text) for when, text in notes])

    assert found["what"].tolist() == ["deploy of 1.9"]
    assert len(find_changes(counter("up", [1.0]), ONSET, notes=[(at(1700), "x")], window=timedelta(hours=1))) == 1


def test_a_log_line_about_a_deploy_is_a_change_and_one_about_an_event_is_not() -> None:
    logs = lines([{"at": 3300, "message": "migration 42 done"}, {"at": 3310, "message": "migration", "trace_id": "t"}])

    assert find_changes(counter("up", [1.0]), ONSET, worker_logs=logs)["what"].tolist() == ["migration 42 done"]


def test_nothing_changed_is_an_empty_frame() -> None:
    assert find_changes(counter("up", [1.0]), ONSET).empty


def test_each_change_says_how_long_before_the_onset_it_was() -> None:
    found = find_changes(counter("up", [1.0]), ONSET, notes=[(at(3400).to_pydatetime(), "deploy of 1.9")])

    assert found["before_s"].tolist() == [200]
    assert list(found.columns) == list(CHANGES)


def test_a_jump_in_volume_is_a_change() -> None:
    """One event a scrape, and four from scrape 180 on, a quarter of an hour before the onset."""
    grown = np.cumsum([4.0 if number >= 180 else 1.0 for number in range(300)]).tolist()

    found = find_changes(counter("worker_success_total", grown, workflow_id="wf"), ONSET)

    assert found["kind"].tolist() == ["volume"]
    assert found["at"].tolist() == [at(180 * 15)]


def test_a_new_client_in_the_records_is_a_change() -> None:
    rows = [good(5 * number, payload_snapshot=f'{{"client": "{"c9" if number >= 660 else f"c{number % 4}"}"}}')
            for number in range(720)]  # fmt: skip

    found = find_changes(counter("up", [1.0]), ONSET, records=records(rows), entity_key=["payload.client"])

    assert found["kind"].tolist() == ["client"]
    assert found["before_s"].tolist() == [300]


def test_an_onset_or_a_note_without_a_zone_is_refused() -> None:
    naive = ONSET.tz_localize(None)

    with pytest.raises(ParameterError, match="onset_at has no time zone"):
        find_changes(counter("up", [1.0]), naive)
    with pytest.raises(ParameterError, match="note has no time zone"):
        find_changes(counter("up", [1.0]), ONSET, notes=[(naive, "deploy")])


def test_changes_of_one_moment_come_in_one_order_in_every_language() -> None:
    """The report of one language names the first of them, so another order would be another report."""
    old = [good(n, payload_snapshot='{"id": 1, "customer_id": 1}') for n in range(0, 3000, 5)]
    new = [good(n, payload_snapshot='{"id": 1, "customerId": "1"}') for n in range(3000, 3600, 10)]
    frame = records(old + new)
    told = find_changes(counter("worker_success_total", [1.0] * 10), at(3000), records=frame)
    with language.use("ru"):
        again = find_changes(counter("worker_success_total", [1.0] * 10), at(3000), records=frame)

    def fields(found: pd.DataFrame) -> list[bool]:
        return ["customer_id" in what for what in found["what"]]

    assert sorted(fields(told)) == [False, True]
    assert fields(told) == fields(again)
