"""Which engine the records fit: by their size in Parquet's own metadata, against the memory that is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from dlqkit.errors import EvidenceError, ParameterError

__all__ = ["ENGINES", "Engine", "Size", "check_engine", "choose_engine", "free_memory_bytes", "measure_records"]

Engine = Literal["pandas", "duckdb", "spark"]
ENGINES = ("auto", "pandas", "duckdb", "spark")
# An analysis on pandas holds its columns, a filtered copy of them and what it makes of that.
COPIES = 3
# Of each value, beside its text: a number, or where a text begins.
VALUE_BYTES = 8
_MEMINFO = Path("/proc/meminfo")
# Limit and use of a control group, in its second version and its first.
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large records are."""

    rows: int
    width_bytes: float
    """Of a row in memory, as Parquet's metadata tell; texts that come again are there once for each block."""

    @property
    def in_memory_bytes(self) -> float:
        """What the rows take as a frame."""
        return self.rows * self.width_bytes


def measure_records(files: Sequence[Path]) -> Size:
    """Rows and width of Parquet files, from what stands at their ends.

    Raises
    ------
    EvidenceError
        If one of them is no whole Parquet file.
    """
    rows, size = 0, 0
    for file in files:
        try:
            known = pq.read_metadata(file)
        except (pa.ArrowException, OSError) as error:
            raise EvidenceError(
                f"{file.parent.name}/{file.name} is not readable Parquet; it was cut or changed.",
                "Run dlqkit verify on the folder, or write the file anew.",
            ) from error
        rows += known.num_rows
        size += known.num_rows * known.num_columns * VALUE_BYTES
        size += sum(known.row_group(number).total_byte_size for number in range(known.num_row_groups))
    return Size(rows, size / rows if rows else 0.0)


def free_memory_bytes(
    meminfo: Path = _MEMINFO, cgroups: Sequence[tuple[Path, Path]] = _CGROUPS
) -> int | None:  # fmt: skip
    """What may still be taken: of the machine, or of the control group where that is less; None where nothing tells."""
    known = [
        free for free in (_free_of_machine(meminfo), *(_free_of_group(*one) for one in cgroups)) if free is not None
    ]
    return min(known, default=None)


def _free_of_machine(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found[1]) * 1024


def _free_of_group(limit: Path, used: Path) -> int | None:
    try:
        most, taken = limit.read_text(encoding="ascii").strip(), int(used.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    # "max" is no limit.
    return max(int(most) - taken, 0) if most.isdecimal() else None


def check_engine(engine: str) -> None:
    """Raise ``ParameterError`` unless there is such an engine."""
    if engine not in ENGINES:
        raise ParameterError(f"There is no engine {engine[:20]!r}.", f"Use one of: {', '.join(ENGINES)}.")


def choose_engine(engine: str, files: Sequence[Path], *, free_bytes: int | None = None) -> Engine:
    """The engine that was asked for; of ``auto`` pandas where the records fit into memory, else DuckDB.

    Parameters
    ----------
    engine : str
        One of ``ENGINES``.
    files : sequence of Path
        Of the records; looked at for ``auto`` alone.
    free_bytes : int, optional
        What may be taken; by default what is free now. Where that is not known, pandas up to a gigabyte.

    Notes
    -----
    Never Spark by itself: a cluster is somebody's, and to be named.
    """
    check_engine(engine)
    if engine != "auto":
        return cast("Engine", engine)
    free = free_memory_bytes() if free_bytes is None else free_bytes
    needed = COPIES * measure_records(files).in_memory_bytes
    return "pandas" if needed <= (1 << 30 if free is None else free) else "duckdb"
