"""The commands on an incident folder made from a file: what they print, and their exit codes."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dlqkit.evidence.audit_log import read
from dlqkit.report.judgement import ASKED_FOR
from tests.cli.running import Run
from tests.frames import START
from tests.report.example import make_facts
from tests.tickets import jira_server

HOSTILE = "\x1b[31mred <script>alert(1)</script> | =1+1"


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> str:
    """Forty dead letters in twenty minutes of four hours, and a success a minute."""
    rows = [{"id": f"d{n}", "workflow_id": "wf", "trace_id": f"t{n}", "status": "failed", "retryable": True,
             "created_at": (START + timedelta(minutes=120, seconds=30 * n)).isoformat(), "queued_to_dlq": True,
             "attempts": 5, "last_error": f"no route to 10.0.0.{n} {HOSTILE}",
             "payload_snapshot": {"card": "4111-1111"}}
            for n in range(40)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": "wf", "trace_id": f"s{n}", "status": "success",
              "queued_to_dlq": False,
              "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": 1} for n in range(240)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = run("collect", "incident", "--start", START.isoformat(), "--end",
                       (START + timedelta(hours=4)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err
    return "incident"


def test_triage_fits_one_screen_and_says_what_is_wrong(run: Run, incident: str) -> None:
    """80 columns, 40 lines; no control character of an error reaches the terminal."""
    code, out, _ = run("triage", incident)

    assert code == 0
    assert len(out.splitlines()) <= 40
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "40 events dead-lettered from 2026-03-02 14:00:00 UTC to 14:19:30 UTC" in out
    assert "\x1b" not in out
    assert "Next:  dlqkit" in out


def test_triage_of_long_words_is_cut_with_an_ellipsis_and_still_one_screen() -> None:
    """Signatures end in an ellipsis, assumptions in one or two whole lines; the next command always stands last."""
    from dlqkit.cli.triage import triage_text

    facts = make_facts(assumptions=["MAX_ATTEMPTS is taken as 5: so the " + "word " * 40] * 4)
    facts["signatures"] = [{**facts["signatures"][0], "signature": "no route to host " * 20}] * 4
    facts["other_workflows"] = [{"name": "w" * 300, "workflow_id": "w", "alike": True}] * 3
    facts["state"]["reason"] = "reason " * 100

    for long in (False, True):
        facts["workflow"]["name"] = "orders-sync " * (40 if long else 1)
        facts["changes"]["rows"][0]["what"] = "restarted " * (60 if long else 1)
        lines = triage_text(facts, Path("incident")).splitlines()
        assert len(lines) <= 40
        assert max(map(len, lines)) <= 80
        assert [line[-1] for line in lines if line.startswith("  100%")] == ["…"] * 4
        assert lines[-1].startswith("Next:  dlqkit")
    start = lines.index("Taken to be so, not given")
    assert lines[start + 1].startswith("  MAX_ATTEMPTS is taken as 5: so the word")
    assert lines[start + 2].endswith("…")


def test_what_is_not_to_be_republished_is_never_cut_off_the_screen() -> None:
    """Three causes, and every other line as long as it may be: those are cut, the steps are whole, on 40 lines."""
    from dlqkit.cli.triage import triage_text

    steps = "1) 92 events, business: never republish it as it is. " + "2) 46 events, infrastructure, going on. " * 15
    facts = make_facts(advice=[{"action": steps + "END.", "reason": "", "command": "", "wrong": "", "unknown": ""}])
    facts["signatures"] = [{**facts["signatures"][0], "signature": "no route to host " * 20}] * 4
    facts["changes"]["rows"][0]["what"] = "restarted " * 60
    facts["workflow"]["name"] = "orders-sync " * 40
    facts["untold"]["queued_to_dlq"] = "not told " * 60
    facts["durations"] = {"verdict": "both", "sentence": "so slow " * 60, "groups": [], "basis": ""}
    facts["other_workflows"] = [
        {"name": name * 300, "workflow_id": name, "alike": name == "w", "events": 3.0} for name in "wxyz"
    ]

    lines = triage_text(facts, Path("incident")).splitlines()

    assert len(lines) <= 40
    assert any(line.endswith(" END.") for line in lines)
    assert sum(line.endswith("…") for line in lines) >= 7


def test_the_next_command_can_be_pasted_where_it_is_printed(run: Run, incident: str, tmp_path: Path) -> None:
    """The folder is named as the analyst named it, not by its last part."""
    (tmp_path / "incidents").mkdir()
    (tmp_path / incident).rename(tmp_path / "incidents" / "orders")

    _, out, _ = run("triage", "incidents/orders")

    command = out.strip().splitlines()[-1].removeprefix("Next:  ")
    assert "incidents/orders" in command


def test_local_time_stands_beside_utc(run: Run, incident: str) -> None:
    """14:00 UTC is 15:00 in Berlin in winter; the screen keeps its size."""
    _, out, _ = run("--tz", "Europe/Berlin", "triage", incident)

    assert "2026-03-02 14:00:00 UTC (15:00:00 CET)" in " ".join(out.split())
    assert all(len(line) <= 80 for line in out.splitlines())
    assert run("--tz", "Mars/Base", "triage", incident)[0] == 2


def test_triage_as_json_are_the_facts(run: Run, incident: str) -> None:
    code, out, _ = run("triage", incident, "--json")

    facts = json.loads(out)
    assert code == 0
    assert facts["events"]["affected"] == {"value": 40, "bound": "exact"}
    assert "4111-1111" not in out


def test_the_history_of_an_event_and_one_that_nobody_knows(run: Run, incident: str) -> None:
    code, out, _ = run("event", incident, "t7")
    assert code == 0
    assert "no route to 10.0.0.7" in out
    assert "\x1b" not in out

    code, _, err = run("event", incident, "nobody")
    assert code == 2
    assert "Next: " in err


def test_the_history_of_an_event_has_every_error_whole_and_the_payload_readable(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of an error is cut, on lines of 80 signs; numbers of the payload stand as they came."""
    error = "note cannot be stored: " + " ".join(f"word{n}" for n in range(60)) + f"\n  at line 7 {HOSTILE}"
    payload = '{"order":{"price":1.10,"big":12345678901234567890},"note":"' + "n" * 200 + '"}'
    rows = [{"id": f"r{n}", "workflow_id": "wf", "trace_id": "t", "status": "failed", "queued_to_dlq": n == 1,
             "created_at": (START + timedelta(minutes=n)).isoformat(), "attempts": n, "last_error": error,
             "action_duration_ms": 1234.5, "payload_snapshot": json.loads(payload)} for n in range(2)]  # fmt: skip
    text = "\n".join(map(json.dumps, rows)).replace("1.1,", "1.10,")
    (tmp_path / "export.jsonl").write_text(text)
    run("collect", "one", "--start", START.isoformat(), "--end", (START + timedelta(hours=1)).isoformat(),
        "--records", "export.jsonl")  # fmt: skip

    code, out, _ = run("event", "one", "t")

    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert " ".join(out.split()).count(" ".join(error.split("\n")[0].split())) == 2
    assert "2026-03-02 12:01:00 UTC  record  failed (dead letter)  1 attempt  1,234 ms" in out
    assert '      "price": 1.10,' in out.replace("        ", "      ")
    assert "12345678901234567890" in out
    assert "\x1b" not in out


def test_the_records_behind_a_number_are_listed_as_the_report_has_them(run: Run, incident: str) -> None:
    """Forty dead letters; an error's control characters do not reach the terminal."""
    assert run("postmortem", incident, "--format", "md")[0] == 0

    code, out, err = run("event", incident, "--fact", "events.affected")
    _, told, _ = run("event", incident, "--fact", "events.affected", "--json")
    part = json.loads(told)["parts"][0]
    facts = json.loads(Path(incident, "report", "facts.json").read_text(encoding="utf-8"))

    assert (code, err) == (0, "")
    assert out.count("  dead  5 attempts") == 40
    assert "\x1b" not in out and "Make it again" not in out
    assert json.loads(told)["as_reported"] is True
    assert part["hash"] == facts["provenance"]["events.affected"]["parts"][0]["hash"]
    assert [row["record_id"] for row in part["rows"]] == [f"d{n}" for n in range(40)]
    assert part["rows"][0]["payload_snapshot"] == '{"card": "4111-1111"}'
    assert "4111" not in run("event", incident, "--fact", "events.affected", "--json", "--no-payload")[1]


def test_a_report_whose_classes_were_judged_anew_since_is_said_to_be_of_other_rows(run: Run, incident: str) -> None:
    assert run("postmortem", incident, "--format", "md")[0] == 0
    facts = json.loads(Path(incident, "report", "facts.json").read_text(encoding="utf-8"))
    (signature,) = facts["signatures"]
    Path(incident, "judgement.yaml").write_text(
        f"class_overrides: [{{signature_id: {signature['signature_id']}, class: business, by: anna, reason: known}}]\n"
    )

    code, out, _ = run("event", incident, "--fact", "class.counts.infrastructure")

    assert code == 0
    assert "The report is of other rows" in out and "no record meets the condition" in out


def test_a_number_that_nobody_knows_and_a_question_for_both_are_refused(run: Run, incident: str) -> None:
    code, _, err = run("event", incident, "--fact", "events.lost")

    assert code == 2
    assert "no fact 'events.lost'" in err and "events.affected" in err
    for arguments in ((), ("t1", "--fact", "events.affected")):
        code, _, err = run("event", incident, *arguments)
        assert code == 2 and "dlqkit event incident --fact events.affected" in err


def test_verify_says_whole_or_names_what_changed(run: Run, incident: str, tmp_path: Path) -> None:
    assert run("verify", incident)[0] == 0

    (tmp_path / "incident" / "evidence" / "001" / "records.parquet").write_bytes(b"")
    code, out, _ = run("verify", incident)

    assert code == 4
    assert "records.parquet" in out


def test_lab_prepares_the_notebooks(run: Run, incident: str, tmp_path: Path) -> None:
    code, out, _ = run("lab", incident, "--prepare")

    assert code == 0
    assert len(out.split()) == 7
    parameters = json.loads((tmp_path / "incident" / "notebooks" / "01_signals.ipynb").read_text())
    assert 'incident_dir: str = ".."' in "".join("".join(cell["source"]) for cell in parameters["cells"])


def test_a_folder_that_is_none_and_a_snapshot_that_is_not_there(run: Run, incident: str) -> None:
    for arguments in (
        ("triage", "nowhere"),
        ("verify", "nowhere"),
        ("triage", incident, "--snapshot", "009"),
        ("postmortem", "nowhere"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.strip().splitlines()[-1].startswith("Next: ")


def test_an_error_for_machines_is_json_on_standard_output(run: Run) -> None:
    code, out, _ = run("triage", "nowhere", "--json")

    assert code == 2
    assert set(json.loads(out)["error"]) == {"problem", "next_step"}


def test_usage_and_unknown_commands(run: Run) -> None:
    assert run("republish")[0] == 2
    assert run("triage")[0] == 2
    assert "0.1.0" in run("--version")[1]


def test_without_any_source_nothing_is_asked(run: Run) -> None:
    code, _, err = run("investigate", "--since", "1h")

    assert code == 2
    assert "No source is configured" in err


def test_a_setting_that_cannot_be_used_leaves_no_folder_behind(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is not set, an address that is none: said at once, with nothing to clean up."""
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", "http://127.0.0.1:9/execution-logs")
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__API_KEY", '{ env = "NOT_SET_ANYWHERE" }')

    code, _, err = run("investigate", "--since", "1h", "--dir", "incident")

    assert code == 2
    assert "NOT_SET_ANYWHERE" in err
    assert not (tmp_path / "incident").exists()


def test_a_window_in_the_future_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", "http://127.0.0.1:9/execution-logs")

    code, _, err = run("collect", "incident", "--start", "2127-01-01T00:00Z", "--end", "2127-01-02T00:00Z")

    assert code == 2
    assert "in the future" in err


def test_lab_sets_the_snapshot_that_was_asked_for_in_notebooks_that_are_there(
    run: Run, incident: str, tmp_path: Path
) -> None:
    """Nobody reads the newest snapshot who asked for another; what the analyst wrote stays."""
    path = tmp_path / "incident" / "notebooks" / "01_signals.ipynb"
    run("lab", incident, "--prepare")
    changed = json.loads(path.read_text())
    changed["cells"][0]["source"] = ["# mine"]
    path.write_text(json.dumps(changed))

    _, out, _ = run("lab", incident, "--prepare", "--snapshot", "001", "--json")

    assert len(json.loads(out)["notebooks"]) == 7
    cells = json.loads(path.read_text())["cells"]
    assert cells[0]["source"] == ["# mine"]
    assert 'snapshot: str = "001"' in "".join("".join(cell["source"]) for cell in cells)


def test_the_report_is_packed_attached_once_and_noted(
    run: Run, incident: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing checklist knows then that the post-mortem is in the ticket."""
    (tmp_path / "tickets").mkdir()
    monkeypatch.setenv("DLQKIT_TICKETS__KIND", "directory")
    monkeypatch.setenv("DLQKIT_TICKETS__PATH", str(tmp_path / "tickets"))

    code, out, err = run("postmortem", incident, "--format", "html", "--zip", "--attach", "OPS-1")
    again = run("postmortem", incident, "--format", "html", "--zip", "--attach", "OPS-1", "--json")

    assert code == 0, err
    assert "Attached to OPS-1: postmortem-" in out
    told = json.loads(again[1])
    assert (told["attached"]["added"], told["attached"]["has_commented"]) == ([], False)
    assert len(list((tmp_path / "tickets" / "OPS-1").iterdir())) == 2
    (noted, _) = [line for line in read(Path(incident)) if line["action"] == "postmortem attached"]
    assert (noted["ticket"], noted["complete"], noted["lacked"]) == (
        "OPS-1", True, list(ASKED_FOR),
    )  # fmt: skip
    packed = zipfile.ZipFile(Path(incident) / "report" / "postmortem.zip")
    key = (Path(incident) / "redaction.key").read_bytes()
    for name in packed.namelist():
        content = packed.read(name)
        assert not [one for one in (key, key.hex().encode(), str(tmp_path).encode()) if one in content], name
    _, out, _ = run("closure", incident, "--no-refresh")
    assert "It is attached to OPS-1" in out


def test_the_secret_of_the_ticket_system_is_in_no_file_of_the_folder(
    run: Run, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is resolved when the ticket is asked, and goes to that address alone; the place of the ticket is noted."""
    token = "t0ken-of-the-tests"
    with jira_server.serving() as server:
        monkeypatch.setenv("JIRA_TOKEN", token)
        for name, value in (("KIND", "jira"), ("URL", server.url), ("TOKEN", '{ env = "JIRA_TOKEN" }')):
            monkeypatch.setenv(f"DLQKIT_TICKETS__{name}", value)
        code, out, err = run("postmortem", incident, "--format", "html", "--attach", "OPS-1")
        ticket = server.tickets["OPS-1"]

    assert code == 0, err
    assert f"See {server.url}/browse/OPS-1" in out
    assert [one["mimeType"] for one in ticket["attachments"]] == ["text/html"]
    (comment,) = ticket["comments"]
    assert comment["body"].startswith("* *Problem*: wf: 40 events dead\\-lettered")
    assert token not in out + err
    files = [path for path in Path(incident).rglob("*") if path.is_file()]
    assert files and not [path for path in files if token.encode() in path.read_bytes()]


def test_payloads_in_a_report_are_warned_of_where_it_is_made(run: Run, incident: str) -> None:
    """Three of the forty are shown; without the option nobody hears of them."""
    _, _, before = run("postmortem", incident, "--format", "md")
    code, _, err = run("postmortem", incident, "--format", "md", "--include-payload")
    _, told, _ = run("postmortem", incident, "--format", "md", "--include-payload", "--json")

    assert code == 0
    assert "may hold personal data" in err and "may hold personal data" not in before
    assert json.loads(told)["payloads"] == 3
    assert "4111-1111" in Path(incident, "report", "postmortem.md").read_text(encoding="utf-8")


def test_a_ticket_that_cannot_be_is_refused_before_the_report_is_made(
    run: Run, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the notebook to be told that a setting is missing."""
    assert run("postmortem", incident, "--attach", "OPS-1")[0] == 2
    monkeypatch.setenv("DLQKIT_TICKETS__KIND", "directory")
    monkeypatch.setenv("DLQKIT_TICKETS__PATH", "/")
    code, _, err = run("postmortem", incident, "--attach", "../etc")

    assert (code, "no ticket's key" in err) == (2, True)
    assert not (Path(incident) / "report").exists()
    assert not [line for line in read(Path(incident)) if line["action"] == "postmortem attached"]


def test_a_status_text_is_printed_and_remembered_when_it_was_sent(run: Run, incident: str) -> None:
    """Nothing of an error's control characters reaches the terminal; a client reads no error at all."""
    code, out, _ = run("update", incident, "--for", "client", "--sent", "--by", "ann")
    assert code == 0
    assert "Events affected, of all clients: 40. Still to be processed: 40." in out
    assert "no route" not in out
    assert len(list((Path(incident) / "updates").iterdir())) == 1
    assert [line["sent_by"] for line in read(Path(incident)) if line["action"] == "update sent"] == ["ann"]
    assert run("verify", incident)[0] == 0

    _, out, _ = run("update", incident, "--for", "client", "--json")
    assert "Changed since the last update" in [line["label"] for line in json.loads(out)["lines"]]
    assert "\x1b" not in run("update", incident)[1]
    assert run("update", incident, "--for", "press")[0] == 2


def test_earlier_incidents_are_shown_on_the_terminal_and_in_the_report(
    run: Run, incident: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the folder that is named, or that the settings name; the report holds none unless one of them does."""
    rows = [json.loads(line) for line in (tmp_path / "export.jsonl").read_text().splitlines()]
    for one in rows:
        one["created_at"] = (datetime.fromisoformat(one["created_at"]) - timedelta(days=7)).isoformat()
    (tmp_path / "before.jsonl").write_text("\n".join(map(json.dumps, rows)))
    week = START - timedelta(days=7)
    run("collect", "archive/before", "--start", week.isoformat(), "--end", (week + timedelta(hours=4)).isoformat(),
        "--records", "before.jsonl")  # fmt: skip
    (tmp_path / "archive" / "before" / "judgement.yaml").write_text("cause: a switch was down\n")

    code, out, _ = run("history", incident, "--below", "archive")
    assert code == 0
    assert out.startswith(
        "2026-02-23 14:00 UTC, before\n  Workflow    wf\n  Events      40; 100% died of the same error"
    )
    assert "Cause then  a switch was down" in out and "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert run("history", incident, "--below", "nowhere")[0] == 2

    monkeypatch.setenv("DLQKIT_REPORT__EARLIER", str(tmp_path / "archive"))
    told = json.loads(run("history", incident, "--json")[1])
    assert [one["folder"] for one in told["incidents"]] == ["before"]
    assert run("postmortem", incident, "--format", "html")[0] == 0
    page = (Path(incident) / "report" / "postmortem.html").read_text()
    assert "Earlier incidents" in page and "a switch was down" in page and str(tmp_path) not in page


@pytest.mark.parametrize(
    "command",
    [("triage",), ("update",), ("history",), ("closure", "--no-refresh"), ("postmortem", "--format", "md")],
    ids=lambda command: command[0],
)
def test_a_language_that_is_not_there_is_refused_with_those_that_are(
    run: Run, incident: str, command: tuple[str, ...]
) -> None:
    name, *options = command
    code, out, err = run(name, incident, *options, "--lang", "xx")

    assert (code, out) == (2, "")
    assert err == "There is no language 'xx'.\nNext: Choose of en, ru.\n"


def test_the_settings_say_the_language_and_the_command_line_says_it_for_once(
    run: Run, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts name the language that their sentences are in."""
    monkeypatch.setenv("DLQKIT_REPORT__LANGUAGE", "ru")

    assert json.loads(run("triage", incident, "--json")[1])["language"] == "ru"
    assert json.loads(run("triage", incident, "--json", "--lang", "en")[1])["language"] == "en"
    monkeypatch.delenv("DLQKIT_REPORT__LANGUAGE")
    assert json.loads(run("triage", incident, "--json")[1])["language"] == "en"


@pytest.mark.parametrize("arguments", [("triage", "in\udcffcident"), ("collect", "x", "--workflow", "\udcff")])
def test_bytes_that_are_no_text_are_refused_in_words(run: Run, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """What a terminal of another encoding typed; nothing is written."""
    code, _, err = run(*arguments)

    assert code == 2
    assert "no text in UTF-8" in err
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_no_text_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLQKIT_REPORT__LANGUAGE", "\udcff")

    code, _, err = run("signals")

    assert (code, err.splitlines()[0]) == (
        2,
        "The variable DLQKIT_REPORT__LANGUAGE has bytes that are no text in UTF-8.",
    )
