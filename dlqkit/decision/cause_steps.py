"""What each cause of an incident asks for: how many events, whether it goes on, and the step of §4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlqkit.decision.named_parts import named_text
from dlqkit.decision.signatures import show_signature
from dlqkit.decision.since_fix import is_quiet
from dlqkit.decision.suspects import find_what_changed
from dlqkit.language import clock, date_and_time, mark, number, say, say_count

__all__ = ["errors_text", "find_causes", "goes_on_text", "tell_cause", "who_text", "wrong_of"]

Facts = Mapping[str, Any]
# Of an older dead letter its day is said, too.
_A_DAY_S = 86_400.0
# By class and step: what to do while it goes on, what to do once it is over, and what would be wrong.
_STEPS: Mapping[tuple[str, str], tuple[str, str, str]] = {
    ("business", "as_class"): (
        mark("{find}; have the input created anew, corrected, and never republish it as it is."),
        mark("correct the input {who}, and have it created anew; never republish it as it is."),
        mark("Republishing them unchanged."),
    ),
    ("business", "access"): (
        mark("find who was refused, the worker or the client; run one again before the others."),
        mark("find who was refused, the worker or the client; run one again before the others."),
        mark("Republishing all of them before one has passed."),
    ),
    ("infrastructure", "as_class"): (
        mark("find what is unavailable{named} and restore it; republish only then."),
        mark("make sure that what was unavailable is back{named}, then republish."),
        mark("Republishing before the root is removed."),
    ),
    ("infrastructure", "access"): (
        mark("give the worker its access back, its credentials or rights; republish only then."),
        mark("see that the worker has its access back, its credentials or rights, then republish."),
        mark("Republishing before the root is removed."),
    ),
    ("timeout", "as_class"): (
        mark("find what slowed the action down and make it fast again; republish only then."),
        mark("see that the action is fast again, then republish."),
        mark("Republishing at once."),
    ),
    ("timeout", "dependency"): (
        mark("restore what the action waits for; republish only then."),
        mark("make sure that what the action waited for is back, then republish."),
        mark("Raising the timeout."),
    ),
    ("unknown", "as_class"): (
        mark("look at single events."),
        mark("look at single events."),
        mark("Republishing on a guess."),
    ),
}
_DISPUTED = mark("look at single events first: text and fields contradict each other.")
_WHEN = {"going_on": mark("going on"), "recovering": mark("events pass again")}


def find_causes(facts: Facts) -> Sequence[Mapping[str, Any]]:
    """The causes that the facts know, most events first."""
    causes: Sequence[Mapping[str, Any]] = facts.get("causes") or []
    return causes


def goes_on_text(cause: Mapping[str, Any], facts: Facts) -> str:
    """``going on``, or since when nothing died of it."""
    state = _state_of(cause, facts)
    if state in _WHEN:
        return say(_WHEN[state])
    if cause["last_at"] is None:
        return say("when is not known")
    at, end = datetime.fromisoformat(cause["last_at"]), datetime.fromisoformat(facts["as_of"])
    is_today = at.date() == end.date() and (end - at).total_seconds() < _A_DAY_S
    shown = f"{clock(at)} UTC" if is_today else date_and_time(at)
    if cause["state"] == "unknown":
        return say("last seen {at}", at=shown)
    return say("none since {at}", at=shown)


def _state_of(cause: Mapping[str, Any], facts: Facts) -> str:
    """By its own dead letters; what nothing died of for long, or since the fix, does not go on, ended or not."""
    return "ended" if cause["state"] == "going_on" and is_quiet(facts) else str(cause["state"])


def who_text(shared: Mapping[str, Any] | None) -> str:
    """With whom the input of business errors is corrected, named where their events share one sender."""
    if shared is None:
        return say("with the client who sends it")
    if shared["events"] == shared["of"]:
        return say("with the client who sends it ({shared})", shared=shared["text"])
    return say("with the client who sends it ({shared} in {events} of {of})",
               shared=shared["text"], events=shared["events"], of=shared["of"])  # fmt: skip


def tell_cause(cause: Mapping[str, Any], facts: Facts) -> str:
    """A cause in a sentence: its events, class, whether it goes on, and its step, never for what was already sent."""
    name = str(cause["failure_class"])
    parts = [say_count("{count} event", "{count} events", cause["events"]), say(name)]
    if facts["state"]["value"] != "ended":
        parts.append(goes_on_text(cause, facts))
    left = cause["left"]
    to_do = left["unsent"] + left["planned"]
    if cause["open"] != cause["events"]:
        parts.append(say("open: {count}", count=cause["open"]))
    if cause["open"] == 1 and cause["traces"]:
        parts.append(say("trace {trace}", trace=cause["traces"][0]))
    if sent := cause["open"] - to_do:
        parts.append(say("of these already sent: {count}", count=sent))
    what = ", ".join(parts)
    is_over = _state_of(cause, facts) in {"ended", "recovering"}
    if not cause["open"]:
        done = (
            mark("{what}: nothing is left to do for them.") if is_over
            else mark("{what}: find what makes them die; those of so far have succeeded since.")
        )  # fmt: skip
        return say(done, what=what)
    if not to_do and left["died_again"]:
        return say("{what}: find why they died again before anything is sent.", what=what)
    if not to_do:
        return say("{what}: send none of them again before its outcome is known.", what=what)
    who = who_text(cause["shared"])
    find = find_what_changed(facts, who) or say("find what changed {who}", who=who)
    named = named_text(row["signature"] for row in cause["signatures"])
    step = say(_step(cause)[int(is_over)], who=who, find=find, named=named)
    return say("{what}: {step}", what=what, step=step)


def wrong_of(cause: Mapping[str, Any]) -> str:
    """What would be wrong to do with the events of a cause."""
    return say(_step(cause)[2])


def _step(cause: Mapping[str, Any]) -> tuple[str, str, str]:
    if cause["step"] == "disputed":
        return _DISPUTED, _DISPUTED, _STEPS["unknown", "as_class"][2]
    return _STEPS[cause["failure_class"], cause["step"]]


def errors_text(cause: Mapping[str, Any]) -> str:
    """The first errors of a cause, with their events where there are several."""
    texts = [show_signature(row["signature"]) for row in cause["signatures"]]
    if cause["signature_count"] > 1:
        texts = [f"{text} ({number(row['events'])})" for text, row in zip(texts, cause["signatures"], strict=True)]
    rest = cause["signature_count"] - len(cause["signatures"])
    if rest > 0:
        texts.append(say_count("{count} more signature", "{count} more signatures", rest))
    return say("They say: {signature}", signature="; ".join(texts)) if texts else say("The records hold no error text.")
