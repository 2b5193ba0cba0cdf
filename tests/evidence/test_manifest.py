"""What of a snapshot is not as it was collected is named by its place and in words."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.manifest import (
    Change,
    check_frames,
    find_links,
    find_pipes,
    find_set_aside,
    find_snapshots,
    read_manifest,
    refuse_links,
    refuse_pipes,
    verify,
    worst,
    write_manifest,
)

# What every manifest says, beside its files.
SAID: dict[str, Any] = {
    "incident": {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T15:00:00+00:00", "workflow_id": None,
                 "trace_id": None},
    "started_at": "2026-03-02T15:00:00+00:00", "finished_at": "2026-03-02T15:00:01+00:00", "sources": [],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one snapshot of two files, a plan, and the log that knows them."""
    directory = tmp_path / "incident"
    snapshot = directory / "evidence" / "001"
    (snapshot / "raw").mkdir(parents=True)
    (snapshot / "quarantine").mkdir()
    (snapshot / "raw" / "1.zst").write_bytes(b"page")
    (snapshot / "records.parquet").write_bytes(b"rows")
    sha256 = write_manifest(snapshot, {**SAID, "snapshot": "001", "at": "ж"})
    (directory / "republish").mkdir()
    plan = directory / "republish" / "plan-001.json"
    plan.write_bytes(b"plan")
    audit_log.append(directory, "collect", snapshot="001", manifest_sha256=sha256)
    audit_log.append(directory, "republish plan", wrote=audit_log.hash_of(directory, plan))
    return directory


def named(directory: Path) -> list[tuple[str, str]]:
    return [(one.path, one.what) for one in verify(directory)]


def rewrite(directory: Path, **changed: Any) -> None:
    """Another manifest, which the log knows."""
    path = directory / "evidence" / "001" / "manifest.json"
    body = json.dumps(json.loads(path.read_bytes()) | changed).encode()
    path.write_bytes(body)
    audit_log.append(directory, "collect", snapshot="001", manifest_sha256=hashlib.sha256(body).hexdigest())


def test_a_manifest_names_every_file_with_its_hash_and_size_and_is_read_again(folder: Path) -> None:
    snapshot = folder / "evidence" / "001"
    body = (snapshot / "manifest.json").read_bytes()

    assert read_manifest(snapshot) == {
        **SAID, "schema": 1, "snapshot": "001", "at": "ж",
        "files": {
            "raw/1.zst": {"bytes": 4, "sha256": hashlib.sha256(b"page").hexdigest()},
            "records.parquet": {"bytes": 4, "sha256": hashlib.sha256(b"rows").hexdigest()},
        },
    }  # fmt: skip
    assert body.isascii()
    assert body == json.dumps(json.loads(body), indent=1, sort_keys=True).encode() + b"\n"
    assert write_manifest(snapshot, {**SAID, "snapshot": "001", "at": "ж"}) == hashlib.sha256(body).hexdigest()
    assert (snapshot / "manifest.json").read_bytes() == body


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b"1", b"{}", b'{"files": {}}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_refused(content: bytes | None, folder: Path) -> None:
    path = folder / "evidence" / "001" / "manifest.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(EvidenceError, match="The manifest of snapshot 001 is missing or was changed"):
        read_manifest(folder / "evidence" / "001")
    assert named(folder) == [("evidence/001/manifest.json", "is missing" if content is None else "was changed")]


@pytest.mark.parametrize("schema", [True, 1.0, "1", None, "\x1b[2J"])
def test_a_manifest_whose_schema_is_no_whole_number_was_changed(schema: Any, folder: Path) -> None:
    """Nothing of it is shown."""
    rewrite(folder, schema=schema)

    with pytest.raises(EvidenceError, match="snapshot 001 is missing or was changed"):
        read_manifest(folder / "evidence" / "001")
    assert named(folder) == [("evidence/001/manifest.json", "was changed")]


@pytest.mark.parametrize("schema", [0, 2])
def test_a_manifest_of_another_dlqkit_is_refused_by_its_number(schema: int, folder: Path) -> None:
    rewrite(folder, schema=schema)

    with pytest.raises(EvidenceError, match=f"of another dlqkit \\(schema {schema}\\)"):
        read_manifest(folder / "evidence" / "001")
    assert named(folder) == [("evidence/001/manifest.json", "was changed")]


def test_the_least_complete_of_several_counts() -> None:
    assert worst([]) == "complete"
    assert worst(["complete", "unverified", "complete"]) == "unverified"
    assert worst(["partial", "unverified"]) == worst(["unverified", "partial"]) == "partial"


def test_snapshots_are_the_folders_with_a_number_for_a_name(folder: Path) -> None:
    for name in ("010", "002", "003.part", "004.interrupted-1", "003.interrupted-2", "x"):
        (folder / "evidence" / name).mkdir()
    (folder / "evidence" / "005").touch()
    (folder / "evidence" / "006.interrupted-1").touch()

    assert find_snapshots(folder) == ["001", "002", "010"]
    assert find_set_aside(folder) == ["003.interrupted-2", "004.interrupted-1"]
    assert find_snapshots(folder / "nowhere") == find_set_aside(folder / "nowhere") == []


def test_a_folder_as_it_was_collected_has_no_change(folder: Path) -> None:
    assert named(folder) == []
    audit_log.append(folder, "postmortem", snapshot="001")
    assert named(folder) == []
    assert named(folder.parent / "nowhere") == []


def test_each_file_that_was_changed_removed_or_added_is_named(folder: Path) -> None:
    snapshot = folder / "evidence" / "001"
    (snapshot / "records.parquet").write_bytes(b"rowx")
    assert named(folder) == [("evidence/001/records.parquet", "was changed")]
    (snapshot / "records.parquet").write_bytes(b"rows and more")
    assert named(folder) == [("evidence/001/records.parquet", "was changed")]
    (snapshot / "records.parquet").unlink()
    assert named(folder) == [("evidence/001/records.parquet", "is missing")]
    (snapshot / "records.parquet").mkdir()
    assert named(folder) == [("evidence/001/records.parquet", "is missing")]
    (snapshot / "records.parquet").rmdir()
    (snapshot / "records.parquet").write_bytes(b"rows")
    (snapshot / "more").mkdir()
    (snapshot / "more" / "raw").mkdir()
    (snapshot / "raw" / "2.zst").touch()
    assert named(folder) == [(f"evidence/001/{name}", "was added") for name in ("more", "more/raw", "raw/2.zst")]


def test_a_snapshot_without_pages_keeps_its_empty_folders(folder: Path) -> None:
    snapshot = folder / "evidence" / "002"
    for name in ("raw", "quarantine", "more"):
        (snapshot / name).mkdir(parents=True)
    sha256 = write_manifest(snapshot, SAID)
    audit_log.append(folder, "collect", snapshot="002", manifest_sha256=sha256)

    assert named(folder) == [("evidence/002/more", "was added")]


def test_a_manifest_that_the_log_does_not_know_or_knows_otherwise_is_named(folder: Path) -> None:
    path = folder / "evidence" / "001" / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"001"', b'"002"'))
    assert named(folder) == [("evidence/001/manifest.json", "was changed")]
    path.write_bytes(whole)
    shutil.copytree(folder / "evidence" / "001", folder / "evidence" / "002")
    assert named(folder) == [("evidence/002/manifest.json", "is not in audit.jsonl")]


@pytest.mark.parametrize("files", [None, [], {"x": None}, {"x": {}}, {"x": {"bytes": "y", "sha256": ""}},
                                   {"x": {"bytes": 1}}, {"x": {"bytes": float("inf"), "sha256": ""}}])  # fmt: skip
def test_a_manifest_that_names_no_files_was_changed(files: object, folder: Path) -> None:
    rewrite(folder, files=files)

    assert named(folder) == [("evidence/001/manifest.json", "was changed")]


def test_a_snapshot_that_is_gone_is_missing_unless_it_is_under_way_or_was_set_aside(folder: Path) -> None:
    evidence = folder / "evidence"
    evidence.joinpath("001").rename(folder.parent / "kept")
    assert named(folder) == [("evidence/001", "is missing")]
    (evidence / "001.part" / "snapshot").mkdir(parents=True)
    assert named(folder) == []
    (evidence / "001.part").rename(evidence / "001.interrupted-1")
    audit_log.append(folder, "set aside", snapshot="001", kept_as="001.interrupted-1")
    assert named(folder) == []
    audit_log.append(folder, "look", snapshot="001", manifest_sha256="x", wrote="x")
    assert named(folder) == []


def test_a_manifest_of_another_form_is_named_and_so_is_all_else_that_was_changed(folder: Path) -> None:
    """The log of a stranger's folder may know it; what it says of its files is looked at nonetheless."""
    rewrite(folder, started_at="some day")
    (folder / "evidence" / "001" / "records.parquet").write_bytes(b"rws")
    assert named(folder) == [
        ("evidence/001/manifest.json", "is not as dlqkit writes it"),
        ("evidence/001/records.parquet", "was changed"),
    ]


def test_what_lies_beside_the_snapshots_is_named(folder: Path) -> None:
    evidence = folder / "evidence"
    for name in ("002.part", ".lock", "12.part", "003.part2", "x", ".locks"):
        (evidence / name).mkdir()
    (evidence / "004").touch()

    assert named(folder) == [
        (f"evidence/{name}", "was added") for name in (".locks", "003.part2", "004", "12.part", "x")
    ]


def test_a_written_file_is_known_by_its_hash(folder: Path) -> None:
    plan = folder / "republish" / "plan-001.json"
    plan.write_bytes(b"Plan")
    assert named(folder) == [("republish/plan-001.json", "was changed")]
    plan.unlink()
    assert named(folder) == [("republish/plan-001.json", "is missing")]
    plan.mkdir()
    assert named(folder) == [("republish/plan-001.json", "is missing")]


def test_a_written_file_that_still_waits_for_its_name_is_not_missing(folder: Path) -> None:
    """A kill came between the line of the log and the file; of other bytes, or as a link, it proves nothing."""
    plan = folder / "republish" / "plan-001.json"
    waiting = plan.with_name(".plan-001.json.prepared")
    plan.rename(waiting)
    assert named(folder) == []
    waiting.write_bytes(b"Plan")
    assert named(folder) == [("republish/plan-001.json", "is missing")]
    waiting.unlink()
    waiting.mkdir()
    assert named(folder) == [("republish/plan-001.json", "is missing")]
    waiting.rmdir()
    (folder.parent / "outside").write_bytes(b"plan")
    waiting.symlink_to(folder.parent / "outside")
    assert ("republish/plan-001.json", "is missing") in named(folder)


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a/b/c.json", "x.json", "a/x", "A/x.json", "a/../x.json"])
def test_a_log_cannot_have_a_file_outside_of_the_folder_read(name: str, folder: Path) -> None:
    """A stranger's log may name any file of this machine."""
    audit_log.append(folder, "republish plan", wrote={name: "0" * 64})

    assert named(folder) == []


def test_a_pin_is_known_by_its_hash_and_its_picture_by_its_name(folder: Path) -> None:
    """One that was taken back is gone, and its line stays."""
    pins = folder / "pins"
    pins.mkdir()
    picture = pins / f"{hashlib.sha256(b'png').hexdigest()[:16]}.png"
    picture.write_bytes(b"png")
    for number in (1, 2):
        (pins / f"00{number}.json").write_text(f"pin {number}")
        audit_log.append(folder, "pinned", note="", sha256=hashlib.sha256(f"pin {number}".encode()).hexdigest())
    (pins / "other.txt").write_text("x")
    (pins / "004.json").mkdir()
    (pins / "005.json").symlink_to(picture)
    assert named(folder) == [("pins/005.json", "is a link")]

    (pins / "005.json").unlink()
    (pins / "001.json").unlink()
    assert named(folder) == []
    audit_log.append(folder, "look", sha256=hashlib.sha256(b"pin 3").hexdigest())
    (pins / "003.json").write_text("pin 3")
    (pins / "002.json").write_text("pin 1 ")
    picture.write_bytes(b"pnG")
    what = "is not as it was pinned"
    assert named(folder) == [("pins/002.json", what), ("pins/003.json", what), (f"pins/{picture.name}", what)]


@pytest.mark.parametrize(("size", "is_read"), [(32 << 20, True), ((32 << 20) + 1, False)])
def test_a_picture_larger_than_any_is_not_read(size: int, is_read: bool, folder: Path) -> None:
    """A file of holes takes no room and would be read for hours."""
    content = bytes(size)
    path = folder / "pins" / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    path.parent.mkdir()
    path.write_bytes(content)

    assert named(folder) == ([] if is_read else [(f"pins/{path.name}", "is not as it was pinned")])


def test_a_folder_of_pins_that_is_a_link_is_not_gone_into(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "001.json").write_text("x")
    (folder / "pins").symlink_to(elsewhere)

    assert named(folder) == [("pins", "is a link")]


def test_a_log_that_is_gone_is_missing(folder: Path) -> None:
    (folder / "audit.jsonl").unlink()
    (folder / "audit.head").unlink()

    assert named(folder) == [("evidence/001/manifest.json", "is not in audit.jsonl"), ("audit.jsonl", "is missing")]
    shutil.rmtree(folder / "evidence")
    assert named(folder) == []


def test_each_link_is_named_once_and_what_it_leads_to_is_not_looked_at(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "x").write_text("x")
    snapshot = folder / "evidence" / "001"
    (snapshot / "records.parquet").unlink()
    (snapshot / "records.parquet").symlink_to(outside / "x")
    (folder / "republish" / "plan-001.json").unlink()
    (folder / "republish" / "plan-001.json").symlink_to(outside / "x")
    (folder / "evidence" / "002").symlink_to(outside)
    (folder / "evidence" / "y").symlink_to(outside / "nowhere")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "own").symlink_to(outside)
    (folder / "evidence" / "003.part" / "notebooks").mkdir(parents=True)
    (folder / "evidence" / "003.part" / "notebooks" / "z").symlink_to(outside)

    links = ["evidence/001/records.parquet", "evidence/002", "evidence/003.part/notebooks/z", "evidence/y",
             "republish/plan-001.json"]  # fmt: skip
    assert find_links(folder) == links
    assert named(folder) == [(name, "is a link") for name in links]
    with pytest.raises(EvidenceError, match=r"evidence/001/records\.parquet in incident is a link"):
        refuse_links(folder)


def test_a_folder_without_links_is_worked_in(folder: Path) -> None:
    refuse_links(folder)
    refuse_pipes(folder)
    assert find_pipes(folder) == []


def test_a_pipe_is_found_wherever_one_may_be_read_and_told_from_a_link(folder: Path) -> None:
    (folder / "notebooks").mkdir()
    for name in ("evidence/001/x", "notebooks/y", "a"):
        os.mkfifo(folder / name)
    (folder / "link").symlink_to(folder.parent / "nowhere")

    assert find_pipes(folder) == ["a", "evidence/001/x"]
    assert find_links(folder) == ["link"]
    for refuse in (refuse_pipes, refuse_links):
        with pytest.raises(EvidenceError, match=r"^a in incident is a pipe, a socket or a device"):
            refuse(folder)
    with pytest.raises(EvidenceError, match=r"^evidence/001/x in incident is a pipe"):
        refuse_pipes(folder, re.compile("evidence/.*"))
    refuse_pipes(folder, re.compile("evidence"))


def test_an_evidence_folder_that_is_a_link_is_named_and_not_gone_into(folder: Path) -> None:
    (folder / "evidence").rename(folder.parent / "evidence")
    (folder / "evidence").symlink_to(folder.parent / "evidence")
    (folder.parent / "evidence" / "x").touch()

    assert ("evidence", "is a link") in named(folder)
    assert ("evidence/x", "was added") not in named(folder)


def test_a_change_is_a_value() -> None:
    change = Change("a", "was changed")

    assert {change} == {Change("a", "was changed")}
    with pytest.raises(AttributeError):
        change.what = "is fine"  # type: ignore[misc]


MEASURE = """
import sys
from pathlib import Path
from dlqkit.errors import EvidenceError
from dlqkit.evidence.manifest import read_manifest
def peak():
    said = Path("/proc/self/status").read_text().split()
    return int(said[said.index("VmHWM:") + 1]) / 1024
before = peak()
try:
    print(len(read_manifest(Path(sys.argv[1]))["files"]))
except EvidenceError as error:
    print(error.problem)
print(peak() - before)
"""


def read_apart(folder: Path) -> tuple[str, float]:
    """What is read of a manifest, and the megabytes that it took, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    said, grown = done.stdout.splitlines()
    return said, float(grown)


@pytest.mark.parametrize("value", ["[],", "{},", '"",', '{"a":1},'])
def test_a_manifest_of_millions_of_values_is_refused_and_takes_little_memory(value: str, folder: Path) -> None:
    """Each takes three bytes of the file and a hundred of the memory; it comes with a folder of somebody else's."""
    place = folder / "evidence" / "001"
    body = json.dumps({"schema": 1, **SAID, "files": {}})[:-1]
    (place / "manifest.json").write_text(f'{body}, "more": [{value * ((40 << 20) // len(value))}0]}}')

    said, grown = read_apart(place)

    assert said == "The manifest of snapshot 001 is missing or was changed."
    assert grown < 150


def test_a_manifest_of_a_hundred_thousand_pages_is_read(folder: Path) -> None:
    """Each with what was put apart of it: two files."""
    place = folder / "evidence" / "001"
    files = {f"{kind}/01-records-of-a-workflow-{n:06d}.json.zst": {"sha256": "a" * 64, "bytes": 1_000_000 + n}
             for n in range(100_000) for kind in ("quarantine", "raw")}  # fmt: skip
    (place / "manifest.json").write_text(json.dumps({"schema": 1, **SAID, "files": files}, indent=1, sort_keys=True))

    said, _ = read_apart(place)

    assert said == "200000"


def _snapshot(directory: Path, number: str, *names: str) -> Path:
    folder = directory / "evidence" / number
    (folder / "raw").mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"rows")
    write_manifest(folder, {**SAID, "snapshot": number})
    return folder


@pytest.mark.parametrize("gone", ["records.parquet", "alerts.parquet"])
def test_a_frame_that_is_missing_from_the_newest_snapshot_is_not_read_as_no_rows(gone: str, tmp_path: Path) -> None:
    folders = [_snapshot(tmp_path, number, "records.parquet", "alerts.parquet") for number in ("001", "002")]
    check_frames(folders)
    (folders[1] / gone).unlink()

    with pytest.raises(EvidenceError) as refused:
        check_frames(folders)

    assert refused.value.problem == f"evidence/002/{gone} is missing."


def test_of_an_earlier_snapshot_those_frames_are_needed_that_later_ones_add_to(tmp_path: Path) -> None:
    folders = [_snapshot(tmp_path, number, "records.parquet", "alerts.parquet") for number in ("001", "002")]
    (folders[0] / "alerts.parquet").unlink()
    check_frames(folders)
    (folders[0] / "records.parquet").unlink()

    with pytest.raises(EvidenceError, match=r"evidence/001/records\.parquet is missing"):
        check_frames(folders)


def test_files_of_a_snapshot_that_are_no_frames_are_not_asked_for(tmp_path: Path) -> None:
    """A page that is gone is named by verify; what is computed of the frames can still be read."""
    folder = _snapshot(tmp_path, "001", "records.parquet", "raw/1.zst", "records.parquet.bak")
    (folder / "raw" / "1.zst").unlink()
    (folder / "records.parquet.bak").unlink()

    check_frames([folder])
