from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.errors import FrameError
from dlqkit.signals.scrapes import read_scrapes
from tests.frames import counter


@pytest.mark.parametrize("name", ["metric", "workflow_id"])
def test_a_label_that_is_no_text_is_refused_by_name(name: str) -> None:
    """A row per series as Prometheus answers it, with all labels in one cell."""
    samples = counter("worker_dlq_total", [1, 2], workflow_id="wf")
    samples[name] = pd.Series([{"__name__": "worker_dlq_total"}] * 2, dtype=object)

    with pytest.raises(FrameError, match=name):
        read_scrapes(samples)


def test_a_value_that_is_a_dictionary_is_not_taken_for_a_missing_one() -> None:
    samples = counter("worker_dlq_total", [1, 2]).astype({"value": object})
    samples["value"] = pd.Series([{"value": 1}] * 2, dtype=object)

    with pytest.raises(FrameError, match="value"):
        read_scrapes(samples)


def test_a_column_that_is_there_twice_is_named() -> None:
    samples = counter("worker_dlq_total", [1, 2], workflow_id="wf", pod="a")

    with pytest.raises(FrameError, match="workflow_id twice"):
        read_scrapes(samples.rename(columns={"pod": "workflow_id"}))
