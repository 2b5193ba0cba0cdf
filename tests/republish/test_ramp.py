"""Between two steps: go on, wait, or stop because of something that has a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from dlqkit.republish.background import Background, grows, measure_background, read_growth
from dlqkit.republish.outcomes import OUTCOMES
from dlqkit.republish.ramp import STOPS, find_step, judge_sending, judge_step
from tests.frames import at, counter

# Scrapes every 15 s for 40 minutes; the run begins after 30.
RUN_S, END_S = 1800, 2400
SCRAPES = END_S // 15 + 1


def outcomes(**counts: int) -> pd.DataFrame:
    """So many events of each outcome; failures had their error before."""
    names = [name for name, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"item": range(1, len(names) + 1), "outcome": names})
    frame["is_new_error"] = pd.array(
        [{"failed_same": False, "failed_new": True}.get(name, pd.NA) for name in names], dtype="boolean"
    )
    dtypes = {"item": "Int64", "outcome": "str", "is_new_error": "boolean", "failures": "Int64"}
    return frame.reindex(columns=list(OUTCOMES)).astype(dtypes)


def growing(per_scrape: float, *, more: float = 0.0, since_s: float = RUN_S) -> list[float | None]:
    """A counter that grows evenly, and by ``more`` a scrape from ``since_s`` on."""
    return [float(int(n * per_scrape + more * max(0, n - since_s / 15))) for n in range(SCRAPES)]


def samples(
    success: Sequence[float | None] | None = None, failure: Sequence[float | None] | None = None,
    dlq: Sequence[float | None] | None = None, workflow_id: str = "wf", first: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Three counters of a workflow; 30 successes, 0.1 failures and no dead letter a scrape by default."""
    given = {"success": success or growing(30), "failure": failure or growing(0.1), "dlq": dlq or growing(0)}
    parts = [counter(f"worker_{name}_total", values, series_id=first + n, workflow_id=workflow_id)
             for n, (name, values) in enumerate(given.items())]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def judge(found: pd.DataFrame, scraped: pd.DataFrame | None, *, now_s: float, **more: Any) -> Any:
    """A step that was sent when the run began."""
    until = None if scraped is None else scraped[scraped["sampled_at"] <= at(now_s)]
    before = None if until is None else measure_background(until, "wf", at(RUN_S).to_pydatetime())
    options = {"workflow_id": "wf", "deadline_s": 120.0, **more}
    return judge_step(found, until, before, first_sent_at=at(RUN_S).to_pydatetime(),
                      last_sent_at=at(RUN_S + 2).to_pydatetime(), now=at(now_s).to_pydatetime(), **options)  # fmt: skip


def test_all_passed_and_scraped_since_goes_on() -> None:
    assert judge(outcomes(passed=5), samples(), now_s=RUN_S + 20).decision == "go_on"


def test_what_runs_or_is_not_seen_is_waited_for() -> None:
    for found in (outcomes(passed=4, running=1), outcomes(passed=4, not_seen=1), outcomes(not_seen=5)):
        assert judge(found, samples(), now_s=RUN_S + 60).decision == "wait"


@pytest.mark.parametrize("name", ["passed", "running"])
def test_what_is_recognised_by_its_payload_alone_is_not_seen(name: str) -> None:
    """Waited for, then a stop that says what was found: the next step is not built on another event's success."""
    found = outcomes(**{name: 1}).assign(matched_by="payload alone")
    late = judge(found, samples(), now_s=RUN_S + 130)

    assert judge(found, samples(), now_s=RUN_S + 20).decision == "wait"
    assert (late.reason, "same payload and another trace" in late.sentence) == ("cannot_correlate", True)


def test_a_death_that_is_recognised_by_its_payload_alone_stops_it_all_the_same() -> None:
    assert judge(outcomes(failed_same=1).assign(matched_by="payload alone"), samples(), now_s=RUN_S + 20).reason == (
        "died_again"
    )


def test_passed_but_not_scraped_since_waits() -> None:
    assert judge(outcomes(passed=5), samples(), now_s=RUN_S + 1).decision == "wait"


@pytest.mark.parametrize(("found", "reason"), [
    (outcomes(passed=4, failed_same=1), "died_again"),
    (outcomes(passed=4, failed_new=1), "new_error"),
    (outcomes(passed=99, failed_same=1), "died_again"),
    (outcomes(running=3, failed_same=1), "died_again"),
])  # fmt: skip
def test_one_event_that_dies_again_stops_it_however_many_passed(found: pd.DataFrame, reason: str) -> None:
    judgement = judge(found, samples(), now_s=RUN_S + 20)

    assert (judgement.decision, judgement.reason) == ("stop", reason)
    assert judgement.next_step == STOPS[reason]


@pytest.mark.parametrize(("found", "reason"), [
    (outcomes(not_seen=1), "cannot_correlate"),
    (outcomes(passed=4, not_seen=1), "cannot_correlate"),
    (outcomes(passed=1, running=4), "still_running"),
])  # fmt: skip
def test_what_is_not_seen_to_pass_by_the_deadline_stops_it(found: pd.DataFrame, reason: str) -> None:
    assert judge(found, samples(), now_s=RUN_S + 130).reason == reason


def test_of_a_large_step_one_in_twenty_may_be_unseen_at_the_deadline_and_none_before() -> None:
    found = outcomes(passed=95, not_seen=5)

    assert judge(found, samples(), now_s=RUN_S + 60).decision == "wait"
    assert judge(found, samples(), now_s=RUN_S + 130).decision == "go_on"
    assert judge(outcomes(passed=94, not_seen=6), samples(), now_s=RUN_S + 130).decision == "stop"


def test_a_background_of_failures_is_no_growth() -> None:
    """One failure in fifteen attempts, before and after."""
    scraped = samples(failure=growing(2), dlq=growing(0.2))

    for now_s in range(RUN_S + 15, END_S, 15):
        assert judge(outcomes(passed=5), scraped, now_s=now_s).decision == "go_on"


def test_failures_that_grow_beyond_the_background_stop_it() -> None:
    scraped = samples(failure=growing(2, more=12))
    judgement = judge(outcomes(passed=5), scraped, now_s=RUN_S + 45)

    assert judgement.reason == "failures_grow"
    assert "failures grow" in judgement.sentence


def test_dead_letters_of_other_events_of_the_workflow_stop_it() -> None:
    """There were none for half an hour, and four within a minute of the send."""
    assert judge(outcomes(passed=5), samples(dlq=growing(0, more=1)), now_s=RUN_S + 60).reason == "failures_grow"


def test_failed_attempts_of_the_sent_events_themselves_are_no_growth() -> None:
    """An event that passed at its fourth attempt failed three times, where nothing had failed for half an hour."""
    values = [0.0] * (RUN_S // 15 + 1) + [3.0] * (SCRAPES - RUN_S // 15 - 1)
    scraped = samples(failure=values)
    found = outcomes(passed=1)

    assert judge(found, scraped, now_s=RUN_S + 20).reason == "failures_grow"
    assert judge(found.assign(failures=pd.array([3], dtype="Int64")), scraped, now_s=RUN_S + 20).decision == "go_on"


def test_twice_the_traffic_with_twice_the_failures_is_no_growth() -> None:
    """A client sends a batch of its own; the share of failures stays."""
    scraped = samples(success=growing(30, more=60), failure=growing(2, more=4))

    assert judge(outcomes(passed=5), scraped, now_s=RUN_S + 120).decision == "go_on"


def test_another_workflows_failures_are_not_this_ones() -> None:
    scraped = pd.concat([samples(), samples(failure=growing(2, more=500), dlq=growing(0, more=500), workflow_id="other",
                                            first=10)])  # fmt: skip

    assert judge(outcomes(passed=5), scraped, now_s=RUN_S + 60).decision == "go_on"


def test_a_restart_of_the_worker_is_no_growth_and_no_fall() -> None:
    reset = [value if n < 125 else value - growing(2)[125] for n, value in enumerate(growing(2))]  # type: ignore[operator]

    assert judge(outcomes(passed=5), samples(failure=reset), now_s=RUN_S + 120).decision == "go_on"


def test_an_incident_that_ended_before_the_run_does_not_count_as_usual() -> None:
    """40 dead letters a scrape until 12 minutes before the run, then none: two a scrape after the send are growth."""
    before = [min(n, 72) * 40.0 for n in range(SCRAPES)]
    values = [value + 2 * max(0, n - RUN_S / 15) for n, value in enumerate(before)]
    judgement = judge(outcomes(passed=5), samples(dlq=values), now_s=RUN_S + 90)

    assert judgement.reason == "failures_grow"


def test_a_metric_that_does_not_name_its_workflow_is_not_judged() -> None:
    scraped = samples().drop(columns="workflow_id")

    assert judge(outcomes(passed=5), scraped, now_s=RUN_S + 60).decision == "go_on"


def test_a_workflow_without_dead_letters_yet_has_none_and_its_first_counts() -> None:
    """A labelled counter is on the page from its first event on."""
    dlq: list[float | None] = [None] * (RUN_S // 15 + 1) + [float(n) for n in range(3, 3 + END_S // 15 - RUN_S // 15)]
    every = pd.concat([samples(dlq=growing(1), workflow_id="other", first=10), samples(dlq=dlq)])
    grown = read_growth(every, "wf", at(RUN_S).to_pydatetime(), at(RUN_S + 16).to_pydatetime())

    assert grown.dlq == 3


def test_no_sign_of_life_where_many_events_were_to_come_is_silence_before_the_deadline() -> None:
    """30 attempts a scrape before; nothing from 10 s after the send on, 135 s long."""
    still = [value if n <= RUN_S / 15 else growing(30)[RUN_S // 15] for n, value in enumerate(growing(30))]
    flat = growing(0)
    scraped = samples(success=still, failure=flat)

    assert judge(outcomes(not_seen=1), scraped, now_s=RUN_S + 135, deadline_s=600.0).reason == "worker_silent"
    alive = judge(outcomes(not_seen=1), scraped, now_s=RUN_S + 135, deadline_s=600.0, records_at=[at(RUN_S + 100)])
    assert alive.decision == "wait"


def test_lost_scrapes_are_waited_for_and_then_a_stop() -> None:
    """The last scrape is of the moment of the send."""
    until = samples()
    until = until[until["sampled_at"] <= at(RUN_S)]

    assert judge(outcomes(passed=1), until, now_s=RUN_S + 200).decision == "wait"
    assert judge(outcomes(passed=1), until, now_s=RUN_S + 303).reason == "scrapes_lost"


def test_without_metrics_outcomes_decide() -> None:
    assert judge(outcomes(passed=1), None, now_s=RUN_S + 1).decision == "go_on"


@pytest.mark.parametrize(("states", "reason"), [
    (["acked"] * 5, ""), (["in_doubt"], "in_doubt_grow"), (["failed"], "sink_failed"),
    (["acked"] * 19 + ["in_doubt"], ""), (["acked"] * 18 + ["in_doubt"] * 2, "in_doubt_grow"),
])  # fmt: skip
def test_more_than_one_in_twenty_in_doubt_or_refused_stops_it(states: list[str], reason: str) -> None:
    assert judge_sending(pd.Series(states)).reason == reason


def test_steps_are_the_plans_and_then_the_largest_again() -> None:
    assert [find_step((1, 5, 20), passed, 100) for passed in range(5)] == [1, 5, 20, 20, 20]
    assert find_step((1, 5, 20), 2, 3) == 3
    assert find_step((1, 5, 20, 4), 4, 50) == 20


def test_few_failures_where_there_were_none_are_weighed_with_what_little_is_known() -> None:
    """No failure in 30 minutes, then in the first minute: one is chance, four are not."""
    half_hour = read_growth(samples(failure=growing(0)), "wf", at(0).to_pydatetime(), at(RUN_S).to_pydatetime())
    for count, expected in ((1, None), (4, "failures")):
        values = [0.0] * (RUN_S // 15 + 1) + [float(count)] * (SCRAPES - RUN_S // 15 - 1)
        now = read_growth(samples(failure=values), "wf", at(RUN_S).to_pydatetime(), at(RUN_S + 60).to_pydatetime())
        assert grows(Background(half_hour, 1.0), now, 1) == expected
