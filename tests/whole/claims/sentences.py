"""What a report says twice it says the same, and what it says to do fits what it found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from dlqkit.report.wording import count_text, headline, moment_text, summary
from tests.whole.claims.scene import SCRAPE, Scene, Wrong, moment
from tests.whole.claims.why import class_of_seen

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{5,8} UTC")

_FATES = ("succeeded", "failed", "dead", "never arrived", "unknown")


def _sentences(scene: Scene) -> Iterator[str]:
    """Every sentence of the report that people read."""
    facts = scene.facts
    yield headline(facts)
    yield from (f"{line.label}: {line.text}" for line in summary(facts))
    yield from (f"{row['label']}: {row['text']}" for row in facts["communication"])
    yield from (" ".join(row.values()) for row in facts["advice"])
    yield from (f"{row['sentence']} {row['evidence']}" for row in facts["prevention"])
    yield from (row["what"] for row in facts["timeline"])
    yield from (row["sentence"] for row in [*facts["impact"]["differences"], *facts["findings"]])
    yield from facts["assumptions"]
    yield facts["state"]["reason"]
    if facts["durations"]:
        yield facts["durations"]["sentence"]


def check_counts_agree(scene: Scene) -> Wrong:
    """The number of events is one number wherever it stands: headline, summary, classes, signatures, impact."""
    facts = scene.facts
    affected, total = facts["events"]["affected"], facts["events"]["total"]
    if affected["value"] is None:
        return
    if total["value"] != affected["value"] + facts["events"]["held"]["value"]:
        yield f"{total} in all, {affected} of them in the records and {facts['events']['held']} beyond them"
    for text in (headline(facts), facts["communication"][0]["text"]):
        if f": {count_text(total)} events dead-lettered" not in text:
            yield f"{text!r} does not name {count_text(total)}"
    for name, number in (
        ("classes", sum(facts["class"]["counts"].values())),
        ("rules", sum(row["events"] for row in facts["class"]["rules"])),
        ("signatures", sum(row["events"] for row in facts["signatures"])),
    ):
        if number != affected["value"]:
            yield f"the {name} have {number} events, and {affected['value']} are affected"
    counts = {row["name"]: row for row in facts["impact"]["counts"]}
    for name in ("affected", "open", "healed"):
        one, other = counts[f"events {name}"], facts["events"][name]
        if one["value"] != other["value"] or ((one["bound"] == "exact") != (other["bound"] == "exact")):
            yield f"events {name}: {other} and {one}"
    records = counts["dead letters by the records"]["value"]
    if records < affected["value"]:
        yield f"{records} dead letters of {affected['value']} events"


def check_counter_agrees(scene: Scene) -> Wrong:
    """The growth of the dead-letter counter is one number in the onset's sentence, in the metrics and in the impact."""
    facts = scene.facts
    told = re.search(r"counter grew by ([0-9,]+)", facts["onset"]["basis"])
    counter = next((row["value"] for row in facts["impact"]["counts"] if row["source"] == "counter"), None)
    numbers = {int(told[1].replace(",", "")) if told else None, counter, facts["metrics"]["dead_letters_increase"]}
    if len(numbers - {None}) > 1:
        yield f"{told[0] if told else ''}, impact {counter}, metrics {facts['metrics']['dead_letters_increase']}"


def check_counter_difference_adds_up(scene: Scene) -> Wrong:
    """By how much counter and records differ is what stands between the two counts."""
    counts = {row["name"]: row["value"] for row in scene.facts["impact"]["counts"]}
    gaps = [row["size"] for row in scene.facts["impact"]["differences"] if row["between"] == "counter and records"]
    if gaps and counts["dead letters by the counter"] is not None:
        between = abs(counts["dead letters by the records"] - counts["dead letters by the counter"])
        if sum(gaps) != between:
            yield f"the differences make {sum(gaps)}, the counts {counts}"


def check_fates_agree(scene: Scene) -> Wrong:
    """What became of the reported events is the same in the signal's sentence as in their table."""
    told = [row["evidence"] for row in scene.facts["signals"] if row["signal"] == "support"]
    for text in told:
        counts = {name: int(count.replace(",", "")) for count, name in re.findall(r"([0-9][0-9,]*) (\w[a-z ]+)", text)}
        fates = {name: count for name, count in counts.items() if name in _FATES}
        if fates != scene.facts["reports"]["fates"]:
            yield f"{text!r}, and the table has {scene.facts['reports']['fates']}"


def check_moments_agree(scene: Scene) -> Wrong:
    """Onset and end are one time wherever they stand, and nothing is "since the onset" where there is none."""
    facts = scene.facts
    onset, end = facts["onset"]["at"], facts["end"]["at"]
    known = {moment_text(onset), moment_text(onset, seconds=False), moment_text(facts["onset"]["low"]),
             moment_text(facts["onset"]["high"]), moment_text(end)}  # fmt: skip
    if onset is not None:
        # A rough onset is told by the nearest minute, which may be the one after it.
        known.add(moment_text((moment(onset) + timedelta(seconds=30)).isoformat(), seconds=False))
    texts = [headline(facts), facts["communication"][0]["text"],
             *(line.text for line in summary(facts) if line.label in {"State", "Since"})]  # fmt: skip
    for text in texts:
        strange = set(_TIME.findall(text)) - known
        if strange:
            yield f"{text!r} names {sorted(strange)}"
    if onset is None:
        yield from (text for text in _sentences(scene) if re.search(r"\b(?:since|before|after) the onset\b", text))
    for row in facts["findings"][:1]:
        if abs(moment(row["onset_at"]) - moment(onset)) > SCRAPE and not scene.truth["also_hit"]:
            yield f"the finding begins at {row['onset_at']}, the incident at {onset}"


def check_state_agrees(scene: Scene) -> Wrong:
    """Nothing says that it ended where it goes on, or the other way round."""
    goes_on = scene.facts["state"]["value"] == "going_on"
    for text in _sentences(scene):
        # One cause of several may be over while another goes on; it is told since when.
        over = r"^State: Ended|\bIt ended\b|events dead-lettered .*It ended|what was unavailable is back"
        own = re.sub(r"none since [0-9:]+ UTC(?:, [^:;.]+)?: make sure that what was unavailable is back", "", text)
        if goes_on and re.search(over, own):
            yield f"going on: {text!r}"
        if not goes_on and re.search(r"Going on|It is going on|has been silent since", text):
            yield f"not going on: {text!r}"


def check_shares_agree(scene: Scene) -> Wrong:
    """A share of events that a sentence names is that of its signature."""
    facts = scene.facts
    for text in _sentences(scene):
        told = re.search(r"([0-9]+)% of its events say: (.+?)(?: dlqkit|$)", text)
        if told and not any(told[2].startswith(row["signature"]) and f"{row['share']:.0%}" == f"{told[1]}%"
                            for row in facts["signatures"]):  # fmt: skip
            yield text


def check_first_advice(scene: Scene) -> Wrong:
    """The first thing to do is that of the true class and state."""
    if scene.is_blind:
        return
    first = scene.facts["advice"][0]["action"]
    wanted = {
        "business": ("Find what changed in the input", "Find with the client", "Undo what changed in the input, with")
        if scene.truth["going_on"]
        else "Have the input of the open events corrected",
        "timeout": "Find what slowed the action down",
        "mixed": "There is more than one cause: 1) ",
        "infrastructure": "Find what is unavailable"
        if scene.truth["going_on"]
        else "Make sure that what was unavailable is back",
    }.get(class_of_seen(scene))
    if stopped := re.match(r"It goes on, so first undo the last version of before the onset: .+? UTC\)\. (.+)", first):
        if not scene.truth["going_on"] or not scene.facts["changes"]["rows"]:
            yield f"nothing goes on, or nothing was changed: {first!r}"
        first = stopped[1]
    if wanted is None:
        few = "Look at the" if scene.facts["state"].get("open") else "Nothing to do"
        wanted = {"silence": "Look at the worker and its subscription", "support": "Look up each reported event",
                  None: few}[scene.kind]  # fmt: skip
    classes = {one["failure_class"] for one in scene.facts["causes"]}
    if scene.kind == "dead_letters" and len(classes) > 1 and class_of_seen(scene) != "mixed":
        # A few events of another class need another step, and the leading one's comes first.
        leading = scene.facts["causes"][0]
        count = f"1) {leading['events']:,} events, {class_of_seen(scene)}"
        step = re.match(re.escape(f"Not all of these events need the same: {count}") + "[^:]*: (.+)", first)
        of_business = (
            ("find what changed", "find with the client", "undo what changed in the input, with")
            if scene.truth["going_on"]
            else "correct the input"
        )
        first = step[1] if step else first
        wanted = of_business if class_of_seen(scene) == "business" else wanted[0].lower() + wanted[1:]
    if not first.startswith(wanted):
        yield f"{first!r}, not {wanted!r}"


def check_advice_is_safe(scene: Scene) -> Wrong:
    """No advice raises a timeout that ended nothing, or runs business errors again as they are."""
    for row in scene.facts["advice"]:
        if scene.scenario != "timeout" and re.search(r"raise its timeout", row["action"]):
            yield row["action"]
        if "disputed" in row["action"] or "class_overrides" in row["action"]:
            yield f"{row['action']} Nothing is disputed or overridden here."
    if scene.scenario in {"business", "mixed"} and not any(
        re.search(r"created anew", row["action"]) for row in scene.facts["advice"]
    ):
        yield "it does not say that business errors are created anew"
    told = any("what changed before the onset" in row["action"] for row in scene.facts["advice"])
    if scene.has_dead and told != bool(scene.facts["changes"]["rows"]):
        yield f"advice on changes: {told}, changes: {len(scene.facts['changes']['rows'])}"


def check_cut_is_said(scene: Scene) -> Wrong:
    """Where the API cuts, the first screen and the advice say so, and ask for the whole list."""
    if not scene.has_dead:
        return
    asks = any("whole list of dead letters" in row["action"] for row in scene.facts["advice"])
    if asks != (scene.facts["events"]["affected"]["bound"] == "at_least"):
        yield f"affected is {scene.facts['events']['affected']}, and asking for the whole list is {asks}"
    partial = any(line.label == "Not whole" for line in summary(scene.facts))
    if partial != (scene.facts["snapshot"]["completeness"] != "complete"):
        yield f"the snapshot is {scene.facts['snapshot']['completeness']}, and that it is not whole is said: {partial}"


def check_no_payload_value(scene: Scene) -> Wrong:
    """Nothing in the facts holds a business key, an address or a client's name from a payload."""
    text = json.dumps({name: value for name, value in scene.facts.items() if name not in {"reports", "coverage"}})
    found = re.search(r"\b(?:ORD|INV|PAY|SHP|PRF|RSV)-[0-9]{8}|user[0-9]+@example\.com", text)
    if found:
        yield f"the facts hold {found[0]}"
