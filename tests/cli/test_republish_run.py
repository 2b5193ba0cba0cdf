"""``republish run``, ``status``, ``resolve`` and ``prove``: against a simulated platform, by the real publisher."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dlqkit.cli import republish_live, republish_run
from dlqkit.errors import PlanError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.live import LiveWorld
from dlqkit.frames import RECORDS, Coverage, Loaded, empty_frame
from dlqkit.incident import Incident
from dlqkit.republish import running
from dlqkit.republish.cancelling import cancel_plan
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import Plan, Target, seal_plan, write_plan
from dlqkit.republish.plan_decisions import Approval, write_approval
from dlqkit.republish.registry import find_registry
from dlqkit.republish.sink import message_of
from dlqkit.settings import Settings, load_settings
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from tests.republish.sent_plans import make_plan, planned

EVENTS = 6


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    served = Server(Platform(seed=5, scenario="infrastructure", events=6000, pagination="cursor"))
    served.platform.heal()
    served.start()
    yield served
    served.stop()


@pytest.fixture
def environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The simulator's addresses; no Prometheus, whose scrapes would be waited for."""
    described = server.describe()["environment"]
    own = {name: value for name, value in described.items() if "PROMETHEUS" not in name and "METRICS" not in name}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    topic = server.platform.workflows[server.platform.fault.workflow].topic
    monkeypatch.setenv("DLQKIT_REPUBLISH__ALLOWED_TOPICS", json.dumps([topic]))
    monkeypatch.setattr(running, "POLL_S", 0.3)
    return own


@pytest.fixture
def folder(server: Server, environment: dict[str, str], tmp_path: Path) -> tuple[Path, Plan]:
    """An incident folder with evidence, and an approved plan of six dead letters that no test has sent yet."""
    directory = tmp_path / "orders"
    now = datetime.now(UTC)
    settings: Settings = load_settings(environ=environment, start=tmp_path)
    own = server.platform.workflows[server.platform.fault.workflow]
    incident = Incident(now - timedelta(hours=4), now, workflow_id=own.workflow_id)
    records = collect(incident, settings, directory).records().frame
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)].drop_duplicates("event_key")
    sent = {one.event for one in server.platform.deliveries}
    fresh = {server.platform.trace_id(event) for event in server.platform.dead_events() if event not in sent}
    dead = dead[dead["trace_id"].isin(fresh)].head(EVENTS)
    events = [
        planned(number, event_key=row["event_key"], trace_id=row["trace_id"], workflow_id=row["workflow_id"],
                dead_at=row["recorded_at"].isoformat(), payload=row["payload_snapshot"], address=own.topic)
        for number, row in enumerate(dead.to_dict("records"), start=1)
    ]  # fmt: skip
    target = Target("pubsub", own.topic, "dlqkit-dedupe-id", environment["PUBSUB_EMULATOR_HOST"])
    plan = make_plan(events, steps=(1, 5), target=target, outcome_deadline_s=30.0)
    write_plan(directory, plan, {})
    write_approval(directory, Approval(plan.plan_id, plan.hash, "anna", "root removed", plan.as_of, (), 30.0))
    find_registry(directory, None).claim(plan, "anna", plan.as_of)
    return directory, plan


def call(*arguments: str) -> Any:
    """A command of ``dlqkit republish``."""
    app = typer.Typer()
    for name in ("run", "status", "resolve", "prove"):
        app.command(name)(getattr(republish_run, name))
    return CliRunner().invoke(app, list(arguments))


def test_without_execute_it_says_what_would_be_sent_and_sends_nothing(folder: Any, server: Server) -> None:
    directory, plan = folder
    before = len(server.pubsub.published())
    done = call("run", str(directory), plan.plan_id)

    assert done.exit_code == 0
    assert "nothing was sent" in done.stdout and plan.hash in done.stdout and "Approved by anna" in done.stdout
    assert f"run {directory} {plan.plan_id} --execute" in done.stdout
    assert len(server.pubsub.published()) == before
    assert not (directory / "republish" / "journal.sqlite").exists()


def test_executed_it_sends_the_plans_bytes_and_attributes_and_proves_them(folder: Any, server: Server) -> None:
    directory, plan = folder
    before = len(server.pubsub.published())
    done = call("run", str(directory), plan.plan_id, "--execute", "--json")
    told = json.loads(done.stdout)
    stored = server.pubsub.published()[before:]

    assert done.exit_code == 0, done.output
    assert told["is_finished"] and told["states"] == {"acked": EVENTS}
    assert [one["sha256"] for one in stored] == [event.payload_sha256 for event in plan.events]
    assert [one["attributes"] for one in stored] == [{"dlqkit-dedupe-id": event.dedupe_key} for event in plan.events]
    assert [one["message_id"] for one in stored] == list(_acked(directory))

    proved = call("prove", str(directory), plan.plan_id, "--json")
    assert proved.exit_code == 0, proved.output
    assert json.loads(proved.stdout)["totals"]["passed"] == EVENTS
    assert json.loads(proved.stdout)["balances"] is True
    # What has passed may be planned by others again, should it die once more.
    assert find_registry(directory, None).held_elsewhere([event.event_key for event in plan.events]) == {}
    again = call("run", str(directory), plan.plan_id, "--execute")
    assert again.exit_code == 0 and len(server.pubsub.published()) == before + EVENTS


def _acked(directory: Path) -> Iterator[str]:
    with open_journal(directory) as journal:
        yield from journal.events("plan-001")["message_id"]


def test_an_event_that_another_plan_has_by_now_is_not_sent(folder: Any, server: Server) -> None:
    """The claims were given up by hand, and somebody planned one of the events in the meantime."""
    directory, plan = folder
    registry = find_registry(directory, None)
    registry.release(plan)
    registry.claim(make_plan(plan.events[:1], plan_id="plan-002"), "boris", plan.as_of)
    before = len(server.pubsub.published())

    done = call("run", str(directory), plan.plan_id, "--execute")

    assert isinstance(done.exception, PlanError)
    assert "plan-002" in str(done.exception)
    assert len(server.pubsub.published()) == before


def test_a_run_that_stops_by_itself_ends_with_4_and_names_reason_and_next_step(folder: Any, server: Server) -> None:
    directory, plan = folder
    server.platform.begin_outage(server.platform.fault.workflow, ends=server.platform.clock() + 300)
    try:
        done = call("run", str(directory), plan.plan_id, "--execute")
    finally:
        server.platform.heal()
    shown = call("status", str(directory))
    proved = call("prove", str(directory), plan.plan_id, "--no-refresh")

    assert done.exit_code == 4
    assert "Stopped, " in done.stdout and "Next: " in done.stdout
    assert "1 acked, 5 planned" in shown.stdout and "Last run: " in shown.stdout and "anna" in shown.stdout
    assert proved.exit_code == 4 and "5 not sent" in proved.stdout
    assert max(len(line) for line in proved.stdout.splitlines()) <= 80


def test_an_event_in_doubt_is_settled_by_its_record_or_by_word_and_never_by_silence(
    folder: Any, server: Server
) -> None:
    """Items 1 and 2 were left at intent by a killed run; item 1 had arrived, item 2 had not."""
    directory, plan = folder
    with open_journal(directory) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.advance(plan.plan_id, [], [1, 2], run_id=run_id, step=1)
    server.platform.consume_many(plan.target.address, [(plan.events[0].payload.encode(), {})])
    assert "In doubt: items 1, 2" in call("status", str(directory)).stdout

    _wait_for(server)
    looked = call("resolve", str(directory), plan.plan_id, "--json")
    assert (looked.exit_code, json.loads(looked.stdout)) == (
        3, {"plan": plan.plan_id, "settled": {"records": 1}, "in_doubt": [2]},
    )  # fmt: skip
    unclear = call("resolve", str(directory), plan.plan_id, "--item", "2")
    assert unclear.exit_code != 0
    said = call("resolve", str(directory), plan.plan_id, "--item", "2", "--not-sent", "--send-again", "--by", "anna",
                "--reason", "the broker has no such key")  # fmt: skip
    assert said.exit_code == 0 and "1 by word" in said.stdout
    assert "1 acked, 5 planned" in call("status", str(directory), plan.plan_id).stdout


def test_what_a_killed_run_left_is_settled_by_word_also_after_its_plan_was_cancelled(
    folder: Any, server: Server
) -> None:
    """It is in doubt, by name, and free for another plan once somebody has said that it did not arrive."""
    directory, plan = folder
    registry = find_registry(directory, None)
    with open_journal(directory) as journal:
        journal.add_plan(plan)
        journal.advance(plan.plan_id, [], [1], run_id=journal.begin_run(plan.plan_id), step=1)
    assert cancel_plan(registry, plan, by="anna", reason="gone") == EVENTS - 1

    looked = call("resolve", str(directory), plan.plan_id)
    said = call("resolve", str(directory), plan.plan_id, "--item", "1", "--not-sent", "--by", "anna",
                "--reason", "the broker has no such key")  # fmt: skip

    assert looked.exit_code == 3 and "In doubt: 1." in looked.stdout
    assert said.exit_code == 0 and "In doubt: 0." in said.stdout
    assert registry.holder(plan.events[0].event_key) is None


def test_the_proof_as_json_has_numbers_and_nothing_where_there_is_none(folder: Any, server: Server) -> None:
    """Strictly JSON: no NaN, no number as text."""
    directory, plan = folder
    shown = call("prove", str(directory), plan.plan_id, "--no-refresh", "--json")

    rows = json.loads(shown.stdout, parse_constant=pytest.fail)["events"]

    assert [row["item"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row["record_id"] for row in rows} == {None}


OWN, TODAYS = (f"projects/simulated-project/subscriptions/dlqkit-{name}" for name in ("of-the-plan", "of-today"))


@pytest.fixture
def verified(folder: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Plan]:
    """The plan names a verification subscription, and the settings have come to name another one since."""
    directory, plan = folder
    find_registry(directory, None).release(plan)
    named = seal_plan(replace(plan, plan_id="plan-002", verification_subscription=OWN))
    write_plan(directory, named, {})
    write_approval(directory, Approval(named.plan_id, named.hash, "anna", "root removed", plan.as_of, (), 30.0))
    find_registry(directory, None).claim(named, "anna", plan.as_of)
    monkeypatch.setenv("DLQKIT_REPUBLISH__VERIFICATION_SUBSCRIPTION", TODAYS)
    return directory, named


def test_the_plans_own_verification_subscription_is_made_and_read(verified: Any, server: Server) -> None:
    """It was approved; the one of today's settings was not there before the first event, so it shows nothing."""
    directory, plan = verified
    assert call("run", str(directory), plan.plan_id, "--execute").exit_code == 0
    known = server.pubsub.subscriptions.known
    assert (OWN in known, TODAYS in known) == (True, False)


def test_an_event_in_doubt_is_looked_for_in_the_plans_own_subscription(
    verified: Any, server: Server, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was lost and no record can be read; the plan's subscription holds it."""
    directory, plan = verified
    settings = load_settings(environ=environment, start=directory.parent)
    sink = republish_live._open_sink(plan, settings)
    with open_journal(directory) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        journal.advance(plan.plan_id, [], [1, 2], run_id=run_id, step=1)
    sink.send([message_of(plan, plan.events[0])])
    sink.close()
    with open_journal(directory) as journal:
        journal.begin_run(plan.plan_id)
    monkeypatch.setattr(LiveWorld, "records", lambda *_: empty_records())

    looked = call("resolve", str(directory), plan.plan_id)

    assert "1 by the verification subscription. In doubt: 1." in looked.stdout
    assert "killed" in looked.stdout


def empty_records() -> Loaded:
    return Loaded(empty_frame(RECORDS), Coverage(completeness="partial", missing=("The API is away.",)), "none")


def _wait_for(server: Server) -> None:
    """Until the action of the last message has ended."""
    import time

    time.sleep(max(float(server.platform.attempts.ended[server.platform.attempts.delivery > 0].max())
                   - server.platform.clock(), 0) + 0.2)  # fmt: skip


def test_the_first_ctrl_c_asks_a_run_to_end_and_the_second_one_interrupts() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with republish_run._stoppable() as stopped:
            os.kill(os.getpid(), signal.SIGINT)
            assert stopped.wait(5)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_command_has_help_with_an_example() -> None:
    for name in ("run", "status", "resolve", "prove"):
        done = call(name, "--help")
        assert done.exit_code == 0 and "Example" in done.stdout
