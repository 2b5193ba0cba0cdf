"""Which changes of before the onset business errors may come from: candidates and no conclusions, named by the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlqkit.language import clock, listing, say

__all__ = ["find_what_changed", "last_version_text", "of_payload_text"]

# More than so many changes of payloads name none.
MOST_OF_PAYLOAD = 2


def find_what_changed(facts: Mapping[str, Any], who: str) -> str:
    """What is to be undone with the client, or found out where only the worker changed; empty where nothing is known.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.
    who : str
        From ``cause_steps.who_text``.

    Notes
    -----
    Named are the fields that changed, which is to be undone while it goes on, and the last version: if the client sends
    what it always sent, the worker refuses what it took before.
    """
    changed = _of_payload(_rows(facts))
    fields = listing([_told(row) for row in changed]) if changed else ""
    version = last_version_text(facts)
    if fields and version:
        return say("undo what changed in the input, {who}: {fields}; if they changed nothing, roll back {version}",
                   who=who, fields=fields, version=version)  # fmt: skip
    if fields:
        return say("undo what changed in the input, {who}: {fields}", who=who, fields=fields)
    return say("find {who} whether it comes from {change}", who=who, change=version) if version else ""


def last_version_text(facts: Mapping[str, Any]) -> str:
    """The last version of before the onset, and when it came; empty where none is known."""
    versions = [row for row in _rows(facts) if row["kind"] == "version"]
    return _told(versions[-1]) if versions else ""


def of_payload_text(facts: Mapping[str, Any]) -> str:
    """The fields that changed, such as ``field a renamed to b``; empty where none is known, or too many."""
    return "; ".join(row["brief"] for row in _of_payload(_rows(facts)))


def _rows(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(facts.get("changes", {}).get("rows") or [], key=lambda row: str(row["at"]))


def _of_payload(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = [row for row in rows if row.get("brief")]
    return found if len(found) <= MOST_OF_PAYLOAD else []


def _told(row: Mapping[str, Any]) -> str:
    at = clock(datetime.fromisoformat(row["at"]))
    return say("{change} ({at} UTC)", change=row.get("brief") or row["what"], at=at)
