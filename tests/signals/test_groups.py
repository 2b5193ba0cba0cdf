from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.signals.groups import FINDINGS, group_alike
from dlqkit.signals.signals import find_incidents
from tests.frames import at, counter


def platform(starts: list[int]) -> pd.DataFrame:
    """A workflow for each start, which loses six events a scrape for fifty scrapes."""
    parts = []
    for number, start in enumerate(starts):
        lost = [6.0 if start <= scrape < start + 50 else 0.0 for scrape in range(600)]
        parts.append(
            counter("worker_dlq_total", np.cumsum(lost).tolist(), series_id=number, workflow_id=f"wf-{number}")
        )
    return pd.concat(parts)


def test_workflows_that_fail_alike_at_the_same_time_are_one_finding() -> None:
    """Eight workflows within a minute, with one signature; a ninth an hour later."""
    found = find_incidents(platform([100, 101, 102, 103, 100, 101, 102, 103, 400]))

    findings = group_alike(found, {f"wf-{number}": "s1" for number in range(9)})

    assert findings["workflows"].tolist() == [8, 1]
    assert findings["sentence"].tolist() == ["Eight workflows, the same signature.", "One workflow, alone."]
    assert findings["size"].tolist() == [2400, 300]
    assert abs((findings["onset_at"].iloc[0] - at(100 * 15)).total_seconds()) <= 15


def test_different_errors_at_the_same_time_are_two_findings() -> None:
    found = find_incidents(platform([100, 100, 100]))

    findings = group_alike(found, {"wf-0": "database", "wf-1": "account", "wf-2": "database"})

    assert findings["workflow_ids"].tolist() == [("wf-0", "wf-2"), ("wf-1",)]


def test_without_signatures_only_the_time_is_said_to_agree() -> None:
    findings = group_alike(find_incidents(platform([100, 100])))

    assert "not known" in findings["sentence"].iloc[0]
    assert findings["signature"].isna().all()


def test_nothing_found_is_nothing_grouped() -> None:
    findings = group_alike(find_incidents(counter("up", [1.0])))

    assert findings.empty
    assert {name: str(dtype) for name, dtype in findings.dtypes.items()} == dict(FINDINGS)


def test_a_finding_that_goes_on_has_no_end() -> None:
    found = find_incidents(platform([100, 100])).assign(end_at=pd.NaT)
    found["end_at"] = pd.to_datetime(found["end_at"], utc=True)

    findings = group_alike(found)

    assert findings["end_at"].isna().all()
    assert findings["end_at"].dtype == FINDINGS["end_at"]


def test_a_frame_without_the_onsets_bounds_is_refused_by_name() -> None:
    found = find_incidents(platform([100, 100])).drop(columns="onset_low_at")

    with pytest.raises(FrameError, match="onset_low_at"):
        group_alike(found)
