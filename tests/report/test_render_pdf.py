"""The PDF can be read by people, by machines and aloud, whatever stands in an error message."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import ParameterError
from dlqkit.report import render_pdf as module
from dlqkit.report import typesetting
from dlqkit.report.figure import Figure
from dlqkit.report.render_pdf import render_pdf
from dlqkit.report.wording import headline
from tests.real import find_program
from tests.report.example import make_facts

HOSTILE = (
    '#panic() *bold* $x^2$ ] #read("/etc/passwd") <label> @ref `raw` // no comment /* nor this */ '
    "\\u{41} \x1b[31m \u202e \ud800"
)


def png(width: float = 2, height: float = 1) -> bytes:
    from matplotlib.figure import Figure as Drawing

    out = io.BytesIO()
    drawing = Drawing(figsize=(width, height))
    drawing.subplots().plot([1, 2])
    drawing.savefig(out, format="png")
    return out.getvalue()


def facts_with(text: str) -> dict[str, Any]:
    """The error of the first signature and the name of the workflow hold the text."""
    facts = make_facts()
    facts["signatures"][0]["signature"] = text
    return facts


def text_of(pdf: bytes) -> str:
    """What is copied from the pages, without the breaks of lines."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    finally:
        document.close()


def test_it_is_tagged_for_those_who_hear_it() -> None:
    """Structure tree, language, mark and title, as PDF/UA-1 asks; each figure has its words."""
    pdf = render_pdf(make_facts(), [Figure("signals", png(), "Dead letters per minute.")])

    with pikepdf.open(io.BytesIO(pdf)) as document:
        root = document.Root
        assert "/StructTreeRoot" in root
        assert str(root.Lang) == "en"
        assert bool(root.MarkInfo.Marked)
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        with document.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert "events dead-lettered since" in str(metadata["dc:title"])
        tags = _tags(root.StructTreeRoot)
    assert {"/H1", "/H2", "/Table", "/Caption", "/TH", "/TD", "/Figure", "/P"} <= set(tags)
    assert "Dead letters per minute." in tags["/Figure"]


def test_headings_are_in_order_and_make_an_outline() -> None:
    """One first heading, then the sections; a viewer shows the same as its outline."""
    pdf = render_pdf(make_facts(), [])

    with pikepdf.open(io.BytesIO(pdf)) as document:
        levels = [name for name in _names(document.Root.StructTreeRoot) if re.fullmatch("/H[1-6]", name)]
        assert levels == ["/H1", *["/H2"] * 10]
        with document.open_outline() as outline:
            assert [one.title for one in outline.root[0].children] == [
                "Scope", "Problem", "Timeline", "Cause", "Solution", "Prevention", "Lessons and follow-ups", "Closure",
                "Evidence", "How to make it again",
            ]  # fmt: skip


def test_a_dated_title_stands_on_one_line_of_the_first_page() -> None:
    """Of 71 or 75 letters, as with a rough onset in English; a much longer one is wrapped."""
    facts = make_facts()
    facts["onset"] |= {"low": "2026-03-02T14:00:00+00:00", "high": "2026-03-02T14:04:00+00:00"}
    for events, shown in ((99, "99"), (1670, "1,670")):
        facts["events"]["total"] = {"value": events, "bound": "at_least"}
        title = f"orders-sync: ≥ {shown} events dead-lettered since about 2026-03-02 14:02 UTC"

        assert headline(facts) == title
        assert len(_lines_of_title(render_pdf(facts, []), title)) == 1

    facts["workflow"]["name"] = "orders-sync-of-the-other-warehouse"
    assert len(_lines_of_title(render_pdf(facts, []), headline(facts))) == 2


def _lines_of_title(pdf: bytes, title: str) -> set[int]:
    """Heights at which letters of the title stand; those of one line differ by less than a quarter of an inch."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0].get_textpage()
        text = page.get_text_range()
        first, last = title.split()[0], title.split()[-2]
        begin = text.index(first)
        end = text.index(last, begin)
        return {round(page.get_charbox(at)[1] / 18) for at in (begin, end)}
    finally:
        document.close()


@pytest.mark.parametrize("signals", [2, 10, 20, 22])
def test_the_first_page_is_full_however_long_the_table_before_the_figure_is(signals: int) -> None:
    """The figure is made smaller, or stands on top of the next page, and what follows it comes up; 30 mm at most are
    left above the foot, which a row of three lines with its heading can leave."""
    facts = make_facts()
    facts["signals"] = [facts["signals"][0]] * signals
    tall = Figure("signals", png(9, 3.2), "Dead letters per minute: 0 until 14:02, then up to 9 a minute.")

    document = pypdfium2.PdfDocument(render_pdf(facts, [tall]))
    try:
        assert len(document) > 2
        page = np.asarray(document[0].render(scale=1).to_pil().convert("L"))
    finally:
        document.close()

    # Above the foot of 17 mm; a point is a third of a millimetre.
    inked = np.flatnonzero((page[: page.shape[0] - 48] < 200).any(axis=1))
    assert page.shape[0] - 48 - inked[-1] < 30 * 72 / 25.4


def test_every_table_has_its_caption_and_every_cell_its_header() -> None:
    """A screen reader says which table it is, and of each cell which column."""
    with pikepdf.open(io.BytesIO(render_pdf(make_facts(), []))) as document:
        names = _names(document.Root.StructTreeRoot)
        cells = [one for one in _elements(document.Root.StructTreeRoot) if one.S == "/TD"]
        assert len(cells) > 30
        assert all(any("/Headers" in about for about in one.A) for one in cells)
    assert names.count("/Table") == names.count("/Caption") == names.count("/THead") > 5


def test_a_command_is_copied_from_one_line() -> None:
    """With an id and two times it is longer than a column; what is copied can be pasted as it is."""
    command = (
        "dlqkit investigate --workflow da864b99-6592-4f75-a8eb-048219b33496 --start 2026-11-26T01:30:06.249614+00:00"
    )
    facts = make_facts()
    facts["advice"] = [{**facts["advice"][0], "command": command}]

    document = pypdfium2.PdfDocument(render_pdf(facts, []))
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()

    assert sum(command in text.replace("\r", "").split("\n") for text in pages) == 1


def test_a_heading_is_not_alone_at_the_end_of_a_page() -> None:
    """Whatever the length of what stands before it: under "Timeline" there is a table or the figure."""
    figures = [Figure("signals", png(8, 3), "How many."), Figure("timeline", png(8, 5), "What happened.")]
    ends = []
    for rows in range(4, 12):
        facts = make_facts()
        facts["signals"] = facts["signals"][:1] * rows
        document = pypdfium2.PdfDocument(render_pdf(facts, figures))
        try:
            *lines, _footer = document[0].get_textpage().get_text_range().replace("\r", "").split("\n")
        finally:
            document.close()
        ends.append((lines[-1], "Timeline" in lines))

    assert {is_there for _, is_there in ends} == {True, False}
    assert "Timeline" not in {last for last, _ in ends}


def _elements(node: Any) -> Iterator[Any]:
    """Every element of the structure, in reading order."""
    if isinstance(node, pikepdf.Array):
        for one in node:
            yield from _elements(one)
    elif isinstance(node, pikepdf.Dictionary):
        if "/S" in node:
            yield node
        if "/K" in node:
            yield from _elements(node.K)


def _names(root: Any) -> list[str]:
    return [str(one.S) for one in _elements(root)]


def _tags(node: Any, found: dict[str, str] | None = None) -> dict[str, str]:
    """Names of all elements of the structure, with the alternative text of the last of each."""
    out = {} if found is None else found
    if isinstance(node, pikepdf.Dictionary):
        if "/S" in node:
            out[str(node.S)] = str(node.get("/Alt", out.get(str(node.S), "")))
        _tags(node.get("/K"), out) if "/K" in node else None
    elif isinstance(node, pikepdf.Array):
        for one in node:
            _tags(one, out)
    return out


TEXTS = [
    "connection refused 😀 by 数据库连接失败 of Ольга",
    "✅ привет ёж №5 “quoted” — … ❌",
    "한국어 오류 and 日本語のエラー",
    "हिन्दी ไทย ქართული հայերեն",
]


def check_copied(text: str) -> None:
    """In reading order, each word as it was written."""
    assert text in text_of(render_pdf(facts_with(text), []))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_any_script_is_copied_in_its_order(text: str) -> None:
    """Emoji, Chinese, Korean, Japanese, Indic and Caucasian letters: what stands there is what is copied."""
    check_copied(text)


@pytest.mark.parametrize("text", TEXTS[:2])
def test_without_the_fonts_of_a_script_its_text_is_still_there(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the wheels with Noto are missing the mark of the script is shown, and copied as the letter."""
    monkeypatch.setattr(typesetting, "_WHEELS", ())

    assert len(typesetting.find_fonts()) == 1
    check_copied(text)


def test_what_is_read_from_right_to_left_is_copied_in_its_order(tmp_path: Path) -> None:
    """Hebrew and Arabic within an English sentence, by Poppler, which most viewers of Linux are built on."""
    phrases = ("שלום עולם", "مرحبا بالعالم")
    path = tmp_path / "report.pdf"
    path.write_bytes(render_pdf(facts_with("refused {} by the {} gate".format(*phrases)), []))

    assert all(word in text_of(path.read_bytes()) for phrase in phrases for word in phrase.split())
    done = subprocess.run([find_program("pdftotext"), str(path), "-"], capture_output=True, check=True)
    copied = re.sub("[\u202a-\u202e\u2066-\u2069]", " ", done.stdout.decode())
    assert "refused שלום עולם by the مرحبا بالعالم gate" in " ".join(copied.split())


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(codec=None), min_size=1, max_size=80))
def test_any_character_compiles(text: str) -> None:
    """Unassigned, private, control and lone surrogate too; what has letters of its own script is not lost."""
    assert render_pdf(facts_with(text), []).startswith(b"%PDF-")


def test_markup_in_an_error_stays_text() -> None:
    """Nothing of it is carried out, and control and direction marks are spelled out."""
    copied = text_of(render_pdf(facts_with(HOSTILE), []))

    assert '#panic() *bold* $x^2$ ] #read("/etc/passwd") <label> @ref `raw`' in copied
    assert "root:x:" not in copied
    assert "\x1b" not in copied and "\u202e" not in copied


def test_a_megabyte_of_text_is_cut_and_says_so() -> None:
    pdf = render_pdf(facts_with("word " * 200_000), [])

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.pages) < 40
    assert "…" in text_of(pdf)


def test_a_long_word_is_broken_and_copied_whole() -> None:
    """A hash wraps within its cell, without a mark that would be copied with it."""
    word = "".join(f"{number:02x}" for number in range(120))
    document = pypdfium2.PdfDocument(render_pdf(facts_with(word), []))
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()

    assert word in "".join("".join(pages).split())
    lines = [line for page in pages for line in page.split("\r\n") if "202122" in line]
    assert len(lines) > 1
    # The sentence of the summary is as wide as the page, the cell of the table a fifth of it.
    assert min(map(len, lines)) < 40


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Adak"])
def test_equal_facts_give_equal_bytes_on_another_day_and_in_another_place(tmp_path: Path, zone: str) -> None:
    code = (
        "import sys; from tests.report.example import make_facts; from dlqkit.report.render_pdf import render_pdf;"
        "sys.stdout.buffer.write(render_pdf(make_facts(), []))"
    )
    environ = {**os.environ, "TZ": zone, "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, check=True)

    assert there.stdout == render_pdf(make_facts(), [])


def test_without_the_extra_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_typst", lambda: False)

    with pytest.raises(ParameterError, match="needs the extra pdf") as caught:
        render_pdf(make_facts(), [])
    assert "pip install 'dlqkit[pdf]'" in caught.value.next_step
