"""The facts of every scenario, collected over the network, are as published, and each says which rows it is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit.evidence.folder import open_incident
from dlqkit.report.facts import facts
from dlqkit.simulator.platform import SCENARIOS
from tests.report.test_facts_schema import faults
from tests.report.test_provenance import uncovered
from tests.whole.accuracy import run_dlqkit, simulator


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_facts_of_each_scenario_are_as_published(scenario: str, tmp_path: Path) -> None:
    """No key is missing and none is strange; every time is UTC, no number is without its rows."""
    with simulator(tmp_path, "--scenario", scenario, "--seed", "4", "--events", "3000") as (_, environment, _):
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", cwd=tmp_path)
        assert run.returncode in {0, 3}, run.stderr

    found = facts(open_incident(tmp_path / "incident"))

    assert faults(found) == []
    assert uncovered(found) == []
    assert (found["state"]["value"] == "nothing") is (scenario == "quiet")
