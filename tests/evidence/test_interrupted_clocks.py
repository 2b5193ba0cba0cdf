"""A collect that is killed while clocks are ahead says of them, when it goes on, what an unbroken one says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from dlqkit.sources import clock_ahead
from tests.evidence.service import serving
from tests.evidence.test_interrupted import kill_after_pages, kill_when
from tests.sources.test_clock_ahead import Later


def records(newest: datetime) -> list[dict[str, Any]]:
    """Newest first, two a minute."""
    return [{"id": f"r{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "queued_to_dlq": True,
             "created_at": (newest - timedelta(seconds=30 * n)).isoformat(), "attempts": 5,
             "last_error": "refused", "payload_snapshot": {"n": n}} for n in range(20)]  # fmt: skip


@pytest.fixture
def ahead() -> Iterator[tuple[Incident, Settings]]:
    """The last hour, of a service whose records are three minutes and a half ahead."""
    now = datetime.now(UTC)
    with serving(records=records(now + timedelta(minutes=3, seconds=30))) as service:
        yield (
            Incident(now - timedelta(hours=1), now, workflow_id="wf"),
            service.settings(prometheus=False, pages=False),
        )


def said(folder: IncidentFolder) -> list[Any]:
    return [{**one["coverage"], "kind": one["kind"]} for one in folder.manifest["sources"]]


# Of ten pages, five are of each question: in the first one, between them, and in the second.
@pytest.mark.parametrize("pages", [1, 3, 5, 7])
@pytest.mark.parametrize("pause", [timedelta(seconds=20), timedelta(minutes=4), timedelta(hours=3)])
def test_a_killed_collect_says_the_same_of_the_clocks(
    pages: int, pause: timedelta, ahead: tuple[Incident, Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, settings = ahead
    unbroken = collect(question, settings, tmp_path / "unbroken")
    kill_after_pages(tmp_path / "killed", settings, pages, question)
    monkeypatch.setattr(clock_ahead, "datetime", Later.after(pause))
    resumed = collect(question, settings, tmp_path / "killed")

    assert [one["completeness"] for one in said(unbroken)] == ["unverified"] * 2
    assert all("bear a time up to" in " ".join(one["missing"]) for one in said(unbroken))
    assert said(resumed) == said(unbroken)
    assert resumed.completeness == unbroken.completeness == "unverified"
    assert evidence_of_records(resumed) == evidence_of_records(unbroken)


def evidence_of_records(folder: IncidentFolder) -> Any:
    return folder.records().frame.astype("str").to_dict("records")


def test_what_is_known_of_the_clocks_is_on_the_disk_before_the_page_that_tells_it(
    ahead: tuple[Incident, Settings], tmp_path: Path
) -> None:
    question, settings = ahead
    part = kill_when(tmp_path / "killed", settings, ".zst.", question=question)

    assert list(part.glob("snapshot/raw/*.zst")) == []
    assert 200 < json.loads((part / "state.json").read_text())["clocks"]["records_s"] < 211


def test_a_part_that_an_older_dlqkit_left_is_gone_on_with(ahead: tuple[Incident, Settings], tmp_path: Path) -> None:
    """It has written nothing of the clocks."""
    question, settings = ahead
    part = kill_after_pages(tmp_path / "killed", settings, 3, question)
    state = json.loads((part / "state.json").read_text())
    del state["clocks"]
    (part / "state.json").write_text(json.dumps(state))

    resumed = collect(question, settings, tmp_path / "killed")

    assert resumed.snapshots == ["001"]
    assert resumed.completeness == "unverified"
    assert len(resumed.records().frame) == 12
