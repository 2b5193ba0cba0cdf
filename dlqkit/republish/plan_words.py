"""What a plan says aloud: what is not known, and what to think of before approving."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlqkit.frames import Completeness
from dlqkit.language import say, say_count
from dlqkit.republish.drafts import Drafts
from dlqkit.republish.named_fields import leaves_named
from dlqkit.republish.plan import Plan, PlannedEvent, Target
from dlqkit.settings import Settings, WorkflowSettings

__all__ = ["find_siblings", "find_unknowns", "find_warnings"]


# Names of fields in a sentence: enough to know what is meant.
_MOST_NAMES = 3
_LONGEST_NAME = 40


def find_siblings(records: pd.DataFrame, events: Sequence[PlannedEvent]) -> dict[str, int]:
    """Other workflows with records of the planned events' traces, and of how many of these traces."""
    traces = {event.trace_id for event in events if event.trace_id is not None}
    own = {event.workflow_id for event in events}
    others = records[records["trace_id"].isin(traces) & ~records["workflow_id"].isin(own)]
    counts = others.dropna(subset=["workflow_id"]).groupby("workflow_id")["trace_id"].nunique()
    return {str(name): int(count) for name, count in counts.sort_index().items()}


def _name(workflow_id: str, settings: Settings) -> str:
    name = settings.workflow_name(workflow_id)
    return f"{name} ({workflow_id})" if name else workflow_id


def _topic(workflow_id: str, settings: Settings) -> str | None:
    return settings.workflows.get(workflow_id, WorkflowSettings()).topic


def find_unknowns(
    events: Sequence[PlannedEvent],
    records: pd.DataFrame,
    settings: Settings,
    target: Target,
    completeness: Completeness,
    more: Sequence[str],
    *,
    only_dead_letters: bool = False,
) -> tuple[str, ...]:
    """Sentences on what nobody could find out and what may do harm; the approval repeats each of them.

    Parameters
    ----------
    events : sequence of PlannedEvent
    records : DataFrame
        ``frames.RECORDS`` of all workflows.
    settings, target
    completeness : str
        Of the records.
    more : sequence of str
        Sentences of the evidence's own.
    only_dead_letters : bool
        Whether the evidence was asked for nothing else of this workflow.

    Returns
    -------
    tuple of str
        The same for the same plan, in a fixed order.
    """
    total = len(events)
    said = []
    no_attributes = sum(event.attributes is None for event in events)
    no_key = sum(event.ordering_key is None for event in events)
    no_trace = sum(event.trace_id is None for event in events)
    if no_attributes:
        said.append(_no_attributes(no_attributes, total, target))
    if no_key:
        said.append(
            say_count(
                "Not known: the ordering keys of {part} of {count} event; they are sent without one.",
                "Not known: the ordering keys of {part} of {count} events; they are sent without one.",
                total, part=no_key,
            )
        )  # fmt: skip
    if no_trace:
        said.append(
            say_count(
                "Not known: whether {part} of {count} event without a trace succeeded since.",
                "Not known: whether {part} of {count} events without a trace succeeded since.",
                total, part=no_trace,
            )
        )  # fmt: skip
    if only_dead_letters:
        said.append(
            say("Only dead letters were asked for of this workflow: an event may have succeeded unseen."
                " Collect its other records first, with --workflow.")
        )  # fmt: skip
    if completeness == "partial":
        said.append(say("The execution records were not read whole: an event may have succeeded unseen."))
    elif completeness != "complete":
        said.append(say("The execution records may not be all there are: an event may have succeeded unseen."))
    unplaced = [name for name in find_siblings(records, events) if _topic(name, settings) is None]
    if unplaced and target.kind == "pubsub":
        said.append(
            say(
                "Not known: whether other workflows of the same traces take from this topic and run again: {names}.",
                names=", ".join(_name(name, settings) for name in unplaced),
            )
        )
    said += _edit_words([event for event in events if event.failure_class == "business"], records, total)
    return (*said, *dict.fromkeys(more))


def _no_attributes(count: int, total: int, target: Target) -> str:
    if target.dedupe_attribute:
        return say_count(
            "Not known: the attributes of {part} of {count} event; only {attribute} is sent.",
            "Not known: the attributes of {part} of {count} events; only {attribute} is sent.",
            total, part=count, attribute=target.dedupe_attribute,
        )  # fmt: skip
    return say_count(
        "Not known: the attributes of {part} of {count} event; none are sent.",
        "Not known: the attributes of {part} of {count} events; none are sent.",
        total, part=count,
    )  # fmt: skip


def _edit_words(events: Sequence[PlannedEvent], records: pd.DataFrame, total: int) -> list[str]:
    """Edits of business errors that may have nothing to do with what failed."""
    names: set[str] = set()
    beside = untold = 0
    edited = {event.event_key: event.edited for event in events if event.edited is not None}
    letters = records[records["event_key"].isin(edited) & records["queued_to_dlq"].fillna(False).astype(bool)]
    for key, own in letters.groupby("event_key"):
        note, payload = edited[str(key)], own["payload_snapshot"].iloc[-1]
        left = leaves_named(own["last_error"].dropna().astype("str").tolist(), payload, note["changes"])
        if left:
            beside, names = beside + 1, names | left
        # What the team's schema refused before it lets pass now, or the event would have been left out.
        untold += left is None and not note["refused_before"]
    said = []
    if beside:
        shown = ", ".join(name[:_LONGEST_NAME] for name in sorted(names)[:_MOST_NAMES])
        more = ", …" if len(names) > _MOST_NAMES else ""
        said.append(
            say_count(
                "Not known: whether the edit mends what failed in {part} of {count} event: the error names {fields},"
                " and the edit changes none of it.",
                "Not known: whether the edit mends what failed in {part} of {count} events: the error names {fields},"
                " and the edit changes none of it.",
                total, part=beside, fields=f"{shown}{more}",
            )
        )  # fmt: skip
    if untold:
        said.append(
            say_count(
                "Not known: whether the edit mends what failed in {part} of {count} event: the error names no field of"
                " the payload.",
                "Not known: whether the edit mends what failed in {part} of {count} events: the error names no field of"
                " the payload.",
                total, part=untold,
            )
        )  # fmt: skip
    return said


def find_warnings(
    events: Sequence[PlannedEvent],
    drafts: Drafts,
    records: pd.DataFrame,
    settings: Settings,
    target: Target,
    not_found: Sequence[str],
    *,
    is_registry_shared: bool,
    second_approver: bool = False,
    replaced: Plan | None = None,
    more: Sequence[str] = (),
) -> tuple[str, ...]:
    """Sentences to read before approving.

    Parameters
    ----------
    events, records, settings, target
        As for ``find_unknowns``.
    drafts : Drafts
        What the events were made from.
    not_found : sequence of str
        Ids, signatures and workflows of the selection that no dead event has.
    is_registry_shared : bool
        Whether other people's open plans were looked at.
    second_approver : bool
        Whether another person than the planner must approve.
    replaced : Plan, optional
        In whose place this one is made.
    more : sequence of str
        Sentences to say first.

    Returns
    -------
    tuple of str
    """
    said = list(more)
    if target.kind == "pubsub":
        said.append(say("Every subscription of the topic gets a copy, whoever reads it."))
        again = [(name, count) for name, count in find_siblings(records, events).items()
                 if _topic(name, settings) == target.address]  # fmt: skip
        said += [
            say(
                "{name} takes from the same topic and runs again for {count} of the traces.",
                name=_name(name, settings), count=count,
            )
            for name, count in again
        ]  # fmt: skip
    own = {event.workflow_id for event in events}
    elsewhere = sorted({topic for name in own if (topic := _topic(name, settings))} - {target.address})
    if elsewhere and target.kind == "pubsub":
        said.append(say("This is not the workflow's own topic, {topic}.", topic=elsewhere[0]))
    unread = sum(draft.is_original_text is None for draft in drafts.planned)
    if unread:
        said.append(
            say_count(
                "The text of {part} of {count} event is the execution record's own; the original message was not read"
                " and may have had other bytes.",
                "The text of {part} of {count} events is the execution record's own; the original message was not read"
                " and may have had other bytes.",
                len(events), part=unread,
            )
        )  # fmt: skip
    if settings.workflows.get(next(iter(own), ""), WorkflowSettings()).envelope is not None:
        said.append(say("The payloads are wrapped in the envelope of the settings."))
    left_then = set() if replaced is None else {one.event_key for one in replaced.left_out}
    more = [event.trace_id or event.event_key for event in events if event.event_key in left_then and not event.edited]
    if replaced is not None and more:
        shown = ", ".join(more[:5]) + (", …" if len(more) > 5 else "")
        said.append(
            say_count(
                "{count} event is planned that {plan} left out and no edit changed: {events}.",
                "{count} events are planned that {plan} left out and no edit changed: {events}.",
                len(more), plan=replaced.plan_id, events=shown,
            )
        )  # fmt: skip
    if target.dedupe_attribute is None:
        said.append(say("The dedupe attribute is off: a consumer cannot tell a repeat."))
    if drafts.entity_unknown:
        said.append(
            say(
                "Not known: the entity of {count} selected, and so whether a newer event succeeded.",
                count=drafts.entity_unknown,
            )
        )
    if not_found:
        shown = ", ".join(not_found[:5]) + (", …" if len(not_found) > 5 else "")
        said.append(say("Asked for, and no dead event here: {count} ({names}).", count=len(not_found), names=shown))
    if second_approver:
        said.append(say("Another person than whoever made it must approve it."))
    if not is_registry_shared:
        said.append(say("Not checked elsewhere: a plan in another folder may hold the same events."))
    counts: dict[str, int] = {}
    for event in events:
        for warning in event.warnings:
            counts[warning] = counts.get(warning, 0) + 1
    repeated = {words: count for words, count in counts.items() if count > 1}
    said += [f"{count:,} events: {words}" for words, count in sorted(repeated.items())]
    return tuple(said)
