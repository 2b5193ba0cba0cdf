"""Values that a record has and nobody could read: they are told of, and kept in ``extra_json`` as they came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dlqkit.frames import UNREAD
from dlqkit.language import in_english, mark
from dlqkit.sources.record_values import lacks_zone

__all__ = ["keep_unread"]

_SAID = mark("Some values of {field} cannot be read; they are left empty, and kept in extra_json as they came.")
_NOTHING = {b"null", b'""'}


def keep_unread(
    extras: Sequence[str | None], row_of: Callable[[int], Mapping[str, msgspec.Raw]],
    absent: Mapping[str, npt.NDArray[np.bool_]], fields: Mapping[str, str], zone: str | None,
) -> tuple[list[str | None], list[str]]:  # fmt: skip
    """Put what could not be read into ``extra_json``.

    Parameters
    ----------
    extras : sequence of str or None
        ``extra_json`` of each record so far.
    row_of : callable
        The fields of the record at a place, as they came.
    absent : mapping
        For each column that is no text, where it has no value.
    fields : mapping
        The API's name of each column.
    zone : str or None
        Of times without one; where it is None such times are told of by themselves, and come back once it is set.

    Returns
    -------
    (list of str or None, list of str)
        ``extra_json``, and a sentence for each field of which something could not be read.
    """
    unread: dict[int, dict[str, msgspec.Raw]] = {}
    said: dict[str, None] = {}
    for name in dict.fromkeys(fields[column] for column in absent if column in fields):
        columns = [column for column, own in fields.items() if own == name]
        if not absent.keys() >= set(columns):
            # A text is read from the same field, and holds it.
            continue
        for place in np.flatnonzero(np.logical_and.reduce([absent[column] for column in columns])).tolist():
            raw = row_of(place).get(name)
            if raw is None or bytes(raw) in _NOTHING or (columns == ["recorded_at"] and _waits_for_zone(raw, zone)):
                continue
            unread.setdefault(place, {})[name] = raw
            said[in_english(_SAID, field=name)] = None
    out = list(extras)
    for place, values in unread.items():
        before: dict[str, Any] = {}
        if isinstance(text := out[place], str):
            before = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if UNREAD in before:
            # A field that the API calls so.
            values = {**values, UNREAD: before[UNREAD]}
        out[place] = msgspec.json.encode({**before, UNREAD: values}).decode("utf-8", "replace")
    return out, list(said)


def _waits_for_zone(raw: msgspec.Raw, zone: str | None) -> bool:
    return zone is None and bytes(raw)[:1] == b'"' and lacks_zone(msgspec.json.decode(raw))
