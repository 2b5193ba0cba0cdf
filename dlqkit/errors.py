"""Every error dlqkit raises on purpose: what is wrong, and what to do next.

DlqkitError                 exit code 1
├── ParameterError          2  what the analyst typed, or a setting
├── SourceError             1  reading failed
│   ├── SourceUnavailable      no answer, or 5xx
│   ├── AccessDenied           401, 403
│   └── UnexpectedAnswer       an answer that cannot be read
├── FrameError              1  a column is missing or has the wrong dtype
├── EvidenceError           4  the incident folder was changed, or is not whole
├── PlanError               4  a republish plan is empty, stale, unapproved, or claims what another plan has
├── EngineError             1  pandas, DuckDB or Spark cannot give this answer
├── StorageError            1  the disk is full, or a path cannot be written
└── RunError                1  a notebook did not finish
"""

from __future__ import annotations

__all__ = [
    "AccessDenied",
    "DlqkitError",
    "EngineError",
    "EvidenceError",
    "FrameError",
    "ParameterError",
    "PlanError",
    "RunError",
    "SourceError",
    "SourceUnavailable",
    "StorageError",
    "UnexpectedAnswer",
]


class DlqkitError(Exception):
    """Base of every error dlqkit raises on purpose."""

    exit_code = 1

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem, next_step)  # both in args, so it survives pickling
        self.problem = problem
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.problem}\nNext: {self.next_step}"


class ParameterError(DlqkitError):
    """What the analyst typed, or wrote into the settings, cannot be used."""

    exit_code = 2


class SourceError(DlqkitError):
    """Reading the outside world failed."""


class SourceUnavailable(SourceError):
    """The source gave no answer, or answered that it is broken."""


class AccessDenied(SourceError):
    """The source refused the credentials."""


class UnexpectedAnswer(SourceError):
    """The source answered with something that cannot be read."""


class FrameError(DlqkitError):
    """A frame lacks a column, or a column has the wrong dtype."""


class EvidenceError(DlqkitError):
    """The incident folder was changed, or is not whole."""

    exit_code = 4


class PlanError(DlqkitError):
    """A republish plan is empty, stale, not approved, or claims an event that another plan has."""

    exit_code = 4


class EngineError(DlqkitError):
    """The engine that the records are on cannot give an answer, or not one that is small."""


class StorageError(DlqkitError):
    """Something could not be written: the disk is full, or the place is not writable."""


class RunError(DlqkitError):
    """A notebook did not run to its end."""
