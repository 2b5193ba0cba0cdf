"""Values of fields whose names are personal, in the spellings of languages, formats and databases."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

__all__ = ["PERSONAL_FIELDS", "NamedValue", "find_values", "personal_field"]

PERSONAL_FIELDS = frozenset({
    "address", "billing_address", "birth_date", "birthdate", "birthday", "card", "card_number", "customer_name",
    "date_of_birth", "delivery_address", "dob", "email", "email_address", "first_name", "firstname", "full_name",
    "fullname", "home_address", "iban", "inn", "last_name", "lastname", "middle_name", "passport", "phone",
    "phone_number", "pan", "patronymic", "postal_address", "shipping_address", "snils", "ssn", "street_address",
    "surname", "tax_id",
})  # fmt: skip
"""Names of fields whose values are personal whatever they look like; settings add more."""
# Those that name somebody behind any other word too, as customer_email does; bind_address and wild_card do not.
_ENDINGS = frozenset({
    "birth_date", "card_number", "date_of_birth", "email", "first_name", "full_name", "iban", "last_name",
    "middle_name", "passport", "patronymic", "phone", "phone_number", "snils", "ssn", "surname", "tax_id",
})  # fmt: skip
_NO_VALUE = frozenset({"null", "none", "nil", "undefined", "nan", "true", "false", "optional.empty"})
# Of a value in quotes or brackets; one that does not end before is taken up to the end of its line.
MOST = 2_000
_QUOTE = r"""(?:\\{0,15}(?:["'`]|u0022|u0027)|&quot;|&\#3[49];|%2[27])"""
_ASSIGNED = re.compile(
    rf"""
    (?<![\w.])(?<![\w.]-)(?P<name>[\w.]{{1,100}}+(?:-[\w.]{{1,60}}+){{0,8}}+)
    (?P<closed>(?:{_QUOTE})?+(?:[\])]|%5[Dd])?+)(?:::\w{{1,30}}+)?
    (?P<space>\s{{0,9}}+)(?P<sign>=>|={{1,3}}|:=?|->|%3[Dd]|\\{{1,8}}u003[dD])\s{{0,9}}+
    """,
    re.VERBOSE,
)
# Behind \n, \u0022 or %22, written out, a name begins with what is none of its letters.
_AFTER_ESCAPE = {"\\": re.compile("[nrt]|u[0-9a-fA-F]{4}"), "%": re.compile("[0-9a-fA-F]{2}")}
_CAMEL = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|-")
_IS_QUOTE = re.compile(_QUOTE)
_QUOTED = re.compile(rf"(?:[bBrRuU]{{1,2}}|[eEfFnN])?(?P<quote>{_QUOTE})")
# Some("x"), sql.NullString{"x", true}, Array ( "x" ), ["x"]: of any word where a quote follows, else of these.
_OPENED = re.compile(r"(?P<word>&?[\w.:]{0,40}+)(?:(?<=Array)\s{1,9}+)?[(\[{]\s{0,9}+")
_WRAPPERS = frozenset({"", "Array", "Just", "List", "Optional", "Option", "Set", "Some"})
_BRACKET = re.compile(r"[()\[\]{}]")
_IN_JSON = re.compile(r"[\[{\d]|" + _QUOTE)
_BETWEEN = re.compile(r"[\s,]*")
_PLAIN = re.compile(r"""[^\s"',;&{}\[\]()\\]{1,2000}+""")
_NUMBER = re.compile(r"[0-9]{5,30}(?![\w.])")
# The rest of a line of PHP's print_r, up to the next key or the end of the array.
_PRINTED = re.compile(r"[^\n\[\]()=\\]{1,200}?(?=\s{0,9}(?:\n|\)|\[[\w.-]{1,60}\]\s=>))")
# What a validation says about a field stands under the field's name: {"email": ["This field is required."]}.
_VERDICT = re.compile(
    r"\b(?:already|blank|characters|digits|empty|exists?|format|invalid|missing|must|null|required|taken|unique|valid)\b",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(?P<tag>(?:[\w-]{1,40}:)?(?P<name>[\w.-]{1,60}))(?:\s[^<>]{0,300})?>(?:<!\[CDATA\[)?")
# PostgreSQL, in any language: Key (tenant, email)=(7, x) already exists.
_KEY_ENDS = re.compile(r"\)(?=\.?(?:\s|\Z|[\"'\\]))")
_SAID = re.compile(r"[^\W_]")
_WORD = re.compile(r"[\w.-]+")
_DUPLICATE = re.compile(r"Duplicate entry '(?P<value>[^\n]{1,1000}?)' for key '(?P<key>[^'\n]{1,200})'")

NamedValue = tuple[int, int, str, str]
"""Where it starts and ends, the field, and the value in the form that is the same in each spelling."""


def personal_field(name: str, fields: Collection[str]) -> str | None:
    """The field of ``fields`` that a name stands for: ``first_name`` of ``firstName``, ``user.first-name``."""
    return _personal_field(name, frozenset(fields))


@lru_cache(maxsize=4096)
def _personal_field(name: str, fields: frozenset[str]) -> str | None:
    last = name.rpartition(".")[2]
    folded = last.casefold()
    if folded in fields:
        return folded
    if (same := _by_letters(fields).get(_letters(folded))) is not None:
        return same
    if (tail := folded.rpartition("-")[2]) in fields:
        return tail
    words = [word for word in _CAMEL.sub("_", last).casefold().split("_") if word]
    endings = ("_".join(words[-count:]) for count in (3, 2, 1) if count < len(words))
    return next((ending for ending in endings if ending in _ENDINGS and ending in fields), None)


@lru_cache(maxsize=8)
def _by_letters(fields: frozenset[str]) -> dict[str, str]:
    return {_letters(field): field.replace("-", "_") for field in sorted(fields, reverse=True)}


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "")


def find_values(text: str, fields: Collection[str]) -> Iterator[NamedValue]:
    """Values of the fields, of each way of writing in order; one may lie within another."""
    of = frozenset(fields)
    for find in (_of_keys, _of_elements, _assigned):
        for start, end, named, same in find(text, of):
            # <email>, *** and # stand for a value, and are none.
            if text[start : start + 1] != "<" and _SAID.search(text, start, end):
                yield start, end, named, same


def _assigned(text: str, fields: frozenset[str]) -> Iterator[NamedValue]:
    """``first_name='x y'``, ``"phone": "x"``, ``:email => "x"``, ``[email] => x``, ``email=Some("x")`` and the like."""
    at = 0
    while (one := _ASSIGNED.search(text, at)) is not None:
        at = one.end()
        if (named := _named(text, one.start(), one["name"], fields)) is not None:
            spans, at = _values(text, one)
            for start, end in spans:
                yield start, end, named, _same(text[start:end])


def _named(text: str, start: int, name: str, fields: frozenset[str]) -> str | None:
    if (named := _personal_field(name, fields)) is None and start and text[start - 1] in _AFTER_ESCAPE:
        named = _personal_field(_AFTER_ESCAPE[text[start - 1]].sub("", name, count=1), fields)
    return named


def _same(value: str) -> str:
    """A quote within a value has more backslashes the deeper its JSON lies."""
    return re.sub(r"\\+(?=[\"'`])", "", value).casefold()


def _values(text: str, one: re.Match[str]) -> tuple[list[tuple[int, int]], int]:
    """Where the values behind a sign are, and where to look on."""
    at, closed = one.end(), one["closed"]
    if (quoted := _QUOTED.match(text, at)) is not None:
        end, after = _end_of_quoted(text, quoted.end(), quoted["quote"])
        return [(quoted.end(), end)], after
    is_told, is_quoted = one["sign"] != ":", _IS_QUOTE.search(closed) is not None
    if (opened := _OPENED.match(text, at)) is not None:
        listed = _listed(text, opened.end())
        end = _end_of_bracket(text, opened.end())
        # "invalid phone: check(x)" is a sentence.
        is_value = is_told or is_quoted or opened["word"] in _WRAPPERS
        if listed and is_value:
            return [span for span in listed if not _is_verdict(text[slice(*span)])], listed[-1][1]
        inner = text[opened.end() : end].rstrip()
        if is_told and (opened["word"] in _WRAPPERS or _QUOTED.match(inner)):
            return [(opened.end(), opened.end() + len(inner))], end
        if is_quoted and _IN_JSON.match(inner):
            return ([] if _VERDICT.search(inner) else [(opened.end(), opened.end() + len(inner))]), end
    if one["sign"] == "=>" and "]" in closed and (printed := _PRINTED.match(text, at)) is not None:
        return [printed.span()], printed.end()
    # user->email->check() reads a field, Map(email -> x) shows one.
    if is_told and (one["sign"] != "->" or one["space"]):
        plain = _PLAIN.match(text, at)
    else:
        # card: expired is a sentence, card=4111 is not; nor is "inn": 7707083893.
        plain = _NUMBER.match(text, at) if is_quoted and not is_told else None
    if plain is None or plain[0].casefold() in _NO_VALUE:
        return [], at
    length = len(plain[0].partition("%26")[0] if one["sign"].startswith("%") else plain[0])
    return [(at, at + length)], at + length


def _end_of_quoted(text: str, start: int, quote: str) -> tuple[int, int]:
    """Where a value ends, and where what follows its closing quote begins.

    Within JSON in JSON the quotes that close have as many backslashes as the one that opened; a quote within the value
    has more, and one of the string around it fewer.
    """
    mark = quote.lstrip("\\")
    depth = len(quote) - len(mark)
    limit = min(start + MOST, len(text))
    at = start
    while (at := text.find(mark, at, limit)) >= 0:
        before = 0
        while at - before > start and text[at - before - 1] == "\\":
            before += 1
        behind = text[at + len(mark) : at + len(mark) + 1]
        at += len(mark)
        if before >= depth and (before - depth) // (depth + 1) % 2:
            continue
        if not depth and mark == behind and at - 1 > start:  # doubled, as SQL and CSV write one quote
            at += 1
            continue
        if mark == "'" and (behind.isalnum() or behind == "_"):  # O'Brien
            continue
        return at - len(mark) - min(before, depth), at
    return _end_of_line(text, start)


def _end_of_line(text: str, start: int) -> tuple[int, int]:
    end = text.find("\n", start, start + MOST)
    end = min(start + MOST, len(text)) if end < 0 else end
    return end, end


def _listed(text: str, at: int) -> list[tuple[int, int]] | None:
    """Where the strings of a list are; None of anything else in brackets."""
    out: list[tuple[int, int]] = []
    limit = at + MOST
    while at < limit and (quoted := _QUOTED.match(text, at)) is not None:
        end, after = _end_of_quoted(text, quoted.end(), quoted["quote"])
        out.append((quoted.end(), end))
        between = _BETWEEN.match(text, after)
        at = after if between is None else between.end()
    return out if out and (text[at : at + 1] in {")", "]", "}", ""} or at >= limit) else None


def _end_of_bracket(text: str, start: int) -> int:
    depth = 1
    for bracket in _BRACKET.finditer(text, start, min(start + MOST, len(text))):
        depth += 1 if bracket[0] in "([{" else -1
        if not depth:
            return bracket.start()
    return _end_of_line(text, start)[0]


def _is_verdict(value: str) -> bool:
    return value.count(" ") >= 2 and _VERDICT.search(value) is not None


def _of_elements(text: str, fields: frozenset[str]) -> Iterator[NamedValue]:
    """``<first_name>x</first_name>``; a name in angle brackets without an end is a word of a sentence."""
    at = 0
    while "</" in text and (one := _ELEMENT.search(text, at)) is not None:
        at = one.end()
        if (named := _personal_field(one["name"], fields)) is not None:
            end = text.find(f"</{one['tag']}", at, at + MOST)
            if end >= 0:
                value = text[at:end].removesuffix("]]>")
                yield at, at + len(value), named, _same(value.strip())
                at = end


def _of_keys(text: str, fields: frozenset[str]) -> Iterator[NamedValue]:
    """``Key (tenant, email)=(7, x) already exists`` and ``Duplicate entry 'x' for key 'users.email'``."""
    at = 0
    while (at := text.find(")=(", at)) >= 0:
        start = at + len(")=(")
        opening = text.rfind("(", max(0, at - 200), at)
        while opening > 0 and text[opening - 1].isalnum():  # that of lower(email)
            opening = text.rfind("(", max(0, at - 200), opening)
        words = _WORD.findall(text[opening + 1 : at]) if opening >= 0 else []
        named = next(filter(None, (_personal_field(word, fields) for word in words)), None)
        at = start
        if named is not None:
            line = _end_of_line(text, start)[0]
            closing = _KEY_ENDS.search(text, start, line)
            end = line if closing is None else closing.start()
            yield start, end, named, _same(text[start:end])
            at = end
    for one in _DUPLICATE.finditer(text):
        words = re.split(r"[.\W]", one["key"])
        named = next(filter(None, (_of_index(word, fields) for word in words)), None)
        if named is not None:
            yield *one.span("value"), named, _same(one["value"])


def _of_index(name: str, fields: frozenset[str]) -> str | None:
    """An index is called after its columns: ``uq_users_email``, ``users_email_key``."""
    words = name.split("_")
    return next(
        (found for end in range(len(words), 0, -1) if (found := _personal_field("_".join(words[:end]), fields))), None
    )
