"""A report is a draft until all is judged, in review once somebody asks, reviewed by a name, closed with its ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import dlqkit
from dlqkit import language
from dlqkit.errors import ParameterError
from dlqkit.evidence import audit_log
from dlqkit.report.judgement import parse_judgement, read_yaml
from dlqkit.report.review import (
    Review,
    ask_review,
    mark_judgement,
    parse_review,
    read_review,
    record_review,
)
from dlqkit.report.review_state import describe_review, state_text
from tests.report.example import HOSTILE, make_facts

WHOLE = """cause: A switch was down.
contributing_factors: []
done: It was replaced.
solution_remaining: nothing
owner: network
prevention: a second link
lessons: {well: The alert.}
# what comes after
follow_ups:
  - {what: second link, owner: network}
"""
CLOSED = {"by": "ann", "ticket": "OPS-1", "at": "2026-03-02T18:00:00+00:00", "seen_to": "2026-03-02T16:00:00+00:00"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incident.toml").write_text("")
    (tmp_path / "judgement.yaml").write_text(WHOLE)
    return tmp_path


def told(folder: Path, closed: Any = None, state: str = "ended") -> dict[str, Any]:
    judgement = parse_judgement(read_yaml(folder / "judgement.yaml"))
    return describe_review(judgement, read_review(folder), state, closed)


def words(folder: Path, closed: Any = None, came_back: Any = None) -> str:
    facts = make_facts(review=told(folder, closed))
    facts["closure"] |= {"closed": closed, "came_back": came_back}
    return state_text(facts)


def test_the_way_of_a_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state is somebody's word, and says whose."""
    monkeypatch.setattr("dlqkit.report.review._now", lambda: "2026-03-02T17:00:00+00:00")
    assert words(folder) == "Draft: complete, and no review was asked for"

    ask_review(folder, "Ann", "001")
    assert (told(folder)["state"], words(folder)) == ("in_review", "In review: Ann asked for it, 2026-03-02 17:00 UTC")

    record_review(folder, "Bob ", "002")
    assert words(folder) == "Reviewed by Bob, 2026-03-02 17:00 UTC, over snapshot 002"
    assert told(folder)["state"] == "reviewed"

    assert words(folder, CLOSED) == "Closed: OPS-1, by ann, 2026-03-02 18:00 UTC"
    back = {"state": "same", "dead": 3, "alike": 3}
    assert words(folder, CLOSED, back).endswith("; it has come back since")
    assert [(line["action"], line["name"], line["snapshot"]) for line in audit_log.read(folder)] == [
        ("review asked for", "Ann", "001"), ("reviewed", "Bob", "002"),
    ]  # fmt: skip
    assert (folder / "judgement.yaml").read_text().startswith(WHOLE)


def test_an_edit_after_the_review_puts_it_back_in_review(folder: Path) -> None:
    """Even once its ticket is closed: nobody has stood by these words. Undone, the review holds again."""
    record_review(folder, "Bob", "001")
    path = folder / "judgement.yaml"
    reviewed = path.read_text()

    path.write_text(reviewed.replace("A switch was down.", "A switch was down, again."))
    assert (told(folder)["state"], told(folder)["is_edited"]) == ("in_review", True)
    assert told(folder, CLOSED)["state"] == "in_review"
    assert words(folder).startswith("In review again: the judgement was changed since Bob reviewed it, ")

    path.write_text(reviewed)
    assert told(folder)["state"] == "reviewed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lessons: {well: The alert.}", "lessons: {well: The alert., badly: The link.}"),
        ("contributing_factors: []", "contributing_factors: [one link]"),
        ("what: second link", "what: third link"),
        ("owner: network}", "owner: nobody}"),
        ("# what comes", "timeline: [{at: 2026-03-02T15:00:00Z, who: o, what: x}]\n# what comes"),
    ],
)
def test_every_word_of_the_judgement_is_reviewed(folder: Path, before: str, after: str) -> None:
    record_review(folder, "Bob", "001")
    path = folder / "judgement.yaml"
    assert path.read_text().count(before) == 1

    path.write_text(path.read_text().replace(before, after))

    assert told(folder)["state"] == "in_review"


def test_what_goes_on_after_a_review_is_not_edited_by_it(folder: Path) -> None:
    """A follow-up is done weeks later; a comment and the closing are no judgement."""
    record_review(folder, "Bob", "001")
    path = folder / "judgement.yaml"
    text = path.read_text().replace("owner: network}", "owner: network, ticket: NET-7, done: true}")

    path.write_text(text.replace("# what comes", "# what will come") + "closure:\n  workflow_id: wf\n")

    assert told(folder)["state"] == "reviewed"


def test_a_report_is_a_draft_while_anything_is_empty(folder: Path) -> None:
    """Whatever was asked, reviewed or closed before."""
    record_review(folder, "Bob", "001")
    dlqkit.write_judgement(folder, owner=None)

    assert (told(folder, CLOSED)["state"], told(folder)["lacks"]) == ("draft", ["owner"])
    assert words(folder) == "Draft: judgement is still needed"
    for record in (ask_review, record_review):
        with pytest.raises(ParameterError, match="lacks owner"):
            record(folder, "Ann", "001")
    assert told(folder, state="nothing")["state"] == "nothing"


def test_nobody_reviews_their_own_report_where_the_settings_want_another(folder: Path) -> None:
    """Without that setting a person alone on call may."""
    with pytest.raises(ParameterError, match="Nobody has asked"):
        record_review(folder, "Bob", "001", another=True)
    ask_review(folder, "Ann", "001")
    with pytest.raises(ParameterError, match="ann asked for the review, and may not review it too"):
        record_review(folder, " ann ", "001", another=True)

    record_review(folder, "Bob", "001", another=True)
    assert told(folder)["state"] == "reviewed"
    record_review(folder, "Ann", "001")
    assert told(folder)["reviewed"]["by"] == "Ann"


def test_to_ask_again_begins_the_review_anew(folder: Path) -> None:
    record_review(folder, "Bob", "001")
    ask_review(folder, "Ann", "002")

    assert told(folder)["state"] == "in_review"
    assert told(folder)["reviewed"] is None


@pytest.mark.parametrize("name", ["", "...", "x" * 81])
def test_a_review_has_a_name(folder: Path, name: str) -> None:
    with pytest.raises(ParameterError, match="name of a person"):
        record_review(folder, name, "001")

    assert (folder / "judgement.yaml").read_text() == WHOLE


@pytest.mark.parametrize(
    "values",
    [
        "Bob",
        {"done": True},
        {"reviewed": {"by": "Bob", "at": "2026-03-02T17:00:00+00:00", "snapshot": "001"}},
        {"asked": {"by": "Bob", "at": "2026-03-02T17:00:00", "snapshot": "001"}},
        {"asked": {"by": "Bob", "at": "today", "snapshot": "001"}},
        {"asked": {"by": "x" * 81, "at": "2026-03-02T17:00:00+00:00", "snapshot": "001"}},
        {"asked": {"by": "Bob", "at": "9999-12-31T23:59:59-01:00", "snapshot": "001"}},
        {"asked": "Bob"},
    ],
)
def test_a_review_that_was_written_by_hand_is_refused(values: Any) -> None:
    """It says not what was read, so that a later edit could not be told."""
    with pytest.raises(ParameterError, match="not as dlqkit writes it"):
        parse_review(values)
    assert parse_review(None) == Review()


def test_the_mark_is_the_same_for_the_same_words() -> None:
    """However the file is laid out."""
    one, other = yaml.safe_load(WHOLE), dict(reversed(yaml.safe_load(WHOLE).items()))

    assert mark_judgement(parse_judgement(one)) == mark_judgement(parse_judgement(other))
    assert len(mark_judgement(parse_judgement(one))) == 16


def test_a_name_in_the_state_is_not_longer_than_a_name(folder: Path) -> None:
    """A ticket's word may be anything; the banner has room for one line."""
    shown = words(folder, {**CLOSED, "by": HOSTILE * 100})

    assert len(shown) < 200
    assert shown.startswith("Closed: OPS-1, by <script>")


def test_the_state_is_said_in_the_readers_language(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlqkit.report.review._now", lambda: "2026-03-02T17:00:00+00:00")
    record_review(folder, "Bob", "002")

    with language.use("ru"):
        shown = words(folder)

    assert shown.startswith("Проверен: Bob, ")
    assert shown.endswith(", по снимку 002")
