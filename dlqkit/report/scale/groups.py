"""The signatures of an incident's events, counted by the forms of their error texts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.decision.signing.error_groups import GROUPS, find_new
from dlqkit.decision.signing.templates import count_kinds
from dlqkit.report.scale.incident import IncidentEvents
from dlqkit.report.scale.tables import naive

__all__ = ["group_forms"]

TIME = "datetime64[us, UTC]"
_FORMS: Mapping[str, str] = {
    "form": "Int64",
    "records": "Int64",
    "first_at": TIME,
    "last_at": TIME,
    "first_pos": "Int64",
    "first_event_at": TIME,
    "events": "Int64",
}


def group_forms(incident: IncidentEvents, *, with_baseline: bool) -> pd.DataFrame:
    """The signatures of the events, as ``group_errors`` gives them, without its examples."""
    forms = _count_forms(incident)
    signed = incident.own.tables.forms.loc[forms["form"]].reset_index(drop=True)
    rows = forms.assign(**{name: signed[name] for name in ("signature_id", "signature", "error_type", "error_code")})
    # Of one signature the first event tells how it is written.
    rows = rows.sort_values(["first_event_at", "first_pos"], kind="stable", na_position="first")
    every = rows.groupby("signature_id", sort=True)
    told = rows[rows["events"] > 0].drop_duplicates("signature_id").set_index("signature_id").sort_index()
    out = told[["signature", "error_type", "error_code"]].assign(
        events=every["events"].sum(), records=every["records"].sum(), first_at=every["first_at"].min(),
        last_at=every["last_at"].max(), workflow_ids=[()] * len(told), example=pd.NA, examples=[()] * len(told),
    )  # fmt: skip
    out["share"] = out["events"] / max(int(out["events"].sum()), 1)
    out["masks"] = [count_kinds(text) for text in out["signature"]]
    out["is_new"] = find_new(signed, _find_baseline(incident)).reindex(out.index) if with_baseline else pd.NA
    frame = out.reset_index()[list(GROUPS)].astype(dict(GROUPS))
    return frame.sort_values(["events", "signature_id"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _count_forms(incident: IncidentEvents) -> pd.DataFrame:
    return incident.ask(
        "SELECT a.form, a.records, a.first_at, a.last_at, e.first_pos, e.first_event_at, "
        "coalesce(e.events, 0) AS events FROM (SELECT form, count(*) AS records, min(recorded_at) AS first_at, "
        f"max(recorded_at) AS last_at FROM lost WHERE {incident.inside} GROUP BY form) a LEFT JOIN "
        "(SELECT form, count(*) AS events, min(recorded_at) AS first_event_at, arg_min(pos, (recorded_at, pos)) "
        "AS first_pos FROM incident GROUP BY form) e USING (form)",
        _FORMS,
    )  # fmt: skip


def _find_baseline(incident: IncidentEvents) -> pd.DataFrame:
    """The forms of the dead letters from before the incident that say anything."""
    found = incident.own.ask(
        f"SELECT DISTINCT form FROM lost WHERE {incident.own.where} AND recorded_at < $first",
        {"form": "Int64"}, first=naive(incident.dead_letters()[1]),
    )  # fmt: skip
    forms = incident.own.tables.forms.loc[found["form"]]
    said = (forms["last_error"].fillna("") != "") | forms["error_type"].notna() | forms["error_code"].notna()
    return forms[said]
