"""Further names of a dead event, which neither the spaces of its payload nor the settings of its key change.

An event's key may hold a hash of the payload's text, and may be made of fields that the settings name; the same dead
letter, collected from an export or by other settings, then has another key. Its record and what its payload says are
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.republish.frozen import canonical_json
from dlqkit.republish.payload_forms import hash_value

if TYPE_CHECKING:
    from dlqkit.republish.plan import PlannedEvent

__all__ = ["names_by_key", "names_of", "names_of_planned", "names_of_row", "names_of_sent", "value_of"]


def names_of(workflow_id: object, trace_id: object, record_id: object, value_sha256: str) -> tuple[str, ...]:
    """Names beside the key, of what is known.

    Parameters
    ----------
    workflow_id, trace_id, record_id : object
        Of the last dead letter; None or NA where one is not known.
    value_sha256 : str
        From ``value_of``; empty where it is not known.
    """
    out = []
    if not _is_absent(record_id):
        out.append(canonical_json(["record", str(workflow_id), str(record_id)]))
    # Without a trace a payload may be another event's, too.
    if not _is_absent(trace_id) and value_sha256:
        out.append(canonical_json(["value", str(workflow_id), str(trace_id), value_sha256]))
    return tuple(out)


def names_of_row(row: Any) -> tuple[str, ...]:
    """Of a dead letter: ``workflow_id``, ``trace_id``, ``record_id``, ``payload_snapshot``."""
    return names_of(row.workflow_id, row.trace_id, row.record_id, value_of(row.payload_snapshot))


def names_by_key(records: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Further names of each event that has a key, of all of its dead letters; ``frames.RECORDS``."""
    keyed = records[records["event_key"].notna()]
    found: dict[str, dict[str, None]] = {str(key): {} for key in keyed["event_key"].unique()}
    for row in keyed[keyed["queued_to_dlq"].fillna(False).astype(bool)].itertuples(index=False):
        found[str(row.event_key)].update(dict.fromkeys(names_of_row(row)))
    return {key: tuple(names) for key, names in found.items()}


def names_of_planned(event: PlannedEvent) -> tuple[str, ...]:
    """Of an event of a plan."""
    return names_of(event.workflow_id, event.trace_id, event.record_id, event.value_sha256)


def names_of_sent(event: PlannedEvent) -> tuple[str, ...]:
    """As of a planned one, and by what an edit made of it: so it comes back."""
    edited = names_of(event.workflow_id, event.trace_id, None, event.edited_sha256)
    return tuple(dict.fromkeys((*names_of_planned(event), *edited)))


def value_of(payload: object) -> str:
    """A hash of what a payload says; empty where it is no JSON."""
    return (hash_value(payload) or "") if isinstance(payload, str) else ""


def _is_absent(value: object) -> bool:
    return value is None or value is pd.NA or value == "" or value != value
