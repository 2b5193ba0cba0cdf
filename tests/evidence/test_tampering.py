"""``dlqkit verify`` names whatever was changed, and says where nothing could show it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from matplotlib.figure import Figure

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import signature
from dlqkit.evidence.audit_log import HEAD, NAME, append
from dlqkit.evidence.extra import find_extra
from dlqkit.evidence.folder import open_incident, read_question
from dlqkit.evidence.manifest import verify
from tests.cli.running import runner
from tests.evidence.tampering import TAMPERINGS, campaign, make_folder, verified
from tests.real import find_program


class Answer(NamedTuple):
    """Of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    call = runner(monkeypatch, capsys)
    return lambda *arguments: Answer(*call(*arguments))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two snapshots, three plans and a journal; tests work on copies."""
    return make_folder(tmp_path_factory.mktemp("tampering"))[0]


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "incident", symlinks=True))


def test_every_way_of_tampering_is_named(tmp_path: Path) -> None:
    """Each three times by seed; make bench-reliability: a thousand."""
    tally = campaign(tmp_path, tries=3 * len(TAMPERINGS), seed=9)

    assert tally.missed == []
    assert tally.falsely_changed == 0
    assert set(tally.kinds) == set(TAMPERINGS)


def test_a_folder_that_was_copied_or_moved_is_as_it_was_collected(folder: Path) -> None:
    assert verified(folder) == {}


def test_a_manifest_cannot_have_a_file_outside_of_the_folder_read(folder: Path) -> None:
    """A stranger's manifest may name any file of this machine: it counts as missing, whether it is there or not."""
    path = folder / "evidence" / "001" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    outside = folder.parent / "outside"
    outside.write_text("x")
    manifest["files"]["../../../outside"] = {"sha256": "0" * 64, "bytes": 1}
    path.write_text(json.dumps(manifest))

    assert ("evidence/001/../../../outside", "is missing") in {(one.path, one.what) for one in verify(folder)}


def write_log(folder: Path, lines: list[bytes], end: bytes = b"\n") -> None:
    (folder / NAME).write_bytes(b"\n".join(lines) + end)


# --- strangers' folders


def test_a_folder_with_a_link_in_it_is_not_worked_in(folder: Path) -> None:
    """What is written to the report would land wherever the link leads."""
    target = folder.parent / "elsewhere"
    target.mkdir()
    (folder / "report").symlink_to(target)

    with pytest.raises(EvidenceError, match="report in incident is a link"):
        open_incident(folder)
    assert verified(folder) == {"report": "is a link"}


@pytest.mark.parametrize("name", ["incident.toml", "audit.jsonl", "evidence/001/manifest.json", "judgement.yaml"])
def test_a_folder_with_a_pipe_in_it_is_refused_rather_than_waited_for(folder: Path, name: str) -> None:
    """Whoever reads a pipe into which nobody writes waits for ever."""
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)

    with pytest.raises(EvidenceError, match=f"{name} in incident is a pipe"):
        open_incident(folder)
    if name in {"incident.toml", "audit.jsonl"}:
        with pytest.raises(EvidenceError, match=f"{name} in incident is a pipe"):
            read_question(folder, allow_links=True)


def test_what_is_not_dlqkits_is_named_and_no_change(folder: Path) -> None:
    """Programs, notebooks of somebody's own and settings in the folder, none of which is read or run."""
    (folder / "notebooks").mkdir()
    for name in ("run.sh", "notebooks/pandas.py", "dlqkit.toml", "notebooks/01_signals.ipynb", "notebooks/own.ipynb",
                 "report/x.html"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text('{"cells": []}')

    assert {one.path: one.what for one in find_extra(folder)} == {
        "run.sh": "is a program: a notebook beside it may import it",
        "notebooks/pandas.py": "is a program: a notebook beside it may import it",
        "dlqkit.toml": "is not dlqkit's",
        "notebooks/01_signals.ipynb": "is not as dlqkit made it: read it before you run it",
        "notebooks/own.ipynb": "is a notebook of somebody's own",
        "report/x.html": "is not dlqkit's",
    }
    assert verified(folder) == {}


def test_nothing_that_dlqkit_makes_is_called_a_strangers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlqkit.cli.lab import fill_notebooks
    from dlqkit.cli.own_notebooks import mark_own

    monkeypatch.setenv("XDG_DATA_HOME", str(folder.parent / "data"))
    fill_notebooks(folder)
    mark_own(folder / "notebooks")
    for name in ("updates/20260302T131000.000001Z-chat.json", "updates/20260302T131000.000001Z-client.json",
                 "report/figures/pin-001.png", "pins/001.json", "pins/0123456789abcdef.png",
                 "republish/journal.sqlite-wal", "republish/journal.sqlite-shm", ".judgement.yaml.lock"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    assert find_extra(folder) == ()


def test_after_each_command_that_writes_into_the_folder_nothing_is_a_strangers(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder.parent / "data"))
    axes = Figure().subplots()
    axes.plot([1, 2])
    open_incident(folder).pin("Olga saw it, too", "Said on the phone")
    open_incident(folder).pin(axes, "Two points, rising")
    for command in (("update", "--sent"), ("update", "--for", "client", "--sent"), ("lab", "--prepare"),
                    ("postmortem", "--format", "md", "--zip"), ("triage",), ("history",),
                    ("closure", "--no-refresh")):  # fmt: skip
        done = run(command[0], str(folder), *command[1:])
        assert done.code in {0, 3, 4}, done.out + done.err

    assert {path.name for path in folder.iterdir()} >= {"updates", "notebooks", "report", "pins", "republish"}
    assert find_extra(folder) == ()
    assert verified(folder) == {}


@pytest.mark.parametrize("name", ["updates/note.json", "updates/20260302T131000.000001Z-chat.json.txt", "pins/note.md",
                                  "notebooks/.laid-here.txt", "report/figures/pin-1.png"])  # fmt: skip
def test_what_has_nearly_a_name_of_ours_is_named(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()

    assert [(one.path, one.what) for one in find_extra(folder)] == [(name, "is not dlqkit's")]


def test_a_log_of_a_journal_that_is_not_there_is_named(folder: Path) -> None:
    journal = folder / "republish" / "journal.sqlite"
    for end in ("-wal", "-shm"):
        journal.with_name(f"{journal.name}{end}").write_bytes(b"x")
    assert find_extra(folder) == ()

    journal.unlink()
    what = "belongs to a journal that is not there"
    assert [(one.path, one.what) for one in find_extra(folder)] == [
        ("republish/journal.sqlite-shm", what), ("republish/journal.sqlite-wal", what),
    ]  # fmt: skip


def test_a_signature_that_nobody_made_here_is_named(folder: Path, signer: tuple[Path, Path]) -> None:
    append(folder, "look", wrote="signatures/002.json")
    signed = signature.sign(folder, signer[0])
    for name in ("002.json", "002.json.sig"):
        shutil.copy(signed, folder / "signatures" / name)

    what = "is not in audit.jsonl, which names each signature"
    assert [(one.path, one.what) for one in find_extra(folder)] == [
        ("signatures/002.json", what), ("signatures/002.json.sig", what),
    ]  # fmt: skip
    assert verified(folder) == {}


# --- the command


def test_the_command_names_changes_extras_and_the_head(folder: Path, run: Run) -> None:
    clean = run("verify", str(folder), "--json")
    told = json.loads(clean.out)
    assert clean.code == 0
    assert (told["changes"], told["extra"], told["notes"], told["signatures"]) == ([], [], [], [])
    assert run("verify", str(folder), "--head", told["head"]).code == 0

    append(folder, "look")
    assert run("verify", str(folder), "--head", told["head"]).code == 0  # the log went on from it
    shutil.rmtree(folder / "evidence" / "002")
    write_log(folder, (folder / NAME).read_bytes().splitlines()[:2])
    behind = run("verify", str(folder), "--head", told["head"])
    assert behind.code == 4
    assert "audit.jsonl: does not go on from the head" in behind.out
    assert run("verify", str(folder), "--head", "yesterday").code == 2


def test_a_whole_chain_that_was_written_anew_is_found_by_a_head_kept_elsewhere_alone(folder: Path, run: Run) -> None:
    """The limit of what a folder can show of itself: whoever writes all of it anew leaves no trace in it."""
    head = json.loads(run("verify", str(folder), "--json").out)["head"]
    entries = [{**json.loads(line), "by": "nobody"} for line in (folder / NAME).read_bytes().splitlines()]
    (folder / NAME).unlink()
    (folder / HEAD).unlink()
    for entry in entries:
        facts = {name: value for name, value in entry.items() if name not in {"action", "at", "line", "previous"}}
        append(folder, entry["action"], **facts)

    assert verified(folder) == {}
    assert run("verify", str(folder), "--head", head).code == 4


# --- signatures


@pytest.fixture
def signer(tmp_path: Path) -> tuple[Path, Path]:
    """A key, and the file that allows it for ann."""
    key = tmp_path / "key"
    subprocess.run([find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ann@example {key.with_suffix('.pub').read_text()}")
    return key, allowed


def test_a_signature_holds_for_what_was_there_and_goes_on_holding(
    folder: Path, run: Run, signer: tuple[Path, Path]
) -> None:
    key, allowed = signer
    signed = run("verify", str(folder), "--sign-with", str(key), "--allowed-signers", str(allowed))
    assert signed.code == 0, signed.out + signed.err
    assert "signatures/001.json is signed by ann@example, and what it says of the evidence holds." in signed.out
    assert verified(folder) == {}
    assert find_extra(folder) == ()

    append(folder, "look")
    assert run("verify", str(folder), "--allowed-signers", str(allowed)).code == 0


def test_what_was_written_anew_as_a_whole_is_found_by_a_signature(folder: Path, signer: tuple[Path, Path]) -> None:
    key, allowed = signer
    signature.sign(folder, key)
    lines = (folder / NAME).read_bytes().splitlines()
    (folder / NAME).unlink()
    (folder / HEAD).unlink()
    for line in lines:
        entry = json.loads(line)
        wrote = {"wrote": entry["wrote"]} if "wrote" in entry else {}
        append(folder, entry["action"], **wrote)

    held, changes = signature.check_signatures(folder, allowed)
    assert held == []
    assert [(one.path, one.what) for one in changes] == [(NAME, "was changed or cut since ann@example signed it")]


@pytest.mark.parametrize("how", ["other key", "changed statement", "no signature", "removed", "other namespace"])
def test_only_an_allowed_signers_own_signature_counts(
    how: str, folder: Path, signer: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, allowed = signer
    if how == "other namespace":
        monkeypatch.setattr(signature, "NAMESPACE", "git")
    path = signature.sign(folder, key)
    monkeypatch.undo()
    if how == "other key":
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
        allowed.write_text(f"ann@example {other.with_suffix('.pub').read_text()}")
    elif how == "changed statement":
        path.write_bytes(path.read_bytes().replace(b'"schema": 1', b'"schema":  1'))
    elif how == "no signature":
        path.with_name("001.json.sig").unlink()
    elif how == "removed":
        shutil.rmtree(folder / "signatures")

    held, changes = signature.check_signatures(folder, allowed)
    assert held == []
    assert [one.path for one in changes] == ["signatures" if how == "removed" else "signatures/001.json"]


def test_a_folder_that_was_changed_is_not_signed(folder: Path, run: Run, signer: tuple[Path, Path]) -> None:
    path = random.Random(1).choice(sorted((folder / "evidence" / "001" / "raw").iterdir()))
    path.write_bytes(b"x")

    refused = run("verify", str(folder), "--sign-with", str(signer[0]))
    assert refused.code == 4
    assert "Nothing is signed" in refused.err
    assert not (folder / "signatures").exists()


def test_a_missing_program_key_or_list_is_said(
    folder: Path, signer: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParameterError, match="ssh-keygen does not sign with nowhere"):
        signature.sign(folder, tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="There is no file"):
        signature.check_signatures(folder, tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ParameterError, match="ssh-keygen is not installed"):
        signature.sign(folder, signer[0])
