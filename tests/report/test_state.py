"""Which signal a report is about."""

from __future__ import annotations

import pandas as pd

from dlqkit.report.held import with_messages
from dlqkit.report.state import choose_main_signal, describe_state
from tests.frames import at, dead, good, records


def signals(*rows: tuple[str, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame([{"signal": signal, "workflow_id": workflow_id, "what": what, "onset_at": at(0)}
                         for signal, workflow_id, what in rows])  # fmt: skip


def test_a_source_that_fell_silent_is_the_incident_only_where_nothing_else_is_seen() -> None:
    """Scrapes that stop may be the monitoring's own trouble; beside dead letters they are no headline."""
    both = signals(("silence", None, "scrapes"), ("dead_letters", "wf", None))

    assert choose_main_signal(both, "wf")["signal"] == "dead_letters"  # type: ignore[index]
    assert choose_main_signal(both.iloc[:1], None)["what"] == "scrapes"  # type: ignore[index]
    assert choose_main_signal(both.iloc[:0], None) is None


def test_another_workflows_signal_is_not_this_ones() -> None:
    assert choose_main_signal(signals(("dead_letters", "other", None)), "wf") is None


def test_dead_letters_of_a_quiet_window_and_of_before_it_make_those_of_the_chart() -> None:
    """Four are on the chart and in the list of sources: one of before the window, and three in it."""
    own = records([dead(100), good(3000), dead(4000), dead(5000), dead(6000)])
    rows = [{"kind": "records", "received": 5, "completeness": "complete", "missing": [], "quarantined": 0}]
    window = (at(3600).to_pydatetime(), at(7200).to_pydatetime())

    state = describe_state(None, own, rows, None, known=True, window=window)

    assert state["reason"].endswith("3 dead letters are too few to be called an incident (before the window: 1).")
    assert (state["open"], state["open_traces"]) == (3, ["t2", "t3", "t4"])


def test_messages_of_a_quiet_window_are_told_with_how_many_are_older() -> None:
    """Two were published before the window, and nobody has taken them out."""
    originals = pd.DataFrame({"published_at": [at(100), at(200), at(4000)]})

    told = with_messages({"value": "nothing", "reason": "Looked."}, originals, at(3600).to_pydatetime())

    assert told["reason"] == (
        "Looked. The dead-letter subscriptions hold 3 messages, from before the window: 2; they stay there until "
        "somebody takes them out."
    )
    assert told["old_messages"] == 2
