from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dlqkit.decision.differences import DIFFERENCES, what_differs
from dlqkit.errors import FrameError, ParameterError
from tests.frames import dead, good, records


def grid(**columns: int) -> pd.DataFrame:
    """Every combination of the columns' values ``a0``, ``a1``, … once, over and over: 2,400 rows."""
    rows = np.arange(2400)
    out, every = {}, 1
    for name, size in columns.items():
        out[name] = [f"{name[0]}{value}" for value in rows // every % size]
        every *= size
    return pd.DataFrame(out)


def test_the_client_whose_records_fail_is_the_answer_with_its_sizes() -> None:
    """Client c1 has 600 of 2,400 records, and all of them fail; besides, every hundredth of the others does."""
    frame = grid(client=4, pod=3)
    failing = (frame["client"] == "c1") | (np.arange(2400) % 100 == 0)

    answer = what_differs(frame, failing).iloc[0]

    assert answer["conditions"] == {"client": "c1"}
    assert answer[["failing_with", "healthy_with", "failing_without", "healthy_without"]].tolist() == [600, 0, 24, 1776]
    assert answer["effect"] == pytest.approx(1 - 24 / 1800)
    assert answer["low"] < answer["effect"] <= answer["high"]
    assert answer["p_value"] < 1e-100
    assert answer["fields"] == ("client",)


def test_two_conditions_that_fail_only_together_are_one_answer() -> None:
    """Neither all of version v1 nor all of client c2 fails; where both hold, every record does."""
    frame = grid(client=5, version=2, pod=4)

    found = what_differs(frame, (frame["client"] == "c2") & (frame["version"] == "v1"))

    assert found["conditions"].tolist() == [{"client": "c2", "version": "v1"}]


def test_a_column_that_mostly_agrees_with_the_cause_is_not_added() -> None:
    """The decoy is set on nine in ten of the failing client's records and on one in ten of the others."""
    frame = grid(client=4, pod=3)
    inside = frame["client"] == "c1"
    frame["decoy"] = np.where(np.arange(2400) // 12 % 10 == 7, ~inside, inside)

    found = what_differs(frame, inside & (np.arange(2400) // 12 % 3 != 0))

    assert found["conditions"].tolist() == [{"client": "c1"}]


def test_a_name_that_always_goes_with_the_id_is_said_beside_it() -> None:
    frame = grid(client=4, pod=3)
    frame["client_name"] = frame["client"].map({"c0": "Acme", "c1": "Globex", "c2": "Initech", "c3": "Hooli"})

    answer = what_differs(frame, frame["client"] == "c1").iloc[0]

    assert answer["conditions"] == {"client": "c1"}
    assert answer["also"] == {"client": {"client_name": "Globex"}}


def test_two_causes_are_two_answers_and_each_says_how_many_it_alone_explains() -> None:
    """All of client c1 fails (600 records), and all of pod p2 (800); both hold for 200."""
    frame = grid(client=4, pod=3)

    found = what_differs(frame, (frame["client"] == "c1") | (frame["pod"] == "p2"))

    assert sorted(found["conditions"].tolist(), key=str) == [{"client": "c1"}, {"pod": "p2"}]
    assert sorted(found["only_here"]) == [400, 600]


def test_two_clients_that_fail_on_one_version_are_not_taken_for_the_version() -> None:
    """Version v1 is half of all; of its six clients two fail, so one in three of its records does."""
    frame = grid(client=6, version=2, pod=4)
    failing = (frame["version"] == "v1") & frame["client"].isin(["c1", "c4"])

    found = what_differs(frame, failing)

    assert sorted(found["conditions"].tolist(), key=str) == [
        {"client": "c1", "version": "v1"},
        {"client": "c4", "version": "v1"},
    ]


def test_a_bound_of_a_number_is_said_as_the_roundest_that_separates() -> None:
    """The largest amount that succeeds is 499.5, the smallest that fails 500.5."""
    frame = grid(client=4)
    frame["amount"] = (np.arange(2400) * 7 % 1000) + 0.5

    assert what_differs(frame, frame["amount"] > 500)["conditions"].tolist() == [{"amount": "> 500"}]
    between = (frame["amount"] > 200) & (frame["amount"] < 300)
    assert what_differs(frame, between)["conditions"].tolist() == [{"amount": "> 200 and <= 300"}]


@pytest.mark.parametrize("seed", range(20))
def test_failures_by_chance_have_no_answer(seed: int) -> None:
    """One in twenty fails, whoever it is of; the commonest client fails most often, as it should."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "client": rng.choice(["a", "b", "c", "d"], 3000, p=[0.7, 0.2, 0.07, 0.03]), "amount": rng.gamma(2, 50, 3000),
        "pod": rng.integers(0, 9, 3000).astype(str), "express": rng.random(3000) < 0.3,
        "order": rng.integers(0, 900, 3000).astype(str), "key": [f"k{number}" for number in range(3000)],
    })  # fmt: skip

    found = what_differs(frame, rng.random(3000) < 0.05)

    assert found.empty
    assert found.attrs["answer"] == "nothing"


def test_a_client_that_was_busy_during_an_outage_is_not_blamed_for_it() -> None:
    """From second 3,000 on every third record fails; client c1 sends most of the records then, and few before."""
    number = np.arange(3600)
    busy = np.where(number < 3000, number % 10 == 0, number % 10 != 0)
    frame = pd.DataFrame({"client": np.where(busy, "c1", "c2"), "recorded_at": pd.Timestamp("2026-03-02T12:00:00Z")
                          + pd.to_timedelta(number, unit="s")})  # fmt: skip
    failing = (number >= 3000) & (number % 3 == 0)

    assert what_differs(frame, failing).attrs["answer"] == "nothing"
    assert what_differs(frame.drop(columns="recorded_at"), failing)["conditions"].tolist() == [{"client": "c1"}]


def test_a_version_that_replaced_another_at_once_cannot_be_told_from_the_hour() -> None:
    """From second 1,800 on every record is of version 2, and every third fails; nothing else was running then."""
    number = np.arange(3600)
    frame = pd.DataFrame({"version": np.where(number < 1800, "1", "2"), "pod": number % 4, "recorded_at":
                          pd.Timestamp("2026-03-02T12:00:00Z") + pd.to_timedelta(number, unit="s")})  # fmt: skip

    assert what_differs(frame, (number >= 1800) & (number % 3 == 0)).attrs["answer"] == "nothing"


def test_an_hour_that_fails_every_night_is_an_answer() -> None:
    """A record every ten minutes for four days; those between two and three o'clock fail."""
    when = pd.Timestamp("2026-03-02T00:00:00Z") + pd.to_timedelta(np.arange(0, 4 * 86_400, 600), unit="s")
    frame = pd.DataFrame({"recorded_at": when, "pod": np.arange(len(when)) % 5})

    assert what_differs(frame, when.hour == 2)["conditions"].tolist() == [{"hour_utc": 2}]


def test_different_times_and_all_failed_are_not_comparable() -> None:
    frame = records([good(second) for second in range(50)] + [dead(second) for second in range(7200, 7250)])

    late = what_differs(frame, frame["queued_to_dlq"])
    whole = what_differs(frame, np.ones(100, dtype=bool), baseline=frame)

    assert (late.attrs["answer"], whole.attrs["answer"]) == ("not comparable", "not comparable")
    assert late.empty and list(late.columns) == list(DIFFERENCES)
    assert "different times" in late.attrs["reason"]


def test_a_payload_field_that_is_missing_and_one_of_another_type_are_found_by_path() -> None:
    """Every fourth payload has no e-mail, and fails; every fifth has its total as a text, and succeeds."""
    rows: list[dict[str, Any]] = []
    for number in range(800):
        customer = {"id": f"C-{number}"} | ({} if number % 4 == 1 else {"email": f"u{number}@example.com"})
        body = {"order": f"O-{number}", "customer": customer, "total": str(number) if number % 5 == 0 else number % 83}
        row = dead(number) if number % 4 == 1 else good(number)
        rows.append({**row, "payload_snapshot": json.dumps(body), "extra_json": json.dumps({"pod": f"p{number % 3}"})})
    frame = records(rows)

    missing = what_differs(frame, frame["queued_to_dlq"])
    typed = what_differs(frame.assign(queued_to_dlq=False, last_error=""), np.arange(800) % 5 == 0)

    assert missing["conditions"].tolist() == [{"payload.customer.email": "(missing)"}]
    assert typed["conditions"].tolist() == [{"payload.total": "(text)"}]


def test_an_event_that_was_tried_five_times_counts_once() -> None:
    """Ten records fail, but they are of two events of one order; two events are no pattern."""
    rows = [good(number, payload_snapshot='{"order": "A"}') for number in range(300)]
    again = [
        {**dead(number, payload_snapshot='{"order": "B"}'), "event_key": f"twice{number % 2}"} for number in range(10)
    ]
    frame = records([*rows, *again])

    assert what_differs(frame, frame["queued_to_dlq"]).attrs["answer"] == "not comparable"


def test_an_event_that_succeeded_after_a_failed_attempt_is_a_success_in_either_order() -> None:
    """The API lists newest first: the success of an event comes before the attempt that failed."""
    rows: list[dict[str, Any]] = []
    for number in range(200):
        pod = json.dumps({"pod": f"p{number % 4}"})
        row = dead(number) if number % 4 == 1 else good(number)
        rows.append({**row, "event_key": f"e{number}", "payload_snapshot": "{}", "extra_json": pod})
        if number % 4 != 1:
            attempt = {"at": number - 1, "status": "failed", "queued_to_dlq": False, "last_error": "busy"}
            rows.append({**attempt, "event_key": f"e{number}", "payload_snapshot": "{}", "extra_json": pod})
    frame = records(rows)

    for ordered in (frame, frame.iloc[::-1]):
        answer = what_differs(ordered, "queued_to_dlq").iloc[0]
        assert answer["conditions"] == {"pod": "p1"}
        assert (answer["failing_with"], answer["healthy_without"]) == (50, 150)


def test_a_client_that_failed_as_often_before_is_said_to_be_usual() -> None:
    frame = grid(client=4, pod=3)
    frame["queued_to_dlq"] = (frame["client"] == "c1") & (np.arange(2400) // 12 % 2 == 0)
    calm = frame.assign(queued_to_dlq=False)

    before = what_differs(frame, "queued_to_dlq", baseline=frame).iloc[0]
    new = what_differs(frame, "queued_to_dlq", baseline=calm).iloc[0]

    assert (before["usual"], new["usual"]) == (True, False)
    assert (before["baseline_share"], new["baseline_rate"]) == (0.25, 0.0)
    assert what_differs(frame, "queued_to_dlq")["usual"].isna().all()


def test_what_follows_from_the_failure_is_no_cause_and_neither_is_what_the_analyst_excludes() -> None:
    frame = grid(client=4, pod=3).assign(attempts=1)
    failing = frame["client"] == "c1"
    frame.loc[failing, "attempts"] = 5

    assert what_differs(frame, failing)["conditions"].tolist() == [{"client": "c1"}]
    assert what_differs(frame, failing, exclude=["client"]).empty


def test_a_sample_stands_for_all_records_and_is_the_same_each_time() -> None:
    """Of 2,400 records 600 are read; the rates are still those of all: all of client c1, one in a hundred elsewhere."""
    frame = grid(client=4, pod=3)
    failing = (frame["client"] == "c1") | (np.arange(2400) % 100 == 0)

    found = what_differs(frame, failing, sample=600)

    assert found.attrs["compared"] == {"failing": 300, "of_failing": 624, "healthy": 300, "of_healthy": 1776}
    assert found.iloc[0]["rate_without"] == pytest.approx(24 / 1800, rel=0.5)
    pd.testing.assert_frame_equal(found, what_differs(frame, failing, sample=600))


@pytest.mark.parametrize("count", [0, 1])
def test_no_record_or_one_is_not_comparable(count: int) -> None:
    frame = records([dead(0)] * count)

    assert what_differs(frame, np.ones(count, dtype=bool)).attrs["answer"] == "not comparable"


def test_rows_out_of_order_give_the_same_answer() -> None:
    frame = grid(client=4, pod=3)
    failing = frame["client"] == "c1"
    mixed = frame.sample(frac=1, random_state=1)

    pd.testing.assert_frame_equal(what_differs(mixed, failing), what_differs(frame, failing))


def test_a_mask_that_does_not_fit_is_refused_with_what_to_do() -> None:
    frame = grid(client=4)

    with pytest.raises(FrameError, match="no column failed"):
        what_differs(frame, "failed")
    with pytest.raises(FrameError, match="2 values for 2400 records"):
        what_differs(frame, [True, False])
    with pytest.raises(FrameError, match="other values than true and false"):
        what_differs(frame, "client")
    with pytest.raises(ParameterError, match="most is 0"):
        what_differs(frame, frame["client"] == "c1", most=0)


def test_a_mask_that_does_not_know_every_record_is_refused() -> None:
    """Three hundred values for two thousand records: the rest would be passed over in silence."""
    frame = pd.DataFrame({"version": ["1", "2"] * 1000})
    mask = pd.Series([True] * 300)

    with pytest.raises(FrameError, match="lacks 1,700 of 2,000 records"):
        what_differs(frame, mask)
    with pytest.raises(FrameError, match="lacks 2,000 of 2,000 records"):
        what_differs(frame, pd.Series([True] * 2000, index=range(5000, 7000)))


def test_times_that_could_be_read_in_two_ways_are_refused() -> None:
    """They were left out in silence, so that a busy hour could be blamed on a client."""
    frame = pd.DataFrame({"recorded_at": ["03/02/2026 10:00"] * 20, "client": ["a", "b"] * 10})

    with pytest.raises(FrameError, match="recorded_at holds what is no time"):
        what_differs(frame, frame["client"] == "a")


def test_a_number_that_counts_the_events_is_no_cause_though_some_were_done_again() -> None:
    """Orders 360 to 419 died, were sent again twenty minutes later and died again: their numbers explain nothing."""
    rows = [{"order": n, "at": 10 * n, "failed": 360 <= n < 420} for n in range(720)]
    rows += [{"order": n, "at": 10 * n + 1200, "failed": True} for n in range(360, 420)]
    frame = pd.DataFrame(rows).sort_values("at", kind="stable").drop_duplicates("order", keep="last")
    frame["recorded_at"] = pd.to_datetime(frame.pop("at"), unit="s", utc=True)

    answer = what_differs(frame.reset_index(drop=True), "failed")

    assert not any("order" in fields for fields in answer["fields"])


@pytest.mark.parametrize("write", [int, "order-{}".format], ids=["a number", "a text"])
def test_a_number_that_counts_the_events_is_no_cause_beside_a_baseline(write: Callable[[int], int | str]) -> None:
    """Orders 940 to 999 died and died again under new keys: that orders up to 999 fail is when it was, not why."""
    rows = [{"order": write(n), "at": 10 * n, "failed": 940 <= n < 1000} for n in range(880, 1240)]
    rows += [{"order": write(n), "at": 10 * n + 1200, "failed": True} for n in range(940, 1000)]
    frame = pd.DataFrame(rows).sort_values("at", kind="stable")
    frame["recorded_at"] = pd.to_datetime(frame.pop("at"), unit="s", utc=True)
    inside = frame["recorded_at"] >= pd.Timestamp(9400, unit="s", tz="UTC")

    answer = what_differs(frame[inside].reset_index(drop=True), "failed", baseline=frame[~inside])

    assert answer.empty
