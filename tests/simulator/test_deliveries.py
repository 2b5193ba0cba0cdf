"""A message that is published runs as a worker would run it, and the API shows it as this platform does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dlqkit.simulator.dialect import RepublishDialect, draw_republish_dialect
from dlqkit.simulator.execution_logs_api import answer
from dlqkit.simulator.metrics import scrape_all
from dlqkit.simulator.platform import Platform

NOW = 1_790_000_000.0


def make(seed: int = 5, scenario: str = "timeout", **options: Any) -> Platform:
    """A platform whose clock stands still until the test moves it."""
    platform = Platform(seed=seed, scenario=scenario, events=4000, now=NOW, **options)
    platform.clock = lambda: NOW  # type: ignore[method-assign]
    return platform


def send(platform: Platform, event: int, **more: Any) -> None:
    topic = platform.workflows[int(platform.workflow_of[event])].topic
    body = {**platform.payload_of(event, corrected=True), **more}
    platform.consume_many(topic, [(json.dumps(body).encode(), {"dlqkit-dedupe-id": "k1"})])


def shown(platform: Platform, trace: str, seconds: float) -> list[dict[str, Any]]:
    """What the API shows of a trace so long after the send."""
    platform.clock = lambda: NOW + seconds  # type: ignore[method-assign]
    _, _, value = answer(platform, {"trace_id": trace, "limit": "50"}, "http://api")
    rows: list[dict[str, Any]] = value[platform.dialect.wrapper] if platform.dialect.wrapper else value
    return rows


def test_without_the_fix_it_is_tried_up_to_max_attempts_and_dies_again() -> None:
    platform = make()
    event = platform.dead_events()[0]
    send(platform, event)
    rows = platform.attempts
    own = rows.delivery == 1

    assert list(rows.number[own]) == list(range(1, platform.max_attempts + 1))
    assert list(rows.dead[own]) == [False] * (platform.max_attempts - 1) + [True]
    # Each attempt waits about twice as long as the one before.
    waits = rows.begun[own][1:] - rows.ended[own][:-1]
    assert (np.diff(waits) > 0).all() and 1.2 <= waits[0] <= 1.8


def test_a_fix_between_two_attempts_lets_the_next_one_pass() -> None:
    platform = make()
    event = platform.dead_events()[0]
    send(platform, event)
    first = platform.attempts.ended[platform.attempts.delivery == 1][0]
    platform.heal(at=float(first) + 0.1)
    own = platform.attempts.delivery == 1

    assert list(platform.attempts.failed[own]) == [True, False]


def test_a_corrected_payload_passes_and_a_broken_one_dies_at_once() -> None:
    platform = make(scenario="business")
    event = next(one for one in platform.dead_events() if platform.is_broken(one))
    send(platform, event)
    send(platform, event, customer_id=None)
    rows = platform.attempts

    assert list(rows.failed[rows.delivery == 1]) == [False]
    assert list(rows.dead[rows.delivery == 2]) == [True]


@pytest.mark.parametrize("restart", [True, False])
def test_attempts_restart_or_go_on(restart: bool) -> None:
    platform = make(republish=RepublishDialect(attempts_restart=restart))
    event = platform.dead_events()[0]
    platform.heal()
    send(platform, event)
    rows = platform.attempts

    assert list(rows.number[rows.delivery == 1]) == [1 if restart else platform.max_attempts + 1]


@pytest.mark.parametrize(("is_new", "count"), [(True, 2), (False, 1)])
def test_an_event_with_one_record_gets_another_one_or_it_is_rewritten(is_new: bool, count: int) -> None:
    """Seed by seed the platform has one record an event or one an attempt; here one an event."""
    seed = next(seed for seed in range(20) if not make(seed).dialect.record_per_attempt)
    platform = make(seed, republish=RepublishDialect(record_is_new=is_new))
    event = platform.dead_events()[0]
    trace = platform.trace_id(event)
    others = len(shown(platform, trace, 0)) - 1
    platform.heal()
    platform.clock = lambda: NOW  # type: ignore[method-assign]
    send(platform, event)

    rows = shown(platform, trace, 30)
    assert len(rows) - others == count
    # Rewritten, the dead letter is gone; beside a new record it stays.
    assert (sum(row["queued_to_dlq"] for row in rows) >= 1) is is_new


def test_a_trace_may_not_survive() -> None:
    platform = make(republish=RepublishDialect(trace_survives=False))
    event = platform.dead_events()[0]
    platform.heal()
    send(platform, event)

    assert shown(platform, platform.trace_id(event, 1), 30)[0]["queued_to_dlq"] is False
    assert platform.trace_id(event, 1) != platform.trace_id(event)


@pytest.mark.parametrize("form", ["flat", "nested"])
def test_a_record_may_show_the_messages_attributes(form: str) -> None:
    platform = make(republish=RepublishDialect(attributes=form))
    event = platform.dead_events()[0]
    platform.heal()
    send(platform, event)
    row = next(row for row in shown(platform, platform.trace_id(event), 30) if not row["queued_to_dlq"])

    assert (row if form == "flat" else row["attributes"])["dlqkit-dedupe-id"] == "k1"


def test_records_may_come_late_and_keep_their_time() -> None:
    platform = make(republish=RepublishDialect(trace_survives=False))
    event = platform.dead_events()[0]
    platform.heal()
    platform.delay_records(600)
    send(platform, event)
    trace = platform.trace_id(event, 1)

    assert shown(platform, trace, 590) == []
    assert len(shown(platform, trace, 610)) == 1


def test_an_outage_of_another_workflow_leaves_this_one_alone() -> None:
    platform = make(scenario="quiet")
    before = platform.attempts.failed.sum()
    platform.begin_outage(1)
    rows = platform.attempts
    more = rows.failed & (rows.begun >= NOW) & (platform.workflow_of[rows.event] == 1)

    assert more.sum() > before / 100
    other = platform.workflow_of[rows.event] == 0
    assert rows.failed[other & (rows.begun >= NOW)].mean() < 0.05


def test_scrapes_may_be_lost_for_a_while() -> None:
    platform = make()
    platform.lose_scrapes(NOW + 60, NOW + 600)
    times = np.concatenate([series.at_ms for series in scrape_all(platform)]) / 1000

    assert not ((times >= NOW + 60.1) & (times < NOW + 599.9)).any()
    assert ((times > NOW) & (times < NOW + 60)).any() and (times > NOW + 600).any()


def test_how_a_republish_is_shown_is_drawn_apart_from_the_platform() -> None:
    """A seed's platform is the same with every way to show a republish, and not all seeds have the same way."""
    first, second = make(3), make(3, republish=draw_republish_dialect(3))

    assert np.array_equal(first.attempts.ended, second.attempts.ended)
    assert first.dialect == second.dialect
    assert len({draw_republish_dialect(seed) for seed in range(20)}) > 5
    assert draw_republish_dialect(3) == draw_republish_dialect(3)
