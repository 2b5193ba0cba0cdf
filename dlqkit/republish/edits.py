"""Edits of payloads: JSON Patch, merge patch or a new text, locked fields, and the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dlqkit.errors import ParameterError
from dlqkit.republish.exact_json import Node, is_same, parse_exact, plain_value, rewrite, write_value
from dlqkit.republish.field_paths import escape_name, is_field_or_beside

__all__ = [
    "Change",
    "Edit",
    "apply_edit",
    "check_locked",
    "find_changes",
    "read_edit",
]

Kind = Literal["json_patch", "merge_patch", "text"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one event's payload, or of every selected one's, with its reason and its author."""

    kind: Kind
    patch: str
    """JSON text of the patch; the whole new payload of ``text``."""
    reason: str
    by: str
    event_key: str | None = None
    """None: every event of the selection."""

    def __post_init__(self) -> None:
        if not self.reason.strip() or not self.by.strip():
            raise ParameterError("An edit has no reason or no author.", "Give --reason and --by.")
        if self.kind == "text" and self.event_key is None:
            raise ParameterError("One new text is given for all events.", "Name the event, or give a patch.")


@dataclass(frozen=True, slots=True)
class Change:
    """A place of the payload and its JSON text before and after; None where there was or is nothing."""

    path: str
    before: str | None
    after: str | None
    names: tuple[str, ...] = field(default=(), compare=False)
    """From the payload's root on, without places in lists; none: all of it."""


def read_edit(text: str, reason: str, by: str, event_key: str | None = None) -> Edit:
    """A patch as it was typed or as a file holds it: a list is a JSON Patch, an object a merge patch.

    Raises
    ------
    ParameterError
        If it is neither, or has no reason or author.
    """
    try:
        patch = plain_value(parse_exact(text))
    except ValueError as error:
        raise ParameterError(f"The patch is no JSON: {error}.", 'Write it as {"field": "value"}.') from None
    if not isinstance(patch, (dict, list)):
        raise ParameterError(
            "The patch is neither a list nor an object.",
            'Write a merge patch, {"field": "value"}, or a JSON Patch, [{"op": …}].',
        )
    return Edit("json_patch" if isinstance(patch, list) else "merge_patch", text, reason, by, event_key)


def apply_edit(payload: str, edit: Edit) -> str:
    """The payload after the edit.

    Parameters
    ----------
    payload : str
        JSON text; any text where the edit is a whole new one.
    edit : Edit

    Returns
    -------
    str
        What the patch does not touch keeps every character.

    Raises
    ------
    ParameterError
        If the patch does not fit the payload, or one of them is no JSON.
    """
    if edit.kind == "text":
        return edit.patch
    try:
        value = plain_value(parse_exact(payload))
    except ValueError as error:
        raise ParameterError(
            "The payload is no JSON, so no patch can be applied to it.", "Give its new text."
        ) from error
    patch = plain_value(parse_exact(edit.patch))
    return rewrite(payload, _merged(value, patch) if edit.kind == "merge_patch" else _patched(value, patch))


def _merged(value: Any, patch: Any) -> Any:
    """RFC 7396: null removes, an object is merged, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    out = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            out.pop(name, None)
        else:
            out[name] = _merged(out.get(name), inner)
    return out


def _patched(value: Any, patch: list[Any]) -> Any:
    import jsonpatch
    import jsonpointer

    try:
        return jsonpatch.JsonPatch(patch).apply(value)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        kind = type(error).__name__
        # The library's own words quote the payload.
        raise ParameterError(
            f"The JSON Patch does not fit the payload ({kind}).",
            "Check each path against the payloads of the events that are meant.",
        ) from None


def find_changes(before: str, after: str) -> list[Change]:
    """What differs between two payloads, place by place.

    Returns
    -------
    list of Change
        Paths such as ``payload.items[0].sku``, in order; one for all where a text is no JSON or the kind changed. Where
        a name stands twice in an object each of its values is one place: some readers take the first.
    """
    try:
        nodes = parse_exact(before), parse_exact(after)
    except ValueError:
        return [] if before == after else [Change("payload", before, after)]
    one, other = (plain_value(node) for node in nodes)
    return [*_differences("payload", (), one, other), *_differences_of_repeated(*nodes)]


def _differences(path: str, names: tuple[str, ...], one: Any, other: Any) -> Iterator[Change]:
    if is_same(one, other):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            place, inner = f"{path}.{escape_name(name)}", (*names, name)
            if name not in one:
                yield Change(place, None, write_value(other[name]), inner)
            elif name not in other:
                yield Change(place, write_value(one[name]), None, inner)
            else:
                yield from _differences(place, inner, one[name], other[name])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}[{number}]", names, left, right)
    else:
        yield Change(path, write_value(one), write_value(other), names)


def _differences_of_repeated(before: Node, after: Node) -> Iterator[Change]:
    one, other = (dict(_repeated("payload", (), node)) for node in (before, after))
    for place in dict.fromkeys([*one, *other]):
        if one.get(place) != other.get(place):
            path, names, _ = place
            yield Change(path, one.get(place), other.get(place), names)


def _repeated(path: str, names: tuple[str, ...], node: Node) -> Iterator[tuple[tuple[str, tuple[str, ...], int], str]]:
    """Values of a name that stands again later in its object; by path and which of them it is."""
    last = {name: inner for name, _, inner in node.members or ()}
    counts = dict.fromkeys(last, 0)
    for name, _, inner in node.members or ():
        place, below = f"{path}.{escape_name(name)}", (*names, name)
        if inner is last[name]:
            yield from _repeated(place, below, inner)
        else:
            yield (place, below, counts[name]), write_value(plain_value(inner))
            counts[name] += 1
    for number, item in enumerate(node.items or ()):
        yield from _repeated(f"{path}[{number}]", names, item)


def check_locked(changes: Iterable[Change], locked: Sequence[str]) -> None:
    """Refuse a change at, below or above a locked field.

    Raises
    ------
    ParameterError
        If there is one; it names the field.
    """
    for change in changes:
        for name in locked:
            if is_field_or_beside(change.names, name):
                raise ParameterError(
                    f"The field {name} is locked, and the edit would change it.",
                    "Leave it as it is, or have republish.locked_fields changed by whoever owns the settings.",
                )
