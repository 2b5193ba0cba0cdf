"""What became of a sent event is told by its own record alone, however the API writes it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.frames import RECORDS, empty_frame
from dlqkit.republish.outcomes import OUTCOME_NAMES, OUTCOMES, find_outcomes
from dlqkit.republish.payload_forms import hash_value
from tests.frames import dead, good, records
from tests.republish.sent_plans import planned, sent

TEXT = '{"order": 1, "amount": 1.10}'


def mine(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A record of the first planned event."""
    return {"trace_id": "t1", "payload_snapshot": TEXT, **row, **more}


def outcome(rows: list[dict[str, Any]], *events: Any, **options: Any) -> Any:
    """The first event's outcome, where it was sent 100 s after START."""
    found = find_outcomes(sent(*(events or (planned(1),))), records(rows), **options)
    assert dict(found.dtypes.astype("str")) == dict(OUTCOMES)
    return found.iloc[0]


def test_a_success_after_the_send_is_passed() -> None:
    found = outcome([mine(good(103))])

    assert (found["outcome"], found["matched_by"], found["record_id"]) == ("passed", "trace and payload", "r0")


def test_nothing_is_never_a_success() -> None:
    """No record, no dead letter: not seen."""
    assert outcome([])["outcome"] == "not_seen"


def test_a_success_of_before_the_send_is_another_ones() -> None:
    assert outcome([mine(good(90))])["outcome"] == "not_seen"


def test_a_record_a_little_older_than_the_send_is_taken_where_the_clocks_may_differ() -> None:
    """An API whose clock is behind by 8 s: with 5 s of tolerance not seen, with 10 s passed."""
    assert outcome([mine(good(92))])["outcome"] == "not_seen"
    assert outcome([mine(good(92))], clock_tolerance_s=10)["outcome"] == "passed"


def test_the_dead_letter_of_before_is_no_outcome_however_wrong_the_clocks_are() -> None:
    """The event died 2 s before it was sent: that death is the plan's own, told by the API's own clock."""
    event = planned(1, dead_at=pd.Timestamp("2026-03-02T12:01:38Z").isoformat())

    assert outcome([mine(dead(98))], event, clock_tolerance_s=60)["outcome"] == "not_seen"


def test_the_same_error_again_is_failed_the_same_way_and_another_one_is_not() -> None:
    """Its ids differ, its fixed words do not."""
    before = records([mine(dead(0), event_key="e1", last_error="connection to 10.0.0.1:5432 refused")])
    same = outcome([mine(dead(105), last_error="connection to 10.9.9.9:5432 refused")], known=before)
    new = outcome([mine(dead(105), last_error="column amount does not exist")], known=before)

    assert (same["outcome"], same["is_new_error"]) == ("failed_same", False)
    assert (new["outcome"], new["is_new_error"]) == ("failed_new", True)


def test_an_error_that_another_event_had_before_is_new_for_this_event_only() -> None:
    before = records([mine(dead(0), event_key="e1", last_error="connection refused"),
                      dead(1, event_key="e9", last_error="pool is exhausted")])  # fmt: skip
    found = outcome([mine(dead(105), last_error="pool is exhausted")], known=before)

    assert (found["outcome"], found["is_new_error"]) == ("failed_new", False)


def test_between_attempts_it_is_running() -> None:
    """A record an attempt: the first failed and may be retried."""
    rows = [mine(good(101), status="failed", retryable=True, last_error="connection refused")]

    assert outcome(rows)["outcome"] == "running"


def test_a_failure_that_is_not_retried_has_failed_though_nothing_says_dead_letter() -> None:
    rows = [mine(good(101), status="failed", retryable=False, last_error="amount is no number")]

    assert outcome(rows)["outcome"] == "failed_new"


@pytest.mark.parametrize("first", [1, 6])
def test_one_record_an_attempt_is_one_execution_whether_attempts_restart_or_go_on(first: int) -> None:
    rows = [mine(good(101 + n), status="failed", retryable=True, last_error="x", attempts=first + n) for n in range(2)]
    found = outcome([*rows, mine(good(110), attempts=first + 2)])

    assert (found["outcome"], found["executions"], found["record_id"]) == ("passed", 1, "r2")


@pytest.mark.parametrize(("rows", "failures"), [
    ([good(103, attempts=1)], 0),
    ([good(103, attempts=4)], 3),
    ([dead(103, attempts=5)], 5),
    ([good(103, attempts=7)], 1),
    ([good(101, status="failed", retryable=True, last_error="x", attempts=1), good(103, attempts=2)], 1),
])  # fmt: skip
def test_its_own_failed_attempts_are_counted(rows: list[dict[str, Any]], failures: int) -> None:
    """It was dead at attempt 5 before: 7 attempts are two more, 4 began anew."""
    before = records([mine(dead(0, attempts=5), event_key="e1")])

    assert outcome([mine(row) for row in rows], known=before)["failures"] == failures


def test_a_record_that_is_rewritten_in_place_counts_by_its_new_state_and_time() -> None:
    """The same record_id: dead before, a success now, both looks in the frame."""
    old = mine(dead(0), record_id="one")
    found = outcome([old, mine(good(104), record_id="one")], known=records([old]))

    assert (found["outcome"], found["record_id"]) == ("passed", "one")


def test_a_rewritten_record_that_says_retrying_is_running() -> None:
    old = mine(dead(0), record_id="one")
    row = mine(dead(104), record_id="one", status="RETRYING", queued_to_dlq=False, attempts=2)

    assert outcome([row], known=records([old]))["outcome"] == "running"


def test_where_the_trace_does_not_survive_a_payload_of_one_event_is_enough_and_it_is_said() -> None:
    found = outcome([mine(good(103), trace_id="new")])

    assert (found["outcome"], found["matched_by"]) == ("passed", "payload alone")


def test_a_payload_alone_never_shows_that_an_event_in_doubt_arrived() -> None:
    """The producer may have published the same order once more, under a trace of its own."""
    doubtful = sent(planned(1)).assign(state="in_doubt")
    found = find_outcomes(doubtful, records([mine(good(103), trace_id="new")])).iloc[0]

    assert found["outcome"] == "not_seen"
    assert find_outcomes(doubtful, records([mine(good(103))]))["outcome"].iloc[0] == "passed"


def test_a_payload_that_two_events_were_sent_with_tells_neither_without_their_traces() -> None:
    events = planned(1), planned(2, payload=TEXT)
    found = find_outcomes(sent(*events), records([mine(good(103), trace_id="new")]))

    assert list(found["outcome"]) == ["not_seen", "not_seen"]


def test_a_payload_that_others_are_known_to_have_tells_nothing_alone() -> None:
    """A heartbeat's payload is the same each time."""
    before = records([mine(good(1), trace_id="a"), mine(good(2), trace_id="b")])

    assert outcome([mine(good(103), trace_id="c")], known=before)["outcome"] == "not_seen"


def test_where_one_trace_was_found_again_no_payload_is_taken_alone() -> None:
    """Traces survive here, so a record of another trace with the second event's payload is not the second event's."""
    events = planned(1), planned(2)
    rows = [mine(good(103)), good(104, trace_id="other", payload_snapshot=events[1].payload)]
    found = find_outcomes(sent(*events), records(rows))

    assert list(found["outcome"]) == ["passed", "not_seen"]


def test_two_events_of_a_trace_with_equal_payloads_are_not_seen() -> None:
    events = planned(1), planned(2, trace_id="t1", payload=TEXT)
    found = find_outcomes(sent(*events), records([mine(good(103)), mine(good(104))]))

    assert list(found["outcome"]) == ["not_seen", "not_seen"]


def test_two_executions_after_one_send_are_not_seen() -> None:
    """One passed and one died, and only one of them is ours."""
    found = outcome([mine(good(103)), mine(dead(109))])

    assert (found["outcome"], found["executions"]) == ("not_seen", 2)


def test_the_dedupe_attribute_tells_apart_what_trace_and_payload_cannot() -> None:
    events = planned(1), planned(2, trace_id="t1", payload=TEXT)
    extra = [json.dumps({"attributes": {"dlqkit-dedupe-id": event.dedupe_key}}) for event in events]
    rows = [mine(good(103), extra_json=extra[0]), mine(dead(104), extra_json=extra[1])]
    found = find_outcomes(sent(*events), records(rows), dedupe_attribute="dlqkit-dedupe-id")

    assert list(found["outcome"]) == ["passed", "failed_new"]
    assert set(found["matched_by"]) == {"dedupe attribute"}


@pytest.mark.parametrize("form", [
    lambda key: {"dlqkit-dedupe-id": key},
    lambda key: {"message": {"attributes": {"dlqkit-dedupe-id": key}}},
    lambda key: {"attributes": [{"name": "dlqkit-dedupe-id", "value": key}]},
    lambda key: {"attributes": json.dumps({"dlqkit-dedupe-id": key})},
])  # fmt: skip
def test_the_dedupe_attribute_is_found_in_whatever_form_the_api_shows_it(form: Any) -> None:
    event = planned(1)
    rows = [good(103, trace_id="other", payload_snapshot="{}", extra_json=json.dumps(form(event.dedupe_key)))]

    assert outcome(rows, event, dedupe_attribute="dlqkit-dedupe-id")["outcome"] == "passed"


def test_a_record_with_another_dedupe_key_is_another_sends() -> None:
    """Somebody else's republish of the same event is not ours."""
    rows = [mine(good(103), extra_json=json.dumps({"dlqkit-dedupe-id": "f" * 64}))]

    assert outcome(rows, dedupe_attribute="dlqkit-dedupe-id")["outcome"] == "not_seen"


@pytest.mark.parametrize("shown", ['{"amount":1.1,"order":1}', '{ "order": 1.0, "amount": 1.1 }'])
def test_a_payload_that_the_api_writes_anew_is_recognised_and_it_is_said(shown: str) -> None:
    found = outcome([mine(good(103), payload_snapshot=shown)])

    assert (found["outcome"], found["matched_by"]) == ("passed", "trace and payload, re-serialised")


def test_an_edited_event_is_known_by_its_new_payload_alone() -> None:
    """Its old payload, run after the send, is somebody else's."""
    edited = planned(1, payload='{"order": 1, "amount": 2}', edited={"reason": "x"}, original_sha256="0" * 64)

    assert outcome([mine(good(103), payload_snapshot='{"order": 1, "amount": 2}')], edited)["outcome"] == "passed"
    assert outcome([mine(good(103))], edited)["outcome"] == "not_seen"


def test_another_workflow_of_the_same_trace_is_not_the_event() -> None:
    assert outcome([mine(good(103), workflow_id="sibling")])["outcome"] == "not_seen"


def test_records_without_time_or_payload_tell_nothing() -> None:
    frame = records([mine(good(103), payload_snapshot=None)])
    timeless = records([mine(good(103))]).assign(recorded_at=pd.Series([pd.NaT], dtype=RECORDS["recorded_at"]))

    assert find_outcomes(sent(planned(1)), frame)["outcome"].iloc[0] == "not_seen"
    assert find_outcomes(sent(planned(1)), timeless)["outcome"].iloc[0] == "not_seen"


def test_nothing_sent_and_no_records_is_an_empty_answer() -> None:
    assert find_outcomes(sent(), empty_frame(RECORDS)).empty
    assert list(find_outcomes(sent(planned(1)), empty_frame(RECORDS))["outcome"]) == ["not_seen"]


def test_what_a_payload_says_does_not_hang_on_how_it_is_written() -> None:
    assert hash_value('{"b": 1, "a": [1.0, "é"]}') == hash_value('{"a":[1,"\\u00e9"],"b":1.0}')
    assert hash_value('{"a": 12345678901234567890}') != hash_value('{"a": 12345678901234567891}')
    assert hash_value("not JSON") is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.floats(90, 130), st.sampled_from(["good", "dead", "retry"]),
                          st.integers(1, 4)), max_size=8))  # fmt: skip
def test_each_sent_event_has_exactly_one_outcome_and_order_does_not_matter(
    rows: list[tuple[int, float, str, int]],
) -> None:
    """Whatever the records say, in whatever order."""
    events = [planned(1), planned(2), planned(3)]
    made = []
    for item, moment, kind, attempts in rows:
        base = {"good": good(moment), "dead": dead(moment),
                "retry": good(moment, status="retrying", queued_to_dlq=False)}[kind]  # fmt: skip
        made.append(
            {**base, "trace_id": f"t{item}", "payload_snapshot": events[item - 1].payload, "attempts": attempts}
        )
    frame = records(made)
    found = find_outcomes(sent(*events), frame)

    assert list(found["item"]) == [1, 2, 3]
    assert set(found["outcome"].astype("str")) <= set(OUTCOME_NAMES)
    seen = found["outcome"].astype("str") != "not_seen"
    assert (found.loc[seen, "executions"] == 1).all()
    times = [moment for _, moment, _, _ in rows]
    if len(set(times)) == len(times):
        turned = find_outcomes(sent(*events), frame.iloc[::-1].reset_index(drop=True))
        pd.testing.assert_frame_equal(found, turned)
