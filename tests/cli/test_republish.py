"""The planning commands on an incident folder made from a file: what they print, write and refuse."""

from __future__ import annotations

import json
import shlex
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.evidence.folder import open_incident
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import hash_text, read_plan
from dlqkit.republish.registry import find_registry
from tests.cli.running import Run, runner
from tests.frames import START
from tests.republish.cases import TOPIC
from tests.republish.plans import Answers, send_all

# Object texts as a service may write them; the last one comes as a JSON string.
PAYLOADS = (
    '{"n": 12345678901234567890123, "p":1.10, "city":"eu"}',
    '{ "d":1,"d":2,"s":"\\u00e9\\u001b[31m" ,"e":1E+5, "city":"eu"}',
    '{"text": "as  text", "p": 2.50, "city":"us"}',
)


def _line(number: int, payload: str, **more: Any) -> str:
    row = {"id": f"d{number}", "workflow_id": "wf", "trace_id": f"t{number}", "status": "failed", "retryable": True,
           "created_at": (START + timedelta(seconds=60 * number)).isoformat(), "queued_to_dlq": True, "attempts": 5,
           "last_error": "connection refused", **more}  # fmt: skip
    return json.dumps(row)[:-1] + f', "payload_snapshot": {payload}}}'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with settings; exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dlqkit.toml").write_text(
        f'[republish]\nallowed_topics = ["{TOPIC}"]\nmax_rate = 5\noutcome_deadline_s = 30\n'
        f'[workflows.wf]\ntopic = "{TOPIC}"\nattributes = {{ city = "payload.city" }}\nordering_key = ""\n'
    )
    return runner(monkeypatch, capsys)


def _collect(run: Run, lines: list[str]) -> None:
    Path("export.jsonl").write_text("\n".join(lines))
    code, _, err = run("collect", "incident", "--start", START.isoformat(), "--end",
                       (START + timedelta(hours=1)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err


LINES = [
    _line(0, PAYLOADS[0]),
    _line(1, PAYLOADS[1]),
    _line(2, json.dumps(PAYLOADS[2])),
    _line(3, '{"email": "x", "city": "eu"}', retryable=False, attempts=1, last_error="validation failed: email"),
    json.dumps({"id": "s", "workflow_id": "wf", "trace_id": "ts", "status": "success", "queued_to_dlq": False,
                "created_at": (START + timedelta(minutes=30)).isoformat()}),
]  # fmt: skip


@pytest.fixture
def incident(run: Run) -> str:
    """Three dead letters to send again, one business error, one success."""
    _collect(run, LINES)
    return "incident"


def test_a_plan_says_all_of_it_within_80_columns_and_sends_nothing(run: Run, incident: str) -> None:
    """Counts, topic, rate, unknowns, what is left out and why, and the command to go on with."""
    code, out, _ = run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")

    assert code == 0
    assert "3 to be sent, 1 left out" in out
    assert TOPIC in out
    assert "business error" in out
    assert "Not checked elsewhere" in out
    assert "dlqkit republish approve incident plan-001" in out.splitlines()[-1]
    assert all(len(line) <= 80 for line in out.splitlines()[:-1])
    assert "\x1b" not in out


def test_the_planned_bytes_are_the_api_texts_own(run: Run, incident: str) -> None:
    """From the export through the folder into the plan no character of a payload is lost, object or JSON string."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0

    plan = read_plan(Path(incident), "plan-001")

    assert [event.payload for event in plan.events] == list(PAYLOADS)
    assert [event.attributes for event in plan.events] == [{"city": "eu"}, {"city": "eu"}, {"city": "us"}]
    mode = stat.S_IMODE((Path(incident) / "republish" / "plan-001.json").stat().st_mode)
    assert mode == 0o600


def test_the_same_evidence_gives_the_same_hash(run: Run, incident: str) -> None:
    """Made again in a copy of the folder, by somebody else, it is the same plan."""
    import shutil

    Path("other").mkdir()
    shutil.copytree(incident, "other/incident")
    first = json.loads(run("republish", "plan", incident, "--class", "infrastructure", "--json", "--by", "ann")[1])
    again = json.loads(
        run("republish", "plan", "other/incident", "--class", "infrastructure", "--json", "--by", "b")[1]
    )

    assert first["hash"] == again["hash"]
    assert (first["planned"], first["left_out"], first["unknowns"]) == (3, {}, [])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "everything is never meant"),
        (("--where", "payload.city=mars"), 4, "No dead event is meant"),
        (("--class", "business"), 4, "Nothing is left to be planned of 1 event: 1 business error"),
        (("--where", "nonsense"), 2, "no comparison"),
        (("--where", "last_error~"), 2, "compares with nothing"),
        (("--workflow", "wf", "--max-rate", "6"), 2, "more than the settings allow"),
        (
            ("--workflow", "wf", "--topic", "projects/p/topics/x", "--confirm-topic", "projects/p/topics/x"),
            2,
            "not on the",
        ),
        (("--csv", "none.csv"), 2, "cannot be read as CSV"),
        (("--workflow", "wf", "--accept", "succeeded later"), 2, "no reason that can be answered for"),
        (("--workflow", "wf", "--patch", "{}"), 2, "no reason or no author"),
    ],
)
def test_what_is_refused_and_by_which_code(
    run: Run, incident: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """2 is what was typed, 4 what the evidence says; nothing is left behind."""
    found, _, err = run("republish", "plan", incident, "--by", "ann", *arguments)

    assert (found, words in err) == (code, True), err
    assert not list((Path(incident) / "republish").glob("plan-*.json"))


def test_an_edit_makes_the_next_plan_in_place_of_the_first(run: Run, incident: str) -> None:
    """The business error is in it now; the difference is shown; the first plan is cancelled and cannot be approved."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0

    code, out, err = run("republish", "edit", incident, "plan-001", "--event", "t3", "--patch",
                         '{"email": "a@b.example"}', "--reason", "OPS-1", "--by", "bob")  # fmt: skip

    assert code == 0, err
    assert "plan-002" in out.splitlines()[0]
    assert "payload.email" in out
    assert '"a@b.example"' in out
    plan = read_plan(Path(incident), "plan-002")
    assert plan.replaces == "plan-001"
    assert plan.events[3].payload == '{"email": "a@b.example", "city": "eu"}'
    assert plan.events[3].original_sha256 == hash_text('{"email": "x", "city": "eu"}')
    assert [event.payload for event in plan.events[:3]] == list(PAYLOADS)
    assert run("republish", "approve", incident, "plan-001", "--reason", "x", "--by", "eve")[0] == 4
    Path("new.json").write_text('{"email":"c@d.example", "city":"eu"}\n')
    assert run("republish", "edit", incident, "plan-002", "--event", "t3", "--payload-file", "new.json", "--reason",
               "OPS-2", "--by", "bob")[0] == 0  # fmt: skip
    assert read_plan(Path(incident), "plan-003").events[3].payload == '{"email":"c@d.example", "city":"eu"}'


def test_a_hostile_value_is_shown_and_not_obeyed(run: Run, incident: str) -> None:
    """Escape sequences of a payload, a patch or a name reach no terminal."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0

    code, out, err = run("republish", "edit", incident, "plan-001", "--event", "t0", "--patch",
                         '{"city": "\\u001b[31mred\\u202e"}', "--reason", "\x1b]0;t\x07",
                         "--by", "b\x1b[1m")  # fmt: skip

    assert code == 0, err
    assert "red" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out + err)


def test_a_plan_is_approved_exported_and_cancelled(run: Run, incident: str) -> None:
    """Not exported before it is approved; the lines hold the bytes and the dedupe attribute; then it is given up."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    code, _, err = run("republish", "export", incident, "plan-001")
    assert (code, "is not approved" in err) == (4, True)

    code, out, _ = run("republish", "approve", incident, "plan-001", "--reason", "root removed", "--by", "bob")
    assert code == 0
    assert "approved by bob: 3 events" in out
    code, out, _ = run("republish", "export", incident, "plan-001")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["data"] for line in lines] == list(PAYLOADS)
    assert lines[0]["attributes"] == {"city": "eu", "dlqkit-dedupe-id": lines[0]["dedupe_key"]}
    code, out, _ = run("republish", "cancel", incident, "plan-001", "--reason", "not needed", "--by", "ann", "--json")
    assert json.loads(out) == {"plan": "plan-001", "cancelled": True, "freed": 3, "held": 0}
    assert run("republish", "export", incident, "plan-001")[0] == 4


def test_what_is_printed_fits_a_terminal_but_for_commands(run: Run, incident: str) -> None:
    """80 columns, however long folder, file and name are; a command stays in one line to be copied."""
    Path(incident).rename(folder := "orders-" + "x" * 60)
    printed = [
        run("republish", *command.split(), *more)
        for command, more in (
            (f"plan {folder} --workflow wf", ()),
            (f"plan {folder} --workflow wf", ()),
            (f"status {folder}", ()),
            (
                f"approve {folder} plan-001",
                ("--reason", "root removed", "--by", "bob of the team that is on call " * 3),
            ),
            (f"run {folder} plan-001", ()),
            (f"status {folder}", ()),
            (f"export {folder} plan-001 --output", (f"{'y' * 70}.jsonl",)),
            (f"cancel {folder} plan-001", ("--reason", "not needed")),
        )
    ]

    lines = [line for _, out, err in printed for line in (out + err).splitlines()]
    assert len(lines) > 40
    assert [line for line in lines if len(line) > 80 and not _is_to_be_copied(line)] == []


def _is_to_be_copied(line: str) -> bool:
    """A command, or the path of a file."""
    return "dlqkit " in line or line.startswith(("Next: ", "All of it: "))


def test_a_second_plan_of_the_same_events_is_refused_or_leaves_them_out(run: Run, incident: str) -> None:
    """The first is named; asked to, the second leaves its events out."""
    assert run("republish", "plan", incident, "--where", "payload.city=eu", "--by", "ann")[0] == 0

    code, _, err = run("republish", "plan", incident, "--workflow", "wf", "--by", "bob")
    assert (code, "in another open plan: plan-001 in incident" in err) == (4, True)
    code, out, _ = run(
        "republish", "plan", incident, "--workflow", "wf", "--leave-out-claimed", "--by", "bob", "--json"
    )
    assert json.loads(out)["left_out"] == {"business error": 1, "in another open plan": 2}


def _lets_go_of_t0(run: Run, incident: str) -> None:
    """plan-001 of t0; plan-002 of the others, which leaves t0 out; then the first is given up."""
    assert run("republish", "plan", incident, "--event", "t0", "--by", "ann")[0] == 0
    assert run("republish", "plan", incident, "--workflow", "wf", "--leave-out-claimed", "--by", "ann")[0] == 0
    assert run("republish", "cancel", incident, "plan-001", "--by", "ann", "--reason", "not needed")[0] == 0


def test_an_edit_leaves_out_what_another_plan_had_though_that_was_given_up_since(run: Run, incident: str) -> None:
    """Nobody asked for the event; whoever edits that event itself gets it."""
    _lets_go_of_t0(run, incident)
    patch = ("--patch", '{"city": "asia"}', "--reason", "OPS-17", "--by", "ann")

    assert run("republish", "edit", incident, "plan-002", "--event", "t1", *patch)[0] == 0

    assert [event.trace_id for event in read_plan(Path(incident), "plan-003").events] == ["t1", "t2"]
    assert run("republish", "edit", incident, "plan-003", "--all", *patch)[0] == 0
    assert [event.trace_id for event in read_plan(Path(incident), "plan-004").events] == ["t1", "t2", "t3"]
    assert run("republish", "edit", incident, "plan-004", "--event", "t0", *patch)[0] == 0
    assert [event.trace_id for event in read_plan(Path(incident), "plan-005").events] == ["t0", "t1", "t2", "t3"]


def test_an_edit_that_plans_more_than_the_plan_before_names_the_events(run: Run, incident: str) -> None:
    """A judgement or a setting was changed since; an event that the edit itself lets in is shown with its edit."""
    config = Path("dlqkit.toml")
    text = config.read_text()
    config.write_text(text + 'max_age = "40m"\ntoo_old = "leave_out"\n')
    _collect(run, [_line(50, '{"n": 50, "city": "eu"}')])
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    reasons = {one.trace_id: one.reason for one in read_plan(Path(incident), "plan-001").left_out}
    assert reasons == {"t0": "too old", "t1": "too old", "t2": "too old", "t3": "business error"}
    config.write_text(text)

    patch = ("--patch", '{"n": 51}', "--reason", "OPS-17", "--by", "ann")
    assert run("republish", "edit", incident, "plan-001", "--event", "t50", *patch)[0] == 0

    said = read_plan(Path(incident), "plan-002").warnings
    assert "3 events are planned that plan-001 left out and no edit changed: t0, t1, t2." in said


def _commands(text: str) -> list[list[str]]:
    """The commands that are printed, as a shell would take them."""
    lines = [line[line.index("dlqkit ") :] for line in text.splitlines() if "dlqkit republish" in line]
    return [shlex.split(line)[1:] for line in lines]


def test_every_command_that_is_printed_can_be_pasted_whatever_the_folder_is_called(run: Run, incident: str) -> None:
    """From no plan to the run; only the dots of a reason are filled in, and left in they are refused."""
    Path(incident).rename("ann's orders DIR")
    _, out, _ = run("republish", "status", "ann's orders DIR")
    made = _commands(out)[0]
    code, out, _ = run(*made, "--by", "ann")
    assert code == 0
    approve = _commands(out)[-1]
    assert run(*approve)[0] == 2
    code, out, _ = run(*["root removed" if word == "…" else word for word in approve])
    assert code == 0
    tried, sent = _commands(out)
    code, out, _ = run(*tried)

    assert code == 0 and _commands(out) == [sent]
    assert sent == ["republish", "run", "ann's orders DIR", "plan-001", "--execute"]
    assert read_plan(Path("ann's orders DIR"), "plan-001").events


PROFILED = ("--config", "team settings.toml", "--profile", "prod")
PERIOD = ("--start", START.isoformat(), "--end", (START + timedelta(hours=1)).isoformat())


def _profiled(text: str) -> list[str]:
    """The last command that is printed, as a shell would take it."""
    return shlex.split(text[text.rindex("dlqkit --config") :].splitlines()[0])[1:]


def test_what_is_printed_reads_the_settings_that_were_given(run: Run, incident: str) -> None:
    """Each command that is pasted names the same file and profile, so that the same rules hold."""
    Path("dlqkit.toml").rename("team settings.toml")
    with Path("team settings.toml").open("a") as file:
        file.write("[profiles.prod.republish]\nsecond_approver = true\n")
    code, out, _ = run(*PROFILED, "collect", "my orders", *PERIOD, "--records", "export.jsonl")
    assert (code, _profiled(out)) == (0, [*PROFILED, "triage", "my orders"])
    code, out, _ = run(*PROFILED, "triage", "my orders")
    assert _profiled(out)[:4] == [*PROFILED]
    code, out, _ = run(*PROFILED, "republish", "plan", incident, "--workflow", "wf", "--by", "ann")
    approve = ["root removed" if word == "…" else word for word in _profiled(out)]

    assert (code, approve[:6]) == (0, [*PROFILED, "republish", "approve"])
    assert "Another person than whoever made it must approve it." in " ".join(out.split())
    code, _, err = run(*approve, "--by", "ann")
    assert (code, _profiled(err)[:6]) == (4, [*PROFILED, "republish", "approve"])
    # Without the profile the rule of the plan still holds.
    assert run(*PROFILED[:2], *approve[4:], "--by", "ann")[0] == 4
    code, out, _ = run(*approve, "--by", "bob")
    assert (code, _profiled(out)) == (0, [*PROFILED, "republish", "run", incident, "plan-001", "--execute"])
    code, out, _ = run("republish", "run", incident, "plan-001")
    assert (code, "allow no topic at all" in " ".join(out.split())) == (4, True)


def test_an_edit_without_the_profile_keeps_the_second_person(run: Run, incident: str) -> None:
    """The plan that it stands in for was made under that rule."""
    with Path("dlqkit.toml").open("a") as file:
        file.write("[profiles.prod.republish]\nsecond_approver = true\n")
    assert run("--profile", "prod", "republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    edit = ("edit", incident, "plan-001", "--event", "t0", "--patch", '{"n": 1}', "--reason", "OPS-1", "--by", "ann")
    assert run("republish", *edit)[0] == 0

    assert read_plan(Path(incident), "plan-002").second_approver
    assert run("republish", "approve", incident, "plan-002", "--reason", "x", "--by", "ann")[0] == 4
    assert run("republish", "approve", incident, "plan-002", "--reason", "x", "--by", "bob")[0] == 0


def test_an_edit_leads_on_where_the_settings_have_changed_since(run: Run, incident: str) -> None:
    """A lower ceiling and a topic that was corrected are taken, and stand in the plan that is to be approved."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    config = Path("dlqkit.toml")
    text = config.read_text().replace("max_rate = 5", "max_rate = 2")
    text = text.replace(f'topic = "{TOPIC}"', 'topic = "projects/p/topics/right"')
    config.write_text(text.replace(f'["{TOPIC}"]', f'["{TOPIC}", "projects/p/topics/right"]'))
    refused, _, err = run("republish", "approve", incident, "plan-001", "--reason", "x", "--by", "bob")
    assert (refused, "no longer the workflow's own, projects/p/topics/right" in " ".join(err.split())) == (4, True)

    edit = ("--event", "t0", "--patch", '{"n": 1}', "--reason", "OPS-1", "--by", "ann")
    code, out, err = run("republish", "edit", incident, "plan-001", *edit)

    assert (code, "projects/p/topics/right" in out) == (0, True), err
    plan = read_plan(Path(incident), "plan-002")
    assert (plan.max_rate, plan.target.address, plan.is_other_topic) == (2.0, "projects/p/topics/right", False)
    assert run("republish", "approve", incident, "plan-002", "--reason", "x", "--by", "bob")[0] == 0


def test_a_plan_is_held_to_the_schema_and_the_locked_fields_that_it_was_made_under(run: Run, incident: str) -> None:
    """As they were they let it pass; a schema whose text is another one now would not have been looked at."""
    schema, config = Path("orders.schema.json"), Path("dlqkit.toml")
    schema.write_text('{"type": "object"}')
    rules = 'max_rate = 5\nschema = "orders.schema.json"\nlocked_fields = ["payload.city"]'
    config.write_text(config.read_text().replace("max_rate = 5", rules))
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    edit = ("--event", "t0", "--patch", '{"n": 1}', "--reason", "OPS-1", "--by", "ann")
    assert run("republish", "edit", incident, "plan-001", *edit)[0] == 0

    plan = read_plan(Path(incident), "plan-002")
    assert plan.rules_sha256 == hash_text('[["payload.city"], {"type": "object"}]')
    assert run("republish", "approve", incident, "plan-002", "--reason", "x", "--by", "bob")[0] == 0
    assert run("republish", "run", incident, "plan-002")[0] == 0
    schema.write_text('{"type": "object", "required": ["n", "city"]}')
    code, out, _ = run("republish", "run", incident, "plan-002")
    assert (code, "under other locked fields or another schema" in " ".join(out.split())) == (4, True)


def test_an_edit_may_leave_out_what_others_have_planned_meanwhile(run: Run, incident: str) -> None:
    """Asked to; the event that is edited by name is meant, so whoever has it is named and no edit is lost unseen."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    patch = ("--patch", '{"email": "a@b.example"}', "--reason", "OPS-1")
    assert run("republish", "plan", incident, "--event", "t3", *patch, "--by", "bob")[0] == 0
    code, _, err = run("republish", "edit", incident, "plan-001", "--all", *patch, "--by", "ann")
    assert (code, "in another open plan: plan-002 in incident" in " ".join(err.split())) == (4, True)
    by_name = ("--event", "t3", *patch, "--by", "ann", "--leave-out-claimed")
    code, _, err = run("republish", "edit", incident, "plan-001", *by_name)
    assert (code, "in another open plan: plan-002 in incident" in " ".join(err.split())) == (4, True)

    code, _, err = run("republish", "edit", incident, "plan-001", "--all", *patch, "--by", "ann", "--leave-out-claimed")

    assert code == 0, err
    plan = read_plan(Path(incident), "plan-003")
    assert [event.trace_id for event in plan.events] == ["t0", "t1", "t2"]
    assert {one.trace_id: one.reason for one in plan.left_out} == {"t3": "in another open plan"}


def test_what_is_resolved_of_a_cancelled_plan_is_told_as_it_is(run: Run, incident: str) -> None:
    """Its event is another plan's now: nothing of the cancelled one would be sent, and nothing is to be cancelled."""
    assert run("republish", "plan", incident, "--event", "t0", "--by", "ann")[0] == 0
    assert run("republish", "cancel", incident, "plan-001", "--reason", "x", "--by", "ann")[0] == 0
    assert run("republish", "plan", incident, "--event", "t0", "--by", "ann")[0] == 0
    with open_journal(Path(incident)) as journal:
        send_all(journal, Answers(), read_plan(Path(incident), "plan-002"))
    by_word = ("--item", "1", "--not-sent", "--reason", "seen", "--by", "ann")

    code, out, err = run("republish", "resolve", incident, "plan-001", "--by", "ann")
    assert (code, out) == (0, "Settled: nothing. In doubt: 0.\n"), err
    code, _, err = run("republish", "resolve", incident, "plan-001", *by_word, "--send-again")
    assert (code, "was cancelled, so nothing of it is sent again" in " ".join(err.split())) == (2, True)
    code, _, err = run("republish", "resolve", incident, "plan-001", *by_word)
    assert (code, "is not in doubt, but not there" in " ".join(err.split())) == (2, True)


def test_what_was_sent_already_leads_to_its_proof(run: Run, incident: str) -> None:
    """status does not say what became of an event."""
    assert run("republish", "plan", incident, "--event", "t0", "--by", "ann")[0] == 0
    with open_journal(Path(incident)) as journal:
        send_all(journal, Answers(), read_plan(Path(incident), "plan-001"))
    code, _, err = run("republish", "plan", incident, "--event", "t0", "--leave-out-claimed", "--by", "ann")

    assert (code, "1 already republished (by plan-001)" in " ".join(err.split())) == (4, True)
    step = shlex.split(err[err.index("dlqkit republish") :])
    assert step == ["dlqkit", "republish", "prove", str(Path(incident).resolve()), "plan-001"]


def test_a_cancelled_plan_that_was_proven_keeps_nothing(run: Run, incident: str) -> None:
    """What was sent is counted as held only while it is claimed: a proof that knows its end lets go of it."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    plan = read_plan(Path(incident), "plan-001")
    with open_journal(Path(incident)) as journal:
        send_all(journal, Answers(), plan)
    find_registry(Path(incident), None).release(plan, keep=[plan.events[0].event_key])
    code, out, _ = run("republish", "cancel", incident, "plan-001", "--reason", "done", "--by", "ann")

    assert code == 0
    assert "1 stay with it: they were sent, or may have been." in out
    assert "2 were sent, and their end is known." in out
    assert out.splitlines()[-1].endswith("dlqkit republish prove incident plan-001")


def test_a_plan_that_is_cancelled_without_its_registry_keeps_its_events_and_says_so(
    run: Run, incident: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Say by another settings file: it is given up at once, and its claims by the settings that it was planned by."""
    (tmp_path / "team").mkdir()
    monkeypatch.setenv("DLQKIT_REPUBLISH__REGISTRY", str(tmp_path / "team"))
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    cancel = ("republish", "cancel", incident, "plan-001", "--by", "ann", "--reason", "oops")
    with monkeypatch.context() as without:
        without.delenv("DLQKIT_REPUBLISH__REGISTRY")
        code, out, _ = run(*cancel)
        told = json.loads(run(*cancel, "--json")[1])

    assert code == 0 and "its events stay taken" in out and "may be planned again" not in out
    assert (told["cancelled"], told["held"]) == (True, None)
    assert "3 of its events may be planned again" in run(*cancel)[1]


def test_a_folder_of_incident_folders_is_told_to_be_none(run: Run, incident: str) -> None:
    """Else a plan would seem to be lacking where none can be."""
    Path("incidents").mkdir()
    Path(incident).rename("incidents/orders")

    decided = ("plan-001", "--by", "ann", "--reason", "not needed")
    for command in (("status",), ("status", "--json"), ("cancel", *decided), ("approve", *decided)):
        code, out, err = run("republish", command[0], "incidents", *command[1:])
        assert (code, "incidents is no incident folder" in out + err) == (2, True)
    assert [path.name for path in Path("incidents").iterdir()] == ["orders"]
    assert "name one: incidents/orders" in run("republish", "status", "incidents")[2]
    assert run("republish", "status", "incidents/orders")[0] == 0
    assert json.loads(run("republish", "status", "incidents/orders", "--json")[1]) == {"plans": []}


def test_an_events_key_in_a_message_stays_in_one_line(run: Run) -> None:
    """A trace, a workflow's id and a hash are longer than 80 letters, and are to be copied."""
    trace, workflow = "4bf92f3577b34da6a3ce929d0e0e4736", "5f0c1d2e-3a4b-4c5d-8e6f-7a8b9c0d1e2f"
    config = Path("dlqkit.toml")
    config.write_text(config.read_text().replace("workflows.wf", f'workflows."{workflow}"'))
    _collect(run, [_line(0, PAYLOADS[0], trace_id=trace, workflow_id=workflow)])
    plan = ("republish", "plan", "incident", "--event", trace, "--by", "ann")
    assert run(*plan)[0] == 0
    (event,) = read_plan(Path("incident"), "plan-001").events

    code, _, err = run(*plan)
    assert (code, len(event.event_key)) == (4, 82)
    assert event.event_key in err.splitlines()


def test_a_selection_of_which_nothing_is_left_says_what_to_do_for_that_reason(run: Run, incident: str) -> None:
    """What another plan has is not to be edited: that plan is named, and is run or cancelled."""
    assert run("republish", "plan", incident, "--where", "payload.city=eu", "--by", "ann")[0] == 0
    mine = ("republish", "plan", incident, "--where", "payload.city=eu", "--event", "t0")
    code, _, err = run(*mine, "--leave-out-claimed", "--by", "bob")

    assert (code, "1 in another open plan (plan-001 in incident" in " ".join(err.split())) == (4, True)
    assert "Run that plan to its end, or cancel it" in err and "edit" not in err.casefold()
    _, _, err = run("republish", "plan", incident, "--class", "business", "--by", "bob")
    assert ["event", str(Path(incident).resolve()), "t3"] == shlex.split(err[err.index("dlqkit event") :])[1:]


def test_what_changed_since_the_plan_is_told_and_ends_with_4(run: Run, incident: str) -> None:
    """A new snapshot shows that one event succeeded: the plan is stale."""
    assert run("republish", "plan", incident, "--workflow", "wf", "--by", "ann")[0] == 0
    code, out, _ = run("republish", "diff", incident, "plan-001")
    assert (code, "Nothing changed." in out) == (0, True)
    healed = json.dumps({"id": "h0", "workflow_id": "wf", "trace_id": "t0", "status": "success", "queued_to_dlq": False,
                         "created_at": (START + timedelta(minutes=40)).isoformat()})[:-1]  # fmt: skip
    _collect(run, [*LINES, f'{healed}, "payload_snapshot": {PAYLOADS[0]}}}'])

    code, out, _ = run("republish", "diff", incident, "plan-001")

    assert code == 4
    assert "no longer to be sent" in out
    assert "succeeded later" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_what_a_colleague_still_has_is_no_change_and_can_be_sent_once_it_is_given_up(run: Run, incident: str) -> None:
    """Nothing but the colleague's plan keeps the event back; a ceiling that was lowered since changes no event."""
    assert run("republish", "plan", incident, "--event", "t0", "--by", "bob")[0] == 0
    assert run("republish", "plan", incident, "--workflow", "wf", "--leave-out-claimed", "--by", "ann")[0] == 0
    config = Path("dlqkit.toml")
    config.write_text(config.read_text().replace("max_rate = 5", "max_rate = 1"))

    code, out, _ = run("republish", "diff", incident, "plan-002")
    assert (code, "Nothing changed." in out) == (0, True)

    assert run("republish", "cancel", incident, "plan-001", "--by", "bob", "--reason", "not needed")[0] == 0
    code, out, _ = run("republish", "diff", incident, "plan-002", "--json")
    assert code == 0
    (change,) = json.loads(out)["changes"]
    assert (change["trace_id"], change["change"]) == ("t0", "can be sent now")


def test_a_number_that_is_no_json_beside_the_records_leaves_payloads_exact(run: Run) -> None:
    """None of the records is read otherwise than it came, so that a plan has nothing to say of it."""
    _collect(run, [f'{{"total": NaN, "items": [{", ".join(LINES)}]}}'])

    out = json.loads(run("republish", "plan", "incident", "--workflow", "wf", "--json", "--by", "ann")[1])

    assert (out["planned"], out["unknowns"]) == (3, [])
    frame = open_incident(Path("incident")).records().frame.set_index("record_id")
    assert frame.loc["d0", "payload_snapshot"] == PAYLOADS[0]


def test_a_payload_that_is_no_json_is_counted_and_kept_to_the_letter_and_not_sent(run: Run) -> None:
    """A client in Python writes NaN: its dead letter is one of four, and the others are exact as they were."""
    _collect(run, [*LINES, _line(7, '{"n": NaN,  "city": "eu"}')])

    out = json.loads(run("republish", "plan", "incident", "--workflow", "wf", "--json", "--by", "ann")[1])

    assert (out["planned"], out["unknowns"]) == (3, [])
    assert out["left_out"] == {"business error": 1, "payload truncated": 1}
    frame = open_incident(Path("incident")).records().frame.set_index("record_id")
    assert frame.loc["d7", "payload_snapshot"] == '{"n": NaN,  "city": "eu"}'


def test_every_command_explains_itself_with_an_example(run: Run) -> None:
    """--help of each has a command line to copy."""
    for name in ("plan", "edit", "diff", "approve", "cancel", "export"):
        code, out, _ = run("republish", name, "--help")
        assert code == 0
        assert f"dlqkit republish {name}" in " ".join(out.split())
