from __future__ import annotations

from pathlib import Path

from tests.evidence.killed_collects import campaign


def test_a_collect_that_is_killed_at_any_moment_goes_on_to_the_same_evidence(tmp_path: Path) -> None:
    """SIGKILL at random moments of the clock and before random steps on the disk; make bench-reliability: 100."""
    tally = campaign(tmp_path, kills=8, seed=20_261_126)

    assert tally.wrong == {}, tally.where
    assert tally.kills >= 8
    assert 0 < tally.kills_by_clock < tally.kills
