"""What a learned payload check refuses: good payloads wrongly, and spoiled ones; and how long it takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.harness import Measure
from benchmarks.payloads import ASIDE, KINDS, Maker, always_there, spoil
from dlqkit.frames import RECORDS, conform
from dlqkit.prevention.payload_check import check_payloads
from dlqkit.prevention.payload_proposal import SchemaProposal, propose_schema

SIZES = (200, 1_000, 4_000)
SEEDS = 6
FRESH = 1_000
DEAD = 60
TIMED = 100_000


@dataclass
class _Score:
    fresh: int = 0
    wrong: int = 0
    worst: float = 0.0
    later: int = 0
    later_wrong: int = 0
    spoiled: dict[str, list[int]] | None = None
    runs: int = 0
    false_finds: int = 0


def _frame(good: list[object], dead: list[object]) -> pd.DataFrame:
    count = len(good) + len(dead)
    is_dead = np.arange(count) >= len(good)
    texts = [json.dumps(one, ensure_ascii=False) for one in [*good, *dead]]
    frame = {
        "record_id": [f"r{n}" for n in range(count)],
        "event_key": [f"e{n}" for n in range(count)],
        "workflow_id": "wf",
        "recorded_at": pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.arange(count), unit="s"),
        "status": np.where(is_dead, "failed", "success"),
        "queued_to_dlq": is_dead,
        "last_error": np.where(is_dead, "rejected", ""),
        "payload_snapshot": texts,
    }
    return conform(pd.DataFrame(frame), RECORDS)


def _draw(make: Maker, rng: np.random.Generator, count: int, *, late: bool = False) -> list[dict[str, object]]:
    times = np.ones(count) if late else np.sort(rng.random(count))
    return [make(rng, float(when)) for when in times]


def _refused(proposal: SchemaProposal, payloads: list[dict[str, object]]) -> tuple[int, int]:
    assert proposal.schema is not None
    found = check_payloads(proposal.schema, pd.Series([json.dumps(one) for one in payloads], dtype="str"))
    return found.refused, found.payloads


def _runs(kinds: Mapping[str, Callable[[int], Maker]]) -> Iterator[tuple[Maker, int, np.random.Generator]]:
    for number, kind in enumerate(kinds.values()):
        for size in SIZES:
            for seed in range(SEEDS):
                yield kind(seed), size, np.random.default_rng([number, size, seed])


def _score(kinds: Mapping[str, Callable[[int], Maker]]) -> _Score:
    score = _Score(spoiled={"type": [0, 0], "missing": [0, 0]})
    assert score.spoiled is not None
    for make, size, rng in _runs(kinds):
        good = _draw(make, rng, size)
        same = propose_schema(_frame(good, _draw(make, rng, DEAD)))
        score.runs += 1
        score.false_finds += same.verdict == "helps"
        if same.schema is None:
            continue
        wrong, fresh = _refused(same, _draw(make, rng, FRESH))
        score.wrong, score.fresh, score.worst = (
            score.wrong + wrong,
            score.fresh + fresh,
            max(score.worst, wrong / fresh),
        )
        wrong, fresh = _refused(same, _draw(make, rng, FRESH // 4, late=True))
        score.later_wrong, score.later = score.later_wrong + wrong, score.later + fresh
        places = always_there(good)
        for way, counts in score.spoiled.items():
            if places:
                place = places[int(rng.integers(len(places)))]
                spoiled = [spoil(one, place, way) for one in _draw(make, rng, DEAD) if _has(one, place)]
                refused, all_of_them = _refused(same, spoiled) if spoiled else (0, 0)
                counts[0] += refused
                counts[1] += all_of_them
    return score


def _has(payload: object, place: tuple[str | int, ...]) -> bool:
    for part in place:
        if not isinstance(payload, dict) or part not in payload:
            return False
        payload = payload[part]
    return True


def _measures(name: str, score: _Score) -> list[Measure]:
    assert score.spoiled is not None
    detail = f"{name}; windows of {', '.join(f'{size:,}' for size in SIZES)} good payloads, {score.runs} runs"
    out = [
        Measure(f"payload check, {name}: good payloads refused wrongly", score.wrong / max(score.fresh, 1), 0.01,
                0.001, False, f"{score.wrong:,} of {score.fresh:,} fresh ones; worst run {score.worst:.2%}; {detail}"),
        Measure(f"payload check, {name}: answers where payloads do not differ", score.false_finds / score.runs, 0.01,
                0.001, False, f"{score.false_finds} of {score.runs} runs"),
    ]  # fmt: skip
    for way, (refused, tried) in score.spoiled.items():
        words = "of another type" if way == "type" else "missing"
        out.append(Measure(f"payload check, {name}: refused where a field is {words}", refused / max(tried, 1), None,
                           None, True, f"{refused:,} of {tried:,}; any field that all payloads have"))  # fmt: skip
    late = f"{score.later_wrong:,} of {score.later:,}; whatever changed in it has changed by then"
    name = f"payload check, {name}: wrongly refused of the window's last moment"
    return [*out, Measure(name, score.later_wrong / max(score.later, 1), None, None, False, late)]


def _time() -> Measure:
    rng = np.random.default_rng(1)
    few = _draw(KINDS["order"](0), rng, 2_000)
    good = [{**few[n % len(few)], "number": n} for n in range(TIMED * 4 // 5)]
    place = ("customer", "email")
    dead = [spoil({**few[n % len(few)], "number": n}, place, "type") for n in range(TIMED // 5)]
    frame = _frame(good, dead)
    began = time.process_time()
    proposal = propose_schema(frame)
    spent = time.process_time() - began
    assert proposal.dead_refused == len(dead)
    return Measure("payload check, 100,000 payloads", spent, 10, 3, False,
                   "CPU seconds to learn a schema and try it on all of them; a fifth is refused")  # fmt: skip


def run(*, aside: bool = True) -> list[Measure]:
    """Scores on four makes of payload, on one that was kept aside, and the time."""
    out = _measures("four makes", _score(KINDS))
    if aside:
        out += _measures("random makes, kept aside", _score(ASIDE))
    return [*out, _time()]
