"""Runbook §7: the two items that can be measured offline, and the two that need a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from dlqkit.report.coverage import dead_letters_are_whole, dead_letters_known_to
from dlqkit.signals.counters import increase, metric_samples

__all__ = ["check_two_items"]

# Quiet for this long before "it does not grow" is said; some sixty scrapes at the usual 15 seconds.
QUIET = timedelta(minutes=15)
STALE = timedelta(minutes=1)


def check_two_items(
    records: pd.DataFrame,
    samples: pd.DataFrame,
    metrics: Mapping[str, str] | None,
    workflow_id: str | None,
    as_of: datetime,
    coverage: list[dict[str, Any]],
    main: pd.Series | None,
) -> list[dict[str, Any]]:
    """The checklist's four rows: ``text``, ``state`` (yes, no, unknown, person), ``why``, ``evidence``."""
    silent = main is not None and main["signal"] == "silence" and pd.isna(main["end_at"])
    return [
        _unless_silent(_counter_is_flat(samples, metrics, workflow_id, as_of, coverage), silent=silent),
        _unless_silent(_no_new_dead_letters(records, as_of, coverage), silent=silent),
        _person(
            "The client or owner has confirmed.", "Ask the owner of the workflow, and write the answer into the ticket."
        ),
        _person("The ticket is closed, with the post-mortem.", "Attach this report and close the ticket."),
    ]


def _unless_silent(row: dict[str, Any], *, silent: bool) -> dict[str, Any]:
    """Where no event is done, none can die: that is no recovery."""
    if not silent or row["state"] != "yes":
        return row
    return {**row, "state": "unknown", "why": f"{row['why']} But no event is being done at all, so none can fail."}


def _person(text: str, why: str) -> dict[str, Any]:
    return {"text": text, "state": "person", "why": why, "evidence": ""}


def _ids(coverage: list[dict[str, Any]], prefix: str) -> str:
    return " ".join(row["evidence_id"] for row in coverage if row["kind"].startswith(prefix))


def _counter_is_flat(
    samples: pd.DataFrame,
    metrics: Mapping[str, str] | None,
    workflow_id: str | None,
    as_of: datetime,
    coverage: list[dict[str, Any]],
) -> dict[str, Any]:
    text = "Metrics are back to normal: the dead-letter counter does not grow."
    evidence = _ids(coverage, "prometheus")
    own = metric_samples(samples, "dlq", metrics)
    if workflow_id and "workflow_id" in own.columns:
        own = own[own["workflow_id"] == workflow_id]
    steps = increase(own, among=samples) if len(own) else own
    recent = steps[(steps["sampled_at"] > as_of - QUIET) & (steps["sampled_at"] <= as_of)] if len(steps) else steps
    minutes = QUIET.total_seconds() / 60
    if len(recent) == 0:
        why = f"No sample of the counter in the last {minutes:.0f} minutes of the evidence."
        return {"text": text, "state": "unknown", "why": why, "evidence": evidence}
    grown = float(recent["increase"].sum())
    why = f"It grew by {grown:,.0f} in the last {minutes:.0f} minutes of the evidence."
    return {"text": text, "state": "no" if grown else "yes", "why": why, "evidence": evidence}


def _no_new_dead_letters(records: pd.DataFrame, as_of: datetime, coverage: list[dict[str, Any]]) -> dict[str, Any]:
    text = "The execution logs show no new dead letters for the workflow."
    sources = [row for row in coverage if row["kind"].startswith("records")]
    evidence = _ids(coverage, "records")
    minutes = QUIET.total_seconds() / 60
    if not sources or all(row["completeness"] == "partial" and not row["received"] for row in sources):
        return {"text": text, "state": "unknown", "why": "No execution records were collected.", "evidence": evidence}
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    undated = int(dead["recorded_at"].isna().sum())
    if undated:
        why = f"{undated:,} dead letters have no time that can be read, so they may be new."
        return {"text": text, "state": "unknown", "why": why, "evidence": evidence}
    fresh = int((dead["recorded_at"] > pd.Timestamp(as_of - QUIET)).sum())
    if fresh:
        least = "" if dead_letters_are_whole(coverage) else "At least "
        why = f"{least}{fresh:,} in the last {minutes:.0f} minutes of the evidence."
        return {"text": text, "state": "no", "why": why, "evidence": evidence}
    if dead_letters_known_to(coverage, as_of) < as_of - STALE:
        why = "The records do not reach to the end of the evidence, so newer ones may be missing."
        return {"text": text, "state": "unknown", "why": why, "evidence": evidence}
    if all(row["completeness"] == "partial" for row in sources):
        return {
            "text": text,
            "state": "unknown",
            "why": "The records are partial, so some may be missing.",
            "evidence": evidence,
        }
    why = f"None in the last {minutes:.0f} minutes of the evidence."
    return {"text": text, "state": "yes", "why": why, "evidence": evidence}
