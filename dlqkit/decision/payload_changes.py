"""What is new in the payloads shortly before the onset: a field, a type, a field that is gone, a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
import pandas as pd

from dlqkit.language import mark, say
from dlqkit.membership import select_rows

__all__ = ["ENOUGH_BEFORE", "READ", "Holds", "payload_changes"]

# Whether any payload of a workflow from before holds a text as a name or value.
Holds = Callable[[str, str], bool]

# So many of the newest payloads before the time in question, and of its own, are read; what looks new in them is then
# searched for in the text of all that are older.
READ = 4000
# Fewer payloads before do not tell what is usual, and what is new in fewer payloads than this is chance.
ENOUGH_BEFORE, ENOUGH_NEW = 30, 2
# A field is missed where at least this share of the payloads had it.
ALWAYS = 0.999
ENOUGH_TO_MISS = 200
# An object whose payloads bring more new names than this at once is a table by id, not a shape.
NAMES_OF_A_TABLE = 5
# Values of a field that is no key in the settings tell clients if they are few and each comes often.
FEW_VALUES, OFTEN = 50, 10
# A new value of a key is a change if it is behind this share of the payloads since.
SHARE, ENOUGH_OF_CLIENT = 0.05, 5
MAXIMUM_DEPTH = 4
# What JSON calls the kinds of values; ``no JSON`` stands for a payload that is none.
_KINDS = {
    "object": mark("object"),
    "array": mark("array"),
    "text": mark("text"),
    "boolean": mark("boolean"),
    "number": mark("number"),
    "nothing": mark("nothing"),
    "no JSON": mark("no JSON"),
}


def payload_changes(
    records: pd.DataFrame,
    begin: pd.Timestamp,
    end: pd.Timestamp,
    entity_key: Sequence[str] = (),
    *,
    holds: Holds | None = None,
) -> list[dict[str, Any]]:
    """Rows of ``changes.CHANGES``: kind ``payload`` or ``client``, with the first record that shows it.

    ``holds`` searches the payloads of before where ``records`` has only the newest of them.
    """
    asked = [name for name in ("workflow_id", "recorded_at", "payload_snapshot") if name in records.columns]
    known = select_rows(records[asked], records["recorded_at"].notna() & records["payload_snapshot"].notna())
    rows: list[dict[str, Any]] = []
    names = known["workflow_id"].unique() if "workflow_id" in known.columns else [None]
    one = len(names) == 1 and (names[0] is None or isinstance(names[0], str))
    groups = [(names[0], known)] if one else known.groupby("workflow_id", sort=True, observed=True)
    for workflow_id, own in groups:
        # Payloads are most of what would be copied: few of them are read.
        at = own["recorded_at"].reset_index(drop=True).sort_values(kind="stable")
        before, fresh = at.index[at < begin], at.index[(at >= begin) & (at <= end)]
        # What first came within the window goes on after it; that shows how much of the flow it is.
        since = own.iloc[[*fresh[-2 * READ :], *at.index[at > end][: READ // 2]]]
        if len(before) < ENOUGH_BEFORE or fresh.empty:
            continue
        rows += _of_workflow(str(workflow_id), _Earlier(own["payload_snapshot"], before), since, end, entity_key, holds)
    return rows


@dataclass(frozen=True)
class _Earlier:
    """The payloads of before: their places among all of the workflow's, oldest first."""

    payloads: pd.Series
    places: pd.Index

    @property
    def newest(self) -> pd.Series:
        return self.payloads.iloc[self.places[-READ:]]

    @cached_property
    def all(self) -> pd.Series:
        return self.payloads.iloc[self.places]

    def hold(self, text: str) -> bool:
        """Whether any of them holds the text as a name or value."""
        return bool(self.all.str.contains(text, regex=False).any())


def _of_workflow(
    workflow_id: str, earlier: _Earlier, since: pd.DataFrame, end: pd.Timestamp, entity_key: Sequence[str],
    holds: Holds | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    def is_old(text: str) -> bool:
        return earlier.hold(text) or (holds is not None and holds(workflow_id, text))

    before = [_fields(text) for text in earlier.newest.tolist()]
    texts = since["payload_snapshot"].tolist()
    after = [(at, _fields(text)) for at, text in zip(since["recorded_at"], texts, strict=True)]
    old = _count_kinds(before)
    paths: Counter[str] = Counter()
    for (path, _), count in old.items():
        paths[path] += count
    counts = _count_kinds(fields for _, fields in after)
    # A field that is null is news only where it never was: else it is one way to be absent.
    new = {one for one in counts if one not in old and (one[1] != "nothing" or one[0] in paths)}
    first: dict[tuple[str, str], int] = {}
    for place, (_, fields) in enumerate(after) if new else ():
        for path, (kind, _) in fields.items():
            if (path, kind) in new:
                first.setdefault((path, kind), place)
    parents = Counter(path.rpartition(".")[0] for path, _ in first if path not in paths)
    gone = dict(_missing(workflow_id, paths, len(before), after, end))
    for (path, kind), place in first.items():
        at, parent = after[place][0], path.rpartition(".")[0]
        if at > end or counts[path, kind] < ENOUGH_NEW or (path not in paths and parents[parent] > NAMES_OF_A_TABLE):
            continue
        usual = max((one for one in old if one[0] == path), key=lambda one: old[one], default=None)
        if path and usual is None and is_old(path.rpartition(".")[2].removesuffix("[]")):
            continue
        shown = say(_KINDS[kind])
        if path and usual is None and (name := _find_renamed(path, kind, gone, old, after)):
            del gone[name]
            what = say("field {old} renamed to {new}", old=name, new=path)
        elif not path:
            what = say("no payload that is JSON")
        elif usual is None:
            what = say("new field {path} ({kind})", path=path, kind=shown)
        else:
            what = say("field {path}: {usual} → {kind}", path=path, usual=say(_KINDS[usual[1]]), kind=shown)
        yield _row(workflow_id, at, "payload", what, counts[path, kind], len(after) - place)
    yield from gone.values()
    yield from _clients(workflow_id, is_old, before, after, end, entity_key)


def _count_kinds(payloads: Iterable[Mapping[str, tuple[str, Any]]]) -> Counter[tuple[str, str]]:
    """In how many payloads each path is of each kind."""
    kind_of = itemgetter(0)
    return Counter(chain.from_iterable(zip(one, map(kind_of, one.values()), strict=True) for one in payloads))


def _row(workflow_id: str, at: pd.Timestamp, kind: str, what: str, count: int, of: int) -> dict[str, Any]:
    told = say("{what}, in {count} of {total} payloads since", what=what, count=count, total=of)
    # Of a client it would be a value of the payload.
    brief = what if kind == "payload" else None
    row = {"at": at, "kind": kind, "what": told, "brief": brief, "workflow_id": workflow_id}
    return row | {"evidence": "execution records"}


def _find_renamed(
    path: str, kind: str, gone: Mapping[str, Any], old: Mapping[tuple[str, str], int],
    after: Sequence[tuple[pd.Timestamp, Mapping[str, Any]]],
) -> str | None:  # fmt: skip
    """The one field of the same object and kind that is gone wherever a new one is, and nowhere else."""
    shaped = [fields for _, fields in after if "" not in fields]
    found = [
        name
        for name in gone
        if name.rpartition(".")[0] == path.rpartition(".")[0]
        and (name, kind) in old
        and all((path in fields) != (name in fields) for fields in shaped)
    ]
    return found[0] if len(found) == 1 else None


def _missing(
    workflow_id: str, paths: Mapping[str, int], payloads: int, after: Sequence[tuple[pd.Timestamp, Mapping[str, Any]]],
    end: pd.Timestamp,
) -> Iterator[tuple[str, dict[str, Any]]]:  # fmt: skip
    if payloads < ENOUGH_TO_MISS:
        return
    gone: set[str] = set()
    shaped = [(place, fields) for place, (_, fields) in enumerate(after) if "" not in fields]
    for path in sorted(path for path, count in paths.items() if count >= ALWAYS * payloads):
        without = [place for place, fields in shaped if path not in fields]
        # Where a whole object is gone, so are its fields: one change.
        if len(without) < ENOUGH_NEW or after[without[0]][0] > end or path.rpartition(".")[0] in gone:
            gone |= {path} if len(without) >= ENOUGH_NEW else set()
            continue
        gone.add(path)
        since = len(after) - without[0]
        what = say("field {path} is gone", path=path)
        yield path, _row(workflow_id, after[without[0]][0], "payload", what, len(without), since)


def _clients(
    workflow_id: str, is_old: Callable[[str], bool], before: Sequence[Mapping[str, tuple[str, Any]]],
    after: Sequence[tuple[pd.Timestamp, Mapping[str, tuple[str, Any]]]], end: pd.Timestamp, entity_key: Sequence[str],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    keys = [path.removeprefix("payload.") for path in entity_key]
    for path in keys or sorted({path for fields in before[-ENOUGH_BEFORE:] for path in fields}):
        old = Counter(fields[path][1] for fields in before if path in fields and fields[path][1] is not None)
        if not old or (not keys and (len(old) > FEW_VALUES or min(old.total() / len(old), *old.values()) < OFTEN)):
            continue
        first: dict[str, int] = {}
        counts: Counter[str] = Counter()
        for place, (_, fields) in enumerate(after):
            value = fields[path][1] if path in fields else None
            if value is not None and value not in old:
                first.setdefault(value, place)
                counts[value] += 1
        for value, place in first.items():
            at, since = after[place][0], len(after) - place
            enough = max(ENOUGH_OF_CLIENT, SHARE * since)
            if at <= end and counts[value] >= enough and not is_old(value):
                # A report names the field alone, which is the first word in every language.
                what = say("{path} {value} is new", path=path, value=value[:60])
                yield _row(workflow_id, at, "client", what, counts[value], since)


def _fields(text: str) -> dict[str, tuple[str, Any]]:
    """Type and short value of each field, by its path."""
    out: dict[str, tuple[str, Any]] = {}
    try:
        _walk(msgspec.json.decode(text), "", out, 0)
    except msgspec.DecodeError:
        return {"": ("no JSON", None)}
    return out


def _walk(value: Any, path: str, out: dict[str, tuple[str, Any]], depth: int) -> None:
    if isinstance(value, dict) and depth < MAXIMUM_DEPTH:
        if path:
            out[path] = ("object", None)
        before = f"{path}." if path else ""
        for name, own in value.items():
            # Most fields are texts.
            if type(own) is str:
                out[before + name] = ("text", own)
            else:
                _walk(own, before + name, out, depth + 1)
    elif isinstance(value, list):
        out[path] = ("array", None)
        for own in value[:3]:
            _walk(own, f"{path}[]", out, depth + 1)
    elif isinstance(value, str):
        out[path] = ("text", value)
    elif isinstance(value, bool):
        out[path] = ("boolean", str(value))
    elif isinstance(value, (int, float)):
        out[path] = ("number", str(value))
    else:
        out[path] = ("nothing" if value is None else "object", None)
