"""What people read, in their language: gettext's catalogs, plural forms, and numbers and dates as they write them.

A sentence is written whole and in English, with names in braces where values stand; ``locale/LANGUAGE/LC_MESSAGES/
dlqkit.po`` has its translations, so that a further language is one file. Values are put in after the translation, so
foreign text is never looked up, and braces in it mean nothing.
"""

from __future__ import annotations

import functools
import gettext
import io
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from dlqkit.errors import ParameterError

__all__ = [
    "SOURCE",
    "check_language",
    "clock",
    "current",
    "date",
    "date_and_time",
    "duration",
    "in_english",
    "known_languages",
    "listing",
    "mark",
    "moments",
    "number",
    "percent",
    "retell",
    "say",
    "say_count",
    "speak",
    "spoken_as_facts",
    "use",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")
SOURCE = "en"
"""The language that the sentences are written in: it needs no catalog."""
_FOLDER = Path(__file__).parent / "locale"
_SPEC = re.compile(r",?(?:\.(?P<digits>[0-9]+))?(?P<kind>[fdg%]?)")
# As CLDR calls them.
_UNITS = {"ms": "millisecond", "s": "second", "min": "minute", "h": "hour", "d": "day"}
_NUMBER = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+\.[0-9]+")
# No sentence of dlqkit's is so long; what is may be anybody's, and is not searched.
_LONGEST = 2_000
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(?::[0-9]{2})? UTC")
# A text with fewer letters beside its names, such as "{count} of {total}", would fit sentences that are not its own.
_LEAST_LETTERS = 10
_current: ContextVar[str | None] = ContextVar("language", default=None)
# Of the process, where nothing narrower is said: a kernel runs each cell of a notebook in a context of its own.
_spoken = SOURCE


def known_languages() -> tuple[str, ...]:
    """Codes of the languages that there are, English first."""
    return (SOURCE, *sorted(path.parents[1].name for path in _FOLDER.glob("*/LC_MESSAGES/dlqkit.po")))


def current() -> str:
    """The language that is spoken now."""
    return _current.get() or _spoken


@contextmanager
def use(language: str) -> Iterator[None]:
    """Speak a language within a block, in this thread and this task.

    Raises
    ------
    ParameterError
        If there is no catalog of it.
    """
    token = _current.set(check_language(language))
    try:
        yield
    finally:
        _current.reset(token)


def speak(language: str) -> None:
    """Speak a language from here on in the whole process, as the kernel of a notebook does; ``use`` goes before it.

    Raises
    ------
    ParameterError
        If there is no catalog of it.
    """
    global _spoken
    _spoken = check_language(language)


def spoken_as_facts(show: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function of facts, its first argument, in the language that they are told in."""

    @functools.wraps(show)
    def shown(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        facts: Any = args[0]
        with use(facts["language"]):
            return show(*args, **kwargs)

    return shown


def check_language(language: str) -> str:
    """The code itself.

    Raises
    ------
    ParameterError
        If there is no catalog of it.
    """
    known = known_languages()
    if language not in known:
        raise ParameterError(f"There is no language {language[:20]!r}.", f"Choose of {', '.join(known)}.")
    return language


def mark(text: str) -> str:
    """The text itself: marks a constant for the catalogs, which ``say`` translates where it is used."""
    return text


def say(text: str, /, **values: object) -> str:
    """A sentence in the current language.

    Parameters
    ----------
    text : str
        English, whole, with names in braces; a format such as ``{share:.0%}`` or ``{size:.1f}`` is applied as the
        language writes numbers, ``{port:d}`` without marks between thousands. Two braces are one.
    **values
        What stands for the names. Whole numbers are written with marks between thousands.
    """
    return _WORDS.vformat(_catalog(current()).gettext(text) if text else "", (), values)


def say_count(one: str, many: str, count: int, /, **values: object) -> str:
    """As ``say``, in the form that a count wants; ``{count}`` is the count.

    Parameters
    ----------
    one, many : str
        English singular and plural.
    count : int
        Which form it is. Give ``count=`` another value where the sentence shows it in other words, such as "≥ 100".
    """
    text = _catalog(current()).ngettext(one, many, count)
    return _WORDS.vformat(text, (), {"count": count, **values})


def number(value: float, digits: int = 0) -> str:
    """``1,234.5``, or as the language writes it; rounded as Python does."""
    return _localised(f"{value:,.{digits}f}")


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as a percentage; of a share that is not 0 no "0%"."""
    least = 10.0 ** -(digits + 2)
    if 0 < share < least / 2:
        return f"< {percent(least, digits)}"
    return _symbols(current())[2].format(_localised(f"{share:.{digits}%}"[:-1]))


def date_and_time(at: datetime, *, seconds: bool = True) -> str:
    """A moment in UTC: ``2026-11-24 09:31:12 UTC``."""
    # Patterns of Unicode's LDML (unicode.org/reports/tr35): a catalog says in which order a language has them.
    pattern = say("yyyy-MM-dd HH:mm:ss 'UTC'") if seconds else say("yyyy-MM-dd HH:mm 'UTC'")
    return _dated(at, pattern)


def date(at: datetime) -> str:
    """The day of a moment in UTC: ``2026-11-24``."""
    return _dated(at, say("yyyy-MM-dd"))


def duration(figure: str, unit: str) -> str:
    """So much time: ``1.5 s``; the figure as Python writes it, the unit ``ms``, ``s``, ``min``, ``h`` or ``d``."""
    if current() == SOURCE:
        return f"{figure} {unit}"
    from babel.units import format_unit

    return str(format_unit(_localised(figure), f"duration-{_UNITS[unit]}", length="short", locale=current()))


def clock(at: datetime, *, seconds: bool = True) -> str:
    """The time of day in UTC: ``09:31:12``."""
    return _dated(at, say("HH:mm:ss") if seconds else say("HH:mm"))


def moments(text: str) -> list[tuple[int, int, datetime]]:
    """Where each moment that ``date_and_time`` wrote into a text begins and ends, and which it is; in order."""
    found = []
    for pattern in (say("yyyy-MM-dd HH:mm:ss 'UTC'"), say("yyyy-MM-dd HH:mm 'UTC'")):
        for one in _shape_of_moment(pattern).finditer(text):
            parts = {name: int(value) for name, value in one.groupdict().items()}
            # What only looks like a moment, in a foreign text, is none.
            with suppress(ValueError):
                found.append((*one.span(), datetime(**parts, tzinfo=UTC)))
    return sorted(found)


def listing(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return say("{parts} and {last}", parts=", ".join(parts[:-1]), last=parts[-1])


def in_english(text: str, /, **values: object) -> str:
    """A sentence in English whatever is spoken: for evidence and errors, which ``retell`` writes for a reader."""
    token = _current.set(SOURCE)
    try:
        return say(text, **values)
    finally:
        _current.reset(token)


def retell(text: str) -> str:
    """A sentence that was stored in English, such as a manifest's, in the current language.

    Evidence is kept in English, whoever collected it. The sentence is compared with the catalog's texts; what stands
    for their names is carried over. A text of which none fits stays as it is; so does one that has but a word in
    common with a catalog's text, such as "and".
    """
    if not text or len(text) > _LONGEST or current() == SOURCE:
        return text
    catalog = _catalog(current())
    if (whole := catalog.gettext(text)) != text:
        return whole
    for beginning, pattern, one, many in _templates(current()):
        if text.startswith(beginning) and (found := pattern.fullmatch(text)):
            values = {name: _Kept(_carry(value)) for name, value in found.groupdict().items()}
            count = re.sub("[^0-9]", "", found.groupdict().get("count", ""))
            shown = catalog.gettext(one) if many is None else catalog.ngettext(one, many, int(count or 2))
            return _WORDS.vformat(shown, (), {"count": count, **values})
    return text


# --- catalogs


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, _read(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def _read(language: str) -> Any:
    from babel.messages.pofile import read_po

    with (_FOLDER / language / "LC_MESSAGES" / "dlqkit.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def _templates(language: str) -> list[tuple[str, re.Pattern[str], str, str | None]]:
    """Of each text with names: how it begins, what it looks like filled in, itself and its plural; own words first."""
    found = []
    for message in _read(language):
        one, many = message.id if isinstance(message.id, tuple) else (message.id, None)
        for text in {one, many} - {None}:
            if "{" in text and sum(map(str.isalpha, _literal(text))) >= _LEAST_LETTERS:
                found.append((text.partition("{")[0], _shape(text), one, many))
    return sorted(found, key=lambda row: (-len(_literal(row[2])), -len(row[1].pattern), row[2]))


def _literal(text: str) -> str:
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(text))


def _shape(text: str) -> re.Pattern[str]:
    out: list[str] = []
    seen: set[str] = set()
    for literal, name, _, _ in string.Formatter().parse(text):
        out.append(re.escape(literal))
        if name is not None:
            out.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
            seen.add(name)
    return re.compile("".join(out), re.DOTALL)


def _carry(value: str) -> str:
    """A value of an English sentence: numbers, moments and sentences are written as the language does."""
    if _NUMBER.fullmatch(value):
        return _localised(value)
    if _MOMENT.fullmatch(value):
        at = datetime.fromisoformat(value.removesuffix(" UTC") + "+00:00")
        return date_and_time(at, seconds=value.count(":") == 2)
    # A word alone may be the name of a field, such as "records".
    return retell(value) if " " in value else value


# --- numbers and dates


class _Kept(str):
    """A value that is written as it stands, whatever its format says."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


class _Words(string.Formatter):
    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs[str(key)]

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, bool) or not isinstance(value, Real):
            return format(value, format_spec)
        spec = _SPEC.fullmatch(format_spec)
        if spec is None:
            return format(value, format_spec)
        digits = int(spec["digits"] or 0)
        if spec["kind"] == "%":
            return percent(float(value), digits)
        if spec["kind"] == "d":
            return str(value)
        if spec["kind"] == "g":
            return _localised(format(value, format_spec))
        if not isinstance(value, Integral) and not format_spec:
            raise ValueError("A number with a fraction needs a format, such as {size:.1f}.")
        return number(int(value) if isinstance(value, Integral) else float(value), digits)


_WORDS = _Words()


@cache
def _locale(language: str) -> Any:
    from babel import Locale

    return Locale.parse(language)


@cache
def _symbols(language: str) -> tuple[str, str, str]:
    """The mark between thousands, the decimal sign, and a percentage of ``{}``."""
    if language == SOURCE:
        return ",", ".", "{}%"
    from babel.numbers import get_decimal_symbol, get_group_symbol

    pattern = _locale(language).percent_formats[None]
    return get_group_symbol(language), get_decimal_symbol(language), f"{pattern.prefix[0]}{{}}{pattern.suffix[0]}"


def _localised(figure: str) -> str:
    group, point, _ = _symbols(current())
    return figure.translate({ord(","): group, ord("."): point})


def _dated(at: datetime, pattern: str) -> str:
    moment = at.astimezone(UTC)
    if current() == SOURCE:
        # The same as below, without loading a library for it.
        return moment.strftime(_STRFTIME[pattern])
    from babel.dates import format_datetime

    return str(format_datetime(moment, pattern, locale=_locale(current())))


@cache
def _shape_of_moment(pattern: str) -> re.Pattern[str]:
    """What a pattern of LDML looks like filled in."""
    shape = re.escape(pattern.replace("'", ""))
    for letters, name in _PARTS:
        shape = shape.replace(letters, f"(?P<{name}>[0-9]{{{len(letters)}}})")
    return re.compile(rf"(?<![0-9]){shape}")


_PARTS = (("yyyy", "year"), ("MM", "month"), ("dd", "day"), ("HH", "hour"), ("mm", "minute"), ("ss", "second"))
_STRFTIME = {
    "yyyy-MM-dd HH:mm:ss 'UTC'": "%Y-%m-%d %H:%M:%S UTC",
    "yyyy-MM-dd HH:mm 'UTC'": "%Y-%m-%d %H:%M UTC",
    "yyyy-MM-dd": "%Y-%m-%d",
    "HH:mm:ss": "%H:%M:%S",
    "HH:mm": "%H:%M",
}
