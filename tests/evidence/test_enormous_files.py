"""A stranger's folder with files of holes, as large as a disk: told in words, without much memory or time."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.evidence.store import read_bounded, text_hash
from tests.evidence.test_strangers import call, gather

SIZE = 6 << 30
MEMORY = 5 << 30


def ask(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command with less memory than the file has bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return subprocess.run(
        [sys.executable, "-m", "dlqkit", *arguments], cwd=place, preexec_fn=limit, capture_output=True, text=True,
        timeout=60, check=False, env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def grow(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, SIZE)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    topic = "projects/p/topics/t"
    (tmp_path / "dlqkit.toml").write_text(
        f'[republish]\nallowed_topics = ["{topic}"]\nmax_rate = 5\noutcome_deadline_s = 30\n'
        f'[workflows.wf]\ntopic = "{topic}"\nordering_key = ""\n'
    )
    gather(tmp_path, monkeypatch)
    assert call(monkeypatch, "republish", "plan", "incident", "--workflow", "wf", "--by", "ann") == 0
    return tmp_path


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("evidence/001/manifest.json", [("triage",), ("verify",)]),
        ("audit.jsonl", [("triage",), ("verify",)]),
        ("audit.head", [("verify",), ("update", "--for", "ticket", "--sent")]),
        ("republish/plan-001.json", [("republish status",), ("verify",)]),
        ("republish/plan-001.approval.json", [("republish status",), ("verify",)]),
        ("republish/owner.json", [("republish status",), ("verify",)]),
        ("republish/journal.mark", [("republish status",), ("verify",)]),
        ("report/facts.json", [("event", "ts"), ("update", "--for", "ticket"), ("history",)]),
        ("redaction.key", [("reveal", "trace_id-00000000"), ("verify",)]),
        ("pins/001.json", [("update", "--for", "ticket"), ("postmortem",)]),
        ("updates/20260302T120000.000000Z-ticket.json", [("update", "--for", "ticket")]),
        ("notebooks/03_incident_impact.ipynb", [("verify",)]),
        ("signatures/001.json", [("verify",)]),
        ("republish/journal.sqlite", [("republish status",), ("verify",)]),
        ("evidence/002.part/state.json", [("triage",), ("verify",)]),
    ],
)
def test_a_file_of_holes_is_told_in_words(place: Path, name: str, commands: list[tuple[str, ...]]) -> None:
    """It says which file it is or that it was changed, and no command ends in an error of Python."""
    grow(place / "incident" / name)

    for command, *options in commands:
        done = ask(place, *command.split(), "incident", *options)
        assert "Traceback" not in done.stderr + done.stdout
        assert "MemoryError" not in done.stderr + done.stdout
        assert done.returncode in {0, 1, 2, 3, 4}


def test_verify_names_the_manifest_and_the_plan_that_are_of_holes(place: Path) -> None:
    """Both are as every other file that was changed, and nothing of them is hashed."""
    grow(place / "incident" / "evidence" / "001" / "manifest.json")
    grow(place / "incident" / "republish" / "plan-001.json")

    done = ask(place, "verify", "incident")

    assert done.returncode == EvidenceError.exit_code
    assert "evidence/001/manifest.json: was changed" in done.stdout
    assert "republish/plan-001.json: was changed" in done.stdout


def test_a_file_that_is_larger_than_dlqkit_writes_is_not_read(tmp_path: Path) -> None:
    """Its size is asked before its content."""
    path = tmp_path / "facts.json"
    path.write_bytes(b"12345")

    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(EvidenceError, match=r"facts\.json has"):
        read_bounded(path, 4)


def test_the_hash_of_a_text_ends_at_the_first_nul(tmp_path: Path) -> None:
    """No text holds one, and holes of a file are nothing else."""
    path = tmp_path / "plan-001.json"
    path.write_bytes(b"{}\n")
    assert text_hash(path) == "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"

    grow(path)
    assert text_hash(path) is None
