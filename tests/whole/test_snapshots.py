"""An incident goes on: collected during the outage and again after the fix."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.manifest import verify
from tests.whole.accuracy import run_dlqkit, simulator


def _post(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as answer:
        value: dict[str, Any] = json.loads(answer.read())
        return value


def _report(folder: Path, environment: dict[str, str], *options: str) -> dict[str, bytes]:
    made = run_dlqkit(environment, "postmortem", "incident", *options, cwd=folder)
    assert made.returncode == 0, made.stderr
    report = folder / "incident" / "report"
    names = ("facts.json", "postmortem.html", "postmortem.md")
    figures = {path.name: path.read_bytes() for path in sorted((report / "figures").glob("*.png"))}
    return {name: (report / name).read_bytes() for name in names} | figures


@pytest.mark.parametrize("seed", [2, 5])
def test_after_the_fix_the_onset_stays_and_healed_events_leave_open(seed: int, tmp_path: Path) -> None:
    """Healed events are no longer open, the onset is the same, and the first report is made again, byte for byte."""
    options = ("--scenario", "timeout", "--seed", str(seed), "--events", "10000", "--pagination", "cursor")
    with simulator(tmp_path, *options) as (served, environment, _):
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", "--json", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        first = _report(tmp_path, environment)
        _post(f"{served['control_url']}/heal")
        sent = _post(f"{served['control_url']}/republish-all")["republished"]
        # As long as the slowest action takes.
        time.sleep(2)
        again = run_dlqkit(environment, "collect", "incident", "--json", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    second = _report(tmp_path, environment)

    during, after = json.loads(first["facts.json"]), json.loads(second["facts.json"])
    assert json.loads(run.stdout)["snapshot"] == "001"
    assert json.loads(again.stdout)["snapshot"] == "002"
    # A few dead letters of the workflow are not of the incident, so nobody sent them again.
    assert sent >= during["events"]["open"]["value"] - 3 > 0
    assert after["onset"]["at"] == during["onset"]["at"]
    assert after["events"]["affected"]["value"] >= during["events"]["affected"]["value"]
    assert after["events"]["healed"]["value"] >= during["events"]["open"]["value"] - 3
    assert after["events"]["open"]["value"] < 0.2 * during["events"]["open"]["value"]
    assert _report(tmp_path, environment, "--snapshot", "001") == first


def test_verify_finds_any_changed_byte(tmp_path: Path) -> None:
    """A changed byte of a raw page, a frame or the manifest, and an added file: each is named, with exit code 4."""
    with simulator(tmp_path, "--scenario", "quiet", "--events", "2000") as (_, environment, _path):
        run = run_dlqkit(environment, "collect", "incident", "--since", "2h", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
    assert run_dlqkit(environment, "verify", "incident", cwd=tmp_path).returncode == 0
    evidence = tmp_path / "incident" / "evidence" / "001"

    for path in sorted(path for path in evidence.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        place = len(whole) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        changes = verify(tmp_path / "incident")
        path.write_bytes(whole)
        assert any(change.path.endswith(path.name) for change in changes), path

    (evidence / "raw" / "more.json").write_text("{}")
    assert run_dlqkit(environment, "verify", "incident", cwd=tmp_path).returncode == 4


def test_collect_goes_on_after_a_kill(tmp_path: Path) -> None:
    """What was collected before a kill is not asked again, and the snapshot is whole in the end."""
    options = ("--scenario", "timeout", "--events", "60000", "--pagination", "offset")
    with simulator(tmp_path, *options) as (_, environment, _path):
        process = subprocess.Popen(
            [sys.executable, "-m", "dlqkit", "collect", "incident", "--since", "4h"],
            env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        part = tmp_path / "incident" / "evidence" / "001.part" / "snapshot"
        deadline = time.monotonic() + 30
        while not list(part.glob("raw/02-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = {path.name: path.stat().st_mtime_ns for path in part.glob("raw/01-*")}
        assert kept
        run = run_dlqkit(environment, "collect", "incident", "--since", "4h", "--json", cwd=tmp_path)

    assert run.returncode in {0, 3}, run.stderr
    done = tmp_path / "incident" / "evidence" / "001"
    assert {path.name: path.stat().st_mtime_ns for path in done.glob("raw/01-*")} == kept
    assert json.loads(run.stdout)["snapshot"] == "001"
    assert run_dlqkit(environment, "verify", "incident", cwd=tmp_path).returncode == 0
