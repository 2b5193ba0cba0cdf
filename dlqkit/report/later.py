"""Dead letters of the workflow after its incident: no part of it, and yet somebody is to see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from dlqkit.decision.signatures import show_signature
from dlqkit.language import say, say_count
from dlqkit.membership import is_one_of
from dlqkit.report.amounts import clock_text
from dlqkit.report.coverage import time_text

__all__ = ["LATER", "describe_later", "find_later", "later_text", "tell_later"]

LATER: Mapping[str, str] = {
    "event_key": "str",
    "recorded_at": "datetime64[us, UTC]",
    "signature_id": "str",
    "signature": "str",
    "is_open": "boolean",
}


def describe_later(own: pd.DataFrame, states: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The workflow's dead letters of after an incident that has ended.

    Parameters
    ----------
    own : DataFrame
        Records of the workflow up to the end of what is looked at, signed.
    states : DataFrame
        ``event_states`` of ``own``.
    facts : mapping
        With ``state``, ``end``, ``last_dead_letter``, ``signatures``, ``republish`` and ``other_incidents``.

    Returns
    -------
    dict or None
        As ``tell_later``.
    """
    found = own[find_later(own, facts)]
    is_open = states.loc[states["state"] == "open", "event_key"]
    still_open = is_open[~is_one_of(is_open, facts["republish"]["passed"])]
    return tell_later(found.assign(is_open=is_one_of(found["event_key"], still_open)), facts)


def find_later(own: pd.DataFrame, facts: Mapping[str, Any]) -> pd.Series:
    """Which of the workflow's records they are, a mask; none where no incident of dead letters has ended."""
    after = _after(facts)
    if after is None:
        return pd.Series(data=False, index=own.index)
    late = own["recorded_at"] > pd.Timestamp(after)
    return own["queued_to_dlq"].fillna(False).astype(bool) & late & ~_of_others(own["recorded_at"], facts)


def _of_others(times: pd.Series, facts: Mapping[str, Any]) -> pd.Series:
    """Which times are within another incident of the workflow."""
    within = pd.Series(data=False, index=times.index)
    for other in facts["other_incidents"]:
        low, high = (pd.Timestamp(other[name] or facts["as_of"]) for name in ("onset_at", "end_at"))
        within |= times.between(low, high)
    return within


def tell_later(found: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same of dead letters that are at hand (``LATER``).

    Returns
    -------
    dict or None
        ``count``, ``open`` (events), ``alike`` (with an error of the incident's), ``newest_at`` and ``signature`` of
        the newest; without those of the workflow's other incidents. None where no incident of dead letters has ended.
    """
    if _after(facts) is None:
        return None
    found = found[~_of_others(found["recorded_at"], facts)]
    newest = found.sort_values("recorded_at", kind="stable").tail(1)
    known = {row["signature_id"] for row in facts["signatures"]}
    text = newest["signature"].iloc[0] if len(newest) else None
    return {
        "count": len(found),
        "open": int(found.loc[found["is_open"].fillna(False).astype(bool), "event_key"].nunique()),
        "alike": int(found["signature_id"].isin(known).sum()),
        "newest_at": time_text(newest["recorded_at"].iloc[0]) if len(newest) else None,
        "signature": None if text is None or pd.isna(text) else str(text),
    }


def _after(facts: Mapping[str, Any]) -> datetime | None:
    """The incident's last dead letter, or its end where no record tells of one."""
    if facts["state"]["value"] != "ended" or facts["state"]["kind"] != "dead_letters":
        return None
    at = facts["last_dead_letter"]["at"] or facts["end"]["at"]
    return datetime.fromisoformat(at) if at else None


def later_text(later: Mapping[str, Any] | None) -> str:
    """How many since the incident, with which error and how many open; empty where there are none."""
    if not later or not later["count"]:
        return ""
    count, alike = later["count"], later["alike"]
    at, signature = clock_text(later["newest_at"]), _quoted(later["signature"])
    if count == 1:
        text = say("not counted here: a dead letter of {at} UTC", at=at)
    else:
        text = say_count("not counted here: {count} dead letter since then",
                         "not counted here: {count} dead letters since then", count)  # fmt: skip
    if 0 < alike < count:
        text = say("{text}, {alike} of them with an error of the incident's", text=text, alike=alike)
    elif alike:
        text = say("{text} with an error of the incident's", text=text)
    else:
        text = say("{text} with another error", text=text)
    if count == 1:
        text = f"{text}{signature}"
        return say("{text}, still open", text=text) if later["open"] else say("{text}, not open any more", text=text)
    still_open = say_count("{count} event of these is open", "{count} events of these are open", later["open"])
    return say("{text}; {open}; the newest is of {at} UTC{signature}", text=text, open=still_open, at=at,
               signature=signature)  # fmt: skip


def _quoted(signature: str | None) -> str:
    return f" ({show_signature(signature)})" if signature else ""
