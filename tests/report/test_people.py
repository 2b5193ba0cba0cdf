"""What people write is read strictly: a mistake is named with its key, and nothing is guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlqkit.errors import ParameterError
from dlqkit.report.judgement import ASKED_FOR, parse_judgement
from dlqkit.report.people import Entry, FollowUp

ROOT = Path(__file__).resolve().parents[2]
WHOLE = """
cause: A switch was down.
contributing_factors: [one link, no alert]
done: It was replaced.
solution_remaining: nothing
owner: network
prevention: a second link
lessons: {well: The alert., lucky: [It was night., Few clients.]}
follow_ups:
  - {what: second link, owner: network, due: 2026-03-20, ticket: NET-7, done: true}
  - what: an alert
timeline:
  - {at: 2026-03-02 15:10:00 UTC, who: Ivan, what: replaced it, milestone: fix}
  - {at: 2026-03-02T17:05:00+03:00, who: Olga, what: saw the alert, milestone: known}
"""


def test_what_people_write_is_read_and_put_in_order() -> None:
    """Olga's 17:05 in Moscow is 14:05 UTC, before Ivan's."""
    read = parse_judgement(yaml.safe_load(WHOLE))

    assert read.contributing_factors == ("one link", "no alert")
    assert read.lessons == {"well": ("The alert.",), "lucky": ("It was night.", "Few clients.")}
    assert read.follow_ups == (
        FollowUp("second link", "network", "2026-03-20", "NET-7", True), FollowUp("an alert"),
    )  # fmt: skip
    assert read.timeline == (
        Entry("2026-03-02T14:05:00+00:00", "Olga", "saw the alert", "known"),
        Entry("2026-03-02T15:10:00+00:00", "Ivan", "replaced it", "fix"),
    )
    assert read.lacks == []


def test_the_example_of_the_documentation_is_whole() -> None:
    """Copied into a folder it makes a report that asks for nothing more."""
    page = (ROOT / "docs" / "postmortem.md").read_text(encoding="utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]

    read = parse_judgement(yaml.safe_load(example))

    assert read.lacks == []
    assert [one.milestone for one in read.timeline] == ["known", "fix"]


def test_what_is_empty_is_lacking_and_an_empty_list_is_an_answer() -> None:
    assert parse_judgement({}).lacks == list(ASKED_FOR)
    empty = dict.fromkeys(ASKED_FOR)
    assert parse_judgement({**empty, "lessons": {"well": None, "badly": ""}, "cause": "  "}).lacks == list(ASKED_FOR)

    answered = parse_judgement({"contributing_factors": [], "follow_ups": [], "lessons": {"badly": []}})
    assert answered.lacks == ["cause", "done", "solution_remaining", "owner", "prevention"]


def entry(**over: Any) -> dict[str, Any]:
    return {"timeline": [{"at": "2026-03-02T14:05:00+00:00", "who": "Olga", "what": "saw it", **over}]}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lessons": ["slow"]}, "lessons is not a table of names"),
        ({"lessons": {"good": "fast"}}, "lessons has a key 'good' that means nothing"),
        ({"lessons": {"well": {"a": 1}}}, "lessons.well is no text and no list of texts"),
        ({"lessons": {"well": ["fast", ""]}}, "lessons.well is no text and no list of texts"),
        ({"contributing_factors": {"a": 1}}, "contributing_factors is no text"),
        ({"contributing_factors": True}, "contributing_factors is no text"),
        ({"follow_ups": "a second link"}, "follow_ups is not a list"),
        ({"follow_ups": ["a second link"]}, "follow-up 1 is not a table of names"),
        ({"follow_ups": [{"what": "a"}, {"owner": "ann"}]}, "follow-up 2 does not say what"),
        ({"follow_ups": [{"what": "a", "until": 3}]}, "follow-up 1 has a key 'until'"),
        ({"follow_ups": [{"what": "a", "due": "soon"}]}, "due of follow-up 1 is no day"),
        ({"follow_ups": [{"what": "a", "due": 3}]}, "due of follow-up 1 is no day"),
        ({"follow_ups": [{"what": "a", "done": "nearly"}]}, "done of follow-up 1 is neither"),
        ({"follow_ups": [{"what": "a", "owner": ["ann"]}]}, "owner of follow-up 1 is no text"),
        ({"timeline": {"at": 1}}, "timeline is not a list"),
        ({"timeline": ["14:05 saw it"]}, "timeline entry 1 is not a table of names"),
        (entry(at="2026-03-02T14:05:00"), "the time of timeline entry 1 has no zone"),
        (entry(at=yaml.safe_load("2026-03-02 14:05:00")), "the time of timeline entry 1 has no zone"),
        (entry(at="five past two"), "timeline entry 1 has no time that can be read"),
        (entry(at="0001-01-01T00:00:00+14:00"), "timeline entry 1 has no time that can be read"),
        (entry(at="9999-12-31T00:00:00+00:00"), "timeline entry 1 has no time that can be read"),
        (entry(at=None), "timeline entry 1 has no time that can be read"),
        (entry(at=yaml.safe_load("2026-03-02")), "timeline entry 1 has no time that can be read"),
        (entry(who=""), "timeline entry 1 does not say who"),
        (entry(what=None), "timeline entry 1 does not say what"),
        (entry(where="Riga"), "timeline entry 1 has a key 'where'"),
        (entry(milestone="lunch"), "the milestone 'lunch' of timeline entry 1 is none"),
        ({"timeline": [*entry(milestone="fix")["timeline"], *entry(milestone="fix")["timeline"]]},
         "two entries of timeline are the milestone fix"),
        ({**entry(milestone="fix"), "closure": {"fixed_at": "2026-03-02T14:40:00+00:00"}},
         "closure.fixed_at is 2026-03-02T14:40:00+00:00, and the timeline's fix 2026-03-02T14:05:00+00:00"),
        ({"lesson": "slow"}, "has a key 'lesson' that means nothing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key(values: Any, words: str) -> None:
    """And the second sentence says what to write."""
    with pytest.raises(ParameterError) as refused:
        parse_judgement(values)

    assert words in refused.value.problem
    assert refused.value.next_step.endswith(".")


def test_the_fix_may_be_said_twice_if_it_is_the_same_moment() -> None:
    values = {**entry(milestone="fix"), "closure": {"fixed_at": "2026-03-02T17:05:00+03:00"}}

    assert parse_judgement(values).timeline[0].milestone == "fix"
