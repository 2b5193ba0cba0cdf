"""What to ask, and in which order: one snapshot of an incident folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit import __version__
from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable
from dlqkit.evidence.folder import (
    DEAD_LETTERS,
    EXPORT,
    TRACE_RECORDS,
    WORKFLOW_RECORDS,
    IncidentFolder,
    open_incident,
    read_question,
    write_incident,
)
from dlqkit.evidence.frame_stream import find_values, join_records
from dlqkit.evidence.manifest import check_frames, find_snapshots, refuse_links, worst
from dlqkit.evidence.original_messages import ask_original_messages
from dlqkit.evidence.part import Asking, Part, question_of
from dlqkit.evidence.resume import begin_part
from dlqkit.evidence.store import hold, make_folder, read_frame
from dlqkit.frames import RECORD_CONTENT, RECORDS, SERIES, SUPPORT_REPORTS, Coverage, Loaded, empty_frame
from dlqkit.incident import Incident, format_time
from dlqkit.language import in_english, mark
from dlqkit.settings import Settings
from dlqkit.untrusted import for_promql_regex

__all__ = ["collect"]

Progress = Callable[[str, int, int | None], None]
# Before the window, for comparison: as long as the window itself, and at least an hour.
SHORTEST_BASELINE = timedelta(hours=1)
PHASES = ("dead_letters", "metrics", "rest")
# Of the half minute in which the triage is promised; the dead letters and the first look need the rest.
FIRST_LOOK_S = 8.0
# Each reported trace is a question of its own.
REPORTED, REPORTED_AT_MOST = "records: reported", 100
_METRICS = {
    "dlq": "worker_dlq_total",
    "failure": "worker_failure_total",
    "success": "worker_success_total",
    "duration": "worker_action_duration_seconds",
}


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
    from dlqkit.sources.connect import check_sources

    check_sources(settings)
    root = Path(directory)
    if root.is_dir():
        refuse_links(root)
    make_folder(root / "evidence")
    with hold(root / "evidence" / ".lock"):
        tell = progress or (lambda *_: None)
        if not (root / "incident.toml").is_file():
            write_incident(root, incident, settings)
        read_question(root)
        # Nobody waits for the sources before it is known that what they say can be added to the earlier snapshots.
        check_frames([root / "evidence" / name for name in find_snapshots(root)])
        part = begin_part(root, incident, lambda sentence: tell(sentence, 0, None))
        run = _Run(root, part, settings, tell)
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
    # Somebody is waiting for the first look: a counter that takes long is asked again after it.
    hurried = on_dead_letters is not None and len(phases) > 1
    if "dead_letters" in phases:
        run.ask_dead_letters(records_files)
        run.ask_counters(within_s=FIRST_LOOK_S if hurried else None)
    workflow_id = run.part.incident.workflow_id
    if on_dead_letters is not None or focus is not None:
        early = run.open_part()
        if focus is not None and workflow_id is None:
            workflow_id = focus(early)
        if on_dead_letters is not None:
            on_dead_letters(early)
    if "rest" in phases:
        run.ask_records(workflow_id)
    if hurried and "dead_letters" in phases:
        run.ask_counters()
    if "metrics" in phases:
        run.ask_other_metrics()
    if "rest" in phases:
        run.ask_pages()
        run.read_logs(worker_logs)
        run.read_reports(reported)
        run.ask_reported()
        ask_original_messages(run.part, run.settings, workflow_id, run.ask)
    return run.finish()


def _is_away(error: SourceError) -> bool:
    """Whether a service is not there or refuses the key; that one question was too heavy says nothing of the next."""
    from dlqkit.sources.prometheus_decode import QueryTooHeavy

    return isinstance(error, (SourceUnavailable, AccessDenied)) and not isinstance(error, QueryTooHeavy)


class _Run:
    """One call of ``collect``."""

    def __init__(self, root: Path, part: Part, settings: Settings, progress: Progress) -> None:
        self.root, self.part, self.settings, self.progress = root, part, settings, progress
        self.down: dict[str, SourceError] = {}
        window = part.incident.window
        self.baseline_start = window.start - max(timedelta(seconds=window.seconds), SHORTEST_BASELINE)
        self.end = window.end

    # --- what is asked

    def ask_dead_letters(self, files: Sequence[Path]) -> None:
        if files:
            self._export(files)
        if self.settings.execution_logs.table is not None:
            self._table()
        if self.settings.execution_logs.url is None:
            return
        own = self.part.incident
        self._execution_logs(
            DEAD_LETTERS, workflow_id=own.workflow_id, trace_id=own.trace_id, queued_to_dlq=True,
            start=None if own.trace_id else self.baseline_start,
        )  # fmt: skip

    def ask_records(self, workflow_id: str | None) -> None:
        own = self.part.incident
        if self.settings.execution_logs.url is None:
            return
        if own.trace_id is not None:
            self._execution_logs(TRACE_RECORDS, workflow_id=own.workflow_id, trace_id=own.trace_id, start=None)
        if workflow_id is not None:
            self._execution_logs(WORKFLOW_RECORDS, workflow_id=workflow_id, start=self.baseline_start)

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
        asking = self.part.ask(kind, query)
        has_pages = len(self.part.kept_pages(kind, query)) > 0

        def keep(page: Page) -> None:
            asking.keep(
                page.body, masked=page.masked, original_sha256=page.original_sha256, quarantined=page.quarantined,
                request_id=page.request_id,
            )  # fmt: skip
            self.progress(kind, page.number, None)

        def load() -> dict[str, Loaded]:
            with asking.write("records") as writer:
                coverage, source = client.stream(
                    writer.add, workflow_id=workflow_id, trace_id=trace_id, queued_to_dlq=queued_to_dlq,
                    start=start, end=self.end, on_page=keep,
                    kept=(lambda: self.part.kept_pages(kind, query).take) if has_pages else None,
                    clocks=self.part.clocks,
                )  # fmt: skip
            # The rows are in their file already.
            return {"records": Loaded(empty_frame(RECORDS), coverage, source)}

        self.ask(asking, load, asked_start=start)

    def _export(self, files: Sequence[Path]) -> None:
        from dlqkit.sources.connect import open_record_exports

        query = ", ".join(path.name for path in files)
        if not self.part.has(EXPORT, query):
            exports = open_record_exports(self.settings, files)
            asking = self.part.ask(EXPORT, query)

            def stream(keep: Callable[[pd.DataFrame], None], begin: Callable[[], None]) -> tuple[Coverage, str]:
                return exports.stream(keep, asking.put_apart, on_file=begin)

            self._keep_all(asking, stream, of_window=self._of_window)

    def _table(self) -> None:
        from dlqkit.sources.asked_records import Question
        from dlqkit.sources.connect import open_record_table

        own = self.part.incident
        start = None if own.trace_id is not None else self.baseline_start
        table = open_record_table(self.settings)
        if not self.part.has(EXPORT, table.name):
            asked = Question(own.workflow_id, own.trace_id, None, start, self.end)
            asking = self.part.ask(EXPORT, table.name)
            self._keep_all(asking, lambda keep, _: table.stream_asked(asked, keep, asking.put_apart))

    def _of_window(self, coverage: Coverage, source: str, rows: int, *, others: int, has_any: bool) -> Coverage:
        """Whether files tell of the time that was asked for: those of another day say nothing of it."""
        if others:
            text = mark("{count} of {total} records are of another time, workflow or trace than was asked for.")
            left_out = in_english(text, count=others, total=rows + others)
            coverage = replace(coverage, findings=(*coverage.findings, left_out))
        first, last, own = coverage.got_start, coverage.got_end, self.part.incident
        if has_any or own.trace_id is not None or first is None or last is None:
            return coverage
        if first <= own.window.start and last >= own.window.end:
            return coverage
        text = mark("The records of {name} are of {start} to {end}, and none is of the window: see --start and --end.")
        missing = in_english(text, name=source, start=format_time(first), end=format_time(last))
        return replace(coverage, missing=(*coverage.missing, missing), completeness="partial")

    def _keep_all(
        self,
        asking: Asking,
        stream: Callable[[Callable[[pd.DataFrame], None], Callable[[], None]], tuple[Coverage, str]],
        *,
        of_window: Callable[..., Coverage] | None = None,
    ) -> None:
        from dlqkit.sources.asked_records import Extent, inside
        from dlqkit.sources.record_exports import SAME_RECORD
        from dlqkit.sources.seen_states import SeenStates, keys_of

        def load() -> dict[str, Loaded]:
            extent, has_any = Extent(), False
            others, ends = SeenStates(), list[int]()
            window = self.part.incident.window
            with asking.write("records") as writer:

                def keep(frame: pd.DataFrame) -> None:
                    nonlocal extent, has_any
                    has_any = has_any or len(inside(frame.dropna(subset="recorded_at"), window.start, window.end)) > 0
                    kept = self._within(frame)
                    if len(kept) < len(frame):
                        others.add(keys_of(frame.drop(kept.index), [*SAME_RECORD, *RECORD_CONTENT]))
                    kept = kept.reset_index(drop=True)
                    extent = extent.and_of(kept)
                    if len(kept):
                        writer.add(kept)

                coverage, source = stream(keep, lambda: ends.append(writer.rows))
            rows = 0
            if writer.rows:
                # Each file is a look: of a record that two have the last one counts.
                rows = join_records([writer.path], writer.path, SAME_RECORD, RECORD_CONTENT, ends=ends)
            if of_window is not None:
                coverage = of_window(coverage, source, rows, others=len(others), has_any=has_any)
            # What was read shows that the source answered, though nothing of it may be of the question.
            details = {**coverage.details, "records_read": coverage.rows}
            coverage = replace(coverage, got_start=extent.first, got_end=extent.last, rows=rows, details=details)
            return {"records": Loaded(empty_frame(RECORDS), coverage, source)}

        self.ask(asking, load, asked_start=self.baseline_start)

    def _within(self, frame: pd.DataFrame) -> pd.DataFrame:
        """An export's records of the question; a file may hold a year."""
        from dlqkit.sources.asked_records import inside

        own = self.part.incident
        kept = inside(frame, None if own.trace_id is not None else self.baseline_start, self.end)
        for name in ("workflow_id", "trace_id"):
            value = getattr(own, name)
            if value is not None:
                kept = kept[(kept[name] == value).fillna(False).astype(bool)]
        return kept

    def ask_counters(self, *, within_s: float | None = None) -> None:
        names = {**_METRICS, **self.settings.prometheus.metrics}
        wanted = [names["dlq"], names["failure"], names["success"]]
        # Some servers keep a counter's family name, without _total.
        every = sorted({*wanted, *(name.removesuffix("_total") for name in wanted)})
        self._prometheus("prometheus: counters", f'{{__name__=~"{_either(every)}"}}', within_s=within_s)

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
        for path in self.part.frames("series"):
            series = read_frame(path, SERIES)
            if "job" in series.columns:
                found |= set(series["job"].dropna().astype("str"))
        return sorted(found)[:50]

    def _prometheus(self, kind: str, selector: str, *, within_s: float | None = None) -> None:
        from dlqkit.sources.connect import connect_prometheus

        if self.settings.prometheus.url is None or self.part.has(kind, selector):
            return
        short = {} if within_s is None else dict.fromkeys(("deadline_s", "read_timeout_s", "retry_budget_s"), within_s)
        client = connect_prometheus(self.settings, **short)
        asking = self.part.ask(kind, selector)
        begun = time.monotonic()

        def keep(body: bytes, about: Mapping[str, Any]) -> None:
            asking.keep(body, masked=about.get("masked", 0), original_sha256=about.get("original_sha256"))
            self.progress(kind, asking.pages, None)
            # The client's deadline is of one request, and a long answer is of many.
            if within_s is not None and time.monotonic() - begun > within_s:
                raise SourceUnavailable(
                    in_english(mark("Prometheus was not done answering after {seconds:d} s."), seconds=round(within_s)),
                    mark("It is asked again after that."),
                )

        def load() -> dict[str, Loaded]:
            raw = client.raw_samples(selector, self.baseline_start, self.end, on_page=keep)
            source = repr(client)
            return {
                name: Loaded(frame, raw.coverage, source)
                for name, frame in (("samples", raw.samples), ("series", raw.series), ("histograms", raw.histograms))
            }

        self.ask(asking, load, asked_start=self.baseline_start, within_s=within_s)

    def ask_pages(self) -> None:
        from dlqkit.sources.connect import connect_metrics_page
        from dlqkit.sources.metrics_page import MetricsPage

        for number, url in enumerate(self.settings.worker.metrics_urls, start=1):
            kind, query = "worker page", f"{number}"
            if self.part.has(kind, query):
                continue
            page = connect_metrics_page(self.settings, url)
            asking = self.part.ask(kind, query)

            def keep(body: bytes, about: Mapping[str, Any], asking: Asking = asking) -> None:
                asking.keep(
                    body, form="txt", masked=about.get("masked", 0), original_sha256=about.get("original_sha256")
                )

            def load(page: MetricsPage = page, keep: Callable[..., None] = keep) -> dict[str, Loaded]:
                return {"metrics_page": page.load(on_page=keep)}

            self.ask(asking, load, asked_start=None)

    def read_logs(self, paths: Sequence[str]) -> None:
        if not paths:
            return
        from dlqkit.sources.connect import open_worker_logs

        kind, query = "worker logs", ", ".join(Path(path).name for path in paths)
        if not self.part.has(kind, query):
            logs = open_worker_logs(self.settings, paths)
            self.ask(
                self.part.ask(kind, query),
                lambda: {"worker_logs": logs.load(start=self.baseline_start, end=self.end)},
                asked_start=self.baseline_start,
            )

    def read_reports(self, path: Path | None) -> None:
        if path is None:
            return
        from dlqkit.sources.connect import open_support_reports

        if not self.part.has("support reports", path.name):
            reports = open_support_reports(self.settings, path)
            asking = self.part.ask("support reports", path.name)
            self.ask(asking, lambda: {"support_reports": reports.load()}, asked_start=None)

    def ask_reported(self) -> None:
        """The records of reported traces that nothing else has brought: of events of any workflow, or of none."""
        from dlqkit.sources.connect import connect_execution_logs
        from dlqkit.sources.execution_logs import Page

        if self.settings.execution_logs.url is None:
            return
        reports = [read_frame(path, SUPPORT_REPORTS) for path in self.part.frames("support_reports")]
        traces = {str(one) for frame in reports for one in frame["trace_id"].dropna()}
        if not traces:
            return
        for path in self.part.frames("records"):
            traces -= find_values(path, "trace_id", traces)
        wanted = sorted(traces)[:REPORTED_AT_MOST]
        query = f"trace_id of {len(wanted):,} reports"
        if not wanted or self.part.has(REPORTED, query):
            return
        client = connect_execution_logs(self.settings)
        asking = self.part.ask(REPORTED, query)

        def keep(page: Page) -> None:
            asking.keep(
                page.body, masked=page.masked, original_sha256=page.original_sha256, quarantined=page.quarantined
            )

        def load() -> dict[str, Loaded]:
            found = []
            for number, trace_id in enumerate(wanted, start=1):
                found.append(client.load(trace_id=trace_id, end=self.end, on_page=keep, clocks=self.part.clocks))
                self.progress(REPORTED, number, len(wanted))
            full = [one.frame for one in found if len(one.frame)]
            frame = pd.concat(full, ignore_index=True).astype({"status": "category"}) if full else empty_frame(RECORDS)
            left = len(traces) - len(wanted)
            coverage = Coverage(
                asked_end=self.end,
                rows=len(frame),
                completeness="partial" if left else worst([one.coverage.completeness for one in found]),
                missing=(in_english(mark("{count} further reported traces were not asked for."), count=left),)
                if left
                else (),
            )
            return {"records": Loaded(frame, coverage, found[0].source)}

        self.ask(asking, load, asked_start=None)

    # --- what is kept

    def ask(
        self,
        asking: Asking,
        load: Callable[[], Mapping[str, Loaded]],
        *,
        asked_start: datetime | None,
        within_s: float | None = None,
    ) -> None:
        """Load, keep frames and coverage; a source that fails is kept as what is missing."""
        self.progress(asking.kind, 0, None)
        service = asking.kind.split(":")[0]
        again = False
        try:
            if service in self.down:
                raise self.down[service]
            loaded = load()
        except SourceError as error:
            again = within_s is not None and isinstance(error, SourceUnavailable)
            missing = [error.problem, error.next_step]
            if again:
                missing = [
                    error.problem,
                    in_english(
                        mark("It had {seconds:d} s before the first look, and is asked again after it."),
                        seconds=round(within_s or 0),
                    ),
                ]
            else:
                self.part.errors.append(error)
                # A service that is away or refuses the key is not asked again in this run: an analyst is waiting.
                if _is_away(error) and service in {"records", "prometheus"}:
                    self.down[service] = error
            failed = Coverage(
                asked_start=asked_start, asked_end=self.end, completeness="partial", missing=tuple(missing)
            )
            loaded = {"": Loaded(pd.DataFrame(), failed, "")}
        first = next(iter(loaded.values()))
        coverage = replace(
            first.coverage,
            asked_start=first.coverage.asked_start or asked_start,
            asked_end=first.coverage.asked_end or (self.end if asked_start else None),
        )
        frames = {name: one.frame for name, one in loaded.items()}
        self.part.answered(asking, first.source, coverage, frames, again=again)

    def _values(self, finished_at: datetime) -> dict[str, Any]:
        return {
            "snapshot": self.part.number,
            "dlqkit": __version__,
            "incident": question_of(self.part.incident),
            "baseline_start": self.baseline_start.isoformat(),
            "started_at": self.part.started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
            "metrics": dict(self.settings.prometheus.metrics),
            "findings": self.part.findings,
            "sources": self.part.sources,
        }

    def open_part(self) -> IncidentFolder:
        """The snapshot as far as it is, readable like a finished one."""
        self.part.merge()
        done = [self.root / "evidence" / name for name in find_snapshots(self.root)]
        values = self._values(datetime.now(UTC))
        return IncidentFolder(
            self.root, self.part.number, values, read_question(self.root), (*done, self.part.snapshot)
        )

    def finish(self) -> IncidentFolder:
        """Name the part a snapshot, once all of it is on the disk."""
        self.part.finish(self.root, self._values(datetime.now(UTC)))
        return open_incident(self.root, self.part.number)


def _either(names: Sequence[str]) -> str:
    return "|".join(for_promql_regex(name) for name in names)
