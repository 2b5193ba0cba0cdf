"""How much the incident affected, by each source, and where the sources do not balance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.impact import measure_impact
from dlqkit.frames import Coverage
from dlqkit.report.coverage import evidence_ids, value_or_none

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_impact"]


# Counter and records are looked at a moment apart; so few more on one side are nothing to explain.
BETWEEN_LOOKS = 2


def describe_impact(
    folder: IncidentFolder,
    own: pd.DataFrame,
    samples: pd.DataFrame,
    main: pd.Series | None,
    moment: datetime,
    workflow_id: str | None,
    rows: list[dict[str, Any]],
    events: Mapping[str, Any],
    republish: Mapping[str, Any],
) -> dict[str, Any]:
    """Counts and their differences as facts; ``events`` from ``count_events``, which knows what was asked for;
    ``republish`` from ``describe_republish``.

    Returns
    -------
    dict
        ``counts``: ``name``, ``value``, ``bound`` (as in ``count_events``, or ``unknown``), ``source``;
        ``differences``: ``between``, ``size``, ``cause``, ``sentence``; ``evidence``.
    """
    if main is None or main["signal"] != "dead_letters":
        return {"counts": [], "differences": [], "evidence": ""}
    low = main["onset_low_at"] if not pd.isna(main["onset_low_at"]) else main["onset_at"]
    found = measure_impact(
        own,
        onset_at=min(low, main["onset_at"]),
        end_at=moment if pd.isna(main["end_at"]) else main["end_at"],
        samples=samples if len(samples) else None,
        metrics=folder.metric_names,
        entity_key=folder.entity_key(workflow_id),
        coverage=_coverage(folder),
        republished=republish["sent"] if republish["plans"] else None,
        passed=republish["passed"],
    )
    known = {f"events {name}": events[name]["bound"] for name in ("affected", "open", "healed")}
    counts = [
        {"name": str(row["name"]), "value": None if pd.isna(row["value"]) else int(row["value"]),
         "bound": known.get(str(row["name"]), str(row["bound"])), "source": str(row["source"])}
        for row in found.counts.to_dict("records")
    ]  # fmt: skip
    if held := events["held"]["value"]:
        place = next(number for number, row in enumerate(counts, 1) if row["name"] == "dead letters by the records")
        alone = {"name": "events without a record", "value": held, "bound": "at_least",
                 "source": "dead-letter subscription"}  # fmt: skip
        counts.insert(place, alone)
    differences = [
        {"between": str(row["between"]), "size": value_or_none(row["size"]), "cause": str(row["cause"]),
         "sentence": str(row["sentence"])}
        for row in found.differences.to_dict("records")
        if not (str(row["cause"]) == "not explained" and row["size"] <= BETWEEN_LOOKS)
    ]  # fmt: skip
    return {"counts": counts, "differences": differences, "evidence": evidence_ids(rows, "records", "prometheus")}


def _coverage(folder: IncidentFolder) -> Coverage:
    """That of the question for dead letters alone, where it was asked."""
    asked = [one for one in folder.manifest["sources"] if one["kind"] == "records: dead letters"]
    return Coverage.from_json(asked[-1]["coverage"]) if asked else folder.records().coverage
