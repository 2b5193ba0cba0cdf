"""How many events, clients and business keys an incident affected, and whether the counts of it balance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.decision.balance import (
    DIFFERENCES,
    Counted,
    balance_counter,
    count_by_counter,
    difference,
    repeats,
)
from dlqkit.decision.entities import count_entities
from dlqkit.executions.event_history import event_states
from dlqkit.frames import RECORDS, Coverage, check_frame
from dlqkit.language import mark, say, say_count
from dlqkit.membership import is_one_of
from dlqkit.notebook_html import Shown
from dlqkit.signals.hand_made import as_samples
from dlqkit.signals.points import aware

__all__ = ["COUNTS", "Impact", "measure_impact"]

COUNTS: Mapping[str, str] = {"name": "str", "value": "Int64", "bound": "category", "source": "str"}
_BOUNDS = ("exact", "at_least", "unknown")
Handled = Collection[str] | int | None


@dataclass(frozen=True, slots=True, repr=False)
class Impact(Shown):
    """What an incident affected.

    ``counts`` has a row per ``name`` with ``value`` Int64, NA where it is not known, ``bound`` (``exact``,
    ``at_least``, ``unknown``) and ``source``. ``differences`` has a row per cause for which two counts do not balance:
    ``between`` which, which has ``more``, ``size`` Int64, ``cause``, and a ``sentence``; without rows they balance, or
    cannot be compared.
    """

    counts: pd.DataFrame
    differences: pd.DataFrame

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        signs = {"at_least": "≥ ", "at_most": "≤ "}
        rows = [
            (row["name"], "not known" if pd.isna(row["value"]) else f"{signs.get(row['bound'], '')}{row['value']:,}")
            for row in self.counts.to_dict("records")
        ]
        return "Impact", [*rows, ("do not balance", " ".join(self.differences["sentence"]))]

    def value(self, name: str) -> int | None:
        """The count of this name; None where it is not known or not counted."""
        values = self.counts.loc[self.counts["name"] == name, "value"].dropna()
        return int(values.iloc[0]) if len(values) else None


def measure_impact(
    records: pd.DataFrame,
    *,
    onset_at: datetime | None = None,
    end_at: datetime | None = None,
    samples: pd.DataFrame | None = None,
    metrics: Mapping[str, str] | None = None,
    republished: Handled = None,
    set_aside: Handled = None,
    passed: Collection[str] = (),
    entity_key: Sequence[str] = (),
    coverage: Coverage | None = None,
) -> Impact:
    """How much an incident affected, by each source, and where the sources differ.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow, successes included, so that healed events are known.
    onset_at, end_at : datetime, optional
        Aware; dead letters of this window count, from the onset on up to and with its end.
    samples : DataFrame, optional
        ``frames.SAMPLES`` with ``metric`` and labels as columns, for the dead-letter counter.
    metrics : mapping, optional
        What differs from the runbook's metric names.
    republished, set_aside : collection of str, or int, optional
        Event keys that were published again, or put aside for good; or only how many.
    passed : collection of str
        Event keys that were sent again and are proven to have passed; an edited one has another key in its own record.
    entity_key : sequence of str
        Paths such as ``payload.customer_id``; none is guessed.
    coverage : Coverage, optional
        Of the dead letters among the records. Unless it is ``complete``, counts are ``at_least``.

    Returns
    -------
    Impact
        Counts: ``events affected``, ``events open``, ``events healed``, ``dead letters by the records`` (deliveries: an
        event that died twice is two), ``dead letters by the counter``, ``republished``, ``set aside``, and for each
        entity key ``<path> affected`` and ``<path> open``.

    Notes
    -----
    Counter and records are compared over whole steps between scrapes that both cover. A cause is named where the
    evidence shows one of its size; what is left is "not explained", and is not divided among guesses.
    """
    check_frame(records, RECORDS, ("record_id", "event_key", "workflow_id", "recorded_at", "queued_to_dlq", "attempts"))
    # Frames that were put together may have the same label twice.
    records = records.reset_index(drop=True)
    start, end = (
        None if moment is None else aware(moment, name) for moment, name in ((onset_at, "onset_at"), (end_at, "end_at"))
    )
    every = _dead_letters(records)
    at = every["recorded_at"]
    inside = pd.Series(True, index=every.index)
    if start is not None:
        inside &= at >= start
    if end is not None:
        inside &= at <= end
    dead = every[inside.fillna(False).astype(bool)]
    workflows = set(records["workflow_id"].dropna().astype("str").unique())
    counted = None
    if samples is not None and not samples.empty:
        counted = count_by_counter(as_samples(samples), start, end, workflows, metrics)
    differences = [] if counted is None else balance_counter(counted, every, len(dead), records, coverage)
    is_short = any(row["more"] == "counter" for row in differences)
    is_whole = coverage is not None and coverage.completeness == "complete" and not coverage.quarantined
    # A dead letter without a time may be of this window.
    is_undated = bool(at.isna().any()) and (start is not None or end is not None)
    bound = "exact" if is_whole and not is_short and not is_undated else "at_least"
    # What became of an event only its own records tell.
    without_payloads = records.drop(columns=["payload_snapshot", "extra_json"], errors="ignore")
    affected = event_states(without_payloads[is_one_of(records["event_key"], dead["event_key"].dropna())])
    again = (affected["state"] == "open") & affected["event_key"].isin(set(passed))
    affected = affected.assign(state=affected["state"].astype("str").mask(again, "healed"))
    keyless = int(dead["event_key"].isna().sum())
    still = {name: int((affected["state"] == name).sum()) for name in ("open", "healed")}
    rows = [
        # A dead letter without a key is an event of its own, or one more of another's: it counts as one.
        _count("events affected", len(affected) + keyless, bound, "records"),
        _count("events open", still["open"] + keyless, bound, "records"),
        _count("events healed", still["healed"], bound, "records"),
        _count("dead letters by the records", len(dead), bound, "records"),
        _by_counter(counted),
        _handled("republished", republished),
        _handled("set aside", set_aside),
    ]
    open_keys = set(affected.loc[affected["state"] == "open", "event_key"].tolist())
    rows += [row for path in entity_key for row in _entities(dead, open_keys, path, bound)]
    differences += _deliveries(dead)
    differences += _handling(affected, republished, set_aside, len(affected) + keyless)
    counts = pd.DataFrame(rows, columns=list(COUNTS))
    counts["bound"] = pd.Categorical(counts["bound"], categories=list(_BOUNDS))
    dtypes = {**COUNTS, "bound": counts["bound"].dtype}
    return Impact(counts.astype(dtypes), pd.DataFrame(differences, columns=list(DIFFERENCES)).astype(dict(DIFFERENCES)))


def _count(name: str, value: int | None, bound: str, source: str) -> dict[str, Any]:
    return {"name": name, "value": pd.NA if value is None else value, "bound": "unknown" if value is None else bound,
            "source": source}  # fmt: skip


def _dead_letters(records: pd.DataFrame) -> pd.DataFrame:
    """Every dead letter once, though snapshots may hold the same record several times."""
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    named = dead["record_id"].notna()
    # The same record dead in two snapshots is one, unless another attempt was made in between.
    key = ["record_id", "event_key", "attempts"]
    again = named & dead.sort_values("recorded_at", kind="stable").duplicated(key, keep="first").reindex(dead.index)
    return dead[~again]


def _by_counter(counted: Counted | None) -> dict[str, Any]:
    name = "dead letters by the counter"
    if counted is None:
        return _count(name, None, "unknown", "counter")
    return _count(name, round(counted.grown), "exact" if counted.is_exact else "at_least", "counter")


def _handled(name: str, given: Handled) -> dict[str, Any]:
    source = "journal" if name == "republished" else "judgement"
    if given is None:
        return _count(name, None, "unknown", source)
    return _count(name, given if isinstance(given, int) else len(set(given)), "exact", source)


def _entities(dead: pd.DataFrame, open_keys: set[str], path: str, bound: str) -> list[dict[str, Any]]:
    last = dead.sort_values("recorded_at", kind="stable", na_position="first")
    last = last[last["event_key"].isna() | ~last.duplicated("event_key", keep="last")]
    rows = []
    for name, part in (("affected", last), ("open", last[last["event_key"].isin(open_keys)])):
        found = count_entities(part, path)
        known = None if found.rows == 0 and len(part) else found.values
        rows.append(_count(f"{path} {name}", known, "at_least" if found.without else bound, "payloads"))
    return rows


def _deliveries(dead: pd.DataFrame) -> list[dict[str, Any]]:
    attempts, again = repeats(dead)
    rows = []
    for size, cause, sentence in (
        (again, "duplicate dead-lettering", mark("{count} dead letters are of events that had died before.")),
        (attempts, "records per attempt", mark("{count} dead letters are further attempts of the same delivery.")),
    ):
        if size:
            rows.append(difference("records and events", "records", size, cause, say(sentence, count=size)))
    return rows


def _handling(affected: pd.DataFrame, republished: Handled, set_aside: Handled, events: int) -> list[dict[str, Any]]:
    """Where what was done to the events does not add up to the events."""
    between = "handled and affected"
    given = [one for one in (republished, set_aside) if one is not None]
    if not given:
        return []
    if any(isinstance(one, int) for one in given):
        handled = sum(one if isinstance(one, int) else len(set(one)) for one in given)
        if handled == events:
            return []
        more = "handled" if handled > events else "affected"
        words = say(
            "{handled} events were republished or set aside, and {affected} were affected.",
            handled=handled, affected=events,
        )  # fmt: skip
        return [difference(between, more, abs(handled - events), "not explained", words)]
    sent, kept = (set() if one is None or isinstance(one, int) else set(one) for one in (republished, set_aside))
    known, is_open = set(affected["event_key"]), set(affected.loc[affected["state"] == "open", "event_key"])
    rows = []
    for keys, more, cause, sentence in (
        ((sent | kept) - known, "handled", "not in the records",
         mark("{count} events were republished or set aside that the records of this window do not hold as dead.")),
        (sent & kept, "handled", "in both lists", mark("{count} events were both republished and set aside.")),
        (is_open - sent - kept, "affected", "left open", ""),
        (is_open & sent - kept, "affected", "republished, still open",
         mark("{count} events were republished and have not succeeded: under way, or dead again.")),
    ):  # fmt: skip
        if keys:
            count = len(keys)
            words = say(sentence, count=count) if sentence else _left_open(count)
            rows.append(difference(between, more, count, cause, words))
    return rows


def _left_open(count: int) -> str:
    return say_count(
        "{count} open event was neither republished nor set aside.",
        "{count} open events were neither republished nor set aside.",
        count,
    )
