"""Triage of every scenario, collected over the network, on both engines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dlqkit.simulator.platform import SCENARIOS
from tests.whole.accuracy import run_dlqkit
from tests.whole.conftest import Collected


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_triage_of_each_scenario_is_the_same_on_duckdb(scenario: str, tmp_path: Path, collected: Collected) -> None:
    """Each value that DuckDB gives is that of records in memory, and each that it does not give is named."""
    incident, environment = collected(scenario)
    shutil.copytree(incident, tmp_path / "incident")
    there, here = (
        run_dlqkit(environment, "triage", "incident", "--json", "--engine", engine, cwd=tmp_path)
        for engine in ("duckdb", "pandas")
    )

    found, known = json.loads(there.stdout), json.loads(here.stdout)
    # A silent worker may have left no record at all, and of none there is nothing to count.
    assert found.pop("engine", "pandas" if scenario == "silence" else "none") in {"duckdb", "pandas"}
    left_out = found.pop("not_answered", [])
    assert found == {name: value for name, value in known.items() if name not in left_out}
    assert there.returncode == here.returncode
