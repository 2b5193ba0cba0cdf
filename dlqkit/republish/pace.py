"""How fast events may be sent: never more than the ceiling, over any stretch of time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from dlqkit.errors import ParameterError

__all__ = ["Pace"]

# What may go out at once: a tenth of a second's worth, so that a worker sees a flow and not a wave every second.
MOMENT_S = 0.1


class Pace:
    """A token bucket that begins empty, so that many short calls are no faster than one long one.

    Parameters
    ----------
    max_rate : float
        Events per second.
    clock : callable
        A clock that never goes back.

    Raises
    ------
    ParameterError
        If the rate is not a positive number.
    """

    def __init__(self, max_rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not (max_rate > 0 and math.isfinite(max_rate)):
            raise ParameterError(f"A rate of {max_rate} events per second cannot be kept.", "Set max_rate above 0.")
        self._rate = max_rate
        self._most = max(1.0, max_rate * MOMENT_S)
        self._tokens = 0.0
        self._clock = clock
        self._at = clock()

    def most(self) -> int:
        """So many events may go out now; 0 where the next must wait."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # Sums of tenths fall short of a whole by their last bit.
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Count events as sent."""
        self._tokens -= count

    def wait_s(self) -> float:
        """Seconds until the next one may go out."""
        return max(0.0, (1.0 - self._tokens) / self._rate)
