"""The causes of an incident: events that need the same step, whether they go on, and what was done with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.shared_values import READ, Shared, find_shared
from dlqkit.membership import is_one_of
from dlqkit.report.coverage import time_text
from dlqkit.report.redaction import find_personal
from dlqkit.signals.bounds import ended
from dlqkit.signals.outcomes import in_order

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LEFT", "NAMED", "Cause", "describe_causes", "find_steps", "standing_of", "tell_causes"]

# What was done with an open event, by the plans and the proof; each is in exactly one of these.
LEFT = ("unsent", "planned", "in_doubt", "unseen", "died_again")
# Traces and signatures that are named of each cause.
NAMED = 3
NAMED_SIGNATURES = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """The events of one class and step, counted."""

    failure_class: str
    step: str
    events: int
    left: Mapping[str, int]
    """The open ones by what was done with them."""
    letters: tuple[int, pd.Timestamp, pd.Timestamp]
    """How many dead letters with a time, the first and the last."""
    signatures: Mapping[str, int]
    """Events by signature id of their last dead letter."""
    texts: Mapping[str, str]
    """How each of these is written."""
    traces: pd.Series
    """Of the open events."""
    shared: Shared | None


def describe_causes(
    own: pd.DataFrame,
    dead: pd.DataFrame,
    classes: pd.DataFrame,
    states: pd.DataFrame,
    moment: datetime,
    facts: Mapping[str, Any],
    *,
    is_told_to_end: bool,
    entity_key: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The incident's events by class and step, most events first.

    Parameters
    ----------
    own, dead : DataFrame
        Records of the workflow, and its dead letters in the incident, signed.
    classes : DataFrame
        A row per event, ``decision.overrides.OVERRIDDEN``.
    states : DataFrame
        ``event_states`` of ``own``.
    moment : datetime
        The end of what is looked at.
    facts : mapping
        With ``state`` and ``republish``.
    is_told_to_end : bool
        Whether a dead letter of up to the end of the evidence would have been seen.
    entity_key : collection of str
        Fields that name clients, as set.

    Returns
    -------
    list of dict
        failure_class : of the fields, or a person's word
        step : ``as_class``; ``disputed`` where text and fields contradict each other; ``dependency`` of a timeout whose
            text says that something else is down; ``access`` where somebody was refused
        events, open, left : how many died, how many of them are open, and those by what was done with them (``LEFT``)
        first_at, last_at, state : its own dead letters; ``going_on``, ``recovering``, ``ended`` or ``unknown``, by its
            own rhythm, because one part of an incident may be over for hours
        signatures, signature_count : the first of them with their events, and how many there are
        traces : the first of its open events'
        shared : ``decision.shared_values.Shared``, or None; no value that redaction would replace
    """
    if classes.empty:
        return []
    steps = find_steps(classes)
    succeeded = states.loc[states["state"] == "succeeded", "event_key"]
    healthy = _one_each(own, is_one_of(own["event_key"], succeeded))
    is_open = states[states["state"] == "open"]
    still_open = is_open[~is_one_of(is_open["event_key"], facts["republish"]["passed"])]
    done = standing_of(facts["republish"])
    out = []
    for (failure_class, step), part in classes.assign(step=steps).groupby(["failure_class", "step"], observed=True):
        letters = dead[is_one_of(dead["event_key"], part["event_key"])]
        mine = still_open[is_one_of(still_open["event_key"], part["event_key"])].set_index("event_key")["trace_id"]
        left = pd.Series([done.get(str(key), "unsent") for key in mine.index.tolist()], dtype="str")
        # The last by time has told the class, in whichever order the source answered.
        signed = in_order(letters).drop_duplicates("event_key", keep="last")
        known = letters["recorded_at"].dropna()
        out.append(
            Cause(
                str(failure_class), str(step), len(part),
                left=left.value_counts(),
                letters=(len(known), known.min(), known.max()),
                signatures=signed["signature_id"].value_counts(),
                texts=signed.drop_duplicates("signature_id").set_index("signature_id")["signature"],
                traces=mine,
                shared=find_shared(_one_each(letters), healthy, entity_key),
            )
        )  # fmt: skip
    return tell_causes(out, moment, facts["state"]["value"], is_told_to_end=is_told_to_end)


def tell_causes(
    causes: Iterable[Cause], moment: datetime, whole: str, *, is_told_to_end: bool
) -> list[dict[str, Any]]:  # fmt: skip
    """The same of events that are counted; ``whole`` is the state of the incident."""
    out = []
    for one in causes:
        ranked = sorted(one.signatures.items(), key=lambda row: (-row[1], str(row[0])))
        _, first_at, last_at = one.letters
        shared = None if one.shared is None or find_personal(one.shared.text) else asdict(one.shared)
        left = {name: int(one.left.get(name, 0)) for name in LEFT}
        out.append(
            {
                "failure_class": one.failure_class,
                "step": one.step,
                "events": one.events,
                "open": sum(left.values()),
                "left": left,
                "first_at": time_text(first_at),
                "last_at": time_text(last_at),
                "state": _state(one.letters, moment, whole, is_told_to_end=is_told_to_end),
                "signatures": [
                    {"signature_id": str(name), "signature": str(one.texts[name]), "events": int(count)}
                    for name, count in ranked[:NAMED_SIGNATURES]
                ],
                "signature_count": len(ranked),
                "traces": list(one.traces.dropna().astype("str").drop_duplicates().sort_values().head(NAMED)),
                "shared": shared,
            }
        )
    return sorted(out, key=lambda one: (-one["events"], one["failure_class"], one["step"]))


def standing_of(republish: Mapping[str, Any]) -> dict[str, str]:
    """By event key what was done with an event: one of ``LEFT`` but ``unsent``."""
    known = dict.fromkeys(republish["sent"], "unseen")
    for name in ("died_again", "in_doubt", "planned"):
        known |= dict.fromkeys(republish[name], name)
    return known


def find_steps(classes: pd.DataFrame) -> pd.Series:
    """What each event needs beside what its class asks for."""
    names = classes["failure_class"].astype("str")
    asks = names.isin(["business", "infrastructure"])
    steps = pd.Series("as_class", index=classes.index, dtype="str")
    steps = steps.mask(asks & classes["about_access"].fillna(False).astype(bool), "access")
    steps = steps.mask((names == "timeout") & classes["names_dependency"].fillna(False).astype(bool), "dependency")
    return steps.mask(classes["disputed"].fillna(False).astype(bool), "disputed")


def _one_each(records: pd.DataFrame, mask: pd.Series | None = None) -> pd.DataFrame:
    """The newest record of each event of a mask, in order of time; no more than are read of them."""
    # Payloads are most of the records: they are copied once, and of these alone.
    known = records[["event_key", "recorded_at"]].reset_index(drop=True)
    known = known if mask is None else known[mask.to_numpy()]
    newest = known.sort_values("recorded_at", kind="stable").drop_duplicates("event_key", keep="last")
    return records.iloc[newest.index[-READ:]]


def _state(
    letters: tuple[int, pd.Timestamp, pd.Timestamp], moment: datetime, whole: str, *, is_told_to_end: bool
) -> str:  # fmt: skip
    """By the rule for the incident, on the cause's own dead letters."""
    count, first, last = letters
    if whole in {"ended", "recovering"} or not count:
        return whole
    if not is_told_to_end:
        return "unknown"
    return "ended" if ended(last.timestamp(), first.timestamp(), count, moment.timestamp()) else "going_on"
