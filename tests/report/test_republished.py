"""The republish as the report tells it: plans, approval, what became of the events, who did what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dlqkit import language
from dlqkit.evidence import audit_log
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.report import republished
from dlqkit.report.coverage import coverage_rows, evidence_end
from dlqkit.report.facts import facts, facts_json, load_facts
from dlqkit.report.past_republish import find_horizon
from dlqkit.report.sections import choose_sections
from dlqkit.report.tables import Table
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan import LeftOut, Plan, plan_path, write_plan
from dlqkit.republish.plan_decisions import Approval, Cancellation, write_approval, write_cancellation
from dlqkit.republish.sending import send_events
from tests.evidence.test_folder import gather, row
from tests.left_in_english import left_in_english, texts_of
from tests.report.example import HOSTILE, make_facts
from tests.report.test_republish_tables import Sink
from tests.republish.sent_plans import make_plan, planned


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    return gather(tmp_path / "incident", [row(number, 10) for number in (1, 2, 3)])


def write(folder: IncidentFolder, **more: object) -> Plan:
    left = (LeftOut("k9", "t9", "succeeded later", "at 12:30"), LeftOut("k8", HOSTILE, "business error", ""))
    plan = make_plan([planned(1), planned(2), planned(3)], snapshot=folder.snapshot, left_out=left, **more)
    write_plan(folder.path, plan, {})
    return plan


def send(folder: IncidentFolder, plan: Plan, items: list[int]) -> None:
    write_approval(folder.path, Approval(plan.plan_id, plan.hash, "anna", "root removed", plan.as_of, (), 120.0))
    with open_journal(folder.path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        send_events(journal, Sink(), plan, items, run_id=run_id, step=1, max_rate=1000, should_stop=lambda: False)


def test_without_a_plan_the_report_has_no_word_of_a_republish(folder: IncidentFolder) -> None:
    found = facts(folder)

    assert found["republish"] == {
        "plans": [], "passed": [], "sent": [], "died_again": [], "in_doubt": [], "planned": [],
        "first_passed_at": None, "unsent": [], "audit": [], "mark": "", "problem": "",
    }  # fmt: skip
    assert "Republished" not in {line["label"] for line in found["communication"]}


def test_a_plan_that_was_sent_in_part_is_told_with_totals_that_add_up(folder: IncidentFolder) -> None:
    """Three planned, two sent, of which no record tells: 2 not seen + 1 not sent = 3."""
    plan = write(folder)
    send(folder, plan, [1, 2])

    told = republished.describe_republish(folder, folder.collected_at)

    (only,) = told["plans"]
    assert only["approved"] == {"by": "anna", "at": plan.as_of, "reason": "root removed"}
    assert only["states"] == {"acked": 2, "planned": 1}
    assert {name: count for name, count in only["totals"].items() if count} == {"not_seen": 2, "not_sent": 1}
    assert only["balances"]
    assert only["left_out"] == {"succeeded later": 1, "business error": 1}
    assert len(told["sent"]) == 2 and told["passed"] == []
    assert (told["planned"], told["died_again"], told["in_doubt"]) == (["e3"], [], [])
    assert republished.summarise_republish(told) == (
        "2 events were sent again by approved plans; of those planned: 2 not seen, 1 not sent."
    )


def test_the_report_says_that_it_cannot_tell_of_a_plan_whose_file_is_gone(folder: IncidentFolder) -> None:
    """Its events were sent, by the journal, and what became of them can no longer be proven."""
    plan = write(folder)
    send(folder, plan, [1, 2])
    plan_path(folder.path, plan.plan_id).unlink()

    told = republished.describe_republish(folder, folder.collected_at)

    assert (told["plans"], told["problem"]) == ([], "plan-001.json is gone, and the journal has its events.")
    assert told["mark"] == told["problem"]
    with language.use("ru"):
        again = republished.describe_republish(folder, folder.collected_at)
    assert again["problem"] == "Файла plan-001.json нет, а события плана есть в журнале."
    assert again["mark"] == told["mark"]


def test_a_plan_of_later_evidence_is_not_told_of_before_it(folder: IncidentFolder) -> None:
    """As of a moment before the plan, nobody had planned anything."""
    write(folder, as_of="2999-01-01T00:00:00+00:00")

    assert republished.describe_republish(folder, folder.collected_at)["plans"] == []


@pytest.mark.parametrize(("snapshot", "plans"), [("001", ["plan-001"]), ("002", []), ("1000", [])])
def test_a_plan_of_a_later_snapshot_is_not_told_of_an_earlier_one(
    folder: IncidentFolder, snapshot: str, plans: list[str]
) -> None:
    """Its evidence ends before that of snapshot 001, which had worker logs too; it was made after it all the same."""
    plan = make_plan([planned(1)], snapshot=snapshot)
    write_plan(folder.path, plan, {})

    told = republished.describe_republish(folder, folder.collected_at)["plans"]

    assert plan.as_of < folder.collected_at.isoformat()
    assert [one["plan_id"] for one in told] == plans


def test_a_former_snapshots_report_tells_only_what_had_been_done_by_then(folder: IncidentFolder) -> None:
    """Planned on 001, two sent, 002 collected, the third sent and the plan given up, 003 collected."""
    plan = write(folder)
    audit_log.append(folder.path, "republish plan", plan_id=plan.plan_id)
    send(folder, plan, [1, 2])
    audit_log.append(folder.path, "republish run ended", plan=plan.plan_id, sentence="Stopped.")
    now = republished.describe_republish(folder, folder.collected_at)
    second = gather(folder.path, [row(4, 11)])
    with open_journal(folder.path) as journal:
        run_id = journal.begin_run(plan.plan_id)
        send_events(journal, Sink(), plan, [3], run_id=run_id, step=2, max_rate=1000, should_stop=lambda: False)
    audit_log.append(folder.path, "republish run ended", plan=plan.plan_id, sentence="Nothing is left to be sent.")
    write_cancellation(folder.path, Cancellation(plan.plan_id, plan.hash, "boris", "enough", _now()))
    third = gather(folder.path, [row(5, 12)])

    told = {
        one.snapshot: republished.describe_republish(one, one.collected_at)
        for one in (open_incident(folder.path, snapshot=name) for name in ("001", "002", "003"))
    }

    assert [len(told[name]["plans"]) for name in ("001", "002", "003")] == [0, 1, 1]
    assert told["001"]["sent"] == told["001"]["audit"] == []
    assert now["plans"][0]["states"] == {"acked": 2, "planned": 1}
    assert second.snapshot == "002" and third.snapshot == "003"
    (former,), (newest,) = told["002"]["plans"], told["003"]["plans"]
    assert former["states"] == {"acked": 2, "planned": 1}
    assert (former["last_run"], newest["last_run"]) == ("Stopped.", "Nothing is left to be sent.")
    assert former["totals"]["not_sent"] == 1 and len(told["002"]["sent"]) == 2
    assert (former["is_cancelled"], newest["is_cancelled"]) == (False, True)
    assert former["approved"]["by"] == "anna" and newest["approved"] is None
    # Planned, approved, run ended; and the second run, and that it was called off.
    assert [len(told[name]["audit"]) for name in ("002", "003")] == [3, 5]
    assert newest["states"] == {"acked": 3}


@pytest.mark.parametrize(
    ("finished", "is_former"),
    [([], False), (["001"], False), (["001", "002"], True), (["001", "1000"], True)],
)
def test_a_snapshot_that_is_being_taken_is_the_newest(
    folder: IncidentFolder, finished: list[str], is_former: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look is at one that is not among the finished."""
    monkeypatch.setattr(IncidentFolder, "snapshots", property(lambda _: finished))

    until = find_horizon(folder, evidence_end(folder, coverage_rows(folder)))

    assert until == (folder.collected_at if is_former else None)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def test_a_report_as_of_an_earlier_moment_tells_no_run_of_after_it(folder: IncidentFolder) -> None:
    plan = write(folder)
    send(folder, plan, [1, 2])

    early = republished.describe_republish(folder, evidence_end(folder, coverage_rows(folder)) - timedelta(seconds=1))

    assert early["plans"][0]["states"] == {"planned": 3}
    assert early["plans"][0]["totals"] is None and early["sent"] == []


def test_facts_of_before_a_run_are_computed_anew_after_it(folder: IncidentFolder) -> None:
    """The post-mortem was made, then something was sent: the same snapshot, another report."""
    plan = write(folder)
    (folder.path / "report").mkdir()
    (folder.path / "report" / "facts.json").write_bytes(facts_json(facts(folder)))
    before = load_facts(folder, "report/facts.json")
    send(folder, plan, [1])

    assert before["republish"]["plans"][0]["totals"] is None
    assert load_facts(folder, "report/facts.json")["republish"]["plans"][0]["totals"] is not None


def test_what_is_left_out_and_who_approved_stand_in_the_report_escaped(folder: IncidentFolder) -> None:
    plan = write(folder)
    send(folder, plan, [1])

    given = make_facts(republish=republished.describe_republish(folder, folder.collected_at))
    blocks = dict(choose_sections(given))["Solution"]
    html = " ".join(block.to_html() for block in blocks if isinstance(block, Table))

    assert "business error" in html and "succeeded later" in html
    assert "by anna" in html and plan.hash[:12] in html
    assert "<script>" not in html
    assert "not sent" in html and "in all" in html


def test_the_republish_is_told_in_russian_from_a_journal_that_is_kept_in_english(folder: IncidentFolder) -> None:
    """The log has the run's last sentence in English, whoever ran it; people's names and reasons stay as they are."""
    plan = write(folder)
    send(folder, plan, [1, 2])
    ended = "Nothing is left to be sent: 2 of 3 events are acknowledged; 1 in doubt."
    audit_log.append(folder.path, "republish run ended", plan=plan.plan_id, sentence=ended, name="anna")
    with language.use("ru"):
        told = republished.describe_republish(folder, folder.collected_at)
        given = make_facts(republish=told)
        fates = republished.show_fates(given)
        texts = texts_of(
            fates,
            republished.show_republished(given),
            republished.show_not_sent(given),
            republished.show_audit(given),
        )
        texts.append(republished.summarise_republish(told))

    assert left_in_english(texts, "anna", "root removed", HOSTILE, "plan-001", plan.hash[:12]) == []
    assert told["plans"][0]["last_run"] == "Отправлять больше нечего: подтверждено 2 из 3; под вопросом: 1."
    assert fates.rows[0][1:3] == ("не видно", "2")
    assert told["plans"][0]["left_out"] == {"succeeded later": 1, "business error": 1}
    assert republished.mark_republish(folder) == told["mark"]


def test_a_reason_that_somebody_gave_is_not_translated(folder: IncidentFolder) -> None:
    """ "nothing was sent" may be anybody's word; only dlqkit's own sentences are told again."""
    plan = write(folder)
    audit_log.append(folder.path, "republish cancel", plan=plan.plan_id, name="anna", reason="nothing was sent")
    with language.use("ru"):
        told = republished.describe_republish(folder, folder.collected_at)

    assert told["audit"][-1]["why"] == "nothing was sent"
    assert told["audit"][-1]["action"] == "отменён"
