"""What a plan says aloud: what is not known, and what to think of before approving."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from dlqkit.frames import Completeness
from dlqkit.republish.drafts import Drafts
from dlqkit.republish.plan import PlannedEvent, Target
from dlqkit.settings import Settings, WorkflowSettings

__all__ = ["find_siblings", "find_unknowns", "find_warnings"]


_WORD = re.compile(r"\w+")


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


def _of(count: int, total: int) -> str:
    return f"{count:,} of {total:,} event{'' if total == 1 else 's'}"


def find_unknowns(
    events: Sequence[PlannedEvent],
    records: pd.DataFrame,
    settings: Settings,
    target: Target,
    completeness: Completeness,
    more: Sequence[str],
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
        sent = f"only {target.dedupe_attribute} is" if target.dedupe_attribute else "none are"
        said.append(f"Not known: the attributes of {_of(no_attributes, total)}; {sent} sent.")
    if no_key:
        said.append(f"Not known: the ordering keys of {_of(no_key, total)}; they are sent without one.")
    if no_trace:
        said.append(f"Not known: whether {_of(no_trace, total)} without a trace succeeded since.")
    if completeness != "complete":
        word = "were not read whole" if completeness == "partial" else "may not be all there are"
        said.append(f"The execution records {word}: an event may have succeeded unseen.")
    unplaced = [name for name in find_siblings(records, events) if _topic(name, settings) is None]
    if unplaced and target.kind == "pubsub":
        names = ", ".join(_name(name, settings) for name in unplaced)
        said.append(
            f"Not known: whether other workflows of the same traces take from this topic and run again: {names}."
        )
    beside = [event for event in events if event.failure_class == "business" and _is_beside(event, records)]
    if beside:
        said.append(
            f"Not known: whether the edit mends what failed in {_of(len(beside), len(events))}: none of the fields"
            " that it changes is named by the error or by the schema."
        )
    return (*said, *dict.fromkeys(more))


def _is_beside(event: PlannedEvent, records: pd.DataFrame) -> bool:
    """Whether an edit touches none of the fields that the error's text, or the team's schema, names."""
    if event.edited is None:
        return False
    own = records[(records["event_key"] == event.event_key) & records["queued_to_dlq"].fillna(False).astype(bool)]
    named = " ".join([*own["last_error"].dropna().astype("str"), str(event.edited["refused_before"])]).casefold()
    words = set(_WORD.findall(named))
    paths = [str(change["path"]).casefold() for change in event.edited["changes"]]
    return not any(words & set(_WORD.findall(path)) - {"payload"} for path in paths)


def find_warnings(
    events: Sequence[PlannedEvent],
    drafts: Drafts,
    records: pd.DataFrame,
    settings: Settings,
    target: Target,
    not_found: Sequence[str],
    *,
    is_registry_shared: bool,
) -> tuple[str, ...]:
    """Sentences to read before approving.

    Parameters
    ----------
    events, records, settings, target
        As for ``find_unknowns``.
    drafts : Drafts
        What the events were made from.
    not_found : sequence of str
        Ids of the selection that are no dead event.
    is_registry_shared : bool
        Whether other people's open plans were looked at.

    Returns
    -------
    tuple of str
    """
    said = []
    if target.kind == "pubsub":
        said.append("Every subscription of the topic gets a copy, whoever reads it.")
        again = [(name, count) for name, count in find_siblings(records, events).items()
                 if _topic(name, settings) == target.address]  # fmt: skip
        said += [f"{_name(name, settings)} takes from the same topic and runs again for {count:,} of the traces."
                 for name, count in again]  # fmt: skip
    own = {event.workflow_id for event in events}
    elsewhere = sorted({topic for name in own if (topic := _topic(name, settings))} - {target.address})
    if elsewhere and target.kind == "pubsub":
        said.append(f"This is not the workflow's own topic, {elsewhere[0]}.")
    unread = sum(draft.is_original_text is None for draft in drafts.planned)
    if unread:
        said.append(
            f"The text of {_of(unread, len(events))} is the execution record's own; the original message was not read"
            " and may have had other bytes."
        )
    if settings.workflows.get(next(iter(own), ""), WorkflowSettings()).envelope is not None:
        said.append("The payloads are wrapped in the envelope of the settings.")
    if target.dedupe_attribute is None:
        said.append("The dedupe attribute is off: a consumer cannot tell a repeat.")
    if drafts.entity_unknown:
        said.append(
            f"Not known: the entity of {drafts.entity_unknown:,} selected, and so whether a newer event succeeded."
        )
    if not_found:
        shown = ", ".join(not_found[:5]) + (", …" if len(not_found) > 5 else "")
        said.append(f"Listed, and no dead event here: {len(not_found):,} ({shown}).")
    if not is_registry_shared:
        said.append("Not checked elsewhere: a plan in another folder may hold the same events.")
    counts: dict[str, int] = {}
    for event in events:
        for warning in event.warnings:
            counts[warning] = counts.get(warning, 0) + 1
    repeated = {words: count for words, count in counts.items() if count > 1}
    said += [f"{count:,} events: {words}" for words, count in sorted(repeated.items())]
    return tuple(said)
