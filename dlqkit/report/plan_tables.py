"""A republish plan for people: what is sent, left out, changed, not known; the same rows on every sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, duration_text
from dlqkit.republish.exclusions import REASONS
from dlqkit.republish.words import exact, figure

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.republish.plan import Plan

__all__ = ["show_edits", "show_left_out", "show_left_out_counts", "show_plan", "show_plan_diff", "show_planned"]

# More rows than anybody reads on a screen; the plan's file has all of them.
ROWS = 50


def show_plan(plan: Plan, outlook: Mapping[str, Any]) -> Text:
    """What a plan sends, where, how fast, what it adds to the load, and what must be said before it is approved."""
    classes = Counter(event.failure_class for event in plan.events)
    edited = sum(event.edited is not None for event in plan.events)
    share = outlook.get("added_share")
    keys = outlook.get("ordering_keys")
    at_most = outlook.get("seconds_at_most")
    lines = [
        Line("Events", f"{len(plan.events):,} to be sent, {len(plan.left_out):,} left out"
             + (f", {edited:,} edited" if edited else "")),
        Line("Classes", ", ".join(f"{count:,} {name}" for name, count in classes.most_common())),
        Line("To", plan.target.address + (f" at {plan.target.server}" if plan.target.server else "")),
        Line("Bytes", f"{outlook.get('bytes', 0):,}"),
        Line("Ordering keys", "not known" if keys is None else f"{keys:,}"),
        Line("Steps", f"{', '.join(map(str, plan.steps))}; at most {exact(plan.max_rate)} events a second"),
        Line("Takes", f"{duration_text(outlook.get('seconds'))} of sending; "
             + ("with the outcomes waited for: not known" if at_most is None
                else f"at most {duration_text(at_most)} with the outcomes waited for")),
        Line("Outcome by", "not known: the approval must say it" if plan.outcome_deadline_s is None
             else f"{duration_text(plan.outcome_deadline_s)} after the send"),
        Line("Adds", "not known: " + outlook.get("rate_basis", "") if share is None
             else f"up to {exact(plan.max_rate)} events a second while it sends, to {figure(outlook['rate_per_s'])} now"
                  f" ({outlook['rate_basis']}): {figure(share)} times as many"),
        *(Line("Note", words) for words in plan.warnings),
        *(Line(f"Unknown {number}", words, "unknown") for number, words in enumerate(plan.unknowns, start=1)),
        Line("Hash", plan.hash),
    ]  # fmt: skip
    replaced = f", in place of {plan.replaces}" if plan.replaces else ""
    return Text(f"{plan.plan_id} of {plan.incident}, snapshot {plan.snapshot}{replaced}", tuple(lines))


def show_planned(plan: Plan, most: int = ROWS) -> Table:
    """The first events of a plan, in the order of sending."""
    rows = tuple(
        (str(event.item), event.trace_id or event.event_key, event.failure_class,
         f"{len(event.payload.encode()):,}", "edited" if event.edited else "", " ".join(event.warnings))
        for event in plan.events[:most]
    )  # fmt: skip
    return Table("To be sent", ("item", "trace", "class", "bytes", "edit", "note"), rows, "nothing")


def show_left_out_counts(plan: Plan) -> Table:
    """How many events are left out for each reason, and what the reason means."""
    counts = Counter(one.reason for one in plan.left_out)
    rows = tuple((reason, f"{counts[reason]:,}", why) for reason, why in REASONS.items() if counts[reason])
    return Table("Left out", ("reason", "events", "because"), rows, "nothing")


def show_left_out(plan: Plan) -> Table:
    """Every event that is left out, with its reason."""
    rows = tuple((one.trace_id or one.event_key, one.reason, one.detail) for one in plan.left_out[:ROWS])
    return Table("Left out", ("trace", "reason", "detail"), rows, "nothing")


def show_edits(plan: Plan, most: int = ROWS) -> Table:
    """What was changed in which payload, by whom and why."""
    rows = []
    for event in plan.events:
        if event.edited is None:
            continue
        last = event.edited["edits"][-1]
        by = ", ".join(dict.fromkeys(str(note["by"]) for note in event.edited["edits"]))
        rows += [
            (event.trace_id or event.event_key, change["path"], _or_none(change["before"]), _or_none(change["after"]),
             f"{by}: {last['reason']}")
            for change in event.edited["changes"]
        ]  # fmt: skip
    return Table("Edited", ("trace", "field", "before", "after", "by, because"), tuple(rows[:most]), "nothing")


def _or_none(text: str | None) -> str:
    return "(nothing)" if text is None else text


def show_plan_diff(changes: pd.DataFrame) -> Table:
    """What changed in the world since a plan was made."""
    rows = tuple(
        (str(row.change), str(row.trace_id or row.event_key), str(row.before), str(row.now))
        for row in changes.head(ROWS).itertuples(index=False)
    )
    return Table("Changed since the plan was made", ("change", "trace", "before", "now"), rows, "nothing")
