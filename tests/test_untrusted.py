from __future__ import annotations

import html
import json
import random
import re
import string
import time

import mistune
import pytest
from markdown_it import MarkdownIt

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


RENDERERS = {
    "markdown-it": MarkdownIt("commonmark").enable(["table", "strikethrough"]).render,
    "mistune": mistune.create_markdown(
        plugins=["url", "table", "strikethrough", "footnotes", "task_lists", "def_list"]
    ),
}
# Where reports put text, and what alone may be around it once it is rendered.
PLACES = {
    "{}": "<p>(.*)</p>",
    "above\n\n{}": "<p>above</p>\n<p>(.*)</p>",
    "# {}": "<h1>(.*)</h1>",
    "> {}": "<blockquote>\n<p>(.*)</p>\n</blockquote>",
    "- **label**: {}": "<ul>\n<li><strong>label</strong>: (.*)</li>\n</ul>",
    "| a | b |\n| --- | --- |\n| {} | z |": "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n"
    "<tr>\n<td>(.*)</td>\n<td>z</td>\n</tr>\n</tbody>\n</table>",
}
MEANT_TO_BREAK = [
    HOSTILE.strip(), "a|b [x](javascript:1) <b>\nc", "![x](http://evil.example/a.png)", "- [ ] done", "1. one",
    "2) two", "+ plus", "===", "---", "***", "___", ":-:", "# heading #", "> quote", "    indented", "~~~", "```",
    "`code", "``", "\\", "\\|", "`a\\|b`", "a `\\` | b", "__init__ and _x_ and snake_case", "**bold** *it* ~~gone~~",
    "&lt;b&gt; &amp; &#60; & ok", "[^1]: note", "[^1]", "[a]: http://evil.example", "www.evil.example",
    "see http://evil.example/x_y?a=1|2.", "<http://a.b>", "mail a.b+c@evil.example", "@all @org/team user@host",
    "owner/repo#12 #3 GH-4 C# C#7", "`@all`", "``http://a.b``&amp;", "http://a.b&amp;", "ftp://a.b", "_http://a.b_",
    "$x$ $$y$$", "x\u2028# y", "a\tb",
]  # fmt: skip


def rendered(markdown: str, renderer: str, around: str) -> str | None:
    """What is shown in the place, without code's own marks; None where anything else came of it."""
    page = re.sub(r"\n +<", "\n<", RENDERERS[renderer](markdown)).strip()
    found = re.fullmatch(around, page, re.DOTALL)
    shown = re.sub("</?code>", "", found[1]) if found else "<lost>"
    return None if re.search("<[a-z]", shown) else html.unescape(shown)


def mixtures() -> list[str]:
    """What breaks Markdown, thrown together."""
    pieces = [*"\\`*_[]()<>|#@~$&!-+=:.;/ab1 ", *MEANT_TO_BREAK]
    chance = random.Random(3)
    return ["".join(chance.choices(pieces, k=chance.randint(2, 9))) for _ in range(300)]


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_is_shown_as_itself_wherever_it_stands_in_markdown(place: str, renderer: str) -> None:
    """No heading, list, cell, link, image, checkbox, HTML or emphasis comes of an error text."""
    for text in [*MEANT_TO_BREAK, *mixtures()]:
        want = untrusted.for_terminal(text).strip()
        for safe in (untrusted.for_markdown(text), untrusted.for_markdown_code(text)):
            assert want == "" or rendered(place.format(safe), renderer, PLACES[place]) == want, (text, safe)


@pytest.mark.parametrize(
    "text",
    ["2026-11-25 06:06:03 UTC", "version 1.8.2 → 1.9.0 on worker-1:8000, worker-2:8000", "12 min (001/1), 25%; a = b",
     "orders_rw after 3.5 s + 1 retry!", "not at the start - and C# is no heading", "3.14 ms"],
)  # fmt: skip
def test_what_means_nothing_in_markdown_reads_plainly(text: str) -> None:
    """Times, versions and ids can be read in a ticket that shows the text as it is."""
    assert untrusted.for_markdown(text) == text


def test_a_word_that_is_to_be_copied_stays_whole_on_a_terminal() -> None:
    """Wider than the screen is better than in two pieces; elsewhere it is broken, so that a table keeps its width."""
    key = "k" * 90
    assert untrusted.for_terminal_lines(f"The event {key} is taken.", 80, break_words=False) == [
        "The event", key, "is taken.",
    ]  # fmt: skip
    assert max(map(len, untrusted.for_terminal_lines(f"The event {key} is taken.", 80))) == 80


def test_what_a_tracker_would_link_is_code() -> None:
    """GitHub links mentions and issues after Markdown has taken the backslashes away; in code it does not."""
    safe = untrusted.for_markdown("ask @all or a@b.example: owner/repo#7, #8, http://evil.example/x_y.")

    assert safe == "ask `@all` or `a@b.example`: `owner/repo#7`, `#8`, `http://evil.example/x_y`."


REFERENCES = [
    "!45", "group/sub/project!45", "%3", "%v1.0", '%"Release 1"', "~bug", '~"two words"', "~12", "~a::b", "&7", "#1#12",
    "group&7", "$12", "group/project$12", "#12", "owner/repo#1", "GH-12", "@name", "@org/team", "[issue:12]",
    "[vulnerability:7]", "5f3ab1c", "5f3ab1c0d5f3ab1c0d5f3ab1c0d5f3ab1c0d5f3a", "v1-5f3ab1c", "1234567", ":boom:",
    "www.evil.example", "0b9f6c1e-5d5c-4a86-9d0e-2f6f5a1c9d11",
]  # fmt: skip


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("text", REFERENCES)
@pytest.mark.parametrize("around", ["{}", "see {}, then", "({})", "`{}`", "x {} y {}.", "**{}**", "a|{}|b", "\\{}"])
def test_what_a_tracker_makes_a_reference_of_is_code(around: str, text: str, renderer: str) -> None:
    """GitLab's merge requests, milestones, labels, epics, snippets, and commits; GitHub's issues, people and emoji."""
    hostile = around.format(text, text)

    page = RENDERERS[renderer](untrusted.for_markdown(hostile))
    pasted = RENDERERS[renderer](untrusted.for_pasting(hostile))

    # Trackers look for references in what is no code.
    for one in (page, pasted):
        outside = html.unescape(re.sub("<code>.*?</code>", " ", one))
        assert text not in outside, one
        assert "<code>" in one and "<a " not in one
    assert html.unescape(re.sub("<[^>]+>", "", page)).strip() == hostile


@pytest.mark.parametrize("renderer", RENDERERS)
def test_what_is_pasted_as_it_stands_has_no_link_picture_or_element(renderer: str) -> None:
    """A chat or a ticket that knows Markdown shows the words; one that does not shows them with a backtick or two."""
    for text in [*MEANT_TO_BREAK, *mixtures()]:
        page = RENDERERS[renderer](f"**label**: {untrusted.for_pasting(text)}")
        assert not re.search("<(?:a|img|b|script|h[1-6]|input|!--)[ >]", page), (text, page)
    assert untrusted.for_pasting("It ended at 12:30 (UTC), 25% of 7 events; see notes_a - ok!") == (
        "It ended at 12:30 (UTC), 25% of 7 events; see notes_a - ok!"
    )
    assert untrusted.for_pasting("ask @all, [x](http://evil) or <b>") == "ask `@all`, `[x](http://evil)` or `<b>`"
    assert untrusted.for_pasting("`@all`") == "ˋ`@all`ˋ"
    assert untrusted.for_pasting("@a@b, GH-12@b") == "`@a@b`, `GH-12@b`"
    # What an address ended with would have hidden the element behind it.
    assert untrusted.for_pasting("http://a.b\\<b>") == "`http://a.b\\<b>`"
    assert untrusted.for_pasting(f"[x]({'a' * 1999}\\<b>") == f"`[x]({'a' * 1999}\\<b>`"
    assert untrusted.for_pasting("\\\\<b>") == "`\\\\<b>`"


def test_a_json_file_can_be_shown_by_any_terminal_and_says_the_same() -> None:
    """Escape sequences of eight bits, marks that reorder, and half a character; Russian stays readable."""
    value = {"a\u202e": "\x9b31m \x7f \u200b \ufeff \u2028 привет 😀 \ud800 \U000e0041"}
    document = untrusted.for_json(json.dumps(value, ensure_ascii=False))

    assert json.loads(document) == value
    assert "привет 😀" in document
    assert document.isprintable()
    assert document.encode("utf-8")


@pytest.mark.parametrize(
    "piece",
    ["a", "a-", "f", "a/", "!", "~", "[", "<a", '%"a', "[a:", "ab.", "@a", "a@", "0f ", ":a", ":a:", "`", "\\", "*",
     "x" * 300 + "!1 "],
)  # fmt: skip
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    """Of each kind of text that a pattern could try again and again, 60,000 letters: by their square it were long."""
    text = piece * (300_000 // len(piece))
    began = time.process_time()
    for sink in (untrusted.for_markdown, untrusted.for_pasting, untrusted.for_jira, untrusted.for_html):
        sink(text)

    assert time.process_time() - began < 15


def test_commands_are_code_that_can_be_copied() -> None:
    """A command stands in the Markdown letter by letter."""
    assert untrusted.for_markdown_code("dlqkit lab 'my_folder' --tz *") == "`dlqkit lab 'my_folder' --tz *`"
    assert untrusted.for_markdown_code("") == ""


def test_words_of_an_image_keep_their_text() -> None:
    """In the words of an image code would be lost, so there it is only escaped."""
    page = RENDERERS["markdown-it"](f"![{untrusted.for_markdown_alt('a@b.example ] _x_ #1')}](x.png)")

    assert page == '<p><img src="x.png" alt="a@b.example ] _x_ #1" /></p>\n'
    assert untrusted.for_markdown_alt("www.a.example") == "www\\.a.example"
    assert untrusted.for_markdown_alt("- a") == "\\- a"


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


# What Jira's renderer takes a backslash away from (BackslashEscapeRendererComponent of atlassian-renderer).
_JIRA_ESCAPED = re.compile(r"(^|(?<!\\))\\([-#*_+?^~|%{}\[\]()!@])")
_JIRA_LIVE = re.compile(
    r"[*_+^~?-]\S|[{}\[\]|]|\\\\|![^!]*!|(?:https?|ftp|mailto):/|\((?:x|y|n|i|/|\*|!|\?|on|off|\+|-)\)|:[()DP]|;\)",
    re.I,
)


@pytest.mark.parametrize(
    "text",
    [
        "*bold* _em_ -gone- +in+ ^up^ ~down~ ??cite?? {code}x{code} {{mono}} !image.png! [~admin] [x|http://evil]",
        "see https://evil.example/a?b=1#c and ftp://x",
        r"C:\temp\x \\server\share \* \{ ends with \\",
        "retry(x) then (!) and (y) of f(n)",
        "|a|b| ||h|| @admin #1 &lt; &#60; a&b",
    ],
)
def test_what_jira_shows_is_the_text_and_nothing_of_it_is_live(text: str) -> None:
    """As its renderer reads it: signs behind a backslash are taken out first, then markup and links are looked for."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[2])
        return f"\x00{len(kept) - 1}\x00"

    rest = _JIRA_ESCAPED.sub(keep, untrusted.for_jira(text))
    assert _JIRA_LIVE.search(rest) is None, rest
    shown = html.unescape(re.sub("\x00([0-9]+)\x00", lambda one: kept[int(one[1])], rest))
    # Before a colon the backslash stays; without it the address would be a link.
    assert shown == text.replace("://", "\\://")


@pytest.mark.parametrize("text", ["worker:key:5", ":100:", "a:+1:", "at :boom:"])
def test_no_part_of_an_error_becomes_an_emoji(text: str) -> None:
    """GitHub and GitLab replace the names of emoji after they have read the Markdown, but not in code."""
    assert re.search(r"`:[a-z0-9+]+:`", untrusted.for_markdown(text))


@pytest.mark.parametrize("text", ["12:30:05 UTC", "std::io::Error", "main.py:12: refused", "db: timeout: 5 s"])
def test_times_and_names_with_colons_are_no_emoji(text: str) -> None:
    assert "`" not in untrusted.for_markdown(text)


@pytest.mark.parametrize(
    ("sign", "shown"),
    [("\n", " "), ("\r", " "), ("\t", " "), ("\x07", "⟨0007⟩"), ("\x9b", "⟨009B⟩"), ("\u200b", "⟨200B⟩"),
     ("\ud800", "⟨D800⟩"), ("\ue000", "⟨E000⟩"), ("\u0378", "⟨0378⟩"), ("\u2028", "⟨2028⟩"), ("\u2029", "⟨2029⟩"),
     ("\U000e0041", "⟨E0041⟩"), ("ж", "ж"), ("😀", "😀"), ("~", "~"), ("\xa0", "\xa0")],
)  # fmt: skip
def test_what_cannot_be_seen_is_shown_by_its_number_and_what_ends_a_line_by_a_space(sign: str, shown: str) -> None:
    """Controls, invisible and reordering marks, halves of characters, private and unassigned ones, separators."""
    assert untrusted.for_terminal(f"a{sign}b") == f"a{shown}b"
    assert untrusted.for_typst(f"a{sign}b") == f"a{shown}b"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abcde", 5, "abcde"), ("abcdef", 5, "abcd…"), ("abc  def", 6, "abc…"), ("abc", 1, "…"), ("abc", 0, "…"),
     ("", 0, "")],
)  # fmt: skip
def test_a_text_that_is_cut_ends_in_an_ellipsis_within_the_limit(text: str, limit: int, shown: str) -> None:
    assert untrusted.shorten(text, limit) == shown
    assert untrusted.for_typst(text, limit) == shown
    assert untrusted.for_plot(text, limit) == shown


def test_labels_and_file_names_have_sixty_characters_at_most() -> None:
    assert untrusted.for_plot("x" * 61) == "x" * 59 + "…"
    assert untrusted.for_plot("x" * 60) == "x" * 60
    assert untrusted.for_file_name("x" * 61) == "x" * 60
    assert untrusted.for_file_name("x" * 59 + "-x") == "x" * 59


@pytest.mark.parametrize("name", ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt")
                                                              for n in range(10)), "Con.txt"])  # fmt: skip
def test_a_name_that_is_a_device_has_an_x_before_it(name: str) -> None:
    assert untrusted.for_file_name(name) == f"x-{name}"


@pytest.mark.parametrize("name", ["com10", "lpt10", "lpt", "console", "a.con", "a_b-c.d9"])
def test_a_name_that_only_looks_like_a_device_stays(name: str) -> None:
    assert untrusted.for_file_name(name) == name


@pytest.mark.parametrize("text", ["a=1", "1+1", "  a", "1-1", "", "'=1", "a@b"])
def test_a_csv_cell_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert untrusted.for_csv(text) == text


def test_a_formula_in_a_cell_is_kept_behind_one_apostrophe() -> None:
    assert untrusted.for_csv("  =1") == "'  =1"


def test_every_line_break_stays_inside_a_promql_string() -> None:
    assert untrusted.for_promql("a\rb\nc") == "a\\rb\\nc"
    assert untrusted.for_promql_regex("a+b*c?d(e)f[g]h{i}j^k$l|m.n\\o-p") == "".join(
        f"\\\\{sign}" if sign in "+*?()[]{}^$|." else "\\\\\\\\" if sign == "\\" else sign
        for sign in "a+b*c?d(e)f[g]h{i}j^k$l|m.n\\o-p"
    )


@pytest.mark.parametrize("text", ["a`b", "a|b", "a\\b"])
def test_what_a_code_span_could_not_hold_is_text(text: str) -> None:
    assert untrusted.for_markdown_code(text) == untrusted.for_markdown(text)
    assert untrusted.for_markdown_code(" ab ") == "`ab`"


def test_what_needs_more_lines_than_there_are_ends_in_an_ellipsis() -> None:
    """The last line says that there is more, and no line is wider than it may be."""
    assert untrusted.for_terminal_lines("one two three", 5, 2) == ["one", "two…"]
    assert untrusted.for_terminal_lines("one two", 5, 2) == ["one", "two"]
    assert untrusted.for_terminal_lines("", 5, 2) == [""]
    assert untrusted.for_terminal_lines("a" * 100, 5, 2) == ["aaaaa", "aaaa…"]
    assert untrusted.for_terminal_lines("a" * 10, 5, 2) == ["aaaaa", "aaaaa"]
    assert untrusted.for_terminal_lines("ab" + " " * 100 + "c", 5, 2) == ["ab…"]
    assert untrusted.for_terminal_lines("a" * 8, 5, break_words=False) == ["a" * 8]
    assert untrusted.for_terminal_lines("a" * 8, 5) == ["aaaaa", "aaa"]
    assert untrusted.for_terminal_lines("ab" + " " * 13, 5, 2) == ["ab"]


LETTERS = string.ascii_letters + string.digits


def test_letters_and_digits_have_no_meaning_anywhere() -> None:
    """Each as it is, also at the ends, behind a backslash or beside a letter of another alphabet."""
    for letter in LETTERS:
        assert untrusted.for_jira(letter) == letter
        assert untrusted.for_jira(f"\\{letter}") == f"\\{letter}"
        assert untrusted.for_csv(f"{letter}=1") == f"{letter}=1"
        assert untrusted.for_file_name(f"{letter}-a.{letter}") == f"{letter}-a.{letter}"
        assert untrusted.for_markdown_code(letter) == f"`{letter}`"
        assert untrusted.for_terminal(f"ж{letter}") == f"ж{letter}"
        assert untrusted.for_promql_regex(letter) == letter


def test_jira_text_is_one_line_and_only_what_has_a_meaning_there_has_a_backslash() -> None:
    assert untrusted.for_jira("a  b\nc") == "a b c"
    assert untrusted.for_jira("a.b:c/d\\e,f;g 'h' \"i\" & j&k") == "a.b:c/d\\e,f;g 'h' \"i\" & j&amp;k"
    assert untrusted.for_jira("a*b\\*c\\") == "a\\*b&#92;\\*c&#92;"


def test_what_is_pasted_keeps_its_own_backslashes_and_is_code_where_it_would_be_live() -> None:
    assert untrusted.for_pasting(" a ` b ") == "a ` b"
    assert untrusted.for_pasting("a ` @b") == "a ˋ `@b`"
    assert untrusted.for_pasting("#1#12 c") == "`#1#12` c"
    assert untrusted.for_pasting("a\\<b>") == "a`\\<b>`"


def test_a_letter_before_what_would_be_live_stays_text() -> None:
    """Only a backslash before it is taken into the code."""
    assert untrusted.for_markdown("X:boom:") == "X`:boom:`"
    assert untrusted.for_pasting("X<b>") == "X`<b>`"


@pytest.mark.parametrize(("text", "holds"), [("", True), ("Zürich ж 💥", True), ("\ud83d", False), ("a\udcffb", False)])
def test_a_text_with_half_a_character_is_none_that_utf_8_can_hold(text: str, holds: bool) -> None:
    assert untrusted.is_utf8(text) is holds
