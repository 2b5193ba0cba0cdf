"""Payloads of selected events after the edits, held against locked fields and the team's schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.prevention.payload_check import check_payloads
from dlqkit.republish.edits import Edit, apply_edit, check_locked, find_changes
from dlqkit.republish.plan import hash_text

__all__ = ["Edited", "edit_events", "find_refused", "hash_rules"]


@dataclass(frozen=True, slots=True)
class Edited:
    """Payloads by event key after the edits; of the changed ones the text before, and who changed what and why."""

    payloads: Mapping[str, Any]
    originals: Mapping[str, str]
    notes: Mapping[str, Mapping[str, Any]]
    unfit: Mapping[str, str]
    """Events whose payload the patch of all does not fit, and why."""


def edit_events(
    events: pd.DataFrame, edits: Sequence[Edit], locked: Sequence[str], schema: Mapping[str, Any] | None
) -> Edited:
    """Apply the edits in order.

    Parameters
    ----------
    events : DataFrame
        A row per event: ``event_key``, ``payload_snapshot``.
    edits : sequence of Edit
    locked : sequence of str
        Fields that no edit may touch.
    schema : mapping, optional
        The team's own; where it refused the payload before the edit stands in the notes.

    Returns
    -------
    Edited
        An event whose payload an edit leaves as it was is not edited.

    Raises
    ------
    ParameterError
        If an edit of one event does not fit, if one touches a locked field, or is of an event that is not selected.
    """
    before = dict(zip(events["event_key"].astype("str"), events["payload_snapshot"], strict=True))
    after = dict(before)
    said: dict[str, list[dict[str, Any]]] = {}
    unfit: dict[str, str] = {}
    for edit in edits:
        if edit.event_key is not None and edit.event_key not in before:
            raise ParameterError(
                f"The edit is of {edit.event_key[:100]}, which is not selected.", "Select it, or leave the edit out."
            )
        for key in list(before) if edit.event_key is None else [edit.event_key]:
            try:
                after[key] = apply_edit(after[key] if isinstance(after[key], str) else "", edit)
            except ParameterError as error:
                if edit.event_key is not None:
                    raise
                unfit[key] = error.problem
                continue
            note = {"kind": edit.kind, "patch": edit.patch, "reason": edit.reason, "by": edit.by}
            said.setdefault(key, []).append(note)
    originals = {key: before[key] if isinstance(before[key], str) else "" for key in said if after[key] != before[key]}
    refused = find_refused(schema, events[events["event_key"].isin(list(originals))])
    notes = {}
    for key, original in originals.items():
        places = find_changes(original, after[key])
        check_locked(places, locked)
        changes = [{"path": one.path, "before": one.before, "after": one.after} for one in places]
        notes[key] = {"edits": said[key], "changes": changes, "refused_before": refused.get(key, "")}
    return Edited(after, originals, notes, unfit)


def hash_rules(locked: Sequence[str], schema: Mapping[str, Any] | None, *, is_edited: bool) -> str:
    """SHA-256 of what payloads are held against; empty where there is nothing. Locked fields concern edits alone."""
    fields = sorted(set(locked)) if is_edited else []
    return hash_text(json.dumps([fields, schema], sort_keys=True)) if fields or schema is not None else ""


def find_refused(schema: Mapping[str, Any] | None, events: pd.DataFrame) -> dict[str, str]:
    """Of each event whose payload the schema refuses, at which places and by which keywords."""
    if schema is None or events.empty:
        return {}
    is_refused = check_payloads(schema, events["payload_snapshot"]).is_refused.fillna(False).astype(bool)
    found = {}
    for key, text in events.loc[is_refused, ["event_key", "payload_snapshot"]].itertuples(index=False):
        reasons = check_payloads(schema, pd.Series([text], dtype="str")).reasons
        found[str(key)] = ", ".join(f"{row.path} ({row.keyword})" for row in reasons.head(3).itertuples(index=False))
    return found
