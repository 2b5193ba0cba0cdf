"""An API that serves nothing but odd records: collected, written, verified, and every one of them accounted for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dlqkit.evidence.collect import collect
from dlqkit.evidence.manifest import verify
from dlqkit.evidence.store import read_raw
from dlqkit.incident import Incident
from dlqkit.report.facts import facts
from dlqkit.settings import Settings
from tests.sources.api import api
from tests.sources.hostile_records import CASES

PAGE = 40
QUESTION = Incident(datetime(2026, 3, 2, 13, tzinfo=UTC), datetime(2026, 3, 2, 15, tzinfo=UTC))
# Each with an id of its own, as far as it has the field.
SERVED = [case.raw.replace(b'"id": "r1"', b'"id": "h%d"' % number, 1) for number, case in enumerate(CASES)]
# Within the incident's time or without a time that can be read; others are served and not asked for.
OF_OTHER_TIMES = 40


def answer(query: dict[str, str]) -> tuple[int, Any]:
    at = int(query.get("cursor", 0))
    following = b'"%d"' % (at + PAGE) if at + PAGE < len(SERVED) else b"null"
    return 200, b'{"items": [' + b",".join(SERVED[at : at + PAGE]) + b'], "next_cursor": ' + following + b"}"


def _apart(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("quarantine/*.zst")):
        for line in read_raw(path).splitlines():
            value = json.loads(line)
            yield value["reason"], value["text"].encode() if "text" in value else base64.b64decode(value["base64"])


def test_every_odd_record_is_in_the_evidence_or_in_the_quarantine(tmp_path: Path) -> None:
    """Rows and quarantine come to what was served; the facts of it can be computed, and nothing was changed since."""
    with api(answer) as (url, _):
        settings = Settings.model_validate({"execution_logs": {"url": url, "page_limit": PAGE}})
        folder = collect(QUESTION, settings, tmp_path / "incident")
    coverage = folder.manifest["sources"][0]["coverage"]
    apart = list(_apart(tmp_path / "incident" / "evidence" / "001"))

    assert verify(tmp_path / "incident") == ()
    assert coverage["details"]["received"] == len(CASES)
    assert coverage["quarantined"] == len(apart) > 100
    missing = len(CASES) - len(folder.records().frame) - len(apart)
    assert 0 <= missing <= OF_OTHER_TIMES
    assert {raw for _, raw in apart if raw[:1] != b"{"} <= set(SERVED)
    assert all(reason.startswith("It ") for reason, _ in apart)
    assert facts(folder)["coverage"]


def test_rows_of_an_export_with_more_cells_than_columns_are_in_the_quarantine(tmp_path: Path) -> None:
    """What a whole collect keeps of a CSV whose errors hold commas: rows and quarantine come to what the file has."""
    rows = [f"r{n},wf,t{n},2026-03-02T14:00:0{n}Z,failed,Timeout{', while reading' * (n % 2)}" for n in range(6)]
    export = tmp_path / "export.csv"
    export.write_text("\n".join(["id,workflow_id,trace_id,created_at,status,last_error", *rows]))

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=[export])

    coverage = folder.manifest["sources"][0]["coverage"]
    reason = "It has more cells than the header names."
    assert list(_apart(tmp_path / "incident" / "evidence" / "001")) == [(reason, row.encode()) for row in rows[1::2]]
    assert folder.records().frame["last_error"].tolist() == ["Timeout"] * 3
    assert (coverage["rows"], coverage["quarantined"]) == (3, 3)
    assert coverage["missing"] == ["3 rows of export.csv have more cells than its header names; they are kept apart."]
    assert verify(tmp_path / "incident") == ()


def test_rows_of_an_export_that_are_no_records_are_in_the_quarantine_with_their_reasons(tmp_path: Path) -> None:
    """JSON lines: as of a page of the API, rows and quarantine come to what the file has, the line that was cut too."""
    good = [{"id": f"r{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed",
             "created_at": f"2026-03-02T14:00:0{n}Z"} for n in range(6)]  # fmt: skip
    odd = [b"[1,2]", b'{"id":"\xff","workflow_id":"wf"}', b"{}", b"not json", b'{"id":"half","workflow_id":"w']
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"\n".join([*(json.dumps(one).encode() for one in good), *odd]))

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=[export])

    coverage = folder.manifest["sources"][0]["coverage"]
    apart = list(_apart(tmp_path / "incident" / "evidence" / "001"))
    assert sorted(raw for _, raw in apart) == sorted(odd)
    assert {reason for reason, raw in apart if raw == odd[-1]} == {"The file ends within it."}
    assert all(reason.startswith(("It ", "The ")) for reason, _ in apart)
    assert (coverage["rows"], coverage["quarantined"], coverage["completeness"]) == (6, 5, "partial")
    assert coverage["missing"] == ["export.jsonl was cut in its last line.", "4 rows of export.jsonl are no records."]
    assert verify(tmp_path / "incident") == ()


def test_a_row_of_parquet_with_bytes_in_its_id_is_in_the_quarantine(tmp_path: Path) -> None:
    """What of it is text stands there as it is, and the bytes in Base64."""
    export = tmp_path / "export.parquet"
    rows = [{"id": one, "workflow_id": b"wf", "trace_id": b"t", "status": b"failed",
             "created_at": b"2026-03-02T14:00:00Z"} for one in (b"r1", b"\xff\xfe")]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), export)

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=[export])

    ((reason, raw),) = _apart(tmp_path / "incident" / "evidence" / "001")
    assert "no UTF-8" in reason
    assert json.loads(raw) == {"id": {"base64": "//4="}, "workflow_id": "wf", "trace_id": "t", "status": "failed",
                               "created_at": "2026-03-02T14:00:00Z"}  # fmt: skip
    assert folder.records().frame["record_id"].tolist() == ["r1"]
