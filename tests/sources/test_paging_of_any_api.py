"""APIs made at random: whatever they do, “complete” is said only where every record came."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import UnexpectedAnswer
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import Response
from dlqkit.sources.paging import ROUND_LIMITS, Fetched, Page, Pager
from dlqkit.sources.record_decode import decode_page
from tests.frames import START

SETTINGS = ExecutionLogsSettings()
BUDGET = 40
KNOWN = {"none": set(), "offset": {"offset"}, "page": {"page"}, "cursor": {"token"}, "link": {"from"}}


@dataclass(frozen=True)
class Api:
    """How an API behaves where the runbook says nothing."""

    style: str
    records: int
    most: int
    unknown: str
    above: str
    says: str
    first_page: int
    newest_first: bool
    grows: int
    leaves: int


APIS = st.builds(
    Api,
    style=st.sampled_from(list(KNOWN)),
    records=st.one_of(st.integers(0, 420), st.sampled_from([1, 2, 50, 64, 99, 100, 101, 200, 300])),
    most=st.sampled_from([1, 2, 7, 50, 64, 73, 100, 250, 1000]),
    unknown=st.sampled_from(["ignored", "refused", "a field"]),
    above=st.sampled_from(["cut", "fewer", "refused", "nothing"]),
    says=st.sampled_from(["nothing", "more", "always more", "total", "own total", "total of everything"]),
    first_page=st.sampled_from([0, 1]),
    newest_first=st.booleans(),
    grows=st.sampled_from([0, 0, 1, 3]),
    leaves=st.sampled_from([0, 0, 1]),
).map(lambda api: _fit(api))


def _fit(api: Api) -> Api:
    """Without what cannot be seen from outside.

    Pages by number, or of a single record, do not overlap, so that what leaves such a list may hide another; and
    where as many records come between two requests as a page holds, a parameter that is ignored seems to work.
    """
    leaves = 0 if api.style == "page" or api.most == 1 else api.leaves
    return replace(api, leaves=leaves, grows=min(api.grows, (api.most - 1) // 5))


class Server:
    """Answers as an ``Api`` would; records that are made while it is read come with a later time."""

    def __init__(self, api: Api) -> None:
        self.api, self.asked = api, 0
        self.rows = [self.row(n) for n in range(api.records)]
        self.first = {row["id"] for row in self.rows}

    def row(self, n: int) -> dict[str, Any]:
        at = START + timedelta(minutes=n)
        return {"id": f"r{n}", "trace_id": f"t{n}", "status": "failed", "created_at": at.isoformat()}

    def change(self) -> None:
        for _ in range(self.api.grows):
            self.rows.append(self.row(self.api.records + 1000 * self.asked + len(self.rows)))
        for _ in range(self.api.leaves if len(self.rows) > 5 else 0):
            gone = self.rows.pop(len(self.rows) // 2)
            self.first.discard(gone["id"])

    def answer(self, query: dict[str, str]) -> tuple[int, Any]:
        api = self.api
        if self.asked:
            self.change()
        self.asked += 1
        strange = {name: text for name, text in query.items() if name not in KNOWN[api.style] | {"limit"}}
        if strange and api.unknown == "refused":
            return 400, {}
        rows = self.rows[::-1] if api.newest_first else self.rows
        if strange and api.unknown == "a field":
            rows = []
        limit = int(query["limit"])
        if limit > max(api.most, 100) and api.above in ("refused", "nothing"):
            return (400, {}) if api.above == "refused" else (200, {"items": []})
        if limit > max(api.most, 100) and api.above == "fewer":
            limit = 20
        limit = min(limit, api.most)
        places = {
            "none": 0,
            "offset": int(query.get("offset", 0)),
            "page": limit * (int(query.get("page", api.first_page)) - api.first_page),
        }
        if api.style in ("cursor", "link"):
            after = query.get("token" if api.style == "cursor" else "from")
            ids = [row["id"] for row in rows]
            if after is not None and after not in self.first and after not in ids:
                return 400, {}
            # As a database does it: what sorts behind the record, which may be gone itself.
            numbers = [int(one[1:]) for one in ids]
            bound = int(after[1:]) if after else None
            kept = [
                row
                for row, number in zip(rows, numbers, strict=True)
                if bound is None or (number < bound if api.newest_first else number > bound)
            ]
            rows, place = kept, 0
        else:
            place = places[api.style]
        if place < 0:
            return 400, {}
        items = rows[place : place + limit]
        more = place + limit < len(rows)
        beside: dict[str, Any] = {}
        if api.style == "cursor":
            beside["next_token"] = items[-1]["id"] if more and items else None
        if api.style == "link":
            beside["next"] = f"?limit={query['limit']}&from={items[-1]['id']}" if more and items else None
        beside |= (
            {
                "more": {"has_more": more},
                "always more": {"has_more": True},
                "total": {"total": len(rows)},
                "own total": {"total": len(items)},
                "total of everything": {"total": len(rows) + 500},
            }.get(api.says, {})
            if api.style not in ("cursor", "link")
            else {}
        )
        return 200, {"items": items, **beside}


def read(api: Api) -> tuple[Server, Pager, set[str]]:
    server = Server(api)

    def fetch(number: int, query: Any, url: str | None) -> Fetched:
        asked = dict(query)
        if url is not None:
            asked = dict(part.split("=") for part in url.split("?")[1].split("&"))
        status, value = server.answer(asked)
        if status != 200:
            raise UnexpectedAnswer("refused", "")
        body = json.dumps(value).encode()
        decoded = decode_page(body, SETTINGS)
        page = Page(number, body, asked, decoded.frame, decoded.received, decoded.quarantined, 0, None)
        shown = "http://api/logs?" + "&".join(f"{name}={text}" for name, text in asked.items())
        return Fetched.of(page, decoded, Response(body, 200, {}, shown))

    pager = Pager(fetch, {"limit": "100"}, SETTINGS, BUDGET, None)
    frames = [got.page.frame for got in pager.walk()]
    return server, pager, set(pd.concat(frames)["record_id"]) if frames else set()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(api=APIS)
def test_complete_means_that_every_record_came(api: Api) -> None:
    """Records that were there at the first question and stayed; newer ones may be there or not."""
    server, pager, came = read(api)

    lost = server.first - came
    if pager.completeness == "complete" and lost:
        # The one case that the coverage says it rests on: no way to go on, and fewer than a limit anyone would set.
        assert any("fewer than the 100 asked for" in text for text in pager.findings)
        assert pager.received < 100
        assert pager.received not in ROUND_LIMITS
    assert pager.requests <= BUDGET + 3


@settings(max_examples=25, deadline=None, derandomize=True)
@given(api=APIS)
def test_a_sound_api_is_read_to_its_end(api: Api) -> None:
    """Nothing changes, nothing is a field, and there are pages: then all of it comes, and is called complete."""
    sound = Api(
        api.style if api.style != "none" else "offset", api.records, max(api.most, 50), "ignored", "cut",
        api.says if api.says in ("nothing", "more", "total", "own total") else "nothing", api.first_page,
        api.newest_first, 0, 0,
    )  # fmt: skip

    server, pager, came = read(sound)

    assert came == server.first
    assert pager.completeness == "complete"
    assert pager.requests <= 6 + 2 * (sound.records // min(sound.most, 100) + 1)
