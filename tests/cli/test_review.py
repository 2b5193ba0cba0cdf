"""``dlqkit postmortem --ask-review`` and ``--reviewed-by``: the report says in which state it is."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

import dlqkit
from dlqkit.incident import parse_time
from dlqkit.report.judgement_file import TEMPLATE
from tests.cli.running import Run
from tests.frames import START

# Eight minutes after the first dead letter, and an hour after the last.
KNOWN, FIX = START + timedelta(minutes=128), START + timedelta(minutes=200)


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> Path:
    """Forty dead letters in twenty minutes of four hours, and a success a minute."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": True,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": "no route", "payload_snapshot": {}} for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success", "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1} for n in range(240)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = run("collect", "incident", "--start", START.isoformat(), "--end",
                       (START + timedelta(hours=4)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err
    return tmp_path / "incident"


def judge(incident: Path) -> None:
    dlqkit.write_judgement(
        incident,
        cause="A switch was down.",
        contributing_factors="One link.",
        done="It was replaced.",
        solution_remaining="nothing",
        owner="network",
        prevention="A second link.",
        lessons={"lucky": "It was night."},
        follow_ups=[{"what": "A second link", "owner": "network"}],
        timeline=[
            {"at": KNOWN, "who": "Olga", "what": "saw the alert", "milestone": "known"},
            {"at": FIX, "who": "Ivan", "what": "replaced the switch", "milestone": "fix"},
        ],
    )


def state_of(incident: Path) -> str:
    text = (incident / "report" / "postmortem.md").read_text()
    return text.splitlines()[2].strip("*")


def test_a_report_goes_from_draft_to_closed(incident: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word is in the report at once, in the ticket's text, and an edit afterwards takes it back."""
    assert run("postmortem", "incident", "--format", "md")[0] == 0
    assert state_of(incident) == "Draft: judgement is still needed"
    assert (incident / "judgement.yaml").read_text() == TEMPLATE
    code, _, err = run("postmortem", "incident", "--ask-review", "--by", "Ann")
    assert (code, "judgement.yaml lacks cause, contributing_factors" in err) == (2, True)

    judge(incident)
    assert run("postmortem", "incident", "--format", "md", "--ask-review", "--by", "Ann")[0] == 0
    assert state_of(incident).startswith("In review: Ann asked for it, ")
    assert "Post-mortem: In review: Ann asked for it, " in run("update", "incident")[1]

    monkeypatch.setenv("DLQKIT_REPORT__SECOND_REVIEWER", "true")
    code, _, err = run("postmortem", "incident", "--reviewed-by", "Ann")
    assert (code, "Ann asked for the review, and may not review it too" in err) == (2, True)
    assert run("postmortem", "incident", "--format", "md", "--reviewed-by", "Bob")[0] == 0
    assert state_of(incident).startswith("Reviewed by Bob, ")
    assert state_of(incident).endswith(", over snapshot 001")

    for item in ("metrics", "records", "confirmation", "ticket"):
        run("closure", "incident", "--no-refresh", "--accept", item, "--reason", "a test", "--by", "Ann")
    run("closure", "incident", "--no-refresh", "--closed", "OPS-1", "--by", "Ann")
    assert "Post-mortem: Closed: OPS-1, by Ann, " in run("update", "incident", "--for", "ticket")[1]

    dlqkit.write_judgement(incident, cause="A switch and a link were down.")
    assert run("postmortem", "incident", "--format", "md")[0] == 0
    assert state_of(incident).startswith("In review again: the judgement was changed since Bob reviewed it, ")


def test_what_people_wrote_is_in_the_report_and_survives_a_re_run(incident: Path, run: Run) -> None:
    """The dead letters began between 13:59:30 and 14:00 or so; Olga knew at 14:08, Ivan mended it at 15:20."""
    judge(incident)
    written = (incident / "judgement.yaml").read_bytes()

    assert run("postmortem", "incident", "--format", "md", "--format", "ipynb")[0] == 0
    first = (incident / "report" / "postmortem.md").read_bytes()
    # As the report itself says.
    (again,) = re.findall(r"`dlqkit (postmortem [^`]+)`", first.decode())
    assert run(*shlex.split(again), "--format", "md", "--format", "ipynb")[0] == 0

    assert (incident / "judgement.yaml").read_bytes() == written
    assert (incident / "report" / "postmortem.md").read_bytes() == first
    text = first.decode()
    assert "| 2026-03-02 14:08:00 UTC | saw the alert | Olga says so |" in text
    assert "| Fix | 2026-03-02 15:20:00 UTC | Ivan says so |" in text
    assert "- **Where we were lucky**: It was night." in text
    assert "| A second link | network | no day yet | none yet | not done |" in text
    facts = json.loads((incident / "report" / "facts.json").read_text())
    detect, mitigate, recover = facts["milestones"]["times"]
    onset = facts["onset"]
    assert detect["high_s"] == (KNOWN - parse_time(onset["low"])).total_seconds()
    assert mitigate["low_s"] == (FIX - parse_time(onset["high"])).total_seconds()
    assert (recover["low_s"] is None) == (facts["events"]["open"]["bound"] not in {"exact", "at_least"})
    assert facts["closure"]["since"] == {
        "at": FIX.isoformat(), "basis": "the fix, by judgement.yaml", "is_fix": True,
    }  # fmt: skip
    shown = (incident / "report" / "postmortem.ipynb").read_text()
    assert "It was night." in shown and "Judgement needed" not in shown


def test_a_report_is_not_asked_for_and_reviewed_at_once(incident: Path, run: Run) -> None:
    judge(incident)

    code, _, err = run("postmortem", "incident", "--ask-review", "--reviewed-by", "Bob")

    assert code == 2
    assert "asked for and reviewed at once" in err
