"""Stand-ins: small values that a schema judges like the payload itself, so that one of them stands for many."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dlqkit.prevention.formats import FORMATS, PATTERNS
from dlqkit.prevention.payload_schema import MAX_ITEMS, TYPES, json_type

__all__ = ["KEY", "Check", "Reader", "is_plain", "make_check", "make_reader"]

# What a reader gives back: whether the value is plainly accepted, and a stand-in that is as valid as the value itself.
Reader = Callable[[Any], tuple[bool, Any]]
# Whether a value is plainly accepted: what the reader says first, without the stand-in.
Check = Callable[[Any], bool]
# The name that all keys of a dictionary have in a path.
KEY = "<key>"
_KNOWN = {"$schema", "type", "properties", "required", "dependentRequired", "additionalProperties", "items", "minItems",
          "minLength", "enum", "format", "pattern", "minimum"}  # fmt: skip
_VALID = {"uuid": "00000000-0000-4000-8000-000000000000", "date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01",
          "ipv4": "192.0.2.1", "uri": "a://b", "email": "a@b"}  # fmt: skip


def is_plain(schema: Any) -> bool:
    """Whether a schema has only keywords that the stand-ins keep."""
    if not isinstance(schema, Mapping) or not schema.keys() <= _KNOWN:
        return False
    inner = [*schema.get("properties", {}).values()]
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    if schema.get("minItems", 1) > 1 or schema.get("minLength", 1) > 1 or schema.get("minimum", 0) != 0:
        return False
    if schema.get("format", "uuid") not in FORMATS or schema.get("pattern", PATTERNS[0]) not in PATTERNS:
        return False
    # A list without a type, as an edited schema may have it, refuses what is no text; stand-ins keep lists of texts.
    if "enum" in schema and (schema.get("type") != "string" or not all(isinstance(one, str) for one in schema["enum"])):
        return False
    if "additionalProperties" in schema and schema.keys() & {"properties", "required", "dependentRequired"}:
        return False
    return all(is_plain(one) for one in inner)


def make_check(schema: Mapping[str, Any]) -> Check:
    """A function that only says whether a value is plainly accepted by a plain schema: most are, and it is faster."""
    checks = _checks(schema)

    def check(value: Any) -> bool:
        own = checks[type(value)]
        return own is None or own(value)

    return check


def _checks(schema: Mapping[str, Any]) -> dict[type, Check | None]:
    """For each type that JSON decodes to what is asked of its values; None where nothing is."""
    allowed = _allowed(schema)
    lowest = schema.get("minimum")
    number: Check | None = None if lowest is None else lambda value: not value < lowest
    checks: dict[type, Check | None] = {
        type(None): None, bool: None, int: number, float: number,
        str: _text_check(schema), list: _array_check(schema), dict: _object_check(schema),
    }  # fmt: skip
    for kind in checks if allowed else ():
        if TYPES[kind] not in allowed:
            checks[kind] = _refuse
    if "integer" in allowed and "number" not in allowed:
        checks[float] = lambda value: value.is_integer() and (number is None or number(value))
    return checks


def _refuse(value: Any) -> bool:
    return False


def _allowed(schema: Mapping[str, Any]) -> set[str]:
    types = schema.get("type", [])
    allowed = set(types if isinstance(types, list) else [types])
    if "number" in allowed:
        allowed.add("integer")
    return allowed


def _text_check(schema: Mapping[str, Any]) -> Check | None:
    if "enum" in schema:
        return set(schema["enum"]).__contains__
    if "format" in schema:
        return FORMATS[schema["format"]]
    if "pattern" in schema:
        fits = re.compile(schema["pattern"]).search
        return lambda value: fits(value) is not None
    shortest = schema.get("minLength", 0)
    return (lambda value: len(value) >= shortest) if shortest else None


def _array_check(schema: Mapping[str, Any]) -> Check:
    item = make_check(schema["items"]) if "items" in schema else None
    fewest = schema.get("minItems", 0)
    return lambda value: len(value) >= fewest and (item is None or all(map(item, value[:MAX_ITEMS])))


def _object_check(schema: Mapping[str, Any]) -> Check:
    properties = {name: _checks(one) for name, one in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    dependent = [(name, frozenset(others)) for name, others in schema.get("dependentRequired", {}).items()]
    entries = make_check(schema["additionalProperties"]) if "additionalProperties" in schema else None

    def check(value: Any) -> bool:
        keys = value.keys()
        if not required <= keys:
            return False
        if entries is not None:
            return all(map(entries, list(value.values())[:MAX_ITEMS]))
        for name, one in value.items():
            if name in properties:
                own = properties[name][type(one)]
                if own is not None and not own(one):
                    return False
        return not dependent or all(others <= keys for name, others in dependent if name in value)

    return check


def make_reader(schema: Mapping[str, Any]) -> Reader:
    """A function that reads values by a plain schema."""
    allowed = _allowed(schema)
    readers: dict[str, Reader] = {
        "string": _text_reader(schema),
        "object": _object_reader(schema),
        "array": _array_reader(schema),
    }

    def read(value: Any) -> tuple[bool, Any]:
        kind = json_type(value)
        if kind == "number" and value.is_integer():
            kind = "integer"
        fits = not allowed or kind in allowed
        reader = readers.get(kind)
        if reader is not None:
            accepted, stand_in = reader(value)
            return accepted and fits, stand_in
        if kind in {"integer", "number"}:
            is_low = value < schema.get("minimum", value)
            sign = -1 if is_low else 1
            return fits and not is_low, sign if kind == "integer" else 0.5 * sign
        return fits, value

    return read


def _text_reader(schema: Mapping[str, Any]) -> Reader:
    values, form, pattern = schema.get("enum"), schema.get("format"), schema.get("pattern")
    shortest = schema.get("minLength", 0)
    if values is not None:
        listed, other = set(values), "\x00" + "".join(values)
        return lambda value: (value in listed, value if value in listed else other)
    if form is not None:
        check, valid = FORMATS[form], _VALID[form]
        return lambda value: (True, valid) if check(value) else (False, "?" if value else "")
    if pattern is not None:
        fits = re.compile(pattern).search
        return lambda value: (True, "0") if fits(value) else (False, "x" if value else "")
    return lambda value: (len(value) >= shortest, "x" if value else "")


def _array_reader(schema: Mapping[str, Any]) -> Reader:
    item = make_reader(schema["items"]) if "items" in schema else None
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


def _object_reader(schema: Mapping[str, Any]) -> Reader:
    properties = {name: make_reader(one) for name, one in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    dependent = {name: set(others) for name, others in schema.get("dependentRequired", {}).items()}
    # Keys that must be there, though nothing is said of their values.
    untyped = sorted(required.union(dependent, *dependent.values()) - properties.keys())
    entries = make_reader(schema["additionalProperties"]) if "additionalProperties" in schema else None

    def read(value: Any) -> tuple[bool, Any]:
        accepted = required <= value.keys()
        out: dict[str, Any] = {}
        if entries is not None:
            parts = [entries(one) for one in list(value.values())[:MAX_ITEMS]]
            refused = {msgspec.json.encode(stand_in): stand_in for fits, stand_in in parts if not fits}
            return accepted and not refused, {f"{KEY} {n}": refused[key] for n, key in enumerate(sorted(refused))}
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
