"""Which fields of a payload an error's text names, and whether an edit touches one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dlqkit.republish.exact_json import read_value
from dlqkit.republish.field_paths import names_of_place

__all__ = ["find_named", "leaves_named"]

Names = tuple[str, ...]
_WORD = re.compile(r"[^\W_]+")
# ``shipping_address`` may be "shipping address" in the text; names of more words are not written out there.
_MOST_WORDS = 4


def find_named(texts: Iterable[str], payloads: Iterable[Any]) -> set[Names]:
    """Fields that a text names, each as the names that lead to it.

    Parameters
    ----------
    texts : iterable of str
        Errors, as the worker wrote them.
    payloads : iterable
        Plain JSON values, or what holds their fields: names are looked for, never values.

    Returns
    -------
    set of tuple of str
        ``customerId``, ``customer_id`` and "customer id" are one name. Of a field and one within it the inner one:
        ``customer.email`` names the address, not all of the customer.
    """
    fields: dict[str, set[Names]] = {}
    for payload in payloads:
        for names in _fields(payload):
            plain = _plain(names[-1])
            if any(map(str.isalpha, plain)):  # a number in a text is no name of a field
                fields.setdefault(plain, set()).add(names)
    found = {names for text in texts for word in _words(text, fields) for names in fields[word]}
    return {names for names in found if not any(_is_within(other, names) for other in found if other != names)}


def _fields(value: Any, above: Names = ()) -> Iterator[Names]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from _fields(inner, (*above, name))
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, above)


def _plain(name: str) -> str:
    return "".join(_WORD.findall(name)).casefold()


def _words(text: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """The longest names of fields that a text holds, from left to right."""
    words = [word.casefold() for word in _WORD.findall(text)]
    at = 0
    while at < len(words):
        for count in range(min(_MOST_WORDS, len(words) - at), 0, -1):
            joined = "".join(words[at : at + count])
            if joined in fields:
                yield joined
                break
        else:
            count = 1
        at += count


def _is_within(one: Names, other: Names) -> bool:
    return one[: len(other)] == other


def leaves_named(errors: Sequence[str], payload: str | None, changes: Sequence[Mapping[str, Any]]) -> set[str] | None:
    """What an error names and an edit leaves as it was.

    Parameters
    ----------
    errors : sequence of str
        Texts of the event's dead letters.
    payload : str or None
        Before the edit.
    changes : sequence of mapping
        ``path``, ``before`` and ``after`` of each place that the edit changed.

    Returns
    -------
    set of str or None
        The names, as the payload writes them; empty where the edit touches one; None where no field is named, so that
        nobody can tell.
    """
    places = [(names_of_place(str(change["path"])), change.get("after")) for change in changes]
    added = [_nested(names, _read(after)) for names, after in places]
    named = find_named(errors, [_read(payload), *added])
    if not named:
        return None
    if any(_is_within(names, place) or _is_within(place, names) for names in named for place, _ in places):
        return set()
    return {names[-1] for names in named}


def _read(text: Any) -> Any:
    try:
        return read_value(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _nested(names: Names, value: Any) -> Any:
    for name in reversed(names):
        value = {name: value}
    return value
