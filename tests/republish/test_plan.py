from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from dlqkit.errors import EvidenceError, ParameterError, PlanError
from dlqkit.republish import frozen
from dlqkit.republish.plan import dedupe_key, find_plans, hash_plan, plan_path, read_outlook, read_plan, write_plan
from dlqkit.republish.plan_decisions import Approval, Cancellation, read_approval, write_approval, write_cancellation
from tests.republish.cases import event, small_plan


def _approval(plan_hash: str, **more: object) -> Approval:
    values = {"plan_id": "plan-001", "hash": plan_hash, "by": "ann", "reason": "root removed",
              "at": "2026-03-02T13:00:00+00:00", "accepted": ("Not known: x.",),
              "outcome_deadline_s": 30.0}  # fmt: skip
    return Approval(**{**values, **more})  # type: ignore[arg-type]


def test_a_plan_is_read_as_it_was_written_by_its_owner_alone(tmp_path: Path) -> None:
    """The file holds the whole plan, and nobody else may read the payloads in it."""
    plan = small_plan(("a", "b"), events=(event(1, "a", '{"n":1.10,"s":"é\\u0041"}'), event(2, "b", "текст")))

    path = write_plan(tmp_path, plan, {"seconds": 2})

    assert read_plan(tmp_path, "plan-001") == plan
    assert read_outlook(tmp_path, "plan-001") == {"seconds": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_plans(tmp_path) == ["plan-001"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"payload":"{}"', '"payload":"{ }"'),
        ("topics/orders", "topics/others"),
        ('"max_rate":5.0', '"max_rate":50.0'),
        ('"max_rate":5.0', '"max_rate":5e999'),
        ('"trace_id":"t-a"', '"trace_id":"t-c"'),
        ('"reason":"succeeded later"', '"reason":"poison"'),
        ('"left_out":[', '"more":1,"left_out":['),
        ('"steps":[1,1]', '"steps":[2]'),
        ('"max_rate":5.0', '"max_rate":5.0,"max_rate":5.0'),
        ('"unknowns":["Not known: x."]', '"unknowns":[]'),
        ("}", ""),
    ],
)
def test_a_plan_that_was_changed_is_refused(tmp_path: Path, before: str, after: str) -> None:
    """No byte of payload, target, rate, left-out list or unknowns can be changed unseen."""
    path = write_plan(tmp_path, small_plan(), {})
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))

    with pytest.raises(EvidenceError, match="was changed"):
        read_plan(tmp_path, "plan-001")


def test_a_changed_plan_with_a_new_hash_of_its_own_is_refused_where_an_event_no_longer_fits(tmp_path: Path) -> None:
    """A forger who seals the plan again must also have changed the payload's own hash and key."""
    plan = small_plan()
    forged = replace(plan, events=(replace(plan.events[0], payload="{ }"), plan.events[1]), hash="")
    forged = replace(forged, hash=hash_plan(forged))

    with pytest.raises(EvidenceError):
        write_plan(tmp_path, forged, {})


def test_the_outlook_is_outside_the_hash(tmp_path: Path) -> None:
    """A forecast is shown and binds nobody."""
    path = write_plan(tmp_path, small_plan(), {"seconds": 2})
    path.write_text(path.read_text().replace('"seconds":2', '"seconds":3'))

    assert read_plan(tmp_path, "plan-001") == small_plan()


def test_a_plan_that_is_laid_out_by_hand_is_the_same_plan(tmp_path: Path) -> None:
    """Spaces and the order of names say nothing."""
    path = write_plan(tmp_path, small_plan(), {})
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))

    assert read_plan(tmp_path, "plan-001") == small_plan()


def test_a_plan_is_never_written_over_another(tmp_path: Path) -> None:
    """A name stands for one plan for good."""
    write_plan(tmp_path, small_plan(), {})

    with pytest.raises(EvidenceError, match="another plan"):
        write_plan(tmp_path, small_plan(("c",)), {})


@pytest.mark.parametrize("name", ["../plan-001", "plan-1", "plan-001.json", "plan-001.approval", ""])
def test_a_plans_name_is_no_path(tmp_path: Path, name: str) -> None:
    """What is typed as a plan's name cannot reach another file."""
    with pytest.raises(ParameterError, match="no plan"):
        plan_path(tmp_path, name)


def test_the_dedupe_key_is_the_same_for_the_same_send_and_another_one_for_any_other() -> None:
    """A consumer can drop a repeat by it, and never drops another event."""
    first = dedupe_key("projects/p/topics/t", "e", "00", 1)

    assert first == dedupe_key("projects/p/topics/t", "e", "00", 1)
    others = {
        dedupe_key("projects/p/topics/u", "e", "00", 1),
        dedupe_key("projects/p/topics/t", "f", "00", 1),
        dedupe_key("projects/p/topics/t", "e", "01", 1),
        dedupe_key("projects/p/topics/t", "e", "00", 2),
    }
    assert len(others | {first}) == 5


def test_an_approval_is_of_one_hash(tmp_path: Path) -> None:
    """The approval of a plan is none of the plan that has its name afterwards."""
    plan = small_plan()
    write_approval(tmp_path, _approval(plan.hash))

    assert read_approval(tmp_path, plan).by == "ann"
    with pytest.raises(EvidenceError, match="not of this"):
        read_approval(tmp_path, small_plan(("c",)))


@pytest.mark.parametrize("wrong", [{"accepted": ()}, {"outcome_deadline_s": None}, {"outcome_deadline_s": 60.0}])
def test_an_approval_that_leaves_something_unsaid_is_none(tmp_path: Path, wrong: dict[str, object]) -> None:
    """An unknown that was not repeated, or another deadline than the plan's, is no approval."""
    plan = small_plan()
    write_approval(tmp_path, _approval(plan.hash, **wrong))

    with pytest.raises(EvidenceError):
        read_approval(tmp_path, plan)


def test_a_plan_that_nobody_approved_or_that_was_given_up_is_not_approved(tmp_path: Path) -> None:
    """No approval, no send; and a cancelled plan stays cancelled."""
    plan = small_plan()
    with pytest.raises(EvidenceError, match="is not approved"):
        read_approval(tmp_path, plan)
    write_approval(tmp_path, _approval(plan.hash))
    write_cancellation(tmp_path, Cancellation("plan-001", plan.hash, "bob", "not needed", "2026-03-02T13:05:00+00:00"))

    with pytest.raises(EvidenceError, match="was cancelled by 'bob'"):
        read_approval(tmp_path, plan)


@pytest.mark.parametrize("wrong", [{"by": " "}, {"reason": "…"}, {"reason": ""}])
def test_an_approval_without_a_name_or_a_reason_is_none(tmp_path: Path, wrong: dict[str, object]) -> None:
    plan = small_plan()
    write_approval(tmp_path, _approval(plan.hash, **wrong))

    with pytest.raises(EvidenceError, match="lacks a name or a reason"):
        read_approval(tmp_path, plan)


@pytest.mark.parametrize("deadline", ["NaN", "Infinity", "1e999", "-1.0", "0.0"])
def test_an_approval_whose_deadline_is_no_time_is_none(tmp_path: Path, deadline: str) -> None:
    """A wait for ever, or none at all, was never meant."""
    plan = small_plan(outcome_deadline_s=None)
    write_approval(tmp_path, _approval(plan.hash))
    path = plan_path(tmp_path, "plan-001", "approval")
    path.write_text(path.read_text().replace('"outcome_deadline_s":30.0', f'"outcome_deadline_s":{deadline}'))

    with pytest.raises(EvidenceError):
        read_approval(tmp_path, plan)


def test_who_names_a_plan_wrongly_is_told_which_there_are(tmp_path: Path) -> None:
    write_plan(tmp_path, small_plan(("a",)), {})

    with pytest.raises(ParameterError, match="There is no plan 'plan-1'") as refused:
        plan_path(tmp_path, "plan-1")

    assert refused.value.next_step == "A plan is called plan-001, plan-002 and so on; there are: plan-001."


def test_a_plan_that_does_not_fit_into_memory_is_told_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is as large as its payloads, so nothing but the machine bounds it; it is not called changed."""
    path = plan_path(tmp_path, "plan-001")
    path.parent.mkdir()
    path.write_text("{" + " " * (3 << 20) + "}\n")
    monkeypatch.setattr(frozen, "free_memory_bytes", lambda: 4 << 20)

    with pytest.raises(PlanError, match=r"plan-001\.json has 3 MiB; to read it takes more memory"):
        read_plan(tmp_path, "plan-001")
