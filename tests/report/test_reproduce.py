"""The report says what it is of, and how it is made again."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.main import get_command

from dlqkit.cli.main import app
from dlqkit.report.reproduce import show_reproduction, show_scope
from tests.report.example import make_facts


def test_the_commands_are_commands_with_their_options() -> None:
    """What is pasted runs, also where a folder's name has a space in it."""
    facts = make_facts()
    facts["incident"]["name"] = "orders of March"
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)

    for _, command in show_reproduction(facts).rows:
        program, name, folder, *rest = shlex.split(command)
        assert (program, folder) == ("dlqkit", "orders of March")
        options = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert set(rest[::2]) <= options
    again = shlex.split(show_reproduction(facts).rows[1][1])
    assert again[3:] == ["--snapshot", "001", "--as-of", "2026-03-02T16:00:00+00:00"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "every workflow; this report is of orders-sync"),
        ({"workflow_id": "wf-1"}, "the workflow wf-1"),
        ({"workflow_id": "wf-1", "trace_id": "t-1"}, "the trace t-1"),
    ],
)
def test_the_scope_is_the_question_and_its_evidence(asked: dict[str, str], words: str) -> None:
    facts = make_facts()
    facts["incident"] |= asked

    assert [line.text for line in show_scope(facts).lines] == [
        words,
        "2026-03-02 12:00 UTC to 2026-03-02 16:00 UTC",
        "snapshot 001, collected 2026-03-02 16:00:00 UTC",
    ]


def test_the_scope_names_no_workflow_where_none_stands_out() -> None:
    facts = make_facts()
    facts["workflow"] |= {"id": None, "name": None}

    assert show_scope(facts).lines[0].text == "every workflow"
