"""What a failure class asks for, by the runbook's §4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.decision.cause_steps import errors_text, find_causes, tell_cause, who_text, wrong_of
from dlqkit.decision.errors.error_text import read_error
from dlqkit.decision.named_parts import named_text
from dlqkit.decision.ordered_steps import number_steps
from dlqkit.decision.signatures import show_signature
from dlqkit.decision.since_fix import is_quiet, is_unstopped
from dlqkit.decision.suspects import find_what_changed, of_payload_text
from dlqkit.language import mark, percent, say

__all__ = ["Row", "advice_row", "advise_by_class", "names_dependency"]

# A timeout is put down to what is down where at least this share of its events say so.
DEPENDENCY_SHARE = 0.5
Row = dict[str, str]
_BY_TEXT = {
    "business": mark("By its text alone it would be: business."),
    "infrastructure": mark("By its text alone it would be: infrastructure."),
    "timeout": mark("By its text alone it would be: timeout."),
}


def advice_row(action: str, reason: str, command: str = "", *, wrong: str = "", unknown: str = "") -> Row:
    """A row of ``advice.advise``."""
    return {"action": action, "reason": reason, "command": command, "wrong": wrong, "unknown": unknown}


def advise_by_class(failure_class: str, facts: Mapping[str, Any], folder: str) -> list[Row]:
    """What the class of the incident's events asks for, or each class; ``folder`` as commands are to name it."""
    lab = f"dlqkit lab {folder}"
    rows = [] if failure_class == "mixed" else _of_class(failure_class, facts, lab)
    several = len({one["failure_class"] for one in find_causes(facts)}) > 1
    return _of_several(facts, rows, lab) if several or failure_class == "mixed" else rows


def _of_class(failure_class: str, facts: Mapping[str, Any], lab: str) -> list[Row]:
    top = facts["signatures"][0] if facts["signatures"] else None
    about = say("The records hold no error text.")
    if top is not None:
        shown = show_signature(top["signature"])
        about = say("{share} of its events say: {signature}", share=percent(top["share"]), signature=shown)
    if failure_class == "business" and top is not None and read_error(str(top["signature"])).is_about_access:
        return [
            advice_row(say("Find who was refused: the worker, whose access is then to be restored, or the client."),
                       about,
                       wrong=say("Having the events created anew before that is known: theirs may be in order."),
                       unknown=say("Whose credentials or rights the error is about.")),
            advice_row(say("Run one event again once access is there, and see whether the same payload passes."),
                       say("§4: retryable is false, but what was refused is an access and not the payload."), lab,
                       wrong=say("Republishing all of them before one has passed.")),
        ]  # fmt: skip
    if failure_class == "business":
        return _of_business(facts, about, lab)
    if failure_class == "infrastructure":
        return _of_infrastructure(facts, top, about, lab)
    if failure_class == "timeout":
        return _of_timeout(facts, about, lab)
    hint = _BY_TEXT.get(str(top.get("suggested_class")), "") if top else ""
    return [advice_row(say("Look at single events: their fields do not tell the class."),
                       " ".join([about, *([say(hint)] if hint else [])]), lab,
                       wrong=say("Republishing on a guess, or by the text alone."),
                       unknown=say("Whether the same payload would fail again."))]  # fmt: skip


def _of_business(facts: Mapping[str, Any], about: str, lab: str) -> list[Row]:
    causes = find_causes(facts)
    who = who_text(causes[0]["shared"] if causes else None)
    anew = say("Have the input of the open events corrected {who}, and created anew; never run them again as they are.",
               who=who)  # fmt: skip
    if changed := of_payload_text(facts):
        anew = say("Have the input of the open events corrected {who}, and created anew; never run them again as they "
                   "are ({change}).", who=who, change=changed)  # fmt: skip
    find = find_what_changed(facts, who) or say("find what changed in the input or the configuration, {who}", who=who)
    find = f"{find[:1].upper()}{find[1:]}."
    briefly = say("Have the open events created anew, corrected; never run them again as they are.")
    is_over = facts["state"]["value"] in {"ended", "recovering"} or is_quiet(facts)
    return [
        advice_row(anew if is_over else f"{find} {briefly}", about,
                   unknown=say("Whether the payload or the rule that refuses it is wrong.")),
        advice_row(say("Do not run these events again as they are; have them created anew, corrected."),
                   say("§4: retryable is false, so the same payload fails again."), lab,
                   wrong=say("Republishing them unchanged: each would be dead-lettered a second time.")),
    ]  # fmt: skip


def _of_infrastructure(facts: Mapping[str, Any], top: Mapping[str, Any] | None, about: str, lab: str) -> list[Row]:
    going_on = is_unstopped(facts)
    parts = named_text(row["signature"] for row in facts["signatures"] if row["failure_class"] == "infrastructure")
    reading = read_error(str(top["signature"])) if top else None
    named = reading is not None and reading.failure_class == "infrastructure"
    if named and reading is not None and reading.is_about_access:
        first = (
            say("Give the worker its access back, its credentials or rights; republish only then.") if going_on
            else say("Give the worker its access back, its credentials or rights, or see that it has it, "
                     "then republish.")
        )  # fmt: skip
    elif going_on:
        first = say("Find what is unavailable{named} and restore it; republish only then.", named=parts)
    elif any(one["left"][name] for one in find_causes(facts) for name in ("in_doubt", "unseen", "died_again")):
        first = say("Make sure that what was unavailable is back{named}, then republish the open events that were "
                    "never sent.", named=parts)  # fmt: skip
    else:
        first = say("Make sure that what was unavailable is back{named}, then republish the open events.", named=parts)
    return [
        advice_row(first, about,
                   wrong=say("Republishing while it is down: the events use up their attempts again, "
                             "and add to the load."),
                   unknown=say("Whether it is back: ask it, the records cannot tell.") if named
                   else say("What is unavailable: the error text does not name it.")),
        advice_row(say("See which events are open before you republish."),
                   say("§5: make sure that each payload is correct; only their attempts are used up."), lab,
                   unknown=say("Whether an attempt that failed had already had some effect.")),
    ]  # fmt: skip


def _of_timeout(facts: Mapping[str, Any], about: str, lab: str) -> list[Row]:
    limit = facts["class"]["timeout_ms"]["value"]
    text = say("Actions end at the timeout of {limit:,.0f} ms.", limit=limit) if limit else about
    if names_dependency([row for row in facts["signatures"] if row["failure_class"] == "timeout"]):
        first = advice_row(say("Restore what the action waits for, then republish; its timeout is not at fault."),
                           f"{text} {about}" if limit else about,
                           wrong=say("Raising the timeout: the action would only wait longer for what is down."),
                           unknown=say("Whether it is back: ask it, the records cannot tell."))  # fmt: skip
    else:
        find = (
            say("Find what slowed the action down and make it fast again; then republish.")
            if _is_usually_short(facts, limit)
            else say("Find what slowed the action down and make it fast again; raise its timeout only if it usually "
                     "takes as long; then republish.")
        )  # fmt: skip
        first = advice_row(
            find, text,
            wrong=say("Republishing at once: the action is as slow as before."),
            unknown=say("How long the action would have taken: the timeout cut it."),
        )  # fmt: skip
    return [first, advice_row(say("Compare the durations with the timeout."), say("§4: long timeouts."), lab)]


def _is_usually_short(facts: Mapping[str, Any], limit: float | None) -> bool:
    """Whether the action took so much less than its timeout before, that to raise this would only cut it later."""
    groups = (facts.get("durations") or {}).get("groups") or []
    slow = next((row["p99_ms"] for row in groups if row["group"] == "baseline"), None)
    if slow is None:
        # Where the records reach back too little, the signal of the duration knows what was usual.
        workflow = (facts.get("workflow") or {}).get("id")
        slow = next((row["baseline"] for row in facts.get("signals") or []
                     if row["signal"] == "duration" and row["workflow_id"] == workflow), None)  # fmt: skip
    return bool(limit and slow and slow < limit / 2)


def names_dependency(signatures: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most events of these signatures say that something else is down."""
    events = sum(row["events"] for row in signatures)
    down = sum(
        row["events"]
        for row in signatures
        if row.get("names_dependency", row.get("suggested_class") == "infrastructure")
    )
    return bool(events) and down >= DEPENDENCY_SHARE * events


def _of_several(facts: Mapping[str, Any], rows: list[Row], lab: str) -> list[Row]:
    """All steps in one sentence, then one by one; each event is in one of them. ``rows``: of the leading class."""
    causes = find_causes(facts)
    told = [tell_cause(one, facts) for one in causes]
    steps = number_steps(told)
    is_mixed = facts["class"]["value"] == "mixed"
    first = advice_row(
        say("There is more than one cause: {steps}", steps=steps) if is_mixed
        else say("Not all of these events need the same: {steps}", steps=steps),
        say("§4: business errors must be corrected, infrastructure errors wait for their root."), lab,
        wrong=say("Republishing all open events at once."),
        unknown=say("Whether one cause made the others.") if is_mixed else rows[0]["unknown"],
    )  # fmt: skip
    each = [advice_row(action, errors_text(one), wrong=wrong_of(one)) for action, one in zip(told, causes, strict=True)]
    return [first, *each, *(row for row in rows[1:] if facts["class"]["value"] in {"infrastructure", "timeout"})]
