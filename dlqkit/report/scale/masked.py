"""Error texts without values of their payload and without credentials, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlqkit.engines.scan import spill_folder
from dlqkit.report.redact import HINT_WORDS, LONGEST_TEXT, find_categories, mask_text, sample_step
from dlqkit.report.scale.spilled import quoted, run

if TYPE_CHECKING:
    import duckdb

__all__ = ["mask_texts"]

BATCH = 50_000
_SCHEMA = pa.schema([("pos", pa.int64()), ("text", pa.string())])


def mask_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view ``masked``: ``pos`` and text of those dead letters whose text is not shown as it is.

    The same as ``redact.mask_payload_values`` makes of all dead letters in memory.
    """
    file = spill_folder(connection) / "masked.parquet"
    categories = _find_categories(connection)
    reader = connection.sql(
        f"SELECT pos, left(last_error, {LONGEST_TEXT}) AS text, coalesce(payload_snapshot, '') AS payload FROM records "
        "WHERE queued_to_dlq AND last_error <> '' "
        "AND (payload_snapshot IS NOT NULL OR regexp_matches(last_error, $hint))",
        params={"hint": HINT_WORDS},
    ).to_arrow_reader(BATCH)
    with pq.ParquetWriter(file, _SCHEMA, compression="zstd", compression_level=1) as writer:
        for batch in reader:
            texts, payloads = batch.column("text").to_pylist(), batch.column("payload").to_pylist()
            own = [mask_text(text, payload, categories) for text, payload in zip(texts, payloads, strict=True)]
            changed = np.flatnonzero([text != masked for text, masked in zip(texts, own, strict=True)])
            if len(changed):
                kept = batch.column("pos").take(pa.array(changed))
                writer.write_table(pa.table([kept, pa.array([own[place] for place in changed])], schema=_SCHEMA))
    run(connection, f"CREATE VIEW masked AS SELECT * FROM read_parquet({quoted(file)})")


def _find_categories(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Fields that hold categories, by every so manieth payload of the dead letters in their order."""
    told = "queued_to_dlq AND payload_snapshot IS NOT NULL"
    count = int(run(connection, f"SELECT count(*) FROM records WHERE {told}")[0][0])
    sampled = run(
        connection,
        "SELECT payload_snapshot FROM records WHERE pos IN (SELECT pos FROM "
        f"(SELECT pos, row_number() OVER (ORDER BY pos) - 1 AS place FROM records WHERE {told}) "
        "WHERE place % $step = 0)",
        {"step": sample_step(count)},
    )
    return find_categories((row[0] for row in sampled), count)
