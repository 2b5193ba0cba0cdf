"""How often a verdict on durations is right, and how often an interval holds the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness import Measure
from dlqkit.executions.comparison import compare_durations
from dlqkit.frames import RECORDS, conform
from dlqkit.prevention.timeout import timeout_effects

Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]
RUNS = 60
TIMEOUT_MS = 30_000.0
START = pd.Timestamp("2026-03-02", tz="UTC")
# Of different make: one hump, two, a long tail, nearly constant, slowly wandering as a loaded service does.
USUAL: dict[str, Draw] = {
    "one hump": lambda rng, count: rng.lognormal(6, 0.6, count),
    "two humps": lambda rng, count: np.where(
        rng.random(count) < 0.4, rng.gamma(4, 20, count), rng.gamma(9, 100, count)
    ),
    "long tail": lambda rng, count: 80 * (1 + rng.pareto(1.4, count)),
    "constant": lambda rng, count: 250 + rng.normal(0, 2, count),
    "wandering": lambda rng, count: rng.lognormal(5.5, 0.3, count) * np.exp(0.25 * np.sin(np.arange(count) / 15)),
}  # fmt: skip
# Not looked at while the thresholds were chosen.
ASIDE: dict[str, Draw] = {
    "steps": lambda rng, count: (
        np.repeat(rng.lognormal(6, 0.2, count // 25 + 1), 25)[:count] * rng.uniform(0.8, 1.2, count)
    ),
    "whole seconds": lambda rng, count: np.ceil(rng.exponential(2.5, count)) * 1000,
}  # fmt: skip
# What is true of the failing ones, and what may be said of it.
TRUTHS: dict[str, tuple[Callable[[npt.NDArray[np.float64], np.random.Generator], npt.NDArray[np.float64]], str]] = {
    "as usual": (lambda values, rng: values, "no difference"),
    "five times as long": (lambda values, rng: values * 5, "slow then dead"),
    "cut": (lambda values, rng: TIMEOUT_MS + rng.exponential(20, len(values)), "slow then dead"),
    "refused": (lambda values, rng: rng.uniform(1, 6, len(values)), "dead at once"),
}


def _frame(usual: npt.NDArray[np.float64], failing: npt.NDArray[np.float64]) -> pd.DataFrame:
    count = len(usual) + len(failing)
    is_dead = np.arange(count) >= len(usual)
    return conform(
        pd.DataFrame(
            {
                "record_id": [f"r{n}" for n in range(count)],
                "event_key": [f"e{n}" for n in range(count)],
                "recorded_at": START + pd.to_timedelta(np.arange(count), unit="s"),
                "status": np.where(is_dead, "failed", "success"),
                "queued_to_dlq": is_dead,
                "attempts": 1,
                "last_error": np.where(is_dead, "failed", ""),
                "action_duration_ms": np.concatenate([usual, failing]),
            }
        ),
        RECORDS,
    )


def _verdicts(makes: dict[str, Draw]) -> tuple[float, float, int]:
    """Shares of runs whose verdict is right, and is a wrong one (not merely "cannot tell")."""
    right = wrong = total = 0
    for number, draw in enumerate(makes.values()):
        for truth, (turn, wanted) in TRUTHS.items():
            for run in range(RUNS // 4):
                rng = np.random.default_rng([number, len(truth), run])
                usual = draw(rng, int(rng.integers(60, 600)))
                failing = turn(draw(rng, int(rng.integers(15, 200))), rng)
                frame = _frame(np.minimum(usual, TIMEOUT_MS - 1), np.minimum(failing, TIMEOUT_MS + 200))
                onset = START + pd.Timedelta(seconds=len(usual))
                verdict = compare_durations(frame, onset_at=onset, timeout_ms=TIMEOUT_MS).verdict
                total += 1
                right += verdict == wanted
                wrong += verdict not in {wanted, "cannot tell"}
    return right / total, wrong / total, total


def _coverage() -> Measure:
    """How often the interval of what a shorter timeout would cut holds the share of all successes ever."""
    held = total = 0
    for number, draw in enumerate(USUAL.values()):
        if number == len(USUAL) - 1:
            continue  # its draws are not independent, and the interval is for those that are
        for run in range(RUNS):
            rng = np.random.default_rng([number, run])
            every = draw(rng, 50_000)
            asked = float(np.quantile(every, rng.uniform(0.9, 0.999)))
            effect = timeout_effects(_frame(draw(rng, 800), every[:0]), candidates=[asked]).iloc[0]
            truth = float((every > asked).mean())
            total += 1
            held += bool(effect["cut_low"] <= truth <= effect["cut_high"])
    return Measure("shorter timeout: the 95 % interval holds the true share", held / total, 0.90, 0.95, True,
                   f"{held} of {total} windows of 800 independent successes")  # fmt: skip


def _survival() -> Measure:
    """How far the estimate for a longer timeout is from what would have happened."""
    held = total = 0
    for run in range(2 * RUNS):
        rng = np.random.default_rng([7, run])
        sigma = float(rng.uniform(0.5, 1.2))
        values = rng.lognormal(np.log(600), sigma, 1_200)
        limits = np.where(np.arange(1_200) < 600, 1_000.0, 4_000.0)
        is_cut = values > limits
        frame = _frame(np.minimum(values, limits), values[:0])
        frame["queued_to_dlq"] = pd.array(is_cut, dtype="boolean")
        frame["status"] = pd.Categorical(np.where(is_cut, "failed", "success"))
        row = timeout_effects(frame, 1_000, candidates=[2_000], limits=pd.Series(limits, dtype="Float64")).iloc[0]
        every = rng.lognormal(np.log(600), sigma, 400_000)
        truth = float((every[every > 1_000] <= 2_000).mean())
        total += 1
        held += row["answer"] == "estimated" and bool(row["finished_low"] <= truth <= row["finished_high"])
    return Measure("longer timeout where two were in force: the 95 % interval holds the true share", held / total, 0.90,
                   0.95, True, f"{held} of {total} windows")  # fmt: skip


def run() -> list[Measure]:
    """Verdicts on five makes of durations and on two that were kept aside; intervals."""
    out = []
    for name, makes in (("five makes", USUAL), ("two makes, kept aside", ASIDE)):
        right, wrong, total = _verdicts(makes)
        out += [
            Measure(f"durations, {name}: the verdict is right", right, 0.9, 0.98, True,
                    f"{total} windows; as usual, five times as long, cut by the timeout, refused"),
            Measure(f"durations, {name}: the verdict is wrong", wrong, 0.02, 0.005, False,
                    "and not merely cannot tell"),
        ]  # fmt: skip
    return [*out, _coverage(), _survival()]
