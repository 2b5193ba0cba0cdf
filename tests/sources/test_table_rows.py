"""Rows of Parquet whatever its cells hold: told of, put apart or replaced as in JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.sources.record_decode import REPLACED
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.table_rows import TableRows, plain_rows, rows_of

PLAIN: dict[str, Any] = {
    "id": ["r0", "r1"], "workflow_id": ["wf", "wf"], "trace_id": ["t0", "t1"],
    "created_at": ["2026-03-02T14:00:00Z"] * 2, "last_error": ["refused", "refused"],
}  # fmt: skip


def numbers(first: int, kind: pa.DataType, width: pa.DataType | None = None) -> pa.Array:
    """The number and 1, as a column of this kind."""
    return pa.array([first, 1], width or pa.int64()).view(kind)


@pytest.mark.parametrize(
    "column",
    [
        numbers(2**50, pa.timestamp("ms", "UTC")),
        numbers(-(2**50), pa.timestamp("ms")),
        numbers(2**62, pa.timestamp("us", "UTC")),
        numbers(2**62, pa.timestamp("us")),
        numbers(2**30, pa.date32(), pa.int32()),
        numbers(86_400_000 * 2**30, pa.date64()),
    ],
)
def test_a_time_that_python_has_no_word_for_is_told_of_and_kept(column: pa.Array, tmp_path: Path) -> None:
    pq.write_table(pa.table({**PLAIN, "created_at": column}), tmp_path / "x.parquet")
    loaded = RecordExports(tmp_path / "x.parquet").load()

    assert (len(loaded.frame), loaded.coverage.quarantined) == (2, 0)
    assert loaded.frame["recorded_at"].isna()[0]
    kept = json.loads(loaded.frame["extra_json"][0])["_unread"]["created_at"]
    assert kept.split(" of ")[1].startswith(("timestamp[", "date32[", "date64["))
    assert "created_at cannot be read" in " ".join(loaded.coverage.findings)


@pytest.mark.parametrize("inside", [False, True])
def test_a_duration_that_python_has_no_word_for_is_told_of(inside: bool, tmp_path: Path) -> None:
    """Within an object nothing says what it was, so that the row is put apart."""
    column = numbers(2**60, pa.duration("s"))
    if inside:
        column = pa.StructArray.from_arrays([column], names=["a"])
    name = "payload_snapshot" if inside else "action_duration_ms"
    pq.write_table(pa.table({**PLAIN, name: column}), tmp_path / "x.parquet")
    loaded = RecordExports(tmp_path / "x.parquet").load()

    assert (len(loaded.frame), loaded.coverage.quarantined) == ((1, 1) if inside else (2, 0))


def not_utf8(kind: pa.DataType) -> pa.Array:
    return pa.array([b"caf\xe9", b"plain"], pa.large_binary() if kind == pa.large_string() else pa.binary()).view(kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
@pytest.mark.parametrize(
    ("name", "kept"), [("last_error", 2), ("id", 1), ("trace_id", 1), ("payload_snapshot", 1), ("of_our_own", 1)]
)
def test_bytes_that_are_no_text_are_replaced_in_error_texts_alone(
    kind: pa.DataType, name: str, kept: int, tmp_path: Path
) -> None:
    """An id or a payload with a letter changed is another one: such a row is put apart."""
    pq.write_table(pa.table({**PLAIN, name: not_utf8(kind)}), tmp_path / "x.parquet")
    loaded = RecordExports(tmp_path / "x.parquet").load()

    assert (len(loaded.frame), loaded.coverage.quarantined) == (kept, 2 - kept)
    if name == "last_error":
        assert loaded.frame["last_error"].tolist() == ["caf\ufffd", "plain"]
        assert REPLACED in loaded.coverage.findings
    else:
        assert REPLACED not in loaded.coverage.findings


def test_rows_are_those_of_json() -> None:
    day = datetime(2026, 3, 2, 14, tzinfo=UTC)
    row = {"a": day, "b": b"text", "c": {"d": [day, float("nan")], "e": 2**70}, "f": float("inf"), "g": float("nan"),
           "h": 2**64 - 1, "i": -(2**63) - 1, "j": True, "k": Decimal("1.10"), "l": timedelta(seconds=1.5),
           "m": 1j}  # fmt: skip

    assert plain_rows([row]) == TableRows(
        [{"a": day.isoformat(), "b": "text", "c": {"d": [day.isoformat(), None], "e": str(2**70)}, "f": "inf",
          "g": None, "h": 2**64 - 1, "i": str(-(2**63) - 1), "j": True, "k": Decimal("1.10"),
          "l": timedelta(seconds=1.5), "m": "1j"}]
    )  # fmt: skip


def test_a_row_that_is_nested_without_end_is_put_apart() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]

    found = plain_rows([{"id": "r0", "payload_snapshot": value}, {"id": "r1"}])

    assert (found.rows, found.is_replaced) == ([{"id": "r1"}], False)
    assert [json.loads(one.raw) for one in found.odd] == [{"id": "r0", "payload_snapshot": repr(value)}]


def test_of_two_columns_of_one_name_the_first_keeps_it() -> None:
    table = pa.table([pa.array(["a"]), pa.array([2**62]).view(pa.timestamp("us"))], names=["x", "x"])

    found = rows_of(table)

    assert [list(row) for row in found.rows] == [["x", "x (2)"]]
    assert found.again == ["x"]


def test_the_first_of_two_error_columns_counts_and_the_other_is_kept_and_told_of(tmp_path: Path) -> None:
    columns = [*PLAIN.values(), ["other 0", "other 1"]]
    pq.write_table(pa.table(columns, names=[*PLAIN, "last_error"]), tmp_path / "x.parquet")
    loaded = RecordExports(tmp_path / "x.parquet").load()

    assert loaded.frame["last_error"].tolist() == ["refused", "refused"]
    assert [json.loads(text) for text in loaded.frame["extra_json"]] == [
        {"last_error (2)": "other 0"}, {"last_error (2)": "other 1"}
    ]  # fmt: skip
    assert (
        "Columns of x.parquet that are named as one before them: 1, such as last_error; the first one counts, and "
        "extra_json has the others."
    ) in loaded.coverage.findings
