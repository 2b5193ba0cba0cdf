"""Triage on DuckDB says what triage in memory says, key by key; what it does not look at it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EngineError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.incident import Incident
from dlqkit.report.facts import facts
from dlqkit.report.scale import own, points, tables, triage
from dlqkit.report.scale.triage import NOT_ANSWERED, triage_facts
from dlqkit.settings import Settings
from tests.frames import START

Rows = list[dict[str, Any]]
HOURS = (START.to_pydatetime(), (START + timedelta(hours=6)).to_pydatetime())
TEXTS = (
    "connection to 10.0.0.{n}:5432 refused after {n} ms",
    "customer Anna Petrova has no address, order {n}",
    "HTTP 503 from payments, token=s3cr3t{n}",
    "could not lock row {n}",
)


def row(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    """A dead letter whose payload names a client that some errors repeat."""
    text = TEXTS[number % len(TEXTS)].format(n=number)
    return {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed", "retryable": True,
            "created_at": (START + timedelta(minutes=minutes)).isoformat(), "queued_to_dlq": True, "attempts": 5,
            "last_error": text, "action_duration_ms": 100.0 + number,
            "payload_snapshot": {"client": "Anna Petrova", "order": number, "currency": "EUR"}, **more}  # fmt: skip


def good(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    """A success of another event."""
    fine = {"queued_to_dlq": False, "status": "ok", "last_error": None, "attempts": 1, "retryable": None}
    return row(10_000 + number, minutes, **{**fine, **more})


def usual() -> Rows:
    """A workflow that succeeds for two hours, and loses forty events in twenty minutes."""
    return [good(n, n / 2) for n in range(600)] + [row(n, 180 + n / 2, retryable=n % 5 != 0) for n in range(40)]


def healing() -> Rows:
    """Ten of the forty succeed afterwards, two are tried again, and one dies twice."""
    again = [row(n, 230 + n, id=f"h{n}", queued_to_dlq=False, status="ok", last_error=None) for n in range(10)]
    tried = [row(n, 240, id=f"h{n}", queued_to_dlq=False, status="retrying", attempts=6) for n in (11, 12)]
    return usual() + again + tried + [row(13, 245, id="h13", attempts=6)]


def twice() -> Rows:
    """Two incidents an hour and a half apart, the later one the larger; two of its 42 events are of both."""
    return usual() + [row(n, 290 + (n - 38) / 3, id=f"s{n}") for n in range(38, 80)]


def summed() -> Rows:
    """Durations that add up the attempts of an event; of half of them the attempt before the last is known."""
    dead = [row(n, 180 + n / 2, action_duration_ms=5 * 30_000.0 - (n % 3) * 9_000) for n in range(40)]
    before = [
        row(n, 179, id=f"b{n}", attempts=4, queued_to_dlq=False, status="retrying", action_duration_ms=4 * 29_900.0)
        for n in range(0, 40, 2)
    ]
    return [good(n, n / 2) for n in range(300)] + before + dead


def untimed() -> Rows:
    """Dead letters that no onset can be told of, as their times cannot be read."""
    return [good(n, n / 2) for n in range(100)] + [row(n, 0, created_at="some day") for n in range(20)]


def untold() -> Rows:
    """Records that do not say which of them are dead letters."""
    return [good(n, n / 2, queued_to_dlq=None) for n in range(50)] + [
        row(n, 100 + n, queued_to_dlq=None) for n in range(9)
    ]


def few() -> Rows:
    """Three dead letters, one of them healed: no incident."""
    healed = row(1, 300, id="h1", queued_to_dlq=False, status="ok", last_error=None)
    return [good(n, n / 2) for n in range(600)] + [row(n, 100 + 40 * n) for n in range(3)] + [healed]


def together() -> Rows:
    """Three workflows that fail alike at the same time, one of which loses events all the time."""
    rows = usual() + [good(5_000 + n, n, workflow_id="steady") for n in range(100)]
    rows += [row(500 + n, 6 * n, workflow_id="steady", last_error="usual") for n in range(50)]
    return rows + [row(200 + n, 181 + n / 3, workflow_id="other", last_error=TEXTS[0].format(n=n)) for n in range(60)]


def new_field() -> Rows:
    """A field and a client that are new twenty minutes before the events begin to die."""
    fresh = {"client": "Newcomer & Sons", "order": 1, "currency": "EUR", "discount": 5}
    return usual() + [good(7_000 + n, 165 + n / 10, payload_snapshot=fresh) for n in range(150)]


def collected(folder: Path, rows: Rows, question: Incident | None = None, **more: Any) -> IncidentFolder:
    folder.mkdir(exist_ok=True)
    (folder / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = question or Incident(*HOURS)
    return collect(asked, Settings(), folder / "incident", records_files=(folder / "export.jsonl",), **more)


def told_on(engine: str, folder: Path) -> dict[str, Any]:
    return triage_facts(open_incident(folder / "incident", engine=engine))


def assert_alike(folder: Path) -> dict[str, Any]:
    """The values on DuckDB, each of which pandas has, too; and no key is absent without being named."""
    there, here = told_on("duckdb", folder), told_on("pandas", folder)

    assert there.pop("engine") == "duckdb"
    assert set(here) - set(there) - {"not_answered"} == set(NOT_ANSWERED) == set(there.pop("not_answered"))
    for name, value in there.items():
        # What to do next may rest on what was not looked at, and says so.
        assert value == here[name], name
    return there


@pytest.mark.parametrize(
    ("rows", "affected", "still_open"),
    [(usual, 40, 40), (healing, 40, 28), (twice, 42, 42), (summed, 40, 40), (together, 60, 60), (new_field, 40, 40)],
)
def test_triage_on_duckdb_says_what_it_says_in_memory(
    rows: Callable[[], Rows], affected: int, still_open: int, tmp_path: Path
) -> None:
    """An incident that outgrows memory is told like any other."""
    collected(tmp_path, rows())

    found = assert_alike(tmp_path)

    assert found["events"]["affected"]["value"] == affected
    assert found["events"]["open"]["value"] == still_open


def test_events_of_another_incident_are_counted_without_those_of_this_one(tmp_path: Path) -> None:
    """Of the forty of the first incident two died again in the second, which the report is about."""
    collected(tmp_path, twice())

    assert [one["events"] for one in assert_alike(tmp_path)["other_incidents"]] == [38]


def test_durations_that_add_up_attempts_are_held_against_as_many_timeouts(tmp_path: Path) -> None:
    """The worker's timeout of 30 s is known; events took five of it, and what is known of the attempt before counts."""
    folder = collected(tmp_path, summed())
    question = folder.path / "incident.toml"
    question.write_text(question.read_text() + "\n[worker]\naction_timeout_ms = 30000\nmax_attempts = 5\n")

    rules = assert_alike(tmp_path)["class"]["rules"]

    assert {rule["timeout_ms"] for rule in rules} == {"150000.0"}
    assert sum(rule["events"] for rule in rules) == 40
    assert {rule["failure_class"] for rule in rules} == {"timeout", "infrastructure"}


@pytest.mark.parametrize(("rows", "value"), [(few, "nothing"), (untimed, "unknown"), (untold, "unknown")])
def test_where_nothing_is_seen_the_reason_is_the_same(rows: Callable[[], Rows], value: str, tmp_path: Path) -> None:
    """That records lack their times, or what is a dead letter, is said on DuckDB as well."""
    collected(tmp_path, rows())

    assert assert_alike(tmp_path)["state"]["value"] == value


def test_a_trace_is_told_alike(tmp_path: Path) -> None:
    """The question is one event; the others are there for comparison."""
    collected(tmp_path, healing(), Incident(*HOURS, trace_id="t11"))

    assert assert_alike(tmp_path)["workflow"]["id"] == "wf"


def test_what_an_event_was_in_an_earlier_snapshot_is_told_alike(tmp_path: Path) -> None:
    """A record that was dead and is now a success counts as one event, which has healed."""
    collected(tmp_path, usual())
    rows = [row(n, 181 + n / 2, queued_to_dlq=False, status="ok", last_error=None) if n < 15 else row(n, 180 + n / 2)
            for n in range(40)]  # fmt: skip

    collected(tmp_path, rows)

    found = assert_alike(tmp_path)
    assert (found["events"]["affected"]["value"], found["events"]["healed"]["value"]) == (40, 15)


def test_what_clients_report_is_told_alike(tmp_path: Path) -> None:
    """By trace, also one that a table made a number of, and by a key that only payloads hold."""
    reported = tmp_path / "reported.csv"
    reported.write_text(
        "reported_at,trace_id,business_key,note\n"
        "2026-03-02T15:30:00Z, t3 ,,no answer\n2026-03-02T15:31:00Z,,10007.0,lost\n2026-03-02T15:32:00Z,nobody,,\n"
    )
    collected(tmp_path, usual(), reported=reported)

    found = assert_alike(tmp_path)

    assert found["reports"]["count"] == 3
    assert found["reports"]["fates"]["dead"] == 1
    assert found["reports"]["fates"]["succeeded"] == 1


@pytest.mark.parametrize("target", ["signature_id", "event_key"])
def test_an_analysts_word_on_a_class_counts_alike(target: str, tmp_path: Path) -> None:
    """One for a signature, and one for a single event among others that are like it."""
    folder = collected(tmp_path, usual())
    first = facts(folder)["signatures"][0]["signature_id"]
    named = (
        first
        if target == "signature_id"
        else str(folder.records().frame.query("trace_id == 't4'")["event_key"].iloc[0])
    )
    (folder.path / "judgement.yaml").write_text(
        f"class_overrides:\n- {target}: '{named}'\n  class: timeout\n  by: Ann\n  reason: the gateway cuts it\n"
    )

    assert assert_alike(tmp_path)["class"]["overridden"] == (10 if target == "signature_id" else 1)


def test_where_records_are_counted_by_time_and_texts_by_form_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events, classes and signatures stay what they are, and the onset is the first record's own time."""
    collected(tmp_path, healing())
    exact = told_on("duckdb", tmp_path)
    monkeypatch.setattr(points, "MOST_POINTS", 500)
    monkeypatch.setattr(tables, "MOST_TEXTS", 3)

    rough = told_on("duckdb", tmp_path)

    for name in ("events", "signatures", "onset", "state", "other_workflows", "last_dead_letter"):
        assert rough[name] == exact[name], name
    assert rough["class"]["counts"] == exact["class"]["counts"]
    assert [text for text in rough["assumptions"] if text not in exact["assumptions"]] == [
        "Records are counted by 60 s, so moments of signals are known to that.",
        "Of error texts that differ by ids and numbers alone, one is read for all.",
    ]


def region() -> Rows:
    """Half of all events are of one region, whose events alone die for twenty minutes."""
    rows = [good(n, n / 4, payload_snapshot={"region": ("eu", "us")[n % 2]}) for n in range(1_000)]
    return rows + [row(n, 180 + n / 20, payload_snapshot={"region": "eu"}) for n in range(400)]


def test_of_too_many_records_durations_and_what_differs_are_read_from_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of the events tells the same condition; counts are of all of them."""
    collected(tmp_path, region())
    exact = assert_alike(tmp_path)
    monkeypatch.setattr(own, "COMPARED_RECORDS", 500)

    part = told_on("duckdb", tmp_path)

    assert part["events"] == exact["events"]
    for found in (exact, part):
        assert [row["fields"] for row in found["differences"][0]["rows"]] == [["payload.region"]]
    assert part["durations"]["groups"] != exact["durations"]["groups"]
    assert [text for text in part["assumptions"] if text not in exact["assumptions"]] == [
        "Durations and what differs are read from one event in 3: there are too many."
    ]


def test_no_record_is_loaded_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that triage asks on DuckDB collects the records."""
    collected(tmp_path, healing())

    def refuse(self: IncidentFolder) -> Any:
        raise AssertionError("the records were loaded")

    monkeypatch.setattr(IncidentFolder, "records", refuse)

    assert told_on("duckdb", tmp_path)["events"]["affected"]["value"] == 40


def test_an_incident_with_a_plan_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What became of each event that was sent again is not told in part."""
    collected(tmp_path, usual())
    monkeypatch.setattr(triage, "find_plans", lambda path: ["plan-001"])

    with pytest.raises(EngineError, match="--engine pandas"):
        told_on("duckdb", tmp_path)


def test_the_screen_names_what_duckdb_did_not_look_at(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:  # fmt: skip
    """Both screens tell the same, apart from durations and what differs; another engine is refused."""
    folder = str(collected(tmp_path, usual()).path)
    lines: dict[str, Sequence[str]] = {
        engine: run("triage", folder, "--engine", engine)[1].splitlines() for engine in ("pandas", "duckdb")
    }

    code, _, said = run("triage", folder, "--engine", "spark")

    more = [line for line in lines["duckdb"] if line not in lines["pandas"]]
    assert more == ["Counted in DuckDB: §7 is not looked at."]
    assert any(line.startswith("Events affected  40") for line in lines["duckdb"])
    assert code == 2
    assert "pandas, duckdb" in said


def test_json_of_triage_is_the_facts_by_their_names(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """A machine that reads it finds each key as in memory, or listed as not answered."""
    folder = str(collected(tmp_path, usual()).path)

    there, here = (
        json.loads(run("triage", folder, "--json", "--engine", engine)[1]) for engine in ("duckdb", "pandas")
    )

    def shared(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name in here}

    assert shared(there) == {name: value for name, value in here.items() if name not in there["not_answered"]}
