from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlqkit.decision.classes import CLASSES, classify_error

# Messages of public threads, each with its source, labelled by hand before the words were matched against them.
ROWS = [json.loads(line) for line in Path(__file__).with_name("error_messages.jsonl").read_text("utf-8").splitlines()]
MUST = 0.85


def test_the_collection_names_where_each_message_was_found() -> None:
    """A reader can look up every message, and what the library was."""
    assert len(ROWS) >= 220
    assert all(row["source"].startswith("https://") and row["family"] and row["text"] for row in ROWS)
    assert {row["failure_class"] for row in ROWS} == set(CLASSES)
    assert len({row["text"] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("part", ["tuned", "held_out"])
def test_real_exception_messages_are_classified_right(part: str) -> None:
    """Looked at while the words were chosen, and held out: both must be right for 85 in 100."""
    rows = [row for row in ROWS if row["part"] == part]
    wrong = [row for row in rows if classify_error(row["text"]) != row["failure_class"]]

    assert len(rows) >= 80
    assert 1 - len(wrong) / len(rows) >= MUST, [(row["failure_class"], row["text"][:80]) for row in wrong]
