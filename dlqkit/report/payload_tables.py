"""Payloads in a report, and the warning that they are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.language import say, say_count
from dlqkit.report.tables import Table
from dlqkit.report.wording import moment_text

__all__ = ["show_payloads", "warn_of_payloads"]

Facts = Mapping[str, Any]


def warn_of_payloads(facts: Facts) -> str:
    """That the report shows payloads, because it was asked to, and what they may hold."""
    return say_count(
        "--include-payload was given: this report shows the payload of {count} event, and values of others; they may "
        "hold personal data.",
        "--include-payload was given: this report shows the payloads of {count} events, and values of others; they may "
        "hold personal data.",
        len(facts["payloads"]["rows"]),
    )


def show_payloads(facts: Facts) -> Table:
    """The newest dead letters of each leading signature, with their errors and payloads as they came."""
    payloads = facts["payloads"]
    columns = (say("died"), "trace_id", say("error"), say("payload"))
    if payloads is None:
        return Table(say("Payloads"), columns, (), say("left out of this report; --include-payload shows them"))
    rows = tuple(
        (moment_text(row["recorded_at"]), row["trace_id"] or "", row["error"] or "", row["payload"])
        for row in payloads["rows"]
    )
    return Table(warn_of_payloads(facts), columns, rows, say("no dead letter has one"), code=frozenset({columns[-1]}))
