"""Each claim of a report against the truth of a platform that dlqkit sees by its ports and files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlqkit.simulator.platform import SCENARIOS
from tests.whole.claims import changes, counts, differences, durations, prevention, sentences, when, why
from tests.whole.claims.falsehoods import FALSEHOODS, falsify
from tests.whole.claims.scene import Scene, make_scene

Check = Callable[[Scene], Iterator[str]]
# Claims that some reports get wrong as yet; each moves into the others by leaving this list.
OPEN: tuple[Check, ...] = (
    when.check_duration_onset,
    durations.check_duration_ratio,
    counts.check_balance_is_explained,
    counts.check_balance_names_a_cause,
    sentences.check_counter_agrees,
    sentences.check_counter_difference_adds_up,
)
CHECKS: tuple[Check, ...] = tuple(
    check
    for module in (when, why, changes, differences, durations, prevention, counts, sentences)
    for name, check in vars(module).items()
    if name.startswith("check_") and check not in OPEN
)


def find_wrong(scene: Scene, checks: tuple[Check, ...] = CHECKS) -> dict[str, list[str]]:
    """What is wrong in the report, by the sentence that should be true of it."""
    found = {str(check.__doc__): list(check(scene)) for check in checks}
    return {sentence: wrong for sentence, wrong in found.items() if wrong}


@pytest.mark.bench
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_claim_of_the_report_is_true(scenario: str, seed: int, tmp_path: Path) -> None:
    """Whatever the report says of the incident is what the platform did, or is said to be unknown."""
    assert not find_wrong(make_scene(scenario, seed, tmp_path))


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_claim_is_true_of_more_platforms(scenario: str, seed: int, tmp_path: Path) -> None:
    """The same of platforms with other APIs, metrics, limits and times."""
    assert not find_wrong(make_scene(scenario, seed, tmp_path))


@pytest.mark.bench
def test_a_false_claim_is_found(tmp_path: Path) -> None:
    """A report that says any of these falsehoods does not pass: each check can fail."""
    scene = make_scene("mixed", 2, tmp_path)

    passed = [name for name, falsehood in FALSEHOODS.items() if not find_wrong(falsify(scene, falsehood))]
    assert not passed
