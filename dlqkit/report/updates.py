"""§6, the short status text: for a chat, for the client, for the ticket; and what changed since the last one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dlqkit.errors import EvidenceError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import write_bytes
from dlqkit.report.communication import write_communication
from dlqkit.report.tables import Text
from dlqkit.report.wording import Line, class_text, count_text, duration_text, headline, moment_text

__all__ = ["AUDIENCES", "keep_update", "last_update", "write_update"]

Facts = Mapping[str, Any]
Audience = Literal["chat", "client", "ticket"]
AUDIENCES = ("chat", "client", "ticket")
NAME = "updates.json"


def write_update(facts: Facts, audience: Audience, last: Mapping[str, Any] | None = None) -> Text:
    """The text, its first line whole by itself.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``; nothing is counted here.
    audience : str
        ``chat``: what the team needs. ``client``: when and how many of their events, what became of them and what
        comes next, with no internals: no error, no id, no name of a machine, no payload. ``ticket``: §6 in full.
    last : mapping, optional
        From ``last_update``: what changed since then is said.
    """
    lines = {"chat": _for_chat, "client": _for_client, "ticket": _for_ticket}[audience](facts)
    changed = [] if last is None else _changes(last, _numbers(facts), audience)
    if last is not None:
        since = moment_text(last["as_of"])
        text = "; ".join(changed) if changed else "nothing of what is counted"
        lines.append(Line("Changed since the last update", f"{text} (the last one was as of {since})"))
    return Text("", tuple(lines))


def _for_chat(facts: Facts) -> list[Line]:
    lines = [Line("Incident", f"{headline(facts)}. {_state(facts)}")]
    if facts["state"]["kind"] == "dead_letters":
        events = facts["events"]
        lines.append(Line("Events", f"{count_text(events['affected'])} affected, {count_text(events['open'])} open"))
        lines.append(Line("Class", class_text(facts)))
    if facts["advice"]:
        lines.append(Line("Next", facts["advice"][0]["action"]))
    owner = facts["judgement"]["owner"]
    lines.append(Line("Owner", owner) if owner else Line("Owner", "Name a person or a team.", "judgement"))
    return lines


def _for_client(facts: Facts) -> list[Line]:
    state = facts["state"]["value"]
    if state in {"nothing", "unknown"}:
        words = "We see no disturbance." if state == "nothing" else "We are looking into it, and cannot say more yet."
        return [Line("Status", words)]
    onset = facts["onset"]["at"]
    when = f"since {moment_text(onset, seconds=False)}" if onset else "for some time"
    if facts["end"]["at"]:
        when = f"from {moment_text(onset, seconds=False)} to {moment_text(facts['end']['at'], seconds=False)}"
    lines = [Line("What happened", f"Some of your events were not processed {when}.")]
    if facts["state"]["kind"] != "dead_letters":
        lines = [Line("What happened", f"Events were processed late, or not at all, {when}.")]
    else:
        affected, still_open, healed = (count_text(facts["events"][name]) for name in ("affected", "open", "healed"))
        text = f"{affected} events; {still_open} are still to be processed, {healed} have been since."
        lines.append(Line("How many", text))
    now = "It has ended." if facts["end"]["at"] else "It is going on, and we are working on it."
    lines.append(Line("Now", now))
    is_done = facts["closure"]["verdict"] == "closable" and facts["events"]["open"]["value"] == 0
    rest = "We have the list of these events, and tell you when they have been processed."
    lines.append(Line("What comes next", "Nothing is left to be done." if is_done else rest))
    return lines


def _for_ticket(facts: Facts) -> list[Line]:
    lines = [Line(row["label"], row["text"], row["kind"], row["evidence"]) for row in write_communication(facts)]  # type: ignore[arg-type]
    lines.append(Line("May it be closed?", f"{facts['closure']['verdict'].capitalize()}."))
    return lines


def _state(facts: Facts) -> str:
    if facts["state"]["value"] in {"nothing", "unknown"}:
        return str(facts["state"]["reason"])
    if facts["end"]["at"]:
        return f"It ended {moment_text(facts['end']['at'])}."
    last = facts["last_dead_letter"]["age_s"]
    return "It is going on" + (f"; the last dead letter is {duration_text(last)} old." if last is not None else ".")


def _numbers(facts: Facts) -> dict[str, Any]:
    """What a later update is compared with."""
    return {
        "as_of": facts["as_of"],
        "snapshot": facts["snapshot"]["id"],
        "state": facts["state"]["value"],
        "affected": facts["events"]["affected"],
        "open": facts["events"]["open"],
        "class": str(facts["class"]["value"]),
        "cause": facts["judgement"]["cause"],
        "verdict": facts["closure"]["verdict"],
    }


def _changes(last: Mapping[str, Any], now: Mapping[str, Any], audience: Audience) -> list[str]:
    out = []
    for key, words in (("affected", "events affected"), ("open", "still open")):
        if last[key] != now[key]:
            out.append(f"{words}: {count_text(last[key])} before, {count_text(now[key])} now")
    states = {"going_on": "going on", "ended": "ended", "nothing": "nothing seen", "unknown": "not known"}
    if last["state"] != now["state"]:
        out.append(f"it was {states[last['state']]}, and is {states[now['state']]}")
    if audience == "client":
        return out
    if last["class"] != now["class"]:
        out.append(f"class: {last['class']} before, {now['class']} now")
    if last["cause"] != now["cause"] and now["cause"]:
        out.append(f"cause confirmed: {now['cause']}")
    if last["verdict"] != now["verdict"]:
        out.append(f"{last['verdict']} before, {now['verdict']} now")
    return out


def last_update(directory: Path, audience: Audience) -> dict[str, Any] | None:
    """The numbers of the last text that was sent to somebody; None where there was none.

    Raises
    ------
    EvidenceError
        If the file was damaged.
    """
    sent = [one for one in _read(directory) if one["audience"] == audience]
    return sent[-1] if sent else None


def _read(directory: Path) -> list[dict[str, Any]]:
    path = directory / NAME
    try:
        values = json.loads(path.read_bytes()) if path.is_file() else []
        whole = isinstance(values, list) and all(one["audience"] and one["as_of"] and one["affected"] for one in values)
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise EvidenceError(f"{NAME} was damaged.", "Remove it; the next text then tells no changes.")
    return list(values)


def keep_update(directory: Path, facts: Facts, audience: Audience, by: str) -> None:
    """Remember that the text was sent, for the next one, and in the audit log.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    kept = [*_read(directory), {"audience": audience, "sent_at": datetime.now(UTC).isoformat(), **_numbers(facts)}]
    audit_log.append(directory, "update sent", audience=audience, sent_by=by, snapshot=facts["snapshot"]["id"])
    write_bytes(directory / NAME, (json.dumps(kept, ensure_ascii=False, indent=1) + "\n").encode())
