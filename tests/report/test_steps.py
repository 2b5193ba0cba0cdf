"""Next steps of several causes on the first screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.cli.shared import WIDTH
from dlqkit.cli.triage import HEIGHT, triage_text
from dlqkit.decision.advice import advise
from dlqkit.report.steps import split_steps, steps_of
from dlqkit.report.tables import show_summary
from tests.decision.test_advice import cause, facts
from tests.report.example import make_facts

TOLD = (
    ("customer_id is not valid", 40, "business", False),
    ("no route to host", 30, "infrastructure", False),
    ("did not finish within 60 s", 20, "timeout", False),
    ("no such thing", 10, "unknown", False),
    ("deadline in a rule", 5, "business", True),
    ("pool is closed", 2, "infrastructure", True),
)


def mixed(count: int) -> dict[str, Any]:
    """An incident whose errors want so many different steps."""
    given = facts("mixed")
    given["causes"] = [
        cause(name, events, text, step="disputed" if is_disputed else "as_class")
        for text, events, name, is_disputed in TOLD[:count]
    ]
    counts = {"business": 45, "infrastructure": 32, "timeout": 20, "unknown": 10}
    made = make_facts(advice=advise(given, directory="d"))
    made["class"] = made["class"] | {"value": "mixed", "counts": counts}
    return made


def lines_after(text: str, label: str) -> list[str]:
    """The lines of a label, without their indent."""
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(label))
    end = next((n for n in range(place + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return [lines[place].removeprefix(label).strip(), *(line.strip() for line in lines[place + 1 : end])]


def test_each_of_four_steps_has_its_own_line_and_is_whole() -> None:
    told = lines_after(show_summary(mixed(4)).to_text(200), "Do next")

    assert told == [
        "There is more than one cause:",
        "1) 40 events, business, going on: find what changed with the client who sends it; have the input created "
        "anew, corrected, and never republish it as it is.",
        "2) 30 events, infrastructure, going on: find what is unavailable and restore it; republish only then.",
        "3) 20 events, timeout, going on: find what slowed the action down and make it fast again; "
        "republish only then.",
        "4) 10 events, unknown, going on: look at single events.",
    ]


def test_what_stands_after_the_steps_is_not_lost() -> None:
    """That events were sent already is said of the sentence as a whole."""
    given = mixed(2)
    given["advice"][0]["action"] += " 6 events were sent again."

    assert lines_after(show_summary(given).to_text(200), "Do next")[-1] == "6 events were sent again."


def test_of_more_steps_it_is_said_how_many_and_where() -> None:
    """Six are needed and four shown; the sentence of the report has all six."""
    given = mixed(6)
    told = lines_after(show_summary(given).to_text(200), "Do next")

    assert told[-2:] == ["4) 10 events, unknown, going on: look at single events.",
                         "and 2 more, in “Next steps” of the report"]  # fmt: skip
    assert "6) 2 events, infrastructure, going on: look at single events first" in show_summary(given).to_markdown()


def test_what_is_one_step_is_not_numbered() -> None:
    assert steps_of([]) == steps_of(make_facts()["advice"]) == ()
    told = lines_after(show_summary(make_facts()).to_text(100), "Do next")
    assert told == ["Find what refuses connections, and remove it."]


@pytest.mark.parametrize("code", ["en", "ru"])
def test_the_screen_keeps_its_size_and_cuts_no_step(code: str) -> None:
    with language.use(code):
        given = mixed(6)
        screen = triage_text(given, Path("incident")).splitlines()
        first = given["advice"][1]["action"]

    assert len(screen) <= HEIGHT and max(map(len, screen)) <= WIDTH
    shown = " ".join(" ".join(screen).split())
    assert f"1) {first}" in shown
    assert all(f"{number}) " in shown for number in (1, 2, 3, 4))


def test_a_text_is_parted_at_its_steps_and_keeps_what_is_around_them() -> None:
    steps = ("1) Stop.", "2) Look.")

    assert split_steps("In order: 1) Stop. 2) Look. Ask.", steps) == ["In order:", "1) Stop.", "2) Look.", "Ask."]
    assert split_steps("Stop.", ()) == split_steps("Stop.", steps) == ["Stop."]
