"""Clocks and zones: a server's ``Date`` header against this machine's clock, and records' times against that header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from dlqkit.setup.checks import Check, State, amount
from dlqkit.sources.clock_ahead import read_date

__all__ = ["Asked", "check_clock", "possible_offsets", "server_now", "zone_name"]

# A run compares the sender's clock with the API's and forgives as much (republish.clock_tolerance_s).
TOLERATED_S = 5.0
# From here on a window of an hour is plainly another one at the server.
LARGE_S = 60.0
# A record's time may be a moment ahead of the header: they are of two machines.
AHEAD_S = 60.0
# The shortest pause between records that is believed: records also come in bursts.
SHORTEST_PAUSE_S = 120.0
# Every offset from UTC that a place keeps at some time of the year, in minutes (tz database 2025b).
_PARTS_OF_HOURS = {
    -570: "Pacific/Marquesas", -210: "America/St_Johns", -150: "America/St_Johns", 210: "Asia/Tehran",
    270: "Asia/Kabul", 330: "Asia/Kolkata", 345: "Asia/Kathmandu", 390: "Asia/Yangon", 525: "Australia/Eucla",
    570: "Australia/Darwin", 630: "Australia/Adelaide", 765: "Pacific/Chatham", 825: "Pacific/Chatham",
}  # fmt: skip
_OFFSETS = sorted([*(60 * hours for hours in range(-12, 15)), *_PARTS_OF_HOURS])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's moments by this machine's clock, and what the server's header said of the time between them."""

    asked_at: datetime
    answered_at: datetime
    date: str | None


def server_now(asked: Asked) -> datetime:
    """The time at the server when it answered; by this machine's clock where it does not say."""
    return read_date(asked.date) or asked.answered_at


def check_clock(asked: Asked) -> Check:
    """Whether the server's clock is this machine's, as far as a header of whole seconds tells."""
    stated = read_date(asked.date)
    if stated is None:
        return Check("clock", "unknown", "The server does not say what time it has (no Date header).")
    # The header may have been written at any moment between question and answer, and cuts its second off.
    ahead_s = (stated - asked.answered_at).total_seconds()
    behind_s = (asked.asked_at - stated).total_seconds() - 1
    if max(ahead_s, behind_s) <= TOLERATED_S:
        return Check("clock", "works", "The server's clock agrees with this machine's.")
    is_ahead, state = ahead_s > behind_s, _state(max(ahead_s, behind_s))
    where = "ahead of" if is_ahead else "behind"
    return Check(
        "clock",
        state,
        f"The server's clock is {amount(ahead_s if is_ahead else behind_s)} {where} this machine's.",
        "Look which of the two is wrong (timedatectl); windows such as --since 2h begin at this machine's time.",
    )


def _state(off_s: float) -> State:
    return "fails" if off_s > LARGE_S else "note"


def possible_offsets(times: Sequence[datetime], now: datetime) -> tuple[int, ...]:
    """Offsets from UTC, in minutes, that times without a zone may have, newest first, seen at ``now``.

    None of the records can be of the future, and the newest can hardly be older than the longest pause before it: so
    many busy records leave one offset, few leave several.

    Parameters
    ----------
    times : sequence of datetime
        As they are written, taken for UTC; in any order.
    now : datetime
        The server's own time.
    """
    if not times:
        return ()
    ordered = sorted(times)
    pauses = [(after - before).total_seconds() for before, after in pairwise(ordered)]
    longest_s = max(2 * max(pauses, default=_OFFSETS[-1] * 60.0), SHORTEST_PAUSE_S)
    out = []
    for minutes in _OFFSETS:
        age_s = (now - (ordered[-1] - timedelta(minutes=minutes))).total_seconds()
        if -AHEAD_S <= age_s <= longest_s:
            out.append(minutes)
    return tuple(out)


def zone_name(minutes: int) -> str:
    """A zone that has this offset, as settings name it; POSIX counts ``Etc/GMT-3`` westward, so that is UTC+3."""
    if minutes in _PARTS_OF_HOURS:
        return _PARTS_OF_HOURS[minutes]
    return "UTC" if minutes == 0 else f"Etc/GMT{-minutes // 60:+d}"
