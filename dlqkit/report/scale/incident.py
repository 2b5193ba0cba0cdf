"""The events of an incident: how many, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.executions.scale.outcomes import OUTCOME_KEYS
from dlqkit.frames import empty_frame
from dlqkit.report.later import LATER
from dlqkit.report.scale.own import NEWEST, OwnRecords, outcomes_of
from dlqkit.report.scale.tables import naive
from dlqkit.report.state import span_of

__all__ = ["IncidentEvents", "find_events"]

TIME = "datetime64[us, UTC]"


@dataclass(frozen=True, slots=True)
class IncidentEvents:
    """The last dead letter of each event of the incident, the table ``incident``, and what its dead letters are."""

    own: OwnRecords
    span: tuple[pd.Timestamp, pd.Timestamp] | None
    """From when to when; None where the signal is none of dead letters."""

    @property
    def inside(self) -> str:
        """The condition on ``lost``."""
        return "FALSE" if self.span is None else f"{self.own.where} AND recorded_at >= $low AND recorded_at <= $high"

    @property
    def values(self) -> dict[str, Any]:
        """The values that it names."""
        return {} if self.span is None else {"low": naive(self.span[0]), "high": naive(self.span[1])}

    def dead_letters(self) -> tuple[int, pd.Timestamp, pd.Timestamp]:
        """How many dead letters, the first and the last of them."""
        found = self.ask(
            f"SELECT count(*) AS records, min(recorded_at) AS first_at, max(recorded_at) AS last_at FROM lost "
            f"WHERE {self.inside}",
            {"records": "Int64", "first_at": TIME, "last_at": TIME},
        )  # fmt: skip
        row = found.iloc[0]
        return int(row["records"]), row["first_at"], row["last_at"]

    def ask(self, query: str, columns: Mapping[str, str]) -> pd.DataFrame:
        """A small answer on its dead letters."""
        values = {**self.own.values, **self.values} if self.span is not None else {}
        return self.own.tables.ask(query, columns, values)

    def count(self) -> tuple[int, int, int]:
        """How many events, how many of them are open, and how many healed."""
        states = self.own.tables.ask(
            "SELECT status, is_dead, has_error, count(*) AS events FROM ended e JOIN incident i "
            "ON e.event_key IS NOT DISTINCT FROM i.event_key GROUP BY ALL",
            {**OUTCOME_KEYS, "events": "Int64"},
        )  # fmt: skip
        state = outcomes_of(states)
        named = [int(states.loc[state == name, "events"].sum()) for name in ("open", "healed")]
        return self.own.tables.number("SELECT count(*) FROM incident"), named[0], named[1]

    def count_beside(self, other: pd.Series) -> tuple[int, int]:
        """How many events another incident of the workflow has that are none of this one, and how many are open."""
        counted = self.own.ask(
            "SELECT status, is_dead, has_error, count(*) AS events FROM (SELECT DISTINCT event_key FROM lost "
            f"WHERE {self.own.where} AND recorded_at >= $low AND recorded_at <= $high AND event_key IS NOT NULL) o "
            "ANTI JOIN incident USING (event_key) JOIN ended USING (event_key) GROUP BY ALL",
            {**OUTCOME_KEYS, "events": "Int64"},
            **dict(zip(("low", "high"), map(naive, span_of(other, self.own.moment)), strict=True)),
        )  # fmt: skip
        return int(counted["events"].sum()), int(counted.loc[outcomes_of(counted) == "open", "events"].sum())

    def later(self) -> pd.DataFrame:
        """Dead letters of after the last one, signed (``later.LATER``)."""
        _, _, last = self.dead_letters()
        if self.span is None:
            return empty_frame(LATER)
        found = self.own.ask(
            "SELECT event_key, recorded_at, form, status, is_dead, has_error FROM "
            f"(SELECT event_key, recorded_at, form FROM lost WHERE {self.own.where} AND recorded_at > $last) l "
            "LEFT JOIN (SELECT event_key, status, is_dead, has_error FROM ended) e USING (event_key)",
            {"event_key": "str", "recorded_at": TIME, "form": "Int64", **OUTCOME_KEYS},
            last=naive(self.span[1] if pd.isna(last) else last),
        )  # fmt: skip
        signed = self.own.tables.forms.loc[found["form"], ["signature_id", "signature"]].reset_index(drop=True)
        return found.join(signed).assign(is_open=outcomes_of(found) == "open")[list(LATER)]


def find_events(own: OwnRecords, main: pd.Series | None, moment: datetime) -> IncidentEvents:
    """The incident that the main signal tells of; makes the views ``incident`` and ``ended``.

    ``ended`` has the last record of each event that was ever dead.
    """
    has_dead = main is not None and main["signal"] == "dead_letters"
    out = IncidentEvents(own, span_of(main, moment) if main is not None and has_dead else None)
    values = {**own.values, **out.values} if has_dead else {}
    own.tables.make(
        "incident",
        f"SELECT * FROM lost WHERE {out.inside} QUALIFY row_number() OVER "
        f"(PARTITION BY event_key ORDER BY {NEWEST}, text_rank DESC, pos DESC) = 1",
        values,
    )
    if has_dead:
        own.tables.make(
            "ended",
            "SELECT event_key, trace_id, status, coalesce(queued_to_dlq, false) AS is_dead, "
            f"coalesce(last_error, '') <> '' AS has_error FROM records r WHERE {own.where} AND EXISTS "
            f"(SELECT 1 FROM (SELECT DISTINCT event_key FROM lost WHERE {own.where}) d "
            "WHERE d.event_key IS NOT DISTINCT FROM r.event_key) QUALIFY row_number() OVER "
            f"(PARTITION BY event_key ORDER BY {NEWEST}, last_error DESC NULLS LAST, pos DESC) = 1",
            own.values,
        )
    return out
