"""Commands in a pipe, as scripts use them: a reader that goes away, a closed output, a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import dlqkit
from dlqkit.cli.main import main
from tests.frames import START

# More than a pipe holds (64 KiB on Linux), so that a writer notices that its reader is gone.
MANY = 400


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dead letters of which every one has a long error of its own."""
    place = tmp_path_factory.mktemp("pipes")
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": "t", "status": "failed", "queued_to_dlq": True,
             "created_at": (START + timedelta(seconds=n)).isoformat(), "last_error": f"no route {n} " * 60}
            for n in range(MANY)]  # fmt: skip
    (place / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = ["collect", "orders", "--start", START.isoformat(), "--end", (START + timedelta(hours=1)).isoformat(),
             "--records", "export.jsonl"]  # fmt: skip
    done = shell(f"{PROGRAM} {' '.join(asked)}", place)
    assert done.returncode == 0, done.stderr
    return place


PROGRAM = f'"{sys.executable}" -m dlqkit'


def shell(line: str, place: Path) -> subprocess.CompletedProcess[str]:
    # Without a buffer Python does not notice that only a part of a line was taken.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(Path(dlqkit.__file__).parents[1])
    return subprocess.run(["bash", "-c", line], cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_a_reader_that_has_seen_enough_is_no_error_to_look_at(incident: Path) -> None:
    """As of ``| head -1``: a line, and no traceback; the command says by its code that not all was taken."""
    # The shell reads letter by letter, so that what is left does not fit into the pipe.
    reader = '{ read -r line; echo "$line"; }'
    done = shell(f'{PROGRAM} event orders t | {reader}; exit "${{PIPESTATUS[0]}}"', incident)

    assert (done.stdout, done.stderr) == (f"Event t: {MANY} records in snapshot 001\n", "")
    assert done.returncode == 1


def test_json_is_one_document_whatever_stands_behind_the_pipe(incident: Path) -> None:
    """No word of progress is mixed into it; nothing is on standard error either."""
    reader = f"\"{sys.executable}\" -c \"import json, sys; print(json.load(sys.stdin)['events']['affected']['value'])\""

    done = shell(f"{PROGRAM} triage orders --json | {reader}", incident)

    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("arguments", ["triage orders", "verify orders --json", "--help"])
def test_a_closed_output_changes_nothing_about_the_answer(incident: Path, arguments: str) -> None:
    """A job that is interested in the exit code alone closes what it does not read."""
    done = shell(f"{PROGRAM} {arguments} >&-", incident)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_error_is_an_error_where_nobody_can_read_it(incident: Path) -> None:
    assert shell(f"{PROGRAM} triage nowhere 2>&-", incident).returncode == 2
    assert shell(f"{PROGRAM} triage nowhere <&- >&- 2>&-", incident).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_in_two_sentences(incident: Path) -> None:
    done = shell(f"{PROGRAM} triage orders > /dev/full", incident)

    assert done.returncode == 1
    assert done.stderr.startswith("Writing failed: ") and "\nNext: " in done.stderr


def test_no_colour_and_no_progress_in_a_pipe(incident: Path) -> None:
    """Even where the terminal could show them; what is kept in a file has no control character."""
    done = shell(f"FORCE_COLOR= TERM=xterm-256color {PROGRAM} collect orders --records export.jsonl", incident)

    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_the_program_can_be_called_with_a_reader_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output that was replaced, as by a notebook, is written to as it is."""
    sys_argv, sys.argv = sys.argv, ["dlqkit", "--version"]
    try:
        with pytest.raises(SystemExit):
            main()
    finally:
        sys.argv = sys_argv
    assert capsys.readouterr().out.startswith("dlqkit ")
