"""A run sends what was approved, in steps, and stops by itself: on a simulated platform and a clock that is moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.errors import EvidenceError, PlanError, StorageError
from dlqkit.republish.adoption import adopt
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.plan import plan_path, seal_plan, write_plan
from dlqkit.republish.plan_decisions import Approval, Cancellation, write_approval, write_cancellation
from dlqkit.republish.proof import prove_republish
from dlqkit.republish.registry import find_registry
from dlqkit.republish.run import run_republish
from dlqkit.republish.sending import SendError
from dlqkit.republish.words import retold
from dlqkit.simulator.dialect import RepublishDialect, draw_republish_dialect
from tests.left_in_english import left_in_english
from tests.republish.plans import journal_file
from tests.republish.worlds import Scene, audit_lines, scene


def prove(own: Scene) -> Any:
    return prove_republish(own.plan, read_journal(own.directory), own.records(), as_of=own.world.now(), known=own.known)


def test_with_the_fix_applied_the_ramp_finishes_and_the_proof_balances(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        run = own.run()
        proof = prove(own)

    assert run.is_finished and run.reason == ""
    assert [step.events for step in run.steps] == [1, 5, 20]
    assert own.sink.items == list(range(1, 27)) and own.sink.is_closed
    assert proof.totals["passed"] == proof.planned == 26
    assert proof.balances and proof.has_all_passed
    assert [line["action"] for line in audit_lines(tmp_path)][-1] == "republish run ended"


def test_with_the_fix_not_applied_it_stops_after_the_canary_and_says_why(tmp_path: Path) -> None:
    with scene(tmp_path, fixed=False) as own:
        run = own.run()
        proof = prove(own)

    assert (run.reason, own.sink.items) == ("died_again", [1])
    assert "failed again" in run.sentence and run.next_step
    assert proof.totals["failed_same"] + proof.totals["failed_new"] == 1
    assert proof.totals["not_sent"] == 25 and proof.balances
    last = audit_lines(tmp_path)[-1]
    assert (last["reason"], last["finished"]) == ("died_again", False)


def test_a_run_is_logged_in_english_whatever_its_reader_speaks(tmp_path: Path) -> None:
    """The log is one, and each reader is told it in his language."""
    with scene(tmp_path, fixed=False) as own, language.use("ru"):
        run = own.run()
        told = retold(run.sentence)

    assert audit_lines(tmp_path)[-1]["sentence"] == run.sentence
    assert run.sentence.startswith("1 of 1 event failed again, ")
    assert told.startswith("Снова упало 1 из 1, ") and left_in_english([told]) == []


@pytest.mark.parametrize(("deadline_s", "reason"), [(120.0, "cannot_correlate"), (900.0, "died_again")])
def test_with_outcomes_ten_minutes_late_it_stops_after_the_canary_too(
    tmp_path: Path, deadline_s: float, reason: str
) -> None:
    """With a deadline below 10 minutes it does not know, with a longer one it waits and knows."""
    with scene(tmp_path, fixed=False, deadline_s=deadline_s) as own:
        own.platform.delay_records(600)
        run = own.run()

    assert (run.reason, own.sink.items) == (reason, [1])
    assert own.world.waited == pytest.approx(deadline_s, abs=10) if deadline_s < 600 else own.world.waited > 600


def test_an_event_that_passed_unseen_is_not_taken_for_passed(tmp_path: Path) -> None:
    """No dead letter within the deadline is no success: the fix is applied, the records are late, and it stops."""
    with scene(tmp_path, deadline_s=120) as own:
        own.platform.delay_records(600)
        run = own.run()

    assert (run.reason, own.sink.items) == ("cannot_correlate", [1])


def test_scrapes_that_are_lost_for_two_minutes_are_waited_for(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        own.platform.lose_scrapes(own.platform.now - 1, own.platform.now + 120)
        run = own.run()

    assert run.is_finished
    assert 120 <= own.world.waited <= 180


def test_scrapes_that_stay_lost_stop_it_though_the_event_passed(tmp_path: Path) -> None:
    """What is not seen is not taken for good: after 5 minutes without a scrape it stops."""
    with scene(tmp_path) as own:
        own.platform.lose_scrapes(own.platform.now - 1, own.platform.now + 3600)
        run = own.run()

    assert (run.reason, own.sink.items) == ("scrapes_lost", [1])
    assert 300 <= own.world.waited <= 330


def test_where_the_scrapes_were_lost_before_the_run_nothing_is_sent(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        own.platform.lose_scrapes(own.platform.now - 900, own.platform.now + 3600)
        run = own.run()

    assert (run.reason, own.sink.items) == ("scrapes_lost", [])


def test_without_metrics_it_is_judged_by_outcomes_alone(tmp_path: Path) -> None:
    with scene(tmp_path, has_metrics=False) as own:
        assert own.run().is_finished


def test_another_workflow_that_fails_for_its_own_reasons_does_not_stop_it(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        own.platform.begin_outage(1, begins=own.platform.now - 60)
        run = own.run()

    assert run.is_finished, run.sentence


def test_an_outage_that_begins_during_the_run_stops_it_by_its_counters_or_its_events(tmp_path: Path) -> None:
    """The canary passes, then the database goes away: no step of 20 is sent into it."""
    with scene(tmp_path, events=26) as own:
        own.world.later.append((4.0, lambda: own.platform.begin_outage(own.platform.fault.workflow)))
        run = own.run()

    assert run.reason in {"died_again", "new_error", "failures_grow"}
    assert own.sink.items == list(range(1, 7))


def test_an_error_that_nobody_had_before_has_a_name_of_its_own(tmp_path: Path) -> None:
    """A broken payload: refused for a reason that no dead letter of the outage had."""
    with scene(tmp_path) as own:
        broken = own.plan.events[0].payload.replace('"customer_id": "', '"customer_id_was": "')
        own.platform.consume_many = _swapped(own, broken)  # type: ignore[method-assign]
        run = own.run()

    assert (run.reason, own.sink.items) == ("new_error", [1])


def _swapped(own: Scene, text: str) -> Any:
    """The platform's worker reads another payload than was sent, but shows the one that was."""
    consume = own.platform.consume_many

    def swap(topic: str, messages: Any, at: float | None = None) -> None:
        shown = [data.decode() for data, _ in messages]
        consume(topic, [(text.encode(), attributes) for _, attributes in messages], at)
        for number, one in enumerate(own.platform.deliveries[-len(shown) :]):
            place = len(own.platform.deliveries) - len(shown) + number
            own.platform.deliveries[place] = replace(one, text=shown[number])

    own.platform.republish = replace(own.platform.republish, attributes="nested")
    return swap


def test_a_worker_that_takes_nothing_is_silent_and_not_just_uncorrelated(tmp_path: Path) -> None:
    """Its counters and records stop for good at the moment of the send."""
    with scene(tmp_path, deadline_s=300) as own:
        own.platform.consume_many = lambda *_: None  # type: ignore[method-assign, assignment]
        _fall_silent(own)
        run = own.run()

    assert (run.reason, own.sink.items) == ("worker_silent", [1])


def _fall_silent(own: Scene) -> None:
    """No event of the workflow arrives from now on."""
    platform = own.platform
    later = (platform.arrived >= platform.now - 1) & (platform.workflow_of == platform.fault.workflow)
    platform.workflow_of = platform.workflow_of.copy()
    platform.workflow_of[later] = 1
    platform._changed()


@pytest.mark.parametrize(
    ("republish", "seed"),
    [
        (RepublishDialect(attempts_restart=False, transient_share=0.3), 2),
        (RepublishDialect(attempts_restart=False), 5),
        (RepublishDialect(record_is_new=True), 2),
        (RepublishDialect(attributes="flat", trace_survives=False), 5),
        (RepublishDialect(attributes="nested", reserialises=True), 2),
        (RepublishDialect(transient_share=0.3), 5),
        (RepublishDialect(late_s=45, reserialises=True), 5),
    ],
    ids=str,
)
def test_however_the_platform_shows_a_republish_it_finishes(
    tmp_path: Path, republish: RepublishDialect, seed: int
) -> None:
    """Of seed 2 an event has one record, of seed 5 one an attempt."""
    with scene(tmp_path, republish=republish, seed=seed) as own:
        run = own.run()
        proof = prove(own)

    assert run.is_finished, run.sentence
    assert proof.totals["passed"] == proof.planned and proof.balances


@pytest.mark.parametrize("seed", [2, 5])
def test_where_neither_trace_nor_attribute_comes_back_it_stops_after_the_canary(tmp_path: Path, seed: int) -> None:
    """A record with the same payload is there; whose it is nobody can tell, so twenty more are not sent on its word."""
    with scene(tmp_path, republish=RepublishDialect(trace_survives=False), seed=seed, deadline_s=60) as own:
        run = own.run()

    assert (run.reason, own.sink.items) == ("cannot_correlate", [1])
    assert "same payload" in run.sentence


@pytest.mark.parametrize("seed", [1, 18, 21])
@pytest.mark.parametrize("fixed", [True, False])
def test_what_the_proof_says_of_an_event_is_what_the_worker_did(tmp_path: Path, seed: int, fixed: bool) -> None:
    """Held against the simulator's truth, however it shows a republish; in seeds 1 and 21 events share traces."""
    with scene(tmp_path, seed=seed, fixed=fixed, republish=draw_republish_dialect(seed)) as own:
        own.run()
        own.world.wait(200)
        fates = prove(own).events.set_index("item")["fate"].astype("str")
        rows = own.platform.attempts

    died = {item: bool(rows.dead[rows.delivery == number].any()) for number, item in enumerate(own.sink.items, start=1)}
    assert {item: fates[item] in {"failed_same", "failed_new"} for item in own.sink.items} == died
    assert all(fates[item] == "passed" for item, is_dead in died.items() if not is_dead)
    assert any(died.values()) is not fixed


def test_a_stopped_run_goes_on_where_it_was_and_sends_nothing_twice(tmp_path: Path) -> None:
    """Asked to stop while the second step is waited for; the next run judges that step first."""
    with scene(tmp_path) as own:
        first = own.run(should_stop=lambda: len(own.sink.items) >= 6)
        second = own.run()

    assert (first.reason, first.states) == ("asked", {"acked": 6, "planned": 20})
    assert second.is_finished
    assert own.sink.items == list(range(1, 27))
    assert [step.events for step in second.steps] == [5, 20]


def test_after_a_stop_with_a_reason_the_ramp_begins_with_one_event_again(tmp_path: Path) -> None:
    with scene(tmp_path, fixed=False) as own:
        own.run()
        again = own.run()
        own.platform.heal(at=own.world.moment)
        mended = own.run()
        proof = prove(own)

    assert again.reason == "died_again"
    assert mended.is_finished
    assert [step.events for step in mended.steps][:2] == [1, 5]
    assert sorted(own.sink.items) == list(range(1, 27))
    assert (proof.totals["passed"], proof.planned) == (24, 26)


def test_a_killed_run_leaves_its_intents_in_doubt_and_the_next_one_does_not_send_them(tmp_path: Path) -> None:
    """The process died between intent and answer: whether item 1 was stored is not known."""
    with scene(tmp_path) as own:
        with open_journal(tmp_path) as journal:
            journal.add_plan(own.plan)
            run_id = journal.begin_run(own.plan.plan_id)
            journal.advance(own.plan.plan_id, [], [1], run_id=run_id, step=1)
        places: list[str] = []
        run = own.run(on_step=lambda step: places.append(step.place))
        proof = prove(own)

    assert run.is_finished and run.states == {"acked": 25, "in_doubt": 1}
    assert own.sink.items == list(range(2, 27))
    assert list(dict.fromkeys(places)) == ["Sent before", "Step 1", "Step 2", "Step 3"]  # there is no step 0
    assert (proof.totals["in_doubt"], proof.totals["passed"]) == (1, 25) and proof.balances


@pytest.mark.parametrize(("state", "reason", "verb"), [
    ("in_doubt", "held", "resolve"), ("failed", "held_by_failed", "cancel"),
])  # fmt: skip
def test_what_is_held_behind_an_event_goes_on_by_settling_it_or_by_a_new_plan(
    tmp_path: Path, state: str, reason: str, verb: str
) -> None:
    """A doubt can be settled; what failed stays failed, so this plan can only be given up."""
    with scene(tmp_path, events=3) as own:
        events = tuple(replace(event, ordering_key="a") for event in own.plan.events)
        find_registry(tmp_path, None).release(own.plan)
        own.plan = seal_plan(replace(own.plan, plan_id="plan-002", events=events))
        find_registry(tmp_path, None).claim(own.plan, "anna", own.plan.as_of)
        write_plan(tmp_path, own.plan, {})
        write_approval(tmp_path, Approval("plan-002", own.plan.hash, "anna", "mended", own.plan.as_of, (), 180.0))
        with open_journal(tmp_path) as journal:
            journal.add_plan(own.plan)
            run_id = journal.begin_run("plan-002")
            journal.advance("plan-002", [], [1], run_id=run_id, step=1)
            journal.advance("plan-002", [Change(1, state, code="X")], [], run_id=run_id, step=1)
        run = own.run()

    assert (run.reason, own.sink.items) == (reason, [])
    assert f"dlqkit republish {verb} " in run.next_step


def test_an_api_that_goes_away_during_the_run_is_waited_for_and_not_taken_for_lost_events(tmp_path: Path) -> None:
    """The event may well have passed: the records are to be read before anybody looks for it by hand."""
    with scene(tmp_path, deadline_s=60) as own:
        gone = type(own.world._logs)("http://127.0.0.1:9/execution-logs", "k", retry_budget_s=0.1)
        own.world.later.append((4.0, lambda: setattr(own.world, "_logs", gone)))
        own.platform.delay_records(600)
        run = own.run()

    assert (run.reason, own.sink.items) == ("records_unread", [1])
    assert "Wait until the Execution Logs API answers" in run.next_step


def test_after_an_older_journal_was_adopted_a_run_ends_and_sends_nothing_that_is_in_doubt(tmp_path: Path) -> None:
    """Nobody knows when, or whether, its events were sent: the run says that they are in doubt."""
    with scene(tmp_path, events=3) as own:
        with open_journal(tmp_path) as journal:
            journal.add_plan(own.plan)
            journal.begin_run(own.plan.plan_id)
        older = journal_file(tmp_path).read_bytes()
        own.run()
        journal_file(tmp_path).write_bytes(older)
        assert adopt(tmp_path, by="anna", reason="the disk was restored") == 3
        run = own.run()
        proof = prove(own)

    assert run.states == {"in_doubt": 3} and own.sink.items == [1, 2, 3]
    assert proof.totals["passed"] == 3 and proof.balances


def test_a_receiver_without_sure_answers_stops_it_before_anything_else_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(tmp_path) as own:

        def lose(messages: Any) -> list[str]:
            own.sink.items += [one.item for one in messages]
            raise SendError("UNAVAILABLE", False)

        monkeypatch.setattr(own.sink, "send", lose)
        run = own.run()

    assert (run.reason, own.sink.items, run.states) == ("in_doubt_grow", [1], {"in_doubt": 1, "planned": 25})


def test_a_receiver_that_refuses_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(messages: Any) -> list[str]:
        raise SendError("PERMISSION_DENIED", True)

    with scene(tmp_path) as own:
        monkeypatch.setattr(own.sink, "send", refuse)
        run = own.run()
        proof = prove(own)

    assert run.reason == "sink_failed"
    assert proof.totals["failed_to_send"] + proof.totals["not_sent"] == 26 and proof.balances


def test_an_api_that_cannot_be_read_lets_nothing_be_sent(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        own.world._logs = type(own.world._logs)("http://127.0.0.1:9/execution-logs", "k", retry_budget_s=0.1)
        run = own.run()

    assert (run.reason, own.sink.items) == ("records_unread", [])
    assert "cannot be read" in run.sentence and "dlqkit collect" in run.next_step


def test_a_dry_run_is_the_default_and_opens_and_writes_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        before = sorted(path.name for path in tmp_path.rglob("*"))
        run = run_republish(tmp_path, own.plan, sink=_must_not_open)

    assert (run.run_id, run.states) == (None, {"planned": 26})
    assert "nothing was sent" in run.sentence and run.approved_by == "anna"
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def _must_not_open() -> Any:
    raise AssertionError("a dry run opened a publisher")


def test_a_plan_that_is_not_approved_changed_or_cancelled_is_refused(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        changed = replace(own.plan, max_rate=5.0)
        with pytest.raises(EvidenceError, match="hash"):
            run_republish(tmp_path, changed, sink=_must_not_open, world=own.world, execute=True)
        plan_path(tmp_path, own.plan.plan_id, "approval").rename(tmp_path / "away")
        with pytest.raises(EvidenceError, match="not approved"):
            run_republish(tmp_path, own.plan, sink=_must_not_open, world=own.world, execute=True)
        (tmp_path / "away").rename(plan_path(tmp_path, own.plan.plan_id, "approval"))
        write_cancellation(tmp_path, Cancellation(own.plan.plan_id, own.plan.hash, "anna", "not needed", "2026"))
        with pytest.raises(EvidenceError, match="cancelled"):
            run_republish(tmp_path, own.plan, sink=_must_not_open, world=own.world, execute=True)


def test_cancelling_ends_a_run_after_what_is_in_flight(tmp_path: Path) -> None:
    with scene(tmp_path) as own:
        given_up = Cancellation(own.plan.plan_id, own.plan.hash, "anna", "wrong set", "2026-11-25T10:00:00+00:00")
        own.world.later.append((5.0, lambda: write_cancellation(tmp_path, given_up)))
        run = own.run()

    assert run.reason == "asked"
    assert own.sink.items == list(range(1, 7)) or own.sink.items == [1]


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with scene(tmp_path) as own, open_journal(tmp_path), pytest.raises(StorageError, match="Another run"):
        own.run()


def test_a_plan_whose_events_another_plan_has_meanwhile_is_not_sent(tmp_path: Path) -> None:
    """The registry is asked by whoever runs it, in Python too, and before anything is opened."""
    with scene(tmp_path) as own:
        registry = find_registry(tmp_path, None)
        registry.release(own.plan)
        with pytest.raises(PlanError, match="no longer has its events"):
            run_republish(tmp_path, own.plan, sink=_must_not_open, world=own.world, execute=True)
        registry.claim(replace(own.plan, plan_id="plan-009", hash="0" * 64), "bob", "2026")
        with pytest.raises(PlanError, match="plan-009"):
            run_republish(tmp_path, own.plan, sink=_must_not_open, world=own.world, execute=True, registry=registry)

    assert own.sink.items == []
