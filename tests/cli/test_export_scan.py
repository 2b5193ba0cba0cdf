"""Evidence that somebody collected without the settings that name a secret: nothing is exported with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Run
from tests.frames import START

# Of words, so that it is not left out for its looks.
SECRET = "violet harbour lantern"
TOPIC = "projects/p/topics/orders"
SETTINGS = {"DLQKIT_TICKETS__TOKEN__ENV": "THE_TOKEN", "THE_TOKEN": SECRET}


def _collect(run: Run, rows: list[dict[str, Any]], length: timedelta) -> None:
    Path("export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = run("collect", "incident", "--start", START.isoformat(), "--end", (START + length).isoformat(),
                       "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> Path:
    """Forty dead letters in twenty minutes of four hours, and a success a minute; no setting names the secret yet."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": True,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": f"no route to {SECRET}", "payload": {"n": n}} for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success", "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1} for n in range(240)]  # fmt: skip
    _collect(run, rows, timedelta(hours=4))
    return tmp_path / "incident"


def test_a_post_mortem_with_a_secret_of_the_settings_is_not_written(
    incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the report nor its facts nor its zip; without the setting nobody can know that it is one."""
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)

    code, out, err = run("postmortem", "incident", "--format", "html", "--zip")

    assert code == 4
    assert err.startswith("A secret of the settings stands in facts.json, which was not written.\nNext: ")
    assert SECRET not in out + err
    assert not [path for path in (incident / "report").rglob("*") if path.is_file()]

    monkeypatch.delenv("THE_TOKEN")
    code, _, err = run("postmortem", "incident", "--format", "html")
    assert code == 0, err
    assert SECRET in (incident / "report" / "postmortem.html").read_text()


def test_a_secret_that_somebody_wrote_is_said_to_stand_where_it_does(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To collect again would not take it out of what people wrote; once it is out, the report is made."""
    rows = [{"id": "d1", "workflow_id": "wf", "trace_id": "t1", "status": "failed", "queued_to_dlq": True,
             "created_at": START.isoformat(), "attempts": 5, "last_error": "refused"}]  # fmt: skip
    _collect(run, rows, timedelta(hours=1))
    run("closure", "incident", "--no-refresh", "--accept", "metrics", "--reason", f"{SECRET} sees none", "--by", "ann")
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)

    code, out, err = run("postmortem", "incident", "--format", "html")

    assert (code, SECRET in out + err) == (4, False)
    assert "Next: Take it out of judgement.yaml, where it stands; then give the service a new one." in " ".join(
        err.split()
    )

    judgement = tmp_path / "incident" / "judgement.yaml"
    judgement.write_text(judgement.read_text().replace(SECRET, "nobody"))
    code, _, err = run("postmortem", "incident", "--format", "html")
    assert code == 0, err


def test_an_update_with_a_secret_of_the_settings_is_not_printed(
    incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said, _ = run("update", "incident", "--for", "ticket")
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)

    refused, out, err = run("update", "incident", "--for", "ticket")

    assert (code, SECRET in said, refused, out) == (0, True, 4, "")
    assert SECRET not in err


def test_an_export_of_a_plan_with_a_secret_of_the_settings_is_not_written(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": "d1", "workflow_id": "wf", "trace_id": "t1", "status": "failed", "queued_to_dlq": True,
             "created_at": START.isoformat(), "attempts": 5, "last_error": "refused",
             "payload": {"auth": SECRET}}]  # fmt: skip
    _collect(run, rows, timedelta(hours=1))
    (tmp_path / "dlqkit.toml").write_text(
        f'[republish]\nallowed_topics = ["{TOPIC}"]\nmax_rate = 5\n[workflows.wf]\ntopic = "{TOPIC}"\n'
    )
    code, said, err = run("republish", "plan", "incident", "--workflow", "wf", "--by", "ann")
    assert code == 0, err
    plan = "plan-001"
    assert plan in said
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)

    code, out, err = run("republish", "export", "incident", plan, "--draft", "--output", "events.jsonl")

    assert code == 4, out + err
    assert SECRET not in out + err
    assert not (tmp_path / "events.jsonl").exists()
