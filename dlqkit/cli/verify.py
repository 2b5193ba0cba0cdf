"""``dlqkit verify``: whether any byte of the evidence, the plans or the journal changed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlqkit.cli.shared import AsJson, Directory, write_json
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from dlqkit.evidence.audit_log import Chain, Head
    from dlqkit.evidence.extra import Extra
    from dlqkit.evidence.manifest import Change

__all__ = ["verify"]


def verify(
    directory: Directory,
    head: Annotated[
        str | None, typer.Option(metavar="LINES:SHA256", help="Head of audit.jsonl that an earlier verify printed.")
    ] = None,
    sign_with: Annotated[
        Path | None, typer.Option(metavar="KEY", help="SSH key to sign with, if nothing changed; needs ssh-keygen.")
    ] = None,
    allowed_signers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="OpenSSH's file of those whose signature must be there; needs ssh-keygen."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every byte of the evidence, plans and journal with what was written. Exit code 4 if anything changed.

    Files in the folder that are not dlqkit's are named. Offline.

    Example: dlqkit verify incidents/orders
    """
    from dlqkit.evidence.audit_log import check_chain
    from dlqkit.evidence.extra import find_extra
    from dlqkit.evidence.folder import read_question
    from dlqkit.evidence.manifest import find_snapshots
    from dlqkit.evidence.manifest import verify as find_changes
    from dlqkit.evidence.signature import check_signatures, sign
    from dlqkit.republish.tampering import verify_republish

    read_question(directory, allow_links=True)
    if not find_snapshots(directory):
        raise EvidenceError(f"{directory} holds no finished snapshot.", f"Finish it: dlqkit collect {directory}")
    known = None if head is None else _read_head(head)
    changes = list(dict.fromkeys((*find_changes(directory), *verify_republish(directory))))
    changes += _behind(check_chain(directory), known)
    signatures: list[str] = []
    if sign_with is not None:
        if changes:
            raise EvidenceError(
                f"Nothing is signed: {changes[0].path} {changes[0].what}.",
                "Run dlqkit verify without --sign-with to see all of it.",
            )
        path = sign(directory, sign_with)
        signatures.append(f"{path.relative_to(directory).as_posix()} was signed with {sign_with.name}")
    if allowed_signers is not None:
        held, wrong = check_signatures(directory, allowed_signers)
        signatures += held
        changes += wrong
    chain, extra = check_chain(directory), find_extra(directory)
    if as_json:
        write_json({"directory": str(directory), "changes": [asdict(one) for one in changes],
                    "extra": [asdict(one) for one in extra], "notes": list(chain.notes), "signatures": signatures,
                    "head": str(chain.head)})  # fmt: skip
    else:
        _print(directory, changes, extra, (*chain.notes, *signatures), chain.head)
    raise typer.Exit(EvidenceError.exit_code if changes else 0)


def _read_head(text: str) -> Head:
    from dlqkit.evidence.audit_log import Head

    lines, _, sha256 = text.strip().partition(":")
    if not (lines.isascii() and lines.isdigit() and len(sha256) == 64):
        raise ParameterError(f"{text[:80]!r} is no head.", "Give it as an earlier dlqkit verify printed it.")
    return Head(int(lines), sha256.lower())


def _behind(chain: Chain, known: Head | None) -> list[Change]:
    from dlqkit.evidence.audit_log import NAME
    from dlqkit.evidence.manifest import Change

    if known is None or chain.holds(known):
        return []
    return [Change(NAME, f"does not go on from the head {known.lines}:{known.sha256[:12]}…")]


def _print(
    directory: Path, changes: list[Change], extra: tuple[Extra, ...], notes: tuple[str, ...], head: Head
) -> None:
    for change in changes:
        typer.echo(for_terminal(f"{change.path}: {change.what}"))
    if not changes:
        typer.echo(f"Nothing changed: the evidence in {for_terminal(directory)} is as it was collected.")
    if extra:
        typer.echo("Not dlqkit's; it neither reads nor runs them:")
        for one in extra:
            typer.echo(for_terminal(f"  {one.path}: {one.what}"))
    for note in notes:
        typer.echo(for_terminal(note if note.endswith(".") else f"{note}."))
    typer.echo(f"The head of audit.jsonl, to be noted elsewhere: {head}")
