"""In Russian nothing of the decision is left in English but names, ids and what somebody else has written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dlqkit import language
from dlqkit.decision.advice import advise
from dlqkit.decision.changes import find_changes
from dlqkit.decision.classes import classify_failures, propose_max_attempts
from dlqkit.decision.differences import what_differs
from dlqkit.decision.impact import measure_impact
from dlqkit.decision.republish_advice import advise_on_republish
from dlqkit.decision.signatures import group_errors
from dlqkit.decision.subgroups.conditions import say
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.frames import Coverage
from tests.decision.test_advice import facts
from tests.decision.test_payload_changes import rows as payloads
from tests.decision.test_republish_advice import plan
from tests.frames import at, counter, dead, good, records

# Names of fields, files, settings and formats; they are the same in every language.
NAMES = {"API", "DLQ", "JSON", "MAX_ATTEMPTS", "class_overrides", "dlqkit", "execution_logs", "false", "fields",
         "judgement", "null", "payload", "queued_to_dlq", "retryable", "timezone", "toml", "true", "UTC", "workflow_id",
         "yaml"}  # fmt: skip


@pytest.fixture(autouse=True)
def _russian() -> Iterator[None]:
    with language.use("ru"):
        yield


def left_in_english(texts: Iterable[object], *values: str) -> set[str]:
    """Latin words of the texts that are neither a name nor one of the values."""
    found = set()
    for text in texts:
        rest = str(text)
        for value in values:
            rest = rest.replace(value, " ")
        found |= set(re.findall(r"[A-Za-z][A-Za-z_]*", rest)) - NAMES
    return found


def sentences(rows: Iterable[dict[str, str]]) -> list[str]:
    """What a person reads of advice; the command is pasted as it is."""
    return [row[key] for row in rows for key in ("action", "reason", "wrong", "unknown")]


SITUATIONS = {
    "business": facts("business"),
    "refused access": facts("business", signature={"signature": "unauthorized: token expired"}),
    "infrastructure": facts("infrastructure", signature={"signature": "connection refused"}),
    "the worker's access": facts("infrastructure", signature={"signature": "PermissionDenied: not authorized"}),
    "an outage that is over": facts("infrastructure", state={"value": "ended"}),
    "timeout": facts("timeout", **{"class": {"timeout_ms": {"value": 30_000}}}),
    "timeout of what is down": facts("timeout", signature={"names_dependency": True}),
    "unknown": facts("unknown", signature={"suggested_class": "business"}),
    "no error text": facts("unknown", signature={"signature": "no error text"}),
    "most are disputed": facts("business", **{"class": {"disputed": 12}}),
    "some are disputed": facts("business", **{"class": {"disputed": 1}}),
    "overrides without events": facts("business", **{"class": {"unmatched_overrides": ["event order-77"]}}),
    "began before the evidence": facts("business", onset={"is_window_start": True}),
    "cut off": facts("business", events={"affected": {"value": 9, "bound": "at_least"}}),
    "broken off": facts("business", coverage=[{"kind": "001", "completeness": "partial", "missing": []}]),
    "all healed": facts(
        "business", events={"affected": {}, "open": {"value": 0, "bound": "exact"}, "healed": {"value": 1234}}
    ),
    **{kind: facts("unknown", state={"kind": kind, "reason": ""}) for kind in ("silence", "failures", "duration")},
    "support": facts("unknown", state={"kind": "support", "reason": ""}),
    "another signal": facts("unknown", state={"kind": "other", "reason": ""}),
    "quiet": facts("unknown", state={"kind": None, "value": "nothing"}),
    "quiet, some open": facts("unknown", state={"kind": None, "value": "nothing", "open": 3}),
    "ends early": facts("unknown", state={"kind": None, "value": "nothing", "until": "2026-03-02T13:00:00+00:00"}),
    **{
        f"nothing known: {why}": facts(state={"kind": None, "value": "unknown", "reason": "", "why": why})
        for why in ("", "time", "queued_to_dlq")
    },
    "untold": facts("unknown", state={"kind": None, "value": "nothing"}, untold={"queued_to_dlq": "720"}),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_advice_is_whole_sentences_of_russian(situation: str) -> None:
    given = SITUATIONS[situation]
    signature = given["signatures"][0]["signature"]
    foreign = () if situation == "no error text" else (signature,)

    rows = advise(given, directory="d")

    assert rows
    assert left_in_english(sentences(rows), *foreign, "12 dead letters", "order-77") == set()
    assert all(row["action"].endswith(".") for row in rows)


@pytest.mark.parametrize("disputed", [False, True])
@pytest.mark.parametrize("failure_class", ["business", "infrastructure", "timeout", "unknown"])
def test_each_signature_of_a_mixed_incident_is_spoken_of_in_russian(failure_class: str, disputed: bool) -> None:
    given = facts("mixed", signature={"disputed": disputed, "names_dependency": disputed})
    given["signatures"][0]["failure_class"] = failure_class

    assert left_in_english(sentences(advise(given, directory="d")), "hm") == set()


def test_a_plan_is_spoken_of_in_russian_in_each_of_its_states() -> None:
    for one in (
        plan(), plan(approved=False), plan(failed_same=1, not_sent=9), plan(passed=8, not_seen=2), plan(2, in_doubt=2),
        plan(4, passed=4),
    ):  # fmt: skip
        rows = advise_on_republish({"plans": [{**one, "last_run": ""}]}, 9, directory="d")

        assert rows
        assert left_in_english(sentences(rows), "plan-001", "dlqkit republish prove") == set()


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "Выясните, почему 1 событие после отправки снова попало в DLQ: причина не устранена."),
        (3, "Выясните, почему 3 события после отправки снова попали в DLQ: причина не устранена."),
        (1012, "Выясните, почему 1\xa0012 событий после отправки снова попали в DLQ: причина не устранена."),
    ],
)
def test_events_that_died_again_are_counted_as_the_language_does(count: int, said: str) -> None:
    rows = advise_on_republish({"plans": [plan(count, failed_same=count)]}, 0, directory="d")

    assert rows[0]["action"] == said


def test_the_moment_the_evidence_ends_is_written_as_the_language_does() -> None:
    rows = advise(SITUATIONS["ends early"], directory="d")

    assert rows[0]["reason"] == f"О том, что было после {language.date_and_time(at(3600))}, данных нет."


# What speaks for and against each class: a rule, and the sentences that it may have beside it.
FAILURES: dict[str, dict[str, Any]] = {
    "not retryable, tried often, and down": {"retryable": False, "attempts": 4, "action_duration_ms": 30_000.0},
    "not retryable, and slow": {"retryable": False, "attempts": 1, "last_error": "ReadTimeout: Read timed out."},
    "not retryable, and refused": {"retryable": False, "attempts": 1, "last_error": "403 Client Error: Forbidden"},
    "attempts left": {"attempts": 2},
    "attempts used up, and invalid": {"attempts": 7, "last_error": "ValidationError: amount is required"},
    "attempts not told": {"attempts": None},
    "at the timeout, and down": {"action_duration_ms": 30_000.0},
    "at the timeout, and invalid": {"action_duration_ms": 30_000.0, "last_error": "ValidationError: no amount"},
    "used up, and slow": {"last_error": "ReadTimeout: Read timed out."},
    "not said": {"retryable": None},
}


@pytest.mark.parametrize("limit", [5, None])
@pytest.mark.parametrize("case", FAILURES)
def test_why_an_event_has_its_class_is_said_in_russian_and_the_class_stays_an_id(case: str, limit: int | None) -> None:
    frame = records([dead(1, **FAILURES[case])])

    row = classify_failures(frame, max_attempts=limit, timeout_ms=30_000).iloc[0]
    with language.use("en"):
        english = classify_failures(frame, max_attempts=limit, timeout_ms=30_000).iloc[0]

    texts = ["reason", "counter_evidence", "republish_reason"]
    assert left_in_english(row[texts], row["text_says"] or "-") == set()
    assert bool(row["counter_evidence"]) == bool(english["counter_evidence"])
    assert row.drop(texts).astype("str").tolist() == english.drop(texts).astype("str").tolist()


def test_what_was_taken_for_a_limit_is_said_in_russian() -> None:
    """Seven events stopped at attempt 5; three are too few; half and half is no limit; a refusal is no timeout."""
    piled = [dead(n, action_duration_ms=9000.0 + n, last_error="ValidationError: amount is required") for n in range(9)]
    found = [
        propose_max_attempts(records([dead(n) for n in range(7)])),
        propose_max_attempts(records([dead(n) for n in range(3)])),
        propose_max_attempts(records([dead(n, attempts=3 + n % 2) for n in range(8)])),
        believe_timeout(records(piled)),
    ]

    assert found[0].basis == "на этой попытке остановилось 7 из 7 событий в DLQ с retryable = true"
    assert left_in_english([one.basis for one in found], "validation error") == set()


def test_what_differs_is_said_in_russian_and_its_conditions_stay_as_they_are() -> None:
    """The 200 of 2,000 events that lack an e-mail fail, and no other does."""
    number = np.arange(2000)
    frame = pd.DataFrame({"total": number % 7, "mail": np.where(number % 10 == 0, None, "there")})

    found = what_differs(frame, frame["mail"].isna())

    assert found["conditions"].tolist() == [{"mail": "(missing)"}]
    assert found["sentence"].tolist() == [
        "Если mail отсутствует, доля сбоев 100,0\xa0% (200 из 200), иначе 0,0\xa0% (0 из 1\xa0800); "
        "это 100\xa0% всех сбоев."
    ]
    assert found.attrs["answer"] == "found"


def test_why_nothing_differs_is_said_in_russian() -> None:
    """Two sides that are too small, times apart, nothing that explains, and records that are all alike."""
    number = np.arange(2000)
    frame = pd.DataFrame({"n": number % 7, "at": [at(one) for one in number]})
    one = pd.DataFrame({"one": [1] * 100})
    answers = [
        what_differs(frame, number < 2),
        what_differs(frame, number < 1998),
        what_differs(frame, number < 1000),
        what_differs(frame, number % 11 == 0),
        what_differs(one, np.arange(100) < 50),
    ]

    assert [answer.attrs["answer"] for answer in answers] == ["not comparable"] * 3 + ["nothing"] * 2
    assert len({answer.attrs["reason"] for answer in answers}) == 5
    assert left_in_english(answer.attrs["reason"] for answer in answers) == set()


def test_conditions_are_a_phrase_of_russian() -> None:
    conditions = {"total": "> 5 and <= 9", "note": "length > 255", "mail": "(missing)", "code": "(like a-9)"}

    assert say(conditions) == "total > 5 и <= 9 и длина note > 255 и mail отсутствует и code имеет вид a-9"


def test_what_changed_is_said_in_russian_and_a_client_is_named_behind_its_field() -> None:
    """The report takes the first word of a client's change for the field, and leaves the value out."""
    began, again = at(0).timestamp() - 5000, at(4700).timestamp()
    samples = pd.concat([
        *(counter("process_start_time_seconds", [began] * 315 + [again] * 60, series_id=n, instance=f"w{n}")
          for n in range(5)),
        counter("worker_build_info", [1.0] * 315, series_id=7, instance="w1", version="1.8.2"),
        counter("worker_build_info", [None] * 315 + [1.0] * 60, series_id=8, instance="w1", version="1.9.0"),
        counter("worker_success_total", [10.0 * n + 40 * max(n - 300, 0) for n in range(375)], series_id=9,
                workflow_id="wf"),
    ])  # fmt: skip
    told: dict[str, list[str]] = {}
    for change in ("type", "new", "gone", "client"):
        for row in find_changes(samples, at(5400), records=records(payloads(change))).itertuples(index=False):
            told.setdefault(row.kind, []).append(row.what)

    assert set(told) == {"restart", "version", "volume", "payload", "client"}
    assert told["restart"][0] == "перезапуск: w0, w1, w2 и ещё 2"
    assert all(what.split(" ")[0].rstrip(":") == "client" for what in told["client"])
    fields = ("order.amount", "order.coupon", "order", "client c9", "client: новое значение c9", "version", "w0", "w1",
              "w2")  # fmt: skip
    assert left_in_english((what for part in told.values() for what in part), *fields) == set()


def test_why_counts_do_not_balance_is_said_in_russian_and_the_cause_stays_an_id() -> None:
    """A counter beside records that are cut, that hold attempts, that are fewer; and what was sent again."""
    twice = [dead(60, event_key="a"), dead(90, event_key="a"), *(dead(n, event_key="b", attempts=n) for n in (3, 4, 5))]
    grown = counter("worker_dlq_total", [0.0] * 2 + [40.0] * 20, workflow_id="wf")
    still = counter("worker_dlq_total", [0.0] * 20, workflow_id="wf")
    several = [dead(n, event_key=f"e{n}", attempts=2) for n in (20, 40, 41)]
    impacts = [
        measure_impact(records(twice), samples=still, coverage=Coverage(completeness="complete")),
        measure_impact(records(several), samples=grown, coverage=Coverage(completeness="complete")),
        measure_impact(records([dead(100)]), samples=grown, coverage=Coverage(completeness="complete")),
        measure_impact(records(several), samples=grown, coverage=Coverage(completeness="partial", quarantined=3)),
        measure_impact(records([*several, good(70)]), republished=["e40", "e41", "x"], set_aside=["e40"]),
        measure_impact(records(several), republished=7),
    ]

    rows = pd.concat([one.differences for one in impacts])

    assert {"records per attempt", "duplicate dead-lettering", "rewritten records", "truncated page",
            "unreadable records", "retention", "in both lists", "left open", "not in the records", "not explained",
            "republished, still open"} <= set(rows["cause"])  # fmt: skip
    assert left_in_english(rows["sentence"]) == set()


def test_a_signature_is_the_same_in_every_language() -> None:
    """It is compared with those of other incidents, whoever looked at them; only advice says it in Russian."""
    frame = records([dead(1, last_error=None)])
    with language.use("en"):
        english = group_errors(frame)

    pd.testing.assert_frame_equal(group_errors(frame), english)
    assert "текста ошибки нет" in " ".join(sentences(advise(SITUATIONS["no error text"], directory="d")))


def test_a_payload_that_is_no_json_and_a_field_that_is_null_are_said_so_in_russian() -> None:
    broken = [{**row, "payload_snapshot": "{"} if row["at"] in (5000, 5010) else row for row in payloads("none")]
    nulls = [
        {**row, "payload_snapshot": json.dumps({**json.loads(row["payload_snapshot"]), "n": None})}
        if row["at"] > 4800
        else row
        for row in payloads("none")
    ]

    said = [what for rows in (broken, nulls) for what in find_changes(counter("up", [1.0]), at(5400),
                                                                      records=records(rows))["what"]]  # fmt: skip

    assert [what.rpartition(", с тех пор")[0] for what in said] == [
        "payload не в формате JSON",
        "поле n: число → ничего",
    ]
