"""What differs: answers against what was planted, on three kinds of frames made in different ways; and the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.planted import Case, Planted
from dlqkit.decision.differences import what_differs


def same(answer: dict[str, Any], also: dict[str, dict[str, Any]], cause: list[Planted], frame: pd.DataFrame) -> bool:
    """Whether an answer is exactly the planted conditions; a bound of a number need only be near."""
    for column in [column for column in answer if column in also]:
        # Another column that says the same on these records, as the answer itself states.
        for other, value in also[column].items():
            if other in {name for name, _, _ in cause} - set(answer):
                answer = {name: one for name, one in answer.items() if name != column} | {other: value}
                break
    if set(answer) != {column for column, _, _ in cause}:
        return False
    return all(_agrees(answer[column], value, holds, frame, column) for column, value, holds in cause)


def _agrees(said: Any, value: Any, holds: npt.NDArray[np.bool_], frame: pd.DataFrame, column: str) -> bool:
    if value not in (">", "<="):
        return bool(said == value)
    if isinstance(said, str) and (not said.startswith(value) or " and " in said):
        return False
    if column not in frame.columns:
        return isinstance(said, str)
    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy()
    bound = float(said.split()[1]) if isinstance(said, str) else np.nan
    own = (numbers > bound if value == ">" else numbers <= bound) if isinstance(said, str) else numbers == said
    return bool((own & holds).sum() >= 0.9 * (own | holds).sum())


def score(make: Callable[..., Case], seeds: range, show: bool = False) -> tuple[float, float]:
    """Exact-set F1 over the frames, and the CPU seconds of a frame."""
    right = answered = planted = 0
    spent = 0.0
    for seed in seeds:
        frame, failing, causes = make(np.random.default_rng(seed))
        began = time.process_time()
        found = what_differs(frame, failing)
        spent += time.process_time() - began
        answers = list(zip(found["conditions"], found["also"], strict=True))
        hits = sum(any(same(answer, also, cause, frame) for answer, also in answers) for cause in causes)
        right, answered, planted = right + hits, answered + len(answers), planted + len(causes)
        if show and (hits < len(causes) or len(answers) > len(causes)):
            print(
                seed,
                len(frame),
                [[(c, v, int(h.sum())) for c, v, h in cause] for cause in causes],
                [
                    (
                        int((i := np.logical_and.reduce([h for _, _, h in cause])).sum()),
                        round(float(failing[i].mean()), 2),
                    )
                    for cause in causes
                ],
                round(float(failing.mean()), 4),
                "->",
                [(a, al) for a, al in answers],
                found[["failing_with", "healthy_with"]].values.tolist(),
            )
    return 2 * right / max(answered + planted, 1), spent / len(seeds)
