"""Elements that are no records are counted once each, wherever a list moves them while it is read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.http import Response
from dlqkit.sources.odd_elements import OddElements
from dlqkit.sources.paging import Fetched, Page, Pager
from dlqkit.sources.record_decode import decode_page
from tests.sources.api import rows

SETTINGS = ExecutionLogsSettings()
SEEDS = 40


def elements(rng: random.Random, count: int, kinds: str = "ronr", changes: float = 0.4) -> list[Any]:
    """A list of records, of odd elements like many others, and of ones like no other; in runs where few changes."""
    data, kind = list(rows(count)), "r"
    for at in range(count):
        kind = rng.choice(kinds) if rng.random() < changes else kind
        data[at] = {"r": data[at], "o": None, "n": f"odd {at}"}[kind]  # type: ignore[call-overload]
    return data


def read(
    data: list[Any], style: str, size: int, wrap: Callable[[list[Any]], Any], change: Callable[[int], None]
) -> tuple[Pager, list[str], list[bytes]]:
    """All that a pager finds in a list that changes before any request; ids of records, and odd elements."""
    asked = 0

    def fetch(number: int, query: Mapping[str, str], url: str | None) -> Fetched:
        nonlocal asked
        asked += 1
        change(asked)
        limit = min(int(query["limit"]), size)
        at = int(query.get("offset", "0")) if style == "offset" else (max(int(query.get("page", "1")), 1) - 1) * limit
        body = json.dumps(wrap(data[at : at + limit])).encode()
        decoded = decode_page(body, SETTINGS)
        page = Page(number, body, query, decoded.frame, decoded.received, decoded.quarantined, 0, None)
        return Fetched.of(page, decoded, Response(body, 200, {}, f"http://x/?{sorted(query.items())}"))

    pager = Pager(fetch, {"limit": "100"}, SETTINGS, 500, None)
    ids, odd = [], []
    for got in pager.walk():
        ids += got.page.frame["record_id"][got.fresh].tolist()
        odd += [one.raw for one in got.page.quarantined]
    assert pager.quarantined == len(odd), "what is counted is what is kept"
    return pager, ids, odd


def written(data: list[Any]) -> list[bytes]:
    return sorted(json.dumps(one).encode() for one in data if not isinstance(one, dict))


@pytest.mark.parametrize("style", ["offset", "page"])
def test_of_a_list_that_stays_each_element_comes_once(style: str) -> None:
    """Also where pages hold odd elements alone; by number two equal pages of them may be one that came twice."""
    complete = 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        data = elements(rng, rng.randrange(1, 90))
        pager, ids, odd = read(data, style, rng.randrange(3, 12), lambda page: page, lambda _: None)
        assert len(ids) == len(set(ids))
        if pager.completeness == "complete":
            complete += 1
            assert sorted(odd) == written(data), seed
            assert set(ids) == {one["id"] for one in data if isinstance(one, dict)}, seed
        assert len(odd) <= len(written(data)), seed
    assert complete > 0.6 * SEEDS


@pytest.mark.parametrize("style", ["offset", "page"])
@pytest.mark.parametrize("has_total", [False, True])
def test_of_a_list_that_moves_none_is_lost(style: str, has_total: bool) -> None:
    """A record leaves it or comes in front of it; an odd element at a page's edge may be kept twice."""
    complete = twice = 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        data = elements(rng, rng.randrange(20, 90), "rrrn", 1.0)
        original, moment, leaves = list(data), rng.randrange(2, 9), rng.random() < 0.6
        gone: list[Any] = []

        def change(asked: int, data: list[Any] = data, moment: int = moment, leaves: bool = leaves,
                   gone: list[Any] = gone, rng: random.Random = rng) -> None:  # fmt: skip
            if asked == moment and leaves:
                records = [at for at, one in enumerate(data) if isinstance(one, dict)]
                gone += [data.pop(rng.choice(records))] if records else []
            elif asked == moment:
                data.insert(0, {**rows(200)[0], "id": "came"})

        def wrap(page: list[Any], data: list[Any] = data) -> Any:
            return {"items": page, "total": len(data)} if has_total else page

        pager, ids, odd = read(data, style, rng.randrange(4, 12), wrap, change)
        twice += len(odd) > len(set(odd))
        if pager.completeness == "complete":
            complete += 1
            assert sorted(set(odd)) == written(original), seed
            kept = {one["id"] for one in original if isinstance(one, dict)} - {one["id"] for one in gone}
            assert kept <= set(ids), seed
    assert complete > 0.5 * SEEDS
    assert twice <= SEEDS // 5


def test_one_is_known_by_either_neighbour_and_by_how_many_stand_between() -> None:
    odd = OddElements()
    # Records 10 and 20, and two equal odd elements between them.
    first = odd.place([10, 20], [1, 2], [b"null", b"null"], 0)
    assert first.odd == (True, True)
    odd.add(first, [b"null", b"null"])

    # 10 is gone, so that 20 alone tells; a third one above it is new.
    assert odd.place([20], [0, 1], [b"null", b"null"], 50).odd == (False, False)
    assert odd.place([20], [0, 1, 2], [b"null", b"null", b"null"], 50).odd == (True, False, False)
    assert odd.place([10], [1, 2], [b"null", b"nil"], 50).odd == (False, True)


def test_a_page_goes_on_from_the_one_before_it() -> None:
    """Pages of odd elements alone are told apart by how far below the last record they stand."""
    odd = OddElements()
    odd.add(odd.place([10], [1, 2], [b"null", b"null"], 0), [b"null", b"null"])
    second = odd.place([], [0, 1], [b"null", b"null"], 3)
    assert second.odd == (True, True)
    odd.add(second, [b"null", b"null"])
    # The same places asked for again, from within the page before.
    assert odd.place([], [0], [b"null"], 4).odd == (False,)

    odd.begin()
    odd.add(odd.place([10], [1], [b"null"], 0), [b"null"])
    assert odd.place([], [0, 1, 2], [b"null", b"null", b"null"], 2).odd == (False, False, False)
    assert odd.place([30], [0, 1, 2, 3], [b"null"] * 4, 2).odd == (False, False, False, True)
