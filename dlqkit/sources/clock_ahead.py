"""Records of a time that this machine's clock has not reached: a window that ends now leaves them out."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from dlqkit.language import in_english, mark

__all__ = ["ClockAhead", "Clocks", "read_date"]

# From here on a window of an hour is plainly another one at the server; below, a clock is as good as another.
LARGE_S = 60.0
# As far a clock is forgiven, as by the doctor.
_FORGIVEN_S = 5.0


@dataclass(slots=True)
class Clocks:
    """How far clocks were seen to be ahead of this machine's, when pages came: a page that is kept tells it no more."""

    asked_at: datetime
    """What "now" is for all that is asked, however often it is interrupted."""
    records_s: float = 0.0
    server_s: float | None = None
    """By the first ``Date`` header that came."""
    is_saved: bool = True
    """Whether who keeps this has written down what it holds."""

    @property
    def lead_s(self) -> float:
        """The larger of both."""
        return max(self.records_s, self.server_s or 0.0)

    def see_records(self, newest: datetime) -> None:
        """Hold the newest record that was left out of a page that came just now against this machine's clock."""
        lead = (newest - datetime.now(UTC)).total_seconds()
        if lead > self.records_s:
            self.records_s, self.is_saved = lead, False

    def see_date(self, date: str | None) -> None:
        """Hold the ``Date`` header of an answer that came just now against this machine's clock."""
        stated = read_date(date) if self.server_s is None else None
        if stated is not None:
            self.server_s, self.is_saved = (stated - datetime.now(UTC)).total_seconds(), False


@dataclass(slots=True)
class ClockAhead:
    """How many records a window left out that are of after the asking, if clocks are ahead."""

    end: datetime | None
    """Of the window; without one nothing is left out."""
    clocks: Clocks
    count: int = 0
    newest: datetime | None = None

    def add(self, frame: pd.DataFrame, date: str | None) -> None:
        """Count those of a page; what a page that came just now says of the clocks is held against this machine's."""
        self.clocks.see_date(date)
        if self.end is None:
            return
        times = frame["recorded_at"]
        # Not of after this moment: of a page that was kept it is another one each time that the page is read.
        ahead = times[(times > self.clocks.asked_at) & (times >= self.end)]
        if len(ahead):
            self.count += len(ahead)
            newest = ahead.max().to_pydatetime()
            self.newest = newest if self.newest is None else max(self.newest, newest)
            self.clocks.see_records(newest)

    @property
    def is_large(self) -> bool:
        """Whether so much was left out that counts are of another window than was asked for."""
        return self.count > 0 and self.clocks.lead_s > LARGE_S

    @property
    def missing(self) -> list[str]:
        """What is to be said of it; records that came to be while others were read are rightly left out."""
        if not self.count or self.newest is None or self.clocks.lead_s <= _FORGIVEN_S:
            return []
        text = mark(
            "{count} records bear a time up to {ahead} after now by this machine's clock, and are left out: set the "
            "clocks right, or give an --end after {newest}."
        )
        lead_s = (self.newest - self.clocks.asked_at).total_seconds()
        newest = self.newest.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        out = [in_english(text, count=self.count, ahead=_amount(lead_s), newest=newest)]
        if (self.clocks.server_s or 0.0) > 1:
            text = mark("The server's clock is {ahead} ahead of this machine's.")
            out.append(in_english(text, ahead=_amount(self.clocks.server_s or 0.0)))
        return out


def _amount(seconds: float) -> str:
    return f"{round(seconds / 60)} min" if seconds >= 2 * LARGE_S else f"{max(round(seconds), 1)} s"


def read_date(text: str | None) -> datetime | None:
    """The moment of a ``Date`` header; None where there is none, or it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
