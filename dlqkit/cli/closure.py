"""``dlqkit closure``: may the incident be closed, by measurement and by people's word."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit.cli.shared import PARTIAL, load, say, write_json
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.settings import Settings

__all__ = ["closure"]

WIDTH = 80
SAYS_NO = 4
# Between two snapshots of --watch; a worker is scraped every 15 to 60 s, and an API has its own limits.
WATCH_S = 60.0
_MARKS = {"yes": "yes", "no": "NO", "unknown": "not known", "person": "ask"}


def closure(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Incident folder.")],
    refresh: Annotated[bool, typer.Option(help="Take a new snapshot first; --no-refresh: the newest as it is.")] = True,
    confirmed_by: Annotated[str | None, typer.Option(help="Who of the client or owner says that it works.")] = None,
    how: Annotated[str, typer.Option(help="How they said it: by phone, in the ticket.")] = "",
    accept: Annotated[str | None, typer.Option(help="Answer for an item that does not hold; with --reason.")] = None,
    closed: Annotated[str | None, typer.Option(help="Record that this ticket was closed.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; the user of this machine by default.")] = None,
    reason: Annotated[str, typer.Option(help="Why the item is accepted.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again until it holds or gets worse.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks of --watch.")] = WATCH_S,
    timeout: Annotated[float, typer.Option(help="Seconds after which --watch gives up.")] = 3600.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say whether the incident may be closed: the counter, the records, people's word; exits with 4 if not.

    Items for --accept: metrics, records, confirmation, ticket, republish.
    Example: dlqkit closure incidents/orders --confirmed-by "Olga, payments" --how "in the ticket"
    """
    settings = load(context, need="source" if refresh else None)
    if watch and not refresh:
        _refuse("--watch looks at new evidence each time.", "Leave --no-refresh out.")
    if interval < 1 or timeout <= 0:
        _refuse("The times of --watch are none.", "Give --interval of a second or more, and --timeout above 0.")
    end, first = time.monotonic() + timeout, True
    while True:
        folder = _look(directory, settings, refresh=refresh)
        if first:
            _keep(folder, confirmed_by=confirmed_by, how=how, accept=accept, closed=closed, by=by, reason=reason)
        facts = _facts(folder)
        told, found = facts["closure"], _worse(facts, first=first)
        if not watch or told["verdict"] == "closable" or found or time.monotonic() + interval > end:
            break
        say(f"{datetime.now(UTC):%H:%M:%S} UTC, snapshot {folder.snapshot}: {told['verdict']}. {_first_measured(told)}")
        time.sleep(interval)
        first = False
    if as_json:
        write_json({"snapshot": folder.snapshot, "as_of": facts["as_of"], **told})
    else:
        _tell(directory, folder, facts)
    raise typer.Exit(_code(told))


def _refuse(problem: str, step: str) -> None:
    from dlqkit.errors import ParameterError

    raise ParameterError(problem, step)


def _look(directory: Path, settings: Settings, *, refresh: bool) -> IncidentFolder:
    from dlqkit.cli.republish_live import take_snapshot
    from dlqkit.evidence.folder import open_incident

    if refresh:
        return take_snapshot(directory, settings)
    folder = open_incident(directory)
    age_min = (datetime.now(UTC) - folder.collected_at).total_seconds() / 60
    say(f"Snapshot {folder.snapshot} is {age_min:,.0f} min old.")
    return folder


def _facts(folder: IncidentFolder) -> dict[str, Any]:
    from dlqkit.report.facts import facts

    return facts(folder)


def _keep(
    folder: IncidentFolder,
    *,
    confirmed_by: str | None,
    how: str,
    accept: str | None,
    closed: str | None,
    by: str | None,
    reason: str,
) -> None:
    """What is said on the command line, kept in judgement.yaml."""
    from dlqkit.closure.checklist import ITEMS
    from dlqkit.closure.word import Acceptance, Closing, Confirmation, add_word

    who, now = by if by is not None else getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds")
    if confirmed_by is not None:
        add_word(folder.path, Confirmation(confirmed_by, how, now))
    if accept is not None:
        if accept not in ITEMS:
            _refuse(f"There is no item {accept[:20]!r}.", f"There are: {', '.join(ITEMS)}.")
        state = next((one["state"] for one in _facts(folder)["closure"]["items"] if one["name"] == accept), None)
        if state in {None, "yes"}:
            _refuse(f"The item {accept} holds, or is not looked at.", "There is nothing to accept.")
        add_word(folder.path, Acceptance(accept, str(state), who, reason, now))
    if closed is not None:
        verdict = _facts(folder)["closure"]
        if verdict["verdict"] != "closable":
            step = "Answer for an item by --accept, or see all of it: dlqkit closure DIR --no-refresh"
            _refuse(f"The incident is {verdict['verdict']}; it was not recorded as closed.", _here(step, folder.path))
        add_word(folder.path, Closing(who, closed, now))


def _worse(facts: dict[str, Any], *, first: bool) -> bool:
    """Whether events have died since the last look."""
    return not first and any(one["state"] == "no" for one in facts["closure"]["items"][:2])


def _first_measured(told: dict[str, Any]) -> str:
    return next((one["why"] for one in told["items"][:2] if one["state"] != "yes"), "The rest needs people.")


def _code(told: dict[str, Any]) -> int:
    if told["came_back"]:
        return SAYS_NO
    return {"closable": 0, "not closable": SAYS_NO}.get(told["verdict"], PARTIAL)


def _tell(directory: Path, folder: IncidentFolder, facts: dict[str, Any]) -> None:
    told = facts["closure"]
    lines = [
        f"{told['verdict'].upper()} by snapshot {folder.snapshot}, as of {facts['as_of'][:19].replace('T', ' ')} UTC"
    ]
    lines += for_terminal_lines(f"Looked at since {told['since']['at'][:19].replace('T', ' ')} UTC: "
                                f"{told['since']['basis']}.", WIDTH)  # fmt: skip
    for one in told["items"]:
        lines += ["", *for_terminal_lines(f"{_MARKS[one['state']]:<10}{one['text']}", WIDTH)]
        lines += [f"          {line}" for line in for_terminal_lines(_here(one["why"], directory), WIDTH - 10)]
        if one["accepted"]:
            said = f"Accepted by {one['accepted']['by']}: {one['accepted']['reason']}"
            lines += [f"          {line}" for line in for_terminal_lines(said, WIDTH - 10)]
    if told["came_back"]:
        lines += ["", *for_terminal_lines(f"It has come back: {told['came_back']:,} dead letters since "
                                          f"{told['closed']['ticket']} was closed.", WIDTH)]  # fmt: skip
    elif told["verdict"] == "closable" and told["closed"] is None:
        lines += ["", for_terminal(_here("Close the ticket, then record it: dlqkit closure DIR --closed TICKET",
                                         directory))]  # fmt: skip
    typer.echo("\n".join(lines))


def _here(text: str, directory: Path) -> str:
    import shlex

    return text.replace(" DIR", f" {shlex.quote(str(directory))}")
