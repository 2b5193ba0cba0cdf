"""A JSON Schema that the payloads of successful events have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlqkit.json_places import NONE, by_type, fields_of, first_items
from dlqkit.prevention.formats import FORMATS, PATTERNS

__all__ = ["DRAFT", "MAX_DEPTH", "MAX_ITEMS", "TYPES", "infer_schema", "json_type"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# What never was absent in n payloads is absent in less than 3/n of them (95 %): here in less than 3 %.
SUPPORT = 100
# A type is said of a field seen this often; a rarer one is left open.
TYPE_SUPPORT = 20
# Forms of texts, and numbers that are never negative, need different values: one repeated shows nothing.
DISTINCT = 20
# That numbers are whole and never negative, and texts and arrays never empty, is said later than the rest: they mostly
# are, whether or not they must be.
WEAK_SUPPORT = 300
# Where fields are null at times, one that never was may be: in less than 3 of 1,000 (95 %).
NEVER_NULL_SUPPORT = 1_000
# So few values, each several times, the last of them new long ago: a list, and not what came today by chance.
ENUM_VALUES = 12
ENUM_EACH = 5
ENUM_LENGTH = 40
# An object with more keys than this is a dictionary whose keys are data.
MAP_KEYS = 200
# Key sets of an object that are remembered, to see which optional fields come together.
KEY_SETS = 200
# That two fields always come together by chance must be as unlikely as this.
CHANCE = 1e-4
MAX_DEPTH = 8
MAX_ITEMS = 100
TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array",
          dict: "object"}  # fmt: skip
_HAS_FORM: Mapping[str, Callable[[str], object]] = {
    **FORMATS,
    # The end of a text is $ in JSON Schema; in Python it is also before a last line break.
    **{pattern: re.compile(pattern.replace("$", r"\Z")).search for pattern in PATTERNS},
}
_NO_ENUM = re.compile("[0-9]")


@dataclass(slots=True)
class _Seen:
    """What was seen at one place of the payloads; ``payloads`` counts payloads, ``values`` what they hold there."""

    payloads: int
    values: int
    types: Counter[str]
    children: dict[str, _Seen] = field(default_factory=dict)
    key_sets: Counter[frozenset[str]] | None = field(default_factory=Counter)
    entries: _Seen | None = None
    items: _Seen | None = None
    has_empty_array: bool = False
    has_empty_text: bool = False
    forms: list[str] = field(default_factory=list)
    texts: Counter[str] | None = None
    last_new_text: int = 0
    distinct: int = 0
    is_negative: bool = False


def json_type(value: Any) -> str:
    """The name that JSON Schema has for the type of a decoded value."""
    return TYPES[type(value)]


def infer_schema(payloads: Iterable[Any], *, min_support: int = SUPPORT) -> dict[str, Any]:
    """What all of these payloads have in common, as a JSON Schema (draft 2020-12).

    Parameters
    ----------
    payloads : iterable
        Decoded JSON values of events that succeeded, oldest first.
    min_support : int
        In how many payloads a place must have been seen before anything but its type is said of it.

    Returns
    -------
    dict
        Keywords: ``type``, ``properties``, ``required``, ``dependentRequired``, ``additionalProperties`` (as a schema,
        where keys are data), ``items``, ``minItems``, ``minLength``, ``enum``, ``format``, ``pattern``, ``minimum``.

    Notes
    -----
    Made to refuse no good payload: what was never seen otherwise is said only of what was seen often; further fields
    are always allowed; no largest number, no constant, and no list of values that have a digit in them or of which a
    new one came lately. Deeper than eight levels, and beyond the first hundred items of an array, nothing is said.
    """
    values = list(payloads)
    root = _see(values, range(len(values)), 0)
    return {"$schema": DRAFT, **_describe(root, _Rules(min_support, _has_null(root)), 0)}


@dataclass(frozen=True, slots=True)
class _Rules:
    """From how many payloads on something is said, and whether any field of these payloads is null at times."""

    support: int
    has_null: bool

    def is_often(self, seen: _Seen, needed: int = 0) -> bool:
        return seen.payloads >= max(self.support, needed)


def _has_null(seen: _Seen) -> bool:
    inner = [*seen.children.values(), *(one for one in (seen.items, seen.entries) if one is not None)]
    return "null" in seen.types or any(_has_null(one) for one in inner)


def _see(values: Sequence[Any], numbers: Sequence[int], depth: int) -> _Seen:
    """What one place holds: its values in order, each with the number of its payload."""
    seen = _Seen(len(set(numbers)), len(values), Counter())
    parts = by_type(values, numbers)
    seen.types.update({TYPES[kind]: len(own) for kind, (own, _) in parts.items()})
    counted = [*parts.get(int, NONE)[0], *parts.get(float, NONE)[0]]
    seen.is_negative = any(value < 0 for value in counted)
    texts = dict.fromkeys(parts.get(str, NONE)[0])
    seen.distinct = len({*counted, *texts})
    if str in parts:
        _see_texts(seen, values, texts)
    if list in parts and depth < MAX_DEPTH:
        arrays, owners = parts[list]
        seen.has_empty_array = not all(arrays)
        seen.items = _see(*first_items(arrays, owners, MAX_ITEMS), depth + 1)
    if dict in parts and depth < MAX_DEPTH:
        _see_objects(seen, *parts[dict], depth)
    return seen


def _see_texts(seen: _Seen, values: Sequence[Any], texts: Mapping[str, None]) -> None:
    seen.has_empty_text = "" in texts
    seen.forms = [form for form, fits in _HAS_FORM.items() if all(map(fits, texts))]
    if len(texts) > ENUM_VALUES or any(len(text) > ENUM_LENGTH or _NO_ENUM.search(text) for text in texts):
        return
    seen.texts = Counter(value for value in values if type(value) is str)
    # A dictionary keeps the order in which its keys came.
    seen.last_new_text = values.index(next(reversed(seen.texts))) + 1


def _see_objects(seen: _Seen, objects: Sequence[dict[str, Any]], numbers: Sequence[int], depth: int) -> None:
    shapes = Counter(map(tuple, objects))
    if len({name for names in shapes for name in names}) > MAP_KEYS:
        # From the one on that brings too many, all keys are one place; what was learned of single ones is of no use.
        known: set[str] = set()
        first = next(place for place, one in enumerate(objects) if len(known := known | one.keys()) > MAP_KEYS)
        entries = [list(one.values()) for one in objects[first:]]
        seen.entries = _see(*first_items(entries, numbers[first:], MAX_ITEMS), depth + 1)
        seen.key_sets = None
        return
    key_sets: Counter[frozenset[str]] = Counter()
    for names, count in shapes.items():
        key_sets[frozenset(names)] += count
    seen.key_sets = key_sets if len(key_sets) <= KEY_SETS else None
    for name, (values, owners) in fields_of(objects, numbers).items():
        seen.children[name] = _see(values, owners, depth + 1)


def _describe(seen: _Seen, rules: _Rules, depth: int) -> dict[str, Any]:
    if seen.payloads < TYPE_SUPPORT:
        return {}
    types = set(seen.types)
    if "number" in types or ("integer" in types and not rules.is_often(seen, WEAK_SUPPORT)):
        types = types - {"integer"} | {"number"}
    out: dict[str, Any] = {"type": sorted(types) if len(types) > 1 else next(iter(types))}
    if "string" in types and rules.is_often(seen):
        out |= _describe_text(seen, rules)
    if types & {"integer", "number"} and rules.is_often(seen, WEAK_SUPPORT):
        out |= {"minimum": 0} if not seen.is_negative and seen.distinct >= DISTINCT else {}
    if "array" in types and seen.items is not None and depth < MAX_DEPTH:
        items = _describe(seen.items, rules, depth + 1)
        out |= {"items": items} if items else {}
        out |= {"minItems": 1} if rules.is_often(seen, WEAK_SUPPORT) and not seen.has_empty_array else {}
    if "object" in types and depth < MAX_DEPTH:
        out |= _describe_object(seen, rules, depth)
    # Where fields are null at times, one that never was may be yet; a list of values says so much more.
    if rules.has_null and "enum" not in out and depth and not rules.is_often(seen, NEVER_NULL_SUPPORT):
        out["type"] = sorted({*types, "null"})
    return out


def _describe_text(seen: _Seen, rules: _Rules) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if seen.forms and seen.distinct >= DISTINCT:
        form = seen.forms[0]
        out["format" if form in FORMATS else "pattern"] = form
    elif not seen.has_empty_text and rules.is_often(seen, WEAK_SUPPORT):
        out["minLength"] = 1
    # A list is of texts alone; another type beside them would have to stand in it, too.
    if seen.texts is None or len(seen.texts) < 2 or set(seen.types) != {"string"}:
        return out
    is_settled = min(seen.texts.values()) >= ENUM_EACH and seen.last_new_text <= seen.values / 2
    return {"enum": sorted(seen.texts)} if is_settled else out


def _describe_object(seen: _Seen, rules: _Rules, depth: int) -> dict[str, Any]:
    if seen.entries is not None:
        entries = _describe(seen.entries, rules, depth + 1)
        return {"additionalProperties": entries} if entries else {}
    properties = {name: _describe(child, rules, depth + 1) for name, child in sorted(seen.children.items())}
    out: dict[str, Any] = {"properties": {name: schema for name, schema in properties.items() if schema}}
    objects = seen.types["object"]
    if rules.is_often(seen):
        required = [name for name, child in sorted(seen.children.items()) if child.values == objects]
        out |= {"required": required} if required else {}
        together = _together(seen, objects, rules.support)
        out |= {"dependentRequired": together} if together else {}
    return out


def _together(seen: _Seen, objects: int, support: int) -> dict[str, list[str]]:
    """Optional fields that always come with another one, and not by chance."""
    if seen.key_sets is None:
        return {}
    optional = {name: child for name, child in sorted(seen.children.items()) if child.values < objects}
    often = [name for name, child in optional.items() if child.payloads >= support]
    pairs = max(len(often) ** 2, 1)
    out: dict[str, list[str]] = {}
    for name in often:
        with_it = [keys for keys in seen.key_sets if name in keys]
        shared = frozenset.intersection(*with_it) - {name}
        found = [other for other in sorted(shared) if other in optional
                 and (optional[other].values / objects) ** optional[name].payloads < CHANCE / pairs]  # fmt: skip
        if found:
            out[name] = found
    return out
