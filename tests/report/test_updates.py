"""The short status texts: from the report's facts, for whom they are, and what changed since the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.report.updates import keep_update, last_update, write_update
from tests.report.example import make_facts


def words(facts: dict[str, Any], audience: str, last: Any = None) -> str:
    return write_update(facts, audience, last).to_text(1000)  # type: ignore[arg-type]


def test_the_teams_text_says_what_how_many_and_what_next() -> None:
    text = words(make_facts(), "chat")

    assert text.splitlines()[0].endswith("It is going on; the last dead letter is 60 s old.")
    assert "12 affected, 9 open" in text
    assert "infrastructure error" in text and "Find what refuses connections" in text


def test_the_client_reads_nothing_of_what_is_inside() -> None:
    """No id, error, class, worker, command or action of ours; when, how many, and what comes next."""
    facts = make_facts()
    facts["signatures"][0]["signature"] = "no route to db-7.internal"
    text = words(facts, "client")

    assert "since 2026-03-02 14:02 UTC" in text
    assert "12 events; 9 are still to be processed, 3 have been since." in text
    for inside in ("orders-sync", "wf-1", "db-7", "refuse", "infrastructure", "worker", "dlqkit", "dead", "queue"):
        assert inside not in text.lower()


def test_the_tickets_text_holds_all_of_section_6_and_whether_it_may_be_closed() -> None:
    facts = make_facts(communication=[])
    text = words(facts, "ticket")

    assert text.splitlines()[0].startswith("Problem")
    assert "Say what was confirmed" in text
    assert text.splitlines()[-1].endswith("Not closable.")


def test_the_next_text_says_what_changed_since_the_last_one_for_the_same_readers(tmp_path: Path) -> None:
    facts = make_facts()
    keep_update(tmp_path, facts, "client", "ann")
    assert last_update(tmp_path, "chat") is None
    assert "nothing of what is counted" in words(facts, "client", last_update(tmp_path, "client"))

    later = make_facts()
    later["events"]["open"] = {"value": 2, "bound": "exact"}
    later["judgement"]["cause"] = "db-7 was restarted"
    told = words(later, "client", last_update(tmp_path, "client"))
    assert "still open: 9 before, 2 now (the last one was as of 2026-03-02 16:00:00 UTC)" in told
    assert "db-7" not in told
    assert "cause confirmed: db-7 was restarted" in words(later, "chat", last_update(tmp_path, "client"))
    assert [line["action"] for line in audit_log.read(tmp_path)] == ["update sent"]


def test_a_damaged_memory_is_said(tmp_path: Path) -> None:
    (tmp_path / "updates.json").write_text('[{"audience": "chat"}]')

    with pytest.raises(EvidenceError, match="damaged"):
        last_update(tmp_path, "chat")
