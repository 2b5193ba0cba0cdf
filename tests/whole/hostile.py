"""An incident in which every field that comes from outside was chosen by an attacker."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from tests.frames import START

# What a browser, a renderer of Markdown, a tracker, matplotlib, typst, a spreadsheet and a terminal would obey.
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) ![i](http://evil.example/i.png) "
    "<!-- | || # ** `` ``` ~~~ @all !45 %3 ~label &7 #12 GH-12 owner/repo#1 5f3ab1c0d5 :boom: {code} [~admin] "
    '$\\frac{$ $$ #panic() #read("/etc/passwd") \x1b]0;pwned\x07 \x9b31m \u202eexe.txt\u2066 \u200b \u2028 \ud800 =1+1'
)
LONG = "wörd " * 200_000
# Signs that none of the formats may hold as they are; in a notebook and in facts.json they are numbers.
FORBIDDEN = "\x1b\x07\x9b\u202e\u2066\u200b\u2028\ud800"


def hostile(name: str) -> str:
    """Another text for each field, so that a place can be told from the other."""
    return f"{name} {HOSTILE}"


def whole(name: str) -> str:
    """As of ids and names of fields: with half a character in one of them a record is put apart."""
    return hostile(name).replace("\ud800", "")


def row(number: int, minutes: float, error: str | None, **more: Any) -> dict[str, Any]:
    """A dead letter, or a success where there is no error."""
    return {
        "id": whole(f"id{number}"), "workflow_id": whole("workflow"), "trace_id": whole(f"trace{number}"),
        "created_at": (START + timedelta(minutes=minutes)).isoformat(), "status": "failed" if error else "success",
        "queued_to_dlq": error is not None, "attempts": 5 if error else 1, "retryable": error is not None,
        "last_error": error, "error_type": hostile("type"), "error_code": hostile("code"),
        "action_duration_ms": 100.0 + number, whole("field"): whole("extra"),
        "payload_snapshot": {hostile("key"): hostile("value"), "email": "x@y.example"}, **more,
    }  # fmt: skip


def collect_hostile(folder: Path) -> IncidentFolder:
    """Forty dead letters of a hostile error, one of a megabyte, successes, logs and reports of clients."""
    rows = [row(n, 120 + n / 2, hostile("error")) for n in range(40)]
    rows += [
        row(100, 130, LONG),
        row(101, 131, hostile("object"), last_error={"message": hostile("message"), "code": 7}),
    ]
    rows += [row(n, n - 200, None) for n in range(200, 410)]
    logs = [
        {
            "time": (START + timedelta(minutes=at)).isoformat(),
            "level": hostile("level"),
            "message": text,
            "workflow_id": hostile("workflow"),
            "trace_id": hostile("trace1"),
            hostile("name"): hostile("more"),
        }
        for at, text in ((110, "worker restarted " + HOSTILE), (115, hostile("config changed, deploy")), (121, LONG))
    ]
    place = folder.parent
    (place / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "worker.jsonl").write_text("\n".join(map(json.dumps, logs)))
    note = hostile("note").replace('"', '""').encode("utf-8", "replace").decode()
    reports = f'trace_id,time,note\n"{note}",{(START + timedelta(minutes=125)).isoformat()},"{note}"\n'
    (place / "reports.csv").write_text(reports, encoding="utf-8")
    name = whole("workflow")
    settings = Settings.model_validate({"workflows": {name: {"name": name, "topic": name}}})
    question = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime())
    return collect(question, settings, folder, records_files=(place / "export.jsonl",),
                   worker_logs=(str(place / "worker.jsonl"),), reported=place / "reports.csv")  # fmt: skip


def judge(folder: Path) -> None:
    """What people wrote, pasted from somewhere."""

    def words(name: str) -> str:
        return json.dumps(hostile(name))  # JSON is YAML, half characters and controls escaped

    (folder / "judgement.yaml").write_text(
        f"severity: {words('severity')}\ncause: {words('cause')}\ncontributing_factors: [{words('factor')}]\n"
        f"done: {words('done')}\nsolution_remaining: {words('remaining')}\nowner: {words('owner')}\n"
        f"prevention: {words('prevention')}\nlessons: {{well: {words('well')}, badly: [{words('badly')}]}}\n"
        f"follow_ups: [{{what: {words('what')}, owner: {words('whose')}, ticket: {words('ticket')}}}]\n"
        f"timeline: [{{at: 2026-03-02T14:05:00+00:00, who: {words('who')}, what: {words('saw')}}}]\n",
        encoding="utf-8",
    )
