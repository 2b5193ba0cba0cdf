"""From when on quiet is asked for, and that it is said why from then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dlqkit.closure.since import QUIET, find_since

NOW, FIX = datetime.fromisoformat("2026-03-02T16:00:00+00:00"), datetime.fromisoformat("2026-03-02T14:40:00+00:00")
END = FIX + timedelta(minutes=3)


def test_quiet_is_asked_for_since_the_fix_else_since_the_end() -> None:
    """While it goes on the last quarter of an hour is looked at."""
    assert (find_since(FIX, END, NOW).at, find_since(FIX, END, NOW).is_fix) == (FIX, True)
    assert (find_since(None, END, NOW).at, find_since(None, END, NOW).is_fix) == (END, False)
    assert find_since(None, None, NOW).at == NOW - QUIET


def test_a_fix_of_after_the_evidence_has_not_been_seen_to_help() -> None:
    found = find_since(NOW + timedelta(hours=1), END, NOW)

    assert found.at == END
    assert "the fix of judgement.yaml, 2026-03-02 17:00:00 UTC, is after the evidence" in found.basis


@pytest.mark.parametrize("text", ["fix: pool restarted", "Fixed by a rollback", " исправлено: перезапуск"])
def test_a_note_tells_of_the_fix_where_judgement_does_not(text: str) -> None:
    """Of two tries the second counts; a note that only has the word in it does not."""
    notes = [(FIX - timedelta(hours=1), text), (FIX, text), (FIX + timedelta(minutes=9), "looking for a fix"),
             (NOW + timedelta(minutes=1), text)]  # fmt: skip

    assert find_since(None, END, NOW, notes).at == FIX
    assert "a note in incident.toml" in find_since(None, END, NOW, notes).basis
    assert find_since(FIX + timedelta(minutes=5), END, NOW, notes).at == FIX + timedelta(minutes=5)
