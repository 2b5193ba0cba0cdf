"""What to do next, by the runbook's §4 and §5, from the facts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dlqkit.decision.cause_steps import find_causes
from dlqkit.decision.class_advice import Row, advice_row, advise_by_class
from dlqkit.decision.ordered_steps import order_steps
from dlqkit.decision.others_advice import advise_on_others, then_others
from dlqkit.decision.quiet_advice import advise_on_nothing
from dlqkit.decision.republish_advice import advise_on_republish, warn_of_sent
from dlqkit.decision.since_fix import is_perhaps_over, is_quiet_since_fix, is_unstopped
from dlqkit.decision.stop_first import see_it_gone, stop_first
from dlqkit.decision.unlisted_advice import advise_on_unlisted, before_list, count_unlisted, then_get_list
from dlqkit.decision.unmet_items import unmet_items_text, unmet_text
from dlqkit.language import clock, mark, say, say_count

__all__ = ["advise", "change_words"]

# From this share of the events on a dispute is the first thing to settle.
DISPUTED_SHARE = 0.5
_NAME_THE_FIELD = mark(
    "Say by execution_logs.fields in dlqkit.toml which field tells a dead letter (queued_to_dlq), and collect again."
)
_ASK_AGAIN = mark("Check the addresses, the workflow_id and the window, and collect again.")
# By what is missing where the records cannot tell whether anything is wrong.
_MISSING = {
    "time": mark(
        "Say how the records give their time: execution_logs.timezone or execution_logs.fields, in dlqkit.toml; "
        "then collect again."
    ),
    "queued_to_dlq": _NAME_THE_FIELD,
}
# What a class override is about: this word and an id, such as "signature 1f0c2a9b7d".
_TARGETS = (mark("signature"), mark("event"))


def advise(facts: Mapping[str, Any], *, directory: str) -> list[dict[str, str]]:
    """What to do next, most urgent first.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.
    directory : str
        The incident folder, as commands are to name it.

    Returns
    -------
    list of dict
        ``action`` and ``reason``, each a sentence, and ``command``, to be pasted, or empty.
        ``wrong``, what would be wrong to do, and ``unknown``, what is left unknown: sentences, or empty.
    """
    folder = shlex.quote(directory)
    kind, state = facts["state"]["kind"], facts["state"]["value"]
    if state == "unknown":
        ask = _MISSING.get(facts["state"].get("why") or "", _ASK_AGAIN)
        return [advice_row(say(ask), facts["state"]["reason"], f"dlqkit collect {folder} --since 6h",
                           wrong=say("Taking an empty answer for a healthy worker."),
                           unknown=say("Whether anything is wrong at all."))]  # fmt: skip
    rows: list[Row] = []
    if kind == "dead_letters":
        rows += _of_dead_letters(facts, directory)
    elif kind is not None:
        rows += _of_signal(str(kind), facts, folder)
    if (untold := (facts.get("untold") or {}).get("queued_to_dlq")) and kind != "dead_letters":
        rows.insert(0, advice_row(say(_NAME_THE_FIELD), untold, f"dlqkit collect {folder}",
                                  wrong=say("Taking it that no event was dead-lettered."),
                                  unknown=say("Which of the failed events are dead letters.")))  # fmt: skip
    if _is_cut_first(facts) and not facts["republish"]["passed"]:
        # While events die, those that are in no list can wait as well.
        first = rows[:1] if kind == "dead_letters" and is_unstopped(facts) else []
        first = [row | {"action": f"{row['action']} {then_get_list(facts)}"} for row in first]
        rows = first + advise_on_unlisted(facts, folder) + rows[len(first) :]
    elif kind == "dead_letters" and not facts["republish"]["plans"] and (first_list := before_list(facts)):
        # Else what is listed would be sent again, and the rest be forgotten.
        rows[0] = rows[0] | {"action": f"{rows[0]['action']} {first_list}"}
    rows += _of_evidence(facts, folder)
    if state == "nothing":
        rows += advise_on_nothing(facts["state"], folder)
    return _with_later(_warned(rows, facts), facts.get("later_dead_letters"))


def _warned(rows: list[Row], facts: Mapping[str, Any]) -> list[Row]:
    """The first step, which may be all that is read, with what must not be sent again, unless it is the proof.

    What stops the damage comes before it, everything else after it.
    """
    warning = warn_of_sent(facts["republish"])
    if not warning or not rows or any(one["action"] in rows[0]["action"] for one in rows if _settles(one)):
        return rows
    unstopped = is_unstopped(facts)
    said = [rows[0]["action"], warning] if unstopped else [warning, rows[0]["action"]]
    command = rows[0]["command"]
    # It is pasted without a second look, so it is what the sentence says first.
    if not unstopped or " --execute" in command:
        command = next((row["command"] for row in rows if _settles(row)), command)
    return [rows[0] | {"action": " ".join(said), "command": command}, *rows[1:]]


def _settles(row: Row) -> bool:
    """Whether a step finds out what became of events that were sent, and sends none."""
    return any(f" republish {word} " in row["command"] for word in ("prove", "resolve"))


def _with_later(rows: list[Row], later: Mapping[str, Any] | None) -> list[Row]:
    """The first step with what died after the incident: no count of it holds that, and somebody has to decide."""
    still_open = int((later or {}).get("open") or 0)
    if not rows or not still_open:
        return rows
    more = say_count(
        "Decide about the {count} event that died after the incident, too.",
        "Decide about the {count} events that died after the incident, too.",
        still_open,
    )
    return [rows[0] | {"action": f"{rows[0]['action']} {more}"}, *rows[1:]]


def _of_dead_letters(facts: Mapping[str, Any], directory: str) -> list[Row]:
    folder = shlex.quote(directory)
    events = facts.get("events", {})
    still_open = events.get("open") or {}
    if still_open.get("value") == 0 and still_open.get("bound") in {"exact", "at_most"}:
        return advise_on_others(facts) + _of_healed(facts, folder)
    business = (one["shared"] for one in find_causes(facts) if one["failure_class"] == "business")
    after = advise_on_republish(
        facts["republish"], still_open.get("value"), directory=directory, shared=next(business, None)
    )
    rows = advise_by_class(str(facts["class"]["value"]), facts, folder)
    if facts["republish"]["passed"]:
        # What the class asks for has been done, as events of it pass again; unless others go on dying.
        cut = advise_on_unlisted(facts, folder) if _is_cut_first(facts) else []
        return _of_passed(facts, rows, after + cut) + advise_on_others(facts) + _of_changes(facts)
    disputed, events = int(facts["class"].get("disputed") or 0), sum(row["events"] for row in facts["signatures"])
    if disputed >= DISPUTED_SHARE * max(events, 1):
        # What the class advises rests on fields that the texts of most events contradict.
        rows = [row | {"action": say("If the fields are right: {action}", action=row["action"])} for row in rows]
        look = say("Look at single events first: what most errors say contradicts their fields.")
        rows.insert(0, _dispute(disputed, look, folder))
    elif disputed:
        check = say("Check the disputed signatures: their text says otherwise than their fields.")
        rows.append(_dispute(disputed, check, folder))
    missed = [str(one).partition(" ") for one in facts["class"].get("unmatched_overrides") or []]
    if missed:
        rows.append(advice_row(
            say("Check class_overrides in judgement.yaml: {count} of them match nothing.", count=len(missed)),
            "; ".join((say(what) if what in _TARGETS else what) + gap + name for what, gap, name in missed[:3]),
            unknown=say("Which events they were meant for."),
        ))  # fmt: skip
    rows = after + rows
    rows[0] = rows[0] | {"action": stop_first(facts, rows[0]["action"])}
    if is_quiet_since_fix(facts):
        wait = say("First wait until it is known whether the fix holds (dlqkit closure … --watch). {action}",
                   action=rows[0]["action"])  # fmt: skip
        rows[0] |= {"action": wait, "command": f"dlqkit closure {folder} --watch"}
    if then := then_others(facts):
        rows[0] = rows[0] | {"action": f"{rows[0]['action']} {then}"}
    return rows + advise_on_others(facts) + _of_changes(facts)


def _of_passed(facts: Mapping[str, Any], rows: list[Row], left: list[Row]) -> list[Row]:
    """What is left of a republish, after what stops the damage, or the cause that is to be gone."""
    if not is_unstopped(facts):
        gone = see_it_gone(facts) if facts["state"]["value"] == "recovering" or is_perhaps_over(facts) else ""
        first = [advice_row(gone, rows[0]["reason"], wrong=rows[0]["wrong"], unknown=rows[0]["unknown"])]
        return order_steps([*(first if gone else []), *left]) or rows
    stop = stop_first(facts, "")
    first = [rows[0] | {"action": stop or rows[0]["action"]}]
    # The steps of several causes are numbered already, each in the row that follows.
    several = len({one["failure_class"] for one in find_causes(facts)}) > 1
    return [*first, *(rows[1:] if not stop else ()), *left] if several else order_steps(first + left)


def _of_healed(facts: Mapping[str, Any], folder: str) -> list[Row]:
    """Every event has succeeded; it is closed once it has ended, and not before."""
    healed = say("{events} events were dead-lettered and succeeded later.", events=facts["events"]["healed"]["value"])
    again, told = (
        say("Republishing them: each would be done a second time."),
        say("Whether clients were told, and what keeps it from happening again."),
    )
    state = "recovering" if is_quiet_since_fix(facts) else facts["state"]["value"]
    if state == "going_on":
        return [
            advice_row(say("Find what makes events die: all that died so far have succeeded since, and it goes on."),
                       healed, f"dlqkit lab {folder}",
                       wrong=say("Closing it because nothing is open: the next event may die."),
                       unknown=say("Whether the next ones will succeed by themselves, too.")),
            *_of_changes(facts),
        ]  # fmt: skip
    if state == "recovering":
        watch = say("Nothing is left to republish: every event of it has succeeded since. Watch until it is known to "
                    "have ended, then close it by the checklist.")  # fmt: skip
        return [advice_row(watch, healed, f"dlqkit closure {folder} --watch", wrong=again, unknown=told)]
    if "closure" in facts.get("not_answered", ()):
        measure = say("Nothing is left to republish: every event of it has succeeded since. Measure by the checklist "
                      "whether it can be closed.")  # fmt: skip
        return [advice_row(measure, healed, f"dlqkit closure {folder}", wrong=again, unknown=told)]
    if unmet := unmet_text(facts):
        look = say("Nothing is left to republish: every event of it has succeeded since. It cannot be closed "
                   "yet: {items}.", items=unmet_items_text(facts))  # fmt: skip
        return [advice_row(look, unmet, f"dlqkit closure {folder}", wrong=again, unknown=told)]
    close = say("Nothing is left to republish: every event of it has succeeded since. Close it by the checklist.")
    return [advice_row(close, healed, f"dlqkit closure {folder}", wrong=again, unknown=told)]


def _of_changes(facts: Mapping[str, Any]) -> list[Row]:
    changes = facts.get("changes", {}).get("rows") or []
    if changes:
        told = [f"{clock(datetime.fromisoformat(row['at']))} {change_words(row)}" for row in changes[-3:]]
        return [advice_row(
            say("Check whether what changed before the onset is the cause; roll it back if so."), "; ".join(told),
            wrong=say("Taking a change for the cause because it came before."),
            unknown=say("Whether it is the cause: these are candidates, not conclusions."),
        )]  # fmt: skip
    return []


def change_words(row: Mapping[str, Any]) -> str:
    """What changed, of ``changes.rows`` of the facts; where it was seen first after the onset, that it was."""
    if (row.get("before_s") or 0.0) >= 0:
        return str(row["what"])
    return say("{change} (seen first just after the onset)", change=row["what"])


def _dispute(events: int, action: str, folder: str) -> Row:
    return advice_row(action, say("{events} events; the worker may set retryable wrongly.", events=events),
                      f"dlqkit lab {folder}",
                      wrong=say("Republishing disputed events together with the others."),
                      unknown=say("Which of the two is right, the flag or the text."))  # fmt: skip


def _of_signal(kind: str, facts: Mapping[str, Any], folder: str) -> list[Row]:
    """The signals of §1 that are no dead letters (yet)."""
    reason = str(facts["state"]["reason"])
    lab = f"dlqkit lab {folder}"
    if kind == "silence" and facts["state"]["value"] == "ended":
        return [
            advice_row(say("Collect again and see whether events were lost or only waited: it works again."),
                       say("§1: silence is no proof of failure; the topic keeps events for its retention."),
                       f"dlqkit collect {folder}",
                       wrong=say("Republishing now: events that only wait would be done twice."),
                       unknown=say("Whether any event outlived the topic's retention.")),
            advice_row(say("Find why no event was processed, before it falls silent again."), reason,
                       wrong=say("Taking silence for success: no failures are counted where nobody counts."),
                       unknown=say("Whether what stopped it is removed.")),
        ]  # fmt: skip
    if kind == "silence":
        # The reason says of a worker itself whether its process lives; of one source alone nothing tells.
        is_worker = facts["state"].get("what") in {None, "events"}
        return [
            advice_row(say("Look at the worker and its subscription: no event is being processed."), reason,
                       wrong=say("Taking silence for success: no failures are counted where nobody counts."),
                       unknown=say("Why: whether no events reach the worker, or it does not work on them.") if is_worker
                       else say("Whether the worker is dead, or only its logs and metrics.")),
            advice_row(say("Once it is back, collect again and see whether events were lost or only waited."),
                       say("§1: silence is no proof of failure; the topic keeps events for its retention."),
                       f"dlqkit collect {folder}",
                       wrong=say("Republishing now: events that only wait would be done twice."),
                       unknown=say("Whether any event outlived the topic's retention.")),
        ]  # fmt: skip
    if kind == "failures" and (facts.get("metrics") or {}).get("dead_letters_increase"):
        # Too few to be an incident of dead letters; still, nothing runs them again by itself.
        return [advice_row(say("Look at the newest failures: the attempts of some are used up already."), reason, lab,
                           wrong=say("Taking few dead letters for none: they stay until they are sent again."),
                           unknown=say("How many of these failures the next attempt heals."))]  # fmt: skip
    if kind == "failures":
        return [advice_row(say("Look at the newest failures before their attempts are used up."), reason, lab,
                           wrong=say("Waiting for dead letters: they follow once the attempts are used up."),
                           unknown=say("How many of these failures the next attempt heals."))]  # fmt: skip
    if kind == "duration":
        return [advice_row(say("Find what slows the action down before it runs into its timeout."), reason, lab,
                           wrong=say("Raising the timeout at once: what is slow may be about to fail."),
                           unknown=say("Whether it will reach the timeout."))]  # fmt: skip
    if kind == "support":
        return [advice_row(say("Look up each reported event: done, failed, dead, or never arrived."), reason, lab,
                           wrong=say("Answering that all is well because no counter moved."),
                           unknown=say("What became of events that no source has seen."))]  # fmt: skip
    return [advice_row(say("Look at the signal's figure and at the newest failures."), reason or "§1", lab)]


def _is_cut_first(facts: Mapping[str, Any]) -> bool:
    """Whether plans were made of a list that lacks events: their own outcome can wait, and for those nobody does."""
    return bool(facts["republish"]["plans"]) and count_unlisted(facts) > 0


def _of_evidence(facts: Mapping[str, Any], folder: str) -> list[Row]:
    rows = []
    if facts.get("onset", {}).get("is_window_start"):
        rows.append(advice_row(say("Collect from earlier on: it began before the evidence does."),
                               say("The dead letters are there from the first moment that was looked at."),
                               f"dlqkit collect {folder} --since 24h",
                               wrong=say("Taking the start of the window for the onset."),
                               unknown=say("When it began, and what changed before.")))  # fmt: skip
    elif not _is_cut_first(facts):
        rows += advise_on_unlisted(facts, folder)
    for source in facts.get("coverage", []):
        if source["completeness"] == "partial":
            kind, missing = str(source["kind"]), "; ".join(source["missing"])
            rows.append(advice_row(say("Collect again: {source} is partial.", source=say(kind)),
                                   missing or say("It broke off."), f"dlqkit collect {folder}",
                                   unknown=say("What the missing part would show.")))  # fmt: skip
    return rows
