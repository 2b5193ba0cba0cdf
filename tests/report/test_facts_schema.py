"""``facts.json`` is what its published schema says, and nothing else passes."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dlqkit.report.facts import SCHEMA, facts
from dlqkit.report.pseudonyms import redact_facts
from tests.evidence.test_folder import gather, row
from tests.report.example import make_facts
from tests.report.test_republished import send, write

FACTS = json.loads((files("dlqkit.report") / "facts.schema.json").read_text(encoding="utf-8"))
CHECK = Draft202012Validator(FACTS)
CLOSED = """\
closure:
  closed: {by: anna, ticket: OPS-1, at: "2026-03-02T15:00:00+00:00", seen_to: "2026-03-02T14:00:00+00:00"}
  accepted:
    - {item: metrics, state: unknown, by: anna, reason: "no Prometheus", at: "2026-03-02T15:00:00+00:00",
       seen_to: "2026-03-02T14:00:00+00:00"}
"""


def faults(values: Any) -> list[str]:
    """Each thing that is not as the schema says: where, and what."""
    plain = json.loads(json.dumps(values, allow_nan=False))
    return [f"{error.json_path}: {error.message[:100]}" for error in CHECK.iter_errors(plain)]


def test_the_schema_is_one_and_of_the_facts_that_are_written() -> None:
    Draft202012Validator.check_schema(FACTS)

    assert FACTS["properties"]["schema"]["const"] == SCHEMA


def test_every_key_says_what_it_is() -> None:
    """Whoever reads the file elsewhere has only these words and units to go by."""
    bare = [path for path, part in _parts(FACTS, "") if "$ref" not in part and not part.get("description")]

    assert bare == []


def _parts(part: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Every property of the schema, below arrays and choices too."""
    out = [(f"{path}.{name}", one) for name, one in part.get("properties", {}).items()]
    below = [*part.get("properties", {}).items(), *part.get("$defs", {}).items()]
    below += [("[]", part["items"])] if "items" in part else []
    below += [("", one) for one in part.get("anyOf", [])]
    return out + [found for name, one in below for found in _parts(one, f"{path}.{name}")]


def test_every_table_of_the_schema_refuses_a_key_that_it_does_not_know() -> None:
    open_ones = [
        path for path, part in [("", FACTS), *_parts(FACTS, "")] if part.get("type") == "object" and
        part.get("additionalProperties", True) is True
    ]  # fmt: skip

    assert open_ones == []


def test_the_example_that_other_tests_render_is_one_of_facts() -> None:
    assert faults(make_facts()) == []


def test_facts_of_a_folder_whole_as_a_first_look_and_redacted(tmp_path: Path) -> None:
    folder = gather(tmp_path / "incident", [row(number, 10) for number in (1, 2, 3)])

    whole = facts(folder)

    assert faults(whole) == []
    assert faults(facts(folder, first_look=True)) == []
    assert faults(redact_facts(folder.path, whole)) == []


def test_a_republish_and_a_closed_ticket_are_in_the_schema_too(tmp_path: Path) -> None:
    """A plan that was approved and sent in part, a waived item, and what came since the ticket was closed."""
    folder = gather(tmp_path / "incident", [row(number, 10) for number in (1, 2, 3)])
    send(folder, write(folder), [1, 2])
    (folder.path / "judgement.yaml").write_text(CLOSED)

    found = facts(folder)

    assert found["republish"]["plans"][0]["totals"]["not_sent"] == 1
    assert found["closure"]["items"][0]["accepted"]["by"] == "anna"
    assert found["closure"]["came_back"]["state"] in {"no", "same", "other", "unknown"}
    assert faults(found) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("events", "affected", "value"), "12", "not of type"),
        (("events", "affected", "bound"), "about", "not one of"),
        (("onset", "at"), "2026-03-02 14:02", "not valid under any"),
        (("as_of",), "2026-03-02T16:00:00+03:00", "does not match"),
        (("state", "value"), "over", "not one of"),
        (("signatures", 0, "share"), 1.5, "greater than the maximum"),
        (("class", "counts", "business"), 1.5, "not of type"),
        (("metrics", "failures_increase"), True, "not of type"),
        (("coverage", 0, "received"), -1, "less than the minimum"),
        (("closure", "items", 0, "state"), "done", "not one of"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_place(path: tuple[Any, ...], value: Any, said: str) -> None:
    changed = deepcopy(make_facts())
    part: Any = changed
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value

    (fault,) = faults(changed)

    place = "$" + "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path)
    assert fault.startswith(f"{place}: ") and said in fault


def test_a_key_that_is_missing_or_that_nobody_knows_is_refused() -> None:
    changed = make_facts()
    del changed["onset"]["age_s"]
    changed["events"] = {**changed["events"], "lost": 3}

    assert sorted(faults(changed)) == [
        "$.events: Additional properties are not allowed ('lost' was unexpected)",
        "$.onset: 'age_s' is a required property",
    ]
