"""An Execution Logs API on loopback that breaks by a schedule, and whose list changes while it is read.

The same schedule gives the same answers to the same questions, whatever the clock and the threads do.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.sources.faulty_answers import HARMLESS, PASSING, Wire, send

__all__ = ["PAGE", "STYLES", "FaultyApi", "Row", "Schedule", "faulty"]

STYLES = ("none", "offset", "page", "cursor", "link")
PAGE = 10
NEWEST = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is served, and what of it must be found again."""

    number: int
    attempts: int = 5
    moved: bool = False

    @property
    def record_id(self) -> str:
        return f"r{self.number}"

    @property
    def payload(self) -> str:
        """With spaces, escapes and a number that no decoder gives back as they are."""
        return f'{{"order" : {self.number}.10, "t":"\\u00fc \\n", "big": 12345678901234567890123}}'

    @property
    def recorded_at(self) -> datetime:
        return NEWEST - timedelta(seconds=7 * self.number)

    def seen(self) -> tuple[Any, ...]:
        """Identity, state and content, as a frame has them."""
        return (self.record_id, f"t{self.number}", self.attempts, f"refused by db-{self.number}", self.payload,
                self.recorded_at)  # fmt: skip

    def text(self) -> str:
        about = {"id": self.record_id, "trace_id": f"t{self.number}", "workflow_id": "wf", "status": "failed",
                 "queued_to_dlq": True, "attempts": self.attempts, "last_error": f"refused by db-{self.number}",
                 "created_at": self.recorded_at.isoformat()}  # fmt: skip
        return f'{json.dumps(about)[:-1]}, "payload_snapshot": {self.payload}}}'


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which faults come, how often, and what happens to the list meanwhile."""

    style: str
    seed: int
    records: int = 47
    rate: float = 0.3
    in_a_row: int = 3
    """No question fails more often than so, one time after the other."""
    passing: tuple[str, ...] = (*PASSING, *HARMLESS)
    lasting: str | None = None
    """A fault, or a way of leading on for ever, that stays once it has come."""
    after: int = 0
    """So many whole pages come before it."""
    change: str | None = None
    """What happens to the list between two pages: see ``FaultyApi._change``."""
    says: str = "nothing"
    """What a page says beside its records: ``nothing``, ``total`` or ``more``."""

    def fault(self, path: str, tried: int, in_a_row: int) -> str | None:
        """The fault of a question that was asked so often before."""
        draw = random.Random(f"{self.seed} {path} {tried}")
        chosen = draw.choice(self.passing) if draw.random() < self.rate else None
        if chosen not in HARMLESS and in_a_row >= self.in_a_row:
            return None
        # Twice in a row is more than anyone waits for.
        return "429 soon" if in_a_row and chosen == "429 tomorrow" else chosen


@dataclass
class FaultyApi:
    """The list, how it is paged, and what was answered."""

    schedule: Schedule
    url: str = ""
    elsewhere: str = ""
    rows: list[Row] = field(default_factory=list)
    whole: list[tuple[Row, ...]] = field(default_factory=list)
    """Records of each page that was sent without a fault."""
    offered: set[tuple[Any, ...]] = field(default_factory=set)
    """States of the records of every page, also of one that was broken on the way."""
    stayed: set[int] = field(default_factory=set)
    """Numbers of records that were in the list from the first page on."""
    faults: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    """What was sent to the address to which a redirect points."""
    _tried: Counter[str] = field(default_factory=Counter)
    _in_a_row: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    _led: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.rows = [Row(number) for number in range(self.schedule.records)]
        self.stayed = set(range(self.schedule.records))
        self._draw = random.Random(f"{self.schedule.seed} changes")
        self._most = PAGE

    def answer(self, wire: Wire) -> None:
        """Answer one question."""
        with self._lock:
            path = wire.path.replace("&hop=1", "").replace("?hop=1", "")
            hopping = path != wire.path
            fault = "sent on" if hopping else self._fault(path)
            rows, beside, headers = self._page(dict(parse_qsl(urlsplit(path).query)))
            self.offered.update(row.seen() for row in rows)
            if (fault is None or fault in HARMLESS) and not (fault == "sent on" and not hopping):
                self.whole.append(tuple(rows))
                self._change()
            self.faults[fault or "none"] += not hopping
            self.asked += 1
            draw = random.Random(f"{self.schedule.seed} {path} {self._tried[path]} bytes")
        body = "[" + ",\n".join(row.text() for row in rows) + "]"
        if beside or self.schedule.seed % 3:
            body = f'{{"items": {body}, {json.dumps(beside)[1:]}' if beside else f'{{"items": {body}}}'
        send(fault, wire, body.encode(), headers, draw)

    def _fault(self, path: str) -> str | None:
        schedule = self.schedule
        is_over = schedule.lasting is not None and len(self.whole) >= schedule.after
        if is_over and schedule.lasting not in LEADING_ON:
            return schedule.lasting
        fault = schedule.fault(path, self._tried[path], self._in_a_row[path])
        self._tried[path] += 1
        self._in_a_row[path] = 0 if fault is None or fault in HARMLESS else self._in_a_row[path] + 1
        return fault

    def _change(self) -> None:
        """What happens to the list after a page: it is of rows from the newest to the oldest."""
        change, draw = self.schedule.change, self._draw
        if change == "grows" and self.rows:
            for _ in range(draw.randrange(3)):
                self.rows.insert(0, Row(min(row.number for row in self.rows) - 1))
        elif change == "shrinks" and len(self.rows) > 5:
            for _ in range(draw.randrange(3)):
                self.stayed.discard(self.rows.pop(draw.randrange(len(self.rows))).number)
        elif change == "moves" and self.rows and draw.random() < 0.5:
            # As of a list in the order of the last change: a record is tried again and stands first.
            moved = self.rows.pop(draw.randrange(len(self.rows)))
            self.rows.insert(0, Row(moved.number, moved.attempts + 1, moved=True))
        elif change == "changes" and len(self.rows) > 1:
            at = draw.randrange(len(self.rows))
            self.rows[at] = Row(self.rows[at].number, self.rows[at].attempts + 1)
        elif change == "lowers its limit" and len(self.whole) >= 4:
            # Not before it is found out how the API pages.
            self._most = 4

    # --- pages

    def _page(self, query: dict[str, str]) -> tuple[list[Row], dict[str, Any], dict[str, str]]:
        """Records, what is said beside them, and headers."""
        schedule = self.schedule
        limit = min(int(query.get("limit", PAGE)), self._most)
        if schedule.style == "none":
            return self.rows, {"total": len(self.rows)} if schedule.says == "total" else {}, {}
        if schedule.lasting in LEADING_ON and len(self.whole) >= schedule.after:
            return self._lead_on(schedule.lasting, query, limit)
        if schedule.style in ("cursor", "link"):
            return self._marked_page(query, limit)
        rows = self.rows[(place := self._place(query, limit)) : place + limit]
        says = {"total": {"total": len(self.rows)}, "more": {"has_more": place + limit < len(self.rows)}}
        return rows, says.get(schedule.says, {}), {}

    def _place(self, query: dict[str, str], limit: int) -> int:
        change = self.schedule.change
        if self.schedule.style == "offset":
            return max(int(query.get("offset", 0)) - (3 if change == "overlaps" else 0), 0)
        number = max(int(query.get("page", 1)) - 1, 0)
        if change == "repeats":
            # Every other page comes twice, under two numbers.
            number -= (number + 1) // 3
        return number * (limit - 3 if change == "overlaps" else limit)

    def _marked_page(self, query: dict[str, str], limit: int) -> tuple[list[Row], dict[str, Any], dict[str, str]]:
        """A page of a cursor or a link, whose mark says behind which record it begins, and how far before it."""
        schedule = self.schedule
        name = "token" if schedule.style == "cursor" else "from"
        mark = query.get(name, "start.0")
        number, back = mark.rsplit(".", 1)
        place = 0
        if number != "start":
            # As a database does it: what sorts behind the record, which may be gone or elsewhere by now.
            behind = (at for at, row in enumerate(self.rows) if row.number > int(number) and not row.moved)
            place = next(behind, len(self.rows))
        first = max(place - int(back), 0)
        rows = self.rows[first : first + limit]
        more = first + limit < len(self.rows)
        following = None
        if more and rows:
            twice = schedule.change == "repeats" and back == "0" and rows[-1].number % 3 == 0
            following = f"{rows[-1].number}.{limit if twice else 3 if schedule.change == 'overlaps' else 0}"
        if schedule.style == "cursor":
            return rows, {"next_token": following}, {}
        url = f"?limit={limit}&from={following}" if following is not None else None
        if schedule.seed % 2 and url is not None:
            return rows, {}, {"Link": f'<{self.url}{url}>; rel="next"'}
        return rows, {"next": url}, {}

    def _lead_on(self, how: str, query: dict[str, str], limit: int) -> tuple[list[Row], dict[str, Any], dict[str, str]]:
        """Pages without an end; by number or place they go on by themselves."""
        self._led += 1
        rows = self.rows[:limit]
        if how == "new records for ever":
            marked = query.get("token", query.get("from"))
            first = int(marked.split(".")[0]) + 1 if marked is not None else self._place(query, limit)
            rows = [Row(first + at) for at in range(limit)]
        elif how == "empty pages for ever":
            rows = []
        # A mark names the record behind which a page begins; one that goes round in a circle is always the same.
        mark = f"{rows[-1].number}.0" if how == "new records for ever" else f"{self._led}.0"
        mark = "0.0" if how == "a circle" else mark
        if self.schedule.style == "cursor":
            return rows, {"next_token": mark}, {}
        return (
            rows,
            {"next": f"?limit={limit}&from={mark}"} if self.schedule.style == "link" else {"has_more": True},
            {},
        )


LEADING_ON = frozenset({"new records for ever", "empty pages for ever", "old records for ever", "a circle"})


@contextmanager
def faulty(schedule: Schedule) -> Iterator[FaultyApi]:
    """The API on loopback, and beside it another address that nothing must be sent to."""
    api = FaultyApi(schedule)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            if self.server is other:
                api.keys.append(self.headers.get("X-API-Key", ""))
            else:
                api.answer(Wire(self.connection, self.path, api.elsewhere))

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            return  # whoever asked has gone

    server, other = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}/execution-logs"
    api.elsewhere = f"http://127.0.0.1:{other.server_port}"
    threads = [threading.Thread(target=one.serve_forever, args=(0.01,)) for one in (server, other)]
    for thread in threads:
        thread.start()
    try:
        yield api
    finally:
        for one in (server, other):
            one.shutdown()
            # Not waiting for answers that stall: their threads are daemons.
            one.socket.close()
        for thread in threads:
            thread.join(5)
