"""What several tests of the whole look at: each scenario, collected once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.whole.accuracy import run_dlqkit, simulator

Collected = Callable[[str], tuple[Path, dict[str, str]]]


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    """Of a scenario an incident folder, collected over the network, to be copied; and the platform's variables."""

    @cache
    def collect(scenario: str) -> tuple[Path, dict[str, str]]:
        place = tmp_path_factory.mktemp(scenario)
        with simulator(place, "--scenario", scenario, "--seed", "4", "--events", "3000") as (_, environment, _):
            run = run_dlqkit(environment, "collect", "incident", "--since", "4h", cwd=place)
            assert run.returncode in {0, 3}, run.stderr
        return place / "incident", environment

    return collect
