"""What would keep it from happening again, as far as records and logs tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.executions.comparison import DurationComparison
from dlqkit.membership import is_one_of, select_rows
from dlqkit.prevention.advice import advise_prevention
from dlqkit.prevention.payload_proposal import PROPOSED_FROM, propose_schema
from dlqkit.prevention.slowest_step import slowest_step
from dlqkit.prevention.timeout import timeout_effects
from dlqkit.report.coverage import evidence_ids
from dlqkit.report.redact import mask_credentials

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_prevention"]

# A dependency is put down as the cause where at least this share of the events name it.
NAMED_SHARE = 0.5


def describe_prevention(
    folder: IncidentFolder,
    own: pd.DataFrame,
    dead: pd.DataFrame,
    durations: DurationComparison,
    timeout_ms: float | None,
    signatures: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    states: pd.DataFrame,
) -> list[dict[str, str]]:
    """Rows of ``topic`` (validate, timeout, optimise), ``sentence``, ``evidence``, ``unknown`` and ``evidence_ids``.

    Parameters
    ----------
    folder : IncidentFolder
        For the worker's logs.
    own, dead : DataFrame
        Records of the workflow, and its dead letters in the incident.
    durations : DurationComparison
        From ``compare_durations``.
    timeout_ms : float or None
        The action's timeout.
    signatures : list of dict
        The report's own, with ``share`` and ``names_dependency``.
    rows : list of dict
        From ``coverage_rows``.
    states : DataFrame
        ``event_states`` of ``own``.
    """
    if dead.empty:
        return []
    # Dead letters of other times are neither good payloads nor what this incident would have been kept from.
    lost = own["queued_to_dlq"].fillna(False).astype(bool)
    logs = folder.worker_logs().frame
    seen = states[is_one_of(states["trace_id"], logs["trace_id"].dropna())]
    failing = set(dead["trace_id"].dropna().tolist())
    healthy = set(seen.loc[seen["state"] == "succeeded", "trace_id"].tolist())
    found = advise_prevention(
        schema=propose_schema(
            select_rows(own[list(PROPOSED_FROM)], ~lost | is_one_of(own["event_key"], dead["event_key"]))
        ),
        effects=timeout_effects(own, timeout_ms),
        slowest=slowest_step(logs, failing, healthy) if len(logs) else None,
        durations=durations,
        dependency_down=_named(signatures),
    )
    ids = {"validate": ("records",), "timeout": ("records",), "optimise": ("worker logs",)}
    return [
        {
            "topic": str(row["topic"]),
            "sentence": mask_credentials(str(row["sentence"])),
            "evidence": mask_credentials(str(row["evidence"])),
            "unknown": str(row["unknown"]),
            "evidence_ids": evidence_ids(rows, *ids[str(row["topic"])]),
        }
        for row in found.to_dict("records")
    ]


def _named(signatures: list[dict[str, Any]]) -> str | None:
    """The most frequent error that says that something is down, if most of the events say so; else None."""
    down = [row for row in signatures if row["names_dependency"]]
    if not down or sum(row["share"] for row in down) < NAMED_SHARE:
        return None
    # The whole of it: the part that told the class may be a code, such as 08006.
    return str(down[0]["signature"])
