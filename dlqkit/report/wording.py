"""The sentences about an incident, said once for the terminal, the notebooks, HTML and Markdown.

They are plain text that may hold foreign words (ids, errors); whoever writes them somewhere escapes them there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dlqkit.decision.advice import change_words
from dlqkit.decision.since_fix import is_perhaps_over, is_quiet_since_fix, usual_gap_s
from dlqkit.language import listing, mark, number, say
from dlqkit.report.affected import affected_text, is_affected_known
from dlqkit.report.amounts import clock_text, count_text, duration_text, moment_text, seconds_between
from dlqkit.report.causes_text import class_count_text, classes_text, shared_text, signatures_text
from dlqkit.report.headline import ROUGH_S, SIGNAL_NAMES, headline
from dlqkit.report.later import later_text
from dlqkit.report.others import others_text
from dlqkit.report.steps import steps_of
from dlqkit.report.terms import condition_value, term
from dlqkit.report.without_dead import tell_without_dead

__all__ = [
    "CHANGE_NAMES",
    "ROUGH_S",
    "SIGNAL_NAMES",
    "Line",
    "conditions_text",
    "count_text",
    "counted_sources",
    "duration_text",
    "going_on_text",
    "headline",
    "moment_text",
    "other_incidents_text",
    "seconds_between",
    "summary",
]

Facts = Mapping[str, Any]

# As long as ends an incident of dead letters (signals.bounds); of less work nobody knows whether it stays.
SETTLED_S = 300.0
# What is said where nothing could show a change.
NOT_LOOKED_AT = mark("no source tells of restarts, versions or deploys")
CHANGE_NAMES = {
    "client": mark("client"),
    "log": mark("log"),
    "note": mark("note"),
    "payload": mark("payload"),
    "restart": mark("restart"),
    "version": mark("version"),
    "volume": mark("volume"),
}
_LACKS = {"partial": mark("{source} not whole"), "unverified": mark("{source} may be cut")}
CLASS_NAMES: Mapping[str, str] = {
    "business": mark("business error (retryable is false)"),
    "infrastructure": mark("infrastructure error (retries used up)"),
    "timeout": mark("timeout (cut off at the action's limit)"),
    "unknown": mark("unknown"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled sentence; ``kind`` tells computed text from what is not known and what a person must add."""

    label: str
    text: str
    kind: Literal["computed", "unknown", "judgement"] = "computed"
    evidence: str = ""
    steps: tuple[str, ...] = ()
    """Parts of the text that a terminal shows on lines of their own."""
    is_whole: bool = False
    """A terminal cuts long lines, but none that says what is not to be done."""


def workflow_text(facts: Facts) -> str:
    """Name and id of the workflow."""
    workflow = facts["workflow"]
    if not workflow["id"]:
        return say("all together") if facts["state"]["kind"] else say("none stands out")
    return f"{workflow['name']} ({workflow['id']})" if workflow["name"] else str(workflow["id"])


def _state_text(facts: Facts) -> str:
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    reason, ended = facts["state"]["reason"], moment_text(facts["end"]["at"])
    if state == "nothing":
        return _nothing_text(facts["state"], reason)
    if state == "unknown":
        return say("Not known. {reason}", reason=reason)
    if kind == "silence":
        return say("Going on: still silent") if state == "going_on" else _worked_since_text(facts)
    last = facts["last_dead_letter"]
    if not last["at"]:
        return say("Going on") if state == "going_on" else say("Ended {at}", at=ended)
    age = duration_text(last["age_s"])
    if state == "going_on":
        return _going_on_text(facts, age)
    if state == "recovering":
        return say(
            "Events pass again; last dead letter {age} before the evidence ends, too soon to say that it has ended",
            age=age,
        )
    text = say("Ended {at}; its last dead letter {age} before the evidence ends", at=ended, age=age)
    return "; ".join(filter(None, [text, later_text(facts.get("later_dead_letters"))]))


def _worked_since_text(facts: Facts) -> str:
    """When a silence ended, and how long that has been so: of a moment's work nobody knows whether it stays."""
    worked_s = seconds_between(facts["end"]["at"], facts["as_of"]) or 0.0
    at, time = moment_text(facts["end"]["at"]), duration_text(worked_s)
    if worked_s >= SETTLED_S:
        return say("Ended {at}, {time} before the evidence ends", at=at, time=time)
    return say("Works again since {at}, {time} before the evidence ends: too early to say that it has ended",
               at=at, time=time)  # fmt: skip


def _going_on_text(facts: Facts, age: str) -> str:
    """That it goes on; of a fix whether events died after it, or how little time has passed without one."""
    fixed_at = facts["state"].get("fixed_at")
    text = say("Going on; last dead letter {age} before the evidence ends", age=age)
    gap_s = usual_gap_s(facts)
    if gap_s and is_perhaps_over(facts):
        return say(
            "Perhaps over, too early to tell: no dead letter in the last {age} of the evidence, after one every {gap}",
            age=age, gap=duration_text(gap_s),
        )  # fmt: skip
    if not fixed_at:
        return text
    at = clock_text(fixed_at)
    if not is_quiet_since_fix(facts):
        return say("{state}, after the fix of {at} UTC", state=text, at=at)
    return say(
        "Too early to tell: no dead letter in the {quiet} since the fix of {at} UTC; last one {age} before the "
        "evidence ends",
        quiet=duration_text(seconds_between(fixed_at, facts["as_of"])), at=at, age=age,
    )  # fmt: skip


def going_on_text(facts: Facts) -> str:
    """That it goes on, or that events pass again; of an incident that has no end."""
    if facts["state"]["value"] == "recovering":
        return say("Events pass again; it is too soon to say that it has ended.")
    if is_quiet_since_fix(facts):
        return say("No dead letter since the fix; it is too soon to say that it has ended.")
    return say("It is going on.")


def _nothing_text(state: Mapping[str, Any], reason: str) -> str:
    until = state.get("until")
    if not until:
        if state.get("open"):
            return say("No incident is seen in this window. {reason}", reason=reason)
        return say("Nothing is wrong in this window. {reason}", reason=reason)
    at = moment_text(until)
    if state.get("open"):
        return say("No incident is seen up to {at}, where the evidence ends. {reason}", at=at, reason=reason)
    return say("Nothing is wrong up to {at}, where the evidence ends. {reason}", at=at, reason=reason)


def _onset_text(facts: Facts) -> str:
    onset = facts["onset"]
    if not onset["at"]:
        return moment_text(None)
    at, age = moment_text(onset["at"]), duration_text(onset["age_s"])
    if onset["is_window_start"]:
        return say("at or before {at}, {age} before the evidence ends (nothing is known of before)", at=at, age=age)
    span = seconds_between(onset["low"], onset["high"])
    if not span or span <= ROUGH_S:
        return say("{at}, {age} before the evidence ends", at=at, age=age)
    return say(
        "about {at} (between {low} and {high}), {age} before the evidence ends",
        at=at, age=age, low=clock_text(onset["low"]), high=clock_text(onset["high"]),
    )  # fmt: skip


def class_text(facts: Facts) -> str:
    """The failure class in words, or the classes and how many events each has; of how many, where not all are seen."""
    failure_class, affected = facts["class"], facts["events"]["affected"]
    is_mixed = failure_class["value"] == "mixed"
    name_of, classes = str(failure_class["value"]), classes_text(facts)
    if is_mixed:
        counts = failure_class["counts"].items()
        classes = classes or [f"{term(name)}: {number(count)}" for name, count in counts if count]
        text = say("mixed, by signature ({parts})", parts="; ".join(classes))
    else:
        text = say(CLASS_NAMES[name_of])
        if classes:
            text = say("{failure_class}: {count}; besides, {others}", failure_class=text,
                       count=class_count_text(facts, name_of), others="; ".join(classes[1:]))  # fmt: skip
    if affected["bound"] != "exact" and affected["value"]:
        text = say("{failure_class}, of the {count} seen", failure_class=text, count=affected["value"])
    if failure_class["disputed"] and not is_mixed:
        disputed = failure_class["disputed"]
        text = say("{failure_class}; disputed by the error text for {count}", failure_class=text, count=disputed)
    return text


def other_incidents_text(facts: Facts) -> str:
    """Other incidents of the same workflow: when, how many events, and how many of them are open."""
    parts = [_other_incident_text(row) for row in facts["other_incidents"][:2]]
    rest, text = len(facts["other_incidents"]) - len(parts), "; ".join(parts)
    return say("{incidents}; and {rest:d} more times", incidents=text, rest=rest) if rest else text


def _other_incident_text(row: Mapping[str, Any]) -> str:
    start, end = clock_text(row["onset_at"]), clock_text(row["end_at"])
    if row["events"] is None:
        if end:
            return say("events not counted, from {start} to {end}", start=start, end=end)
        return say("events not counted, from {start} on, still going on", start=start)
    counts = {"events": row["events"], "open": row["open"]}
    if end:
        return say("{events} events, open {open}, from {start} to {end}", start=start, end=end, **counts)
    return say("{events} events, open {open}, from {start} on, still going on", start=start, **counts)


def _changes_text(facts: Facts) -> str:
    changes = facts["changes"]["rows"]
    if not changes:
        return say("nothing seen: {looked_at}", looked_at=facts["changes"]["looked_at"])
    # A person's note, a new version and a new payload say more than a restart; of each the last one before the onset.
    weight = {"note": 4, "version": 3, "payload": 2, "client": 1}
    ordered = sorted(changes, key=lambda row: (-weight.get(row["kind"], 0), row["at"]))
    shown = [ordered[0], *(row for row in ordered[1:] if row["kind"] != ordered[0]["kind"] and row["kind"] in weight)][
        :2
    ]
    # A field that is new and one that is gone are often one change: the second tells why the events fail.
    if any(row["kind"] == "payload" for row in shown):
        shown += [row for row in ordered if row["kind"] == "payload" and row not in shown][:1]
    text = "; ".join(map(_change_text, _by_time(shown)))
    others = [row for row in ordered if row not in shown]
    # One more takes no more room than to say that there is one.
    if len(others) == 1:
        return "; ".join(map(_change_text, _by_time([*shown, *others])))
    if not others:
        return text
    kinds = listing(list(dict.fromkeys(say(CHANGE_NAMES[row["kind"]]) for row in others)))
    return say("{changes}; and {rest:d} more ({kinds})", changes=text, rest=len(others), kinds=kinds)


def _by_time(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Chosen by weight, and told in the order in which they came."""
    return sorted(rows, key=lambda row: str(row["at"]))


def _change_text(row: Mapping[str, Any]) -> str:
    return f"{clock_text(row['at'])} UTC {change_words(row)}"


def _lacks_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is missing of each source, and what to do about it, as the source said it; once where it is the same."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        alike.setdefault((row["completeness"], " ".join(row["missing"][:2])), []).append(term(row["kind"]))
    texts = []
    for (completeness, said), kinds in alike.items():
        lacking = _LACKS[completeness]
        lack = say(lacking, source=listing(list(dict.fromkeys(kinds))))
        texts.append(f"{lack}: {said}" if said else lack)
    return "; ".join([*(text.removesuffix(".") for text in texts[:-1]), texts[-1]])


def _explanations(facts: Facts) -> list[Line]:
    """What tells failing events from healthy ones, where something does."""
    lines = []
    answers = [(part["of"], row) for part in facts.get("differences", ()) for row in part["rows"][:1]]
    if answers:
        texts = [
            ("" if of == "all" else f"{term(of)}: ") + f"{conditions_text(row)}: {rates_text(row)}"
            for of, row in answers
        ]
        lines.append(Line(say("What differs"), "; ".join(texts), evidence=facts["events"]["evidence"]))
    durations = facts.get("durations")
    if durations and durations["verdict"] in {"slow then dead", "dead at once", "both"}:
        lines.append(Line(say("Durations"), durations["sentence"], evidence=facts["events"]["evidence"]))
    return lines


def conditions_text(row: Mapping[str, Any]) -> str:
    """``version = 1.9.0 and payload.customer_id (missing)``."""
    words = []
    for name, value in row["conditions"]:
        shown = condition_value(value)
        words.append(f"{name} {shown}" if value.startswith(("(", ">", "<=", "length")) else f"{name} = {shown}")
    both = say("and")
    return f" {both} ".join(words)


def rates_text(row: Mapping[str, Any]) -> str:
    """How many events fail under a condition, and how many of the others."""
    return say(
        "{share:.0%} fail, of others {others:.0%}", share=row["rate_with"], others=row["rate_without"]
    )  # fmt: skip


def counted_sources(facts: Facts) -> list[Mapping[str, Any]]:
    """Rows of the coverage but those of subscriptions that gave nothing: no count rests on them."""
    return [
        row
        for row in facts["coverage"]
        if row["received"] or row["completeness"] != "unverified" or row["kind"] != "dead-letter subscription"
    ]


def summary(facts: Facts, *, lacks: bool = True) -> list[Line]:
    """What the first screen says: which, going on or ended, since when, how many, why, what changed, what next.

    Without ``lacks`` where a banner below says what of the evidence is not whole.
    """
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    lines = [Line(say("Workflow"), workflow_text(facts)), Line(say("State"), _state_text(facts))]
    if state not in {"nothing", "unknown"}:
        lines.append(Line(say("Since"), _onset_text(facts), evidence=facts["onset"]["evidence"]))
    if kind == "dead_letters" and state != "nothing":
        events = facts["events"]
        ids = f"{events['evidence']} {events['held']['evidence']}".strip()
        is_known = is_affected_known(facts)
        lines.append(Line(say("Events affected"), affected_text(facts), "computed" if is_known else "unknown", ids))
        if facts["other_incidents"]:
            lines.append(Line(say("Other times"), other_incidents_text(facts), evidence=events["evidence"]))
        lines.append(
            Line(say("Class"), class_text(facts), "unknown" if facts["class"]["value"] == "unknown" else "computed")
        )
        top = facts["signatures"][0] if facts["signatures"] else None
        lines.append(Line(say("Top signature"), signatures_text(facts), "computed" if top else "unknown"))
        if shared := shared_text(facts):
            lines.append(Line(say("In common"), shared, evidence=events["evidence"]))
        lines += _explanations(facts)
    elif kind is not None and state not in {"nothing", "unknown"}:
        lines += [Line(*told) for told in tell_without_dead(facts)]
    if state not in {"nothing", "unknown"}:
        # Facts of an earlier run may be in English.
        untold = {NOT_LOOKED_AT, say(NOT_LOOKED_AT)}
        seen = facts["changes"]["rows"] or facts["changes"]["looked_at"] not in untold
        lines.append(Line(say("Changed before"), _changes_text(facts), "computed" if seen else "unknown"))
    for label, is_alike in ((say("Failing alike"), True), (say("Failing too"), False)):
        others = [row for row in facts["other_workflows"] if row["alike"] is is_alike]
        if others:
            lines.append(Line(label, others_text(facts, others)))
    if facts["untold"]["queued_to_dlq"]:
        lines.append(Line(say("Not told"), facts["untold"]["queued_to_dlq"], "unknown"))
    if facts["advice"]:
        action, steps = facts["advice"][0]["action"], steps_of(facts["advice"])
        lines.append(Line(say("Do next"), action, is_whole=True, steps=steps))
    partial = [row for row in counted_sources(facts) if row["completeness"] != "complete"]
    if lacks and partial:
        lines.append(Line(say("Not whole"), _lacks_text(partial)))
    return lines
