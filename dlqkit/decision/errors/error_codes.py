"""What the codes in error texts mean: HTTP statuses, SQLSTATE classes, and the numbers of MySQL, Oracle and others."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["CODE_WORDS", "class_of_number", "class_of_sqlstate", "is_code"]

INFRASTRUCTURE, TIMEOUT, BUSINESS = "infrastructure", "timeout", "business"

# RFC 9110 and IANA's registry; 52x are Cloudflare's, 499 is nginx's for a client that went away and so tells nothing.
_HTTP = {
    **dict.fromkeys((400, 402, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 422, 428, 431, 451), BUSINESS),
    **dict.fromkeys((401, 403, 407, 421, 423, 425, 429), INFRASTRUCTURE),
    **dict.fromkeys((500, 502, 503, 505, 507, 508, 509, 511, 529), INFRASTRUCTURE),
    **dict.fromkeys((520, 521, 522, 523, 525, 526, 527, 530, 598), INFRASTRUCTURE),
    501: BUSINESS,
    **dict.fromkeys((408, 504, 524), TIMEOUT),
}  # fmt: skip
# These two say only that something failed there; any other word says more.
_VAGUE = frozenset((500, 400))
# ISO/IEC 9075 and PostgreSQL's appendix A: the first two characters of a SQLSTATE, and the codes that differ from them.
_SQLSTATE_CLASS = {
    **dict.fromkeys(("08", "28", "26", "40", "53", "55", "57", "58", "XX", "25"), INFRASTRUCTURE),
    **dict.fromkeys(("0A", "21", "22", "23", "2D", "34", "3D", "3F", "42", "44", "54", "P0"), BUSINESS),
}
_SQLSTATE = {"57014": TIMEOUT, "42501": INFRASTRUCTURE, "HYT00": TIMEOUT, "HYT01": INFRASTRUCTURE}
# MySQL's and MariaDB's error reference.
_MYSQL = {
    **dict.fromkeys(
        ("1021", "1037", "1040", "1041", "1042", "1044", "1045", "1053", "1129", "1130", "1142", "1152", "1158", "1159",
         "1160", "1161", "1180", "1203", "1205", "1206", "1213", "1226", "1290", "1792", "1836", "1927", "2002", "2003",
         "2005", "2006", "2012", "2013", "2026", "2055", "3572"), INFRASTRUCTURE),
    **dict.fromkeys(
        ("1048", "1054", "1062", "1064", "1136", "1146", "1153", "1169", "1216", "1217", "1264", "1265", "1292", "1364",
         "1366", "1406", "1451", "1452", "1582", "1586", "1690", "3140", "3819", "4025"), BUSINESS),
    **dict.fromkeys(("1317", "1907", "1969", "3024"), TIMEOUT),
}  # fmt: skip
# Oracle's error messages; 20000 to 20999 are raised by applications.
_ORACLE_NUMBERS = """
00018 00020 00028 00051 00054 00060 00257 01012 01017 01033 01034 01035 01089 01092 01109 01115 01536 01555
01578 01652 01653 01654 01688 02049 02391 02396 03113 03114 03135 04021 04030 04031 04061 04068 08177 12154
12170 12203 12500 12504 12505 12514 12516 12518 12519 12520 12528 12535 12537 12541 12543 12545 12547 12560
12570 12571 17002 17008 17410 25408 28000 28001 30006
"""
_ORACLE_INFRASTRUCTURE = frozenset(_ORACLE_NUMBERS.split())
_ORACLE_TIMEOUT = frozenset({"01013", "02046", "25228"})
# errno of Linux and macOS, and Winsock's numbers, whose sentence may be in any language; 60, 110 and 10060 are a
# connect that nobody answered. Only those that mean nothing else on the other system.
_SYSTEM_NUMBERS = """
5 23 24 28 30 32 51 54 60 61 64 65 101 103 104 107 110 111 112 113
10050 10051 10052 10053 10054 10055 10057 10058 10060 10061 10064 10065 11001 11002 11003 11004
"""
_SYSTEM = frozenset(_SYSTEM_NUMBERS.split())
# Windows' own (Microsoft's System Error Codes): Winsock's, a network that is busy or gone, and a full disk.
# Its other small numbers mean something else than an errno: 5 is access denied, 111 a name that is too long.
_WINDOWS = frozenset(number for number in _SYSTEM if len(number) == 5) | {"51", "54", "64", "112"}
# SMTP replies (RFC 5321): 5yz speaks of the mail, 4yz of the server.
_SMTP_BUSINESS = frozenset({"550", "551", "552", "553", "554"})

_STATUS_WORDS = frozenset(("http", "https", "status", "statuscode", "code", "response", "httpcode", "httpstatus"))
_STATUS_JUST_BEFORE = frozenset((
    "error", "errors", "returned", "returns", "return", "answered", "got", "received", "responded", "replied",
    "exception", "failed", "unexpected", "with", "upstream", "client", "gave", "exceptions",
))  # fmt: skip
_STATUS_JUST_AFTER = frozenset((
    "client", "server", "error", "bad", "not", "unauthorized", "forbidden", "conflict", "gone", "unprocessable", "too",
    "internal", "service", "gateway", "request", "payload", "precondition", "method", "unsupported", "response",
    "status",
))  # fmt: skip
_STATE_WORDS = frozenset(
    ("sqlstate", "state", "sqlcode", "pgcode", "code", "errcode", "error", "exception", "postgres", "errors")
)
_POSTGRES_WORDS = frozenset(("postgres", "npgsql", "psycopg", "pgx", "pq", "asyncpg"))
_MYSQL_WORDS = frozenset(("error", "errno", "err", "code", "mysql", "exception"))
CODE_WORDS = (
    _STATUS_WORDS | _STATUS_JUST_BEFORE | _STATUS_JUST_AFTER | _STATE_WORDS | _POSTGRES_WORDS | _MYSQL_WORDS
    | {"errno", "win", "error", "ora", "e", "smtp"}
)  # fmt: skip
"""What stands near a number where it is a code; no other word changes what a number means."""


def is_code(number: str) -> bool:
    """Whether a number is a code of its own somewhere; of five digits any other one may still be of an application."""
    if number in _SYSTEM:
        return True
    if len(number) == 5:
        known = (_ORACLE_INFRASTRUCTURE, _ORACLE_TIMEOUT, _SQLSTATE, ("11000",))
        return number[:2] in _SQLSTATE_CLASS or any(number in codes for codes in known)
    if len(number) == 3:
        return number in _SMTP_BUSINESS or ("400" <= number <= "599" and int(number) in _HTTP)
    return number in _MYSQL


def class_of_number(words: Sequence[str], place: int) -> tuple[str, int] | None:
    """The class that the number at ``words[place]`` stands for, and how strongly (1 to 3), if it is a code there."""
    number = words[place]
    before = words[max(place - 5, 0) : place]
    last = before[-1] if before else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if number in _SYSTEM and last == "errno":
        return INFRASTRUCTURE, 1
    if number in _WINDOWS and tuple(before[-2:]) == ("win", "error"):
        return INFRASTRUCTURE, 1
    if len(number) == 5:
        return _five_digits(number, before, last, after)
    if len(number) == 3 and "400" <= number <= "599":
        return _status(number, before, last, after)
    if len(number) == 4 and number in _MYSQL and (last in _MYSQL_WORDS):
        return _MYSQL[number], 1
    if number == "11000" and last == "e":
        return BUSINESS, 1
    return None


def _five_digits(number: str, before: Sequence[str], last: str, after: str) -> tuple[str, int] | None:
    if last == "ora":
        if number in _ORACLE_INFRASTRUCTURE:
            return INFRASTRUCTURE, 1
        return (TIMEOUT, 1) if number in _ORACLE_TIMEOUT else (BUSINESS, 1)
    if last == "e" and number == "11000":
        return BUSINESS, 1
    # Between Npgsql's name and the state stands an HRESULT: "PostgresException (0x80004005): 40001".
    is_state = not before or not _STATE_WORDS.isdisjoint(before[-2:]) or not _POSTGRES_WORDS.isdisjoint(before)
    if is_state:
        found = _SQLSTATE.get(number) or _SQLSTATE_CLASS.get(number[:2])
        return (found, 1) if found else None
    return None


def _status(number: str, before: Sequence[str], last: str, after: str) -> tuple[str, int] | None:
    is_status = (
        not before
        or not _STATUS_WORDS.isdisjoint(before[-3:])
        or last in _STATUS_JUST_BEFORE
        or after in _STATUS_JUST_AFTER
    )
    if not is_status:
        return None
    if number in _SMTP_BUSINESS and "smtp" in before:
        return BUSINESS, 1
    found = _HTTP.get(int(number))
    return (found, 3 if int(number) in _VAGUE else 2) if found else None


def class_of_sqlstate(state: str) -> str | None:
    """The class of a SQLSTATE that holds letters, such as 40P01, or None."""
    return _SQLSTATE.get(state) or _SQLSTATE_CLASS.get(state[:2])
