"""What was approved is held against the settings once more when it is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.approval import approve_plan, keep_plan
from dlqkit.republish.edited import hash_rules
from dlqkit.republish.permission import check_permission, check_settings
from dlqkit.republish.plan import Plan, Target, dedupe_key, seal_plan
from dlqkit.republish.registry import find_registry
from tests.republish.cases import TOPIC, settings, small_plan

SERVER = "pubsub.googleapis.com:443"


def approved(directory: Path, **more: Any) -> Plan:
    """A plan for Google's own Pub/Sub, made by ann and approved by bob."""
    target = Target("pubsub", TOPIC, "dlqkit-dedupe-id", SERVER)
    target = more.pop("target", target)
    events = tuple(
        replace(one, dedupe_key=dedupe_key(target.address, one.event_key, one.payload_sha256, one.generation))
        for one in small_plan().events
    )
    own = more.pop("own", settings())
    plan = seal_plan(replace(small_plan(), target=target, events=events, **more))
    keep_plan(find_registry(directory, None), plan, {}, by="ann")
    approve_plan(find_registry(directory, None), plan, own, by="bob", reason="root removed", accepted=["1"])
    return plan


def test_a_plan_that_the_settings_still_permit_is_sent(tmp_path: Path) -> None:
    check_permission(tmp_path, approved(tmp_path), settings(second_approver=True), SERVER)


@pytest.mark.parametrize(
    ("now", "server", "words"),
    [
        ({"allowed_topics": ["projects/p/topics/other"]}, SERVER, "no longer on the list"),
        ({"allowed_topics": []}, SERVER, r"\(the environment alone\) allow no topic at all"),
        ({"max_rate": 2}, SERVER, "sends 5 events a second, and the settings allow 2 now"),
        ({}, "127.0.0.1:8085", "is for Pub/Sub at pubsub.googleapis.com:443, and 127.0.0.1:8085 would get it"),
    ],
)
def test_a_plan_that_they_no_longer_permit_is_refused(
    tmp_path: Path, now: dict[str, Any], server: str, words: str
) -> None:
    """A topic that was taken off the list, a lower ceiling, an emulator that is set by mistake."""
    with pytest.raises(PlanError, match=words):
        check_permission(tmp_path, approved(tmp_path), settings(**now), server)


def test_a_plan_for_an_endpoint_is_not_sent_to_another_one(tmp_path: Path) -> None:
    own = {"http": {"url": "https://one.example/ingest"}}
    target = Target("http", "https://one.example/ingest", "Idempotency-Key")
    plan = approved(tmp_path, target=target, own=settings(**own))

    check_permission(tmp_path, plan, settings(**own), SERVER)
    for other in ({}, {"http": {"url": "https://two.example/ingest"}}):
        with pytest.raises(PlanError, match="another endpoint"):
            check_permission(tmp_path, plan, settings(**other), SERVER)


def test_a_topic_that_is_no_longer_the_workflows_own_is_not_sent_to(tmp_path: Path) -> None:
    """The settings had named another service's topic and were corrected; a topic that was confirmed stays so."""
    now = settings({"topic": "projects/p/topics/new"}, allowed_topics=[TOPIC, "projects/p/topics/new"])

    plan = approved(tmp_path)
    with pytest.raises(PlanError, match="orders is no longer the workflow's own, projects/p/topics/new") as refused:
        check_permission(tmp_path, plan, now, SERVER)
    assert f"dlqkit republish cancel {tmp_path} plan-001" in refused.value.next_step
    check_permission(tmp_path / "b", approved(tmp_path / "b", is_other_topic=True), now, SERVER)


def test_what_may_not_be_sent_is_not_approved_either(tmp_path: Path) -> None:
    """The settings were corrected between plan and approval; nobody finds out only when it is to be sent."""
    registry, plan = find_registry(tmp_path, None), small_plan()
    now = settings({"topic": "projects/p/topics/new"}, allowed_topics=[TOPIC, "projects/p/topics/new"])
    keep_plan(registry, plan, {}, by="ann")

    with pytest.raises(PlanError, match="no longer the workflow's own"):
        approve_plan(registry, plan, now, by="bob", reason="root removed", accepted=["1"])
    approve_plan(registry, plan, settings(), by="bob", reason="root removed", accepted=["1"])


def test_locked_fields_and_schema_that_have_changed_since_are_refused(tmp_path: Path) -> None:
    """A field that was locked, or a schema that was named, after it was planned might let other payloads pass."""
    path = tmp_path / "orders.schema.json"
    path.write_text('{"type": "object"}')
    plan = approved(tmp_path)
    edited = replace(plan, events=(replace(plan.events[0], edited={"edits": [], "changes": []}),))

    # Locked fields concern edits alone.
    check_permission(tmp_path, plan, settings(locked_fields=["payload.customer_id"]), SERVER)
    with pytest.raises(PlanError, match="under other locked fields or another schema"):
        check_permission(tmp_path, plan, settings(schema=str(path)), SERVER)
    with pytest.raises(PlanError, match="under other locked fields or another schema"):
        check_settings(tmp_path, edited, settings(locked_fields=["payload.customer_id"]))


def test_rules_are_the_same_however_they_are_written_down() -> None:
    """Neither the order of locked fields nor that of a schema's keys makes others of them; no rules have no hash."""
    assert hash_rules(["b", "a", "b"], {"x": 1, "y": 2}, is_edited=True) == hash_rules(
        ["a", "b"], {"y": 2, "x": 1}, is_edited=True
    )
    assert hash_rules(["a"], None, is_edited=True) != hash_rules(["b"], None, is_edited=True)
    assert hash_rules(["a"], None, is_edited=False) == hash_rules([], None, is_edited=True) == ""


def test_settings_that_ask_for_no_second_person_do_not_take_back_those_of_the_plan(tmp_path: Path) -> None:
    """The profile that it was made by asked for one; approving without naming the profile is no way round."""
    registry, plan = find_registry(tmp_path, None), seal_plan(replace(small_plan(), second_approver=True))
    plan = seal_plan(replace(plan, target=replace(plan.target, server=SERVER)))
    keep_plan(registry, plan, {}, by="ann")

    with pytest.raises(PlanError, match="settings that it was planned by ask for a second pair of eyes"):
        approve_plan(registry, plan, settings(), by="Ann", reason="root removed", accepted=["1"])
    approve_plan(registry, plan, settings(), by="bob", reason="root removed", accepted=["1"])
    check_permission(tmp_path, plan, settings(), SERVER)


def test_a_second_person_can_approve_after_the_planner_did(tmp_path: Path) -> None:
    """The settings came to ask for him since; nobody else approves what a second person has approved."""
    registry, plan = find_registry(tmp_path, None), small_plan()
    plan = seal_plan(replace(plan, target=replace(plan.target, server=SERVER)))
    keep_plan(registry, plan, {}, by="ann")
    approve_plan(registry, plan, settings(), by="ann", reason="root removed", accepted=["1"])
    own = settings(second_approver=True)
    with pytest.raises(PlanError, match="ann made plan-001, and the settings ask for a second") as refused:
        check_permission(tmp_path, plan, own, SERVER)
    assert f"dlqkit republish approve {tmp_path} plan-001" in refused.value.next_step

    approve_plan(registry, plan, own, by="bob", reason="read it", accepted=["1"])

    check_permission(tmp_path, plan, own, SERVER)
    with pytest.raises(PlanError, match="approved already, by bob"):
        approve_plan(registry, plan, own, by="cid", reason="read it", accepted=["1"])


def test_a_second_person_is_asked_for_at_the_send_too(tmp_path: Path) -> None:
    """Whoever made the plan had approved it before the settings came to ask for a second pair of eyes."""
    registry, plan = find_registry(tmp_path, None), small_plan()
    plan = seal_plan(replace(plan, target=replace(plan.target, server=SERVER)))
    keep_plan(registry, plan, {}, by="ann")
    approve_plan(registry, plan, settings(), by="ann", reason="root removed", accepted=["1"])

    check_permission(tmp_path, plan, settings(), SERVER)
    with pytest.raises(PlanError, match="second pair of eyes"):
        check_permission(tmp_path, plan, settings(second_approver=True), SERVER)


def test_an_approval_that_the_audit_log_does_not_tell_of_is_none(tmp_path: Path) -> None:
    """A file can be copied into the folder; the log names who approved what."""
    plan = approved(tmp_path)
    path = tmp_path / audit_log.NAME
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(True) if b"approve" not in line))

    with pytest.raises(EvidenceError, match=r"audit\.jsonl does not tell"):
        check_permission(tmp_path, plan, settings(second_approver=True), SERVER)
