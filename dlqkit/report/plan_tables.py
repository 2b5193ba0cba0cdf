"""A republish plan for people: what is sent, left out, changed, not known; the same rows on every sink."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlqkit.language import mark, number, say
from dlqkit.report.class_names import class_name, counted_class
from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, duration_text
from dlqkit.republish.exclusions import REASONS, reason_name
from dlqkit.republish.words import exact, figure, retold

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.republish.plan import Plan

__all__ = ["show_edits", "show_left_out", "show_left_out_counts", "show_plan", "show_plan_diff", "show_planned"]

_CHANGES = {
    "no longer to be sent": mark("no longer to be sent"),
    "new dead letter": mark("new dead letter"),
    "can be sent now": mark("can be sent now"),
    "died again": mark("died again"),
    "other signature": mark("other signature"),
    "other text": mark("other text"),
}
_SAID = (mark("planned"), mark("would be planned"), mark("no longer selected"))
_OF_EVENTS = re.compile(r"(?P<count>[0-9,]+) events: (?P<words>.+)", re.DOTALL)
_BECAUSE = re.compile(r"(?P<label>Old|Superseded): (?P<what>.+)\.", re.DOTALL)
# More rows than anybody reads on a screen; the plan's file has all of them.
ROWS = 50


def show_plan(plan: Plan, outlook: Mapping[str, Any]) -> Text:
    """What a plan sends, where, how fast, what it adds to the load, and what must be said before it is approved."""
    classes = Counter(event.failure_class for event in plan.events)
    keys = outlook.get("ordering_keys")
    to_server = {"address": plan.target.address, "server": plan.target.server}
    rate = _in_digits(exact(plan.max_rate))
    lines = [
        Line(say("Events"), _events(plan)),
        Line(say("Classes"), ", ".join(counted_class(name, count) for name, count in classes.most_common())),
        Line(say("To"), say("{address} at {server}", **to_server) if plan.target.server else plan.target.address),
        Line(say("Bytes"), number(outlook.get("bytes", 0))),
        Line(say("Ordering keys"), say("not known") if keys is None else number(keys)),
        Line(say("Steps"), say("{steps}; at most {rate} events a second",
                               steps=", ".join(map(str, plan.steps)), rate=rate)),
        Line(say("Takes"), _takes(outlook)),
        Line(say("Outcome by"), say("not known: the approval must say it") if plan.outcome_deadline_s is None
             else say("{duration} after the send", duration=duration_text(plan.outcome_deadline_s))),
        Line(say("Adds"), _adds(outlook, rate)),
        *(Line(say("Note"), _note(words)) for words in plan.warnings),
        *(Line(say("Unknown {number}", number=count), retold(words), "unknown")
          for count, words in enumerate(plan.unknowns, start=1)),
        Line(say("Hash"), plan.hash),
    ]  # fmt: skip
    about = {"plan": plan.plan_id, "incident": plan.incident, "snapshot": plan.snapshot}
    title = say("{plan} of {incident}, snapshot {snapshot}", **about)
    if plan.replaces:
        about["replaced"] = plan.replaces
        title = say("{plan} of {incident}, snapshot {snapshot}, in place of {replaced}", **about)
    return Text(title, tuple(lines))


def _events(plan: Plan) -> str:
    counts = {"planned": len(plan.events), "left_out": len(plan.left_out)}
    if edited := sum(event.edited is not None for event in plan.events):
        return say("{planned} to be sent, {left_out} left out, {edited} edited", edited=edited, **counts)
    return say("{planned} to be sent, {left_out} left out", **counts)


def _takes(outlook: Mapping[str, Any]) -> str:
    sending, at_most = duration_text(outlook.get("seconds")), outlook.get("seconds_at_most")
    if at_most is None:
        return say("{sending} of sending; with the outcomes waited for: not known", sending=sending)
    return say("{sending} of sending; at most {at_most} with the outcomes waited for",
               sending=sending, at_most=duration_text(at_most))  # fmt: skip


def _adds(outlook: Mapping[str, Any], rate: str) -> str:
    share, basis = outlook.get("added_share"), retold(outlook.get("rate_basis", ""))
    if share is None:
        return say("not known: {why}", why=basis)
    return say("up to {rate} events a second while it sends, to {now} now ({basis}): {share} times as many",
               rate=rate, now=_in_digits(figure(outlook["rate_per_s"])), basis=basis,
               share=_in_digits(figure(share)))  # fmt: skip


def _note(words: str) -> str:
    """What a plan says of an event, or of so many of them; a plan says it in English."""
    if (found := _OF_EVENTS.fullmatch(words)) is not None:
        count = int(found["count"].replace(",", ""))
        return say("{count} events: {words}", count=count, words=_note(found["words"]))
    if (found := _BECAUSE.fullmatch(words)) is not None:
        what = retold(found["what"])
        return say("Old: {what}.", what=what) if found["label"] == "Old" else say("Superseded: {what}.", what=what)
    return retold(words)


def _in_digits(figure: str) -> str:
    """A number that is written already, with the marks of the reader's language."""
    return number(float(figure.replace(",", "")), len(figure.partition(".")[2]))


def show_planned(plan: Plan, most: int = ROWS) -> Table:
    """The first events of a plan, in the order of sending; what the plan notes of several is not said of each."""
    counts = Counter(words for event in plan.events for words in event.warnings)
    rows: tuple[tuple[str, ...], ...] = tuple(
        (str(event.item), event.trace_id or event.event_key, class_name(event.failure_class),
         number(len(event.payload.encode())), say("edited") if event.edited else "",
         " ".join(_note(words) for words in event.warnings if counts[words] == 1))
        for event in plan.events[:most]
    )  # fmt: skip
    columns: tuple[str, ...] = (say("item"), say("trace"), say("class"), say("bytes"), say("edit"), say("note"))
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
    return Table(say("To be sent"), columns, rows, say("nothing"), whole=frozenset({say("trace")}))


def show_left_out_counts(plan: Plan) -> Table:
    """How many events are left out for each reason, and what the reason means."""
    counts = Counter(one.reason for one in plan.left_out)
    rows = tuple(
        (reason_name(reason), number(counts[reason]), say(why)) for reason, why in REASONS.items() if counts[reason]
    )
    return Table(say("Left out"), (say("reason"), say("events"), say("because")), rows, say("nothing"))


def show_left_out(plan: Plan) -> Table:
    """Every event that is left out, with its reason."""
    rows = tuple(
        (one.trace_id or one.event_key, reason_name(one.reason), retold(one.detail)) for one in plan.left_out[:ROWS]
    )
    return Table(say("Left out"), (say("trace"), say("reason"), say("detail")), rows, say("nothing"))


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
    columns = (say("trace"), say("field"), say("before"), say("after"), say("by, because"))
    return Table(say("Edited"), columns, tuple(rows[:most]), say("nothing"), whole=frozenset({say("trace")}))


def _or_none(text: str | None) -> str:
    return say("(nothing)") if text is None else text


def show_plan_diff(changes: pd.DataFrame) -> Table:
    """What changed in the world since a plan was made."""
    rows = tuple(
        (say(_CHANGES[str(row.change)]), str(row.trace_id or row.event_key), _word(row.before), _word(row.now))
        for row in changes.head(ROWS).itertuples(index=False)
    )
    columns = (say("change"), say("trace"), say("before"), say("now"))
    whole = frozenset({say("trace")})
    return Table(say("Changed since the plan was made"), columns, rows, say("nothing"), whole=whole)


def _word(said: object) -> str:
    """What was or is said of an event: our own words, a reason with its detail, else a time or an id."""
    text = str(said)
    if text in _SAID:
        return say(text)
    reason, colon, detail = text.partition(": ")
    return f"{reason_name(reason)}{colon}{retold(detail)}" if reason in REASONS else text
