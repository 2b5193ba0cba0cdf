"""What to do next, by the runbook's §4 and §5, from the facts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

__all__ = ["advise"]


def _advice(action: str, reason: str, command: str = "") -> dict[str, str]:
    return {"action": action, "reason": reason, "command": command}


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
    """
    folder = shlex.quote(directory)
    kind, state = facts["state"]["kind"], facts["state"]["value"]
    if state == "unknown":
        return [_advice("Check the addresses, the workflow_id and the window, and collect again.",
                        facts["state"]["reason"], f"dlqkit collect {folder} --since 6h")]  # fmt: skip
    rows: list[dict[str, str]] = []
    if kind == "dead_letters":
        rows += _of_class(facts, folder)
    elif kind == "silence":
        rows += [
            _advice("Look at the worker's process and its subscription: it gives no sign of life.",
                    facts["state"]["reason"]),
            _advice("Once it is back, collect again and see whether events were lost or only waited.",
                    "§1: silence is no proof of failure; the topic keeps events for its retention.",
                    f"dlqkit collect {folder}"),
        ]  # fmt: skip
    elif kind is not None:
        rows.append(_advice("Look at the signal's figure and at the newest failures.", "§1", f"dlqkit lab {folder}"))
    rows += _of_evidence(facts, folder)
    if state == "nothing":
        rows.append(_advice("Nothing to do; if a client says otherwise, give their list of events.",
                            "§1: events that never reached the action are in no metric.",
                            f"dlqkit collect {folder} --reported reports.csv"))  # fmt: skip
    return rows


def _of_class(facts: Mapping[str, Any], folder: str) -> list[dict[str, str]]:
    failure_class = facts["class"]["value"]
    going_on = facts["state"]["value"] == "going_on"
    top = facts["signatures"][0] if facts["signatures"] else None
    about = f"{top['share']:.0%} of its events say: {top['signature']}" if top else "The records hold no error text."
    candidates = f"dlqkit lab {folder}"
    rows = []
    if failure_class == "business":
        rows += [
            _advice("Find what changed in the input or the configuration, with the client who sends it.", about),
            _advice("Do not run these events again as they are; have them created anew, corrected.",
                    "§4: retryable is false, so the same payload fails again.", candidates),
        ]  # fmt: skip
    elif failure_class == "infrastructure":
        rows.append(_advice(
            "Find what is unavailable and restore it; republish only then." if going_on
            else "Make sure that what was unavailable is back, then republish the open events.", about))  # fmt: skip
        rows.append(_advice("See which events are open before you republish.",
                            "§5: their payloads are correct, their attempts are used up.", candidates))  # fmt: skip
    elif failure_class == "timeout":
        limit = facts["class"]["timeout_ms"]["value"]
        text = f"Actions end at the timeout of {limit:,.0f} ms." if limit else about
        rows += [
            _advice("Find what slowed the action down; raise its timeout or make it faster, then republish.", text),
            _advice("Compare the durations with the timeout.", "§4: long timeouts.", candidates),
        ]  # fmt: skip
    elif failure_class == "mixed":
        rows.append(_advice("Treat each signature by its own class: there is more than one cause.",
                            "§4: business errors must be corrected, infrastructure errors wait for their root.",
                            candidates))  # fmt: skip
    else:
        rows.append(_advice("Look at single events: their fields do not tell the class.", about, candidates))
    if facts["class"]["disputed"]:
        rows.append(_advice("Check the disputed signatures: their text says otherwise than their fields.",
                            f"{facts['class']['disputed']:,} events are disputed.", candidates))  # fmt: skip
    if facts["changes"]["rows"]:
        rows.append(_advice("Check whether what changed before the onset is the cause; roll it back if so.",
                            _changes(facts["changes"]["rows"])))  # fmt: skip
    return rows


def _changes(rows: list[Mapping[str, Any]]) -> str:
    return "; ".join(f"{row['at'][11:19]} {row['what']}" for row in rows[-3:])


def _of_evidence(facts: Mapping[str, Any], folder: str) -> list[dict[str, str]]:
    rows = []
    affected = (facts["events"]["affected"] or {}) if "events" in facts else {}
    if affected.get("bound") == "at_least":
        rows.append(_advice("Get the whole list of dead letters: export the records, or raise the API's limit.",
                            "The source was cut, so there may be more events than are seen.",
                            f"dlqkit collect {folder} --records export.jsonl"))  # fmt: skip
    rows += [
        _advice(f"Collect again: {row['kind']} is partial.", "; ".join(row["missing"]) or "It broke off.",
                f"dlqkit collect {folder}")
        for row in facts.get("coverage", []) if row["completeness"] == "partial"
    ]  # fmt: skip
    return rows
