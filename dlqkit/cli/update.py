"""``dlqkit update``: the short status text for a chat, a client, a ticket."""

from __future__ import annotations

from typing import Annotated

import typer

from dlqkit import language
from dlqkit.cli.completion import one_of
from dlqkit.cli.shared import (
    AsJson,
    Directory,
    Language,
    Snapshot,
    check_of,
    exit_code_of,
    load,
    refuse_secrets,
    speak_for,
    text_beside_utc,
    user_name,
    write_json,
    zone_of,
)
from dlqkit.untrusted import for_pasting, for_terminal

__all__ = ["update"]


def update(
    context: typer.Context,
    directory: Directory,
    audience: Annotated[
        str,
        typer.Option(
            "--for", help="chat, client (no internals) or ticket.", autocompletion=one_of("chat", "client", "ticket")
        ),
    ] = "chat",
    snapshot: Snapshot = None,
    sent: Annotated[
        bool, typer.Option("--sent", help="Remember that it was sent: the next one tells changes.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who sent it; the user of this machine by default.")] = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Write the short status text from the same facts as the report. Offline; nothing is sent.

    Example: dlqkit update incidents/orders --for client
    """
    from dlqkit.errors import ParameterError
    from dlqkit.evidence.folder import open_incident
    from dlqkit.report.facts import facts
    from dlqkit.report.pseudonyms import redact_facts
    from dlqkit.report.sent_updates import keep_update, last_update
    from dlqkit.report.updates import AUDIENCES, write_update

    settings = load(context)
    refuse_secrets(context, settings, asking=True)
    readers = next((one for one in AUDIENCES if one == audience), None)
    if readers is None:
        raise ParameterError(f"There is no text for {audience[:20]!r}.", f"Choose of {', '.join(AUDIENCES)}.")
    speak_for(context, lang, settings)
    folder = open_incident(directory, snapshot=snapshot)
    known = redact_facts(folder.path, facts(folder), settings.report.personal_fields)
    text = write_update(known, readers, last_update(folder.path, readers, known["as_of"]))
    text = text_beside_utc(text, zone_of(context))
    said = "\n".join(f"{line.label}: {line.text}" for line in text.lines)
    check_of(settings, folder.path)({"update": said.encode("utf-8", "surrogatepass")})
    if as_json:
        lines = [{"label": line.label, "text": line.text, "kind": line.kind} for line in text.lines]
        write_json({"for": audience, "as_of": known["as_of"], "lines": lines})
    else:
        needed = language.say("[judgement needed]")
        for line in text.lines:
            mark = f"{needed} " if line.kind == "judgement" else ""
            # One line each, not wrapped: it is to be pasted.
            typer.echo(f"{for_terminal(line.label)}: {mark}{for_pasting(line.text)}")
    if sent:
        keep_update(folder.path, known, readers, text, user_name(by))
    raise typer.Exit(exit_code_of(known["snapshot"]["completeness"]))
