"""What is typed wrongly: said in one sentence, and what was meant in the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Run


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> str:
    """One dead letter, whose trace begins with a dash."""
    record = {"id": "r1", "workflow_id": "wf", "trace_id": "-t3", "status": "failed", "queued_to_dlq": True,
              "created_at": "2026-03-02T12:00:00Z", "last_error": "no route"}  # fmt: skip
    (tmp_path / "export.jsonl").write_text(json.dumps(record))
    code, _, err = run("collect", "orders", "--start", "2026-03-02T11:00Z", "--end", "2026-03-02T13:00Z",
                       "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err
    return "orders"


@pytest.mark.parametrize(
    ("typed", "problem", "meant"),
    [
        (("triag", "x"), "dlqkit has no command 'triag'.", "Did you mean triage?"),
        (("status", "x"), "dlqkit has no command 'status'.", "Did you mean dlqkit republish status?"),
        (("republish", "pln"), "dlqkit republish has no command 'pln'.", "Did you mean plan?"),
        (("triage", "x", "--snapshto", "1"), "dlqkit triage has no option --snapshto.", "Did you mean --snapshot?"),
        (("triage", "x", "--config=y"), "dlqkit triage has no option --config.", "dlqkit --config VALUE triage"),
        (("--prfile", "x", "triage"), "dlqkit has no option --prfile.", "Did you mean --profile?"),
        (("demo", "--scenario", "infra"), "There is no scenario 'infra'.", "Did you mean infrastructure?"),
        (("simulator", "--scenario", "tiemout"), "There is no scenario 'tiemout'.", "Did you mean timeout?"),
        (("xyzzy",), "dlqkit has no command 'xyzzy'.", "All of them: dlqkit --help"),
        (("triage",), "Missing argument 'DIR'.", "with an example: dlqkit triage --help"),
        (("triage", "x", "--snapshot"), "Option '--snapshot' requires an argument.", "dlqkit"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(
    run: Run, typed: tuple[str, ...], problem: str, meant: str
) -> None:
    """Two sentences on standard error, and the exit code of a usage error."""
    code, out, err = run(*typed)

    said, step = err.strip().split("\nNext: ")
    assert (code, out, said) == (2, "", problem)
    assert meant in step


def test_a_usage_error_of_a_script_is_json(run: Run) -> None:
    code, out, _ = run("triage", "x", "--snapshto", "1", "--json")

    assert code == 2
    assert json.loads(out)["error"]["problem"] == "dlqkit triage has no option --snapshto."


def test_a_misspelt_incident_folder_is_answered_with_the_one_beside_it(run: Run, incident: str) -> None:
    assert run("triage", "ordres")[2] == (
        "ordres is no incident folder: it has no incident.toml.\nNext: Did you mean orders?\n"
    )


def test_an_id_that_begins_with_a_dash_stands_behind_two(run: Run, incident: str) -> None:
    """The command that the error tells is the one that works."""
    code, _, err = run("event", incident, "-t3", "--no-payload")
    assert code == 2
    command = err.strip().rpartition("write -- before it: ")[2]
    assert command == "dlqkit event orders --no-payload -- -t3"

    code, out, _ = run(*command.split()[1:])

    assert code == 0
    assert "Event -t3: 1 record in snapshot 001" in out
