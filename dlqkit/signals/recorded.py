"""Dead letters by the execution records, and one incident of what records and counters say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.language import say
from dlqkit.membership import select_rows
from dlqkit.signals.bounds import ended
from dlqkit.signals.grouped import last_s, sizes
from dlqkit.signals.growth import Growth
from dlqkit.signals.onset import MERGE_S, MINIMUM_EVENTS, Segment, find_elevated
from dlqkit.signals.points import Found, moment_s, times_s

__all__ = ["find_recorded", "join_sources"]

# Before a recorded onset it must have been quiet in the records for as long as ends an incident.
QUIET_S = 300.0
# Counters and records of one incident are this near to each other: a scrape comes after what it counts.
MARGIN_S = 120.0
# A signature that holds a tenth of a run, or is hardly seen outside it, belongs to the incident; a single other dead
# letter at its edge does not.
LEADING_SIGNATURE = 0.1
# So many records of other fates before the first dead letter show that the time before it was looked at: fewer may be
# single events that somebody asked for.
LOOKED_RECORDS = 5


def find_recorded(
    records: pd.DataFrame | None, complete_from: datetime | None, end_s: float
) -> dict[str | None, list[Found]]:
    """Every run of dead letters in the records, of each workflow."""
    if records is None:
        return {}
    timed = select_rows(records, records["recorded_at"].notna()).reset_index(drop=True)
    is_dead = timed["queued_to_dlq"].fillna(False).astype(bool)
    dead = timed[is_dead].sort_values("recorded_at", kind="stable")
    # Records that name no workflow are told by themselves, as counters are.
    workflow = timed["workflow_id"].astype("str").fillna("")
    asked = [name for name in ("recorded_at", "records") if name in timed.columns]
    others = dict(iter(timed.loc[~is_dead, asked].groupby(workflow[~is_dead])))
    found = {
        str(key) or None: _from_records(
            str(key) or None, part, _looked_from(part, others.get(key), complete_from), end_s
        )
        for key, part in dead.groupby(workflow[dead.index], sort=True)
    }
    return {key: own for key, own in found.items() if own}


def join_sources(
    counted: Mapping[str | None, list[Found]],
    recorded: Mapping[str | None, list[Found]],
    complete_from: datetime | None,
    spacing_s: float,
    dead: Growth,
) -> list[Found]:
    """Every incident once, of each workflow; ``dead`` is the growth of the dead-letter counters."""
    out: list[Found] = []
    for workflow_id in sorted({*counted, *recorded}, key=lambda key: key or ""):
        own = recorded.get(workflow_id, [])
        joined = _join(counted.get(workflow_id, []), own, complete_from, spacing_s)
        out += [_tally(one, dead) for one in joined]
    return out


def _tally(one: Found, dead: Growth) -> Found:
    """With how much the counter grew from the onset's earliest moment to the end: as a report counts it."""
    if one.tally is None:
        return one
    steps, end = dead.of(one.workflow_id), np.inf if one.end_s is None else one.end_s
    grown = float(steps.grown[(steps.at_s > one.low_s) & (steps.previous_s < end)].sum())
    return replace(one, size=max(one.size, grown), evidence=f"{one.tally.words(grown)} {one.evidence}".strip())


def _looked_from(dead: pd.DataFrame, others: pd.DataFrame | None, complete_from: datetime | None) -> float:
    """From when on the records tell whether there were dead letters; ``dead`` by time, ``others`` not dead."""
    if complete_from is not None:
        return moment_s(complete_from)
    first = float(times_s(dead["recorded_at"].iloc[:1])[0])
    if others is None:
        return first
    at = times_s(others["recorded_at"])
    before = at < first
    return float(at[before].min()) if sizes(others)[before].sum() >= LOOKED_RECORDS else first


def _baseline(total: float, size: float, length_s: float, watched_s: float) -> float:
    """Events an hour outside the run."""
    return float((total - size) / max(watched_s - length_s, 1.0) * 3600)


def _fit_signatures(
    run: Segment, signatures: pd.Series | None, at: npt.NDArray[np.float64], size: npt.NDArray[np.float64]
) -> tuple[int, int]:
    """The run as its signatures have it: no chance neighbour at its edges, and no straggler of its own left out."""
    if signatures is None:
        return run.first, run.last
    names = signatures.astype("str").fillna("").to_numpy()
    counts = _count_names(names[run.first : run.last + 1], size[run.first : run.last + 1])
    outside = _count_names(names, size).reindex(counts.index) - counts
    belongs = (counts >= LEADING_SIGNATURE * counts.sum()) | ((counts >= MINIMUM_EVENTS) & (counts > 3 * outside))
    leading = set(counts.index[belongs] if belongs.any() else counts.index[:1])
    own = np.flatnonzero(np.isin(names, list(leading)))
    inside = own[(own >= run.first) & (own <= run.last)]
    first, last = int(inside[0]), int(inside[-1])
    wide_first, wide_last = first, last
    for place in own[own < first][::-1]:
        if at[wide_first] - at[place] > MERGE_S:
            break
        wide_first = int(place)
    for place in own[own > last]:
        if at[place] - at[wide_last] > MERGE_S:
            break
        wide_last = int(place)
    # A signature that is also seen at other times is a usual one, and its neighbours may be there by chance.
    usual = {names[place] for place in own if place < wide_first or place > wide_last}
    if names[wide_first] not in usual:
        first = wide_first
    if names[wide_last] not in usual:
        last = wide_last
    return first, last


def _count_names(names: npt.NDArray[np.object_], size: npt.NDArray[np.float64]) -> pd.Series:
    """Records by name, most first; of as many the one that came first."""
    codes, known = pd.factorize(names)
    counted = np.bincount(codes, weights=size, minlength=len(known))
    return pd.Series(counted, index=known).sort_values(ascending=False, kind="stable")


def _from_records(workflow_id: str | None, dead: pd.DataFrame, start_s: float, end_s: float) -> list[Found]:
    at = times_s(dead["recorded_at"])
    inside = at >= start_s
    dead, at = dead[inside], at[inside]
    until, sized = last_s(dead), sizes(dead)
    signatures = dead["signature_id"].reset_index(drop=True) if "signature_id" in dead.columns else None
    spans: list[tuple[int, int, float]] = []
    for run in find_elevated(at, sized, start_s, end_s):
        first_at, last_at = _fit_signatures(run, signatures, at, sized)
        if spans and first_at <= spans[-1][1]:
            # Of one signature with a slower time in between, both runs grow to the whole of it.
            before = spans.pop()
            first_at, last_at = min(first_at, before[0]), max(last_at, before[1])
            spans.append((first_at, last_at, max(run.confidence, before[2])))
        else:
            spans.append((first_at, last_at, run.confidence))
    out = []
    for first_at, last_at, confidence in spans:
        first, last = float(at[first_at]), float(until[last_at])
        size = float(sized[first_at : last_at + 1].sum())
        is_over = ended(last, first, size, end_s)
        out.append(
            Found(
                workflow_id, "dead_letters", first, first, first, last if is_over else None, 1.0, size,
                _baseline(float(sized.sum()), size, last - first, end_s - start_s), confidence,
                say("{size:,.0f} dead letters in the execution records.", size=size),
            )
        )  # fmt: skip
    return out


def _overlap(one: Found, other: Found) -> bool:
    one_end = np.inf if one.end_s is None else one.end_s
    other_end = np.inf if other.end_s is None else other.end_s
    return one.low_s <= other_end + MARGIN_S and other.low_s <= one_end + MARGIN_S


def _begins(one: Found, other: Found) -> bool:
    """Whether what was recorded begins within what was counted."""
    end = np.inf if one.end_s is None else one.end_s
    return one.low_s - MARGIN_S <= other.onset_s <= end + MARGIN_S


def _join(counted: list[Found], recorded: list[Found], complete_from: datetime | None, spacing: float) -> list[Found]:
    """One row for each incident: the records are exact where nothing before the onset can be missing from them."""
    if not counted:
        return recorded
    # Records bridge a pause that ends an incident of the counters: such a run is of several, and counts for none.
    shared = [other for other in recorded if sum(_overlap(one, other) for one in counted) > 1]
    out = []
    for one in counted:
        partners = [
            other for other in recorded if _overlap(one, other) and (other not in shared or _begins(one, other))
        ]
        if not partners:
            out.append(one)
            continue
        first = min(partners, key=lambda other: other.onset_s)
        covered = complete_from is not None and moment_s(complete_from) <= first.onset_s - QUIET_S
        agrees = one.low_s - 2 * spacing <= first.onset_s <= one.high_s + 2 * spacing
        size = max(one.size, sum(other.size for other in partners if other not in shared))
        if not (covered or agrees):
            out.append(one)
            continue
        ends = [one.end_s if other in shared else other.end_s for other in partners]
        known = [end for end in ends if end is not None]
        end = None if len(known) < len(ends) or one.end_s is None else max(known)
        out.append(
            Found(
                one.workflow_id, one.signal, first.onset_s, min(first.onset_s, max(one.low_s, first.onset_s - spacing)),
                first.onset_s, end, min(spacing, one.resolution_s), size, one.baseline,
                max(one.confidence, first.confidence), f"{one.evidence} {first.evidence}".strip(), tally=one.tally,
            )
        )  # fmt: skip
    used = [other for other in recorded if any(_overlap(one, other) for one in counted)]
    return [*out, *(other for other in recorded if other not in used)]
