"""Who knew when, and how long it took: as ranges, since an onset is known between two moments."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dlqkit.report.milestones import describe_milestones, merge_said, show_milestones, show_times
from dlqkit.report.tables import show_timeline
from tests.frames import at, dead, good, records
from tests.report.example import make_facts

ONSET = {
    "at": at(3600).isoformat(),
    "low": at(3540).isoformat(),
    "high": at(3660).isoformat(),
    "is_window_start": False,
    "evidence": "E1",
}
OPEN = {"value": 2, "bound": "exact"}
NONE = {"value": 0, "bound": "exact"}


def said(seconds: float, milestone: str | None, who: str = "Olga") -> dict[str, Any]:
    return {"at": at(seconds).isoformat(), "who": who, "what": "saw it", "milestone": milestone}


def facts_of(
    *people: dict[str, Any], fix_s: float | None = None, still_open: Any = OPEN, **over: Any
) -> dict[str, Any]:
    facts = make_facts(said=list(people), as_of=at(10_800).isoformat(), onset=ONSET)
    facts["last_dead_letter"]["at"] = at(3700).isoformat()
    facts["events"]["open"] = still_open
    facts["closure"]["since"] = {"at": at(fix_s or 0).isoformat(), "basis": "the fix", "is_fix": fix_s is not None}
    return {**facts, **over}


def described(own: pd.DataFrame, *people: dict[str, Any], **over: Any) -> dict[str, Any]:
    facts = facts_of(*people, **over)
    lost = own[own["queued_to_dlq"].fillna(False).astype(bool)]
    facts["milestones"] = describe_milestones(facts, own, lost)
    return facts


def span(facts: dict[str, Any], name: str) -> tuple[Any, Any]:
    row = next(row for row in facts["milestones"]["rows"] if row["milestone"] == name)
    return row["low"], row["high"]


def long(facts: dict[str, Any], name: str) -> tuple[Any, Any]:
    row = next(row for row in facts["milestones"]["times"] if row["time"] == name)
    return row["low_s"], row["high_s"]


TWO = records([dead(3650, event_key="a"), dead(3700, event_key="b")])


def test_the_times_are_ranges_from_an_onset_that_is_one() -> None:
    """The onset is between 3540 and 3660 s; known at 4260 s: 600 to 720 s. The fix at 7200 s: 3540 to 3660 s."""
    facts = described(TWO, said(4260, "known"), said(4500, "alert", "Ivan"), fix_s=7200)

    assert long(facts, "detect") == (600.0, 720.0)
    assert long(facts, "mitigate") == (3540.0, 3660.0)
    rows = show_times(facts).rows
    assert rows[0][1] == "10 min to 12 min"
    assert rows[1][1] == "59 min to 61 min"


def test_what_may_have_begun_earlier_took_at_least_so_long() -> None:
    facts = described(TWO, said(4260, "known"), onset={**ONSET, "is_window_start": True, "low": None})

    assert long(facts, "detect") == (600.0, None)
    assert show_times(facts).rows[0][1] == "at least 10 min"


def test_events_that_are_open_are_not_recovered() -> None:
    """At the end of the evidence, 10800 s, two are open: that is 7140 s from the last moment of the onset."""
    facts = described(TWO)

    assert long(facts, "recover") == (7140.0, None)
    assert span(facts, "drained") == (None, None)
    (row,) = [row for row in show_milestones(facts).rows if row[0].startswith("Drained")]
    assert row[1:] == ("not known", "Events that are open: 2.")
    assert long(described(TWO, still_open={"value": 2, "bound": "at_most"}), "recover") == (None, None)


def test_it_is_drained_when_the_last_event_has_passed() -> None:
    """Each event's first success since it died counts: b passed at 5000 s, and again later."""
    own = records([good(0, event_key="a"), dead(3650, event_key="a"), dead(3700, event_key="b"),
                   good(4900, event_key="a"), good(5000, event_key="b"), good(6000, event_key="b")])  # fmt: skip

    assert span(described(own, still_open=NONE), "drained") == (at(5000).isoformat(),) * 2
    assert long(described(own, still_open=NONE), "recover") == (1340.0, 1460.0)
    # Counts that are bounds, or an event that passed under another key, leave it open when.
    assert span(described(own, still_open={"value": 0, "bound": "of_seen"}), "drained") == (None, None)
    assert span(described(own.iloc[:4], still_open=NONE), "drained") == (None, None)


def test_people_say_what_no_evidence_knows_and_do_not_write_over_it() -> None:
    own = records([dead(3650, event_key="a"), good(4900, event_key="a")])
    facts = described(own, said(5000, "drained"), said(7200, "fix"), fix_s=7000, still_open=NONE)

    assert span(facts, "drained") == (at(4900).isoformat(),) * 2
    assert span(facts, "fix") == (at(7000).isoformat(),) * 2
    facts = described(TWO, said(5000, "drained"), said(7200, "fix"))
    assert span(facts, "drained") == (at(5000).isoformat(),) * 2
    assert span(facts, "fix") == (at(7200).isoformat(),) * 2
    table = show_milestones(facts)
    assert [table.rows[number][0] for number in sorted(table.said)] == ["Fix", "Drained: nothing is left to do"]
    assert table.rows[4][2] == "Olga says so"


def test_what_ends_before_the_onset_measures_nothing() -> None:
    """Somebody restarted a switch an hour before; or a clock is wrong."""
    facts = described(TWO, said(60, "fix"))

    assert long(facts, "mitigate") == (None, None)
    assert show_times(facts).rows[1][1] == "not known: what ends it is before the onset"


def test_one_within_the_onsets_range_took_from_nothing_on() -> None:
    assert long(described(TWO, said(3600, "known")), "detect") == (0.0, 60.0)


def test_the_first_failing_attempt_is_exact_only_where_every_attempt_is_a_record() -> None:
    """An event's one record after five attempts hides the first of them."""
    whole = records([dead(3650, event_key="a", attempts=5)])
    assert span(described(whole), "first_failure") == (None, at(3650).isoformat())

    each = records([dead(3600, event_key="a", attempts=1, queued_to_dlq=False), dead(3650, event_key="a", attempts=2)])
    facts = described(each)
    assert span(facts, "first_failure") == (at(3600).isoformat(),) * 2
    assert span(facts, "first_dead_letter") == (at(3650).isoformat(),) * 2


def test_a_count_that_may_lack_some_may_lack_the_first() -> None:
    events = {"affected": {"value": 2, "bound": "at_least"}, "open": OPEN, "evidence": "E1"}
    facts = described(TWO, events=events)

    assert span(facts, "first_dead_letter") == (ONSET["low"], at(3650).isoformat())
    assert show_milestones(facts).rows[1][1] == "between 2026-03-02 12:59:00 UTC and 2026-03-02 13:00:50 UTC"


def test_the_first_dead_letter_of_a_list_that_was_cut_is_no_later_than_the_onset_allows() -> None:
    """The counter has the onset between 3540 and 3660 s; the API's hundred newest begin at 5000 s."""
    events = {"affected": {"value": 100, "bound": "at_least"}, "open": OPEN, "evidence": "E1"}
    facts = described(records([dead(5000, event_key="a"), dead(5100, event_key="b")]), events=events)

    assert span(facts, "first_dead_letter") == (ONSET["low"], ONSET["high"])
    assert span(facts, "first_failure") == (None, ONSET["high"])
    once = described(records([dead(3600, event_key="a", attempts=1)]), events=events)
    assert span(once, "first_failure") == (None, at(3600).isoformat())
    unseen = {**ONSET, "is_window_start": True, "low": None}
    facts = described(records([dead(5000, event_key="a")]), events=events, onset=unseen)
    assert span(facts, "first_dead_letter") == (None, at(5000).isoformat())
    assert show_milestones(facts).rows[1][1] == "at or before 2026-03-02 13:23:20 UTC"


def rise(low_s: float, high_s: float, **more: Any) -> dict[str, Any]:
    return {"signal": "failures", "workflow_id": "wf-1", "onset_at": at(low_s).isoformat(),
            "onset_high_at": at(high_s).isoformat(), "end_at": None, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "by_s"),
    [
        (rise(3300, 3400), 3400),
        (rise(3300, 3400, workflow_id="wf-2"), 3650),
        (rise(3300, 3400, signal="duration"), 3650),
        (rise(60, 120, end_at=at(600).isoformat()), 3650),
        (rise(3700, 3800), 3650),
    ],
    ids=["its own", "of another workflow", "no failures", "over before the onset", "later than a record"],
)
def test_the_first_failing_attempt_is_no_later_than_the_counter_of_failures_says(
    signal: dict[str, Any], by_s: float
) -> None:
    """The first record, of five attempts, is of 3650 s; the counter of failures had risen by 3400 s."""
    facts = described(records([dead(3650, event_key="a", attempts=5)]), signals=[signal])

    assert span(facts, "first_failure") == (None, at(by_s).isoformat())
    assert facts["milestones"]["rows"][0]["milestone"] == "first_failure"


def test_where_only_a_counter_tells_the_first_dead_letter_is_between_two_scrapes() -> None:
    facts = described(records([good(0)]))

    assert span(facts, "first_dead_letter") == (ONSET["low"], ONSET["high"])
    assert show_milestones(facts).rows[1][1] == "between 2026-03-02 12:59:00 UTC and 2026-03-02 13:01:00 UTC"
    assert span(facts, "first_failure") == (None, None)


@pytest.mark.parametrize("value", ["nothing", "unknown"])
def test_without_an_incident_there_are_no_milestones(value: str) -> None:
    facts = described(TWO, said(60, "known"), state={"value": value, "kind": None, "reason": ""})

    assert facts["milestones"] == {"rows": [], "times": []}


def test_peoples_entries_stand_in_their_place_and_look_different() -> None:
    """Between what is measured, by time and not by the spelling of it; each says whose word it is."""
    measured = [
        {"at": at(3600).isoformat(), "what": "The dead-letter rate jumps", "evidence": "E1"},
        {"at": at(10_800).isoformat(), "what": "Evidence ends", "evidence": ""},
    ]

    rows = merge_said(measured, [said(12_000, None), said(3600.5, "known")])
    table = show_timeline(make_facts(timeline=rows))

    assert [row["who"] for row in rows] == [None, "Olga", None, "Olga"]
    assert [row[2] for row in table.rows] == ["E1", "Olga says so", "", "Olga says so"]
    assert table.said == {1, 3}
    assert table.to_html().count('<tr role="row" class="said">') == 2


def show_fix(facts: dict[str, Any]) -> str:
    return next(row[2] for row in show_milestones(facts).rows if row[0] == "Fix")


def test_whoever_approved_a_republish_knew_of_a_fix_and_is_named_for_when_it_was() -> None:
    """No moment of a fix is known; the reason of the approval says that there was one."""
    facts = described(TWO)
    approved = {"by": "olga", "at": at(9000).isoformat(), "reason": "the cause is removed"}
    facts["republish"]["plans"] = [{"approved": None}, {"approved": approved}]

    assert "a republish was approved at 2026-03-02 14:30:00 UTC because “the cause is removed”" in show_fix(facts)


def test_what_people_told_of_after_an_earlier_snapshot_is_told_as_that() -> None:
    """The report is as of 15:00:00; the fix came later and stands in the same judgement."""
    facts = described(TWO, said(12_000, "fix"))

    assert show_fix(facts) == "Olga says so; it is of after this evidence"
    assert show_fix(described(TWO, said(9000, "fix"))) == "Olga says so"
