from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish.editing import edit_in_editor, find_event
from dlqkit.republish.plan import LeftOut
from tests.republish.cases import event, small_plan


def _editor(tmp_path: Path, body: str) -> str:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def test_a_payload_is_edited_in_the_analysts_own_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the editor leaves is taken to the character, without the newline that it adds at the end."""
    monkeypatch.setenv("EDITOR", _editor(tmp_path, 'sed -i \'s/1\\.10/1.20/\' "$1"; echo >> "$1"'))
    monkeypatch.delenv("VISUAL", raising=False)

    assert edit_in_editor('{"n":1.10, "ключ":"\\u0041"}') == '{"n":1.20, "ключ":"\\u0041"}'


@pytest.mark.parametrize("body", ["exit 3", 'rm "$1"', "printf '\\377' > \"$1\""])
def test_an_editor_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Leaving the editor with an error gives the edit up."""
    monkeypatch.setenv("VISUAL", _editor(tmp_path, body))

    with pytest.raises(ParameterError, match="editor"):
        edit_in_editor("{}")


def test_without_an_editor_a_patch_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is guessed."""
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)

    with pytest.raises(ParameterError, match="No editor"):
        edit_in_editor("{}")


def test_an_event_is_found_by_key_trace_or_record_planned_or_left_out() -> None:
    """A trace with several events does not tell which one is meant."""
    plan = small_plan(
        events=(event(1, "a", trace_id="t"), event(2, "b", trace_id="t"), event(3, "c")),
        left_out=(LeftOut("d", "t-d", "business error", ""),),
    )

    assert [find_event(plan, name) for name in ("a", "t-c", "r-b", "t-d")] == ["a", "c", "b", "d"]
    with pytest.raises(ParameterError, match="names 2 events"):
        find_event(plan, "t")
    with pytest.raises(ParameterError, match="names no event"):
        find_event(plan, "x")
