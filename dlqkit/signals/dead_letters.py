"""Dead letters by the counters: each run above the usual share, its onset, its end, and how sure it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlqkit.language import say
from dlqkit.signals.bounds import ended, onset_of, usual_rate
from dlqkit.signals.dispersion import Points, blocks_of, place_in
from dlqkit.signals.exposure import Exposure, by_time, by_volume, with_profile
from dlqkit.signals.growth import Growth, Steps
from dlqkit.signals.points import Found, Tally
from dlqkit.signals.runs import FLOOR, MINIMUM_EVENTS, Run, find_runs, is_raised, likelihood, sureness
from dlqkit.signals.scrapes import Scrapes
from dlqkit.signals.steady import find_steady, lacks_success

__all__ = ["NEAR_SCRAPES", "exposed_steps", "find_counted", "merge_near"]

Floats = npt.NDArray[np.float64]

# Runs nearer than this to each other are one incident: retries and restarts tear holes into a rate.
NEAR_S, NEAR_SCRAPES = 600.0, 20.0
# Four runs or more that alternate with pauses of about their own length are one incident that flaps.
FLAPPING_S, FLAPPING_SCRAPES, FLAPPING_PAUSE, FLAPPING_RUNS = 1200.0, 40.0, 1.5, 4
# A rate that is less than so much above the usual one is no incident, however sure it is.
LEAST_RATIO = 1.4
# Events that were seen in fewer scrapes than this are batches of poison, unless there are so many.
LEAST_POINTS, LEAST_AT_ONCE = 3, 15.0
# Where dead letters are seen in less than this share of a run's scrapes they come in batches, and a batch is one event.
SPARSE = 0.25
# The rate in time must be above that around the run as well: where only successes fall, dead letters did not jump.
LOCAL_FLOOR, LOCAL_S = 3.0, 3600.0


def find_counted(
    dead: Growth, success: Growth, attempts: Growth, failure: Growth, scrapes: Scrapes, end_s: float
) -> dict[str | None, list[Found]]:
    """The incidents of each workflow by its dead-letter counter; workflows without one are left out."""
    out: dict[str | None, list[Found]] = {}
    for workflow_id, total in dead.totals().items():
        if total < MINIMUM_EVENTS:
            continue
        volume = [success.of(workflow_id)] if workflow_id in success.rows else []
        # Actions run are a volume too where successes are not counted; failures are none: they rise with dead letters.
        if not volume and workflow_id in attempts.rows:
            volume = [attempts.of(workflow_id)]
            counted_too: list[Steps] = []
        else:
            counted_too = [dead.of(workflow_id).points()]
        found = _of_workflow(workflow_id, dead.of(workflow_id), volume, counted_too, scrapes, end_s)
        if not found:
            lack = lacks_success(success, attempts, failure, workflow_id)
            steady = find_steady(workflow_id, dead.of(workflow_id).points(), volume, lack, scrapes, end_s)
            found = [steady] if steady else []
        if found:
            out[workflow_id] = found
    return out


def _of_workflow(
    workflow_id: str | None, steps: Steps, volume: list[Steps], counted_too: list[Steps], scrapes: Scrapes, end_s: float
) -> list[Found]:
    points = steps.points()
    start_s = scrapes.began_s
    edges = blocks_of(start_s, end_s, 2 * scrapes.spacing_s)
    if volume:
        exposure = by_volume([*volume, *counted_too], start_s, end_s)
        runs = find_runs(exposed_steps(points, exposure, edges))
    else:
        exposure = by_time(start_s, end_s)
        runs = find_runs(exposed_steps(points, exposure, edges))
        for _ in range(2):
            stretches = [(float(points.previous_s[run.first]), float(points.at_s[run.last])) for run in runs]
            exposure = with_profile(points, start_s, end_s, stretches)
            if not exposure.daily:
                break
            runs = find_runs(exposed_steps(points, exposure, edges))
    exposed = exposed_steps(points, exposure, edges)
    runs = merge_near(runs, points, exposed, NEAR_SCRAPES * scrapes.spacing_s)
    kept = [run for run in runs if _is_jump(run, runs, points, scrapes.spacing_s, start_s, end_s)]
    rate = usual_rate(kept, exposed)
    kept = [
        run for run in kept if run.size >= LEAST_RATIO * rate * (exposed.after[run.last] - exposed.before[run.first])
    ]
    return [_found(workflow_id, run, points, exposure, exposed, kept, bool(volume), scrapes, end_s) for run in kept]


def exposed_steps(points: Steps, exposure: Exposure, edges: Floats) -> Points:
    """Steps with the exposure before and after each, for ``find_runs``."""
    before, after = exposure.until(points.previous_s), exposure.until(points.at_s)
    return Points(points.grown, before, after, exposure.total, exposure.until(edges), place_in(edges, points.at_s))


def merge_near(runs: list[Run], points: Steps, exposed: Points, near_s: float) -> list[Run]:
    """Runs that are one incident: near to each other, or alternating with pauses of about their own length."""
    near, rate = max(NEAR_S, near_s), usual_rate(runs, exposed)
    merged: list[Run] = []
    for run in runs:
        if merged:
            last, size, exposure = (
                merged[-1],
                exposed.sums(),
                exposed.before[run.first] - exposed.after[merged[-1].last],
            )
            is_one = points.previous_s[run.first] - points.at_s[last.last] <= near
            if is_one or is_raised(float(size[run.first] - size[last.last + 1]), rate * float(exposure)):
                run = _joined(merged.pop(), run, exposed)
        merged.append(run)
    if len(merged) < FLAPPING_RUNS:
        return merged
    begins = np.array([points.previous_s[run.first] for run in merged])
    ends = np.array([points.at_s[run.last] for run in merged])
    usual = float(np.median(ends - begins))
    pauses = begins[1:] - ends[:-1]
    linked = pauses <= min(max(FLAPPING_S, FLAPPING_SCRAPES / NEAR_SCRAPES * near_s), FLAPPING_PAUSE * usual)
    out = [merged[0]]
    for number, run in enumerate(merged[1:]):
        around = linked[max(number - 1, 0) : number + 2]
        if linked[number] and around.sum() >= 2:
            run = _joined(out.pop(), run, exposed)
        out.append(run)
    return out


def _joined(one: Run, other: Run, exposed: Points) -> Run:
    size = float(exposed.weight[one.first : other.last + 1].sum())
    return Run(one.first, other.last, size, one.expected + other.expected, max(one.likelihood, other.likelihood))


def _is_jump(run: Run, runs: list[Run], points: Steps, spacing_s: float, start_s: float, end_s: float) -> bool:
    """Whether a run is more than a batch of poison, a small rise, or a fall of everything else."""
    begin, end = float(points.previous_s[run.first]), float(points.at_s[run.last])
    if run.last - run.first + 1 < LEAST_POINTS and run.size < LEAST_AT_ONCE:
        return False
    count, weight = run.last - run.first + 1, points.grown[run.first : run.last + 1]
    if count < SPARSE * (end - begin) / spacing_s and run.likelihood < FLOOR * float((weight**2).sum() / weight.sum()):
        return False
    margin = max(LOCAL_S, 2 * (end - begin))
    low, high = max(begin - margin, start_s), min(end + margin, end_s)
    rest, room = (points.at_s > low) & (points.at_s <= high), high - low
    for one in runs:
        rest[one.first : one.last + 1] = False
        room -= max(min(float(points.at_s[one.last]), high) - max(float(points.previous_s[one.first]), low), 0.0)
    if room <= 0:
        return True
    return likelihood(run.size, end - begin, float(points.grown[rest].sum()), room) >= LOCAL_FLOOR


def _found(
    workflow_id: str | None, run: Run, points: Steps, exposure: Exposure, exposed: Points, runs: list[Run],
    divided: bool, scrapes: Scrapes, end_s: float,
) -> Found:  # fmt: skip
    rest = float(exposed.weight.sum()) - sum(one.size for one in runs)
    rate = usual_rate(runs, exposed)
    before = [float(points.at_s[one.last]) for one in runs if one.last < run.first]
    onset = onset_of(run, points, exposure, rate, scrapes, max(before, default=scrapes.began_s))
    last = float(points.at_s[run.last])
    is_over = ended(last, float(points.at_s[run.first]), run.size, end_s)
    hours = max(end_s - scrapes.began_s - sum(float(points.at_s[one.last] - points.previous_s[one.first])
                                              for one in runs), 1.0) / 3600  # fmt: skip
    expected = rate * float(exposed.after[run.last] - exposed.before[run.first])
    tally = Tally(expected, divided, run.likelihood, FLOOR)
    text = say("It was going on when the evidence begins.") if onset.low_s <= scrapes.began_s else ""
    return Found(
        workflow_id, "dead_letters", onset.at_s, onset.low_s, onset.high_s, last if is_over else None,
        onset.high_s - onset.low_s, run.size, float(rest / hours), sureness(run.likelihood), text, tally=tally,
    )  # fmt: skip
