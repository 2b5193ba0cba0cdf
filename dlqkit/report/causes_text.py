"""Causes on the first screen: each class with its events and whether it goes on, its errors, what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.decision.cause_steps import find_causes, goes_on_text
from dlqkit.decision.signatures import show_signature
from dlqkit.language import mark, number, percent, say, say_count
from dlqkit.report.terms import term

__all__ = ["class_count_text", "classes_text", "left_text", "shared_text", "signatures_text"]

Facts = Mapping[str, Any]
# From this share of the first error on, another one is as much the incident's own.
NEARLY = 0.5
_LEFT = {
    "unseen": mark("sent again, no outcome yet: {count}"),
    "in_doubt": mark("in doubt whether sent: {count}"),
    "died_again": mark("sent and dead again: {count}"),
    "planned": mark("in a plan, not sent: {count}"),
    "unsent": mark("in no plan: {count}"),
}
# Which state of its parts a class has.
_STATES = ("going_on", "unknown", "recovering", "ended")


def _by_class(facts: Facts) -> list[tuple[str, list[Mapping[str, Any]]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for cause in find_causes(facts):
        found.setdefault(cause["failure_class"], []).append(cause)
    return sorted(found.items(), key=lambda one: -sum(cause["events"] for cause in one[1]))


def classes_text(facts: Facts) -> list[str]:
    """``business: 92, going on`` and ``infrastructure: 46, none since 03:43:43 UTC``; empty for one class alone."""
    classes = _by_class(facts)
    return [f"{term(name)}: {class_count_text(facts, name)}" for name, _ in classes] if len(classes) > 1 else []


def class_count_text(facts: Facts, name: str) -> str:
    """``92, going on``: events of a class, and whether they go on, where the incident as a whole has not ended."""
    causes = dict(_by_class(facts))[name]
    events = sum(one["events"] for one in causes)
    text = number(events)
    if facts["state"]["value"] != "ended":
        state = min((one["state"] for one in causes), key=_STATES.index)
        last = max((one["last_at"] for one in causes if one["last_at"]), default=None)
        text = f"{text}, {goes_on_text({'state': state, 'last_at': last}, facts)}"
    traces = [trace for one in causes for trace in one["traces"]]
    return say("{text}, trace {trace}", text=text, trace=traces[0]) if events == 1 and traces else text


def signatures_text(facts: Facts) -> str:
    """The first error of the incident with its share of the events, then the first of each further class."""
    signatures = facts["signatures"]
    if not signatures:
        return say("no error text in the records")
    top = signatures[0]
    values = {"share": percent(top["share"]), "signature": show_signature(top["signature"])}
    affected, near = facts["events"]["affected"], _nearly_as_many(signatures)
    # A share of those that were seen is none of all.
    if affected["bound"] != "exact" and affected["value"]:
        texts = [say("{share} of the {count} seen: {signature}", count=number(affected["value"]), **values)]
    else:
        texts = [say("{share} of the events: {signature}", **values)]
    if near:
        texts.append(near)
    for name, causes in _by_class(facts):
        row = next((row for row in signatures if row["failure_class"] == name), None)
        if row is not None and name != top["failure_class"]:
            told = {"class": term(name), "share": percent(row["share"]), "signature": show_signature(row["signature"])}
            count = sum(cause["signature_count"] for cause in causes)
            texts.append(
                say("{class}, the first of {count} errors, {share}: {signature}", count=count, **told) if count > 1
                else say("{class} {share}: {signature}", **told)
            )  # fmt: skip
    return "; ".join(texts)


def _nearly_as_many(signatures: Sequence[Mapping[str, Any]]) -> str:
    """That the first error is not the only one of its size, and whether all of these say what is down; else empty."""
    top = signatures[0]
    near = [row for row in signatures if row["share"] >= NEARLY * top["share"]]
    if len(near) < 2:
        return ""
    shares = [percent(row["share"]) for row in near[1:]]
    told = say_count("{count} more error is nearly as frequent ({shares})",
                     "{count} more errors are nearly as frequent ({shares})",
                     len(shares), shares=", ".join(shares))  # fmt: skip
    if all(row["names_dependency"] and row["failure_class"] == top["failure_class"] for row in near):
        return say("{told}; all of these say that something the worker depends on is down", told=told)
    return told


def shared_text(facts: Facts) -> str:
    """The value that the events of each cause have in common and others have not; empty where none has one."""
    causes = [one for one in find_causes(facts) if one["shared"]]
    is_one = len(find_causes(facts)) == 1
    texts = []
    for cause in causes:
        shared = cause["shared"]
        text = say(
            "{shared} in {events} of {of}; of those that succeeded, {share:.0%}",
            shared=shared["text"], events=shared["events"], of=shared["of"],
            share=shared["healthy_with"] / shared["healthy"],
        )  # fmt: skip
        texts.append(text if is_one else f"{term(cause['failure_class'])}: {text}")
    return "; ".join(texts)


def left_text(facts: Facts) -> str:
    """What was done with the open events, by the plans and the proof; empty without a plan."""
    if not facts["republish"]["plans"]:
        return ""
    causes = find_causes(facts)
    counts = {name: sum(one["left"][name] for one in causes) for name in _LEFT}
    return ", ".join(say(_LEFT[name], count=count) for name, count in counts.items() if count)
