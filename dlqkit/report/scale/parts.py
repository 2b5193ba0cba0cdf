"""Dead events of an incident whose records outgrow memory, in batches, and the records that a plan of some rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from dlqkit.decision.classes import propose_of_counts
from dlqkit.decision.overrides import OVERRIDDEN, apply_overrides
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.engines.contract import engine_errors
from dlqkit.errors import ParameterError
from dlqkit.frames import RECORDS, conform
from dlqkit.report.diagnosis import find_limits
from dlqkit.report.judgement import read_judgement
from dlqkit.report.scale.incident import IncidentEvents
from dlqkit.report.scale.kinds import KIND_KEYS, classify_kinds
from dlqkit.report.scale.own import NEWEST, OwnRecords
from dlqkit.report.scale.tables import RecordTables, load_tables
from dlqkit.republish.exclusions import find_entities
from dlqkit.republish.outlook import NEWEST as RECENT
from dlqkit.republish.part import Batch

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.selection import Selection

__all__ = ["MOST_PLANNED", "DeadEvents", "find_dead_events"]

# Events of one plan; one of a kilobyte takes some five in memory, and each is a row of the journal.
MOST_PLANNED = 100_000
# Events that are looked at together.
BATCH = 20_000
# Up to so many records are all read: what they give is what they give in memory.
MOST_WHOLE = 200_000
# Of other events of the workflow, to learn from what a good payload looks like.
MOST_BESIDE = 20_000
# Of a plan's own, with what has their traces; more of them are no plan but the records again.
MOST_READ = 2_000_000
# Events that took longest, of which one sets the outcome deadline.
LONGEST = 2_000
TIME = "datetime64[us, UTC]"
_READ = {**RECORDS, "pos": "Int64"}


@dataclass(frozen=True, slots=True)
class DeadEvents:
    """The dead events of a workflow that are meant by name, class and signature, in the order in which they began.

    The view ``ranked`` has their ``event_key``, ``kind`` and ``rank``.
    """

    tables: RecordTables
    workflow_id: str
    classes: pd.DataFrame
    """``OVERRIDDEN``, a row per kind of events that are alike."""
    count: int
    newest: pd.Timestamp
    """The newest record of all workflows."""

    def batches(self) -> Iterator[Batch]:
        """All records of so many events at a time, and their classes."""
        if self.count <= BATCH:
            yield self._batch("(SELECT r.*, rank FROM records r JOIN ranked USING (event_key))", 0)
            return
        # Read once and in order, or each batch would read all records again.
        self.tables.make(
            "in_rank", "SELECT r.*, k.rank FROM records r JOIN ranked k USING (event_key) ORDER BY k.rank"
        )  # fmt: skip
        for low in range(0, self.count, BATCH):
            yield self._batch("in_rank", low)

    def keys(self) -> list[str]:
        """Their event keys, in order.

        Raises
        ------
        ParameterError
            If they are more than one plan holds.
        """
        if self.count > MOST_PLANNED:
            raise ParameterError(
                f"{self.count:,} events are meant, and of records that outgrow memory a plan holds {MOST_PLANNED:,}.",
                f"Plan a part of them, and the next after it: --most {MOST_PLANNED}",
            )
        found = self.tables.ask("SELECT event_key, rank FROM ranked", {"event_key": "str", "rank": "Int64"})
        return list(found.sort_values("rank")["event_key"])

    def _batch(self, source: str, low: int) -> Batch:
        span = {"low": low, "high": low + BATCH}
        inside = "rank >= $low AND rank < $high"
        found = self.tables.ask(f"SELECT * FROM {source} WHERE {inside}", _READ, span, at_most=MOST_READ)
        return _as_in_memory(found), self._classes(f"SELECT event_key, kind FROM ranked WHERE {inside}", span)

    def _classes(self, query: str, values: dict[str, Any]) -> pd.DataFrame:
        kinds = self.tables.ask(query, {"event_key": "str", "kind": "Int64"}, values, at_most=MOST_READ)
        rows = self.classes.loc[kinds["kind"].to_numpy(dtype="int64")].reset_index(drop=True)
        return rows.assign(event_key=kinds["event_key"]).astype(dict(OVERRIDDEN))

    def read(self, keys: Sequence[str], entity_key: Sequence[str] = ()) -> tuple[Batch, pd.DataFrame]:
        """What a plan of some of them rests on.

        Parameters
        ----------
        keys : sequence of str
            Of the events.
        entity_key : sequence of str
            Paths of what an event is about, where the settings have them.

        Returns
        -------
        (Batch, DataFrame)
            The records, ``frames.RECORDS``: all of them up to ``MOST_WHOLE``; of more those of these events, of their
            traces, of what succeeded with the same entity, of the events that took longest, and some others.
            And the workflow's records of the last ten minutes: ``workflow_id``, ``event_key``, ``recorded_at``.
        """
        self.tables.connection.register("chosen", pa.table({"event_key": pa.array(list(keys), pa.string())}))
        classes = self._classes("SELECT event_key, kind FROM ranked JOIN chosen USING (event_key)", {})
        if self.tables.number("SELECT count(*) FROM records") <= MOST_WHOLE:
            found = self.tables.ask("SELECT * FROM records", _READ, at_most=MOST_READ)
        else:
            found = self._read_some(entity_key)
        return (_as_in_memory(found), classes), self._recent()

    def _read_some(self, entity_key: Sequence[str]) -> pd.DataFrame:
        own, values = "workflow_id = $own", {"own": self.workflow_id}
        count = self.tables.number(f"SELECT count(*) FROM records WHERE {own}", values)
        begun = "recorded_at - to_milliseconds(coalesce(action_duration_ms, 0)::BIGINT)"
        wanted = [
            "SELECT event_key FROM chosen",
            "SELECT event_key FROM records WHERE trace_id IN "
            "(SELECT trace_id FROM lost JOIN chosen USING (event_key) WHERE trace_id IS NOT NULL)",
            f"SELECT event_key FROM records WHERE {own} AND hash(event_key) % $every = 0",
            f"SELECT event_key FROM records WHERE {own} GROUP BY event_key HAVING count(*) > 1 "
            f"ORDER BY max(recorded_at) - min({begun}) DESC NULLS LAST, event_key LIMIT {LONGEST}",
        ]
        if entity_key:
            same = pa.table({"event_key": pa.array(self._same_entity(entity_key), pa.string())})
            self.tables.connection.register("same_entity", same)
            wanted.append("SELECT event_key FROM same_entity")
        keys = " UNION ".join(f"({one})" for one in wanted)
        return self.tables.ask(
            "SELECT r.* FROM records r WHERE event_key IN "
            f"(SELECT event_key FROM ({keys}) WHERE event_key IS NOT NULL)",
            _READ, {**values, "every": max(-(-count // MOST_BESIDE), 1)}, at_most=MOST_READ,
        )  # fmt: skip

    def _same_entity(self, entity_key: Sequence[str]) -> list[str]:
        """Keys of events that did not die, of whose entity one of the chosen is."""
        chosen = self.tables.ask(
            "SELECT r.* FROM records r JOIN chosen USING (event_key) WHERE queued_to_dlq", RECORDS, at_most=MOST_READ
        )
        entities = set(find_entities(chosen, entity_key)) - {None}
        query = (
            f"SELECT {', '.join(RECORDS)} FROM records WHERE workflow_id = $own "
            "AND NOT coalesce(queued_to_dlq, false) AND event_key IS NOT NULL"
        )
        found: set[str] = set()
        with engine_errors():
            for batch in self.tables.connection.sql(query, params={"own": self.workflow_id}).to_arrow_reader(BATCH):
                frame = conform(batch.to_pandas(), RECORDS)
                same = [one in entities for one in find_entities(frame, entity_key)]
                found |= set(frame.loc[same, "event_key"].astype("str"))
        return sorted(found)

    def _recent(self) -> pd.DataFrame:
        since = self.newest - RECENT
        return self.tables.ask(
            "SELECT workflow_id, event_key, max(recorded_at) AS recorded_at FROM records "
            "WHERE recorded_at >= $since GROUP BY ALL",
            {"workflow_id": "str", "event_key": "str", "recorded_at": TIME},
            {"since": since.tz_convert(UTC).tz_localize(None).to_pydatetime(warn=False)}, at_most=MOST_READ,
        )  # fmt: skip


def _as_in_memory(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values("pos", kind="stable").reset_index(drop=True)[list(RECORDS)]


def find_dead_events(folder: IncidentFolder, selection: Selection) -> DeadEvents:
    """The dead events of a folder that is opened on DuckDB, as far as names, classes and signatures tell.

    Parameters
    ----------
    folder : IncidentFolder
        With records.
    selection : Selection
        Its ``where`` is for the records of each batch to be held against.

    Raises
    ------
    ParameterError
        If there are dead letters of several workflows, and not one of them is chosen; or none.
    EngineError
        If DuckDB cannot compute it.
    """
    judgement = read_judgement(folder)
    tables = load_tables(folder, judgement.signatures)
    workflow_id = _choose_workflow(tables, selection)
    newest = tables.ask("SELECT max(recorded_at) AS at FROM records", {"at": TIME})["at"].iloc[0]
    own = OwnRecords(tables, datetime.max, workflow_id)
    span = own.ask(f"SELECT min(recorded_at) AS low, max(recorded_at) AS high FROM lost WHERE {own.where}",
                   {"low": TIME, "high": TIME}).iloc[0]  # fmt: skip
    incident = IncidentEvents(own, None if pd.isna(span["low"]) else (span["low"], span["high"]))
    tables.make(
        "incident",
        f"SELECT * FROM lost WHERE {own.where} QUALIFY row_number() OVER "
        f"(PARTITION BY event_key ORDER BY {NEWEST}, text_rank DESC, pos DESC) = 1",
        own.values,
    )
    limits = find_limits(
        folder, workflow_id, lambda: propose_of_counts(own.attempts()), lambda: believe_timeout(own.sample()[0])
    )
    overrides = judgement.class_overrides
    by_fields, kinds = classify_kinds(incident, limits, [one.event_key for one in overrides if one.event_key])
    classes = apply_overrides(by_fields, overrides)
    meant = pd.Series(data=True, index=classes.index)
    if selection.classes:
        meant &= classes["failure_class"].astype("str").isin(selection.classes)
    if selection.signatures:
        meant &= classes["signature_id"].isin(selection.signatures)
    found = kinds[list(KIND_KEYS)].assign(kind=range(len(kinds)))[meant]
    tables.connection.register("meant_kinds", pa.Table.from_pandas(found, preserve_index=False))
    _rank(own, selection)
    return DeadEvents(tables, workflow_id, classes, tables.number("SELECT count(*) FROM ranked"), newest)


def _rank(own: OwnRecords, selection: Selection) -> None:
    alike = " AND ".join(f"k.{key} IS NOT DISTINCT FROM c.{key}" for key in KIND_KEYS)
    named, values = "TRUE", dict(own.values)
    if selection.ids:
        ids = pa.table({"id": pa.array(list(selection.ids), pa.string())})
        own.tables.connection.register("asked_ids", ids)
        asked = " OR ".join(f"{name} IN (SELECT id FROM asked_ids)" for name in ("event_key", "trace_id", "record_id"))
        named = f"event_key IN (SELECT event_key FROM lost WHERE {asked})"
    own.tables.make(
        "ranked",
        "SELECT event_key, kind, row_number() OVER (ORDER BY first_at NULLS LAST, recorded_at NULLS LAST, event_key) "
        "- 1 AS rank FROM (SELECT k.event_key, k.recorded_at, c.kind FROM kinded k JOIN meant_kinds c ON "
        f"{alike} WHERE k.event_key IS NOT NULL AND {named}) JOIN "
        f"(SELECT event_key, min(recorded_at) AS first_at FROM records WHERE event_key IN "
        f"(SELECT event_key FROM incident) GROUP BY event_key) USING (event_key)",
        values if "$" in named else {},
    )  # fmt: skip


def _choose_workflow(tables: RecordTables, selection: Selection) -> str:
    found = tables.ask(
        "SELECT workflow_id, count(DISTINCT event_key) AS events FROM lost WHERE workflow_id IS NOT NULL "
        "GROUP BY workflow_id ORDER BY events DESC, workflow_id",
        {"workflow_id": "str", "events": "Int64"},
    )
    known = found[found["workflow_id"].isin(selection.workflows)] if selection.workflows else found
    if len(known) == 1:
        return str(known["workflow_id"].iloc[0])
    shown = ", ".join(f"{row.workflow_id[:40]} ({row.events:,})" for row in found.head(5).itertuples(index=False))
    if found.empty:
        raise ParameterError("There is no dead letter with a workflow.", "Look at what there is: dlqkit triage DIR")
    raise ParameterError(
        f"Of records that outgrow memory a plan names its workflow; there are dead letters of: {shown}.",
        "Give one of them: --workflow ID",
    )
