"""The sentences about an incident, said once for the terminal, the notebooks, HTML and Markdown.

They are plain text that may hold foreign words (ids, errors); whoever writes them somewhere escapes them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = [
    "Line",
    "conditions_text",
    "count_text",
    "counted_sources",
    "duration_text",
    "headline",
    "moment_text",
    "other_incidents_text",
    "seconds_between",
    "summary",
]

Facts = Mapping[str, Any]

SIGNAL_NAMES = {
    "dead_letters": "dead letters jump",
    "failures": "failures outgrow successes",
    "support": "clients report missing events",
    "duration": "the action takes longer",
    "silence": "no new logs",
}
SOURCE_GONE = "the worker is gone, or only what watches it"
# An onset that is known no better than this is given as between two times.
ROUGH_S = 120.0
CLASS_NAMES: Mapping[str, str] = {
    "business": "business error (retryable is false)",
    "infrastructure": "infrastructure error (retries used up)",
    "timeout": "timeout (cut off at the action's limit)",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled sentence; ``kind`` tells computed text from what is not known and what a person must add."""

    label: str
    text: str
    kind: Literal["computed", "unknown", "judgement"] = "computed"
    evidence: str = ""


def moment_text(value: str | None, *, seconds: bool = True) -> str:
    """``2026-11-24 09:31:12 UTC``, or ``not known``."""
    if not value:
        return "not known"
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC")


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one ISO 8601 time to another; None where one is not known."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def duration_text(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds is None:
        return "not known"
    whole = round(max(seconds, 0))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def count_text(count: Mapping[str, Any] | None) -> str:
    """``1,204``, ``≥ 100``, ``≤ 60``, ``12 of those seen``, or ``not known``."""
    if not count or count.get("value") is None:
        return "not known"
    sign = {"at_least": "≥ ", "at_most": "≤ " if count["value"] else ""}.get(count["bound"], "")
    return f"{sign}{count['value']:,}" + (" of those seen" if count["bound"] == "of_seen" else "")


def workflow_text(facts: Facts) -> str:
    """Name and id of the workflow."""
    workflow = facts["workflow"]
    if not workflow["id"]:
        return "all together" if facts["state"]["kind"] else "none stands out"
    return f"{workflow['name']} ({workflow['id']})" if workflow["name"] else str(workflow["id"])


def _state_text(facts: Facts) -> str:
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    last = facts["last_dead_letter"]
    if state == "nothing":
        until = facts["state"].get("until")
        where = f"up to {moment_text(until)}, where the evidence ends" if until else "in this window"
        what = "No incident is seen" if facts["state"].get("open") else "Nothing is wrong"
        return f"{what} {where}. {facts['state']['reason']}"
    if state == "unknown":
        return f"Not known. {facts['state']['reason']}"
    if kind == "silence":
        return "Going on: still silent" if state == "going_on" else f"Ended {moment_text(facts['end']['at'])}"
    age = f"; last dead letter {duration_text(last['age_s'])} before the evidence ends" if last["at"] else ""
    if state == "going_on":
        return f"GOING ON{age}"
    return f"Ended {moment_text(facts['end']['at'])}{age}"


def _onset_text(facts: Facts) -> str:
    onset = facts["onset"]
    text = moment_text(onset["at"])
    if onset["at"]:
        span = seconds_between(onset["low"], onset["high"])
        if span and span > ROUGH_S and not onset["is_window_start"]:
            text = f"about {text} (between {moment_text(onset['low'])[11:19]} and {moment_text(onset['high'])[11:19]})"
        text += f", {duration_text(onset['age_s'])} before the evidence ends"
        if onset["is_window_start"]:
            text = f"at or before {text} (nothing is known of before)"
    return text


def class_text(facts: Facts) -> str:
    """The failure class in words, or the classes and how many events each has; of how many, where not all are seen."""
    failure_class, affected = facts["class"], facts["events"]["affected"]
    of_seen = "" if affected["bound"] == "exact" or not affected["value"] else f", of the {affected['value']:,} seen"
    if failure_class["value"] == "mixed":
        parts = ", ".join(f"{name}: {count:,}" for name, count in failure_class["counts"].items() if count)
        return f"mixed, by signature ({parts}){of_seen}"
    text = CLASS_NAMES[str(failure_class["value"])] + of_seen
    if failure_class["disputed"]:
        text += f"; disputed by the error text for {failure_class['disputed']:,}"
    return text


def other_incidents_text(facts: Facts) -> str:
    """Other incidents of the same workflow: when, how many events, and how many of them are open."""
    parts = []
    for row in facts["other_incidents"][:2]:
        end = f"to {moment_text(row['end_at'])[11:19]}" if row["end_at"] else "on, still going on"
        many = "events not counted" if row["events"] is None else f"{row['events']:,} events, open {row['open']:,}"
        parts.append(f"{many}, from {moment_text(row['onset_at'])[11:19]} {end}")
    rest = len(facts["other_incidents"]) - len(parts)
    return "; ".join(parts) + (f"; and {rest} more times" if rest else "")


def _changes_text(facts: Facts) -> str:
    changes = facts["changes"]["rows"]
    if not changes:
        return f"nothing seen: {facts['changes']['looked_at']}"
    # A person's note, a new version and a new payload say more than a restart; of each the last one before the onset.
    weight = {"note": 4, "version": 3, "payload": 2, "client": 1}
    ordered = sorted(changes, key=lambda row: (-weight.get(row["kind"], 0), row["at"]))
    shown = [ordered[0], *(row for row in ordered[1:] if row["kind"] != ordered[0]["kind"] and row["kind"] in weight)][
        :2
    ]
    text = "; ".join(f"{moment_text(row['at'])[11:]} {row['what']}" for row in shown)
    rest = len(changes) - len(shown)
    return text + (f"; and {rest} more" if rest else "")


def _lack_text(row: Mapping[str, Any]) -> str:
    """What is missing of a source, and what to do about it, as the source said it."""
    said = " ".join(row["missing"][:2])
    return f"{row['kind']} {row['completeness']}" + (f": {said}" if said else "")


def _explanations(facts: Facts) -> list[Line]:
    """What tells failing events from healthy ones, where something does."""
    lines = []
    answers = [(part["of"], row) for part in facts["differences"] for row in part["rows"][:1]]
    if answers:
        texts = [
            ("" if of == "all" else f"{of}: ")
            + f"{conditions_text(row)}: {row['rate_with']:.0%} fail, of others {row['rate_without']:.0%}"
            for of, row in answers
        ]
        lines.append(Line("What differs", "; ".join(texts), evidence=facts["events"]["evidence"]))
    durations = facts["durations"]
    if durations and durations["verdict"] in {"slow then dead", "dead at once", "both"}:
        lines.append(Line("Durations", durations["sentence"], evidence=facts["events"]["evidence"]))
    return lines


def conditions_text(row: Mapping[str, Any]) -> str:
    """``version = 1.9.0 and payload.customer_id (missing)``."""
    words = []
    for name, value in row["conditions"]:
        words.append(f"{name} {value}" if value.startswith(("(", ">", "<=", "length")) else f"{name} = {value}")
    return " and ".join(words)


def _short(workflow_id: str | None) -> str | None:
    return workflow_id if workflow_id is None or len(workflow_id) <= 20 else f"Workflow {workflow_id[:8]}…"


def _since(onset: Mapping[str, Any]) -> str:
    span = seconds_between(onset["low"], onset["high"])
    rough = span is not None and span > ROUGH_S
    about = "at least " if onset["is_window_start"] else "about " if rough else ""
    return about + moment_text(onset["at"], seconds=not rough)


def _no_incident(facts: Facts) -> str:
    count = facts["state"].get("open")
    if not count:
        return "Nothing is wrong"
    return f"No incident is seen, and {count:,} dead {'event is' if count == 1 else 'events are'} open"


def headline(facts: Facts) -> str:
    """The incident in one sentence."""
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    name = facts["workflow"]["name"] or _short(facts["workflow"]["id"]) or "The whole worker"
    since = _since(facts["onset"])
    if state == "nothing":
        trace = facts["incident"]["trace_id"]
        until = facts["state"].get("until")
        upto = f" up to {moment_text(until)}, where the evidence ends" if until else ""
        return f"The trace {trace} is not dead-lettered" if trace else f"{_no_incident(facts)}{upto}"
    if state == "unknown":
        return "The evidence does not say whether something is wrong"
    still = "is" if state == "going_on" else "was"
    if kind == "silence" and facts["state"].get("what") in {None, "events"}:
        return f"{name} {still} silent since {since}"
    if kind == "silence":
        return f"No {facts['state']['what']} since {since}: {SOURCE_GONE}"
    if kind == "dead_letters":
        events = facts["events"]["affected"]
        return f"{name}: {count_text(events)} events dead-lettered since {since}"
    return f"{name}: {SIGNAL_NAMES[kind]} since {since}"


def counted_sources(facts: Facts) -> list[Mapping[str, Any]]:
    """Rows of the coverage but those of subscriptions that gave nothing: no count rests on them."""
    return [
        row
        for row in facts["coverage"]
        if row["received"] or row["completeness"] != "unverified" or row["kind"] != "dead-letter subscription"
    ]


def summary(facts: Facts) -> list[Line]:
    """What the first screen says: which, going on or ended, since when, how many, why, what changed, what next."""
    state, kind = facts["state"]["value"], facts["state"]["kind"]
    lines = [Line("Workflow", workflow_text(facts)), Line("State", _state_text(facts))]
    if state in {"going_on", "ended"}:
        lines.append(Line("Since", _onset_text(facts), evidence=facts["onset"]["evidence"]))
    if kind == "dead_letters" and state != "nothing":
        events = facts["events"]
        affected, still_open, healed = (count_text(events[name]) for name in ("affected", "open", "healed"))
        known = events["affected"]["value"] is not None
        detail = f"{affected}; open {still_open}, healed {healed}" if known else "the records do not tell"
        counted = facts["metrics"]["dead_letters_increase"]
        if events["affected"]["bound"] != "exact" and counted and counted > (events["affected"]["value"] or 0):
            detail += f"; the counter grew by {counted:,.0f}"
        lines.append(Line("Events affected", detail, "computed" if known else "unknown", events["evidence"]))
        if facts["other_incidents"]:
            lines.append(Line("Other times", other_incidents_text(facts), evidence=events["evidence"]))
        lines.append(
            Line("Class", class_text(facts), "unknown" if facts["class"]["value"] == "unknown" else "computed")
        )
        top = facts["signatures"][0] if facts["signatures"] else None
        text = f"{top['share']:.0%}: {top['signature']}" if top else "no error text in the records"
        lines.append(Line("Top signature", text, "computed" if top else "unknown"))
        lines += _explanations(facts)
    if state in {"going_on", "ended"}:
        seen = facts["changes"]["rows"] or "were looked at" in facts["changes"]["looked_at"]
        lines.append(Line("Changed before", _changes_text(facts), "computed" if seen else "unknown"))
    for label, is_alike in (("Failing alike", True), ("Failing too", False)):
        others = [row for row in facts["other_workflows"] if row["alike"] is is_alike]
        if others:
            names = ", ".join(str(row["name"] or row["workflow_id"]) for row in others[:3])
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            lines.append(Line(label, f"{names}{more}"))
    if facts["untold"]["queued_to_dlq"]:
        lines.append(Line("Not told", facts["untold"]["queued_to_dlq"], "unknown"))
    if facts["advice"]:
        lines.append(Line("Do next", facts["advice"][0]["action"]))
    partial = [row for row in counted_sources(facts) if row["completeness"] != "complete"]
    if partial:
        lines.append(Line("Not whole", "; ".join(_lack_text(row) for row in partial)))
    return lines
