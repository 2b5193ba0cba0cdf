"""Failure classes of §4: what the record's own fields say, and beside it what the error text suggests."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.decision.error_text import classify_error
from dlqkit.decision.signatures import sign_errors
from dlqkit.executions.durations import Proposal
from dlqkit.frames import RECORDS, check_frame

__all__ = ["CLASSES", "CLASSIFIED", "classify_error", "classify_failures", "propose_max_attempts"]

CLASSES = ("business", "infrastructure", "timeout", "unknown")
CLASSIFIED: Mapping[str, str] = {
    "event_key": "str",
    "workflow_id": "str",
    "signature_id": "str",
    "failure_class": "category",
    "reason": "str",
    "suggested_class": "category",
    "disputed": "boolean",
}
# From this share of the timeout on an action counts as timed out: what cuts it needs a moment, clocks differ.
TIMEOUT_SHARE = 0.95
# Attempts of so many retryable dead letters, nearly all the same, are taken for MAX_ATTEMPTS.
PROPOSAL_RECORDS = 5
PROPOSAL_SHARE = 0.8


def propose_max_attempts(records: pd.DataFrame) -> Proposal:
    """The number at which attempts stop, where MAX_ATTEMPTS is not set.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow; only dead letters with ``retryable`` true count.

    Returns
    -------
    Proposal
        ``value`` is None where there are too few, or where attempts stop at different numbers.
    """
    check_frame(records, RECORDS, ("queued_to_dlq", "retryable", "attempts"))
    dead = records["queued_to_dlq"].fillna(False).astype(bool) & records["retryable"].fillna(False).astype(bool)
    attempts = records.loc[dead, "attempts"].dropna()
    if len(attempts) < PROPOSAL_RECORDS:
        return Proposal(None, "too few retryable dead letters tell their attempts")
    most = int(attempts.mode().iloc[0])
    share = float((attempts == most).mean())
    if share < PROPOSAL_SHARE or int(attempts.max()) > most:
        return Proposal(None, "attempts stop at different numbers")
    count = int((attempts == most).sum())
    return Proposal(float(most), f"{count:,} of {len(attempts):,} retryable dead letters stopped there", share)


def classify_failures(
    records: pd.DataFrame, *, max_attempts: int | None = None, timeout_ms: float | None = None
) -> pd.DataFrame:
    """The failure class of each dead event, by its last dead letter.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow; only dead letters count.
    max_attempts : int, optional
        MAX_ATTEMPTS of the workflow.
    timeout_ms : float, optional
        The action's timeout, milliseconds.

    Returns
    -------
    DataFrame
        A row per event, columns of ``CLASSIFIED``.

        failure_class : of the fields. ``retryable`` false: business. True, with fewer attempts than a known
            MAX_ATTEMPTS: unknown. True, and at 0.95 of the timeout or longer: timeout. True: infrastructure.
            Not said: unknown. Where durations are plainly sums over the attempts, so is the timeout
        suggested_class : of the error text (``classify_error``); disputed : True where the two contradict each other

    Notes
    -----
    Runbook §4.
    """
    needed = ("event_key", "workflow_id", "recorded_at", "queued_to_dlq", "retryable", "last_error")
    check_frame(records, RECORDS, needed)
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    if dead.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CLASSIFIED.items()})
    signed = sign_errors(dead).sort_values("recorded_at", kind="stable", na_position="first")
    last = signed.drop_duplicates("event_key", keep="last").reset_index(drop=True)
    retryable = last["retryable"]
    attempts = last["attempts"] if "attempts" in last.columns else pd.Series(pd.NA, index=last.index, dtype="Int64")
    early = pd.Series(False, index=last.index)
    if max_attempts is not None:
        early = (attempts < max_attempts).fillna(False).astype(bool)
    late = pd.Series(False, index=last.index)
    if timeout_ms is not None and "action_duration_ms" in last.columns:
        limit = (
            timeout_ms * attempts.fillna(1)
            if _are_sums(last["action_duration_ms"], attempts, timeout_ms)
            else timeout_ms
        )
        late = (last["action_duration_ms"] >= TIMEOUT_SHARE * limit).fillna(False).astype(bool)
    yes, no = retryable.fillna(False).astype(bool), (~retryable).fillna(False).astype(bool)
    named = pd.Series("unknown", index=last.index, dtype="str")
    reason = pd.Series("the record does not say whether it is retryable", index=last.index, dtype="str")
    for mask, name, why in (
        (no, "business", "retryable is false"),
        (yes & early, "unknown", f"retryable, but dead before attempt {max_attempts}"),
        (yes & ~early & late, "timeout", "retryable, and its action ran into the timeout"),
        (yes & ~early & ~late, "infrastructure", "retryable, and its attempts are used up"),
    ):
        named, reason = named.mask(mask, name), reason.mask(mask, why)
    text = _column(last, "error_type") + " " + _column(last, "error_code") + " " + _column(last, "last_error")
    known = {value: classify_error(value) for value in text.unique()}
    suggested = text.map(known).astype("str")
    out = pd.DataFrame(
        {
            "event_key": last["event_key"],
            "workflow_id": last["workflow_id"],
            "signature_id": last["signature_id"],
            "failure_class": pd.Categorical(named, categories=list(CLASSES)),
            "reason": reason,
            "suggested_class": pd.Categorical(suggested, categories=list(CLASSES)),
            "disputed": (named != suggested) & (named != "unknown") & (suggested != "unknown"),
        }
    )
    return out.astype({**CLASSIFIED, "failure_class": "category", "suggested_class": "category"})


def _are_sums(durations: pd.Series, attempts: pd.Series, timeout_ms: float) -> bool:
    """Whether durations add up an event's attempts: some exceed one timeout, none that of all its attempts."""
    known = durations.notna() & (attempts >= 2).fillna(False)
    if not known.any():
        return False
    ratio = durations[known] / timeout_ms
    return bool((ratio > 1.1).any() and (ratio <= 1.05 * attempts[known]).all())


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        return pd.Series("", index=frame.index, dtype="str")
    return frame[name].astype("str").fillna("")
