"""A language in which each of dlqkit's sentences stands in brackets: what is outside of them was never translated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

import dlqkit
from dlqkit import language

__all__ = ["left_outside", "pseudo_language", "texts_of_page"]

# Babel knows its numbers and dates, and dlqkit has no catalog of it.
CODE = "de"
_CATALOG = Path(dlqkit.__file__).parent / "locale" / "ru" / "LC_MESSAGES" / "dlqkit.po"
_WORD = re.compile(r"[A-Za-z]{3,}")
_COMMAND = re.compile(r"^dlqkit [a-z]+ .*$")
# Settings and zones that no language has words of its own for, and a unit of Babel's.
_NAMES = {"attempts", "max", "retryable", "sek", "utc", "dlqkit"}


@contextmanager
def pseudo_language(folder: Path) -> Iterator[None]:
    """Speak it within a block; the catalog is made in ``folder``."""
    with _CATALOG.open("rb") as source:
        catalog = read_po(source, locale="ru")
    for message in catalog:
        own = message.id[1] if isinstance(message.id, tuple) else message.id
        # Patterns of dates are no sentences.
        if own and not re.search("yyyy|HH:mm", own):
            bracketed = f"⟦{own}⟧"
            message.string = (bracketed,) * 3 if isinstance(message.id, tuple) else bracketed
    path = folder / CODE / "LC_MESSAGES" / "dlqkit.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=0)
    caches = (language._catalog, language._read, language._templates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "_FOLDER", folder)
        for one in caches:
            one.cache_clear()
        try:
            with language.use(CODE):
                yield
        finally:
            for one in caches:
                one.cache_clear()


class _Page(HTMLParser):
    """Texts of a page, those that are read aloud too; code is to be pasted, not read."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"style", "code", "pre"}
        self.texts += [value for name, value in attrs if name in {"alt", "aria-label", "data-label", "title"} and value]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "code", "pre"}

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data.strip())


def texts_of_page(html: str) -> list[str]:
    """Every text of a page that is read or heard."""
    page = _Page()
    # Words that stay on one line are a part of their sentence.
    page.feed(re.sub('<span class="one">(.*?)</span>', r"\1", html))
    texts: list[str] = []
    for text in page.texts:
        # A sentence whose steps have a line each.
        if texts and texts[-1].count("⟦") > texts[-1].count("⟧"):
            texts[-1] += f" {text}"
        else:
            texts.append(text)
    return texts


def left_outside(texts: Collection[str], foreign: Collection[str]) -> dict[str, str]:
    """Words outside of brackets that are in no foreign text, each with the text that it stands in."""
    known = {word.lower() for text in foreign for word in _WORD.findall(text)} | _NAMES
    found = {}
    for text in texts:
        rest, before = _COMMAND.sub(" ", text), ""
        while rest != before:
            before, rest = rest, re.sub("⟦[^⟦⟧]*⟧", " ", rest)
        # Hashes are no words.
        rest = re.sub(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", " ", rest)
        found |= {word: text for word in _WORD.findall(rest) if word.lower() not in known}
    return found
