"""Stand-ins: small values that a schema judges like the payload itself, so that one of them stands for many."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from dlqkit.json_places import by_type, fields_of, first_items
from dlqkit.prevention.formats import FORMATS, PATTERNS
from dlqkit.prevention.payload_schema import MAX_ITEMS, TYPES, json_type

__all__ = ["KEY", "Reader", "find_refused", "is_plain", "make_reader"]

# What a reader gives back: whether the value is plainly accepted, and a stand-in that is as valid as the value itself.
Reader = Callable[[Any], tuple[bool, Any]]
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


def find_refused(schema: Mapping[str, Any], values: Sequence[Any]) -> set[int]:
    """The places of the values that a plain schema refuses: what their readers say, without stand-ins and faster."""
    refused: set[int] = set()
    _refuse(schema, values, range(len(values)), refused)
    return refused


def _refuse(schema: Mapping[str, Any], values: Sequence[Any], rows: Sequence[int], refused: set[int]) -> None:
    """Add the rows of those values of one place that are refused."""
    allowed, lowest = _allowed(schema), schema.get("minimum")
    for kind, (own, places) in by_type(values, rows).items():
        if allowed and TYPES[kind] not in allowed:
            may_be_whole = kind is float and "integer" in allowed
            refused.update(
                row for value, row in zip(own, places, strict=True) if not (may_be_whole and value.is_integer())
            )
        if kind is str:
            _refuse_texts(schema, own, places, refused)
        elif kind is list:
            _refuse_arrays(schema, own, places, refused)
        elif kind is dict:
            _refuse_objects(schema, own, places, refused)
        elif kind in {int, float} and lowest is not None:
            refused.update(row for value, row in zip(own, places, strict=True) if value < lowest)


def _allowed(schema: Mapping[str, Any]) -> set[str]:
    types = schema.get("type", [])
    allowed = set(types if isinstance(types, list) else [types])
    if "number" in allowed:
        allowed.add("integer")
    return allowed


def _refuse_texts(schema: Mapping[str, Any], values: Sequence[str], rows: Sequence[int], refused: set[int]) -> None:
    fits = _text_check(schema)
    bad = set() if fits is None else {value for value in set(values) if not fits(value)}
    if bad:
        refused.update(row for value, row in zip(values, rows, strict=True) if value in bad)


def _text_check(schema: Mapping[str, Any]) -> Callable[[str], object] | None:
    if "enum" in schema:
        return set(schema["enum"]).__contains__
    if "format" in schema:
        return FORMATS[schema["format"]]
    if "pattern" in schema:
        return re.compile(schema["pattern"]).search
    # Of a plain schema the shortest text is of one letter, if it is said.
    return bool if schema.get("minLength") else None


def _refuse_arrays(schema: Mapping[str, Any], values: Sequence[Any], rows: Sequence[int], refused: set[int]) -> None:
    if schema.get("minItems"):
        refused.update(row for value, row in zip(values, rows, strict=True) if not value)
    if "items" in schema:
        _refuse(schema["items"], *first_items(values, rows, MAX_ITEMS), refused)


def _refuse_objects(schema: Mapping[str, Any], values: Sequence[Any], rows: Sequence[int], refused: set[int]) -> None:
    required = frozenset(schema.get("required", ()))
    dependent = [(name, frozenset(others)) for name, others in schema.get("dependentRequired", {}).items()]
    bad = {
        names
        for names in set(map(tuple, values))
        if not required.issubset(names)
        or any(name in names and not others.issubset(names) for name, others in dependent)
    }
    if bad:
        refused.update(row for value, row in zip(values, rows, strict=True) if tuple(value) in bad)
    if "additionalProperties" in schema:
        entries = [list(value.values()) for value in values]
        _refuse(schema["additionalProperties"], *first_items(entries, rows, MAX_ITEMS), refused)
    properties = schema.get("properties", {})
    for name, place in fields_of(values, rows).items() if properties else ():
        if name in properties:
            _refuse(properties[name], *place, refused)


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
