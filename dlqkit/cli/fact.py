"""The records behind one number of a report, for ``dlqkit event --fact``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dlqkit.cells import cell_width
from dlqkit.cli.shared import local_beside_utc, screen_width, table_beside_utc, write_json
from dlqkit.language import say, say_count
from dlqkit.untrusted import for_terminal, for_terminal_lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.chosen import Part

__all__ = ["print_fact"]

WIDTH = 100
# What is read on a terminal; --json gives all of them.
ROWS, ERROR_LINES = 50, 2
FACTS_FILE = Path("report") / "facts.json"
_IMPACT = "impact."


def print_fact(incident: IncidentFolder, fact_id: str, *, zone: ZoneInfo | None, payload: bool, as_json: bool) -> None:
    """Print what a fact is, the condition that chose its rows, whether they are those of the report, and the rows.

    Raises
    ------
    ParameterError
        If there is no such fact; the message names those that there are.
    """
    from dlqkit.report.provenance import find_basis, hash_rows

    facts = _reported(incident)
    basis, _ = find_basis(incident, facts, fact_id)
    told = facts["provenance"].get(fact_id, {"parts": []})["parts"]
    hashes = [hash_rows(part) for part in basis.parts]
    are_same = hashes == [part["hash"] for part in told]
    if as_json:
        parts = [
            {"frame": part.frame, "filter": part.filter, "hash": digest, "rows": _plain(part, payload)}
            for part, digest in zip(basis.parts, hashes, strict=True)
        ]
        write_json({"fact": fact_id, "what": basis.what, "snapshot": incident.snapshot, "as_of": facts["as_of"],
                    "as_reported": are_same, "parts": parts})  # fmt: skip
        return
    width = screen_width(WIDTH)
    evidence = [str(part["evidence"]) for part in told] if are_same else [""] * len(hashes)
    lines = [*for_terminal_lines(f"{fact_id}: {basis.what}", width)]
    lines += for_terminal_lines(_where(incident, facts, are_same=are_same), width)
    for part, digest, ids in zip(basis.parts, hashes, evidence, strict=True):
        lines += ["", *_part_lines(part, digest, ids, width), "", *_rows(part, fact_id, facts, zone, width, payload)]
    if not basis.parts:
        lines += ["", *for_terminal_lines(say("It was set or said by a person; no row of the evidence is behind it."),
                                          width)]  # fmt: skip
    typer.echo("\n".join(lines))


def _reported(incident: IncidentFolder) -> Mapping[str, Any]:
    """The facts as the report has them, in whatever language; computed where there is none of this snapshot."""
    from dlqkit import __version__
    from dlqkit.evidence.store import read_json
    from dlqkit.report.facts import SCHEMA, facts

    path = incident.path / FACTS_FILE
    if path.is_file():
        values: dict[str, Any] = read_json(path)
        made_of = (values.get("schema"), values.get("dlqkit"), values.get("snapshot", {}).get("id"))
        if made_of == (SCHEMA, __version__, incident.snapshot):
            return values
    return facts(incident)


def _where(incident: IncidentFolder, facts: Mapping[str, Any], *, are_same: bool) -> str:
    sentence = say("In snapshot {snapshot}, as of {as_of}.", snapshot=incident.snapshot, as_of=facts["as_of"])
    if are_same:
        return sentence
    return f"{sentence} " + say(
        "The report is of other rows: what people wrote has changed since. Make it again: dlqkit postmortem {name}",
        name=incident.display_path,
    )


def _part_lines(part: Part, digest: str, evidence: str, width: int) -> Iterator[str]:
    yield from for_terminal_lines(say("Where {filter}", filter=part.filter or say("nothing is left out")), width)
    if evidence:
        yield from for_terminal_lines(say("Evidence {ids}", ids=evidence), width)
    # It is to be compared, so it stands whole.
    yield from for_terminal_lines(say("SHA-256 of the ids {digest}", digest=digest), width, break_words=False)


def _rows(
    part: Part, fact_id: str, facts: Mapping[str, Any], zone: ZoneInfo | None, width: int, payload: bool
) -> Iterator[str]:
    from dlqkit.report.provenance_tables import list_records, show_rows, title_of

    if part.frame != "records" or part.rows.empty:
        table = show_rows(part, ROWS) if part.frame != "records" else None
        yield from for_terminal_lines(table.title if table else say("no record meets the condition"), width)
        yield from [] if table is None else [table_beside_utc(table, zone).to_text(width)]
        return
    records = list_records(part, _entity(fact_id, facts) if payload else None)
    yield from for_terminal_lines(title_of(part, min(ROWS, len(records)), len(records)), width)
    for row in records.head(ROWS).to_dict("records"):
        yield from _record(row, zone, width)


def _record(row: Mapping[Any, Any], zone: ZoneInfo | None, width: int) -> Iterator[str]:
    """When, whose and what on one line, or the id below it, as it is to be copied; then the error, cut."""
    import pandas as pd

    at, tries, took = row["recorded_at"], row["attempts"], row["action_duration_ms"]
    when = say("time not known") if pd.isna(at) else local_beside_utc(f"{at:%Y-%m-%d %H:%M:%S} UTC", zone)
    trace = "" if pd.isna(row["trace_id"]) else for_terminal(row["trace_id"])
    parts = [
        str(row["outcome"]),
        "" if pd.isna(tries) else say_count("{count} attempt", "{count} attempts", int(tries)),
        "" if pd.isna(took) else say("{took:,.0f} ms", took=float(took)),
        str(row["entity"]),
    ]
    said = for_terminal("  ".join(part for part in parts if part))
    if cell_width(f"{when}  {trace}  {said}") <= width:
        yield "  ".join(part for part in (when, trace, said) if part)
    else:
        yield from for_terminal_lines(f"{when}  {said}", width)
        yield from (f"    {part}" for part in for_terminal_lines(trace, width - 4) if part)
    if not pd.isna(row["last_error"]):
        yield from (f"    {line}" for line in for_terminal_lines(str(row["last_error"]), width - 4, ERROR_LINES))


def _entity(fact_id: str, facts: Mapping[str, Any]) -> str | None:
    """The path that was counted, such as ``payload.customer_id``, where the fact is such a count."""
    for row in facts["impact"]["counts"]:
        name = str(row["name"])
        if row["source"] == "payloads" and fact_id == _IMPACT + name.replace(" ", "_"):
            return name.rsplit(" ", 1)[0]
    return None


def _plain(part: Part, payload: bool) -> list[dict[str, Any]]:
    rows = part.rows if payload else part.rows.drop(columns=["payload_snapshot", "extra_json"], errors="ignore")
    out: list[dict[str, Any]] = json.loads(rows.to_json(orient="records", date_format="iso", date_unit="us"))
    return out
