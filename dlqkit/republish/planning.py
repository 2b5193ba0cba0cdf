"""From evidence to plan: what is sent again, what is left out and why; the same evidence gives the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from dlqkit.errors import ParameterError, PlanError
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import SOURCE, use
from dlqkit.republish.drafts import Drafts, draft_events
from dlqkit.republish.edited import hash_rules
from dlqkit.republish.edits import Edit
from dlqkit.republish.exclusions import ACCEPTABLE, REASONS
from dlqkit.republish.known import Known
from dlqkit.republish.meant import find_dead_letters, in_order
from dlqkit.republish.next_steps import here
from dlqkit.republish.part import Part
from dlqkit.republish.plan import LeftOut, Plan, PlannedEvent, Target, dedupe_key, hash_text, seal_plan
from dlqkit.republish.plan_words import find_unknowns, find_warnings
from dlqkit.republish.selection import Selection, find_absent, select_events
from dlqkit.republish.targets import choose_rate, choose_steps, choose_target, find_deadline
from dlqkit.republish.words import events_of
from dlqkit.settings import Settings, WorkflowSettings

__all__ = ["plan_republish"]

_LOOK = "See why by one of them: dlqkit event DIR ID"
_PROVE = "See what became of them: dlqkit republish prove DIR PLAN"
_PROVE_THERE = "See what became of them by a proof of that plan, in the folder that sent them."
# What the analyst does where every selected event is left out for the same reason, if not to look at one.
_WAYS_ON: Mapping[str, str] = {
    "in doubt": "Settle what is in doubt first; see of which plans: dlqkit republish status DIR",
    "in another open plan": "Run that plan to its end, or cancel it, in the folder where it was made; then plan again.",
    "business error": "Edit what is wrong in them, by --patch of the next plan; see one: dlqkit event DIR ID",
}


# A plan is told in English, whoever makes it: its hash is over every word of it.
@use(SOURCE)
def plan_republish(
    records: pd.DataFrame,
    classified: pd.DataFrame,
    selection: Selection,
    settings: Settings,
    known: Known | None = None,
    *,
    plan_id: str = "plan-001",
    edits: Sequence[Edit] = (),
    topic: str | None = None,
    confirmed_topic: str | None = None,
    use_http: bool = False,
    max_rate: float | None = None,
    replaces: str | None = None,
    part: Part | None = None,
) -> Plan:
    """What is to be sent again: pure, and the same for the same evidence, whatever the order of its rows.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of all workflows, dead letters and others.
    classified : DataFrame
        A row per dead event, from ``decision.overrides.apply_overrides``.
    selection : Selection
        Which dead events are meant.
    settings : Settings
        Topics, rate, deadline, and what holds for the workflow.
    known : Known, optional
        Journal, original messages, claims of other plans, and where the evidence is from.
    plan_id, replaces : str
        Its name, and the plan that it stands in for.
    edits : sequence of Edit
        Changes of payloads, in order.
    topic, confirmed_topic, use_http
        As for ``targets.choose_target``.
    max_rate : float, optional
        Events per second, at most what is set.
    part : Part, optional
        Where the selection was made for a part of the events that are meant.

    Returns
    -------
    Plan
        Planned and left out together are the selected events, each once.

    Raises
    ------
    ParameterError
        If nothing was asked for, an option or edit does not fit, or the events are of several workflows: each has its
        own topic, rate and outcome to be judged by, so each gets its own plan.
    PlanError
        If no dead event is meant, or all of them are left out.
    FrameError
        If a column of the records is missing.
    """
    world = known or Known()
    check_frame(records, RECORDS, tuple(RECORDS))
    strange = sorted(set(selection.accept) - set(ACCEPTABLE))
    if strange:
        raise ParameterError(
            f"“{strange[0][:40]}” is no reason that can be answered for.", f"There are: {', '.join(ACCEPTABLE)}."
        )
    ordered = in_order(records)
    dead = find_dead_letters(ordered, classified)
    chosen, not_found = select_events(selection, dead)
    if chosen.empty:
        step = here("Look at what there is: dlqkit triage DIR", world.directory)
        raise PlanError(find_absent(selection, dead) or "No dead event is meant by this selection.", step)
    workflow_id = _one_workflow(chosen)
    own = settings.workflows.get(workflow_id, WorkflowSettings())
    target = choose_target(workflow_id, settings, topic=topic, confirmed_topic=confirmed_topic, use_http=use_http,
                           server=world.server)  # fmt: skip
    rate = choose_rate(settings, max_rate)
    as_of = pd.Timestamp(world.as_of) if world.as_of else ordered["recorded_at"].max()
    drafts = draft_events(ordered, dead, chosen, selection, settings, own, world, target, edits, as_of)
    events = _number(drafts, target)
    if not events:
        raise _all_left_out(drafts.left_out, world)
    replaced = next((plan for plan in world.earlier if plan.plan_id == replaces), None)
    # An edit under other settings does not do away with it.
    second_approver = settings.republish.second_approver or (replaced is not None and replaced.second_approver)
    return seal_plan(
        Plan(
            plan_id=plan_id,
            incident=world.incident,
            snapshot=world.snapshot,
            as_of="" if pd.isna(as_of) else as_of.isoformat(),
            selection=selection.to_json(),
            target=target,
            generation=max(event.generation for event in events),
            steps=choose_steps(len(events), settings.republish.steps),
            max_rate=rate,
            outcome_deadline_s=find_deadline(
                ordered[ordered["workflow_id"] == workflow_id], settings, _logs_of(world.worker_logs, workflow_id)
            ),
            events=events,
            left_out=tuple(sorted(drafts.left_out, key=lambda one: (list(REASONS).index(one.reason), one.event_key))),
            unknowns=find_unknowns(
                events,
                ordered,
                settings,
                target,
                world.completeness,
                world.unknowns,
                only_dead_letters=world.whole_workflows is not None and workflow_id not in world.whole_workflows,
            ),
            replaces=replaces,
            hash="",
            warnings=find_warnings(
                events,
                drafts,
                ordered,
                settings,
                target,
                not_found,
                is_registry_shared=world.is_registry_shared,
                replaced=replaced,
                second_approver=second_approver,
                more=() if part is None else part.tell(),
            ),
            verification_subscription=settings.republish.verification_subscription,
            is_other_topic=target.kind == "pubsub" and own.topic is not None and target.address != own.topic,
            second_approver=second_approver,
            rules_sha256=hash_rules(
                settings.republish.locked_fields, world.schema, is_edited=any(one.edited for one in events)
            ),
            clock_tolerance_s=settings.republish.clock_tolerance_s,
        )
    )


def _logs_of(lines: pd.DataFrame | None, workflow_id: str) -> pd.DataFrame | None:
    return None if lines is None else lines[lines["workflow_id"] == workflow_id]


def _one_workflow(chosen: pd.DataFrame) -> str:
    counts = Counter("" if pd.isna(name) else str(name) for name in chosen["workflow_id"])
    if len(counts) > 1:
        named = ", ".join(f"{name[:40] or 'no workflow'} ({count:,})" for name, count in sorted(counts.items())[:5])
        raise ParameterError(
            f"The selection holds events of {len(counts)} workflows: {named}.",
            "Make a plan for each of them: --workflow ID",
        )
    return next(iter(counts))


def _all_left_out(left_out: Sequence[LeftOut], world: Known) -> PlanError:
    """What is said where nothing is planned; the next step is that of the commonest reason."""
    counts = Counter(one.reason for one in left_out)
    said = ", ".join(f"{counts[reason]:,} {reason}" for reason in REASONS if counts[reason])
    first = next(one for one in left_out if one.reason == counts.most_common(1)[0][0])
    held_by = f" ({first.detail[:200]})" if first.reason in {"in another open plan", "already republished"} else ""
    way, plan_id = _WAYS_ON.get(first.reason, _LOOK), "PLAN"
    if first.reason == "already republished":
        named = set(first.detail.removeprefix("by ").split(", "))
        senders = [plan.plan_id for plan in world.earlier if plan.plan_id in named]
        way, plan_id = (_PROVE, senders[-1]) if senders else (_PROVE_THERE, plan_id)
    step = here(way, world.directory, plan_id, first.trace_id or first.event_key)
    return PlanError(f"Nothing is left to be planned of {events_of(len(left_out))}: {said}{held_by}.", step)


def _number(drafts: Drafts, target: Target) -> tuple[PlannedEvent, ...]:
    out = []
    for number, draft in enumerate(drafts.planned, start=1):
        digest = hash_text(draft.payload)
        out.append(
            PlannedEvent(
                item=number,
                event_key=draft.event_key,
                record_id=draft.record_id,
                workflow_id=draft.workflow_id,
                trace_id=draft.trace_id,
                dead_at=draft.dead_at,
                payload=draft.payload,
                payload_sha256=digest,
                original_sha256=hash_text(draft.original),
                attributes=draft.attributes,
                ordering_key=draft.ordering_key,
                dedupe_key=dedupe_key(target.address, draft.event_key, digest, draft.generation),
                failure_class=draft.failure_class,
                signature_id=draft.signature_id,
                edited=draft.edited,
                warnings=draft.warnings,
                generation=draft.generation,
                record_sha256=hash_text(draft.inner),
                value_sha256=draft.value_sha256,
                edited_sha256=draft.edited_sha256,
            )
        )
    return tuple(out)
