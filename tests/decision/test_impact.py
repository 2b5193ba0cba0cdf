"""How much an incident affected, and whether its counts balance."""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
import pytest

from dlqkit.decision.entities import count_entities
from dlqkit.decision.impact import measure_impact
from dlqkit.errors import ParameterError
from dlqkit.frames import Coverage
from tests.frames import at, counter, dead, good, records

WHOLE = Coverage(completeness="complete")


def counts(impact):
    return {row.name: (row.value if not pd.isna(row.value) else None, row.bound)
            for row in impact.counts.itertuples(index=False)}  # fmt: skip


def causes(impact):
    return list(zip(impact.differences["cause"], impact.differences["size"], strict=True))


def dlq(values, **more):
    return counter("worker_dlq_total", values, workflow_id="wf", **more)


def test_events_and_deliveries_are_both_counted() -> None:
    """Two events died, one of them twice, and one succeeded since: three dead letters, one event open."""
    rows = [dead(1, event_key="a"), dead(9, event_key="a"), dead(2, event_key="b"), good(5, event_key="b")]

    impact = measure_impact(records(rows), coverage=WHOLE)

    assert counts(impact) | {"republished": (None, "unknown")} == {
        "events affected": (2, "exact"),
        "events open": (1, "exact"),
        "events healed": (1, "exact"),
        "dead letters by the records": (3, "exact"),
        "dead letters by the counter": (None, "unknown"),
        "republished": (None, "unknown"),
        "set aside": (None, "unknown"),
    }
    assert causes(impact) == [("duplicate dead-lettering", 1)]


def test_further_attempts_of_a_delivery_are_told_from_further_deliveries() -> None:
    """Attempts 3, 4, 5 of one event are one delivery."""
    rows = [dead(n, event_key="a", attempts=n) for n in (3, 4, 5)]

    assert causes(measure_impact(records(rows))) == [("records per attempt", 2)]


def test_the_same_record_of_two_snapshots_is_one_dead_letter() -> None:
    rows = [dead(1, event_key="a", record_id="r"), dead(1, event_key="a", record_id="r")]

    assert measure_impact(records(rows)).value("dead letters by the records") == 1


@pytest.mark.parametrize(
    "coverage", [None, Coverage(completeness="unverified"), Coverage(completeness="partial"), Coverage(quarantined=1)]
)
def test_a_list_that_may_be_cut_gives_lower_bounds(coverage) -> None:
    assert counts(measure_impact(records([dead(1)]), coverage=coverage))["events affected"] == (1, "at_least")


def test_only_the_window_counts() -> None:
    rows = [dead(-100), dead(5), dead(50), dead(500)]

    impact = measure_impact(records(rows), onset_at=at(0), end_at=at(50), coverage=WHOLE)

    assert impact.value("events affected") == 2


def test_counter_and_records_that_agree_balance() -> None:
    """Four dead letters, and the counter grew by four."""
    rows = [dead(seconds) for seconds in (5, 20, 22, 40)]

    impact = measure_impact(records(rows), samples=dlq([0, 1, 3, 4]), coverage=WHOLE)

    assert counts(impact)["dead letters by the counter"] == (4, "exact")
    assert impact.differences.empty


def test_what_a_restart_lost_is_named() -> None:
    """Between the scrapes at 30 and 45 s five events died; the new process had counted two of them."""
    rows = [dead(seconds) for seconds in (5, 20, 31, 32, 33, 40, 41)]

    impact = measure_impact(records(rows), samples=dlq([3, 4, 5, 2]), coverage=WHOLE)

    assert causes(impact) == [("counter reset", 3)]
    assert counts(impact)["dead letters by the counter"] == (4, "at_least")


def test_a_worker_that_never_came_back_took_its_last_count_along() -> None:
    """Its last scrape was at 30 s; three events died in the 15 s after it, in no other worker's count."""
    other = dlq([0, 0, 0, 0, 0, 0, 0, 0], series_id=1, instance="b")
    samples = pd.concat([dlq([0, 1, 2], instance="a"), other], ignore_index=True)
    rows = [dead(seconds) for seconds in (5, 20, 33, 35, 37)]

    assert causes(measure_impact(records(rows), samples=samples)) == [("counter reset", 3)]


def test_a_counter_that_was_born_with_the_incident_is_counted_from_zero() -> None:
    """A label's first value is five: nobody saw it at zero, but scraping had gone on for two minutes."""
    samples = pd.concat([dlq([None] * 8 + [5, 6], series_id=1), counter("up", [1] * 10)], ignore_index=True)
    rows = [dead(seconds) for seconds in (110, 112, 114, 116, 118, 130)]

    impact = measure_impact(records(rows), samples=samples, coverage=WHOLE)

    assert impact.value("dead letters by the counter") == 6
    assert impact.differences.empty


def test_records_that_do_not_reach_back_are_said_to() -> None:
    """Four were counted before the first record; the rest agrees."""
    impact = measure_impact(records([dead(35), dead(40)]), samples=dlq([0, 2, 4, 6]), coverage=WHOLE)

    assert causes(impact) == [("retention", 4)]
    assert counts(impact)["events affected"] == (2, "at_least")


def test_a_truncated_list_explains_what_it_lacks() -> None:
    """A success shows that the records reach back to the start, so the page is what cut them."""
    impact = measure_impact(records([good(1), dead(35), dead(40)]), samples=dlq([0, 2, 4, 6]),
                            coverage=Coverage(completeness="unverified"))  # fmt: skip

    assert causes(impact) == [("truncated page", 4)]


def test_a_list_that_was_cut_is_no_retention() -> None:
    """Its oldest record is late because older ones were not given."""
    impact = measure_impact(records([dead(35), dead(40)]), samples=dlq([0, 2, 4, 6]),
                            coverage=Coverage(completeness="partial"))  # fmt: skip

    assert causes(impact) == [("truncated page", 4)]


def test_one_record_an_event_hides_its_earlier_death() -> None:
    """Each event was tried five times and has one record; the counter saw two more die than are dead now."""
    impact = measure_impact(records([good(1), dead(20), dead(25)]), samples=dlq([0, 1, 4]), coverage=WHOLE)

    assert causes(impact) == [("rewritten records", 2)]


def test_a_worker_that_is_scraped_twice_counts_twice() -> None:
    values = [0, 1, 2, 3, 4, 5]
    samples = pd.concat([dlq(values, job="a"), dlq(values, series_id=1, job="b")], ignore_index=True)
    rows = [good(0)] + [dead(15 * n + 10) for n in range(5)]

    assert causes(measure_impact(records(rows), samples=samples, coverage=WHOLE)) == [("scraped twice", 5)]


def test_more_records_than_counted_without_a_restart_is_not_explained() -> None:
    """No cause is made up."""
    rows = [dead(seconds) for seconds in (5, 6, 7, 20, 21)]

    impact = measure_impact(records(rows), samples=dlq([0, 1, 2]), coverage=WHOLE)

    assert causes(impact) == [("not explained", 3)]


def test_another_workflows_counter_is_left_out() -> None:
    other = counter("worker_dlq_total", [0, 50], series_id=1, workflow_id="other")

    impact = measure_impact(records([dead(5)]), samples=pd.concat([dlq([0, 1]), other]), coverage=WHOLE)

    assert impact.value("dead letters by the counter") == 1


def test_a_counter_of_another_time_is_not_compared() -> None:
    impact = measure_impact(records([dead(9_000)]), onset_at=at(8_000), samples=dlq([0, 5]), coverage=WHOLE)

    assert counts(impact)["dead letters by the counter"] == (None, "unknown")
    assert impact.differences.empty


def test_an_event_that_was_edited_and_is_proven_is_neither_open_nor_a_difference() -> None:
    """Its own success is recorded under another key, that of the edited payload."""
    rows = [dead(1, event_key="a"), good(9, event_key="a, edited")]

    impact = measure_impact(records(rows), republished={"a"}, passed={"a"}, coverage=WHOLE)

    assert (impact.value("events open"), impact.value("events healed")) == (0, 1)
    assert causes(impact) == []


def test_frames_that_were_put_together_are_counted_though_labels_come_twice() -> None:
    part, other = (records([dead(1, event_key=name, record_id=name)]) for name in ("a", "b"))

    impact = measure_impact(pd.concat([part, other]), coverage=WHOLE)

    assert impact.value("events affected") == 2


def test_an_onset_without_a_zone_is_refused() -> None:
    with pytest.raises(ParameterError, match="onset_at has no time zone"):
        measure_impact(records([dead(1)]), onset_at=datetime(2026, 3, 2, 12), coverage=WHOLE)


def test_what_was_done_is_held_against_what_was_affected() -> None:
    """Of a, b, c: a succeeded after its republish, b is republished and open, c is nobody's; x is not known here."""
    rows = [dead(1, event_key="a"), good(9, event_key="a"), dead(2, event_key="b"), dead(3, event_key="c")]

    impact = measure_impact(records(rows), republished=["a", "b", "x"], set_aside=["b"], coverage=WHOLE)

    assert counts(impact)["republished"] == (3, "exact")
    assert causes(impact) == [("not in the records", 1), ("in both lists", 1), ("left open", 1)]


def test_a_republished_event_that_is_still_open_is_named() -> None:
    impact = measure_impact(records([dead(1, event_key="a")]), republished=["a"])

    assert causes(impact) == [("republished, still open", 1)]


def test_a_dead_letter_without_a_time_may_be_of_the_window() -> None:
    impact = measure_impact(records([dead(1), {"queued_to_dlq": True}]), onset_at=at(0), coverage=WHOLE)

    assert counts(impact)["events affected"] == (1, "at_least")


def test_numbers_alone_are_held_against_the_events() -> None:
    impact = measure_impact(records([dead(1), dead(2), dead(3)]), republished=1, set_aside=1)

    assert causes(impact) == [("not explained", 1)]


def payload(customer, *skus):
    return json.dumps({"customer": {"id": customer}, "items": [{"sku": sku} for sku in skus]})


def test_clients_and_business_keys_are_counted_where_their_place_is_given() -> None:
    """Three events of two clients; the client of the healed one is affected, and not open."""
    rows = [
        dead(1, event_key="a", payload_snapshot=payload("x", "s1", "s2")),
        dead(2, event_key="b", payload_snapshot=payload("x", "s2")),
        dead(3, event_key="c", payload_snapshot=payload("y")),
        good(9, event_key="c", payload_snapshot=payload("y")),
    ]

    found = counts(
        measure_impact(records(rows), entity_key=["payload.customer.id", "payload.items[].sku"], coverage=WHOLE)
    )

    assert found["payload.customer.id affected"] == (2, "exact")
    assert found["payload.customer.id open"] == (1, "exact")
    assert found["payload.items[].sku affected"] == (2, "at_least")


def test_a_key_that_no_payload_has_is_unknown_and_not_zero() -> None:
    found = counts(measure_impact(records([dead(1, payload_snapshot="{}")]), entity_key=["payload.client"]))

    assert found["payload.client affected"] == (None, "unknown")


def test_an_id_as_a_number_and_as_a_text_is_one() -> None:
    frame = records([dead(1, payload_snapshot='{"id": 7}'), dead(2, payload_snapshot='{"id": "7"}')])

    assert count_entities(frame, "payload.id").values == 1


def test_a_column_may_be_the_key() -> None:
    assert count_entities(records([dead(1, trace_id="t"), dead(2, trace_id="t")]), "trace_id").values == 1


def test_an_entity_key_that_is_neither_is_refused() -> None:
    with pytest.raises(ParameterError, match="neither a column nor a field"):
        measure_impact(records([dead(1)]), entity_key=["customer"])


@pytest.mark.parametrize("rows", [[], [good(1)], [dead(1, event_key=None, record_id=None, attempts=None)],
                                  [{"queued_to_dlq": True}]])  # fmt: skip
def test_few_or_bare_records_are_counted(rows) -> None:
    """Dead letters without a key, an id or a time are still dead letters."""
    frame = records(rows)
    died = int(frame["queued_to_dlq"].fillna(False).sum())

    impact = measure_impact(frame, samples=dlq([0, 0]), entity_key=["payload.id"])

    assert impact.value("events affected") == died
    assert impact.value("dead letters by the records") == died


def test_counters_that_reset_in_every_sample_are_counted() -> None:
    impact = measure_impact(records([dead(5)]), samples=dlq([9, 8, 7, 6, 5]))

    assert counts(impact)["dead letters by the counter"] == (26, "at_least")
