from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from dlqkit.errors import UnexpectedAnswer
from dlqkit.sources.metrics_page import parse_page

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PAGE = b"""# HELP worker_dlq_total Dead letters.
# TYPE worker_dlq_total counter
worker_dlq_total{workflow_id="a b\\"c"} 7
# TYPE worker_action_duration_seconds histogram
worker_action_duration_seconds_bucket{le="0.5"} 2
worker_action_duration_seconds_bucket{le="+Inf"} 3
worker_action_duration_seconds_sum 1.25
worker_action_duration_seconds_count 3
some_gauge NaN
"""


def test_every_value_of_a_page_is_read() -> None:
    frame = parse_page(PAGE, "text/plain", NOW)

    own = frame.set_index(frame["metric"].astype(str))
    assert own.loc["worker_dlq_total", "value"] == 7
    assert own.loc["worker_dlq_total", "workflow_id"] == 'a b"c'
    assert own.loc["worker_action_duration_seconds_bucket", "value"].tolist() == [2, 3]
    assert pd.isna(own.loc["some_gauge", "value"])
    assert frame["sampled_at"].eq(pd.Timestamp(NOW)).all()


def test_openmetrics_is_read_too() -> None:
    body = b'# TYPE worker_dlq counter\nworker_dlq_total{workflow_id="a"} 7\n# EOF\n'

    frame = parse_page(body, "application/openmetrics-text; version=1.0.0", NOW)

    assert frame["metric"].tolist() == ["worker_dlq_total"]


def test_an_empty_page_has_no_values() -> None:
    assert parse_page(b"# nothing yet\n", "text/plain", NOW).empty


@pytest.mark.parametrize("body", [b"<html><title>Log in</title></html>", b"\xff\xfe", b"a{b= 3\n"])
def test_what_is_no_page_of_metrics_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="page"):
        parse_page(body, "text/html", NOW)
