"""What stands under which heading of the report: §6 and §7, and a short report where nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import retell, say
from dlqkit.report import closing_tables as closing
from dlqkit.report import diagnosis_tables as why
from dlqkit.report import lessons, milestones, reproduce, tables
from dlqkit.report import republished as sent
from dlqkit.report.history_tables import show_earlier
from dlqkit.report.payload_tables import show_payloads
from dlqkit.report.pinned import pinned_blocks
from dlqkit.report.provenance_tables import show_provenance
from dlqkit.report.review_state import state_text
from dlqkit.report.wording import Line

__all__ = ["Block", "choose_sections", "missing_judgement", "report_status"]

Facts = Mapping[str, Any]
Block = tables.Table | tables.Text | str
"""A table, labelled sentences, or ``figure:NAME``."""


def choose_sections(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Headings with what stands under each; what has nothing to say is left out."""
    if facts["state"]["value"] in {"nothing", "unknown"}:
        looked: list[Block] = [tables.show_signals(facts), "figure:signals", *_reported(facts)]
        return [
            (say("What was looked at"), looked),
            (say("What to do"), [tables.show_advice(facts)]),
            *_pinned(facts),
            *_written(facts),
            _evidence(facts),
        ]
    return [
        (say("Scope"), [reproduce.show_scope(facts)]),
        (say("Problem"), _problem(facts)),
        (
            say("Timeline"),
            [
                "figure:timeline",
                milestones.show_milestones(facts),
                milestones.show_times(facts),
                tables.show_timeline(facts),
                tables.show_changes(facts),
            ],
        ),
        (say("Cause"), [*_cause(facts), lessons.show_judged(facts, "cause"), lessons.show_factors(facts)]),
        *_pinned(facts),
        (
            say("Solution"),
            [
                tables.show_advice(facts),
                *_republished(facts),
                lessons.show_judged(facts, "done"),
                lessons.show_judged(facts, "solution_remaining"),
                lessons.show_judged(facts, "owner"),
            ],
        ),
        (say("Prevention"), [why.show_prevention(facts), lessons.show_judged(facts, "prevention")]),
        (say("Lessons and follow-ups"), [lessons.show_lessons(facts), lessons.show_follow_ups(facts)]),
        (
            say("Closure"),
            [closing.show_closing(facts), closing.show_checklist(facts), closing.show_closing_counts(facts)],
        ),
        *_earlier(facts),
        *_payloads(facts),
        _evidence(facts),
        (say("How to make it again"), [reproduce.show_reproduction(facts)]),
    ]


def report_status(facts: Facts) -> str:
    """Draft, in review, reviewed or closed, and by whose word."""
    return state_text(facts)


def missing_judgement(facts: Facts) -> list[str]:
    """Keys of ``judgement.yaml`` that are still to be written, so that the report is a draft."""
    return list(facts["review"]["lacks"])


def _problem(facts: Facts) -> list[Block]:
    blocks: list[Block] = [tables.show_signals(facts), "figure:signals"]
    if facts["state"]["kind"] == "dead_letters":
        blocks += [tables.show_impact(facts, counts=False), why.show_impact_counts(facts)]
    if any(len(row["workflow_ids"]) > 1 for row in facts["findings"]):
        blocks.append(why.show_findings(facts))
    return blocks + _reported(facts)


def _republished(facts: Facts) -> list[Block]:
    if facts["republish"]["problem"]:
        return [
            tables.Text("", (Line(say("Republish"), facts["republish"]["problem"], "unknown"),)),
            sent.show_audit(facts),
        ]
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
    return [(say("Earlier incidents"), [*show_earlier(facts)])] if "earlier" in facts else []


def _written(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Of a short report: what people wrote although nothing asked for it."""
    written = [lessons.show_lessons(facts)] if facts["lessons"] else []
    blocks: list[Block] = [*written, *([lessons.show_follow_ups(facts)] if facts["follow_ups"] else [])]
    return [(say("Lessons and follow-ups"), blocks)] if blocks else []


def _pinned(facts: Facts) -> list[tuple[str, list[Block]]]:
    """Only where somebody pinned something."""
    return [(say("Pinned"), [*pinned_blocks(facts)])] if facts["pinned"]["rows"] else []


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


def _evidence(facts: Facts) -> tuple[str, list[Block]]:
    taken = tuple(
        Line(say("Assumption {number}", number=number), text) for number, text in enumerate(facts["assumptions"], 1)
    )
    found = tuple(Line(say("Found while collecting"), retell(text)) for text in facts["snapshot"]["findings"])
    blocks: list[Block] = [tables.show_coverage(facts)]
    blocks += [tables.Text(say("Taken to be so, not given"), taken)] if taken else []
    blocks += [tables.Text("", found)] if found else []
    is_short = facts["state"]["value"] in {"nothing", "unknown"}
    return say("Evidence"), [*blocks, *([] if is_short else [show_provenance(facts)])]
