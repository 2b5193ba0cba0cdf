"""Templates: a masked error text in words that say what kind of thing was masked, the same for any two of its kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["ANY", "KINDS", "count_kinds", "generalise", "name_kind", "split_words", "write_template"]

ANY = "<*>"
KINDS = ("id", "n", "time", "host", "email", "path")
# Characters that are not masked; what was masked does not count, or two texts of one form would end in two places.
_LONGEST = 400
_MASK = re.compile(r"<(?:id|n|time|host|email|path|\*)>")
_M = _MASK.pattern

_TOKEN_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("email", re.compile(r".+@.+\..+")),
    ("host", re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[:/][0-9]+)?")),
    ("time", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}.*)?")),
    ("host", re.compile(r"(?=.*(?:::|[A-Fa-f]))[0-9A-Fa-f]*(?:::?[0-9A-Fa-f]+){2,}")),
    ("host", re.compile(r"[0-9A-Fa-f]{1,4}::[0-9A-Fa-f]{1,4}")),
    ("n", re.compile(r"[+-]?[0-9][0-9.,:/+-]*[A-Za-z]{0,3}")),
    ("host", re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){2,}(?::[0-9]+)?")),
)  # fmt: skip
_DAYS_AND_MONTHS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
# What joins two masks into one, as in 12:30, 10.0.0.1:80 or 3/5.
_JOINS = re.compile(r"[,:+|/\\~%-]{1,3}")
_WORD = re.compile(r"[^ ,;]*[ ,;]+|[^ ,;]+")
_PART = rf"(?:[\w.@+~%=&?*-]|{_M})"
_HEX = rf"(?:{_M}|[0-9A-Fa-f]{{1,4}})"
# In order. A rule sees one text only, so that a text's template does not hang on its neighbours.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[^\D\x00-\x7f]+"), "<n>"),
    # Eight or more of a to f are an id, even where chance gave it no digit.
    (re.compile(r"\b(?:[a-f]{8,}|[A-F]{8,})\b"), "<id>"),
    (re.compile(rf"({_M})={{1,2}}(?![\w=])"), r"\1"),
    (re.compile(r"<time>(?:[ T,]+<time>)+"), "<time>"),
    (re.compile(rf"\b(?:(?:{_DAYS_AND_MONTHS}),? )+{_M}"), "<time>"),
    # Two or more parts make a path: its parts are values, whatever their number.
    (re.compile(rf"(?<![\w/:>.]/)(?<![\w:>])(?:[A-Za-z]:|\.{{1,2}}|~)?(?:[/\\]+{_PART}+){{2,}}[/\\]?"), "<path>"),
    (re.compile(rf"(?<=://)((?:[\w.@-]|{_M})+(?::{_M})?)(?:/(?:[\w.@+~%=&?/,;:-]|{_M})*)"), r"\1/<path>"),
    (re.compile(rf"({_M}) ?(?:[KMGT]i?B|bytes|B)\b"), r"\1"),
    (re.compile(rf"(?<![\w:>])(?=[0-9A-Fa-f:]*<)(?:{_HEX}?(?:::?{_HEX}){{2,}}|{_HEX}?::{_HEX})(?![\w:])"), "<host>"),
    (re.compile(r"<host>(?::[0-9A-Fa-f]{1,4})+(?![\w:])"), "<host>"),
    (re.compile(rf"({_M})(?:{_JOINS.pattern}{_M})+"), r"\1"),
    (re.compile(rf"({_M})(?:,? {_M}){{2,}}"), r"\1"),
    (re.compile(rf"(?<=[\[({{])({_M})(?:, {_M})+(?=[\])}}])"), r"\1"),
)  # fmt: skip


def name_kind(token: str) -> str:
    """What kind of thing a masked token is."""
    return next((kind for kind, pattern in _TOKEN_KINDS if pattern.fullmatch(token)), "id")


def write_template(parts: Sequence[str], tokens: Sequence[str]) -> str:
    """The parts with the kinds of the tokens between them; paths, dates, sizes and lists are masked too."""
    text, run = parts[0][:_LONGEST], ""
    left = _LONGEST - len(parts[0])
    for number, (token, part) in enumerate(zip(tokens, parts[1:], strict=True), 1):
        if left <= 0:
            break
        left -= len(part)
        run += token
        if number < len(tokens) and _JOINS.fullmatch(part):
            run += part
        else:
            text, run = f"{text}<{name_kind(run)}>{part[: len(part) + min(left, 0)]}", ""
    text = " ".join(text.split())
    for pattern, mask in _RULES:
        text = pattern.sub(mask, text)
    return text


def generalise(template: str) -> str:
    """The template without the kinds of its masks: one text may have a number where another has an id."""
    return _MASK.sub(ANY, template)


def split_words(template: str) -> list[str]:
    """The template in words, each with what parts it from the next: a space, a comma or a semicolon."""
    return _WORD.findall(template) or [template]


def count_kinds(template: str) -> str:
    """What was masked, for people: ``<id> ×2, <n>``."""
    found = _MASK.findall(template)
    return ", ".join(f"{kind} ×{found.count(kind)}" if found.count(kind) > 1 else kind for kind in dict.fromkeys(found))
