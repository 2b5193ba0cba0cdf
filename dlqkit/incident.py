"""The question: which workflow or trace, and from when to when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dlqkit.errors import ParameterError
from dlqkit.notebook_html import Shown, span_text

__all__ = ["YEARS", "Incident", "TimeWindow", "format_time", "parse_duration", "parse_time", "to_utc"]

_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(w|d|h|min|m|sec|s)")
YEARS = (1970, 2261)
"""The first and the last in which anything is read to have happened: no system of this kind is older, Go writes a time
that is not set as one of the year 1, and pandas' nanoseconds end in 2262."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Half-open UTC interval ``[start, end)``."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ParameterError(
                "The window has no time zone.",
                "Write its times with an offset, as 2026-03-02T14:00:00+00:00 or 2026-03-02T14:00Z.",
            )
        object.__setattr__(self, "start", _in_range(self.start))
        object.__setattr__(self, "end", _in_range(self.end))
        if self.end <= self.start:
            raise ParameterError(
                f"The window ends ({format_time(self.end)}) before it starts ({format_time(self.start)}).",
                "Swap the start and the end.",
            )

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    def widened(self, before: timedelta) -> TimeWindow:
        """The same window, starting earlier by ``before``."""
        return TimeWindow(self.start - before, self.end)


@dataclass(frozen=True, slots=True, repr=False)
class Incident(Shown):
    """The question an analyst asks; it holds no answer.

    Parameters
    ----------
    start, end : datetime
        Aware; the window is half-open ``[start, end)`` and kept in UTC.
    workflow_id : str, optional
        Only this workflow; without it, whichever is in trouble.
    trace_id : str, optional
        Only this trace.

    Raises
    ------
    ParameterError
        If a time has no zone, the window is reversed, or an id is empty.
    """

    start: datetime
    end: datetime
    workflow_id: str | None = None
    trace_id: str | None = None

    @property
    def sentence(self) -> str:
        """What is asked, in a line."""
        which = [f"workflow {self.workflow_id}"] if self.workflow_id else ["any workflow"]
        which += [f"trace {self.trace_id}"] if self.trace_id else []
        return f"{', '.join(which)}, {span_text(self.start, self.end)}"

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Incident: {self.sentence}", []

    def __post_init__(self) -> None:
        window = TimeWindow(self.start, self.end)
        object.__setattr__(self, "start", window.start)
        object.__setattr__(self, "end", window.end)
        for name in ("workflow_id", "trace_id"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise ParameterError(f"The {name} is empty.", f"Leave {name} out, or write the whole id as text.")

    @property
    def window(self) -> TimeWindow:
        """The time range of the question."""
        return TimeWindow(self.start, self.end)


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``15m``, ``2h``, ``1h30m``, ``7d``.

    Raises
    ------
    ParameterError
        If the text is not a positive duration.
    """
    compact = text.strip().lower().replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ParameterError(f"“{text[:40]}” is not a duration.", "Write it as 90s, 15m, 2h, 1h30m or 7d.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= 3650 * 86400:
        raise ParameterError(
            f"The duration “{text[:40]}” is out of range.", "Use more than zero and less than ten years."
        )
    return timedelta(seconds=seconds)


def parse_time(text: str, *, now: datetime | None = None) -> datetime:
    """Read a moment: ``now``, an age as ``2h``, or an ISO 8601 time with an offset.

    Raises
    ------
    ParameterError
        If the time has no offset, or is none of the three.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    stripped = text.strip()
    if stripped.lower() == "now":
        return moment
    if _DURATION.fullmatch(stripped.lower()) or re.fullmatch(r"(?:[0-9.]+[a-z]+)+", stripped.lower()):
        return moment - parse_duration(stripped)
    try:
        parsed = datetime.fromisoformat(stripped)
    except ValueError:
        raise ParameterError(
            f"“{stripped[:40]}” is not a time.",
            "Write it as 2h (ago), now, or 2026-03-02T14:00Z.",
        ) from None
    if parsed.tzinfo is None:
        raise ParameterError(
            f"The time {stripped[:40]} has no zone.",
            f"Add the offset: {stripped[:40]}Z for UTC, or for example {stripped[:40]}+03:00.",
        )
    return _in_range(parsed)


def to_utc(moment: datetime) -> datetime:
    """A moment that a person wrote, which has a zone, in UTC.

    Raises
    ------
    ValueError
        If its year is before 1970 or after 2261.
    """
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error
    if not YEARS[0] <= utc.year <= YEARS[1]:
        raise ValueError("the time is out of range")
    return utc


def _in_range(moment: datetime) -> datetime:
    try:
        return to_utc(moment)
    except ValueError:
        raise ParameterError(
            f"The time {moment.isoformat()} is out of range.", f"Write one of the years {YEARS[0]} to {YEARS[1]}."
        ) from None


def format_time(moment: datetime) -> str:
    """Write a moment as ``2026-03-02 14:00:05 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
