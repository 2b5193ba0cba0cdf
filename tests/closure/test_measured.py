"""§7, what is measured: quiet counts only where something would have been seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from dlqkit.closure.measured import QUIET, Incidence, Since, check_counter, check_records, find_since
from tests.frames import at, counter, dead, good, records

# A scrape every 15 s; the incident has ended at the sixtieth, after a quarter of an hour.
BEFORE, END = 60, at(15 * 60).to_pydatetime()
OFTEN = Incidence(per_hour=60.0, share=0.5)


def scrapes(*parts: pd.DataFrame) -> pd.DataFrame:
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(series_id=frame.groupby("metric", sort=False).ngroup())


def dlq(after: list[float]) -> pd.DataFrame:
    return counter("worker_dlq_total", [float(n) for n in range(BEFORE)] + after, workflow_id="wf")


def succeeded(per_scrape: float, count: int) -> pd.DataFrame:
    return counter("worker_success_total", [100 + per_scrape * n for n in range(count)], workflow_id="wf")


def of_counter(samples: pd.DataFrame, incidence: Incidence = OFTEN, since: Since | None = None) -> Any:
    now = samples["sampled_at"].max().to_pydatetime()
    return check_counter(samples, "wf", since or Since(END, "the fix"), now, incidence)


def test_a_counter_that_stood_still_for_an_hour_while_events_succeeded_holds() -> None:
    """240 scrapes, two successes each: at 95 % fewer than 3 an hour (-ln 0.05), and fewer than 0.62 % of 480 die."""
    found = of_counter(scrapes(dlq([59.0] * 241), succeeded(2, BEFORE + 241)))

    assert found.state == "yes"
    assert "480 events came to an end" in found.why
    assert "fewer than 3.0 an hour, and fewer than 0.62% of the events" in found.why


def test_one_more_dead_letter_is_a_no_whatever_the_rest_says() -> None:
    found = of_counter(scrapes(dlq([59.0] * 200 + [60.0] * 41), succeeded(2, BEFORE + 241)))

    assert (found.state, "It grew by 1 " in found.why) == ("no", True)


def test_the_incidents_own_last_dead_letter_is_not_a_new_one() -> None:
    """It lies in the step in which the incident ends."""
    since = Since(at(59 * 15 - 7).to_pydatetime(), "the end")

    assert of_counter(scrapes(dlq([59.0] * 241), succeeded(2, BEFORE + 241)), since=since).state == "yes"


def test_quiet_in_which_nothing_was_to_come_shows_nothing() -> None:
    """One in two hours died: an hour without one is no sign, and it is said how long it would take."""
    found = of_counter(scrapes(dlq([59.0] * 241), succeeded(2, BEFORE + 241)), Incidence(0.5, 0.001))

    assert found.state == "unknown"
    assert "0.5 were to come" in found.why
    assert "6.2 hours of such quiet would" in found.why


def test_where_hardly_anything_is_done_the_share_decides_and_not_the_hours() -> None:
    """Sixty an hour died by day, half of all events; by night two events came."""
    night = scrapes(dlq([59.0] * 241), succeeded(2 / 240, BEFORE + 241))
    assert of_counter(night).state == "unknown"
    # Of three events an hour every one died: ten that succeed are more than chance.
    assert of_counter(scrapes(dlq([59.0] * 241), succeeded(10 / 240, BEFORE + 241)), Incidence(3.0, 1.0)).state == "yes"


def test_where_nothing_is_done_nothing_can_fail() -> None:
    found = of_counter(scrapes(dlq([59.0] * 241), succeeded(0, BEFORE + 241)))

    assert (found.state, "nothing is being done" in found.why) == ("unknown", True)


def test_less_than_a_quarter_of_an_hour_shows_nothing() -> None:
    found = of_counter(scrapes(dlq([59.0] * 50), succeeded(9, BEFORE + 50)))

    assert (found.state, "less than 15 minutes" in found.why) == ("unknown", True)


def test_no_scrape_is_not_known_and_never_nought() -> None:
    """None at all, or none of the last while."""
    late = END + timedelta(hours=2)
    none = check_counter(dlq([]), "wf", Since(END, "the fix"), late, OFTEN)
    old = check_counter(dlq([59.0] * 241), "wf", Since(END, "the fix"), late, OFTEN)

    assert (none.state, old.state) == ("unknown", "unknown")
    assert "No two scrapes" in none.why
    assert "before the end" in old.why


def test_a_restart_does_not_hide_new_dead_letters() -> None:
    """The counter begins at nought again and comes to 2: those are two new ones."""
    samples = scrapes(dlq([59.0] * 100 + [0.0] * 40 + [2.0] * 101), succeeded(2, BEFORE + 241))

    assert of_counter(samples).state == "no"


def of_records(rows: list[dict[str, Any]], **more: Any) -> Any:
    now = at(2 * 3600).to_pydatetime()
    values = {"known_to": now, "has_records": True, "is_whole": True, **more}
    return check_records(records(rows), Since(END, "the fix"), now, OFTEN, **values)


def healthy(count: int = 20) -> list[dict[str, Any]]:
    return [good(1000 + 200 * n, event_key=f"g{n}", trace_id=f"g{n}") for n in range(count)]


def test_records_without_a_new_dead_letter_hold_where_enough_came_to_an_end() -> None:
    found = of_records([dead(10), *healthy()])

    assert (found.state, "20 events came to an end" in found.why) == ("yes", True)


@pytest.mark.parametrize(
    ("rows", "more", "state", "words"),
    [
        ([dead(10), dead(1000)], {}, "no", "1 in the"),
        ([dead(10), dead(1000)], {"is_whole": False}, "no", "At least 1 in the"),
        ([dead(10)], {"has_records": False}, "unknown", "No execution records"),
        ([dead(10)], {"is_whole": False}, "unknown", "not whole"),
        ([dead(10)], {"known_to": at(3600).to_pydatetime()}, "unknown", "do not reach"),
        ([dead(10, recorded_at=pd.NaT)], {}, "unknown", "no time that can be read"),
    ],
)
def test_records_that_do_not_cover_the_time_are_no_yes(
    rows: list[dict[str, Any]], more: dict[str, Any], state: str, words: str
) -> None:
    found = of_records(rows + (healthy() if state == "unknown" else []), **more)

    assert found.state == state
    assert words in found.why


def test_quiet_is_asked_for_since_the_fix_else_since_the_end() -> None:
    """A fix of after the evidence is none yet; while it goes on the last quarter of an hour is looked at."""
    now, fix = datetime.fromisoformat("2026-03-02T16:00:00+00:00"), datetime.fromisoformat("2026-03-02T14:40:00+00:00")
    end = fix + timedelta(minutes=3)

    assert find_since(fix, end, now).at == fix
    assert find_since(None, end, now).at == end
    assert find_since(None, None, now).at == now - QUIET
    assert find_since(now + timedelta(hours=1), end, now).at == end
