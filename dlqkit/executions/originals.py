"""Which original message each dead event came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

import pandas as pd

from dlqkit.frames import ORIGINALS, RECORDS, check_frame
from dlqkit.signals.outcomes import in_order

__all__ = ["MATCHES", "canonical_sha256", "match_originals", "sendable_attributes"]

MATCHES: Mapping[str, str] = {
    "record_id": "str",
    "event_key": "str",
    "message_id": "str",
    "matched_by": "category",
    "is_unique": "boolean",
}
# Of Pub/Sub and its clients, about one delivery or one publish; a message that is sent again gets its own.
_OF_PUBSUB = ("CloudPubSubDeadLetter", "googclient_")
_BY_TRACE, _BY_PAYLOAD = "trace", "payload"
_SAME, _ALIKE, _OTHER = 2, 1, 0
# More digits than a number of any payload has; beyond them it is rounded.
_EXACT = Context(prec=1000)


def match_originals(records: pd.DataFrame, originals: pd.DataFrame) -> pd.DataFrame:
    """The original message of each dead event, where exactly one fits.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, all that are known: an event that is left out cannot make a match doubtful.
    originals : DataFrame
        ``frames.ORIGINALS``.

    Returns
    -------
    DataFrame
        A row for each dead event that some message fits, columns of ``MATCHES``, by ``event_key``.

        record_id : of its last dead letter
        message_id : of the newest message where several say the same; NA where the match is not unique
        matched_by : ``trace`` (the same trace, and no other workflow) or ``payload`` (the same bytes, else the same
            JSON); by trace the payloads decide only between several
        is_unique : False where several different messages fit, or one message fits several events

    Raises
    ------
    FrameError
        If a column is missing.

    Notes
    -----
    Several messages say the same where payload, ordering key and all attributes that are not Pub/Sub's own are equal:
    an event that died twice, or a message that Pub/Sub forwarded twice. Traces or workflows that differ exclude a
    match by payload.
    """
    check_frame(records, RECORDS, ("record_id", "event_key", "queued_to_dlq", "payload_snapshot"))
    check_frame(originals, ORIGINALS, ("message_id", "payload_sha256", "attributes_json", "ordering_key"))
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    dead = in_order(dead).drop_duplicates("event_key", keep="last")
    events, messages = _events(dead), _messages(originals)
    rows: list[tuple[int, int | None, str]] = []
    taken: set[int] = set()
    by_trace = _pairs(events, messages, ["trace_id"])
    by_trace = by_trace[_agree(by_trace, "workflow_id")]
    by_trace["fit"] = [_fit(event, message) for event, message in zip(by_trace["hashes"], by_trace["sha"], strict=True)]
    for event, message in _one_to_one(by_trace):
        rows.append((event, message, _BY_TRACE))
        taken |= set() if message is None else {message}
    left = events[~events["event"].isin({event for event, _, _ in rows})]
    free = messages[~messages["message"].isin(taken)]
    by_payload = _by_payload(left, free)
    rows += [(event, message, _BY_PAYLOAD) for event, message in _one_to_one(by_payload)]
    return _matches(events, messages, rows)


def sendable_attributes(attributes_json: str) -> dict[str, str]:
    """The attributes of an original message that belong to it: without those that Pub/Sub and its clients add."""
    attributes: dict[str, str] = json.loads(attributes_json)
    return {name: value for name, value in attributes.items() if not name.startswith(_OF_PUBSUB)}


def canonical_sha256(text: str) -> str | None:
    """Hash of JSON without regard to spaces, the order of fields and how a number is written; None where it is none."""
    try:
        value = json.loads(
            text, object_pairs_hook=_fields, parse_constant=_refused, parse_float=_number, parse_int=_number
        )
        # Of tuples, lists, texts and numbers, each written in its own way: two values never look alike.
        return _sha256(repr(value))
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _fields(pairs: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a field stands there twice")
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def _number(text: str) -> Decimal:
    return Decimal(text).normalize(_EXACT)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _hashes(payload: str) -> tuple[frozenset[str], str | None]:
    """Hashes of the bytes that may have been sent, and the canonical one; a JSON string stands for its text."""
    texts = {payload}
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        texts.add(value)
    inner = value if isinstance(value, str) else payload
    return frozenset(_sha256(text) for text in texts), canonical_sha256(inner)


def _events(dead: pd.DataFrame) -> pd.DataFrame:
    hashes = [
        (frozenset[str](), None) if pd.isna(payload) else _hashes(str(payload)) for payload in dead["payload_snapshot"]
    ]
    return pd.DataFrame(
        {
            "event": range(len(dead)),
            "record_id": dead["record_id"].to_numpy(),
            "event_key": dead["event_key"].to_numpy(),
            "trace_id": dead["trace_id"].to_numpy(),
            "workflow_id": dead["workflow_id"].to_numpy(),
            "hashes": pd.Series(hashes, dtype="object"),
        }
    )


def _messages(originals: pd.DataFrame) -> pd.DataFrame:
    """One row for all messages that say the same, the newest of them."""
    ordered = originals.sort_values("published_at", kind="stable", na_position="first")
    own = [json.dumps(sendable_attributes(text), sort_keys=True) for text in ordered["attributes_json"]]
    same = ordered.assign(own=own).drop_duplicates(
        ["payload_sha256", "ordering_key", "trace_id", "workflow_id", "own"], keep="last"
    )
    sha = [
        (exact, None if pd.isna(text) else canonical_sha256(str(text)))
        for exact, text in zip(same["payload_sha256"], same["payload_text"], strict=True)
    ]
    return pd.DataFrame(
        {
            "message": range(len(same)),
            "message_id": same["message_id"].to_numpy(),
            "trace_id": same["trace_id"].to_numpy(),
            "workflow_id": same["workflow_id"].to_numpy(),
            "sha": pd.Series(sha, dtype="object"),
        }
    )


def _pairs(events: pd.DataFrame, messages: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return events.dropna(subset=keys).merge(messages.dropna(subset=keys), on=keys, suffixes=("", "_of_message"))


def _agree(pairs: pd.DataFrame, name: str) -> pd.Series:
    """Whether two values do not contradict each other; one that is not known contradicts nothing."""
    own, other = pairs[name], pairs[f"{name}_of_message"]
    return (own == other).fillna(False) | own.isna() | other.isna()


def _fit(hashes: tuple[frozenset[str], str | None], sha: tuple[str, str | None]) -> int:
    if sha[0] in hashes[0]:
        return _SAME
    return _ALIKE if sha[1] is not None and sha[1] == hashes[1] else _OTHER


def _by_payload(events: pd.DataFrame, messages: pd.DataFrame) -> pd.DataFrame:
    """Pairs whose payloads agree, and whose traces and workflows do not contradict each other."""
    exact = events.assign(key=[sorted(own[0]) for own in events["hashes"]]).explode("key")
    alike = events.assign(key=[own[1] for own in events["hashes"]])
    parts = []
    for fit, ours, place in ((_SAME, exact, 0), (_ALIKE, alike, 1)):
        theirs = messages.assign(key=[sha[place] for sha in messages["sha"]])
        keyed = [frame.astype({"key": "str"}) for frame in (ours, theirs)]
        pairs = _pairs(keyed[0], keyed[1], ["key"])
        parts.append(pairs[_agree(pairs, "trace_id") & _agree(pairs, "workflow_id")].assign(fit=fit))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["event", "message"])


def _one_to_one(pairs: pd.DataFrame) -> Iterable[tuple[int, int | None]]:
    """Each event with the one message that fits it alone, or with None where several do.

    The better fit decides first: what is the same is no candidate for what is only alike.
    """
    candidates = {int(event): set[int]() for event in pairs["event"]}
    done_events: set[int] = set()
    done_messages: set[int] = set()
    for fit in (_SAME, _ALIKE):
        own = pairs[(pairs["fit"] == fit) & ~pairs["event"].isin(done_events) & ~pairs["message"].isin(done_messages)]
        for event, message in _unique(own):
            done_events.add(event)
            done_messages.add(message)
            yield event, message
    # Payloads that do not agree at all: the trace alone must leave no choice.
    for event, message in _unique(pairs):
        if event not in done_events and message not in done_messages:
            done_events.add(event)
            yield event, message
    yield from ((event, None) for event in sorted(set(candidates) - done_events))


def _unique(pairs: pd.DataFrame) -> list[tuple[int, int]]:
    alone = ~pairs["event"].duplicated(keep=False) & ~pairs["message"].duplicated(keep=False)
    return [(int(event), int(message)) for event, message in pairs.loc[alone, ["event", "message"]].to_numpy()]


def _matches(events: pd.DataFrame, messages: pd.DataFrame, rows: list[tuple[int, int | None, str]]) -> pd.DataFrame:
    known = events.set_index("event")
    ids = messages.set_index("message")["message_id"]
    found = pd.DataFrame(
        {
            "record_id": [known.at[event, "record_id"] for event, _, _ in rows],
            "event_key": [known.at[event, "event_key"] for event, _, _ in rows],
            "message_id": pd.array([None if message is None else ids[message] for _, message, _ in rows], dtype="str"),
            "matched_by": pd.Categorical([how for _, _, how in rows], categories=[_BY_TRACE, _BY_PAYLOAD]),
            "is_unique": pd.array([message is not None for _, message, _ in rows], dtype="boolean"),
        }
    )
    return found.sort_values("event_key", kind="stable").reset_index(drop=True).astype(dict(MATCHES))
