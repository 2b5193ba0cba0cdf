from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.overrides import ClassOverride, apply_overrides
from dlqkit.errors import ParameterError, PlanError
from dlqkit.executions.event_history import record_outcomes
from dlqkit.republish.edits import Edit, read_edit
from dlqkit.republish.known import Known
from dlqkit.republish.plan import CLOCK_TOLERANCE_S, hash_text
from dlqkit.republish.planning import plan_republish
from dlqkit.republish.selection import Selection
from tests.frames import at, dead, good, records
from tests.republish.cases import EVERYTHING, TOPIC, classified, left_out, plan_of, settings

OTHER = "projects/p/topics/other"
BUSINESS = {"retryable": False, "attempts": 1, "last_error": "validation failed: email"}


def _journal(**more: Any) -> pd.DataFrame:
    row = {"plan_id": "plan-001", "item": 1, "event_key": "e0", "workflow_id": "wf", "trace_id": "t0",
           "address": TOPIC, "dedupe_key": "k1", "payload_sha256": hash_text('{"a":1}'),
           "original_sha256": hash_text('{"a":1}'), "state": "acked", "intent_at": at(100),
           "settled_at": at(101)}  # fmt: skip
    return pd.DataFrame([{**row, **more}])


def test_the_exact_text_of_the_record_is_sent() -> None:
    """Big numbers, 1.10, repeated names, escapes and spaces are in the plan as the record has them."""
    text = '{ "n": 12345678901234567890123, "p":1.10,"d":1,"d":2, "s":"\\u00e9\\n" ,"e":1E+5}'

    (event,) = plan_of(records([dead(1, payload_snapshot=text)])).events

    assert event.payload == text
    assert event.payload_sha256 == event.original_sha256 == event.record_sha256 == hash_text(text)


def test_each_event_is_sent_once_in_the_order_in_which_the_events_began() -> None:
    """Two dead letters of an event are one send; the event that began first goes first, though it died last."""
    plan = plan_of(
        records(
            [
                dead(50, event_key="late", payload_snapshot='{"a":1}'),
                {"at": 10, "event_key": "early", "status": "failed", "queued_to_dlq": False, "last_error": "x",
                 "payload_snapshot": '{"a":2}', "attempts": 1},
                dead(60, event_key="early", payload_snapshot='{"a":2}'),
                dead(70, event_key="early", payload_snapshot='{"a":2}'),
            ]
        )
    )  # fmt: skip

    assert [(event.item, event.event_key) for event in plan.events] == [(1, "early"), (2, "late")]
    assert plan.events[0].dead_at == "2026-03-02T12:01:10+00:00"
    assert plan.events[0].warnings == ("It has 2 dead letters and is sent once.",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"payload_snapshot": None}, "payload missing"),
        ({"payload_snapshot": '{"a":'}, "payload truncated"),
        ({"payload_snapshot": '{"a":"***"}'}, "payload redacted"),
        ({"payload_snapshot": "hello"}, "payload not JSON"),
        (BUSINESS, "business error"),
        ({"retryable": False, "attempts": 1, "last_error": "connection refused"}, "disputed class"),
        ({"trace_id": "t0", "payload_snapshot": '{"a":1}'}, "duplicate dead letter"),
        ({"payload_snapshot": json.dumps({"a": "yz" * 5_000_000})}, "over a limit"),
    ],
)
def test_what_must_not_be_sent_is_left_out_with_its_reason(row: dict[str, Any], reason: str) -> None:
    """The event beside it is planned; this one is on the list of those that are not."""
    plan = plan_of(records([dead(1, payload_snapshot='{"a":1}'), dead(2, **{"payload_snapshot": '{"a":2}', **row})]))

    assert [event.event_key for event in plan.events] == ["e0"]
    assert left_out(plan) == {"e1": reason}


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ([good(20, event_key="e1")], "succeeded later"),
        ([good(2, event_key="e1")], "succeeded later"),
        ([{"event_key": "e1", "status": "success", "queued_to_dlq": False}], "succeeded later"),
        ([good(20, event_key="e1"), {"at": 30, "event_key": "e1", "status": "failed"}], "succeeded later"),
        ([{"at": 20, "event_key": "e1", "status": "retrying", "last_error": "x"}], "still being tried"),
        ([good(1, event_key="e1")], None),
        ([good(20, event_key="e1"), dead(30, event_key="e1", payload_snapshot='{"a":2}')], None),
    ],
)  # fmt: skip
def test_an_event_that_came_good_is_not_sent_again(later: list[dict[str, Any]], reason: str | None) -> None:
    """A success at or after its last dead letter, or at an unknown time, keeps it out; an earlier one is warned of."""
    rows = [dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}'), *later]
    plan = plan_of(records(rows))

    assert left_out(plan) == ({"e1": reason} if reason else {})
    if reason is None:
        assert plan.events[-1].warnings[-1].startswith("It succeeded before its last dead letter")


def test_a_disputed_class_is_for_a_person_to_decide() -> None:
    """Once judgement.yaml says what it is, the event is planned."""
    frame = records([dead(1, retryable=False, attempts=1, last_error="connection refused", payload_snapshot="{}")])
    by_fields = classify_failures(frame, max_attempts=5)
    with pytest.raises(PlanError, match="1 disputed class"):
        plan_republish(frame, apply_overrides(by_fields, ()), EVERYTHING, settings())

    decided = apply_overrides(by_fields, [ClassOverride("infrastructure", "ann", "flag is wrong", event_key="e0")])

    assert len(plan_republish(frame, decided, EVERYTHING, settings()).events) == 1


def test_a_business_error_is_sent_once_it_was_edited() -> None:
    """The edit stands in the plan: patch, reason, author, and each field before and after; the original is linked."""
    frame = records([dead(1, payload_snapshot='{"email": "x", "n": 1.10}', **BUSINESS)])

    plan = plan_of(frame, edits=[read_edit('{"email": "a@b.example"}', "OPS-1", "ann")])

    (event,) = plan.events
    assert event.payload == '{"email": "a@b.example", "n": 1.10}'
    assert event.original_sha256 == hash_text('{"email": "x", "n": 1.10}')
    assert event.payload_sha256 == hash_text(event.payload)
    assert event.edited == {
        "edits": [{"kind": "merge_patch", "patch": '{"email": "a@b.example"}', "reason": "OPS-1", "by": "ann"}],
        "changes": [{"path": "payload.email", "before": '"x"', "after": '"a@b.example"'}],
        "refused_before": "",
    }
    with pytest.raises(PlanError, match="1 business error"):
        plan_of(frame, edits=[read_edit('{"email": "x"}', "no change", "ann")])


def test_an_edit_of_all_passes_over_payloads_that_it_does_not_fit() -> None:
    """They are left out and named; an edit of one event that does not fit is refused."""
    frame = records([dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"b":1}')])
    patch = '[{"op":"replace","path":"/a","value":2}]'

    plan = plan_of(frame, edits=[read_edit(patch, "r", "ann")])

    assert [event.payload for event in plan.events] == ['{"a":2}']
    assert left_out(plan) == {"e1": "edit does not fit"}
    with pytest.raises(ParameterError, match="does not fit"):
        plan_of(frame, edits=[read_edit(patch, "r", "ann", "e1")])
    with pytest.raises(ParameterError, match="not selected"):
        plan_of(frame, edits=[read_edit(patch, "r", "ann", "e9")])


def test_a_locked_field_is_not_edited_and_a_broken_payload_can_be_given_anew() -> None:
    """Locked by the settings; a cut payload is whole again once somebody writes it."""
    frame = records([dead(1, payload_snapshot='{"id":1}'), dead(2, payload_snapshot='{"id":2')])
    own = settings(locked_fields=["payload.id"])
    with pytest.raises(ParameterError, match=r"payload\.id is locked"):
        plan_of(frame, own=own, edits=[read_edit('{"id":3}', "r", "ann", "e0")])

    plan = plan_of(frame, edits=[Edit("text", '{"id":2}', "from the client", "ann", "e1")])

    assert [event.payload for event in plan.events] == ['{"id":1}', '{"id":2}']


def test_a_lock_that_would_hold_no_field_is_refused() -> None:
    """A field that is written as a pointer, a query or with a space is not passed over in silence."""
    for wrong in ("/id", "$.id", " id", ""):
        with pytest.raises(ValueError, match=r"write each as payload\.customer_id"):
            settings(locked_fields=[wrong])
    assert settings(locked_fields=["payload.$id", "id"]).republish.locked_fields == ("payload.$id", "id")


def test_the_teams_schema_keeps_events_out_before_and_after_an_edit() -> None:
    """Where it refuses the payload the event stays out; an edit that mends it lets it in, and says it was refused."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    frame = records([dead(1, payload_snapshot='{"a":"x"}'), dead(2, payload_snapshot='{"a":2}')])
    known = Known(schema=schema)

    plan = plan_of(frame, known=known)
    assert left_out(plan) == {"e0": "refused by the schema"}
    assert plan.left_out[0].detail == "payload.a (type)"

    mended = plan_of(frame, known=known, edits=[read_edit('{"a":1}', "r", "ann", "e0")])
    assert [event.payload for event in mended.events] == ['{"a":1}', '{"a":2}']
    assert mended.events[0].edited is not None
    assert mended.events[0].edited["refused_before"] == "payload.a (type)"

    with pytest.raises(PlanError, match="2 refused by the schema"):
        plan_of(frame, known=known, edits=[read_edit('{"a":null}', "r", "ann", "e1")])


def test_an_inferred_schema_only_warns() -> None:
    """Good payloads all have a number there; the dead ones a text: that is said, and they are planned."""
    rows: list[dict[str, Any]] = [
        good(n, event_key=f"g{n}", trace_id=f"g{n}", payload_snapshot=json.dumps({"a": n, "b": f"x{n}"}))
        for n in range(400)
    ]
    rows += [dead(500 + n, event_key=f"d{n}", trace_id=f"d{n}", payload_snapshot=json.dumps({"a": f"t{n}", "b": "y"}))
             for n in range(20)]  # fmt: skip

    plan = plan_of(records(rows))

    assert len(plan.events) == 20
    assert all(any("payload.a (type)" in words for words in event.warnings) for event in plan.events)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("acked", "already republished"), ("in_doubt", "in doubt"), ("intent", "in doubt"), ("failed", None),
     ("planned", None)],
)  # fmt: skip
def test_what_the_journal_has_as_sent_or_in_doubt_is_not_sent_again(state: str, reason: str | None) -> None:
    """A definite failure may be planned again; anything that may have arrived may not."""
    frame = records([dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}')])

    plan = plan_of(frame, known=Known(journal=_journal(state=state)))

    assert left_out(plan) == ({"e0": reason} if reason else {})
    assert [event.generation for event in plan.events] == [1] * len(plan.events)


def test_an_event_that_died_again_is_of_the_next_generation_until_it_is_poison() -> None:
    """A dead letter after the send makes it generation 2, with a key of its own; after two sends it is poison."""
    frame = records(
        [dead(1, payload_snapshot='{"a":1}'), dead(200, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}')]
    )
    first = plan_of(records([dead(1, payload_snapshot='{"a":1}')])).events[0]

    (event,) = plan_of(frame, known=Known(journal=_journal())).events

    assert event.generation == 2
    assert event.dedupe_key != first.dedupe_key
    assert "It died again after 1 republish." in event.warnings
    twice = pd.concat([_journal(), _journal(plan_id="plan-002", dedupe_key="k2", intent_at=at(150))])
    with pytest.raises(PlanError, match="1 poison"):
        plan_of(frame, known=Known(journal=twice))
    accepted = Selection(workflows=("wf",), accept=("poison",))
    assert plan_of(frame, accepted, known=Known(journal=twice)).events[0].generation == 3


def test_a_worker_whose_clock_is_ahead_does_not_make_a_sent_event_die_again() -> None:
    """The dead letter that the plan was made of is known by its record, though its time lies after the send."""
    frame = records([dead(7200, payload_snapshot='{"a":1}'), dead(7300, payload_snapshot='{"a":2}')])
    earlier = plan_of(frame)

    plan = plan_of(frame, known=Known(journal=_journal(), earlier=(earlier,)), plan_id="plan-002")

    assert left_out(plan) == {"e0": "already republished"}


def test_evidence_older_than_the_plan_that_was_sent_does_not_make_an_event_die_again() -> None:
    """The clock ahead shows a dead letter after the send; the one that was sent for is later still."""
    first = dead(7200, payload_snapshot='{"a":1}')
    others = [dead(7300, payload_snapshot='{"a":2}')]
    again = dead(7260, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}', record_id="r-again")
    earlier = plan_of(records([first, *others, again]))

    older = plan_of(records([first, *others]), known=Known(journal=_journal(), earlier=(earlier,)))

    assert left_out(older) == {"e0": "already republished"}


def test_an_edited_event_that_died_again_is_known_by_what_was_sent() -> None:
    """Its key is another one, since the payload is; trace and sent payload tie it to its first send."""
    frame = records(
        [dead(1, payload_snapshot='{"a":1}'), dead(200, event_key="new", trace_id="t0", payload_snapshot='{"a":2}')]
    )
    journal = _journal(payload_sha256=hash_text('{"a":2}'))

    plan = plan_of(frame, known=Known(journal=journal))

    assert left_out(plan) == {"e0": "already republished"}
    assert [(event.event_key, event.generation) for event in plan.events] == [("new", 2)]


def test_the_tolerance_between_clocks_is_a_setting_that_the_plan_holds() -> None:
    """5 s where nothing is set; it is under the hash, and no number that is none passes."""
    frame = records([dead(1, payload_snapshot='{"a":1}')])
    usual, slow = plan_of(frame), plan_of(frame, own=settings(clock_tolerance_s=30))

    assert (usual.clock_tolerance_s, slow.clock_tolerance_s) == (CLOCK_TOLERANCE_S, 30.0)
    assert usual.hash != slow.hash
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="clock_tolerance_s"):
            settings(clock_tolerance_s=wrong)


def test_events_of_another_open_plan_can_be_left_out() -> None:
    """The list names that plan."""
    frame = records([dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}')])

    plan = plan_of(frame, known=Known(claimed={"e0": "plan-003 in x on y, by bob"}))

    assert (plan.left_out[0].reason, plan.left_out[0].detail) == ("in another open plan", "plan-003 in x on y, by bob")


@pytest.mark.parametrize(("mode", "planned"), [("warn", 3), ("leave_out", 2)])
def test_a_superseded_event_is_warned_of_or_left_out_as_the_settings_say(mode: str, planned: int) -> None:
    """A newer event of the same customer succeeded; an older one that succeeded late does not supersede."""
    rows = [
        dead(10, payload_snapshot='{"c":1}'),
        dead(10, payload_snapshot='{"c":2}'),
        dead(10, payload_snapshot='{"d":3}'),
        good(20, payload_snapshot='{"c":1}'),
        {"at": 5, "event_key": "old", "status": "failed", "last_error": "x", "payload_snapshot": '{"c":2}'},
        good(30, event_key="old", payload_snapshot='{"c":2}'),
    ]
    plan = plan_of(records(rows), own=settings({"entity_key": ["payload.c"], "superseded": mode}))

    assert len(plan.events) == planned
    if mode == "warn":
        assert plan.events[0].warnings == ("Superseded: event e3 succeeded at 2026-03-02 12:00:20 UTC.",)
        assert any(words.startswith("Not known: the entity of 1 selected") for words in plan.warnings)
    else:
        assert left_out(plan) == {"e0": "superseded"}


@pytest.mark.parametrize(("mode", "planned"), [("warn", 2), ("leave_out", 1)])
def test_an_old_event_is_warned_of_or_left_out_as_the_settings_say(mode: str, planned: int) -> None:
    """Age is taken at the evidence's last time, not by the clock of whoever plans."""
    rows = [dead(1, payload_snapshot="{}"), dead(7000, payload_snapshot="[]"), good(7201)]

    plan = plan_of(records(rows), own=settings({"max_age": "2h", "too_old": mode}, outcome_deadline_s=5))

    assert len(plan.events) == 2
    plan = plan_of(records([*rows, good(7202)]), own=settings({"max_age": "2h", "too_old": mode}))
    assert len(plan.events) == planned
    assert left_out(plan) == ({"e0": "too old"} if mode == "leave_out" else {})


def test_the_topic_is_the_workflows_own_and_on_the_list() -> None:
    """Another topic needs the list and a second word; one that is not on the list cannot be confirmed."""
    frame = records([dead(1, payload_snapshot="{}")])
    both = settings(allowed_topics=[TOPIC, OTHER])

    assert plan_of(frame).target.address == TOPIC
    with pytest.raises(ParameterError, match="not on the list"):
        plan_of(frame, topic=OTHER, confirmed_topic=OTHER)
    with pytest.raises(ParameterError, match="not the workflow's own"):
        plan_of(frame, own=both, topic=OTHER)
    plan = plan_of(frame, own=both, topic=OTHER, confirmed_topic=OTHER)
    assert plan.target.address == OTHER
    assert f"This is not the workflow's own topic, {TOPIC}." in plan.warnings
    with pytest.raises(ParameterError, match="is not known"):
        plan_of(frame, own=settings({"topic": None}))
    with pytest.raises(ParameterError, match="whole name"):
        plan_of(frame, own=settings({"topic": "orders"}))


def test_the_rate_has_a_ceiling() -> None:
    """What is set is not exceeded by what is typed, and nothing is assumed where neither is given."""
    frame = records([dead(1, payload_snapshot="{}")])

    assert plan_of(frame, max_rate=2).max_rate == 2.0
    for endless in ({"max_rate": float("inf")}, {"outcome_deadline_s": float("inf")}):
        with pytest.raises(ValueError, match="finite"):
            settings(**endless)
    for own, rate in (
        (settings(), 6.0),
        (settings(max_rate=None), None),
        (settings(), 0.0),
        (settings(), float("nan")),
    ):
        with pytest.raises(ParameterError):
            plan_of(frame, own=own, max_rate=rate)


@pytest.mark.parametrize(("count", "steps"), [(1, (1,)), (6, (1, 5)), (26, (1, 5, 20)), (30, (1, 5, 20, 4)),
                                              (200, (1, 5, 20, 80, 94))])  # fmt: skip
def test_the_steps_are_as_many_as_the_events(count: int, steps: tuple[int, ...]) -> None:
    """One, five, twenty, then four times as many, and the rest."""
    plan = plan_of(records([dead(n, payload_snapshot=f"[{n}]") for n in range(count)]))

    assert plan.steps == steps


def test_the_outcome_deadline_is_set_or_half_as_long_again_as_the_longest_in_the_evidence() -> None:
    """From the first attempt to the last: 80 s in the evidence give 120 s; a later success does not count."""
    first = {"at": 10, "event_key": "e", "status": "failed", "last_error": "x", "payload_snapshot": "{}", "attempts": 1}
    frame = records([first, dead(90, event_key="e", payload_snapshot="{}"), dead(91, payload_snapshot="[]"),
                     dead(92, event_key="h"), good(5000, event_key="h")])  # fmt: skip

    assert plan_of(frame).outcome_deadline_s == 120.0
    assert plan_of(frame, own=settings(outcome_deadline_s=7)).outcome_deadline_s == 7.0
    assert plan_of(records([dead(1, payload_snapshot="{}")])).outcome_deadline_s is None


def test_an_outcome_that_is_due_within_a_minute_has_a_minute() -> None:
    """Two attempts four seconds apart would ask for a record after six: it could not be there yet."""
    first = {"at": 10, "event_key": "e", "status": "failed", "last_error": "x", "payload_snapshot": "{}", "attempts": 1}

    assert plan_of(records([first, dead(14, event_key="e", payload_snapshot="{}")])).outcome_deadline_s == 60.0


def test_what_is_not_known_must_be_said() -> None:
    """Attributes, ordering keys, traces, siblings and records that are not whole are sentences for the approval."""
    rows = [dead(1, payload_snapshot="{}"), dead(2, payload_snapshot="[]", trace_id=None),
            good(3, trace_id="t0", workflow_id="billing")]  # fmt: skip

    plan = plan_of(records(rows), known=Known(completeness="unverified", unknowns=("Not known: more.",)))

    assert plan.unknowns == (
        "Not known: the attributes of 2 of 2 events; only dlqkit-dedupe-id is sent.",
        "Not known: the ordering keys of 2 of 2 events; they are sent without one.",
        "Not known: whether 1 of 2 events without a trace succeeded since.",
        "The execution records may not be all there are: an event may have succeeded unseen.",
        "Not known: whether other workflows of the same traces take from this topic and run again: billing.",
        "Not known: more.",
    )
    assert "Every subscription of the topic gets a copy, whoever reads it." in plan.warnings
    assert any(words.startswith("Not checked elsewhere") for words in plan.warnings)


def test_a_sibling_workflow_on_the_same_topic_is_named() -> None:
    """It would run again, and that is said aloud with the number of traces."""
    own = settings({"attributes": {"kind": "order"}, "ordering_key": ""})
    same = own.model_copy(update={"workflows": {**own.workflows, "billing": own.workflows["wf"]}})
    rows = [dead(1, payload_snapshot="{}"), good(3, trace_id="t0", workflow_id="billing"), good(4, workflow_id="x")]

    plan = plan_of(records(rows), own=same, known=Known(is_registry_shared=True))

    assert plan.unknowns == ()
    assert "billing takes from the same topic and runs again for 1 of the traces." in plan.warnings
    assert not any("Not checked elsewhere" in words for words in plan.warnings)


def test_nothing_chosen_and_several_workflows_are_refused() -> None:
    """A plan is of one workflow: it has one topic, one rate, and one counter to watch."""
    frame = records([dead(1, payload_snapshot="{}"), dead(2, payload_snapshot="{}", workflow_id="other")])

    with pytest.raises(PlanError, match="No dead event has the id nobody") as caught:
        plan_of(frame, Selection(ids=("nobody",)))
    assert caught.value.exit_code == 4
    with pytest.raises(ParameterError, match=r"2 workflows: other \(1\), wf \(1\)"):
        plan_of(frame, Selection(where=("attempts=5",)))
    with pytest.raises(ParameterError, match="everything is never meant"):
        plan_of(frame, Selection())
    with pytest.raises(ParameterError, match="no reason that can be answered for"):
        plan_of(frame, Selection(workflows=("wf",), accept=("succeeded later",)))


def test_a_person_may_answer_for_what_only_looks_wrong() -> None:
    """Stars that are no mask are sent once somebody says so; half a JSON text never is."""
    frame = records([dead(1, payload_snapshot='{"a":"***"}'), dead(2, payload_snapshot='{"a":')])
    accepted = Selection(workflows=("wf",), accept=("payload redacted", "payload truncated"))

    plan = plan_of(frame, accepted)

    assert [event.payload for event in plan.events] == ['{"a":"***"}']
    assert left_out(plan) == {"e1": "payload truncated"}


def test_the_plan_holds_the_teams_own_endpoint_where_it_is_to_be_used() -> None:
    """The same plan goes over HTTP, with the idempotency key's header in place of the attribute."""
    own = settings(http={"url": "http://127.0.0.1:9/ingest"})
    frame = records([dead(1, payload_snapshot="{}")])

    target = plan_of(frame, own=own, use_http=True).target

    assert (target.kind, target.address, target.dedupe_attribute) == (
        "http",
        "http://127.0.0.1:9/ingest",
        "Idempotency-Key",
    )
    with pytest.raises(ParameterError, match="No endpoint"):
        plan_of(frame, use_http=True)


def test_an_endpoint_whose_address_holds_a_password_is_refused() -> None:
    """It would stand in the plan, on the screen and in the audit log."""
    own = settings(http={"url": "http://user:hush-hush@127.0.0.1:9/ingest"})

    with pytest.raises(ParameterError, match=r"republish\.http\.url holds a user or a password") as caught:
        plan_of(records([dead(1, payload_snapshot="{}")]), own=own, use_http=True)

    assert "hush-hush" not in str(caught.value)


def test_of_two_dead_letters_that_differ_by_their_trace_alone_the_same_one_counts_in_any_order() -> None:
    rows = [dead(1, event_key="e", record_id="r", trace_id=trace, payload_snapshot="{}") for trace in ("t1", "t2")]

    assert plan_of(records(rows)) == plan_of(records(rows[::-1]))


PAYLOADS = st.sampled_from(['{"c": 1, "p": 1.10}', '{"c":2}', '{"c":"***"}', '{"c":', "hello", None, '{"c":1,"c":2}',
                            '{"c": 12345678901234567890}', '"\\u0041"'])  # fmt: skip
ROW = st.fixed_dictionaries(
    {
        "at": st.integers(0, 5),
        "event_key": st.sampled_from([f"e{n}" for n in range(6)]),
        "trace_id": st.sampled_from(["t1", "t2", None]),
        "record_id": st.sampled_from([f"r{n}" for n in range(12)]),
        "payload_snapshot": PAYLOADS,
        "kind": st.sampled_from(["dead", "business", "good", "retrying"]),
    }
)


def _row(drawn: dict[str, Any]) -> dict[str, Any]:
    kind = drawn.pop("kind")
    if kind == "good":
        return good(drawn.pop("at"), **drawn)
    if kind == "retrying":
        return {**drawn, "status": "retrying", "last_error": "x", "queued_to_dlq": False}
    return dead(drawn.pop("at"), **drawn, **(BUSINESS if kind == "business" else {}))


@budget(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_any_evidence_gives_one_plan_and_every_selected_event_has_one_place(
    rows: list[dict[str, Any]], chance: Any
) -> None:
    """Row order changes nothing; planned and left out are the selected, each once; none planned came good since."""
    frame = records([_row(dict(row)) for row in rows])
    own = settings({"entity_key": ["payload.c"], "superseded": "leave_out"})
    classes = classified(frame)
    dead_keys = set(frame.loc[frame["queued_to_dlq"].fillna(False).astype(bool), "event_key"])
    order = list(range(len(frame)))
    chance.shuffle(order)
    try:
        plan = plan_republish(frame, classes, EVERYTHING, own)
    except PlanError:
        with pytest.raises(PlanError):
            plan_republish(frame.iloc[order], classes.iloc[::-1], EVERYTHING, own)
        return

    assert plan_republish(frame.iloc[order], classes.iloc[::-1], EVERYTHING, own) == plan
    places = [event.event_key for event in plan.events] + [one.event_key for one in plan.left_out]
    assert sorted(places) == sorted(dead_keys)
    outcome = record_outcomes(frame)
    texts = set(frame["payload_snapshot"].dropna())
    for event in plan.events:
        mine = frame["event_key"] == event.event_key
        last = frame.loc[mine & (outcome == "dead"), "recorded_at"].max()
        assert not ((outcome == "succeeded") & mine & (frame["recorded_at"] >= last)).any()
        assert event.payload in texts
        assert event.failure_class != "business"


def test_the_hash_does_not_depend_on_the_process() -> None:
    """Python orders its sets by a seed of its own in each process; the plan does not."""
    code = (
        "from tests.frames import dead, good, records\n"
        "from tests.republish.cases import plan_of, settings\n"
        "rows = [dead(n, payload_snapshot='{\"c\": %d}' % (n % 3)) for n in range(12)]\n"
        "rows += [good(50 + n, trace_id='t%d' % n, workflow_id='w%d' % n) for n in range(5)]\n"
        "own = settings({'entity_key': ['payload.c'], 'attributes': {'b': 'payload.c', 'a': 'trace_id', 'c': 'x'}})\n"
        "print(plan_of(records(rows), own=own).hash)\n"
    )
    root = Path(__file__).parents[2]
    hashes = {
        subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}).stdout
        for seed in ("1", "2")
    }  # fmt: skip

    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


@pytest.mark.parametrize("query", ["token=hush-hush", "a=1&api_key=hush-hush", "X-Auth=hush-hush", "sig=hush-hush",
                                   "a=1;token=hush-hush", "a=1#access_token=hush-hush", "code=hush-hush",
                                   "subscription-key=hush-hush", "a=1&%74oken=hush-hush"])  # fmt: skip
def test_an_endpoints_address_holds_no_secret_in_its_query(query: str) -> None:
    """It would stand in the plan, in the audit log and in the report."""
    own = settings(http={"url": f"https://ingest.example/events?{query}"})

    with pytest.raises(ParameterError, match="holds a secret in its query") as caught:
        plan_of(records([dead(1, payload_snapshot="{}")]), own=own, use_http=True)
    assert "hush-hush" not in str(caught.value)
    plain = settings(
        http={"url": "https://ingest.example/events?partition_key=1&author=ann&country_code=de&sortKey=2#top"}
    )
    assert plan_of(records([dead(1, payload_snapshot="{}")]), own=plain, use_http=True)


def test_a_class_that_does_not_exist_is_refused_by_those_that_do() -> None:
    with pytest.raises(ParameterError, match="no class 'infra'") as caught:
        plan_of(records([dead(1, payload_snapshot="{}")]), Selection(classes=("infra",)))
    assert "business, infrastructure, timeout, unknown" in caught.value.next_step


def test_where_nothing_is_of_a_class_signature_or_workflow_those_that_there_are_are_named() -> None:
    """A right word for a wrong incident, or a mistyped id, is told by what could have been meant."""
    frame = records([dead(1, payload_snapshot="{}"), dead(2, payload_snapshot="[]")])

    for asked, words in (
        ({"classes": ("timeout",)}, r"of the class timeout; there are: infrastructure \(2\)\."),
        ({"workflows": ("fw",)}, r"of the workflow fw; there are: wf \(2\)\."),
        ({"signatures": ("s9", "s8")}, r"of the signature s8 or s9; there are: "),
    ):
        with pytest.raises(PlanError, match=words):
            plan_of(frame, Selection(**asked))


def test_a_mistyped_workflow_beside_a_right_one_is_told() -> None:
    """Less than was asked for is not planned in silence."""
    plan = plan_of(records([dead(1, payload_snapshot="{}")]), Selection(workflows=("wf", "fw")))

    assert "Asked for, and no dead event here: 1 (fw)." in plan.warnings


def test_an_edit_that_touches_nothing_of_what_the_error_names_is_to_be_accepted_as_such() -> None:
    """It would lift the rule that a business error is edited first, and may mend nothing."""
    frame = records([dead(1, payload_snapshot='{"email": "x", "note": 1}', **BUSINESS)])

    mended = plan_of(frame, edits=[read_edit('{"email": "a@b.example"}', "r", "ann")])
    beside = plan_of(frame, edits=[read_edit('{"note": 2}', "r", "ann")])

    said = [words for words in beside.unknowns if "the edit mends" in words]
    assert said == [
        "Not known: whether the edit mends what failed in 1 of 1 event: the error names email, and the edit changes"
        " none of it."
    ]
    assert not any("the edit mends" in words for words in mended.unknowns)


def test_where_the_error_names_no_field_nobody_can_tell_what_an_edit_mends() -> None:
    """That is said too, unless the team's schema refused the payload before and lets it pass now."""
    frame = records([dead(1, payload_snapshot='{"note": "x"}', **{**BUSINESS, "last_error": "rejected by partner"})])
    schema = {"properties": {"note": {"type": "integer"}}}

    untold = plan_of(frame, edits=[read_edit('{"note": 2}', "r", "ann")])
    mended = plan_of(frame, known=Known(schema=schema), edits=[read_edit('{"note": 2}', "r", "ann")])

    assert any(words.endswith("the error names no field of the payload.") for words in untold.unknowns)
    assert not any("the edit mends" in words for words in mended.unknowns)
