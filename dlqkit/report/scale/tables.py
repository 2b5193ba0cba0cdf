"""The records of a folder as tables of DuckDB: all of them, and the dead letters with the form of their error text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from dlqkit.decision.scale.dead_letters import with_texts
from dlqkit.decision.scale.signatures import refuse_splits
from dlqkit.decision.signatures import sign_errors
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.engines.contract import MOST_ROWS, collect, engine_errors
from dlqkit.engines.scan import MOST_MB, ROW, connect, spill_folder
from dlqkit.report.redact import LONGEST_TEXT
from dlqkit.report.scale.masked import mask_texts
from dlqkit.report.scale.spilled import keep, run

if TYPE_CHECKING:
    import duckdb

    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["RecordTables", "load_tables", "naive"]

# Up to so many different texts each is read by itself; of more, one of each form (``decision.scale.folding``).
MOST_TEXTS = 200_000
FORMS: Mapping[str, str] = {
    "error_type": "str",
    "error_code": "str",
    "last_error": "str",
    "first_pos": "Int64",
    "records": "Int64",
}


@dataclass(frozen=True, slots=True)
class RecordTables:
    """A connection of DuckDB with the views ``records`` and ``lost`` (dead letters), and the forms of error texts.

    ``records`` are columns of ``frames.RECORDS`` and ``pos``, in whose order they are in memory; ``lost`` has the
    ``form`` of each, by its row in ``forms``; ``masked`` has the texts of which a part may not be shown.
    """

    connection: duckdb.DuckDBPyConnection
    forms: pd.DataFrame
    """``FORMS`` with ``template``, ``signature`` and ``signature_id``."""
    is_exact: bool
    """Whether a form is one text; else one text stands for all that differ by ids and numbers alone."""

    def ask(
        self,
        query: str,
        columns: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
        *,
        at_most: int = MOST_ROWS,
    ) -> pd.DataFrame:
        """The small answer to a question, in the declared columns.

        Raises
        ------
        EngineError
            If it has more rows than that, or DuckDB cannot compute it.
        """
        with engine_errors():
            found = self.connection.sql(query, params=dict(values or {}))
        return collect(nw.from_native(found).lazy(), columns, at_most=at_most)

    def number(self, query: str, values: Mapping[str, Any] | None = None) -> int:
        """A single count; 0 where it is null."""
        with engine_errors():
            return int(run(self.connection, query, values)[0][0] or 0)

    def make(self, name: str, query: str, values: Mapping[str, Any] | None = None) -> None:
        """Put an answer that may be large into a file, and name it."""
        with engine_errors():
            keep(self.connection, name, query, values)


def naive(moment: Any) -> Any:
    """A time as the tables have it."""
    at = pd.Timestamp(moment)
    return (at.tz_convert(UTC).tz_localize(None) if at.tzinfo is not None else at).to_pydatetime(warn=False)


def load_tables(folder: IncidentFolder, edits: SignatureEdits | None = None) -> RecordTables:
    """The tables of a folder that is opened on DuckDB.

    Parameters
    ----------
    folder : IncidentFolder
        With records.
    edits : SignatureEdits, optional
        What the analyst has joined and parted.

    Raises
    ------
    ParameterError
        If a signature is parted and there are more texts than can each be looked at.
    EngineError
        If DuckDB cannot read the records, or there are half a million forms of error texts.
    """
    connection = connect(MOST_MB)
    with engine_errors():
        folder.scan(connection).to_native().create_view("stored")
        if len(folder.record_files) > 1:
            # Which of several states are kept takes long to find, and is asked once.
            keep(connection, "merged", "SELECT * FROM stored")
        source = "merged" if len(folder.record_files) > 1 else "stored"
        run(
            connection,
            f"CREATE VIEW records AS SELECT *, (snapshot::BIGINT << 40) | {ROW}::BIGINT AS pos FROM {source}",
        )
        mask_texts(connection)
        is_exact = _count_texts(connection) <= MOST_TEXTS
        if not is_exact:
            refuse_splits(edits)
        forms = _sort_out(connection, is_exact=is_exact, edits=edits)
    return RecordTables(connection, forms, is_exact)


def _count_texts(connection: duckdb.DuckDBPyConnection) -> int:
    query = "SELECT approx_count_distinct(last_error) FROM records WHERE queued_to_dlq"
    return int(run(connection, query)[0][0] or 0)


def _sort_out(connection: duckdb.DuckDBPyConnection, *, is_exact: bool, edits: SignatureEdits | None) -> pd.DataFrame:
    """The view ``lost``, and the forms of its texts with their signatures."""
    dead = connection.sql(
        "SELECT r.pos, event_key, workflow_id, trace_id, record_id, recorded_at, retryable, attempts, "
        f"action_duration_ms, error_type, error_code, coalesce(m.text, left(last_error, {LONGEST_TEXT})) AS last_error "
        "FROM records r LEFT JOIN masked m USING (pos) WHERE queued_to_dlq"
    )
    keys = ["error_type", "error_code", "last_error"] if is_exact else ["error_type", "error_code", "way", "fold"]
    if not is_exact:
        dead = with_texts(nw.from_native(dead).lazy()).drop("text").to_native()
    dead.create_view("dead_now")
    keep(connection, "dead", "SELECT * FROM dead_now")
    named = ", ".join(keys)
    # Texts that are null and empty are of one form, as they have one signature.
    text = "last_error" if is_exact else "arg_min(coalesce(last_error, ''), pos) AS last_error"
    found = connection.sql(
        f"SELECT {', '.join(dict.fromkeys(['error_type', 'error_code', *keys[2:]]))}"
        f"{'' if is_exact else ', ' + text}, min(pos) AS first_pos, count(*) AS records FROM dead GROUP BY {named}"
    )
    columns: dict[str, str] = {**FORMS, **({} if is_exact else {"way": "str", "fold": "str"})}
    alike = collect(nw.from_native(found).lazy(), columns)
    # Of texts of one masked form the first decides how the masks are called.
    alike = alike.sort_values("first_pos", kind="stable").reset_index(drop=True)
    forms = sign_errors(alike, edits=edits, counts=alike["records"].to_numpy(dtype=np.int64))
    # The engine orders ties of an event's records by their text, of which it has no more than its form.
    ranks = forms["last_error"].rank(method="min").fillna(0).astype("int64")
    connection.register(
        "forms", _table(forms.assign(form=range(len(forms)), text_rank=ranks), [*keys, "form", "text_rank"])
    )
    joined = " AND ".join(f"d.{key} IS NOT DISTINCT FROM f.{key}" for key in keys)
    keep(
        connection, "lost",
        "SELECT d.pos, event_key, workflow_id, trace_id, record_id, recorded_at, retryable, attempts, "
        f"action_duration_ms, form, text_rank FROM dead d JOIN forms f ON {joined}",
    )  # fmt: skip
    run(connection, "DROP VIEW dead")
    (spill_folder(connection) / "dead.parquet").unlink()
    return forms


def _table(frame: pd.DataFrame, names: Sequence[str]) -> pa.Table:
    return pa.Table.from_pandas(frame[list(names)], preserve_index=False)
