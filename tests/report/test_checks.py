"""§7: what holds, what does not, and what the evidence cannot say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dlqkit.report.checks import check_two_items
from tests.frames import at, counter, dead, records

WHOLE = [{"evidence_id": "1", "kind": "records: dead letters", "completeness": "complete", "received": 1,
          "newest_first": True, "got_end": None, "quarantined": 0, "missing": []},
         {"evidence_id": "2", "kind": "prometheus: counters", "completeness": "complete", "received": 9,
          "newest_first": None, "got_end": None, "quarantined": 0, "missing": []}]  # fmt: skip


def states(samples: pd.DataFrame, own: pd.DataFrame, main: pd.Series | None = None) -> list[Any]:
    now = samples["sampled_at"].max().to_pydatetime()
    return [row["state"] for row in check_two_items(own, samples, None, "wf", now, WHOLE, main)]


def test_a_counter_that_stood_still_for_a_quarter_of_an_hour_and_no_new_dead_letter() -> None:
    samples = counter("worker_dlq_total", [5.0] * 121, workflow_id="wf")

    assert states(samples, records([dead(0)])) == ["yes", "yes", "person", "person"]


def test_one_more_dead_letter_a_minute_ago_is_two_times_no() -> None:
    samples = counter("worker_dlq_total", [5.0] * 117 + [6.0] * 4, workflow_id="wf")

    assert states(samples, records([dead(1740)]))[:2] == ["no", "no"]


def test_a_silent_worker_has_not_recovered() -> None:
    """Nothing dies because nothing is done: the first two items are not known, and not yes."""
    samples = counter("worker_dlq_total", [5.0] * 121, workflow_id="wf")
    silence = pd.Series({"signal": "silence", "end_at": pd.NaT})

    assert states(samples, records([dead(0)]), silence)[:2] == ["unknown", "unknown"]


def test_no_scrape_in_the_last_quarter_of_an_hour_is_not_known() -> None:
    samples = counter("worker_dlq_total", [5.0] * 30, workflow_id="wf")
    late = at(3 * 3600).to_pydatetime()

    rows = check_two_items(records([dead(0)]), samples, None, "wf", late, WHOLE, None)

    assert rows[0]["state"] == "unknown"
