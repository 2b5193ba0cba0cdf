"""The attempts of one file as a table in the columns of dlqkit's own Parquet."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from dlqkit.simulator.error_texts import ERRORS
from dlqkit.simulator.lake.attempts import Attempts, Events
from dlqkit.simulator.lake.plan import LakePlan
from dlqkit.simulator.lake.texts import Digits, Words, hex_digits, render, table_digits
from dlqkit.simulator.lake.wording import Wording, error_texts, key_digits, payload_texts
from dlqkit.simulator.mixing import Array, mix, mix_array
from dlqkit.simulator.workflows import CLIENTS

__all__ = ["DICTIONARY_COLUMNS", "records_table"]

STATUSES = ("succeeded", "failed", "dead_lettered")
# Columns of few values; the others are different in nearly every row, and a dictionary of them only costs.
DICTIONARY_COLUMNS = ("workflow_id", "status", "error_type", "error_code", "extra_json")
_TEXT = pa.large_string()


def records_table(plan: LakePlan, wording: Wording, events: Events, attempts: Attempts) -> pa.Table:
    """A record for each attempt, by time; times are naive UTC, as in every Parquet file of dlqkit.

    Parameters
    ----------
    plan, wording
        The lake's.
    events, attempts
        Of one file.
    """
    own, rows = attempts.event, len(attempts)
    keys, traces = key_digits(plan, events), _traces(plan, events)
    # The platform's keys end in digits of the payload's hash; here they are of the event's number.
    hashes = hex_digits(_bits(plan, events, 3), 12)
    workflows = [workflow.workflow_id for workflow in plan.workflows]
    error = attempts.error
    status = np.where(error < 0, 0, np.where(attempts.dead, 2, 1))
    run = hex_digits(attempts.run * 16 + attempts.number, 2)
    columns = {
        "record_id": render([hex_digits(_bits(plan, events, 4), 16)[own], hex_digits(events.number, 8)[own][:, 2:],
                             run], rows),
        "event_key": render([traces[own], ".", table_digits(workflows, events.workflow)[own], ".", hashes[own]], rows),
        "workflow_id": render([Words(tuple(workflows), events.workflow[own])], rows),
        "trace_id": render([traces[own]], rows),
        "recorded_at": pa.array(attempts.ended_us, pa.timestamp("us")),
        "status": render([Words(STATUSES, status)], rows),
        "retryable": pa.array(attempts.retryable == 1, mask=attempts.retryable < 0),
        "queued_to_dlq": pa.array(attempts.dead),
        "attempts": pa.array(attempts.number, pa.int64()),
        "last_error": error_texts(plan, wording, events, attempts, keys, traces),
        "error_type": _of_errors([kind.error_type for kind in ERRORS], error),
        "error_code": _of_errors([kind.error_code for kind in ERRORS], error),
        "action_duration_ms": pa.array(attempts.duration_ms, mask=~attempts.measured),
        "payload_snapshot": payload_texts(plan, wording, events, keys).take(pa.array(own)),
        "extra_json": render([Words(tuple(json.dumps({"client_id": client}, separators=(",", ":"))
                                          for client in CLIENTS), events.client[own])], rows),
    }  # fmt: skip
    return pa.table(columns)


def _bits(plan: LakePlan, events: Events, what: int) -> Array:
    """Bits of each event, different for each ``what``; those of two events are never the same."""
    return mix_array(events.number.astype(np.uint64) ^ np.uint64(mix(plan.salt + what)))


def _traces(plan: LakePlan, events: Events) -> Digits:
    """32 hex digits that begin with the second of arrival, as some tracers make them."""
    salt = np.full(len(events), mix(plan.salt + 5) & 0xFFFFFFFF)
    return np.hstack([hex_digits(events.arrived_s, 8), hex_digits(salt, 8), hex_digits(_bits(plan, events, 6), 16)])


def _of_errors(texts: list[str], error: Array) -> pa.Array:
    return pa.array(texts, _TEXT).take(pa.array(error, mask=error < 0))
