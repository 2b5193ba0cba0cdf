"""Which signal a report is about."""

from __future__ import annotations

import pandas as pd

from dlqkit.report.state import choose_main_signal
from tests.frames import at


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
