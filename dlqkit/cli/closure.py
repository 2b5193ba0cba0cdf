"""``dlqkit closure``: may the incident be closed, by measurement and by people's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dlqkit import language
from dlqkit.cells import cell_width, pad
from dlqkit.cli.completion import one_of
from dlqkit.cli.shared import (
    PARTIAL,
    AsJson,
    Directory,
    Language,
    exit_code_of,
    load,
    refuse_secrets,
    say,
    screen_width,
    speak_for,
    user_name,
    write_json,
)
from dlqkit.errors import DlqkitError, SourceError
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.closure.checklist import Closure
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.settings import Settings

__all__ = ["closure"]

SAYS_NO = 4
# Between two snapshots of --watch; a worker is scraped every 15 to 60 s, and an API has its own limits.
WATCH_S = 60.0
_MARKS = {
    "yes": language.mark("yes"),
    "no": language.mark("NO"),
    "unknown": language.mark("not known"),
    "person": language.mark("ask"),
    "accepted": language.mark("accepted"),
}
# Columns of a mark and the space after it.
_MARK_WIDTH = 10
_VERDICTS = {
    "closable": language.mark("closable"),
    "not closable": language.mark("not closable"),
    "unknown": language.mark("unknown"),
}
_ENDED = {
    "holds": language.mark("What is measured holds."),
    "regression": language.mark("Events have died again since the look before."),
    "timeout": language.mark("The time of --watch is up."),
}


def closure(
    context: typer.Context,
    directory: Directory,
    refresh: Annotated[bool, typer.Option(help="Take a new snapshot first; --no-refresh: the newest as it is.")] = True,
    confirmed_by: Annotated[str | None, typer.Option(help="Who of the client or owner says that it works.")] = None,
    how: Annotated[str, typer.Option(help="How they said it: by phone, in the ticket.")] = "",
    attached: Annotated[str | None, typer.Option(help="Record the ticket that has the post-mortem by hand.")] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            help="Answer for an item that does not hold; with --reason.",
            autocompletion=one_of("metrics", "records", "confirmation", "ticket", "republish"),
        ),
    ] = None,
    closed: Annotated[str | None, typer.Option(help="Record that this ticket was closed.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; the user of this machine by default.")] = None,
    reason: Annotated[str, typer.Option(help="Why the item is accepted.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again until it holds or gets worse.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks of --watch, 10 to 3600.")] = WATCH_S,
    timeout: Annotated[float, typer.Option(help="Seconds after which --watch gives up.")] = 3600.0,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the incident may be closed: the counter, the records, people's word; exits with 4 if not.

    Items for --accept: metrics, records, confirmation, ticket, republish.
    Example: dlqkit closure incidents/orders --confirmed-by "Olga, payments" --how "in the ticket"
    """
    settings = load(context, need="source" if refresh else None)
    refuse_secrets(context, settings, asking=refresh)
    speak_for(context, lang, settings)
    if watch and not refresh:
        _refuse("--watch looks at new evidence each time.", "Leave --no-refresh out.")
    if not refresh:
        # What is missing is no folder that can be opened, and is to be said in these words.
        _refuse_changed(directory.resolve())
    folder = _look(directory, settings, refresh=refresh)
    if refresh:
        _refuse_changed(folder.path)
    said = _Said(confirmed_by, how, attached, accept, closed, user_name(by), reason)
    facts = _keep(folder, said)
    watched: dict[str, Any] | None = None
    if watch:
        folder, facts, watched = _watch(folder, facts, settings, interval, timeout)
    told = facts["closure"]
    age_s = (datetime.now(UTC) - datetime.fromisoformat(facts["as_of"])).total_seconds()
    if as_json:
        write_json({"snapshot": folder.snapshot, "completeness": folder.completeness, "as_of": facts["as_of"],
                    "workflow": facts["workflow"],
                    "age_s": round(age_s), "watched": watched, **told})  # fmt: skip
    else:
        _tell(directory, folder, facts, age_s, watched)
    raise typer.Exit(_code(told, folder.completeness))


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said on the command line."""

    confirmed_by: str | None
    how: str
    attached: str | None
    accept: str | None
    closed: str | None
    by: str
    reason: str


def _refuse(problem: str, step: str) -> NoReturn:
    from dlqkit.errors import ParameterError

    raise ParameterError(problem, step)


def _refuse_changed(folder: Path) -> None:
    """Evidence that is not as it was collected proves nothing."""
    from dlqkit.errors import EvidenceError
    from dlqkit.evidence.manifest import verify

    changes = verify(folder)
    if changes:
        raise EvidenceError(
            f"The evidence was changed since it was collected: {changes[0].path} {changes[0].what}.",
            _here("See all of it: dlqkit verify DIR", folder),
        )


def _look(directory: Path, settings: Settings, *, refresh: bool) -> IncidentFolder:
    from dlqkit.cli.republish_live import take_snapshot
    from dlqkit.evidence.folder import open_incident

    return take_snapshot(directory, settings) if refresh else open_incident(directory)


def _facts(folder: IncidentFolder) -> dict[str, Any]:
    from dlqkit.report.facts import facts

    return facts(folder)


def _keep(folder: IncidentFolder, said: _Said) -> dict[str, Any]:
    """Keep what is said in judgement.yaml; the facts with it."""
    from dlqkit.closure.checklist import ITEMS
    from dlqkit.closure.word import Acceptance, Attachment, Closing, Confirmation, add_word

    now, facts = datetime.now(UTC).isoformat(timespec="seconds"), _facts(folder)
    workflow_id = facts["workflow"]["id"]
    if said.confirmed_by is not None:
        add_word(folder.path, Confirmation(said.confirmed_by, said.how, now), workflow_id)
    if said.attached is not None:
        add_word(folder.path, Attachment(said.by, said.attached, now), workflow_id)
    if said.accept is not None:
        if said.accept not in ITEMS:
            _refuse(f"There is no item {said.accept[:20]!r}.", f"There are: {', '.join(ITEMS)}.")
        item = next((one for one in facts["closure"]["items"] if one["name"] == said.accept), None)
        if item is None or item["state"] == "yes":
            _refuse(f"The item {said.accept} holds, or is not looked at.", "There is nothing to accept.")
        add_word(
            folder.path,
            Acceptance(said.accept, item["state"], said.by, said.reason, now, facts["as_of"], item["count"]),
            workflow_id,
        )
    if said.confirmed_by is not None or said.attached is not None or said.accept is not None:
        facts = _facts(folder)
    if said.closed is not None:
        verdict = facts["closure"]["verdict"]
        if verdict != "closable":
            step = "Answer for an item by --accept, or see all of it: dlqkit closure DIR --no-refresh"
            _refuse(f"The incident is {verdict}; it was not recorded as closed.", _here(step, folder.path))
        add_word(folder.path, Closing(said.by, said.closed, now, facts["as_of"]), workflow_id)
        facts = _facts(folder)
    return facts


def _watch(
    folder: IncidentFolder, facts: dict[str, Any], settings: Settings, interval_s: float, timeout_s: float
) -> tuple[IncidentFolder, dict[str, Any], dict[str, Any]]:
    """Look again until it holds or gets worse; the evidence that was just taken is the first look."""
    from dlqkit.closure.watching import LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S, watch
    from dlqkit.report.closure_check import to_closure

    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S or not timeout_s > 0:
        step = f"Give --interval from {SHORTEST_INTERVAL_S:.0f} to {LONGEST_INTERVAL_S:.0f}, and --timeout above 0."
        _refuse("--watch cannot look at these times.", step)
    known = [(folder, facts)]

    def look() -> Closure:
        if len(looked) > 0:
            fresh = _look(folder.path, settings, refresh=True)
            known.append((fresh, _facts(fresh)))
        looked.append(len(known))
        return to_closure(known[-1][1])

    def tell(found: Closure | SourceError) -> None:
        at = language.clock(datetime.now(UTC))
        if isinstance(found, DlqkitError):
            text = language.say(
                "{at} UTC: {problem} Looking again in {seconds:d} s.",
                at=at, problem=found.problem, seconds=round(interval_s),
            )  # fmt: skip
        else:
            verdict = language.say(_VERDICTS[found.verdict])
            text = language.say(
                "{at} UTC, snapshot {snapshot}: {verdict}.", at=at, snapshot=known[-1][0].snapshot, verdict=verdict
            )
            left = next((one.why for one in found.items if one.state != "yes" and one.accepted is None), "")
            text = f"{text} {left}"
        say(text)

    looked: list[int] = []
    done = watch(look, interval_s=interval_s, timeout_s=timeout_s, on_look=tell)
    return (*known[-1], {"ended": done.ended, "looks": done.looks, "failed": done.failed})


def _code(told: dict[str, Any], completeness: str) -> int:
    if told["came_back"] and told["came_back"]["state"] in {"same", "other"}:
        return SAYS_NO
    if told["verdict"] == "not closable":
        return SAYS_NO
    return PARTIAL if told["verdict"] == "unknown" else exit_code_of(completeness)


def _tell(
    directory: Path, folder: IncidentFolder, facts: dict[str, Any], age_s: float, watched: dict[str, Any] | None
) -> None:
    from dlqkit.report.closing_tables import counts_line, return_text, state_word
    from dlqkit.report.terms import term
    from dlqkit.report.wording import counted_sources, duration_text, moment_text, workflow_text

    told = facts["closure"]
    age = duration_text(age_s)
    verdict = _VERDICTS[told["verdict"]]
    verdict = language.say(verdict).upper()
    head = language.say(
        "{verdict} by snapshot {snapshot}, as of {as_of}, {age} ago",
        verdict=verdict, snapshot=folder.snapshot, as_of=moment_text(facts["as_of"]), age=age,
    )  # fmt: skip
    lines = for_terminal_lines(head, screen_width())
    lines.append(for_terminal(language.say("Workflow: {workflow}", workflow=workflow_text(facts))))
    ended = "" if watched is None else _ENDED[watched["ended"]]
    lines += [language.say(ended)] if ended else []
    lacking = [term(row["kind"]) for row in counted_sources(facts) if row["completeness"] != "complete"]
    if lacking:
        whole = language.say("Not whole: {sources}.", sources=", ".join(dict.fromkeys(lacking)))
        lines += for_terminal_lines(whole, screen_width())
    since, basis = moment_text(told["since"]["at"]), told["since"]["basis"]
    looked = language.say("Looked at since {since}: {basis}.", since=since, basis=basis)
    lines += for_terminal_lines(looked, screen_width())
    marks = {name: language.say(word) for name, word in _MARKS.items()}
    size = max(_MARK_WIDTH, *(cell_width(word) + 1 for word in marks.values()))
    for one in told["items"]:
        mark = marks["accepted" if one["accepted"] else one["state"]]
        first, *rest = for_terminal_lines(one["text"], screen_width() - size)
        lines += ["", pad(mark, size) + first, *(" " * size + line for line in rest)]
        lines += [" " * size + line for line in for_terminal_lines(_here(one["why"], directory), screen_width() - size)]
        word = state_word(one)
        lines += [" " * size + line for line in for_terminal_lines(word, screen_width() - size)] if word else []
    counts = counts_line(facts)
    lines += ["", *for_terminal_lines(counts, screen_width())] if counts else []
    if told["came_back"]:
        lines += ["", *for_terminal_lines(return_text(facts), screen_width())]
    elif told["verdict"] == "closable":
        step = language.say("Close the ticket, then record it: dlqkit closure DIR --closed TICKET")
        lines += ["", for_terminal(_here(step, directory))]
    typer.echo("\n".join(lines))


def _here(text: str, directory: Path) -> str:
    from dlqkit.republish.next_steps import here

    return here(text, directory)
