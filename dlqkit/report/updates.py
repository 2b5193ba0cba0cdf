"""§6, the short status text: for a chat, for the client, for the ticket; and what changed since the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dlqkit.language import say
from dlqkit.report.client_text import bounded_text, write_for_client
from dlqkit.report.communication import write_communication
from dlqkit.report.render import banners
from dlqkit.report.review_state import state_text
from dlqkit.report.tables import Text
from dlqkit.report.wording import Line, class_text, count_text, headline, moment_text

__all__ = ["AUDIENCES", "Audience", "Numbers", "numbers_of", "write_update"]

Facts = Mapping[str, Any]
Count = Mapping[str, Any]
Audience = Literal["chat", "client", "ticket"]
AUDIENCES: tuple[Audience, ...] = ("chat", "client", "ticket")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a later text is compared with."""

    as_of: str
    snapshot: str
    state: str
    onset_at: str | None
    affected: Count
    open: Count
    passed: int
    """Events that were sent again and have passed."""
    failure_class: str
    cause: str | None
    done: str | None
    verdict: str


def numbers_of(facts: Facts) -> Numbers:
    """The key numbers of ``report.facts.facts``."""
    return Numbers(
        as_of=facts["as_of"],
        snapshot=facts["snapshot"]["id"],
        state=facts["state"]["value"],
        onset_at=facts["onset"]["at"],
        affected=dict(facts["events"]["affected"]),
        open=dict(facts["events"]["open"]),
        passed=len(facts["republish"]["passed"]),
        failure_class=str(facts["class"]["value"]),
        cause=facts["judgement"]["cause"],
        done=facts["judgement"]["done"],
        verdict=facts["closure"]["verdict"],
    )


def write_update(facts: Facts, audience: Audience = "chat", last: Numbers | None = None) -> Text:
    """The text, its first line whole by itself.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``; nothing is counted here.
    audience : str
        ``chat``: what the team needs. ``client``: when and how many of their events, what became of them and what
        comes next, with no internals: no error, no id, no name of a machine, no payload. ``ticket``: §6 in full.
    last : Numbers, optional
        Of the last text for the same readers: what changed since then is said.
    """
    lines = {"chat": _for_chat, "client": write_for_client, "ticket": _for_ticket}[audience](facts)
    if last is not None:
        changed = _changes(last, numbers_of(facts), for_client=audience == "client")
        text = " ".join(changed) if changed else "Nothing of what is counted has changed."
        lines.append(Line("Changed since the last update", f"{text} The last one was as of {moment_text(last.as_of)}."))
    return Text("", tuple(lines))


def _for_chat(facts: Facts) -> list[Line]:
    lines = [Line("Incident", f"{headline(facts)}. {_state(facts)} As of {moment_text(facts['as_of'])}.")]
    lines += [Line("Evidence", text) for text in banners(facts, ())]
    judgement = facts["judgement"]
    if facts["state"]["kind"] == "dead_letters":
        events = facts["events"]
        lines.append(Line("Events", f"{count_text(events['affected'])} affected, {count_text(events['open'])} open"))
        lines.append(Line("Class", class_text(facts)))
    if judgement["cause"]:
        lines.append(Line("Cause confirmed", judgement["cause"]))
    if judgement["done"]:
        lines.append(Line("Done", judgement["done"]))
    lines += _returned(facts)
    if facts["review"]["state"] == "in_review":
        lines.append(Line(say("Post-mortem"), state_text(facts)))
    if facts["advice"]:
        lines.append(Line("Next", facts["advice"][0]["action"]))
    if facts["state"]["value"] not in {"nothing", "unknown"}:
        owner = judgement["owner"]
        lines.append(Line("Owner", owner) if owner else Line("Owner", "Name a person or a team.", "judgement"))
    return lines


def _state(facts: Facts) -> str:
    if facts["state"]["value"] in {"nothing", "unknown"}:
        return str(facts["state"]["reason"])
    if facts["end"]["at"]:
        return f"It ended {moment_text(facts['end']['at'])}."
    last = facts["last_dead_letter"]["at"]
    return f"It is going on; the last dead letter is of {moment_text(last)}." if last else "It is going on."


def _returned(facts: Facts) -> list[Line]:
    back = facts["closure"]["came_back"]
    if back is None or back["state"] not in {"same", "other"}:
        return []
    return [Line("Come back", f"Since the ticket was closed: {back['dead']:,} dead letters, "
                              f"{back['alike']:,} of them of an error of before.")]  # fmt: skip


def _for_ticket(facts: Facts) -> list[Line]:
    lines = [Line(row["label"], row["text"], row["kind"], row["evidence"]) for row in write_communication(facts)]  # type: ignore[arg-type]
    lines[1:1] = [Line("Evidence", text) for text in banners(facts, ())]
    lines += _returned(facts)
    closure = facts["closure"]
    verdict, left, items = closure["verdict"].capitalize(), len(closure["reasons"]), len(closure["items"])
    text = f"{verdict}: of {items} items of the checklist, left are {left}." if left else f"{verdict}."
    lines.append(Line("Closing", text))
    if facts["review"]["state"] != "nothing":
        lines.append(Line(say("Post-mortem"), state_text(facts)))
    lines.append(Line("As of", f"{moment_text(facts['as_of'])}, snapshot {facts['snapshot']['id']}."))
    return lines


def _changes(last: Numbers, now: Numbers, *, for_client: bool) -> list[str]:
    """A sentence for each thing that changed."""
    out = []
    if last.state != now.state:
        out.append(
            {
                "ended": "It has ended.",
                "going_on": "It is going on again." if last.state == "ended" else "It is going on.",
                "nothing": "Nothing is seen any more.",
                "unknown": "It is not known any more whether it goes on.",
            }[now.state]
        )
    if last.onset_at and now.onset_at and last.onset_at[:16] != now.onset_at[:16]:
        before, at = (moment_text(one, seconds=False) for one in (last.onset_at, now.onset_at))
        out.append(f"It began {at}; {before} was said before.")
    show = _bounded_or_unknown if for_client else count_text
    if last.affected != now.affected:
        out.append(f"Events affected: {show(now.affected)}; before, {show(last.affected)}.")
    if last.open != now.open:
        out.append(f"Still to be processed: {show(now.open)}; before, {show(last.open)}.")
    if for_client:
        return out
    if last.passed != now.passed:
        out.append(f"Sent again and passed: {now.passed:,}; before, {last.passed:,}.")
    if last.failure_class != now.failure_class:
        out.append(f"The class is {now.failure_class}; it was {last.failure_class}.")
    if last.cause != now.cause and now.cause:
        out.append(f"The cause was confirmed: “{now.cause}”.")
    if last.done != now.done and now.done:
        out.append(f"Done since: “{now.done}”.")
    if last.verdict != now.verdict:
        out.append(f"The checklist says {now.verdict}; it said {last.verdict}.")
    return out


def _bounded_or_unknown(count: Count) -> str:
    return "not known" if count["value"] is None else bounded_text(count)
