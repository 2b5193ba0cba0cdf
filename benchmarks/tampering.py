"""Tamper with incident folders, by seed, and count what ``dlqkit verify`` does not name."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Measure
from tests.evidence.tampering import campaign

TRIES, SEED = 1_000, 20_261_126


def run(tries: int = TRIES, seed: int = SEED) -> Iterator[Measure]:
    """How many tamperings were found by name, and how many untouched folders were called changed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign(Path(folder), tries=tries, seed=seed)
    detail = f"{len(tally.kinds)} ways, seed {seed}, {time.monotonic() - began:.0f} s; " + "; ".join(tally.missed[:5])
    yield Measure("tampering found by name", tally.tried - len(tally.missed), tries, tries, True, detail)
    yield Measure("untouched folders called changed", tally.falsely_changed, 0, 0, False, f"of {tries // 20}")
