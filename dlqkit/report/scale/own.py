"""The records that a report is about, of one workflow, one trace or all: what is counted of them, and small parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.decision.payload_changes import READ
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS, name_outcomes
from dlqkit.frames import RECORDS
from dlqkit.report.scale.tables import RecordTables, naive
from dlqkit.report.state import NAMED, Told

__all__ = ["OwnRecords", "outcomes_of"]

TIME = "datetime64[us, UTC]"
# Of a workflow's records, to read a timeout from; whole events, the same each time.
SAMPLE_RECORDS = 200_000
# As many, with their payloads, to tell failing records from others; twice what differences are looked for in.
COMPARED_RECORDS = 200_000
_SAMPLED: Mapping[str, str] = {
    "event_key": "str",
    "workflow_id": "str",
    "record_id": "str",
    "recorded_at": TIME,
    "status": "category",
    "queued_to_dlq": "boolean",
    "retryable": "boolean",
    "attempts": "Int64",
    "last_error": "str",
    "action_duration_ms": "Float64",
}
_PAYLOADS: Mapping[str, str] = {"workflow_id": "str", "recorded_at": TIME, "payload_snapshot": "str"}
# As ``signals.outcomes.in_order``, the last first.
NEWEST = "recorded_at DESC NULLS LAST, attempts DESC NULLS LAST, record_id DESC NULLS LAST"


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """Records of up to ``moment``, of the workflow or the trace if one is named."""

    tables: RecordTables
    moment: datetime
    workflow_id: str | None = None
    trace_id: str | None = None

    @property
    def where(self) -> str:
        """Which they are, as a condition on ``records`` and ``lost``."""
        name = "trace_id" if self.trace_id is not None else "workflow_id"
        is_all = self.trace_id is None and self.workflow_id is None
        mine = "" if is_all else f"{name} = $own AND "
        return f"({mine}(recorded_at <= $moment OR recorded_at IS NULL))"

    @property
    def values(self) -> dict[str, Any]:
        """The values that the condition names."""
        own = self.trace_id if self.trace_id is not None else self.workflow_id
        return {"moment": naive(self.moment)} | ({} if own is None else {"own": own})

    def number(self, query: str, **values: Any) -> int:
        """One count of them."""
        return self.tables.number(query, {**self.values, **values})

    def ask(self, query: str, columns: Mapping[str, str], **values: Any) -> pd.DataFrame:
        """One small answer on them."""
        return self.tables.ask(query, columns, {**self.values, **values})

    def count(self) -> int:
        """How many."""
        return self.number(f"SELECT count(*) FROM records WHERE {self.where}")

    def first_at(self) -> pd.Timestamp:
        """When the first of them came."""
        return self.ask(f"SELECT min(recorded_at) AS at FROM records WHERE {self.where}", {"at": TIME})["at"].iloc[0]

    def workflows(self) -> list[str]:
        """The workflows that they name; two of them are enough to know that it is not one."""
        query = f"SELECT DISTINCT workflow_id FROM records WHERE {self.where} AND workflow_id IS NOT NULL LIMIT 2"
        return list(self.ask(query, {"workflow_id": "str"})["workflow_id"])

    def undated(self) -> int:
        """Dead letters without a time."""
        return self.number(f"SELECT count(*) FROM lost WHERE {self.where} AND recorded_at IS NULL")

    def told(self, start: datetime) -> Told:
        """What they tell where no signal is seen; ``start`` of the window."""
        return Told(
            self.count(), statuses=self._statuses, undated=self.undated, untold=self.untold,
            dead=lambda: self._dead_since(start), open_traces=lambda: self._open_since(start),
        )  # fmt: skip

    def _statuses(self) -> list[str]:
        found = self.ask(f"SELECT DISTINCT status FROM records WHERE {self.where}", {"status": "str"})
        return list(found["status"].dropna())

    def untold(self) -> int:
        """As ``state.count_untold``."""
        if self.number(f"SELECT count(*) FROM records WHERE {self.where} AND queued_to_dlq IS NOT NULL"):
            return 0
        counted = self.ask(_last_of("TRUE", self.where), {**OUTCOME_KEYS, "events": "Int64"})
        return int(counted.loc[name_outcomes(counted) == "failed", "events"].sum())

    def _dead_since(self, start: datetime) -> tuple[int, int, int]:
        inside = f"SELECT * FROM lost WHERE {self.where} AND recorded_at >= $start"
        begun = naive(start)
        count = self.number(f"SELECT count(*) FROM ({inside})", start=begun)
        every = self.number(f"SELECT count(*) FROM lost WHERE {self.where}")
        if not count:
            return 0, every, 0
        keys = f"event_key IN (SELECT event_key FROM ({inside}) WHERE event_key IS NOT NULL)"
        counted = self.ask(_last_of(keys, self.where), {**OUTCOME_KEYS, "events": "Int64"}, start=begun)
        return count, every, int(counted.loc[outcomes_of(counted) == "open", "events"].sum())

    def _open_since(self, start: datetime) -> list[str]:
        keys = (f"event_key IN (SELECT event_key FROM lost WHERE {self.where} AND recorded_at >= $start "
                "AND event_key IS NOT NULL)")  # fmt: skip
        found = self.ask(_last_records(keys, self.where), {**OUTCOME_KEYS, "trace_id": "str"}, start=naive(start))
        return sorted(found.loc[outcomes_of(found) == "open", "trace_id"].dropna().unique())[:NAMED]

    def attempts(self) -> dict[int, int]:
        """Retryable dead letters by their attempts."""
        found = self.ask(
            f"SELECT attempts, count(*) AS records FROM lost WHERE {self.where} AND retryable "
            "AND attempts IS NOT NULL GROUP BY attempts",
            {"attempts": "Int64", "records": "Int64"},
        )  # fmt: skip
        return {int(row.attempts): int(row.records) for row in found.itertuples(index=False)}

    def compared(self) -> tuple[pd.DataFrame, int]:
        """Whole events to compare with each other, ``frames.RECORDS`` in their order, and of how many one is read."""
        every = max(-(-self.count() // COMPARED_RECORDS), 1)
        found = self.ask(
            f"SELECT * FROM records WHERE {self.where} AND hash(event_key) % $every = 0",
            {**RECORDS, "pos": "Int64"}, every=every,
        )  # fmt: skip
        return found.sort_values("pos", kind="stable").drop(columns="pos").reset_index(drop=True), every

    def sample(self) -> tuple[pd.DataFrame, bool]:
        """Records to read a timeout from, in their order, and whether these are not all."""
        every = -(-self.count() // SAMPLE_RECORDS)
        found = self.ask(
            "SELECT r.* EXCLUDE (last_error), "
            "CASE WHEN queued_to_dlq THEN coalesce(m.text, last_error) ELSE last_error END AS last_error "
            f"FROM (SELECT * FROM records WHERE {self.where} AND hash(event_key) % $every = 0) r "
            "LEFT JOIN masked m USING (pos)",
            {**_SAMPLED, "pos": "Int64"},
            every=max(every, 1),
        )
        return found.sort_values("pos", kind="stable").reset_index(drop=True), every > 1

    def payloads(self, begin: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Of each workflow the payloads that ``payload_changes`` reads: the newest of before ``begin``, and since."""
        known = f"SELECT pos, workflow_id, recorded_at FROM records WHERE {self.where} AND payload_snapshot IS NOT NULL"
        parts = [
            f"SELECT pos FROM ({known}) WHERE recorded_at {when} QUALIFY row_number() OVER "
            f"(PARTITION BY workflow_id ORDER BY recorded_at {order}, pos {order}) <= {count}"
            for when, order, count in (
                ("< $begin", "DESC", READ),
                (">= $begin AND recorded_at <= $end", "DESC", 2 * READ),
                ("> $end", "ASC", READ // 2),
            )
        ]
        found = self.ask(
            "SELECT pos, workflow_id, recorded_at, payload_snapshot FROM records "
            f"WHERE pos IN ({' UNION ALL '.join(parts)})",
            {**_PAYLOADS, "pos": "Int64"}, begin=naive(begin), end=naive(end),
        )  # fmt: skip
        return found.sort_values("pos", kind="stable").reset_index(drop=True)

    def holds(self, workflow_id: str, text: str, before: pd.Timestamp) -> bool:
        """Whether a payload of the workflow from before a time holds a text."""
        query = (
            f"SELECT count(*) FROM (SELECT 1 FROM records WHERE {self.where} AND workflow_id = $workflow "
            "AND recorded_at < $before AND contains(payload_snapshot, $text) LIMIT 1)"
        )
        return self.number(query, workflow=workflow_id, text=text, before=naive(before)) > 0


def _last_of(keys: str, where: str) -> str:
    """Events by what their last record says."""
    return (
        f"SELECT status, is_dead, has_error, count(*) AS events FROM ({_last_records(keys, where)}) "
        "GROUP BY status, is_dead, has_error"
    )


def _last_records(keys: str, where: str) -> str:
    """What the last record of each event says."""
    return (
        "SELECT trace_id, status, coalesce(queued_to_dlq, false) AS is_dead, "
        "coalesce(last_error, '') <> '' AS has_error FROM records "
        f"WHERE {where} AND {keys} QUALIFY row_number() OVER (PARTITION BY event_key ORDER BY {NEWEST}, "
        "last_error DESC NULLS LAST, pos DESC) = 1"
    )


def outcomes_of(counted: pd.DataFrame) -> pd.Series:
    """The state of events that were dead, by their last record: as ``event_states`` names it."""
    return name_outcomes(counted).replace({"dead": "open", "failed": "open", "succeeded": "healed"})
