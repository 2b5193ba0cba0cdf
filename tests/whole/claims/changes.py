"""What changed before the onset: each claim against what the platform did."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from tests.whole.accuracy import LOOKED_BACK
from tests.whole.claims.scene import ROUNDING, SCRAPE, Scene, Wrong, moment

BEFORE_ONSET = timedelta(minutes=30)
# Workers restart one after the other, and a scrape shows it later.
ROLLING = timedelta(seconds=90)
# Payloads are counted from the first changed one on, and the newest of them only.
SHARE_OFF = 0.05


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
    """What was looked at for changes is what was collected; payloads only beside enough of before the half hour."""
    looked, onset = scene.facts["changes"]["looked_at"], scene.facts["onset"]["at"]
    wanted = ["restarts and versions", "volume", "worker logs"]
    yield from (f"{name} is not among: {looked}" for name in wanted if name not in looked)
    if onset is None:
        if "payloads" in looked:
            yield f"payloads of before no onset: {looked}"
    elif scene.has_dead and not scene.is_cut:
        begin, half_hour_before = (scene.as_of - LOOKED_BACK).timestamp(), moment(onset).timestamp() - 1800
        ended = scene.tries["ended_s"]
        known = int(((ended >= begin) & (ended < half_hour_before)).sum())
        # A few more or less are a matter of where the window begins.
        if not 25 <= known <= 35 and (known > 30) != ("payloads" in looked):
            yield f"{known} payloads of before, and looked at: {looked}"


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
