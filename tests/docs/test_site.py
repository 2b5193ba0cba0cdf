"""The documentation as a site: whole, every page reachable, nothing fetched, readable by everybody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dlqkit
from tests.real import find_program, find_violations
from website import build as site
from website import reference

DOCS = site.DOCS
# One of each kind: prose, wide tables, signatures, pictures, a report in another language.
SHOWN = (
    "index.html",
    "comparison.html",
    "reference/plots.html",
    "postmortem.html",
    "reports/business-ru/postmortem.html",
)
_HEADER = re.compile(r"^(\|.*)\n\|[-:| ]+\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a link or an anchor that leads nowhere fails here."""
    target = tmp_path_factory.mktemp("built")
    said = site.build(target)
    assert "No issues found" in said
    return target / "site"


def test_every_page_is_in_the_navigation_and_nothing_else_is() -> None:
    """A page that nobody can find is as good as none: name it in website/zensical.toml."""
    named = [page for page in site.pages_of(site.navigation()) if page not in {"reference", "design"}]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert set(named) == {page for page in pages if not page.startswith("design/")}
    assert len(named) == len(set(named))


def test_every_page_and_every_design_note_is_on_the_site(built: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}

    missing = {page for page in pages if not (built / page.replace("README", "index")).is_file()}

    assert not missing
    home = (built / "index.html").read_text(encoding="utf-8")
    assert all(f"design/{path.stem}.html" in home for path in (DOCS / "design").glob("0*.md"))


def test_a_link_and_an_anchor_that_lead_nowhere_end_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs)
    text = "# Signals\n\n[gone](nowhere.md)\n\n[no such part](evidence.md#no-such-heading)\n"
    (docs / "signals.md").write_text(text, encoding="utf-8")

    with pytest.raises(SystemExit) as ended:
        site.build(tmp_path / "built", docs=docs)

    said = str(ended.value.code)
    assert "page does not exist" in said and "signals.md:3" in said
    assert "anchor does not exist" in said and "signals.md:5" in said
    assert "\x1b" not in said and "Traceback" not in said


def test_a_page_of_the_navigation_that_is_gone_ends_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs)
    (docs / "signals.md").unlink()

    with pytest.raises(SystemExit, match=r"pages that are not there: signals\.md"):
        site.build(tmp_path / "built", docs=docs)


def test_every_column_of_every_table_has_a_name() -> None:
    """A screen reader says it with each cell."""
    tables = {
        path.relative_to(DOCS).as_posix(): _HEADER.findall(path.read_text(encoding="utf-8"))
        for path in DOCS.rglob("*.md")
    }

    unnamed = {page: [row for row in rows if re.search(r"\|\s*\|", row)] for page, rows in tables.items()}

    assert {page: rows for page, rows in unnamed.items() if rows} == {}


def test_what_a_browser_would_fetch_from_elsewhere_is_found(tmp_path: Path) -> None:
    """A link that somebody may follow is none of it."""
    (tmp_path / "page.html").write_text(
        '<a href="https://a.example">a</a><script src="https://b.example/x.js"></script>'
        '<link href="//c.example/f.css" rel="stylesheet"><link rel="canonical" href="https://d.example">'
    )
    (tmp_path / "page.css").write_text("@import url(https://e.example/e.css); p { background: url('//f.example/f') }")

    found = " ".join(site.find_fetched(tmp_path))

    assert [host for host in "abcdef" if f"{host}.example" in found] == ["b", "c", "e", "f"]


def test_every_public_name_is_in_the_reference_with_what_it_takes_and_gives(tmp_path: Path) -> None:
    """Names, parameters and columns are read from the docstrings; none of dlqkit is imported for it."""
    pages = reference.write_reference(tmp_path)

    text = "\n".join((tmp_path / Path(page).name).read_text(encoding="utf-8") for page in pages)
    assert set(reference.public_names()) == set(dlqkit.__all__) - {"__version__"}
    assert [name for name in reference.public_names() if text.count(f"\n## {name}\n") != 1] == []
    assert "`timeout_ms` : `float`\n:   The action's timeout" in text
    assert "- `low_ms`, `high_ms`: Float64, milliseconds" in text


def test_every_page_of_the_reference_has_a_name() -> None:
    """A package without public names has no page."""
    used = {reference.page_of(module) for module in reference.public_names().values()}

    assert used == {file for file, _, _ in reference.PAGES}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.real
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_and_nothing_is_fetched(built: Path, browser: Any, scheme: str) -> None:
    """On a desk and on a phone; no page is wider than its screen."""
    asked: list[str] = []
    for width in (1280, 390) if scheme == "light" else (1280,):
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        for name in SHOWN:
            page.goto((built / name).as_uri())
            page.wait_for_load_state()
            # A table gets the box that it scrolls in from the theme's script.
            page.wait_for_function("!document.querySelector('.md-typeset table') || "
                                   "document.querySelector('.md-typeset__scrollwrap[tabindex]')")  # fmt: skip
            assert find_violations(page) == [], (name, width)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
        page.close()
    assert {url.split(":", 1)[0] for url in asked} <= {"file", "data", "blob"}


@pytest.mark.real
def test_the_site_is_searched_where_it_is_opened_from_a_folder(built: Path, browser: Any) -> None:
    """No server, no network: a browser starts no worker there, so the search runs in a frame."""
    page = browser.new_page()
    page.goto((built / "index.html").as_uri())
    page.click(".md-search__button")
    page.get_by_placeholder("Search").fill("quarantine")

    # A heading of another page: this one has no such words.
    page.get_by_text("Odd records").first.wait_for()
