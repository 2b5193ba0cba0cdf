"""``dlqkit event``: everything that is known of one event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dlqkit.cli.shared import table_beside_utc, write_json, zone_of

__all__ = ["event"]


def event(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Incident folder.")],
    event_id: Annotated[str, typer.Argument(metavar="ID", help="trace_id, event_key or record_id.")],
    snapshot: Annotated[
        str | None, typer.Option(help="Number of the evidence snapshot; the newest by default.")
    ] = None,
    payload: Annotated[bool, typer.Option(help="Show the payload too; it may hold personal data.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show one event's history: every record, log line, error and payload. Offline.

    Example: dlqkit event incidents/orders 4bf92f3577b34da6a3ce929d0e0e4736
    """
    from dlqkit.errors import ParameterError
    from dlqkit.evidence.folder import open_incident
    from dlqkit.executions.event_history import event_history
    from dlqkit.report.listings import show_event
    from dlqkit.untrusted import for_terminal

    incident = open_incident(directory, snapshot=snapshot)
    records = incident.records().frame
    history = event_history(records, event_id, worker_logs=incident.worker_logs().frame)
    if history.empty:
        raise ParameterError(
            f"Nothing is known of {event_id[:60]} in snapshot {incident.snapshot}.",
            "Check the id, or collect it: dlqkit collect DIR --trace ID.",
        )
    found = records[
        (records["trace_id"] == event_id) | (records["event_key"] == event_id) | (records["record_id"] == event_id)
    ]
    payloads = list(dict.fromkeys(found["payload_snapshot"].dropna())) if payload else []
    if as_json:
        rows = json.loads(
            history.drop(columns=["payload_snapshot"], errors="ignore").to_json(orient="records", date_format="iso")
        )
        write_json({"id": event_id, "snapshot": incident.snapshot, "history": rows, "payloads": payloads})
        return
    typer.echo(table_beside_utc(show_event(incident, event_id, exact=True), zone_of(context)).to_text(160))
    for text in payloads:
        typer.echo(f"\nPayload: {for_terminal(text)}")
