"""One drawn figure of a report."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure: a PNG, and in words what it shows."""

    name: str
    png: bytes
    alt: str
