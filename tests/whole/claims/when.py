"""Which workflow, since when, until when, still going on: each claim of it against the truth."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.whole.claims.scene import ROUNDING, SCRAPE, Scene, Wrong, moment

LATE = 2 * SCRAPE
# Failures are judged over some scrapes, and their rise may be put at the first of these.
EARLY = timedelta(minutes=2)
# A rise of what an action takes or fails shows over several scrapes; a longer delay would be another event.
SLOW_TO_SHOW = timedelta(minutes=10)


def check_workflow(scene: Scene) -> Wrong:
    """The workflow of the report is the one that loses most events, by its id and by its name."""
    said = scene.facts["workflow"]
    if said["id"] != scene.truth["workflow_id"]:
        yield f"workflow {said['id']} is not {scene.truth['workflow_id']}"
    if scene.has_dead and said["name"] != scene.truth["workflow_name"]:
        yield f"name {said['name']} is not {scene.truth['workflow_name']}"


def check_state(scene: Scene) -> Wrong:
    """Going on, ended or nothing is said as it is, of the signal that it is."""
    if scene.is_blind:
        return
    reported = "support" if scene.reports else None
    kind = {"quiet": reported, "silence": "silence"}.get(scene.scenario, "dead_letters")
    if scene.kind != kind:
        yield f"the signal is {scene.kind}, not {kind}"
    value = scene.facts["state"]["value"]
    true = "going_on" if scene.truth["going_on"] or kind == "support" else "nothing" if kind is None else "ended"
    if value != true:
        yield f"it says {value}, and is {true}"


def check_blind_silence(scene: Scene) -> Wrong:
    """Where the scraping stops and nothing else tells, the report is of a silence, or not known; never "nothing"."""
    if scene.is_blind and scene.kind != "silence" and scene.facts["state"]["value"] != "unknown":
        said = [row["evidence"] for row in scene.facts["signals"] if row["signal"] == "silence"]
        yield f"{scene.facts['state']}, and the worker is gone since {scene.truth['onset_at']}; signals: {said}"


def check_missing_events(scene: Scene) -> Wrong:
    """How many events were to come in a silence is what came to the subscription meanwhile, each counted once."""
    true = sum(at <= scene.as_of.timestamp() for at in scene.truth["unseen_s"])
    for row in scene.facts["signals"]:
        if row["signal"] != "silence" or scene.scenario != "silence" or scene.is_blind:
            continue
        # They are told by the lowest rate before it; in a morning more come than then, in an evening fewer.
        if not 0.5 * true - 3 * true**0.5 <= row["size"] <= 1.4 * true + 3 * true**0.5:
            yield f"{row['size']} events were to come, and {true} came"


def check_onset(scene: Scene) -> Wrong:
    """The onset is within two scrapes of the first dead letter, or of the last sign of life; its bounds hold it."""
    said, true = scene.facts["onset"], scene.truth["onset_at"]
    if true is None or scene.is_blind:
        return
    at, onset = moment(said["at"]), moment(true)
    # Counters that come and go with a restart leave the onset open, and records that are cut cannot place it.
    span = moment(said["high"]) - moment(said["low"])
    if abs(at - onset) > (max(LATE, min(span, SLOW_TO_SHOW) / 2) if scene.is_cut else LATE):
        yield f"onset {at} is not {onset}"
    if not moment(said["low"]) - ROUNDING <= onset <= moment(said["high"]) + SCRAPE:
        yield f"onset {onset} is not between {said['low']} and {said['high']}"
    if not said["low"] <= said["at"] <= said["high"]:
        yield f"onset {at} is not between its own bounds"
    if abs(said["age_s"] - (scene.as_of - at).total_seconds()) > 1:
        yield f"the onset's age {said['age_s']} is not up to the end of the evidence"
    if said["is_window_start"]:
        yield "it says that the onset may lie before the evidence"


def check_end(scene: Scene) -> Wrong:
    """An end is said only where the incident ended, and lies within its resolution of the last dead letter."""
    said, true = scene.facts["end"], scene.truth["end_at"]
    if (said["at"] is None) != (true is None or scene.kind == "support"):
        yield f"end {said['at']} is not {true}"
    elif true is not None:
        off = abs(moment(said["at"]) - moment(true))
        if off > timedelta(seconds=said["resolution_s"]) + SCRAPE:
            yield f"end {said['at']} is {off} from {true}, more than {said['resolution_s']} s"
    if scene.has_dead and not 0 < said["resolution_s"] <= (600 if scene.is_cut else 120):
        yield f"the resolution of the end is {said['resolution_s']} s"


def check_last_dead_letter(scene: Scene) -> Wrong:
    """The last dead letter is the last of the workflow in the incident, and its age is up to the report's end."""
    said = scene.facts["last_dead_letter"]
    if not scene.has_dead:
        if said["at"] is not None:
            yield f"a last dead letter {said['at']} where there is no incident of them"
        return
    true = max(moment(one["at"]) for one in scene.lost)
    if said["at"] is None or abs(moment(said["at"]) - true) > ROUNDING:
        yield f"last dead letter {said['at']} is not {true}"
    elif abs(said["age_s"] - (scene.as_of - true).total_seconds()) > 2:
        yield f"its age {said['age_s']} is not up to the end of the evidence"


def check_other_signals(scene: Scene) -> Wrong:
    """No signal is of a healthy workflow; slow or failing actions are signalled near the cause, and only there."""
    hit = {scene.truth["busiest_workflow_id"], *scene.truth["also_hit"]}
    for row in scene.facts["signals"]:
        name = f"{row['signal']} of {row['workflow_id']} at {row['onset_at']}"
        if row["signal"] == "support":
            yield from () if scene.reports else (f"{name}, and nobody reported anything",)
        elif row["signal"] == "silence":
            yield from () if scene.scenario == "silence" else (f"{name}, and nothing is silent",)
        elif not scene.has_dead:
            yield f"{name}, and nothing fails"
        elif row["workflow_id"] not in hit:
            yield f"{name}, and that workflow is well"
        else:
            # Among failures that are fast, a few slow ones show only after a while, but while they last.
            cause, ends = scene.truth["cause_at"], scene.truth["cause_ends_at"] or scene.facts["as_of"]
            is_duration = row["signal"] == "duration"
            early = moment(cause) - (SLOW_TO_SHOW if is_duration else EARLY)
            late = moment(ends) if is_duration else moment(cause) + SLOW_TO_SHOW
            if not early <= moment(row["onset_at"]) <= late:
                yield f"{name} is far from the cause at {cause}"


def check_duration_signal(scene: Scene) -> Wrong:
    """An action that is said to take longer does: its median in the incident is above that of before."""
    for row in scene.facts["signals"]:
        if row["signal"] != "duration" or row["workflow_id"] != scene.truth["workflow_id"]:
            continue
        tries, start = scene.truth["tries"], moment(row["onset_at"]).timestamp()
        end = scene.as_of.timestamp() if row["end_at"] is None else moment(row["end_at"]).timestamp()
        cause = moment(scene.truth["cause_at"]).timestamp()
        pairs = list(zip(tries["ended_s"], tries["duration_ms"], strict=True))
        during = sorted(ms for at, ms in pairs if start <= at <= end)
        before = sorted(ms for at, ms in pairs if at < cause)
        if not during or during[len(during) // 2] < 1.1 * before[len(before) // 2]:
            yield f"{row['evidence']} By the attempts themselves it does not."


def check_duration_onset(scene: Scene) -> Wrong:
    """Actions are not said to have been slower from when on they surely were not: before the cause."""
    for row in scene.facts["signals"]:
        if row["signal"] == "duration" and moment(row["onset_high_at"]) < moment(scene.truth["cause_at"]) - SCRAPE:
            yield f"{row['evidence']} By {row['onset_high_at']}, and the cause is at {scene.truth['cause_at']}"


def check_findings(scene: Scene) -> Wrong:
    """Workflows whose dead letters jump are in one finding each, and none is in a finding that is well."""
    found = scene.facts["findings"]
    if not scene.has_dead:
        yield from () if not found else (f"findings {found} where no dead letters jump",)
        return
    hit = [scene.workflow_id, *scene.truth["also_hit"]]
    said = [name for row in found for name in row["workflow_ids"]]
    if sorted(said) != sorted(hit):
        yield f"the findings are of {sorted(said)}, not of {sorted(hit)}"
        return
    first = next(row for row in found if scene.workflow_id in row["workflow_ids"])
    if abs(moment(first["onset_at"]) - moment(scene.truth["onset_at"])) > LATE + timedelta(minutes=1):
        yield f"the finding begins at {first['onset_at']}, not at {scene.truth['onset_at']}"
    if (first["end_at"] is None) != (scene.truth["end_at"] is None):
        yield f"the finding ends at {first['end_at']}, and that is {scene.truth['end_at']}"
    if len(hit) == 1 and first["sentence"] != "One workflow, alone.":
        yield f"{first['sentence']!r} of one workflow"
    if not 0.9 * len(scene.lost) - 3 <= first["size"] and not scene.is_cut:
        yield f"the finding has {first['size']} dead letters, and {len(scene.lost)} are"


def check_one_fault_is_one_finding(scene: Scene) -> Wrong:
    """Workflows that lose their events to one database are one finding, though its errors have several texts."""
    found = scene.facts["findings"]
    if scene.truth["also_hit"] and len(found) != 1:
        yield f"{len(found)} findings of one fault: {[row['sentence'] for row in found]}"


def check_other_workflows(scene: Scene) -> Wrong:
    """Other workflows are named where they lose events too, with how many, and no others."""
    said = {row["workflow_id"]: row for row in scene.facts["other_workflows"]}
    if set(said) != set(scene.truth["also_hit"]):
        yield f"other workflows {sorted(said)} are not {sorted(scene.truth['also_hit'])}"
    for name, row in said.items():
        true = [one for one in scene.truth["losses"] if one["workflow_id"] == name
                and moment(scene.truth["cause_at"]) <= moment(one["at"]) <= scene.as_of]  # fmt: skip
        if not 0.9 * len(true) - 3 <= row["events"] <= len(true):
            yield f"{row['events']} dead letters of {name}, and {len(true)} are true"


def check_timeline(scene: Scene) -> Wrong:
    """The timeline is in order, and its moments are those that the report names elsewhere."""
    rows = scene.facts["timeline"]
    times = [moment(row["at"]) for row in rows]
    if times != sorted(times):
        yield "the timeline is out of order"
    known = {scene.facts["onset"]["at"], scene.facts["end"]["at"], scene.facts["as_of"],
             scene.facts["last_dead_letter"]["at"], *(row["at"] for row in scene.facts["changes"]["rows"]),
             *(row["first_at"] for row in scene.facts["signatures"])}  # fmt: skip
    for row in rows:
        if row["at"] not in known:
            yield f"{row} is nowhere else in the report"
        if row["what"] == "The signal ends" and scene.truth["going_on"]:
            yield "the timeline has an end, and it goes on"


def check_first_seen(scene: Scene) -> Wrong:
    """What the timeline calls first seen is the first that was: a list that was cut cannot tell."""
    for row in scene.facts["timeline"]:
        if row["what"].startswith("First seen: ") and scene.is_cut:
            yield f"{row['what']} at {row['at']}, though the API gave its newest records only"


def check_basis(scene: Scene) -> Wrong:
    """The numbers in the sentence that the onset rests on are those of the counter and of the records."""
    text = scene.facts["onset"]["basis"]
    grown = re.search(r"counter grew by ([0-9,]+)", text)
    held = re.search(r"([0-9,]+) dead letters in the execution records", text)
    true = len(scene.lost)
    times = [moment(one["at"]) for one in scene.lost]
    if grown and scene.has_dead:
        number, unseen = int(grown[1].replace(",", "")), scene.unseen(times, min(times))
        if not 0.98 * (true - unseen) - 1 <= number <= true:
            yield f"the counter is said to have grown by {number}; {true} died, {unseen} of them unseen by a scrape"
    if held and int(held[1].replace(",", "")) != true:
        yield f"{held[0]}, and {true} are"
