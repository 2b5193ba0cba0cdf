"""Lines of the first screen: whether it goes on after a fix, how long a silence has been over, what is near the top."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dlqkit.report.communication import write_communication
from dlqkit.report.headline import headline
from dlqkit.report.render import banners, meta_text
from dlqkit.report.tables import Text
from dlqkit.report.wording import Line, summary
from tests.report.example import make_facts


def told(facts: dict[str, Any]) -> dict[str, str]:
    return {line.label: line.text for line in summary(facts)}


def fixed(at: str) -> dict[str, Any]:
    """The last dead letter is of 15:59:00, and the evidence ends at 16:00:00."""
    facts = make_facts()
    facts["state"]["fixed_at"] = at
    return facts


def test_a_moment_after_the_fix_it_is_not_said_to_go_on() -> None:
    facts = fixed("2026-03-02T15:59:38+00:00")

    assert told(facts)["State"] == (
        "Too early to tell: no dead letter in the 22 s since the fix of 15:59:38 UTC; last one 60 s before the "
        "evidence ends"
    )
    assert write_communication(facts)[0]["text"].endswith(
        "No dead letter since the fix; it is too soon to say that it has ended."
    )


def test_what_dies_after_the_fix_goes_on_in_spite_of_it() -> None:
    state = told(fixed("2026-03-02T15:58:00+00:00"))["State"]

    assert state == "Going on; last dead letter 60 s before the evidence ends, after the fix of 15:58:00 UTC"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("2026-03-02T15:59:34+00:00",
         "Works again since 2026-03-02 15:59:34 UTC, 26 s before the evidence ends: too early to say that it has "
         "ended"),
        ("2026-03-02T15:30:00+00:00", "Ended 2026-03-02 15:30:00 UTC, 30 min before the evidence ends"),
    ],
)  # fmt: skip
def test_a_silence_that_has_only_just_ended_is_not_told_as_one_that_is_over(end: str, said: str) -> None:
    facts = make_facts(
        state={"value": "ended", "kind": "silence", "what": "events", "reason": "no sign of life"},
        end={"at": end, "resolution_s": 15.0},
    )

    assert told(facts)["State"] == said
    assert headline(facts).startswith("orders-sync was silent from 2026-03-02 14:02:05 UTC to 2026-03-02 15:")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (2, "Going on; last dead letter 2 min before the evidence ends"),
        (
            45,
            "Perhaps over, too early to tell: no dead letter in the last 45 min of the evidence, after one every 3 min",
        ),
    ],
)
def test_a_silence_of_many_usual_gaps_is_not_told_as_going_on(minutes: int, said: str) -> None:
    """Twenty events in 73 minutes: one in under four, of which five go by in less than twenty."""
    facts = make_facts()
    last = datetime(2026, 3, 2, 16, tzinfo=UTC) - timedelta(minutes=minutes)
    facts["events"]["affected"] = {"value": 20, "bound": "exact"}
    facts["last_dead_letter"] = {"at": last.isoformat(), "age_s": minutes * 60.0}

    assert told(facts)["State"].startswith(said)
    facts["events"]["affected"]["bound"] = "at_least"
    assert told(facts)["State"].startswith("Going on")


def test_the_title_of_an_incident_that_has_ended_says_until_when() -> None:
    facts = make_facts(end={"at": "2026-03-02T15:30:00+00:00", "resolution_s": 15.0})
    facts["state"]["value"] = "ended"

    assert headline(facts).endswith("dead-lettered from 2026-03-02 14:02:05 UTC to 15:30:00 UTC")


def with_errors(*shares: float, names_dependency: bool = True) -> dict[str, Any]:
    facts = make_facts()
    top = facts["signatures"][0] | {"names_dependency": names_dependency}
    facts["signatures"] = [top | {"signature": f"error {place}", "share": share} for place, share in enumerate(shares)]
    return facts


def test_the_first_of_several_errors_of_a_size_is_not_told_as_the_only_one() -> None:
    """Four errors of one outage; a fifth of one event is none of them."""
    assert told(with_errors(0.27, 0.26, 0.24, 0.22, 0.01))["Top signature"] == (
        "27% of the events: error 0; 3 more errors are nearly as frequent (26%, 24%, 22%); all of these say that "
        "something the worker depends on is down"
    )
    assert told(with_errors(0.6, 0.4, names_dependency=False))["Top signature"] == (
        "60% of the events: error 0; 1 more error is nearly as frequent (40%)"
    )


def test_a_share_of_the_events_that_were_seen_is_not_told_as_one_of_all() -> None:
    facts = make_facts()
    facts["events"]["affected"] = {"value": 106, "bound": "at_least"}

    assert told(facts)["Top signature"] == "100% of the 106 seen: connection refused by <*>"


def test_what_changed_is_told_in_order_of_time() -> None:
    """The version says more than the restart and is chosen first, but the restart came before it."""
    facts = make_facts()
    row = facts["changes"]["rows"][0] | {"before_s": 300.0}
    facts["changes"]["rows"] = [
        row | {"at": "2026-03-02T13:50:00+00:00", "what": "restart of w1"},
        row | {"at": "2026-03-02T13:50:08+00:00", "kind": "version", "what": "version 1 → 2"},
    ]

    assert told(facts)["Changed before"] == "13:50:00 UTC restart of w1; 13:50:08 UTC version 1 → 2"


def test_an_error_of_a_single_event_has_no_share_of_nothing() -> None:
    """One of 206: less than half a per cent, and more than none."""
    facts = with_errors(0.995)
    facts["signatures"].append(facts["signatures"][0] | {"share": 1 / 206, "failure_class": "business"})
    other = facts["causes"][0] | {"failure_class": "business", "events": 1}
    facts["causes"] = [facts["causes"][0] | {"events": 205, "signature_count": 4}, other]

    assert told(facts)["Top signature"].endswith("; business < 1%: error 0")


def test_each_step_has_a_line_of_its_own_in_html() -> None:
    steps = ("1) Stop <it>.", "2) Look.")
    line = Line("Do next", "In this order: 1) Stop <it>. 2) Look. And ask.", steps=steps)

    assert "<dd>In this order:<br>1) Stop &lt;it&gt;.<br>2) Look.<br>And ask.</dd>" in Text("", (line,)).to_html()


def test_more_events_than_the_answer_has_records_are_said_to_be_of_several_snapshots() -> None:
    facts = make_facts()
    facts["events"]["affected"] = {"value": 125, "bound": "at_least"}
    row = facts["coverage"][0] | {"kind": "records: dead letters", "received": 100, "completeness": "unverified"}
    facts["coverage"] = [row]

    assert banners(facts, [])[-1].endswith("The 125 events seen are of this answer and of earlier snapshots together.")
    facts["events"]["affected"]["value"] = 100
    assert "snapshots" not in banners(facts, [])[-1]


def test_where_the_records_end_before_the_evidence_their_newest_is_named() -> None:
    """The evidence ends at 16:00:00; a record of a minute before is as new as one may expect."""
    facts = make_facts()
    row = facts["coverage"][0] | {"kind": "records: workflow"}
    said = {}
    for newest in ("2026-03-02T15:59:00+00:00", "2026-03-02T15:50:00+00:00"):
        facts["coverage"] = [row | {"got_end": newest}]
        said[newest[14:16]] = meta_text(facts)

    assert "newest record" not in said["59"]
    assert "complete, newest record 2026-03-02 15:50:00 UTC" in said["50"]
    facts["coverage"] = [row | {"kind": "records: dead letters", "got_end": "2026-03-02T12:00:00+00:00"}]
    assert "newest record" not in meta_text(facts)
