"""The PDF can be read by people, by machines and aloud, whatever stands in an error message."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest

from dlqkit.errors import ParameterError
from dlqkit.report import render_pdf as module
from dlqkit.report.render import Figure
from dlqkit.report.render_pdf import render_pdf
from tests.report.example import make_facts

HOSTILE = (
    '#panic() *bold* $x^2$ ] #read("/etc/passwd") <label> @ref `raw` // no comment /* nor this */ '
    "\\u{41} \x1b[31m \u202e \ud800"
)


def png() -> bytes:
    from matplotlib.figure import Figure as Drawing

    out = io.BytesIO()
    drawing = Drawing(figsize=(2, 1))
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
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/Figure", "/P"} <= set(tags)
    assert "Dead letters per minute." in tags["/Figure"]


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


@pytest.mark.parametrize(
    "text",
    [
        "connection refused 😀 by 数据库 of Ольга",
        "привет ёж №5 “quoted” — …",
        "שלום עולם",
        "a\u0301 é ﬁ \U0001f468",
    ],
)
def test_any_text_compiles_and_can_be_copied(text: str) -> None:
    """Emoji, Chinese, Cyrillic and right-to-left text; what has no glyph of its own is still that character."""
    copied = text_of(render_pdf(facts_with(text), []))

    words = [word for word in text.split() if word.isascii() or word[0] in "数пО№"]
    assert all(word in copied for word in words)
    for character in set(text) - set(" \u200d\u0301"):
        assert character in copied or not character.isprintable() or character in "ﬁ", hex(ord(character))


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
    """A hash or an id wraps within its cell, without a mark that would be copied with it."""
    word = "".join(f"{number:02x}" for number in range(120))

    copied = text_of(render_pdf(facts_with(word), [])).replace(" ", "")

    assert word in copied


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
