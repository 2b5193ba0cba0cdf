from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dlqkit.errors import FrameError, ParameterError
from dlqkit.frames import SUPPORT_REPORTS, conform
from dlqkit.signals.signals import INCIDENTS, find_incidents
from tests.frames import at, counter, dead, good, lines, records

HOURS = 4 * 240  # scrapes of four hours


def flat(value: float = 5) -> list[float]:
    return [value] * HOURS


def jump(first: int, last: int, step: int = 2) -> list[float]:
    """A counter that is 5, and grows by ``step`` at each scrape from the first to the last."""
    return [5 + step * max(0, min(number, last) - first + 1) for number in range(HOURS)]


def steady(per_scrape: float = 1) -> list[float]:
    return [10 + per_scrape * number for number in range(HOURS)]


def platform(dlq: list[float], **more: list[float]) -> pd.DataFrame:
    parts = [counter("worker_dlq_total", dlq, workflow_id="wf"),
             counter("worker_success_total", more.get("success", steady()), series_id=1, workflow_id="wf")]  # fmt: skip
    if "failure" in more:
        parts.append(counter("worker_failure_total", more["failure"], series_id=2, workflow_id="wf"))
    return pd.concat(parts, ignore_index=True)


def test_a_jump_of_the_dead_letter_counter_has_its_onset_between_two_scrapes() -> None:
    """From scrape 400 on it grows by 20, until scrape 480: it began between scrapes 399 and 400."""
    found = find_incidents(platform(jump(400, 480, step=20)), now=at(HOURS * 15))

    row = found.iloc[0]
    assert (row.workflow_id, row.signal, row["size"]) == ("wf", "dead_letters", 1620)
    assert (row.onset_low_at, row.onset_at, row.onset_high_at) == (at(399 * 15), at(399.1 * 15), at(400 * 15))
    assert row.end_at == at(480 * 15)
    assert list(found.columns) == list(INCIDENTS)


def test_a_jump_that_goes_on_has_no_end() -> None:
    found = find_incidents(platform(jump(400, HOURS)), now=at(HOURS * 15))

    assert pd.isna(found["end_at"].iloc[0])


def test_nothing_wrong_is_an_empty_frame() -> None:
    found = find_incidents(platform(flat()), now=at(HOURS * 15))

    assert found.empty
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(INCIDENTS)


def test_records_give_the_onset_to_the_second() -> None:
    """Where no dead letter is missing from the records, their first one is the onset, not the scrape after it."""
    rows = [dead(6001.5 + 12 * number) for number in range(60)] + [good(60 * number) for number in range(200)]

    found = find_incidents(
        platform(jump(401, 450)), records=records(rows), records_complete_from=at(0), now=at(HOURS * 15)
    )

    assert found["onset_at"].iloc[0] == at(6001.5)
    assert found["end_at"].iloc[0] == at(6001.5 + 12 * 59)


def test_records_that_were_cut_do_not_move_the_onset() -> None:
    """The last hundred records begin in the middle of the incident; the counter knows when it began."""
    rows = [dead(6600 + 5 * number) for number in range(100)]

    found = find_incidents(
        platform(jump(400, 480)), records=records(rows), records_complete_from=at(6600), now=at(HOURS * 15)
    )

    row = found.iloc[0]
    assert abs((row.onset_at - at(400 * 15)).total_seconds()) <= 15
    assert row.onset_low_at <= at(400 * 15) <= row.onset_high_at


def test_a_chance_neighbour_of_another_signature_is_not_the_onset() -> None:
    """One refused account three minutes before the database goes away."""
    rows = [dead(5820, signature_id="other"), *(dead(6000 + 20 * n, signature_id="db") for n in range(60))]

    found = find_incidents(platform(flat())[:0], records=records(rows), records_complete_from=at(0), now=at(HOURS * 15))

    assert found["onset_at"].iloc[0] == at(6000)


def test_a_workflow_that_loses_events_all_along_began_before_the_window() -> None:
    found = find_incidents(platform(steady(0.5)), now=at(HOURS * 15))

    assert found["signal"].iloc[0] == "dead_letters"
    assert found["onset_at"].iloc[0] == at(0)
    assert pd.isna(found["end_at"].iloc[0])
    assert "before the evidence" in found["evidence"].iloc[0]


def test_failures_that_outgrow_successes_are_a_signal() -> None:
    """For half an hour two failures a scrape and no success."""
    failure = [5 + 2 * max(0, min(number, 520) - 400) for number in range(HOURS)]
    success = [number if number < 400 else 400 if number < 520 else number - 120 for number in range(HOURS)]

    found = find_incidents(platform(flat(), failure=failure, success=success), now=at(HOURS * 15))

    own = found[found["signal"] == "failures"].iloc[0]
    assert abs((own.onset_at - at(400 * 15)).total_seconds()) <= 600
    assert not pd.isna(own.end_at)


@pytest.mark.parametrize("scraped", [True, False])
def test_silence_tells_a_worker_that_answers_from_one_that_does_not(scraped: bool) -> None:
    """Nothing happens for half an hour; the page still answers, or scrapes stop as well."""
    success = [min(number, HOURS - 120) for number in range(HOURS)]
    samples = platform(flat(), success=success)
    if not scraped:
        samples = samples[samples["sampled_at"] <= at((HOURS - 118) * 15)]

    found = find_incidents(samples, now=at(HOURS * 15))

    row = found.iloc[0]
    assert (row.signal, row.onset_at) == ("silence", at((HOURS - 120) * 15))
    assert pd.isna(row.workflow_id)
    assert ("still answers" in row.evidence) is scraped


def test_of_a_silence_that_is_over_nothing_is_said_in_the_present() -> None:
    """Half an hour without an event, then five minutes of them."""
    success = [min(number, HOURS - 140) + max(0, number - (HOURS - 20)) for number in range(HOURS)]

    row = find_incidents(platform(flat(), success=success), now=at(HOURS * 15)).iloc[0]

    assert row.signal == "silence" and not pd.isna(row.end_at)
    assert "the worker's page answered throughout, so its process lived, but no event reached it" in row.evidence


def test_a_worker_that_logs_is_not_silent() -> None:
    """Every source that is there must agree."""
    success = [min(number, HOURS - 120) for number in range(HOURS)]
    logs = lines([{"at": 30 * number, "message": "working", "workflow_id": "wf"} for number in range(HOURS // 2)])

    found = find_incidents(platform(flat(), success=success), worker_logs=logs, now=at(HOURS * 15))

    assert "silence" not in set(found["signal"])


def test_a_spike_of_the_mean_duration_is_a_signal() -> None:
    """A summary whose mean goes from 0.2 s to 2 s for an hour."""
    seconds = np.cumsum([2.0 if 500 <= number < 740 else 0.2 for number in range(HOURS)]).tolist()
    samples = pd.concat([
        counter("worker_action_duration_seconds_sum", seconds, workflow_id="wf"),
        counter("worker_action_duration_seconds_count", steady(), series_id=1, workflow_id="wf"),
    ], ignore_index=True)  # fmt: skip

    found = find_incidents(samples, now=at(HOURS * 15))

    own = found[found["signal"] == "duration"].iloc[0]
    assert abs((own.onset_at - at(500 * 15)).total_seconds()) <= 300
    assert own["size"] == pytest.approx(10, rel=0.05)
    assert own.baseline == pytest.approx(200, rel=0.01)


def test_reports_of_clients_are_a_signal_though_nothing_else_was_collected() -> None:
    said = conform(pd.DataFrame([{"reported_at": at(60 * number), "trace_id": f"t{number}"} for number in range(5)]),
                   SUPPORT_REPORTS)  # fmt: skip

    found = find_incidents(counter("up", [1.0])[:0], support_reports=said)

    assert found["signal"].tolist() == ["support"]
    assert found["onset_at"].tolist() == [at(0)]


def test_what_came_after_the_end_of_what_is_looked_at_is_not_seen() -> None:
    """As of half past two nobody had reported anything yet."""
    said = conform(pd.DataFrame([{"reported_at": at(7200), "trace_id": "t1"}]), SUPPORT_REPORTS)
    quiet = platform(flat())

    assert find_incidents(quiet, support_reports=said, now=at(1800)).empty
    assert find_incidents(quiet, support_reports=said, now=at(7200))["signal"].tolist() == ["support"]


def test_going_on_comes_before_what_has_ended() -> None:
    """Two workflows: the smaller incident goes on, so it is the first row."""
    ended, going = jump(300, 400, step=9), jump(900, HOURS)
    samples = pd.concat([counter("worker_dlq_total", ended, workflow_id="a"),
                         counter("worker_dlq_total", going, series_id=1, workflow_id="b"),
                         counter("worker_success_total", steady(), series_id=2, workflow_id="a")])  # fmt: skip

    found = find_incidents(conform(samples, {}), now=at(HOURS * 15))

    assert found["workflow_id"].tolist()[:2] == ["b", "a"]


def test_a_wrong_frame_is_refused_by_name() -> None:
    with pytest.raises(FrameError, match="value"):
        find_incidents(pd.DataFrame({"series_id": pd.array([1], dtype="Int32"), "sampled_at": [at(0)]}))


@pytest.mark.parametrize("name", ["now", "records_complete_from"])
@pytest.mark.parametrize("moment", [at(900).tz_localize(None), pd.NaT, "yesterday noon"])
def test_a_time_without_a_zone_is_refused_with_the_way_to_write_it(name: str, moment: object) -> None:
    with pytest.raises(ParameterError, match=name) as caught:
        find_incidents(platform(flat()), **{name: moment})

    assert "+00:00" in caught.value.next_step


def test_names_of_metrics_are_given_by_the_runbooks_key() -> None:
    with pytest.raises(ParameterError, match="mapping") as caught:
        find_incidents(platform(flat()), metrics=["my_dead"])  # type: ignore[arg-type]

    assert "dlq" in caught.value.next_step
