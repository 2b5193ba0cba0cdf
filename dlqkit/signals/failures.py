"""Failed attempts that outgrow successes: their share rises above the usual one, and above a half."""

from __future__ import annotations

from dlqkit.language import say
from dlqkit.signals.bounds import ended, onset_of, usual_rate
from dlqkit.signals.dead_letters import NEAR_SCRAPES, exposed_steps, merge_near
from dlqkit.signals.dispersion import blocks_of
from dlqkit.signals.exposure import by_volume
from dlqkit.signals.growth import Growth
from dlqkit.signals.points import Found
from dlqkit.signals.runs import find_runs, sureness
from dlqkit.signals.scrapes import Scrapes

__all__ = ["find_failures"]

# More than half of the attempts fail, and twice as many as usual: a worker that retries a lot does so every day.
LEAST_SHARE, LEAST_RATIO = 0.5, 2.0
LEAST_FAILURES = 15.0
# One event fails several times in a row; so much in one moment is that event, not the worker.
LEAST_SCRAPES, LEAST_S = 5, 300.0


def find_failures(failure: Growth, success: Growth, scrapes: Scrapes, end_s: float) -> list[Found]:
    """Stretches in which a workflow's failed attempts outnumber its successes, of each workflow that counts both."""
    out = []
    for workflow_id, total in failure.totals().items():
        if total < LEAST_FAILURES or workflow_id not in success.rows:
            continue
        points, good = failure.of(workflow_id).points(), success.of(workflow_id)
        exposure = by_volume([good, points], scrapes.began_s, end_s)
        edges = blocks_of(scrapes.began_s, end_s, 2 * scrapes.spacing_s)
        exposed = exposed_steps(points, exposure, edges)
        runs = merge_near(find_runs(exposed, minimum=LEAST_FAILURES), points, exposed, NEAR_SCRAPES * scrapes.spacing_s)
        rate = usual_rate(runs, exposed)
        for run in runs:
            begin, last = float(points.previous_s[run.first]), float(points.at_s[run.last])
            if run.last - run.first + 1 < LEAST_SCRAPES or last - begin < LEAST_S:
                continue
            won = float(good.grown[(good.at_s > begin) & (good.at_s <= last)].sum())
            if run.size / (run.size + won) < LEAST_SHARE or run.size < LEAST_RATIO * run.expected:
                continue
            is_over = ended(last, float(points.at_s[run.first]), run.size, end_s)
            before = [float(points.at_s[one.last]) for one in runs if one.last < run.first]
            onset = onset_of(run, points, exposure, rate, scrapes, max(before, default=scrapes.began_s))
            text = say(
                "{failed:,.0f} failed attempts against {won:,.0f} successes, where {expected:,.0f} would be usual.",
                failed=run.size, won=won, expected=run.expected,
            )  # fmt: skip
            hours = max(end_s - scrapes.began_s - (last - begin), 1.0) / 3600
            out.append(
                Found(workflow_id, "failures", onset.at_s, onset.low_s, onset.high_s, last if is_over else None,
                      onset.high_s - onset.low_s, run.size, (total - run.size) / hours, sureness(run.likelihood), text)
            )  # fmt: skip
    return out
