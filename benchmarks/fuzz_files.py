"""More that the fuzzer calls: files that are no text, headers, what a folder holds beside the evidence."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from dlqkit.errors import DlqkitError, EvidenceError
from dlqkit.evidence.forms import check_manifest, check_state
from dlqkit.evidence.store import as_table, read_frame
from dlqkit.frames import NEEDED, RECORDS, Coverage, conform
from dlqkit.prevention.payload_check import check_payloads
from dlqkit.report import pins, sent_updates
from dlqkit.report.history_folders import read_report
from dlqkit.republish.journal import open_journal
from dlqkit.republish.journal_file import journal_path, peek_head, read_contents
from dlqkit.setup.clocks import read_date
from dlqkit.sources.http import _retry_after
from dlqkit.sources.page_faults import find_failure, find_shortfall
from dlqkit.sources.page_markers import TOTAL_HEADERS, find_cursor, find_end_marker, find_next_url, find_total
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.worker_logs import WorkerLogs
from tests.republish.plans import make_plan
from tests.sources.hostile_records import GOOD

__all__ = ["PARSERS", "SEEDS"]

_PAYLOADS = pd.Series(['{"order": 1, "a": {"b": [1, "x"]}}', '{"order": "x"}', "[]", "1e400", "{", None], dtype="str")


def _object(body: bytes) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        value = json.loads(body)
        return value if isinstance(value, dict) else None
    return None


def _export(body: bytes, place: Path) -> None:
    path = place / "packed export"
    path.write_bytes(body)
    loaded = RecordExports(path).load()
    assert Coverage.from_json(loaded.coverage.to_json()) == loaded.coverage


def _worker_log(body: bytes, place: Path) -> None:
    path = place / "packed log"
    path.write_bytes(body)
    WorkerLogs(path).load()


def _frame(body: bytes, place: Path) -> None:
    path = place / "records.parquet"
    path.write_bytes(body)
    frame = read_frame(path, RECORDS, needed=NEEDED)
    assert {*RECORDS} <= {*frame.columns}


def _journal(body: bytes, place: Path) -> None:
    folder = place / "journal"
    path = journal_path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.iterdir():
        old.unlink()
    path.write_bytes(body)
    with suppress(DlqkitError):
        peek_head(path)
    read_contents(path)


def _headers(body: bytes, _: Path) -> None:
    text = body.decode("latin-1")
    wait, date = _retry_after(text), read_date(text)
    assert wait is None or 0 <= wait <= 30
    assert date is None or date.tzinfo is not None
    for name in ("Link", "Content-Range", *TOTAL_HEADERS):
        find_next_url({}, {name: text}, "https://api.example/x")
        find_end_marker({}, {name: text}, 1)
        find_total({}, {name: text})


def _marks(body: bytes, _: Path) -> None:
    wrapper = _object(body)
    if wrapper is not None:
        find_cursor(wrapper)
        find_next_url(wrapper, {}, "https://api.example/x")
        find_end_marker(wrapper, {}, 1)
        find_total(wrapper)
        find_failure(wrapper)
        find_shortfall(wrapper, is_last=True)


def _schema(body: bytes, _: Path) -> None:
    schema = _object(body)
    if schema is not None:
        check_payloads(schema, _PAYLOADS)


def _forms(body: bytes, _: Path) -> None:
    with suppress(ValueError, RecursionError):
        values = json.loads(body)
        for check in (check_manifest, check_state):
            with suppress(ValueError):
                check(values)


def _kept(body: bytes, place: Path) -> None:
    """A pin, a text that was sent, and facts of another incident."""
    path = place / "kept.json"
    path.write_bytes(body)
    for read in (pins._read, sent_updates._read):
        with suppress(EvidenceError):
            read(path)
    (place / "former" / "report").mkdir(parents=True, exist_ok=True)
    (place / "former" / "report" / "facts.json").write_bytes(body)
    with suppress(EvidenceError):
        read_report(place / "former")


PARSERS: dict[str, Callable[[bytes, Path], None]] = {
    "packed export": _export,
    "packed worker log": _worker_log,
    "frame": _frame,
    "journal": _journal,
    "headers": _headers,
    "marks of pages": _marks,
    "payload schema": _schema,
    "forms": _forms,
    "pin, update, former report": _kept,
}


def _parquet(kind: pa.DataType) -> bytes:
    out = io.BytesIO()
    at = pa.array([datetime(2026, 3, 2, 14, tzinfo=UTC)] * 3).cast(kind)
    columns = {"id": ["r1", "r2", "r3"], "workflow_id": ["wf"] * 3, "created_at": at, "attempts": [1, 2, 3],
               "last_error": ["x", "y", "z"], "payload_snapshot": [{"a": 1.5}] * 3}  # fmt: skip
    # Uncompressed, so that a changed byte is one of a value as often as one of the file's own.
    pq.write_table(pa.table(columns), out, compression="none", use_dictionary=False)
    return out.getvalue()


def _records() -> bytes:
    out = io.BytesIO()
    frame = pd.DataFrame({"record_id": ["a", "b"], "event_key": ["a", "b"], "workflow_id": "wf", "trace_id": "t",
                          "queued_to_dlq": [True, False], "last_error": ["x", None]})  # fmt: skip
    at = pd.Timestamp("2026-03-02T14:00:00Z")
    whole = conform(frame.assign(recorded_at=at, attempts=5, action_duration_ms=1.5, retryable=True), RECORDS)
    pq.write_table(as_table(whole), out, compression="none")
    return out.getvalue()


def _journal_seed(place: Path) -> bytes:
    folder = place / "seed"
    folder.mkdir(parents=True)
    with open_journal(folder) as journal:
        journal.add_plan(make_plan(2))
    body = journal_path(folder).read_bytes()
    shutil.rmtree(folder)
    return body


_LINES = b"\n".join([GOOD] * 20)
_LOG = b'{"ts": "2026-03-02T14:00:00Z", "level": "error", "trace_id": "t", "msg": "x"}\n' * 20
_SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["order"], "properties": {
        "order": {"type": "integer", "minimum": 0, "multipleOf": 1}, "a": {"$ref": "#/$defs/a"},
        "b": {"type": "string", "pattern": "^x+$", "format": "date-time", "maxLength": 5, "enum": ["x", 1]}},
    "$defs": {"a": {"type": "object", "additionalProperties": False, "patternProperties": {"^b": {"type": "array"}}}},
    "dependentRequired": {"order": ["a"]}, "anyOf": [{"not": {"type": "null"}}],
}  # fmt: skip
_MANIFEST = {
    "schema": 1, "started_at": "2026-03-02T14:00:00+00:00", "finished_at": "2026-03-02T14:00:00+00:00", "files": {},
    "incident": {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T15:00:00+00:00", "workflow_id": None,
                 "trace_id": None}, "findings": [], "metrics": {"a": "b"}, "last_number": 1, "asking": None,
    "sources": [{"evidence_id": "001/1", "kind": "records", "source": "x", "query": "y", "masked": [], "coverage":
                 Coverage(rows=1, details={"query": {"limit": "5"}, "received": 1}).to_json()}],
}  # fmt: skip
_UPDATE = {
    "audience": "team", "sent_at": "2026-03-02T14:00:00+00:00", "sent_by": "ann", "lines": [["a", "b"]],
    "numbers": {"as_of": "2026-03-02T14:00:00+00:00", "snapshot": "001", "state": "ongoing", "onset_at": None,
                "affected": {"value": 1, "bound": "exact"}, "open": {"value": 1, "bound": "exact"}, "passed": 0,
                "failure_class": "business", "cause": None, "done": None, "verdict": "yes"},
}  # fmt: skip
_PIN = {
    "at": "2026-03-02T14:00:00+00:00", "by": "ann", "note": "n", "kind": "table", "title": "t", "columns": ["a"],
    "rows": [["1"]], "of_rows": 1, "left_out": [], "text": "", "alt": "", "png_sha256": "", "snapshot": "001",
    "evidence": "", "made_by": "x", "dlqkit": "0.1.0",
}  # fmt: skip

SEEDS: dict[str, Sequence[bytes]] = {
    "packed export": [gzip.compress(_LINES, mtime=0), zstandard.compress(_LINES), _parquet(pa.timestamp("us", "UTC")),
                      _parquet(pa.timestamp("ms")), _parquet(pa.date32())],
    "packed worker log": [gzip.compress(_LOG, mtime=0), zstandard.compress(_LOG)],
    "frame": [_records()],
    "headers": [b"120", b"Wed, 21 Oct 2026 07:28:00 GMT", b'</x?a=1>; rel="next", <y>; title="a=b"; rel=prev',
                b"items 0-24/100"],
    "marks of pages": [b'{"next": "/x?page=2", "next_cursor": "5", "total": 7, "has_more": true, "page": 1}'],
    "payload schema": [json.dumps(_SCHEMA).encode()],
    "forms": [json.dumps(_MANIFEST).encode()],
    "pin, update, former report": [json.dumps(_UPDATE).encode(), json.dumps(_PIN).encode()],
}  # fmt: skip


def add_journal(place: Path) -> None:
    """A journal, which needs a folder to be made in."""
    SEEDS["journal"] = [_journal_seed(place)]  # type: ignore[index]
