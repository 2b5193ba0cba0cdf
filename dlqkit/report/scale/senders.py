"""The payloads that tell whose events fail: of each cause the newest, and the newest of events that succeeded."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.decision.shared_values import ENOUGH_HEALTHY, READ, SHARED_BY
from dlqkit.executions.scale.outcomes import OUTCOME_KEYS, name_outcomes
from dlqkit.frames import RECORDS, conform
from dlqkit.report.scale.incident import IncidentEvents
from dlqkit.report.scale.own import NEWEST, OwnRecords

__all__ = ["read_senders"]

# Among so many of the newest records that many events which succeeded are looked for; where that fails, among ten
# times as many, so that seldom all records are sorted.
REACH, STEP = 20_000, 10
_READ: Mapping[str, str] = {
    "pos": "Int64",
    "recorded_at": "datetime64[us, UTC]",
    "extra_json": "str",
    "payload_snapshot": "str",
}
# As records that are signed have them: a field of a payload is called otherwise where a column has its name.
_COLUMNS: Mapping[str, str] = {**RECORDS, "template": "str", "signature": "str", "signature_id": "str"}
# As ``causes`` orders them in memory: what has no time comes last.
_LATEST = "recorded_at DESC NULLS FIRST, pos DESC"


def read_senders(incident: IncidentEvents) -> tuple[dict[int, pd.DataFrame], pd.DataFrame]:
    """Records for ``find_shared``: of each cause of the view ``caused``, and of events that never died.

    Returns
    -------
    (dict, DataFrame)
        By the number of the cause a record of each of its newest events, and those of the newest that succeeded, in
        order of time; as many as ``find_shared`` reads. None where there are too few to tell anything of.
    """
    tables = incident.own.tables
    failing = incident.ask(
        "SELECT pos, cause FROM (SELECT l.event_key, l.recorded_at, l.pos, c.cause FROM "
        f"(SELECT event_key, recorded_at, pos FROM lost WHERE {incident.inside}) l JOIN caused c "
        "ON l.event_key IS NOT DISTINCT FROM c.event_key QUALIFY row_number() OVER "
        "(PARTITION BY l.event_key ORDER BY l.recorded_at DESC, l.pos DESC) = 1) "
        f"QUALIFY row_number() OVER (PARTITION BY cause ORDER BY {_LATEST}) <= {READ}",
        {"pos": "Int64", "cause": "Int64"},
    )
    several = failing[failing.groupby("cause")["pos"].transform("size") >= SHARED_BY]
    healthy = _find_healthy(incident.own) if len(several) else pd.Series(dtype="Int64")
    if len(healthy) < ENOUGH_HEALTHY:
        return {}, conform(pd.DataFrame(), _COLUMNS)
    wanted = pd.concat([several["pos"], healthy])
    found = tables.ask(
        f"SELECT {', '.join(_READ)} FROM records WHERE pos IN (SELECT unnest($places))",
        _READ, {"places": wanted.astype("int64").tolist()},
    )  # fmt: skip
    found = found.sort_values("pos").sort_values("recorded_at", kind="stable").reset_index(drop=True)
    records = conform(found.drop(columns="pos"), _COLUMNS)
    own = {int(cause): records[found["pos"].isin(part)] for cause, part in several.groupby("cause")["pos"]}
    return own, records[found["pos"].isin(healthy)]


def _find_healthy(own: OwnRecords) -> pd.Series:
    """The newest record of each of the newest events that succeeded and never died, by ``pos``."""
    tables, reach, total = own.tables, REACH, own.count()
    while True:
        # Of an event's records one may be far older, so all of those that are met are looked at.
        tables.make(
            "recent",
            f"WITH met AS (SELECT DISTINCT event_key FROM (SELECT event_key FROM records WHERE {own.where} "
            f"ORDER BY {_LATEST} LIMIT {reach})), "
            f"alive AS (SELECT event_key FROM met m WHERE NOT EXISTS (SELECT 1 FROM (SELECT event_key FROM lost "
            f"WHERE {own.where}) d WHERE d.event_key IS NOT DISTINCT FROM m.event_key)) "
            "SELECT status, coalesce(queued_to_dlq, false) AS is_dead, coalesce(last_error, '') <> '' AS has_error, "
            f"first_value(pos) OVER (PARTITION BY event_key ORDER BY {_LATEST}) AS pos, "
            f"first_value(recorded_at) OVER (PARTITION BY event_key ORDER BY {_LATEST}) AS recorded_at "
            f"FROM records r WHERE {own.where} AND EXISTS "
            "(SELECT 1 FROM alive a WHERE a.event_key IS NOT DISTINCT FROM r.event_key) "
            f"QUALIFY row_number() OVER (PARTITION BY event_key ORDER BY {NEWEST}, last_error DESC NULLS LAST, "
            "pos DESC) = 1",
            own.values,
        )
        counted = tables.ask(
            "SELECT status, is_dead, has_error, count(*) AS events FROM recent GROUP BY ALL",
            {**OUTCOME_KEYS, "events": "Int64"},
        )
        fine = counted[name_outcomes(counted) == "succeeded"]
        if int(fine["events"].sum()) >= READ or reach >= total:
            break
        reach *= STEP
    parts = []
    for row in fine.itertuples(index=False):
        values = {"status": None if pd.isna(row.status) else str(row.status), "dead": bool(row.is_dead)}
        parts.append(
            tables.ask(
                "SELECT pos, recorded_at FROM recent WHERE status IS NOT DISTINCT FROM $status AND is_dead = $dead "
                f"AND has_error = $error ORDER BY {_LATEST} LIMIT {READ}",
                {"pos": "Int64", "recorded_at": _READ["recorded_at"]},
                {**values, "error": bool(row.has_error)},
            )
        )
    if not parts:
        return pd.Series(dtype="Int64")
    found = pd.concat(parts).sort_values("pos").sort_values("recorded_at", kind="stable")
    return found["pos"].tail(READ)
