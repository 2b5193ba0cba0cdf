"""How long actions took, and what their durations are of: each claim against the attempts themselves."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tests.whole.claims.scene import Scene, Wrong, moment

MEDIAN_OFF = 0.05
FEW_DURATIONS = 10
# A sum may fall from one attempt to the next by chance: a few pairs tell nothing.
ENOUGH_RETRIED = 40


def _groups(scene: Scene) -> dict[str, Any]:
    """True durations by group, in the reading that the report took: of an attempt, a sum, or a sum's mean."""
    tries, (onset, last) = scene.tries, scene.span
    values = tries["sum_ms"] if scene.truth["dialect"]["duration_is_sum"] else tries["duration_ms"]
    if scene.facts["durations"]["basis"] == "sum":
        values = tries["sum_ms"] / tries["number"]
    good = tries["outcome"] == "succeeded"
    inside = (tries["ended_s"] >= onset) & (tries["ended_s"] <= last)
    window = scene.facts["incident"]["window"]
    looked = moment(window["start"]) - (moment(window["end"]) - moment(window["start"]))
    before = (tries["ended_s"] < onset) & (tries["ended_s"] >= looked.timestamp())
    return {"failing": values[inside & ~good], "healthy": values[inside & good], "baseline": values[before & good]}


def _waiting(scene: Scene) -> int:
    """Events between two attempts: an API that holds an event once calls them neither failed nor dead."""
    if scene.truth["dialect"]["record_per_attempt"]:
        return 0
    onset, last = scene.span
    ended = scene.tries["ended_s"]
    return int(((scene.tries["outcome"] == "failed") & (ended >= onset) & (ended <= last)).sum())


def check_durations(scene: Scene) -> Wrong:
    """Counts and medians of failing, healthy and earlier actions are those of the attempts themselves."""
    if not scene.has_dead or scene.is_cut or scene.hides_timeout:
        return
    true = _groups(scene)
    for row in scene.facts["durations"]["groups"]:
        values = true[row["group"]]
        waiting = _waiting(scene) if row["group"] == "failing" else 0
        if not 0.99 * (len(values) - waiting) - 3 <= row["records"] <= 1.01 * len(values) + 3:
            yield f"{row['records']} {row['group']}, and {len(values)} are, {waiting} of them between attempts"
        if row["p50_ms"] is not None and len(values) >= FEW_DURATIONS:
            middle = float(np.median(values))
            if abs(row["p50_ms"] - middle) > MEDIAN_OFF * middle:
                yield f"the median of {row['group']} is {middle:.0f} ms, not {row['p50_ms']} ms"
            if not row["p50_low_ms"] <= row["p50_ms"] <= row["p50_high_ms"]:
                yield f"the median of {row['group']} is not in its interval"
        quantiles = [row[name] for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms") if row[name] is not None]
        if quantiles != sorted(quantiles):
            yield f"quantiles of {row['group']} fall: {quantiles}"


def check_cut_durations(scene: Scene) -> Wrong:
    """As many actions are said to be cut by the timeout as ran into it, and their time is unknown above it."""
    if not scene.has_dead or scene.is_cut or scene.hides_timeout:
        return
    limit = scene.truth["timeouts_ms"][scene.workflow_id]
    cut = int((_groups(scene)["failing"] >= limit).sum()) if scene.scenario == "timeout" else 0
    failing = next(row for row in scene.facts["durations"]["groups"] if row["group"] == "failing")
    if not 0.99 * (cut - _waiting(scene)) - 3 <= failing["censored"] <= 1.01 * cut + 3:
        yield f"{failing['censored']} are said to be cut, and {cut} are"
    if cut and not 0.99 * limit <= failing["unknown_above_ms"] <= 1.01 * limit:
        yield f"unknown above {failing['unknown_above_ms']} ms, and the timeout is {limit} ms"


def check_duration_basis(scene: Scene) -> Wrong:
    """Durations are called sums where they are, and unknown only where an event has one record and no limit tells."""
    dialect, said = scene.truth["dialect"], scene.facts["durations"]["basis"] if scene.facts["durations"] else None
    if not scene.has_dead or scene.is_cut or scene.hides_timeout:
        return
    retried = int((scene.tries["number"] > 1).sum())
    if said == "unknown":
        if dialect["record_per_attempt"] and retried >= ENOUGH_RETRIED:
            yield f"{retried} further attempts have their record, and whether durations are sums is unknown"
    elif (said == "sum") != (dialect["duration_is_sum"] and retried > 1):
        yield f"basis {said}, and that they are sums is {dialect['duration_is_sum']}"


def _per_attempt(scene: Scene) -> tuple[int, float]:
    """How many actions failed in the incident, and how many times as long as usual one attempt of them took."""
    tries, (onset, last) = scene.tries, scene.span
    values = tries["sum_ms"] / tries["number"] if scene.truth["dialect"]["duration_is_sum"] else tries["duration_ms"]
    good = tries["outcome"] == "succeeded"
    failing = values[(tries["ended_s"] >= onset) & (tries["ended_s"] <= last) & ~good]
    usual = values[(tries["ended_s"] < onset) & good]
    ratio = float(np.median(failing) / np.median(usual)) if len(failing) and len(usual) else float("nan")
    return len(failing), ratio


def check_duration_verdict(scene: Scene) -> Wrong:
    """Slow, at once or no different is said as the attempts' own medians are; not told only where records do not."""
    if not scene.has_dead or scene.is_cut:
        return
    said = scene.facts["durations"]["verdict"]
    failing, ratio = _per_attempt(scene)
    fits = {"slow then dead": ratio > 1.7, "dead at once": ratio < 0.6, "no difference": 0.45 < ratio < 2.2,
            "both": scene.scenario in {"infrastructure", "mixed", "shared"}}  # fmt: skip
    if said == "cannot tell":
        is_doubtful = scene.facts["durations"]["basis"] == "unknown" or failing < FEW_DURATIONS
        # Close to twice or half, the intervals may hold both.
        if not is_doubtful and not (1.6 < ratio < 2.5 or 0.4 < ratio < 0.65):
            yield f"{said}, and failing ones take {ratio:.2f} times as long"
    elif not fits[said]:
        yield f"{said}, and failing ones take {ratio:.2f} times as long"
    if scene.scenario == "timeout" and said != "slow then dead":
        yield f"{said}, and the timeout ended them"


def check_duration_ratio(scene: Scene) -> Wrong:
    """How many times as long failing actions took is of one attempt against one, in the reading that is true."""
    durations = scene.facts["durations"]
    if not durations or not scene.has_dead or scene.is_cut:
        return
    # Where the reading is not known both are given, first that of the last attempt.
    readings = re.split(r"(?:But it|It) is not known whether", durations["sentence"])
    told = re.search(r"([0-9.,]+) times as long", readings[-1 if scene.truth["dialect"]["duration_is_sum"] else 0])
    if told:
        _, ratio = _per_attempt(scene)
        if not 0.7 * ratio <= float(told[1].replace(",", "")) <= 1.4 * ratio:
            yield f"{durations['sentence']} By attempt it is {ratio:.1f} times."


def check_duration_sentence(scene: Scene) -> Wrong:
    """The sentence on durations names the medians of its own table."""
    durations = scene.facts["durations"]
    told = (
        re.search(r"failing actions took ([0-9.,]+) (ms|s|min) or less", durations["sentence"]) if durations else None
    )
    if told is None:
        return
    said = float(told[1].replace(",", "")) * {"ms": 1, "s": 1e3, "min": 6e4}[told[2]]
    shown = next(row["p50_ms"] for row in durations["groups"] if row["group"] == "failing")
    if abs(said - shown) > 0.03 * shown:
        yield f"{told[0]}, and the table has {shown} ms"
