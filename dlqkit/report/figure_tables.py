"""The table under each figure: the same numbers for whoever cannot see it, or wants to copy one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlqkit.executions.durations import duration_words
from dlqkit.language import number, say
from dlqkit.report.tables import Table, evidence_rows
from dlqkit.report.wording import duration_text, moment_text, seconds_between

__all__ = ["MOST_ROWS", "show_figure_data"]

Facts = Mapping[str, Any]
Row = Mapping[str, Any]
# The figure's own bins are fewer for any window below half a year; beyond, the rest stands in facts.json.
MOST_ROWS = 200


def show_figure_data(facts: Facts, name: str) -> list[Table]:
    """What a figure shows, as tables; none where it has nothing to draw.

    Parameters
    ----------
    facts : mapping
        From ``report.facts.facts``.
    name : str
        ``signals``, ``timeline`` or ``durations``; of another figure nothing is known.
    """
    rows = {key: facts["figures"].get(key, []) for key in _TABLES.get(name, ())}
    return [_TABLES[name][key](part) for key, part in rows.items() if part]


def _signals(rows: Sequence[Row]) -> Table:
    return _table(
        say("Events per minute by the worker's counters, each row {width} long", width=_width(rows)),
        {
            say("from"): _from,
            say("dead letters"): lambda row: _rate(row["dead_letters_per_min"]),
            say("failures"): lambda row: _rate(row["failures_per_min"]),
            say("successes"): lambda row: _rate(row["successes_per_min"]),
        },
        rows,
    )


def _timeline(rows: Sequence[Row]) -> Table:
    return _table(
        say("Records and log lines, each row {width} long; rows without any are left out", width=_width(rows)),
        {
            say("from"): _from,
            say("dead letters"): lambda row: _count(row["dead_letters"]),
            say("failures"): lambda row: _count(row["failures"]),
            say("successes"): lambda row: _count(row["successes"]),
            say("worker logs"): lambda row: _count(row["worker_logs"]),
        },
        rows,
    )


def _durations(rows: Sequence[Row]) -> Table:
    return _table(
        say("Records by how long the action took"),
        {
            say("took at least"): lambda row: duration_words(row["low_ms"]),
            say("and less than"): lambda row: (
                say("cut by the timeout") if row["cut"] else duration_words(row["high_ms"])
            ),
            say("dead letters"): lambda row: _count(row["dead_letters"]),
            say("failed attempts"): lambda row: _count(row["failures"]),
            say("successes"): lambda row: _count(row["successes"]),
        },
        rows,
    )


def _buckets(rows: Sequence[Row]) -> Table:
    return _table(
        say("Attempts by the worker's own histogram"),
        {
            say("took more than"): lambda row: duration_words(row["low_ms"]) if row["low_ms"] else say("nothing"),
            say("at most"): lambda row: say("no end") if row["high_ms"] is None else duration_words(row["high_ms"]),
            say("attempts"): lambda row: number(row["attempts"]),
        },
        rows,
    )


_TABLES: Mapping[str, Mapping[str, Callable[[Sequence[Row]], Table]]] = {
    "signals": {"signals": _signals},
    "timeline": {"timeline": _timeline},
    "durations": {"durations": _durations, "buckets": _buckets},
}


def _table(title: str, cells: Mapping[str, Callable[[Row], str]], rows: Sequence[Row]) -> Table:
    if len(rows) > MOST_ROWS:
        title = say(
            "{title} (the first {shown:d} of {rows} rows; facts.json has all)",
            title=title, shown=MOST_ROWS, rows=len(rows),
        )  # fmt: skip
    return Table(title, tuple(cells), evidence_rows(rows[:MOST_ROWS], *cells.values()))


def _width(rows: Sequence[Row]) -> str:
    return duration_text(seconds_between(rows[0]["at"], rows[0]["end_at"]))


def _from(row: Row) -> str:
    lasts = seconds_between(row["at"], row["end_at"])
    return moment_text(row["at"], seconds=lasts is not None and lasts < 60)


def _rate(value: float | None) -> str:
    if value is None:
        return say("not scraped")
    return number(value) if value >= 100 or value == round(value) else number(value, 2)


def _count(value: int | None) -> str:
    return say("not covered") if value is None else number(value)
