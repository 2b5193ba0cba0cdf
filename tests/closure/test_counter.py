"""§7, item 1: the counter does not grow, and would be seen to grow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from dlqkit.closure.counter import check_counter
from dlqkit.closure.quiet import Incidence
from dlqkit.closure.since import Since
from tests.frames import at, counter

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
    assert "fewer than 3.0 an hour die now, and fewer than 0.62% of the events" in found.why


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

    assert (found.state, "nothing is being processed" in found.why) == ("unknown", True)


def test_less_than_a_quarter_of_an_hour_shows_nothing() -> None:
    found = of_counter(scrapes(dlq([59.0] * 50), succeeded(9, BEFORE + 50)))

    assert (found.state, "less than 15 minutes" in found.why) == ("unknown", True)


def test_no_scrape_is_not_known_and_never_nought() -> None:
    """None at all, or none of the last while."""
    late = END + timedelta(hours=2)
    none = check_counter(dlq([]), "wf", Since(END, "the fix"), late, OFTEN)
    old = check_counter(dlq([59.0] * 241), "wf", Since(END, "the fix"), late, OFTEN)

    assert (none.state, old.state) == ("unknown", "unknown")
    assert "No scrape of the counter tells of the 2.0 hours from 2026-03-02 12:15:00 UTC" in none.why
    assert "No scrape of the counter tells of the 60 minutes from 2026-03-02 13:15:00 UTC" in old.why


def test_a_restart_does_not_hide_new_dead_letters() -> None:
    """The counter begins at nought again and comes to 2: those are two new ones."""
    samples = scrapes(dlq([59.0] * 100 + [0.0] * 40 + [2.0] * 101), succeeded(2, BEFORE + 241))

    assert of_counter(samples).state == "no"


# --- what would make an analyst close too early

HOUR = 240  # scrapes


def worker(name: str, values: list[float | None], *, workflow_id: str = "wf", metric: str = "worker_dlq_total") -> Any:
    return counter(metric, values, workflow_id=workflow_id, instance=name)


def together(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([part.assign(series_id=number) for number, part in enumerate(parts)], ignore_index=True)


def rising(after: list[float | None]) -> list[float | None]:
    return [*(float(n) for n in range(BEFORE)), *after]


def busy(name: str = "w1", count: int = BEFORE + HOUR + 1) -> Any:
    return worker(name, [100.0 + 2 * n for n in range(count)], metric="worker_success_total")


def test_growth_while_prometheus_was_down_over_the_fix_is_not_passed_over() -> None:
    """The counter is at 59 when scraping stops and at 500 an hour later, with the fix between: before or after it?"""
    down = worker("w1", rising([None] * HOUR + [500.0] * (HOUR + 1)))

    found = of_counter(
        together(down, busy(count=BEFORE + 2 * HOUR + 1)), since=Since(at(900).to_pydatetime(), "the fix")
    )

    assert found.state == "unknown"
    assert "It grew by 441 between 2026-03-02 12:14:45 UTC and 2026-03-02 13:15:00 UTC" in found.why


def test_a_counter_that_is_the_same_after_a_gap_in_scraping_did_not_grow_in_it() -> None:
    down = worker("w1", rising([None] * HOUR + [59.0] * (HOUR + 1)))

    assert of_counter(together(down, busy(count=BEFORE + 2 * HOUR + 1))).state == "yes"


@pytest.mark.parametrize(("scrapes", "words"), [(40, "10 minutes"), (HOUR, "60 minutes")])
def test_a_restart_within_a_gap_in_scraping_hides_what_was_counted_before_it(scrapes: int, words: str) -> None:
    """59 before the time without scrapes and 0 after it: what died before the restart was never read."""
    gap: list[float | None] = [None] * scrapes
    down = worker("w1", rising([*gap, *[0.0] * (HOUR + 1)]))
    done = worker("w1", [100.0 + 2 * n for n in range(BEFORE)] + gap + [2.0 * n for n in range(HOUR + 1)],
                  metric="worker_success_total")  # fmt: skip

    found = of_counter(together(down, done))

    assert (found.state, f"No scrape of w1 tells of the {words}" in found.why) == ("unknown", True)


def test_scraping_that_begins_long_after_the_fix_tells_nothing_of_the_time_between() -> None:
    """An hour after the fix the first scrape finds the counter at 7, and it stands still from there on."""
    nothing: list[float | None] = [None] * (BEFORE + HOUR)
    late = worker("w1", [*nothing, *[7.0] * (HOUR + 1)])
    done = worker("w1", [*nothing, *(100.0 + n for n in range(HOUR + 1))], metric="worker_success_total")

    found = of_counter(together(late, done))

    assert found.state == "unknown"
    assert "No scrape of w1 tells of the 60 minutes from 2026-03-02 12:15:00 UTC" in found.why


def test_one_of_two_workers_that_is_gone_may_go_on_losing_events() -> None:
    """The other one stands still and is scraped to the end; the one that is gone is named."""
    here, gone = worker("w1", rising([59.0] * (HOUR + 1))), worker("w2", rising([59.0] * 8))

    found = of_counter(together(here, gone, busy()))

    assert found.state == "unknown"
    assert "The counter of w2 is not seen after 2026-03-02 12:16:45 UTC" in found.why


def test_a_worker_that_was_gone_before_the_onset_is_not_waited_for() -> None:
    here, gone = worker("w1", [0.0] * 30 + rising([59.0] * (HOUR + 1))), worker("old", [3.0] * 5)
    samples, since = together(here, gone, busy(count=30 + BEFORE + HOUR + 1)), Since(at(90 * 15).to_pydatetime(), "end")
    now = samples["sampled_at"].max().to_pydatetime()

    found = check_counter(samples, "wf", since, now, OFTEN, onset_at=at(29 * 15).to_pydatetime())

    assert found.state == "yes"


def test_a_counter_that_was_not_born_again_after_the_restart_is_no_nought() -> None:
    """The fix was a deploy: the worker goes on, and its counter may be away or be called otherwise."""
    samples = together(worker("w1", rising([])), busy())

    assert of_counter(samples).state == "unknown"
    # The same worker counts another workflow's dead letters: it would count this one's, too.
    other = worker("w1", [None] * BEFORE + [1.0] * (HOUR + 1), workflow_id="other")
    assert of_counter(together(worker("w1", rising([])), busy(), other)).state == "yes"


def test_a_scrape_that_failed_now_and_then_is_no_hole() -> None:
    values: list[float | None] = [None if n % 7 == 3 else 59.0 for n in range(HOUR)]

    assert of_counter(together(worker("w1", rising([*values, 59.0])), busy())).state == "yes"


def test_failures_that_go_on_are_no_normal_metrics() -> None:
    """Events fail as before, and are still being retried: they are not dead yet."""
    samples = together(worker("w1", rising([59.0] * (HOUR + 1))), busy())
    now = samples["sampled_at"].max().to_pydatetime()

    found = check_counter(samples, "wf", Since(END, "x"), now, OFTEN, going_on=["failures outgrow successes"])

    assert (found.state, "failures outgrow successes" in found.why) == ("no", True)


def test_without_a_counter_of_successes_the_records_tell_the_traffic_or_nothing_does() -> None:
    samples = together(worker("w1", rising([59.0] * (HOUR + 1))))
    now = samples["sampled_at"].max().to_pydatetime()

    assert check_counter(samples, "wf", Since(END, "x"), now, OFTEN).state == "unknown"
    assert check_counter(samples, "wf", Since(END, "x"), now, OFTEN, recorded=200).state == "yes"


def test_another_workflows_dead_letters_are_its_own() -> None:
    other = worker("w1", rising([59.0 + n for n in range(HOUR + 1)]), workflow_id="other")

    assert of_counter(together(worker("w1", rising([59.0] * (HOUR + 1))), other, busy())).state == "yes"


def test_after_a_deploy_where_no_worker_exports_the_counter_it_says_so_and_what_to_do() -> None:
    """New workers are scraped and have succeeded, none has lost an event yet: that is no scrape that is missing."""
    fresh = of_counter(succeeded(2, BEFORE + 241))
    renamed = check_counter(succeeded(2, BEFORE + 241), "wf", Since(END, "the fix"), at(4500).to_pydatetime(), OFTEN,
                            names={"dlq": "jobs_lost_total"})  # fmt: skip

    assert fresh.state == renamed.state == "unknown"
    assert fresh.why.startswith("The workers are scraped, and none of them exports worker_dlq_total: after a deploy")
    assert "Look at the /metrics page of a worker" in fresh.why and "prometheus.metrics" in fresh.why
    assert "none of them exports jobs_lost_total" in renamed.why


def test_where_nothing_is_scraped_it_says_what_to_check() -> None:
    """Prometheus has only what was before the fix."""
    found = check_counter(succeeded(2, BEFORE), "wf", Since(END, "the fix"), at(4500).to_pydatetime(), OFTEN)

    assert found.state == "unknown"
    assert found.why.startswith("No scrape of the counter tells of the")
    assert found.why.endswith("Check that Prometheus scrapes the workers, and prometheus.url.")
