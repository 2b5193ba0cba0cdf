"""Prometheus answers to frames: the envelope is parsed, the samples are read as one table of numbers."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from dlqkit.errors import SourceUnavailable, UnexpectedAnswer
from dlqkit.frames import HISTOGRAMS, SAMPLES, SERIES, empty_frame
from dlqkit.language import in_english, mark
from dlqkit.sources.http import describe_body
from dlqkit.sources.prometheus_layout import Bulk, read_bulk
from dlqkit.untrusted import shorten

__all__ = ["Answer", "Numbers", "QueryRefused", "QueryTooHeavy", "decode_answer", "frames_of", "label_column"]

_Times = npt.NDArray[np.int64]
_Values = npt.NDArray[np.float64]
_Parsed = tuple[_Times, _Values]
_Number = TypeVar("_Number", np.int64, np.float64)
_RESERVED = {*SAMPLES, *SERIES, *HISTOGRAMS}
# The year 10000, after which no frame has a time.
_LAST_S = 253_402_300_800
# What Prometheus, Thanos, Cortex and Mimir say of a query that is sound and too large.
_TOO_MUCH = re.compile(
    r"too many (?:samples|series|chunks)|would load|hit the max|deadline exceeded|err-mimir-max"
    r"|exceed(?:s|ed) (?:the |its )?(?:maximum|limit|series limit|samples limit|chunks limit)",
    re.IGNORECASE,
)


class QueryTooHeavy(SourceUnavailable):
    """The server gave up on a query, or refused its size; a smaller one may do."""


class QueryRefused(UnexpectedAnswer):
    """The server does not take the query; where an analyst wrote it, that is a matter of the query."""


class _Series(msgspec.Struct):
    metric: dict[str, str] = {}
    values: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    histograms: msgspec.Raw = msgspec.Raw(b"")
    histogram: msgspec.Raw = msgspec.Raw(b"")


class _Data(msgspec.Struct):
    resultType: str = ""
    result: msgspec.Raw = msgspec.Raw(b"[]")


class _Envelope(msgspec.Struct):
    status: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    errorType: str = ""
    error: str = ""
    warnings: list[str] | None = None
    infos: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """One series: its labels, milliseconds since 1970, and values."""

    labels: Mapping[str, str]
    at_ms: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    histograms: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, its warnings beside it."""

    kind: str
    series: tuple[Numbers, ...]
    warnings: tuple[str, ...]
    data: Any = None


def decode_answer(body: bytes) -> Answer:
    """An answer of the HTTP API.

    Raises
    ------
    QueryRefused
        If the server refuses the query itself.
    QueryTooHeavy
        If the query timed out or was too large.
    UnexpectedAnswer
        If the body is no answer of Prometheus.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    bulk = read_bulk(body)
    answer = _decode_outline(bulk) if bulk is not None else None
    return _decode(body) if answer is None else answer


def _decode_outline(bulk: Bulk) -> Answer | None:
    try:
        answer = _decode(bulk.outline, bulk)
    except (SourceUnavailable, UnexpectedAnswer):
        # What is said of it is said of the whole body.
        return None
    return answer if answer.kind == "matrix" else None


def _decode(body: bytes, bulk: Bulk | None = None) -> Answer:
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        if envelope.status == "error":
            raise _refused(envelope)
        if envelope.status != "success":
            raise _foreign(body)
        warnings = tuple(dict.fromkeys([*(envelope.warnings or ()), *(envelope.infos or ())]))
        if bytes(envelope.data).lstrip()[:1] != b"{":
            return Answer("", (), warnings, msgspec.json.decode(envelope.data))
        data = msgspec.json.decode(envelope.data, type=_Data)
        if data.resultType not in {"matrix", "vector"}:
            return Answer(data.resultType, (), warnings, msgspec.json.decode(envelope.data))
        series = msgspec.json.decode(data.result, type=list[_Series])
        return Answer(data.resultType, tuple(_numbers(series, data.resultType, bulk)), warnings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _foreign(body) from error


def _foreign(body: bytes) -> UnexpectedAnswer:
    what = describe_body(body)
    what = mark("JSON that is none of Prometheus") if what.startswith("JSON") and _is_json(body) else what
    return UnexpectedAnswer(
        in_english(mark("Prometheus answers with {body}."), body=what),
        mark("Check prometheus.url: it is the address before /api/v1/…"),
    )


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _refused(envelope: _Envelope) -> Exception:
    text = shorten(" ".join(envelope.error.split()), 200)
    if envelope.errorType in {"timeout", "canceled", "unavailable", "internal"}:
        problem = in_english(mark("Prometheus gave up on the query: {said}."), said=text)
        return QueryTooHeavy(problem, mark("Ask for a shorter window."))
    if _TOO_MUCH.search(text):
        problem = in_english(mark("Prometheus refuses so much at once: {said}."), said=text)
        return QueryTooHeavy(problem, mark("Ask for a shorter window."))
    problem = in_english(mark("Prometheus refuses the query: {said}."), said=text)
    return QueryRefused(problem, mark("Mend the query or the selector."))


def _numbers(series: Sequence[_Series], kind: str, bulk: Bulk | None) -> list[Numbers]:
    if kind == "vector":
        bodies = [b"[" + bytes(one.value) + b"]" if bytes(one.value) else b"" for one in series]
    else:
        bodies = [bytes(one.values) for one in series]
    if not all(body or bytes(one.histogram) or bytes(one.histograms) for body, one in zip(bodies, series, strict=True)):
        raise msgspec.DecodeError("a series has no samples")
    bodies = [body or b"[]" for body in bodies]
    parsed = _parse_all(bodies) if bulk is None else _from_bulk(bulk, bodies)
    out = []
    for one, (at_ms, value) in zip(series, parsed, strict=True):
        out.append(Numbers(one.metric, at_ms, value, _histograms(one, kind)))
    return out


def _from_bulk(bulk: Bulk, bodies: Sequence[bytes]) -> list[_Parsed]:
    taken = [bulk.of(body) for body in bodies]
    others = iter(_parse_all([body for body, part in zip(bodies, taken, strict=True) if part is None]))
    if len(taken) - taken.count(None) != bulk.series:
        raise msgspec.DecodeError("samples stand where no series has them")
    return [next(others) if part is None else part for part in taken]


def _parse_all(bodies: Sequence[bytes]) -> list[_Parsed]:
    """Times and values of every series; all of them as one table, since a call for each costs more than its numbers."""
    if not bodies:
        return []
    texts = [_as_csv(body) for body in bodies]
    counts = np.array([text.count(b"\n") for text in texts], dtype=np.int64)
    table = _read_table(b"".join(texts)) if counts.sum() else (np.empty(0), np.empty(0))
    if table is None or len(table[0]) != counts.sum():
        return [_parse_slowly(body) for body in bodies]
    at_ms = _milliseconds(table[0])
    edges = np.cumsum(counts)[:-1]
    return list(zip(np.split(at_ms, edges), np.split(table[1], edges), strict=True))


def _as_csv(body: bytes) -> bytes:
    # [[1700000000.5,"3"],[1700000015.5,"4"]] → 1700000000.5,3\n1700000015.5,4\n
    text = body.translate(None, b'[" \t\r\n').replace(b"],", b"\n").rstrip(b"]")
    return text + b"\n" if text else b""


def _read_table(text: bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    # Arrow takes nan(…) for a number, which none is.
    if b"(" in text:
        return None
    try:
        table = pa_csv.read_csv(
            io.BytesIO(text.replace(b"+Inf", b"Inf")),
            read_options=pa_csv.ReadOptions(column_names=["at", "value"], use_threads=False, block_size=1 << 24),
            convert_options=pa_csv.ConvertOptions(
                column_types={"at": pa.float64(), "value": pa.float64()}, null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table["at"].to_numpy(), table["value"].to_numpy()


def _parse_slowly(body: bytes) -> _Parsed:
    pairs = msgspec.json.decode(body, type=list[tuple[float, str]])
    at = np.array([pair[0] for pair in pairs], dtype=np.float64)
    try:
        value = np.array([float(pair[1]) for pair in pairs], dtype=np.float64)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None
    return _milliseconds(at), value


def _milliseconds(at: npt.NDArray[np.float64] | np.float64) -> _Times:
    if not np.all(np.abs(at) < _LAST_S):
        raise msgspec.DecodeError("a time that no sample has")
    return np.rint(at * 1000).astype(np.int64)


def _histograms(one: _Series, kind: str) -> tuple[tuple[int, str], ...]:
    raw = bytes(one.histogram) if kind == "vector" else bytes(one.histograms)
    if not raw:
        return ()
    rows = msgspec.json.decode(b"[" + raw + b"]" if kind == "vector" else raw, type=list[tuple[float, Any]])
    return tuple((int(_milliseconds(np.float64(at))), json.dumps(value, sort_keys=True)) for at, value in rows)


def label_column(name: str) -> str:
    """The column of a label; one that is called like a column of the frames gets a prefix."""
    return f"label_{name}" if name in _RESERVED else name


def frames_of(series: Sequence[Numbers]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """``SAMPLES``, ``SERIES`` with a column for each label, ``HISTOGRAMS``; a series of the same labels is one."""
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    ids = []
    for one in series:
        key = tuple(sorted(one.labels.items()))
        ids.append(numbers.setdefault(key, len(numbers)))
    if not numbers:
        return empty_frame(SAMPLES), empty_frame(SERIES), empty_frame(HISTOGRAMS)
    series_id, at_ms, value = _in_order(series, ids)
    samples = pd.DataFrame(
        {
            "series_id": pd.arrays.IntegerArray(series_id, np.zeros(len(series_id), dtype=bool)),
            "sampled_at": _moments(at_ms),
            "value": pd.arrays.FloatingArray(value, np.isnan(value)),
        },
        copy=False,
    )
    names = sorted({name for key in numbers for name, _ in key if name != "__name__"})
    rows = [dict(key) for key in numbers]
    table: dict[str, Any] = {"series_id": pd.array(list(numbers.values()), dtype="Int32")}
    table["metric"] = pd.Categorical([row.get("__name__") for row in rows])
    for name in names:
        table[label_column(name)] = pd.Categorical([row.get(name) for row in rows])
    spread = [(ids[n], at, text) for n, one in enumerate(series) for at, text in one.histograms]
    if not spread:
        return samples, pd.DataFrame(table), empty_frame(HISTOGRAMS)
    histograms = pd.DataFrame(spread, columns=["series_id", "at_ms", "buckets_json"])
    histograms["sampled_at"] = _moments(histograms.pop("at_ms").to_numpy(dtype=np.int64))
    # At a seam between two answers a histogram comes twice.
    histograms = histograms.drop_duplicates(["series_id", "sampled_at"], keep="last", ignore_index=True)
    histograms = histograms[list(HISTOGRAMS)].astype(dict(HISTOGRAMS))
    return samples, pd.DataFrame(table), histograms


def _in_order(series: Sequence[Numbers], ids: Sequence[int]) -> tuple[npt.NDArray[np.int32], _Times, _Values]:
    """Samples by series and time; what two answers both have, at the seam between them, is there once."""
    parts = sorted(zip(ids, series, strict=True), key=lambda part: part[0])
    at_ms = _joined([one.at_ms for _, one in parts])
    value = _joined([one.value for _, one in parts])
    counts = np.array([len(one.at_ms) for _, one in parts])
    series_id = np.repeat(np.array([number for number, _ in parts], dtype=np.int32), counts)
    if _rises(series_id, at_ms, counts):
        return series_id, at_ms, value
    sort = np.lexsort((at_ms, series_id))
    series_id, at_ms, value = series_id[sort], at_ms[sort], value[sort]
    is_last = np.append((series_id[1:] != series_id[:-1]) | (at_ms[1:] != at_ms[:-1]), True)
    return series_id[is_last], at_ms[is_last], value[is_last]


def _rises(series_id: npt.NDArray[np.int32], at_ms: _Times, counts: npt.NDArray[np.int64]) -> bool:
    """Whether time goes on within each series, as in one answer it does."""
    rises = at_ms[1:] > at_ms[:-1]
    seams = np.cumsum(counts)[:-1]
    seams = seams[(seams > 0) & (seams < len(at_ms))]
    rises[seams - 1] |= series_id[seams] != series_id[seams - 1]
    return bool(rises.all())


def _joined(parts: Sequence[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    """All parts as one array: that which they are views of where they fill it in order, else a copy."""
    whole = parts[0].base
    if not isinstance(whole, np.ndarray) or whole.shape != (sum(len(part) for part in parts),):
        return np.concatenate(parts)
    at = whole.__array_interface__["data"][0]
    for part in parts:
        # An empty part is a view of nothing.
        if len(part) and (part.base is not whole or part.__array_interface__["data"][0] != at):
            return np.concatenate(parts)
        at += part.nbytes
    return whole


def _moments(at_ms: _Times) -> pd.api.extensions.ExtensionArray:
    return pd.array(at_ms * 1000, dtype="datetime64[us, UTC]", copy=False)
