"""A lake on disk: files of records and, when all are there, what is true of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dlqkit.simulator.lake.attempts import draw_attempts
from dlqkit.simulator.lake.plan import ROWS_PER_FILE, LakePlan, draw_plan
from dlqkit.simulator.lake.table import DICTIONARY_COLUMNS, records_table
from dlqkit.simulator.lake.truth import Tally
from dlqkit.simulator.lake.wording import Wording, draw_wording

__all__ = ["FEWEST_RECORDS", "write_lake"]

FEWEST_RECORDS = 1000
_ROW_GROUP = 50_000


def write_lake(
    folder: Path,
    *,
    records: int,
    seed: int,
    end_s: float,
    rows_per_file: int = ROWS_PER_FILE,
    on_file: Callable[[int], None] = lambda rows: None,
) -> dict[str, Any]:
    """Write records of a simulated platform's last day as Parquet, and tell what is true of them.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Gets ``records/part-00000.parquet`` and on, and ``truth.json`` last of all.
    records : int
        How many, exactly.
    seed : int
        Same seed, number, end and rows in a file: the same bytes, with the same version of Arrow.
    end_s : float
        When the last event arrives, in seconds since 1970. Its last retries are some minutes later.
    rows_per_file : int, optional
        Records in a file at most; so many at a time are in memory, of however many.
    on_file : callable, optional
        Called after each file with how many records there are so far.

    Returns
    -------
    dict
        As ``Tally.tell``, and as in ``truth.json``.

    Raises
    ------
    FileExistsError
        If the folder holds records already: files of two lakes would be read as one.
    """
    place = folder / "records"
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise FileExistsError(str(place))
    plan = draw_plan(seed, records, end_s, rows_per_file)
    wording, tally = draw_wording(plan), Tally(plan)
    for number in range(plan.files):
        _write_file(place, plan, wording, tally, number)
        on_file(plan.rows_before(number + 1))
    truth = tally.tell()
    (folder / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return truth


def _write_file(place: Path, plan: LakePlan, wording: Wording, tally: Tally, number: int) -> None:
    events, attempts = draw_attempts(plan, number)
    # Readers of a folder leave out names that begin with a dot, so a file that was cut is in no count.
    temporary = place / f".part-{number:05d}.tmp"
    pq.write_table(
        records_table(plan, wording, events, attempts), temporary, compression="zstd",
        use_dictionary=list(DICTIONARY_COLUMNS), row_group_size=_ROW_GROUP,
    )  # fmt: skip
    temporary.replace(place / f"part-{number:05d}.parquet")
    tally.add(events, attempts)
