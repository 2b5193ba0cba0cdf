"""What the runbook leaves open about a platform, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PAGINATIONS", "Dialect", "RepublishDialect", "draw_dialect", "draw_republish_dialect"]

PAGINATIONS = ("none", "offset", "page", "cursor", "link")
# Keeps these draws apart from the platform's own, so that a seed's platform stays what it is.
_REPUBLISH = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """How this platform's API, metrics and logs look."""

    pagination: str
    wrapper: str
    """Name of the list in the response, or empty for a bare array."""
    time_field: str
    time_form: str
    """``z``, ``offset``, ``naive``, ``epoch_s`` or ``epoch_ms``."""
    id_field: str
    """Or empty: records have no id."""
    error_is_object: bool
    payload_is_text: bool
    record_per_attempt: bool
    duration_is_sum: bool
    trace_is_shared: bool
    newest_first: bool
    refuses_unknown: bool
    default_limit: int
    largest_limit: int
    statuses: tuple[str, str, str, str]
    """Words for success, failure that is retried, dead letter, and between attempts."""
    time_filter: tuple[str, str]
    """Parameters for start and end, or empty."""
    duration_metric: str
    """``histogram``, ``summary`` or ``gauge``."""
    log_names: tuple[str, str, str]
    """Names of time, level and message in the logs."""


def draw_dialect(rng: np.random.Generator, pagination: str = "auto") -> Dialect:
    """One way to answer, of many."""

    def draw(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    drawn = draw(*PAGINATIONS)
    style = drawn if pagination == "auto" else pagination
    time_form = draw("z", "z", "offset", "naive", "epoch_s", "epoch_ms")
    largest = int(draw(100, 200, 500, 1000))
    wrapper = draw("", "items", "data", "results", "records")
    if style == "cursor" and not wrapper:
        wrapper = "items"
    return Dialect(
        pagination=style,
        wrapper=wrapper,
        time_field=draw("created_at", "timestamp", "recorded_at", "finished_at", "ts"),
        time_form=time_form,
        id_field=draw("id", "execution_id", "_id", "record_id", ""),
        error_is_object=draw(True, False),
        payload_is_text=draw(True, False, False),
        record_per_attempt=draw(True, False),
        duration_is_sum=draw(True, False, False),
        trace_is_shared=draw(True, False, False),
        newest_first=draw(True, True, True, False) if style not in {"none"} else True,
        refuses_unknown=draw(True, False),
        default_limit=int(draw(50, 100)),
        largest_limit=100 if style == "none" else largest,
        statuses=draw(
            ("SUCCESS", "FAILED", "FAILED", "RETRYING"),
            ("succeeded", "failed", "dead_lettered", "pending"),
            ("OK", "ERROR", "DEAD", "RUNNING"),
            ("completed", "failed", "failed", "retrying"),
        ),
        time_filter=draw(("", ""), ("", ""), ("from", "to"), ("start", "end")),
        duration_metric=draw("histogram", "histogram", "summary", "gauge"),
        log_names=draw(("ts", "level", "msg"), ("timestamp", "severity", "message"), ("time", "level", "message")),
    )


@dataclass(frozen=True, slots=True)
class RepublishDialect:
    """What the runbook leaves open about an event that is published again, as most platforms have it."""

    trace_survives: bool = True
    attempts_restart: bool = True
    record_is_new: bool = False
    """Where an event has one record: whether the republished event gets another one."""
    attributes: str = ""
    """How a record shows the message's attributes: ``flat``, ``nested``, or empty: it does not."""
    reserialises: bool = False
    """Whether payloads are shown with their keys in another order than they were sent."""
    transient_share: float = 0.0
    """The part of the messages whose first attempt fails by itself."""
    late_s: float = 0.0
    """How long after its time a record can be read."""


def draw_republish_dialect(seed: int) -> RepublishDialect:
    """One way to treat an event that is published again, of many."""
    rng = np.random.default_rng([seed, _REPUBLISH])
    return RepublishDialect(
        trace_survives=bool(rng.random() < 0.7),
        attempts_restart=bool(rng.random() < 0.7),
        record_is_new=bool(rng.random() < 0.5),
        attributes=str(rng.choice(["", "", "flat", "nested"])),
        reserialises=bool(rng.random() < 0.3),
        transient_share=float(rng.choice([0.0, 0.05])),
        late_s=float(rng.choice([0.0, 0.0, 3.0])),
    )
