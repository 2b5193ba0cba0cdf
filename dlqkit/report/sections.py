"""What stands under which heading of the report: §6 and §7, and a short report where nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import say
from dlqkit.report import closing_tables as closing
from dlqkit.report import diagnosis_tables as why
from dlqkit.report import republished as sent
from dlqkit.report import tables
from dlqkit.report.history_tables import show_earlier
from dlqkit.report.payload_tables import show_payloads
from dlqkit.report.provenance_tables import show_provenance, show_reproduction
from dlqkit.report.wording import Line

__all__ = ["Block", "choose_sections", "missing_judgement", "report_status"]

Facts = Mapping[str, Any]
Block = tables.Table | tables.Text | str
"""A table, labelled sentences, or ``figure:NAME``."""


def choose_sections(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Headings with what stands under each; what has nothing to say is left out."""
    if facts["state"]["value"] in {"nothing", "unknown"}:
        looked: list[Block] = [tables.show_signals(facts), "figure:signals", *_reported(facts)]
        return [("What was looked at", looked), ("What to do", [tables.show_advice(facts)]), _evidence(facts)]
    return [
        ("Problem", _problem(facts)),
        ("Timeline", ["figure:timeline", tables.show_timeline(facts), tables.show_changes(facts)]),
        ("Cause", [*_cause(facts), _judged(facts, "Cause confirmed", "cause")]),
        (
            "Solution",
            [
                tables.show_advice(facts),
                *_republished(facts),
                _judged(facts, "Done so far", "done"),
                _judged(facts, "Owner of what remains", "owner"),
            ],
        ),
        ("Prevention", [why.show_prevention(facts), _judged(facts, "Prevention", "prevention")]),
        ("Closure", [closing.show_closing(facts), closing.show_checklist(facts), closing.show_closing_counts(facts)]),
        *_earlier(facts),
        *_payloads(facts),
        _evidence(facts),
    ]


def report_status(facts: Facts) -> str:
    """Whether people still have to say something."""
    if facts["state"]["value"] == "nothing":
        return "Nothing to judge"
    return "Draft: judgement is still needed" if missing_judgement(facts) else "In review"


def missing_judgement(facts: Facts) -> list[str]:
    """Keys of ``judgement.yaml`` that are still to be written, so that the report is a draft."""
    return [] if facts["state"]["value"] == "nothing" else [name for name in _PROMPTS if not facts["judgement"][name]]


def _problem(facts: Facts) -> list[Block]:
    blocks: list[Block] = [tables.show_signals(facts), "figure:signals"]
    if facts["state"]["kind"] == "dead_letters":
        blocks += [tables.show_impact(facts), why.show_impact_counts(facts)]
    if any(len(row["workflow_ids"]) > 1 for row in facts["findings"]):
        blocks.append(why.show_findings(facts))
    return blocks + _reported(facts)


def _republished(facts: Facts) -> list[Block]:
    if facts["republish"]["problem"]:
        return [tables.Text("", (Line("Republish", facts["republish"]["problem"], "unknown"),)), sent.show_audit(facts)]
    if not facts["republish"]["plans"]:
        return []
    return [
        sent.show_republished(facts),
        sent.show_fates(facts),
        sent.show_not_sent(facts),
        sent.show_audit(facts),
    ]


def _earlier(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Only where somebody said where to look, so that the same evidence gives the same report everywhere."""
    return [("Earlier incidents", [*show_earlier(facts)])] if "earlier" in facts else []


def _payloads(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Only where somebody asked for them."""
    return [(say("Payloads"), [show_payloads(facts)])] if facts["payloads"] else []


def _reported(facts: Facts) -> list[Block]:
    return [why.show_reports(facts)] if facts["reports"]["count"] else []


def _cause(facts: Facts) -> list[Block]:
    if facts["state"]["kind"] != "dead_letters":
        return ["figure:durations", why.show_durations(facts)] if facts["state"]["kind"] == "duration" else []
    return [
        tables.show_classes(facts),
        tables.show_rules(facts),
        tables.show_signatures(facts),
        why.show_differences(facts),
        "figure:durations",
        why.show_durations(facts),
    ]


_PROMPTS = {
    "cause": "Say what was confirmed, by whom, and how.",
    "done": "Say what was changed or restarted, and when.",
    "owner": "Name a person or a team.",
    "prevention": "Say what will keep this from happening again.",
}


def _judged(facts: Facts, label: str, key: str) -> tables.Text:
    text = facts["judgement"][key]
    line = Line(label, str(text)) if text else Line(label, _PROMPTS[key], "judgement")
    return tables.Text("", (line,))


def _evidence(facts: Facts) -> tuple[str, list[Block]]:
    taken = tuple(Line(f"Assumption {number}", text) for number, text in enumerate(facts["assumptions"], 1))
    found = tuple(Line("Found while collecting", text) for text in facts["snapshot"]["findings"])
    blocks: list[Block] = [tables.show_coverage(facts)]
    blocks += [tables.Text("Taken to be so, not given", taken)] if taken else []
    blocks += [tables.Text("", found)] if found else []
    is_short = facts["state"]["value"] in {"nothing", "unknown"}
    return "Evidence", [*blocks, show_reproduction(facts), *([] if is_short else [show_provenance(facts)])]
