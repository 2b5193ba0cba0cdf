"""What was, or may have been, sent of a plan: its time is known, or bounded by what the plan rests on."""

from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.frames import empty_frame
from dlqkit.republish.journal import JOURNAL
from dlqkit.republish.sent_events import SENT, sent_events
from tests.frames import START, at
from tests.republish.sent_plans import journal_of, make_plan, planned


def test_only_what_may_have_been_sent_is_there() -> None:
    plan = make_plan([planned(number) for number in range(1, 6)])
    journal = journal_of(plan, {1: "acked", 2: "in_doubt", 3: "intent", 4: "failed"})
    found = sent_events(plan, journal)

    assert list(found["item"]) == [1, 2, 3]
    assert list(found["sent_at"]) == [at(100)] * 3
    assert dict(found.dtypes.astype("str")) == dict(SENT)
    assert sent_events(plan, empty_frame(JOURNAL)).empty


@pytest.mark.parametrize(
    ("dead_at", "as_of", "expected"),
    [
        (START.isoformat(), at(50).isoformat(), START),
        (None, at(50).isoformat(), at(50)),
        (None, "", pd.Timestamp("1970-01-01T00:00:00Z")),
    ],
)
def test_an_event_in_doubt_without_an_intent_was_sent_after_what_the_plan_rests_on(
    dead_at: str | None, as_of: str, expected: pd.Timestamp
) -> None:
    """After an older journal was adopted nobody knows when: its records are looked for from its dead letter on."""
    plan = make_plan([planned(1, dead_at=dead_at)], as_of=as_of)
    journal = journal_of(plan, {1: "in_doubt"}).assign(intent_at=pd.Series([pd.NaT], dtype=SENT["sent_at"]))

    assert list(sent_events(plan, journal)["sent_at"]) == [expected]


def test_the_next_send_of_the_same_event_ends_what_is_looked_for() -> None:
    """Of another plan, sent, or perhaps sent, later; one that was refused for certain does not count."""
    plan = make_plan([planned(1), planned(2), planned(3)])
    other = make_plan([planned(1), planned(2), planned(3)], plan_id="plan-002")
    later = journal_of(other, {1: "in_doubt", 2: "failed"}, sent_s=300)
    journal = pd.concat([journal_of(plan, dict.fromkeys((1, 2, 3), "acked")), later], ignore_index=True)

    assert sent_events(plan, journal)["sent_again_at"].tolist() == [at(300), pd.NaT, pd.NaT]
    assert sent_events(other, journal)["sent_again_at"].isna().all()


def test_an_edited_event_that_was_sent_again_is_known_by_its_trace_and_what_was_sent() -> None:
    """Its dead letter had the edited payload, and so a key of its own."""
    edited = planned(1, payload='{"order": 1, "amount": 2}', edited={"reason": "x"}, original_sha256="0" * 64)
    plan = make_plan([edited])
    other = make_plan([planned(1, event_key="e1-edited", payload=edited.payload)], plan_id="plan-002")
    journal = pd.concat([journal_of(plan, {1: "acked"}), journal_of(other, {1: "acked"}, sent_s=300)])

    assert list(sent_events(plan, journal.reset_index(drop=True))["sent_again_at"]) == [at(300)]
