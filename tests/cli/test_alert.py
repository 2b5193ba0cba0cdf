"""``dlqkit investigate --alert`` against a platform: what an alert says, does not say, and what is hostile in it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.demo import _platform
from dlqkit.cli.investigate import ask_alert
from dlqkit.settings import Settings
from tests.cli.running import Run


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A platform in this process; the incident's workflow is the one whose truth says so."""
    with _platform("infrastructure", 4000, 7, tmp_path_factory.mktemp("platform")) as described:
        yield described


@pytest.fixture
def given(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in served["environment"].items():
        monkeypatch.setenv(name, value)
    return served


def hand_over(monkeypatch: pytest.MonkeyPatch, alert: Any) -> None:
    """An alert on standard input, as a webhook's receiver gives it."""
    body = alert if isinstance(alert, bytes) else json.dumps(alert).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))


def webhook(started: datetime, **labels: str) -> dict[str, Any]:
    one = {"status": "firing", "labels": labels, "startsAt": started.isoformat(), "endsAt": "0001-01-01T00:00:00Z"}
    return {"version": "4", "status": "firing", "commonLabels": labels, "truncatedAlerts": 0, "alerts": [one]}


def test_a_webhooks_body_on_standard_input_becomes_a_post_mortem(
    given: dict[str, Any], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workflow is the label's, the window begins the margin of the settings before the alert."""
    workflow = next(iter(given["topics"]))
    started = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setenv("DLQKIT_ALERTS__WORKFLOW_LABELS", '["flow"]')
    monkeypatch.setenv("DLQKIT_ALERTS__MARGIN", "90m")
    hand_over(monkeypatch, webhook(started, flow=workflow))

    code, out, err = run("investigate", "--alert", "-", "--json")

    told = json.loads(out)
    begun = datetime.fromisoformat(told["facts"]["incident"]["window"]["start"])
    assert code in {0, 3}, err
    assert told["facts"]["workflow"]["id"] == workflow
    assert begun == started - timedelta(minutes=90)
    assert "90m before the alert" in err
    assert (tmp_path / told["paths"]["html"]).is_file()


def test_an_alert_that_names_no_workflow_says_so_and_looks_at_all(
    given: dict[str, Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, so that who pipes the JSON still has it in the log."""
    hand_over(monkeypatch, webhook(datetime.now(UTC) - timedelta(hours=3), alertname="DeadLetters"))

    code, out, err = run("investigate", "--alert", "-", "--json")

    assert code in {0, 3}, err
    assert "The alert names no workflow (labels looked at: workflow_id): all are looked at." in err
    facts = json.loads(out)["facts"]
    assert facts["incident"]["workflow_id"] is None
    assert facts["events"]["affected"]["value"] > 0


def test_a_hostile_label_reaches_neither_the_terminal_nor_a_path(
    given: dict[str, Any], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can send an alert chooses the label; it is an id that no record has, and nothing else."""
    outside = tmp_path / "work"
    outside.mkdir()
    monkeypatch.chdir(outside)
    label = "../../escaped\x1b[31m\n$(touch owned)‮<script>alert(1)</script>"
    hand_over(monkeypatch, webhook(datetime.now(UTC) - timedelta(hours=1), workflow_id=label))

    code, out, err = run("investigate", "--alert", "-")

    assert code in {0, 3}, err
    assert "\x1b" not in out + err and "‮" not in out + err
    assert {path.name for path in tmp_path.iterdir()} == {"work"}
    assert {path.name for path in outside.iterdir()} == {"incidents"}
    (folder,) = (outside / "incidents").iterdir()
    assert "<script>alert(1)" not in (folder / "report" / "postmortem.html").read_text(encoding="utf-8")


def test_the_options_go_before_the_alert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who names a workflow and a window has read the alert already, and is told nothing of it."""
    hand_over(monkeypatch, webhook(datetime.now(UTC) - timedelta(days=9), alertname="DeadLetters"))

    asked = ask_alert(Path("-"), Settings(), named=True, dated=True)

    assert (asked.workflow, asked.trace, asked.start) == (None, None, None)
    assert capsys.readouterr().err == ""


def test_an_alert_of_several_workflows_is_about_all_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts = [{"labels": {"workflow_id": name}, "startsAt": "2026-03-02T13:00:05Z"} for name in "ab"]
    hand_over(monkeypatch, {"truncatedAlerts": 1, "alerts": alerts})

    asked = ask_alert(Path("-"), Settings(), named=False, dated=False)

    assert (asked.workflow, asked.start) == (None, "2026-03-02T12:00:05+00:00")
    assert capsys.readouterr().err.splitlines() == [
        "The alert names 2 workflows (a, b), so all are looked at.",
        "Alertmanager left 1 more alert out of what it sent.",
        "The window begins at 2026-03-02 12:00:05 UTC, 1h before the alert.",
    ]


def test_an_alert_that_is_none_is_refused_before_anything_is_asked(
    given: dict[str, Any], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(monkeypatch, b"[" * 100_000)

    code, out, _ = run("investigate", "--alert", "-", "--json")

    assert code == 2
    assert json.loads(out)["error"]["problem"] == "The alert - is not JSON."
    assert list(tmp_path.iterdir()) == []
