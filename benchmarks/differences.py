"""What differs: answers against what was planted, on three kinds of frames made in different ways; and the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness import Measure
from benchmarks.planted import Case, Planted, few_case, plain_case, records_case, tenants_case
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


def score(make: Callable[[np.random.Generator], Case], seeds: range) -> float:
    """Exact-set F1: two times the right answers over the planted causes and the given answers together."""
    right = answered = planted = 0
    for seed in seeds:
        frame, failing, causes = make(np.random.default_rng(seed))
        found = what_differs(frame, failing)
        answers = list(zip(found["conditions"], found["also"], strict=True))
        right += sum(any(same(answer, also, cause, frame) for answer, also in answers) for cause in causes)
        answered, planted = answered + len(answers), planted + len(causes)
    return 2 * right / max(answered + planted, 1)


def wrong_answers(seeds: range) -> float:
    """Of a thousand frames in which failures come by chance, or with the time alone, how many have an answer."""
    makes = (plain_case, plain_case, records_case, tenants_case, *[few_case] * 16)
    wrong = 0
    for seed in seeds:
        frame, failing, _ = makes[seed % len(makes)](np.random.default_rng(seed), False)
        wrong += not what_differs(frame, failing).empty
    return 1000 * wrong / len(seeds)


def million() -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """A million records with payloads; two conditions together make three in five fail, 2 % fail besides."""
    rng = np.random.default_rng(11)
    count = 1_000_000
    client, country, pod = (rng.integers(0, size, count) for size in (400, 30, 12))
    amount = rng.gamma(2, 40, count).round(2)
    failing = rng.random(count) < np.where((country == 7) & (amount > 100), 0.6, 0.02)
    payloads = [
        f'{{"order":"O-{i}","client_id":"c{c}","ship":{{"country":"k{k}"}},"total":{a},'
        f'"items":[{{"sku":"s{i % 40}"}}]}}'
        for i, (c, k, a) in enumerate(zip(client, country, amount, strict=True))
    ]
    return pd.DataFrame({
        "event_key": [f"e{i}" for i in range(count)], "workflow_id": "wf", "queued_to_dlq": failing,
        "recorded_at": pd.Timestamp("2026-03-02T12:00:00Z") + pd.to_timedelta(np.arange(count) * 7, unit="ms"),
        "payload_snapshot": payloads, "extra_json": [f'{{"pod":"w{p}","version":"2.{p % 3}"}}' for p in pod],
    }), failing  # fmt: skip


def run() -> list[Measure]:
    """Exact sets on each kind of frame, answers where there is none, and the time for a million records."""
    out = []
    for name, make, frames in (("independent columns", plain_case, 120), ("records with payloads", records_case, 40),
                               ("tenants, held out", tenants_case, 30)):  # fmt: skip
        out.append(Measure(f"what differs: exact set, {name}", score(make, range(frames)), 0.96, 0.98, True,
                           f"F1 over {frames} frames, 1 to 3 conditions, with decoys"))  # fmt: skip
    quiet = 500
    out.append(Measure("what differs: answers where there is none, per 1,000 frames",
                       wrong_answers(range(20_000, 20_000 + quiet)), 10, 1, False, f"{quiet} frames"))  # fmt: skip
    frame, failing = million()
    began = time.process_time()
    found = what_differs(frame, failing)
    spent = time.process_time() - began
    read = found.attrs["compared"]["failing"] + found.attrs["compared"]["healthy"]
    out.append(Measure("what differs: a million records with payloads, CPU s", spent, 30, 5, False,
                       f"{len(found)} answer; a sample of {read:,} is read"))  # fmt: skip
    return out


if __name__ == "__main__":
    for measure in run():
        print(measure.line(), flush=True)
