"""What was asked and what came: rows of the manifest, how far the evidence reaches, what a number rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.frames import Coverage
from dlqkit.language import retell

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = [
    "coverage_rows",
    "dead_letters_are_whole",
    "dead_letters_known_to",
    "evidence_end",
    "evidence_ids",
    "is_file",
    "known_to",
    "time_text",
    "value_or_none",
]

# What somebody saved at some time: its end says nothing of what came after.
FILES = ("records: export", "worker logs", "support reports")


def time_text(value: Any) -> str | None:
    """A time in ISO 8601, UTC; None where it is not known."""
    return None if value is None or pd.isna(value) else pd.Timestamp(value).tz_convert(UTC).isoformat()


def value_or_none(value: Any) -> float | None:
    """A number as JSON knows it; None where it is not known."""
    return None if value is None or pd.isna(value) else float(value)


def coverage_rows(folder: IncidentFolder) -> list[dict[str, Any]]:
    """A row for each source that was asked, as the manifest has it; its sentences in the current language."""
    rows = []
    for source in folder.manifest["sources"]:
        coverage = Coverage.from_json(source["coverage"])
        rows.append(
            {
                "evidence_id": source["evidence_id"],
                "kind": source["kind"],
                "source": source["source"],
                "query": source["query"],
                "asked_start": time_text(coverage.asked_start),
                "asked_end": time_text(coverage.asked_end),
                "got_end": time_text(coverage.got_end),
                "received": coverage.rows,
                "completeness": coverage.completeness,
                "missing": [retell(text) for text in coverage.missing],
                "findings": [retell(text) for text in coverage.findings],
                "quarantined": coverage.quarantined,
                "newest_first": coverage.details.get("newest_first"),
            }
        )
    return rows


def evidence_ids(rows: list[dict[str, Any]], *kinds: str) -> str:
    """The ids of every source whose kind begins so."""
    return " ".join(row["evidence_id"] for row in rows if any(row["kind"].startswith(kind) for kind in kinds))


def is_file(row: dict[str, Any]) -> bool:
    """Whether a row is of a file rather than of a service that answered when it was asked."""
    return bool(row["kind"].startswith(FILES))


def evidence_end(folder: IncidentFolder, rows: list[dict[str, Any]]) -> datetime:
    """The last time in the evidence.

    Where a service was asked, the end of the window, or when it was asked if that came first; where there are only
    files, the last time in them.
    """
    asked = min(folder.window.end, folder.collected_at).astimezone(UTC)
    answered = [row for row in rows if row["received"] or row["completeness"] == "complete"]
    if any(not is_file(row) for row in answered):
        return asked
    ends = [datetime.fromisoformat(row["got_end"]) for row in answered if row["got_end"]]
    return min(max(ends), asked) if ends else asked


def known_to(rows: list[dict[str, Any]], kind: str, moment: datetime) -> datetime:
    """Until when sources of a kind can tell, at most ``moment``: a file until its own last line."""
    own = [row for row in rows if row["kind"].startswith(kind)]
    if any(not is_file(row) for row in own):
        return moment
    ends = [datetime.fromisoformat(row["got_end"]) for row in own if row["got_end"]]
    return min(max(ends), moment) if ends else moment


def dead_letters_are_whole(rows: list[dict[str, Any]]) -> bool:
    """Whether the answer to the question for dead letters (else the exported records) has no part missing."""
    asked = _dead_letter_rows(rows)
    return bool(asked) and all(row["completeness"] == "complete" and not row["quarantined"] for row in asked)


def dead_letters_known_to(rows: list[dict[str, Any]], moment: datetime) -> datetime:
    """Until when the records tell of dead letters: a source that was cut at its newer end, until its last record."""
    ends = [known_to(rows, "records", moment)]
    for row in _dead_letter_rows(rows):
        cut_at_the_end = row["completeness"] != "complete" and not row["newest_first"]
        if cut_at_the_end and row["got_end"]:
            ends.append(datetime.fromisoformat(row["got_end"]))
    return min(ends)


def _dead_letter_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sources = [row for row in rows if row["kind"].startswith("records")]
    return [row for row in sources if row["kind"] == "records: dead letters"] or sources
