"""What would prevent it: payload checks, timeouts, what to make faster; against what was broken and cut."""

from __future__ import annotations

import re

from tests.whole.claims.scene import Scene, Wrong


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
