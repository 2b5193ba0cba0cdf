"""``dlqkit investigate``: its report is that of ``dlqkit postmortem``."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.running import Run
from tests.frames import START
from tests.sources.api import api, cut


def test_what_the_settings_call_personal_is_in_no_report_of_the_one_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": True,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": "no route", "payload": {"client_id": "Zorro"}}
            for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success", "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1,
              "payload": {"client_id": f"c{n}"}} for n in range(240)]  # fmt: skip
    monkeypatch.setenv("DLQKIT_REPORT__PERSONAL_FIELDS", json.dumps(["client_id"]))
    with api(lambda query: (200, cut(rows, query))) as (url, _):
        monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", url)
        code, out, err = run("investigate", "--start", START.isoformat(), "--end",
                             (START + timedelta(hours=4)).isoformat(), "--dir", "incident")  # fmt: skip

    assert code == 0, out + err
    report = tmp_path / "incident" / "report"
    assert "no route" in (report / "facts.json").read_text()
    for name in ("facts.json", "postmortem.html", "postmortem.md", "postmortem.ipynb"):
        assert "Zorro" not in (report / name).read_text(), name
