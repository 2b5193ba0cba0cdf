"""What several commands have in common."""

from __future__ import annotations

import getpass

import pytest

from dlqkit.cli.shared import user_name
from dlqkit.errors import ParameterError


def test_who_it_is_is_asked_for_where_the_machine_has_no_name_for_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number of its own."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert user_name("ann") == "ann"
    with pytest.raises(ParameterError) as refused:
        user_name(None)
    assert "--by NAME" in refused.value.next_step
