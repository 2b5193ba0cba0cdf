"""The one place where foreign text is made safe, once for each sink.

Error messages, ids, labels and payload fields are written by clients and services, so an attacker may choose
them. Frames and facts hold the raw text; whoever writes it somewhere calls the function of that place, once.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata

from dlqkit.cells import take, wrap

__all__ = [
    "for_csv",
    "for_file_name",
    "for_html",
    "for_jira",
    "for_json",
    "for_markdown",
    "for_markdown_alt",
    "for_markdown_code",
    "for_pasting",
    "for_plot",
    "for_promql",
    "for_promql_regex",
    "for_terminal",
    "for_terminal_lines",
    "for_typst",
    "is_utf8",
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
# GitHub and GitLab link these after they have read the Markdown, so a backslash does not stop it everywhere; code they
# leave alone (docs.github.com, "Autolinked references and URLs"; docs.gitlab.com, "GitLab-specific references"). Only
# whole words are tried, each once: a text of a million letters takes no longer than its length.
_LIVE = re.compile(
    r"(?<!\w)(?:[a-z][a-z0-9+.-]{0,30}://|www\.)[^\s`|\\<>]*[\w/=&%#-]"  # an address
    r"|(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]+)+"  # an e-mail address
    r"|(?<!\w)GH-[0-9]++\b|(?<!\w)@[a-z0-9][\w-]*(?:/[\w-]+)?"  # an issue; a mention of a person or a team
    r"|(?<!:)(?::(?:[a-z+-][a-z0-9_+-]{0,50}|100|1234):)+(?!:|//)"  # the name of an emoji, as in host:key:name
    # An issue; GitLab's merge request, snippet, epic; milestone and label, by number or name; after a project's name.
    r"|(?:(?<![\w./-])[\w./-]{1,200}+)?(?:[#!$&][0-9]++|[%~](?:\"[^\"`|\\<>]{1,100}\"|\w(?:[\w.:-]*\w)?))"
    r"|\[[a-z_]{1,40}:[^\s\]`|\\<>]{1,200}\]"  # [issue:12], [vulnerability:12]
    # A commit: seven digits or more of base sixteen, which is an id of our own more often.
    r"|(?<![\w.-])(?=[\w.-]*?(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z]))[\w.-]*\w",
    re.IGNORECASE,
)
_LONGEST = 2500
"""Letters of a text that are tried behind a span; nothing but an address is longer."""
# What Markdown makes a link, a picture or an element of, where a text is pasted as it is.
_PASTED = re.compile(
    r"(?:!?\[[^\]\n]{0,200}\](?:\([^)\n]{0,2000}\)?|\[[^\]\n]{0,200}\]|:)?|</?[a-z!?][^>\n]{0,2000}>?"
    rf"|[a-z][a-z0-9+.-]{{0,30}}://[^\s<>]*|www\.\S*|{_LIVE.pattern})",
    re.IGNORECASE,
)
# What Jira's wiki notation reads as markup, a mention, a link, an icon or a macro (its own help, "Text Formatting
# Notation"). Its renderer takes a backslash away before these signs alone (BackslashEscapeRendererComponent); before a
# colon it is shown, and the address is no link.
_JIRA_SIGNS = r"{}\[\]()*_+^~?!|#@-"
# Two backslashes would break the line, and one before a sign would take it away.
_JIRA = re.compile(rf"[{_JIRA_SIGNS}]|\\(?=[\\{_JIRA_SIGNS}]|$)|(?<=\w):(?=//)|&(?=#?\w)")
_JIRA_ENTITIES = {"\\": "&#92;", "&": "&amp;"}
# JSON escapes the first 32 itself. Beside them: controls of eight bits, which a terminal obeys, marks that reorder or
# hide their neighbours, line separators, and halves of characters, which no file in UTF-8 can hold.
_HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
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
    for start, end in _spans(_LIVE, visible):
        out += _escape_markdown(visible[done:start], at_start=done == 0)
        out, done = f"{out}`{visible[start:end]}`", end
    return out + _escape_markdown(visible[done:], at_start=done == 0)


def _spans(pattern: re.Pattern[str], text: str, before: str = "") -> list[tuple[int, int]]:
    """Where the pattern is found, with every sign of ``before`` that stands before it; what touches is one.

    What follows a span is tried as if it began there: behind ``@a`` set as code, a tracker takes ``@b`` for a mention.
    """
    out: list[tuple[int, int]] = []
    for found in pattern.finditer(text):
        done = out[-1][1] if out else 0
        start, end = max(found.start(), done), max(found.end(), done)
        while start > done and text[start - 1] in before:
            start -= 1
        while more := pattern.match(text[end : end + _LONGEST]):
            end += more.end()
        if out and done == start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def for_pasting(text: object) -> str:
    """A line that people paste into a chat or a ticket: read as it stands, whether that knows Markdown or not.

    What would be a link, a picture, an element or a mention there is set as code; all else stays as it was written. So
    does a host's bare name: trackers link none, and a chat that does leads where the name says.
    """
    visible = _visible(str(text)).strip()
    # A backslash before it would take the code's own mark away.
    spans = _spans(_PASTED, visible, before="\\")
    if spans:
        # A backtick of the text's own would open or close the code.
        visible = visible.replace("`", "ˋ")
    out, done = "", 0
    for start, end in spans:
        out, done = f"{out}{visible[done:start]}`{visible[start:end]}`", end
    return out + visible[done:]


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
    """Text for a terminal, wrapped to a width in cells; what needs more than so many lines ends in an ellipsis.

    Without ``break_words`` a word that is longer than the width stays whole where all lines are shown.
    """
    visible = for_terminal(text)
    if lines is None:
        return wrap(visible, width, break_words=break_words)
    # More than can be shown need not be wrapped.
    enough = width * (lines + 1)
    wrapped = wrap(visible[:enough], width)
    if len(wrapped) > lines or len(visible) > enough:
        lines = min(lines, len(wrapped))
        wrapped[lines - 1] = take(wrapped[lines - 1], width - 1) + "…"
    return wrapped[:lines]


def for_json(document: str) -> str:
    """A JSON document whose strings can be shown by any terminal or editor; what is read from it is the same.

    But two halves of a character that stand side by side are read as the character: JSON has no other way to write it.
    """
    return _HIDDEN.sub(lambda sign: json.dumps(sign[0])[1:-1], document)


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


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold the text: none with half a character, as Python also keeps bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
