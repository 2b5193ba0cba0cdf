"""What dlqkit says of a platform that it sees by its ports alone, against the platform's own truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.whole.accuracy import AFTERNOON, SCENARIOS, Case, run_case


@pytest.mark.parametrize("seed", [1, 2, 4])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_screen_is_true(scenario: str, seed: int, tmp_path: Path) -> None:
    """Workflow, class, onset within two scrapes and count of events are those of the platform's truth."""
    case = run_case(scenario, seed, tmp_path, now=AFTERNOON)

    assert not case.wrong


@pytest.mark.bench
def test_twenty_seeds_of_six_scenarios(tmp_path: Path) -> None:
    """At least 95 of 100 runs are right in everything, and no count that is called exact is wrong."""
    cases: list[Case] = []
    for scenario in SCENARIOS:
        for seed in range(1, 21):
            folder = tmp_path / f"{scenario}-{seed}"
            folder.mkdir()
            cases.append(run_case(scenario, seed, folder))

    bad = {f"{case.scenario} {case.seed}": case.wrong for case in cases if case.wrong}
    assert not [case for case in cases if case.wrong_exact_count]
    assert len(cases) - len(bad) >= 0.95 * len(cases), bad
