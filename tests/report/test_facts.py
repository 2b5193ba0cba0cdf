"""Counts are exact only where nothing speaks against it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.collect import collect
from dlqkit.frames import SAMPLES, empty_frame
from dlqkit.incident import Incident
from dlqkit.report import class_facts
from dlqkit.report.counts import count_events, find_doubt
from dlqkit.report.coverage import dead_letters_known_to
from dlqkit.report.facts import facts, facts_json
from dlqkit.report.state import describe_onset
from dlqkit.report.wording import headline, summary
from dlqkit.settings import Settings
from tests.frames import START, at, dead, good, records

QUESTION = Incident(START.to_pydatetime(), (START + timedelta(hours=4)).to_pydatetime())
API = [{"kind": "records: dead letters"}]


def row(number: int, minutes: float, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed", "retryable": True,
            "created_at": (START + timedelta(minutes=minutes)).isoformat(), "queued_to_dlq": True, "attempts": 5,
            "last_error": "refused", "payload_snapshot": {"card": "4111-1111"}, **more}  # fmt: skip


def facts_of(folder: Path, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return facts(collect(QUESTION, Settings(), folder / "incident", records_files=(folder / "export.jsonl",)))


def test_an_export_that_begins_before_the_incident_counts_exactly(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]

    found = facts_of(tmp_path, rows)

    assert found["events"]["affected"] == {"value": 40, "bound": "exact"}
    assert found["onset"]["at"] == at(7200).isoformat()
    assert found["class"]["value"] == "infrastructure"


def test_a_class_rests_on_each_text_with_the_number_of_events_that_have_it(tmp_path: Path) -> None:
    """Of forty events of one rule 23 were refused, 15 had no route, and of 2 the text tells nothing."""
    texts = ["connection refused"] * 20 + ["it went wrong"] * 2 + ["no route to host"] * 15 + ["connection refused"] * 3
    rows = [row(n, 120 + n / 2, last_error=text) for n, text in enumerate(texts)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]

    rule = facts_of(tmp_path, rows)["class"]["rules"][0]

    assert (rule["events"], [one["events"] for one in rule["texts"]]) == (40, [23, 15, 2])
    assert rule["texts"][0]["words"] == rule["text_says"]
    assert len({one["words"] for one in rule["texts"]}) == 3
    assert rule["texts"][2]["words"] is None


def test_of_more_signatures_than_a_report_holds_the_first_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report of two signatures leaves out the third most frequent of four, but not the rarest: it came first."""
    monkeypatch.setattr(class_facts, "SIGNATURES", 2)
    first, later = "timed out waiting for a connection", ["connection refused", "no route to host"] * 10
    texts = [first, first, *later, *[first] * 3, *["disk full"] * 8, *["connection refused"] * 10]
    rows = [row(n, 120 + n / 2, last_error=text) for n, text in enumerate(texts)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(120)]

    found = facts_of(tmp_path, rows)

    assert found["signature_count"] == 4
    assert [one["signature"] for one in found["signatures"]] == [
        "connection refused",
        "timed out waiting for a connection",
    ]


def test_what_happened_in_order_begins_with_the_first_error_however_rare_it_is(tmp_path: Path) -> None:
    """Five of 45 wait for a connection, two of them at the onset itself; four later errors are more frequent."""
    first, later = "timed out waiting for a connection", ["connection refused", "no route to host", "disk full"]
    texts = [first, first, *[*later, "server closed"] * 5, *[first] * 3, *[*later, "server closed"] * 5]
    rows = [row(n, 120 + n / 2, last_error=text) for n, text in enumerate(texts)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(120)]

    found = facts_of(tmp_path, rows)
    told = [one["what"] for one in found["timeline"] if one["what"].startswith("First: ")]

    assert [one["signature"] for one in found["signatures"]][-1] == "timed out waiting for a connection"
    assert told[0] == "First: timed out waiting for a connection"
    assert len(told) == 5
    assert found["timeline"][0]["at"] == next(one["at"] for one in found["timeline"] if one["what"] == told[0])


def test_an_export_that_begins_with_the_incident_counts_at_least(tmp_path: Path) -> None:
    """Thirty dead letters and nothing before: the file may have been cut there."""
    rows = [row(n, 120 + n / 2) for n in range(30)] + [row(99, 180, queued_to_dlq=False, status="ok")]

    found = facts_of(tmp_path, rows)

    assert found["events"]["affected"]["bound"] != "exact"


def test_a_counter_that_grew_more_than_the_records_tell_is_a_doubt() -> None:
    """Two hundred counted, a hundred recorded: a hundred are missing somewhere."""
    own = records([dead(3600 + n) for n in range(100)] + [good(0)])
    main = pd.Series({"signal": "dead_letters", "size": 200.0, "onset_at": at(3600)})

    assert "grew by 200" in find_doubt(own, own[own["queued_to_dlq"]], main, API)
    assert find_doubt(own, own[own["queued_to_dlq"]], main.where(main.index != "size", 104.0), API) == ""


def test_a_record_without_a_time_makes_the_count_at_least(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)] + [row(99, 0, created_at="some day")]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]

    assert facts_of(tmp_path, rows)["events"]["affected"] == {"value": 40, "bound": "at_least"}


def test_equal_evidence_gives_equal_facts_without_a_payload(tmp_path: Path) -> None:
    rows = [row(n, 120 + n / 2) for n in range(40)]
    first = facts_of(tmp_path, rows)

    from dlqkit.evidence.folder import open_incident

    again = facts(open_incident(tmp_path / "incident"))
    assert facts_json(first) == facts_json(again)
    assert b"4111" not in facts_json(first)


def api(completeness: str, kind: str = "records: dead letters") -> dict[str, Any]:
    return {"evidence_id": "E", "kind": kind, "completeness": completeness, "quarantined": 0, "received": 1}


def test_open_events_are_exact_only_where_what_became_of_them_is_known() -> None:
    """Two died and one of them healed; without the workflow's other records a third may have healed unseen."""
    own = records([dead(3600, event_key="a"), dead(3700, event_key="b"), good(3800, event_key="a")])
    lost = own[own["queued_to_dlq"]]
    onset = {"is_window_start": False}

    whole = count_events(own, lost, [api("complete"), api("complete", "records: workflow")], onset, "")
    assert whole["open"] == {"value": 1, "bound": "exact"}
    assert whole["healed"] == {"value": 1, "bound": "exact"}

    cut = count_events(own, lost, [api("complete"), api("unverified", "records: workflow")], onset, "")
    assert cut["affected"] == {"value": 2, "bound": "exact"}
    assert cut["open"] == {"value": 1, "bound": "at_most"}
    assert cut["healed"] == {"value": 1, "bound": "at_least"}

    neither = count_events(own, lost, [api("unverified"), api("unverified", "records: workflow")], onset, "")
    assert neither["open"] == {"value": 1, "bound": "of_seen"}


def test_an_event_that_was_edited_and_passed_is_open_no_more() -> None:
    """Its record of success has another payload and so another key; the journal knows that it is the same event."""
    own = records([dead(3600, event_key="a"), dead(3700, event_key="b"), good(3800, event_key="a, edited")])
    lost = own[own["queued_to_dlq"]]
    sources = [api("complete"), api("complete", "records: workflow")]

    counted = count_events(own, lost, sources, {"is_window_start": False}, "", {"a"})

    assert (counted["affected"]["value"], counted["open"]["value"], counted["healed"]["value"]) == (2, 1, 1)


def test_what_began_before_the_evidence_counts_at_least() -> None:
    own = records([dead(n) for n in range(20)])

    counted = count_events(own, own, [api("complete"), api("complete", "records: workflow")],
                           {"is_window_start": True}, "")  # fmt: skip

    assert counted["affected"] == {"value": 20, "bound": "at_least"}


def test_dead_letters_at_a_steady_rate_all_through_are_not_called_nothing(tmp_path: Path) -> None:
    """A third of the events is lost from the first record to the last: no change, and no peace either."""
    rows = [row(n, n / 2) for n in range(480)]
    rows += [row(1000 + n, n / 4, queued_to_dlq=False, status="ok", last_error=None) for n in range(960)]

    found = facts_of(tmp_path, rows)

    assert found["state"]["value"] == "going_on"
    assert found["state"]["kind"] == "dead_letters"
    assert "33%" in found["state"]["reason"]
    assert found["onset"]["is_window_start"]
    assert found["events"]["affected"] == {"value": 480, "bound": "at_least"}


def test_one_dead_letter_of_the_trace_that_was_asked_for_is_the_incident(tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_text(json.dumps(row(7, 90)))
    question = Incident(QUESTION.start, QUESTION.end, trace_id="t7")

    found = facts(collect(question, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",)))

    assert found["state"]["kind"] == "dead_letters"
    assert found["events"]["affected"]["value"] == 1
    assert found["workflow"]["id"] == "wf"


def test_dead_letters_without_a_time_are_not_called_nothing(tmp_path: Path) -> None:
    """Ninety dead letters, and a clock nobody has named the zone of: when is not known, and nothing may be closed."""
    rows = [row(n, n, created_at=f"2026-03-02 14:{n % 60:02d}:00") for n in range(90)]

    found = facts_of(tmp_path, rows)

    assert found["state"]["value"] == "unknown"
    assert "90 dead letters have no time" in found["state"]["reason"]
    assert found["closure"]["items"][1]["state"] == "unknown"


def test_the_end_of_a_file_is_no_silence(tmp_path: Path) -> None:
    """The export was saved an hour before the window ends: what came after is in no file, and the incident goes on."""
    rows = [row(n, 120 + n / 2) for n in range(120)]
    rows += [row(1000 + n, n / 2, queued_to_dlq=False, status="ok", last_error=None) for n in range(360)]
    rows += [row(2000 + n, n / 2, queued_to_dlq=False, status="ok", last_error=None, workflow_id="other")
             for n in range(360)]  # fmt: skip

    found = facts_of(tmp_path, rows)

    assert found["as_of"] == at(60 * 179.5).isoformat()
    assert found["state"]["value"] == "going_on"
    assert found["workflow"]["id"] == "wf"
    assert found["events"]["affected"] == {"value": 120, "bound": "exact"}
    assert found["closure"]["items"][1]["state"] == "no"


def healthy(count: int, spacing: float, **more: Any) -> list[dict[str, Any]]:
    return [row(5000 + n, n * spacing, queued_to_dlq=False, status="ok", last_error=None, **more) for n in range(count)]


def test_another_incident_of_the_same_workflow_is_not_passed_over(tmp_path: Path) -> None:
    """Sixty died in ten minutes an hour before the sixty that the report is about: a hundred and twenty are open."""
    rows = [row(n, 60 + n / 6, last_error="refused") for n in range(60)]
    rows += [row(100 + n, 180 + n / 6, last_error="bad zip", retryable=False) for n in range(60)]

    found = facts_of(tmp_path, rows + healthy(1440, 1 / 6))

    assert found["events"]["open"] == {"value": 60, "bound": "exact"}
    assert [(other["events"], other["open"]) for other in found["other_incidents"]] == [(60, 60)]
    remains = next(line for line in found["communication"] if line["label"] == "Remains")
    assert "60 events, open 60, from" in remains["text"]


def test_a_workflow_that_fails_at_another_time_is_not_said_to_fail_alike(tmp_path: Path) -> None:
    """The database of one was away for twenty minutes; later the other refuses what a client sends."""
    rows = [row(n, 60 + n / 6) for n in range(120)] + healthy(1200, 1 / 6)
    other = {"workflow_id": "other"}
    rows += [row(9000 + n, 100 + n / 6, last_error="bad zip", retryable=False, **other) for n in range(300)]
    rows += [{**one, "id": f"o{one['id']}"} for one in healthy(600, 1 / 6, **other)]

    found = facts_of(tmp_path, rows)

    assert [other["alike"] for other in found["other_workflows"]] == [False]
    assert "Failing alike" not in {line.label for line in summary(found)}
    assert "Failing too" in {line.label for line in summary(found)}


def test_nothing_is_wrong_only_as_far_as_the_file_reaches(tmp_path: Path) -> None:
    """Half of the window is in the export; of the rest nobody knows whether the worker is silent."""
    found = facts_of(tmp_path, healthy(720, 1 / 6))

    assert found["state"]["value"] == "nothing"
    assert found["state"]["until"] == at(719 * 10).isoformat()
    assert headline(found) == "Nothing is wrong up to 2026-03-02 13:59:50 UTC, where the evidence ends"
    assert found["advice"][0]["action"].startswith("Collect to the end of the window")


def test_three_dead_letters_where_none_is_usual_are_not_called_usual(tmp_path: Path) -> None:
    rows = healthy(1440, 1 / 6)
    rows += [row(n, 239 + n / 6) for n in range(3)]

    found = facts_of(tmp_path, rows)

    assert "3 dead letters are too few to be called an incident" in found["state"]["reason"]
    assert found["state"]["open"] == 3
    assert headline(found) == "No incident is seen, and 3 dead events are open"
    assert "3 dead events that are open" in found["advice"][-1]["action"]


def test_records_that_do_not_say_which_are_dead_letters_are_not_called_quiet(tmp_path: Path) -> None:
    """An export without the field: 120 of its events failed, and whether they are lost is not known."""
    rows = [{**row(n, 120 + n / 6, status="failed"), "queued_to_dlq": None} for n in range(120)]
    rows += [{**one, "queued_to_dlq": None} for one in healthy(1440, 1 / 6)]

    found = facts_of(
        tmp_path, [{name: value for name, value in one.items() if name != "queued_to_dlq"} for one in rows]
    )

    assert found["untold"]["queued_to_dlq"] is not None
    assert "120 events failed" in found["untold"]["queued_to_dlq"]
    assert "which field tells a dead letter" in found["advice"][0]["action"]


def test_payloads_are_said_to_be_looked_at_only_where_there_are_some_of_before(tmp_path: Path) -> None:
    late = facts_of(tmp_path / "late", [row(n, 5 + n / 2) for n in range(240)])
    early = facts_of(tmp_path / "early", [row(n, 120 + n / 2) for n in range(40)] + healthy(1440, 1 / 6))

    assert "payloads" not in late["changes"]["looked_at"]
    assert "payloads" in early["changes"]["looked_at"]


def facts_of_trace(folder: Path, trace_id: str) -> dict[str, Any]:
    rows = [row(n, 120 + n / 2) for n in range(40)]
    rows += [row(100 + n, n, queued_to_dlq=False, status="ok", last_error=None) for n in range(200)]
    (folder / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    question = Incident(QUESTION.start, QUESTION.end, trace_id=trace_id)
    return facts(collect(question, Settings(), folder / "incident", records_files=(folder / "export.jsonl",)))


def test_a_trace_that_nobody_knows_is_not_answered_with_another_incident(tmp_path: Path) -> None:
    found = facts_of_trace(tmp_path, "no-such-trace")

    assert found["state"]["value"] == "unknown"
    assert found["events"]["affected"]["value"] is None


def test_a_trace_that_succeeded_is_said_to_be_no_dead_letter(tmp_path: Path) -> None:
    found = facts_of_trace(tmp_path, "t150")

    assert found["state"] == {
        "value": "nothing",
        "kind": None,
        "reason": "Its 1 records say: ok; it is no dead letter.",
    }
    assert found["workflow"]["id"] == "wf"


def test_a_time_outside_the_evidence_is_refused(tmp_path: Path) -> None:
    """As of a day on which nothing was collected, "nothing is wrong" would be a lie."""
    (tmp_path / "export.jsonl").write_text(json.dumps(row(1, 60)))
    folder = collect(QUESTION, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.jsonl",))

    for moment in (QUESTION.start - timedelta(days=30), QUESTION.end + timedelta(hours=1)):
        with pytest.raises(ParameterError, match="no evidence as of"):
            facts(folder, as_of=moment)


def test_records_cut_at_their_newer_end_tell_of_no_end() -> None:
    """An API gave its oldest hundred records, up to 14:10: what came after is not known."""
    cut = {**api("unverified"), "newest_first": False, "got_end": at(7800).isoformat()}
    now = at(10_000).to_pydatetime()

    assert dead_letters_known_to([cut], now) == at(7800).to_pydatetime()
    assert dead_letters_known_to([{**cut, "newest_first": True}], now) == now
    assert dead_letters_known_to([{**cut, "completeness": "complete"}], now) == now


def test_the_evidence_begins_where_it_was_asked_from_not_at_its_first_record(tmp_path: Path) -> None:
    """Nothing happened before the first dead letter: that is known, for the records are whole from noon on."""
    main = pd.Series({"signal": "dead_letters", "onset_at": at(7200), "onset_low_at": at(7200),
                      "onset_high_at": at(7200), "evidence": "", "what": None})  # fmt: skip
    asked = {**api("complete"), "asked_start": START.isoformat()}
    folder = SimpleNamespace(dead_letters_known_from=START.to_pydatetime(), window=QUESTION.window,
                             samples=lambda: SimpleNamespace(frame=empty_frame(SAMPLES)))  # fmt: skip

    onset = describe_onset(main, QUESTION.end, folder, [asked])  # type: ignore[arg-type]

    assert onset["is_window_start"] is False
