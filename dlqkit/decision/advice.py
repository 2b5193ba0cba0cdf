"""What to do next, by the runbook's §4 and §5, from the facts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from dlqkit.decision.errors.error_text import read_error
from dlqkit.decision.republish_advice import advise_on_republish

__all__ = ["advise"]

# So many signatures of a mixed incident are spoken of one by one.
MIXED_SIGNATURES = 4
# A timeout is put down to what is down where at least this share of its events say so.
DEPENDENCY_SHARE = 0.5
# From this share of the events on a dispute is the first thing to settle.
DISPUTED_SHARE = 0.5
_NAME_THE_FIELD = "Say by execution_logs.fields in dlqkit.toml which field tells a dead letter (queued_to_dlq)"
_Row = dict[str, str]


def _advice(action: str, reason: str, command: str = "", *, wrong: str = "", unknown: str = "") -> _Row:
    return {"action": action, "reason": reason, "command": command, "wrong": wrong, "unknown": unknown}


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
        missing = {"time": "Say how the records give their time: execution_logs.timezone or execution_logs.fields, in "
                           "dlqkit.toml; then collect again.",
                   "queued_to_dlq": f"{_NAME_THE_FIELD}, and collect again."}  # fmt: skip
        ask = "Check the addresses, the workflow_id and the window, and collect again."
        return [_advice(missing.get(facts["state"].get("why") or "", ask),
                        facts["state"]["reason"], f"dlqkit collect {folder} --since 6h",
                        wrong="Taking an empty answer for a healthy worker.",
                        unknown="Whether anything is wrong at all.")]  # fmt: skip
    rows: list[_Row] = []
    if kind == "dead_letters":
        rows += _of_dead_letters(facts, directory)
    elif kind is not None:
        rows += _of_signal(str(kind), facts, folder)
    if (untold := (facts.get("untold") or {}).get("queued_to_dlq")) and kind != "dead_letters":
        rows.insert(0, _advice(f"{_NAME_THE_FIELD}, and collect again.", untold, f"dlqkit collect {folder}",
                               wrong="Taking it that no event was dead-lettered.",
                               unknown="Which of the failed events are dead letters."))  # fmt: skip
    rows += _of_evidence(facts, folder)
    still_open = int(facts["state"].get("open") or 0)
    if state == "nothing" and facts["state"].get("until"):
        rows.append(_advice("Collect to the end of the window: the evidence ends before it.",
                            f"Nothing is known of after {facts['state']['until'][:19].replace('T', ' ')} UTC.",
                            f"dlqkit collect {folder}",
                            wrong="Taking what is not covered for quiet.",
                            unknown="Whether the worker fell silent, or the file was saved then."))  # fmt: skip
    if state == "nothing" and still_open:
        words = "one dead event that is" if still_open == 1 else f"{still_open:,} dead events that are"
        rows.append(_advice(f"Look at the {words} open; there is no incident, but each wants its decision.",
                            "§4: a dead event stays undone until somebody decides.", f"dlqkit lab {folder}",
                            wrong="Leaving them because they are few.",
                            unknown="Whether more of the same kind follow."))  # fmt: skip
    elif state == "nothing":
        rows.append(_advice("Nothing to do; if a client says otherwise, give their list of events.",
                            "§1: events that never reached the action are in no metric.",
                            f"dlqkit collect {folder} --reported reports.csv",
                            unknown="What became of events that no source has seen."))  # fmt: skip
    return rows


def _of_dead_letters(facts: Mapping[str, Any], directory: str) -> list[_Row]:
    folder = shlex.quote(directory)
    events = facts.get("events", {})
    still_open = events.get("open") or {}
    if still_open.get("value") == 0 and still_open.get("bound") in {"exact", "at_most"}:
        return [_advice("Nothing is left to republish: every event of it has succeeded since. Close it by §7.",
                        f"{events['healed']['value']:,} events were dead-lettered and succeeded later.",
                        f"dlqkit lab {folder}",
                        wrong="Republishing them: each would be done a second time.",
                        unknown="Whether clients were told, and what keeps it from happening again.")]  # fmt: skip
    after = advise_on_republish(facts["republish"], still_open.get("value"), directory=directory)
    if facts["republish"]["passed"]:
        # What the class asks for has been done: events of it pass again.
        return after + _of_changes(facts)
    rows = _of_class(str(facts["class"]["value"]), facts, folder)
    disputed, events = int(facts["class"].get("disputed") or 0), sum(row["events"] for row in facts["signatures"])
    if disputed >= DISPUTED_SHARE * max(events, 1):
        # What the class advises rests on fields that the texts of most events contradict.
        rows = [row | {"action": f"If the fields are right: {row['action']}"} for row in rows]
        rows.insert(0, _dispute(disputed, "Look at single events first: what most errors say contradicts their fields.",
                                folder))  # fmt: skip
    elif disputed:
        rows.append(_dispute(disputed, "Check the disputed signatures: their text says otherwise than their fields.",
                             folder))  # fmt: skip
    missed = facts["class"].get("unmatched_overrides") or []
    if missed:
        rows.append(_advice(f"Check class_overrides in judgement.yaml: {len(missed):,} of them match nothing.",
                            "; ".join(str(one) for one in missed[:3]),
                            unknown="Which events they were meant for."))  # fmt: skip
    return after + rows + _of_changes(facts)


def _of_changes(facts: Mapping[str, Any]) -> list[_Row]:
    changes = facts.get("changes", {}).get("rows") or []
    if changes:
        return [_advice("Check whether what changed before the onset is the cause; roll it back if so.",
                            "; ".join(f"{row['at'][11:19]} {row['what']}" for row in changes[-3:]),
                            wrong="Taking a change for the cause because it came before.",
                            unknown="Whether it is the cause: these are candidates, not conclusions.")]  # fmt: skip
    return []


def _dispute(events: int, action: str, folder: str) -> _Row:
    return _advice(action, f"{events:,} events; the worker may set retryable wrongly.", f"dlqkit lab {folder}",
                   wrong="Republishing disputed events together with the others.",
                   unknown="Which of the two is right, the flag or the text.")  # fmt: skip


def _of_class(failure_class: str, facts: Mapping[str, Any], folder: str) -> list[_Row]:
    top = facts["signatures"][0] if facts["signatures"] else None
    about = f"{top['share']:.0%} of its events say: {top['signature']}" if top else "The records hold no error text."
    lab = f"dlqkit lab {folder}"
    if failure_class == "business" and top is not None and read_error(str(top["signature"])).is_about_access:
        return [
            _advice("Find who was refused: the worker, whose access is then to be restored, or the client.", about,
                    wrong="Having the events created anew before that is known: theirs may be in order.",
                    unknown="Whose credentials or rights the error is about."),
            _advice("Run one event again once access is there, and see whether the same payload passes.",
                    "§4: retryable is false, but what was refused is an access and not the payload.", lab,
                    wrong="Republishing all of them before one has passed."),
        ]  # fmt: skip
    if failure_class == "business":
        return [
            _advice("Find what changed in the input or the configuration, with the client who sends it.", about,
                    unknown="Whether the payload or the rule that refuses it is wrong."),
            _advice("Do not run these events again as they are; have them created anew, corrected.",
                    "§4: retryable is false, so the same payload fails again.", lab,
                    wrong="Republishing them unchanged: each would be dead-lettered a second time."),
        ]  # fmt: skip
    if failure_class == "infrastructure":
        return _of_infrastructure(facts, top, about, lab)
    if failure_class == "timeout":
        return _of_timeout(facts, about, lab)
    if failure_class == "mixed":
        return [
            _advice("Treat each signature by its own class: there is more than one cause.",
                    "§4: business errors must be corrected, infrastructure errors wait for their root.", lab,
                    wrong="Republishing all open events at once.",
                    unknown="Whether one cause made the others."),
            *(_of_signature(row) for row in facts["signatures"][:MIXED_SIGNATURES]),
        ]  # fmt: skip
    suggested = str(top.get("suggested_class") or "unknown") if top else "unknown"
    hint = "" if suggested == "unknown" else f" By its text alone it would be: {suggested}."
    return [_advice("Look at single events: their fields do not tell the class.", about + hint, lab,
                    wrong="Republishing on a guess, or by the text alone.",
                    unknown="Whether the same payload would fail again.")]  # fmt: skip


def _of_infrastructure(facts: Mapping[str, Any], top: Mapping[str, Any] | None, about: str, lab: str) -> list[_Row]:
    going_on = facts["state"]["value"] == "going_on"
    reading = read_error(str(top["signature"])) if top else None
    if reading is not None and reading.failure_class == "infrastructure" and reading.is_about_access:
        what = "Give the worker its access back, its credentials or rights"
        first = f"{what}; republish only then." if going_on else f"{what}, or see that it has it, then republish."
    elif going_on:
        first = "Find what is unavailable and restore it; republish only then."
    else:
        first = "Make sure that what was unavailable is back, then republish the open events."
    named = reading is not None and reading.failure_class == "infrastructure"
    return [
        _advice(first, about,
                wrong="Republishing while it is down: the events use up their attempts again, and add to the load.",
                unknown="Whether it is back: ask it, the records cannot tell." if named
                else "What is unavailable: the error text does not name it."),
        _advice("See which events are open before you republish.",
                "§5: their payloads are correct, their attempts are used up.", lab,
                unknown="Whether an attempt that failed had already had some effect."),
    ]  # fmt: skip


def _of_timeout(facts: Mapping[str, Any], about: str, lab: str) -> list[_Row]:
    limit = facts["class"]["timeout_ms"]["value"]
    text = f"Actions end at the timeout of {limit:,.0f} ms." if limit else about
    if _names_dependency([row for row in facts["signatures"] if row["failure_class"] == "timeout"]):
        first = _advice("Restore what the action waits for, then republish; its timeout is not at fault.",
                        f"{text} {about}" if limit else about,
                        wrong="Raising the timeout: the action would only wait longer for what is down.",
                        unknown="Whether it is back: ask it, the records cannot tell.")  # fmt: skip
    else:
        first = _advice("Find what slowed the action down; raise its timeout or make it faster, then republish.", text,
                        wrong="Republishing at once: the action is as slow as before.",
                        unknown="How long the action would have taken: the timeout cut it.")  # fmt: skip
    return [first, _advice("Compare the durations with the timeout.", "§4: long timeouts.", lab)]


def _names_dependency(signatures: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most events of these signatures say that something else is down."""
    events = sum(row["events"] for row in signatures)
    down = sum(
        row["events"]
        for row in signatures
        if row.get("names_dependency", row.get("suggested_class") == "infrastructure")
    )
    return bool(events) and down >= DEPENDENCY_SHARE * events


def _of_signature(row: Mapping[str, Any]) -> _Row:
    """One line of a mixed incident."""
    words = {
        "business": ("correct the input, and have them created anew", "Republishing them unchanged."),
        "infrastructure": ("remove the root, then republish", "Republishing before the root is removed."),
        "timeout": ("make the action faster or raise its timeout, then republish", "Republishing at once."),
        "unknown": ("look at single events", "Republishing on a guess."),
    }
    todo, wrong = words[str(row["failure_class"])]
    if row["failure_class"] == "timeout" and _names_dependency([row]):
        todo, wrong = "restore what the action waits for, then republish", "Raising the timeout."
    if row.get("disputed"):
        todo, wrong = "look at single events first: text and fields contradict each other", "Republishing on a guess."
    return _advice(f"{row['events']:,} events, {row['failure_class']}: {todo}.", f"They say: {row['signature']}",
                   wrong=wrong)  # fmt: skip


def _of_signal(kind: str, facts: Mapping[str, Any], folder: str) -> list[_Row]:
    """The signals of §1 that are no dead letters (yet)."""
    reason = str(facts["state"]["reason"])
    lab = f"dlqkit lab {folder}"
    if kind == "silence":
        return [
            _advice("Look at the worker and its subscription: no event is being done.", reason,
                    wrong="Taking silence for success: no failures are counted where nobody counts.",
                    unknown="Whether the worker is dead, or only its logs and metrics."),
            _advice("Once it is back, collect again and see whether events were lost or only waited.",
                    "§1: silence is no proof of failure; the topic keeps events for its retention.",
                    f"dlqkit collect {folder}",
                    wrong="Republishing now: events that only wait would be done twice.",
                    unknown="Whether any event outlived the topic's retention."),
        ]  # fmt: skip
    if kind == "failures":
        return [_advice("Look at the newest failures before their attempts are used up.", reason, lab,
                        wrong="Waiting for dead letters: they follow once the attempts are used up.",
                        unknown="How many of these failures the next attempt heals.")]  # fmt: skip
    if kind == "duration":
        return [_advice("Find what slows the action down before it runs into its timeout.", reason, lab,
                        wrong="Raising the timeout at once: what is slow may be about to fail.",
                        unknown="Whether it will reach the timeout.")]  # fmt: skip
    if kind == "support":
        return [_advice("Look up each reported event: done, failed, dead, or never arrived.", reason, lab,
                        wrong="Answering that all is well because no counter moved.",
                        unknown="What became of events that no source has seen.")]  # fmt: skip
    return [_advice("Look at the signal's figure and at the newest failures.", reason or "§1", lab)]


def _of_evidence(facts: Mapping[str, Any], folder: str) -> list[_Row]:
    rows = []
    affected = (facts["events"]["affected"] or {}) if "events" in facts else {}
    if facts.get("onset", {}).get("is_window_start"):
        rows.append(_advice("Collect from earlier on: it began before the evidence does.",
                            "The dead letters are there from the first moment that was looked at.",
                            f"dlqkit collect {folder} --since 24h",
                            wrong="Taking the start of the window for the onset.",
                            unknown="When it began, and what changed before."))  # fmt: skip
    elif affected.get("bound") == "at_least":
        rows.append(_advice("Get the whole list of dead letters: export the records, or raise the API's limit.",
                            "The source was cut, so there may be more events than are seen.",
                            f"dlqkit collect {folder} --records export.jsonl",
                            wrong="Reporting the number of events as exact.",
                            unknown="How many more there are."))  # fmt: skip
    rows += [
        _advice(f"Collect again: {row['kind']} is partial.", "; ".join(row["missing"]) or "It broke off.",
                f"dlqkit collect {folder}", unknown="What the missing part would show.")
        for row in facts.get("coverage", []) if row["completeness"] == "partial"
    ]  # fmt: skip
    return rows
