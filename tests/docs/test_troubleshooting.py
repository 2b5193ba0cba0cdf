"""Every message that the page on troubleshooting explains is one that the code says, to the letter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import dlqkit
from tests.docs.blocks import DOCS

PACKAGE = Path(dlqkit.__file__).parent


def sentences(text: str) -> set[str]:
    """Each text in a module, what is filled in as an ellipsis."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            parts = [one.value if isinstance(one, ast.Constant) else "…" for one in node.values]
            found.add("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(re.sub(r"\{[a-z_.:%0-9]+\}", "…", node.value))
    return found


def quoted() -> list[str]:
    """The first cell of each row of the page's tables: the message as it is shown."""
    rows = re.findall(r"^\| (.+?) \|", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [row for row in rows if row not in {"what it says", "---"} and not set(row) <= set("-| ")]


def test_what_is_filled_in_is_an_ellipsis() -> None:
    """An f-string, a text that is filled in later, and one in two lines."""
    text = 'a = f"{name} is empty."\nb = mark("At {url:d} is {found}.")\nc = ("One "\n "line.")\n'

    assert {"… is empty.", "At … is ….", "One line."} <= sentences(text)


def test_every_message_of_the_page_is_said_by_the_code() -> None:
    """A message that was reworded is explained to nobody who searches for it."""
    said = set().union(*(sentences(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")))
    messages = quoted()

    assert len(messages) >= 20
    assert [one for one in messages if one.replace("\\|", "|") not in said] == []
    assert len(messages) == len(set(messages))
