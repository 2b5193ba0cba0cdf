"""The same error in other incidents: what is shown, and what cannot be read is named."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import open_incident
from dlqkit.report import history as module
from dlqkit.report import history_folders
from dlqkit.report.facts import facts, facts_json
from dlqkit.report.history import History, Other, describe_history, find_history
from dlqkit.report.history_tables import show_earlier, show_history, show_incidents, skipped_sentences
from dlqkit.report.pseudonyms import redact_facts
from dlqkit.report.render import render_html, render_markdown
from dlqkit.report.tables import Text
from tests.left_in_english import left_in_english, texts_of
from tests.report.example import HOSTILE, make_facts
from tests.report.test_facts import facts_of, row

# Ours begins two hours into the window, the others before or after it.
OURS, EARLIER, LATER = 120.0, 20.0, 200.0


def incident(place: Path, name: str, errors: str | Sequence[str | None], minutes: float = EARLIER, **more: Any) -> Path:
    """An incident folder below a directory, of forty events, a dead letter every half a minute."""
    texts = [errors] if isinstance(errors, str) else errors
    # Made once for all tests: collecting takes longer than what is tested.
    made = place.parent / hashlib.sha256(repr((texts, minutes, more)).encode()).hexdigest()[:16]
    if not made.exists():
        facts_of(made, [row(n, minutes + n / 2, last_error=texts[n % len(texts)], **more) for n in range(40)])
    shutil.copytree(made / "incident", place / name)
    return place / name


def report(folder: Path) -> Path:
    """Facts as the post-mortem leaves them."""
    path = folder / "report" / "facts.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(facts_json(redact_facts(folder, facts(open_incident(folder)))))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return incident(tmp_path, "own", "no route to host db-1", OURS)


def find(own: Path) -> History:
    return find_history(open_incident(own), own.parent)


def test_an_earlier_incident_with_the_same_error_is_shown_with_what_people_wrote(own: Path) -> None:
    """Of another workflow too; one with another error is not. By the evidence where there is no report."""
    before = incident(own.parent, "before", "no route to host db-2")
    words = "cause: a switch was down\ndone: it was replaced\nprevention: a second route\n"
    (before / "judgement.yaml").write_text(words)
    incident(own.parent, "other-workflow", "no route to host db-2", LATER, workflow_id="wf-2")
    incident(own.parent, "unlike", "validation failed")

    found = find(own)

    assert (found.looked_at, found.skipped, found.uncomputed, found.is_all) == (3, (), 0, True)
    later, earlier = found.incidents
    assert (earlier.folder, earlier.is_earlier, earlier.is_same_workflow) == ("before", True, True)
    assert (earlier.cause, earlier.done, earlier.prevention) == (
        "a switch was down", "it was replaced", "a second route",
    )  # fmt: skip
    assert (later.folder, later.is_earlier, later.is_same_workflow) == ("other-workflow", False, False)
    assert [(one.share, one.own_share, one.events["value"]) for one in found.incidents] == [(1.0, 1.0, 40)] * 2
    assert earlier.onset_at == "2026-03-02T12:20:00+00:00"


def test_what_was_said_or_closed_after_the_report_was_made_counts(own: Path) -> None:
    """The usual order: the report is made and attached, and then the ticket is closed."""
    before = incident(own.parent, "before", "no route to host db-2")
    report(before)
    (before / "judgement.yaml").write_text(
        "cause: a switch was down\nclosure:\n  closed: {by: olga, ticket: OPS-7, at: 2026-03-03T10:00:00+00:00}\n"
    )

    (found,) = find(own).incidents

    assert (found.cause, found.closed_ticket, found.closed_at) == (
        "a switch was down", "OPS-7", "2026-03-03T10:00:00+00:00",
    )  # fmt: skip
    assert show_history(find(own)).rows[0][-1] == "OPS-7, 2026-03-03 10:00 UTC"


def test_a_closing_that_cannot_be_read_hides_no_cause(own: Path) -> None:
    before = incident(own.parent, "before", "no route to host db-2")
    report(before)
    (before / "judgement.yaml").write_text("cause: a switch was down\nclosure: {closed: yesterday}\n")

    (found,) = find(own).incidents

    assert (found.cause, found.closed_ticket) == ("a switch was down", None)


@pytest.mark.parametrize("is_ours_starred", [True, False])
def test_a_word_that_is_starred_in_one_of_the_two_covers_the_others(tmp_path: Path, is_ours_starred: bool) -> None:
    """Five different hosts make it a star, one host does not: the signatures have different ids."""
    many = [f"no route to host {name} today" for name in ("alpha", "beta", "gamma", "delta", "omega")]
    one = "no route to host kappa today"
    own = incident(tmp_path, "own", many if is_ours_starred else one, OURS)
    incident(tmp_path, "before", one if is_ours_starred else many)

    (found,) = find(own).incidents

    assert found.share == 1.0
    ids = [
        {row["signature_id"] for row in facts(open_incident(tmp_path / name))["signatures"]}
        for name in ("own", "before")
    ]
    assert not ids[0] & ids[1]


def test_the_same_words_of_another_type_of_error_are_another_error(tmp_path: Path) -> None:
    own = incident(tmp_path, "own", [f"no route to host {name} now" for name in ("a", "b", "c", "d", "e")], OURS,
                   error_type="RouteError")  # fmt: skip
    incident(tmp_path, "before", "no route to host kappa now", error_type="DnsError")

    assert not find(own).incidents


def test_events_without_an_error_text_have_no_error_in_common(tmp_path: Path) -> None:
    own = incident(tmp_path, "own", [None], OURS)
    incident(tmp_path, "before", [None])

    found = find(own)

    assert (found.looked_at, found.incidents) == (1, ())


def test_a_copy_of_the_folder_is_no_other_incident(own: Path) -> None:
    """Somebody moved a zip of it here."""
    shutil.copytree(own, own.parent / "copy")
    report(own.parent / "copy")

    assert not find(own).incidents


def test_incidents_that_were_about_it_stand_first(own: Path) -> None:
    """A single event of the same error in a newer incident says less than an old one that died of it."""
    incident(own.parent, "newer", ["validation failed"] * 3 + ["no route to host db-3"], 60.0)
    incident(own.parent, "older", "no route to host db-2", EARLIER)

    assert [(one.folder, one.share) for one in find(own).incidents] == [("older", 1.0), ("newer", 0.25)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "damaged, or of another dlqkit"),
        (b"[" * 100_000, "damaged, or of another dlqkit"),
        (json.dumps({"signatures": [{"signature_id": 1}]}).encode(), "damaged, or of another dlqkit"),
        (b" " * 2_000, "has more than"),
    ],
)
def test_a_folder_that_cannot_be_read_is_named_and_the_others_go_on(
    own: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, why: str
) -> None:
    """Damaged evidence, or a report that is none of ours; a link is not followed; no path of this machine is told."""
    report(incident(own.parent, "before", "no route to host db-2"))
    damaged = incident(own.parent, "damaged", "no route to host db-2")
    next(damaged.glob("evidence/*/manifest.json")).write_text("{")
    report(incident(own.parent, "foreign", "no route to host db-2")).write_bytes(body)
    (own.parent / "empty").mkdir()
    (own.parent / "empty" / "incident.toml").write_text("")
    (own.parent / "link").symlink_to(own.parent / "before")
    if why == "has more than":
        monkeypatch.setattr(history_folders, "MOST_BYTES", 1_999)
        (own.parent / "before" / "report" / "facts.json").unlink()

    found = find(own)

    assert [one.folder for one in found.incidents] == ["before"]
    assert {name for name, _ in found.skipped} == {"damaged", "foreign", "empty"}
    assert why in dict(found.skipped)["foreign"]
    assert str(own.parent) not in str(found)


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["onset"].update(at="2h"),
        lambda facts: facts["onset"].update(at="2026-03-02T12:00:00"),
        lambda facts: facts["signatures"][0].update(share=float("nan")),
        lambda facts: facts["signatures"][0].update(share=None),
        lambda facts: facts["events"]["total"].update(value="many"),
        lambda facts: facts["closure"].update(closed={"ticket": "OPS-1", "at": "yesterday"}),
        lambda facts: facts.update(closure="no"),
        lambda facts: facts.pop("workflow"),
    ],
)
def test_facts_that_are_not_as_they_should_be_are_not_shown(own: Path, change: Any) -> None:
    path = report(incident(own.parent, "before", "no route to host db-2"))
    values = json.loads(path.read_bytes())
    change(values)
    path.write_text(json.dumps(values))

    assert find(own).skipped == (("before", "its report/facts.json is damaged, or of another dlqkit."),)


@pytest.mark.parametrize(
    "words",
    [
        "cause: [",
        "cause: {a: b}",
        "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ) + "cause: *i\nclosure: {closed: {by: *i, ticket: *i, at: *i}}\n",
        "cause: " + "x" * (2 << 20),
    ],
    ids=["no YAML", "a table", "a value that grows when it is written out", "too long"],
)  # fmt: skip
def test_words_that_cannot_be_read_are_those_of_the_report(own: Path, words: str) -> None:
    """The folder may be anybody's: its words take neither the memory nor the other incidents."""
    before = incident(own.parent, "before", "no route to host db-2")
    (before / "judgement.yaml").write_text("cause: a switch was down\n")
    report(before)
    (before / "judgement.yaml").write_text(words)

    started = time.process_time()
    (found,) = find(own).incidents

    assert found.cause == (None if words == "cause: {a: b}" else "a switch was down")
    assert time.process_time() - started < 5


def test_two_hundred_reports_are_read_in_a_moment(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is computed again, and each is found."""
    before = incident(own.parent, "before", "no route to host db-2")
    body = json.loads(report(before).read_bytes())
    for number in range(200):
        folder = own.parent / "archive" / f"{number:03}"
        (folder / "report").mkdir(parents=True)
        (folder / "incident.toml").write_text("")
        body["onset"]["at"] = f"2026-02-{number % 27 + 1:02}T12:00:00+00:00"
        (folder / "report" / "facts.json").write_text(json.dumps(body))
    monkeypatch.setattr(module, "MOST_COMPUTED", 0)
    folder, known = open_incident(own), facts(open_incident(own))

    started = time.process_time()
    found = find_history(folder, own.parent, facts=known)

    assert time.process_time() - started < 3
    assert (found.looked_at, len(found.incidents), found.skipped) == (201, 201, ())
    assert found.incidents[1].folder == "archive/026"


def test_what_was_not_looked_into_is_said(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders without a report beyond the newest, and a directory that is too large."""
    for number in range(3):
        incident(own.parent, f"before-{number}", "no route to host db-2")
    monkeypatch.setattr(module, "MOST_COMPUTED", 1)
    found = find(own)
    assert (len(found.incidents), found.uncomputed) == (1, 2)
    assert any("2. Make their reports" in text for text in skipped_sentences(found))

    monkeypatch.setattr(history_folders, "MOST_PLACES", 2)
    cut = find(own)
    assert not cut.is_all
    assert "There are more folders than are looked into; look below a smaller one." in skipped_sentences(cut)


def test_reasons_are_said_once_with_the_first_folders() -> None:
    found = History((), 6, (*((f"f{n}", "it cannot be looked into.") for n in range(5)), ("g", "it is empty.")))

    assert skipped_sentences(found) == [
        "Skipped f0, f1, f2 and 2 more: it cannot be looked into.", "Skipped g: it is empty.",
    ]  # fmt: skip


def test_where_nothing_is_like_it_says_so(own: Path) -> None:
    incident(own.parent, "unlike", "validation failed")

    found = find(own)

    assert show_history(found).to_text() == (
        "Other incidents with the same error: none; incident folders that were looked into: 1"
    )
    with pytest.raises(ParameterError, match="no folder 'nowhere'"):
        find_history(open_incident(own), own.parent / "nowhere")


def test_the_report_has_earlier_incidents_only_where_it_was_said_where_to_look(own: Path) -> None:
    """Later ones are not in it, so that an old report stays as it was; foreign words are shown as they stand."""
    before = incident(own.parent, "before", "no route to host db-2")
    (before / "judgement.yaml").write_text(json.dumps({"cause": f"Said by ivan@example.com: {HOSTILE}"}))
    incident(own.parent, "later", "no route to host db-2", LATER)
    damaged = incident(own.parent, "damaged", "no route to host db-2")
    next(damaged.glob("evidence/*/manifest.json")).write_text("{")
    plain = facts(open_incident(own))

    told = redact_facts(own, {**plain, "earlier": describe_history(find(own))})
    html, markdown = render_html(told, []), render_markdown(told, [])

    assert "Earlier incidents" not in render_html(plain, []) + render_markdown(plain, [])
    for text in (html, markdown):
        assert "Earlier incidents" in text and "before: wf" in text
        assert "later: wf" not in text and str(own.parent) not in text
        assert "ivan@example.com" not in text and "email-" in text
        assert "<script>" not in text and "\x1b" not in text
    assert "damaged: " in html
    assert [row["folder"] for row in told["earlier"]["rows"]] == ["before"]


def test_what_people_said_of_an_earlier_incident_has_the_width_of_the_page(own: Path) -> None:
    """Cause, what was done and what prevents it are sentences, and no column of a table."""
    before = incident(own.parent, "before", "no route to host db-2")
    (before / "judgement.yaml").write_text("cause: a switch was down\ndone: it was replaced\n")
    told = {**facts(open_incident(own)), "earlier": describe_history(find(own))}

    (shown,) = show_earlier(told)

    assert isinstance(shown, Text)
    assert shown.title == "2026-03-02 12:20 UTC, before: wf"
    assert [f"{line.label}: {line.text}" for line in shown.lines] == [
        "Events: ≥ 40; 100% died of the same error",
        "Cause then: a switch was down",
        "Done: it was replaced",
        "Prevention: not said",
        "Closed: no",
    ]


def test_a_terminal_shows_each_incident_in_a_few_lines(own: Path) -> None:
    before = incident(own.parent, "before", "no route to host db-2")
    (before / "judgement.yaml").write_text("cause: a switch was down\ndone: it was replaced\n")

    (text,) = show_incidents(find(own))

    assert text.title == "2026-03-02 12:20 UTC, before"
    assert [f"{line.label}: {line.text}" for line in text.lines] == [
        "Workflow: wf",
        "Events: ≥ 40; 100% died of the same error",
        "Same error: no route to host <id>",
        "Class: infrastructure",
        "Cause then: a switch was down",
        "Done: it was replaced",
        "Closed: no",
    ]


def test_of_many_folders_that_cannot_be_read_the_report_names_three() -> None:
    earlier = {"looked_at": 9, "rows": [], "skipped": [f"f{n}: it is empty." for n in range(9)], "uncomputed": 4,
               "is_all": True}  # fmt: skip
    table, text = show_earlier(make_facts(earlier=earlier))

    assert "incident folders that were looked into: 9" in table.to_text()
    shown = text.to_text(1000).splitlines()
    assert len(shown) == 5
    assert shown[0].endswith("4. Make their reports (dlqkit postmortem), or look below a smaller folder.")
    assert shown[-1].endswith("More folders that cannot be read: 6.")


def test_earlier_incidents_are_told_in_russian() -> None:
    """Folders, workflows, signatures, tickets and what people wrote stay as they are; so does an error of a folder."""
    one = Other(
        folder="march", onset_at="2026-03-02T12:20:00+00:00", is_earlier=True, workflow="orders",
        is_same_workflow=False, events={"value": 1204, "bound": "at_least"}, failure_class="infrastructure",
        share=0.925, own_share=1.0, signatures=("no route to host <id>",), cause="a switch was down",
        done=None, prevention=None,
        closed_ticket="OPS-7", closed_at="2026-03-03T10:00:00+00:00", snapshot="001",
    )  # fmt: skip
    skipped = (*((f"f{n}", "it cannot be looked into.") for n in range(5)), ("g", "Permission denied."))
    found = History((one, replace(one, is_earlier=False, closed_ticket=None)), 7, skipped, uncomputed=4, is_all=False)
    with language.use("ru"):
        shown = show_incidents(found)
        texts = texts_of(*shown, show_history(found), *show_earlier(make_facts(earlier=describe_history(found))))
        texts += skipped_sentences(found)

    known = ("march", "orders", "no route to host <id>", "a switch was down", "OPS-7", "Permission denied.")
    assert left_in_english(texts, *known) == []
    lines = {line.label: line.text for line in shown[0].lines}
    assert lines["Класс"] == "инфраструктурная ошибка" and lines["События"].endswith("с той же ошибкой: 92\xa0%")
    assert texts[-2] == "Пропущено: f0, f1, f2 и ещё 2. Причина: его не удаётся просмотреть."
