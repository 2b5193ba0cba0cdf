"""Whether a plan may still be approved and sent: as today's settings are, not as they were when it was made."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from dlqkit.errors import PlanError
from dlqkit.evidence import audit_log
from dlqkit.republish.edited import hash_rules
from dlqkit.republish.gather import read_schema
from dlqkit.republish.next_steps import REASON, approve_command, here
from dlqkit.republish.people import is_same_person
from dlqkit.republish.plan import Plan
from dlqkit.republish.plan_decisions import read_approval
from dlqkit.republish.targets import choose_target
from dlqkit.republish.words import exact
from dlqkit.settings import Settings

__all__ = ["check_permission", "check_settings", "needs_second", "planned_by", "refuse_planner"]

_ANEW = f"give it up and make a new plan: dlqkit republish cancel DIR PLAN {REASON}"


def planned_by(directory: Path, plan: Plan) -> str | None:
    """Who made the plan, as the audit log has it."""
    for line in reversed(audit_log.read(directory)):
        if line.get("action") == "republish plan" and line.get("hash") == plan.hash:
            return str(line.get("planned_by", "")) or None
    return None


def needs_second(plan: Plan, settings: Settings) -> bool:
    """Whether another person than the planner must approve: so the settings say, or said when it was planned."""
    return settings.republish.second_approver or plan.second_approver


def refuse_planner(directory: Path, by: str, plan: Plan) -> None:
    """Refuse an approval by whoever made the plan.

    Raises
    ------
    PlanError
        If it is the same person, or nobody knows who made it.
    """
    planner = planned_by(directory, plan)
    if planner is None:
        raise PlanError(
            f"Nobody knows who made {plan.plan_id}; the audit log lacks it.",
            here(f"You can {_ANEW}", directory, plan.plan_id),
        )
    if is_same_person(planner, by):
        command = approve_command(directory, plan.plan_id, plan.unknowns, plan.outcome_deadline_s)
        which = " that it was planned by" if plan.second_approver else ""
        raise PlanError(
            f"{by[:60]} made {plan.plan_id}, and the settings{which} ask for a second pair of eyes.",
            f"Have somebody else read and approve it: {command}",
        )


def check_settings(directory: Path, plan: Plan, settings: Settings) -> None:
    """Refuse a plan that today's settings would not let be made.

    Parameters
    ----------
    directory : Path
        The incident folder.
    plan : Plan
    settings : Settings
        As they are now.

    Raises
    ------
    PlanError
        If the topic is no longer allowed or no longer the workflow's own, the endpoint is another one, the rate is
        above today's ceiling, or payloads would be held against other locked fields or another schema.
    ParameterError
        If the schema cannot be read.
    """
    _check_target(directory, plan, settings)
    own = settings.republish
    if own.max_rate is not None and plan.max_rate > own.max_rate:
        raise PlanError(
            f"{plan.plan_id} sends {exact(plan.max_rate)} events a second, and the settings allow "
            f"{exact(own.max_rate)} now.",
            here(f"You can {_ANEW}", directory, plan.plan_id),
        )
    is_edited = any(event.edited is not None for event in plan.events)
    if plan.rules_sha256 != hash_rules(own.locked_fields, read_schema(settings), is_edited=is_edited):
        raise PlanError(
            f"{plan.plan_id} was made under other locked fields or another schema than the settings have now.",
            here(f"Correct the settings if they are wrong, or {_ANEW}", directory, plan.plan_id),
        )


def _check_target(directory: Path, plan: Plan, settings: Settings) -> None:
    target, own = plan.target, settings.republish
    if target.kind == "http":
        now = choose_target(plan.events[0].workflow_id, settings, use_http=True).address if own.http else None
        if now != target.address:
            raise PlanError(
                f"{plan.plan_id} is for another endpoint than republish.http.url names now.",
                here(f"Set the endpoint that was planned, or {_ANEW}", directory, plan.plan_id),
            )
    elif target.address not in own.allowed_topics:
        _refuse_topic(directory, plan, settings)
    elif not plan.is_other_topic and (topic := _own_topic(plan, settings)) not in {None, target.address}:
        raise PlanError(
            f"The topic {target.address[:120]} is no longer the workflow's own, {str(topic)[:120]}.",
            here(f"Correct the settings if they are wrong, or {_ANEW}", directory, plan.plan_id),
        )


def _own_topic(plan: Plan, settings: Settings) -> str | None:
    own = settings.workflows.get(plan.events[0].workflow_id)
    return None if own is None else own.topic


def _refuse_topic(directory: Path, plan: Plan, settings: Settings) -> NoReturn:
    if not settings.republish.allowed_topics:
        raise PlanError(
            f"The settings that were read ({settings.file or 'the environment alone'}) allow no topic at all.",
            "Name those that the plan was made by, by --config FILE or --profile NAME before the command.",
        )
    raise PlanError(
        f"The topic {plan.target.address[:120]} is no longer on the list of allowed topics.",
        here(f"If it is right, add it to republish.allowed_topics; else {_ANEW}", directory, plan.plan_id),
    )


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
        If ``check_settings`` refuses it, the server is another one, or a second person is asked for and has not
        approved it.
    ParameterError
        If the schema cannot be read.
    EvidenceError
        If the plan is not approved.
    """
    check_settings(directory, plan, settings)
    target = plan.target
    if target.kind == "pubsub" and target.server != server:
        raise PlanError(
            f"{plan.plan_id} is for Pub/Sub at {target.server or 'an unknown server'}, and {server} would get it.",
            here(f"Set republish.endpoint or PUBSUB_EMULATOR_HOST as it was, or {_ANEW}", directory, plan.plan_id),
        )
    if needs_second(plan, settings):
        refuse_planner(directory, read_approval(directory, plan).by, plan)
