"""The Markdown as GitHub, GitLab and Jira read it: what is foreign stays text, and what is a cell stays a cell."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dlqkit.report.figure import Figure
from dlqkit.report.render import render_markdown
from tests.report.example import make_facts

# What Jira's own converter (@atlaskit/editor-markdown-transformer 6.3) switches on in markdown-it.
JIRA_RULES = ("entity", "escape", "blockquote", "hr", "heading", "lheading", "code", "fence", "list", "image",
              "emphasis", "link", "autolink", "reference", "linkify", "strikethrough", "backticks",
              "table")  # fmt: skip
PARSERS = {
    # GitHub and GitLab: CommonMark with tables, strikethrough and addresses that become links by themselves.
    "gfm": MarkdownIt("gfm-like"),
    "jira": MarkdownIt("zero", {"html": False, "linkify": True}).enable(list(JIRA_RULES)),
}
HOSTILE = (
    "a | b || c", "x\\", "\\|", "`x|y`", "``", "|", "|---|", "**", "~~gone~~", "_i_ *b*", "# heading", "- item",
    "1. item", "> quote", "```js", "~~~", "---", "==", "    code", "<script>alert(1)</script>", "<!-- hidden -->",
    "[x](javascript:alert(1))", "![i](http://evil.example/i.png)", "see www.evil.example/a|b or a@evil.example",
    "&lt;b&gt; &#124; &amp;", "@all see owner/repo#12", "one\r\n\r\n# two\n| three |", "\u202eright to left",
    "[ref]: http://evil.example", "$x^2$", "trailing `", "\u2028|", "worker:key:5", "数据库 | שלום",
)  # fmt: skip


def facts_with(text: str) -> dict[str, Any]:
    """The text stands in a cell, in a sentence, in the headline, in a banner and in a command."""
    facts = copy.deepcopy(make_facts())
    facts["signatures"][0]["signature"] = text
    facts["workflow"]["name"] = text
    facts["judgement"]["cause"] = text
    facts["advice"][0]["command"] = text
    facts["coverage"][0] |= {"completeness": "partial", "missing": [text]}
    return facts


def tables_of(tokens: Sequence[Token]) -> Iterator[list[list[str]]]:
    """Each table as rows of what is shown in its cells."""
    rows: list[list[str]] = []
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "th_open"}:
            rows[-1].append("".join(part.content for part in tokens[number + 1].children or []))
        elif token.type == "table_close":
            yield rows


def shown(text: str) -> str:
    """What a reader should see of a foreign text."""
    out = "".join(" " if sign in "\n\r\t" else sign for sign in text)
    return out.replace("\u202e", "⟨202E⟩").replace("\u2028", "⟨2028⟩").strip()


def kinds(tokens: Sequence[Token]) -> set[str]:
    return {token.type for token in tokens} | {part.type for token in tokens for part in token.children or []}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_error_is_one_cell_that_reads_as_it_was_written(parser: str, text: str) -> None:
    """Every row has as many cells as its header, and nothing in a cell is a link, an image, code or HTML of its own."""
    tokens = PARSERS[parser].parse(render_markdown(facts_with(text), []))

    tables = list(tables_of(tokens))
    assert [{len(row) for row in rows} for rows in tables] == [{len(rows[0])} for rows in tables]
    signatures = next(rows for rows in tables if "signature" in rows[0])
    assert signatures[1][2] == shown(text)
    assert not kinds(tokens) & {"link_open", "image", "html_block", "html_inline", "fence", "code_block", "s_open"}


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("|\\`*_~<>[]()#-=+!&;:@$/.0 ab\nж"), min_size=1, max_size=14))
def test_no_mixture_of_signs_leaves_its_cell(parser: str, text: str) -> None:
    tokens = PARSERS[parser].parse(render_markdown(facts_with(text), []))

    tables = list(tables_of(tokens))
    assert [{len(row) for row in rows} for rows in tables] == [{len(rows[0])} for rows in tables]
    assert not kinds(tokens) & {"link_open", "image", "html_block", "html_inline", "fence", "code_block"}


@pytest.mark.parametrize("parser", PARSERS)
def test_headings_are_in_order_and_every_table_has_its_title_above_it(parser: str) -> None:
    """One first heading, sections below it; a table without a title could not be told from the one before."""
    tokens = PARSERS[parser].parse(render_markdown(make_facts(), []))

    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", *["h2"] * 10]
    before = [tokens[number - 2] for number, token in enumerate(tokens) if token.type == "table_open"]
    assert len(before) > 5
    assert all(token.content.startswith("**") and token.content.endswith("**") for token in before)


@pytest.mark.parametrize("parser", PARSERS)
def test_the_first_section_stands_alone(parser: str) -> None:
    """What is pasted without the rest answers every question, and points at no table, figure or file."""
    text = render_markdown(make_facts(), [Figure("signals", b"", "Dead letters jump")])
    tokens = PARSERS[parser].parse(text.split("\n## ")[0])

    bold = [part.content for token in tokens for one, part in zip(token.children or [], (token.children or [])[1:],
            strict=False) if one.type == "strong_open"]  # fmt: skip
    assert bold == ["Workflow", "State", "Since", "Events affected", "Class", "Top signature", "Changed before",
                    "Do next"]  # fmt: skip
    assert not kinds(tokens) & {"image", "table_open", "link_open"}


def test_a_figure_is_named_by_what_it_shows() -> None:
    """Where the picture cannot be seen its words are there, whatever is written in them."""
    figure = Figure("signals", b"", "Up to 5 [a](b) a minute | ![x](y)")
    tokens = PARSERS["gfm"].parse(render_markdown(make_facts(), [figure]))

    image = next(part for token in tokens for part in token.children or [] if part.type == "image")
    assert (image.content, image.attrs["src"]) == (r"Up to 5 \[a\](b) a minute \| \!\[x\](y)", "figures/signals.png")
    assert "".join(part.content for part in image.children or []) == figure.alt
