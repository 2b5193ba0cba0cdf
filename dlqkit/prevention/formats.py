"""Forms that a text may always have: each a name of JSON Schema, or a pattern."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

__all__ = ["FORMATS", "PATTERNS"]

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# Most moments are of a day that every month has, which says as much as a look into the calendar.
_PLAIN_MOMENT = re.compile(
    r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")
_BLANK = re.compile("[ \t\r\n]")
# Nothing of these forms is longer; a text that someone else has chosen must not cost more to look at.
_LONGEST = 2_000


def _is_moment(text: str) -> bool:
    if _PLAIN_MOMENT.fullmatch(text):
        return True
    if not _MOMENT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19].replace(" ", "T").replace("t", "T"))
    except ValueError:
        # RFC 3339 allows a leap second, which Python does not.
        return text[17:19] == "60"
    return True


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_email(text: str) -> bool:
    # As little as any mail system asks for: a name and a host around one sign, no blank.
    name, sign, host = text.rpartition("@")
    return bool(name and sign and host) and not _BLANK.search(text)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _at_most(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: len(text) <= _LONGEST and check(text)


FORMATS: Mapping[str, Callable[[str], object]] = {
    "uuid": _UUID.fullmatch,
    "date-time": _at_most(_is_moment),
    "date": _at_most(_is_date),
    "ipv4": _at_most(_is_ipv4),
    "uri": _at_most(lambda text: _URI.fullmatch(text) is not None),
    "email": _at_most(_is_email),
}
# Beside the named formats: numbers that are written as texts.
PATTERNS: tuple[str, ...] = ("^[0-9]+$", "^-?[0-9]+([.][0-9]+)?$")
