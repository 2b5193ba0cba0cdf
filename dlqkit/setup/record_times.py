"""Times of records against the server's own: how they are written, and of which zone they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.setup.checks import Check, amount
from dlqkit.setup.clocks import AHEAD_S, Asked, possible_offsets, server_now, zone_name
from dlqkit.sources.execution_logs import Page
from dlqkit.sources.record_decode import decode_page

__all__ = ["check_times"]


def check_times(page: Page, settings: ExecutionLogsSettings, asked: Asked) -> tuple[list[Check], dict[str, Any]]:
    """What the newest page's times say.

    Returns
    -------
    (list of Check, dict)
        The checks; and ``timezone``, where times have none and only one fits the newest records.
    """
    times = page.frame["recorded_at"].dropna()
    plain = decode_page(page.body, settings.model_copy(update={"timezone": "UTC"})).frame["recorded_at"].dropna()
    bare = decode_page(page.body, settings.model_copy(update={"timezone": None})).frame["recorded_at"].dropna()
    if not len(plain):
        return [], {}
    now = server_now(asked)
    if len(bare) < len(plain):
        return _without_zone(plain, settings.timezone, times, now)
    ahead_s = (times.max().to_pydatetime() - now).total_seconds()
    if ahead_s > AHEAD_S:
        said = (
            f"Times state their zone, and the newest record is {amount(ahead_s)} ahead of the server's own clock: "
            f"they are not of the zone that they state{_perhaps(ahead_s)}."
        )
        step = "Tell the API's owner. Until it is mended give windows in the API's time: --start, --end with an offset."
        return [Check("times", "fails", said, step)], {}
    epoch = [text for text in decode_page(page.body, settings).findings if "since 1970" in text]
    how = epoch[0] if epoch else "Times state their zone."
    return [Check("times", "works", f"{how} {_age(plain, ahead_s)}")], {}


def _age(plain: pd.Series, ahead_s: float) -> str:
    if not _is_newest_first(plain):
        return "The first page has the oldest records, so how old the newest is cannot be seen."
    return f"The newest record is {amount(min(ahead_s, 0))} old."


def _perhaps(ahead_s: float) -> str:
    """The zone that a lead of whole hours speaks of."""
    hours = round(ahead_s / 3600)
    return f", but seem to be of UTC{hours:+d}" if hours and abs(ahead_s - hours * 3600) < 600 else ""


def _without_zone(
    plain: pd.Series, zone: str | None, times: pd.Series, now: datetime
) -> tuple[list[Check], dict[str, Any]]:
    """``plain`` are the times taken for UTC, ``times`` those of the zone that is set."""
    written = [moment.to_pydatetime() for moment in plain]
    offsets = possible_offsets(written, now) if _is_newest_first(plain) else ()
    likely = zone_name(offsets[0]) if len(offsets) == 1 else None
    if zone is None:
        said = "Times have no zone, so they are not used."
        if likely is not None:
            said += f" Beside the server's clock only {_offset_text(offsets[0])} fits the newest records."
            step = f'Set execution_logs.timezone = "{likely}"; where there is summer time, name the place.'
            return [Check("times", "fails", said, step)], {"timezone": likely}
        if len(offsets) > 1:
            said += f" By the server's clock they may be of {', '.join(map(_offset_text, offsets[:6]))}."
        elif not _is_newest_first(plain):
            said += " The first page has the oldest records, so the server's clock does not tell which it is."
        step = 'Ask the API\'s owner, and set execution_logs.timezone = "UTC", or as "Europe/Berlin".'
        return [Check("times", "fails", said, step)], {}
    ahead_s = (times.max().to_pydatetime() - now).total_seconds()
    if ahead_s > AHEAD_S:
        said = f"Times are read as {zone}, as set, and the newest record is {amount(ahead_s)} ahead of the server."
        fits = f'; "{likely}" fits' if likely is not None else ""
        return [Check("times", "fails", said, f"Mend execution_logs.timezone{fits}.")], {}
    if offsets and not any(abs(_shift_s(plain, times) - 60 * offset) < 1 for offset in offsets):
        said = f"Times are read as {zone}, as set, and the newest record seems {amount(ahead_s)} old."
        step = f"If the worker has been busy, mend execution_logs.timezone: {_offset_text(offsets[-1])} fits."
        return [Check("times", "note", said, step)], {}
    said = f"Times have no zone and are read as {zone}, as set. {_age(plain, ahead_s)}"
    return [Check("times", "works", said)], {}


def _is_newest_first(times: pd.Series) -> bool:
    """Whether the page begins with the newest records; single ones may be out of order."""
    half = (len(times) + 1) // 2
    return bool(times.iloc[:half].min() >= times.iloc[half:].median()) if len(times) > 1 else True


def _shift_s(plain: pd.Series, times: pd.Series) -> float:
    """By how much the zone that is set is ahead of UTC, at the newest record."""
    shift: timedelta = plain.max().to_pydatetime() - times.max().to_pydatetime()
    return shift.total_seconds()


def _offset_text(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")
