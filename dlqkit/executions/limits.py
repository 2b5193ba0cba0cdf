"""What somebody says of the worker's limits, checked before anything is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.errors import ParameterError

__all__ = ["check_limit"]


def check_limit(value: Any, name: str, *, whole: bool = False) -> None:
    """Refuse a limit that is no positive number.

    Parameters
    ----------
    value : number, mapping of them, or None
        None: not known.
    name : str
        Of the parameter.
    whole : bool
        Whether only whole numbers are possible.

    Raises
    ------
    ParameterError
        If it is no number, not positive, or not whole where it must be.
    """
    for one in value.values() if isinstance(value, Mapping) else (value,):
        if one is None:
            continue
        is_number = not isinstance(one, bool) and hasattr(one, "__float__") and not isinstance(one, str)
        if not is_number or not 0 < float(one) < float("inf") or (whole and float(one) != int(one)):
            kind = "whole number from 1 on" if whole else "positive number"
            raise ParameterError(f"{name} is {str(one)[:40]!r}, which is no {kind}.", f"Give {name} as a {kind}.")
