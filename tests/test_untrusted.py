from __future__ import annotations

import pytest

from dlqkit import untrusted

HOSTILE = '<script>alert(1)</script> | [x](javascript:1) \x1b[31m \u202etxt.exe "=cmd" @all ${x} $x$'


def test_html_text_cannot_open_an_element_or_leave_an_attribute() -> None:
    """Angle brackets, ampersands and both quotes are references."""
    assert untrusted.for_html("<a href='x' title=\"y\">&") == "&lt;a href=&#x27;x&#x27; title=&quot;y&quot;&gt;&amp;"


def test_terminal_text_has_no_control_or_reordering_character() -> None:
    """Escape sequences and bidirectional marks are shown by their number and do nothing."""
    safe = untrusted.for_terminal(HOSTILE)

    assert "\x1b" not in safe
    assert "\u202e" not in safe
    assert "⟨001B⟩" in safe
    assert "⟨202E⟩" in safe


def test_markdown_text_stays_one_cell_and_no_link() -> None:
    """A pipe does not end a table cell, and brackets make no link."""
    safe = untrusted.for_markdown("a|b [x](javascript:1) <b>\nc")

    assert safe == r"a\|b \[x\]\(javascript\:1\) \<b\> c"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "  =1"])
def test_csv_cell_is_never_a_formula(text: str) -> None:
    """A cell that a spreadsheet would compute begins with an apostrophe."""
    assert untrusted.for_csv(text).startswith("'")


def test_promql_string_cannot_be_left() -> None:
    """A quote, a backslash and a line break stay inside the string; a pattern matches only itself."""
    assert untrusted.for_promql('a"} or vector(1) #\\\n') == 'a\\"} or vector(1) #\\\\\\n'
    assert untrusted.for_promql_regex("a.b|c") == "a\\\\.b\\\\|c"


@pytest.mark.parametrize(
    ("text", "name"),
    [("../../etc/passwd", "etc-passwd"), ("", "x"), ("CON", "x-CON"), ("a b/c", "a-b-c"), ("...", "x")],
)
def test_file_name_leaves_no_folder_and_is_not_reserved(text: str, name: str) -> None:
    """An id never walks out of its folder, is never hidden, and never is a device."""
    assert untrusted.for_file_name(text) == name


def test_plot_label_is_one_short_line() -> None:
    """A label is cut, and says so."""
    assert untrusted.for_plot("a\nb" + "x" * 100, limit=10) == "a bxxxxxx…"
