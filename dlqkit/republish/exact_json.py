"""JSON text that is changed in places: whatever is not touched keeps every character."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["HALF", "Node", "is_same", "parse_exact", "plain_value", "read_value", "rewrite", "write_value"]

# Of a character: JSON may hold one by itself as a number, UTF-8 may not at all.
HALF = re.compile("[\ud800-\udfff]")

_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
# As deep as Python's own reader goes with room to spare.
DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where its text stands; ``members`` of an object, ``items`` of an array, else a ``value``."""

    start: int
    end: int
    value: Any = None
    members: tuple[tuple[str, int, Node], ...] | None = None
    """Name, where the name begins, and the value; a name may stand there twice."""
    items: tuple[Node, ...] | None = None


def parse_exact(text: str) -> Node:
    """Where every value of a JSON text stands.

    Parameters
    ----------
    text : str
        One JSON value; numbers of any size and precision.

    Returns
    -------
    Node
        Numbers as ``Decimal``, in the digits that they have.

    Raises
    ------
    ValueError
        If the text is no JSON, or is nested deeper than 200 levels.
    """
    node = _value(text, _skip(text, 0), 0)
    if _skip(text, node.end) != len(text):
        raise ValueError(f"there is more after the value, at {node.end}")
    return node


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    first = text[at : at + 1]
    if first == "{":
        return _object(text, at, depth)
    if first == "[":
        return _array(text, at, depth)
    if first == '"':
        end = _string_end(text, at)
        return Node(at, end, json.loads(text[at:end]))
    number = _NUMBER.match(text, at)
    if number:
        return Node(at, number.end(), _decimal(number[0]))
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return Node(at, at + len(word), value)
    raise ValueError(f"there is no value at {at}")


def _string_end(text: str, at: int) -> int:
    found = _STRING.match(text, at)
    if not found:
        raise ValueError(f"there is no whole string at {at}")
    return found.end()


def _array(text: str, at: int, depth: int) -> Node:
    place = _skip(text, at + 1)
    items: list[Node] = []
    while text[place : place + 1] != "]" or items:
        items.append(_value(text, place, depth + 1))
        place = _skip(text, items[-1].end)
        if text[place : place + 1] == "]":
            break
        place = _skip(text, _after(text, place, ","))
    return Node(at, place + 1, items=tuple(items))


def _object(text: str, at: int, depth: int) -> Node:
    place = _skip(text, at + 1)
    members: list[tuple[str, int, Node]] = []
    while text[place : place + 1] != "}" or members:
        begin = place
        end = _string_end(text, begin)
        node = _value(text, _skip(text, _after(text, _skip(text, end), ":")), depth + 1)
        members.append((str(json.loads(text[begin:end])), begin, node))
        place = _skip(text, node.end)
        if text[place : place + 1] == "}":
            break
        place = _skip(text, _after(text, place, ","))
    return Node(at, place + 1, members=tuple(members))


def _after(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"there is no {sign!r} at {at}")
    return at + 1


def plain_value(node: Node) -> Any:
    """The value as dictionaries, lists, texts and ``Decimal``; of a name that stands twice the last one counts."""
    if node.members is not None:
        return {name: plain_value(inner) for name, _, inner in node.members}
    if node.items is not None:
        return [plain_value(item) for item in node.items]
    return node.value


def read_value(text: str) -> Any:
    """The plain value of a JSON text, without where it stands; fast.

    Raises
    ------
    ValueError
        If the text is no JSON.
    """
    try:
        return json.loads(text, parse_float=_decimal, parse_int=_decimal, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more digits than the library counts with
        raise ValueError("a number has an exponent that is too large") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same, numbers to the digit: 1.10 is not 1.1, and true is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, Decimal):
        return bool(one.as_tuple() == other.as_tuple())
    return bool(one == other)


def write_value(value: Any, known: Mapping[Any, str] | None = None) -> str:
    """A plain value as JSON text without spaces; a value of ``known`` in the text that it had there."""
    if isinstance(value, dict):
        inside = (f"{write_value(str(name), known)}:{write_value(inner, known)}" for name, inner in value.items())
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write_value(item, known) for item in value) + "]"
    text = (known or {}).get(_key(value))
    if text is not None:
        return text
    if isinstance(value, Decimal):
        return str(value)
    return HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(value, ensure_ascii=False))


def _key(value: Any) -> Any:
    return value.as_tuple() if isinstance(value, Decimal) else (type(value).__name__, value)


def _scalars(node: Node) -> Iterator[Node]:
    if node.members is not None:
        for _, _, inner in node.members:
            yield from _scalars(inner)
    elif node.items is not None:
        for item in node.items:
            yield from _scalars(item)
    else:
        yield node


def rewrite(text: str, new: Any) -> str:
    """The text with another value, written anew only where the value differs.

    Parameters
    ----------
    text : str
        JSON.
    new : plain value
        As ``plain_value`` gives it, changed.

    Returns
    -------
    str
        Numbers, texts, spaces and repeated names that the change does not touch are as they were. Of an object or
        array that moved to another place only the spaces are lost.

    Raises
    ------
    ValueError
        If the text is no JSON.
    """
    root = parse_exact(text)
    known = {_key(node.value): text[node.start : node.end] for node in reversed(list(_scalars(root)))}
    return text[: root.start] + _write(text, root, new, known) + text[root.end :]


def _write(text: str, node: Node, new: Any, known: Mapping[Any, str]) -> str:
    if is_same(plain_value(node), new):
        return text[node.start : node.end]
    if node.members is not None and isinstance(new, dict):
        return _write_object(text, node, node.members, new, known)
    if node.items is not None and isinstance(new, list):
        return _write_array(text, node, node.items, new, known)
    return write_value(new, known)


def _write_object(
    text: str, node: Node, members: tuple[tuple[str, int, Node], ...], new: dict[str, Any], known: Mapping[Any, str]
) -> str:
    last = {name: number for number, (name, _, _) in enumerate(members)}
    parts: list[tuple[str, str]] = []
    for number, (name, begin, inner) in enumerate(members):
        if name not in new:
            continue
        before = text[members[number - 1][2].end : begin] if number else ","
        # Of a name that stands twice readers take the last one; the others stay as they are.
        value = _write(text, inner, new[name], known) if last[name] == number else text[inner.start : inner.end]
        parts.append((before, text[begin : inner.start] + value))
    between = text[members[0][2].end : members[1][1]] if len(members) > 1 else ","
    colon = text[_string_end(text, members[0][1]) : members[0][2].start] if members else ":"
    parts += [(between, f"{write_value(name)}{colon}{write_value(value, known)}")
              for name, value in new.items() if name not in last]  # fmt: skip
    return _enclose(text, node, [(begin, inner.end) for _, begin, inner in members], parts)


def _write_array(text: str, node: Node, items: tuple[Node, ...], new: list[Any], known: Mapping[Any, str]) -> str:
    old = [plain_value(item) for item in items]
    if len(old) == len(new):
        head, tail = len(old), 0
    else:
        shorter = min(len(old), len(new))
        head = next((n for n in range(shorter) if not is_same(old[n], new[n])), shorter)
        tail = next((n for n in range(shorter - head) if not is_same(old[-1 - n], new[-1 - n])), shorter - head)
    between = text[items[0].end : items[1].start] if len(items) > 1 else ","
    values = [_write(text, item, value, known) for item, value in zip(items[:head], new[:head], strict=False)]
    values += [write_value(value, known) for value in new[head : len(new) - tail]]
    values += [text[item.start : item.end] for item in items[len(items) - tail :]]
    befores = [text[one.end : two.start] for one, two in itertools.pairwise(items[:head])]
    befores = [",", *befores, *[between] * len(values)][: len(values)]
    return _enclose(text, node, [(item.start, item.end) for item in items], list(zip(befores, values, strict=True)))


def _enclose(text: str, node: Node, spans: list[tuple[int, int]], parts: list[tuple[str, str]]) -> str:
    """The parts between the brackets and the spaces beside them; each part with what separates it from the last."""
    opening = text[node.start : spans[0][0]] if spans else text[node.start]
    closing = text[spans[-1][1] : node.end] if spans else text[node.end - 1]
    body = "".join((before if number else "") + part for number, (before, part) in enumerate(parts))
    return opening + body + closing
