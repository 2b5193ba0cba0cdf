"""Other incidents with the same error, as they are shown: a table in the report, a few lines each on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dlqkit.report.history import MOST_COMPUTED, History, Other
from dlqkit.report.tables import Table, Text
from dlqkit.report.wording import Line, count_text, moment_text

__all__ = ["show_earlier", "show_history", "show_incidents", "skipped_sentences"]

# Names of skipped folders that are shown of each reason.
NAMED = 3
_NOT_SAID = "not said"
_TITLE = "Other incidents with the same error"
_EARLIER = "Earlier incidents with the same error"


def show_earlier(facts: Mapping[str, Any]) -> list[Table | Text]:
    """The report's section: earlier incidents, and what could not be looked into."""
    earlier = facts["earlier"]
    shown: list[Table | Text] = [_table(_EARLIER, earlier["rows"], earlier["looked_at"])]
    lines = [Line("Not looked into", text, "unknown") for text in _left_out(earlier)]
    lines += [Line("Not looked into", text, "unknown") for text in earlier["skipped"][:NAMED]]
    if (more := len(earlier["skipped"]) - NAMED) > 0:
        lines.append(Line("Not looked into", f"More folders that cannot be read: {more:,}.", "unknown"))
    return [*shown, Text("", tuple(lines))] if lines else shown


def show_history(history: History) -> Table:
    """Each incident in a row."""
    return _table(_TITLE, [asdict(one) for one in history.incidents], history.looked_at)


def show_incidents(history: History) -> tuple[Text, ...]:
    """Each incident with when and where it was as the title, and what is known of it below."""
    return tuple(map(_incident, history.incidents))


def _incident(one: Other) -> Text:
    when = "" if one.is_earlier else " (not earlier than this one)"
    lines = [
        Line("Workflow", one.workflow if one.is_same_workflow else f"{one.workflow}, another one"),
        Line("Events", f"{count_text(one.events)}; {one.share:.0%} died of the same error"),
        Line("Same error", "; ".join(one.signatures)),
        Line("Class", one.failure_class),
        Line("Cause then", one.cause or _NOT_SAID),
    ]
    lines += [Line(label, text) for label, text in (("Done", one.done), ("Prevention", one.prevention)) if text]
    lines.append(Line("Closed", _closed(one.closed_ticket, one.closed_at)))
    return Text(f"{moment_text(one.onset_at, seconds=False)}, {one.folder}{when}", tuple(lines))


def skipped_sentences(history: History) -> list[str]:
    """What was not looked into, a sentence for each reason, and the first folders of it."""
    out = _left_out(asdict(history))
    for why, count in sorted(Counter(why for _, why in history.skipped).items(), key=lambda one: (-one[1], one[0])):
        names = [name for name, own in history.skipped if own == why][:NAMED]
        more = f" and {count - NAMED:,} more" if count > NAMED else ""
        out.append(f"Skipped {', '.join(names)}{more}: {why}")
    return out


def _left_out(values: Mapping[str, Any]) -> list[str]:
    out = []
    if values["uncomputed"]:
        out.append(
            f"Folders without a report that were not looked into, since only the {MOST_COMPUTED} newest are computed: "
            f"{values['uncomputed']:,}. Make their reports (dlqkit postmortem), or look below a smaller folder."
        )
    if not values["is_all"]:
        out.append("There are more folders than are looked into; look below a smaller one.")
    return out


def _table(title: str, rows: Sequence[Mapping[str, Any]], looked_at: int) -> Table:
    columns = (
        "began",
        "incident: workflow",
        "events (of the same error)",
        "cause then",
        "done",
        "prevention",
        "closed",
    )
    cells = tuple(
        (
            moment_text(row["onset_at"], seconds=False),
            f"{row['folder']}: {row['workflow']}",
            f"{count_text(row['events'])} ({row['share']:.0%})",
            row["cause"] or _NOT_SAID,
            row["done"] or _NOT_SAID,
            row["prevention"] or _NOT_SAID,
            _closed(row["closed_ticket"], row["closed_at"]),
        )
        for row in rows
    )
    return Table(title, columns, cells, f"none; incident folders that were looked into: {looked_at:,}")


def _closed(ticket: str | None, at: str | None) -> str:
    return "no" if ticket is None else f"{ticket}, {moment_text(at, seconds=False)}"
