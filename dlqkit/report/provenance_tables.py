"""Tables of what the numbers rest on: the report's appendix, and the rows behind one fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dlqkit.decision.entities import name_entities
from dlqkit.executions.event_history import record_outcomes
from dlqkit.language import say
from dlqkit.report.chosen import Part
from dlqkit.report.tables import Table

__all__ = ["list_records", "show_provenance", "show_rows", "title_of"]

Facts = Mapping[str, Any]
# In the report, of the facts of each kind; the command names all of them.
LISTED = 5
HASH_SHOWN = 12
# What repeats the rows of another fact that is listed, or of a figure.
_LEFT_OUT = ("figures.", "impact.events_", "class.value", "signature_count")


def show_provenance(facts: Facts) -> Table:
    """The ids of the facts, by which their records are listed, and what each rests on; the first of each kind."""
    seen: dict[str, int] = {}
    rows = []
    for fact_id, fact in facts["provenance"].items():
        kind = fact_id.split(".")[0]
        if fact_id.startswith(_LEFT_OUT) or seen.get(kind, 0) >= LISTED:
            continue
        seen[kind] = seen.get(kind, 0) + 1
        rows.append(
            (
                fact_id,
                fact["what"],
                "; ".join(say("{rows} of {frame}", rows=part["rows"], frame=_frame(part)) for part in fact["parts"]),
                " ".join(dict.fromkeys(one for part in fact["parts"] for one in part["evidence"].split())),
                " ".join(part["hash"][:HASH_SHOWN] for part in fact["parts"]),
            )
        )
    columns = (say("fact"), say("what it is"), say("rows"), say("evidence"), say("hash of their ids"))
    return Table(
        say("What the numbers rest on"), columns, tuple(rows), say("nothing was computed"),
        code=frozenset({columns[0]}),
    )  # fmt: skip


def _frame(part: Mapping[str, Any]) -> str:
    return {
        "records": say("the execution records"),
        "samples": say("the samples of the metrics"),
        "worker_logs": say("the worker logs"),
        "support_reports": say("the reports from outside"),
        "originals": say("the messages of the dead-letter subscriptions"),
    }[str(part["frame"])]


def show_rows(part: Part, limit: int) -> Table:
    """The rows of a part, oldest first; samples by their series.

    Parameters
    ----------
    part : Part
        From ``behind.find_bases``.
    limit : int
        How many are listed.
    """
    frame = _by_series(part.rows) if part.frame == "samples" else _in_time(part)
    shown = frame.head(limit)
    cells = [
        column.dt.strftime("%Y-%m-%d %H:%M:%S UTC")
        if isinstance(column.dtype, pd.DatetimeTZDtype)
        else column.astype("str")
        for _, column in shown.items()
    ]
    rows = tuple(zip(*(column.fillna("") for column in cells), strict=True))
    return Table(title_of(part, len(shown), len(frame)), tuple(map(str, frame.columns)), rows, _none())


def title_of(part: Part, shown: int, count: int) -> str:
    """Which frame the rows are of, and how many of them are shown."""
    title = _frame({"frame": part.frame})
    return title if shown >= count else say("{frame}: the first {shown} of {count}", frame=title, shown=shown,
                                            count=count)  # fmt: skip


def list_records(part: Part, entity: str | None = None) -> pd.DataFrame:
    """The records of a part, oldest first, for an analyst to go on with.

    Parameters
    ----------
    part : Part
        Of records.
    entity : str, optional
        Path of what was counted in them, such as ``payload.customer_id``.

    Returns
    -------
    DataFrame
        recorded_at, trace_id, outcome, attempts, action_duration_ms; last_error : of dead letters without values of
        their payload; entity : what stands at its path
    """
    rows = part.rows.sort_values(["recorded_at", "record_id"], kind="stable")
    outcome = record_outcomes(rows) if len(rows) else rows["status"].astype("str")
    named = [", ".join(sorted(names)) for names in name_entities(rows, entity)] if entity else ""
    columns = ["recorded_at", "trace_id", "outcome", "attempts", "action_duration_ms", "last_error", "entity"]
    return rows.assign(outcome=outcome, entity=named)[columns]


def _none() -> str:
    return say("no row meets the condition")


def _in_time(part: Part) -> pd.DataFrame:
    rows = part.rows.assign(at=part.times).sort_values("at", kind="stable")
    names = {"worker_logs": ["at", "level", "trace_id", "message"],
             "support_reports": ["at", "trace_id", "business_key", "note"],
             "originals": ["at", "trace_id", "message_id"]}  # fmt: skip
    return rows[names[part.frame]]


def _by_series(samples: pd.DataFrame) -> pd.DataFrame:
    """A row for each series: its labels, how many samples, and its first and last value."""
    out = []
    for _, own in samples.sort_values("sampled_at", kind="stable").groupby("series_id", sort=True):
        first, last = own.iloc[0], own.iloc[-1]
        others = {"series_id", "sampled_at", "value", "metric"}
        labels = sorted(f"{name}={value}" for name, value in first.items() if name not in others and not pd.isna(value))
        out.append(
            {
                "series": f"{first['metric']}{{{', '.join(labels)}}}",
                "samples": len(own),
                "from": first["sampled_at"],
                "value": f"{first['value']:g}",
                "to": last["sampled_at"],
                "value then": f"{last['value']:g}",
            }
        )
    return pd.DataFrame(out, columns=["series", "samples", "from", "value", "to", "value then"])
