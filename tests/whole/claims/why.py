"""Classes, rules, limits and signatures: each claim of why against the truth of each dead letter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.whole.claims.scene import ROUNDING, Loss, Scene, Wrong, moment

CLASSES = ("business", "infrastructure", "timeout", "unknown")
RULES = {"business": "not_retryable", "infrastructure": "attempts_used_up", "timeout": "ran_into_timeout"}
REPUBLISH = {"business": "no", "infrastructure": "after_repair", "timeout": "after_repair"}
# Masks and the star of a signature stand for any text.
_FREE = re.compile(r"<[a-z][a-z _-]*>|\*")
# ``<value>`` is a value of the payload that the report leaves out, and no mask of the signature.
_MASK = re.compile(r"<(?!value>|script>|html>|b>)[a-z]+>|(?<!\S)\*(?!\S)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e]")
TIMEOUT_OFF = 0.01
FEW = 5
# An incident has the class of nine in ten of its events (§4); a signature is frequent with more than one in fifty.
LEADING, FREQUENT = 0.9, 0.02


def _seen(scene: Scene) -> Sequence[Loss]:
    """The dead letters that the API gave; of one that cuts its answer the newest, and those that clients reported."""
    ordered = sorted(scene.lost, key=lambda one: str(one["at"]))
    if not scene.is_cut:
        return ordered
    count = scene.facts["events"]["affected"]["value"] or 0
    reported = {row["trace_id"] for row in scene.reports} - {None}
    asked = [one for one in ordered if one["trace_id"] in reported]
    others = [one for one in ordered if one["trace_id"] not in reported]
    newest = others[len(others) - max(count - len(asked), 0) :]
    return sorted([*asked, *newest], key=lambda one: str(one["at"]))


def _events(losses: Sequence[Loss]) -> int:
    return len({one["event"] for one in losses})


def class_of_seen(scene: Scene) -> str:
    """The class of the incident; of an API that cuts its answer, that of nine in ten of what it gave, or mixed."""
    if not scene.is_cut or not scene.has_dead:
        return str(scene.truth["failure_class"] or "unknown")
    seen = _seen(scene)
    return next((name for name in CLASSES if _events([one for one in seen if one["failure_class"] == name])
                 >= LEADING * _events(seen)), "mixed")  # fmt: skip


def check_class(scene: Scene) -> Wrong:
    """The incident's class is that of nine in ten of its events, or mixed; each class has its events."""
    if scene.hides_timeout:
        return
    said = scene.facts["class"]
    true = {name: _events([one for one in _seen(scene) if one["failure_class"] == name]) for name in CLASSES}
    if said["counts"] != true:
        yield f"classes {said['counts']} are not {true}"
    wanted = class_of_seen(scene)
    if said["value"] != wanted:
        yield f"class {said['value']} is not {wanted}"
    if said["disputed"] or said["overridden"] or said["unmatched_overrides"]:
        yield "flags and texts agree here and nobody overrides, but it says otherwise"


def check_rules(scene: Scene) -> Wrong:
    """Each class was read from flag, attempts and duration as they are, by the rule that belongs to it."""
    if scene.hides_timeout:
        return
    dialect = scene.truth["dialect"]
    length = "sum_ms" if dialect["duration_is_sum"] else "duration_ms"
    seen = _seen(scene)
    rules = scene.facts["class"]["rules"]
    if {row["failure_class"] for row in rules} != {one["failure_class"] for one in seen}:
        yield f"rules {[row['rule'] for row in rules]} for {sorted({one['failure_class'] for one in seen})}"
        return
    for row in rules:
        name = row["failure_class"]
        own = [one for one in seen if one["failure_class"] == name]
        attempts, durations = [one["attempts"] for one in own], [one[length] for one in own]
        if row["rule"] != RULES[name] or row["events"] != _events(own) or row["disputed"]:
            yield f"{row['rule']} of {row['events']} events, {row['disputed']} disputed; {_events(own)} are {name}"
        if row["retryable"] != str(name != "business"):
            yield f"retryable is {row['retryable']} for {name}"
        if row["attempts"] != [min(attempts), max(attempts)]:
            yield f"attempts {row['attempts']} are {min(attempts)} to {max(attempts)}"
        low, high = row["action_duration_ms"]
        if abs(low - min(durations)) > 1 or abs(high - max(durations)) > 1:
            yield f"durations {low} to {high} ms are {min(durations):.1f} to {max(durations):.1f} ms"
        if (row["counter_evidence"] and not _limit_is_unknown(scene, row)) or not row["text_says"]:
            yield f"the text says {row['text_says']!r}, against it {row['counter_evidence']!r}"
        if sum(one["events"] for one in row["texts"]) != row["events"]:
            yield f"texts of {row['texts']} are not those of {row['events']} events"


def _limit_is_unknown(scene: Scene, row: Loss) -> bool:
    """Whether it says only that MAX_ATTEMPTS is not known, of an API that gave too few dead letters to tell it."""
    is_unknown = scene.is_cut and scene.facts["class"]["max_attempts"]["value"] is None
    return bool(is_unknown and str(row["counter_evidence"]).startswith("MAX_ATTEMPTS is not known"))


def check_max_attempts(scene: Scene) -> Wrong:
    """MAX_ATTEMPTS is the true one, set or taken; it is unknown only with too few retryable dead letters to take it."""
    said, true = scene.facts["class"]["max_attempts"], scene.truth["max_attempts"]
    retryable = [one for one in scene.own if one["retryable"]]
    if said["value"] is None:
        if len(retryable) >= FEW and not scene.is_cut:
            yield f"MAX_ATTEMPTS is unknown, with {len(retryable)} retryable dead letters"
    elif said["value"] != true:
        yield f"MAX_ATTEMPTS {said['value']} is not {true}"
    told = re.match(r"([0-9,]+) of ([0-9,]+) retryable dead letters stopped there", said["basis"])
    if told and scene.has_dead:
        counts = [int(number.replace(",", "")) for number in told.groups()]
        # Those of the hours before the window, which were looked at too, count with them.
        possible = [len(retryable), _events([one for one in _seen(scene) if one["retryable"]])]
        if counts[0] != counts[1] or not min(possible) <= counts[1] <= max(possible):
            yield f"{said['basis']}, and {possible} did"


def check_timeout(scene: Scene) -> Wrong:
    """The timeout is the workflow's own to one in a hundred; where actions run into it, it is found."""
    said = scene.facts["class"]["timeout_ms"]["value"]
    if not scene.has_dead or scene.hides_timeout:
        return
    true = scene.truth["timeouts_ms"][scene.workflow_id]
    if said is None:
        if scene.scenario == "timeout":
            yield "the timeout is unknown, and all of them ran into it"
    elif abs(said - true) > TIMEOUT_OFF * true:
        yield f"timeout {said} ms is not {true} ms"


def check_summed_timeout(scene: Scene) -> Wrong:
    """Where records hold sums over attempts, a sum is not taken for the timeout, and no class rests on that."""
    if not scene.hides_timeout:
        return
    said, true = scene.facts["class"]["timeout_ms"], scene.truth["timeouts_ms"][scene.workflow_id]
    if said["value"] is not None and abs(said["value"] - true) > TIMEOUT_OFF * true and " or " not in said["basis"]:
        yield f"timeout {said['value']} ms is {scene.truth['max_attempts']} times {true} ms: {said['basis']}"
    if scene.facts["durations"]["basis"] == "attempt":
        yield f"durations are sums, and it says: {scene.facts['durations']['sentence']}"


def check_assumptions(scene: Scene) -> Wrong:
    """What was taken from the data is said as taken, with the value that is used."""
    text = " ".join(scene.facts["assumptions"])
    for name, words in (("max_attempts", "MAX_ATTEMPTS is taken as"), ("timeout_ms", "timeout is taken as")):
        limit = scene.facts["class"][name]
        taken = limit["value"] is not None and limit["basis"] != "as set"
        if taken != (words in text):
            yield f"{name} {limit} is {'not ' if taken else ''}said to be taken: {text}"
        elif taken and f"{words} {limit['value']:,.0f}" not in text:
            yield f"{name} {limit['value']} is not in: {text}"


def _pattern(signature: str) -> re.Pattern[str]:
    """What texts a signature stands for: its words as they are, anything for a mask, any space for a space."""
    parts = [re.escape(part) for part in _FREE.split(_CONTROL.sub(" ", signature))]
    return re.compile(re.sub(r"(?:\\\s|\s)+", r"\\s+", ".*".join(parts)), re.DOTALL)


def _fitting(scene: Scene, row: Loss, losses: Sequence[Loss]) -> list[Loss]:
    pattern = _pattern(str(row["signature"]))
    # A report has no control characters; a space stands for them.
    return [one for one in losses if pattern.fullmatch(_CONTROL.sub(" ", one["text"]))]


def check_signatures(scene: Scene) -> Wrong:
    """Each signature stands for one kind of error, with as many events, and the share of all, as truly say it."""
    rows, seen = scene.facts["signatures"], _seen(scene)
    if scene.facts["signature_count"] != len(rows):
        yield f"{scene.facts['signature_count']} signatures, and {len(rows)} are listed"
    total = _events(seen)
    for row in rows:
        own = _fitting(scene, row, seen)
        kinds = {one["kind"] for one in own}
        if len(kinds) != 1:
            yield f"{row['signature']} stands for {sorted(kinds)}"
            continue
        if row["events"] != _events(own):
            yield f"{row['events']} events of {row['signature']}, and {_events(own)} say so"
        if total and abs(row["share"] - row["events"] / total) > 1e-9:
            yield f"the share {row['share']} of {row['events']} events of {total}"
    if sum(row["events"] for row in rows) != total:
        yield f"the signatures have {sum(row['events'] for row in rows)} events, and {total} died"
    kinds = {one["kind"] for one in seen} - {"hostile_note", "unknown_account"}
    frequent = {kind for kind in kinds if _events([one for one in seen if one["kind"] == kind]) > FREQUENT * total}
    if rows and len([row for row in rows if row["share"] > FREQUENT]) != len(frequent):
        yield f"{len(rows)} signatures of {sorted(frequent)}"


def check_signature_times(scene: Scene) -> Wrong:
    """First and last seen of a signature are those of the events that the API gave."""
    for row in scene.facts["signatures"]:
        own = [moment(one["at"]) for one in _fitting(scene, row, _seen(scene))]
        if not own:
            continue
        for name, true in (("first_at", min(own)), ("last_at", max(own))):
            if abs(moment(row[name]) - true) > ROUNDING:
                yield f"{name} {row[name]} of {row['signature']} is {true}"


def check_signature_words(scene: Scene) -> Wrong:
    """Class, suggestion and next step of a signature are of its kind of error, and what it names is what is down."""
    for row in scene.facts["signatures"]:
        own = _fitting(scene, row, _seen(scene))
        if not own:
            continue
        true = own[0]
        for name in ("failure_class", "class_by_fields", "suggested_class"):
            if row[name] != true["failure_class"]:
                yield f"{name} {row[name]} of {row['signature']} is {true['failure_class']}"
        if row["republish"] != REPUBLISH[true["failure_class"]]:
            yield f"republish {row['republish']!r} of {row['signature']}"
        if row["names_dependency"] != true["names_dependency"]:
            yield f"that {row['signature']} names what is down is {true['names_dependency']}"
        against = row["counter_evidence"] and not scene.hides_timeout and not _limit_is_unknown(scene, row)
        if row["disputed"] or row["overridden_by"] or against or not row["text_says"]:
            yield f"{row['signature']}: disputed or overridden, or its text says nothing"
        if row["error_type"] not in {None, true["error_type"]}:
            yield f"type {row['error_type']} is {true['error_type']}"


def check_masks(scene: Scene) -> Wrong:
    """The masks that a signature lists are those in it, and none is left out."""
    for row in scene.facts["signatures"]:
        listed = {name: int(count or 1) for name, count in re.findall(r"(<[^>]+>|\*)(?: ×([0-9]+))?", row["masks"])}
        there: dict[str, int] = {}
        for mask in _MASK.findall(row["signature"]):
            there[mask] = there.get(mask, 0) + 1
        if listed != there:
            yield f"masks {row['masks']!r} of {row['signature']!r}"


def check_payload_values(scene: Scene) -> Wrong:
    """No signature holds a business key or an address of a payload."""
    for row in scene.facts["signatures"]:
        if re.search(r"\b(?:ORD|INV|PAY|SHP|PRF|RSV)-[0-9]+|@example\.com", row["signature"]):
            yield f"{row['signature']} holds a value of a payload"


def _looked_from(scene: Scene) -> datetime:
    """From when on dead letters were asked for: the window, and as long before it."""
    start, end = (moment(scene.facts["incident"]["window"][name]) for name in ("start", "end"))
    return start - max(end - start, timedelta(hours=1))


def check_new_signatures(scene: Scene) -> Wrong:
    """A signature is new where nothing of its kind died before the incident, as far as was looked."""
    if scene.is_cut or not scene.has_dead:
        return
    first = min(moment(one["at"]) for one in scene.lost)
    before = [one for one in scene.own if _looked_from(scene) <= moment(one["at"]) < first]
    for row in scene.facts["signatures"]:
        old = bool(_fitting(scene, row, before))
        if row["is_new"] is None or row["is_new"] == old:
            yield f"is_new is {row['is_new']} of {row['signature']}, and {len(before)} died before"


def check_unknown_newness(scene: Scene) -> Wrong:
    """Where the list of dead letters begins within the incident, nobody can say what is new."""
    if not scene.is_cut or len(_seen(scene)) == _events(scene.lost):
        return
    for row in scene.facts["signatures"]:
        if row["is_new"] is not None:
            yield f"is_new is {row['is_new']} of {row['signature']}, and the list begins within the incident"
