"""Records of a time that this machine's clock has not reached: a window that ends now leaves them out."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from dlqkit.language import in_english, mark

__all__ = ["ClockAhead"]

# From here on a window of an hour is plainly another one at the server; below, a clock is as good as another.
LARGE_S = 60.0


@dataclass(slots=True)
class ClockAhead:
    """How many records a window left out that are of after now, and how far the server's clock is ahead."""

    end: datetime | None
    """Of the window; without one nothing is left out."""
    count: int = 0
    newest: datetime | None = None
    lead_s: float = 0.0
    server_s: float = 0.0

    def add(self, frame: pd.DataFrame, date: str | None) -> None:
        """Count those of a page that came just now, and hold its ``Date`` header against this machine's clock."""
        now = datetime.now(UTC)
        stated = _read_date(date)
        if stated is not None:
            self.server_s = max(self.server_s, (stated - now).total_seconds())
        if self.end is None:
            return
        times = frame["recorded_at"]
        ahead = times[(times > now) & (times >= self.end)]
        if len(ahead):
            self.count += len(ahead)
            newest = ahead.max().to_pydatetime()
            self.newest = newest if self.newest is None else max(self.newest, newest)
            self.lead_s = max(self.lead_s, (newest - now).total_seconds())

    @property
    def is_large(self) -> bool:
        """Whether so much was left out that counts are of another window than was asked for."""
        return self.count > 0 and max(self.lead_s, self.server_s) > LARGE_S

    @property
    def missing(self) -> list[str]:
        """What is to be said of it."""
        if not self.count or self.newest is None:
            return []
        text = mark(
            "{count} records bear a time up to {ahead} after now by this machine's clock, and are left out: set the "
            "clocks right, or give an --end after {newest}."
        )
        newest = self.newest.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        out = [in_english(text, count=self.count, ahead=_amount(self.lead_s), newest=newest)]
        if self.server_s > 1:
            text = mark("The server's clock is {ahead} ahead of this machine's.")
            out.append(in_english(text, ahead=_amount(self.server_s)))
        return out


def _amount(seconds: float) -> str:
    return f"{round(seconds / 60)} min" if seconds >= 2 * LARGE_S else f"{max(round(seconds), 1)} s"


def _read_date(text: str | None) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
