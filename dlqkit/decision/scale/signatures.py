"""The signatures of dead letters: texts folded and counted in the engine, masked and merged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from dlqkit.decision.scale.folding import choose_way, fold_texts
from dlqkit.decision.scale.last_dead import mark_last_dead
from dlqkit.decision.signatures import sign_errors
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.decision.signing.templates import count_kinds
from dlqkit.engines.contract import MOST_ROWS, collect
from dlqkit.errors import ParameterError
from dlqkit.frames import empty_frame

__all__ = ["FOLDED", "SIGNATURES", "count_folds", "count_signatures"]

TIME = "datetime64[us, UTC]"
FOLDED: Mapping[str, str] = {
    "workflow_id": "str",
    "error_type": "str",
    "error_code": "str",
    "records": "Int64",
    "events": "Int64",
    "first_at": TIME,
    "last_at": TIME,
    "last_error": "str",
}
SIGNATURES: Mapping[str, str] = {
    "signature_id": "str",
    "signature": "str",
    "error_type": "str",
    "error_code": "str",
    "events": "Int64",
    "records": "Int64",
    "share": "Float64",
    "first_at": TIME,
    "last_at": TIME,
    "workflow_ids": "object",
    "masks": "str",
    "example": "str",
}


def count_folds(records: nw.LazyFrame[Any], *, at_most: int = MOST_ROWS) -> pd.DataFrame:
    """Dead letters by the fold of their error text.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``.
    at_most : int
        Of folds.

    Returns
    -------
    DataFrame
        A row per fold, workflow, type and code, columns of ``FOLDED``, by text.

        events : whose last dead letter is of it
        last_error : the least text of the fold, raw; NA where there is none

    Raises
    ------
    EngineError
        If there are more folds.
    """
    dead = mark_last_dead(records).with_columns(
        text=nw.col("last_error").fill_null(""), one_event=nw.col("is_last").cast(nw.Int64)
    )
    dead = dead.with_columns(way=choose_way(nw.col("text")))
    dead = dead.with_columns(fold=fold_texts(nw.col("text"), nw.col("way")))
    answer = dead.group_by("workflow_id", "error_type", "error_code", "way", "fold").agg(
        records=nw.len(),
        events=nw.col("one_event").sum(),
        first_at=nw.col("recorded_at").min(),
        last_at=nw.col("recorded_at").max(),
        last_error=nw.col("last_error").min(),
    )
    folded = collect(answer.with_columns(nw.col("events").cast(nw.Int64)), FOLDED, at_most=at_most)
    keys = ["last_error", "error_type", "error_code", "workflow_id"]
    return folded.sort_values(keys, kind="stable", na_position="first").reset_index(drop=True)


def count_signatures(
    records: nw.LazyFrame[Any], *, edits: SignatureEdits | None = None, at_most: int = MOST_ROWS
) -> pd.DataFrame:
    """Dead letters by the signature of their last error, most frequent first.

    Parameters
    ----------
    records : LazyFrame
        From ``scan_records``; only dead letters count.
    edits : SignatureEdits, optional
        What the analyst has joined. What was parted looks at each text, of which there is one for each fold here.
    at_most : int
        Folds of texts that may come out of the engine; half a million take some 200 MB.

    Returns
    -------
    DataFrame
        A row per signature, columns of ``SIGNATURES``: as ``group_errors`` gives them of the same records in order of
        ``last_error``, apart from ``example``, which is the least text here.

    Raises
    ------
    ParameterError
        If the edits part a signature.
    EngineError
        If there are more folds: then what tells the texts apart is no id or number.
    """
    if edits is not None and edits.splits:
        raise ParameterError(
            "A signature that was parted cannot be counted in an engine, where one text stands for many.",
            "Open the folder with engine='pandas', or leave the split out.",
        )
    folded = count_folds(records, at_most=at_most)
    if folded.empty:
        return empty_frame(SIGNATURES)
    counts = folded["records"].to_numpy(dtype=np.int64)
    signed = sign_errors(folded, edits=edits, counts=counts)
    every = signed.groupby("signature_id", sort=True)
    out = pd.DataFrame(
        {
            "signature": every["signature"].first(),
            "error_type": every["error_type"].first(),
            "error_code": every["error_code"].first(),
            "events": every["events"].sum(),
            "records": every["records"].sum(),
            "first_at": every["first_at"].min(),
            "last_at": every["last_at"].max(),
            "example": every["last_error"].first(),
        }
    )
    last = signed[signed["events"] > 0].groupby("signature_id")["workflow_id"]
    # Without an event are signatures that no event ended with.
    out = out[out["events"] > 0]
    out["workflow_ids"] = last.agg(lambda names: tuple(sorted(names.dropna().astype("str").unique())))
    out["share"] = out["events"] / out["events"].sum()
    out["masks"] = [count_kinds(text) for text in out["signature"]]
    frame = out.reset_index()[list(SIGNATURES)].astype(dict(SIGNATURES))
    return frame.sort_values(["events", "signature_id"], ascending=[False, True], kind="stable").reset_index(drop=True)
