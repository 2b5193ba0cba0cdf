"""The Execution Logs API, asked live: whether it answers, what its records are made of, how its pages follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dlqkit.errors import AccessDenied, DlqkitError, UnexpectedAnswer
from dlqkit.frames import RECORDS, Coverage, Loaded
from dlqkit.settings import Settings
from dlqkit.setup.checks import QUICK, Check, Tried, counted, refused, shown
from dlqkit.setup.clocks import Asked, check_clock
from dlqkit.setup.record_times import check_times
from dlqkit.sources.connect import connect_execution_logs
from dlqkit.sources.execution_logs import ExecutionLogs, Page
from dlqkit.sources.record_decode import read_field_names
from dlqkit.sources.record_fields import find_fields
from dlqkit.untrusted import shorten

__all__ = ["try_execution_logs"]

NAME = "Execution Logs API"
# Enough to see two pages by each way of paging.
REQUESTS = 8
# Without these a question cannot be answered at all, or not for one workflow.
NEEDED = ("workflow_id", "trace_id", "recorded_at", "status", "queued_to_dlq")
# The runbook's own fields; what an API lacks of them is said in the report as not known.
WANTED = (*NEEDED, "retryable", "attempts", "last_error", "payload_snapshot", "action_duration_ms")
_WITHOUT = {
    "workflow_id": "records of different workflows cannot be told apart",
    "trace_id": "an event's records cannot be put together",
    "recorded_at": "nothing can be placed in time",
    "status": "failures cannot be told from successes",
    "queued_to_dlq": "dead letters cannot be told",
}
MOST_NAMES, MOST_STATUSES = 40, 8
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,29}")


@dataclass(slots=True)
class _Pages:
    """The first page of an answer, and when it came."""

    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    first: Page | None = None
    clock: Asked | None = None

    def keep(self, page: Page) -> None:
        if self.first is None:
            self.first, self.clock = page, Asked(self.asked_at, datetime.now(UTC), page.date)


def try_execution_logs(settings: Settings) -> Tried:
    """Ask for the newest records, a few pages of them, and say what was seen.

    Parameters
    ----------
    settings : Settings
        With ``execution_logs.url``.

    Returns
    -------
    Tried
        ``seen``: ``fields``, ``columns`` (column → field), ``statuses``, ``pagination``, ``records``, ``newest_first``.
        ``proposed``: ``timezone`` where the records show it.
    """
    url = shown(str(settings.execution_logs.url))
    out = Tried("execution_logs", NAME, url, ())
    pages = _Pages()
    try:
        client = connect_execution_logs(settings, **QUICK)
        loaded, note = _newest(client, pages)
    except AccessDenied as error:
        return replace(out, checks=(refused("access", error),), is_refused=True)
    except DlqkitError as error:
        return replace(out, checks=(refused("access", error),))
    assert pages.first is not None and pages.clock is not None
    checks = [Check("access", "works", f"It answers, {_with_key(settings)}."), check_clock(pages.clock)]
    checks += [note] if note is not None else []
    coverage = loaded.coverage
    seen: dict[str, Any] = {"records": coverage.rows, "pagination": coverage.details["pagination"]}
    if not pages.first.received:
        said = "It has no records now, so their fields, zone and pages cannot be seen."
        checks.append(Check("records", "unknown", said, "Run dlqkit doctor again once the worker has run an event."))
        return replace(out, checks=tuple(checks), seen=seen)
    fields, more = _check_fields(pages.first, settings)
    times, proposed = check_times(pages.first, settings.execution_logs, pages.clock)
    checks += [_check_shape(coverage, pages.first), *fields, *times, _check_pages(coverage, pages.first, settings)]
    checks.append(_check_filter(client))
    return replace(out, checks=tuple(checks), seen={**seen, **more}, proposed=proposed)


def _newest(client: ExecutionLogs, pages: _Pages) -> tuple[Loaded, Check | None]:
    """The newest records; of an API that gives none without a filter, its dead letters."""
    try:
        return client.load(max_requests=REQUESTS, on_page=pages.keep), None
    except UnexpectedAnswer as error:
        refusal = error
    try:
        loaded = client.load(queued_to_dlq=True, max_requests=REQUESTS, on_page=pages.keep)
    except DlqkitError:
        raise refusal from None
    said = f"It lists no records without a filter, so its dead letters were asked for. {refusal.problem}"
    return loaded, Check("records", "note", said, "Give --workflow ID to investigate and collect.")


def _with_key(settings: Settings) -> str:
    reference = settings.execution_logs.api_key
    if reference is None:
        return "without a key"
    (kind, where), *_ = reference.model_dump(exclude_none=True).items()
    said = {"env": f"the variable {where}", "file": f"the file {where}", "keyring": f"the keyring's entry {where}"}
    return f"with the key of {said.get(kind, 'a command')}"


def _check_shape(coverage: Coverage, first: Page) -> Check:
    kept = [
        text for text in coverage.findings if text.startswith(("Records come", "Records are wrapped", "Records have"))
    ]
    said = " ".join([f"{counted(coverage.rows, 'record')} came.", *kept])
    if first.quarantined:
        return Check(
            "records",
            "note",
            f"{said} On the first page {counted(len(first.quarantined), 'element')} can be read as no record.",
        )
    return Check("records", "works", said)


def _check_fields(first: Page, settings: Settings) -> tuple[list[Check], dict[str, Any]]:
    own = settings.execution_logs
    names = read_field_names(first.body, own)
    columns, _ = find_fields(names, own.fields)
    statuses = sorted(map(str, first.frame["status"].dropna().unique()))
    # A field of that name may hold anything; only what is plainly a set of words is shown.
    if len(statuses) > MOST_STATUSES or not all(_WORD.fullmatch(text) for text in statuses):
        statuses = []
    left = [name for name in names if name not in columns.values()][:MOST_NAMES]
    seen = {"fields": list(names[:MOST_NAMES]), "columns": columns, "statuses": statuses, "left": left}
    checks = []
    gone = {column: name for column, name in own.fields.items() if name not in names}
    for column, name in gone.items():
        said = f"The settings read {column} from “{name}”, and no record has that field."
        checks.append(Check("fields", "fails", said, f"Mend execution_logs.fields; there are: {_listed(names)}."))
    lacking = [name for name in NEEDED if name not in columns and name not in gone]
    for name in lacking:
        step = f'Name its field: execution_logs.fields = {{ {name} = "…" }}; there are: {_listed(left)}.'
        checks.append(Check("fields", "fails", f"No field for {name} is found, so {_WITHOUT[name]}.", step))
    without = [name for name in WANTED if name not in columns and name not in NEEDED]
    if without:
        checks.append(Check("fields", "note", f"There is no field for {_listed(without)}; it will be “not known”."))
    if not checks:
        checks.append(
            Check("fields", "works", f"{counted(len(names), 'field')}; every column of the runbook is found.")
        )
    return checks, seen


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(shorten(name, 40) for name in names[:12])
    return (told + ", …" if len(names) > 12 else told) or "none left"


_PAGES = {
    "offset": "Pages follow each other by offset.",
    "page": "Pages follow each other by page numbers.",
    "cursor": "Pages follow each other by a cursor.",
    "link": "Pages follow each other by links.",
}


def _check_pages(coverage: Coverage, first: Page, settings: Settings) -> Check:
    style, asked = str(coverage.details["pagination"]), settings.execution_logs.page_limit
    size = f"It gives {counted(first.received, 'record')} at once, of {asked} asked for."
    if style in _PAGES:
        if coverage.rows > len(first.frame) or coverage.completeness == "complete":
            return Check("pages", "works", f"{_PAGES[style]} {size}")
        said = f"The settings say that pages follow by {style}, and the second page brings nothing new."
        return Check("pages", "fails", said, 'Set execution_logs.pagination = "auto", and try again.')
    if coverage.completeness == "partial":
        step = "Try again; if it stays so, ask the API's owner how its pages follow each other."
        return Check("pages", "fails", f"{size} {' '.join(coverage.missing)}", step)
    if coverage.completeness == "complete":
        said = f"All {counted(first.received, 'record')} came at once, so how its pages follow cannot be seen yet."
        return Check("pages", "unknown", said, "Run dlqkit doctor again once there are more.")
    said = f"{size} No way to ask for further ones is found, so counts of a busy window will be “≥”."
    step = "Ask the API's owner how its pages follow each other, or for a larger limit (execution_logs.page_limit)."
    return Check("pages", "note", said, step)


def _check_filter(client: ExecutionLogs) -> Check:
    """Whether the API knows ``queued_to_dlq=true``; an analysis begins with the dead letters."""
    try:
        loaded = client.load(queued_to_dlq=True, max_requests=1)
    except DlqkitError as error:
        return refused("dead letters", error)
    if any("does not apply every filter" in text for text in loaded.coverage.findings):
        said = "It ignores queued_to_dlq=true, so every record is read to find the dead letters."
        return Check("dead letters", "note", said, "Ask the API's owner for that filter; it saves most requests.")
    if not loaded.coverage.rows:
        return Check("dead letters", "works", "There are none now.")
    return Check("dead letters", "works", f"It filters them: {loaded.coverage.rows} came on the first page.")


assert set(WANTED) <= set(RECORDS)
