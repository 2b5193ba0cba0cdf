"""What people wrote is in the report, harmless in every format; what they still have to write is asked for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dlqkit.report.judgement import parse_judgement
from dlqkit.report.lessons import describe_people, show_factors, show_follow_ups, show_judged, show_lessons
from dlqkit.report.redaction import Redactor
from dlqkit.report.render import render_html, render_markdown
from dlqkit.report.render_pdf import has_typst, render_pdf
from dlqkit.report.sections import choose_sections
from dlqkit.report.tables import Table
from dlqkit.untrusted import for_jira
from tests.report.example import HOSTILE, make_facts

WRITTEN = {
    "contributing_factors": ["One link.", "No alert."],
    "lessons": {"surprised": "Nobody knew.", "well": ["It was fast.", "It was night."]},
    "follow_ups": [
        {"what": "A second link", "owner": "network", "due": "2026-03-20", "ticket": "NET-7", "done": True},
        {"what": "An alert"},
    ],
    "timeline": [{"at": "2026-03-02T14:05:00Z", "who": "Olga", "what": "saw the alert", "milestone": "known"}],
}


def test_what_people_wrote_is_shown_in_their_words() -> None:
    """Lessons in the order of the runbook's question, whatever the file's; a follow-up without an owner says so."""
    facts = make_facts(**describe_people(parse_judgement(WRITTEN)))

    assert [line.text for line in show_factors(facts).lines] == ["One link.", "No alert."]
    assert [(line.label, line.text) for line in show_lessons(facts).lines] == [
        ("What went well", "It was fast."), ("What went well", "It was night."), ("What surprised us", "Nobody knew."),
    ]  # fmt: skip
    table = show_follow_ups(facts)
    assert isinstance(table, Table)
    assert table.rows == (
        ("A second link", "network", "2026-03-20", "NET-7", "done"),
        ("An alert", "nobody yet", "no day yet", "none yet", "not done"),
    )
    assert facts["said"] == [
        {"at": "2026-03-02T14:05:00+00:00", "who": "Olga", "what": "saw the alert", "milestone": "known"}
    ]


def test_what_is_still_to_be_written_is_asked_for_and_nothing_is_an_answer() -> None:
    empty = make_facts(**describe_people(parse_judgement({})))
    for shown in (show_factors(empty), show_lessons(empty), show_follow_ups(empty), show_judged(empty, "owner")):
        assert not isinstance(shown, Table)
        assert [line.kind for line in shown.lines] == ["judgement"]

    said = {"contributing_factors": [], "lessons": {"lucky": []}, "follow_ups": []}
    nothing = make_facts(**describe_people(parse_judgement(said)))
    assert [line.text for line in show_factors(nothing).lines] == ["None, as people say."]
    assert [(line.label, line.text) for line in show_lessons(nothing).lines] == [
        ("Where we were lucky", "Nothing, as people say.")
    ]
    assert "nothing is left to do, as people say" in show_follow_ups(nothing).to_markdown()


def test_a_quiet_report_shows_what_people_wrote_nevertheless() -> None:
    quiet = make_facts(state={"value": "nothing", "kind": None, "reason": "It was quiet."})
    assert "Lessons and follow-ups" not in [title for title, _ in choose_sections(quiet)]

    quiet |= describe_people(parse_judgement(WRITTEN))
    assert "Lessons and follow-ups" in [title for title, _ in choose_sections(quiet)]


def hostile_facts() -> dict[str, Any]:
    """Everything that a person can write is an attack, each with a number of its own."""
    numbers = iter(range(100))

    def word() -> str:
        return f"{HOSTILE} {next(numbers)}"

    values = {
        "contributing_factors": [word()],
        "lessons": {kind: word() for kind in ("well", "badly", "lucky", "surprised")},
        "follow_ups": [{"what": word(), "owner": word(), "ticket": word()}],
        "timeline": [{"at": "2026-03-02T14:05:00Z", "who": word(), "what": word(), "milestone": "known"}],
    }
    facts = make_facts(**describe_people(parse_judgement(values)))
    said = facts["said"][0]
    facts["timeline"].append({**said, "evidence": ""})
    facts["milestones"]["rows"] = [
        {"milestone": "known", "low": said["at"], "high": said["at"], "evidence": "", "who": said["who"]}
    ]
    facts["judgement"]["solution_remaining"] = word()
    facts["incident"]["name"] = HOSTILE
    facts["review"] |= {"state": "in_review", "lacks": [],
                        "asked": {"by": HOSTILE, "at": said["at"], "snapshot": "001"}}  # fmt: skip
    return facts


def test_hostile_words_of_people_are_harmless_in_html() -> None:
    page = render_html(hostile_facts(), [])

    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 12
    assert not re.search(r"href|src=(?!\"data:)", page)


def test_hostile_words_of_people_are_harmless_in_markdown_and_on_a_terminal() -> None:
    facts = hostile_facts()
    text = render_markdown(facts, [])

    assert "<script" not in text.replace("\\<script", "")
    assert "](javascript" not in text.replace("\\](javascript", "")
    assert "\x1b" not in text
    table = show_follow_ups(facts)
    assert isinstance(table, Table)
    assert "\x1b" not in table.to_text() + show_lessons(facts).to_text()
    cells = [line for line in table.to_markdown().splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in cells} == {6}
    assert "[x|" not in for_jira(facts["follow_ups"][0]["what"])


@pytest.mark.skipif(not has_typst(), reason="the extra pdf is not installed")
def test_hostile_words_of_people_are_text_in_the_pdf() -> None:
    """And a row that people wrote has a colour of its own, which is no word and so no font's matter."""
    import io

    import pikepdf

    made = pikepdf.open(io.BytesIO(render_pdf(hostile_facts(), [])))

    assert "/JavaScript" not in made.Root
    assert not [page for page in made.pages if "/Annots" in page]


def test_what_people_wrote_of_a_person_is_replaced_on_export() -> None:
    """An e-mail address in a lesson or a follow-up is personal data, as everywhere."""
    values = {"lessons": {"well": "ivan@example.com called"}, "follow_ups": [{"what": "ask ivan@example.com"}],
              "timeline": [{"at": "2026-03-02T14:05:00Z", "who": "ivan@example.com", "what": "saw it"}]}  # fmt: skip
    facts = Redactor(b"key").facts(make_facts(**describe_people(parse_judgement(values))))

    assert "ivan" not in str(facts)
    (name,) = set(re.findall(r"email-[0-9a-f]{8}", str(facts)))
    assert facts["said"][0]["who"] == name
