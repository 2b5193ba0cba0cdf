"""What failing events have that healthy ones have not: each claim against the payloads that were broken."""

from __future__ import annotations

from typing import Any

from tests.whole.claims.scene import Scene, Wrong, moment
from tests.whole.claims.why import class_of_seen

# Stretches in which nothing failed, or nothing succeeded, are left out of the comparison.
COMPARED = 0.9


def check_differences(scene: Scene) -> Wrong:
    """What differs is the broken field or its client; of failures that hit all alike nothing does."""
    parts = {part["of"]: part for part in scene.facts["differences"]}
    if not scene.has_dead:
        yield from () if not parts else (f"differences {parts} without dead letters",)
        return
    wanted = {"business", "infrastructure"} if class_of_seen(scene) == "mixed" else {"all"}
    if set(parts) != wanted:
        yield f"differences are of {sorted(parts)}, not of {sorted(wanted)}"
    for name, part in parts.items():
        by_payload = name == "business" or (name == "all" and class_of_seen(scene) == "business")
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
        tries, (onset, last) = scene.tries, scene.span
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
    # A broken event may have met the other fault of a mixed incident first.
    broken = len({one["event"] for one in scene.lost if one["broken"] and one["failure_class"] == "business"})
    # A list that is cut reaches back to another time than that of the healthy ones.
    least = 1 if scene.is_cut else COMPARED * broken - 1
    if not least <= row["failing_with"] <= broken:
        yield f"{row['failing_with']} failing events have it, and {broken} are broken"
    tries, onset = scene.tries, moment(scene.facts["onset"]["at"]).timestamp()
    healthy = int(((tries["outcome"] == "succeeded") & (tries["ended_s"] >= onset)).sum())
    said = row["healthy_with"] + row["healthy_without"]
    if not scene.is_cut and not COMPARED * healthy - 3 <= said <= healthy:
        yield f"{said} healthy ones, and {healthy} succeeded"
    if row["rate_with"] < 0.95 or row["rate_without"] > 0.05 or not row["low"] <= row["effect"] <= row["high"]:
        yield f"rates {row['rate_with']} and {row['rate_without']}, effect {row['effect']}"
    if row["p_value"] > 0.01 or row["usual"]:
        yield f"p {row['p_value']}, usual {row['usual']}"
