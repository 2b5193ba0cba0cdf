"""Records that come in an object of their own within each element, such as Elasticsearch's ``_source``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from dlqkit.language import mark
from dlqkit.sources.json_elements import is_too_wide
from dlqkit.sources.record_fields import TELLING, find_fields

__all__ = ["SAID_OF_INNER", "hoist"]

SAID_OF_INNER = mark("Each record's fields are in “{name}”.")
_INNER = ("_source", "attributes", "node", "source", "record", "fields")
_NO_INNER = frozenset(_INNER).isdisjoint
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Fields = dict[str, msgspec.Raw]


def hoist(element: _Fields, given: Mapping[str, str], found: dict[str, None]) -> _Fields:
    """The fields of a record that stand in one object of an element, and the others beside them, such as the id.

    Parameters
    ----------
    element : dict
        The element's fields. One that has a field by which a record is told comes back as it is.
    given : mapping
        The API's names of columns, where they are set.
    found : dict
        Gets the name of that object.

    Notes
    -----
    Nothing is lost where both have a field of one name: that of the element keeps it, as JSON:API has the id, and the
    other one is called as in ``attributes.id``.
    """
    if _NO_INNER(element) or _is_told(tuple(element), tuple(given.items())):
        return element
    inner = {
        name: fields
        for name in _INNER
        if (fields := _fields(element.get(name))) and _is_told(tuple(fields), tuple(given.items()))
    }
    if len(inner) != 1:
        return element
    [(own, fields)] = inner.items()
    rest = {name: raw for name, raw in element.items() if name != own}
    both = {name for name in rest.keys() & fields if bytes(rest[name]) != bytes(fields[name])}
    if any(f"{own}.{name}" in element or f"{own}.{name}" in fields for name in both):
        return element
    found[own] = None
    return {**{f"{own}.{name}" if name in both else name: raw for name, raw in fields.items()}, **rest}


def _fields(raw: msgspec.Raw | None) -> _Fields | None:
    if raw is None or bytes(memoryview(raw)[:1]) != b"{" or is_too_wide(raw):
        return None
    return _OBJECT.decode(raw)


@lru_cache(maxsize=8)
def _is_told(names: tuple[str, ...], given: tuple[tuple[str, str], ...]) -> bool:
    """Whether fields of these names are those of a record."""
    return not find_fields(names, dict(given))[0].keys().isdisjoint(TELLING)
