"""What an attacker wrote into every field is text wherever it is shown: each format, status text, ticket, terminal."""

from __future__ import annotations

import html.parser
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from markdown_it import MarkdownIt

from dlqkit.cli.main import main
from tests.whole.hostile import FORBIDDEN, HOSTILE, collect_hostile, judge

# Elements of our own page; none of them runs, loads or leads anywhere.
ELEMENTS = {"html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p", "dl", "div", "dt",
            "dd", "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "img", "figcaption",
            "details", "summary", "footer", "code", "strong"}  # fmt: skip
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "role", "scope", "data-label", "src", "alt",
              "aria-label", "tabindex"}  # fmt: skip
COMMANDS = (
    ("triage", "incident"),
    ("history", "incident"),
    ("verify", "incident"),
    *(("update", "incident", "--for", one) for one in ("chat", "client", "ticket")),
    ("closure", "incident", "--no-refresh"),
)


class Page(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.shown: list[str] = []
        self.other: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)


@pytest.fixture(scope="module", params=["en", "ru"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    """The folder of a hostile incident, and what each command printed; in either language."""
    place = tmp_path_factory.mktemp(f"hostile-{request.param}")
    folder = collect_hostile(place / "incident")
    judge(folder.path)
    (place / "tickets").mkdir()
    (place / "dlqkit.toml").write_text(f'[tickets]\nkind = "directory"\npath = "{place / "tickets"}"\n')
    said: dict[Any, str] = {}
    language = ("--lang", request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        report = ("postmortem", "incident", "--zip", "--attach", "OPS-1", "--include-payload")
        event = ("event", "incident", str(folder.records().frame["trace_id"].iloc[0]))
        for command in (report, event, *COMMANDS):
            out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            more = language if command[0] in {"postmortem", "update", "closure"} else ()
            patch.setattr(sys, "argv", ["dlqkit", "--config", "dlqkit.toml", *command, *more])
            with pytest.raises(SystemExit) as ended:
                main()
            for stream in (out, err):
                stream.seek(0)
            said["event" if command == event else command] = out.read() + err.read()
            assert ended.value.code in {0, 3, 4}, (command, said)
    yield place, said


def is_plain(text: str) -> bool:
    """Whether a terminal shows each sign and obeys none; Russian numbers and units have spaces that do not break."""
    return all(sign.isprintable() or sign in "\n\u00a0\u202f" for sign in text)


def words_are_shown(text: str) -> bool:
    """Whether the hostile error is there as it was written, its controls spelled out."""
    return "alert(1)" in text and "⟨001B⟩" in text and "⟨202E⟩" in text and "#panic()" in text


def test_html_is_text_and_nothing_else(made: tuple[Path, Any]) -> None:
    text = (made[0] / "incident" / "report" / "postmortem.html").read_text(encoding="utf-8")
    page = Page(text)

    assert page.elements <= ELEMENTS
    assert set(page.attributes) <= ATTRIBUTES
    assert page.other == []
    assert all(value.startswith("data:image/png;base64,") for value in page.attributes["src"])
    assert not set(text) & set(FORBIDDEN)
    assert words_are_shown("".join(page.shown))
    # The attack was not simply left out.
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in "".join(page.shown)


def test_markdown_has_no_link_no_element_and_nothing_that_a_tracker_links(made: tuple[Path, Any]) -> None:
    text = (made[0] / "incident" / "report" / "postmortem.md").read_text(encoding="utf-8")
    (comment,) = (made[0] / "tickets" / "OPS-1").glob("comment-*.md")
    for source in (text, comment.read_text(encoding="utf-8")):
        tokens = MarkdownIt("gfm-like").parse(source)
        parts = [part for token in tokens for part in token.children or []]
        kinds = {part.type for part in parts} | {token.type for token in tokens}
        assert not kinds & {"link_open", "html_block", "html_inline", "fence", "code_block", "s_open"}
        images = [part.attrs["src"] for part in parts if part.type == "image"]
        assert all(re.fullmatch(r"figures/[a-z]+\.png", str(one)) for one in images)
        # Trackers look for references in what is no code.
        outside = " ".join(part.content for part in parts if part.type == "text")
        assert not re.search(r"@all|!45|%3|~label|&7|#12|GH-12|5f3ab1c0d5|:boom:", outside)
        assert not set(source) & set(FORBIDDEN)
        assert words_are_shown(" ".join(part.content for part in parts))


def test_pdf_shows_the_words_and_leads_nowhere(made: tuple[Path, Any]) -> None:
    content = (made[0] / "incident" / "report" / "postmortem.pdf").read_bytes()
    document = pypdfium2.PdfDocument(content)
    shown = "".join("".join(page.get_textpage().get_text_range() for page in document).split())
    document.close()

    assert words_are_shown(shown)
    assert "root:x:" not in shown
    assert not set(shown) & set(FORBIDDEN)
    with pikepdf.open(io.BytesIO(content)) as opened:
        assert not {"/OpenAction", "/AA", "/AcroForm"} & set(opened.Root.keys())
        assert "/JavaScript" not in opened.Root.get("/Names", {})
        actions = [one for one in opened.objects if isinstance(one, pikepdf.Dictionary) and "/S" in one
                   and str(one.S) in {"/URI", "/Launch", "/JavaScript", "/GoToR", "/SubmitForm"}]  # fmt: skip
        assert actions == []


def test_a_notebook_shows_text_and_pictures_alone(made: tuple[Path, Any]) -> None:
    """Readable untrusted: no script, no widget, no HTML but our own tables."""
    text = (made[0] / "incident" / "report" / "postmortem.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)

    assert is_plain(text)
    assert "widgets" not in notebook["metadata"]
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    shown = ""
    for output in outputs:
        data = output.get("data", {})
        assert set(data) <= {"text/html", "text/plain", "image/png", "text/markdown"}
        page = Page("".join(data.get("text/html", "")))
        assert page.elements <= ELEMENTS
        assert set(page.attributes) <= ATTRIBUTES | {"style"}
        # A notebook's own Markdown may hold HTML, which JupyterLab would show.
        tokens = MarkdownIt("gfm-like").parse("".join(data.get("text/markdown", "")))
        kinds = {part.type for token in tokens for part in token.children or []} | {token.type for token in tokens}
        assert not kinds & {"link_open", "html_block", "html_inline"}
        strings = "".join(page.shown) + "".join(data.get("text/plain", ""))
        assert not set(strings) & set(FORBIDDEN)
        shown += strings
    assert words_are_shown(shown)


def test_facts_hold_the_words_as_they_came_and_no_byte_that_a_terminal_obeys(made: tuple[Path, Any]) -> None:
    text = (made[0] / "incident" / "report" / "facts.json").read_text(encoding="utf-8")

    assert is_plain(text)
    # Half a character, which no JSON of UTF-8 can hold, is a question mark since it was read.
    assert json.loads(text)["workflow"]["id"] == "workflow " + HOSTILE.replace("\ud800", "")


def test_a_terminal_gets_lines_of_text(made: tuple[Path, Any]) -> None:
    """No escape sequence, no control, nothing that reorders; lines are ours."""
    for command, said in made[1].items():
        assert is_plain(said), command
        assert len(said) < 200_000, command
    assert words_are_shown(made[1][("triage", "incident")] + made[1]["event"])


@pytest.mark.parametrize("audience", ["chat", "client", "ticket"])
def test_a_status_text_that_is_pasted_mentions_nobody_and_links_nothing(made: tuple[Path, Any], audience: str) -> None:
    """Into a chat or a ticket, where it may be read as Markdown."""
    said = made[1][("update", "incident", "--for", audience)]
    for line in said.splitlines():
        tokens = MarkdownIt("gfm-like").parse(line)
        parts = [part for token in tokens for part in token.children or []]
        assert not {part.type for part in parts} & {"link_open", "image", "html_inline"}, line
        outside = " ".join(part.content for part in parts if part.type == "text")
        assert not re.search(r"@all|!45|%3|~label|#12|GH-12|5f3ab1c0d5|:boom:", outside), line
    assert ("alert(1)" in said) == (audience != "client")


def test_the_zip_has_names_of_our_own_and_the_same_files(made: tuple[Path, Any]) -> None:
    report = made[0] / "incident" / "report"
    with zipfile.ZipFile(report / "postmortem.zip") as packed:
        names = packed.namelist()
        assert all(
            re.fullmatch(r"postmortem/(figures/[a-z]+\.png|postmortem\.[a-z]+|facts\.json)", one) for one in names
        )
        for name in ("postmortem.html", "postmortem.md", "postmortem.pdf", "facts.json"):
            assert packed.read(f"postmortem/{name}") == (report / name).read_bytes()
    assert max(path.stat().st_size for path in report.iterdir() if path.is_file()) < 5_000_000


@pytest.mark.real
def test_a_browser_runs_nothing_and_asks_nobody(made: tuple[Path, Any]) -> None:
    """Opened in Chromium: no dialog, no request, no error of a policy that had to stop something."""
    from playwright.sync_api import sync_playwright

    from tests.real import find_program, find_violations

    asked: list[str] = []
    told: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 844})
        page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        path = made[0] / "incident" / "report" / "postmortem.html"
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert find_violations(page) == []
        browser.close()
    assert told == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
