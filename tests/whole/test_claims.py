"""Each claim of a report against the truth of a platform that dlqkit sees by its ports and files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dlqkit.simulator.platform import SCENARIOS
from tests.whole.claims import changes, counts, differences, durations, prevention, sentences, when, why
from tests.whole.claims.falsehoods import FALSEHOODS, falsify
from tests.whole.claims.scene import Scene, make_scene

Check = Callable[[Scene], Iterator[str]]
CHECKS: tuple[Check, ...] = tuple(
    check
    for module in (when, why, changes, differences, durations, prevention, counts, sentences)
    for name, check in vars(module).items()
    if name.startswith("check_")
)
# A platform of each seed is always the same one: another hour, and another day of the week.
FIRST, APART = datetime(2026, 3, 2, 12, tzinfo=UTC), timedelta(days=1, hours=5, minutes=7)


def find_wrong(scene: Scene, checks: tuple[Check, ...] = CHECKS) -> dict[str, list[str]]:
    """What is wrong in the report, by the sentence that should be true of it."""
    found = {str(check.__doc__): list(check(scene)) for check in checks}
    return {sentence: wrong for sentence, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_claim_of_the_report_is_true(scenario: str, seed: int, tmp_path: Path) -> None:
    """Whatever the report says of the incident is what the platform did, or is said to be unknown."""
    assert not find_wrong(make_scene(scenario, seed, tmp_path, now=FIRST + seed * APART))


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(3, 13))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_claim_is_true_of_more_platforms(scenario: str, seed: int, tmp_path: Path) -> None:
    """The same of platforms with other APIs, metrics, limits and times, drawn anew at the present time."""
    assert not find_wrong(make_scene(scenario, seed, tmp_path))


def test_a_false_claim_is_found(tmp_path: Path) -> None:
    """A report that says any of these falsehoods does not pass: each check can fail."""
    scene = make_scene("mixed", 2, tmp_path, now=FIRST)

    passed = [name for name, falsehood in FALSEHOODS.items() if not find_wrong(falsify(scene, falsehood))]
    assert not passed


def test_events_that_are_counted_twice_are_found(tmp_path: Path) -> None:
    """A report that says twice as many events were to come in a silence as came to the subscription does not pass."""
    scene = make_scene("silence", 1, tmp_path, now=FIRST + APART)
    rows = [row for row in scene.facts["signals"] if row["signal"] == "silence"]
    doubled = [{**row, "size": 2 * row["size"]} for row in rows]

    assert rows
    assert not list(when.check_missing_events(scene))
    assert list(when.check_missing_events(replace(scene, facts={**scene.facts, "signals": doubled})))
