"""What to ask, in which order, and how to go on after a kill: one snapshot of an incident folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit import __version__
from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable
from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import RECORD_VERSION, IncidentFolder, open_incident, read_question, write_incident
from dlqkit.evidence.manifest import find_snapshots, write_manifest
from dlqkit.evidence.store import (
    hold,
    make_folder,
    read_frame,
    sync_folder,
    write_bytes,
    write_frame,
    write_raw,
)
from dlqkit.frames import SAMPLES, SERIES, Coverage, Loaded
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from dlqkit.untrusted import for_promql_regex

__all__ = ["collect"]

Progress = Callable[[str, int, int | None], None]
# Before the window, for comparison: as long as the window itself, and at least an hour.
SHORTEST_BASELINE = timedelta(hours=1)
PHASES = ("dead_letters", "metrics", "rest")
STATE = "state.json"
_METRICS = {
    "dlq": "worker_dlq_total",
    "failure": "worker_failure_total",
    "success": "worker_success_total",
    "duration": "worker_action_duration_seconds",
}


@dataclass(slots=True)
class _Part:
    """A snapshot under way: its folder, its question, and what is already there."""

    path: Path
    incident: Incident
    started_at: datetime
    sources: list[dict[str, Any]] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)

    @property
    def number(self) -> str:
        return self.path.name.removesuffix(".part")

    def has(self, kind: str, query: str) -> bool:
        return any(source["kind"] == kind and source["query"] == query for source in self.sources)

    def save(self) -> None:
        state = {
            "incident": _question(self.incident),
            "started_at": self.started_at.isoformat(),
            "sources": self.sources,
        }
        write_bytes(self.path / STATE, json.dumps(state, ensure_ascii=True, indent=1).encode())


def _question(incident: Incident) -> dict[str, Any]:
    return {
        "workflow_id": incident.workflow_id,
        "trace_id": incident.trace_id,
        "start": incident.start.isoformat(),
        "end": incident.end.isoformat(),
    }


def _begin(directory: Path, incident: Incident, settings: Settings) -> _Part:
    """A new part of a snapshot, or the one that was left by a kill."""
    make_folder(directory)
    if not (directory / "incident.toml").is_file():
        write_incident(directory, incident, settings)
    read_question(directory)
    evidence = directory / "evidence"
    left = sorted(path for path in evidence.iterdir() if path.name.endswith(".part"))
    if left:
        part = _resume(left[-1], incident)
        if part is not None:
            return part
        shutil.rmtree(left[-1])
    number = int(max(find_snapshots(directory), default="0")) + 1
    path = evidence / f"{number:03d}.part"
    make_folder(path)
    part = _Part(path, incident, datetime.now(UTC))
    part.save()
    return part


def _resume(path: Path, incident: Incident) -> _Part | None:
    """The part as it was left, if it asks the same question; its window is kept, since its answers are of it."""
    try:
        state = json.loads((path / STATE).read_bytes())
        asked = state["incident"]
        begun = Incident(
            datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"]),
            workflow_id=asked["workflow_id"], trace_id=asked["trace_id"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError):
        return None
    same = (begun.workflow_id, begun.trace_id) == (incident.workflow_id, incident.trace_id)
    # "2h" typed again means a later start; that is still the same question.
    near = abs((begun.window.seconds) - (incident.window.seconds)) < 1 or begun.start == incident.start
    if not (same and near):
        return None
    sources = [source for source in state["sources"] if source["coverage"]["completeness"] != "partial"]
    return _Part(path, begun, datetime.fromisoformat(state["started_at"]), sources)


def collect(
    incident: Incident,
    settings: Settings,
    directory: Path | str,
    *,
    records_files: Sequence[Path] = (),
    worker_logs: Sequence[str] = (),
    reported: Path | None = None,
    progress: Progress | None = None,
    focus: Callable[[IncidentFolder], str | None] | None = None,
    on_dead_letters: Callable[[IncidentFolder], None] | None = None,
    phases: Sequence[str] = PHASES,
) -> IncidentFolder:
    """Ask every configured source and keep what it answers as a new snapshot.

    Parameters
    ----------
    incident : Incident
        The question.
    settings : Settings
        Where the sources are; one that is not configured is not asked and not missing.
    directory : path
        Incident folder to make, to add to, or whose interrupted snapshot is to be finished.
    records_files : sequence of Path
        Exported execution records.
    worker_logs : sequence of str
        Files of worker logs; ``-`` for standard input.
    reported : Path, optional
        CSV of what clients reported.
    progress : callable, optional
        Told ``(what, done, total)``.
    focus : callable, optional
        Names the workflow whose records are to be loaded, from the dead letters and counters.
    on_dead_letters : callable, optional
        Called with the folder as soon as dead letters and counters are there.
    phases : sequence of str
        ``dead_letters`` (and the counters of §1), ``metrics`` (durations, starts, versions), ``rest``.

    Returns
    -------
    IncidentFolder
        Opened at the new snapshot. A source that failed is in its coverage, and makes the evidence ``partial``.

    Raises
    ------
    SourceError
        If every source failed; what was collected before stays.
    StorageError
        If it cannot be written; run again to go on.
    """
    unknown = [name for name in phases if name not in PHASES]
    if unknown:
        raise ParameterError(f"There is no phase {unknown[0]!r}.", f"Choose of {', '.join(PHASES)}.")
    root = Path(directory)
    make_folder(root / "evidence")
    with hold(root / "evidence" / ".lock"):
        run = _Run(root, _begin(root, incident, settings), settings, progress or (lambda *_: None))
        return _carry_out(run, records_files, worker_logs, reported, focus, on_dead_letters, phases)


def _carry_out(
    run: _Run,
    records_files: Sequence[Path],
    worker_logs: Sequence[str],
    reported: Path | None,
    focus: Callable[[IncidentFolder], str | None] | None,
    on_dead_letters: Callable[[IncidentFolder], None] | None,
    phases: Sequence[str],
) -> IncidentFolder:
    if "dead_letters" in phases:
        run.ask_dead_letters(records_files)
        run.ask_counters()
    workflow_id = run.part.incident.workflow_id
    if on_dead_letters is not None or focus is not None:
        early = run.open_part()
        if focus is not None and workflow_id is None:
            workflow_id = focus(early)
        if on_dead_letters is not None:
            on_dead_letters(early)
    if "rest" in phases:
        run.ask_records(workflow_id)
    if "metrics" in phases:
        run.ask_other_metrics()
    if "rest" in phases:
        run.ask_pages()
        run.read_logs(worker_logs)
        run.read_reports(reported)
    return run.finish()


class _Run:
    """One call of ``collect``."""

    def __init__(self, root: Path, part: _Part, settings: Settings, progress: Progress) -> None:
        self.root, self.part, self.settings, self.progress = root, part, settings, progress
        self.down: dict[str, SourceError] = {}
        window = part.incident.window
        self.baseline_start = window.start - max(timedelta(seconds=window.seconds), SHORTEST_BASELINE)
        self.end = window.end

    # --- what is asked

    def ask_dead_letters(self, files: Sequence[Path]) -> None:
        if files:
            self._export(files)
        if self.settings.execution_logs.url is None:
            return
        own = self.part.incident
        self._execution_logs(
            "records: dead letters", workflow_id=own.workflow_id, trace_id=own.trace_id, queued_to_dlq=True,
            start=None if own.trace_id else self.baseline_start,
        )  # fmt: skip

    def ask_records(self, workflow_id: str | None) -> None:
        own = self.part.incident
        if self.settings.execution_logs.url is None:
            return
        if own.trace_id is not None:
            self._execution_logs("records: trace", workflow_id=own.workflow_id, trace_id=own.trace_id, start=None)
        if workflow_id is not None:
            self._execution_logs("records: workflow", workflow_id=workflow_id, start=self.baseline_start)

    def _execution_logs(
        self,
        kind: str,
        *,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        queued_to_dlq: bool | None = None,
        start: datetime | None,
    ) -> None:
        from dlqkit.sources.connect import connect_execution_logs
        from dlqkit.sources.execution_logs import Page

        asked = {"workflow_id": workflow_id, "trace_id": trace_id,
                 "queued_to_dlq": None if queued_to_dlq is None else "true"}  # fmt: skip
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None) or "everything"
        if self.part.has(kind, query):
            return
        client = connect_execution_logs(self.settings)
        prefix = self._prefix(kind)
        masked: list[dict[str, Any]] = []

        def keep(page: Page) -> None:
            name = f"raw/{prefix}-{page.number:04d}.json.zst"
            write_raw(self.part.path / name, page.body)
            if page.quarantined:
                write_raw(
                    self.part.path / f"quarantine/{prefix}-{page.number:04d}.jsonl.zst", b"\n".join(page.quarantined)
                )
            if page.masked:
                masked.append({"file": name, "places": page.masked, "original_sha256": page.original_sha256})
            self.progress(kind, page.number, None)

        def load() -> Loaded:
            return client.load(
                workflow_id=workflow_id, trace_id=trace_id, queued_to_dlq=queued_to_dlq,
                start=start, end=self.end, on_page=keep,
            )  # fmt: skip

        self._ask(kind, query, lambda: {"records": load()}, asked_start=start, masked=masked)

    def _export(self, files: Sequence[Path]) -> None:
        from dlqkit.sources.record_exports import RecordExports

        kind, query = "records: export", ", ".join(path.name for path in files)
        if self.part.has(kind, query):
            return
        loader = RecordExports(files, settings=self.settings.execution_logs)
        self._ask(kind, query, lambda: {"records": self._within(loader.load())}, asked_start=self.baseline_start)

    def _within(self, loaded: Loaded) -> Loaded:
        """An export's records of the question; a file may hold a year."""
        frame, own = loaded.frame, self.part.incident
        keep = frame["recorded_at"].isna() | (frame["recorded_at"] < pd.Timestamp(self.end))
        if own.trace_id is None:
            keep &= frame["recorded_at"].isna() | (frame["recorded_at"] >= pd.Timestamp(self.baseline_start))
        for name in ("workflow_id", "trace_id"):
            value = getattr(own, name)
            if value is not None:
                keep &= frame[name] == value
        return Loaded(frame[keep].reset_index(drop=True), loaded.coverage, loaded.source)

    def ask_counters(self) -> None:
        names = {**_METRICS, **self.settings.prometheus.metrics}
        wanted = [names["dlq"], names["failure"], names["success"]]
        # Some servers keep a counter's family name, without _total.
        every = sorted({*wanted, *(name.removesuffix("_total") for name in wanted)})
        self._prometheus("prometheus: counters", f'{{__name__=~"{_either(every)}"}}')

    def ask_other_metrics(self) -> None:
        names = {**_METRICS, **self.settings.prometheus.metrics}
        duration = for_promql_regex(names["duration"])
        pattern = f"{duration}(_sum|_count|_bucket)?|process_start_time_seconds|.+_info"
        jobs = self._jobs()
        among = f',job=~"{_either(jobs)}"' if jobs else ""
        self._prometheus("prometheus: durations, starts, versions", f'{{__name__=~"{pattern}"{among}}}')

    def _jobs(self) -> list[str]:
        """The jobs that export the counters: other processes' starts are no concern of this worker."""
        found: set[str] = set()
        for path in sorted((self.part.path / "frames").glob("*-series.parquet")):
            series = read_frame(path, SERIES)
            if "job" in series.columns:
                found |= set(series["job"].dropna().astype("str"))
        return sorted(found)[:50]

    def _prometheus(self, kind: str, selector: str) -> None:
        from dlqkit.sources.connect import connect_prometheus

        if self.settings.prometheus.url is None or self.part.has(kind, selector):
            return
        client = connect_prometheus(self.settings)
        prefix = self._prefix(kind)
        count = 0

        def keep(body: bytes, _: Mapping[str, Any]) -> None:
            nonlocal count
            count += 1
            write_raw(self.part.path / f"raw/{prefix}-{count:04d}.json.zst", body)
            self.progress(kind, count, None)

        def load() -> dict[str, Loaded]:
            raw = client.raw_samples(selector, self.baseline_start, self.end, on_page=keep)
            source = repr(client)
            return {
                name: Loaded(frame, raw.coverage, source)
                for name, frame in (("samples", raw.samples), ("series", raw.series), ("histograms", raw.histograms))
            }

        self._ask(kind, selector, load, asked_start=self.baseline_start)

    def ask_pages(self) -> None:
        from dlqkit.sources.metrics_page import MetricsPage

        for number, url in enumerate(self.settings.worker.metrics_urls, start=1):
            kind, query = "worker page", f"{number}"
            if self.part.has(kind, query):
                continue
            page = MetricsPage(url)
            self._ask(kind, query, lambda page=page: {"metrics_page": page.load()}, asked_start=None)  # type: ignore[misc]

    def read_logs(self, paths: Sequence[str]) -> None:
        if not paths:
            return
        from dlqkit.sources.worker_logs import WorkerLogs

        kind, query = "worker logs", ", ".join(Path(path).name for path in paths)
        if not self.part.has(kind, query):
            logs = WorkerLogs(paths)
            self._ask(kind, query, lambda: {"worker_logs": logs.load(start=self.baseline_start, end=self.end)},
                      asked_start=self.baseline_start)  # fmt: skip

    def read_reports(self, path: Path | None) -> None:
        if path is None:
            return
        from dlqkit.sources.support_reports import SupportReports

        if not self.part.has("support reports", path.name):
            reports = SupportReports(path)
            self._ask("support reports", path.name, lambda: {"support_reports": reports.load()}, asked_start=None)

    # --- what is kept

    def _prefix(self, kind: str) -> str:
        return f"{len(self.part.sources) + 1:02d}-{re.sub('[^a-z]+', '-', kind)}"

    def _ask(
        self,
        kind: str,
        query: str,
        load: Callable[[], Mapping[str, Loaded]],
        *,
        asked_start: datetime | None,
        masked: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Load, keep frames and coverage; a source that fails is kept as what is missing."""
        self.progress(kind, 0, None)
        prefix = self._prefix(kind)
        service = kind.split(":")[0]
        try:
            if service in self.down:
                raise self.down[service]
            loaded = load()
        except SourceError as error:
            # A service that is away or refuses the key is not asked again in this run: an analyst is waiting.
            if isinstance(error, (SourceUnavailable, AccessDenied)) and service in {"records", "prometheus"}:
                self.down[service] = error
            self.part.errors.append(error)
            failed = Coverage(
                asked_start=asked_start,
                asked_end=self.end,
                completeness="partial",
                missing=(error.problem, error.next_step),
            )
            loaded = {"": Loaded(pd.DataFrame(), failed, "")}
        first = next(iter(loaded.values()))
        for name, one in loaded.items():
            if name and len(one.frame):
                write_frame(self.part.path / "frames" / f"{prefix}-{name}.parquet", one.frame)
        coverage = replace(
            first.coverage,
            asked_start=first.coverage.asked_start or asked_start,
            asked_end=first.coverage.asked_end or (self.end if asked_start else None),
        )
        self.part.sources.append(
            {
                "evidence_id": f"{self.part.number}/{len(self.part.sources) + 1}",
                "kind": kind,
                "source": first.source,
                "query": query,
                "coverage": coverage.to_json(),
                "masked": list(masked),
            }
        )
        self.part.save()

    def _values(self, finished_at: datetime) -> dict[str, Any]:
        return {
            "snapshot": self.part.number,
            "dlqkit": __version__,
            "incident": _question(self.part.incident),
            "baseline_start": self.baseline_start.isoformat(),
            "started_at": self.part.started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
            "metrics": dict(self.settings.prometheus.metrics),
            "sources": self.part.sources,
        }

    def _merge(self, target: Path) -> None:
        """The frames of all sources as one Parquet file each."""
        frames = self.part.path / "frames"
        for name in ("records", "histograms", "metrics_page", "worker_logs", "support_reports"):
            parts = [read_frame(path, {}) for path in sorted(frames.glob(f"*-{name}.parquet"))]
            if parts:
                whole = pd.concat(parts, ignore_index=True)
                if name == "records":
                    whole = whole.astype({"status": "str"}).drop_duplicates(RECORD_VERSION, keep="last")
                write_frame(target / f"{name}.parquet", whole)
        self._merge_samples(frames, target)

    def _merge_samples(self, frames: Path, target: Path) -> None:
        samples, series, offset = [], [], 0
        for path in sorted(frames.glob("*-series.parquet")):
            own = read_frame(path, SERIES)
            values = read_frame(path.with_name(path.name.replace("-series.", "-samples.")), SAMPLES)
            series.append(own.assign(series_id=(own["series_id"] + offset).astype("Int32")))
            samples.append(values.assign(series_id=(values["series_id"] + offset).astype("Int32")))
            offset += len(own)
        if series:
            every = pd.concat([one.astype(dict.fromkeys(one.columns[1:], "str")) for one in series], ignore_index=True)
            write_frame(target / "series.parquet", every)
            write_frame(target / "samples.parquet", pd.concat(samples, ignore_index=True))

    def open_part(self) -> IncidentFolder:
        """The snapshot as far as it is, readable like a finished one."""
        self._merge(self.part.path)
        done = [self.root / "evidence" / name for name in find_snapshots(self.root)]
        values = self._values(datetime.now(UTC))
        return IncidentFolder(self.root, self.part.number, values, read_question(self.root), (*done, self.part.path))

    def finish(self) -> IncidentFolder:
        """Name the part a snapshot, once all of it is on the disk."""
        part = self.part
        failed = [source for source in part.sources if source["coverage"]["completeness"] == "partial"]
        if part.errors and len(failed) == len(part.sources) and not any(one["coverage"]["rows"] for one in failed):
            shutil.rmtree(part.path)
            raise part.errors[0]
        self._merge(part.path)
        shutil.rmtree(part.path / "frames", ignore_errors=True)
        (part.path / STATE).unlink(missing_ok=True)
        manifest_sha256 = write_manifest(part.path, self._values(datetime.now(UTC)))
        audit_log.append(
            self.root, "collect", snapshot=part.number, manifest_sha256=manifest_sha256,
            sources=[{"kind": source["kind"], "rows": source["coverage"]["rows"],
                      "completeness": source["coverage"]["completeness"]} for source in part.sources],
        )  # fmt: skip
        part.path.rename(part.path.with_name(part.number))
        sync_folder(part.path.parent)
        return open_incident(self.root, part.number)


def _either(names: Sequence[str]) -> str:
    return "|".join(for_promql_regex(name) for name in names)
