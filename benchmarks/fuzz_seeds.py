"""Good examples of everything that dlqkit parses, from which the fuzzer makes bad ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence

from dlqkit.evidence.audit_log import append
from tests.republish.plans import make_plan
from tests.sources.hostile_records import CASES, GOOD
from tests.sources.hostile_texts import LOG_LINES, PROMETHEUS_BODIES

__all__ = ["SEEDS"]

_MATRIX = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"worker_dlq_total",'
    b'"workflow_id":"wf"},"values":[[1772460005,"1"],[1772460020.5,"2"],[1772460035,"NaN"]]},'
    b'{"metric":{},"values":[]}]}}'
)
_VECTOR = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"4"]}]}}'
_HISTOGRAM = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"h"},"histograms":'
    b'[[1772460005,{"count":"3","sum":"1.5","buckets":[[0,"-0.1","0.1","2"]]}]]}]}}'
)
_PAGE = (
    b'# HELP worker_dlq_total x\n# TYPE worker_dlq_total counter\nworker_dlq_total{workflow_id="wf",a="\\"\\\\\\n"} '
    b"10\n"
    b'# TYPE d histogram\nd_bucket{le="1"} 3\nd_bucket{le="+Inf"} 4\nd_sum 2.5\nd_count 4 1772460005000\n# EOF\n'
)
_ALERT = (
    b'{"version":"4","status":"firing","truncatedAlerts":2,"commonLabels":{"workflow_id":"wf"},"alerts":[{"status":'
    b'"firing","labels":{"workflow_id":"wf","trace_id":"t"},"startsAt":"2026-03-02T14:00:05.123456789Z",'
    b'"endsAt":"0001-01-01T00:00:00Z"},{"status":"resolved","labels":{},"startsAt":"2026-03-01T00:00:00Z"}]}'
)
_SETTINGS = (
    b'[execution_logs]\nurl = "https://api.example/x"\napi_key = { env = "K" }\npage_limit = 50\nfields = { recorded_at'
    b' = "created_at" }\ntimezone = "UTC"\n[worker]\nmax_attempts = 5\nmetrics_urls = ["http://127.0.0.1:8000/metrics"]\n'
    b'[workflows."a b"]\nname = "x"\ntopic = "projects/p/topics/t"\nentity_key = ["payload.customer_id"]\n[republish]\n'
    b'allowed_topics = ["projects/p/topics/t"]\nmax_rate = 20\n[profiles.p.worker]\nmax_attempts = 3\n'
)
_JUDGEMENT = (
    b"severity: high\ncause: the database\ncontributing_factors: [a, b]\ndone: rolled back\nowner: ann\nlessons:\n"
    b"  well: quick\n  badly: [slow, late]\nfollow_ups:\n  - {what: alert, owner: bob, ticket: OPS-1}\ntimeline:\n"
    b"  - {at: 2026-03-02T14:05:00+00:00, who: ann, what: saw it}\nclosure:\n  confirmations: []\n"
)
_QUESTION = (
    b'[incident]\nname = "x"\nworkflow_id = "wf"\nstart = 2026-03-02T14:00:00+00:00\nend = 2026-03-02T15:00:00Z\n'
    b'[worker]\nmax_attempts = 5\n[[notes]]\nat = 2026-03-02T14:02:00Z\ntext = "deploy"\n'
)
_REPORTS = b'trace_id,time,note\nt1,2026-03-02T14:02:00Z,"late, ""again"""\nt2;;\n'
_MANIFEST = json.dumps(
    {"schema": 1, "started_at": "2026-03-02T14:00:00+00:00", "finished_at": "2026-03-02T14:00:00+00:00", "sources": [],
     "incident": {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T15:00:00+00:00", "workflow_id": None,
                  "trace_id": None}, "files": {"raw/1.zst": {"sha256": "0" * 64, "bytes": 3}}}
).encode()  # fmt: skip
_TIMES = (
    b"2h",
    b"90m",
    b"1d",
    b"now",
    b"2026-03-02T14:00:00Z",
    b"2026-03-02 14:00:00+03:00",
    b"2026-02-31T00:00:00Z",
    b"",
)
_EDITS = (b'{"order": 8, "a": {"b": null}}', b'[{"op": "replace", "path": "/a/b/1", "value": 3.0}]',
          b'[{"op": "test", "path": "/order", "value": 7}, {"op": "remove", "path": "/order"}]')  # fmt: skip
_ERRORS = (
    b"psycopg2.OperationalError: could not connect to server: Connection refused (SQLSTATE 08006)",
    b"HTTP 503 from https://api.example/x?id=7 after 30000 ms", b"ValueError: customer 4711 has no address",
    b'{"code": 7, "message": "deadline exceeded"}', "Таймаут 30 с при вызове".encode(), b"",
)  # fmt: skip


def _plan() -> bytes:
    import msgspec

    return msgspec.json.encode({**msgspec.to_builtins(make_plan(2)), "outlook": {"seconds": 2.5}})


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("orders/incident.toml", _QUESTION)
        packed.writestr("orders/evidence/001/manifest.json", _MANIFEST)
        packed.writestr("orders/notebooks/x.ipynb", b"{}")
    return out.getvalue()


def _page() -> list[bytes]:
    records = [case.raw for case in CASES if len(case.raw) < 5_000]
    pages = [b"[" + b",".join([GOOD, raw, GOOD]) + b"]" for raw in records[::7]]
    wrapped = b'{"items": [' + GOOD + b'], "nextPageToken": "5", "total": 7, "meta": {"has_more": true}}'
    return [b"[]", wrapped, b'{"data": {"records": [' + GOOD + b"]}}", *pages]


SEEDS: dict[str, Sequence[bytes]] = {
    "records": _page(),
    "prometheus": [_MATRIX, _VECTOR, _HISTOGRAM, *(body for body in PROMETHEUS_BODIES if len(body) < 5_000)],
    "metrics page": [_PAGE],
    "alert": [_ALERT, b'{"workflow_id":"wf","startsAt":"2026-03-02T14:00:05+03:00"}'],
    "worker log": [line for line in LOG_LINES if len(line) < 5_000],
    "export": [b"id,workflow_id,trace_id,created_at,status\n1,wf,t,2026-03-02T14:00:00Z,failed\n", GOOD + b"\n" + GOOD,
               b"[" + GOOD + b"]"],
    "support reports": [_REPORTS],
    "settings": [_SETTINGS],
    "judgement": [_JUDGEMENT],
    "question": [_QUESTION],
    "manifest": [_MANIFEST],
    "plan": [_plan()],
    "approval": [b'{"accepted":[],"at":"2026-03-02T13:05:00+00:00","by":"ann","hash":"' + b"0" * 64 + b'",'
                 b'"outcome_deadline_s":60.0,"plan_id":"plan-001","reason":"mended"}'],
    "claim": [b'{"at":"x","by":"ann","folder":"d","hash":"h","host":"h","owner":"o","plan_id":"plan-001"}'],
    "times": _TIMES,
    "edits": _EDITS,
    "exact JSON": [b'{"a": 1.10, "b": [1e3, -0, "\\u00fc", null, true], "c": {"d": {}}}', b"[]", b"1E400"],
    "error texts": _ERRORS,
    "original message": [b'{"order": 1, "trace_id": "t"}', b"\xff", b""],
    "next address": [b"https://api.example/x?page=2", b"/x?a=b", b"//evil.example/x", b"?cursor=7", b"http://[::1"],
    "zip": [_zip()],
}  # fmt: skip
SEEDS["audit log"] = []


def add_audit(folder: object) -> None:
    """Lines of an audit log, which need a folder to be made in."""
    from pathlib import Path

    place = Path(str(folder))
    for number in range(3):
        append(place, "look", number=number)
    SEEDS["audit log"] = [(place / "audit.jsonl").read_bytes()]
