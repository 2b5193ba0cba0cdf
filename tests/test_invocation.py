"""Commands that dlqkit tells can be pasted, also where it was called with settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlqkit.invocation import called_with, with_options
from dlqkit.republish.next_steps import here


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    called_with(None, None)


def test_the_options_of_the_call_stand_in_each_command() -> None:
    """Where the command line takes them, quoted for a shell; other words of dlqkit's name are left alone."""
    called_with(Path("my settings.toml"), "prod")
    options = "--config 'my settings.toml' --profile prod"

    assert with_options("Look: dlqkit triage a; then: dlqkit republish run a") == (
        f"Look: dlqkit {options} triage a; then: dlqkit {options} republish run a"
    )
    assert with_options("dlqkit does not know it.") == "dlqkit does not know it."
    text = here("Send them: dlqkit republish run DIR PLAN --execute", Path("a b"), "plan-001")
    assert text == f"Send them: dlqkit {options} republish run 'a b' plan-001 --execute"
    assert with_options(text) == text


def test_a_folder_that_is_called_as_a_command_is_stays_so() -> None:
    """What tells the options already is not told them again, inside of a name."""
    called_with(Path("team.toml"), None)
    step = here("Send them: dlqkit republish run DIR PLAN", Path("my dlqkit lab a"), "plan-001")

    assert with_options(step) == "Send them: dlqkit --config team.toml republish run 'my dlqkit lab a' plan-001"


def test_a_settings_file_in_a_folder_that_is_called_as_a_place_is_stays_so() -> None:
    """A trace of a stranger's is put in its own place alone, quoted, not into the quotes of another word."""
    called_with(Path("my ID/DIR.toml"), "PLAN")
    step = here("See one: dlqkit event DIR ID", Path("orders"), event="; touch x;")

    assert step == "See one: dlqkit --config 'my ID/DIR.toml' --profile PLAN event orders '; touch x;'"


def test_without_options_a_command_stays_as_it_is() -> None:
    called_with(None, None)
    assert with_options("dlqkit triage a") == "dlqkit triage a"
