"""The one reason for which each selected event is left out, where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dlqkit.language import mark, say
from dlqkit.republish.edited import Edited, find_refused
from dlqkit.republish.exact_json import read_value
from dlqkit.republish.exclusions import Sent, find_duplicates, find_succeeded
from dlqkit.republish.known import Known
from dlqkit.republish.payload_state import judge_payload

__all__ = ["Found", "find_reasons", "find_settled"]

Found = Mapping[str, tuple[str, str]]
_BY_FIELDS = {
    "business": mark("by its fields business"),
    "infrastructure": mark("by its fields infrastructure"),
    "timeout": mark("by its fields timeout"),
    "unknown": mark("by its fields unknown"),
}


def find_reasons(
    records: pd.DataFrame,
    events: pd.DataFrame,
    as_sent: pd.DataFrame,
    edited: Edited,
    sent: Mapping[str, Sent],
    known: Known,
    accepted: Sequence[str],
    most_replays: int,
    more: Sequence[Found] = (),
) -> dict[str, tuple[str, str]]:
    """The first reason of each event, in the order of ``exclusions.REASONS``.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of all events.
    events, as_sent : DataFrame
        The last dead letter of each selected event, in the order of sending; and with the edited payload.
    edited, sent, known
        The edits, the earlier sends by event key, and what else is known.
    accepted : sequence of str
        Reasons that the analyst answers for.
    most_replays : int
        After so many an event is poison.
    more : sequence of mapping
        Reasons that the workflow's settings ask for.

    Returns
    -------
    dict
        By event key the reason and its detail.
    """
    duplicates = find_duplicates(events)
    refused = find_refused(known.schema, as_sent)
    in_order = [
        find_settled(records, events, sent, known),
        {key: ("duplicate dead letter", f"as {first}") for key, first in duplicates.items()},
        _of_payloads(as_sent, accepted),
        {key: ("edit does not fit", words) for key, words in edited.unfit.items()},
        _of_classes(events, edited),
        {key: ("refused by the schema", words) for key, words in refused.items()},
        _poison(sent, most_replays) if "poison" not in accepted else {},
        *more,
    ]
    out: dict[str, tuple[str, str]] = {}
    for part in in_order:
        for key, reason in part.items():
            out.setdefault(str(key), reason)
    return out


def find_settled(
    records: pd.DataFrame, events: pd.DataFrame, sent: Mapping[str, Sent], known: Known
) -> dict[str, tuple[str, str]]:
    """Events that need no plan, or have one: they succeeded, are under way, were sent, or another open plan has them.

    Parameters and result are as for ``find_reasons``.
    """
    claimed = {key: ("in another open plan", words) for key, words in (known.claimed or {}).items()}
    return {**claimed, **_from_journal(sent), **find_succeeded(records, events)}


def _from_journal(sent: Mapping[str, Sent]) -> dict[str, tuple[str, str]]:
    found = {}
    for key, one in sent.items():
        if one.is_in_doubt:
            found[key] = ("in doubt", f"of {', '.join(one.plans)}")
        elif one.is_waiting:
            found[key] = ("already republished", f"by {', '.join(one.plans)}")
    return found


def _of_payloads(events: pd.DataFrame, accepted: Sequence[str]) -> dict[str, tuple[str, str]]:
    found = {}
    for key, text in zip(events["event_key"].astype("str"), events["payload_snapshot"], strict=True):
        judged = judge_payload(text)
        # Half a JSON text, or what UTF-8 cannot carry, stays out whoever answers for it.
        if judged is not None and not (judged[0] in accepted and _is_sendable(text, judged[0])):
            found[key] = judged
    return found


def _is_sendable(text: str, reason: str) -> bool:
    try:
        text.encode()
        if reason == "payload truncated":
            read_value(text)
    except ValueError:
        return False
    return True


def _of_classes(events: pd.DataFrame, edited: Edited) -> dict[str, tuple[str, str]]:
    found, unedited = {}, say("no edit is given")
    for event in events.itertuples(index=False):
        key = str(event.event_key)
        if event.disputed:
            found[key] = ("disputed class", _BY_FIELDS.get(event.failure_class, f"by its fields {event.failure_class}"))
        elif event.failure_class == "business" and key not in edited.notes:
            found[key] = ("business error", unedited)
    return found


def _poison(sent: Mapping[str, Sent], most: int) -> dict[str, tuple[str, str]]:
    return {
        key: (
            "poison",
            say("sent {replays:d} times, dead again; the limit is {most:d}", replays=one.replays, most=most),
        )
        for key, one in sent.items()
        if one.replays >= most
    }
