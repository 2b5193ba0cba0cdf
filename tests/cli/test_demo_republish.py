"""The end of the demo: with the fix the republish ramps and the proof balances, without it the ramp stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.demo_republish import republish_settings, show_republish
from dlqkit.evidence.collect import collect
from dlqkit.incident import Incident
from dlqkit.republish import running
from dlqkit.settings import load_settings
from dlqkit.simulator import metrics
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An outage that is over by itself, scraped every 5 s so that nobody waits for long."""
    monkeypatch.setattr(metrics, "SCRAPE_S", 5.0)
    monkeypatch.setattr(running, "POLL_S", 1.0)
    server = Server(Platform(seed=5, scenario="infrastructure", events=7000, pagination="cursor"))
    server.start()
    yield server
    server.stop()


def carry_out(server: Server, directory: Path, monkeypatch: pytest.MonkeyPatch, *, fix: bool) -> dict[str, Any]:
    described = server.describe()
    environment = described["environment"] | republish_settings(described)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(environ=environment, start=directory)
    now = datetime.now(UTC)
    collect(Incident(now - timedelta(hours=4), now), settings, directory)
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


def test_where_no_workflow_lost_events_nothing_is_sent(
    served: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(environ={}, start=tmp_path)
    shown = show_republish(tmp_path, settings, served.describe(), None, fix=True, quiet=False)

    assert "not_sent" in shown
    assert "nothing is sent again" in capsys.readouterr().out
