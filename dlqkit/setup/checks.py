"""What was seen of a source: one sentence for each thing that was looked at, and what to do where it does not work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dlqkit.errors import DlqkitError
from dlqkit.sources.http import NO_ADDRESS, shown_url

__all__ = ["QUICK", "Check", "State", "Tried", "amount", "counted", "fails", "refused", "shown"]

State = Literal["works", "note", "unknown", "fails"]
# Options of ``HttpClient``: somebody waits for the answer, and a source that needs longer is worth a word by itself.
QUICK: Mapping[str, float | int] = {"deadline_s": 20.0, "read_timeout_s": 10.0, "retry_budget_s": 6.0, "max_tries": 3}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    ``note`` is worth knowing and no fault; ``unknown`` could not be looked at; ``fails`` has a next step.
    """

    subject: str
    state: State
    said: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A source that was asked live.

    ``seen`` has what was found out, in plain values and without any value of a record; ``proposed`` has settings of
    the source's table that would make more of it readable.
    """

    source: str
    name: str
    url: str
    checks: tuple[Check, ...]
    seen: Mapping[str, Any] = field(default_factory=dict)
    proposed: Mapping[str, Any] = field(default_factory=dict)
    is_refused: bool = False
    """Whether it refuses the credentials, or asks for some."""

    @property
    def works(self) -> bool:
        """Whether nothing of it fails."""
        return not fails(self.checks)


def fails(checks: Sequence[Check]) -> bool:
    """Whether one of the checks fails."""
    return any(check.state == "fails" for check in checks)


def refused(subject: str, error: DlqkitError) -> Check:
    """The check that an error is the answer to."""
    return Check(subject, "fails", error.problem, error.next_step)


def shown(url: str) -> str:
    """An address as it may be shown, also one that is none."""
    found = shown_url(url.strip())
    return "an address that cannot be read" if found == NO_ADDRESS else found


def counted(number: int, thing: str) -> str:
    """A number and its word: ``1 record``, ``2,000 records``; the plural of ``series`` is itself."""
    return f"{number:,} {thing}" + ("" if number == 1 or thing.endswith("s") else "s")


def amount(seconds: float) -> str:
    """A length of time as people say it: ``40 s``, ``3 min 5 s``, ``3 h 20 min``, ``15 days``."""
    whole = round(abs(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return _two(whole, _MINUTE_S, "min", 1, "s")
    if whole < 2 * _DAY_S:
        return _two(whole, _HOUR_S, "h", _MINUTE_S, "min")
    return f"{whole // _DAY_S} days"


def _two(whole: int, large_s: int, large: str, small_s: int, small: str) -> str:
    count, rest = divmod(whole, large_s)
    return f"{count} {large}" + (f" {rest // small_s} {small}" if rest // small_s else "")
