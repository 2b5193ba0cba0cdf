"""The part of ``dlqkit event`` that shows the original message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlqkit.cli.shared import local_beside_utc
from dlqkit.untrusted import for_terminal_lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["original_lines", "originals_of"]


def originals_of(folder: IncidentFolder, event_keys: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of the original message of each of these events; nothing where no subscription was read.

    Returns
    -------
    list of dict
        ``event_key``, ``matched_by``, ``is_unique``; where it is unique also ``message_id``, ``published_at``,
        ``attributes``, ``ordering_key``, ``delivery_attempts``, ``source_subscription``, ``payload_sha256``.
    """
    from dlqkit.executions.originals import match_originals

    messages = folder.originals().frame
    if messages.empty:
        return []
    matches = match_originals(folder.records().frame, messages)
    own = matches[matches["event_key"].isin(list(event_keys))]
    by_id = messages.drop_duplicates("message_id", keep="last").set_index("message_id")
    return [_told(match, by_id) for match in own.to_dict("records")]


def _told(match: Mapping[Any, Any], messages: pd.DataFrame) -> dict[str, Any]:
    import pandas as pd

    out = {name: match[name] for name in ("event_key", "matched_by")} | {"is_unique": bool(match["is_unique"])}
    if not match["is_unique"]:
        return out
    row = messages.loc[match["message_id"]]
    plain = {name: None if pd.isna(row[name]) else row[name] for name in row.index}
    at, attempts = plain["published_at"], plain["delivery_attempts"]
    return {
        **out,
        "message_id": match["message_id"],
        "published_at": None if at is None else at.isoformat(),
        "attributes": json.loads(str(plain["attributes_json"])),
        "ordering_key": plain["ordering_key"],
        "delivery_attempts": None if attempts is None else int(attempts),
        "source_subscription": plain["source_subscription"],
        "payload_sha256": plain["payload_sha256"],
    }


def original_lines(original: Mapping[str, Any], zone: ZoneInfo | None, width: int) -> Iterator[str]:
    """The message for a terminal: where it waits, then each attribute on a line of its own."""
    import pandas as pd

    yield ""
    if not original["is_unique"]:
        yield from for_terminal_lines(
            f"Original message: not known; by its {original['matched_by']} several fit, or one fits several events.",
            width,
        )
        return
    at, attempts = original["published_at"], original["delivery_attempts"]
    when = "" if at is None else local_beside_utc(f"{pd.Timestamp(at):%Y-%m-%d %H:%M:%S} UTC", zone)
    facts = [
        f"Original message {original['message_id']}",
        when,
        "" if attempts is None else f"{attempts} deliver{'y' if attempts == 1 else 'ies'}",
        "" if original["source_subscription"] is None else f"from {original['source_subscription']}",
        f"found by its {original['matched_by']}",
    ]
    yield from for_terminal_lines("  ".join(part for part in facts if part), width)
    if original.get("ordering_key"):
        yield from _indented(f"ordering key {original['ordering_key']}", width)
    for name, value in sorted(original.get("attributes", {}).items()):
        yield from _indented(f"{name}: {value}", width)


def _indented(text: str, width: int) -> Iterator[str]:
    yield from (f"    {part}" for part in for_terminal_lines(text, width - 4))
