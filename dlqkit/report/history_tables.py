"""Other incidents with the same error, as they are shown: a table in the report, a few lines each on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dlqkit.language import mark, percent, say
from dlqkit.report.class_names import class_name
from dlqkit.report.history import MOST_COMPUTED, History, Other
from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, count_text, moment_text
from dlqkit.republish.words import retold

__all__ = ["show_earlier", "show_history", "show_incidents", "skipped_sentences"]

# Names of skipped folders that are shown of each reason.
NAMED = 3
_TITLE = mark("Other incidents with the same error")
_EARLIER = mark("Earlier incidents with the same error")


def show_earlier(facts: Mapping[str, Any]) -> list[Table | Text]:
    """The report's section: each earlier incident with what people say of it, and what could not be looked into."""
    earlier = facts["earlier"]
    # Causes are sentences: in the seven columns of a table each has the width of a word on paper.
    shown: list[Table | Text] = [_of_earlier(row) for row in earlier["rows"]]
    shown = shown or [_table(say(_EARLIER), [], earlier["looked_at"])]
    texts = [*_left_out(earlier), *earlier["skipped"][:NAMED]]
    if (more := len(earlier["skipped"]) - NAMED) > 0:
        texts.append(say("More folders that cannot be read: {count}.", count=more))
    lines = [Line(say("Not looked into"), text, "unknown") for text in texts]
    return [*shown, Text("", tuple(lines))] if lines else shown


def _of_earlier(row: Mapping[str, Any]) -> Text:
    title = f"{moment_text(row['onset_at'], seconds=False)}, {row['folder']}: {row['workflow']}"
    events = say("{events}; {share:.0%} died of the same error", events=count_text(row["events"]), share=row["share"])
    lines = [Line(say("Events"), events)]
    lines += [
        Line(label, row[name] or say("not said"))
        for name, label in (("cause", say("Cause then")), ("done", say("Done")), ("prevention", say("Prevention")))
    ]
    return Text(title, (*lines, Line(say("Closed"), _closed(row["closed_ticket"], row["closed_at"]))))


def show_history(history: History) -> Table:
    """Each incident in a row."""
    return _table(say(_TITLE), [asdict(one) for one in history.incidents], history.looked_at)


def show_incidents(history: History) -> tuple[Text, ...]:
    """Each incident with when and where it was as the title, and what is known of it below."""
    return tuple(map(_incident, history.incidents))


def _incident(one: Other) -> Text:
    events = say("{events}; {share:.0%} died of the same error", events=count_text(one.events), share=one.share)
    lines = [
        Line(say("Workflow"), one.workflow if one.is_same_workflow else say("{name}, another one", name=one.workflow)),
        Line(say("Events"), events),
        Line(say("Same error"), "; ".join(one.signatures)),
        Line(say("Class"), class_name(one.failure_class)),
        Line(say("Cause then"), one.cause or say("not said")),
    ]
    lines += [Line(say("Done"), one.done)] if one.done else []
    lines += [Line(say("Prevention"), one.prevention)] if one.prevention else []
    lines.append(Line(say("Closed"), _closed(one.closed_ticket, one.closed_at)))
    title, later = f"{moment_text(one.onset_at, seconds=False)}, {one.folder}", say("not earlier than this one")
    return Text(title if one.is_earlier else f"{title} ({later})", tuple(lines))


def skipped_sentences(history: History) -> list[str]:
    """What was not looked into, a sentence for each reason, and the first folders of it."""
    out = _left_out(asdict(history))
    for why, count in sorted(Counter(why for _, why in history.skipped).items(), key=lambda one: (-one[1], one[0])):
        names = [name for name, own in history.skipped if own == why][:NAMED]
        shown = {"names": ", ".join(names), "why": retold(why)}
        if count > NAMED:
            out.append(say("Skipped {names} and {more} more: {why}", more=count - NAMED, **shown))
        else:
            out.append(say("Skipped {names}: {why}", **shown))
    return out


def _left_out(values: Mapping[str, Any]) -> list[str]:
    out = []
    if values["uncomputed"]:
        out.append(
            say(
                "Folders without a report that were not looked into, since only the {most} newest are computed:"
                " {count}. Make their reports (dlqkit postmortem), or look below a smaller folder.",
                most=MOST_COMPUTED,
                count=values["uncomputed"],
            )
        )
    if not values["is_all"]:
        out.append(say("There are more folders than are looked into; look below a smaller one."))
    return out


def _table(title: str, rows: Sequence[Mapping[str, Any]], looked_at: int) -> Table:
    columns = (
        say("began"),
        say("incident: workflow"),
        say("events (of the same error)"),
        say("cause then"),
        say("done"),
        say("prevention"),
        say("closed"),
    )
    cells = tuple(
        (
            moment_text(row["onset_at"], seconds=False),
            f"{row['folder']}: {row['workflow']}",
            f"{count_text(row['events'])} ({percent(row['share'])})",
            row["cause"] or say("not said"),
            row["done"] or say("not said"),
            row["prevention"] or say("not said"),
            _closed(row["closed_ticket"], row["closed_at"]),
        )
        for row in rows
    )
    return Table(title, columns, cells, say("none; incident folders that were looked into: {count}", count=looked_at))


def _closed(ticket: str | None, at: str | None) -> str:
    return say("no") if ticket is None else f"{ticket}, {moment_text(at, seconds=False)}"
