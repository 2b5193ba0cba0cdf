"""What a check at the door would have done."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from dlqkit.prevention import payload_proposal
from dlqkit.prevention.payload_proposal import propose_schema
from tests.frames import dead, good, records


def payload(n, **more):
    return json.dumps({"customer": f"c{n}", "amount": n, **more})


GOOD = [good(n, payload_snapshot=payload(n)) for n in range(400)]


def test_a_changed_type_is_found_and_no_good_payload_is_refused() -> None:
    """Forty dead letters have their amount as a text."""
    bad = [dead(n, payload_snapshot=payload(n, amount=str(n))) for n in range(40)]

    proposal = propose_schema(records(GOOD + bad))

    assert proposal.verdict == "helps"
    assert (proposal.dead, proposal.dead_refused, proposal.good_refused) == (40, 40, 0)
    assert proposal.learned + proposal.held_out == 400
    assert proposal.reasons.iloc[0].tolist() == ["payload.amount", "type", 40, 0]
    assert "40 of 40 dead events (100%)" in proposal.sentence


def test_of_many_good_payloads_some_are_learned_from_and_some_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says how many; they are the same ones in whatever order the records came."""
    monkeypatch.setattr(payload_proposal, "LEARN_AT_MOST", 150)
    monkeypatch.setattr(payload_proposal, "TRY_AT_MOST", 60)
    frame = records(GOOD + [dead(n, payload_snapshot=payload(n, amount=str(n))) for n in range(40)])

    proposal = propose_schema(frame)

    assert (proposal.learned, proposal.held_out, proposal.dead_refused) == (150, 60, 40)
    assert "learned from 150 good ones" in proposal.sentence
    assert "of 60 good ones that it was not learned from" in proposal.sentence
    assert propose_schema(frame.sample(frac=1, random_state=7)).sentence == proposal.sentence


def test_dead_letters_that_look_like_good_ones_are_nothing_for_a_schema() -> None:
    """A database that was down leaves no trace in the payload."""
    proposal = propose_schema(records(GOOD + [dead(n, payload_snapshot=payload(n)) for n in range(100)]))

    assert proposal.verdict == "nothing"
    assert proposal.sentence.startswith("Nothing in the payload")


def test_a_dead_letter_that_succeeded_later_is_a_good_payload() -> None:
    """It was processed as it is, so no check should refuse it."""
    odd = payload(7, amount="7")
    rows = [dead(1, event_key="e", payload_snapshot=odd), good(2, event_key="e", payload_snapshot=odd)]

    proposal = propose_schema(records(GOOD + rows))

    assert (proposal.dead, proposal.dead_refused) == (1, 0)
    assert proposal.verdict == "nothing"
    assert proposal.sentence.endswith("1 of the dead events passed later with the payload that it died with.")


def test_after_a_republish_every_dead_event_counts() -> None:
    """Of 30 that died 29 passed as they were: what is told is of 30, and not of the one that is left."""
    rows = [dead(n, event_key=f"x{n}", payload_snapshot=payload(n)) for n in range(30)]
    rows += [good(900 + n, event_key=f"x{n}", payload_snapshot=payload(n)) for n in range(29)]

    proposal = propose_schema(records(GOOD + rows))

    assert (proposal.dead, proposal.dead_refused, proposal.verdict) == (30, 0, "nothing")
    assert "refused 0 of 30 dead events (0%)" in proposal.sentence
    assert proposal.sentence.endswith(" 29 of the dead events passed later with the payload that they died with.")


def test_an_event_that_was_edited_to_pass_is_tried_with_the_payload_that_it_died_with() -> None:
    """Forty amounts were texts, and numbers when they passed: a check would have refused all forty."""
    rows = [dead(n, event_key=f"x{n}", payload_snapshot=payload(n, amount=str(n))) for n in range(40)]
    rows += [good(900 + n, event_key=f"x{n}", payload_snapshot=payload(n)) for n in range(40)]

    proposal = propose_schema(records(GOOD + rows))

    assert (proposal.dead, proposal.dead_refused, proposal.verdict) == (40, 40, "helps")
    assert "passed later" not in proposal.sentence


def test_too_few_good_payloads_teach_nothing() -> None:
    proposal = propose_schema(records([*GOOD[:50], dead(1, payload_snapshot="{}")]))

    assert proposal.verdict == "cannot tell"
    assert proposal.schema is None
    assert "too few" in proposal.sentence


def test_the_same_events_are_held_out_each_time() -> None:
    """The split is by the event's key, so it does not depend on the order of the records."""
    frame = records(GOOD + [dead(n, payload_snapshot="{}") for n in range(20)])

    one, other = propose_schema(frame), propose_schema(frame.sample(frac=1, random_state=1))

    assert (one.held_out, one.schema) == (other.held_out, other.schema)


def test_one_refused_dead_letter_of_many_is_no_finding() -> None:
    """Chance refuses one of a thousand, too."""
    bad = [dead(n, payload_snapshot=payload(n)) for n in range(300)] + [dead(1, payload_snapshot="{}")]

    assert propose_schema(records(GOOD + bad)).verdict == "nothing"


def test_no_records_and_no_payloads_are_said() -> None:
    for rows in ([], [good(1)], [dead(1)], [dead(n, payload_snapshot="{}") for n in range(200)]):
        proposal = propose_schema(records(rows))
        assert proposal.verdict == "cannot tell"
        assert proposal.sentence


def test_events_without_a_key_are_events_of_their_own() -> None:
    frame = records(GOOD)
    frame["event_key"] = pd.Series(pd.NA, index=frame.index, dtype="str")

    proposal = propose_schema(pd.concat([frame, records([dead(1, payload_snapshot="{}")] * 10)], ignore_index=True))

    assert proposal.learned + proposal.held_out == 400
