"""A snapshot under way, and how it gets its name in the end.

``evidence/NNN.part`` holds ``state.json`` (what was asked so far), ``frames/`` (one Parquet file for each frame of each
source), ``asked/`` (which page answered what) and ``snapshot/``, which becomes ``evidence/NNN`` by one rename. Until
that rename a part can be gone on with, whatever stopped it; after it only the working files are left to remove.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import SourceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import RECORD_VERSION, SAME_MESSAGE
from dlqkit.evidence.frame_stream import FrameWriter, join_records
from dlqkit.evidence.kept_pages import KeptPages, note_page
from dlqkit.evidence.manifest import MOST_BYTES as MANIFEST_BYTES
from dlqkit.evidence.manifest import NAME as MANIFEST
from dlqkit.evidence.manifest import write_manifest
from dlqkit.evidence.store import (
    move_folder,
    read_bounded,
    read_frame,
    remove_file,
    remove_folder,
    write_bytes,
    write_frame,
    write_raw,
)
from dlqkit.frames import RECORD_CONTENT, SAMPLES, SERIES, Coverage
from dlqkit.incident import Incident
from dlqkit.sources.clock_ahead import Clocks
from dlqkit.sources.record_repair import Quarantined

__all__ = ["LAYOUT", "STATE", "Asking", "Part", "is_partial", "name_snapshot", "question_of"]

STATE, ASKED = "state.json", "asked"
# Of the part's folder; another one was left by another dlqkit and is set aside rather than guessed at.
LAYOUT = 4
_STACKED = ("records", "histograms", "metrics_page", "worker_logs", "support_reports", "originals")


def question_of(incident: Incident) -> dict[str, Any]:
    """The question as plain JSON values."""
    return {
        "workflow_id": incident.workflow_id,
        "trace_id": incident.trace_id,
        "start": incident.start.isoformat(),
        "end": incident.end.isoformat(),
    }


def _prefix(number: int, kind: str) -> str:
    return f"{number:02d}-{re.sub('[^a-z]+', '-', kind)}"


def _number_of(source: Mapping[str, Any]) -> int:
    return int(str(source["evidence_id"]).split("/")[1])


def is_partial(source: Mapping[str, Any]) -> bool:
    """Whether a source's entry in the manifest says that it failed or was cut off."""
    return bool(source["coverage"]["completeness"] == "partial")


@dataclass(slots=True)
class Asking:
    """One source being asked: its pages are kept as they come, under a number of its own."""

    part: Part
    number: int
    kind: str
    query: str
    pages: int = 0
    masked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """What the names of its files begin with."""
        return _prefix(self.number, self.kind)

    def keep(
        self,
        body: bytes,
        *,
        form: str = "json",
        masked: int = 0,
        original_sha256: str | None = None,
        quarantined: Sequence[Quarantined] = (),
        request_id: str | None = None,
    ) -> None:
        """Keep a page as it came, what was masked in it, what in it was no record, and which request it answers."""
        self.pages += 1
        name = f"raw/{self.prefix}-{self.pages:04d}.{form}.zst"
        if not self.part.clocks.is_saved:
            # Before the page, of which nothing more is to be learned once it is kept.
            self.part.save()
        if masked:
            # Said before the page is there, so that no kill leaves a masked page that looks like the original.
            self.masked.append({"file": name, "places": masked, "original_sha256": original_sha256})
            self.part.save()
        write_raw(self.part.snapshot / name, body)
        if quarantined:
            self._put_apart(quarantined)
        if request_id is not None:
            note_page(self.part.path / ASKED / f"{self.prefix}.jsonl", request_id, Path(name))

    def put_apart(self, quarantined: Sequence[Quarantined]) -> None:
        """Keep rows that are no records, of a file that is not kept itself."""
        self.pages += 1
        self._put_apart(quarantined)

    def _put_apart(self, quarantined: Sequence[Quarantined]) -> None:
        path = self.part.snapshot / f"quarantine/{self.prefix}-{self.pages:04d}.jsonl.zst"
        write_raw(path, b"".join(map(_line_of, quarantined)))

    def write(self, name: str) -> FrameWriter:
        """A writer of one of its frames, for rows that come page by page."""
        return FrameWriter(self.part.path / "frames" / f"{self.prefix}-{name}.parquet")

    def to_json(self) -> dict[str, Any]:
        """What a later run must know of it, if this one is killed."""
        return {"number": self.number, "kind": self.kind, "query": self.query, "masked": self.masked}


@dataclass(slots=True)
class Part:
    """A snapshot under way: its folder, its question, and what is already there."""

    path: Path
    incident: Incident
    started_at: datetime
    sources: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """Of the snapshot as a whole, one sentence each."""
    errors: list[SourceError] = field(default_factory=list)
    retry: set[str] = field(default_factory=set)
    """Evidence ids of attempts that failed and are to be made again."""
    asking: Asking | None = None
    last_number: int = 0
    """Of all sources so far: a number is never given twice, even if its attempt is given up."""
    clocks: Clocks = field(init=False)
    """What was seen of them by any source so far."""

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.started_at)

    @property
    def number(self) -> str:
        """Of the snapshot to be."""
        return self.path.name.removesuffix(".part")

    @property
    def snapshot(self) -> Path:
        """What becomes the snapshot: pages, merged frames, manifest."""
        return self.path / "snapshot"

    def has(self, kind: str, query: str) -> bool:
        """Whether that was asked and need not be asked again."""
        return any(
            (source["kind"], source["query"]) == (kind, query) and source["evidence_id"] not in self.retry
            for source in self.sources
        )

    def save(self) -> None:
        """Write down how far it is."""
        state = {
            "layout": LAYOUT,
            "incident": question_of(self.incident),
            "started_at": self.started_at.isoformat(),
            "last_number": self.last_number,
            "asking": self.asking.to_json() if self.asking is not None else None,
            "sources": self.sources,
            "clocks": {"records_s": self.clocks.records_s, "server_s": self.clocks.server_s},
        }
        write_bytes(self.path / STATE, json.dumps(state, ensure_ascii=True, indent=1).encode())
        self.clocks.is_saved = True

    # --- one source

    def ask(self, kind: str, query: str) -> Asking:
        """Begin to ask a source."""
        self.last_number += 1
        self.asking = Asking(self, self.last_number, kind, query)
        self.save()
        return self.asking

    def answered(
        self,
        asking: Asking,
        source: str,
        coverage: Coverage,
        frames: Mapping[str, pd.DataFrame],
        *,
        again: bool = False,
    ) -> None:
        """Keep what a source answered; with ``again`` it is to be asked once more."""
        for name, frame in frames.items():
            if len(frame):
                write_frame(self.path / "frames" / f"{asking.prefix}-{name}.parquet", frame)
        entry: dict[str, Any] = {
            "evidence_id": f"{self.number}/{asking.number}",
            "kind": asking.kind,
            "source": source,
            "query": asking.query,
            "coverage": coverage.to_json(),
            "masked": list(asking.masked),
        }
        given_up = [one for one in self.sources if self._is_better(entry, than=one)]
        self.sources = [one for one in self.sources if one not in given_up] + [entry]
        self.asking = None
        if again:
            self.retry.add(entry["evidence_id"])
        self.save()
        # Only now: a kill before this leaves files of no source, which the next run removes.
        for one in given_up:
            for path in self.files_of(one):
                remove_file(path)

    def _is_better(self, entry: Mapping[str, Any], *, than: Mapping[str, Any]) -> bool:
        """Whether an earlier attempt may be given up: never for one that brought less."""
        if than["evidence_id"] not in self.retry:
            return False
        if (than["kind"], than["query"]) != (entry["kind"], entry["query"]):
            return False
        rows = entry["coverage"]["rows"] >= than["coverage"]["rows"]
        pages = len(list(self.files_of(entry))) >= len(list(self.files_of(than)))
        return not is_partial(entry) or (rows and pages)

    def kept_pages(self, kind: str, query: str) -> KeptPages:
        """The pages of attempts at a question that did not end well."""
        pages = KeptPages()
        for one in reversed(self.sources):
            if (one["kind"], one["query"]) == (kind, query) and one["evidence_id"] in self.retry:
                prefix = _prefix(_number_of(one), kind)
                pages.add(self.path / ASKED / f"{prefix}.jsonl", self.snapshot / "raw", one["masked"])
        return pages

    def files_of(self, source: Mapping[str, Any]) -> Iterator[Path]:
        """Everything that belongs to one source: pages, what was put apart, frames."""
        prefix = _prefix(_number_of(source), source["kind"])
        for path in self.files():
            if _belongs(path, prefix):
                yield path

    def files(self) -> list[Path]:
        """What belongs to any source."""
        folders = (self.snapshot / "raw", self.snapshot / "quarantine", self.path / "frames")
        return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]

    def frames(self, name: str) -> Iterator[Path]:
        """The Parquet files of a frame, in the order in which the sources were asked."""
        for source in self.sources:
            path = self.path / "frames" / f"{_prefix(_number_of(source), source['kind'])}-{name}.parquet"
            if path.is_file():
                yield path

    # --- the whole

    def merge(self) -> None:
        """Write the frames of all sources as one Parquet file each."""
        for name in _STACKED:
            target = self.snapshot / f"{name}.parquet"
            if name == "records" and (paths := list(self.frames(name))):
                join_records(paths, target, RECORD_VERSION, RECORD_CONTENT)
                continue
            parts = [read_frame(path, {}) for path in self.frames(name)]
            if not parts:
                remove_file(target)
                continue
            whole = pd.concat(parts, ignore_index=True)
            if name == "originals":
                whole = whole.drop_duplicates(SAME_MESSAGE, keep="last")
            write_frame(target, whole)
        self._merge_samples()

    def _merge_samples(self) -> None:
        samples, series, offset = [], [], 0
        for path in self.frames("series"):
            own = read_frame(path, SERIES)
            values = read_frame(path.with_name(path.name.replace("-series.", "-samples.")), SAMPLES)
            series.append(own.assign(series_id=(own["series_id"] + offset).astype("Int32")))
            samples.append(values.assign(series_id=(values["series_id"] + offset).astype("Int32")))
            offset += len(own)
        if not series:
            remove_file(self.snapshot / "series.parquet")
            remove_file(self.snapshot / "samples.parquet")
            return
        every = pd.concat([one.astype(dict.fromkeys(one.columns[1:], "str")) for one in series], ignore_index=True)
        write_frame(self.snapshot / "series.parquet", every)
        write_frame(self.snapshot / "samples.parquet", pd.concat(samples, ignore_index=True))

    def finish(self, root: Path, values: Mapping[str, Any]) -> None:
        """Name the part a snapshot, once all of it is on the disk.

        Raises
        ------
        SourceError
            If every source failed; pages that came before are kept, and the same command goes on.
        """
        if self.errors and all(is_partial(one) and not _was_read(one) for one in self.sources):
            if not self.files():
                remove_folder(self.path)
            first = self.errors[0]
            raise type(first)(first.problem, " ".join([first.next_step, *self.findings])) from first
        self.merge()
        write_manifest(self.snapshot, values)
        name_snapshot(root, self.path)


def _was_read(source: Mapping[str, Any]) -> bool:
    """Whether something came, though none of it may be of what was asked for."""
    coverage = source["coverage"]
    return bool(coverage["rows"] or coverage["details"].get("records_read"))


def name_snapshot(root: Path, path: Path) -> None:
    """Make a part with a manifest, which is written last of all, the snapshot that it is."""
    manifest = path / "snapshot" / MANIFEST
    body = read_bounded(manifest, MANIFEST_BYTES)
    manifest_sha256 = hashlib.sha256(body).hexdigest()
    if not any(entry.get("manifest_sha256") == manifest_sha256 for entry in audit_log.read(root)):
        audit_log.append(
            root, "collect", snapshot=path.name.removesuffix(".part"), manifest_sha256=manifest_sha256,
            sources=[{"kind": source["kind"], "rows": source["coverage"]["rows"],
                      "completeness": source["coverage"]["completeness"]} for source in json.loads(body)["sources"]],
        )  # fmt: skip
    move_folder(path / "snapshot", path.with_name(path.name.removesuffix(".part")))
    remove_folder(path)


def _line_of(element: Quarantined) -> bytes:
    """Of the quarantine: as text where it is one, else its bytes in base64."""
    try:
        what = {"text": element.raw.decode()}
    except UnicodeDecodeError:
        what = {"base64": base64.b64encode(element.raw).decode()}
    return json.dumps({"reason": element.reason, **what}, ensure_ascii=True).encode() + b"\n"


def _belongs(path: Path, prefix: str) -> bool:
    # Digits or a frame's name follow: "…-records-trace" must not take what is of "…-records-trace-ids".
    rest = path.name.removeprefix(f"{prefix}-")
    return rest != path.name and re.fullmatch(r"[0-9]{4,}\..+|[a-z_]+\.parquet", rest) is not None
