"""Rows of the evidence that a fact is of, each with the condition that chose them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from dlqkit.executions.event_history import event_states
from dlqkit.membership import is_one_of, select_rows
from dlqkit.report.held import select_held
from dlqkit.report.inputs import Inputs
from dlqkit.signals.counters import METRICS, metric_samples

__all__ = ["Chooser", "Frame", "Part", "both", "equal", "one_of"]

Facts = Mapping[str, Any]
Frame = Literal["records", "samples", "worker_logs", "support_reports", "originals"]
_TIMES: Mapping[Frame, str] = {
    "records": "recorded_at",
    "samples": "sampled_at",
    "worker_logs": "logged_at",
    "support_reports": "reported_at",
    "originals": "published_at",
}


@dataclass(frozen=True)
class Part:
    """Rows of one frame, and the condition that chose them, written as SQL's WHERE on the frame's columns."""

    frame: Frame
    rows: pd.DataFrame
    filter: str

    @property
    def times(self) -> pd.Series:
        """When each row is of."""
        return self.rows[_TIMES[self.frame]]


@dataclass(frozen=True)
class Chooser:
    """Chooses rows for the facts of a report."""

    inputs: Inputs
    facts: Facts
    names: Mapping[str, str] | None
    times_alone: bool = False
    """Whether of the records chosen only labels and times are asked for: texts are most of what would be copied."""

    @property
    def scope(self) -> str:
        """The condition that chooses the report's own records."""
        if trace_id := self.facts["incident"]["trace_id"]:
            return equal("trace_id", trace_id)
        return equal("workflow_id", self.facts["workflow"]["id"]) if self.facts["workflow"]["id"] else ""

    @property
    def span(self) -> tuple[str, str]:
        """From the onset's earliest to the end, as the incident's dead letters are chosen."""
        onset, end = self.facts["onset"], self.facts["end"]["at"]
        return min(onset["low"] or onset["at"], onset["at"]), end or self.facts["as_of"]

    def records(self, mask: pd.Series, *conditions: str) -> Part:
        """The report's own records of a mask."""
        return Part("records", select_rows(self._shown(self.inputs.own), mask), both(self.scope, *conditions))

    def _shown(self, records: pd.DataFrame) -> pd.DataFrame:
        return records[[_TIMES["records"]]] if self.times_alone else records

    @cached_property
    def counters(self) -> Mapping[str, pd.DataFrame]:
        """The samples of each of the runbook's metrics."""
        return {name: metric_samples(self.inputs.samples, name, self.names) for name in METRICS}

    @cached_property
    def fates(self) -> Mapping[str, set[str]]:
        """Keys of the incident's events by what became of them: ``open``, ``healed``."""
        keys = self.inputs.dead["event_key"].dropna()
        states = self.inputs.states
        if states is None:
            states = event_states(self.inputs.own[is_one_of(self.inputs.own["event_key"], keys)])
        else:
            states = states[is_one_of(states["event_key"], keys)]
        again = is_one_of(states["event_key"], self.facts["republish"]["passed"]) & (states["state"] == "open")
        state = states["state"].astype("str").mask(again, "healed")
        return {name: set(states.loc[state == name, "event_key"].tolist()) for name in ("open", "healed")}

    def dead(self, mask: pd.Series | None = None, *conditions: str) -> Part:
        """The incident's dead letters."""
        low, high = self.span
        rows = self._shown(self.inputs.dead)
        rows = rows if mask is None else rows[mask]
        return Part("records", rows, both(self.scope, "queued_to_dlq", *_within("recorded_at", low, high), *conditions))

    def held(self) -> Part:
        """Messages of the incident that no record tells of."""
        low, high = self.span
        messages, moment = self.inputs.originals, pd.Timestamp(self.facts["as_of"])
        rows = messages[select_held(messages, self.inputs.own, self.inputs.main, moment)]
        listed = "trace_id not in (records)"
        return Part("originals", rows, both(self.scope, *_within("published_at", low, high), listed))

    def old_messages(self) -> Part:
        """Messages of the dead-letter subscriptions from before the window."""
        start = str(self.facts["incident"]["window"]["start"])
        messages = self.inputs.originals
        rows = messages[messages["published_at"] < pd.Timestamp(start)]
        return Part("originals", rows, f"published_at < {start}")

    def metric(self, name: str, workflow_id: str | None, low: str | None, high: str | None) -> Part | None:
        """Samples of one of the runbook's metrics, with the scrape on either side; None without any."""
        if name == "every":
            own, shown = self.inputs.samples, ""
        else:
            own = self.counters[name]
            shown = one_of("metric", sorted(own["metric"].astype("str").unique())) if len(own) else ""
        conditions = [shown]
        if workflow_id and "workflow_id" in own.columns and name != "every":
            own = own[own["workflow_id"] == workflow_id]
            conditions.append(equal("workflow_id", workflow_id))
        if low is not None and high is not None and len(own):
            first, last = _touching(own, pd.Timestamp(low), pd.Timestamp(high))
            own = own[own["sampled_at"].between(first, last)]
            conditions += _within("sampled_at", first.isoformat(), last.isoformat())
        return Part("samples", own, both(*conditions)) if len(own) else None

    def seen(self, where: Sequence[str], workflow_id: str | None, low: str | None, high: str) -> tuple[Part, ...]:
        """Rows of each of these frames, of a workflow or of all, in a span of time."""
        every, scope = self.inputs.records, equal("workflow_id", workflow_id) if workflow_id else ""
        if workflow_id and workflow_id == self.facts["workflow"]["id"]:
            # The trace's where a trace was asked for, else the workflow's.
            every, scope = self.inputs.own, self.scope
        elif workflow_id:
            every = every[every["workflow_id"] == workflow_id]
        out: list[Part | None] = []
        for name in where:
            if name in {"all", "dead"}:
                rows, flag = self._shown(every), "queued_to_dlq" if name == "dead" else ""
                rows = rows if name == "all" else rows[_is_dead(every)]
                out.append(self._cut("records", rows, low, high, scope, flag))
            elif name == "logs":
                lines = self.inputs.worker_logs
                lines = lines[lines["workflow_id"] == workflow_id] if workflow_id and len(lines) else lines
                own = equal("workflow_id", workflow_id) if workflow_id else ""
                out.append(self._cut("worker_logs", lines, low, high, own))
            elif name == "reports":
                out.append(Part("support_reports", self.inputs.support_reports, ""))
            else:
                out.append(self.metric(name, workflow_id, low, high if low else None))
        # That no record meets the condition is an answer; of what was not collected there is none.
        return tuple(part for part in out if part is not None and (len(part.rows) or part.frame == "records"))

    @staticmethod
    def _cut(frame: Frame, rows: pd.DataFrame, low: str | None, high: str, *conditions: str) -> Part:
        column = _TIMES[frame]
        at = rows[column]
        inside = at <= pd.Timestamp(high)
        if low is not None:
            inside &= at >= pd.Timestamp(low)
        return Part(frame, select_rows(rows, inside.fillna(False)), both(*conditions, *_within(column, low, high)))


def equal(column: str, value: str) -> str:
    """``column = 'value'``."""
    return f"{column} = {_quoted(value)}"


def one_of(column: str, values: Sequence[str]) -> str:
    """``column in ('a', 'b')``."""
    return equal(column, values[0]) if len(values) == 1 else f"{column} in ({', '.join(map(_quoted, values))})"


def both(*conditions: str) -> str:
    """All of these conditions that say something."""
    return " and ".join(one for one in conditions if one)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _within(column: str, low: str | None, high: str) -> list[str]:
    bounds = [f"{column} <= {_quoted(high)}"]
    return bounds if low is None else [f"{column} >= {_quoted(low)}", *bounds]


def _is_dead(records: pd.DataFrame) -> pd.Series:
    return records["queued_to_dlq"].fillna(False).astype(bool)


def _touching(samples: pd.DataFrame, low: pd.Timestamp, high: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From which scrape to which one a counter's growth in a span is read: the ones just outside it are needed too."""
    at = samples["sampled_at"]
    by_series = samples.sort_values("sampled_at", kind="stable").groupby("series_id", sort=False)["sampled_at"]
    after, before = by_series.shift(-1).reindex(at.index), by_series.shift(1).reindex(at.index)
    wanted = ((at > low) & (before.isna() & (at <= high) | (before < high))) | ((after > low) & (at < high))
    known = at[wanted.fillna(False)]
    return (low, high) if known.empty else (known.min(), known.max())
