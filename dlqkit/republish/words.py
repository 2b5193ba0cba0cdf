"""Counts of events and other figures in sentences, and what people call the states and fates of events."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from dlqkit.language import mark, number, retell, say

__all__ = ["are", "counted", "counts_of", "events_of", "exact", "figure", "name_of", "retold", "were"]

_SENTENCE_END = re.compile(r"(?<=[.?!]) (?=[A-Z])")
# States of the journal and fates of the proof: the codes are stored and compared, these are shown.
_NAMES: Mapping[str, str] = {
    "planned": mark("planned"),
    "intent": mark("intent"),
    "acked": mark("acked"),
    "failed": mark("failed"),
    "in_doubt": mark("in doubt"),
    "passed": mark("passed"),
    "failed_same": mark("failed same"),
    "failed_new": mark("failed new"),
    "running": mark("running"),
    "not_seen": mark("not seen"),
    "failed_to_send": mark("failed to send"),
    "not_sent": mark("not sent"),
}
_COUNTED: Mapping[str, str] = {
    "planned": mark("{count} planned"),
    "intent": mark("{count} intent"),
    "acked": mark("{count} acked"),
    "failed": mark("{count} failed"),
    "in_doubt": mark("{count} in doubt"),
    "passed": mark("{count} passed"),
    "failed_same": mark("{count} failed same"),
    "failed_new": mark("{count} failed new"),
    "running": mark("{count} running"),
    "not_seen": mark("{count} not seen"),
    "failed_to_send": mark("{count} failed to send"),
    "not_sent": mark("{count} not sent"),
}


def retold(text: str) -> str:
    """Sentences of ours that were stored in English, one after the other, in the reader's language."""
    # What is empty is no sentence; a catalog has its own head under it.
    whole = retell(text) if text else ""
    return whole if whole != text else " ".join(map(retell, filter(None, _SENTENCE_END.split(text))))


def name_of(code: str) -> str:
    """A state or a fate in words, such as ``in doubt``."""
    return say(_NAMES[code]) if code in _NAMES else code.replace("_", " ")


def counted(code: str, count: int) -> str:
    """So many events of a state or a fate, such as ``3 in doubt``."""
    return say(_COUNTED[code], count=count) if code in _COUNTED else f"{number(count)} {code.replace('_', ' ')}"


def counts_of(codes: Mapping[str, int]) -> str:
    """``3 acked, 1 in doubt``, in the order that they are given in."""
    return ", ".join(counted(code, count) for code, count in codes.items())


def events_of(count: int) -> str:
    """``1 event``, ``1,204 events``."""
    return "1 event" if count == 1 else f"{count:,} events"


def are(count: int) -> str:
    """The verb after a count."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb after a count, of before."""
    return "was" if count == 1 else "were"


def figure(value: float, digits: int = 3) -> str:
    """A number as people write it: so many digits that say something, or the whole number; no powers of ten."""
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:,.{digits - 1 - math.floor(math.log10(abs(value)))}f}"
    return text.rstrip("0").rstrip(".")


def exact(value: float) -> str:
    """A number that was set by somebody, in the digits that he may have given."""
    return figure(value, 9)
