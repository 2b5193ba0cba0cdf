"""Records as the signals look at them: each by itself while they are few, else counted by time."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.report.scale.tables import RecordTables
from dlqkit.signals.grouped import GROUPED

__all__ = ["WIDTHS_S", "read_points"]

TIME = "datetime64[us, UTC]"
# Records, or stretches of time of one workflow and signature; each takes some hundred bytes here.
MOST_POINTS = 1_000_000
# An hour in which nothing is told apart is too long for any onset, whatever there is.
WIDTHS_S = (1, 5, 15, 60, 300, 900)
_EACH: Mapping[str, str] = {
    "workflow_id": "str",
    "recorded_at": TIME,
    "queued_to_dlq": "boolean",
    "action_duration_ms": "Float64",
    "form": "Int64",
}


def read_points(tables: RecordTables) -> tuple[pd.DataFrame, int | None]:
    """The records for ``signals.find_incidents``, and the seconds by which they are counted together.

    Returns
    -------
    (DataFrame, int or None)
        Columns of ``RECORDS`` that signals read, with ``signature_id``, a row for each record; or of ``GROUPED``.
        None where each is there by itself.
    """
    if tables.number("SELECT count(*) FROM records") <= MOST_POINTS:
        # In their order: of two that came at one moment the same is first each time.
        found = tables.ask(
            "SELECT r.workflow_id, r.recorded_at, r.queued_to_dlq, r.action_duration_ms, l.form, r.pos FROM records r "
            "LEFT JOIN lost l USING (pos) ORDER BY r.pos",
            {**_EACH, "pos": "Int64"}, at_most=MOST_POINTS,
        )  # fmt: skip
        ordered = found.sort_values("pos", kind="stable").reset_index(drop=True)
        ids = ordered["form"].map(tables.forms["signature_id"]).astype("str")
        return ordered.drop(columns=["form", "pos"]).assign(signature_id=ids), None
    tables.connection.register("signed", tables.forms[["signature_id"]].reset_index(names="form"))
    width = _choose_width(tables)
    found = tables.ask(
        "SELECT workflow_id, queued_to_dlq, signature_id, min(recorded_at) AS recorded_at, "
        "max(recorded_at) AS until_at, count(*) AS records, count(log_ms) AS timed, avg(log_ms) AS log_ms FROM ("
        "SELECT r.workflow_id, coalesce(r.queued_to_dlq, false) AS queued_to_dlq, s.signature_id, r.recorded_at, "
        f"epoch_us(r.recorded_at) // {width * 1_000_000} AS stretch, "
        "CASE WHEN r.action_duration_ms > 0 THEN ln(r.action_duration_ms) END AS log_ms "
        "FROM records r LEFT JOIN lost l USING (pos) LEFT JOIN signed s USING (form)) "
        "GROUP BY workflow_id, queued_to_dlq, signature_id, stretch",
        GROUPED, at_most=2 * MOST_POINTS,
    )  # fmt: skip
    order = ["recorded_at", "workflow_id", "queued_to_dlq", "signature_id"]
    return found.sort_values(order, kind="stable").reset_index(drop=True), width


def _choose_width(tables: RecordTables) -> int:
    """The shortest stretch of time by which there are few enough rows: of a workflow, dead letters by signature."""
    stretches = {width: f"epoch_us(recorded_at) // {width * 1_000_000}" for width in WIDTHS_S}
    rows = dict.fromkeys(WIDTHS_S, 0)
    for keys, source in (
        ("workflow_id", "records WHERE NOT coalesce(queued_to_dlq, false)"),
        ("workflow_id, signature_id", "lost JOIN signed USING (form)"),
    ):
        counts = ", ".join(
            f"approx_count_distinct(({keys}, {stretch})) AS w{width}" for width, stretch in stretches.items()
        )
        found = tables.ask(f"SELECT {counts} FROM {source}", {f"w{width}": "Int64" for width in WIDTHS_S}).iloc[0]
        rows = {width: count + int(found[f"w{width}"]) for width, count in rows.items()}
    return next((width for width, count in rows.items() if count <= MOST_POINTS), WIDTHS_S[-1])
