"""What people write, as part of the report; a box asks for what is still to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dlqkit.language import mark, say
from dlqkit.report.judgement import Judgement
from dlqkit.report.tables import Table, Text, evidence_rows
from dlqkit.report.wording import Line

__all__ = ["describe_people", "show_factors", "show_follow_ups", "show_judged", "show_lessons"]

Facts = Mapping[str, Any]
_TEXTS = {
    "cause": (mark("Cause confirmed"), mark("Say what was confirmed, by whom, and how.")),
    "done": (mark("Done so far"), mark("Say what was changed or restarted, and when.")),
    "solution_remaining": (mark("What remains"), mark("Say what is still to be done until it is over.")),
    "owner": (mark("Owner of what remains"), mark("Name a person or a team.")),
    "prevention": (mark("Prevention"), mark("Say what will keep this from happening again.")),
}
_LESSONS = {
    "well": mark("What went well"),
    "badly": mark("What went badly"),
    "lucky": mark("Where we were lucky"),
    "surprised": mark("What surprised us"),
}


def describe_people(judgement: Judgement) -> dict[str, Any]:
    """What people wrote as facts.

    Returns
    -------
    dict
        ``contributing_factors`` and ``follow_ups``, None where nobody wrote of them, and empty where there is nothing;
        ``lessons``, texts by kind; ``said``, what people saw or did when: ``at``, ``who``, ``what``, ``milestone``.
    """
    factors, follow_ups = judgement.contributing_factors, judgement.follow_ups
    return {
        "contributing_factors": None if factors is None else list(factors),
        "lessons": {name: list(texts) for name, texts in judgement.lessons.items()},
        "follow_ups": None if follow_ups is None else [asdict(one) for one in follow_ups],
        "said": [asdict(one) for one in judgement.timeline],
    }


def _asked(facts: Facts, label: str, prompt: str) -> Text:
    if facts["review"]["state"] == "nothing":
        return Text("", (Line(label, say("Nothing to judge")),))
    return Text("", (Line(label, prompt, "judgement"),))


def show_factors(facts: Facts) -> Text:
    """What made the incident possible, longer or worse, as people say."""
    factors, label = facts["contributing_factors"], say("Contributing factors")
    if factors is None:
        return _asked(facts, label, say("Say what made it possible, longer or worse."))
    return Text("", tuple(Line(label, text) for text in factors) or (Line(label, say("None, as people say.")),))


def show_judged(facts: Facts, key: str) -> Text:
    """One of the plain texts of ``judgement.yaml``, or what it has to say."""
    label, prompt = _TEXTS[key]
    text = facts["judgement"][key]
    return Text("", (Line(say(label), str(text)),)) if text else _asked(facts, say(label), say(prompt))


def show_lessons(facts: Facts) -> Text:
    """What went well, what went badly, where it was luck, what surprised."""
    lines = [
        Line(say(_LESSONS[kind]), text)
        for kind in _LESSONS
        if kind in facts["lessons"]
        for text in facts["lessons"][kind] or [say("Nothing, as people say.")]
    ]
    if not lines:
        return _asked(
            facts, say("Lessons"), say("Say what went well, what went badly, where it was luck, what surprised.")
        )
    return Text("", tuple(lines))


def show_follow_ups(facts: Facts) -> Table | Text:
    """What is to be done after the incident: by whom, until when, in which ticket."""
    rows = facts["follow_ups"]
    if rows is None:
        return _asked(
            facts, say("Follow-ups"), say("Say what is to be done, by whom, and until when; or that nothing is.")
        )
    return Table(
        say("Follow-ups"),
        (say("what"), say("owner"), say("until"), say("ticket"), say("done?")),
        evidence_rows(
            rows,
            lambda row: row["what"],
            lambda row: row["owner"] or say("nobody yet"),
            lambda row: row["due"] or say("no day yet"),
            lambda row: row["ticket"] or say("none yet"),
            lambda row: say("done") if row["done"] else say("not done"),
        ),
        say("nothing is left to do, as people say"),
    )
