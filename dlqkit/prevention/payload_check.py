"""Which payloads a JSON Schema refuses, at which place, by which keyword."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.prevention.formats import FORMATS, PATTERNS
from dlqkit.prevention.payload_schema import MAX_ITEMS, json_type

__all__ = ["REASONS", "Refusals", "check_payloads", "decode_payload", "is_absent"]

REASONS: Mapping[str, str] = {"path": "str", "keyword": "str", "payloads": "Int64"}
_KNOWN = {"$schema", "type", "properties", "required", "dependentRequired", "additionalProperties", "items", "minItems",
          "minLength", "enum", "format", "pattern", "minimum"}  # fmt: skip
# What a reader gives back: whether it is plainly accepted, and a stand-in that is as valid as the value itself.
_Reader = Callable[[Any], tuple[bool, Any]]
# The name that all keys of a dictionary have in a path.
_KEY = "<key>"
_VALID = {"uuid": "00000000-0000-4000-8000-000000000000", "date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01",
          "ipv4": "192.0.2.1", "uri": "a://b", "email": "a@b"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a schema refuses.

    ``reasons`` has a row per place and keyword, most frequent first: ``path`` such as ``payload.items[].sku``,
    ``keyword`` of JSON Schema, or ``json`` for a text that is none, and ``payloads`` Int64. A payload may be refused
    for several reasons and counts in each. ``is_refused`` has a boolean per payload, NA where there is none.
    """

    payloads: int
    refused: int
    absent: int
    is_refused: pd.Series
    reasons: pd.DataFrame


def is_absent(payload: Any) -> bool:
    """Whether there is no text at all: nothing can be said of it."""
    return not isinstance(payload, str) or not payload


def decode_payload(text: str) -> Any:
    """The decoded payload; raises ``ValueError`` where it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError("not JSON") from error


def check_payloads(schema: Mapping[str, Any], payloads: pd.Series) -> Refusals:
    """How many payloads a schema refuses, and why.

    Parameters
    ----------
    schema : mapping
        JSON Schema, draft 2020-12, as ``infer_schema`` gives it or as it was edited since; formats are asserted.
    payloads : Series of str
        JSON texts, such as ``payload_snapshot``.

    Returns
    -------
    Refusals

    Raises
    ------
    ParameterError
        If the schema is none.

    Notes
    -----
    The library ``jsonschema`` judges. It is asked once for all payloads that the schema cannot tell apart: of a schema
    with the keywords that ``infer_schema`` writes a value is replaced by a stand-in of the same type, form and sign,
    and of an array the first hundred items are looked at.
    """
    errors_of = _judge(schema)
    reader = _reader(schema) if _is_plain(schema) else None
    found: Counter[tuple[str, str]] = Counter()
    verdicts: list[Any] = []
    judged: dict[bytes, frozenset[tuple[str, str]]] = {}
    for text in payloads:
        if is_absent(text):
            verdicts.append(pd.NA)
            continue
        reasons = _reasons(text, reader, errors_of, judged)
        found.update(reasons)
        verdicts.append(bool(reasons))
    is_refused = pd.Series(verdicts, index=payloads.index, dtype="boolean")
    rows = [{"path": path, "keyword": keyword, "payloads": count} for (path, keyword), count in found.items()]
    frame = pd.DataFrame(rows, columns=list(REASONS)).astype(dict(REASONS))
    frame = frame.sort_values(["payloads", "path", "keyword"], ascending=[False, True, True]).reset_index(drop=True)
    known = int(is_refused.notna().sum())
    return Refusals(known, int(is_refused.fillna(False).sum()), len(payloads) - known, is_refused, frame)


def _reasons(
    text: str, reader: _Reader | None, errors_of: Callable[[Any], Iterable[tuple[str, str]]],
    judged: dict[bytes, frozenset[tuple[str, str]]],
) -> frozenset[tuple[str, str]]:  # fmt: skip
    try:
        value = decode_payload(text)
    except ValueError:
        return frozenset({("payload", "json")})
    if reader is None:
        key = text.encode("utf-8", "surrogatepass")
    else:
        accepted, value = reader(value)
        if accepted:
            return frozenset()
        key = msgspec.json.encode(value, order="sorted")
    if key not in judged:
        judged[key] = frozenset(errors_of(value))
    return judged[key]


def _judge(schema: Mapping[str, Any]) -> Callable[[Any], Iterable[tuple[str, str]]]:
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError  # type: ignore[import-untyped]
    from referencing import Registry

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ParameterError(
            f"The schema is no JSON Schema: {error.message[:200]}.", "Mend it, or infer it anew."
        ) from error
    checker = FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    # An empty registry: a reference to another place is never fetched.
    validator = Draft202012Validator(schema, registry=Registry(), format_checker=checker)
    return lambda value: {place for error in validator.iter_errors(value) for place in _places(error)}


def _places(error: Any) -> Iterable[tuple[str, str]]:
    parts = [_KEY if str(part).startswith(_KEY) else part for part in error.absolute_path]
    path = "payload" + "".join("[]" if isinstance(part, int) else f".{part}" for part in parts)
    keyword = str(error.validator)
    if keyword == "required":
        return [(f"{path}.{name}", keyword) for name in error.validator_value if name not in error.instance]
    if keyword == "dependentRequired":
        return [(f"{path}.{name}", keyword) for cause, names in error.validator_value.items()
                if cause in error.instance for name in names if name not in error.instance]  # fmt: skip
    if keyword == "enum" and not isinstance(error.instance, str) and "type" in error.schema:
        # A wrong type is one reason, and not two.
        return []
    return [(path, keyword)]


def _is_plain(schema: Any) -> bool:
    """Whether a schema has only keywords that the stand-ins keep."""
    if not isinstance(schema, Mapping) or not schema.keys() <= _KNOWN:
        return False
    inner = [*schema.get("properties", {}).values()]
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    if schema.get("minItems", 1) > 1 or schema.get("minLength", 1) > 1 or schema.get("minimum", 0) != 0:
        return False
    if schema.get("format", "uuid") not in FORMATS or schema.get("pattern", PATTERNS[0]) not in PATTERNS:
        return False
    if not all(isinstance(one, str) for one in schema.get("enum", [])):
        return False
    if "additionalProperties" in schema and schema.keys() & {"properties", "required", "dependentRequired"}:
        return False
    return all(_is_plain(one) for one in inner)


def _reader(schema: Mapping[str, Any]) -> _Reader:
    types = schema.get("type", [])
    allowed = set(types if isinstance(types, list) else [types])
    if "number" in allowed:
        allowed.add("integer")
    readers: dict[str, _Reader] = {
        "string": _text_reader(schema),
        "object": _object_reader(schema),
        "array": _array_reader(schema),
    }

    def read(value: Any) -> tuple[bool, Any]:
        kind = json_type(value)
        if kind == "number" and value.is_integer():
            kind = "integer"
        fits = not allowed or kind in allowed
        if kind in readers:
            accepted, stand_in = readers[kind](value)
            return accepted and fits, stand_in
        if kind in {"integer", "number"}:
            is_low = value < schema.get("minimum", value)
            sign = -1 if is_low else 1
            return fits and not is_low, sign if kind == "integer" else 0.5 * sign
        return fits, value

    return read


def _text_reader(schema: Mapping[str, Any]) -> _Reader:
    values, form, pattern = schema.get("enum"), schema.get("format"), schema.get("pattern")
    shortest = schema.get("minLength", 0)
    if values is not None:
        listed, other = set(values), "\x00" + "".join(values)
        return lambda value: (value in listed, value if value in listed else other)
    if form is not None:
        check = FORMATS[form]
        return lambda value: (check(value), _VALID[form] if check(value) else "" if not value else "?")
    if pattern is not None:
        fits = re.compile(pattern).search
        return lambda value: (True, "0") if fits(value) else (False, "x" if value else "")
    return lambda value: (len(value) >= shortest, "x" if value else "")


def _array_reader(schema: Mapping[str, Any]) -> _Reader:
    item = _reader(schema["items"]) if "items" in schema else None
    fewest = schema.get("minItems", 0)

    def read(value: Any) -> tuple[bool, Any]:
        if item is None:
            return len(value) >= fewest, [None] if value else []
        parts = [item(one) for one in value[:MAX_ITEMS]]
        # Accepted items are all alike to the schema; one of them stands for all.
        refused = {msgspec.json.encode(stand_in): stand_in for accepted, stand_in in parts if not accepted}
        good = next(([stand_in] for accepted, stand_in in parts if accepted), [])
        kept = [refused[key] for key in sorted(refused)]
        return not kept and len(value) >= fewest, good + kept

    return read


def _object_reader(schema: Mapping[str, Any]) -> _Reader:
    properties = {name: _reader(one) for name, one in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    dependent = {name: set(others) for name, others in schema.get("dependentRequired", {}).items()}
    # Keys that must be there, though nothing is said of their values.
    untyped = sorted(required.union(dependent, *dependent.values()) - properties.keys())
    entries = _reader(schema["additionalProperties"]) if "additionalProperties" in schema else None

    def read(value: Any) -> tuple[bool, Any]:
        accepted = required <= value.keys()
        out: dict[str, Any] = {}
        if entries is not None:
            parts = [entries(one) for one in list(value.values())[:MAX_ITEMS]]
            refused = {msgspec.json.encode(stand_in): stand_in for fits, stand_in in parts if not fits}
            return accepted and not refused, {f"{_KEY} {n}": refused[key] for n, key in enumerate(sorted(refused))}
        for name, one in value.items():
            reader = properties.get(name)
            if reader is not None:
                fits, out[name] = reader(one)
                accepted = accepted and fits
            if name in dependent and not dependent[name] <= value.keys():
                accepted = False
        out |= dict.fromkeys([name for name in untyped if name in value])
        return accepted, out

    return read
