"""How often the words of real exception messages give the right class, and what reading one takes."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence

from benchmarks.harness import ROOT, Measure
from dlqkit.decision.classes import classify_error

MESSAGES = ROOT / "tests" / "decision" / "errors" / "error_messages.jsonl"
ROUNDS = 7
# A dead letter may carry whatever a dependency answered.
LONG_TEXT = "the page said nothing of use, " * 35_000 + "Connection refused"


def run() -> list[Measure]:
    """Each message was labelled by hand; the held-out ones were first read when the words no longer changed."""
    rows = [json.loads(line) for line in MESSAGES.read_text("utf-8").splitlines()]
    measures = []
    for part, which in (("tuned", "looked at while the words were chosen"), ("held_out", "held out")):
        own = [row for row in rows if row["part"] == part]
        right = sum(classify_error(row["text"]) == row["failure_class"] for row in own)
        families = len({row["family"] for row in own})
        detail = f"{right} of {len(own)} messages of {families} families of libraries"
        measures.append(Measure(f"class by the error text, {which}", right / len(own), 0.85, 0.95, True, detail))
    texts = [row["text"] for row in rows]
    measures.append(
        Measure(
            "class by the error text, microseconds a message", _time(texts) / len(texts) * 1e6, 50.0, 30.0, False,
            f"{len(texts)} messages, CPU, median of {ROUNDS} rounds",
        )
    )  # fmt: skip
    measures.append(
        Measure(
            "class by the error text, milliseconds a megabyte of it", _time([LONG_TEXT]) * 1e3, 20.0, 5.0, False,
            f"one text of {len(LONG_TEXT):,} letters, CPU, median of {ROUNDS} rounds",
        )
    )  # fmt: skip
    return measures


def _time(texts: Sequence[str]) -> float:
    """CPU seconds that reading all of them takes."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for text in texts:
            classify_error(text)
        rounds.append(time.process_time() - began)
    return statistics.median(rounds)
