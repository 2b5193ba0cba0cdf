"""Durations and what differs, of a part of the events where all of them would outgrow memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from dlqkit.language import say
from dlqkit.report.comparison import describe_differences, describe_durations
from dlqkit.report.diagnosis import sign_dead_letters
from dlqkit.report.scale.incident import IncidentEvents
from dlqkit.report.scale.kinds import KIND_KEYS
from dlqkit.report.state import select_dead

__all__ = ["compare_events"]


def compare_events(
    incident: IncidentEvents, main: pd.Series | None, classes: pd.DataFrame, kinds: pd.DataFrame, out: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """``durations`` and ``differences`` of the facts.

    Parameters
    ----------
    incident : IncidentEvents
        From ``find_events``.
    main : Series or None
        The signal that the report is about.
    classes, kinds : DataFrame
        As for ``causes.count_causes``; ``classify_kinds`` has made the view ``kinded``.
    out : mapping
        The facts so far: ``class`` and ``signals``.

    Returns
    -------
    (dict, list of str)
        The two keys, and what is to be said of them.
    """
    records, every = incident.own.compared()
    # As in memory: what an error text says of a payload is no condition of the failure.
    records = sign_dead_letters(records)
    moment = incident.own.moment
    dead = select_dead(records, main, moment)
    durations, _ = describe_durations(records, main, moment, out["class"]["timeout_ms"]["value"], out["signals"])
    keys = _keys_of_classes(incident, classes, kinds, dead) if out["class"]["value"] == "mixed" else {}
    found = {
        "durations": durations,
        "differences": describe_differences(records, dead, main, moment, keys) if len(dead) else [],
    }
    if every == 1:
        return found, []
    words = say("Durations and what differs are read from one event in {every}: there are too many.", every=every)
    return found, [words]


def _keys_of_classes(
    incident: IncidentEvents, classes: pd.DataFrame, kinds: pd.DataFrame, dead: pd.DataFrame
) -> dict[str, list[str]]:
    """Of the events that are looked at, the keys of each class."""
    tables = incident.own.tables
    tables.connection.register("compared", pa.table({"event_key": pa.array(dead["event_key"].unique(), pa.string())}))
    numbered = kinds[list(KIND_KEYS)].assign(kind=range(len(kinds)))
    tables.connection.register("kind_of", pa.Table.from_pandas(numbered, preserve_index=False))
    alike = " AND ".join(f"k.{key} IS NOT DISTINCT FROM c.{key}" for key in KIND_KEYS)
    found = tables.ask(
        f"SELECT k.event_key, c.kind, k.pos FROM kinded k JOIN kind_of c ON {alike} "
        "WHERE k.event_key IN (SELECT event_key FROM compared)",
        {"event_key": "str", "kind": "Int64", "pos": "Int64"},
    ).sort_values("pos", kind="stable")
    names = classes["failure_class"].astype("str").to_numpy()[found["kind"].to_numpy(dtype="int64")]
    return {str(name): list(part) for name, part in found["event_key"].groupby(names)}
