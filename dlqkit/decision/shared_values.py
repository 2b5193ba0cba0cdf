"""What value the events of one cause have in common that others have not: most often the client who sends them."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.decision.subgroups.record_features import field_values

__all__ = ["READ", "Shared", "find_shared"]

# A value on fewer events tells nothing of them, and may be of one person.
SHARED_BY = 5
# With fewer successful events beside them nobody knows what is usual.
ENOUGH_HEALTHY = 20
# So much of the failing events has it, and of the successful ones at most this part of that.
SHARE, MOST_USUAL = 0.9, 0.5
# How likely it may be that chance made it, all fields looked at.
CHANCE = 0.01
# The newest of each side are read.
READ = 5_000
LONGEST = 60
# Fields that say who sends; where several values are shared, who is to be asked is said first.
_WHO = re.compile(
    r"client|customer|tenant|account|merchant|partner|sender|supplier|vendor|organi[sz]ation", re.IGNORECASE
)
# Of a payload only what names a sender by an id leaves the folder: any other value may be a person's.
_SENDER_ID = re.compile(
    r"(?:client|customer|tenant|account|merchant|partner|sender|supplier|vendor|organi[sz]ation)_?(?:id|key|code)",
    re.IGNORECASE,
)
# Only a plain name can be read back as one (redaction looks for it).
_NAME = re.compile(r"[\w.]{2,60}")
# What a value has to be for somebody to ask after it; a truth value is no number.
_SHOWN = frozenset({str, int})
_PLAIN = re.compile(r"""[^\s"',;&{}\[\]()\\=<>]+""")


@dataclass(frozen=True, slots=True)
class Shared:
    """One field's value, on how many of the failing events and of the successful ones it stands.

    ``text`` is ``client_id = globex``; a value with spaces or signs is in quotes.
    """

    field: str
    text: str
    events: int
    of: int
    healthy_with: int
    healthy: int


def find_shared(failing: pd.DataFrame, healthy: pd.DataFrame, entity_key: Collection[str] = ()) -> Shared | None:
    """The value that tells whose events fail; None where they have none in common, or where it is everybody's.

    Parameters
    ----------
    failing, healthy : DataFrame
        A record of each event, in order of time; ``extra_json`` and ``payload_snapshot`` are looked at. ``healthy`` are
        events of the same workflow that succeeded, also of before.
    entity_key : collection of str
        The fields that settings name for clients or business keys; they come first.

    Returns
    -------
    Shared or None
        A text or a whole number of the record's own fields, of a field that settings name, or of a sender's id in the
        payload. At least ``SHARED_BY`` failing events have it, and ``SHARE`` of those that are read;
        of at least ``ENOUGH_HEALTHY`` successful ones at most half as great a share has it; and that chance made it is
        less likely than ``CHANCE``, by Chernoff's bound and for all fields looked at.

    Notes
    -----
    Runbook §4: a business error is corrected with the client who sends it.
    """
    failing, healthy = failing.tail(READ), healthy.tail(READ)
    if len(failing) < SHARED_BY or len(healthy) < ENOUGH_HEALTHY:
        return None
    values = field_values(pd.concat([failing, healthy], ignore_index=True))
    found = [
        _weigh(name, column.tolist(), len(failing), len(values))
        for name, column in values.items()
        if not name.startswith("payload") or name in entity_key or _SENDER_ID.fullmatch(name.rpartition(".")[2])
    ]
    known = [one for one in found if one is not None]
    return min(known, key=lambda one: _order(one, entity_key), default=None)


def _weigh(name: str, values: list[Any], failing: int, fields: int) -> Shared | None:
    if _NAME.fullmatch(name) is None or name.endswith(".length"):
        return None
    own, rest = _count_texts(values[:failing]), values[failing:]
    if not own:
        return None
    # Of several that are as frequent, the first by the letters.
    value, events = min(own.items(), key=lambda one: (-one[1], one[0]))
    usual = _count_texts(rest)[value]
    share, often = events / failing, (usual + 1) / (len(rest) + 2)
    if events < SHARED_BY or share < SHARE or often > MOST_USUAL * share:
        return None
    if fields * math.exp(-failing * _divergence(share, often)) > CHANCE:
        return None
    return Shared(name, f"{name} = {value}", events, failing, usual, len(rest))


def _count_texts(values: list[Any]) -> Counter[str]:
    """How often each text stands there, as it is shown; most values are the same few."""
    out: Counter[str] = Counter()
    for value, count in Counter([one for one in values if type(one) in _SHOWN]).items():
        text = _text(value)
        if text is not None:
            out[text] += count
    return out


def _text(value: Any) -> str | None:
    """A text or number as it is shown; None for what nobody could ask after."""
    text = str(value)
    if not text or len(text) > LONGEST or not text.isprintable() or '"' in text or "\\" in text:
        return None
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _divergence(share: float, usual: float) -> float:
    """Of Chernoff's bound: exp(-n × this) for at least this share of n where usually another one holds."""
    rest = 0.0 if share >= 1 else (1 - share) * math.log((1 - share) / (1 - usual))
    return share * math.log(share / usual) + rest


def _order(one: Shared, entity_key: Collection[str]) -> tuple[bool, bool, float, int, str]:
    is_set = one.field in entity_key or f"payload.{one.field}" in entity_key
    return not is_set, _WHO.search(one.field) is None, one.healthy_with / one.healthy, len(one.field), one.field
