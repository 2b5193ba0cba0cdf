"""What is there: an incident folder, one of its snapshots, and the frames of it and the ones before."""

from __future__ import annotations

import errno
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.engines.choose import Engine, check_engine, choose_engine
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence.forms import check_question
from dlqkit.evidence.looks import merge_looks
from dlqkit.evidence.manifest import (
    check_frames,
    find_snapshots,
    read_manifest,
    refuse_links,
    refuse_pipes,
    worst,
)
from dlqkit.evidence.store import check_columns, read_frame, read_words, write_bytes
from dlqkit.frames import (
    HISTOGRAMS,
    NEEDED,
    ORIGINALS,
    RECORD_STATE,
    RECORDS,
    SAMPLES,
    SERIES,
    SUPPORT_REPORTS,
    WORKER_LOGS,
    Completeness,
    Coverage,
    Loaded,
    empty_frame,
)
from dlqkit.incident import Incident, TimeWindow, parse_time
from dlqkit.language import mark
from dlqkit.notebook_html import Shown
from dlqkit.suggestions import suggest_folder

if TYPE_CHECKING:
    from dlqkit.settings import Settings

if TYPE_CHECKING:
    import narwhals as nw

__all__ = ["IncidentFolder", "open_incident", "read_incident", "write_incident"]

DEAD_LETTERS, EXPORT = "records: dead letters", "records: export"
TRACE_RECORDS, WORKFLOW_RECORDS = "records: trace", "records: workflow"
# What sources.execution_logs says of such an answer: cut or not, it is whole back to its oldest record.
NEWEST_FIRST = mark("Records come newest first.")
# Two looks at one record are the same row unless something about its fate changed in between.
RECORD_VERSION = list(RECORD_STATE)

# An id is of its topic alone; two subscriptions of one topic bring the same message.
SAME_MESSAGE = ["message_id", "published_at", "payload_sha256"]
ORIGINAL_MESSAGES = "dead-letter subscription"


def _is_empty(source: Mapping[str, Any]) -> bool:
    """Whether it is a subscription without a message, of which nobody knows whether another reader holds some."""
    coverage = Coverage.from_json(source["coverage"])
    return source["kind"] == ORIGINAL_MESSAGES and not coverage.rows and coverage.completeness == "unverified"


@dataclass(frozen=True, repr=False)
class IncidentFolder(Shown):
    """An incident folder, opened at one snapshot; frames hold that snapshot and the ones before it."""

    path: Path
    snapshot: str
    manifest: Mapping[str, Any]
    question: Mapping[str, Any]
    """What ``incident.toml`` says."""
    places: tuple[Path, ...] = field(repr=False)
    """The snapshots' folders, oldest first, the opened one last."""
    asked_engine: str = "auto"
    spark: Any = field(default=None, repr=False, compare=False)

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        asked = self.incident
        sources = [(one["kind"], Coverage.from_json(one["coverage"])) for one in self.manifest["sources"]]
        return f"Incident folder {self.path.name}, snapshot {self.snapshot}, {self.completeness}", [
            ("asked", asked.sentence),
            ("collected", f"{self.collected_at:%Y-%m-%d %H:%M:%S} UTC, {len(self.places)} of {len(self.snapshots)}"),
            ("sources", "; ".join(f"{kind}: {one.rows:,}, {one.completeness}" for kind, one in sources) or "none"),
            ("found out", " ".join(self.findings)),
        ]

    @property
    def snapshots(self) -> list[str]:
        """Numbers of all finished snapshots."""
        return find_snapshots(self.path)

    @property
    def display_path(self) -> Path:
        """How commands name the folder: the same wherever it lies, so that reports are equal."""
        return Path(self.path.name)

    @property
    def incident(self) -> Incident:
        """The question of this snapshot."""
        asked = self.manifest["incident"]
        return Incident(
            datetime.fromisoformat(asked["start"]),
            datetime.fromisoformat(asked["end"]),
            workflow_id=asked["workflow_id"],
            trace_id=asked["trace_id"],
        )

    @property
    def window(self) -> TimeWindow:
        """The time range of this snapshot's question; an earlier snapshot may have asked for more."""
        return self.incident.window

    @property
    def first_start(self) -> datetime:
        """The earliest start of a window in this snapshot and the ones before it."""
        return min(datetime.fromisoformat(one["incident"]["start"]).astimezone(UTC) for one in self.manifests)

    @property
    def findings(self) -> tuple[str, ...]:
        """One sentence for each thing to know of the snapshot as a whole, such as an interrupted one beside it."""
        return tuple(self.manifest.get("findings", ()))

    @cached_property
    def manifests(self) -> tuple[Mapping[str, Any], ...]:
        """Of this snapshot and the ones before it, oldest first."""
        return (*(read_manifest(place) for place in self.places[:-1]), self.manifest)

    @cached_property
    def dead_letters_known_from(self) -> datetime | None:
        """From when on no dead letter of the question is missing, over all snapshots up to this one.

        Returns
        -------
        datetime or None
            Where the time ranges begin that were read whole and that reach, one after the other without a hole, up to
            this snapshot's own. None if this snapshot's dead letters were not read whole back to any known time.

        Notes
        -----
        A range counts from what was asked for where the answer was complete; of a newest-first answer that was cut,
        from its oldest record; of an exported file, from its own first record. An earlier snapshot counts if its
        question includes this one's. A range ends when its snapshot was begun, as nobody knew what came after.
        """
        ranges = [span for one in self.manifests[:-1] if _includes(one, self.manifest) for span in _known_ranges(one)]
        own = _known_ranges(self.manifest)
        if not own:
            return None
        known = min(start for start, _ in own)
        for start, end in sorted(ranges, key=lambda span: span[1], reverse=True):
            if end >= known:
                known = min(known, start)
        return known

    @property
    def collected_at(self) -> datetime:
        """When the snapshot was done."""
        return datetime.fromisoformat(self.manifest["finished_at"]).astimezone(UTC)

    @property
    def completeness(self) -> Completeness:
        """The least of the sources' own, without that of subscriptions that gave nothing: no count rests on them."""
        return worst(
            [source["coverage"]["completeness"] for source in self.manifest["sources"] if not _is_empty(source)]
        )

    @property
    def metric_names(self) -> Mapping[str, str]:
        """Names of metrics that differ from the runbook's."""
        names: Mapping[str, str] = self.manifest.get("metrics", {})
        return names

    @property
    def notes(self) -> list[tuple[datetime, str]]:
        """What the analyst noted, with times."""
        out = []
        for note in self.question.get("notes", []):
            at = note["at"]
            if isinstance(at, datetime) and at.tzinfo is None:
                raise ParameterError("A note in incident.toml has a time without zone.", "Add Z or an offset to it.")
            # A time without quotes is TOML's own, and is held to what one in quotes is.
            out.append((parse_time(str(at)), str(note["text"])))
        return out

    def _about(self, workflow_id: str | None, name: str) -> Any:
        own = self.question.get("workflows", {}).get(workflow_id or "", {})
        return own.get(name, self.question.get("worker", {}).get(name))

    def max_attempts(self, workflow_id: str | None) -> int | None:
        """MAX_ATTEMPTS of a workflow where it is set."""
        value = self._about(workflow_id, "max_attempts")
        return None if value is None else int(value)

    def entity_key(self, workflow_id: str | None) -> tuple[str, ...]:
        """Paths of what an event is about, such as ``payload.customer_id``; empty where none is set."""
        value = self._about(workflow_id, "entity_key")
        return tuple(str(path) for path in value) if isinstance(value, list) else ()

    def action_timeout_ms(self, workflow_id: str | None) -> float | None:
        """The action's timeout of a workflow, milliseconds, where it is set."""
        value = self._about(workflow_id, "action_timeout_ms")
        return None if value is None else float(value)

    def workflow_name(self, workflow_id: str | None) -> str | None:
        """The name that people use for a workflow, where it is set."""
        own = self.question.get("workflows", {}).get(workflow_id or "", {})
        name: str | None = own.get("name")
        return name

    # --- what people add

    def pin(self, thing: object, note: str, *, evidence: str = "") -> Any:
        """Put a table, a figure or an observation into the post-mortem: ``dlqkit.pin``."""
        # By its public name: whatever can be shown stands above the evidence.
        return importlib.import_module("dlqkit").pin(self, thing, note, evidence=evidence)

    def unpin(self, number: int) -> None:
        """Take a pin out of the post-mortem again: ``dlqkit.unpin``."""
        importlib.import_module("dlqkit").unpin(self, number)

    # --- frames

    def _loaded(self, frame: pd.DataFrame, *kinds: str) -> Loaded:
        sources = self._sources(kinds)
        return Loaded(frame, self._covered(kinds, len(frame)), " ".join(one["evidence_id"] for one in sources))

    @property
    def records_coverage(self) -> Coverage:
        """What ``records`` says of its coverage, without loading them; ``rows`` is as many as were served."""
        return self._covered(("records",))

    def _sources(self, kinds: tuple[str, ...]) -> list[Mapping[str, Any]]:
        return [one for one in self.manifest["sources"] if one["kind"].startswith(kinds)]

    def _covered(self, kinds: tuple[str, ...], rows: int | None = None) -> Coverage:
        parts = [Coverage.from_json(one["coverage"]) for one in self._sources(kinds)]
        starts = [part.asked_start for part in parts if part.asked_start]
        ends = [part.asked_end for part in parts if part.asked_end]
        got_starts = [part.got_start for part in parts if part.got_start]
        got_ends = [part.got_end for part in parts if part.got_end]
        return Coverage(
            asked_start=min(starts, default=None),
            asked_end=max(ends, default=None),
            got_start=min(got_starts, default=None),
            got_end=max(got_ends, default=None),
            rows=sum(part.rows for part in parts) if rows is None else rows,
            quarantined=sum(part.quarantined for part in parts),
            completeness=worst([part.completeness for part in parts]),
            missing=tuple(sentence for part in parts for sentence in part.missing),
            findings=tuple(dict.fromkeys(sentence for part in parts for sentence in part.findings)),
        )

    @cached_property
    def _kept(self) -> dict[str, pd.DataFrame]:
        return {}

    def _stacked(self, name: str, columns: Mapping[str, str]) -> pd.DataFrame:
        if name not in self._kept:
            self._kept[name] = self._read(name, columns)
        return self._kept[name].copy(deep=False)

    def _read(self, name: str, columns: Mapping[str, str]) -> pd.DataFrame:
        frames = [read_frame(place / f"{name}.parquet", columns) for place in self.places]
        full = [frame for frame in frames if len(frame)]
        if not full:
            return empty_frame(columns)
        categories = {name: "category" for name, dtype in columns.items() if dtype == "category"}
        return pd.concat(full, ignore_index=True).astype(categories) if len(full) > 1 else full[0]

    @cached_property
    def _records(self) -> pd.DataFrame:
        return merge_looks([read_frame(place / "records.parquet", RECORDS, needed=NEEDED) for place in self.places])

    @cached_property
    def _samples_and_series(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All snapshots' samples under one numbering of the series."""
        numbers: dict[tuple[tuple[str, str], ...], int] = {}
        samples, series = [], []
        for place in self.places:
            own = read_frame(place / "series.parquet", SERIES)
            labels = [name for name in own.columns if name != "series_id"]
            known: dict[int, int] = {}
            fresh = []
            for row in own.astype(dict.fromkeys(labels, "object")).to_dict("records"):
                key = tuple((name, str(row[name])) for name in sorted(labels) if not pd.isna(row[name]))
                if key not in numbers:
                    numbers[key] = len(numbers)
                    fresh.append({**row, "series_id": numbers[key]})
                known[int(row["series_id"])] = numbers[key]
            part = read_frame(place / "samples.parquet", SAMPLES)
            if len(part):
                samples.append(part.assign(series_id=part["series_id"].map(known).astype("Int32")))
            if fresh:
                series.append(pd.DataFrame(fresh))
        if not series:
            return empty_frame(SAMPLES), empty_frame(SERIES)
        every = pd.concat(series, ignore_index=True)
        dtypes = {name: "category" for name in every.columns if name != "series_id"}
        merged = pd.concat(samples, ignore_index=True) if samples else empty_frame(SAMPLES)
        merged = merged.drop_duplicates(["series_id", "sampled_at"], keep="last")
        ordered = merged.sort_values(["series_id", "sampled_at"], kind="stable").reset_index(drop=True)
        return ordered, every.astype({**dtypes, "series_id": "Int32"})

    def records(self) -> Loaded:
        """``frames.RECORDS``; a record that changed between two looks is there once for each state."""
        return self._loaded(self._records, "records")

    @cached_property
    def engine(self) -> Engine:
        """Where ``scan`` runs: what was asked for, of ``auto`` pandas or DuckDB by the size of the records."""
        return choose_engine(self.asked_engine, self.record_files)

    @property
    def record_files(self) -> list[Path]:
        """The records of each snapshot that has some, oldest first."""
        return [file for place in self.places if (file := place / "records.parquet").is_file()]

    def scan(self, connection: Any = None) -> nw.LazyFrame[Any]:
        """The same records as a lazy frame on the folder's engine, for the answers of ``docs/scale.md``.

        On DuckDB on the connection that is given, if there is one.
        """
        # Only who scans waits for Narwhals and its engines.
        from dlqkit.engines.scan import scan_frame
        from dlqkit.evidence.scan import scan_snapshots

        if self.engine == "pandas":
            return scan_frame(self._records)
        check_columns(self.record_files, NEEDED)
        return scan_snapshots(self.record_files, RECORD_VERSION, self.engine, spark=self.spark, connection=connection)

    def samples(self) -> Loaded:
        """``frames.SAMPLES``."""
        return self._loaded(self._samples_and_series[0], "prometheus")

    def series(self) -> Loaded:
        """``frames.SERIES`` with a column for each label."""
        return self._loaded(self._samples_and_series[1], "prometheus")

    def histograms(self) -> Loaded:
        """``frames.HISTOGRAMS`` of this snapshot alone."""
        return self._loaded(read_frame(self.places[-1] / "histograms.parquet", HISTOGRAMS), "prometheus")

    def worker_logs(self) -> Loaded:
        """``frames.WORKER_LOGS``."""
        stacked = self._stacked("worker_logs", WORKER_LOGS)
        keys = ["logged_at", "trace_id", "message", "extra_json"]
        return self._loaded(stacked.drop_duplicates(keys).reset_index(drop=True), "worker logs")

    def support_reports(self) -> Loaded:
        """``frames.SUPPORT_REPORTS``."""
        stacked = self._stacked("support_reports", SUPPORT_REPORTS)
        return self._loaded(stacked.drop_duplicates().reset_index(drop=True), "support")

    def originals(self) -> Loaded:
        """``frames.ORIGINALS``: each message of the dead-letter subscriptions once, as it was last read."""
        stacked = self._stacked("originals", ORIGINALS)
        return self._loaded(
            stacked.drop_duplicates(SAME_MESSAGE, keep="last").reset_index(drop=True), ORIGINAL_MESSAGES
        )

    def metrics_pages(self) -> Loaded:
        """Values of the workers' own pages: ``frames.SAMPLES`` with ``metric`` and labels; this snapshot alone."""
        columns = {**SAMPLES, "metric": "category"}
        return self._loaded(read_frame(self.places[-1] / "metrics_page.parquet", columns), "worker page")


def _includes(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    """Whether a snapshot's question asks for everything that a later one's does."""
    return all(earlier["incident"][name] in (None, later["incident"][name]) for name in ("workflow_id", "trace_id"))


def _known_ranges(manifest: Mapping[str, Any]) -> list[tuple[datetime, datetime]]:
    """The time ranges of which a snapshot holds every dead letter of its question."""
    begun = datetime.fromisoformat(manifest["started_at"]).astimezone(UTC)
    kinds = {source["kind"] for source in manifest["sources"]}
    # A file holds what somebody put into it; where the API was asked, it tells more.
    kind = DEAD_LETTERS if DEAD_LETTERS in kinds else EXPORT
    out = []
    for source in manifest["sources"]:
        coverage = Coverage.from_json(source["coverage"])
        if source["kind"] != kind:
            continue
        end = min(coverage.asked_end or begun, begun)
        if kind == EXPORT:
            start = coverage.got_start
        elif coverage.completeness == "complete":
            start = coverage.asked_start or coverage.got_start
        else:
            start = coverage.got_start if NEWEST_FIRST in coverage.findings else None
        if start is not None and start < end:
            out.append((start, end))
    return out


# What even a look that allows links opens by its name.
_READ_BY_NAME = re.compile(r"incident\.toml|audit\..*|(republish|signatures)/.*", re.DOTALL)


def read_question(directory: Path, *, allow_links: bool = False) -> dict[str, Any]:
    """``incident.toml`` as it stands.

    Parameters
    ----------
    directory : Path
        The incident folder.
    allow_links : bool
        Only where nothing is written: a link in it may lead outside of the folder.

    Raises
    ------
    ParameterError
        If the folder is none of an incident, or the file cannot be read, is no TOML or longer than anybody writes.
    EvidenceError
        If there is a link in it.
    """
    path = directory / "incident.toml"
    if allow_links:
        refuse_pipes(directory, _READ_BY_NAME)
    else:
        refuse_links(directory)
    try:
        values = tomllib.loads(read_words(path))
        check_question(values)
        return values
    except FileNotFoundError:
        raise ParameterError(
            f"{directory} is no incident folder: it has no incident.toml.",
            suggest_folder(directory) or f"Make it by: dlqkit collect {shlex.quote(str(directory))} --since 2h",
        ) from None
    except RecursionError as error:
        raise ParameterError("incident.toml is nested deeper than anything is that it may hold.", "Mend it.") from error
    except UnicodeDecodeError as error:
        raise ParameterError("incident.toml is not UTF-8 text.", "Save it as UTF-8.") from error
    except ValueError as error:
        raise ParameterError(f"incident.toml cannot be read: {error}.", "Mend that line.") from error
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise ParameterError(f"{directory} is no incident folder: {error.strerror}.", "Check the path.") from None
        raise ParameterError(
            f"incident.toml cannot be read: {error.strerror}.", "See that it is a file, and that you may read it."
        ) from error


def read_incident(directory: Path | str) -> Incident:
    """The question of an incident folder, as it was first asked."""
    asked = read_question(Path(directory)).get("incident", {})
    try:
        start, end = asked["start"], asked["end"]
    except KeyError as error:
        raise ParameterError("incident.toml has no start or no end.", "Write them under [incident].") from error
    return Incident(
        start if isinstance(start, datetime) else parse_time(start),
        end if isinstance(end, datetime) else parse_time(end),
        workflow_id=asked.get("workflow_id"),
        trace_id=asked.get("trace_id"),
    )


def _toml(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)


def write_incident(directory: Path, incident: Incident, settings: Settings) -> None:
    """Write ``incident.toml``: the question, and what the settings know of the worker."""
    lines = ["[incident]"]
    asked = {
        "name": directory.name,
        "workflow_id": incident.workflow_id,
        "trace_id": incident.trace_id,
        "start": incident.start,
        "end": incident.end,
    }
    lines += [f"{name} = {_toml(value)}" for name, value in asked.items() if value is not None]
    lines += ['# ticket = "OPS-123"', "", "# [[notes]]", "# at = 2026-03-02T14:02:00Z", '# text = "deploy of 1.4"']
    worker = {"max_attempts": settings.worker.max_attempts, "action_timeout_ms": settings.worker.action_timeout_ms}
    known = [f"{name} = {_toml(value)}" for name, value in worker.items() if value is not None]
    lines += ["", "[worker]", *known] if known else []
    for workflow_id, own in sorted(settings.workflows.items()):
        values = {"name": own.name, "max_attempts": own.max_attempts, "action_timeout_ms": own.action_timeout_ms,
                  "entity_key": list(own.entity_key) or None}  # fmt: skip
        facts = [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None]
        lines += ["", f"[workflows.{_toml(workflow_id)}]", *facts] if facts else []
    write_bytes(directory / "incident.toml", ("\n".join(lines) + "\n").encode())


def open_incident(
    directory: Path | str, snapshot: str | None = None, engine: str = "auto", *, spark: Any = None
) -> IncidentFolder:  # fmt: skip
    """Open an incident folder, offline.

    Parameters
    ----------
    directory : path
        Made by ``collect``.
    snapshot : str, optional
        For example ``"001"``; the newest by default.
    engine : str
        Where ``scan`` runs: ``pandas``, ``duckdb``, ``spark``, or ``auto``, by the size of the records against the
        memory that is free. ``records`` are loaded into pandas whatever it is.
    spark : SparkSession, optional
        For ``spark``, in the time zone UTC.

    Returns
    -------
    IncidentFolder

    Raises
    ------
    ParameterError
        If there is no such folder, snapshot or engine.
    EvidenceError
        If a snapshot's manifest was changed, or if that or a frame that it lists is missing.
    """
    check_engine(engine)
    if engine == "spark":
        from dlqkit.engines.scan import check_session

        check_session(spark)
    # Whole, so that a folder opened as "." from a notebook has its name, and reports of it are equal.
    path = Path(directory).resolve()
    question = read_question(Path(directory))
    known = find_snapshots(path)
    if not known:
        raise EvidenceError(f"{path} holds no finished snapshot.", f"Finish it: dlqkit collect {path}")
    # 001 becomes 1 where a shell's or a scheduler's parameter is taken for a number.
    wanted = known[-1] if snapshot is None else str(snapshot).zfill(3)
    if wanted not in known:
        raise ParameterError(f"There is no snapshot {wanted[:20]!r}.", f"There are: {', '.join(known)}.")
    places = tuple(path / "evidence" / name for name in known if name <= wanted)
    check_frames(places)
    return IncidentFolder(path, wanted, read_manifest(places[-1]), question, places, engine, spark)
