"""What changed before, what differs, how long actions took: each claim against what the platform did."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import numpy as np

from tests.whole.claims.scene import ROUNDING, SCRAPE, Scene, Wrong, moment

BEFORE_ONSET = timedelta(minutes=30)
# Workers restart one after the other, and a scrape shows it later.
ROLLING = timedelta(seconds=90)
# Payloads are counted from the first changed one on, and the newest of them only.
SHARE_OFF = 0.05
MEDIAN_OFF = 0.05
FEW_DURATIONS = 10
# A sum may fall from one attempt to the next by chance: a few pairs tell nothing.
ENOUGH_RETRIED = 40


def _changes(scene: Scene, kind: str) -> list[Any]:
    return [row for row in scene.facts["changes"]["rows"] if row["kind"] == kind]


def check_version(scene: Scene) -> Wrong:
    """A new version is named with the old one and its time where there is one, on the workers that have it."""
    rows, true = _changes(scene, "version"), scene.truth["change"]
    if true is None or not scene.has_dead:
        yield from (f"{row['what']}, and no version changed" for row in rows)
        return
    if len(rows) != 1 or true["what"] not in rows[0]["what"]:
        yield f"{[row['what'] for row in rows]} is not {true['what']}"
    elif not -SCRAPE <= moment(rows[0]["at"]) - moment(true["at"]) <= ROLLING:
        yield f"{rows[0]['what']} at {rows[0]['at']} is not at {true['at']}"
    else:
        missing = [name for name in scene.truth["processes"] if name not in rows[0]["what"]]
        yield from (f"{rows[0]['what']} does not name {name}" for name in missing)


def check_restarts(scene: Scene) -> Wrong:
    """A restart is named where a worker restarted in the half hour before the onset, and nowhere else."""
    if not scene.has_dead:
        yield from (f"{row['what']}" for row in _changes(scene, "restart"))
        return
    onset = moment(scene.facts["onset"]["at"])
    true = {
        name
        for name, own in scene.truth["processes"].items()
        for one in own
        if onset - BEFORE_ONSET <= moment(one["started_at"]) <= onset
    }
    said = {name for row in _changes(scene, "restart") for name in scene.truth["processes"] if name in row["what"]}
    if said != true:
        yield f"restarts of {sorted(said)}, and {sorted(true)} restarted"


def check_other_changes(scene: Scene) -> Wrong:
    """No client, no volume and no log line is named as a change: none changed here beside what metrics tell."""
    for row in scene.facts["changes"]["rows"]:
        if row["kind"] not in {"version", "restart", "payload"}:
            yield f"{row['kind']}: {row['what']}"
        if abs(row["before_s"] - (moment(scene.facts["onset"]["at"]) - moment(row["at"])).total_seconds()) > 1:
            yield f"{row['what']} is not {row['before_s']} s before the onset"


def check_looked_at(scene: Scene) -> Wrong:
    """What was looked at for changes is what was collected."""
    looked = scene.facts["changes"]["looked_at"]
    wanted = [
        "restarts and versions",
        "volume",
        "worker logs",
        *(["payloads"] if scene.facts["events"]["evidence"] else []),
    ]
    yield from (f"{name} is not among: {looked}" for name in wanted if name not in looked)


def check_payload_change(scene: Scene) -> Wrong:
    """A changed payload is named by its field, time and number of payloads; where none changed, none is named."""
    rows, true = _changes(scene, "payload"), scene.truth["payload_change"]
    if true is None or not scene.has_dead:
        yield from (f"{row['what']}, and no payload changed" for row in rows)
        return
    tries = scene.tries
    for row in rows:
        names = (true["field"], true["new_field"])
        if not any(name is not None and re.search(rf"\b{name}\b", row["what"]) for name in names):
            yield f"{row['what']}, and what changed is {true['field']}"
            continue
        first = tries["ended_s"][tries["broken"]].min()
        if abs(moment(row["at"]).timestamp() - first) > ROUNDING.total_seconds():
            yield f"{row['what']} at {row['at']}, and the first was at {first}"
        told = re.search(r"in ([0-9,]+) of ([0-9,]+) payloads since", row["what"])
        since = tries["ended_s"] >= first
        share = float(tries["broken"][since].mean())
        if told is None:
            yield f"{row['what']} does not say how many"
            continue
        count, total = (int(number.replace(",", "")) for number in told.groups())
        if count > tries["broken"].sum() or abs(count / total - share) > SHARE_OFF:
            yield f"{told[0]}, and {share:.1%} of {since.sum()} are"


def check_payload_change_is_seen(scene: Scene) -> Wrong:
    """A payload that changed within the half hour before the onset is named, also where a value is now null."""
    true = scene.truth["payload_change"]
    if true is None or not scene.has_dead or scene.is_cut:
        return
    tries = scene.tries
    first, onset = tries["ended_s"][tries["broken"]].min(), moment(scene.facts["onset"]["at"]).timestamp()
    # What came to light after the onset is no change before it.
    if first <= onset + 30 and not _changes(scene, "payload"):
        yield f"{true['field']} became {true['becomes']}, and the changes are {scene.facts['changes']['rows']}"


def check_differences(scene: Scene) -> Wrong:
    """What differs is the broken field or its client; of failures that hit all alike nothing does."""
    parts = {part["of"]: part for part in scene.facts["differences"]}
    if not scene.has_dead:
        yield from () if not parts else (f"differences {parts} without dead letters",)
        return
    wanted = {"business", "infrastructure"} if scene.scenario == "mixed" else {"all"}
    if set(parts) != wanted:
        yield f"differences are of {sorted(parts)}, not of {sorted(wanted)}"
    for name, part in parts.items():
        by_payload = name == "business" or (name == "all" and scene.scenario == "business")
        if not by_payload:
            yield from _wrong_nothing(scene, name, part)
        elif part["answer"] == "not comparable" and scene.is_cut:
            continue
        elif part["answer"] != "found":
            yield f"of {name}: {part['answer']}, and {scene.truth['payload_change']['field']} is broken"
        else:
            yield from _wrong_difference(scene, part["rows"][0])


def _wrong_nothing(scene: Scene, name: str, part: Any) -> Wrong:
    if part["answer"] == "found":
        yield f"of {name}: {[row['conditions'] for row in part['rows']]}, and it hits all alike"
    elif part["answer"] == "not comparable":
        tries, (onset, last) = scene.tries, _span(scene)
        healthy = int(
            ((tries["outcome"] == "succeeded") & (tries["ended_s"] >= onset) & (tries["ended_s"] <= last)).sum()
        )
        if healthy >= 50 and not scene.is_cut:
            yield f"of {name}: {part['reason']} But {healthy} succeeded in that time."
    elif part["answer"] != "nothing" or part["rows"]:
        yield f"of {name}: {part}"


def _wrong_difference(scene: Scene, row: Any) -> Wrong:
    true = scene.truth["payload_change"]
    names = {column.removeprefix("payload.") for column, _ in row["conditions"]}
    allowed = {true["field"], true["new_field"], "client_id", f"{true['field']} type"}
    if not names & allowed or any(f"payload.{name}" in names for name in allowed):
        yield f"{row['conditions']} is not {true['field']}"
    broken = len({one["event"] for one in scene.lost if one["broken"]})
    if abs(row["failing_with"] - broken) > 0.02 * broken + 1:
        yield f"{row['failing_with']} failing events have it, and {broken} are broken"
    tries, onset = scene.tries, moment(scene.facts["onset"]["at"]).timestamp()
    healthy = int(((tries["outcome"] == "succeeded") & (tries["ended_s"] >= onset)).sum())
    if not scene.is_cut and abs(row["healthy_with"] + row["healthy_without"] - healthy) > 0.02 * healthy + 3:
        yield f"{row['healthy_with'] + row['healthy_without']} healthy ones, and {healthy} succeeded"
    if row["rate_with"] < 0.95 or row["rate_without"] > 0.05 or not row["low"] <= row["effect"] <= row["high"]:
        yield f"rates {row['rate_with']} and {row['rate_without']}, effect {row['effect']}"
    if row["p_value"] > 0.01 or row["usual"]:
        yield f"p {row['p_value']}, usual {row['usual']}"


def _span(scene: Scene) -> tuple[float, float]:
    """From the report's onset to its end, or to where its evidence ends; seconds since 1970."""
    end = scene.facts["end"]["at"]
    return moment(scene.facts["onset"]["at"]).timestamp(), (scene.as_of if end is None else moment(end)).timestamp()


def _groups(scene: Scene) -> dict[str, Any]:
    """True durations by group, in the reading that the report took: of an attempt, a sum, or a sum's mean."""
    tries, (onset, last) = scene.tries, _span(scene)
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
    onset, last = _span(scene)
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
    tries, (onset, last) = scene.tries, _span(scene)
    values = tries["sum_ms"] / tries["number"] if scene.truth["dialect"]["duration_is_sum"] else tries["duration_ms"]
    good = tries["outcome"] == "succeeded"
    failing = values[(tries["ended_s"] >= onset) & (tries["ended_s"] <= last) & ~good]
    return len(failing), float(np.median(failing) / np.median(values[(tries["ended_s"] < onset) & good]))


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
    """How many times as long failing actions took is of one attempt against one, or is said to be of sums perhaps."""
    durations = scene.facts["durations"]
    told = re.search(r"([0-9.,]+) times as long", durations["sentence"]) if durations and scene.has_dead else None
    if told and not scene.is_cut and "not known whether" not in durations["sentence"]:
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


def check_validation(scene: Scene) -> Wrong:
    """A check of the payload is advised where a payload was broken, for its field, and refuses just the broken ones."""
    row = next((row for row in scene.facts["prevention"] if row["topic"] == "validate"), None)
    if not scene.has_dead:
        yield from () if row is None else (f"{row['sentence']} Nothing died.",)
        return
    assert row is not None
    true = scene.truth["payload_change"]
    if "is not known" in row["sentence"]:
        yield from () if scene.is_cut else (f"{row['evidence']} But the API goes on to the end.",)
        return
    told = re.search(r"refused ([0-9,]+) of ([0-9,]+) dead events", row["evidence"])
    refused = int(told[1].replace(",", "")) if told else 0
    broken = len({one["event"] for one in scene.own if one["broken"]})
    if (true is None) != ("would not have helped" in row["sentence"]):
        yield f"{row['sentence']} The payload's change: {true}"
    elif true is not None and not re.search(rf"payload\.({true['field']}|{true['new_field']})\b", row["sentence"]):
        yield f"{row['sentence']} The field is {true['field']}."
    if not broken <= refused <= broken + 0.02 * len(scene.own) + 1:
        yield f"{row['evidence']} {broken} were broken."
    wrongly = re.search(r"wrongly ([0-9,]+) of ([0-9,]+) good ones", row["evidence"])
    if wrongly and int(wrongly[1]) > 0.02 * int(wrongly[2].replace(",", "")) + 1:
        yield f"{row['evidence']} No good payload is wrong."


def check_validation_counts_the_incident(scene: Scene) -> Wrong:
    """The dead events that a check of the payload is tried on are those of the incident."""
    row = next((row for row in scene.facts["prevention"] if row["topic"] == "validate"), None)
    told = re.search(r"of ([0-9,]+) dead events", row["evidence"]) if row else None
    if told and int(told[1].replace(",", "")) != scene.facts["events"]["affected"]["value"]:
        yield f"{told[1]} dead events, and {scene.facts['events']['affected']['value']} are affected"


def check_timeout_advice(scene: Scene) -> Wrong:
    """Another timeout is spoken of only where the timeout ended the actions, and none is safe that cuts successes."""
    row = next((row for row in scene.facts["prevention"] if row["topic"] == "timeout"), None)
    if row is None:
        return
    told = re.search(r"A timeout of ([0-9.,]+) (ms|s|min) (?:would fail sooner|may be worth)", row["sentence"])
    if scene.scenario != "timeout":
        if told or "leave" not in row["sentence"].lower():
            yield f"{row['sentence']} No action ran into its timeout."
    elif told:
        said = float(told[1].replace(",", "")) * {"ms": 1, "s": 1e3, "min": 6e4}[told[2]]
        good = scene.tries["duration_ms"][scene.tries["outcome"] == "succeeded"]
        if said < 0.99 * good.max():
            yield f"{row['sentence']} A success took {good.max():.0f} ms."


def check_optimise(scene: Scene) -> Wrong:
    """Logs with one line an attempt do not tell which part of the action is slow, and the report says so."""
    row = next((row for row in scene.facts["prevention"] if row["topic"] == "optimise"), None)
    if row is not None and "do not tell" not in row["sentence"]:
        yield f"{row['sentence']} There is one line for each attempt."
