"""The one place where foreign text is made safe, once for each sink.

Error messages, ids, labels and payload fields are written by clients and services, so an attacker may choose
them. Frames and facts hold the raw text; whoever writes it somewhere calls the function of that place, once.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata

__all__ = [
    "for_csv",
    "for_file_name",
    "for_html",
    "for_jira",
    "for_markdown",
    "for_markdown_alt",
    "for_markdown_code",
    "for_plot",
    "for_promql",
    "for_promql_regex",
    "for_terminal",
    "for_terminal_lines",
    "for_typst",
    "shorten",
]

# What opens or closes something in Markdown (CommonMark 0.31 and GitHub's tables, strikethrough, mathematics and
# autolinks) wherever it stands. An underscore within a word does not, a full stop or a dash neither.
_MARKUP = re.compile(
    r"[\\`*\[\]<>|~$@]|(?<![^\W_])_|_(?![^\W_])"  # brackets, emphasis, code, cells, HTML, mentions
    r"|#(?=\w|$)|!(?=\[)|&(?=#?\w)|:(?=//)|(?<=www)\.",  # an issue, a heading's end, an entity, an address
    re.IGNORECASE,
)
# What opens a heading, a list or a table only as the first of a line.
_BEFORE_MARKUP_AT_START = re.compile(r"^(?=[-+=:#])|^[0-9]+(?=[.)](?:\s|$))")
# GitHub links these after it has read the Markdown, so a backslash does not stop it; code it leaves alone. Only whole
# words are tried, each once: a text of a million letters takes no longer than its length.
_LIVE = re.compile(
    r"(?<!\w)(?:[a-z][a-z0-9+.-]{0,30}://|www\.)[^\s`|\\<>]*[\w/=&%#-]"  # an address
    r"|(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]+)+"  # an e-mail address
    r"|(?<![\w.+-])(?:[\w.-]{1,100}/)?[\w.-]{0,100}#[0-9]++\b"  # an issue or pull request
    r"|(?<!\w)GH-[0-9]++\b|(?<!\w)@[a-z0-9][\w-]*(?:/[\w-]+)?"  # the same; a mention of a person or a team
    r"|(?<!:):(?:[a-z+-][a-z0-9_+-]{0,50}|100|1234):(?!:)",  # the name of an emoji, as in host:key:name
    re.IGNORECASE,
)
# What Jira's wiki notation reads as markup, a mention, a link, an icon or a macro (its own help, "Text Formatting
# Notation"). Its renderer takes a backslash away before these signs alone (BackslashEscapeRendererComponent); before a
# colon it is shown, and the address is no link.
_JIRA_SIGNS = r"{}\[\]()*_+^~?!|#@-"
# Two backslashes would break the line, and one before a sign would take it away.
_JIRA = re.compile(rf"[{_JIRA_SIGNS}]|\\(?=[\\{_JIRA_SIGNS}]|$)|(?<=\w):(?=//)|&(?=#?\w)")
_JIRA_ENTITIES = {"\\": "&#92;", "&": "&amp;"}
_RESERVED_FILE_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"com{n}" for n in range(10)),
    *(f"lpt{n}" for n in range(10)),
}


def _is_unsafe(character: str) -> bool:
    # Cc controls, Cf invisible and bidirectional marks, Cs lone surrogates, Zl/Zp line and paragraph separators.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _visible(text: str) -> str:
    """Replace what cannot be seen by a picture of it, so that text cannot hide or reorder its neighbours."""
    if text.isascii() and text.isprintable():
        return text
    out = []
    for character in text:
        if character in "\n\r\t":
            out.append(" ")
        elif _is_unsafe(character):
            out.append(f"⟨{ord(character):04X}⟩")
        else:
            out.append(character)
    return "".join(out)


def shorten(text: str, limit: int) -> str:
    """Cut text to ``limit`` characters, saying so by an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def for_html(text: object) -> str:
    """Text for an HTML element or a quoted attribute."""
    return html.escape(_visible(str(text)), quote=True)


def for_typst(text: object, limit: int | None = None) -> str:
    """Text for a typst document, which is handed to it as data: only what no font can show is spelled out."""
    shown = _visible(str(text))
    return shown if limit is None else shorten(shown, limit)


def for_jira(text: object) -> str:
    """Text for Jira's wiki notation, in one line: what has a meaning there has a backslash before it."""
    return _JIRA.sub(lambda sign: _JIRA_ENTITIES.get(sign[0], f"\\{sign[0]}"), " ".join(_visible(str(text)).split()))


def for_markdown(text: object) -> str:
    """Text for a Markdown paragraph, heading, list item or table cell: one line that reads as it would be shown.

    Only what has a meaning where it stands is escaped; what a tracker would make a link or a mention is set as code.
    """
    visible, out, done = _visible(str(text)).strip(), "", 0
    for live in _LIVE.finditer(visible):
        out += _escape_markdown(visible[done : live.start()], at_start=done == 0)
        # Code beside a backtick would end elsewhere.
        is_beside = out.endswith("`") or visible[live.end() :].startswith("`")
        out += _escape_markdown(live[0], at_start=live.start() == 0) if is_beside else f"`{live[0]}`"
        done = live.end()
    return out + _escape_markdown(visible[done:], at_start=done == 0)


def for_markdown_alt(text: object) -> str:
    """Text for the words of a Markdown image, where code would be lost."""
    return _escape_markdown(_visible(str(text)).strip(), at_start=True)


def for_markdown_code(text: object) -> str:
    """Text for a Markdown code span, in a table too; as text where a code span could not hold it."""
    visible = _visible(str(text)).strip()
    return f"`{visible}`" if visible and not set(visible) & set("`|\\") else for_markdown(visible)


def _escape_markdown(text: str, *, at_start: bool) -> str:
    escaped = _MARKUP.sub(r"\\\g<0>", text)
    return _BEFORE_MARKUP_AT_START.sub(r"\g<0>\\", escaped) if at_start else escaped


def for_terminal(text: object) -> str:
    """Text for a terminal: no escape sequence, no control character, one line."""
    return _visible(str(text))


def for_terminal_lines(text: object, width: int, lines: int | None = None, *, break_words: bool = True) -> list[str]:
    """Text for a terminal, wrapped to the width; what needs more than so many lines ends in an ellipsis.

    Without ``break_words`` a word that is longer than the width stays whole where all lines are shown.
    """
    visible = for_terminal(text)
    if lines is None:
        return textwrap.wrap(visible, width, break_on_hyphens=False, break_long_words=break_words) or [""]
    # More than can be shown need not be wrapped.
    enough = width * (lines + 1)
    wrapped = textwrap.wrap(visible[:enough], width, break_on_hyphens=False) or [""]
    if len(wrapped) > lines or len(visible) > enough:
        lines = min(lines, len(wrapped))
        wrapped[lines - 1] = wrapped[lines - 1][: width - 1] + "…"
    return wrapped[:lines]


def for_csv(text: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    visible = _visible(str(text))
    return "'" + visible if visible.lstrip(" ")[:1] in {"=", "+", "-", "@"} else visible


def for_plot(text: object, limit: int = 60) -> str:
    """A plot label: one line, limited; draw it with ``parse_math=False``."""
    return shorten(_visible(str(text)), limit)


def for_promql(text: object) -> str:
    """The inside of a double-quoted PromQL string."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


def for_promql_regex(text: object) -> str:
    """The inside of a double-quoted PromQL regular expression that matches exactly this text."""
    return for_promql(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", str(text)))


def for_file_name(text: object, limit: int = 60) -> str:
    """A file name of letters, digits, dash, dot and underscore; never empty, hidden or reserved."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(text)).strip("-.")[:limit].strip("-.")
    if not name or name.split(".")[0].lower() in _RESERVED_FILE_NAMES:
        return f"x-{name}" if name else "x"
    return name
