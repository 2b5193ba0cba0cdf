"""Why: classes and signatures of the incident's events, and what changed before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.changes import find_changes
from dlqkit.decision.classes import classify_failures, propose_max_attempts
from dlqkit.decision.overrides import apply_overrides, find_unmatched_overrides
from dlqkit.decision.payload_changes import ENOUGH_BEFORE, Holds
from dlqkit.decision.signatures import group_errors, sign_errors
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.executions.durations import Proposal
from dlqkit.language import say
from dlqkit.membership import is_one_of
from dlqkit.report.class_facts import Limits, tell_diagnosis
from dlqkit.report.coverage import evidence_ids, time_text, value_or_none
from dlqkit.report.redact import mask_credentials, mask_payload_values
from dlqkit.report.wording import NOT_LOOKED_AT

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.judgement import Judgement

__all__ = [
    "BEFORE_ONSET",
    "KNOWN_BEFORE",
    "classify_dead",
    "describe_changes",
    "diagnose",
    "find_limits",
    "sign_dead_letters",
]

BEFORE_ONSET = timedelta(minutes=30)
# A signature is called new only where as long a time before the first dead letter is known.
KNOWN_BEFORE = timedelta(minutes=10)


def sign_dead_letters(records: pd.DataFrame, edits: SignatureEdits | None = None) -> pd.DataFrame:
    """The records, their dead letters with ``template``, ``signature`` and ``signature_id``; signed together.

    ``last_error`` of dead letters is without values of the payload, since signatures go into reports.
    """
    dead = records["queued_to_dlq"].fillna(False).astype(bool)
    masked = records[dead]
    masked = masked.assign(last_error=mask_payload_values(masked))
    signed = sign_errors(masked, edits=edits)
    texts = records["last_error"].astype("str").mask(dead, masked["last_error"].reindex(records.index))
    return records.assign(last_error=texts).join(signed[["template", "signature", "signature_id"]])


def diagnose(
    folder: IncidentFolder, own: pd.DataFrame, dead: pd.DataFrame, workflow_id: str | None, judgement: Judgement
) -> tuple[dict[str, Any], dict[str, list[str]], pd.DataFrame]:
    """Classes and signatures of the incident's events, with what they rest on and what speaks against them.

    Returns
    -------
    (dict, dict, DataFrame)
        The facts; the event keys of each class; and a row per event, ``decision.overrides.OVERRIDDEN``.
    """
    limits = find_limits(folder, workflow_id, lambda: propose_max_attempts(own), lambda: believe_timeout(own))
    by_fields = classify_dead(own, dead, limits.max_attempts, limits.timeout_ms)
    classes = apply_overrides(by_fields, judgement.class_overrides)
    first = dead["recorded_at"].min()
    before = own[own["queued_to_dlq"].fillna(False).astype(bool) & (own["recorded_at"] < first)]
    # What was before is not known where the dead letters were cut at their older end.
    known = folder.dead_letters_known_from
    untold = len(dead) > 0 and (known is None or first - pd.Timestamp(known) < KNOWN_BEFORE)
    groups = group_errors(dead, baseline=None if untold else before)
    unmatched = find_unmatched_overrides(by_fields, judgement.class_overrides)
    diagnosis = tell_diagnosis(limits, classes, pd.Series(1, index=classes.index), groups, unmatched)
    keys = {str(name): part["event_key"].tolist() for name, part in classes.groupby("failure_class", observed=True)}
    return diagnosis, keys, classes


def find_limits(
    folder: IncidentFolder, workflow_id: str | None, attempts: Callable[[], Proposal], timeout: Callable[[], Proposal]
) -> Limits:
    """MAX_ATTEMPTS and the action's timeout as they are set; what is not set, as the records propose it."""
    attempts_set, timeout_set = folder.max_attempts(workflow_id), folder.action_timeout_ms(workflow_id)
    proposed = attempts() if attempts_set is None else None
    believed = timeout() if timeout_set is None else None
    return Limits(
        attempts_set if proposed is None else proposed.value,
        timeout_set if believed is None else believed.value,
        proposed,
        believed,
    )


def classify_dead(
    own: pd.DataFrame, dead: pd.DataFrame, max_attempts: float | None, timeout_ms: float | None
) -> pd.DataFrame:
    """Classes of the incident's events by their fields, with what records of earlier attempts tell of them."""
    earlier = own[is_one_of(own["event_key"], dead["event_key"].dropna()) & ~own.index.isin(dead.index)]
    earlier = earlier[~earlier["queued_to_dlq"].fillna(False).astype(bool)]
    return classify_failures(
        pd.concat([dead, earlier]),
        max_attempts=None if max_attempts is None else int(max_attempts),
        timeout_ms=timeout_ms,
    )


def _shown(kind: str, what: str, with_values: bool) -> str:
    """A log line without credentials; a client without its name, which is a value of the payload."""
    if kind == "client" and not with_values:
        # In every language the sentence begins with the field.
        return say("a new value of {field}", field=what.split(" ")[0].rstrip(":"))
    return mask_credentials(what)[:200] if kind == "log" else what


def _payloads_tell(own: pd.DataFrame, main: pd.Series | None) -> bool:
    """Whether enough payloads of before the half hour are known for one in it to be called new."""
    known = own[own["payload_snapshot"].notna()]
    return main is not None and int((known["recorded_at"] < main["onset_at"] - BEFORE_ONSET).sum()) >= ENOUGH_BEFORE


def describe_changes(
    folder: IncidentFolder,
    own: pd.DataFrame,
    samples: pd.DataFrame,
    main: pd.Series | None,
    rows: list[dict[str, Any]],
    workflow_id: str | None,
    *,
    with_values: bool = False,
    holds: Holds | None = None,
) -> dict[str, Any]:
    """What changed in the half hour before the onset, and what was looked at for it.

    ``with_values``: whether a new client is named by the value of its payload. ``holds`` as for ``find_changes``.
    """
    looked = [say("worker restarts and versions in the metrics")] if len(samples) else []
    looked += [say("event volume")] if len(samples) else []
    looked += [say("payloads of the records")] if _payloads_tell(own, main) else []
    looked += [say("worker logs")] if len(folder.worker_logs().frame) else []
    looked += [say("your notes")] if folder.notes else []
    looked_at = say("{sources} were looked at", sources=", ".join(looked)) if looked else say(NOT_LOOKED_AT)
    if main is None:
        return {"rows": [], "looked_at": looked_at}
    logs = folder.worker_logs().frame
    frame = find_changes(
        samples,
        main["onset_at"],
        records=own if len(own) else None,
        worker_logs=logs if len(logs) else None,
        entity_key=folder.entity_key(workflow_id),
        metrics=folder.metric_names,
        workflow_id=workflow_id,
        notes=folder.notes,
        window=BEFORE_ONSET,
        holds=holds,
    )
    evidence = evidence_ids(rows, "prometheus")
    named = {"execution records": evidence_ids(rows, "records"), "worker logs": evidence_ids(rows, "worker logs")}
    found = [
        {
            "at": time_text(row.at),
            "kind": str(row.kind),
            "what": _shown(str(row.kind), str(row.what), with_values),
            "brief": None if pd.isna(row.brief) else str(row.brief),
            "before_s": value_or_none(row.before_s),
            "workflow_id": None if pd.isna(row.workflow_id) else str(row.workflow_id),
            "evidence": named.get(str(row.evidence), str(row.evidence)) or evidence,
        }
        for row in frame.sort_values("at", kind="stable").itertuples(index=False)
    ]
    return {"rows": found, "looked_at": looked_at}
