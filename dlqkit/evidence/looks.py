"""Several looks at the same records as one frame: what was rewritten in between, and what only bears the same id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dlqkit.frames import RECORD_CONTENT, RECORD_STATE, RECORDS, empty_frame
from dlqkit.sources.seen_states import keep_each_once

__all__ = ["FATE", "merge_looks"]

# Records of one id that one look shows alike in these, and of several events, are no states of one record.
FATE = ("record_id", "status", "queued_to_dlq", "attempts")
_LOOK = "look"


def merge_looks(looks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Each state of a record once, of the event that the record first named.

    Parameters
    ----------
    looks : sequence of DataFrame
        ``frames.RECORDS`` of each snapshot, oldest first; within one look each state is there once.

    Notes
    -----
    Of looks at one state that differ in ``RECORD_CONTENT``, such as an error's text that was edited, the last one
    counts. But some APIs give one id to all that a run did: where one look shows several such records side by side,
    each of them is kept, and each is of its own event.
    """
    full = [look for look in looks if len(look)]
    if not full:
        return empty_frame(RECORDS)
    stacked = full[0]
    if len(full) > 1:
        categories = {name: "category" for name, dtype in RECORDS.items() if dtype == "category"}
        stacked = pd.concat(full, ignore_index=True).astype(categories)
    if stacked["record_id"].is_unique:
        # Each record was seen once: nothing to merge, and its key is its own.
        return stacked
    numbers = pd.Series(np.repeat(np.arange(len(full)), [len(look) for look in full]), index=stacked.index)
    merged = keep_each_once(stacked, numbers, RECORD_STATE, RECORD_CONTENT) if len(full) > 1 else stacked
    # A record that was rewritten is still of its event, even if its payload was corrected.
    is_own = merged["record_id"].isna() | merged["record_id"].isin(_shared_ids(stacked, numbers))
    first = merged[~is_own].drop_duplicates("record_id").set_index("record_id")["event_key"]
    keys = merged["event_key"].where(is_own, merged["record_id"].map(first))
    return merged.assign(event_key=keys.astype("str"))


def _shared_ids(stacked: pd.DataFrame, numbers: pd.Series) -> set[str]:
    """The ids under which one look shows records of several events."""
    several = stacked["record_id"].notna() & stacked["record_id"].duplicated(keep=False)
    columns = list(dict.fromkeys((*FATE, "workflow_id", "trace_id", "event_key")))
    own = stacked.loc[several, columns].assign(**{_LOOK: numbers[several]})
    by_fate = own.drop_duplicates([_LOOK, *FATE, "event_key"])
    by_trace = own.dropna(subset="trace_id").drop_duplicates([_LOOK, "record_id", "workflow_id", "trace_id"])
    alike = by_fate.loc[by_fate.duplicated([_LOOK, *FATE]), "record_id"]
    named = by_trace.loc[by_trace.duplicated([_LOOK, "record_id"]), "record_id"]
    return {*alike, *named}
