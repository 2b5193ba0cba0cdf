"""After any kill every event is published, not published or in doubt, by name, and none is sent twice."""

from __future__ import annotations

from pathlib import Path

from tests.republish.killing import POINTS, campaign


def test_no_kill_sends_an_event_twice_or_loses_one(tmp_path: Path) -> None:
    """A share of ``make bench-reliability``: kills at random moments and at named ones, with faults of the server."""
    tally = campaign(tmp_path, plans=8, kills=40, seed=5)

    assert not tally.wrong
    assert tally.kills >= 40
    assert tally.plans >= 8
    assert set(tally.killed_at) >= {"any time", *POINTS}
    assert tally.adopted
    assert tally.killed_adopting >= tally.adopted
