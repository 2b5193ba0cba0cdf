"""In Russian, no sentence of the facts and their tables is left in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit import language
from dlqkit.evidence.collect import collect
from dlqkit.frames import SAMPLES, empty_frame
from dlqkit.report import diagnosis_tables as why
from dlqkit.report.amounts import count_text, duration_text
from dlqkit.report.comparison import HIDDEN
from dlqkit.report.facts import facts
from dlqkit.report.headline import SIGNAL_NAMES
from dlqkit.report.listings import show_candidates, show_newest_dead_letters, show_outcomes
from dlqkit.report.state import describe_state
from dlqkit.report.tables import Table
from dlqkit.report.terms import condition_value, count_name, term
from dlqkit.report.unplaced import find_unplaced
from dlqkit.report.wording import class_text, conditions_text, headline, summary
from dlqkit.settings import Settings
from dlqkit.signals.signals import find_incidents
from tests.frames import START, at, dead, good, records
from tests.report.example import make_facts
from tests.report.test_facts import QUESTION, facts_of, row

# Two words of Latin letters are a sentence that nobody translated; names and codes stand alone.
_ENGLISH = re.compile(r"[A-Za-z]{2,}[ ,:;]+[A-Za-z]{2,}")
_KEPT = ("orders-sync", "connection refused by <*>", "worker-1 restarted", "worker restarts were looked at")


@pytest.fixture(autouse=True)
def _in_russian() -> Iterator[None]:
    with language.use("ru"):
        yield


def _english(texts: list[str], *known: str) -> list[str]:
    """The texts in which English is left once names and foreign words are taken out."""
    found = []
    for text in texts:
        rest = text
        for word in (*_KEPT, *known):
            rest = rest.replace(word, "…")
        if _ENGLISH.search(rest):
            found.append(text)
    return found


def _cells(table: Table) -> list[str]:
    return [table.title, table.empty, *table.columns, *(cell for row in table.rows for cell in row)]


def _lines(values: dict[str, Any]) -> list[str]:
    return [headline(values), *(part for line in summary(values) for part in (line.label, line.text))]


ADVICE = [{"action": "Найдите причину.", "reason": "§4", "command": "", "wrong": "", "unknown": ""}]
KNOWN_NO_BETTER = {"low": "2026-03-02T13:52:00+00:00"}
UNCERTAIN = {"value": 7, "bound": "of_seen"}


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"state": {"value": "ended", "kind": "dead_letters", "reason": ""},
         "end": {"at": "2026-03-02T15:00:00+00:00", "resolution_s": 1.0}},
        {"state": {"value": "recovering", "kind": "dead_letters", "reason": ""}},
        {"state": {"value": "going_on", "kind": "silence", "reason": "", "what": "events"}},
        {"state": {"value": "ended", "kind": "silence", "reason": "", "what": "scrapes"}},
        {"state": {"value": "nothing", "kind": None, "reason": "Просмотрено всё."}},
        {"state": {"value": "nothing", "kind": None, "reason": "", "until": "2026-03-02T15:00:00+00:00", "open": 2}},
        {"state": {"value": "unknown", "kind": None, "reason": "Источники молчат."}},
        {"signatures": [], "changes": {"rows": [], "looked_at": ""}, "last_dead_letter": {"at": None, "age_s": None}},
        {"events": {"affected": {"value": None, "bound": "exact"}, "open": UNCERTAIN, "healed": UNCERTAIN,
                    "evidence": ""}},
        {"other_incidents": [{"onset_at": "2026-03-02T13:00:00+00:00", "end_at": None, "events": None, "open": None}]
                            * 4,
         "other_workflows": [{"workflow_id": "a", "name": None, "alike": True}] * 5},
        {"coverage": [{"kind": "records: dead letters", "received": 1, "completeness": "partial", "missing": []},
                      {"kind": "worker logs", "received": 1, "completeness": "unverified", "missing": []}]},
        *({"state": {"value": "going_on", "kind": kind, "reason": ""}} for kind in SIGNAL_NAMES),
    ],
)  # fmt: skip
def test_the_first_screen_leaves_no_english(over: dict[str, Any]) -> None:
    example = make_facts()
    rough = {"onset": example["onset"] | KNOWN_NO_BETTER}
    earlier = {"onset": example["onset"] | {"is_window_start": True}}

    for onset in ({}, rough, earlier):
        assert _english(_lines(make_facts(**{"advice": ADVICE, **onset, **over}))) == []


def test_the_tables_of_why_leave_no_english() -> None:
    """Whatever the facts name by an id is said in words."""
    bounds = {"effect": 0.4, "low": 0.3, "high": 0.5, "rate_with": 0.9, "rate_without": 0.1, "p_value": 0.003}
    sizes = dict.fromkeys(("failing_with", "failing_without", "healthy_with", "healthy_without", "comparisons"), 1234.0)
    conditions = [["payload.client", HIDDEN], ["payload.sum", "(missing)"], ["payload.note", "length > 5 and <= 9"]]
    rows = [{"conditions": conditions, "usual": usual, **bounds, **sizes} for usual in (True, False, None)]
    group = dict.fromkeys(("p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "p95_ms", "p99_ms"), 1234.0)
    counted = {"records": 10.0, "durations": 10.0, "censored": 6.0, "unknown_above_ms": None}
    values = make_facts(
        differences=[
            {"of": "business", "answer": "found", "reason": "", "rows": rows},
            {"of": "timeout", "answer": "not comparable", "reason": "Нет успешных.", "rows": []},
        ],
        durations={"verdict": "both", "sentence": "И так, и так.", "basis": "",
                   "groups": [{"group": name, **group, **counted} for name in ("failing", "healthy", "baseline")]},
        impact={
            "counts": [{"name": name, "value": 3, "bound": "exact", "source": source}
                       for name, source in (("dead letters by the records", "records"), ("republished", "journal"),
                                            ("payload.client affected", "payloads"), ("set aside", "judgement"))],
            "differences": [{"between": between, "sentence": "Не сходится.", "size": 1.0, "cause": "not explained"}
                            for between in ("counter and records", "records and events", "handled and affected")],
            "evidence": "",
        },
        reports={"count": 3, "fates": {"never arrived": 2, "unknown": 1},
                 "rows": [{"reported_at": None, "trace_id": None, "fate": fate, "recorded_at": None}
                          for fate in ("never arrived", "dead", "failed", "unknown")]},
        prevention=[{"topic": topic, "sentence": "Проверяйте.", "evidence": "", "unknown": "Что было.",
                     "evidence_ids": ""} for topic in ("validate", "timeout", "optimise")],
        advice=[],
    )  # fmt: skip
    shown = [why.show_findings, why.show_reports, why.show_durations, why.show_differences, why.show_impact_counts]
    texts = [cell for show in shown for one in (values, make_facts()) for cell in _cells(show(one))]
    texts += [part for line in why.show_prevention(values).lines for part in (line.label, line.text)]
    texts += [why.show_conclusion(values, step).lines[0].text for step in ("signals", "durations", "decision")]

    assert _english(texts) == []
    assert why.show_differences(values).rows[0][1:6] == (
        "неуспешно 90\xa0%, среди остальных 10\xa0%", "+40\xa0% (от +30\xa0% до +50\xa0%)",
        "1\xa0234 из 2\xa0468", "1\xa0234 из 2\xa0468", "0,003 с учётом числа сравнений (1\xa0234)",
    )  # fmt: skip
    assert "длина > 5 и <= 9" in conditions_text(rows[0])


def test_the_facts_of_a_folder_leave_no_english(tmp_path: Path) -> None:
    """Ids, column names and what others wrote stay; each sentence that the report makes is Russian."""
    rows = [row(n, 120 + n / 2, trace_id=f"t{n}") for n in range(40)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]
    found = facts_of(tmp_path, rows)
    own = [headline(found), class_text(found), found["state"]["reason"], found["changes"]["looked_at"]]
    own += [line["what"] for line in found["timeline"]]
    own += [part for line in found["communication"] if line["label"] != language.say("Next")
            for part in (line["label"], line["text"])]  # fmt: skip

    assert _english(own) == []
    assert headline(found) == "wf: 40 событий в DLQ с 02.03.2026 14:00:00 UTC по 14:19:30 UTC"
    # What code compares is an id, and stays.
    assert found["class"]["value"] == "infrastructure"
    assert found["coverage"][0]["kind"] == "records: export"


def test_the_listings_of_a_folder_leave_no_english(tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_text('{"id": "r1", "workflow_id": "wf", "trace_id": "t", "status": "failed"}')
    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))
    found = facts(folder)
    tables = [show_outcomes(folder), show_newest_dead_letters(folder, found), show_candidates(folder, found)]

    assert _english([cell for table in tables for cell in _cells(table)]) == []


def test_why_nothing_can_be_said_leaves_no_english() -> None:
    empty = records([good(1)]).iloc[:0]
    silent = [{"kind": "records: dead letters", "received": 0, "missing": [], "completeness": "complete",
               "quarantined": 0}]  # fmt: skip
    some = [silent[0] | {"received": 9, "completeness": "partial"}]
    untimed = records([dead(1)]).assign(recorded_at=pd.Series([pd.NaT], dtype="datetime64[us, UTC]"))
    untold = records([good(1, status="failed")]).assign(queued_to_dlq=pd.Series([pd.NA], dtype="boolean"))
    window = (START.to_pydatetime(), at(9999).to_pydatetime())
    states = [
        describe_state(None, empty, silent, "workflow wf", known=True),
        describe_state(None, empty, some, "workflow wf", known=False),
        describe_state(None, empty, some, "workflow wf", known=True),
        describe_state(None, untimed, some, "workflow wf", known=True),
        describe_state(None, untold, some, "workflow wf", known=True),
        describe_state(
            None, records([good(1)]), [some[0] | {"completeness": "complete"}], None, known=True, window=window
        ),
    ]

    assert _english([state["reason"] for state in states], "workflow wf") == []
    assert [state["value"] for state in states] == ["unknown"] * 5 + ["nothing"]


@pytest.mark.parametrize(("is_trace", "is_whole"), [(True, True), (False, False), (False, True)])
def test_dead_letters_without_an_onset_leave_no_english(is_trace: bool, is_whole: bool) -> None:
    own = records([dead(60 * n, event_key=f"e{n}") for n in range(12)])
    none = find_incidents(empty_frame(SAMPLES))

    found = find_unplaced(
        none, own, at(9999).to_pydatetime(), known_to=at(9999).to_pydatetime(), is_whole=is_whole, is_trace=is_trace,
        counted=set(),
    )  # fmt: skip

    assert _english(list(found["evidence"])) == []
    assert "12" in found["evidence"].iloc[0]


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [
        (1, "exact", "1 событие в DLQ"),
        (22, "exact", "22 события в DLQ"),
        (11, "at_least", "≥ 11 событий в DLQ"),
        (1204, "at_least", "≥ 1\xa0204 события в DLQ"),
        (None, "exact", "сколько их — неизвестно"),
    ],
)
def test_the_headline_counts_events_in_the_form_that_russian_wants(value: int | None, bound: str, text: str) -> None:
    events = make_facts()["events"] | {"total": {"value": value, "bound": bound}}

    assert text in headline(make_facts(events=events))


def test_an_id_is_said_in_words_and_a_foreign_name_stays() -> None:
    """A field of the payload may be called as an id of ours is; only whole ids are translated."""
    assert [term("business"), term("records: export"), term("{business}")] == [
        "бизнес-ошибка", "записи из выгрузки", "{business}"]  # fmt: skip
    assert count_name("payload.{x} affected") == "payload.{x}: затронуто значений"
    assert [condition_value("> 5 and <= 9"), condition_value("sand and gravel")] == ["> 5 и <= 9", "sand and gravel"]
    assert duration_text(7_500) == "2 ч 05 мин"
    assert count_text(UNCERTAIN) == "7 из увиденных"


def test_a_new_client_is_told_by_its_field_and_not_by_its_name(tmp_path: Path) -> None:
    """Its name is a value of the payload, in whatever order a language says it."""
    rows = [row(n, 120 + n / 2, payload_snapshot={"client": "ACME 77"}) for n in range(40)]
    rows += [row(100 + n, n / 2, queued_to_dlq=False, status="ok", last_error=None,
                 payload_snapshot={"client": f"c{n % 3}"}) for n in range(200)]  # fmt: skip
    rows += [row(900 + n, 112 + n / 2, queued_to_dlq=False, status="ok", last_error=None,
                 payload_snapshot={"client": "ACME 77"}) for n in range(10)]  # fmt: skip

    told = [change["what"] for change in facts_of(tmp_path, rows)["changes"]["rows"] if change["kind"] == "client"]

    assert told == ["новое значение поля client"]
