"""``dlqkit republish run``, ``status``, ``resolve`` and ``prove``: send an approved plan, and see what became of it."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit.cells import label_id
from dlqkit.cli.completion import plans
from dlqkit.cli.republish_approval import Directory
from dlqkit.cli.republish_live import (
    VERIFICATION,
    execute_plan,
    find_refusal,
    release_cancelled,
    release_settled,
    settle_by_looking,
    take_snapshot,
)
from dlqkit.cli.shared import PARTIAL, AsJson, PlanName, load, refuse_secrets, screen_width, user_name, write_json
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.proof import Proof
    from dlqkit.republish.run import Run

__all__ = ["prove", "resolve", "run", "status"]

# Of a list on the screen; --json has all.
ROWS = 10
INTERRUPTED, SAYS_NO = 130, 4


def run(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    execute: Annotated[bool, typer.Option("--execute", help="Send. Without it nothing is sent or opened.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an approved plan: one event, then more, each step judged by what became of the one before.

    Ctrl-C ends it after what is in flight; the same command goes on. Example: dlqkit republish run
    incidents/orders plan-001 --execute
    """
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.run import run_republish

    settings = load(context)
    plan = read_plan(directory, plan_id)
    if not execute:
        done = run_republish(directory, plan)
        refused = None if done.approved_by is None else find_refusal(directory, plan, settings)
        if refused is not None:
            done = replace(done, sentence=f"{done.sentence} {refused.problem}", next_step=refused.next_step)
        _tell_run(plan, done, as_json=as_json)
        raise typer.Exit(0 if refused is None else SAYS_NO)
    with _stoppable() as stopped:
        done = execute_plan(directory, plan, settings, stopped=stopped)
    _tell_run(plan, done, as_json=as_json)
    if done.reason:
        raise typer.Exit(INTERRUPTED if done.reason == "asked" and stopped.is_set() else SAYS_NO)
    raise typer.Exit(PARTIAL if done.states.get("in_doubt") else 0)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a second one interrupts as usual."""
    stopped = threading.Event()
    known = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # What was started not to hear a signal, in the background of a script, does not.
    before = {number: handler for number, handler in known.items() if handler is not signal.SIG_IGN}

    def stop(number: int, _: object) -> None:
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])
        print("Ending after what is in flight …", file=sys.stderr)  # noqa: T201

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_run(plan: Plan, done: Run, *, as_json: bool) -> None:
    if as_json:
        write_json({**asdict(done), "target": plan.target.address, "hash": plan.hash})
        return
    from dlqkit.republish.words import events_of, exact

    count = f"{plan.plan_id}: {events_of(len(plan.events))} to {plan.target.address}"
    lines = [*for_terminal_lines(count, screen_width()), f"Hash {plan.hash}"]
    if done.approved_by is not None:
        lines += for_terminal_lines(f"Approved by {done.approved_by}", screen_width())
    if done.run_id is None:
        steps = f"Steps {', '.join(f'{size:,}' for size in plan.steps)}"
        lines += for_terminal_lines(f"{steps}; at most {exact(plan.max_rate)} events a second", screen_width())
    lines += [
        line
        for step in done.steps
        for line in for_terminal_lines(f"{step.place}: {step.judgement.sentence}", screen_width())
    ]
    stopped = f"Stopped, {done.reason.replace('_', ' ')}: " if done.reason else ""
    lines += for_terminal_lines(stopped + done.sentence, screen_width())
    lines += for_terminal_lines(f"Journal: {_counts(done.states)}", screen_width())
    # A command is not wrapped: it is to be copied.
    lines += [for_terminal(f"Next: {done.next_step}")]
    typer.echo("\n".join(lines))


def _counts(states: Any) -> str:
    parts = [f"{count:,} {str(state).replace('_', ' ')}" for state, count in sorted(dict(states).items()) if count]
    return ", ".join(parts) or "nothing"


def status(
    directory: Directory,
    plan_id: Annotated[
        str | None, typer.Argument(metavar="PLAN", help="One plan; all by default.", autocompletion=plans)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show each plan: approved or not, how many events in which state of the journal, how its last run ended. Offline.

    Also while a run goes on. Example: dlqkit republish status incidents/orders
    """
    from dlqkit.republish.next_steps import here
    from dlqkit.republish.status import find_status
    from dlqkit.republish.words import events_of

    found = find_status(directory, plan_id)
    if as_json:
        write_json({"plans": [asdict(one) for one in found]})
        return
    if not found:
        step = here("Make one: dlqkit republish plan DIR --class infrastructure", directory)
        typer.echo(f"There is no plan yet.\n{for_terminal(step)}")
        return
    lines: list[str] = []
    for one in found:
        lines += [f"{one.plan_id}: {events_of(one.events)}, {one.left_out:,} left out"]
        lines += [f"  {line}" for line in for_terminal_lines(one.approval, screen_width() - 2)]
        lines += [f"  {line}" for line in for_terminal_lines(f"Journal: {_counts(one.states)}", screen_width() - 2)]
        if one.in_doubt:
            items = ", ".join(map(str, one.in_doubt[:ROWS])) + (" …" if len(one.in_doubt) > ROWS else "")
            lines += [f"  {line}" for line in for_terminal_lines(f"In doubt: items {items}", screen_width() - 2)]
        if one.last_run:
            lines += [f"  {line}" for line in for_terminal_lines(f"Last run: {one.last_run}", screen_width() - 2)]
    typer.echo("\n".join(lines))


def resolve(
    context: typer.Context,
    directory: Directory,
    plan_id: Annotated[
        str | None,
        typer.Argument(metavar="PLAN", help="Such as plan-001; not needed to adopt.", autocompletion=plans),
    ] = None,
    item: Annotated[list[int] | None, typer.Option(help="Item of the plan that you settle; several allowed.")] = None,
    sent: Annotated[bool, typer.Option("--sent", help="It arrived: you know it.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It did not arrive: you know it.")] = False,
    send_again: Annotated[bool, typer.Option("--send-again", help="Plan it once more; with --not-sent only.")] = False,
    adopt_file: Annotated[
        bool, typer.Option("--adopt", help="Go on with a copied or older journal; what may have been sent is in doubt.")
    ] = False,
    reason: Annotated[str, typer.Option(help="How you know.")] = "",
    by: Annotated[str | None, typer.Option(help="Who; the user of this machine by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Settle events in doubt: by the execution records, by the verification subscription, or by your word.

    What is not seen stays in doubt. Example: dlqkit republish resolve incidents/orders plan-001
    --item 3 --not-sent --send-again --reason "the broker's log has no such key"
    """
    from dlqkit.errors import ParameterError
    from dlqkit.republish.adoption import adopt
    from dlqkit.republish.journal import open_journal
    from dlqkit.republish.next_steps import REASON, here
    from dlqkit.republish.plan import read_plan
    from dlqkit.republish.plan_decisions import read_cancellation
    from dlqkit.republish.resolution import resolve_by_word
    from dlqkit.republish.verification import LEASE_S

    settings, who = load(context), user_name(by)
    refuse_secrets(context, settings)
    if adopt_file:
        doubted = adopt(directory, by=who, reason=reason)
        typer.echo(f"The journal is adopted; {doubted:,} events are in doubt by it.", err=as_json)
        if plan_id is None:
            raise typer.Exit(PARTIAL if doubted else 0)
    if plan_id is None:
        raise ParameterError("It is not said whose events are settled.", "Name the plan, such as plan-001.")
    plan = read_plan(directory, plan_id)
    if bool(item) != (sent or not_sent) or (sent and not_sent) or (send_again and not not_sent):
        raise ParameterError(
            "It is not clear what is settled how.", "Give --item N with --sent or --not-sent, or none of these."
        )
    settled: dict[str, int] = {}
    is_cancelled = read_cancellation(directory, plan_id) is not None
    with open_journal(directory) as journal:
        journal.doubt_interrupted()
        # Of one that was given up before it was run nothing is to be sent, and its events may be another plan's.
        if not is_cancelled:
            journal.add_plan(plan)
        if item:
            settled["word"] = resolve_by_word(
                journal, plan_id, item, was_sent=sent, by=who, reason=reason, send_again=send_again
            )
        else:
            settled |= settle_by_looking(directory, plan, settings, journal, who)
        states = journal.states(plan_id)
    left = sorted(number for number, state in states.items() if state == "in_doubt")
    if is_cancelled:
        release_cancelled(directory, plan, settings, states)
    if as_json:
        write_json({"plan": plan_id, "settled": settled, "in_doubt": left})
    else:
        ways = ", ".join(f"{count:,} by {way}" for way, count in settled.items()) or "nothing"
        typer.echo(f"Settled: {ways}. In doubt: {len(left):,}.")
        if left:
            items = f"Items {', '.join(map(str, left[:ROWS]))}{' …' if len(left) > ROWS else ''} were not seen."
            typer.echo("\n".join(for_terminal_lines(items, screen_width())))
            if VERIFICATION in settled:
                typer.echo(
                    f"A reading that was killed hides what it held for {LEASE_S} s;\nif one was, look again then."
                )
            typer.echo("That does not say that they were not sent. If you know it of one, say so:")
            for said in (
                f"It arrived: dlqkit republish resolve DIR PLAN --item {left[0]} --sent {REASON}",
                f"It did not: dlqkit republish resolve DIR PLAN --item {left[0]} --not-sent {REASON}",
            ):
                typer.echo(for_terminal(here(said, directory, plan_id)))
    raise typer.Exit(PARTIAL if left else 0)


def prove(
    context: typer.Context,
    directory: Directory,
    plan_id: PlanName,
    refresh: Annotated[bool, typer.Option(help="Take a new snapshot first; --no-refresh: the newest as it is.")] = True,
    as_json: AsJson = False,
) -> None:
    """Show what became of each planned event, with totals that balance; exits with 4 unless all of them passed.

    Example: dlqkit republish prove incidents/orders plan-001
    """
    from dlqkit.republish.incident_proof import prove_incident
    from dlqkit.republish.plan import read_plan

    settings = load(context, need="source" if refresh else None)
    plan = read_plan(directory, plan_id)
    folder = take_snapshot(directory, settings, plan.events[0].workflow_id) if refresh else _newest(directory)
    proof = prove_incident(folder, plan)
    release_settled(directory, plan, settings, proof)
    if as_json:
        rows = json.loads(proof.events.to_json(orient="records", date_format="iso", date_unit="us"))
        write_json({"plan": plan_id, "hash": plan.hash, "snapshot": folder.snapshot, "as_of": proof.as_of,
                    "totals": proof.totals, "planned": proof.planned, "left_out": proof.left_out,
                    "balances": proof.balances, "gaps": list(proof.gaps), "events": rows})  # fmt: skip
    else:
        _tell_proof(proof, folder.snapshot)
    raise typer.Exit(0 if proof.has_all_passed else SAYS_NO)


def _newest(directory: Path) -> IncidentFolder:
    from datetime import UTC, datetime

    from dlqkit.evidence.folder import open_incident

    folder = open_incident(directory)
    age_min = (datetime.now(UTC) - folder.collected_at).total_seconds() / 60
    typer.echo(f"Snapshot {folder.snapshot} is {age_min:,.0f} min old.", err=True)
    return folder


def _tell_proof(proof: Proof, snapshot: str) -> None:
    lines = [f"{proof.plan_id} by snapshot {snapshot}, as of {proof.as_of:%Y-%m-%d %H:%M:%S} UTC"]
    lines += for_terminal_lines(proof.sentence + ("" if proof.balances else "; these do not balance"), screen_width())
    by = proof.events.loc[proof.events["matched_by"].notna(), "matched_by"].value_counts()
    lines += [f"Recognised by {way}: {count:,}" for way, count in by.items()]
    others = proof.events[proof.events["fate"].astype("str") != "passed"]
    for row in others.head(ROWS).to_dict("records"):
        fate = f"  item {row['item']:>4}  {str(row['fate']).replace('_', ' '):<14}"
        lines += label_id(fate, for_terminal(row["trace_id"]), screen_width())
    if len(others) > ROWS:
        lines += [f"  … and {len(others) - ROWS:,} more; --json shows all"]
    lines += [part for sentence in proof.gaps for part in for_terminal_lines(f"Missing: {sentence}", screen_width())]
    typer.echo("\n".join(lines))
