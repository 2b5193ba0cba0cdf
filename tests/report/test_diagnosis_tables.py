"""Tables of why: what they show, what they leave out, and what they say where nothing is known."""

from __future__ import annotations

import json

import pandas as pd

from dlqkit.report import diagnosis_tables as why
from dlqkit.report.comparison import describe_differences
from dlqkit.report.sections import choose_sections, report_status
from tests.frames import at, dead, good, records
from tests.report.example import make_facts

MAIN = pd.Series({"signal": "dead_letters", "onset_at": at(3600), "end_at": pd.NaT})


def test_a_payloads_value_is_no_condition_in_a_report_but_a_missing_field_is() -> None:
    """Every event of one client dies, and every one without a sum: the client is not named."""
    rows = []
    for n in range(400):
        secret = n % 4 == 0
        payload = {"client": "ACME-1234" if secret else f"other-{n % 3}", "sum": n}
        own = dead if secret else good
        rows.append(own(3600 + n, event_key=f"e{n}", payload_snapshot=json.dumps(payload)))
    own = records(rows)

    found = describe_differences(own, own[own["queued_to_dlq"]], MAIN, at(4100).to_pydatetime(), {})

    assert found[0]["answer"] == "found"
    assert found[0]["rows"][0]["conditions"] == [["payload.client", "<value>"]]
    assert "ACME" not in json.dumps(found)

    for n, row in enumerate(rows):
        row["payload_snapshot"] = json.dumps({"sum": n} if n % 4 == 0 else {"client": "x", "sum": n})
    own = records(rows)
    found = describe_differences(own, own[own["queued_to_dlq"]], MAIN, at(4100).to_pydatetime(), {})

    assert found[0]["rows"][0]["conditions"] == [["payload.client", "(missing)"]]


def test_where_nothing_differs_the_table_says_so_and_why() -> None:
    facts = make_facts(differences=[{"of": "all", "answer": "nothing", "reason": "Chance explains it.", "rows": []}])

    assert "nothing. Chance explains it." in why.show_differences(facts).to_text()


def test_before_the_other_records_are_there_nothing_is_claimed() -> None:
    facts = make_facts()

    for table in (why.show_durations(facts), why.show_differences(facts), why.show_impact_counts(facts)):
        assert "not known yet" in table.to_text() or "not there" in table.to_text()


def test_what_a_timeout_cut_is_at_least_as_long() -> None:
    """Half of the failing ones were cut at 30 s: their median is not a number but a bound."""
    unknown = dict.fromkeys(("p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "p95_ms", "p99_ms"))
    group = {"group": "failing", "records": 10.0, "durations": 10.0, "censored": 6.0, "unknown_above_ms": 30000.0}
    group |= unknown
    durations = {"verdict": "slow then dead", "sentence": "Slow.", "basis": "attempt", "groups": [group]}

    assert "≥ 30,000 ms" in why.show_durations(make_facts(durations=durations)).to_text(200)


def test_a_quiet_report_is_short_and_asks_nobody_for_judgement() -> None:
    quiet = make_facts(state={"value": "nothing", "kind": None, "reason": "Nothing is seen."})
    quiet["review"] |= {"state": "nothing", "lacks": []}

    assert [title for title, _ in choose_sections(quiet)] == ["What was looked at", "What to do", "Evidence"]
    assert report_status(quiet) == "No incident"
    assert report_status(make_facts()) == "Draft: judgement is still needed"


def test_each_step_ends_in_one_sentence() -> None:
    facts = make_facts()

    for step in ("signals", "durations", "decision"):
        assert len(why.show_conclusion(facts, step).lines) == 1
    assert "and it goes on" in repr(why.show_conclusion(facts, "signals"))
