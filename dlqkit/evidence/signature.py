"""A signature over the evidence by a person's own SSH key: it shows what the folder alone cannot."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.manifest import NAME as MANIFEST
from dlqkit.evidence.manifest import Change, find_snapshots
from dlqkit.evidence.store import file_hash, make_folder, read_bounded, text_hash, write_bytes
from dlqkit.untrusted import for_terminal, shorten

__all__ = ["FOLDER", "NAMESPACE", "check_signatures", "sign"]

FOLDER, NAMESPACE = "signatures", "dlqkit-evidence"
SCHEMA = 1
# A key with a passphrase may wait for a person; a hung agent must not wait for ever.
_TIMEOUT_S = 120
_NAME = re.compile(r"[0-9]{3,}\.json")


def sign(directory: Path, key: Path) -> Path:
    """Sign what the folder holds now: the head of the audit log and the hash of every manifest.

    Parameters
    ----------
    directory : Path
        An incident folder in which nothing was changed; ask ``manifest.verify`` first.
    key : Path
        A private SSH key, or a public one whose private half the agent has.

    Returns
    -------
    Path
        The statement, ``signatures/001.json``; its signature is beside it, with ``.sig`` added.

    Raises
    ------
    ParameterError
        If ssh-keygen is missing or does not sign with this key.
    StorageError
        If it cannot be written.
    """
    folder = directory / FOLDER
    statement = json.dumps(_statement(directory), ensure_ascii=True, sort_keys=True, indent=1).encode() + b"\n"
    done = _ssh_keygen(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], statement)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise ParameterError(
            f"ssh-keygen does not sign with {key.name}: {_last_line(done.stderr)}.",
            "Give a private key that it can read, or a public key whose private half is in the agent.",
        )
    make_folder(folder)
    number = max((int(path.name.partition(".")[0]) for path in _statements(directory)), default=0) + 1
    path = folder / f"{number:03d}.json"
    signature = path.with_name(f"{path.name}.sig")
    write_bytes(path, statement)
    write_bytes(signature, done.stdout)
    audit_log.append(
        directory, "evidence signed", key=key.name,
        wrote=audit_log.hash_of(directory, path) | audit_log.hash_of(directory, signature),
    )  # fmt: skip
    return path


def check_signatures(directory: Path, allowed: Path) -> tuple[list[str], list[Change]]:
    """Who signed what the folder holds, by an allowed-signers file of OpenSSH.

    Parameters
    ----------
    directory, allowed : Path
        The incident folder, and the file of the people whose signatures count (``man ssh-keygen``, "ALLOWED SIGNERS"):
        it must come from elsewhere than the folder.

    Returns
    -------
    (list of str, list of Change)
        One sentence for each signature that holds, and what does not. That no signature is there is a change, since
        whoever takes one away would otherwise go unseen.

    Raises
    ------
    ParameterError
        If ssh-keygen or the file is missing.
    """
    if not allowed.is_file():
        raise ParameterError(f"There is no file {allowed}.", "Name OpenSSH's file of allowed signers.")
    held, changes = [], []
    statements = _statements(directory)
    for path in statements:
        name = path.relative_to(directory).as_posix()
        signature = path.with_name(f"{path.name}.sig")
        content = read_bounded(path)
        who = _signer(content, signature, allowed) if signature.is_file() and not signature.is_symlink() else None
        if who is None:
            changes.append(Change(name, "has no signature of an allowed signer"))
            continue
        wrong = _find_wrong(directory, content)
        changes += [Change(place, f"{what} since {who} signed it") for place, what in wrong]
        if not wrong:
            held.append(f"{name} is signed by {who}, and what it says of the evidence holds")
    if not statements:
        changes.append(Change(FOLDER, "holds no signature"))
    return held, changes


def _statements(directory: Path) -> list[Path]:
    folder = directory / FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink())


def _statement(directory: Path) -> dict[str, Any]:
    head = audit_log.check_chain(directory).head
    manifests = {name: file_hash(directory / "evidence" / name / MANIFEST) for name in find_snapshots(directory)}
    return {
        "schema": SCHEMA,
        "signed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "audit": {"lines": head.lines, "sha256": head.sha256},
        "manifests": manifests,
    }


def _signer(content: bytes, signature: Path, allowed: Path) -> str | None:
    found = _ssh_keygen(["-Y", "find-principals", "-s", str(signature), "-f", str(allowed)], b"")
    names = found.stdout.decode("utf-8", "replace").splitlines() if found.returncode == 0 else []
    for name in names:
        done = _ssh_keygen(
            ["-Y", "verify", "-f", str(allowed), "-I", name, "-n", NAMESPACE, "-s", str(signature)], content
        )
        if done.returncode == 0:
            return name
    return None


def _find_wrong(directory: Path, content: bytes) -> list[tuple[str, str]]:
    """What a statement that was truly signed says and the folder does not."""
    try:
        values = json.loads(content)
        if values["schema"] != SCHEMA:
            raise EvidenceError("The statement is of another dlqkit.", "Install that version.")
        head = audit_log.Head(values["audit"]["lines"], values["audit"]["sha256"])
        manifests = dict(values["manifests"])
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError("A statement in signatures is none of dlqkit's.", "Ask whoever signed it.") from error
    wrong = []
    if not audit_log.check_chain(directory).holds(head):
        wrong.append((audit_log.NAME, "was changed or cut"))
    for name, sha256 in sorted(manifests.items()):
        path = directory / "evidence" / name / MANIFEST
        if not path.is_file() or text_hash(path) != sha256:
            wrong.append((f"evidence/{name}/{MANIFEST}", "was changed or removed"))
    return wrong


def _ssh_keygen(arguments: Sequence[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ParameterError(
            "ssh-keygen is not installed, and signatures need it.",
            "Install OpenSSH's client (Debian: openssh-client), or verify without signatures.",
        )
    try:
        return subprocess.run([program, *arguments], input=content, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ParameterError(
            f"ssh-keygen gave no answer in {_TIMEOUT_S} s.", "Unlock the key, for example by ssh-add, and try again."
        ) from error


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return for_terminal(shorten(lines[-1], 200)).rstrip(".") if lines else "it says nothing"
