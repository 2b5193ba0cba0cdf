"""Open events, and whether their class allows to run them again as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.overrides import apply_overrides
from dlqkit.executions.event_history import event_states
from dlqkit.language import mark, say
from dlqkit.report.coverage import time_text
from dlqkit.report.diagnosis import sign_dead_letters
from dlqkit.report.judgement import read_judgement
from dlqkit.signals.outcomes import in_order

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["Candidate", "find_candidates"]

VERDICTS = {"no": mark("no"), "after_repair": mark("yes, after the repair"), "look_first": mark("look first")}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open event and whether its class allows to run it again as it is."""

    trace_id: str
    event_key: str
    dead_at: str | None
    failure_class: str
    signature: str
    verdict: str


def find_candidates(folder: IncidentFolder, values: Mapping[str, Any]) -> list[Candidate]:
    """Open events of the incident, oldest first, and what their class says about running them again as they are."""
    workflow_id = values["workflow"]["id"]
    records = folder.records().frame
    judgement = read_judgement(folder)
    own = records[records["workflow_id"] == workflow_id] if workflow_id else records
    own = sign_dead_letters(own, judgement.signatures)
    states = event_states(own)
    open_keys = set(states.loc[states["state"] == "open", "event_key"])
    dead = own[own["queued_to_dlq"].fillna(False).astype(bool) & own["event_key"].isin(open_keys)]
    attempts, timeout = values["class"]["max_attempts"]["value"], values["class"]["timeout_ms"]["value"]
    by_fields = classify_failures(dead, max_attempts=None if attempts is None else int(attempts), timeout_ms=timeout)
    classes = apply_overrides(by_fields, judgement.class_overrides)
    names = {row["signature_id"]: row["signature"] for row in values["signatures"]}
    last = in_order(dead).drop_duplicates("event_key", keep="last").set_index("event_key")
    found = [
        Candidate(
            str(last.at[row.event_key, "trace_id"]),
            str(row.event_key),
            time_text(last.at[row.event_key, "recorded_at"]),
            str(row.failure_class),
            names.get(row.signature_id, say("of before the incident")),
            f"{say(VERDICTS[str(row.republish)])}: {row.republish_reason}",
        )
        for row in classes.itertuples(index=False)
    ]
    return sorted(found, key=lambda candidate: (candidate.dead_at or "", candidate.event_key))
