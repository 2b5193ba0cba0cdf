"""Numbers that look random and can be made again from an index, so that records are rendered only when asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "mix", "mix_array", "pick"]

Array = npt.NDArray[Any]
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def mix(value: int) -> int:
    """64 well-mixed bits of an integer (splitmix64)."""
    z = (value + _STEP) & _MASK
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return z ^ (z >> 31)


def mix_array(values: Array) -> Array:
    """``mix`` of every element, as uint64."""
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) + np.uint64(_STEP)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
        mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def pick(bits: int, shift: int, choices: tuple[Any, ...]) -> Any:
    """One of the choices, by some of the bits."""
    return choices[((bits >> shift) & 0xFFFF) % len(choices)]
