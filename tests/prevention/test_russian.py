"""Prevention as a Russian team reads it."""

from __future__ import annotations

from dlqkit import language
from dlqkit.executions.comparison import compare_durations
from dlqkit.prevention.advice import advise_prevention
from dlqkit.prevention.payload_proposal import propose_schema
from dlqkit.prevention.slowest_step import slowest_step
from dlqkit.prevention.timeout import limits_in_force, timeout_effects
from tests.frames import dead, good, lines, records
from tests.languages import english_in
from tests.prevention.test_advice import CUT
from tests.prevention.test_payload_proposal import GOOD, payload
from tests.prevention.test_slowest_step import FAILING, HEALTHY, USUAL, logs
from tests.prevention.test_timeout import VALUES, two_timeouts

STEPS = ("load customer <*>", "call payments", "reconnecting", "timed out", "refused")


def told(advice):
    return [str(text) for name in ("sentence", "evidence", "unknown") for text in advice[name]]


def test_no_english_is_left_where_a_check_of_the_payload_would_have_helped() -> None:
    """The schema's own words stand in Russian; the field's name stays as clients send it."""
    bad = [dead(n, payload_snapshot=payload(n, amount=str(n))) for n in range(40)]
    with language.use("ru"):
        advice = advise_prevention(schema=propose_schema(records(GOOD + bad)))

    assert english_in(told(advice), "payload.amount") == []
    assert "событий в DLQ: 40 из 40 (100\xa0%)" in advice["evidence"].iloc[0]
    assert "payload.amount (другой тип)" in advice["evidence"].iloc[0]


def test_no_english_is_left_where_no_check_would_have_helped() -> None:
    """Neither where payloads are alike, nor where there are too few, nor where there is none."""
    alike = [dead(n, payload_snapshot=payload(n)) for n in range(100)]
    with language.use("ru"):
        for rows in (GOOD + alike, GOOD, GOOD[:9] + alike, [dead(1)]):
            assert english_in(told(advise_prevention(schema=propose_schema(records(rows))))) == []


def test_no_english_is_left_in_what_another_timeout_would_do() -> None:
    two = two_timeouts(VALUES, VALUES)
    limits = limits_in_force(two, "workflow_id", {"a": 1_000, "b": 4_000})
    refused = records([good(n, action_duration_ms=100.0) for n in range(20)]
                      + [dead(n, attempts=1, action_duration_ms=1.0) for n in range(20)])  # fmt: skip
    with language.use("ru"):
        effects = [timeout_effects(CUT, 30_000), timeout_effects(two, 1_000, candidates=[2_000], limits=limits),
                   timeout_effects(records([dead(1)]), 1_000, candidates=[500])]  # fmt: skip
        advised = [advise_prevention(effects=one) for one in effects]
        advised.append(advise_prevention(effects=effects[0], dependency_down="«база»"))
        silent = slowest_step(lines([{"at": 0}]), set(), set())
        advised.append(advise_prevention(effects=effects[0], durations=compare_durations(refused), slowest=silent))

    for advice in advised:
        assert english_in(told(advice)) == []
    assert advised[1]["sentence"].iloc[0] == "Стоит попробовать таймаут 2 с."
    assert effects[0]["sentence"].iloc[-1] == (
        "Что дал бы более длинный таймаут 60 с, по этим данным не сказать: дольше 30 с ничему не давали выполняться."
    )


def test_no_english_is_left_in_the_slowest_step() -> None:
    """Found, new to healthy runs, longest, and not told; the log's own messages stay as they are."""
    slow = ((0, "load customer 8"), (1, "call payments"), (31, "timed out"))
    new = ((0, "load customer 8"), (1, "reconnecting"), (21, "call payments"), (21.5, "refused"))
    with language.use("ru"):
        found = [slowest_step(logs(slow, USUAL), FAILING, HEALTHY), slowest_step(logs(new, USUAL), FAILING, HEALTHY),
                 slowest_step(logs(slow, USUAL), FAILING, set()), slowest_step(lines([{"at": 0}]), set(), set()),
                 slowest_step(logs(USUAL, USUAL), FAILING, HEALTHY)]  # fmt: skip
        advised = [advise_prevention(slowest=one) for one in found]

    assert [one.verdict for one in found] == [
        "found", "found", "longest", "the logs do not tell", "no step grew",
    ]  # fmt: skip
    for advice in advised:
        assert english_in(told(advice), *STEPS) == []
