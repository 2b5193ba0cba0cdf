"""Runbook §6 in a few lines: problem, cause, solution, prevention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import say
from dlqkit.report.republished import summarise_republish
from dlqkit.report.wording import class_text, count_text, going_on_text, headline, moment_text, other_incidents_text

__all__ = ["write_communication"]


def _row(label: str, text: str, kind: str = "computed", evidence: str = "") -> dict[str, str]:
    return {"label": label, "text": text, "kind": kind, "evidence": evidence}


def write_communication(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows ``label``, ``text``, ``kind`` (computed, unknown, judgement) and ``evidence``, in the order of §6."""
    state = facts["state"]["value"]
    if state in {"nothing", "unknown"}:
        return [
            _row(
                say("Problem"),
                f"{headline(facts)}. {facts['state']['reason']}",
                "computed" if state == "nothing" else "unknown",
            )
        ]
    ended = say("It ended {at}.", at=moment_text(facts["end"]["at"])) if facts["end"]["at"] else going_on_text(facts)
    rows = [_row(say("Problem"), f"{headline(facts)}. {ended}", evidence=facts["onset"]["evidence"])]
    if facts["state"]["kind"] == "dead_letters":
        top = facts["signatures"][0]["signature"] if facts["signatures"] else say("no error text")
        kind = "unknown" if facts["class"]["value"] == "unknown" else "computed"
        text = say(
            "By the rules of §4: {failure_class}. Most frequent: {signature}",
            failure_class=class_text(facts), signature=top,
        )  # fmt: skip
        rows.append(_row(say("Cause"), text, kind, facts["events"]["evidence"]))
    judgement = facts["judgement"]
    cause = judgement["cause"]
    rows.append(
        _row(
            say("Cause confirmed"),
            cause or say("Say what was confirmed, and how."),
            "computed" if cause else "judgement",
        )
    )
    done = judgement["done"]
    rows.append(_row(say("Done"), done or say("Say what was changed, and when."), "computed" if done else "judgement"))
    if facts["state"]["kind"] == "dead_letters":
        rows.append(
            _row(
                say("Remains"),
                f"{_still_open(facts)}{_beside(facts)}",
                evidence=facts["events"]["evidence"],
            )
        )
    if republished := summarise_republish(facts["republish"]):
        rows.append(_row(say("Republished"), republished, evidence=facts["events"]["evidence"]))
    if facts["advice"]:
        rows.append(_row(say("Next"), facts["advice"][0]["action"]))
    prevention = judgement["prevention"]
    rows.append(
        _row(
            say("Prevention"),
            prevention or say("Say what will keep this from happening again."),
            "computed" if prevention else "judgement",
        )
    )
    return rows


def _still_open(facts: Mapping[str, Any]) -> str:
    # The count may be a bound or not known, so it is a value and no plural form.
    return say("{count} events are open.", count=count_text(facts["events"]["open"]))


def _beside(facts: Mapping[str, Any]) -> str:
    """What is open of the workflow's other incidents in the window."""
    if not facts["other_incidents"]:
        return ""
    return " " + say("At other times in the window: {incidents}.", incidents=other_incidents_text(facts))
