"""False reports, each a true one with a single claim turned: the checks are tried on them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.whole.claims.scene import Scene, moment

Facts = dict[str, Any]
Falsehood = Callable[[Facts], None]


def falsify(scene: Scene, falsehood: Falsehood) -> Scene:
    """The scene with a report that says the falsehood."""
    facts = copy.deepcopy(dict(scene.facts))
    falsehood(facts)
    return replace(scene, facts=facts)


def _put(*path: Any) -> Falsehood:
    """Put the last of the path where the rest of it leads."""
    *way, name, value = path

    def put(facts: Facts) -> None:
        place: Any = facts
        for step in way:
            place = place[step]
        place[name] = value(place[name]) if callable(value) else value

    return put


def _later(seconds: float) -> Callable[[str], str]:
    return lambda text: (moment(text) + timedelta(seconds=seconds)).isoformat()


def _of(kind: str, change: Callable[[Facts], None] | None) -> Falsehood:
    """Turn, or leave out, the changes of a kind."""

    def turn(facts: Facts) -> None:
        rows = facts["changes"]["rows"]
        if change is None:
            facts["changes"]["rows"] = [row for row in rows if row["kind"] != kind]
        for row in rows:
            if row["kind"] == kind and change is not None:
                change(row)

    return turn


def _added(kind: str, what: str) -> Falsehood:
    """One more change, at the onset."""

    def add(facts: Facts) -> None:
        row = {"at": facts["onset"]["at"], "kind": kind, "what": what, "before_s": 0.0, "evidence": ""}
        facts["changes"]["rows"].append(row)

    return add


def _signalled(signal: str, since: str, evidence: str) -> Falsehood:
    """One more signal of the workflow, from the window's first half hour on, before anything was wrong."""

    def add(facts: Facts) -> None:
        start = facts["incident"]["window"]["start"]
        moments = {since: start, "onset_high_at": start, "end_at": _later(1800)(start)}
        row = {"workflow_id": facts["workflow"]["id"], "signal": signal, "what": None, "evidence": evidence}
        facts["signals"].append({**moments, **row})

    return add


def _topic(topic: str, name: str, text: str) -> Falsehood:
    def turn(facts: Facts) -> None:
        next(row for row in facts["prevention"] if row["topic"] == topic)[name] = text

    return turn


FALSEHOODS: Mapping[str, Falsehood] = {
    "another workflow": _put("workflow", "id", "another"),
    "ended": _put("state", "value", "ended"),
    "another signal": _put("state", "kind", "silence"),
    "a late onset": _put("onset", "at", _later(45)),
    "an onset outside its bounds": _put("onset", "high", _later(-60)),
    "an end": _put("end", "at", "2026-01-01T00:00:00+00:00"),
    "an old last dead letter": _put("last_dead_letter", "at", _later(-3600)),
    "one more of a class": _put("class", "counts", "business", lambda count: count + 1),
    "a class by itself": _put("class", "value", "business"),
    "attempts of a rule": _put("class", "rules", 0, "attempts", [1.0, 9.0]),
    "the flag of a rule": _put("class", "rules", 0, "retryable", "True"),
    "MAX_ATTEMPTS": _put("class", "max_attempts", "value", 17),
    "a timeout": _put("class", "timeout_ms", "value", 12_345.0),
    "events of a signature": _put("signatures", 0, "events", lambda count: count - 1),
    "a share": _put("signatures", 0, "share", 0.5),
    "when a signature began": _put("signatures", 0, "first_at", _later(-600)),
    "when a signature was last": _put("signatures", 0, "last_at", _later(-600)),
    "an old signature": _put("signatures", 0, "is_new", False),
    "the class of a signature": _put("signatures", 0, "failure_class", "infrastructure"),
    "what a text suggests": _put("signatures", 0, "suggested_class", "timeout"),
    "a dispute": _put("signatures", 0, "disputed", True),
    "a mask that is not there": _put("signatures", 1, "masks", "<host>, <n> ×7"),
    "a signal of a healthy workflow": _put("signals", 0, "workflow_id", "another"),
    "an action that is slower": _signalled("duration", "onset_at", "The action takes 9 s, usually 1 s."),
    "a counter in the onset's sentence": _put("onset", "basis", "The dead-letter counter grew by 7 where it stands."),
    "records in the onset's sentence": _put("onset", "basis", "7 dead letters in the execution records."),
    "what was looked at": _put("changes", "looked_at", "your notes were looked at"),
    "sums of attempts": _put("durations", "basis", "sum"),
    "a median in the sentence": _put("durations", "sentence", "Half of the failing actions took 9 s or less."),
    "a share in a sentence": _put("advice", 0, "reason", "13% of its events say: it does not work"),
    "no version": _of("version", None),
    "another version": _of("version", lambda row: row.update(what="version 1.8.2 → 2.0.0 on worker-1:8000")),
    "an early version": _of("version", lambda row: row.update(at=_later(-600)(row["at"]))),
    "no restart": _of("restart", None),
    "another field": _added("payload", "field currency is gone; in 9 of 20 payloads since"),
    "too many payloads": _added("payload", "field customer_id is gone; in 99 of 100 payloads since"),
    "a volume": _added("volume", "volume rises to 2.0 times the usual"),
    "another condition": _put("differences", 0, "rows", 0, "conditions", [["worker", "worker-1"]]),
    "another rate": _put("differences", 0, "rows", 0, "rate_without", 0.4),
    "a difference of what hits all alike": _put("differences", 1, "answer", "found"),
    "slow actions": _put("durations", "verdict", "slow then dead"),
    "a median": _put("durations", "groups", 2, "p50_ms", lambda value: 1.3 * value),
    "cut actions": _put("durations", "groups", 0, "censored", 50.0),
    "one more event": _put("events", "affected", "value", lambda count: count + 1),
    "one more event in all": _put("events", "total", "value", lambda count: count + 1),
    "an event that a subscription holds": _put("events", "held", "value", 1),
    "healed events": _put("events", "healed", "value", 3),
    "a count that is not sure": _put("events", "affected", "bound", "at_least"),
    "more deliveries": _put("impact", "counts", 3, "value", lambda count: count + 9),
    "a counter far behind": _put("impact", "counts", 4, "value", lambda count: count // 2),
    "a republish that nobody did": _put("impact", "counts", 5, "value", 3),
    "a counter in the metrics": _put("metrics", "failures_increase", lambda count: 2 * count),
    "a flat counter": _put("closure", "items", 0, "state", "yes"),
    "no new dead letter": _put("closure", "items", 1, "state", "yes"),
    "a report too many": _put("reports", "count", 99),
    "two fates": _put("reports", "fates", {"dead": 1}),
    "more clients": _put("impact", "counts", 7, "value", 6),
    "a fate": _put("reports", "fates", "dead", 0),
    "a finding of a healthy workflow": _put("findings", 0, "workflow_ids", lambda names: [*names, "another"]),
    "another workflow that fails": _put(
        "other_workflows", [{"workflow_id": "another", "name": None, "events": 4.0, "alike": False}]
    ),
    "a moment of the timeline": _put("timeline", 0, "at", _later(-7200)),
    "an unsafe first step": _put("advice", 0, "action", "Republish everything at once."),
    "an advice on timeouts": _put("advice", 1, "action", "Find out; raise its timeout."),
    "no check of the payload": _topic("validate", "sentence", "A check of the payload would not have helped."),
    "a check of another field": _topic(
        "validate", "sentence", "Check the payload before it is queued: payload.currency."
    ),
    "a longer timeout": _topic("timeout", "sentence", "A timeout of 2 s may be worth trying."),
    "a slow step": _topic("optimise", "sentence", "Look at what follows “connect”."),
    "another count in a sentence": _put("communication", 0, "text", "orders: 7 events dead-lettered since then."),
    "an end in a sentence": _put("communication", 0, "text", lambda text: text.replace("It is going on.", "It ended.")),
    "a payload value": _put("signatures", 0, "signature", lambda text: text + " in PAY-10012345"),
}
