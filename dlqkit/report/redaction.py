"""Personal data in a report are replaced by pseudonyms of this incident: equal values stay equal, and name nobody.

What is looked for is what a form of its own gives away: e-mail addresses, phone numbers, cards, bank accounts, public
IP addresses, tokens, and the values of fields whose names are on a list. A person's name in a sentence has no form;
values of payloads are kept out of reports before (``report.redact``).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PERSONAL_FIELDS", "Redactor", "find_personal"]

PERSONAL_FIELDS = frozenset({
    "address", "birth_date", "birthdate", "birthday", "card", "card_number", "customer_name", "date_of_birth", "dob",
    "email", "first_name", "firstname", "full_name", "fullname", "iban", "inn", "last_name", "lastname", "middle_name",
    "passport", "phone", "phone_number", "pan", "patronymic", "snils", "ssn", "surname", "tax_id",
})  # fmt: skip
"""Names of fields whose values are personal whatever they look like; settings add more."""
# A value that so many events share is of none of them.
SHARED_BY = 5
# Keys of the facts that are not looked into: ids, times, our own words for kinds, and what has to be found again.
_KEPT = re.compile(
    r"(?:.*_)?(?:id|ids|at|hash|bound|kind|value|mark)|as_of|start|end|low|high|since|until|dlqkit|completeness|evidence_id"
    r"|filter|address|passed|sent|died_again|in_doubt|planned|traces|step|plan_id|command|query|source|signal|state"
    r"|verdict|basis|masks|failure_class|name|by|error_code"
)
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
# Never personal, and never a part of something that is: left out before anything is looked for.
_TECHNICAL = re.compile(rf"\b{_UUID}\b|\b[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9:.]+(?:Z|[+-][0-9:]{{5}})?")
# Also as it stands in a URL.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+(?<![.-])")
_TOKEN = re.compile(
    r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"  # a JWT: two JSON objects in base64url
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[\w-]{35}\b|\bya29\.[\w-]{20,}"  # Google
    r"|\bgh[pousr]_[0-9A-Za-z]{36,}\b|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"  # GitHub, GitLab
    r"|\bxox[abposr]-[0-9A-Za-z-]{10,}"  # Slack
    r"|\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}\b"  # Stripe
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]*-----END [A-Z ]*PRIVATE KEY-----)?"
)
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30}\b")
_CARD = re.compile(r"(?<![\w.-])[0-9](?:[ -]?[0-9]){12,18}(?![\w-]|\.[0-9])")
# Beginnings of card numbers and their lengths (ISO/IEC 7812, as the schemes publish them).
_SCHEMES = re.compile(r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12}"
                      r"|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}")  # fmt: skip
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.-]*\w\.?[\w-])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_VERSION = re.compile(r"(?:\bv|version[ :=]{1,3}|release[ :=]{1,3})\Z", re.IGNORECASE)
_PLUS = re.compile(r"(?:\+|%2B)[0-9(]", re.IGNORECASE)
_PLUS_IN_URL = re.compile("%2B", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a text that names somebody; ``normal`` is the same for each way of writing it."""

    start: int
    end: int
    kind: str
    normal: str


def find_personal(text: str, fields: Collection[str] = PERSONAL_FIELDS) -> list[Found]:
    """Personal data in a text, in order, none within another.

    Parameters
    ----------
    text : str
    fields : collection of str
        Names of fields whose values are personal, in lower case.
    """
    taken = [found.span() for found in _TECHNICAL.finditer(text)]
    out: list[Found] = []
    for detect in (_tokens, _emails, _ibans, _cards, _phones, _addresses):
        for found in detect(text):
            if all(found.end <= start or found.start >= end for start, end in taken):
                out.append(found)
                taken.append((found.start, found.end))
    for found in _named(text, fields):
        if all(found.end <= start or found.start >= end for start, end in taken):
            out.append(found)
            taken.append((found.start, found.end))
    return sorted(out, key=lambda one: one.start)


def _tokens(text: str) -> Iterator[Found]:
    for one in _TOKEN.finditer(text):
        yield Found(*one.span(), "token", one[0])


def _emails(text: str) -> Iterator[Found]:
    for one in _EMAIL.finditer(text):
        yield Found(*one.span(), "email", one[0].casefold().replace("%40", "@"))


def _ibans(text: str) -> Iterator[Found]:
    from stdnum import iban

    for one in _IBAN.finditer(text):
        # Words in capitals may follow without a sign between them: the longest part that is one counts.
        words = one[0].split(" ")
        for count in range(len(words), 0, -1):
            part = " ".join(words[:count])
            if iban.is_valid(part):
                yield Found(one.start(), one.start() + len(part), "iban", iban.compact(part))
                break


def _cards(text: str) -> Iterator[Found]:
    from stdnum import luhn

    for one in _CARD.finditer(text):
        digits = re.sub("[ -]", "", one[0])
        if _SCHEMES.fullmatch(digits) and luhn.is_valid(digits):
            yield Found(*one.span(), "card", digits)


def _phones(text: str) -> Iterator[Found]:
    if _PLUS.search(text) is None:
        return
    import phonenumbers

    # As long as it was, so that places stay places.
    shown = _PLUS_IN_URL.sub("  +", text)
    # Without a country only numbers with their country's code are told from other numbers.
    for one in phonenumbers.PhoneNumberMatcher(shown, None, leniency=phonenumbers.Leniency.VALID):
        start = one.start - 2 if text[one.start] in "bB" else one.start
        yield Found(start, one.end, "phone",
                    phonenumbers.format_number(one.number, phonenumbers.PhoneNumberFormat.E164))  # fmt: skip


def _addresses(text: str) -> Iterator[Found]:
    for pattern in (_IPV4, _IPV6):
        for one in pattern.finditer(text):
            if _VERSION.search(text[: one.start()]):
                continue
            try:
                address = ipaddress.ip_address(one[0])
            except ValueError:
                continue
            if address.is_global:
                yield Found(*one.span(), "ip", str(address))


def _named(text: str, fields: Collection[str]) -> Iterator[Found]:
    """``email: x``, ``"phone": "x"``, ``first_name='x y'``, and JSON within a string: ``\\"phone\\": \\"x\\"``."""
    for one in _ASSIGNED.finditer(text):
        name = one["name"].rpartition(".")[2].casefold()
        # "invalid card: expired" is a sentence, card=4111 is not.
        if name in fields and (one["plain"] is None or one["sign"] != ":"):
            group = next(key for key in ("escaped", "double", "single", "plain") if one[key] is not None)
            if one[group] and not one[group].startswith("<"):
                yield Found(*one.span(group), name, one[group].casefold())


_ASSIGNED = re.compile(
    r"""(?<![\w.])["']?(?P<name>[\w.]{2,60})\\{0,3}["']?\s{0,3}(?P<sign>[=:]|%3[Dd])\s{0,3}"""
    r"""(?:\\{1,3}["'](?P<escaped>[^"'\\]{1,200})|"(?P<double>[^"]{1,200})"|'(?P<single>[^']{1,200})'"""
    r"""|(?P<plain>[^\s"',;&{}\[\]()\\]{1,200}))"""
)


@dataclass(frozen=True)
class Redactor:
    """Pseudonyms of one incident.

    Parameters
    ----------
    key : bytes
        ``redaction.key`` of the incident folder.
    fields : collection of str
        Names of fields whose values are personal.
    on_pseudonym : callable, optional
        Told each pseudonym with its value, to look one up; nothing else keeps them together.
    """

    key: bytes
    fields: Collection[str] = PERSONAL_FIELDS
    on_pseudonym: Callable[[str, str], None] = field(default=lambda pseudonym, value: None)

    def pseudonym(self, kind: str, value: str, shown: str = "") -> str:
        """``email-3f9a1c07``: the same for the same value in this incident, and nowhere else."""
        digest = hmac.new(self.key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        name = f"{kind}-{digest[:8]}"
        self.on_pseudonym(name, shown or value)
        return name

    def text(self, text: str) -> str:
        """A text without personal data."""
        out, done = [], 0
        for found in find_personal(text, self.fields):
            out += [text[done : found.start], self.pseudonym(found.kind, found.normal, text[found.start : found.end])]
            done = found.end
        return "".join([*out, text[done:]]) if out else text

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts as they may leave the folder; equal facts and keys give equal facts.

        A condition of ``differences`` is shown where at least five events share it and nothing personal is seen in it.
        """
        out = {name: self._value(value, name) for name, value in facts.items() if name not in {"differences", "pinned"}}
        out["differences"] = [self._difference(part) for part in facts["differences"]]
        if "pinned" in facts:
            rows = [self._pin(row) for row in facts["pinned"]["rows"]]
            out["pinned"] = {**facts["pinned"], "rows": rows}
        return {name: out[name] for name in facts}

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: self._value(inner, name) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(inner, key) for inner in value]
        if isinstance(value, str) and value and not _KEPT.fullmatch(key):
            return self.text(value)
        return value

    def _pin(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A pinned table's column may be one whose values are personal, whatever they look like."""
        columns = [name.rpartition(".")[2].casefold() for name in row["columns"]]
        cells = [
            [
                self.pseudonym(column, cell.casefold(), cell) if cell and column in self.fields else self.text(cell)
                for column, cell in zip(columns, part, strict=True)
            ]
            for part in row["rows"]
        ]
        rest = {name: self._value(value, name) for name, value in row.items() if name != "rows"}
        return {**rest, "rows": cells, "made_by": self.text(row["made_by"])}

    def _difference(self, part: Mapping[str, Any]) -> dict[str, Any]:
        rows = [
            {**row, "conditions": [self._condition(str(one[0]), str(one[1]), row) for one in row["conditions"]]}
            for row in part.get("rows", [])
        ]
        rest = {name: self._value(value, name) for name, value in part.items() if name != "rows"}
        return {**rest, "rows": rows} if "rows" in part else rest

    def _condition(self, name: str, value: str, row: Mapping[str, Any]) -> list[str]:
        column = name.rpartition(".")[2].casefold()
        is_kind = value.startswith(("(", ">", "<=", "length"))  # a type, a bound, a length: our own words
        if is_kind:
            return [name, value]
        if column in self.fields:
            return [name, self.pseudonym(column, value.casefold(), value)]
        clean = self.text(value)
        if clean == value and int(row.get("failing_with") or 0) < SHARED_BY:
            return [name, self.pseudonym("value", value)]
        return [name, clean]
