"""Records that stand in an object of each element are read, and what stands beside that object is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources.record_decode import decode_page, read_field_names

FIELDS: dict[str, Any] = {"status": "failed", "trace_id": "t1", "created_at": "2026-03-02T14:00:05Z"}
SAID = "Each record's fields are in “{}”."


def test_fields_of_elasticsearch_hits_are_read_from_their_source() -> None:
    hits = [
        b'{"_index": "e", "_id": "d%d", "_source": {"id": "r%d", "status": "failed", "payload": {"b" : 1.10}}}' % (n, n)
        for n in (1, 2)
    ]
    body = b'{"hits": {"total": {"value": 2, "relation": "eq"}, "hits": [' + b",".join(hits) + b"]}}"

    page = decode_page(body)

    assert (page.received, page.quarantined) == (2, ())
    assert page.frame["record_id"].tolist() == ["r1", "r2"]
    assert page.frame["payload_snapshot"].tolist() == ['{"b" : 1.10}'] * 2
    assert json.loads(page.frame["extra_json"][0]) == {"_index": "e", "_id": "d1"}
    assert SAID.format("_source") in page.findings
    assert read_field_names(body) == ("id", "status", "payload", "_index", "_id")


def test_an_elements_own_id_is_that_of_the_record_and_what_has_the_same_name_is_kept() -> None:
    data = [{"type": "executions", "id": "r1", "attributes": {**FIELDS, "type": "nightly"}}]

    page = decode_page(json.dumps({"data": data}).encode())

    assert page.frame["record_id"].tolist() == ["r1"]
    assert json.loads(page.frame["extra_json"][0]) == {"attributes.type": "nightly", "type": "executions"}


@pytest.mark.parametrize("name", ["_source", "attributes", "node", "source", "record", "fields"])
def test_names_of_columns_that_are_set_are_those_within_the_object(name: str) -> None:
    data = [{"id": "r1", name: {"lauf": "t1", "stand": "failed"}}]
    own = ExecutionLogsSettings(fields={"trace_id": "lauf", "status": "stand"})

    page = decode_page(json.dumps(data).encode(), own)

    assert page.frame[["record_id", "trace_id", "status"]].to_numpy().tolist() == [["r1", "t1", "failed"]]
    assert SAID.format(name) in page.findings


@pytest.mark.parametrize(
    "element",
    [{"id": "x", "attributes": {"name": "n"}}, {"id": "x", "attributes": [FIELDS]}, {"id": "x", "attributes": "t"},
     {"id": "x", "node": FIELDS, "record": FIELDS}, {"id": "x", "payload": FIELDS}],
)  # fmt: skip
def test_an_element_whose_fields_are_in_no_such_object_or_in_two_is_put_apart_as_it_came(element: Any) -> None:
    good = {"id": "r1", "attributes": FIELDS}
    raw = json.dumps(element).encode()

    page = decode_page(b"[" + json.dumps(good).encode() + b", 5, " + raw + b"]")

    assert page.frame["record_id"].tolist() == ["r1"]
    assert (page.odd_at, [one.raw for one in page.quarantined]) == ((1, 2), [b"5", raw])


def test_a_record_that_has_its_fields_beside_such_an_object_is_as_it_was() -> None:
    page = decode_page(json.dumps([{**FIELDS, "id": "r1", "source": {"status": "success"}}]).encode())

    assert page.frame["status"].tolist() == ["failed"]
    assert json.loads(page.frame["extra_json"][0]) == {"source": {"status": "success"}}
    assert SAID.format("source") not in page.findings
