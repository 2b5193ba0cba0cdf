from __future__ import annotations

import json
from typing import Any

import numpy as np

from dlqkit.decision.subgroups.record_features import record_features
from tests.frames import dead, good, records


def columns(extra: list[dict[str, Any]], payload: list[dict[str, Any]], **more: Any) -> list[str]:
    rows = [
        {**(dead(number) if number % 2 else good(number)), "extra_json": json.dumps(extra[number % 2]),
         "payload_snapshot": json.dumps(payload[number % 2])}
        for number in range(20)
    ]  # fmt: skip
    found = record_features(records(rows), np.arange(20) % 2 == 1, **more)
    return list(dict.fromkeys(feature.column for feature in found))


def test_what_the_record_says_of_the_failure_itself_is_no_cause() -> None:
    """Status, attempts, error and duration differ between the rows, and so do the API's own words for them."""
    extra = [
        {"pod": "p0", "failure_reason": "", "error": {"code": 0}},
        {"pod": "p1", "failure_reason": "x", "error": {"code": 7}},
    ]

    assert columns(extra, [{"state": "new"}, {"state": "old"}]) == ["pod", "payload.state"]


def test_a_field_of_the_api_that_is_called_like_a_column_is_told_apart() -> None:
    assert columns([{"workflow_id": "a"}, {"workflow_id": "b"}], [{}, {}]) == ["extra.workflow_id"]


def test_fields_that_the_analyst_excludes_are_left_out_by_the_names_of_the_answer() -> None:
    payload = [{"a": {"b": 1}, "tags": ["x"]}, {"a": {"b": 2}, "tags": ["y"]}]

    assert columns([{}, {}], payload) == ["payload.a.b", "payload.tags[]"]
    assert columns([{}, {}], payload, skip=["payload.a.b"]) == ["payload.tags[]"]


def test_what_no_column_could_take_is_no_feature() -> None:
    """Neither a value nor any element of a list, in whichever words the API has it."""
    odd = {"region": "eu", "_unread": {"isRetryable": "never", "durationMs": [1, 2]}}

    assert columns([odd, {"region": "us"}], [{}, {}]) == ["region"]
