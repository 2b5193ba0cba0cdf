"""A signature holds for what was there when it was made, and counts only if it is an allowed one."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log, signature
from dlqkit.evidence.manifest import write_manifest
from dlqkit.evidence.signature import check_signatures, sign
from dlqkit.evidence.store import file_hash
from tests.real import find_program

FIRST = "signatures/001.json"
HOLDS = f"{FIRST} is signed by ann@example, and what it says of the evidence holds"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two keys, and the file that allows the first for ann."""
    place = tmp_path_factory.mktemp("keys")
    for name in ("key", "other"):
        subprocess.run([find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(place / name)],
                       check=True)  # fmt: skip
    (place / "allowed").write_text(f"ann@example {(place / 'key.pub').read_text()}")
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two snapshots that the log knows."""
    directory = tmp_path / "incident"
    for name in ("001", "002"):
        (directory / "evidence" / name).mkdir(parents=True)
        (directory / "evidence" / name / "x").write_text(name)
        sha256 = write_manifest(directory / "evidence" / name, {"snapshot": name})
        audit_log.append(directory, "collect", snapshot=name, manifest_sha256=sha256)
    return directory


def resign(folder: Path, keys: Path, change: dict[str, Any] | None = None, *, text: str = "") -> None:
    """Put another statement in the place of the first, truly signed."""
    path = folder / FIRST
    body = text or json.dumps(json.loads(path.read_bytes()) | (change or {}))
    path.write_text(body)
    path.with_name("001.json.sig").unlink()
    subprocess.run([find_program("ssh-keygen"), "-q", "-Y", "sign", "-f", str(keys / "key"), "-n", "dlqkit-evidence",
                    str(path)], check=True, capture_output=True)  # fmt: skip


def answers(folder: Path, keys: Path) -> tuple[list[str], list[tuple[str, str]]]:
    held, changes = check_signatures(folder, keys / "allowed")
    return held, [(one.path, one.what) for one in changes]


def test_a_statement_names_the_head_of_the_log_and_every_manifest(folder: Path, keys: Path) -> None:
    head = audit_log.check_chain(folder).head
    before = datetime.now(UTC).replace(microsecond=0)
    path = sign(folder, keys / "key")

    assert path == folder / FIRST
    values = json.loads(path.read_bytes())
    assert before <= datetime.fromisoformat(values.pop("signed_at")) <= datetime.now(UTC)
    assert values == {
        "schema": 1, "audit": {"lines": 2, "sha256": head.sha256},
        "manifests": {name: file_hash(folder / "evidence" / name / "manifest.json") for name in ("001", "002")},
    }  # fmt: skip
    body = path.read_bytes()
    assert body.isascii()
    assert body == json.dumps(json.loads(body), indent=1, sort_keys=True).encode() + b"\n"
    line = audit_log.read(folder)[-1]
    assert (line["action"], line["key"]) == ("evidence signed", "key")
    assert line["wrote"] == {FIRST: file_hash(path), f"{FIRST}.sig": file_hash(path.with_name("001.json.sig"))}
    assert answers(folder, keys) == ([HOLDS], [])


def test_each_signature_has_the_next_number_and_each_is_told(folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    (folder / FIRST).rename(folder / "signatures" / "009.json")
    (folder / f"{FIRST}.sig").rename(folder / "signatures" / "009.json.sig")
    for name in ("x.json", "01.json", "0099.txt"):
        (folder / "signatures" / name).touch()

    assert sign(folder, keys / "key.pub").name == "010.json"
    assert [one.partition(" ")[0] for one in answers(folder, keys)[0]] == ["signatures/009.json", "signatures/010.json"]


def test_what_is_not_as_it_was_signed_is_named_with_who_signed_it(folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    audit_log.append(folder, "look")
    assert answers(folder, keys) == ([HOLDS], [])
    manifest = folder / "evidence" / "002" / "manifest.json"
    manifest.write_text("{}")
    changed = ("evidence/002/manifest.json", "was changed or removed since ann@example signed it")
    assert answers(folder, keys) == ([], [changed])
    manifest.unlink()
    assert answers(folder, keys) == ([], [changed])
    (folder / "audit.jsonl").write_bytes((folder / "audit.jsonl").read_bytes().splitlines(keepends=True)[0])
    cut = ("audit.jsonl", "was changed or cut since ann@example signed it")
    assert answers(folder, keys) == ([], [cut, changed])


def test_only_an_allowed_signature_over_these_bytes_counts(folder: Path, keys: Path) -> None:
    none = [(FIRST, "has no signature of an allowed signer")]
    path = sign(folder, keys / "other")
    assert answers(folder, keys) == ([], none)
    other = path.with_name("001.json.sig")
    other.unlink()
    assert answers(folder, keys) == ([], none)
    shutil.rmtree(folder / "signatures")
    sign(folder, keys / "key")
    path.write_bytes(path.read_bytes() + b" ")
    assert answers(folder, keys) == ([], none)
    path.write_bytes(path.read_bytes().removesuffix(b" "))
    other.rename(folder.parent / "sig")
    other.symlink_to(folder.parent / "sig")
    assert answers(folder, keys) == ([], none)


def test_a_signature_for_another_purpose_does_not_count(folder: Path, keys: Path) -> None:
    """People sign their commits with the same key."""
    path = sign(folder, keys / "key")
    path.with_name("001.json.sig").unlink()
    subprocess.run([find_program("ssh-keygen"), "-q", "-Y", "sign", "-f", str(keys / "key"), "-n", "git", str(path)],
                   check=True, capture_output=True)  # fmt: skip

    assert answers(folder, keys) == ([], [(FIRST, "has no signature of an allowed signer")])


def test_a_key_that_is_allowed_under_several_names_is_told_by_the_first(
    folder: Path, keys: Path, tmp_path: Path
) -> None:
    key = (keys / "key.pub").read_text()
    (tmp_path / "allowed").write_text(f'eve@example,bob@example namespaces="git,dlqkit-evidence" {key}')
    sign(folder, keys / "key")

    held, changes = check_signatures(folder, tmp_path / "allowed")
    assert held == [HOLDS.replace("ann", "eve")]
    assert changes == []


def test_a_folder_without_signatures_says_so(folder: Path, keys: Path) -> None:
    nothing = ([], [("signatures", "holds no signature")])
    assert answers(folder, keys) == nothing
    (folder / "signatures").mkdir()
    assert answers(folder, keys) == nothing
    sign(folder, keys / "key")
    (folder / "signatures").rename(folder.parent / "elsewhere")
    (folder / "signatures").symlink_to(folder.parent / "elsewhere")
    assert answers(folder, keys) == nothing


def test_a_statement_that_is_a_link_is_none(folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    (folder / "signatures" / "002.json").symlink_to(folder / FIRST)
    (folder / "signatures" / "002.json.sig").write_bytes((folder / f"{FIRST}.sig").read_bytes())

    assert answers(folder, keys) == ([HOLDS], [])


@pytest.mark.parametrize("change", [{"audit": {"lines": 1}}, {"audit": None}, {"manifests": 7}, {"manifests": "x"}])
def test_a_signed_statement_of_somebody_else_is_refused(change: dict[str, Any], folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    resign(folder, keys, change)

    with pytest.raises(EvidenceError, match="A statement in signatures is none of dlqkit's"):
        answers(folder, keys)


@pytest.mark.parametrize("text", ["{}", "[]", "{", "1"])
def test_signed_bytes_that_are_no_statement_are_refused(text: str, folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    resign(folder, keys, text=text)

    with pytest.raises(EvidenceError, match="A statement in signatures is none of dlqkit's"):
        answers(folder, keys)


@pytest.mark.parametrize("schema", [0, 2])
def test_a_statement_of_another_dlqkit_is_refused(schema: int, folder: Path, keys: Path) -> None:
    sign(folder, keys / "key")
    resign(folder, keys, {"schema": schema})

    with pytest.raises(EvidenceError, match="The statement is of another dlqkit"):
        answers(folder, keys)


def program(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another ssh-keygen, the only program there is."""
    place.mkdir()
    (place / "ssh-keygen").write_text(f"#!/bin/sh\n{script}\n")
    (place / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(place))


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 1", "it says nothing"), ("echo 'no X' >&2; exit 1", "no X"),
     ("echo first >&2; echo 'second.' >&2; exit 1", "second"),
     ("echo x", "it says nothing"), ("echo '-----BEGIN SSH SIGNATURE-----'; exit 1", "it says nothing"),
     ("printf '\\377\\033[2J' >&2; exit 1", "�⟨001B⟩[2J"), (f"echo {'x' * 300} >&2; exit 1", "x" * 199 + "…")],
)  # fmt: skip
def test_what_ssh_keygen_says_last_is_told_and_nothing_is_written(
    script: str, said: str, folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", monkeypatch, script)

    with pytest.raises(ParameterError) as refused:
        sign(folder, keys / "key")
    assert refused.value.problem == f"ssh-keygen does not sign with key: {said}."
    assert not (folder / "signatures").exists()


def test_a_principal_whose_name_is_no_utf8_is_asked_for_as_it_can_be_shown(
    folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(folder, keys / "key")
    program(tmp_path / "bin", monkeypatch, "printf '\\377\\n'")

    assert answers(folder, keys)[0] == [HOLDS.replace("ann@example", "�")]


def test_a_program_that_finds_principals_and_fails_has_found_none(
    folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(folder, keys / "key")
    program(tmp_path / "bin", monkeypatch, 'echo ann@example; [ "$2" = verify ]')

    assert answers(folder, keys) == ([], [(FIRST, "has no signature of an allowed signer")])


def test_a_hung_agent_is_not_waited_for_for_ever(
    folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signature._TIMEOUT_S == 120
    monkeypatch.setattr(signature, "_TIMEOUT_S", 0.2)
    program(tmp_path / "bin", monkeypatch, "read line; while :; do :; done")

    with pytest.raises(ParameterError, match=r"ssh-keygen gave no answer in 0\.2 s"):
        sign(folder, keys / "key")


def test_a_missing_list_of_signers_is_said(folder: Path, keys: Path) -> None:
    with pytest.raises(ParameterError, match="There is no file"):
        check_signatures(folder, keys)


def test_a_machine_without_ssh_keygen_is_told_so(
    folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ParameterError, match="ssh-keygen is not installed"):
        sign(folder, keys / "key")
