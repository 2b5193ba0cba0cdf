"""A collect that is killed, at any moment, goes on to the same evidence; and nothing that came is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import EvidenceError, SourceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.evidence.manifest import verify
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from tests.evidence.service import QUESTION, Service, record, serving

# Everything by which a collect changes what is on the disk; a page is there once it has its name.
STEPS = ("rename", "replace", "unlink", "rmdir", "mkdir", "open")
RECORDS = [record(number, 55 - number, dead=number % 2 == 0) for number in reversed(range(20))]


@contextmanager
def copying(folder: Path, where: Callable[[int, str], Path | None]) -> Iterator[None]:
    """Copy the folder before each step on the disk, as a kill at that moment would leave it.

    ``where`` gets the step's number and the names it is about, and says where to put the copy, if anywhere.
    """
    busy, steps = False, 0

    def watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def before(*names: Any, **more: Any) -> Any:
            nonlocal busy, steps
            text = " ".join(str(one) for one in names if isinstance(one, (str, Path)))
            # Of opening, only that of the audit log counts: everything else is written beside its place first.
            is_step = name != "open" or text.endswith("audit.jsonl")
            if is_step and not busy and not (name == "unlink" and text.endswith(".tmp")):
                busy, steps = True, steps + 1
                target = where(steps, text)
                if target is not None and folder.exists():
                    shutil.copytree(folder, target)
                busy = False
            return step(*names, **more)

        return before

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        yield


def kill_when(
    folder: Path, settings: Settings, what: str = "/raw/", *, done: int = 0, question: Incident = QUESTION
) -> Path:
    """The folder as a kill leaves it when so many steps of a kind are done; its part."""
    seen = 0

    def at(_: int, names: str) -> Path | None:
        nonlocal seen
        seen += what in names
        return folder if what in names and seen == done + 1 else None

    with copying(folder.with_name("running"), at):
        collect(question, settings, folder.with_name("running"))
    shutil.rmtree(folder.with_name("running"))
    return folder / "evidence" / "001.part"


def kill_after_pages(folder: Path, settings: Settings, pages: int, question: Incident = QUESTION) -> Path:
    """The same, when so many pages are there."""
    part = kill_when(folder, settings, ".zst.", done=pages, question=question)
    assert len(list(part.glob("snapshot/raw/*.zst"))) == pages
    return part


def evidence_of(folder: IncidentFolder) -> list[str]:
    """Every row of every frame, the time of reading a worker's page aside."""
    samples = folder.samples().frame.merge(folder.series().frame, on="series_id").drop(columns="series_id")
    page = folder.metrics_pages().frame.drop(columns=["sampled_at"])
    frames: list[pd.DataFrame] = [folder.records().frame, samples, page]
    return [
        pd.util.hash_pandas_object(frame.astype("str").sort_values(list(frame.columns)), index=False)
        .to_numpy()
        .tobytes()
        .hex()
        for frame in frames
    ]


def is_whole(folder: Path) -> None:
    """Verified, nothing left over, each page of a source that is told of, and no number twice."""
    assert verify(folder) == ()
    assert all(path.name == ".lock" or path.name.isdigit() for path in (folder / "evidence").iterdir())
    for snapshot in open_incident(folder).snapshots:
        manifest = open_incident(folder, snapshot).manifest
        ids = [source["evidence_id"] for source in manifest["sources"]]
        assert len(set(ids)) == len(ids)
        assert len({(source["kind"], source["query"]) for source in manifest["sources"]}) == len(ids)
        numbers = {int(one.split("/")[1]) for one in ids}
        for name in manifest["files"]:
            assert not name.endswith(".tmp")
            assert not name.startswith("raw/") or int(Path(name).name.split("-")[0]) in numbers


def test_a_kill_at_any_moment_leaves_what_the_next_run_makes_whole(tmp_path: Path) -> None:
    """Wherever a collect is killed, the same command gives the evidence that an unbroken one gives."""
    killed: list[Path] = []

    def everywhere(step: int, _: str) -> Path:
        killed.append(tmp_path / f"killed-{step}")
        return killed[-1]

    with serving(records=RECORDS[:8]) as service:
        with copying(tmp_path / "unbroken", everywhere):
            folder = collect(QUESTION, service.settings(), tmp_path / "unbroken", on_dead_letters=lambda _: None)
        unbroken = evidence_of(folder)
        for left in killed:
            resumed = collect(QUESTION, service.settings(), left)
            assert evidence_of(resumed) == unbroken, left.name
            assert resumed.completeness == "complete", left.name
            is_whole(left)

    assert len(killed) > 50


def test_an_answer_that_was_whole_is_not_asked_for_again(tmp_path: Path) -> None:
    """Killed while the third source was asked: the dead letters' pages are those of the first run."""
    with serving(records=RECORDS) as service:
        part = kill_after_pages(tmp_path / "incident", service.settings(), pages=5)
        kept = {path.name: path.stat().st_mtime_ns for path in part.glob("snapshot/raw/01-*")}
        collect(QUESTION, service.settings(), tmp_path / "incident")

    raw = tmp_path / "incident" / "evidence" / "001" / "raw"
    assert len(kept) == 3
    assert {path.name: path.stat().st_mtime_ns for path in raw.glob("01-*")} == kept
    assert evidence_ids(tmp_path / "incident") == ["001/1", "001/2", "001/4", "001/5", "001/6"]


def evidence_ids(folder: Path) -> list[str]:
    return [source["evidence_id"] for source in open_incident(folder).manifest["sources"]]


def failing_then_whole(service: Service, folder: Path) -> None:
    """Killed at the worker's page, when the API broke off after three answers; then it is whole again."""
    service.records_until = 3
    kill_after_pages(folder, service.settings(), pages=5)
    service.records_until = 1_000_000


def test_no_number_is_given_twice_after_a_kill(tmp_path: Path) -> None:
    """What is asked again after a kill has a number of its own, and its pages stand under it alone."""
    with serving(records=RECORDS) as service:
        failing_then_whole(service, tmp_path / "incident")
        resumed = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert resumed.completeness == "complete"
    assert len(resumed.records().frame) == 20
    is_whole(tmp_path / "incident")


def test_what_a_source_gave_before_it_failed_stays_until_it_gives_more(tmp_path: Path) -> None:
    """Killed after two pages of dead letters; now the address is wrong: both pages are kept, and said to be."""
    with serving(records=RECORDS) as service:
        kill_after_pages(tmp_path / "incident", service.settings(), pages=2)
        service.records_status = 404
        partial = collect(QUESTION, service.settings(), tmp_path / "incident")
        first = partial.manifest["sources"][0]
        assert partial.completeness == "partial"
        assert first["evidence_id"] == "001/1"
        assert "after 2 pages" in first["coverage"]["missing"][0]
        assert len(list((tmp_path / "incident/evidence/001/raw").glob("01-*"))) == 2


def test_pages_are_kept_if_every_source_fails_after_a_kill(tmp_path: Path) -> None:
    """The same question again while the service is away: what was collected stays for the next try."""
    with serving(records=RECORDS) as service:
        settings = service.settings(prometheus=False, pages=False)
        part = kill_after_pages(tmp_path / "incident", settings, pages=2)
        service.records_status = 404
        with pytest.raises(SourceError, match="nothing at"):
            collect(QUESTION, settings, tmp_path / "incident")
        assert len(list(part.glob("snapshot/raw/01-*"))) == 2
        service.records_status = 200
        whole = collect(QUESTION, settings, tmp_path / "incident")

    assert whole.completeness == "complete"
    is_whole(tmp_path / "incident")


def test_another_question_sets_what_was_interrupted_aside(tmp_path: Path) -> None:
    """Two pages of one question, then another question at a wrong address, then at the right one: both pages stay."""
    wider = Incident(QUESTION.start - timedelta(hours=2), QUESTION.end, workflow_id="wf")
    said: list[str] = []
    with serving(records=RECORDS) as service:
        settings = service.settings(prometheus=False, pages=False)
        kill_after_pages(tmp_path / "incident", settings, pages=2)
        service.records_status = 404
        with pytest.raises(SourceError, match=r"is kept in evidence/001\.interrupted-"):
            collect(wider, settings, tmp_path / "incident", progress=lambda what, *_: said.append(what))
        service.records_status = 200
        folder = collect(wider, settings, tmp_path / "incident")

    aside = [path for path in (tmp_path / "incident" / "evidence").iterdir() if "interrupted" in path.name]
    assert [len(list(path.glob("snapshot/raw/*.zst"))) for path in aside] == [2]
    assert any(aside[0].name in sentence for sentence in said)
    assert [entry["action"] for entry in audit_log.read(tmp_path / "incident")] == ["set aside", "collect"]
    assert [aside[0].name in sentence for sentence in folder.findings] == [True]
    assert verify(tmp_path / "incident") == ()


def test_a_whole_snapshot_that_lacked_its_name_gets_it_from_another_question(tmp_path: Path) -> None:
    """Killed between the manifest and the rename: another question finishes it, and asks for its own."""
    later = Incident(QUESTION.start - timedelta(hours=2), QUESTION.end, workflow_id="wf")
    with serving(records=RECORDS) as service:
        part = kill_when(tmp_path / "incident", service.settings(), "evidence/001.part/snapshot /")
        assert (part / "snapshot" / "manifest.json").is_file()
        folder = collect(later, service.settings(), tmp_path / "incident")

    assert folder.snapshots == ["001", "002"]
    assert open_incident(tmp_path / "incident", "001").incident == QUESTION
    is_whole(tmp_path / "incident")


def test_the_same_words_two_days_later_are_another_question(tmp_path: Path) -> None:
    """“--since 1h” typed again when the old hour is long over must not be answered with the old hour."""
    days = timedelta(days=2)
    old = Incident(QUESTION.start - days, QUESTION.end - days, workflow_id="wf")
    with serving(records=RECORDS) as service:
        kill_after_pages(tmp_path / "incident", service.settings(), pages=2, question=old)
        folder = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert folder.incident == QUESTION
    assert len(folder.findings) == 1


@pytest.mark.parametrize("place", ["", "frames", "snapshot/raw"])
def test_a_link_in_an_interrupted_snapshot_is_refused(place: str, tmp_path: Path) -> None:
    """A folder from elsewhere must not make collect write or remove files outside of it."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "01-letters.txt").write_text("mine")
    with serving(records=RECORDS) as service:
        part = kill_after_pages(tmp_path / "incident", service.settings(), pages=2)
        link = part / place if place else part
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(mine)
        with pytest.raises(EvidenceError, match="is a link"):
            collect(QUESTION, service.settings(), tmp_path / "incident")

    assert (mine / "01-letters.txt").read_text() == "mine"


def test_nothing_is_written_through_a_link_in_the_place_of_the_evidence(tmp_path: Path) -> None:
    """Not even the file that keeps two collects apart."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "incident").mkdir()
    (tmp_path / "incident" / "evidence").symlink_to(tmp_path / "mine")
    with serving(records=RECORDS) as service, pytest.raises(EvidenceError, match="is a link"):
        collect(QUESTION, service.settings(), tmp_path / "incident")

    assert list((tmp_path / "mine").iterdir()) == []


def test_a_frame_that_was_cut_is_asked_for_again(tmp_path: Path) -> None:
    """Parquet that is not whole in an interrupted snapshot costs one source, not the snapshot."""
    with serving(records=RECORDS) as service:
        unbroken = evidence_of(collect(QUESTION, service.settings(), tmp_path / "unbroken"))
        part = kill_after_pages(tmp_path / "incident", service.settings(), pages=5)
        frame = next(part.glob("frames/01-*.parquet"))
        frame.write_bytes(frame.read_bytes()[:100])
        resumed = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert evidence_of(resumed) == unbroken
    is_whole(tmp_path / "incident")


def test_a_snapshot_that_is_a_link_or_holds_one_is_found(tmp_path: Path) -> None:
    """What a link points to may be changed without a trace in the folder."""
    with serving(records=RECORDS) as service:
        collect(QUESTION, service.settings(), tmp_path / "incident")
    evidence = tmp_path / "incident" / "evidence" / "001"
    moved = (evidence / "records.parquet").rename(tmp_path / "records.parquet")
    (evidence / "records.parquet").symlink_to(moved)

    assert [(one.path, one.what) for one in verify(tmp_path / "incident")] == [
        ("evidence/001/records.parquet", "is a link")
    ]


def test_what_an_earlier_dlqkit_left_is_set_aside(tmp_path: Path) -> None:
    """A part in a form that is not known is kept and not guessed at."""
    old = tmp_path / "incident" / "evidence" / "001.part"
    (old / "raw").mkdir(parents=True)
    (old / "raw" / "01-records-0001.json.zst").write_bytes(b"x")
    (old / "state.json").write_text(json.dumps({"incident": {}, "sources": []}))
    with serving(records=RECORDS) as service:
        folder = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert folder.snapshot == "001"
    assert len(folder.findings) == 1
