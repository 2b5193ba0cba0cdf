"""Failure classes of §4: what the record's own fields say, and beside it what the error text suggests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.decision.disputes import find_disputes
from dlqkit.decision.errors.error_text import classify_error, read_error
from dlqkit.decision.signatures import sign_errors
from dlqkit.executions.duration_basis import BEYOND_SHARE, ONE_TIMEOUT, SUM_SLACK
from dlqkit.executions.durations import Proposal
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import say
from dlqkit.membership import is_one_of
from dlqkit.signals.outcomes import in_order

__all__ = [
    "CLASSES",
    "CLASSIFIED",
    "RULES",
    "classify_error",
    "classify_failures",
    "judge_events",
    "propose_max_attempts",
    "propose_of_counts",
]

CLASSES = ("business", "infrastructure", "timeout", "unknown")
RULES = ("not_retryable", "attempts_left", "ran_into_timeout", "attempts_used_up", "not_said")
CLASSIFIED: Mapping[str, str] = {
    "event_key": "str",
    "workflow_id": "str",
    "signature_id": "str",
    "failure_class": "category",
    "rule": "category",
    "reason": "str",
    "retryable": "boolean",
    "attempts": "Int64",
    "max_attempts": "Int64",
    "action_duration_ms": "Float64",
    "timeout_ms": "Float64",
    "suggested_class": "category",
    "text_says": "str",
    "counter_evidence": "str",
    "disputed": "boolean",
    "names_dependency": "boolean",
    "republish": "category",
    "republish_reason": "str",
    "about_access": "boolean",
}
# From this share of the timeout on an action counts as timed out: what cuts it needs a moment, clocks differ.
TIMEOUT_SHARE = 0.95
# Attempts of so many retryable dead letters, nearly all the same, are taken for MAX_ATTEMPTS.
PROPOSAL_RECORDS = 5
PROPOSAL_SHARE = 0.8
# Single words are too little to dispute what the fields say.
PLAIN = ("fault", "kind")


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
    return propose_of_counts(records.loc[dead, "attempts"].dropna().value_counts().to_dict())


def propose_of_counts(counts: Mapping[int, int]) -> Proposal:
    """The same of retryable dead letters that are counted by their attempts."""
    total = sum(counts.values())
    if total < PROPOSAL_RECORDS:
        return Proposal(None, say("too few retryable dead letters tell their attempts"))
    most = min(counts, key=lambda attempts: (-counts[attempts], attempts))
    count = int(counts[most])
    share = count / total
    if share < PROPOSAL_SHARE or max(counts) > most:
        return Proposal(None, say("attempts stop at different numbers"))
    basis = say("{count} of {total} retryable dead letters stopped there", count=count, total=total)
    return Proposal(float(most), basis, share)


def classify_failures(
    records: pd.DataFrame,
    *,
    max_attempts: int | Mapping[str, int | None] | None = None,
    timeout_ms: float | Mapping[str, float | None] | None = None,
) -> pd.DataFrame:
    """The failure class of each dead event, by its last dead letter.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; only dead letters are classified. Where durations add up an event's attempts, and its record
        of the attempt before is there, too, the last attempt alone is held against the timeout.
    max_attempts : int or mapping, optional
        MAX_ATTEMPTS, of all workflows or by ``workflow_id``.
    timeout_ms : float or mapping, optional
        The action's timeout, milliseconds, of all workflows or by ``workflow_id``.

    Returns
    -------
    DataFrame
        A row per event, columns of ``CLASSIFIED``.

        failure_class : of the fields alone. ``retryable`` false: business. True, with fewer attempts than a known
            MAX_ATTEMPTS: unknown. True, and at 0.95 of the timeout or longer: timeout. True: infrastructure.
            Not said: unknown
        rule, reason : which of these it was, by its name in ``RULES`` and in words
        retryable, attempts, action_duration_ms : as in the record; max_attempts, timeout_ms : what they were held
            against, NA where it is not known. Where durations are plainly sums over the attempts, so is the timeout
        suggested_class, text_says : what the error text says (``read_error``), and by which words; never mixed in
        counter_evidence, disputed, names_dependency, republish, republish_reason : see ``disputes.find_disputes``
        about_access : True where the text says that somebody was refused for credentials or rights

    Notes
    -----
    Runbook §4.
    """
    needed = ("event_key", "workflow_id", "recorded_at", "queued_to_dlq", "retryable", "last_error")
    check_frame(records, RECORDS, needed)
    check_limit(max_attempts, "max_attempts", whole=True)
    check_limit(timeout_ms, "timeout_ms")
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    if dead.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CLASSIFIED.items()})
    signed = in_order(sign_errors(dead))
    last = signed.drop_duplicates("event_key", keep="last").reset_index(drop=True)
    events = last[["event_key", "workflow_id", "signature_id", "retryable"]].copy()
    events["attempts"] = _numbers(last, "attempts", "Int64")
    events["action_duration_ms"] = _numbers(last, "action_duration_ms", "Float64")
    events["max_attempts"] = _limit(last, max_attempts, "Int64")
    timeouts = _limit(last, timeout_ms, "Float64")
    events["timeout_ms"] = _sum_timeouts(events, timeouts)
    own_ms = events["action_duration_ms"] - _before_last(events, records)
    is_sum = _is_true(events["timeout_ms"] > timeouts) & own_ms.notna()
    duration, limit = (
        events[name].mask(is_sum, one) for name, one in (("action_duration_ms", own_ms), ("timeout_ms", timeouts))
    )
    events["is_late"] = _is_true(duration >= TIMEOUT_SHARE * limit)
    said = {name: _column(last, name) for name in ("error_type", "error_code", "last_error")}
    judged = judge_events(events.assign(**said))
    return judged[list(CLASSIFIED)].astype(dict(CLASSIFIED))


def judge_events(events: pd.DataFrame) -> pd.DataFrame:
    """Events with their class by what their fields say, and with what their texts say beside it.

    Parameters
    ----------
    events : DataFrame
        ``retryable``, ``attempts``, ``max_attempts``, ``is_late`` (whether it ran into its timeout), and the texts
        ``error_type``, ``error_code`` and ``last_error``, empty where there is none.

    Returns
    -------
    DataFrame
        The same rows with the other columns of ``CLASSIFIED`` that rest on these.
    """
    events = events.join(_by_rule(events))
    text = events["error_type"] + " " + events["error_code"] + " " + events["last_error"]
    codes, texts = pd.factorize(text, use_na_sentinel=False)
    read = [read_error(one) for one in texts.tolist()]
    suggested = pd.Categorical([reading.failure_class for reading in read], categories=list(CLASSES))
    events["suggested_class"] = suggested.take(codes)
    events["text_says"] = pd.array([reading.words for reading in read], dtype="str").take(codes)
    events["text_is_plain"] = np.array([reading.strength in PLAIN for reading in read], dtype=bool)[codes]
    events["about_access"] = np.array([reading.is_about_access for reading in read], dtype=bool)[codes]
    return events.join(find_disputes(events))


def _by_rule(events: pd.DataFrame) -> pd.DataFrame:
    """The first rule of the runbook that an event's fields meet, its class, and why."""
    yes, no = _is_true(events["retryable"]), _is_true(~events["retryable"])
    early = yes & _is_true(events["attempts"] < events["max_attempts"])
    late = yes & ~early & events["is_late"]
    limits = events["max_attempts"]
    before_limit = limits.map({n: say("retryable, but dead before attempt {limit:d}", limit=int(n))
                               for n in limits.dropna().unique()}).astype("str").fillna("")  # fmt: skip
    names = pd.Series("not_said", index=events.index, dtype="str")
    classes = pd.Series("unknown", index=events.index, dtype="str")
    reasons = pd.Series(say("the record does not say whether it is retryable"), index=events.index, dtype="str")
    for mask, rule, failure_class, why in (
        (no, "not_retryable", "business", say("retryable is false")),
        (early, "attempts_left", "unknown", before_limit),
        (late, "ran_into_timeout", "timeout", say("retryable, and its action ran into the timeout")),
        (yes & ~early & ~late, "attempts_used_up", "infrastructure", say("retryable, and its attempts are used up")),
    ):
        names, classes, reasons = names.mask(mask, rule), classes.mask(mask, failure_class), reasons.mask(mask, why)
    return pd.DataFrame(
        {
            "failure_class": pd.Series(pd.Categorical(classes, categories=list(CLASSES)), index=events.index),
            "rule": pd.Series(pd.Categorical(names, categories=list(RULES)), index=events.index),
            "reason": reasons,
        }
    )


def _limit(last: pd.DataFrame, value: float | Mapping[str, Any] | None, dtype: str) -> pd.Series:
    """The limit of each event's own workflow."""
    if isinstance(value, Mapping):
        return last["workflow_id"].map({name: one for name, one in value.items() if one is not None}).astype(dtype)
    return pd.Series(pd.NA if value is None else value, index=last.index, dtype=dtype)


def _sum_timeouts(events: pd.DataFrame, timeouts: pd.Series) -> pd.Series:
    """The timeouts, times the attempts in workflows whose durations add these up."""
    limits = timeouts.copy()
    for _, own in events.groupby("workflow_id", sort=False, dropna=False):
        timeout = timeouts[own.index[0]]
        if not pd.isna(timeout) and _are_sums(own["action_duration_ms"], own["attempts"], float(timeout)):
            limits[own.index] = timeout * own["attempts"].fillna(1)
    return limits


def _before_last(events: pd.DataFrame, records: pd.DataFrame) -> pd.Series:
    """What the record of the attempt before the last says of each event's duration; NA where there is none."""
    if not {"attempts", "action_duration_ms"} <= set(records.columns):
        return pd.Series(pd.NA, index=events.index, dtype="Float64")
    known = records[["event_key", "attempts", "action_duration_ms"]].dropna()
    known = known[is_one_of(known["event_key"], events["event_key"].dropna())]
    by_attempt = known.groupby(["event_key", "attempts"])["action_duration_ms"].max()
    wanted = pd.MultiIndex.from_arrays([events["event_key"], events["attempts"] - 1])
    return pd.Series(by_attempt.reindex(wanted).to_numpy(), index=events.index).astype("Float64")


def _are_sums(durations: pd.Series, attempts: pd.Series, timeout_ms: float) -> bool:
    """Whether durations add up an event's attempts: many exceed one timeout, none that of all its attempts."""
    known = durations.notna() & (attempts >= 2).fillna(False)
    if not known.any():
        return False
    ratio = durations[known] / timeout_ms
    beyond = float((ratio > ONE_TIMEOUT).mean())
    return bool(beyond >= BEYOND_SHARE and (ratio <= SUM_SLACK * attempts[known]).all())


def _is_true(mask: pd.Series) -> pd.Series:
    return mask.fillna(False).astype(bool)


def _numbers(frame: pd.DataFrame, name: str, dtype: str) -> pd.Series:
    if name not in frame.columns:
        return pd.Series(pd.NA, index=frame.index, dtype=dtype)
    return frame[name].astype(dtype)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        return pd.Series("", index=frame.index, dtype="str")
    return frame[name].astype("str").fillna("")
