"""``dlqkit triage``: §3–4 of an incident folder on one screen of 80×40."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit.cli.shared import exit_code_of, text_beside_utc, write_json, zone_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["print_triage", "triage"]

WIDTH = 80


def triage_text(facts: Mapping[str, Any], directory: Path, zone: ZoneInfo | None = None) -> str:
    """The screen, at most 80 columns and 40 lines."""
    from dlqkit.decision.advice import advise
    from dlqkit.report.tables import show_summary
    from dlqkit.untrusted import for_terminal

    text = text_beside_utc(show_summary(facts), zone)
    lines = [for_terminal(text.title)[:WIDTH], "─" * WIDTH, text.to_text(WIDTH)]
    signatures = facts["signatures"][:4]
    if len(signatures) > 1:
        lines += ["", "Signatures"]
        for row in signatures:
            label = f"  {row['share']:>4.0%} {row['events']:>7,}  {row['failure_class']:<14} "
            lines.append(label + for_terminal(row["signature"])[: WIDTH - len(label)])
    if facts["assumptions"]:
        lines += ["", "Taken to be so, not given"]
        lines += [f"  {for_terminal(sentence)}"[:WIDTH] for sentence in facts["assumptions"][:4]]
    # The facts name the folder by its last part alone, so that reports are equal; here the command is to be pasted.
    advice = advise(facts, directory=str(directory))
    command = advice[0]["command"] if advice else ""
    lines += ["", f"Snapshot {facts['snapshot']['id']} in {for_terminal(directory)}"]
    lines += [f"Next:  {for_terminal(command or f'dlqkit postmortem {directory}')}"]
    return "\n".join(lines)


def print_triage(facts: Mapping[str, Any], directory: Path, zone: ZoneInfo | None = None) -> None:
    """Print the screen on standard output."""
    typer.echo(triage_text(facts, directory, zone))


def triage(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Incident folder, made by dlqkit collect.")],
    snapshot: Annotated[
        str | None, typer.Option(help="Number of the evidence snapshot; the newest by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 for unverified evidence too.")] = False,
) -> None:
    """Say on one screen what is wrong, since when, how many, why, and what to do. Offline.

    Example: dlqkit triage incidents/2026-11-23-orders-sync
    """
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.facts import facts as compute_facts

    found = compute_facts(open_incident(directory, snapshot=snapshot))
    if as_json:
        write_json(found)
    else:
        print_triage(found, directory, zone_of(context))
    raise typer.Exit(exit_code_of(found["snapshot"]["completeness"], strict=strict))
