"""Break sources, kill collects and republishes, tamper with folders, fuzz, and count: make bench-reliability."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import exports, faults, fuzz, tampering
from benchmarks.harness import Measure
from tests.republish.killing import ADOPTING, POINTS, campaign

PLANS, KILLS, SEED = 110, 520, 20_260_302
# What a campaign counts, and how its figure is called.
COUNTED = {
    "stored_twice": "events stored twice at the server",
    "acked_not_stored": "acknowledged events that the server does not have",
    "stored_not_known": "events that the server has and the journal calls neither acknowledged nor in doubt",
    "resent_in_doubt": "requests with an event that was in doubt",
    "not_in_one_state": "looks at the journal with an event in no state or in two",
    "taken_back": "acknowledged or failed events that later were something else",
    "too_many_in_doubt": "kills that left more at intent than was in flight",
    "out_of_order": "ordering keys whose events were stored out of order",
    "lost": "plans that, settled by the server's word, were not stored exactly once",
}


def run(plans: int = PLANS, kills: int = KILLS, seed: int = SEED) -> list[Measure]:
    """A measure of the republish for each thing that must not happen, after the two that say how hard it was tried."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign(Path(folder), plans=plans, kills=kills, seed=seed)
    adopting = f"{tally.killed_adopting} kills of it"
    where = ", ".join(f"{tally.killed_at[point]} {point}" for point in ("any time", *POINTS, *ADOPTING))
    detail = f"{tally.events:,} events, faults of the server, {time.monotonic() - began:.0f} s; {where}"
    return [
        Measure("kill -9 of a republish", tally.kills, kills, kills, True, detail),
        Measure("older journals put back and adopted", tally.adopted, 10, 10, True, adopting),
        Measure("plans that were killed", tally.plans, plans, plans, True, f"seed {seed}"),
        *(Measure(text, getattr(tally, name), 0, 0, False, "after kills") for name, text in COUNTED.items()),
    ]


def main() -> int:
    """Print the measures; 1 where one falls short."""
    held = True
    for part in (faults.run, run, tampering.run, exports.run, fuzz.run):
        for one in part():
            print(one.line(), flush=True)
            held = held and one.holds
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
