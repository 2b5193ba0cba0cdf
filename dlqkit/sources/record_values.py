"""Columns of records out of texts and numbers: times of any usual form, whole numbers, arrays of text."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.errors import ParameterError
from dlqkit.frames import TIME
from dlqkit.incident import YEARS
from dlqkit.language import in_english, mark

__all__ = [
    "MOST_ATTEMPTS",
    "TEXT",
    "in_range",
    "lacks_zone",
    "read_times",
    "recorded_times",
    "text_array",
    "whole_numbers",
    "without_empty",
]

TEXT = pa.large_string()
MOST_ATTEMPTS = 1_000_000
_EARLIEST, _LATEST = (pd.Timestamp(year, 1, 1, tz="UTC") for year in (YEARS[0], YEARS[1] + 1))
_STR, _MOMENT = pd.StringDtype("pyarrow", na_value=np.nan), pd.DatetimeTZDtype("us", "UTC")
# A date and a time with its offset, as ISO 8601 writes them.
_AWARE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T t].*(?:[Zz]|[+-][0-9]{2}:?(?:[0-9]{2})?)$"
_DATED = "^[0-9]{4}-[0-9]{2}"
_COMMA = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}),([0-9]{1,9})"
_MONGO_DATE = r'^\{ ?"\$date" ?: ?"?([^"{}]+)"? ?\}$'


def text_array(values: Any) -> Any:
    """An array of text from strings and None, or from an Arrow array of text."""
    found = values if isinstance(values, pa.Array) else pa.array(values, TEXT)
    return _STR.__from_arrow__(found)


def without_empty(array: Any) -> Any:
    """An Arrow array of text in which an empty text is absent."""
    offsets = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, 8 * array.offset)
    # What is absent has no length either.
    if np.count_nonzero(offsets[1:] == offsets[:-1]) == array.null_count:
        return array
    return pc.if_else(pc.equal(pc.binary_length(array), 0), None, array)


def whole_numbers(numbers: Any) -> Any:
    """An ``Int64`` array, from a ``Float64`` one or NumPy's; what no count of attempts can be is absent."""
    values = numbers if isinstance(numbers, np.ndarray) else numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    absent = ~((values >= 0) & (values < MOST_ATTEMPTS) & (values == np.floor(values)))
    return pd.arrays.IntegerArray(np.where(absent, 1, values).astype(np.int64), absent)


def recorded_times(texts: Any, zone: str | None, count: int) -> tuple[Any, list[str]]:
    """Times of records as UTC, and what is to be said of them; texts are None where no field of a time is there."""
    if texts is None:
        setting = "execution_logs.fields = { recorded_at = … }"
        missing = in_english(mark("No time is found in the records; name its field: {setting}."), setting=setting)
        return pd.Series(pd.NaT, index=range(count)).dt.tz_localize("UTC").astype(TIME), [missing]
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, TEXT)
    try:
        # Of what has an offset and no more than microseconds; it is many times as fast as any other way.
        moments = array.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        # MongoDB's export writes a time as an object of its own.
        return read_times(pd.Series(text_array(array)).str.replace(_MONGO_DATE, r"\1", regex=True), zone)
    ends = pc.min_max(moments.view(pa.int64())).as_py()
    found = _MOMENT.__from_arrow__(moments)
    if ends["min"] is None or (ends["min"] >= _EARLIEST.value // 1000 and ends["max"] < _LATEST.value // 1000):
        return found, []
    return in_range(pd.Series(found)), []


def in_range(times: pd.Series) -> pd.Series:
    """The times without those before 1970 and after 2261: Python has no year 0 and none after 9999."""
    absurd = (times < _EARLIEST) | (times >= _LATEST)
    return times.mask(absurd) if absurd.any() else times


def lacks_zone(text: str) -> bool:
    """Whether a text begins as a time does, and has no offset."""
    return re.match(_DATED, text) is not None and re.match(_AWARE, re.sub(_COMMA, r"\1.\2", text)) is None


def read_times(
    texts: pd.Series, zone: str | None, *, setting: str = "execution_logs.timezone"
) -> tuple[pd.Series, list[str]]:
    """Times of any usual form as UTC; ``NaT``, and a sentence, where their zone is not known.

    ``setting`` is where the zone of this source is set.
    """
    findings: list[str] = []
    # Python's logging writes the milliseconds after a comma, as ISO 8601 allows.
    texts = texts.str.replace(_COMMA, r"\1.\2", regex=True)
    aware = texts.str.contains(_AWARE).fillna(False).astype(bool)
    if len(texts) and aware.all():
        return in_range(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").astype(TIME)), findings
    out = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC").astype(TIME)
    if aware.any():
        out[aware] = pd.to_datetime(texts[aware], utc=True, format="ISO8601", errors="coerce").astype(TIME)
    rest = texts[~aware & texts.notna()]
    number = pd.to_numeric(rest, errors="coerce")
    numeric = number[np.isfinite(number)]
    if len(numeric):
        # By size: seconds reach 1e11 in the year 5138, milliseconds begin there in 1973.
        size = numeric.abs()
        micros = numeric * np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
        out[numeric.index] = pd.to_datetime(micros.round(), unit="us", utc=True, errors="coerce").astype(TIME)
        findings.append(
            mark("Times are seconds since 1970.")
            if (size < 1e11).all()
            else mark("Times are milliseconds since 1970.")
            if (size < 1e14).all()
            else mark("Times are micro- or nanoseconds since 1970.")
        )
    naive = rest[number.isna() & rest.str.contains(_DATED)]
    if len(naive) and zone is None:
        text = mark("Times have no zone, so they are not used; set {setting}.")
        findings.append(in_english(text, setting=setting))
    elif len(naive):
        parsed = pd.to_datetime(naive, format="ISO8601", errors="coerce")
        local = parsed.dt.tz_localize(_zone(str(zone), setting), ambiguous="NaT", nonexistent="shift_forward")
        out[naive.index] = local.dt.tz_convert("UTC").astype(TIME)
        findings.append(in_english(mark("Times without a zone are taken as {zone}, as set."), zone=str(zone)))
    return in_range(out), findings


def _zone(name: str, setting: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ParameterError(
            f"The time zone {name[:40]!r} is not known.", f"Write {setting} as UTC or Europe/Berlin."
        ) from None
