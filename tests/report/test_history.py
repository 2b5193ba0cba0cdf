"""The same error in earlier incidents: what is shown, and what cannot be read is named."""

from __future__ import annotations

import json
from pathlib import Path

from dlqkit.evidence.folder import open_incident
from dlqkit.report import history as module
from dlqkit.report.facts import facts, facts_json
from dlqkit.report.history import find_history, show_history
from tests.report.test_facts import facts_of, row


def incident(place: Path, name: str, error: str, **more: object) -> Path:
    """An incident folder below a directory, of forty events that died of one error."""
    facts_of(place / name, [row(n, 120 + n / 2, last_error=error, **more) for n in range(40)])
    return place / name / "incident"


def test_an_earlier_incident_with_the_same_error_is_shown_with_what_people_wrote(tmp_path: Path) -> None:
    """Of another workflow too; one with another error is not."""
    own = incident(tmp_path, "own", "no route to host db-1")
    before = incident(tmp_path, "before", "no route to host db-9")
    (before / "judgement.yaml").write_text("cause: a switch was down\ndone: it was replaced\n")
    incident(tmp_path, "other-workflow", "no route to host db-2", workflow_id="wf-2")
    incident(tmp_path, "unlike", "validation failed")

    found = find_history(open_incident(own), tmp_path)

    assert found.looked_at == 3
    assert {(one.path.parent.name, one.is_same_workflow, one.cause, one.done) for one in found.incidents} == {
        ("before", True, "a switch was down", "it was replaced"), ("other-workflow", False, None, None),
    }  # fmt: skip
    assert all(one.share == 1.0 and one.events["value"] == 40 for one in found.incidents)
    text = show_history(found).to_text(160)
    assert "a switch was down" in text and "(another one)" in text


def test_a_folder_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    own = incident(tmp_path, "own", "no route")
    incident(tmp_path, "before", "no route")
    damaged = incident(tmp_path, "damaged", "no route")
    next(damaged.glob("evidence/*/manifest.json")).write_text("{")
    (tmp_path / "link").symlink_to(tmp_path / "before")

    found = find_history(open_incident(own), tmp_path)

    assert [one.path.parent.name for one in found.incidents] == ["before"]
    assert len(found.skipped) == 1 and found.looked_at == 2


def test_a_report_that_was_made_is_not_computed_again(tmp_path: Path, monkeypatch: object) -> None:
    """Two hundred folders take as long as their reports to read; those without one are computed up to a bound."""
    own = incident(tmp_path, "own", "no route")
    before = incident(tmp_path, "before", "no route")
    (before / "report").mkdir()
    (before / "report" / "facts.json").write_bytes(facts_json(facts(open_incident(before))))
    strange = incident(tmp_path, "strange", "no route")
    (strange / "report").mkdir()
    (strange / "report" / "facts.json").write_text(json.dumps({"signatures": [{"signature_id": 1}]}))
    incident(tmp_path, "new", "no route")
    monkeypatch.setattr(module, "MOST_COMPUTED", 0)  # type: ignore[attr-defined]

    found = find_history(open_incident(own), tmp_path)

    assert [one.path.parent.name for one in found.incidents] == ["before"]
    assert [why for _, why in found.skipped] == ["it has no report, and as many as are worth it were computed"]


def test_where_nothing_is_like_it_says_so(tmp_path: Path) -> None:
    own = incident(tmp_path, "own", "no route")
    incident(tmp_path, "unlike", "validation failed")

    assert "none of 1 folders shares a signature" in show_history(find_history(open_incident(own), tmp_path)).to_text()
