"""The signatures of dead letters: texts folded and counted in the engine, masked and merged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from dlqkit.decision.scale.dead_letters import TEXTS, count_alike, mark_last_dead, with_texts
from dlqkit.decision.signatures import sign_errors
from dlqkit.decision.signing.error_groups import GROUPS
from dlqkit.decision.signing.signature_edits import SignatureEdits
from dlqkit.decision.signing.templates import count_kinds
from dlqkit.engines.contract import MOST_ROWS
from dlqkit.errors import ParameterError
from dlqkit.frames import empty_frame

__all__ = ["SIGNATURES", "count_signatures", "refuse_splits", "sign_alike"]

# A few examples, and what is new against a baseline, are not counted in the engine.
SIGNATURES: Mapping[str, str] = {name: dtype for name, dtype in GROUPS.items() if name not in {"examples", "is_new"}}


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
    refuse_splits(edits)
    return sign_alike(count_alike(with_texts(mark_last_dead(records)), TEXTS, at_most=at_most), edits)


def refuse_splits(edits: SignatureEdits | None) -> None:
    """Raise ``ParameterError`` where the analyst has parted a signature."""
    if edits is not None and edits.splits:
        raise ParameterError(
            "A signature that was parted cannot be counted in an engine, where one text stands for many.",
            "Take group_errors of the records in memory, or leave the split out.",
        )


def sign_alike(alike: pd.DataFrame, edits: SignatureEdits | None = None) -> pd.DataFrame:
    """The signatures of dead letters that are counted by the columns of ``TEXTS``, or these and more."""
    refuse_splits(edits)
    if alike.empty:
        return empty_frame(SIGNATURES)
    # Of texts of one masked form the first decides how the masks are called.
    keys = ["last_error", "error_type", "error_code", "workflow_id"]
    ordered = alike.sort_values(keys, kind="stable", na_position="first").reset_index(drop=True)
    signed = sign_errors(ordered, edits=edits, counts=ordered["records"].to_numpy(dtype=np.int64))
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
