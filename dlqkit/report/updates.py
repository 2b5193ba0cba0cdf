"""§6, the short status text: for a chat, for the client, for the ticket; and what changed since the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dlqkit.language import say
from dlqkit.report.class_names import class_name
from dlqkit.report.client_text import bounded_text, write_for_client
from dlqkit.report.closing_tables import verdict_word
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
        affected=dict(facts["events"]["total"]),
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
        text = " ".join(changed) if changed else say("Nothing of what is counted has changed.")
        before = say("The last one was as of {at}.", at=moment_text(last.as_of))
        lines.append(Line(say("Changed since the last update"), f"{text} {before}"))
    return Text("", tuple(lines))


def _for_chat(facts: Facts) -> list[Line]:
    as_of = say("As of {at}.", at=moment_text(facts["as_of"]))
    lines = [Line(say("Incident"), f"{headline(facts)}. {_state(facts)} {as_of}")]
    lines += [Line(say("Evidence"), text) for text in banners(facts, ())]
    judgement = facts["judgement"]
    if facts["state"]["kind"] == "dead_letters":
        events = facts["events"]
        counts = {"affected": count_text(events["total"]), "open": count_text(events["open"])}
        lines.append(Line(say("Events"), say("{affected} affected, {open} open", **counts)))
        lines.append(Line(say("Class"), class_text(facts)))
    if judgement["cause"]:
        lines.append(Line(say("Cause confirmed"), judgement["cause"]))
    if judgement["done"]:
        lines.append(Line(say("Done"), judgement["done"]))
    lines += _returned(facts)
    if facts["review"]["state"] == "in_review":
        lines.append(Line(say("Post-mortem"), state_text(facts)))
    if facts["advice"]:
        lines.append(Line(say("Next"), facts["advice"][0]["action"]))
    if facts["state"]["value"] not in {"nothing", "unknown"}:
        owner, label = judgement["owner"], say("Owner")
        lines.append(Line(label, owner) if owner else Line(label, say("Name a person or a team."), "judgement"))
    return lines


def _state(facts: Facts) -> str:
    if facts["state"]["value"] in {"nothing", "unknown"}:
        return str(facts["state"]["reason"])
    if facts["end"]["at"]:
        return say("It ended {at}.", at=moment_text(facts["end"]["at"]))
    last = facts["last_dead_letter"]["at"]
    if facts["state"]["value"] == "recovering":
        return say(
            "Events pass again; the last dead letter is of {at}, too soon to say that it has ended.",
            at=moment_text(last),
        )
    if last:
        return say("It is going on; the last dead letter is of {at}.", at=moment_text(last))
    return say("It is going on.")


def _returned(facts: Facts) -> list[Line]:
    back = facts["closure"]["came_back"]
    if back is None or back["state"] not in {"same", "other"}:
        return []
    text = say("Since the ticket was closed: {dead} dead letters, {alike} of them of an error of before.",
               dead=back["dead"], alike=back["alike"])  # fmt: skip
    return [Line(say("Come back"), text)]


def _for_ticket(facts: Facts) -> list[Line]:
    lines = [Line(row["label"], row["text"], row["kind"], row["evidence"]) for row in write_communication(facts)]  # type: ignore[arg-type]
    lines[1:1] = [Line(say("Evidence"), text) for text in banners(facts, ())]
    lines += _returned(facts)
    closure = facts["closure"]
    verdict, left, items = verdict_word(closure["verdict"]).capitalize(), closure["reasons"], closure["items"]
    text = f"{verdict}."
    if left:
        text = say("{verdict}: of {items} items of the checklist, left are {left}.",
                   verdict=verdict, items=len(items), left=len(left))  # fmt: skip
    lines.append(Line(say("Closing"), text))
    if facts["review"]["state"] != "nothing":
        lines.append(Line(say("Post-mortem"), state_text(facts)))
    as_of = say("{at}, snapshot {snapshot}.", at=moment_text(facts["as_of"]), snapshot=facts["snapshot"]["id"])
    lines.append(Line(say("As of"), as_of))
    return lines


def _changes(last: Numbers, now: Numbers, *, for_client: bool) -> list[str]:
    """A sentence for each thing that changed."""
    out = []
    if last.state != now.state:
        out.append(_state_now(last.state, now.state))
    if last.onset_at and now.onset_at and last.onset_at[:16] != now.onset_at[:16]:
        before, at = (moment_text(one, seconds=False) for one in (last.onset_at, now.onset_at))
        out.append(say("It began {at}; {before} was said before.", at=at, before=before))
    show = _bounded_or_unknown if for_client else count_text
    if last.affected != now.affected:
        values = {"now": show(now.affected), "before": show(last.affected)}
        out.append(say("Events affected: {now}; before, {before}.", **values))
    if last.open != now.open:
        values = {"now": show(now.open), "before": show(last.open)}
        out.append(say("Still to be processed: {now}; before, {before}.", **values))
    return out if for_client else [*out, *_inner_changes(last, now)]


def _state_now(before: str, now: str) -> str:
    if now == "ended":
        return say("It has ended.")
    if now == "recovering":
        return say("Events pass again.")
    if now == "going_on":
        return say("It is going on again.") if before == "ended" else say("It is going on.")
    if now == "nothing":
        return say("Nothing is seen any more.")
    return say("It is not known any more whether it goes on.")


def _inner_changes(last: Numbers, now: Numbers) -> list[str]:
    """What no client reads: the republish, the class, the cause, and what is left to close it."""
    out = []
    if last.passed != now.passed:
        out.append(say("Sent again and passed: {now}; before, {before}.", now=now.passed, before=last.passed))
    if last.failure_class != now.failure_class:
        values = {"now": class_name(now.failure_class), "before": class_name(last.failure_class)}
        out.append(say("The class is {now}; it was {before}.", **values))
    if last.cause != now.cause and now.cause:
        out.append(say("The cause was confirmed: “{cause}”.", cause=now.cause))
    if last.done != now.done and now.done:
        out.append(say("Done since: “{done}”.", done=now.done))
    if last.verdict != now.verdict:
        values = {"now": verdict_word(now.verdict), "before": verdict_word(last.verdict)}
        out.append(say("The checklist says {now}; it said {before}.", **values))
    return out


def _bounded_or_unknown(count: Count) -> str:
    return say("not known") if count["value"] is None else bounded_text(count)
