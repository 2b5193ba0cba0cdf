"""``dlqkit simulator``: records of a lake, and the platform's own options kept apart from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from dlqkit.simulator.platform import Platform
from tests.cli.running import Run


def test_a_lake_is_written_where_it_was_asked_for(run: Run, tmp_path: Path) -> None:
    """As many records as were asked for, of the day before the end, and the truth beside them."""
    code, out, _ = run("simulator", "records", "--out", "lake", "--count", "3000", "--seed", "5", "--end",
                       "2026-01-10T00:00Z")  # fmt: skip

    table = pq.read_table(tmp_path / "lake" / "records")
    truth = json.loads((tmp_path / "lake" / "truth.json").read_text())
    assert code == 0
    assert out.startswith(f"3,000 records of {truth['events']:,} events, {truth['dead_letters']} of them dead letters.")
    assert "lake/truth.json" in out
    assert table.num_rows == truth["records"] == 3000
    assert truth["start"] == "2026-01-09T00:00:00.000000+00:00"
    assert min(table["recorded_at"].to_pylist()).isoformat() > "2026-01-09T00:00"


def test_json_is_the_truth_and_nothing_else(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("simulator", "records", "--out", "lake", "--count", "1000", "--json")

    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "lake" / "truth.json").read_text())


def test_a_folder_with_records_is_left_as_it_is(run: Run, tmp_path: Path) -> None:
    run("simulator", "records", "--out", "lake", "--count", "1000")
    before = (tmp_path / "lake" / "truth.json").read_bytes()

    code, _, err = run("simulator", "records", "--out", "lake", "--count", "2000")

    assert code == 2
    assert "There are files in lake/records already." in err
    assert "Next: Name a folder that is new" in err
    assert (tmp_path / "lake" / "truth.json").read_bytes() == before


def test_an_option_of_the_platform_is_not_silently_dropped(run: Run, tmp_path: Path) -> None:
    """The seed before the command is not the lake's; who writes it there means it, however."""
    code, _, err = run("simulator", "--seed", "3", "records", "--out", "lake")

    assert code == 2
    assert "--seed before records is of the platform that is served." in err
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(("named", "lately"), [([], 6290), (["--now", "2026-11-27T02:00Z"], 2015)])
def test_a_platform_of_the_present_is_busy_at_any_hour_and_one_of_a_named_time_as_busy_as_that(
    run: Run, monkeypatch: pytest.MonkeyPatch, named: list[str], lately: int
) -> None:
    """The 4 hours to 02:00 UTC: of 24 hours' worth 4 + 7.2 / π · 2 · sin 30°, or 4 - 7.2 / π · sin 120° of night."""
    served: list[Platform] = []

    def serve(platform: Platform, **_: Any) -> None:
        served.append(platform)
        raise OSError(98, "Address already in use")

    night = datetime(2026, 11, 27, 2, tzinfo=UTC).timestamp()
    monkeypatch.setattr("dlqkit.cli.simulator.time", SimpleNamespace(time=lambda: night))
    monkeypatch.setattr("dlqkit.simulator.server.Server", serve)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    code, _, err = run("simulator", "--events", "24000", *named)

    came = served[0].arrived
    assert code == 2 and "Port 0 cannot be used" in err
    assert int(((came > night - 4 * 3600) & (came <= night)).sum()) == pytest.approx(lately, abs=300)


def test_records_has_help_with_an_example(run: Run) -> None:
    code, out, _ = run("simulator", "records", "--help")

    assert code == 0
    assert "Example: dlqkit simulator records" in " ".join(out.split())
