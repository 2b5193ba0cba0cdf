"""The one place where foreign text is made safe, once for each sink.

Error messages, ids, labels and payload fields are written by clients and services, so an attacker may choose
them. Frames and facts hold the raw text; whoever writes it somewhere calls the function of that place, once.
"""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = [
    "for_csv",
    "for_file_name",
    "for_html",
    "for_markdown",
    "for_plot",
    "for_promql",
    "for_promql_regex",
    "for_terminal",
    "shorten",
]

# Markdown's own punctuation (CommonMark 0.31, section 2.4), and what GitHub and trackers turn into links or mentions.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~^$:@/=])")
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


def for_markdown(text: object) -> str:
    """Text for a Markdown paragraph, list item or table cell; one line, no markup, no link, no mention."""
    return _MARKDOWN.sub(r"\\\1", _visible(str(text)))


def for_terminal(text: object) -> str:
    """Text for a terminal: no escape sequence, no control character, one line."""
    return _visible(str(text))


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
