"""The changes that a business error may come from are named by its step, in order of time."""

from __future__ import annotations

from typing import Any

import pytest

from dlqkit.decision.suspects import find_what_changed, of_payload_text

VERSION = {"at": "2026-03-02T13:50:00+00:00", "kind": "version", "what": "version 1.8 → 1.9 on w1", "brief": None}
RENAMED = {"at": "2026-03-02T14:02:05+00:00", "kind": "payload", "what": "field a renamed to b, in 9 of 12",
           "brief": "field a renamed to b"}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([VERSION | {"kind": "restart"}], ""),
        ([VERSION], "find with them whether it comes from version 1.8 → 1.9 on w1 (13:50:00 UTC)"),
        ([RENAMED, VERSION],
         "undo what changed in the input, with them: field a renamed to b (14:02:05 UTC); if they changed nothing, "
         "roll back version 1.8 → 1.9 on w1 (13:50:00 UTC)"),
        ([RENAMED, RENAMED | {"brief": "field c added"}],
         "undo what changed in the input, with them: field a renamed to b (14:02:05 UTC) and field c added "
         "(14:02:05 UTC)"),
    ],
)  # fmt: skip
def test_a_version_and_a_renamed_field_are_named(rows: list[dict[str, Any]], said: str) -> None:
    assert find_what_changed({"changes": {"rows": rows}}, "with them") == said


def test_of_many_changed_fields_none_is_named() -> None:
    assert of_payload_text({"changes": {"rows": [RENAMED]}}) == "field a renamed to b"
    assert of_payload_text({"changes": {"rows": [RENAMED] * 3}}) == ""
