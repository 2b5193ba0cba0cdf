"""One event's history as a notebook shows it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from dlqkit.frames import RECORDS, WORKER_LOGS, Coverage, Loaded, conform
from dlqkit.report.event_view import MOST_MOMENTS, show_event

HOSTILE = "<script>alert(1)</script> \x1b[31m & \u202e"
PAYLOAD = json.dumps({"customer": "Ada Lovelace", "note": "<b>\u0007", "amount": 1.10})


def make_records(**columns: Any) -> pd.DataFrame:
    return conform(pd.DataFrame(columns), RECORDS)


class Folder:
    """Frames as an incident folder gives them."""

    def __init__(self, records: pd.DataFrame, logs: pd.DataFrame | None = None) -> None:
        self._frames = records, conform(pd.DataFrame() if logs is None else logs, WORKER_LOGS)

    def records(self) -> Loaded:
        return Loaded(self._frames[0], Coverage(), "001/1")

    def worker_logs(self) -> Loaded:
        return Loaded(self._frames[1], Coverage(), "001/2")


def one_event(**over: Any) -> pd.DataFrame:
    """Failed, dead after 90 s, succeeded an hour later."""
    return make_records(**{
        "event_key": ["e1"] * 3,
        "trace_id": ["t1"] * 3,
        "record_id": ["r1", "r2", "r3"],
        "recorded_at": pd.to_datetime(["2026-03-02T14:00:00Z", "2026-03-02T14:01:30Z", "2026-03-02T15:01:30Z"]),
        "status": ["FAILED", "FAILED", "SUCCESS"],
        "queued_to_dlq": [False, True, False],
        "attempts": [1, 2, 3],
        "last_error": ["refused for Ada Lovelace", "refused", None],
        "action_duration_ms": [12.34, 30_000.0, None],
        "payload_snapshot": [PAYLOAD] * 3,
        **over,
    })  # fmt: skip


def test_each_moment_says_what_became_of_it_and_how_long_after_the_one_before() -> None:
    """By record id, key or trace; a dead letter, a failure and a success look different."""
    views = [show_event(Folder(one_event()), name) for name in ("e1", "t1", "r2")]

    for view in views:
        assert [(one.outcome, one.after) for one in view.moments] == [
            ("failed", ""), ("dead", "90 s later"), ("succeeded", "60 min later"),
        ]  # fmt: skip
        assert [one.what for one in view.moments] == [
            "record, FAILED, 1 attempt, 12.3 ms",
            "record, FAILED (dead letter), 2 attempts, 30,000 ms",
            "record, SUCCESS, 3 attempts",
        ]


def test_without_being_asked_nothing_of_the_payload_is_shown() -> None:
    """Neither it nor its values in an error or a log line; whoever asks for it gets all as it came."""
    logs = pd.DataFrame({
        "logged_at": pd.to_datetime(["2026-03-02T14:00:01Z"]), "trace_id": ["t1"], "level": ["ERROR"],
        "message": ["no account of Ada Lovelace, token=abc123"],
    })  # fmt: skip
    folder = Folder(one_event(), logs)

    quiet, asked = show_event(folder, "e1"), show_event(folder, "e1", payload=True)

    for shown in (quiet._repr_html_(), repr(quiet), quiet.to_markdown()):
        assert "Lovelace" not in shown and "abc123" not in shown
    assert "refused for &lt;value&gt;" in quiet._repr_html_()
    assert "refused for Ada Lovelace" in asked._repr_html_()
    assert "&quot;amount&quot;: 1.1" in asked._repr_html_()
    assert "Payload 1 of 1" in asked._repr_html_() and "<details>" in asked._repr_html_()
    assert "Lovelace, token=abc123" in asked._repr_html_()


def test_hostile_words_stay_words() -> None:
    """In an id, a status, an error, a log line and a payload."""
    records = one_event(
        last_error=[HOSTILE, json.dumps({"error": HOSTILE, "more": ["x"] * 100}), None],
        status=[HOSTILE, "FAILED", "SUCCESS"],
        trace_id=[HOSTILE] * 3,
        payload_snapshot=[HOSTILE, PAYLOAD, PAYLOAD],
    )

    view = show_event(Folder(records), "e1", payload=True)

    for shown in (view._repr_html_(), repr(view)):
        assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "<script" not in view._repr_html_() and "<b>" not in view._repr_html_()
    assert "\\<script" in view.to_markdown() or "`" in view.to_markdown()


def test_a_history_without_end_shows_its_beginning_and_end() -> None:
    """An event that was tried for days; how much is left out is said."""
    count = MOST_MOMENTS + 50
    records = make_records(
        event_key=["e1"] * count,
        record_id=[f"r{n}" for n in range(count)],
        recorded_at=pd.date_range("2026-03-02", periods=count, freq="min", tz="UTC"),
        last_error=[f"error {n}." for n in range(count)],
        status=["FAILED"] * count,
    )

    view = show_event(Folder(records), "e1")

    assert len(view.moments) == MOST_MOMENTS
    assert (view.moments[0].text, view.moments[-1].text) == ("error 0.", f"error {count - 1}.")
    assert "50 moments between are left out" in view._repr_html_()


def test_an_event_that_nobody_knows_is_said_to_be_unknown() -> None:
    """And a folder without a dead letter has none to show."""
    assert "nothing is known of it" in show_event(Folder(one_event()), "e9")._repr_html_()
    assert "name an event" in repr(show_event(Folder(one_event()), ""))
