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
from itertools import pairwise
from typing import Any

from dlqkit.report.personal_fields import PERSONAL_FIELDS, find_values, personal_field

__all__ = ["PERSONAL_FIELDS", "Redactor", "find_personal"]

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
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[\w-]{35}\b|\bya29\.[\w-]{20,}"  # Google
    r"|\bgh[pousr]_[0-9A-Za-z]{36,}\b|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"  # GitHub, GitLab
    r"|\bxox[abposr]-[0-9A-Za-z-]{10,}"  # Slack
    r"|\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}\b"  # Stripe
)
# Two JSON objects in base64url; one look at each run of its letters, however often "eyJ" stands in it.
_JWT = re.compile(r"(?<![\w-])(?=[\w-]*?\b(?P<token>eyJ[\w-]{8}))[\w-]++\.eyJ[\w-]{8,}+\.[\w-]*")
_KEY_LINE = re.compile(r"-{4,5} ?(?P<side>BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# Letters of Base64, also as JSON escapes them, and the masks of a signature.
_BASE64 = r"(?:[0-9A-Za-z+/=]|\\{1,8}/|\\{1,8}u00(?:2[bBfF]|3[dD])|<[a-z]{1,12}>)"
# What is left of a private key whose end was cut off, be its lines apart by line ends, by "\\n" or by spaces.
_KEY_BODY = re.compile(
    rf"""(?:\A(?:[\s"'>|]|\\{{1,8}}[nrt]?(?!/))*+(?:M[A-I]|b3B){_BASE64}*+)?+
    (?:(?:[\s"',>|]|\\{{1,8}}[nrt]?(?![/u]))*+(?:
        (?:Proc-Type|DEK-Info|Comment|Version|Charset|Subject|X-[\w-]{{1,40}}):(?:[^\n\\"]{{0,200}}+)
        |{_BASE64}{{16,}}+
        |(?:(?<=\n)|(?<=\\[nr])){_BASE64}++(?=["',]*(?:\s*(?:\Z|\n)|\\|…|\.\.\.))
        |(?![0-9]{{1,15}}\s)(?=[A-Za-z]{{0,15}}(?:[0-9+/=]|[a-z][A-Z])){_BASE64}{{1,15}}+(?![\w.])
        |(?<=[0-9A-Za-z+/=]\s){_BASE64}{{1,15}}+(?=\Z|…|\.\.\.)
    ))*+(?:(?:\s|\\{{1,8}}[nr])*+-{{1,5}}(?:E(?:N(?:D[A-Z ]{{0,60}}+)?)?)?-{{0,5}})?""",
    re.VERBOSE,
)
_KEY_MOST = 65_536
# What stands between the groups of a number: a space, also one that no line is broken at, or a hyphen.
_APART = re.compile(r"[ \u00a0\u202f-]")
_BASE36 = {ord(letter): str(10 + number) for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
# Looked for at each place: "id42 to DE89..." begins as one does.
_IBAN = re.compile(rf"\b(?=([A-Za-z]{{2}}[0-9]{{2}}(?:{_APART.pattern}?[0-9A-Za-z]){{11,30}}\b))")
_CARD = re.compile(rf"(?<![\w.-])[0-9](?:{_APART.pattern}?[0-9]){{12,18}}(?![\w-]|\.[0-9])")
# Beginnings of card numbers and their lengths (ISO/IEC 7812, as the schemes publish them).
_SCHEMES = re.compile(r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12}"
                      r"|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}")  # fmt: skip
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.-]{0,64}\w\.?[\w-])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_VERSION = re.compile(r"(?:\bv|version[ :=]{1,3}|release[ :=]{1,3})\Z", re.IGNORECASE)
_PLUS = re.compile(r"(?:\+|%2B)[0-9(]", re.IGNORECASE)
_PLUS_IN_URL = re.compile("%2B", re.IGNORECASE)
# What is left of a value: from its first letter or digit to its last; not the scheme of an address.
_WORDS = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_SCHEME = re.compile("tel|mailto|sms|callto", re.IGNORECASE)


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
    out: list[Found] = []
    # A byte for each character that is taken: texts of megabytes may have thousands of places.
    taken = bytearray(len(text))

    def take(found: Found) -> None:
        if taken.find(1, found.start, found.end) < 0:
            taken[found.start : found.end] = b"\1" * (found.end - found.start)
            out.append(found)

    for found in _private_keys(text):
        take(found)
    for one in _TECHNICAL.finditer(text):
        taken[one.start() : one.end()] = b"\1" * len(one[0])
    for detect in (_tokens, _emails, _ibans, _cards, _phones, _addresses):
        for found in detect(text):
            take(found)
    for start, end, kind, normal in find_values(text, fields):
        if taken.find(1, start, end) < 0:
            take(Found(start, end, kind, normal))
        else:
            # "Olga <olga@example.com>": the address has its pseudonym, the name is still there.
            for rest in _rests(text, taken, start, end):
                take(Found(*rest.span(), kind, rest[0].casefold()))
    return sorted(out, key=lambda one: one.start)


def _rests(text: str, taken: bytearray, start: int, end: int) -> Iterator[re.Match[str]]:
    """What is not taken of a value, without the signs around it."""
    while start < end:
        until = taken.find(1, start, end)
        until = end if until < 0 else until
        rest = _WORDS.search(text, start, until)
        if rest is not None and not _SCHEME.fullmatch(rest[0]):
            yield rest
        start = taken.find(0, until, end)
        start = end if start < 0 else start


def _private_keys(text: str) -> Iterator[Found]:
    """From the line that begins a key to the one that ends it, else as far as it looks like one."""
    for one, following in pairwise([*_KEY_LINE.finditer(text), None]):
        if one is None or one["side"] != "BEGIN":
            continue
        limit = len(text) if following is None else following.start()
        if following is not None and following["side"] == "END" and limit - one.end() <= _KEY_MOST:
            end = following.end()
        else:
            body = _KEY_BODY.match(text[one.end() : limit])
            end = one.end() + (0 if body is None else body.end())
        yield Found(one.start(), end, "token", text[one.start() : end])


def _tokens(text: str) -> Iterator[Found]:
    for one in _JWT.finditer(text):
        yield Found(one.start("token"), one.end(), "token", text[one.start("token") : one.end()])
    for one in _TOKEN.finditer(text):
        yield Found(*one.span(), "token", one[0])


def _emails(text: str) -> Iterator[Found]:
    for one in _EMAIL.finditer(text):
        yield Found(*one.span(), "email", one[0].casefold().replace("%40", "@"))


def _ibans(text: str) -> Iterator[Found]:
    from stdnum import iban

    for one in _IBAN.finditer(text):
        letters = _APART.sub("", one[1])
        gaps = [gap.start() for gap in _APART.finditer(one[1])]
        # Words may follow without a sign between them: the longest part that is one counts.
        for gap, end in reversed([*enumerate(gaps), (len(gaps), len(one[1]))]):
            part = letters[: end - gap]
            # Its remainder first, which few texts have: a country's own form takes longer to look up.
            if int((part[4:] + part[:4]).upper().translate(_BASE36)) % 97 != 1:
                continue
            if (part.isupper() or part.islower()) and iban.is_valid(part.upper()):
                yield Found(one.start(), one.start() + end, "iban", part.upper())
                break


def _cards(text: str) -> Iterator[Found]:
    from stdnum import luhn

    for one in _CARD.finditer(text):
        digits = _APART.sub("", one[0])
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
            if _VERSION.search(text[max(0, one.start() - 16) : one.start()]):
                continue
            try:
                address = ipaddress.ip_address(one[0])
            except ValueError:
                continue
            if address.is_global:
                yield Found(*one.span(), "ip", str(address))


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
        columns = [personal_field(name, self.fields) for name in row["columns"]]
        cells = [
            [
                self.pseudonym(column, cell.casefold(), cell) if cell and column else self.text(cell)
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
        column = personal_field(name, self.fields)
        is_kind = value.startswith(("(", ">", "<=", "length"))  # a type, a bound, a length: our own words
        if is_kind:
            return [name, value]
        if column is not None:
            return [name, self.pseudonym(column, value.casefold(), value)]
        clean = self.text(value)
        if clean == value and int(row.get("failing_with") or 0) < SHARED_BY:
            return [name, self.pseudonym("value", value)]
        return [name, clean]
