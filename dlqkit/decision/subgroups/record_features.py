"""Which columns of records may be causes, and the features made of them."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.subgroups.column_features import build_features, feature_of_flags
from dlqkit.decision.subgroups.features import Feature
from dlqkit.decision.subgroups.payload_fields import json_columns
from dlqkit.frames import UNREAD

__all__ = ["field_values", "record_features"]

Bools = npt.NDArray[np.bool_]

# What a record says of the failure itself follows from it; and ids tell records apart.
_OUTCOMES = frozenset({"status", "retryable", "queued_to_dlq", "attempts", "last_error", "error_type", "error_code",
                       "action_duration_ms", "signature", "signature_id", "failure_class"})  # fmt: skip
_IDS = frozenset({"record_id", "event_key", "trace_id"})
_JSON = ("extra_json", "payload_snapshot")
# Names in extra_json are the API's own; these say how the execution ended.
_OUTCOME_NAME = re.compile(
    r"(?:^|[._])(?:error|exception|stack_?trace|traceback|outcome|result|state|fail\w*|dlq\w*|dead\w*|retr(?:y|ies)\w*"
    r"|attempt\w*|duration\w*|elapsed\w*|latency\w*|finished\w*|completed\w*|ended\w*|updated\w*)(?:$|[._])",
    re.IGNORECASE,
)


def record_features(
    records: pd.DataFrame, failing: Bools, *, skip: Collection[str] = (), hours: pd.Series | None = None,
    compared: int | None = None,
) -> list[Feature]:  # fmt: skip
    """Features of plain columns first, then of ``extra_json``, the payload's fields, its size, and the hour.

    The order matters where two features mean the same: the earlier one is named. The first ``compared`` records are
    those that are compared, by time; the others are the baseline's.
    """
    features: list[Feature] = []
    for column in records.columns:
        name = str(column)
        if name in skip or name in _OUTCOMES | _IDS or name in _JSON:
            continue
        if not pd.api.types.is_datetime64_any_dtype(records[column].dtype):
            features += build_features(name, records[column], failing, compared)
    taken = {str(column) for column in records.columns} | _OUTCOMES | _IDS
    for source, root in (("extra_json", ""), ("payload_snapshot", "payload")):
        if source not in records.columns or source in skip:
            continue
        found = json_columns(records[source].tolist(), name=root)
        for path, values in found.columns.items():
            name = f"extra.{path}" if path in taken else path
            if _may_be_cause(name, root, skip):
                features += build_features(name, values, failing, compared)
        for path, value, flags in found.flags:
            feature = feature_of_flags(path, value, flags) if _may_be_cause(path, root, skip) else None
            features += [feature] if feature is not None else []
    if "payload_snapshot" in records.columns and "payload_size_chars" not in skip:
        size = records["payload_snapshot"].astype("str").str.len().astype("float64")
        features += build_features("payload_size_chars", size, failing)
    if hours is not None:
        features += build_features("hour_utc", hours.dt.hour.astype("float64"), failing)
    return features


def field_values(records: pd.DataFrame) -> dict[str, pd.Series]:
    """Fields of ``extra_json`` and of the payload that may be causes, named as by ``record_features``."""
    taken = {str(column) for column in records.columns} | _OUTCOMES | _IDS
    out: dict[str, pd.Series] = {}
    for source, root in (("extra_json", ""), ("payload_snapshot", "payload")):
        if source not in records.columns:
            continue
        for path, values in json_columns(records[source].tolist(), name=root).columns.items():
            name = f"extra.{path}" if path in taken else path
            if _may_be_cause(name, root, ()):
                out[name] = values
    return out


def _may_be_cause(name: str, root: str, skip: Collection[str]) -> bool:
    if not root and name.partition(".")[0] == UNREAD:
        # Of columns, which are looked at by themselves.
        return False
    return name not in skip and (bool(root) or not _OUTCOME_NAME.search(name))
