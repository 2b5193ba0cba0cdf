"""How long ``dlqkit --help`` takes, against Python that imports pandas and does nothing."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from benchmarks.harness import Measure

ROUNDS = 15
# A wheel that pip has installed is compiled; here the first round compiles.
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run() -> list[Measure]:
    """Both are whole processes, in turn; the first round, which compiles and reads from the disk, does not count."""
    ours, theirs = [sys.executable, "-m", "dlqkit", "--help"], [sys.executable, "-c", "import pandas"]
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(ROUNDS + 1):
        pair = [("ours", ours), ("theirs", theirs)]
        for name, command in pair if number % 2 else reversed(pair):
            began = time.monotonic()
            subprocess.run(command, check=True, capture_output=True, env=COMPILED)
            if number:
                spent[name].append(time.monotonic() - began)
    ratios = [own / other for own, other in zip(spent["ours"], spent["theirs"], strict=True)]
    own_s, other_s = (statistics.median(spent[name]) for name in ("ours", "theirs"))
    detail = (
        f"{own_s * 1000:,.0f} ms and {other_s * 1000:,.0f} ms, {ROUNDS} rounds, {min(ratios):.2f} to {max(ratios):.2f}"
    )
    return [Measure("dlqkit --help, share of python -c 'import pandas'", statistics.median(ratios), 0.5, 0.25,
                    higher_is_better=False, detail=detail)]  # fmt: skip
