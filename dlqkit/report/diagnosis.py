"""Why: classes and signatures of the incident's events, and what changed before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.changes import find_changes
from dlqkit.decision.classes import classify_failures, propose_max_attempts
from dlqkit.decision.overrides import apply_overrides, find_unmatched_overrides
from dlqkit.decision.payload_changes import ENOUGH_BEFORE
from dlqkit.decision.signatures import group_errors, sign_errors
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.language import say
from dlqkit.membership import is_one_of
from dlqkit.report.coverage import evidence_ids, time_text, value_or_none
from dlqkit.report.redact import mask_credentials, mask_payload_values
from dlqkit.report.wording import NOT_LOOKED_AT

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.report.judgement import Judgement

__all__ = ["classify_dead", "describe_changes", "diagnose", "sign_dead_letters"]

CLASSES = ("business", "infrastructure", "timeout", "unknown")
# One class speaks for the incident when it holds nearly all of its events; background failures make up the rest.
LEADING_SHARE = 0.9
# More signatures than anybody reads; the rest is in the evidence.
SIGNATURES = 200
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
    attempts_set, timeout_set = folder.max_attempts(workflow_id), folder.action_timeout_ms(workflow_id)
    attempts = propose_max_attempts(own) if attempts_set is None else None
    timeout = believe_timeout(own) if timeout_set is None else None
    max_attempts = attempts_set if attempts is None else attempts.value
    timeout_ms = timeout_set if timeout is None else timeout.value
    by_fields = classify_dead(own, dead, max_attempts, timeout_ms)
    classes = apply_overrides(by_fields, judgement.class_overrides)
    unmatched = find_unmatched_overrides(by_fields, judgement.class_overrides)
    first = dead["recorded_at"].min()
    before = own[own["queued_to_dlq"].fillna(False).astype(bool) & (own["recorded_at"] < first)]
    # What was before is not known where the dead letters were cut at their older end.
    known = folder.dead_letters_known_from
    untold = len(dead) > 0 and (known is None or first - pd.Timestamp(known) < KNOWN_BEFORE)
    groups = group_errors(dead, baseline=None if untold else before)
    counts = {name: int((classes["failure_class"] == name).sum()) for name in CLASSES}
    total = sum(counts.values())
    leading = max(CLASSES, key=lambda name: counts[name])
    value = "unknown" if not total else leading if counts[leading] >= LEADING_SHARE * total else "mixed"
    assumptions = []
    if attempts is not None and attempts.value is not None:
        assumptions.append(
            say("MAX_ATTEMPTS is taken as {value:d}: {basis}.", value=round(attempts.value), basis=attempts.basis)
        )
    if timeout is not None and timeout.value is not None:
        assumptions.append(
            say("The action's timeout is taken as {value:,.0f} ms: {basis}.", value=timeout.value, basis=timeout.basis)
        )
    diagnosis = {
        "class": {
            "value": value,
            "counts": counts,
            "disputed": int(classes["disputed"].sum()),
            "overridden": int(classes["overridden"].sum()),
            "unmatched_overrides": [override.target for override in unmatched],
            "rules": _rule_rows(classes),
            "max_attempts": {"value": max_attempts, "basis": say("as set") if attempts is None else attempts.basis},
            "timeout_ms": {"value": timeout_ms, "basis": say("as set") if timeout is None else timeout.basis},
        },
        "signatures": _signature_rows(groups, classes),
        "signature_count": len(groups),
        "assumptions": assumptions,
    }
    keys = {str(name): list(part["event_key"]) for name, part in classes.groupby("failure_class", observed=True)}
    return diagnosis, keys, classes


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


def _most(column: pd.Series) -> str | None:
    """The most frequent value in words; None where there is none."""
    known = column.dropna().astype("str")
    known = known[known != ""]
    return str(known.mode().iloc[0]) if len(known) else None


def _span(column: pd.Series) -> list[float] | None:
    """The least and the most; None where nothing is known."""
    known = column.dropna()
    return [float(known.min()), float(known.max())] if len(known) else None


def _rule_rows(classes: pd.DataFrame) -> list[dict[str, Any]]:
    """By which rule how many events got their class, and the fields it was read from, most frequent first."""
    rows = []
    for rule, own in classes.groupby("rule", observed=True, sort=True):
        rows.append(
            {
                "rule": str(rule),
                "failure_class": _most(own["class_by_fields"]),
                "reason": _most(own["reason"]),
                "events": len(own),
                "retryable": _most(own["retryable"]),
                "attempts": _span(own["attempts"]),
                "max_attempts": _most(own["max_attempts"]),
                "action_duration_ms": _span(own["action_duration_ms"]),
                "timeout_ms": _most(own["timeout_ms"]),
                "text_says": _most(own["text_says"]),
                "counter_evidence": _most(own["counter_evidence"]),
                "disputed": int(own["disputed"].sum()),
            }
        )
    return sorted(rows, key=lambda row: (-row["events"], row["rule"]))


def _signature_rows(groups: pd.DataFrame, classes: pd.DataFrame) -> list[dict[str, Any]]:
    out = []
    by_signature = dict(iter(classes.groupby("signature_id", sort=False)))
    for group in groups.head(SIGNATURES).itertuples(index=False):
        own = by_signature.get(group.signature_id, classes.iloc[:0])
        out.append(
            {
                "signature_id": group.signature_id,
                "signature": group.signature,
                "error_type": None if pd.isna(group.error_type) else str(group.error_type),
                "masks": str(group.masks),
                "is_new": None if pd.isna(group.is_new) else bool(group.is_new),
                "events": int(group.events),
                "share": float(group.share),
                "failure_class": str(own["failure_class"].mode().iloc[0]) if len(own) else "unknown",
                "suggested_class": str(own["suggested_class"].mode().iloc[0]) if len(own) else "unknown",
                "text_says": _most(own["text_says"]),
                "counter_evidence": _most(own["counter_evidence"]),
                "names_dependency": bool(own["names_dependency"].any()),
                "disputed": bool(own["disputed"].any()),
                "republish": _most(own["republish"]),
                "class_by_fields": _most(own["class_by_fields"]),
                "overridden_by": _most(own["overridden_by"]),
                "override_reason": _most(own["override_reason"]),
                "first_at": time_text(group.first_at),
                "last_at": time_text(group.last_at),
            }
        )
    return out


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
) -> dict[str, Any]:
    """What changed in the half hour before the onset, and what was looked at for it.

    ``with_values``: whether a new client is named by the value of its payload.
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
    )
    evidence = evidence_ids(rows, "prometheus")
    named = {"execution records": evidence_ids(rows, "records"), "worker logs": evidence_ids(rows, "worker logs")}
    found = [
        {
            "at": time_text(row.at),
            "kind": str(row.kind),
            "what": _shown(str(row.kind), str(row.what), with_values),
            "before_s": value_or_none(row.before_s),
            "workflow_id": None if pd.isna(row.workflow_id) else str(row.workflow_id),
            "evidence": named.get(str(row.evidence), str(row.evidence)) or evidence,
        }
        for row in frame.sort_values("at", kind="stable").itertuples(index=False)
    ]
    return {"rows": found, "looked_at": looked_at}
