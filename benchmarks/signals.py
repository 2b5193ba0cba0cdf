"""How well incidents, spikes and silences are found, how exact their onset is, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from benchmarks.drifting_cases import drifting
from benchmarks.flow_cases import SILENCES, SPIKES
from benchmarks.harness import Figure, Measure
from benchmarks.held_out_cases import held_out
from benchmarks.queue_cases import queue
from benchmarks.signal_cases import FAMILIES, SCRAPES, Case, Score, score
from dlqkit.signals.signals import find_incidents

__all__ = ["run"]

SEED = 2026
# Of 200 windows an onset figure is off by five in a hundred by chance; of 600 by three.
WINDOWS, ONSET_WINDOWS, QUIET_WINDOWS = 200, 600, 500
MANY_WORKFLOWS, DAY_SCRAPES, SCRAPE_S = 1000, 5760, 15
ONSETS = {"easy": (0.93, 0.97), "medium": (0.76, 0.82), "hard": (0.35, 0.43)}
Family = Callable[[np.random.Generator, int], Case]


def run() -> list[Figure | Measure]:
    """Every figure of the signals, on each family of windows by itself."""
    out: list[Figure | Measure] = []
    families: Mapping[str, Family] = {**FAMILIES, "held out": held_out, "drifting": drifting, "queue": queue}
    for name, family in families.items():
        out += _incidents(name, family)
    for signal, cases in (("duration", SPIKES), ("silence", SILENCES)):
        for name, family in cases.items():
            own = _scored(family, signal, (1,), WINDOWS)
            alarms = _scored(family, signal, (0,), QUIET_WINDOWS)
            out.append(Measure(f"{signal} found, F1, {name}", own.f1, 0.96, 0.99, True, _words(own)))
            out.append(_alarms(f"{signal} in 1,000 quiet windows, {name}", alarms, 5, 1))
    out += [_time_of_a_window(), *_time_of_many()]
    return out


def _scored(family: Family, signal: str, incidents: tuple[int, ...], windows: int) -> Score:
    rng = np.random.default_rng([SEED, *incidents])
    total = Score()
    for number in range(windows):
        case = family(rng, incidents[number % len(incidents)])
        found = find_incidents(case.samples)
        score(total, case, found[found["signal"] == signal].reset_index(drop=True))
    return total


def _incidents(name: str, family: Family) -> list[Figure | Measure]:
    own = _scored(family, "dead_letters", (1, 1, 2, 3), ONSET_WINDOWS)
    alarms = _scored(family, "dead_letters", (0,), QUIET_WINDOWS)
    out: list[Figure | Measure] = [
        Measure(f"incidents found, F1, {name}", own.f1, 0.95, 0.98, True, _words(own)),
        _alarms(f"incidents in 1,000 quiet windows, {name}", alarms, 10, 1),
    ]
    for level, (must, aim) in ONSETS.items():
        detail = (
            f"{len(own.onsets[level]):,} onsets; {own.at_best(level):.3f} for one who knows the usual rate, the course"
            " and the size of each"
        )
        out.append(Measure(f"onset within one scrape, {level}, {name}", own.within(level), must, aim, True, detail))
    stated = np.array([one for one, _ in own.stated + alarms.stated])
    right = np.array([one for _, one in own.stated + alarms.stated])
    detail = f"{len(stated):,} rows, of which {right.mean():.3f} are right"
    out.append(Measure(f"confidence stated less rows right, {name}", abs(float(stated.mean() - right.mean())), 0.05,
                       0.02, False, detail))  # fmt: skip
    return out


def _words(own: Score) -> str:
    return f"{own.right:,} found, {own.missed:,} missed, {own.wrong:,} wrong"


def _alarms(name: str, own: Score, must: float, aim: float) -> Measure:
    detail = f"{own.alarms:,} of {own.quiet:,} windows"
    return Measure(name, own.alarms_per_1000, must, aim, False, detail)


def _time_of_a_window() -> Measure:
    rng = np.random.default_rng(SEED)
    windows = [FAMILIES["by scrapes"](rng, number % 2).samples for number in range(100)]
    find_incidents(windows[0])
    began = time.process_time()
    for samples in windows:
        find_incidents(samples)
    spent = 1000 * (time.process_time() - began) / len(windows)
    return Measure("CPU ms a window of 1,000 scrapes", spent, 10, 3, False, f"{SCRAPES:,} scrapes, one workflow")


def _time_of_many() -> list[Measure]:
    out = []
    for background in (0.0, 0.02):
        samples = _many(background)
        began = time.process_time()
        found = find_incidents(samples)
        spent = time.process_time() - began
        detail = (
            f"{len(samples):,} samples of {MANY_WORKFLOWS:,} workflows, 20 with an incident, {len(found)} found; a"
            f" quiet one loses {background * DAY_SCRAPES:.0f} events a day"
        )
        out.append(Measure("CPU s for 1,000 workflows of a day", spent, 30, 5, False, detail))
    return out


def _many(background: float) -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    lost = rng.poisson(background, (MANY_WORKFLOWS, DAY_SCRAPES)).astype(np.float64)
    for number in range(20):
        lost[number, 1000 + 10 * number : 1100 + 10 * number] += rng.poisson(1.5, 100)
    series = np.repeat(np.arange(MANY_WORKFLOWS, dtype=np.int32), DAY_SCRAPES)
    at = np.tile(1_772_452_800 + SCRAPE_S * np.arange(DAY_SCRAPES), MANY_WORKFLOWS)
    return pd.DataFrame(
        {
            "series_id": pd.array(series, dtype="Int32"),
            "sampled_at": pd.to_datetime(at, unit="s", utc=True).astype("datetime64[us, UTC]"),
            "value": pd.array(np.cumsum(lost, axis=1).ravel(), dtype="Float64"),
            "metric": pd.Categorical.from_codes(np.zeros(len(series), dtype=np.int8), ["worker_dlq_total"]),
            "workflow_id": pd.Categorical.from_codes(series, [f"wf-{one:04d}" for one in range(MANY_WORKFLOWS)]),
        }
    )


if __name__ == "__main__":
    for figure in run():
        print(figure.line(), flush=True)
