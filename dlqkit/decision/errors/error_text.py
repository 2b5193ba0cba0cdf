"""What an error text by itself says of its cause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import pandas as pd

from dlqkit.decision.errors.error_codes import CODE_WORDS, class_of_number, class_of_sqlstate, is_code
from dlqkit.decision.errors.error_phrases import ACCESS, CAUSES, HINTS, KINDS, NOTHING, VAGUE
from dlqkit.decision.errors.fault_phrases import FAULTS
from dlqkit.decision.errors.russian_phrases import RUSSIAN_FAULTS, RUSSIAN_HINTS, RUSSIAN_KINDS, RUSSIAN_VAGUE
from dlqkit.decision.errors.unavailable import SAID_OF_BOTH, is_of_a_machine, is_said_of_both
from dlqkit.errors import ParameterError

__all__ = ["ErrorReading", "classify_error", "read_error"]

Strength = Literal["fault", "kind", "hint", "nothing"]
_STRENGTHS: tuple[Strength, ...] = ("nothing", "fault", "kind", "hint", "hint")
# An error's cause stands at its beginning, or in the last line of a traceback.
_HEAD, _TAIL, _LONGEST = 4_000, 2_000, 60_000
_GAP = 8
# Texts with the same words are looked through once while so many are remembered.
_KEPT = 1_000
# Stand for words, for numbers and for numbers of five digits of which nothing is known.
_NAME, _NUMBER, _FIVE_DIGITS = "·", "000000", "99999"
# The tier of single words, which are too little for a dispute.
_HINT = 4
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s'\"<>)]{1,2000}")
# SQLSTATEs with a letter stay whole; names in CamelCase and SCREAMING_SNAKE fall into their words.
_WORD = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{2}[A-Z][0-9]{2}|[0-9][A-Z][0-9]{3}|P000[0-9]|XX00[0-9]|HYT0[01])(?![0-9A-Za-z])"
    r"|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+"
)
# Of environment variables, and of few payloads, names are written so: whether a payload lacks it cannot be told.
_ENVIRONMENT = re.compile(r"(?:\bKeyError\W{1,3})+['\"][A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+['\"]")
_FRAME = re.compile(r"\s+(?:at\s|File \"|\.\.\. [0-9]+ more)|\s*\^+\s*$")


@dataclass(frozen=True, slots=True)
class ErrorReading:
    """What a text says of its cause, and by which of its words."""

    failure_class: str
    words: str
    strength: Strength

    @property
    def is_about_access(self) -> bool:
        """Whether it speaks of somebody being refused, for credentials or rights."""
        # A refusal of the payload may name a key or a token of its own: "duplicate key", "unexpected token".
        return self.failure_class == "infrastructure" and not ACCESS.isdisjoint(self.words.split())


class _Match(NamedTuple):
    place: int
    length: int
    tier: int
    failure_class: str


class _Phrase(NamedTuple):
    parts: tuple[tuple[str, ...], ...]
    tier: int
    failure_class: str


def classify_error(text: str | None) -> str:
    """What an error text by itself suggests: ``business``, ``infrastructure``, ``timeout`` or ``unknown``.

    A hint from words and codes alone. The class of an event comes from its fields; see ``classify_failures``.
    """
    return read_error(text).failure_class


def read_error(text: str | None) -> ErrorReading:
    """What an error text says of its cause, by which words, and how plainly.

    Parameters
    ----------
    text : str or None
        An exception's message, with or without its name, code and stack; None or NA where there is none.

    Returns
    -------
    ErrorReading
        ``failure_class`` : business, where the same payload would fail again; infrastructure, where a dependency, the
        platform or the worker's own credentials failed; timeout, where an answer took too long; unknown.
        ``words`` : what told it. ``strength`` : ``fault`` where the words name what broke, ``kind`` where they only
        name a status or a kind of error, ``hint`` where single words are all there is, ``nothing``.

    Raises
    ------
    ParameterError
        If it is something else than a text.

    Notes
    -----
    Plainer words win over vaguer ones, wherever they stand. Among equals a dependency that is named as down wins over
    a timeout, an error that is named as the cause over the one that it made, and else the first. See docs/classes.md.
    """
    own = _as_text(text)
    words = _words(own)
    best, of_business = _read(_told(words))
    if best is not of_business and not is_of_a_machine(words, own):
        best = of_business
    if best is None:
        return ErrorReading("unknown", "", "nothing")
    said = " ".join(words[best.place : best.place + best.length])
    return ErrorReading(best.failure_class, said, _STRENGTHS[best.tier])


def _as_text(text: object) -> str:
    if isinstance(text, str):
        return text
    if text is None or text is pd.NA or text is pd.NaT or (isinstance(text, float) and text != text):
        return ""
    raise ParameterError(f"An error of type {type(text).__name__} is not a text.", "Make it one: str(error).")


@lru_cache(maxsize=_KEPT)
def _read(words: tuple[str, ...]) -> tuple[_Match | None, _Match | None]:
    """What tells the cause, and what does where no machine is named: what may be said of a thing of the business, too,
    is then a mere hint.
    """
    matches = tuple(_matches(words))
    best = _choose(matches)
    doubtful = [match for match in matches if match.failure_class == "infrastructure" and match.tier < _HINT
                and is_said_of_both(words[match.place : match.place + match.length])]  # fmt: skip
    if not doubtful:
        return best, best
    return best, _choose([match._replace(tier=_HINT) if match in doubtful else match for match in matches])


def _choose(matches: Sequence[_Match]) -> _Match | None:
    """The plainest match; of those as plain, one that stands behind what is said to be the cause."""
    best = _best([match for match in matches if match.tier])
    causes = [match.place + match.length for match in matches if match.failure_class == "cause"]
    if causes and best is not None:
        behind = _best([match for match in matches if match.tier and match.place >= causes[-1]])
        best = behind if behind is not None and behind.tier <= best.tier else best
    return best


def _best(matches: Sequence[_Match]) -> _Match | None:
    if not matches:
        return None
    tier = min(match.tier for match in matches)
    found = [match for match in matches if match.tier == tier]
    if tier == 1 and any(match.failure_class == "infrastructure" for match in found):
        found = [match for match in found if match.failure_class != "timeout"]
    return min(found, key=lambda match: (match.place, -match.length))


def _told(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, each that tells nothing of a cause replaced by one that tells nothing either.

    Of ten thousand errors most differ by their ids alone, so a few ways to say something are left.
    """
    known = _known_words()
    return tuple([word if word in known else _told_code(word) if word[0].isdigit() else _NAME for word in words])


def _told_code(word: str) -> str:
    if not word.isdigit():
        return _NAME if class_of_sqlstate(word.upper()) is None else word
    if is_code(word):
        return word
    return _FIVE_DIGITS if len(word) == len(_FIVE_DIGITS) else _NUMBER


@cache
def _known_words() -> frozenset[str]:
    """Every word of a phrase, those that make a number beside them a code, and those that are in doubt."""
    own = [word for first in _phrases().values() for some in first.values() for phrase in some for part in phrase.parts
           for word in part]  # fmt: skip
    return frozenset(own) | CODE_WORDS | SAID_OF_BOTH | _LETTERED


def _matches(words: tuple[str, ...]) -> Iterator[_Match]:
    """The longest phrase, or else the code, that begins at each word."""
    phrases = _phrases()
    free_from = 0
    for place, word in enumerate(words):
        if place < free_from:
            continue
        # Phrases come first: a status beside its own name, such as 503, is one.
        own = phrases.get(word)
        found = _phrase_at(own, words, place) if own is not None else None
        if found is None:
            if not word[0].isdigit() and word not in _LETTERED:
                continue
            code = _code_at(words, place)
            if code is not None:
                yield _Match(place, 1, code[1], code[0])
        elif found[0].failure_class == "nothing":
            free_from = place + found[1]
        else:
            yield _Match(place, found[1], found[0].tier, found[0].failure_class)


def _phrase_at(own: Mapping[str, Sequence[_Phrase]], words: tuple[str, ...], place: int) -> tuple[_Phrase, int] | None:
    """The longest of these phrases that stands at ``words[place]``, and how many words it takes."""
    after = words[place + 1] if place + 1 < len(words) else ""
    for phrase in (*own.get(after, ()), *own.get("", ())):
        length = _length(phrase, words, place)
        if length:
            return phrase, length
    return None


def _code_at(words: Sequence[str], place: int) -> tuple[str, int] | None:
    word = words[place]
    if word.isdigit():
        return class_of_number(words, place)
    if word[0].isdigit() or word in _LETTERED:
        state = class_of_sqlstate(word.upper())
        return None if state is None else (state, 1)
    return None


_LETTERED = frozenset({"p0001", "p0002", "p0003", "p0004", "xx000", "xx001", "xx002", "hyt00", "hyt01"})


def _length(phrase: _Phrase, words: tuple[str, ...], place: int) -> int:
    """How many words the phrase takes from here on; 0 where it does not stand here."""
    at = place
    for number, part in enumerate(phrase.parts):
        last = at if number == 0 else at + _GAP
        while words[at : at + len(part)] != part:
            at += 1
            if at > last:
                return 0
        at += len(part)
    return at - place


@cache
def _phrases() -> dict[str, dict[str, tuple[_Phrase, ...]]]:
    """Every phrase by its first two words, the longest first; under "" those whose second word is not fixed."""
    rows = [(0, "cause", CAUSES), (0, "nothing", NOTHING)]
    for tier, table in (
        (1, FAULTS), (2, KINDS), (3, VAGUE), (_HINT, HINTS),
        (1, RUSSIAN_FAULTS), (2, RUSSIAN_KINDS), (3, RUSSIAN_VAGUE), (_HINT, RUSSIAN_HINTS),
    ):  # fmt: skip
        rows += [(tier, name, block) for name, block in table.items()]
    found: dict[str, dict[str, list[_Phrase]]] = {}
    for tier, name, block in rows:
        for text in block.split(","):
            parts = tuple(tuple(part.split()) for part in text.split("~"))
            if parts[0]:
                second = parts[0][1] if len(parts[0]) > 1 else ""
                found.setdefault(parts[0][0], {}).setdefault(second, []).append(_Phrase(parts, tier, name))
    return {first: {second: _longest_first(own) for second, own in more.items()} for first, more in found.items()}


def _longest_first(phrases: Sequence[_Phrase]) -> tuple[_Phrase, ...]:
    return tuple(sorted(phrases, key=lambda phrase: (-sum(map(len, phrase.parts)), phrase.tier)))


def _words(text: str) -> tuple[str, ...]:
    own = text
    if len(own) > _HEAD:
        own = _without_frames(own[: _LONGEST // 2] + "\n" + own[-_LONGEST // 2 :] if len(own) > _LONGEST else own)
        own = own if len(own) <= _HEAD + _TAIL else f"{own[:_HEAD]}\n{own[-_TAIL:]}"
    elif "\n" in own:
        own = _without_frames(own)
    # SQLAlchemy repeats the statement and its values after the error.
    own = own.partition("[SQL:")[0] or own
    if "://" in own:
        own = _URL.sub(" ", own)
    if "KeyError" in own:
        own = _ENVIRONMENT.sub(" ", own)
    return tuple(map(str.lower, _WORD.findall(own.replace("ё", "е").replace("Ё", "Е"))))


def _without_frames(text: str) -> str:
    """The text without the frames of its stacks, whose code may hold any word."""
    kept = []
    inside = False
    for line in text.split("\n"):
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and line[:1].isspace():
            continue
        elif not _FRAME.match(line):
            inside = False
            kept.append(line)
        elif line.lstrip().startswith("File "):
            inside = True
    return "\n".join(kept)
