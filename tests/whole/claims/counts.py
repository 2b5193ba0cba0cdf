"""How many: events, deliveries, counters, clients' reports, and the two items of the checklist, against the truth."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from tests.whole.claims.scene import ROUNDING, SCRAPE, Scene, Wrong, moment, names_clients

QUIET = timedelta(minutes=15)
# A few attempts end between an onset's lower bound and the scrape before it.
EDGE = 2


def check_events(scene: Scene) -> Wrong:
    """Affected and open events are counted exactly, or as at least so many where the API cuts; none healed."""
    said = scene.facts["events"]
    if not scene.has_dead:
        if any(said[name]["value"] is not None for name in ("affected", "total", "open", "healed")):
            yield f"events {said} where there is no incident of dead letters"
        return
    true = len({one["event"] for one in scene.lost})
    for name, number in (("affected", true), ("total", true), ("open", true), ("healed", 0)):
        value, bound = said[name]["value"], said[name]["bound"]
        if bound == "exact" and value != number:
            yield f"{name} {value} is not {number}"
        elif bound != "exact" and not scene.is_cut:
            yield f"{name} is {bound} {value}, and the API goes on to the end"
        elif value is None or not 0 <= value <= number or (name != "healed" and number and not value):
            yield f"{name} {bound} {value}, and {number} are"


def check_impact_counts(scene: Scene) -> Wrong:
    """Events, deliveries and counter are counted as they are; what was never given is not known."""
    counts = {row["name"]: row for row in scene.facts["impact"]["counts"]}
    if not scene.has_dead:
        yield from () if not counts else (f"impact {counts} where there is no incident of dead letters",)
        return
    true = len(scene.lost)
    times = [moment(one["at"]) for one in scene.lost]
    records, counter = counts["dead letters by the records"], counts["dead letters by the counter"]
    if (records["bound"] == "exact" and records["value"] != true) or records["value"] > true:
        yield f"{records} and {true} died"
    if counter["value"] is not None:
        low = 0.98 * (true - scene.unseen(times, min(times))) - EDGE
        if not low <= counter["value"] <= true + EDGE:
            yield f"{counter}, and {true} died"
    for name in ("republished", "set aside"):
        if counts[name]["value"] is not None or counts[name]["bound"] != "unknown":
            yield f"{name} {counts[name]}, and nobody told"


def check_clients(scene: Scene) -> Wrong:
    """As many clients are affected as sent the events; they are counted only where their field was set."""
    counts = {row["name"]: row for row in scene.facts["impact"]["counts"]}
    if not scene.has_dead or not names_clients(scene.truth["seed"]):
        yield from (f"{name}, and no field names clients" for name in counts if name.startswith("payload."))
        return
    true = len({one["client"] for one in scene.lost})
    for name in ("affected", "open"):
        said = counts[f"payload.client_id {name}"]
        if (said["bound"] == "exact" and said["value"] != true) or not 1 <= (said["value"] or 0) <= true:
            yield f"{said}, and {true} clients sent what died"
        if said["bound"] != "exact" and not scene.is_cut:
            yield f"{said}, and every payload names its client"


def check_balance_names_a_cause(scene: Scene) -> Wrong:
    """A cause for which counts do not balance is there: a cut list, or a worker that stopped within the incident."""
    stops = [moment(one["stopped_at"]) for own in scene.truth["processes"].values() for one in own]
    for row in scene.facts["impact"]["differences"]:
        within = [at for at in stops if moment(scene.truth["onset_at"]) - SCRAPE <= at <= scene.as_of]
        if row["cause"] == "truncated page" and not scene.is_cut:
            yield f"{row['sentence']} The API goes on to the end."
        elif row["cause"] == "counter reset" and not within:
            yield f"{row['sentence']} No worker stopped in the incident."
        elif row["cause"] not in {"truncated page", "counter reset", "not explained"}:
            yield f"{row['cause']}: {row['sentence']}"


def check_balance_is_explained(scene: Scene) -> Wrong:
    """Nothing is left unexplained: what no scrape has seen yet is known by the time of each worker's last scrape."""
    for row in scene.facts["impact"]["differences"]:
        if row["cause"] == "not explained":
            yield row["sentence"]


def _grown(scene: Scene, name: str, times: list[datetime], start: datetime, end: datetime) -> Wrong:
    said = scene.facts["metrics"][f"{name}_increase"]
    inside = [at for at in times if start < at <= end]
    edge = sum(start - SCRAPE <= at <= start or end < at <= end + SCRAPE for at in times)
    unseen = scene.unseen(inside, start)
    if said is None:
        yield f"no {name} are counted"
    elif not 0.98 * (len(inside) - unseen) - EDGE <= said <= len(inside) + edge + EDGE:
        yield f"{name} grew by {said}, and by {len(inside)} in truth, {unseen} of them unseen by a scrape"


def check_metrics(scene: Scene) -> Wrong:
    """The three counters grew by what happened from the onset to the end, less what no scrape has seen."""
    if not scene.has_dead:
        return
    since = moment(scene.facts["metrics"]["since"])
    if abs(since - moment(scene.facts["onset"]["low"])) > SCRAPE:
        yield f"counted since {since}, and the onset is {scene.facts['onset']['at']}"
    end = scene.facts["end"]["at"] or scene.facts["as_of"]
    if scene.facts["metrics"]["until"] != end:
        yield f"counted until {scene.facts['metrics']['until']}, and the end is {end}"
    until = moment(end)
    yield from _grown(scene, "dead_letters", [moment(one["at"]) for one in scene.own], since, until)
    yield from _grown(scene, "failures", scene.times_of("failed", "dead"), since, until)
    yield from _grown(scene, "successes", scene.times_of("succeeded"), since, until)


def check_checklist(scene: Scene) -> Wrong:
    """The counter grows, and dead letters are new, exactly where some came since the moment that is named."""
    if not scene.has_dead:
        return
    counter, records, *rest = scene.facts["closure"]["items"]
    for row in (counter, records):
        since = moment(row["since"])
        times = [moment(one["at"]) for one in scene.lost_between(since, scene.as_of)]
        # The step in which the moment lies is not looked at; of what is not scraped the counter says nothing.
        low = len([at for at in times if at > since + SCRAPE]) - scene.unseen(times, since)
        # The last dead letter of the incident is where it ends, and its record may have the rounded time.
        sure = [at for at in times if at > since + ROUNDING]
        low, most = (max(low, 0), len(times)) if row is counter else (len(sure), len(times))
        told = re.search(r"by ([0-9,]+) in|^(?:At least )?([0-9,]+) in", row["why"])
        number = int((told[1] or told[2]).replace(",", "")) if told else 0
        if row["why"].startswith("At least"):
            if not scene.is_cut:
                yield f"{row['text']} {row['why']} The API goes on to the end."
            low = min(low, 1)
        if not low <= number <= most:
            yield f"{row['text']} {row['why']} {len(times)} died then."
        if (row["state"] == "no") != (number > 0):
            yield f"{row['text']} is {row['state']}: {row['why']}"
        if row["state"] == "yes" and sure:
            yield f"{row['text']} is called so, and {len(times)} died."
    if [row["state"] for row in rest if row["name"] in {"confirmation", "ticket"}] != ["person", "person"]:
        yield "the client's word and the ticket are for people to say"


def check_reports_count(scene: Scene) -> Wrong:
    """Every report of the list is counted once, and each that is listed has its own fate."""
    said = scene.facts["reports"]
    if said["count"] != len(scene.reports) or sum(said["fates"].values()) != len(scene.reports):
        yield f"{said['count']} reports, fates {said['fates']}; {len(scene.reports)} were given"
    listed = sum(count for name, count in said["fates"].items() if name != "succeeded")
    if len(said["rows"]) != listed:
        yield f"{len(said['rows'])} are listed, and {listed} did not succeed"


def check_reported_losses(scene: Scene) -> Wrong:
    """Every reported dead letter is called dead, and what never arrived is called nothing else."""
    true, said = Counter(row["fate"] for row in scene.reports), scene.facts["reports"]["fates"]
    own = sum(row["fate"] == "dead" for row in scene.reports)
    if scene.reports and not scene.is_cut and said.get("dead", 0) != own:
        yield f"{said.get('dead', 0)} are called dead, and {own} are"
    if said.get("never arrived", 0) + said.get("unknown", 0) < true["never arrived"]:
        yield f"fates {said}, and {true['never arrived']} never arrived"
    by_trace = {row["trace_id"]: row["fate"] for row in scene.reports if row["trace_id"]}
    for row in scene.facts["reports"]["rows"]:
        if row["trace_id"] and row["fate"] == "dead" and by_trace[row["trace_id"]] != "dead":
            yield f"{row} is {by_trace[row['trace_id']]}"


def check_reported_successes(scene: Scene) -> Wrong:
    """No event that succeeded is said never to have arrived: where its records were not asked for, it is unknown."""
    true, said = Counter(row["fate"] for row in scene.reports), scene.facts["reports"]["fates"]
    if said.get("never arrived", 0) > true["never arrived"]:
        yield f"{said['never arrived']} are said never to have arrived, and {true['never arrived']} did not"


def check_counted_dead_letters(scene: Scene) -> Wrong:
    """Dead letters that make no incident are counted over the window that the sentence is about."""
    pattern = r"([0-9,]+) dead letters? (?:is|are) (?:no more than usual|too few)"
    told = re.search(pattern, scene.facts["state"]["reason"])
    start = moment(scene.facts["incident"]["window"]["start"])
    true = [one for one in scene.truth["losses"] if start <= moment(one["at"]) <= scene.as_of]
    if told and int(told[1].replace(",", "")) != len(true):
        yield f"{told[0]}, and {len(true)} died in this window"
