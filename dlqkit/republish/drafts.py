"""Each selected event as it would be sent, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.executions.event_history import record_outcomes
from dlqkit.language import mark, say, say_count
from dlqkit.prevention.payload_proposal import propose_schema
from dlqkit.republish.edited import edit_events, find_refused
from dlqkit.republish.edits import Edit
from dlqkit.republish.event_names import names_of, value_of
from dlqkit.republish.exclusions import Sent, find_sent, find_superseded, find_too_old
from dlqkit.republish.known import Known
from dlqkit.republish.limits import check_message
from dlqkit.republish.messages import (
    Original,
    find_attributes,
    find_ordering_keys,
    find_originals,
    wrap_payload,
)
from dlqkit.republish.plan import LeftOut, Target
from dlqkit.republish.reasons import find_reasons
from dlqkit.republish.selection import Selection
from dlqkit.republish.sink import Message
from dlqkit.settings import Settings, WorkflowSettings

__all__ = ["Draft", "Drafts", "draft_events"]

# A plan is told in English; what is said of an event is told in the reader's language where it is shown.
_NOTHING_SAYS = mark("Nothing says whether the same payload would fail again.")
_DOUBTED = mark("A schema learned from good payloads would refuse it: {places}.")
# A dedupe key is a SHA-256 in hexadecimal.
_DEDUPE_KEY = "0" * 64


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as it would be sent; ``inner`` is its payload without the envelope, ``original`` before an edit."""

    event_key: str
    record_id: str | None
    workflow_id: str
    trace_id: str | None
    dead_at: str | None
    payload: str
    inner: str
    original: str
    attributes: Mapping[str, str] | None
    ordering_key: str | None
    failure_class: str
    signature_id: str
    edited: Mapping[str, Any] | None
    generation: int
    warnings: tuple[str, ...]
    value_sha256: str
    edited_sha256: str
    is_original_text: bool | None
    """Whether the original message has this text; None: it could not be read."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """The selected events, each in one of the two; and those whose entity is not known."""

    planned: tuple[Draft, ...]
    left_out: tuple[LeftOut, ...]
    entity_unknown: int


def draft_events(
    records: pd.DataFrame,
    dead: pd.DataFrame,
    chosen: pd.DataFrame,
    selection: Selection,
    settings: Settings,
    own: WorkflowSettings,
    known: Known,
    target: Target,
    edits: Sequence[Edit],
    as_of: pd.Timestamp,
) -> Drafts:
    """Every selected event, to be sent or left out.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``, by time.
    dead, chosen : DataFrame
        All dead letters, and the last one of each selected event, with class and signature.
    selection, settings, own, known
        What was asked for; the settings, and the workflow's own; what is known beside the records.
    target : Target
    edits : sequence of Edit
    as_of : Timestamp
        When a dead letter's age is taken.

    Returns
    -------
    Drafts
        The planned ones in the order in which their events began.

    Raises
    ------
    ParameterError
        If an edit does not fit, touches a locked field, is of an event that is not selected, or makes two events one.
    """
    first_at = records.groupby("event_key")["recorded_at"].min()
    events = chosen.assign(first_at=chosen["event_key"].map(first_at))
    events = events.sort_values(["first_at", "recorded_at", "event_key"], na_position="last").reset_index(drop=True)
    edited = edit_events(events, edits, settings.republish.locked_fields, known.schema)
    as_sent = events.assign(payload_snapshot=events["event_key"].map(edited.payloads).astype("str"))
    same_workflow = records[records["workflow_id"].isin(set(events["workflow_id"]))]
    sent = find_sent(events, known.journal, known.earlier, known.sent_elsewhere)
    originals = find_originals(records, events, known.originals)
    attributes, no_attribute = find_attributes(as_sent, own, originals)
    ordering_keys, no_key = find_ordering_keys(as_sent, own, originals)
    superseded, entity_unknown = find_superseded(same_workflow, events, own.entity_key)
    too_old = find_too_old(events, own, as_of)
    asked = {
        "superseded": superseded if own.superseded == "leave_out" else {},
        "too old": too_old if own.too_old == "leave_out" else {},
        "attribute missing": {**no_key, **no_attribute},
    }
    more = [{key: (reason, words) for key, words in found.items()}
            for reason, found in asked.items() if reason not in selection.accept]  # fmt: skip
    reasons = find_reasons(records, events, as_sent, edited, sent, known, selection.accept,
                           settings.republish.max_replays, more)  # fmt: skip
    doubtful = _doubtful(same_workflow, as_sent)
    letters = dead.groupby("event_key").size()
    had_succeeded = _succeeded(records, events)
    planned, left_out = [], []
    for event in as_sent.itertuples(index=False):
        key, trace = str(event.event_key), _text(event.trace_id)
        if key in reasons:
            left_out.append(LeftOut(key, trace, *reasons[key]))
            continue
        names = {name: getattr(event, name) for name in ("trace_id", "workflow_id", "event_key", "record_id")}
        payload = wrap_payload(event.payload_snapshot, own.envelope, names)
        limit = _over_limit(payload, attributes[key] or {}, ordering_keys[key], target)
        if limit is not None:
            left_out.append(LeftOut(key, trace, "over a limit", limit))
            continue
        warnings = [
            *_history_words(int(letters.get(key, 1)), sent.get(key), key in had_succeeded, trace),
            *([f"Superseded: {superseded[key]}."] if key in superseded else []),
            *([f"Old: {too_old[key]}."] if key in too_old else []),
            *([say(_DOUBTED, places=doubtful[key])] if key in doubtful else []),
            *([_NOTHING_SAYS] if event.failure_class == "unknown" else []),
            *_original_words(originals.get(key), target),
        ]
        planned.append(
            Draft(
                event_key=key,
                record_id=_text(event.record_id),
                workflow_id=_text(event.workflow_id) or "",
                trace_id=trace,
                dead_at=None if pd.isna(event.recorded_at) else event.recorded_at.isoformat(),
                payload=payload,
                inner=event.payload_snapshot,
                original=wrap_payload(edited.originals.get(key, event.payload_snapshot), own.envelope, names),
                attributes=_without(attributes[key], target),
                ordering_key=ordering_keys[key],
                failure_class=str(event.failure_class),
                signature_id=str(event.signature_id),
                edited=edited.notes.get(key),
                generation=1 + (sent[key].replays if key in sent else 0),
                warnings=tuple(warnings),
                value_sha256=value_of(edited.originals.get(key, event.payload_snapshot)),
                edited_sha256=value_of(event.payload_snapshot) if key in edited.notes else "",
                is_original_text=originals[key].is_same_text if key in originals else None,
            )
        )
    _refuse_made_alike(planned)
    return Drafts(tuple(planned), tuple(left_out), len(entity_unknown))


def _refuse_made_alike(planned: Sequence[Draft]) -> None:
    """Two events of a trace that an edit makes one message: neither could be told from the other afterwards."""
    seen: dict[str, Draft] = {}
    for draft in planned:
        for name in names_of(draft.workflow_id, draft.trace_id, None, draft.edited_sha256 or draft.value_sha256):
            first = seen.setdefault(name, draft)
            if first is not draft and (first.edited or draft.edited) is not None:
                raise ParameterError(
                    f"The edit gives the events {first.event_key[:100]} and {draft.event_key[:100]} the same payload.",
                    "Edit them so that they differ, or leave one of them out.",
                )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _doubtful(records: pd.DataFrame, as_sent: pd.DataFrame) -> dict[str, str]:
    """Payloads that a schema learned from the good ones would refuse, where it tells dead from good at all."""
    proposal = propose_schema(records)
    return find_refused(proposal.schema, as_sent) if proposal.verdict == "helps" else {}


def _succeeded(records: pd.DataFrame, events: pd.DataFrame) -> set[str]:
    """Events that had succeeded before they died: another copy of the message was dead-lettered."""
    own = records[records["event_key"].isin(set(events["event_key"]))]
    return set(own.loc[record_outcomes(own) == "succeeded", "event_key"].astype("str"))


def _history_words(letters: int, sent: Sent | None, has_succeeded: bool, trace: str | None) -> list[str]:
    words = [say("It has {letters:d} dead letters and is sent once.", letters=letters)] if letters > 1 else []
    if has_succeeded:
        words.append(mark("It succeeded before its last dead letter, so it has had its effect once."))
    if sent is not None and sent.replays:
        words.append(
            say_count(
                "It died again after {count:d} republish.", "It died again after {count:d} republishes.", sent.replays
            )
        )
    if trace is None:
        words.append(mark("It has no trace, so its records cannot be told from those of other events."))
    return words


def _original_words(original: Original | None, target: Target) -> list[str]:
    words = []
    if original is not None and not original.is_same_text:
        words.append(mark("The original message has other bytes than the execution record."))
    if original is not None and target.dedupe_attribute and target.dedupe_attribute in original.attributes:
        words.append(mark("The original message has a dedupe attribute of its own; ours takes its place."))
    return words


def _without(attributes: Mapping[str, str] | None, target: Target) -> Mapping[str, str] | None:
    """Without the dedupe attribute, whose value is the sender's alone."""
    if attributes is None or target.dedupe_attribute is None:
        return attributes
    return {name: value for name, value in attributes.items() if name != target.dedupe_attribute}


def _over_limit(payload: str, attributes: Mapping[str, str], key: str | None, target: Target) -> str | None:
    if target.kind == "http":
        return None
    own = {target.dedupe_attribute: _DEDUPE_KEY} if target.dedupe_attribute else {}
    try:
        data = payload.encode()
    except UnicodeEncodeError:
        return mark("The envelope put half a character (a lone surrogate) into the message.")
    return check_message(Message(0, data, {**attributes, **own}, key or "", _DEDUPE_KEY))
