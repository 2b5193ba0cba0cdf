"""Tables of the facts: the same rows in the notebooks, the HTML, the Markdown and the terminal."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlqkit.cells import cell_width, pad
from dlqkit.language import mark, moments, number, percent, retell, say
from dlqkit.notebook_html import searchable_html, style_for_notebook
from dlqkit.report.steps import lay_steps, split_steps
from dlqkit.report.terms import term
from dlqkit.report.unbroken import command_html, words_html
from dlqkit.report.without_dead import tell_without_dead
from dlqkit.report.wording import (
    CHANGE_NAMES,
    CLASS_NAMES,
    SIGNAL_NAMES,
    Line,
    count_text,
    duration_text,
    headline,
    moment_text,
    seconds_between,
    summary,
)
from dlqkit.untrusted import for_html, for_markdown, for_markdown_code, for_terminal_lines

__all__ = [
    "Table",
    "Text",
    "evidence_rows",
    "finish",
    "show_advice",
    "show_changes",
    "show_classes",
    "show_coverage",
    "show_rules",
    "show_signals",
    "show_signatures",
    "show_status_text",
    "show_summary",
    "show_timeline",
]

Facts = Mapping[str, Any]
# A word longer than this is broken anywhere, or it would push the table out of the page.
LONGEST_WORD = 26
# A cell of so many letters is a sentence, and its column is no narrower than one can read.
PROSE = 60
# A table of so few columns has room for a time on one line.
FEW = 4
# Lines of a cell on a terminal; the last column holds sentences that say what to do.
CELL_LINES, LAST_CELL_LINES, SENTENCE_LINES = 4, 12, 3
# A column is not cut below this.
NARROWEST = 8
_NUMBER = re.compile("[0-9][0-9.,]*")
# Letters between the two times of a span, such as " to ".
_BETWEEN = 5
SENTINEL = mark("dlqkit: the post-mortem ran to its end")
_MARKS = {"unknown": mark("Not known"), "judgement": mark("Judgement needed")}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain text under column names; shows itself escaped wherever it is displayed."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = field(default_factory=lambda: say("nothing"))
    code: frozenset[str] = field(default_factory=lambda: frozenset({say("command")}))
    """Columns whose cells are to be pasted, not read."""
    said: frozenset[int] = frozenset()
    """Rows that people wrote; the others are computed."""
    whole: frozenset[str] = frozenset()
    """Columns whose cells stay in one line on a terminal, as far as others can be narrower: ids are to be copied."""

    def _repr_html_(self) -> str:
        return searchable_html(style_for_notebook(self.to_html()), len(self.rows))

    def __repr__(self) -> str:
        return self.to_text()

    def to_html(self) -> str:
        """An HTML table, each cell escaped once."""
        if not self.rows:
            return f'<p class="empty">{for_html(self.title)}: {for_html(self.empty)}</p>'
        head = "".join(f'<th role="columnheader" scope="col">{for_html(name)}</th>' for name in self.columns)
        kinds = [' class="said"' if number in self.said else "" for number in range(len(self.rows))]
        body = "".join(
            f'<tr role="row"{kind}>' + "".join(map(self._cell, self.columns, row)) + "</tr>"
            for kind, row in zip(kinds, self.rows, strict=True)
        )
        few = ' class="few"' if len(self.columns) <= FEW else ""
        # Where rows are shown as cards they are tables no more, unless their roles say so. What may have to be scrolled
        # sideways must be within reach of a keyboard.
        return (
            f'<div class="wide" role="group" aria-label="{for_html(self.title)}" tabindex="0">'
            f'<table role="table"{few}><caption>{for_html(self.title)}</caption>'
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
            f'<tbody role="rowgroup">{body}</tbody></table></div>'
        )

    def _cell(self, column: str, text: str) -> str:
        is_long = max((len(word) for word in text.split()), default=0) > LONGEST_WORD
        is_code, time = column in self.code and bool(text), _kind_of_time(text)
        kind = " ".join(filter(None, ["long" if is_long else time, _kind_of_length(text, is_code=is_code)]))
        shown = f"<code>{command_html(text)}</code>" if is_code else for_html(text) if time else words_html(text)
        return f'<td role="cell" class="{kind}" data-label="{for_html(column)}">{shown}</td>'

    def to_markdown(self) -> str:
        """A Markdown table under its title, each cell escaped once."""
        if not self.rows:
            return f"{for_markdown(self.title)}: {for_markdown(self.empty)}"
        lines = [
            f"**{for_markdown(self.title)}**",
            "",
            "| " + " | ".join(for_markdown(name) for name in self.columns) + " |",
            "|" + " --- |" * len(self.columns),
        ]
        escapes = [for_markdown_code if name in self.code else for_markdown for name in self.columns]
        lines += [
            "| " + " | ".join(escape(cell) for escape, cell in zip(escapes, row, strict=True)) + " |"
            for row in self.rows
        ]
        return "\n".join(lines)

    def to_text(self, width: int = 100) -> str:
        """Columns for a terminal, as wide as it is, or of this width elsewhere; long cells are wrapped, then cut."""
        if sys.stdout.isatty():
            width = shutil.get_terminal_size((width, 40)).columns
        if not self.rows:
            return "\n".join(for_terminal_lines(f"{self.title}: {self.empty}", width))
        rows = (self.columns, *self.rows)
        kept = [name in self.whole for name in self.columns]
        widths = _fit([max(map(cell_width, column)) for column in zip(*rows, strict=True)], width, kept)
        limits = [CELL_LINES] * (len(widths) - 1) + [LAST_CELL_LINES]
        lines = []
        for row in rows:
            cells = [for_terminal_lines(*cell) for cell in zip(row, widths, limits, strict=True)]
            for parts in itertools.zip_longest(*cells, fillvalue=""):
                lines.append("  ".join(map(pad, parts, widths)).rstrip())
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Text:
    """Labelled sentences; shows itself escaped wherever it is displayed."""

    title: str
    lines: tuple[Line, ...]

    def _repr_html_(self) -> str:
        return style_for_notebook(self.to_html())

    def __repr__(self) -> str:
        return self.to_text()

    def to_html(self) -> str:
        """A definition list; what is not known and what needs a person carries its own class and word."""
        items = "".join(
            f'<div class="{line.kind}"><dt>{for_html(line.label)}</dt><dd>{_mark(line)}{_lines_html(line)}'
            f"{_evidence(line)}</dd></div>"
            for line in self.lines
        )
        title = f"<p><strong>{for_html(self.title)}</strong></p>" if self.title else ""
        return f"{title}<dl>{items}</dl>"

    def to_markdown(self) -> str:
        """A list with bold labels."""
        title = [f"**{for_markdown(self.title)}**", ""] if self.title else []
        marks = {"computed": ""} | {kind: f"*{mark_text(kind)}:* " for kind in _MARKS}
        lines = [
            f"- **{for_markdown(line.label)}**: {marks[line.kind]}{for_markdown(line.text)}"
            + (f" {for_markdown('[' + line.evidence + ']')}" if line.evidence else "")
            for line in self.lines
        ]
        return "\n".join(title + lines)

    def to_text(self, width: int = 80, most: int = SENTENCE_LINES) -> str:
        """Labels in a column, long lines wrapped and cut after so many, but those of which no word may be missing."""
        size = max((cell_width(line.label) for line in self.lines), default=0) + 2
        out = []
        for line in self.lines:
            room = width - size
            is_listed = bool(line.steps) and line.steps[0] in line.text
            told = lay_steps(line.text, line.steps, room) if is_listed else []
            first, *rest = told or for_terminal_lines(line.text, room, LAST_CELL_LINES if line.is_whole else most)
            out += [pad(line.label, size) + first, *(" " * size + part for part in rest)]
        return "\n".join(out)


def _lines_html(line: Line) -> str:
    return "<br>".join(map(words_html, split_steps(line.text, line.steps)))


def _kind_of_length(text: str, *, is_code: bool) -> str:
    """``prose`` for a sentence; ``command`` for what has room for a time of its own."""
    if len(text) <= PROSE:
        return ""
    return "command" if is_code else "prose"


def _kind_of_time(text: str) -> str:
    """``when`` for a time, which is not broken within; ``span`` for two, which are broken only between them."""
    if not text[:1].isdigit() or not text.endswith(" UTC"):
        return ""
    found = moments(text)
    if not found or found[0][0] or found[-1][1] != len(text):
        return ""
    if len(found) == 1:
        return "when"
    return "span" if len(found) == 2 and found[1][0] - found[0][1] <= _BETWEEN else ""


def _fit(widths: list[int], width: int, kept: Sequence[bool]) -> list[int]:
    """Column widths that together fit, the widest ones cut first, those that are kept only where nothing else helps."""
    fitted = list(widths)
    least = sum(size if is_kept else min(size, NARROWEST) for size, is_kept in zip(widths, kept, strict=True))
    if least + 2 * (len(widths) - 1) > width:
        # They cannot be whole, so that nothing else is broken for their sake.
        kept = [False] * len(widths)
    for columns in ([place for place, is_kept in enumerate(kept) if not is_kept], list(range(len(widths)))):
        while (
            sum(fitted) + 2 * (len(fitted) - 1) > width
            and max((fitted[place] for place in columns), default=0) > NARROWEST
        ):
            fitted[max(columns, key=fitted.__getitem__)] -= 1
    return fitted


def mark_text(kind: str) -> str:
    """The words before a line that is not known or wants a person; empty before what is computed."""
    return say(_MARKS[kind]) if kind in _MARKS else ""


def _mark(line: Line) -> str:
    words = mark_text(line.kind)
    return f'<span class="mark">{for_html(words)}</span> ' if words else ""


def _evidence(line: Line) -> str:
    return f' <span class="evidence">[{for_html(line.evidence)}]</span>' if line.evidence else ""


def evidence_rows(rows: Sequence[Mapping[str, Any]], *cells: Any) -> tuple[tuple[str, ...], ...]:
    """The cells of each row, as text."""
    return tuple(tuple(str(cell(row)) for cell in cells) for row in rows)


def show_summary(facts: Facts, *, lacks: bool = True) -> Text:
    """Which workflow, going on or ended, since when, how many, why, what changed, what next; what is not whole."""
    return Text(headline(facts), tuple(summary(facts, lacks=lacks)))


def show_signals(facts: Facts) -> Table:
    """The five signals of §1: where each was seen, since when and until when."""
    return Table(
        say("Signals"),
        (
            say("signal"),
            say("workflow"),
            say("since"),
            say("precision"),
            say("until"),
            say("lasted"),
            say("evidence"),
        ),
        evidence_rows(
            facts["signals"],
            lambda row: _say_of(SIGNAL_NAMES, row["signal"]),
            lambda row: row["workflow_name"] or row["workflow_id"] or say("all together"),
            lambda row: moment_text(row["onset_at"]),
            lambda row: duration_text(row["resolution_s"]),
            lambda row: moment_text(row["end_at"]) if row["end_at"] else _no_end(row, facts),
            lambda row: duration_text(seconds_between(row["onset_at"], row["end_at"] or facts["as_of"])),
            _sure_cell,
        ),
        say("none of the five signals is seen in this window"),
    )


def _sure_cell(row: Mapping[str, Any]) -> str:
    """What shows the signal, with its size in its own unit; and how sure that is, where it is less than sure."""
    sure = row["confidence"]
    if sure is None:
        return say("{evidence} Confidence: not known.", evidence=row["evidence"])
    shown = number(sure, 2)
    return (
        str(row["evidence"])
        if shown == number(1, 2)
        else say("{evidence} Confidence: {confidence}.", evidence=row["evidence"], confidence=shown)
    )


def _no_end(row: Mapping[str, Any], facts: Facts) -> str:
    is_recovering = facts["state"]["value"] == "recovering" and row["workflow_id"] == facts["workflow"]["id"]
    return say("no end known yet") if is_recovering else say("going on")


def show_signatures(facts: Facts) -> Table:
    """Error signatures of the dead letters, most frequent first, each with its class."""
    return Table(
        say("Error signatures"),
        (
            say("share"),
            say("events"),
            say("signature"),
            say("new?"),
            say("class"),
            say("the text suggests"),
            say("first"),
            say("last"),
            say("evidence"),
        ),
        evidence_rows(
            facts["signatures"],
            lambda row: percent(row["share"]),
            lambda row: f"{_at_least(facts)}{number(row['events'])}",
            lambda row: row["signature"],
            lambda row: {True: say("new"), False: say("old"), None: say("not known")}[row["is_new"]],
            _class_cell,
            _suggested_cell,
            lambda row: moment_text(row["first_at"]),
            lambda row: moment_text(row["last_at"]),
            lambda _: facts["events"]["evidence"],
        ),
        say("no dead letters in the incident"),
    )


def _class_cell(row: Mapping[str, Any]) -> str:
    """The class, whether it is disputed, and whose word it is if not the fields'."""
    text = _class_name(row["failure_class"])
    if row["disputed"]:
        text = say("{failure_class} (disputed)", failure_class=text)
    if not row["overridden_by"]:
        return text
    return say(
        "{failure_class} by {person}: {reason}; by its fields {by_fields}",
        failure_class=text,
        person=row["overridden_by"],
        reason=row["override_reason"],
        by_fields=_class_name(row["class_by_fields"]),
    )


def _suggested_cell(row: Mapping[str, Any]) -> str:
    name = _class_name(row["suggested_class"])
    return say("{failure_class} (“{text}”)", failure_class=name, text=row["text_says"]) if row["text_says"] else name


def _say_of(names: Mapping[str, str], code: str) -> str:
    """The words for a code; one that has none is shown itself."""
    return say(names[code]) if code in names else code


def _class_name(failure_class: str | None) -> str:
    return retell(str(failure_class))


def show_rules(facts: Facts) -> Table:
    """What the classes rest on: flag, attempts, duration and text side by side, and what speaks against it."""
    return Table(
        say("What the class rests on"),
        (
            say("events"),
            say("class"),
            say("because"),
            "retryable",
            say("attempts"),
            say("took"),
            say("the text says"),
            say("against it"),
        ),
        evidence_rows(
            facts["class"]["rules"],
            lambda row: f"{_at_least(facts)}{number(row['events'])}",
            lambda row: _class_name(row["failure_class"]),
            lambda row: row["reason"],
            lambda row: {"True": say("yes"), "False": say("no")}.get(str(row["retryable"]), say("not said")),
            _attempts_cell,
            lambda row: _took_cell(row, facts["class"]["timeout_ms"]["value"]),
            _texts_cell,
            _against_cell,
        ),
        say("no dead letters in the incident"),
    )


# So many different texts are named beside their counts.
_TEXTS = 6


def _texts_cell(row: Mapping[str, Any]) -> str:
    """``08006``, or ``08006 (23), econnrefused (22)``: the words that tell, and how many events have each."""
    texts = row["texts"]
    if len(texts) < 2:
        return (texts[0]["words"] if texts else None) or say("nothing that tells")
    shown = texts if len(texts) <= _TEXTS else texts[: _TEXTS - 1]
    parts = [f"{one['words'] or say('nothing that tells')} ({number(one['events'])})" for one in shown]
    rest = texts[len(shown) :]
    if rest:
        parts.append(say("{count:d} others ({events})", count=len(rest), events=sum(one["events"] for one in rest)))
    return ", ".join(parts)


def _against_cell(row: Mapping[str, Any]) -> str:
    """What speaks against the class, and of how many events where it is not of all."""
    if not row["counter_evidence"]:
        return say("nothing")
    if row["counter_events"] >= row["events"]:
        return str(row["counter_evidence"])
    text = str(row["counter_evidence"])
    return say("of {count} of {events}: {text}", count=row["counter_events"], events=row["events"], text=text)


def _attempts_cell(row: Mapping[str, Any]) -> str:
    """``5 of 5``, ``3 to 5``, or ``not known``."""
    text = _span(row["attempts"]) if row["attempts"] else say("not known")
    if not row["max_attempts"]:
        return text
    return say("{attempts} of {max_attempts}", attempts=text, max_attempts=str(row["max_attempts"]))


def _took_cell(row: Mapping[str, Any], timeout_ms: float | None) -> str:
    """``29,990 to 30,000 ms of 30,000 ms``, or ``not known``; durations may add up those of all attempts."""
    span = row["action_duration_ms"]
    text = say("{span} ms", span=_span(span)) if span else say("not known")
    if not row["timeout_ms"]:
        return text
    limit = float(row["timeout_ms"])
    if timeout_ms and limit > timeout_ms:
        return say("{took} of {timeout:,.0f} ms, all attempts together", took=text, timeout=limit)
    return say("{took} of {timeout:,.0f} ms", took=text, timeout=limit)


def _span(values: Sequence[float]) -> str:
    low, high = (number(value) for value in values)
    return low if low == high else say("{low} to {high}", low=low, high=high)


def show_classes(facts: Facts) -> Table:
    """How many events each failure class of §4 has, and what each rests on."""
    failure_class = facts["class"]
    rows = tuple(
        (say(CLASS_NAMES[name]), f"{_at_least(facts)}{number(count)}")
        for name, count in failure_class["counts"].items()
        if count
    )
    attempts, timeout = failure_class["max_attempts"], failure_class["timeout_ms"]
    basis = (
        ("MAX_ATTEMPTS", _fact_value(attempts, "" if attempts["value"] is None else number(attempts["value"]))),
        (say("action timeout"), _fact_value(timeout, say("{timeout:,.0f} ms", timeout=timeout["value"] or 0))),
    )
    columns = (say("class"), say("events, or the value taken"))
    return Table(say("Failure classes"), columns, rows + basis if rows else (), say("no dead letters"))


def _at_least(facts: Facts) -> str:
    """The sign of counts of which the source may lack some."""
    return "≥ " if facts["events"]["affected"]["bound"] == "at_least" else ""


def _fact_value(value: Mapping[str, Any], shown: str) -> str:
    if value["value"] is None:
        return say("not known: {basis}", basis=value["basis"])
    return f"{shown} ({value['basis']})"


def show_changes(facts: Facts) -> Table:
    """What changed in the half hour before the onset, or was seen first just after it: restarts, versions, notes."""
    is_late = any((row["before_s"] or 0) < 0 for row in facts["changes"]["rows"])
    title = say("Changed before the onset: candidates, not conclusions")
    if is_late:
        title = say("Changed before the onset, or seen first just after it: candidates, not conclusions")
    return Table(
        title,
        (say("when"), say("before the onset"), say("kind"), say("what"), say("evidence")),
        evidence_rows(
            facts["changes"]["rows"],
            lambda row: moment_text(row["at"]),
            lambda row: (
                duration_text(row["before_s"])
                if row["before_s"] is None or row["before_s"] >= 0
                else say("seen first just after it")
            ),
            lambda row: _say_of(CHANGE_NAMES, row["kind"]),
            lambda row: row["what"],
            lambda row: row["evidence"],
        ),
        say("nothing seen: {looked_at}", looked_at=facts["changes"]["looked_at"]),
    )


def show_timeline(facts: Facts) -> Table:
    """The moments of the incident in order."""
    return Table(
        say("What happened, in order"),
        (say("when"), say("what"), say("evidence, or who says so")),
        evidence_rows(
            facts["timeline"],
            lambda row: moment_text(row["at"]),
            lambda row: row["what"],
            lambda row: say("{who} says so", who=row["who"]) if row["who"] else row["evidence"],
        ),
        say("no moment is known"),
        said=frozenset(number for number, row in enumerate(facts["timeline"]) if row["who"]),
    )


def show_coverage(facts: Facts) -> Table:
    """What was asked of each source, what came, and what is missing; what only differs in its numbers, once."""
    alike: dict[tuple[str, str], str] = {}

    def tell(row: Mapping[str, Any]) -> str:
        text = " ".join(map(retell, [*row["missing"], *row["findings"]]))
        first = alike.setdefault((row["kind"], _NUMBER.sub("#", text)), row["evidence_id"])
        if len(text) <= PROSE or first == row["evidence_id"]:
            return text or say("nothing")
        return say("As {id}, with numbers of its own.", id=first)

    return Table(
        say("Sources"),
        (
            "id",
            say("source"),
            say("window asked"),
            say("received"),
            say("completeness"),
            say("missing, found out, assumed"),
        ),
        evidence_rows(
            facts["coverage"],
            lambda row: row["evidence_id"],
            lambda row: f"{term(row['kind'])}: {row['query']}" if row["query"] else term(row["kind"]),
            _asked_cell,
            lambda row: number(row["received"]),
            lambda row: retell(row["completeness"]),
            tell,
        ),
        say("no source was asked"),
    )


def _asked_cell(row: Mapping[str, Any]) -> str:
    if not row["asked_start"]:
        return say("whatever there is")
    start, end = (moment_text(row[name], seconds=False) for name in ("asked_start", "asked_end"))
    return say("{start} to {end}", start=start, end=end)


def show_advice(facts: Facts) -> Table:
    """What to do next, first things first."""
    return Table(
        say("Next steps"),
        (say("do"), say("because"), say("would be wrong"), say("left unknown"), say("command")),
        evidence_rows(
            facts["advice"],
            lambda row: row["action"],
            lambda row: row["reason"],
            lambda row: row["wrong"],
            lambda row: row["unknown"],
            lambda row: row["command"],
        ),
        say("nothing needs doing"),
    )


def show_status_text(facts: Facts) -> Text:
    """§6 in five lines: problem, cause, solution, prevention, and who must still say what."""
    return Text(
        "", tuple(Line(row["label"], row["text"], row["kind"], row["evidence"]) for row in facts["communication"])
    )


def _lasted(facts: Facts) -> str:
    onset = facts["onset"]["at"]
    if facts["state"]["value"] == "recovering":
        time = duration_text(seconds_between(onset, facts["last_dead_letter"]["at"]))
        return say("{time} until the last dead letter", time=time)
    return duration_text(seconds_between(onset, facts["end"]["at"] or facts["as_of"]))


def show_impact(facts: Facts, *, counts: bool = True) -> Text:
    """How severe and how long, and how many events by the counter; ``counts`` by the records, which a summary has."""
    events, metrics = facts["events"], facts["metrics"]
    severity = facts["judgement"]["severity"]
    grown = metrics["dead_letters_increase"]
    lines = [Line(say("Severity"), severity)] if severity else []
    if facts["state"]["kind"] != "dead_letters":
        told = [Line(*row) for row in tell_without_dead(facts)]
        lasted = [Line(say("Lasted"), _lasted(facts))] if facts["onset"]["at"] else []
        return Text("", (*lines, *told, *lasted))
    if counts:
        lines += [
            Line(say("Events affected"), count_text(events["total"]), evidence=events["evidence"]),
            Line(say("Still open"), count_text(events["open"]), evidence=events["evidence"]),
            Line(say("Healed"), count_text(events["healed"]), evidence=events["evidence"]),
        ]
    lines += [
        Line(
            say("Dead-letter counter grew by"),
            say("not known")
            if grown is None
            else say(
                "{count} from {since} to {until}",
                count=count_text({"value": round(grown), "bound": metrics["dead_letters_bound"]}),
                since=moment_text(metrics["since"]),
                until=moment_text(metrics["until"]),
            ),
            "unknown" if grown is None else "computed",
            metrics["evidence"],
        ),
        Line(say("Lasted"), _lasted(facts)),
    ]
    return Text("", tuple(lines))


def finish(facts: Facts) -> str:
    """The last cell's sentinel; its absence shows that the notebook did not run to its end."""
    return f"{say(SENTINEL)} ({facts['snapshot']['id']}, {moment_text(facts['as_of'])})"
