"""The blocks of code of the documentation, and what a page says of running them.

A comment before a block, which no reader of the page sees, says what a test cannot know::

    <!-- not run: needs a Spark cluster -->
    <!-- before: dlqkit republish plan incidents/orders --class infrastructure -->
    <!-- may exit with 4, 2: something of it does not hold yet -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# The two reports are made by `make reports`, and what stands in them is tested in tests/report.
PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "README.ru.md", *DOCS.rglob("*.md"))
    if path.is_file() and "reports" not in path.parts
)
_MARK = re.compile(r"<!--\s*(not run|before|may exit with)\s*:?\s*(.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Parameters
    ----------
    page : str
        Below the repository.
    line : int
        Of its fence, from 1 on.
    language : str
        Behind the fence; empty where there is none.
    text : str
        What is in it.
    not_run : str, optional
        Why no test runs it.
    before : tuple of str
        Commands that a reader of the page has run by then.
    codes : frozenset of int
        With which a command of it may end.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None
    before: tuple[str, ...]
    codes: frozenset[int]


def blocks_of(path: Path) -> list[Block]:
    """Every fenced block of a page, in order, with the comments that stand directly before it."""
    found: list[Block] = []
    marks: list[tuple[str, str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        if token.type == "html_block":
            marks += [(name, text) for name, text in _MARK.findall(token.content)]
        elif token.type == "fence":
            own = dict(marks)
            # Done but partial is done: a simulated list may be cut.
            codes = {0, 3, *map(int, re.findall(r"[0-9]+", own.get("may exit with", "").partition(":")[0]))}
            found.append(
                Block(
                    page=path.relative_to(ROOT).as_posix(),
                    line=(token.map or [0])[0] + 1,
                    language=token.info.strip(),
                    text=token.content,
                    not_run=own.get("not run"),
                    before=tuple(line.strip() for line in own.get("before", "").splitlines() if line.strip()),
                    codes=frozenset(codes),
                )
            )
            marks = []
        elif token.type != "inline":
            marks = []
    return found


def commands_of(block: Block) -> list[str]:
    """Lines that a shell is given: of a console those after the prompt, of a script all; continued lines joined."""
    if block.language == "console":
        lines, taken = [], False
        for line in block.text.splitlines():
            if line.startswith("$ ") or taken:
                lines.append(line.removeprefix("$ "))
                taken = line.endswith("\\")
    else:
        lines = block.text.splitlines()
    return [line for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines() if line.strip()]
