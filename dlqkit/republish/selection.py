"""Which dead events are meant: conditions on columns and payload fields, signatures, classes, lists, CSV files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dlqkit.decision.classes import CLASSES
from dlqkit.decision.entities import values_at
from dlqkit.errors import ParameterError
from dlqkit.incident import parse_time
from dlqkit.republish.exact_json import read_value

__all__ = ["Selection", "find_absent", "read_ids", "select_events", "values_of"]

_CONDITION = re.compile(r"\s*([^=<>!~]+?)\s*(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_ROOTS = {"payload": "payload_snapshot", "payload_snapshot": "payload_snapshot", "extra": "extra_json"}
_ID_COLUMNS = ("event_key", "trace_id", "record_id")
# A spreadsheet of a country that writes 1,5 for one and a half separates cells by semicolons.
_SEPARATORS = (",", ";", "\t")
# Of a list in a sentence; no incident has many more classes, signatures or workflows that matter.
_MOST_NAMES = 5
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the analyst asked for; what is given in several ways must hold in each of them.

    ``where`` has conditions such as ``payload.customer.id=7``, ``attempts>=5``, ``last_error~refused`` (contains); all
    must hold. Of ``signatures``, ``classes`` and ``workflows`` one of the names, of ``ids`` an event key, a trace or a
    record. ``accept`` holds reasons for which an event is not to be left out (``exclusions.ACCEPTABLE``).
    """

    where: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """As plain JSON values; what is not given is not there, and order says nothing."""
        values = {one.name: sorted(set(getattr(self, one.name))) for one in fields(self)}
        return {name: texts for name, texts in values.items() if texts}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Selection:
        """The inverse of ``to_json``."""
        return cls(**{name: tuple(str(text) for text in texts) for name, texts in values.items()})

    @property
    def is_unfiltered(self) -> bool:
        """Whether nothing was asked for, so that everything would be meant."""
        return not (self.where or self.signatures or self.classes or self.workflows or self.ids)


def read_ids(path: Path) -> tuple[str, ...]:
    """Events listed in a CSV file.

    Parameters
    ----------
    path : Path
        With a column ``event_key``, ``trace_id`` or ``record_id``, the first of these that is there, its cells apart
        by commas, semicolons or tabs; or without a header, with ids as the first column, then apart by commas.

    Returns
    -------
    tuple of str
        Without repeats, in order.

    Raises
    ------
    ParameterError
        If the file cannot be read, or lists nothing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        separator = _separator_of(text)
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(str.strip, row))
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"{path.name} cannot be read as CSV.", "Check the path, and save it as UTF-8.") from error
    column = _id_column(rows[0] if rows else [])
    cells = (row[column or 0] if len(row) > (column or 0) else "" for row in rows[0 if column is None else 1 :])
    # An apostrophe keeps a spreadsheet from reading a formula; it is not a part of the id.
    ids = dict.fromkeys(re.sub(r"^'(?=[ ]*[=+\-@])", "", cell.strip()) for cell in cells if cell.strip())
    if not ids:
        raise ParameterError(f"{path.name} lists no event.", "Give a column event_key, trace_id or record_id.")
    return tuple(ids)


def _separator_of(text: str) -> str:
    """The separator by which the row of names has an id's name; a comma where there is no such row."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    return next(
        (one for one in _SEPARATORS if _id_column(next(csv.reader([head], delimiter=one), [])) is not None), ","
    )


def _id_column(head: list[str]) -> int | None:
    """Which column is called by an id's name; None where none is."""
    names = [cell.strip().lower() for cell in head]
    return next((names.index(name) for name in _ID_COLUMNS if name in names), None)


def select_events(selection: Selection, dead: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The dead events that are meant.

    Parameters
    ----------
    selection : Selection
    dead : DataFrame
        Dead letters, ``frames.RECORDS`` with ``failure_class`` and ``signature_id``, the last one of an event last.

    Returns
    -------
    (DataFrame, tuple of str)
        The last dead letter of each event that is meant; and the ids, signatures and workflows of no dead event.

    Raises
    ------
    ParameterError
        If nothing was asked for, or a condition cannot be read.
    """
    if selection.is_unfiltered:
        raise ParameterError(
            "Nothing says which events are meant, and everything is never meant.",
            "Give --where, --signature, --class, --workflow, --event or --csv.",
        )
    if not all(text.strip() for one in fields(selection) for text in getattr(selection, one.name)):
        raise ParameterError(
            "One of the names that say which events are meant is empty.",
            "See that every variable of the command is set.",
        )
    strange = sorted(set(selection.classes) - set(CLASSES))
    if strange:
        raise ParameterError(f"There is no class {strange[0][:40]!r}.", f"There are: {', '.join(CLASSES)}.")
    events = dead.drop_duplicates("event_key", keep="last")
    not_found: set[str] = set()
    for column, _, wanted in _by_name(selection):
        if wanted:
            # A class is one of four words; that an incident lacks one of those that are asked for says nothing.
            if column != "failure_class":
                not_found |= set(wanted) - set(dead[column].dropna().astype("str"))
            events = events[events[column].astype("str").isin(wanted)]
    if selection.ids:
        wanted_ids = set(selection.ids)
        found = {name: dead[name].astype("str") for name in _ID_COLUMNS}
        not_found |= wanted_ids - {text for texts in found.values() for text in set(texts.dropna())}
        meant = pd.concat([texts.isin(wanted_ids) for texts in found.values()], axis=1).any(axis=1)
        events = events[events["event_key"].isin(set(dead.loc[meant, "event_key"]))]
    for text in sorted(set(selection.where)):
        events = events[_holds(text, events)]
    return events, tuple(sorted(not_found))


def _by_name(selection: Selection) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Column, word for people, and what is asked for."""
    return (
        ("signature_id", "signature", selection.signatures),
        ("failure_class", "class", selection.classes),
        ("workflow_id", "workflow", selection.workflows),
    )


def find_absent(selection: Selection, dead: pd.DataFrame) -> str | None:
    """Which class, signature or workflow no dead event has, and which there are; or that no id is one's; in a sentence.

    Counted are the events of whatever else is chosen: of one workflow those of no other.

    Parameters
    ----------
    selection, dead
        As for ``select_events``.

    Returns
    -------
    str or None
        None where each is there, so that something else keeps the selection empty.
    """
    events = dead.drop_duplicates("event_key", keep="last")
    for column, word, wanted in _by_name(selection):
        others = [(name, said, chosen) for name, said, chosen in _by_name(selection) if chosen and name != column]
        within = events
        for name, _, chosen in others:
            within = within[within[name].astype("str").isin(chosen)]
        # Where nothing is left of the others' events, one of the others is what no dead event has.
        own = within if len(within) else events
        counts = own[column].dropna().astype("str").value_counts()
        if wanted and len(counts) and not set(wanted) & set(counts.index):
            shown = ", ".join(f"{name[:60]} ({count:,})" for name, count in counts.head(_MOST_NAMES).items())
            more = f" and {len(counts) - _MOST_NAMES:,} more" if len(counts) > _MOST_NAMES else ""
            asked = " or ".join(name[:60] for name in sorted(set(wanted))[:_MOST_NAMES])
            of = f" of the chosen {' and '.join(said for _, said, _ in others)}" if others and own is within else ""
            return f"No dead event{of} is of the {word} {asked}; there are: {shown}{more}."
    ids = set(selection.ids)
    if ids and not any(dead[name].astype("str").isin(ids).any() for name in _ID_COLUMNS):
        return _none_found(sorted(ids))
    return None


def _none_found(ids: list[str]) -> str:
    """That nothing is known of any id that was asked for."""
    joined = next((one for one in ids if any(sign in one for sign in _SEPARATORS)), None)
    said = f"No dead event has the id {ids[0][:60]}" if len(ids) == 1 else (
        f"No dead event has one of the {len(ids):,} ids, such as {(joined or ids[0])[:60]}"
    )  # fmt: skip
    return f"{said}; without a row of names the columns of a CSV are separated by commas." if joined else f"{said}."


def _holds(text: str, events: pd.DataFrame) -> pd.Series:
    found = _CONDITION.fullmatch(text)
    if not found:
        raise ParameterError(
            f"The condition {text[:60]!r} has no comparison.", "Write it as payload.customer.id=7 or attempts>=5."
        )
    path, sign, wanted = found[1], found[2], found[3].strip()
    if not wanted:
        # Every text contains the empty one, and differs from it: the condition would mean everything.
        raise ParameterError(
            f"The condition {text[:60]!r} compares with nothing.",
            f"Give a value after {sign}, and see that every variable of the command is set.",
        )
    values = values_of(events, path)
    return pd.Series([_compare(cell, sign, wanted) for cell in values], index=events.index, dtype=bool)


def values_of(events: pd.DataFrame, path: str) -> list[tuple[Any, ...]]:
    """The plain values at a path of each record: of a column one or none, of a payload field perhaps several.

    Parameters
    ----------
    events : DataFrame
        ``frames.RECORDS``, perhaps with further columns.
    path : str
        A column, ``payload.customer.id``, ``payload.items[].sku``, or ``extra.…`` for further fields of the record.

    Returns
    -------
    list of tuple
        A tuple per row, empty where there is nothing; numbers of a payload as ``Decimal``.

    Raises
    ------
    ParameterError
        If the path is none of these.
    """
    root, *parts = [part for part in path.replace("[]", "").split(".") if part] or [""]
    if not parts and root in events.columns and root not in _ROOTS.values():
        return [() if pd.isna(cell) else (cell,) for cell in events[root]]
    if root not in _ROOTS or not parts:
        raise ParameterError(
            f"{path[:60]!r} is neither a column nor a field of the payload.",
            "Write payload.customer.id, or one of: "
            + ", ".join(name for name in events.columns if name not in _ROOTS.values())
            + ".",
        )
    return [_inside(text, parts) for text in events[_ROOTS[root]]]


def _inside(text: Any, parts: list[str]) -> tuple[Any, ...]:
    try:
        return tuple(values_at(read_value(text), parts)) if isinstance(text, str) else ()
    except (ValueError, RecursionError):
        return ()


def _compare(values: Iterable[Any], sign: str, wanted: str) -> bool:
    """Whether one of the values is so; of ``!=`` whether none is equal. What is absent is neither."""
    known = tuple(values)
    if sign == "!=":
        return bool(known) and not any(_is_equal(value, wanted) for value in known)
    if sign == "=":
        return any(_is_equal(value, wanted) for value in known)
    if sign == "~":
        return any(wanted.lower() in _text(value).lower() for value in known)
    return any(_is_ordered(value, sign, wanted) for value in known)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _number(value: Any) -> Decimal | None:
    text = str(value)
    try:
        return Decimal(text) if isinstance(value, Decimal) or _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def _is_equal(value: Any, wanted: str) -> bool:
    if isinstance(value, pd.Timestamp):
        return bool(value == pd.Timestamp(parse_time(wanted)))
    if isinstance(value, str):
        return value == wanted
    if isinstance(value, bool | np.bool_):
        return _text(value) == wanted.lower()
    number = _number(wanted)
    return number is not None and _number(value) == number


def _is_ordered(value: Any, sign: str, wanted: str) -> bool:
    if isinstance(value, pd.Timestamp):
        return _ORDERED[sign](value, pd.Timestamp(parse_time(wanted)))
    one, other = _number(value), _number(wanted)
    if other is None:
        raise ParameterError(f"“{wanted[:40]}” is no number, and {sign} needs one.", "Write it as attempts>=5.")
    return one is not None and _ORDERED[sign](one, other)
