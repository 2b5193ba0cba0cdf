"""The short status texts: from the report's facts, for whom they are, and what changed since the last one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlqkit import language
from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.report.sent_updates import keep_update, last_update, read_updates
from dlqkit.report.updates import Audience, Numbers, numbers_of, write_update
from tests.left_in_english import left_in_english
from tests.report.example import make_facts

NOW = "2026-03-02T16:00:00+00:00"
# What the texts go by; every other word of the facts is foreign, or of our own people.
_KNOWN = {"going_on", "recovering", "ended", "nothing", "unknown", "dead_letters", "silence", "exact", "at_least",
          "at_most", "of_seen", "infrastructure", "computed", "complete", "not closable", "draft"}  # fmt: skip


def words(facts: dict[str, Any], audience: Audience, last: Numbers | None = None) -> str:
    return "\n".join(f"{line.label}: {line.text}" for line in write_update(facts, audience, last).lines)


def counted(affected: tuple[int | None, str], still_open: tuple[int | None, str], healed: int) -> dict[str, Any]:
    return make_facts(
        events={
            "affected": {"value": affected[0], "bound": affected[1]},
            "open": {"value": still_open[0], "bound": still_open[1]},
            "healed": {"value": healed, "bound": "at_least"},
            "evidence": "E1",
        }
    )


def test_the_teams_text_says_what_how_many_and_what_next() -> None:
    """And as of when: it is read an hour later, too."""
    first, *rest = words(make_facts(), "chat").splitlines()

    assert first == (
        "Incident: orders-sync: 12 events dead-lettered since 2026-03-02 14:02:05 UTC. It is going on; the last dead "
        "letter is of 2026-03-02 15:59:00 UTC. As of 2026-03-02 16:00:00 UTC."
    )
    assert rest == [
        "Events: 12 affected, 9 open",
        "Class: infrastructure error (retries used up)",
        "Next: Find what refuses connections, and remove it.",
        "Owner: Name a person or a team.",
    ]


def test_the_client_reads_when_how_many_and_what_comes_next() -> None:
    assert words(make_facts(), "client").splitlines() == [
        "What happened: Some of your events have not been processed since 2026-03-02 14:02 UTC.",
        "In numbers: Events affected, of all clients: 12. Still to be processed: 9. Processed since: 3.",
        "Now: It is going on, and we are working on it.",
        "What comes next: We will tell you when the rest has been processed.",
        "As of: 2026-03-02 16:00 UTC",
    ]


def replace_words(value: Any) -> Any:
    """Every text of the facts but times and what the texts go by."""
    if isinstance(value, dict):
        return {key: replace_words(one) for key, one in value.items()}
    if isinstance(value, list):
        return [replace_words(one) for one in value]
    if isinstance(value, str) and value not in _KNOWN and not re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}T", value):
        return "INTERNAL"
    return value


@pytest.mark.parametrize("kind", ["dead_letters", "silence"])
@pytest.mark.parametrize("state", ["going_on", "recovering", "ended", "nothing", "unknown"])
def test_the_client_reads_no_word_of_the_facts(state: str, kind: str) -> None:
    """No id, error, name, action, cause or note of ours, whatever the incident; in a follow-up neither."""
    facts = replace_words(make_facts())
    facts["state"] |= {"value": state, "kind": kind}
    facts["end"]["at"] = "2026-03-02T15:00:00+00:00" if state == "ended" else None
    facts["judgement"] = dict.fromkeys(facts["judgement"], "INTERNAL")
    facts["coverage"][0] |= {"completeness": "partial", "missing": ["INTERNAL"]}
    before = numbers_of(make_facts())

    text = words(facts, "client", before)

    assert "INTERNAL" not in text
    assert not [word for word in ("infrastructure", "worker", "dlqkit", "dead", "queue", "closable") if word in text]
    assert "INTERNAL" in words(facts, "chat") and "INTERNAL" in words(facts, "ticket")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (counted((24, "exact"), (24, "at_most"), 0), "of all clients: 24. Still to be processed: 24 at most."),
        (counted((100, "at_least"), (90, "at_least"), 10),
         "of all clients: at least 100. Still to be processed: at least 90. Processed since: at least 10."),
        (counted((100, "at_least"), (90, "of_seen"), 0),
         "at least 100. Of those that we looked at so far, still to be processed: 90."),
        (counted((12, "exact"), (0, "exact"), 12),
         "of all clients: 12. None of them is still to be processed. Processed since: at least 12."),
        (counted((12, "at_least"), (0, "of_seen"), 12),
         "at least 12. Of those that we looked at so far, still to be processed: 0. Processed since: at least 12."),
        (counted((None, "exact"), (None, "exact"), 0), "In numbers: We do not know yet how many events are affected."),
    ],
)  # fmt: skip
def test_the_client_is_told_how_well_a_count_is_known(facts: dict[str, Any], said: str) -> None:
    """No sign that only an analyst reads, and no nought where nothing is known."""
    text = words(facts, "client")

    assert said in text
    assert "≥" not in text and "≤" not in text
    assert ("None of them" in text) is ("None of them" in said)


@pytest.mark.parametrize(
    ("onset", "end", "when"),
    [
        ({}, "2026-03-02T15:00:00+00:00", "from 2026-03-02 14:02 UTC to 2026-03-02 15:00 UTC."),
        ({"is_window_start": True}, None, "since 2026-03-02 14:02 UTC or earlier."),
        ({"low": "2026-03-02T13:50:00+00:00"}, None, "since about 2026-03-02 14:02 UTC."),
        ({"at": None}, "2026-03-02T15:00:00+00:00", "until 2026-03-02 15:00 UTC."),
        ({"at": None}, None, "."),
    ],
)
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("dead_letters", "Some of your events "),
        ("duration", "processed later than usual"),
        ("silence", "Events may "),
        ("failures", "Events may "),
        ("support", "Events may "),
    ],
)
def test_the_client_is_told_how_well_it_is_known(
    kind: str, what: str, onset: dict[str, Any], end: str | None, when: str
) -> None:
    """Silence may be of what watches the worker alone; only dead letters were not processed."""
    facts = make_facts()
    facts["onset"] |= onset
    facts["end"]["at"] = end
    facts["state"]["kind"] = kind

    first, *rest = words(facts, "client").splitlines()

    assert what in first and first.endswith(when)
    assert ("In numbers" in "".join(rest)) is (kind == "dead_letters")


def test_events_that_need_other_data_are_said_to_the_client() -> None:
    """Of a business error nothing comes by waiting; once nothing is open there is nothing more to say."""
    facts = make_facts()
    facts["class"]["counts"]["business"] = 2
    assert "we will say if we need other data from you" in words(facts, "client")

    done = counted((12, "exact"), (0, "exact"), 12)
    done["end"]["at"] = "2026-03-02T15:00:00+00:00"
    assert "What comes next: Nothing is left to be processed." in words(done, "client")
    still = counted((12, "exact"), (0, "of_seen"), 12)
    still["end"]["at"] = "2026-03-02T15:00:00+00:00"
    assert "when the rest has been processed" in words(still, "client")


def test_where_nothing_is_wrong_what_is_still_open_is_not_passed_over() -> None:
    quiet = make_facts(state={"value": "nothing", "kind": None, "reason": "It was quiet."})
    assert words(quiet, "client").splitlines()[0] == "Status: We see no disturbance."
    assert "Owner" not in words(quiet, "chat")

    quiet["state"]["open"] = 3
    assert "some earlier events are still to be processed" in words(quiet, "client")


def test_the_tickets_text_holds_all_of_section_6_and_whether_it_may_be_closed() -> None:
    """What is not whole stands behind the first line, which is whole by itself."""
    facts = make_facts()
    facts["coverage"][0] |= {"completeness": "partial", "missing": ["12 pages are missing."]}
    lines = words(facts, "ticket").splitlines()

    assert lines[0].startswith("Problem: orders-sync: 12 events")
    assert lines[1] == "Evidence: Not whole: records of dead letters [E1]. 12 pages are missing."
    assert "Cause confirmed: Say what was confirmed, and how." in lines
    assert lines[-3:] == [
        "Closing: Not closable: of 2 items of the checklist, left are 2.",
        "Post-mortem: Draft: judgement is still needed",
        "As of: 2026-03-02 16:00:00 UTC, snapshot 001.",
    ]


def test_an_incident_that_has_come_back_is_told_to_the_team() -> None:
    facts = make_facts()
    facts["closure"]["came_back"] = {"state": "same", "dead": 5, "alike": 4}

    said = "Come back: Since the ticket was closed: 5 dead letters, 4 of them of an error of before."
    assert said in words(facts, "chat") and said in words(facts, "ticket")
    assert "Come back" not in words(facts, "client")


def later() -> dict[str, Any]:
    facts = make_facts(as_of="2026-03-02T17:00:00+00:00")
    facts["events"]["open"] = {"value": 2, "bound": "exact"}
    facts["judgement"] |= {"cause": "db-7 was restarted", "done": "A replica was started"}
    facts["state"]["value"] = "ended"
    facts["end"]["at"] = "2026-03-02T16:30:00+00:00"
    facts["onset"]["at"] = "2026-03-02T13:40:00+00:00"
    facts["closure"]["verdict"] = "closable"
    facts["class"]["value"] = "mixed"
    facts["republish"]["passed"] = ["a", "b", "c"]
    return facts


def test_the_next_text_says_what_changed_since_the_last_one() -> None:
    before = numbers_of(make_facts())

    assert words(later(), "chat", before).splitlines()[-1] == (
        "Changed since the last update: It has ended. It began 2026-03-02 13:40 UTC; 2026-03-02 14:02 UTC was said "
        "before. Still to be processed: 2; before, 9. Sent again and passed: 3; before, 0. The class is mixed; it was "
        "infrastructure. The cause was confirmed: “db-7 was restarted”. Done since: “A replica was started”. The "
        "checklist says closable; it said not closable. The last one was as of 2026-03-02 16:00:00 UTC."
    )
    assert words(later(), "client", before).splitlines()[-1] == (
        "Changed since the last update: It has ended. It began 2026-03-02 13:40 UTC; 2026-03-02 14:02 UTC was said "
        "before. Still to be processed: 2; before, 9. The last one was as of 2026-03-02 16:00:00 UTC."
    )
    assert "It is going on again." in words(make_facts(), "client", numbers_of(later()))
    assert "Nothing of what is counted has changed." in words(make_facts(), "ticket", before)


def test_what_was_sent_is_kept_with_who_sent_it(tmp_path: Path) -> None:
    """Its text, its numbers, and a line in the audit log; readable by its owner alone."""
    facts = make_facts()
    path = keep_update(tmp_path, facts, "client", write_update(facts, "client"), "ann")

    assert path.stat().st_mode & 0o777 == 0o600
    (sent,) = read_updates(tmp_path)
    assert (sent.audience, sent.sent_by, sent.numbers) == ("client", "ann", numbers_of(facts))
    assert sent.lines[0][1] == "Some of your events have not been processed since 2026-03-02 14:02 UTC."
    assert last_update(tmp_path, "client", NOW) == numbers_of(facts)
    assert last_update(tmp_path, "chat", NOW) is None
    (line,) = audit_log.read(tmp_path)
    assert (line["action"], line["sent_by"], line["file"]) == ("update sent", "ann", f"updates/{path.name}")


def test_a_text_of_older_evidence_follows_no_newer_one(tmp_path: Path) -> None:
    """Somebody looks at snapshot 001 again: nothing there has changed since snapshot 002."""
    for facts in (make_facts(), later()):
        keep_update(tmp_path, facts, "chat", write_update(facts, "chat"), "ann")

    newest = last_update(tmp_path, "chat", "2026-03-02T17:00:00+00:00")
    assert newest is not None and newest.open["value"] == 2
    older = last_update(tmp_path, "chat", NOW)
    assert older is not None and older.open["value"] == 9
    assert last_update(tmp_path, "chat", "2026-03-02T15:00:00+00:00") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["numbers"].pop("open"),
        lambda values: values["numbers"].update(state=None),
        lambda values: values["numbers"].update(affected={"value": "many", "bound": "exact"}),
        lambda values: values["numbers"].update(as_of="2026-03-02T16:00:00"),
        lambda values: values["numbers"].update(onset_at="yesterday"),
        lambda values: values.update(audience="press"),
        lambda values: values.update(lines=[["one"]]),
    ],
)
def test_a_damaged_memory_is_named(tmp_path: Path, change: Any) -> None:
    """It may have been changed by hand; nothing is compared with it."""
    facts = make_facts()
    path = keep_update(tmp_path, facts, "chat", write_update(facts, "chat"), "ann")
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))

    with pytest.raises(EvidenceError, match=f"{path.name} was damaged"):
        last_update(tmp_path, "chat", NOW)
    path.write_text("[" * 100_000)
    with pytest.raises(EvidenceError, match="was damaged"):
        read_updates(tmp_path)


@pytest.mark.parametrize("kind", ["dead_letters", "duration", "silence"])
@pytest.mark.parametrize("start", [None, "2026-03-02T14:02:05+00:00"])
@pytest.mark.parametrize("end", [None, "2026-03-02T15:00:00+00:00"])
def test_a_client_who_reads_russian_is_told_nothing_in_english(kind: str, start: str | None, end: str | None) -> None:
    """Whatever the facts hold: every word of the client's text is ours."""
    facts = make_facts(end={"at": end, "resolution_s": None})
    facts["state"] |= {"kind": kind, "value": "ended" if end else "going_on"}
    facts["onset"]["at"] = start
    last = replace(numbers_of(make_facts()), onset_at="2026-03-02T10:00:00+00:00", state="nothing",
                   affected={"value": 1204, "bound": "at_least"}, open={"value": 3, "bound": "at_most"})  # fmt: skip
    with language.use("ru"):
        text = words(facts, "client", last)

    assert left_in_english([text]) == []
    assert "не менее 1\xa0204" in text and "не более 3" in text


def test_what_changed_is_told_to_the_team_in_russian() -> None:
    """Words of people stay as they wrote them; a class is named, and its code is what is kept."""
    before = numbers_of(make_facts())
    changed = make_facts(judgement={**make_facts()["judgement"], "cause": "pool", "done": "restart"})
    changed["class"]["value"], changed["closure"]["verdict"] = "timeout", "closable"
    changed["republish"]["passed"] = ["k1", "k2"]
    with language.use("ru"):
        line = write_update(changed, "chat", before).lines[-1]

    assert numbers_of(changed).failure_class == "timeout"
    assert left_in_english([line.label, line.text], "pool", "restart") == []
    assert "Класс: таймаут; прежде: инфраструктурная ошибка." in line.text
    assert "Отправлено повторно и прошло: 2; прежде: 0." in line.text
    assert "Вывод чек-листа: можно закрывать; прежде: закрывать нельзя." in line.text
