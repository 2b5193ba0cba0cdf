"""The Execution Logs API: the runbook's fields and filters, the rest as the platform's dialect has it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import numpy as np

from dlqkit.simulator.error_texts import ERRORS, Facts
from dlqkit.simulator.mixing import Array, mix
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.workflows import wrong_field

__all__ = ["Answer", "answer"]

LOCAL = timezone(timedelta(hours=3))
KNOWN = {"workflow_id", "trace_id", "queued_to_dlq", "limit"}
Answer = tuple[int, dict[str, str], Any]


def answer(platform: Platform, query: Mapping[str, str], url: str) -> Answer:
    """Status, headers and JSON value for a GET with this query."""
    dialect = platform.dialect
    style = dialect.pagination
    paging = {"offset": {"offset"}, "page": {"page"}, "cursor": {"cursor"}, "link": {"after"}, "none": set()}[style]
    unknown = set(query) - KNOWN - paging - {name for name in dialect.time_filter if name}
    if unknown and dialect.refuses_unknown:
        return 400, {}, {"error": f"unknown parameter {sorted(unknown)[0]}"}
    try:
        limit = int(query.get("limit", dialect.default_limit))
        skip = int(query.get("offset", 0)) if style == "offset" else 0
        page = int(query.get("page", 1)) if style == "page" else 1
    except ValueError:
        return 400, {}, {"error": "limit, offset and page are numbers"}
    if limit < 1 or skip < 0 or page < 1:
        return 400, {}, {"error": "limit, offset and page are positive"}
    limit = min(limit, dialect.largest_limit)
    rows = _matching(platform, query)
    if style == "page":
        skip = (page - 1) * limit
    token = query.get("cursor" if style == "cursor" else "after") if style in {"cursor", "link"} else None
    if token:
        position = _read_token(token)
        if position is None:
            return 400, {}, {"error": "the cursor is not valid"}
        rows = rows[rows < position] if dialect.newest_first else rows[rows > position]
    chosen = rows[skip : skip + limit]
    more = len(rows) > skip + limit
    records = [_render(platform, int(row)) for row in chosen]
    follow = _token(int(chosen[-1])) if more and len(chosen) else None
    return _wrapped(platform, records, query, url, style, follow, len(rows), page, more)


def _wrapped(
    platform: Platform,
    records: list[dict[str, Any]],
    query: Mapping[str, str],
    url: str,
    style: str,
    follow: str | None,
    total: int,
    page: int,
    more: bool,
) -> Answer:
    dialect = platform.dialect
    headers: dict[str, str] = {}
    beside: dict[str, Any] = {}
    if style == "cursor":
        beside["next_cursor"] = follow
    if style == "link" and follow is not None:
        target = f"{url}?{urlencode({**query, 'after': follow})}"
        headers["Link"] = f'<{target}>; rel="next"'
        beside["next"] = target
    # Some APIs say how many there are, or whether more follow; many say nothing.
    if style == "page" and platform.salt % 3 == 0:
        beside |= {"page": page, "has_more": more}
    if style == "offset" and platform.salt % 3 == 1:
        beside["total"] = total
    if not dialect.wrapper:
        return 200, headers, records
    return 200, headers, {dialect.wrapper: records, **beside}


def _token(row: int) -> str:
    return base64.urlsafe_b64encode(f"r{row}".encode()).decode().rstrip("=")


def _read_token(token: str) -> int | None:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("r")) if text.startswith("r") else None
    except ValueError:
        return None


def _matching(platform: Platform, query: Mapping[str, str]) -> Array:
    """Positions of the visible attempts that match, in the API's order."""
    rows, dialect, moment = platform.attempts, platform.dialect, platform.clock() - platform.republish.late_s
    last = int(np.searchsorted(rows.ended, moment, side="right"))
    keep = np.ones(last, dtype=bool)
    if not dialect.record_per_attempt:
        keep &= rows.replaced[:last] > moment
    if "queued_to_dlq" in query:
        keep &= rows.dead[:last] == (query["queued_to_dlq"].lower() == "true")
    if "workflow_id" in query:
        number = next(
            (n for n, one in enumerate(platform.workflows) if one.workflow_id == query["workflow_id"].lower()), -1
        )
        keep &= platform.workflow_of[rows.event[:last]] == number
    for name, before in zip(dialect.time_filter, (False, True), strict=True):
        if name and name in query:
            at = datetime.fromisoformat(query[name]).timestamp()
            keep &= (rows.ended[:last] < at) if before else (rows.ended[:last] >= at)
    found = np.flatnonzero(keep)
    if "trace_id" in query:
        found = np.array(
            [n for n in found if platform.trace_id(int(rows.event[n]), int(rows.delivery[n])) == query["trace_id"]],
            dtype=np.int64,
        )
    return found[::-1] if dialect.newest_first else found


def _time(at_s: float, form: str) -> Any:
    if form == "epoch_s":
        return round(at_s, 3)
    if form == "epoch_ms":
        return round(at_s * 1000)
    if form == "offset":
        return datetime.fromtimestamp(at_s, LOCAL).isoformat(timespec="milliseconds")
    text = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text + "Z" if form == "z" else text


def record_id(platform: Platform, row: int) -> str:
    """The id of an attempt's record, or of its event's only record."""
    rows = platform.attempts
    event, delivery = int(rows.event[row]), int(rows.delivery[row])
    # A republished event starts at attempt 1 again, so its end tells the two apart.
    if platform.dialect.record_per_attempt:
        what = f"{event}.{rows.number[row]}.{rows.ended[row]:.6f}"
    else:
        what = f"{event}/{delivery}" if delivery and platform.republish.record_is_new else f"{event}"
    return hashlib.sha256(f"{platform.salt}.{what}".encode()).hexdigest()[:24]


def error_of(platform: Platform, row: int) -> tuple[str, str, str]:
    """Text, type and code of a failed attempt's error."""
    rows = platform.attempts
    event, attempt = int(rows.event[row]), int(rows.number[row])
    error = ERRORS[int(rows.error[row])]
    workflow = platform.workflows[int(platform.workflow_of[event])]
    delivery = int(rows.delivery[row])
    body = platform.payload_of(event, delivery=delivery)
    field = wrong_field(body, workflow.shape) or workflow.shape.number
    facts = Facts(
        key=str(body.get(workflow.shape.key)),
        trace_id=platform.trace_id(event, delivery),
        workflow_name=workflow.name,
        timeout_ms=workflow.timeout_ms,
        field=field,
        value=json.dumps(body.get(field), ensure_ascii=False),
        bits=mix(platform.salt ^ (event * 64 + attempt)),
    )
    return error.text(facts), error.error_type, error.error_code


def _duration_ms(platform: Platform, row: int) -> float:
    rows = platform.attempts
    if not platform.dialect.duration_is_sum or rows.number[row] == 1:
        return round(float(rows.duration_ms[row]), 1)
    near = slice(max(row - 200_000, 0), row + 1)
    own = (rows.event[near] == rows.event[row]) & (rows.number[near] <= rows.number[row])
    own &= rows.delivery[near] == rows.delivery[row]
    return round(float(rows.duration_ms[near][own].sum()), 1)


def _render(platform: Platform, row: int) -> dict[str, Any]:
    rows, dialect = platform.attempts, platform.dialect
    event, failed, dead = int(rows.event[row]), bool(rows.failed[row]), bool(rows.dead[row])
    workflow = platform.workflows[int(platform.workflow_of[event])]
    success, failure, dead_word, between = dialect.statuses
    status = success if not failed else dead_word if dead else failure if dialect.record_per_attempt else between
    delivery = int(rows.delivery[row])
    body = platform.payload_of(event, delivery=delivery)
    if delivery and platform.republish.reserialises:
        body = dict(sorted(body.items(), reverse=True))
    error: Any = None
    if failed:
        text, kind, code = error_of(platform, row)
        error = {"type": kind, "code": code, "message": text} if dialect.error_is_object else f"{kind}: {text}"
    record: dict[str, Any] = {dialect.id_field: record_id(platform, row)} if dialect.id_field else {}
    record |= {
        "workflow_id": workflow.workflow_id,
        "trace_id": platform.trace_id(event, delivery),
        dialect.time_field: _time(float(rows.ended[row]), dialect.time_form),
        "status": status,
        "retryable": ERRORS[int(rows.error[row])].retryable if failed else None,
        "queued_to_dlq": dead,
        "attempts": int(rows.number[row]),
        "last_error": error,
        "payload_snapshot": _payload_text(platform, delivery, body) if dialect.payload_is_text else body,
        "action_duration_ms": _duration_ms(platform, row),
        "client_id": platform.client(event),
    }
    if delivery and platform.republish.attributes:
        attributes = dict(platform.deliveries[delivery - 1].attributes)
        record |= attributes if platform.republish.attributes == "flat" else {"attributes": attributes}
    return record


def _payload_text(platform: Platform, delivery: int, body: Any) -> str:
    if delivery and not platform.republish.reserialises:
        return platform.deliveries[delivery - 1].text
    return json.dumps(body, ensure_ascii=False)
