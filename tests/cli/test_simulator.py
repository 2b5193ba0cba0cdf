"""``dlqkit simulator``: records of a lake, and the platform's own options kept apart from them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

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


def test_records_has_help_with_an_example(run: Run) -> None:
    code, out, _ = run("simulator", "records", "--help")

    assert code == 0
    assert "Example: dlqkit simulator records" in " ".join(out.split())
