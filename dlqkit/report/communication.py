"""Runbook §6 in a few lines: problem, cause, solution, prevention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.report.republished import summarise_republish
from dlqkit.report.wording import class_text, count_text, headline, moment_text, other_incidents_text

__all__ = ["write_communication"]


def _row(label: str, text: str, kind: str = "computed", evidence: str = "") -> dict[str, str]:
    return {"label": label, "text": text, "kind": kind, "evidence": evidence}


def write_communication(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows ``label``, ``text``, ``kind`` (computed, unknown, judgement) and ``evidence``, in the order of §6."""
    state = facts["state"]["value"]
    if state in {"nothing", "unknown"}:
        return [
            _row(
                "Problem",
                f"{headline(facts)}. {facts['state']['reason']}",
                "computed" if state == "nothing" else "unknown",
            )
        ]
    ended = f"It ended {moment_text(facts['end']['at'])}." if facts["end"]["at"] else "It is going on."
    rows = [_row("Problem", f"{headline(facts)}. {ended}", evidence=facts["onset"]["evidence"])]
    if facts["state"]["kind"] == "dead_letters":
        top = facts["signatures"][0]["signature"] if facts["signatures"] else "no error text"
        kind = "unknown" if facts["class"]["value"] == "unknown" else "computed"
        text = f"By the rules of §4: {class_text(facts)}. Most frequent: {top}"
        rows.append(_row("Cause", text, kind, facts["events"]["evidence"]))
    judgement = facts["judgement"]
    cause = judgement["cause"]
    rows.append(
        _row("Cause confirmed", cause or "Say what was confirmed, and how.", "computed" if cause else "judgement")
    )
    done = judgement["done"]
    rows.append(_row("Done", done or "Say what was changed, and when.", "computed" if done else "judgement"))
    if facts["state"]["kind"] == "dead_letters":
        rows.append(
            _row(
                "Remains",
                f"{count_text(facts['events']['open'])} events are open.{_beside(facts)}",
                evidence=facts["events"]["evidence"],
            )
        )
    if republished := summarise_republish(facts["republish"]):
        rows.append(_row("Republished", republished, evidence=facts["events"]["evidence"]))
    if facts["advice"]:
        rows.append(_row("Next", facts["advice"][0]["action"]))
    prevention = judgement["prevention"]
    rows.append(
        _row(
            "Prevention",
            prevention or "Say what will keep this from happening again.",
            "computed" if prevention else "judgement",
        )
    )
    return rows


def _beside(facts: Mapping[str, Any]) -> str:
    """What is open of the workflow's other incidents in the window."""
    return f" At other times in the window: {other_incidents_text(facts)}." if facts["other_incidents"] else ""
