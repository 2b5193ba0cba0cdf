"""The causes of an incident: the events of each class and step counted, and what those of one sender share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from dlqkit.decision.shared_values import Shared, find_shared
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS
from dlqkit.report.causes import NAMED, Cause, find_steps, tell_causes
from dlqkit.report.scale.incident import IncidentEvents
from dlqkit.report.scale.kinds import KIND_KEYS
from dlqkit.report.scale.own import outcomes_of
from dlqkit.report.scale.senders import read_senders

__all__ = ["count_causes"]

TIME = "datetime64[us, UTC]"
_LETTERS: Mapping[str, str] = {"cause": "Int64", "records": "Int64", "first_at": TIME, "last_at": TIME}
_SIGNED: Mapping[str, str] = {
    "cause": "Int64",
    "form": "Int64",
    "events": "Int64",
    "first_event_at": TIME,
    "first_pos": "Int64",
}
_ENDED: Mapping[str, str] = {"cause": "Int64", **OUTCOME_KEYS}


def count_causes(
    incident: IncidentEvents,
    classes: pd.DataFrame,
    kinds: pd.DataFrame,
    moment: datetime,
    whole: str,
    *,
    is_told_to_end: bool,
    entity_key: Collection[str] = (),
) -> list[dict[str, Any]]:
    """As ``causes.describe_causes``, of an incident without a plan to republish.

    Parameters
    ----------
    incident : IncidentEvents
        From ``find_events``.
    classes, kinds : DataFrame
        ``decision.overrides.OVERRIDDEN`` and how many events each row stands for, both from ``classify_kinds``.
    moment : datetime
        The end of what is looked at.
    whole : str
        The state of the incident.
    is_told_to_end, entity_key
        As there.
    """
    if classes.empty:
        return []
    tables, names = incident.own.tables, classes["failure_class"].astype("str")
    named = pd.DataFrame({"failure_class": names, "step": find_steps(classes).astype("str")})
    cause = named.groupby(list(named.columns), sort=True).ngroup()
    found = kinds[list(KIND_KEYS)].assign(cause=cause)
    tables.connection.register("cause_of", pa.Table.from_pandas(found, preserve_index=False))
    alike = " AND ".join(f"k.{key} IS NOT DISTINCT FROM c.{key}" for key in KIND_KEYS)
    tables.make(
        "caused",
        f"SELECT k.event_key, k.form, k.recorded_at, k.pos, c.cause FROM kinded k JOIN cause_of c ON {alike}",
    )
    letters = _count_letters(incident).set_index("cause")
    signed = _sign(incident)
    standing, traces = _find_open(incident)
    shared = _find_shared(incident, entity_key)
    out = []
    for number, events in kinds["events"].groupby(cause).sum().items():
        own = signed[signed["cause"] == number]
        told, name = letters.loc[number], named.loc[cause == number].iloc[0]
        out.append(
            Cause(
                str(name["failure_class"]), str(name["step"]), int(events),
                left={"unsent": int(standing.get(number, 0))},
                letters=(int(told["records"]), told["first_at"], told["last_at"]),
                signatures=own.groupby("signature_id")["events"].sum(),
                texts=own.drop_duplicates("signature_id").set_index("signature_id")["signature"],
                traces=traces.loc[traces["cause"] == number, "trace_id"],
                shared=shared.get(int(number)),
            )
        )  # fmt: skip
    return tell_causes(out, moment, whole, is_told_to_end=is_told_to_end)


def _count_letters(incident: IncidentEvents) -> pd.DataFrame:
    return incident.ask(
        "SELECT cause, count(*) AS records, min(l.recorded_at) AS first_at, max(l.recorded_at) AS last_at FROM "
        f"(SELECT event_key, recorded_at FROM lost WHERE {incident.inside}) l JOIN caused c "
        "ON l.event_key IS NOT DISTINCT FROM c.event_key GROUP BY cause",
        _LETTERS,
    )


def _sign(incident: IncidentEvents) -> pd.DataFrame:
    """Events by cause and form of text; of one signature the first event tells how it is written."""
    tables = incident.own.tables
    counted = tables.ask(
        "SELECT cause, form, count(*) AS events, min(recorded_at) AS first_event_at, "
        "arg_min(pos, (recorded_at, pos)) AS first_pos FROM caused GROUP BY cause, form",
        _SIGNED,
    )
    told = tables.forms.loc[counted["form"], ["signature_id", "signature"]].reset_index(drop=True)
    return counted.join(told).sort_values(["first_event_at", "first_pos"], kind="stable", na_position="first")


def _find_open(incident: IncidentEvents) -> tuple[pd.Series, pd.DataFrame]:
    """How many events of each cause are open, and the first of their traces."""
    tables, keys = incident.own.tables, ", ".join(_ENDED)
    joined = f"SELECT {keys}, trace_id FROM ended e JOIN caused c ON e.event_key IS NOT DISTINCT FROM c.event_key"
    counted = tables.ask(
        f"SELECT {keys}, count(*) AS events FROM ({joined}) GROUP BY ALL", {**_ENDED, "events": "Int64"}
    )
    traces = tables.ask(
        f"SELECT * FROM (SELECT DISTINCT * FROM ({joined}) WHERE trace_id IS NOT NULL) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY trace_id) <= {NAMED}",
        {**_ENDED, "trace_id": "str"},
    )
    still = counted[outcomes_of(counted) == "open"]
    return still.groupby("cause")["events"].sum(), traces[outcomes_of(traces) == "open"]


def _find_shared(incident: IncidentEvents, entity_key: Collection[str]) -> dict[int, Shared | None]:
    failing, healthy = read_senders(incident)
    return {number: find_shared(records, healthy, entity_key) for number, records in failing.items()}
