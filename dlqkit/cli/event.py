"""``dlqkit event``: everything that is known of one event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlqkit.cli.original import original_lines, originals_of
from dlqkit.cli.shared import AsJson, Directory, Snapshot, local_beside_utc, screen_width, write_json, zone_of
from dlqkit.untrusted import for_terminal_lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

__all__ = ["event"]


def event(
    context: typer.Context,
    directory: Directory,
    event_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="trace_id, event_key or record_id.", show_default=False)
    ] = None,
    fact: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Instead of an event: the records behind this number of the report."),
    ] = None,
    snapshot: Snapshot = None,
    payload: Annotated[
        bool, typer.Option(help="Show the payload and attributes too; they may hold personal data.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Show one event's history: every record, log line, error, payload, and its original message. Offline.

    Or, with --fact, the records behind a number of the report; facts.json and the report's last section have the ids.

    Example: dlqkit event incidents/orders 4bf92f3577b34da6a3ce929d0e0e4736

    Example: dlqkit event incidents/orders --fact events.affected
    """
    from dlqkit.errors import ParameterError
    from dlqkit.evidence.folder import open_incident
    from dlqkit.executions.event_history import event_history
    from dlqkit.republish.next_steps import here

    incident = open_incident(directory, snapshot=snapshot)
    if (event_id is None) == (fact is None):
        raise ParameterError(
            "Neither an event nor a fact is named, or both are.",
            here("Give an event's id after the folder, or a fact: dlqkit event DIR --fact events.affected", directory),
        )
    if fact is not None:
        from dlqkit.cli.fact import print_fact

        print_fact(incident, fact, zone=zone_of(context), payload=payload, as_json=as_json)
        return
    assert event_id is not None
    records = incident.records().frame
    history = event_history(records, event_id, worker_logs=incident.worker_logs().frame)
    if history.empty:
        raise ParameterError(
            f"Nothing is known of {event_id[:60]} in snapshot {incident.snapshot}.",
            here("Check the id, or collect it: dlqkit collect DIR --trace ID", directory, event=event_id),
        )
    found = records[
        (records["trace_id"] == event_id) | (records["event_key"] == event_id) | (records["record_id"] == event_id)
    ]
    originals = originals_of(incident, list(dict.fromkeys(found["event_key"].dropna())))
    if not payload:
        # They are the client's words as much as the payload is.
        originals = [
            {name: value for name, value in one.items() if name not in {"attributes", "ordering_key"}}
            for one in originals
        ]
    payloads = list(dict.fromkeys(found["payload_snapshot"].dropna())) if payload else []
    if as_json:
        rows = json.loads(
            history.drop(columns=["payload_snapshot"], errors="ignore").to_json(orient="records", date_format="iso")
        )
        write_json({"id": event_id, "snapshot": incident.snapshot, "history": rows, "payloads": payloads,
                    "originals": originals})  # fmt: skip
        return
    width = screen_width()
    lines = [*_head(event_id, history, incident.snapshot, width), *_rows(history, zone_of(context), width)]
    for original in originals:
        lines += original_lines(original, zone_of(context), width)
    for text in payloads:
        lines += ["", "Payload", *_payload(text, width)]
    typer.echo("\n".join(lines))


def _head(event_id: str, history: pd.DataFrame, snapshot: str, width: int) -> Iterator[str]:
    counts = history["kind"].value_counts()
    names = {"record": "record", "log": "log line"}
    parts = [
        f"{counts[kind]:,} {name}{'' if counts[kind] == 1 else 's'}" for kind, name in names.items() if kind in counts
    ]
    # Ids are not broken: they are to be copied.
    said = f"Event {event_id}: {', '.join(parts)} in snapshot {snapshot}"
    yield from for_terminal_lines(said, width, break_words=False)
    for name in ("workflow_id", "trace_id", "event_key"):
        values = list(dict.fromkeys(history[name].dropna().astype("str")))
        if values and values != [event_id]:
            yield from for_terminal_lines(f"{name} {', '.join(values)}", width, break_words=False)


def _rows(history: pd.DataFrame, zone: ZoneInfo | None, width: int) -> Iterator[str]:
    """Each record and log line: when, what and how long on one line, then its whole text."""
    for row in history.to_dict("records"):
        yield ""
        yield from for_terminal_lines("  ".join(_facts(row, zone)), width)
        for line in str(row["text"] or "").split("\n"):
            yield from (f"    {part}".rstrip() for part in for_terminal_lines(line, width - 4))


def _facts(row: dict[Any, Any], zone: ZoneInfo | None) -> Sequence[str]:
    import pandas as pd

    at, attempts, took = row["at"], row["attempts"], row["duration_ms"]
    when = "time not known" if pd.isna(at) else local_beside_utc(f"{at:%Y-%m-%d %H:%M:%S} UTC", zone)
    tries = "" if pd.isna(attempts) else f"{attempts} attempt{'' if attempts == 1 else 's'}"
    return [
        part for part in (when, row["kind"], row["state"], tries, "" if pd.isna(took) else f"{took:,.4g} ms") if part
    ]


def _payload(text: str, width: int) -> Iterator[str]:
    """The payload line by line, its numbers as they came, its letters readable; as it is where it is no JSON."""
    from dlqkit.report.payload_text import indent_json

    for line in indent_json(text).split("\n"):
        indent = " " * min(4 + len(line) - len(line.lstrip(" ")), width // 2)
        yield from (indent + part for part in for_terminal_lines(line.strip(), width - len(indent)))
