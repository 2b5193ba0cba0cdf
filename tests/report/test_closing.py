"""The checklist of a folder: what the report knows of the incident is what its quiet is held against."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from dlqkit import language
from dlqkit.report.closing import describe_closure
from dlqkit.report.closing_tables import show_checklist, show_closing, show_closing_counts
from dlqkit.report.closure_check import to_closure
from dlqkit.resources import find_template
from tests.frames import START, at, counter, dead, good, records
from tests.left_in_english import left_in_english, texts_of

# Of two bursts an hour apart the second one ends after 65 minutes; the evidence ends two hours later.
ONSET, END, NOW = at(0), at(3900), at(3900 + 7200)
SCRAPES = int((NOW - START).total_seconds() / 15) + 1
ROWS = [
    {"evidence_id": f"001/{number}", "kind": kind, "completeness": "complete", "received": 9, "newest_first": True,
     "got_end": None, "quarantined": 0, "missing": []}
    for number, kind in enumerate(("records: dead letters", "prometheus: counters"), 1)
]  # fmt: skip


def make_facts(**over: Any) -> dict[str, Any]:
    count = {"value": 200, "bound": "exact"}
    return {
        "workflow": {"id": "wf", "name": None},
        "onset": {"at": ONSET.isoformat()},
        "signals": [],
        "signatures": [{"signature_id": "refused"}],
        "other_incidents": [],
        "other_workflows": [],
        "metrics": {"dead_letters_increase": 200.0, "dead_letters_bound": "exact", "successes_increase": 200.0},
        "republish": {"plans": [], "passed": []},
        "events": {"affected": count, "held": {"value": 0, "evidence": ""}, "open": count},
        "review": {"lacks": []},
        "said": [],
        **over,
    }


def own(*, until: pd.Timestamp = NOW) -> pd.DataFrame:
    """Two bursts of a hundred, one dead letter of another error between them, and a success a minute."""
    rows = [dead(3600 * burst + 3 * n) for burst in range(2) for n in range(101)]
    minutes = int((until - START).total_seconds() / 60)
    rows += [dead(1800)] + [good(60 * n, event_key=f"g{n}") for n in range(minutes + 1)]
    frame = records(rows)
    names = ["refused"] * 202 + ["bad zip"] + [None] * (len(rows) - 203)
    return frame.assign(signature_id=pd.Series(names, dtype="str"))


def samples() -> pd.DataFrame:
    died, passed = [202.0] * SCRAPES, [float(n) for n in range(SCRAPES)]
    parts = [
        counter("worker_dlq_total", died, workflow_id="wf", instance="w1"),
        counter("worker_success_total", passed, series_id=1, workflow_id="wf", instance="w1"),
    ]
    return pd.concat(parts, ignore_index=True)


def closure(
    folder: Path,
    *,
    end: pd.Timestamp | None = END,
    signal: str = "dead_letters",
    moment: pd.Timestamp = NOW,
    onset: pd.Timestamp = ONSET,
    **over: Any,
) -> dict[str, Any]:
    about = SimpleNamespace(
        path=folder, metric_names={}, notes=[], dead_letters_known_from=START.to_pydatetime(),
        incident=SimpleNamespace(trace_id=None),
    )  # fmt: skip
    main = pd.Series({"signal": signal, "onset_at": onset, "end_at": pd.NaT if end is None else end})
    seen = samples()
    seen = seen[seen["sampled_at"] <= moment]
    mine = own(until=moment)
    return describe_closure(about, mine, seen, main, moment.to_pydatetime(), ROWS, make_facts(**over))  # type: ignore[arg-type]


def states(told: dict[str, Any]) -> list[str]:
    return [one["state"] for one in told["items"]]


def test_two_hours_of_quiet_after_bursts_an_hour_apart_hold(tmp_path: Path) -> None:
    told = closure(tmp_path)

    assert states(told) == ["yes", "yes", "person", "person"]
    assert to_closure(told_facts(told)).verdict == "not closable"


def told_facts(told: dict[str, Any]) -> dict[str, Any]:
    return {"closure": told}


def test_fifty_minutes_of_quiet_are_a_pause_of_an_incident_that_pauses_for_fifty_five(tmp_path: Path) -> None:
    """One of another error between the bursts is no sign that the incident went on in the pause: 3600 - 300 s."""
    told = closure(tmp_path, moment=END + pd.Timedelta(minutes=50))

    assert states(told)[:2] == ["unknown", "unknown"]
    assert "there were none for 55 minutes either" in told["items"][1]["why"]


def test_a_pause_between_this_incident_and_an_earlier_one_of_the_same_error_counts(tmp_path: Path) -> None:
    """The report is of the second burst alone; the first one is listed as another incident of the workflow."""
    first = [{"onset_at": ONSET.isoformat(), "end_at": at(300).isoformat(), "events": 101, "open": 101}]
    late = END + pd.Timedelta(minutes=50)

    told = closure(tmp_path, moment=late, onset=at(3600), other_incidents=first)

    assert closure(tmp_path, moment=late, onset=at(3600))["items"][1]["state"] == "yes"
    assert "there were none for 55 minutes either" in told["items"][1]["why"]


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"signal": "failures", "end_at": None, "workflow_id": "wf"}, "no"),
        ({"signal": "duration", "end_at": None, "workflow_id": "wf"}, "no"),
        ({"signal": "failures", "end_at": END.isoformat(), "workflow_id": "wf"}, "yes"),
        ({"signal": "failures", "end_at": None, "workflow_id": "another"}, "yes"),
    ],
)
def test_metrics_are_not_back_to_normal_while_another_signal_goes_on(
    tmp_path: Path, row: dict[str, Any], state: str
) -> None:
    assert closure(tmp_path, signals=[row])["items"][0]["state"] == state


@pytest.mark.parametrize(
    ("signal", "words"), [("dead_letters", "the incident has not ended yet"), ("silence", "the workflow is silent")]
)
def test_what_the_report_calls_going_on_is_not_closed_by_a_quarter_of_an_hour(
    tmp_path: Path, signal: str, words: str
) -> None:
    """Quiet and traffic of the last fifteen minutes would do; the report still says that it goes on."""
    told = closure(tmp_path, end=None, signal=signal, signatures=[])

    assert states(told)[:2] == ["unknown", "unknown"]
    assert all(words in one["why"] for one in told["items"][:2])


def test_what_was_said_before_the_fix_is_asked_for_again(tmp_path: Path) -> None:
    """Confirmed and attached after the last dead letter, and before the fix."""
    said = "at: 2026-03-02T13:10:00+00:00"
    (tmp_path / "judgement.yaml").write_text(
        f"closure:\n  fixed_at: 2026-03-02T13:20:00+00:00\n  confirmed: {{by: Olga, how: mail, {said}}}\n"
        f"  attached: {{by: ann, ticket: OPS-1, {said}}}\n"
    )
    told = closure(tmp_path)

    assert states(told)[2:] == ["person", "person"]
    assert all("before the fix" in one["why"] for one in told["items"][2:])
    (tmp_path / "judgement.yaml").write_text((tmp_path / "judgement.yaml").read_text().replace("13:20", "13:06"))
    assert closure(tmp_path)["verdict"] == "closable"


def test_the_checklist_is_read_in_russian_and_decides_as_in_english(tmp_path: Path) -> None:
    """What stays of the English are words that nobody reads: states and the verdict, by which it decides."""
    own = {"by": "ann", "reason": "known gap", "at": NOW.isoformat()}
    said = {"accepted": [{**own, "item": "metrics", "state": "unknown", "count": 0.0}]}
    (tmp_path / "judgement.yaml").write_text(json.dumps({"closure": said}))
    late = END + pd.Timedelta(minutes=50)
    english = closure(tmp_path, moment=late)
    with language.use("ru"):
        told = closure(tmp_path, moment=late)
        facts = {"closure": told, "as_of": late.isoformat(), "incident": {"name": "orders"}}
        checklist, verdict = show_checklist(facts), show_closing(facts)
        texts = texts_of(checklist, show_closing_counts(facts), verdict)

    assert left_in_english(texts, "ann", "known gap") == []
    assert (told["verdict"], states(told)) == (english["verdict"], states(english))
    assert [row[1] for row in checklist.rows][:2] == ["неизвестно, принято", "неизвестно"]
    assert verdict.lines[0].text == "Закрывать нельзя."


def test_the_checklists_commands_name_the_folder_and_can_be_pasted(tmp_path: Path) -> None:
    """In a report of the folder "an outage" nobody is to put a name in place of DIR."""
    told = closure(tmp_path)
    facts = {"closure": told, "as_of": NOW.isoformat(), "incident": {"name": "an outage"}}

    asked, attached = (row[2] for row in show_checklist(facts).rows[2:4])

    assert "dlqkit closure 'an outage' --confirmed-by NAME" in asked
    assert "dlqkit postmortem 'an outage' --attach TICKET" in attached
    assert "dlqkit closure 'an outage' --attached TICKET" in attached


def test_the_notebook_shows_of_the_closure_what_the_page_shows() -> None:
    """The verdict, the checklist, and the counts by records, counter, journal and proof."""
    notebook = json.loads(find_template("postmortem.ipynb").read_text(encoding="utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")

    for name in ("show_closing", "show_checklist", "show_closing_counts"):
        assert f"closing_tables.{name}(facts)" in code
