"""The same evidence and words give the same bytes, whenever, wherever and by whomever the report is made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.report.bundle import make_zip
from dlqkit.report.judgement_file import write_judgement
from dlqkit.settings import Settings
from tests.frames import START
from tests.real import find_program

ROOT = Path(__file__).parents[2]
PARTS = ("facts.json", "postmortem.html", "postmortem.md", "postmortem.pdf", "figures/signals.png")
# Days by which the clock is wrong, and what a machine elsewhere has set; languages that are not installed, too.
ELSEWHERE: tuple[tuple[float, dict[str, str]], ...] = (
    (0, {"TZ": "UTC", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "0"}),
    (411.4, {"TZ": "Pacific/Kiritimati", "LC_ALL": "ru_RU.UTF-8", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "4711"}),
    (-160.7, {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.ISO8859-9", "LANG": "ar_EG", "PYTHONHASHSEED": "1",
              "LANGUAGE": "fr", "HOME": "/nowhere", "USER": "somebody"}),
)  # fmt: skip
CHILD = """
import json, sys, time
from pathlib import Path
from dlqkit import language
from dlqkit.report import run
# The kernel's clock is to be wrong, too.
run._KERNEL_ENVIRONMENT = (*run._KERNEL_ENVIRONMENT, "LD_PRELOAD", "DLQKIT_TEST_DAYS", "PYTHONHASHSEED", "TZ")
with language.use(sys.argv[2]):
    result = run.run_postmortem(Path(sys.argv[1]))
print(json.dumps({"now": time.time(), "zone": time.tzname, "problems": result.problems}))
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library by which a clock is wrong."""
    target = tmp_path_factory.mktemp("clock") / "other_day.so"
    source = Path(__file__).with_name("other_day.c")
    subprocess.run([find_program("gcc"), "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"], check=True)
    return target


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dead letters of two errors, a retried one that succeeded, a restart in the log, and what people wrote."""
    place = tmp_path_factory.mktemp("bytes")
    rows: list[dict[str, Any]] = []
    for number in range(300):
        lost = 180 <= number < 230
        at = START + timedelta(seconds=40 * number + 0.123)
        error = ("connection refused by db-1:5432", "no such customer: Ольга ✓")[number % 3 == 0] if lost else None
        rows.append({"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "created_at": at.isoformat(),
                     "status": "failed" if lost else "success", "queued_to_dlq": lost, "attempts": 5 if lost else 1,
                     "retryable": number % 3 != 0, "last_error": error, "action_duration_ms": 20.0 + number % 17 * 3,
                     "payload_snapshot": {"tenant": f"c{number % 7}", "size": number}})  # fmt: skip
    line = {"time": (START + timedelta(minutes=119)).isoformat(), "level": "info", "workflow_id": "wf",
            "message": "worker started, version 1.9"}  # fmt: skip
    (place / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "worker.jsonl").write_text(json.dumps(line))
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime(), workflow_id="wf")
    folder = collect(question, Settings(), place / "here" / "incident", records_files=(place / "export.jsonl",),
                     worker_logs=(str(place / "worker.jsonl"),))  # fmt: skip
    write_judgement(folder, cause="The database was restarted.", follow_ups=[{"what": "an alert", "due": "2026-03-20"}])
    return folder.path


def make(folder: Path, clock: Path, days: float, language: str, settings: dict[str, str]) -> dict[str, Any]:
    """The report of a folder, made in a process of its own on another day elsewhere; what that process saw."""
    environ = {**os.environ, **settings, "LD_PRELOAD": str(clock), "DLQKIT_TEST_DAYS": str(days),
               "PYTHONPATH": str(ROOT)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), language],
        capture_output=True,
        env=environ,
        check=False,
        cwd=folder.parent,
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def without_run_times(path: Path) -> str:
    """The notebook as the zip holds it: without when and how long its cells ran."""
    packed = make_zip({"ipynb": path})
    return hashlib.sha256(packed).hexdigest()


@pytest.fixture(scope="module", params=["en", "ru"])
def reports(
    request: pytest.FixtureRequest, incident: Path, clock: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The language, and three reports of copies of the folder: each elsewhere on another day."""
    made = []
    for days, settings in ELSEWHERE:
        folder = tmp_path_factory.mktemp("place") / "incident"
        shutil.copytree(incident, folder)
        told = make(folder, clock, days, request.param, settings)
        # The clock was wrong indeed, and the report is whole.
        assert told["problems"] == []
        assert abs(told["now"] - days * 86400 - (folder / "report" / "facts.json").stat().st_mtime) < 3600
        made.append((folder / "report", tuple(told["zone"])))
    assert len({zone for _, zone in made}) == 3
    return request.param, [report for report, _ in made]


@pytest.mark.real
def test_three_reports_on_other_days_in_other_places_are_byte_equal(reports: Any, incident: Path) -> None:
    """Another year, zone, locale, home, folder and order of hashing; the notebook is equal but for its run times."""
    language, (first, *others) = reports

    page = (first / "postmortem.html").read_text(encoding="utf-8")
    assert page.startswith(f'<!doctype html>\n<html lang="{language}"')
    for report in others:
        for name in PARTS:
            assert (report / name).read_bytes() == (first / name).read_bytes(), name
        assert without_run_times(report / "postmortem.ipynb") == without_run_times(first / "postmortem.ipynb")
    for name in ("facts.json", "postmortem.html", "postmortem.md"):
        text = (first / name).read_text(encoding="utf-8")
        assert str(first.parents[1]) not in text and "somebody" not in text


@pytest.mark.real
def test_one_word_more_gives_other_bytes_in_every_format(
    reports: Any, incident: Path, clock: Path, tmp_path: Path
) -> None:
    """The test above could fail: what people add is seen in each."""
    language, (first, *_) = reports
    folder = tmp_path / "incident"
    shutil.copytree(incident, folder)
    write_judgement(folder, owner="team-orders")

    make(folder, clock, 0, language, ELSEWHERE[0][1])

    assert [name for name in PARTS[:4] if (folder / "report" / name).read_bytes() == (first / name).read_bytes()] == []
