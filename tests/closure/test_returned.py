"""Has it come back since the ticket was closed? Only the same error is a coming back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from dlqkit.closure.checklist import Item
from dlqkit.closure.returned import check_return
from tests.frames import at, dead, records

CLOSED, NOW = at(3600).to_pydatetime(), at(7200).to_pydatetime()
STILL = Item("metrics", "", "yes", "")


def of(rows: list[tuple[float, str]], gap: str = "", counter: Item = STILL, until: datetime = NOW) -> Any:
    frame = records([dead(seconds) for seconds, _ in rows])
    return check_return(frame.assign(signature_id=[name for _, name in rows]), CLOSED, until, gap=gap,
                        counter=counter)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "state", "count", "alike"),
    [
        ([(10, "refused")], "no", 0, 0),
        ([(10, "refused"), (3700, "refused"), (3800, "bad zip")], "same", 2, 1),
        ([(10, "refused"), (3700, "bad zip")], "other", 1, 0),
    ],
)
def test_what_died_since_the_closing_tells(rows: list[tuple[float, str]], state: str, count: int, alike: int) -> None:
    found = of(rows)

    assert (found.state, found.dead, found.alike) == (state, count, alike)
    assert found.newest_at == (at(max(seconds for seconds, _ in rows)).isoformat() if count else None)


def test_records_that_do_not_cover_the_time_do_not_say_that_it_stayed_away() -> None:
    found = of([(10, "refused")], gap="The records are not whole since then, so some may be missing.")

    assert (found.state, found.why) == ("unknown", "The records are not whole since then, so some may be missing.")


def test_a_counter_that_grew_since_without_a_record_is_not_known() -> None:
    grown = Item("metrics", "", "no", "", count=3, newest_at=at(3700).isoformat())
    before = Item("metrics", "", "no", "", count=3, newest_at=at(3500).isoformat())

    assert of([(10, "refused")], counter=grown).state == "unknown"
    assert of([(10, "refused")], counter=before).state == "no"


def test_evidence_that_ends_where_it_was_closed_by_tells_nothing_of_afterwards() -> None:
    assert of([(10, "refused")], until=CLOSED).state == "unknown"
    assert of([(10, "refused")]).state == "no"
