from __future__ import annotations

import json
from typing import Any

from dlqkit.decision.subgroups.features import ABSENT, MISSING
from dlqkit.decision.subgroups.payload_fields import NOT_JSON, json_columns


def texts(*values: Any) -> list[str]:
    """Each value five times, because what is rarer is not looked at."""
    return [json.dumps(value) for value in values for _ in range(5)]


def test_a_nested_field_has_a_dotted_path_and_a_missing_one_is_not_null() -> None:
    found = json_columns(texts({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}, {}), name="payload").columns

    assert found["payload.a.b"].tolist()[::5] == [1, None, ABSENT, ABSENT]
    assert found["payload.a"].tolist()[::5] == [{}, {}, {}, ABSENT]


def test_a_list_has_a_length_and_says_what_any_of_its_elements_holds() -> None:
    found = json_columns(texts({"items": [{"sku": "A"}, {"sku": "B", "qty": 3}]}, {"items": [{"sku": "B", "qty": 9}]}))

    assert found.columns["items.length"].tolist()[::5] == [2, 1]
    assert found.columns["items[].qty (largest)"].tolist()[::5] == [3.0, 9.0]
    flags = {(path, value): holds.tolist()[::5] for path, value, holds in found.flags}
    assert flags["items[].sku", "A"] == [True, False]
    assert flags["items[].sku", "B"] == [True, True]
    assert flags["items[].qty", MISSING] == [True, False]


def test_a_payload_that_is_no_json_is_said_to_be_none() -> None:
    found = json_columns([*["{broken"] * 5, *texts({"a": 1})], name="payload").columns

    assert found["payload"].tolist()[0] == NOT_JSON


def test_an_object_with_ids_for_names_and_a_deep_one_do_not_make_columns_without_end() -> None:
    """Three hundred order numbers as names are data; forty levels are cut at the eighth."""
    deep: Any = 1
    for _ in range(40):
        deep = {"x": deep}

    found = json_columns(texts({f"ORD-{i}": i for i in range(300)}, deep)).columns

    assert len(found) <= 9


def test_no_payload_is_no_column() -> None:
    assert json_columns([None, float("nan")]).columns == {}
