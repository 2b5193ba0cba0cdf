"""What became of each sent event, as far as the execution records show it beyond doubt."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.decision.signatures import sign_errors
from dlqkit.executions.event_history import record_outcomes
from dlqkit.frames import RECORDS, check_frame, empty_frame
from dlqkit.republish.matching import match_records
from dlqkit.republish.plan import CLOCK_TOLERANCE_S
from dlqkit.republish.sent_events import SENT, TIME

__all__ = ["OUTCOMES", "OUTCOME_NAMES", "find_outcomes"]

OUTCOME_NAMES = ("passed", "failed_same", "failed_new", "running", "not_seen")
OUTCOMES: Mapping[str, str] = {
    "item": "Int64",
    "event_key": "str",
    "outcome": "category",
    "matched_by": "str",
    "record_id": "str",
    "seen_at": TIME,
    "signature_id": "str",
    "is_new_error": "boolean",
    "executions": "Int64",
    "failures": "Int64",
}


def find_outcomes(
    sent: pd.DataFrame,
    records: pd.DataFrame,
    *,
    dedupe_attribute: str | None = None,
    known: pd.DataFrame | None = None,
    clock_tolerance_s: float = CLOCK_TOLERANCE_S,
) -> pd.DataFrame:
    """What became of each sent event.

    Parameters
    ----------
    sent : DataFrame
        ``sent_events.SENT``: events that were, or may have been, sent.
    records : DataFrame
        ``frames.RECORDS``, in any order, of the workflows that were sent to; one record an event or one an attempt.
    dedupe_attribute : str, optional
        The attribute that the plan added; used only where a record carries it.
    known : DataFrame, optional
        ``frames.RECORDS`` of before the send, such as the plan's evidence: none of them is an outcome, and the dead
        letters among them are the events' earlier errors.
    clock_tolerance_s : float
        How far the API's clock may be behind ours.

    Returns
    -------
    DataFrame
        A row per sent event, columns of ``OUTCOMES``, by item.

        outcome : ``passed``; ``failed_same`` or ``failed_new``, a dead letter again (or a failure that is not to be
            retried) with its earlier signature or another one; ``running``, attempted and not done; ``not_seen``
        matched_by : how the record was recognised; NA where it was not
        record_id, seen_at : of its newest record
        signature_id : of its failure; NA where it did not fail
        is_new_error : whether no dead letter of before, of whatever event, had that error; NA where it did not fail
        executions : how often it was run since it was sent; more than 1 is ``not_seen``, since only one of them is ours
        failures : its attempts that failed since it was sent, as far as the records tell; NA where it is not seen

    Raises
    ------
    FrameError
        If a column is missing.

    Notes
    -----
    Runbook §3 leaves open whether a trace survives a republish, whether attempts restart, and whether a record is
    rewritten or a new one comes. An execution ends with a success, a dead letter or a failure that is not retried;
    what follows it, or begins at a lower attempt, is another one. No record is never a success.
    """
    check_frame(sent, SENT, tuple(name for name in SENT if name != "state"))
    check_frame(records, RECORDS, tuple(RECORDS))
    if sent.empty:
        return empty_frame(OUTCOMES)
    whole = records.reset_index(drop=True)
    pairs = match_records(
        sent, whole, dedupe_attribute=dedupe_attribute, known=known, clock_tolerance_s=clock_tolerance_s
    )
    rows = pairs.merge(whole.assign(state=record_outcomes(whole)), left_on="row", right_index=True)
    rows = rows.sort_values(["item", "recorded_at", "attempts"], kind="stable", na_position="first")
    last = _last_of_each(rows, _attempts_before(sent, known))
    out = sent[["item", "event_key"]].merge(last, on="item", how="left")
    out["outcome"] = _outcomes(out, sent, known)
    unseen = out["outcome"] == "not_seen"
    out.loc[unseen, ["matched_by", "record_id", "failures"]] = pd.NA
    out.loc[unseen, "seen_at"] = pd.NaT
    out["outcome"] = pd.Categorical(out["outcome"], categories=list(OUTCOME_NAMES))
    out["executions"] = out["executions"].fillna(0)
    return out[list(OUTCOMES)].astype(dict(OUTCOMES)).sort_values("item", kind="stable").reset_index(drop=True)


def _attempts_before(sent: pd.DataFrame, known: pd.DataFrame | None) -> pd.Series:
    """By item, the attempts of its dead letter of before; 0 where that is not known."""
    if known is None or known.empty:
        return pd.Series(0, index=sent["item"])
    most = known.groupby("event_key")["attempts"].max()
    return pd.Series(sent["event_key"].map(most).fillna(0).to_numpy(), index=sent["item"])


def _last_of_each(rows: pd.DataFrame, attempts_before: pd.Series) -> pd.DataFrame:
    """Each event's newest record, and the number of its executions and failed attempts."""
    is_final = rows["state"].isin(["dead", "succeeded"]) | (
        (rows["state"] == "failed") & (~rows["retryable"].fillna(True)).astype(bool)
    )
    rows = rows.assign(is_final=is_final)
    previous = rows.groupby("item")[["is_final", "state", "attempts"]].shift()
    same_item = rows["item"].eq(rows["item"].shift()).fillna(False).astype(bool)
    lower = (rows["attempts"] < previous["attempts"]).fillna(False).astype(bool)
    equal = (rows["attempts"] == previous["attempts"]).fillna(False).astype(bool) & (previous["state"] == "failed")
    begins = ~same_item | previous["is_final"].eq(True).fillna(False).astype(bool) | lower | equal
    executions = begins.groupby(rows["item"]).sum()
    failed = rows["state"].isin(["failed", "dead"]).groupby(rows["item"]).sum()
    last = rows.drop_duplicates("item", keep="last")
    before = last["item"].map(attempts_before)
    # Where attempts go on, they are more than the dead letter's; else they began anew.
    attempts = last["attempts"].fillna(0) - before.where(last["attempts"].fillna(0) > before, 0)
    told = attempts - (last["state"] == "succeeded").astype("int64")
    return pd.DataFrame(
        {
            "item": last["item"],
            "matched_by": last["matched_by"],
            "record_id": last["record_id"],
            "seen_at": last["recorded_at"],
            "state": last["state"],
            "is_final": last["is_final"],
            "executions": last["item"].map(executions),
            "failures": last["item"].map(failed).combine(told, max),
            **{name: last[name] for name in ("last_error", "error_type", "error_code")},
        }
    )


def _outcomes(out: pd.DataFrame, sent: pd.DataFrame, known: pd.DataFrame | None) -> pd.Series:
    """The outcome of each row; sets ``signature_id`` and ``is_new_error`` of failures in place."""
    outcome = pd.Series("not_seen", index=out.index, dtype="object")
    one = out["executions"].fillna(0) == 1
    final = out["is_final"].eq(True).fillna(False).astype(bool)
    outcome[one & ~final] = "running"
    outcome[one & final & (out["state"] == "succeeded")] = "passed"
    failed = one & final & (out["state"] != "succeeded")
    signatures, earlier = _signatures(out[failed], known)
    planned = dict(zip(sent["item"], sent["signature_id"], strict=True))
    before = {*planned.values(), *(name for names in earlier.values() for name in names)}
    out["signature_id"] = signatures.reindex(out.index)
    out["is_new_error"] = (~signatures.isin(before)).astype("boolean").reindex(out.index)
    for index in out.index[failed]:
        own = {planned.get(out.at[index, "item"]), *earlier.get(out.at[index, "event_key"], ())}
        outcome[index] = "failed_same" if signatures[index] in own else "failed_new"
    return outcome


def _signatures(failed: pd.DataFrame, known: pd.DataFrame | None) -> tuple[pd.Series, dict[str, frozenset[str]]]:
    """Signatures of these failures, and of each event's earlier dead letters.

    Which words of a text are starred depends on the texts beside it, so both are signed together.
    """
    if failed.empty:
        return pd.Series(dtype="str"), {}
    texts = ["last_error", "error_type", "error_code"]
    parts = [failed[[*texts, "event_key"]].astype("str")]
    if known is not None and len(known):
        dead = known["queued_to_dlq"].fillna(False).astype(bool)
        parts.append(known.loc[dead, [*texts, "event_key"]].astype("str"))
    signed = sign_errors(pd.concat(parts, ignore_index=True))
    earlier = signed.iloc[len(failed) :].groupby("event_key")["signature_id"].agg(frozenset).to_dict()
    return pd.Series(signed["signature_id"].to_numpy()[: len(failed)], index=failed.index, dtype="str"), earlier
