"""The frames: columns, dtypes, units; and what a loader returns.

Declared once here; loaders produce them, analyses check them on entry, tests build from them.
Times are ``datetime64[us, UTC]`` in frames and naive UTC in Parquet. Absent is NA, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.errors import FrameError
from dlqkit.notebook_html import Shown, rows_html, span_text

__all__ = [
    "HISTOGRAMS",
    "NEEDED",
    "ORIGINALS",
    "RECORDS",
    "RECORD_CONTENT",
    "RECORD_STATE",
    "SAMPLES",
    "SERIES",
    "SUPPORT_REPORTS",
    "UNREAD",
    "WORKER_LOGS",
    "WRITE_TIMES",
    "Completeness",
    "Coverage",
    "Loaded",
    "check_frame",
    "conform",
    "empty_frame",
    "to_times",
    "with_labels",
]

TIME = "datetime64[us, UTC]"
WRITE_TIMES = (
    "Write times as 2026-03-02T14:00:00+00:00, and of numbers say the unit: pd.to_datetime(…, unit='s', utc=True)."
)

RECORDS: Mapping[str, str] = {
    "record_id": "str",
    "event_key": "str",
    "workflow_id": "str",
    "trace_id": "str",
    "recorded_at": TIME,
    "status": "category",
    "retryable": "boolean",
    "queued_to_dlq": "boolean",
    "attempts": "Int64",
    "last_error": "str",
    "error_type": "str",
    "error_code": "str",
    "action_duration_ms": "Float64",
    "payload_snapshot": "str",
    "extra_json": "str",
}
NEEDED = ("event_key", "workflow_id", "recorded_at", "status", "queued_to_dlq", "last_error")
"""Columns of ``RECORDS`` without which no analysis says anything; the others may be absent, and are NA then."""
RECORD_STATE = ("record_id", "workflow_id", "trace_id", "recorded_at", "status", "queued_to_dlq", "attempts")
"""What tells one state of a record from another; of looks at one state the last one counts."""
RECORD_CONTENT = ("last_error", "error_type", "error_code", "retryable", "payload_snapshot")
"""What else tells records apart that stand side by side in one look, since some APIs give many one id. Not
``extra_json`` nor a duration: what is counted at the time of asking differs each time that a record is served."""
UNREAD = "_unread"
"""Name in ``extra_json`` under which values stand that no column could take, by the API's names of their fields."""
SAMPLES: Mapping[str, str] = {"series_id": "Int32", "sampled_at": TIME, "value": "Float64"}
# SERIES has one more categorical column for each label; a label that is called like a column gets the prefix "label_".
SERIES: Mapping[str, str] = {"series_id": "Int32", "metric": "category"}
HISTOGRAMS: Mapping[str, str] = {"series_id": "Int32", "sampled_at": TIME, "buckets_json": "str"}
WORKER_LOGS: Mapping[str, str] = {
    "logged_at": TIME,
    "level": "category",
    "trace_id": "str",
    "workflow_id": "str",
    "attempts": "Int64",
    "message": "str",
    "extra_json": "str",
}
SUPPORT_REPORTS: Mapping[str, str] = {
    "reported_at": TIME,
    "trace_id": "str",
    "business_key": "str",
    "note": "str",
}
# Messages of a dead-letter subscription: ids where they were found, the payload's text where it is UTF-8.
ORIGINALS: Mapping[str, str] = {
    "message_id": "str",
    "published_at": TIME,
    "trace_id": "str",
    "workflow_id": "str",
    "payload_sha256": "str",
    "payload_text": "str",
    "attributes_json": "str",
    "ordering_key": "str",
    "delivery_attempts": "Int64",
    "source_subscription": "str",
    "topic_published_at": TIME,
}

# What clients sent, word for word.
_CLIENTS_OWN = ("payload_snapshot", "payload_text", "extra_json", "attributes_json")
ROWS_SHOWN = 100
"""Rows of a frame that a notebook shows and keeps."""

Completeness = Literal["complete", "partial", "unverified"]


@dataclass(frozen=True, slots=True, repr=False)
class Coverage(Shown):
    """What was asked, what came, what is missing.

    ``complete`` needs an end marker or a page shorter than its limit; ``unverified`` is a page as long as its
    limit with no way to go on; ``partial`` is a source that failed or was cut off by a budget.
    """

    asked_start: datetime | None = None
    asked_end: datetime | None = None
    got_start: datetime | None = None
    got_end: datetime | None = None
    rows: int = 0
    quarantined: int = 0
    completeness: Completeness = "complete"
    missing: tuple[str, ...] = ()
    """One sentence for each thing that is missing."""
    findings: tuple[str, ...] = ()
    """One sentence for each thing that was found out or assumed (zone, wrapper, pagination, order)."""
    details: Mapping[str, Any] = field(default_factory=dict)

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Coverage: {self.completeness}, {self.rows:,} rows", [
            ("asked", span_text(self.asked_start, self.asked_end)),
            ("received", span_text(self.got_start, self.got_end)),
            ("in quarantine", self.quarantined or None),
            ("missing", " ".join(self.missing)),
            ("found out", " ".join(self.findings)),
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, times in ISO 8601."""
        out = asdict(self)
        for name in ("asked_start", "asked_end", "got_start", "got_end"):
            out[name] = out[name].isoformat() if out[name] is not None else None
        out["missing"], out["findings"], out["details"] = (
            list(self.missing),
            list(self.findings),
            dict(self.details),
        )
        return out

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Coverage:
        """The inverse of ``to_json``."""
        known = dict(values)
        for name in ("asked_start", "asked_end", "got_start", "got_end"):
            text = known.get(name)
            known[name] = datetime.fromisoformat(text).astimezone(UTC) if text else None
        for name in ("missing", "findings"):
            known[name] = tuple(known.get(name) or ())
        return cls(**known)


@dataclass(frozen=True, slots=True, repr=False)
class Loaded(Shown):
    """A frame, what it covers, and where it is from (an evidence id or a URL without secrets)."""

    frame: pd.DataFrame
    coverage: Coverage
    source: str

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        count = len(self.frame)
        title = f"Loaded: {count:,} row{'' if count == 1 else 's'} of {self.source or 'no source'}"
        return title, [
            ("columns", ", ".join(map(str, self.frame.columns))),
            ("completeness", self.coverage.completeness),
            *self.coverage._shown()[1],
        ]

    def _repr_html_(self) -> str:
        """What it covers, and its first rows without what clients sent: a notebook keeps what it shows."""
        shown = self.frame.drop(columns=[name for name in _CLIENTS_OWN if name in self.frame.columns])
        rows = shown.head(ROWS_SHOWN).astype("object")
        rows = rows.where(rows.notna(), "").astype("str")
        count = f"The first {len(rows):,} of {len(shown):,} rows" if len(shown) > len(rows) else f"{len(rows):,} rows"
        left = [name for name in _CLIENTS_OWN if name in self.frame.columns]
        title = f"{count}, without {', '.join(left)}" if left else count
        table = rows_html(title, [str(name) for name in rows.columns], rows.to_numpy().tolist())
        return Shown._repr_html_(self) + table


def empty_frame(columns: Mapping[str, str]) -> pd.DataFrame:
    """A frame of the declared columns without rows."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


def conform(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The frame with every declared column, in order, in its dtype; further columns follow.

    Columns that are absent are filled with NA. Raises ``FrameError`` where values do not fit.
    """
    out = {}
    for name, dtype in columns.items():
        if name not in frame.columns:
            out[name] = pd.Series([pd.NA] * len(frame), index=frame.index).astype(dtype)
            continue
        column = frame[name]
        try:
            if str(column.dtype) == dtype:
                out[name] = column
            elif dtype == TIME:
                out[name] = to_times(column).astype(TIME)
            else:
                out[name] = column.astype(dtype)
        except (TypeError, ValueError) as error:
            raise FrameError(
                f"The column {name} is {column.dtype}, and its values do not fit {dtype}.",
                WRITE_TIMES if dtype == TIME else f"Give {name} as {dtype}.",
            ) from error
    for name in frame.columns:
        if name not in out:
            out[name] = frame[name]
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)


def to_times(column: pd.Series) -> pd.Series:
    """Times as UTC, those without a zone taken as such; raises ``ValueError`` where they could be read in two ways."""
    # "03/02/2026" is of February or March, and a number of seconds or milliseconds: neither is guessed.
    if pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
        raise ValueError("the unit of numbers is not known")
    is_text = pd.api.types.is_string_dtype(column.dtype) or pd.api.types.is_object_dtype(column.dtype)
    return pd.to_datetime(column, utc=True, format="ISO8601" if is_text else None)


def check_frame(frame: pd.DataFrame, columns: Mapping[str, str], needed: tuple[str, ...]) -> None:
    """Raise ``FrameError`` unless the needed columns are there in their declared dtype."""
    for name in needed:
        if name not in frame.columns:
            raise FrameError(
                f"The frame has no column {name}.", f"Load it with dlqkit, or add {name} as {columns[name]}."
            )
        have, want = str(frame[name].dtype), columns[name]
        if have != want and not (want == "category" and have in {"str", "object"}):
            raise FrameError(
                f"The column {name} is {have}, not {want}.",
                f"Convert it: frame[{name!r}].astype({want!r}); or the whole frame at once by dlqkit.frames.conform.",
            )


def with_labels(samples: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Samples joined with their series: ``metric`` and every label beside each value."""
    names = [name for name in series.columns if name != "series_id"]
    runs = _runs(samples["series_id"], series["series_id"])
    if runs is None or any(name in samples.columns for name in names):
        return samples.merge(series, on="series_id", how="left", validate="many_to_one")
    # A merge would look for each series, and copy the samples.
    labels = {name: _repeat(series[name].array.take(runs[0]), runs[1]) for name in names}
    return pd.concat([samples.reset_index(drop=True), pd.DataFrame(labels, copy=False)], axis=1)


def _runs(ids: pd.Series, numbers: pd.Series) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]] | None:
    """The row of each series in turn and how many ids it has; None unless its number is its row, as loaders number."""
    if not all(pd.api.types.is_integer_dtype(one.dtype) and not one.hasnans for one in (ids, numbers)):
        return None
    rows = ids.to_numpy(dtype=ids.dtype.name.lower())
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))[: len(rows)]
    lengths = np.diff(starts, append=len(rows))
    rows = rows[starts]
    is_row = np.array_equal(numbers.to_numpy(dtype=np.int64), np.arange(len(numbers)))
    return (rows, lengths) if is_row and ((rows >= 0) & (rows < len(numbers))).all() else None


def _repeat(values: Any, lengths: npt.NDArray[np.integer]) -> Any:
    if isinstance(values, pd.Categorical):
        return pd.Categorical.from_codes(np.repeat(values.codes, lengths), dtype=values.dtype)
    return values.repeat(lengths)
