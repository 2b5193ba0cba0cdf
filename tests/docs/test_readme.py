"""The README in two languages says the same, and every path that a page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, PAGES, ROOT, blocks_of

ENGLISH, RUSSIAN = ROOT / "README.md", ROOT / "README.ru.md"
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def headings(path: Path) -> list[int]:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [len(level) for level in re.findall(r"^(#+) ", text, re.MULTILINE)]


def links(path: Path) -> list[str]:
    return _LINK.findall(path.read_text(encoding="utf-8"))


def test_both_have_the_same_headings_code_and_links() -> None:
    """A change of one is a change of the other; each leads to the other one."""
    assert headings(ENGLISH) == headings(RUSSIAN)
    assert [(one.language, one.text) for one in blocks_of(ENGLISH)] == [
        (one.language, one.text) for one in blocks_of(RUSSIAN)
    ]
    assert sorted(links(ENGLISH)) == sorted({"README.md": "README.ru.md"}.get(link, link) for link in links(RUSSIAN))
    assert "README.ru.md" in links(ENGLISH) and "README.md" in links(RUSSIAN)


def test_both_name_the_same_commands_and_functions() -> None:
    """What stands between backquotes is not translated."""
    code = [
        sorted(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)))
        for path in (ENGLISH, RUSSIAN)
    ]

    assert code[0] == code[1]


@pytest.mark.parametrize("path", [ENGLISH, RUSSIAN], ids=lambda path: path.name)
def test_every_link_of_a_readme_leads_somewhere(path: Path) -> None:
    """Those of the guide are checked by the build of the site."""
    assert [link for link in links(path) if "://" not in link and not (ROOT / link.partition("#")[0]).exists()] == []


def test_the_readme_stays_short() -> None:
    assert len(ENGLISH.read_text(encoding="utf-8").splitlines()) <= 130


def test_every_test_that_a_page_names_is_there() -> None:
    """A promise whose test is gone is none."""
    named = {
        (page.relative_to(ROOT).as_posix(), name)
        for page in [*PAGES, *DOCS.rglob("*.md")]
        for name in re.findall(r"`(tests/[\w/]+\.py)", page.read_text(encoding="utf-8"))
    }

    assert named
    assert [one for one in sorted(named) if not (ROOT / one[1]).is_file()] == []
