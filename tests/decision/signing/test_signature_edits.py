from __future__ import annotations

from typing import Any

import pytest

from dlqkit.decision.signatures import group_errors, sign_errors
from dlqkit.decision.signing.signature_edits import read_signature_edits
from dlqkit.errors import ParameterError
from tests.frames import dead, records

MERGE = {"merge": [{"templates": ["client <*> sent no body", "no body from <id>"], "name": "client sent no body"}]}


def signatures(texts: list[str], edits: dict[str, Any]) -> list[str]:
    rows = [dead(number, last_error=text) for number, text in enumerate(texts)]
    return sign_errors(records(rows), edits=read_signature_edits(edits))["signature"].tolist()


def test_what_the_analyst_joined_stays_joined_for_later_events() -> None:
    """A merge goes by the text: clients and ids that nobody had seen when it was made follow it."""
    assert signatures(
        ["client 7 sent no body", "client zoe sent no body", "no body from 8", "disk is full"], MERGE
    ) == [
        *["client sent no body"] * 3,
        "disk is full",
    ]


def test_a_merge_is_one_group_of_one_id() -> None:
    rows = [dead(0, last_error="client 7 sent no body"), dead(1, last_error="no body from 8")]

    groups = group_errors(records(rows), edits=read_signature_edits(MERGE))

    assert groups["signature"].tolist() == ["client sent no body"]
    assert groups["events"].tolist() == [2]


def test_a_signature_is_split_by_a_literal_text() -> None:
    edits = {"split": [{"template": "order <n> failed in <id>", "by": "eu-1"}]}

    assert signatures(["order 1 failed in eu-1", "order 2 failed in us-1", "order 3 failed in eu-1"], edits) == [
        "order <n> failed in <id> [eu-1]",
        "order <n> failed in <id>",
        "order <n> failed in <id> [eu-1]",
    ]


def test_a_signature_is_split_by_the_values_of_a_mask() -> None:
    edits = {"split": [{"template": "bank answered <n> for <id>", "by": 1}]}

    assert signatures(["bank answered 51 for a1", "bank answered 14 for a2", "bank answered 51 for a3"], edits) == [
        "bank answered <n> for <id> [51]",
        "bank answered <n> for <id> [14]",
        "bank answered <n> for <id> [51]",
    ]


def test_what_a_split_made_can_be_joined() -> None:
    edits = {
        "split": [{"template": "bank answered <n> for <id>", "by": 1}],
        "merge": [{"templates": ["bank answered <n> for <id> [51]", "card is empty"], "name": "no money"}],
    }

    assert signatures(["bank answered 51 for a1", "bank answered 14 for a2", "card is empty"], edits) == [
        "no money",
        "bank answered <n> for <id> [14]",
        "no money",
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"merge": [{"templates": [], "name": "x"}]},
        {"merge": [{"templates": ["a"], "name": " "}]},
        {"merge": [{"templates": "a", "name": "x"}]},
        {"merge": [{"templates": ["a"]}]},
        {"merge": {"templates": ["a"], "name": "x"}},
        {"split": [{"template": "a <n>", "by": 2}]},
        {"split": [{"template": "a <n>", "by": 0}]},
        {"split": [{"template": "a <n>", "by": True}]},
        {"split": [{"template": "a <n>", "by": ""}]},
        {"join": []},
        ["merge"],
    ],
)
def test_an_edit_that_cannot_be_used_says_so(value: Any) -> None:
    with pytest.raises(ParameterError):
        read_signature_edits(value)


def test_no_edits_are_no_edits() -> None:
    assert read_signature_edits(None) == read_signature_edits({}) == read_signature_edits({"merge": None})
