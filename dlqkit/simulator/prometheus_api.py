"""A Prometheus-compatible API, good for selectors, raw ranges, and counting samples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlqkit.simulator.metrics import Series, scrape_all
from dlqkit.simulator.platform import Platform

__all__ = ["PrometheusApi"]

LOOKBACK_MS = 300_000
MAXIMUM_POINTS = 11_000
_SELECTOR = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(.*)\})?\s*(?:\[([0-9a-z]+)\])?\s*", re.DOTALL)
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.DOTALL)
_COUNT = re.compile(r"\s*sum\s*\(\s*count_over_time\s*\((.*)\)\s*\)\s*", re.DOTALL)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}


class _BadQuery(Exception):
    """A query that is refused; what Prometheus calls it, and why."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Selector:
    matchers: tuple[tuple[str, str, str], ...]
    range_ms: int | None


class PrometheusApi:
    """Answers ``/api/v1/…`` from what the workers would have shown."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._series: list[Series] = []
        self._version = -1

    def _now_ms(self) -> int:
        return round(self._platform.clock() * 1000)

    def _all(self) -> list[Series]:
        with self._platform.lock:
            if self._version != self._platform.version:
                self._series, self._version = scrape_all(self._platform), self._platform.version
            return self._series

    def answer(self, path: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON value for a path below ``/api/v1/``."""
        try:
            return 200, {"status": "success", "data": self._data(path, form)}
        except _BadQuery as error:
            status = {"bad_data": 400, "execution": 422, "not_found": 404}[error.kind]
            return status, {"status": "error", "errorType": error.kind, "error": str(error)}

    def _data(self, path: str, form: Mapping[str, str]) -> Any:
        if path == "query":
            return self._query(form.get("query", ""), _moment(form.get("time"), self._now_ms()))
        if path == "query_range":
            return self._query_range(form)
        if path == "metadata":
            kinds = {"dlq": "counter", "success": "counter", "failure": "counter"}
            return {f"worker_{name}_total": [{"type": kind, "help": "", "unit": ""}] for name, kind in kinds.items()}
        if path == "status/buildinfo":
            return {"version": "2.42.0", "revision": "", "branch": "", "goVersion": ""}
        if path == "status/runtimeinfo":
            return {"storageRetention": "15d"}
        if path == "labels":
            return sorted({name for one in self._all() for name in one.labels})
        if path.startswith("label/") and path.endswith("/values"):
            name = path.removeprefix("label/").removesuffix("/values")
            return sorted({one.labels[name] for one in self._all() if name in one.labels})
        if path == "series":
            return [dict(one.labels) for one in self._matching(_parse(form.get("match[]", "")))]
        raise _BadQuery("not_found", f"unknown path {path}")

    def _matching(self, selector: _Selector) -> list[Series]:
        return [one for one in self._all() if all(_fits(one.labels, *matcher) for matcher in selector.matchers)]

    def _query(self, query: str, at_ms: int) -> dict[str, Any]:
        counted = _COUNT.fullmatch(query)
        selector = _parse(counted[1] if counted else query)
        # Nothing after now was scraped yet, although the platform has computed it.
        seen_ms = min(at_ms, self._now_ms())
        if selector.range_ms is None:
            if counted:
                raise _BadQuery("bad_data", "expected type range vector in call to function count_over_time")
            return {"resultType": "vector", "result": self._latest(selector, seen_ms, at_ms)}
        found = []
        for series in self._matching(selector):
            low = int(np.searchsorted(series.at_ms, at_ms - selector.range_ms, side="left"))
            high = int(np.searchsorted(series.at_ms, seen_ms, side="right"))
            if high > low:
                found.append((series, low, high))
        if counted:
            total = sum(int(high - low) for _, low, high in found)
            value = [{"metric": {}, "value": [at_ms / 1000, str(total)]}] if found else []
            return {"resultType": "vector", "result": value}
        result = [{"metric": dict(one.labels), "values": _values(one, low, high)} for one, low, high in found]
        return {"resultType": "matrix", "result": result}

    def _latest(self, selector: _Selector, seen_ms: int, at_ms: int) -> list[dict[str, Any]]:
        out = []
        for series in self._matching(selector):
            place = int(np.searchsorted(series.at_ms, seen_ms, side="right")) - 1
            if place >= 0 and series.at_ms[place] > at_ms - LOOKBACK_MS:
                out.append({"metric": dict(series.labels), "value": [at_ms / 1000, _number(series.value[place])]})
        return out

    def _query_range(self, form: Mapping[str, str]) -> dict[str, Any]:
        start, end = (_moment(form.get(name), self._now_ms()) for name in ("start", "end"))
        step = _step_ms(form.get("step", ""))
        if end < start:
            raise _BadQuery("bad_data", 'invalid parameter "end": end timestamp must not be before start time')
        if (end - start) // step > MAXIMUM_POINTS:
            raise _BadQuery("bad_data", "exceeded maximum resolution of 11,000 points per timeseries.")
        selector = _parse(form.get("query", ""))
        if selector.range_ms is not None:
            raise _BadQuery("bad_data", 'invalid expression type "range vector" for range query')
        steps = np.arange(start, min(end, self._now_ms()) + 1, step)
        result = []
        for series in self._matching(selector):
            place = np.searchsorted(series.at_ms, steps, side="right") - 1
            fresh = (place >= 0) & (series.at_ms[np.maximum(place, 0)] > steps - LOOKBACK_MS)
            if fresh.any():
                pairs = [[int(at) / 1000, _number(series.value[n])]
                         for at, n in zip(steps[fresh], place[fresh], strict=True)]  # fmt: skip
                result.append({"metric": dict(series.labels), "values": pairs})
        return {"resultType": "matrix", "result": result}


def _values(series: Series, low: int, high: int) -> list[list[Any]]:
    return [
        [at / 1000, _number(value)]
        for at, value in zip(series.at_ms[low:high].tolist(), series.value[low:high].tolist(), strict=True)
    ]


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _moment(text: str | None, now_ms: int) -> int:
    if text is None:
        return now_ms
    try:
        return round(float(text) * 1000)
    except ValueError:
        from datetime import datetime

        try:
            return round(datetime.fromisoformat(text).timestamp() * 1000)
        except ValueError:
            raise _BadQuery("bad_data", f'invalid parameter "time": cannot parse "{text}"') from None


def _duration_ms(text: str) -> int:
    parts = re.findall(r"([0-9]+)(ms|s|m|h|d|w|y)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise _BadQuery("bad_data", f'parse error: not a valid duration string: "{text}"')
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _step_ms(text: str) -> int:
    try:
        step = round(float(text) * 1000)
    except ValueError:
        step = _duration_ms(text)
    if step <= 0:
        raise _BadQuery("bad_data", 'invalid parameter "step": zero or negative query resolution step widths')
    return step


def _parse(query: str) -> _Selector:
    found = _SELECTOR.fullmatch(query)
    if found is None or (found[1] is None and found[2] is None):
        if re.search(r"[(+*/]", query):
            raise _BadQuery("execution", "the simulator computes no functions of PromQL")
        raise _BadQuery("bad_data", f'parse error: unexpected "{query[:40]}"')
    matchers = [("__name__", "=", found[1])] if found[1] else []
    text, place = found[2] or "", 0
    while place < len(text):
        matcher = _MATCHER.match(text, place)
        if matcher is None:
            raise _BadQuery("bad_data", "parse error: unexpected character inside braces")
        value = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], matcher[3])
        if matcher[2] in {"=~", "!~"}:
            try:
                re.compile(value)
            except re.error as error:
                raise _BadQuery("bad_data", f"parse error: {error}") from None
        matchers.append((matcher[1], matcher[2], value))
        place = matcher.end()
    return _Selector(tuple(matchers), _duration_ms(found[3]) if found[3] else None)


def _fits(labels: Mapping[str, str], name: str, operator: str, value: str) -> bool:
    own = labels.get(name, "")
    if operator == "=":
        return own == value
    if operator == "!=":
        return own != value
    matches = re.fullmatch(value, own) is not None
    return matches if operator == "=~" else not matches
