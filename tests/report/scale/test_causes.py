"""Causes, and what the subscriptions hold beyond the records, are told on DuckDB as they are in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.decision import shared_values
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.frames import ORIGINALS, Coverage, Loaded, conform
from dlqkit.report.held import tell_held
from dlqkit.report.scale import senders
from tests.frames import START
from tests.report.scale.test_triage_facts import Rows, assert_alike, collected, good, row, told_on, usual


def client(name: str, number: int) -> dict[str, Any]:
    return {"payload_snapshot": {"client_id": name, "order": number}}


def refused(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    """A dead letter of the one client whose input is wrong."""
    wrong = {"last_error": "customer_id is required", "retryable": False, "attempts": 1}
    return row(number, minutes, **{**wrong, **client("globex", number), **more})


def fine(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    return good(number, minutes, **{**client("globex" if number % 9 == 0 else "acme", number), **more})


def one_client() -> Rows:
    """An outage of ten minutes, thirty events, and a client of whom eighty are refused from then on."""
    outage = [row(n, 180 + n / 3, last_error="connection refused", **client("acme", n)) for n in range(30)]
    bad = [refused(100 + n, 182 + n * 1.5) for n in range(80)]
    healed = [fine(90_000 + n, 300 + n, trace_id=f"t{n}", id=f"h{n}", **client("acme", n)) for n in range(5)]
    return [fine(n, n / 2) for n in range(600)] + outage + bad + healed


def out_of_order() -> Rows:
    """The same, answered newest first; some of the refused died before of something else, and it is listed last."""
    before = [refused(100 + n, 181 + n * 1.5, id=f"b{n}", last_error="upstream timed out") for n in range(0, 80, 3)]
    return [*one_client()[::-1], *before]


def several_steps() -> Rows:
    """Of each class events that need another step than the others of it, one of them without any trace."""
    texts = ("unauthorized: token expired", "customer_id is required", "connection refused", "upstream timed out")
    dead = [
        row(n, 180 + n / 4, last_error=texts[n % 4], retryable=(True, False, None)[n % 3], **client("acme", n))
        for n in range(60)
    ]
    return [fine(n, n / 2) for n in range(400)] + dead + [row(99, 190, trace_id=None, last_error="hm")]


@pytest.mark.parametrize("rows", [one_client, out_of_order])
def test_each_cause_with_its_state_and_sender_is_told_alike(rows: Callable[[], Rows], tmp_path: Path) -> None:
    """Five of the outage have succeeded since; the client sends on, and one in nine of what succeeds is his."""
    collected(tmp_path, rows())

    found = assert_alike(tmp_path)

    client, outage = found["causes"]
    assert [client[name] for name in ("failure_class", "events", "open", "state")] == ["business", 80, 80, "going_on"]
    assert [outage[name] for name in ("failure_class", "events", "open", "state")] == [
        "infrastructure",
        30,
        25,
        "ended",
    ]
    assert (client["shared"]["text"], client["shared"]["events"]) == ("payload.client_id = globex", 80)
    assert any("client_id = globex" in one["action"] for one in found["advice"])


def test_the_last_dead_letter_by_its_time_tells_an_events_error(tmp_path: Path) -> None:
    """Of eighty refused events 27 timed out a minute before, which the source gave after that."""
    collected(tmp_path, out_of_order())

    (first, *_) = assert_alike(tmp_path)["causes"]

    assert [(one["signature"], one["events"]) for one in first["signatures"]] == [("customer_id is required", 80)]


def test_parts_of_a_class_that_need_another_step_are_told_alike(tmp_path: Path) -> None:
    collected(tmp_path, several_steps())

    steps = {(one["failure_class"], one["step"]) for one in assert_alike(tmp_path)["causes"]}

    assert steps >= {("business", "disputed"), ("infrastructure", "access"), ("infrastructure", "as_class")}


def test_where_the_newest_records_hold_few_that_succeeded_older_ones_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each side but sixty events are read, looked for among seven records, and then ten times as many."""
    collected(tmp_path, one_client())
    monkeypatch.setattr(senders, "REACH", 7)
    monkeypatch.setattr(senders, "READ", 60)
    monkeypatch.setattr(shared_values, "READ", 60)

    found = assert_alike(tmp_path)

    assert found["causes"][0]["shared"]["healthy"] == 60
    assert found["causes"][0]["shared"]["of"] == 60


def held(*traces: str | None) -> pd.DataFrame:
    """Messages that were dead-lettered at the height of the incident."""
    rows = [
        {"message_id": str(n), "published_at": START + timedelta(minutes=190 + n), "trace_id": trace,
         "workflow_id": "wf"}
        for n, trace in enumerate(traces)
    ]  # fmt: skip
    return conform(pd.DataFrame(rows), ORIGINALS)


@pytest.mark.parametrize(
    ("messages", "more", "count"),
    [
        (held("t1", "x1", "x1", "x2", None), [], 2),
        (held("x1", "x2"), [], 0),
        (held("t1", "x1"), [row(77, 190, trace_id=None)], 0),
    ],
)
def test_what_the_subscriptions_hold_beyond_the_records_is_told_alike(
    messages: pd.DataFrame, more: Rows, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that begins with the incident: x1 and x2 are in no record. Where traces tell no events, none is."""
    rows = [one for one in usual() if one["queued_to_dlq"]]
    collected(tmp_path, [*rows, *more])
    monkeypatch.setattr(IncidentFolder, "originals", lambda _: Loaded(messages, Coverage(), "subscription"))

    found = assert_alike(tmp_path)

    assert found["events"]["held"]["value"] == count
    assert found["events"]["total"]["value"] == found["events"]["affected"]["value"] + count
    assert (tell_held(2) in found["assumptions"]) == (count == 2)


def test_an_event_of_two_traces_tells_nothing_of_messages_on_either_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record was rewritten under another trace: it is still of its event, so a trace is no event."""
    rows = [one for one in usual() if one["queued_to_dlq"]]
    collected(tmp_path, rows)
    collected(tmp_path, [*rows[:-1], {**rows[-1], "trace_id": "another", "attempts": 6}])
    monkeypatch.setattr(
        IncidentFolder, "originals", lambda _: Loaded(held("t1", "x1"), Coverage(), "subscription")
    )  # fmt: skip

    assert assert_alike(tmp_path)["events"]["held"]["value"] == 0


def test_where_all_have_succeeded_the_advice_says_that_closing_was_not_looked_at(tmp_path: Path) -> None:
    """In memory §7 is measured and the step says what is not met; on DuckDB it is to be measured first."""
    healed = [
        row(n, 215 + n, id=f"h{n}", queued_to_dlq=False, status="ok", last_error=None) for n in range(40)
    ]  # fmt: skip
    collected(tmp_path, usual() + healed)

    there, here = told_on("duckdb", tmp_path), told_on("pandas", tmp_path)

    assert "closure" in there["not_answered"]
    assert "Measure by the checklist whether it can be closed." in there["advice"][0]["action"]
    assert there["advice"][0]["command"] == here["advice"][0]["command"]
    assert there["advice"][1:] == here["advice"][1:]
    assert there["causes"] == here["causes"]
    assert {one["open"] for one in there["causes"]} == {0}
