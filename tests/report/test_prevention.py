"""Prevention in the report: what the errors name stands there as they word it."""

from __future__ import annotations

from pathlib import Path

from tests.report.test_facts import facts_of, row

GOOD = [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None, action_duration_ms=400) for n in range(60)]


def test_what_is_down_is_named_by_the_error_and_not_by_its_code(tmp_path: Path) -> None:
    """SQLSTATE 08006 tells the class; "08006" tells nobody at night what is down."""
    text = "SQLSTATE 08006: server closed the connection unexpectedly"
    found = facts_of(tmp_path, GOOD + [row(n, 120 + n / 2, last_error=text, action_duration_ms=900) for n in range(40)])

    (timeout,) = [one for one in found["prevention"] if one["topic"] == "timeout"]
    assert found["signatures"][0]["text_says"] == "08006"
    assert timeout["sentence"] == ("Leave the timeout as it is: a longer one only waits longer for what is down.")
    assert timeout["evidence"] == f"What is down, by the errors: “{found['signatures'][0]['signature']}”."
    assert "server closed the connection" in timeout["evidence"]
