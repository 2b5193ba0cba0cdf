"""One event's whole new payload: from a file, or from the analyst's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import open_incident
from dlqkit.republish.edits import Edit, apply_edit
from dlqkit.republish.plan import Plan
from dlqkit.republish.plan_diff import edits_of

__all__ = ["current_payload", "edit_in_editor", "find_event", "new_payload"]


def find_event(plan: Plan, wanted: str) -> str:
    """The event key of an event of the plan's selection, planned or left out.

    Parameters
    ----------
    plan : Plan
    wanted : str
        Its event key, trace or record.

    Raises
    ------
    ParameterError
        If there is none, or the trace has several.
    """
    keys = {event.event_key for event in plan.events if wanted in (event.event_key, event.trace_id, event.record_id)}
    keys |= {one.event_key for one in plan.left_out if wanted in (one.event_key, one.trace_id)}
    if wanted in keys:
        return wanted
    if len(keys) != 1:
        count = f"{len(keys)} events" if keys else "no event"
        raise ParameterError(f"{wanted[:60]} names {count} of {plan.plan_id}.", "Give the event_key.")
    return keys.pop()


def current_payload(directory: Path, plan: Plan, event_key: str) -> str:
    """The event's payload as the plan would send it, without an envelope: the record's own text and its edits."""
    records = open_incident(directory, snapshot=plan.snapshot).records().frame
    dead = records["queued_to_dlq"].fillna(False).astype(bool) & (records["event_key"] == event_key)
    own = records[dead].sort_values(["recorded_at", "record_id"], kind="stable", na_position="first")
    payload = "" if own.empty else own["payload_snapshot"].iloc[-1]
    text = payload if isinstance(payload, str) else ""
    for edit in edits_of(plan):
        if edit.event_key == event_key:
            text = apply_edit(text, edit)
    return text


def new_payload(
    directory: Path, plan: Plan, event_key: str, file: Path | None, *, reason: str, by: str
) -> tuple[Edit, ...]:
    """An event's whole new payload, from a file or else from ``$EDITOR``.

    Parameters
    ----------
    directory : Path
    plan : Plan
    event_key : str
    file : Path or None
        Its bytes are taken as they are, but for one newline at the end.
    reason, by : str

    Returns
    -------
    tuple of Edit
        One.

    Raises
    ------
    ParameterError
        If the file cannot be read, there is no editor, the new text is empty, or nothing was changed.
    """
    before = current_payload(directory, plan, event_key)
    if file is None:
        after = edit_in_editor(before)
    else:
        try:
            after = _without_last_newline(file.read_bytes().decode(), before)
        except (OSError, UnicodeDecodeError):
            raise ParameterError(f"{file.name} cannot be read as UTF-8.", "Check the path.") from None
    if not after.strip():
        raise ParameterError("The new payload is empty.", "Give its whole text, or plan without the event.")
    if after == before:
        raise ParameterError("The payload was not changed.", "Change it, or leave the plan as it is.")
    return (Edit("text", after, reason, by, event_key),)


def edit_in_editor(text: str) -> str:
    """The text after the analyst's own editor, ``$VISUAL`` or ``$EDITOR``; the file is his alone and removed after.

    Raises
    ------
    ParameterError
        If there is no editor, or it failed.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise ParameterError("No editor is set.", "Set EDITOR, or give --patch.")
    with tempfile.TemporaryDirectory(prefix="dlqkit-edit-") as scratch:
        path = Path(scratch) / "payload.json"
        path.write_bytes(text.encode())
        try:
            done = subprocess.run([*shlex.split(command), str(path)], check=False)
            after = path.read_bytes().decode()
        except (OSError, ValueError) as error:
            raise ParameterError("The editor could not be run, or left no UTF-8.", "Check EDITOR.") from error
    if done.returncode:
        raise ParameterError(f"The editor ended with {done.returncode}; nothing was changed.", "Try again.")
    return _without_last_newline(after, text)


def _without_last_newline(after: str, before: str) -> str:
    """Without the newline that editors put at the end of a file that had none."""
    return after if before.endswith("\n") else after.removesuffix("\n")
