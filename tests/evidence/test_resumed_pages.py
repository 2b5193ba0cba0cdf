"""A collect that was interrupted in the middle of an answer goes on at the page where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.evidence.manifest import verify
from dlqkit.settings import Settings
from tests.evidence.service import KEY, PAGE, QUESTION, Service, record, serving
from tests.evidence.test_interrupted import evidence_of, kill_after_pages

# Six pages of dead letters; the records of the workflow are the same ones.
DEAD = [record(number, 55 - number) for number in reversed(range(6 * PAGE))]


def only_records(service: Service) -> Settings:
    return service.settings(prometheus=False, pages=False)


def asked_pages(service: Service, collecting: Callable[[], IncidentFolder]) -> tuple[IncidentFolder, list[str]]:
    """The folder, and at which places the dead letters were asked for meanwhile."""
    places: list[str] = []
    answer = service.answer

    def watched(path: str, query: dict[str, str]) -> tuple[int, str]:
        if query.get("queued_to_dlq") == "true":
            places.append(query.get("pageToken", "the first").removeprefix(KEY))
        return answer(path, query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "answer", watched)
        return collecting(), places


def test_pages_that_are_there_are_not_asked_for_again(tmp_path: Path) -> None:
    """Killed when four pages of six were there: two are asked for, and the evidence is that of an unbroken collect."""
    with serving(records=DEAD) as service:
        settings = only_records(service)
        kill_after_pages(tmp_path / "killed", settings, pages=4)
        resumed, places = asked_pages(service, lambda: collect(QUESTION, settings, tmp_path / "killed"))
        unbroken, all_places = asked_pages(service, lambda: collect(QUESTION, settings, tmp_path / "unbroken"))

    assert places == ["16", "20"]
    assert all_places == ["the first", "4", "8", "12", "16", "20"]
    assert evidence_of(resumed) == evidence_of(unbroken)
    assert resumed.completeness == "complete"
    assert [one["coverage"]["rows"] for one in resumed.manifest["sources"]] == [24, 24]
    raw = sorted(path.name for path in (tmp_path / "killed/evidence/001/raw").iterdir())
    assert [name[:2] for name in raw].count("02") == 6
    assert verify(tmp_path / "killed") == ()


def test_a_cursor_that_is_of_no_use_any_more_begins_anew(tmp_path: Path) -> None:
    """The API refuses to go on where it was left: every page is asked for, rather than half of them kept."""
    with serving(records=DEAD) as service:
        settings = only_records(service)
        kill_after_pages(tmp_path / "killed", settings, pages=4)
        answer, begun = service.answer, False

        def forgetful(path: str, query: dict[str, str]) -> tuple[int, str]:
            nonlocal begun
            begun = begun or "pageToken" not in query
            return answer(path, query) if begun else (400, '{"error": "the cursor is too old"}')

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service, "answer", forgetful)
            resumed, places = asked_pages(service, lambda: collect(QUESTION, settings, tmp_path / "killed"))

    assert places == ["16", "the first", "4", "8", "12", "16", "20"]
    assert resumed.completeness == "complete"
    assert len(resumed.records().frame) == 24


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:30])])
def test_a_page_that_was_lost_is_asked_for_again(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    """A power cut has taken the second page, whole or in part: it is asked for, and the others are taken."""
    with serving(records=DEAD) as service:
        settings = only_records(service)
        part = kill_after_pages(tmp_path / "killed", settings, pages=4)
        damage(part / "snapshot" / "raw" / "01-records-dead-letters-0002.json.zst")
        resumed, places = asked_pages(service, lambda: collect(QUESTION, settings, tmp_path / "killed"))

    assert places == ["4", "16", "20"]
    assert len(resumed.records().frame) == 24
    assert resumed.completeness == "complete"


def test_a_question_that_is_asked_otherwise_takes_no_page_of_the_old_one(tmp_path: Path) -> None:
    """With another limit the pages are others: all of them are asked for."""
    with serving(records=DEAD) as service:
        settings = only_records(service)
        kill_after_pages(tmp_path / "killed", settings, pages=4)
        larger = settings.execution_logs.model_copy(update={"page_limit": 50})
        settings = settings.model_copy(update={"execution_logs": larger})
        resumed, places = asked_pages(service, lambda: collect(QUESTION, settings, tmp_path / "killed"))

    assert places == ["the first", "4", "8", "12", "16", "20"]
    assert len(resumed.records().frame) == 24


def test_no_address_is_written_down_beside_the_pages(tmp_path: Path) -> None:
    """An address may hold a key: only hashes tell which page answered what, and they go when the snapshot is whole."""
    with serving(records=DEAD) as service:
        api = service.settings().execution_logs
        asked = api.model_copy(update={"url": f"{api.url}?token=the-secret-in-the-address"})
        settings = only_records(service).model_copy(update={"execution_logs": asked})
        part = kill_after_pages(tmp_path / "killed", settings, pages=4)
        notes = part / "asked" / "01-records-dead-letters.jsonl"
        kept = b"".join(path.read_bytes() for path in part.rglob("*") if path.is_file())
        lines, mode = notes.read_text().splitlines(), notes.stat().st_mode & 0o777
        collect(QUESTION, settings, tmp_path / "killed")

    assert [len(lines), mode] == [4, 0o600]
    assert b"the-secret-in-the-address" not in kept
    assert not part.exists()
