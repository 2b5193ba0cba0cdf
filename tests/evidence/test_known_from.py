"""From when on no dead letter can be missing, over all snapshots of a folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dlqkit.evidence import resume as under_way
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.incident import Incident
from tests.evidence.service import END, Service, record, serving


def ask(
    service: Service, folder: Path, start_h: float, end_h: float = 0, *, workflow_id: str | None = None
) -> IncidentFolder:
    """A snapshot of a window that begins and ends so many hours before the end."""
    question = Incident(END - timedelta(hours=start_h), END - timedelta(hours=end_h), workflow_id=workflow_id)
    return collect(question, service.settings(prometheus=False, pages=False), folder / "incident")


def hours_known(folder: IncidentFolder) -> float | None:
    known = folder.dead_letters_known_from
    return None if known is None else (END - known).total_seconds() / 3600


def test_a_narrower_snapshot_does_not_forget_the_incident(tmp_path: Path) -> None:
    """Four hours and as much before them, then half an hour and one before it: eight hours are known."""
    with serving(records=[record(1, 200), record(2, 10)]) as service:
        assert hours_known(ask(service, tmp_path, 4)) == 8
        narrow = ask(service, tmp_path, 0.5)

    assert narrow.snapshot == "002"
    assert hours_known(narrow) == 8
    assert hours_known(open_incident(tmp_path / "incident", "002")) == 8
    assert (END - narrow.window.start).total_seconds() == 1800
    assert (END - narrow.first_start).total_seconds() == 4 * 3600
    assert narrow.findings == ()


def test_what_nobody_asked_for_is_a_hole(tmp_path: Path) -> None:
    """Ten to eight hours ago, then the last two with two before them: from eight to four hours nothing is known."""
    with serving(records=[record(1, 500), record(2, 10)]) as service:
        ask(service, tmp_path, 10, 8)
        assert hours_known(ask(service, tmp_path, 2)) == 4
        # Six hours ago to now, and six before them, close it.
        assert hours_known(ask(service, tmp_path, 6)) == 12


def test_another_workflows_snapshot_tells_nothing(tmp_path: Path) -> None:
    """Four hours of another workflow say nothing of this one; four hours of all of them do."""
    with serving(records=[record(1, 200), record(2, 10)]) as service:
        ask(service, tmp_path, 4, workflow_id="other")
        assert hours_known(ask(service, tmp_path, 0.5, workflow_id="wf")) == 1.5
        ask(service, tmp_path, 5)
        assert hours_known(ask(service, tmp_path, 0.5, workflow_id="wf")) == 10


def test_a_page_without_a_way_on_is_known_from_its_oldest_record(tmp_path: Path) -> None:
    """The newest four of an API that gives no more: nothing is missing since the fourth, three hours ago."""
    newest_first = [record(number, 60 * number) for number in range(1, 9)]
    with serving(records=newest_first, paged=False) as service:
        folder = ask(service, tmp_path, 8)

    assert folder.completeness == "unverified"
    assert hours_known(folder) == 4


def test_an_answer_that_failed_is_not_known_from_any_time(tmp_path: Path) -> None:
    """The dead letters could not be read, so an earlier snapshot does not reach up to now."""
    with serving(records=[record(1, 10)]) as service:
        ask(service, tmp_path, 4)
        service.records_status = 404
        settings = service.settings(pages=False)
        folder = collect(Incident(END - timedelta(hours=4), END), settings, tmp_path / "incident")

    assert folder.completeness == "partial"
    assert folder.dead_letters_known_from is None
    assert hours_known(open_incident(tmp_path / "incident", "001")) == 8


def test_an_exported_file_is_known_from_its_own_first_record(tmp_path: Path) -> None:
    """A file holds what somebody put into it: here, one record of half an hour ago, and one before the window."""
    import json

    export = tmp_path / "export.jsonl"
    export.write_text("\n".join(json.dumps(one) for one in (record(1, 6000), record(2, 30))))
    question = Incident(END - timedelta(hours=4), END)
    with serving() as service:
        settings = service.settings(records=False, prometheus=False, pages=False)
        folder = collect(question, settings, tmp_path / "incident", records_files=(export,))

    assert hours_known(folder) == 0.5


def test_a_window_that_reaches_into_the_future_is_known_up_to_when_it_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked six hours ago for a window until now: what came in those six hours is not known from that."""
    from datetime import UTC, datetime

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - timedelta(hours=6)

    with serving(records=[record(1, 10)]) as service:
        with monkeypatch.context() as patch:
            patch.setattr(under_way, "datetime", Earlier)
            ask(service, tmp_path, 8)
        assert hours_known(ask(service, tmp_path, 1)) == 2
