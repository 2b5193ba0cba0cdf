"""Silence: of the whole worker, or of a workflow; of records, log lines and scrapes, told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.language import listing, mark, say
from dlqkit.signals.flow import Pause, find_pauses, joined, points_of_times
from dlqkit.signals.grouped import points_of_records
from dlqkit.signals.growth import Growth, Steps
from dlqkit.signals.points import Found, times_s
from dlqkit.signals.scrapes import Scrapes

__all__ = ["find_silences"]

Floats = npt.NDArray[np.float64]

# −log of the probability of a pause by chance; one in a million, and for one workflow alone one in a hundred million.
SILENCE_ALL, SILENCE_ONE = 14.0, 18.0
# Fewer events than this in all do not tell a rate.
LEAST_EVENTS = 30.0
# Sources are seconds apart from each other: a counter is seen at the next scrape only.
LATE_SCRAPES, LATE_S = 2.0, 60.0
# A workflow that is silent for so many times as long as all are is silent by itself.
LONGER = 1.3
COUNTERS, RECORDS, LOGS = mark("counters"), mark("execution records"), mark("worker logs")


def find_silences(
    life: Sequence[Growth],
    trouble: Sequence[Growth],
    scrapes: Scrapes,
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    end_s: float,
) -> list[Found]:
    """Silence of the whole worker, else of single workflows or sources; a worker is silent only where all agree.

    ``life`` are the counters that a healthy worker makes grow, the one that counts each event once before one that
    counts it again; ``trouble`` those of failures and dead letters: they are no habit, but where they grow nothing is
    silent.
    """
    flows = _flows(life)
    struggling = {name: joined([growth.of(name).points() for growth in trouble]) for name in flows}
    signs = _signs_of_life(flows, records, logs)
    if not signs:
        return []
    found: list[Found] = []
    for pause in _pauses(next(iter(signs.values())), scrapes, end_s, SILENCE_ALL):
        alive = [name for name, points in signs.items() if _lives(points, pause, scrapes.spacing_s, end_s)]
        if not _is_of_all(pause, flows, scrapes, end_s):
            continue
        if not alive and not any(_grows(points, pause, scrapes.spacing_s, end_s) for points in struggling.values()):
            found.append(_of_all(pause, signs, scrapes, end_s))
    found += _silent_sources(signs, found, scrapes, end_s)
    if len(flows) > 1:
        found += _silent_workflows(flows, struggling, found, records, logs, scrapes, end_s)
    return found


def _flows(counters: Sequence[Growth]) -> dict[str | None, Steps]:
    """Each workflow's events, by the first counter that has enough of them; the others only tell that it lives.

    A worker counts an action as a success and as an attempt: both together would be twice what was to come.
    """
    totals = [growth.totals() for growth in counters]
    out = {}
    for name in dict.fromkeys(name for growth in counters for name in growth.rows):
        enough = [number for number, own in enumerate(totals) if own.get(name, 0.0) >= LEAST_EVENTS]
        if enough:
            signs = [growth.of(name).points() for number, growth in enumerate(counters) if number != enough[0]]
            out[name] = joined([counters[enough[0]].of(name).points()], signs)
    return out


def _signs_of_life(
    flows: Mapping[str | None, Steps], records: pd.DataFrame | None, logs: pd.DataFrame | None
) -> dict[str, Steps]:
    out = {}
    everything = joined(list(flows.values()))
    if len(everything):
        out[COUNTERS] = everything
    # Dead letters alone are no sign of life: a healthy worker has none.
    if records is not None and (~records["queued_to_dlq"].fillna(False).astype(bool)).any():
        points = points_of_records(records)
        if len(points) and records["workflow_id"].nunique() > 1:
            out[RECORDS] = points
    if logs is not None:
        at = times_s(logs["logged_at"].dropna())
        if len(at):
            out[LOGS] = points_of_times(at)
    return out


def _pauses(points: Steps, scrapes: Scrapes, end_s: float, unlikely: float) -> Iterable[Pause]:
    start = float(points.previous_s[0])
    return find_pauses(points, start, end_s, scrapes.spacing_s, unlikely)


def _is_of_all(pause: Pause, flows: Mapping[str | None, Steps], scrapes: Scrapes, end_s: float) -> bool:
    """Whether the pause is not only the habit of the others beside one workflow that is silent for longer."""
    length = (pause.end_s or end_s) - pause.begin_s
    others = []
    for points in flows.values():
        own = [one for one in _pauses(points, scrapes, end_s, SILENCE_ONE) if _shared(one, pause, end_s) > 0.5 * length]
        if not any((one.end_s or end_s) - one.begin_s > LONGER * length for one in own):
            others.append(points)
    if not others or len(others) == len(flows):
        return True
    rest = _pauses(joined(others), scrapes, end_s, SILENCE_ALL)
    return any(_shared(one, pause, end_s) > 0.5 * length for one in rest)


def _shared(one: Pause, other: Pause, end_s: float) -> float:
    return min(one.end_s or end_s, other.end_s or end_s) - max(one.begin_s, other.begin_s)


def _grows(points: Steps, pause: Pause, spacing_s: float, end_s: float) -> bool:
    """Whether anything was seen in the middle of a pause."""
    late = min(max(LATE_SCRAPES * spacing_s, LATE_S), ((pause.end_s or end_s) - pause.begin_s) / 3)
    low, high = np.searchsorted(points.at_s, [pause.begin_s + late, (pause.end_s or end_s) - late])
    return bool(high > low)


def _lives(points: Steps, pause: Pause, spacing_s: float, end_s: float) -> bool:
    """Whether anything was seen in the middle of a pause, or the points say nothing of its time."""
    return _grows(points, pause, spacing_s, end_s) or float(points.at_s[0]) > pause.begin_s + LATE_S


def _of_all(pause: Pause, signs: Mapping[str, Steps], scrapes: Scrapes, end_s: float) -> Found:
    spacing = scrapes.spacing_s
    late = max(LATE_SCRAPES * spacing, LATE_S)
    exact = [
        float(points.at_s[np.searchsorted(points.at_s, pause.begin_s + late, side="right") - 1])
        for name, points in signs.items()
        if name != COUNTERS
    ]
    near = [moment for moment in exact if abs(moment - pause.begin_s) <= 2 * spacing]
    onset = max(near) if near else max([pause.begin_s, *exact])
    low = onset if near else onset - spacing
    words, what = _scrape_words(
        scrapes, onset, pause.end_s or end_s, alone=set(signs) == {COUNTERS}, is_over=pause.end_s is not None
    )
    text = say(
        "No sign of life in the {sources}, where {expected:,.0f} events were to come; {scrapes}.",
        sources=listing([say(name) for name in signs]), expected=pause.expected, scrapes=words,
    )  # fmt: skip
    return Found(None, "silence", onset, low, onset, pause.end_s, spacing, pause.expected, np.nan,
                 _sureness(pause.expected, SILENCE_ALL), text, what)  # fmt: skip


def _sureness(expected: float, unlikely: float) -> float:
    return float(1 - np.exp(-expected / unlikely))


def _scrape_words(
    scrapes: Scrapes, onset_s: float, end_s: float, *, alone: bool, is_over: bool
) -> tuple[str, str]:  # fmt: skip
    """What scraping says, and what is silent: the events, or the scrapes as well."""
    if not len(scrapes.at_s):
        return say("there are no scrapes"), "events"
    inside = scrapes.clock_s[(scrapes.clock_s > onset_s) & (scrapes.clock_s <= end_s)]
    scraped_to = float(inside[-1]) if len(inside) else onset_s
    if end_s - scraped_to <= 4 * scrapes.spacing_s:
        if is_over:
            return say(
                "the worker's page answered throughout, so its process lived, but no event reached it, or it worked on "
                "none"
            ), "events"
        return say(
            "the worker's page still answers, so its process lives, but no event reaches it, or it works on none"
        ), "events"
    after_s = max(scraped_to - onset_s, 0)
    if alone:
        text = say(
            "scrapes stop {after_s:,.0f} s after it, so its process or the scraping is gone, and no other source tells"
            " which",
            after_s=after_s,
        )
        return text, "scrapes"
    text = say("scrapes stop {after_s:,.0f} s after it, so its process or the scraping is gone", after_s=after_s)
    return text, "events"


def _silent_sources(signs: Mapping[str, Steps], known: Sequence[Found], scrapes: Scrapes, end_s: float) -> list[Found]:
    """A source that falls silent while another goes on: the records, log lines or scrapes stop, not the worker."""
    out = []
    for name, points in signs.items():
        others = {other: own for other, own in signs.items() if other != name}
        last = float(points.at_s[-1])
        if not others or any(one.end_s is None for one in known):
            continue
        for pause in _pauses(points, scrapes, end_s, SILENCE_ALL):
            witnesses = [other for other, own in others.items() if own.at_s[-1] > last + LATE_S
                         and _lives(own, pause, scrapes.spacing_s, end_s)]  # fmt: skip
            if pause.end_s is not None or not witnesses:
                continue
            if name == COUNTERS and end_s - float(scrapes.clock_s[-1]) <= 4 * scrapes.spacing_s:
                continue
            what = {RECORDS: "records", LOGS: "log lines"}.get(name, "scrapes")
            text = say(
                "Nothing more in the {source} while the {witnesses} go on: not the worker is silent.",
                source=say(name), witnesses=listing([say(other) for other in witnesses]),
            )  # fmt: skip
            out.append(
                Found(None, "silence", last, last - scrapes.spacing_s, last, None, scrapes.spacing_s, pause.expected,
                      np.nan, _sureness(pause.expected, SILENCE_ALL) / 2, text, what)
            )  # fmt: skip
    return out


def _silent_workflows(
    flows: Mapping[str | None, Steps], struggling: Mapping[str | None, Steps], known: Sequence[Found],
    records: pd.DataFrame | None, logs: pd.DataFrame | None,
    scrapes: Scrapes, end_s: float,
) -> list[Found]:  # fmt: skip
    out = []
    for workflow_id, points in flows.items():
        # Events without a workflow, beside others with one, are nobody's: that they stop says nothing.
        for pause in _pauses(points, scrapes, end_s, SILENCE_ONE) if workflow_id is not None else ():
            if any(_overlap(one, pause, end_s) for one in known):
                continue
            # A gap in scraping that ends the window is no workflow's own silence.
            scraped = scrapes.clock_s[-1] if pause.end_s is None else pause.end_s
            if scraped - pause.begin_s < (pause.end_s or end_s) - pause.begin_s - 4 * scrapes.spacing_s:
                continue
            if _grows(struggling[workflow_id], pause, scrapes.spacing_s, end_s):
                continue
            if any(_lives(own, pause, scrapes.spacing_s, end_s) for own in _own_signs(workflow_id, records, logs)):
                continue
            text = say(
                "Its counters do not grow while those of other workflows do; {expected:,.0f} events were to come.",
                expected=pause.expected,
            )
            low = pause.begin_s - scrapes.spacing_s
            out.append(
                Found(workflow_id, "silence", pause.begin_s, low, pause.begin_s, pause.end_s, scrapes.spacing_s,
                      pause.expected, np.nan, _sureness(pause.expected, SILENCE_ONE), text, "events")
            )  # fmt: skip
    return out


def _overlap(one: Found, pause: Pause, end_s: float) -> bool:
    begin, end = max(one.onset_s, pause.begin_s), min(one.end_s or end_s, pause.end_s or end_s)
    return end - begin > 0.5 * ((pause.end_s or end_s) - pause.begin_s)


def _own_signs(workflow_id: str | None, records: pd.DataFrame | None, logs: pd.DataFrame | None) -> list[Steps]:
    out = []
    if records is not None:
        out.append(points_of_records(records[records["workflow_id"] == workflow_id]))
    if logs is not None:
        out.append(points_of_times(times_s(logs.loc[logs["workflow_id"] == workflow_id, "logged_at"].dropna())))
    return [points for points in out if float(points.grown.sum()) > 1]
