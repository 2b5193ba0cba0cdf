"""The facts of every scenario, collected over the network, are as published, and each says which rows it is of."""

from __future__ import annotations

import pytest

from dlqkit.evidence.folder import open_incident
from dlqkit.report.facts import facts
from dlqkit.simulator.platform import SCENARIOS
from tests.report.test_facts_schema import faults
from tests.report.test_provenance import uncovered
from tests.whole.conftest import Collected


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_facts_of_each_scenario_are_as_published(scenario: str, collected: Collected) -> None:
    """No key is missing and none is strange; every time is UTC, no number is without its rows."""
    found = facts(open_incident(collected(scenario)[0]))

    assert faults(found) == []
    assert uncovered(found) == []
    assert (found["state"]["value"] == "nothing") is (scenario == "quiet")
