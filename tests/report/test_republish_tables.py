"""The republish as notebook 05 shows it: without a plan, before a run, and after one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit import language
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.report import republish_tables
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import write_plan
from dlqkit.republish.plan_decisions import Approval, write_approval
from dlqkit.republish.sending import send_events
from tests.evidence.test_folder import gather, row
from tests.left_in_english import left_in_english, texts_of
from tests.republish.sent_plans import make_plan, planned


class Sink:
    """Acknowledges everything."""

    def send(self, messages: object) -> list[str]:
        return [f"m{one.item}" for one in messages]  # type: ignore[attr-defined]

    def close(self) -> None:
        return


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    return gather(tmp_path / "incident", [row(number, 10) for number in (1, 2, 3)])


def test_without_a_plan_each_table_says_so(folder: IncidentFolder) -> None:
    for show in (republish_tables.show_plans, republish_tables.show_journal, republish_tables.show_proof,
                 republish_tables.show_unproven, republish_tables.show_chosen_plan,
                 republish_tables.show_chosen_left_out):  # fmt: skip
        assert "no plan yet" in show(folder).to_html()


def test_approval_journal_and_proof_of_a_plan_are_shown_and_add_up(folder: IncidentFolder) -> None:
    """Three events, two sent, of which no record tells: 2 not seen + 1 not sent = 3."""
    plan = make_plan([planned(1), planned(2, trace_id="<b>t2"), planned(3)], snapshot=folder.snapshot)
    write_plan(folder.path, plan, {})
    before = republish_tables.show_plans(folder).rows[0]
    write_approval(folder.path, Approval(plan.plan_id, plan.hash, "anna", "root removed", plan.as_of, (), 120.0))
    with open_journal(folder.path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        send_events(journal, Sink(), plan, [1, 2], run_id=run_id, step=1, max_rate=1000, should_stop=lambda: False)
    after = republish_tables.show_plans(folder).rows[0]

    assert "not approved" in before[3] and "anna" in after[3]
    assert after[4] == "2 acked, 1 planned"
    assert republish_tables.show_journal(folder).rows == (("acked", "2"), ("planned", "1"))
    counts = [row[:2] for row in republish_tables.show_proof(folder).rows]
    assert counts == [("not seen", "2"), ("not sent", "1"), ("in all", "3")]
    unproven = republish_tables.show_unproven(folder, limit=2)
    assert [row[2] for row in unproven.rows] == ["not seen", "not seen"]
    assert "<b>" not in unproven.to_html()


@pytest.mark.parametrize("is_made", [False, True])
def test_the_tables_of_a_republish_are_read_in_russian(folder: IncidentFolder, is_made: bool) -> None:
    """Before a plan and after one; ids, addresses and hashes stay as they are."""
    plan = make_plan([planned(1)], snapshot=folder.snapshot)
    if is_made:
        write_plan(folder.path, plan, {})
    with language.use("ru"):
        tables = [
            show(folder)
            for show in (republish_tables.show_plans, republish_tables.show_journal, republish_tables.show_proof,
                         republish_tables.show_unproven, republish_tables.show_chosen_left_out)
        ]  # fmt: skip
        texts = texts_of(*tables)

    assert left_in_english(texts, "plan-001", "trace_id", "t1") == []
