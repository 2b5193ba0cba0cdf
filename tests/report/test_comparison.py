"""What a report holds the durations of an incident against."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from dlqkit.report.comparison import describe_durations
from tests.frames import at, dead, good, records

# The records begin with the incident: twenty were cut at a minute, six succeeded in 53 s.
ROWS = [dead(n, action_duration_ms=60_010.0, attempts=1) for n in range(20)]
ROWS += [good(n, action_duration_ms=53_000.0) for n in range(6)]


def signal(**more: Any) -> dict[str, Any]:
    """The duration of the workflow since a quarter of an hour before the incident, usually 136 ms."""
    return {"signal": "duration", "workflow_id": "wf", "onset_at": at(-900).isoformat(), "end_at": None,
            "baseline": 136.0, **more}  # fmt: skip


def sentence(*signals: dict[str, Any]) -> str:
    main = pd.Series({"signal": "dead_letters", "workflow_id": "wf", "onset_at": at(0), "end_at": pd.NaT})
    moment: datetime = at(3600).to_pydatetime()
    return str(describe_durations(records(ROWS), main, moment, 60_000.0, signals)[0]["sentence"])


def test_what_was_usual_is_taken_from_the_signal_where_no_record_reaches_back() -> None:
    """The first screen says 136 ms, and of the healthy ones of the same time how many they are."""
    assert sentence(signal(signal="failures", baseline=2.0), signal()) == (
        "100% of the failing actions were ended by the timeout of 60 s; usually an action takes 136 ms. "
        "The 6 healthy ones of the same time are slower as well: 53 s against 136 ms before."
    )


@pytest.mark.parametrize(
    "other",
    [
        signal(workflow_id="other"),
        signal(end_at=at(-60).isoformat()),
        signal(onset_at=at(7200).isoformat()),
        signal(baseline=None),
    ],
    ids=["of another workflow", "over before the onset", "after the report's end", "without a usual"],
)
def test_a_signal_that_is_not_of_this_incident_tells_nothing_usual(other: dict[str, Any]) -> None:
    assert sentence(other).endswith(
        "the 6 healthy ones of the same time take 53 s, and what was usual before is not known."
    )
