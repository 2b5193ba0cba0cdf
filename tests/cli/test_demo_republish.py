"""The end of the demo: with the fix the republish ramps and the proof balances, without it the ramp stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli import demo_republish
from dlqkit.cli.demo_republish import beside_incident, not_asked_for, republish_settings, show_republish
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.incident import Incident
from dlqkit.report.facts import facts
from dlqkit.republish import running
from dlqkit.settings import load_settings
from dlqkit.simulator import metrics
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from tests.cli.running import runner


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An outage that is over by itself, scraped every 5 s so that nobody waits for long."""
    monkeypatch.setattr(metrics, "SCRAPE_S", 5.0)
    monkeypatch.setattr(running, "POLL_S", 1.0)
    server = Server(Platform(seed=5, scenario="infrastructure", events=7000, pagination="cursor"))
    server.start()
    yield server
    server.stop()


def collect_demo(server: Server, directory: Path, monkeypatch: pytest.MonkeyPatch) -> IncidentFolder:
    described = server.describe()
    environment = described["environment"] | republish_settings(described)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(environ=environment, start=directory)
    now = datetime.now(UTC)
    return collect(Incident(now - timedelta(hours=4), now), settings, directory)


def carry_out(server: Server, directory: Path, monkeypatch: pytest.MonkeyPatch, *, fix: bool) -> dict[str, Any]:
    collect_demo(server, directory, monkeypatch)
    described = server.describe()
    settings = load_settings(environ=described["environment"] | republish_settings(described), start=directory)
    workflow_id = server.platform.workflows[server.platform.fault.workflow].workflow_id
    return show_republish(directory, settings, described, workflow_id, fix=fix, quiet=True)


def test_with_the_fix_every_event_is_sent_once_and_passes(
    served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = carry_out(served, tmp_path / "demo", monkeypatch, fix=True)
    stored = [one["attributes"]["dlqkit-dedupe-id"] for one in served.pubsub.published()]

    assert shown["reason"] == "" and shown["balances"] is True
    assert shown["totals"]["passed"] == shown["planned"] == len(stored) == len(set(stored)) > 26


def test_without_the_fix_one_event_is_sent_and_no_more(
    served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = carry_out(served, tmp_path / "demo", monkeypatch, fix=False)

    assert shown["reason"] in {"died_again", "new_error", "failures_grow"}
    assert len(served.pubsub.published()) == 1
    assert shown["totals"]["not_sent"] == shown["planned"] - 1 and shown["balances"] is True


def test_where_no_workflow_lost_events_nothing_is_sent_and_what_came_after_the_fix_is_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worker takes what the subscription kept; the second snapshot has the end of the silence and the fix."""
    monkeypatch.setattr(metrics, "SCRAPE_S", 5.0)
    monkeypatch.setattr(demo_republish, "SEEN_AFTER_S", 8.0)
    server = Server(Platform(seed=1, scenario="silence", events=7000, pagination="cursor"))
    server.start()
    try:
        before = facts(collect_demo(server, tmp_path / "demo", monkeypatch), first_look=True)
        settings = load_settings(environ=server.describe()["environment"], start=tmp_path)
        shown = show_republish(tmp_path / "demo", settings, server.describe(), None, fix=True, quiet=False)
        told = facts(open_incident(tmp_path / "demo"))
    finally:
        server.stop()

    assert before["state"]["value"] == "going_on" and before["state"]["kind"] == "silence"
    assert shown == {"not_sent": "no workflow has lost events", "after": {"snapshot": "002", "state": "ended"}}
    assert told["snapshot"]["id"] == "002" and told["state"] == before["state"] | {
        "value": "ended", "reason": told["state"]["reason"]
    }  # fmt: skip
    (fix,) = [row for row in told["milestones"]["rows"] if row["milestone"] == "fix"]
    assert fix["who"] == "the demo" and fix["high"] > before["as_of"] and fix["high"] <= told["as_of"]
    said = capsys.readouterr().out
    assert "nothing is sent again" in said and "State in snapshot 002: Works again since " in said
    assert f"dlqkit postmortem {tmp_path / 'demo'}" in said


def test_where_only_people_can_mend_the_events_what_came_after_the_fix_is_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of a client's errors is sent again as it is; the newest snapshot is of after the fix."""
    monkeypatch.setattr(demo_republish, "SEEN_AFTER_S", 0.0)
    server = Server(Platform(seed=5, scenario="business", events=7000, pagination="cursor"))
    server.start()
    try:
        collect_demo(server, tmp_path / "demo", monkeypatch)
        settings = load_settings(environ=server.describe()["environment"], start=tmp_path)
        workflow_id = server.platform.workflows[0].workflow_id
        shown = show_republish(tmp_path / "demo", settings, server.describe(), workflow_id, fix=True, quiet=True)
        newest = open_incident(tmp_path / "demo")
        healed_at = server.platform.healed_at
    finally:
        server.stop()

    assert shown["not_sent"].startswith("No dead event of the chosen workflow is of the class")
    assert shown["after"]["snapshot"] == newest.snapshot == "003"
    assert healed_at is not None and newest.window.end.timestamp() > healed_at
    assert server.pubsub.published() == []


def test_where_nothing_is_wrong_nothing_is_said_to_be_repaired(
    served: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(environ={}, start=tmp_path)
    shown = show_republish(tmp_path, settings, served.describe(), None, fix=True, quiet=False, is_wrong=False)

    assert shown == {"not_sent": "nothing is wrong"}
    told = capsys.readouterr().out
    assert "Nothing is wrong, so nothing is repaired and nothing is sent again." in told
    assert "The cause is removed" not in told


def test_the_demo_says_why_fewer_events_are_planned_than_the_incident_has() -> None:
    """Only errors that a repair removes are sent again as they are; a business rule refuses its event once more."""
    one = [{"failure_class": "business", "events": 1, "traces": ["t9"]}]
    many = [{"failure_class": "business", "events": 73, "traces": ["t9"]},
            {"failure_class": "unknown", "events": 2, "traces": ["t8"]}]  # fmt: skip

    assert not_asked_for(one) == (
        "1 more event of the incident is not in it (business: 1): only infrastructure and timeout are sent again as "
        "they are (§4)."
    )
    assert not_asked_for(many).startswith(
        "75 more events of the incident are not in it (business: 73, unknown: 2): only"
    )


def test_the_demo_says_how_many_of_the_dead_events_it_counts_are_the_reports() -> None:
    """50 died in the window, 2 of them before it began: the report says 48, and so does the demo."""
    told = {"events": {"affected": {"value": 48, "bound": "exact"}}, "snapshot": {"id": "002"}}

    assert beside_incident(told) == (
        "Counted are all dead events of the workflow in snapshot 002, which was just taken; of the incident are 48."
    )
    told["events"] = {"affected": {"value": 48, "bound": "at_least"}}
    assert beside_incident(told).endswith("of the incident are at least 48.")
    told["events"] = {"affected": {"value": None, "bound": "exact"}}
    assert beside_incident(told).endswith("which was just taken.")


def test_a_demo_into_a_folder_that_holds_an_incident_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its platform would be another one: twice the events, and a counter that grew from nowhere."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "incident.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dlqkit.cli.demo._platform", lambda *_: pytest.fail("no platform is started for it"))

    code, _, err = runner(monkeypatch, capsys)("demo", "mine")

    assert code == 2
    assert "mine holds an incident already" in err and "dlqkit triage mine" in err
