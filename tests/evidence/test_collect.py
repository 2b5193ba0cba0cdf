"""What is asked, in which order, and what of a source that hangs, refuses or echoes a secret."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlqkit.errors import EvidenceError, ParameterError, StorageError, UnexpectedAnswer
from dlqkit.evidence import collect as asking
from dlqkit.evidence import part
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.evidence.manifest import verify
from dlqkit.evidence.store import read_raw
from dlqkit.settings import Settings
from dlqkit.sources import connect
from dlqkit.sources.prometheus import Prometheus
from tests.evidence.service import QUESTION, Service, record, serving

DEAD = [record(number, 30 - number) for number in reversed(range(6))]


def entries(folder: IncidentFolder, kind: str) -> list[dict[str, Any]]:
    return [source for source in folder.manifest["sources"] if source["kind"] == kind]


def test_the_first_look_does_not_wait_for_a_prometheus_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead letters are shown after the short wait, without counters, which is said; then they are asked again."""
    monkeypatch.setattr(asking, "FIRST_LOOK_S", 0.5)
    looks: list[tuple[float, int, str, str]] = []
    begun = time.monotonic()

    def look(folder: IncidentFolder) -> None:
        said = " ".join(folder.samples().coverage.missing)
        looks.append((time.monotonic() - begun, len(folder.records().frame), folder.completeness, said))

    with serving(records=DEAD, hanging=1) as service:
        whole = collect(QUESTION, service.settings(pages=False), tmp_path / "incident", on_dead_letters=look)

    ((waited, rows, completeness, said),) = looks
    assert waited < 15
    assert (rows, completeness) == (6, "partial")
    assert "asked again after it" in said
    assert whole.completeness == "complete"
    assert len(entries(whole, "prometheus: counters")) == 1
    assert whole.samples().frame["value"].max() == 10
    assert verify(tmp_path / "incident") == ()


def test_nobody_waits_so_prometheus_has_its_usual_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a first look to show there is one attempt, and no short wait."""
    given: list[dict[str, Any]] = []
    real = connect.connect_prometheus

    def watched(settings: Any, **options: Any) -> Prometheus:
        given.append(options)
        return real(settings, **options)

    monkeypatch.setattr(connect, "connect_prometheus", watched)
    with serving(records=DEAD) as service:
        collect(QUESTION, service.settings(pages=False), tmp_path / "incident")

    assert given
    assert not any(given)


def test_a_source_that_refuses_the_question_does_not_end_the_collect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus does not take our query: the dead letters are kept, and the evidence is partial."""

    def refuse(*_: object, **__: object) -> None:
        raise UnexpectedAnswer("Prometheus refuses the question.", "Ask for a shorter window.")

    monkeypatch.setattr(Prometheus, "raw_samples", refuse)
    with serving(records=DEAD) as service:
        folder = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert folder.completeness == "partial"
    assert len(folder.records().frame) == 6
    assert entries(folder, "prometheus: counters")[0]["coverage"]["missing"][0] == "Prometheus refuses the question."


def test_a_setting_that_cannot_be_used_stops_at_once(tmp_path: Path) -> None:
    """A CA file that does not exist is the analyst's to mend: said before anything is asked or written."""
    with serving(records=DEAD) as service:
        settings = service.settings()
        wrong = settings.model_copy(
            update={"prometheus": settings.prometheus.model_copy(update={"ca_file": tmp_path / "none.pem"})}
        )
        with pytest.raises(ParameterError, match=r"none\.pem does not exist"):
            collect(QUESTION, wrong, tmp_path / "incident")
        asked = len(service.asked)
        folder = collect(QUESTION, settings, tmp_path / "incident")

    assert folder.completeness == "complete"
    assert asked == 0


def test_a_workers_page_is_kept_as_it_came(tmp_path: Path) -> None:
    """The newest counters, before any scrape, are evidence like every other page."""
    with serving(records=DEAD) as service:
        folder = collect(QUESTION, service.settings(), tmp_path / "incident")

    raw = tmp_path / "incident" / "evidence" / "001" / "raw"
    number = entries(folder, "worker page")[0]["evidence_id"].split("/")[1]
    page = raw / f"{int(number):02d}-worker-page-0001.txt.zst"
    assert read_raw(page).decode() == service.page
    assert f"raw/{page.name}" in folder.manifest["files"]


def test_what_was_masked_is_told_for_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API, a Prometheus and a worker's page that echo the key: masked, with the place and the original's hash."""
    key = "the-key-of-the-test"
    monkeypatch.setenv("THE_KEY", key)
    echoing = [{**one, "last_error": f"refused {key}"} for one in DEAD[:3]]
    body_hashes: list[str] = []

    def told(self: Prometheus, selector: str, start: Any, end: Any, *, on_page: Any) -> Any:
        original = f"body with {key}".encode()
        body_hashes.append(hashlib.sha256(original).hexdigest())
        on_page(b"body with ********", {"masked": 1, "original_sha256": body_hashes[-1]})
        raise UnexpectedAnswer("That is all.", "Nothing.")

    monkeypatch.setattr(Prometheus, "raw_samples", told)
    with serving(records=echoing) as service:
        settings = service.settings(pages=False)
        api = settings.execution_logs.model_validate(
            {**settings.execution_logs.model_dump(), "api_key": {"env": "THE_KEY"}}
        )
        folder = collect(QUESTION, settings.model_copy(update={"execution_logs": api}), tmp_path / "incident")

    (letters,) = entries(folder, "records: dead letters")
    assert [(one["file"], one["places"]) for one in letters["masked"]] == [
        ("raw/01-records-dead-letters-0001.json.zst", 3)
    ]
    (counters,) = entries(folder, "prometheus: counters")
    assert counters["masked"] == [
        {"file": "raw/02-prometheus-counters-0001.json.zst", "places": 1, "original_sha256": body_hashes[0]}
    ]
    for path in (tmp_path / "incident").rglob("*.zst"):
        assert key.encode() not in read_raw(path)


def test_two_collects_at_once_do_not_mix(tmp_path: Path) -> None:
    """A second collect into the folder is turned away, and the first one is whole."""

    def again(_: IncidentFolder) -> None:
        with pytest.raises(StorageError, match="Another dlqkit"):
            collect(QUESTION, service.settings(), tmp_path / "incident")

    with serving(records=DEAD) as service:
        folder = collect(QUESTION, service.settings(), tmp_path / "incident", on_dead_letters=again)

    assert (folder.snapshots, folder.completeness) == (["001"], "complete")
    assert verify(tmp_path / "incident") == ()


def test_a_disk_that_fills_up_leaves_a_snapshot_that_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the frames are joined; with room again, the same command asks nothing twice."""

    def no_room(*_: object) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    with serving(records=DEAD) as service:
        with monkeypatch.context() as patch, pytest.raises(StorageError, match="disk is full"):
            patch.setattr(part, "write_manifest", no_room)
            collect(QUESTION, service.settings(), tmp_path / "incident")
        asked = len(service.asked)
        folder = collect(QUESTION, service.settings(), tmp_path / "incident")

    assert len(service.asked) == asked
    assert folder.completeness == "complete"
    assert verify(tmp_path / "incident") == ()


class Killed(BaseException):
    """As a kill, which nothing catches."""


def echoing_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a key that every record of the service echoes."""
    monkeypatch.setenv("THE_KEY", "the-key-of-the-test")
    service.records = [{**one, "last_error": "refused the-key-of-the-test"} for one in service.records]
    settings = service.settings(pages=False)
    api = settings.execution_logs.model_validate(
        {**settings.execution_logs.model_dump(), "api_key": {"env": "THE_KEY"}}
    )
    return settings.model_copy(update={"execution_logs": api})


def test_what_was_masked_before_a_kill_is_still_told_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages that echo the key, then a kill, then a wrong address: the kept pages say where they were masked."""
    real, pages = part.write_raw, []

    def killed_at_the_third(path: Path, body: bytes) -> None:
        pages.append(path)
        if len(pages) == 3:
            raise Killed
        real(path, body)

    with serving(records=[record(number, 30 - number) for number in reversed(range(10))]) as service:
        settings = echoing_key(service, monkeypatch)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(part, "write_raw", killed_at_the_third)
            collect(QUESTION, settings, tmp_path / "incident")
        service.records_status = 404
        folder = collect(QUESTION, settings, tmp_path / "incident")

    interrupted, failed = entries(folder, "records: dead letters")
    assert [one["places"] for one in interrupted["masked"]] == [4, 4]
    assert failed["masked"] == []


def test_an_answer_whose_pages_are_all_there_needs_no_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed when the last page was there, and now a wrong address: it is whole, and says what was masked in it."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with serving(records=DEAD) as service:
        settings = echoing_key(service, monkeypatch)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(part.Part, "answered", killed)
            collect(QUESTION, settings, tmp_path / "incident")
        service.records_status = 404
        folder = collect(QUESTION, settings, tmp_path / "incident")

    (letters,) = entries(folder, "records: dead letters")
    assert letters["coverage"]["completeness"] == "complete"
    assert letters["coverage"]["rows"] == len(folder.records().frame) == 6
    assert [(one["file"][-13:], one["places"]) for one in letters["masked"]] == [
        ("0001.json.zst", 4), ("0002.json.zst", 2),
    ]  # fmt: skip
    assert all(len(one["original_sha256"]) == 64 for one in letters["masked"])
    assert folder.records().frame["last_error"].unique().tolist() == ["refused ********"]
    assert verify(tmp_path / "incident") == ()


def test_an_export_in_parts_gives_the_records_of_the_question(tmp_path: Path) -> None:
    """A record that two files have counts once, as the last one has it; what is outside of the window is left out."""
    table = tmp_path / "table" / "workflow_id=wf"
    table.mkdir(parents=True)
    earlier = [record(1, 20), record(2, 10), record(3, 60 * 24)]
    later = [{**record(1, 20), "last_error": "as the last file has it"}, record(4, 5)]
    for name, rows in (("part-0.parquet", earlier), ("part-1.parquet", later)):
        without = [{key: value for key, value in row.items() if key != "workflow_id"} for row in rows]
        pq.write_table(pa.Table.from_pylist(without), table / name)

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=(tmp_path / "table",))

    frame = folder.records().frame
    assert frame["record_id"].tolist() == ["r2", "r1", "r4"]
    assert frame["last_error"].tolist() == ["refused", "as the last file has it", "refused"]
    (export,) = entries(folder, "records: export")
    assert export["coverage"]["rows"] == 3
    assert "1 of 4 records are of another time, workflow or trace than was asked for." in export["coverage"]["findings"]
    assert export["coverage"]["completeness"] == "complete"
    assert folder.records().coverage.got_start == frame["recorded_at"].min()
    assert verify(tmp_path / "incident") == ()


@pytest.mark.parametrize("minutes", [(-60 * 24,), (-22, -20), (-60 * 24, None), (60 * 24,)])
def test_an_export_of_another_time_is_no_all_clear(minutes: tuple[float | None, ...], tmp_path: Path) -> None:
    """Nothing is known of the time that was asked for: not by yesterday's records, nor by those right before it."""
    ats = [None if minute is None else (QUESTION.start + timedelta(minutes=minute)).isoformat() for minute in minutes]
    rows = [{**record(number, 0), "created_at": at} for number, at in enumerate(ats)]
    export = tmp_path / "export.jsonl"
    export.write_text("\n".join(map(json.dumps, rows)))

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=(export,))

    (found,) = entries(folder, "records: export")
    assert found["coverage"]["completeness"] == folder.completeness == "partial"
    (missing,) = [text for text in found["coverage"]["missing"] if "export.jsonl" in text]
    assert missing.startswith("The records of export.jsonl are of 20")
    assert missing.endswith(" and none is of the window: see --start and --end.")


def test_a_quiet_window_within_a_long_export_is_quiet(tmp_path: Path) -> None:
    """The file reaches from before it to behind it, so it tells that there was nothing."""
    export = tmp_path / "export.jsonl"
    rows = [{**record(number, 0), "created_at": at.isoformat()} for number, at in enumerate(
        (QUESTION.start - timedelta(days=1), QUESTION.end + timedelta(minutes=30)))]  # fmt: skip
    export.write_text("\n".join(map(json.dumps, rows)))

    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=(export,))

    (found,) = entries(folder, "records: export")
    assert (found["coverage"]["rows"], found["coverage"]["completeness"]) == (0, "complete")
    assert found["coverage"]["missing"] == []
    assert "2 of 2 records are of another time, workflow or trace than was asked for." in found["coverage"]["findings"]


def test_an_export_of_another_time_is_told_of_though_another_source_is_away(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps({**record(1, 0), "created_at": (QUESTION.start - timedelta(days=1)).isoformat()}))

    folder = collect(QUESTION, Settings(prometheus={"url": "http://127.0.0.1:9"}), tmp_path / "incident",
                     records_files=(export,))  # fmt: skip

    told = [text for source in folder.manifest["sources"] for text in source["coverage"]["missing"]]
    assert any("none is of the window" in text for text in told)
    assert folder.completeness == "partial"


def test_nobody_is_asked_where_an_earlier_snapshot_has_lost_its_records(tmp_path: Path) -> None:
    """What came could be added to nothing; that is said at once."""
    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps(record(1, 20)))
    collect(QUESTION, Settings(), tmp_path / "incident", records_files=(export,))
    (tmp_path / "incident" / "evidence" / "001" / "records.parquet").unlink()
    export.unlink()

    with pytest.raises(
        EvidenceError, match=r"evidence/001/records\.parquet is missing\.\nNext: Restore it from a copy"
    ):
        collect(QUESTION, Settings(), tmp_path / "incident", records_files=(export,))
