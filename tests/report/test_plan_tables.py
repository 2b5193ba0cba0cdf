"""A plan as people read it, in the languages that there are."""

from __future__ import annotations

import pytest

from dlqkit import language
from dlqkit.report.plan_tables import (
    show_edits,
    show_left_out,
    show_left_out_counts,
    show_plan,
    show_plan_diff,
    show_planned,
)
from dlqkit.republish.edits import Edit
from dlqkit.republish.exclusions import REASONS
from dlqkit.republish.outlook import forecast
from dlqkit.republish.plan import LeftOut, Plan
from dlqkit.republish.plan_diff import diff_plan
from tests.frames import at, dead, good, records
from tests.left_in_english import left_in_english, texts_of
from tests.republish.cases import TOPIC, classified, plan_of, settings
from tests.republish.sent_plans import make_plan, planned

ROWS = [
    dead(1, payload_snapshot='{"a":1}'),
    dead(2, payload_snapshot='{"a":2}', attempts=2, retryable=None, last_error="odd"),
    dead(3, payload_snapshot='{"a":3}'),
    good(40, event_key="e3", trace_id="t3"),
    dead(4, payload_snapshot="{"),
    dead(6, payload_snapshot='{"a":6}', retryable=False),
]
KNOWN = (TOPIC, "e0", "t0", "e1", "t1", "plan-001", "dlqkit-dedupe-id", "ann", "wrong id")


def plan() -> Plan:
    return plan_of(records(ROWS), edits=[Edit("merge_patch", '{"a": 9}', "wrong id", "ann", "e0")])


def test_a_plan_is_the_same_whoever_makes_it() -> None:
    """Its hash is over every word of it, so an approval in one language is one in every other."""
    english = plan()
    with language.use("ru"):
        again = plan()

    assert english.unknowns and english.warnings and english.left_out
    assert again == english


def test_a_plan_that_is_kept_in_english_is_read_in_russian() -> None:
    own = plan()
    outlook = forecast(own, 2.5, "execution records of the last 10 minutes")
    with language.use("ru"):
        shown = show_plan(own, outlook)
        texts = texts_of(shown, show_planned(own), show_left_out(own), show_left_out_counts(own), show_edits(own))

    assert left_in_english(texts, own.hash, own.incident, *KNOWN) == []
    lines = {line.label: line.text for line in shown.lines}
    # Five a second beside two and a half now.
    assert lines["Нагрузка"] == (
        "во время отправки до 5 событий в секунду, сейчас 2,5 (записи выполнения за последние 10 минут); отношение: 2"
    )


@pytest.mark.parametrize("reason", list(REASONS))
def test_every_reason_to_leave_an_event_out_has_a_russian_name(reason: str) -> None:
    """The plan keeps the English one, by which it is compared."""
    own = make_plan([planned(1)], left_out=(LeftOut("k9", "t9", reason, ""),))
    with language.use("ru"):
        texts = texts_of(show_left_out(own), show_left_out_counts(own))

    assert left_in_english(texts, "t9") == []


def test_what_changed_since_a_plan_is_read_in_russian() -> None:
    """One died again, one succeeded since."""
    before = plan_of(records([dead(1, payload_snapshot='{"a":1}'), dead(2, payload_snapshot='{"a":2}')]))
    frame = records(
        [
            dead(1, payload_snapshot='{"a":1}'),
            dead(2, payload_snapshot='{"a":2}'),
            dead(200, event_key="e0", trace_id="t0", payload_snapshot='{"a":1}'),
            good(300, event_key="e1", trace_id="t1"),
        ]
    )
    changes = diff_plan(before, frame, classified(frame), settings())
    with language.use("ru"):
        table = show_plan_diff(changes)

    first, second = table.rows
    assert first[:3] == ("больше не нужно отправлять", "t1", "запланировано")
    assert first[3].startswith("успешно позже: ") and second[0] == "снова попало в DLQ"
    assert at(200).isoformat() in second[3]


def test_what_is_noted_of_several_events_is_not_repeated_in_their_rows() -> None:
    """The plan's own note counts them; a note of one event alone stays with it, and without any there is no column."""
    common = "Nothing says whether the same payload would fail again."
    alone = "It has 2 dead letters and is sent once."
    several = make_plan([planned(1, warnings=(common,)), planned(2, warnings=(common, alone))])

    assert [row[-1] for row in show_planned(several).rows] == ["", alone]
    shown = show_planned(make_plan([planned(1, warnings=(common,)), planned(2, warnings=(common,))]))
    assert shown.columns == ("item", "trace", "class", "bytes", "edit")
