"""Whether an approved plan may still be sent: as today's settings are, not as they were when it was made."""

from __future__ import annotations

from pathlib import Path

from dlqkit.errors import PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.people import is_same_person
from dlqkit.republish.plan import Plan
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.targets import choose_target
from dlqkit.republish.words import exact
from dlqkit.settings import Settings

__all__ = ["check_permission", "planned_by", "refuse_planner"]


def planned_by(directory: Path, plan: Plan) -> str | None:
    """Who made the plan, as the audit log has it."""
    for line in reversed(audit_log.read(directory)):
        if line.get("action") == "republish plan" and line.get("hash") == plan.hash:
            return str(line.get("planned_by", "")) or None
    return None


def refuse_planner(planner: str | None, by: str, plan: Plan) -> None:
    """Refuse an approval by whoever made the plan.

    Raises
    ------
    PlanError
        If it is the same person, or nobody knows who made it.
    """
    if planner is None:
        raise PlanError(f"Nobody knows who made {plan.plan_id}; the audit log lacks it.", "Make a new plan.")
    if is_same_person(planner, by):
        raise PlanError(
            f"{by[:60]} made {plan.plan_id}, and the settings ask for a second pair of eyes.",
            "Have somebody else read and approve it.",
        )


def _own_topic(plan: Plan, settings: Settings) -> str | None:
    own = settings.workflows.get(plan.events[0].workflow_id)
    return None if own is None else own.topic


def check_permission(directory: Path, plan: Plan, settings: Settings, server: str) -> None:
    """Refuse to send a plan that today's settings would not let be made or approved.

    Parameters
    ----------
    directory : Path
        The incident folder.
    plan : Plan
        Approved.
    settings : Settings
        As they are now.
    server : str
        Where the topic's Pub/Sub would be found now, from ``publisher.find_server``.

    Raises
    ------
    PlanError
        If the topic is no longer allowed or the workflow's own, the endpoint or server is another one, the rate is
        above today's ceiling, or a second person is asked for and has not approved it.
    EvidenceError
        If the plan is not approved.
    """
    target, own = plan.target, settings.republish
    if target.kind == "http":
        now = choose_target(plan.events[0].workflow_id, settings, use_http=True).address if own.http else None
        if now != target.address:
            raise PlanError(
                f"{plan.plan_id} is for another endpoint than republish.http.url names now.",
                "Make a new plan, or set the endpoint that was approved.",
            )
    elif target.address not in own.allowed_topics:
        raise PlanError(
            f"The topic {target.address[:120]} is no longer on the list of allowed topics.",
            "If it is right, add it to republish.allowed_topics in the settings; else make a new plan.",
        )
    elif not plan.is_other_topic and _own_topic(plan, settings) not in {None, target.address}:
        raise PlanError(
            f"The topic {target.address[:120]} is no longer the workflow's own.",
            "Cancel the plan and make a new one; or set the topic that was approved.",
        )
    elif target.server != server:
        raise PlanError(
            f"{plan.plan_id} is for Pub/Sub at {target.server or 'an unknown server'}, and {server} would get it.",
            "Set republish.endpoint or PUBSUB_EMULATOR_HOST as it was, or make a new plan.",
        )
    if own.max_rate is not None and plan.max_rate > own.max_rate:
        raise PlanError(
            f"{plan.plan_id} sends {exact(plan.max_rate)} events a second, and the settings allow "
            f"{exact(own.max_rate)} now.",
            "Make a new plan.",
        )
    if own.second_approver or plan.second_approver:
        refuse_planner(planned_by(directory, plan), read_approval(directory, plan).by, plan)
