"""Every promise of the page on failures names a test, and that test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_page_on_failures_names_is_there() -> None:
    page = (ROOT / "docs" / "republish.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "republish").glob("test_*.py"))
    functions = set(re.findall(r"\b(test_\w+)`", page))
    files = set(re.findall(r"`(tests/[\w/]+\.py|test_\w+\.py)", page))

    assert len(functions) >= 25
    assert not [name for name in functions if f"def {name}(" not in tests]
    assert not [name for name in files
                if not (ROOT / (name if "/" in name else f"tests/republish/{name}")).is_file()]  # fmt: skip


def test_each_line_of_the_tables_of_failures_names_one() -> None:
    page = (ROOT / "docs" / "republish.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 5]

    assert len(rows) >= 20
    assert not [row for row in rows if "test" not in row.rsplit("|", 2)[1]]
