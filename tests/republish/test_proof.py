"""Every planned event is in exactly one state of the proof, whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.frames import RECORDS, Coverage, empty_frame
from dlqkit.republish.plan import LeftOut
from dlqkit.republish.proof import FATES, PROOF, prove_republish
from tests.frames import at, dead, good, records
from tests.republish.sent_plans import journal_of, make_plan, planned

LATER = at(10_000).to_pydatetime()
EVENTS = tuple(planned(number) for number in range(1, 7))
STATES = ("planned", "intent", "acked", "failed", "in_doubt")


def row(item: int, made: dict[str, object]) -> dict[str, object]:
    return {"trace_id": f"t{item}", "payload_snapshot": EVENTS[item - 1].payload, **made}


def test_each_event_has_its_fate_and_the_totals_balance() -> None:
    """1 passed, 2 died, 3 not seen, 4 in doubt and not seen, 5 refused, 6 not sent."""
    plan = make_plan(EVENTS, left_out=(LeftOut("e7", "t7", "succeeded_later", ""),))
    states = {1: "acked", 2: "acked", 3: "acked", 4: "in_doubt", 5: "failed"}
    frame = records([row(1, good(103)), row(2, dead(104))])
    proof = prove_republish(plan, journal_of(plan, states), frame, as_of=LATER)

    assert list(proof.events["fate"]) == ["passed", "failed_new", "not_seen", "in_doubt", "failed_to_send", "not_sent"]
    assert proof.balances and not proof.has_all_passed
    assert proof.sentence == (
        "6 planned = 1 passed + 1 failed new + 1 not seen + 1 in doubt + 1 failed to send + 1 not sent; 1 left out"
    )
    assert dict(proof.events.dtypes.astype("str")) == dict(PROOF)


def test_a_record_of_an_event_in_doubt_shows_that_it_was_stored() -> None:
    plan = make_plan(EVENTS[:1])
    proof = prove_republish(plan, journal_of(plan, {1: "in_doubt"}), records([row(1, good(103))]), as_of=LATER)

    assert proof.has_all_passed


def test_an_event_in_doubt_is_not_proven_by_its_payload_alone() -> None:
    """Else it would be let go to another plan, and its doubt forgotten."""
    plan = make_plan(EVENTS[:1])
    frame = records([{**row(1, good(103)), "trace_id": "another"}])

    assert prove_republish(plan, journal_of(plan, {1: "in_doubt"}), frame, as_of=LATER).totals["in_doubt"] == 1


def test_the_tolerance_between_clocks_is_the_plans() -> None:
    """The API is 8 s behind: by a plan that allows 10 s the event passed, by the usual 5 s it is not seen."""
    frame = records([row(1, good(92))])
    for seconds, fate in ((10.0, "passed"), (5.0, "not_seen")):
        plan = make_plan(EVENTS[:1], clock_tolerance_s=seconds)
        assert prove_republish(plan, journal_of(plan, {1: "acked"}), frame, as_of=LATER).totals[fate] == 1


def test_before_any_run_nothing_was_sent() -> None:
    plan = make_plan(EVENTS)
    proof = prove_republish(plan, journal_of(plan, {}).iloc[:0], empty_frame(RECORDS), as_of=LATER)

    assert proof.totals["not_sent"] == 6 and proof.balances


def test_records_of_after_the_moment_are_not_known_yet() -> None:
    plan = make_plan(EVENTS[:1])
    journal, frame = journal_of(plan, {1: "acked"}), records([row(1, good(103))])

    assert prove_republish(plan, journal, frame, as_of=at(102).to_pydatetime()).totals["not_seen"] == 1
    assert prove_republish(plan, journal, frame, as_of=at(103).to_pydatetime()).totals["passed"] == 1


def test_another_plans_journal_says_nothing_of_this_one() -> None:
    plan, other = make_plan(EVENTS), make_plan(EVENTS, plan_id="plan-002")
    journal = journal_of(other, dict.fromkeys(range(1, 7), "acked"))

    assert prove_republish(plan, journal, empty_frame(RECORDS), as_of=LATER).totals["not_sent"] == 6


@pytest.mark.parametrize("rewritten", [False, True])
def test_a_second_republish_of_an_event_leaves_the_first_proof_as_it_was(rewritten: bool) -> None:
    """It died again and was sent again by another plan; each proof tells of its own send, in whatever record."""
    plan = make_plan(EVENTS[:1])
    again = make_plan([planned(1, dead_at=at(105).isoformat())], plan_id="plan-002")
    journal = pd.concat(
        [journal_of(plan, {1: "acked"}), journal_of(again, {1: "acked"}, sent_s=300)], ignore_index=True
    )
    ids = ("r1", "r1") if rewritten else ("r1", "r2")
    frame = records([row(1, dead(105, record_id=ids[0])), row(1, good(304, record_id=ids[1]))])

    assert prove_republish(plan, journal, frame, as_of=LATER).totals["failed_new"] == 1
    assert prove_republish(again, journal, frame, as_of=LATER).totals["passed"] == 1


def test_what_the_records_lack_is_said() -> None:
    plan = make_plan(EVENTS[:1])
    coverage = Coverage(completeness="partial", missing=("The API gave 100 records.",))
    proof = prove_republish(plan, journal_of(plan, {}), empty_frame(RECORDS), as_of=LATER, coverage=coverage)

    assert proof.gaps == ("The API gave 100 records.",)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, 6), st.sampled_from(STATES)),
    st.lists(st.tuples(st.integers(1, 6), st.integers(80, 130), st.sampled_from(["good", "dead", "running"])),
             max_size=12),
)  # fmt: skip
def test_totals_balance_whatever_was_sent_and_whatever_the_records_say(
    states: dict[int, str], rows: list[tuple[int, int, str]]
) -> None:
    plan = make_plan(EVENTS)
    made = {"good": good, "dead": dead, "running": lambda moment: good(moment, status="retrying")}
    frame = records([row(item, made[kind](moment)) for item, moment, kind in rows])
    journal = journal_of(plan, {item: state for item, state in states.items() if state != "planned"})
    proof = prove_republish(plan, journal, frame, as_of=LATER)

    assert proof.balances
    assert sum(proof.totals.values()) == 6 and set(proof.totals) == set(FATES)
    sent = sum(state in {"acked", "in_doubt", "intent"} for state in states.values())
    assert proof.totals["not_sent"] + proof.totals["failed_to_send"] == 6 - sent


def test_a_proof_says_as_of_when_it_is_and_of_which_plan() -> None:
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    plan = make_plan(EVENTS)
    proof = prove_republish(plan, journal_of(plan, {}), empty_frame(RECORDS), as_of=moment)

    assert (proof.plan_id, proof.plan_hash, proof.as_of) == (plan.plan_id, plan.hash, moment)
