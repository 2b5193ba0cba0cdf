"""Moments, durations and counts as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dlqkit.language import clock, date_and_time, number, say

__all__ = ["clock_text", "count_text", "duration_text", "moment_text", "seconds_between"]


def moment_text(value: str | None, *, seconds: bool = True) -> str:
    """``2026-11-24 09:31:12 UTC``, or ``not known``."""
    if not value:
        return say("not known")
    return date_and_time(datetime.fromisoformat(value), seconds=seconds)


def clock_text(value: str | None) -> str:
    """``09:31:12``; empty where it is not known."""
    return clock(datetime.fromisoformat(value)) if value else ""


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one ISO 8601 time to another; None where one is not known."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def duration_text(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds is None:
        return say("not known")
    whole = round(max(seconds, 0))
    if whole < 120:
        return say("{seconds:d} s", seconds=whole)
    minutes = whole // 60
    if minutes < 120:
        return say("{minutes:d} min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return say("{hours:d} h {minutes} min", hours=hours, minutes=f"{minutes:02d}")
    return say("{days:d} d {hours:d} h", days=hours // 24, hours=hours % 24)


def count_text(count: Mapping[str, Any] | None) -> str:
    """``1,204``, ``≥ 100``, ``≤ 60``, ``12 of those seen``, or ``not known``."""
    if not count or count.get("value") is None:
        return say("not known")
    # That it is at least none says nothing.
    if count["bound"] == "of_seen" or (count["bound"] == "at_least" and not count["value"]):
        return say("{count} of those seen", count=count["value"])
    sign = {"at_least": "≥ ", "at_most": "≤ " if count["value"] else ""}.get(count["bound"], "")
    return sign + number(count["value"])
