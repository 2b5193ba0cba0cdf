"""APIs that break for good: a collect ends soon and small, keeps what came, and says what is missing and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.broken_sources import LASTING, campaign, lasting_schedules

GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_fault_that_stays_leaves_what_came_and_its_reason(group: int, tmp_path: Path) -> None:
    """Each fault once, in a process of its own; make bench-reliability tries ten seeds of each."""
    kinds = list(LASTING)[group::GROUPS]

    tally = campaign(tmp_path, lasting_schedules([group], kinds))

    assert tally.wrong == {}, tally.where
    assert tally.collects == len(kinds) >= 5
    assert set(tally.by_code) <= {1, 3}
