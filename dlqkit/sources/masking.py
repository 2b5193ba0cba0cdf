"""Known secrets out of what services and files echo, before anything is kept."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Masks"]

_MIN_SECRET = 4  # a shorter text stands in any page by chance
_MIN_PART = 6  # and so does a shorter piece of Base64
_MASK = b"*" * 8
# What encoders of JSON write as a number though they need not: Go's <, > and &, Gson's = and ' too, others all.
_NEEDLESS = ("[<>&]", "[<>&='+/]", ".")
_SHORTEST_SPLIT = 12  # a shorter text may stand at the end of a line and the beginning of the next by chance
# More backslashes in a row than a secret has are to a pattern as good as any number of them; a few cost it little.
_FEW_BACKSLASHES = 8
_BREAK = rb"(?:\\+[rn]|[\r\n])[ \t]*"
# In a shell with a backslash before it; beside a backslash of the secret a row of them could be read in too many ways.
_SHELL_BREAK = rb"(?:\\+[rn]|\\*[\r\n])[ \t]*"
# The same at the beginning of a row of backslashes alone, and nothing given back.
_WHOLE_BREAK = rb"(?:(?<!\\)\\++[rn]|(?<!\\)\\*+[\r\n])[ \t]*+"
_IN_BREAKS = re.compile(rb"[\\\r\n\t ]")
# CSV doubles a quote, JSON puts backslashes before it, and either may hold the other.
_SLASHED = rb"(?:(?<!\\)\\++)?+"
_QUOTE = rb'(?:%b"){1,4}' % _SLASHED
# At the ends of the secret the next quote may be the one that opens or closes the text; after one that closes it, JSON
# has no letter.
_FIRST_QUOTE = rb'(?P<before>%b)"(?:(?P=before)?")?' % _SLASHED
_LAST_QUOTE = rb'(?P<signs>%b)"(?:(?P=signs)"|"(?!\s*+(?:[,}\]:]|\Z)))?+' % _SLASHED
# A row of backslashes is tried at its beginning alone.
_SLASHES = rb"(?:(?<!\\)\\{1,8}|(?<=\\))"
_FIRST_SLASHES = rb"(?<!\\)\\++(?![\r\n])"
_AT_START = ((_QUOTE, _FIRST_QUOTE), (_SLASHES, _FIRST_SLASHES))


@dataclass(frozen=True, slots=True)
class _Escape:
    """A way to write single characters of a text otherwise, or something between them."""

    undone: Callable[[bytes], bytes]
    """A text without it, as far as that is of ASCII."""
    written: Callable[[int], bytes]
    """A pattern of one byte so written, or as it is."""
    replace: Callable[[bytes, bytes, bytes, bytes], tuple[bytes, int]] = lambda pattern, text, mask, body: re.subn(
        pattern, mask, body
    )
    """``re.subn``, of the pattern of a text, or what gives the same in less time."""
    shortest: int = _MIN_SECRET
    between: bytes = b""
    """A pattern of what may stand between two bytes."""


def _numbers(pattern: bytes, base: int) -> Callable[[bytes], bytes]:
    found = re.compile(pattern)
    return lambda body: found.sub(lambda one: bytes([int(one[1], base)]), body)


def _unbroken(body: bytes) -> bytes:
    while b"\\\\" in body:
        body = body.replace(b"\\\\", b"\\")
    body = body.replace(b"\\n", b"").replace(b"\\r", b"")
    return body.translate(None, b"\r\n\t ")


def _as_stands(byte: int) -> bytes:
    """A pattern of one byte as it is, and as JSON and CSV write it."""
    sign = re.escape(bytes([byte]))
    return {b'"': _QUOTE, b"/": _SLASHED + sign, b"\\": _SLASHES}.get(bytes([byte]), sign)


def _replace_after_backslashes(pattern: bytes, text: bytes, mask: bytes, body: bytes) -> tuple[bytes, int]:
    """As ``re.subn``, which begins anew at each backslash of a row: no row that it sees has more than a few."""
    few = max(_FEW_BACKSLASHES, text.count(b"\\") + 2)
    # A match takes rows as a whole, so that none begins or ends within one.
    places, lengths, dropped = array("q"), array("q"), 0
    for row in re.finditer(rb"\\{%d,}+" % (few + 1), body):
        places.append(row.start() + few - dropped)
        dropped += row.end() - row.start() - few
        lengths.append(dropped)
    if not places:
        return re.subn(pattern, mask, body)
    out, at, count = [], 0, 0
    for found in re.finditer(pattern, re.sub(rb"(\\{%d})\\++" % few, rb"\1", body)):
        begin, end = (place + _before(places, lengths, place) for place in found.span())
        out += [body[at:begin], mask]
        at, count = end, count + 1
    return b"".join([*out, body[at:]]), count


def _before(places: array[int], lengths: array[int], place: int) -> int:
    found = bisect_right(places, place)
    return lengths[found - 1] if found else 0


def _replace_over_lines(pattern: bytes, text: bytes, mask: bytes, body: bytes) -> tuple[bytes, int]:
    """As ``re.subn``, which begins anew at each break of a row where the text begins with the letter of one."""
    first = text[:1]
    if first not in (b"n", b"r") or _IN_BREAKS.search(text):
        return re.subn(pattern, mask, body)
    # All breaks of a row are followed by the same, so that the first that the text may begin in tells of the others.
    begun = rb"(?P<breaks>(?:(?:(?!(?<!\\)\\++%b[^ \t])%b)*+(?<!\\)\\++)?+)" % (first, _WHOLE_BREAK)
    count = 0

    def replaced(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found["row"] is not None:
            return found[0]
        count += 1
        return found["breaks"] + mask

    return re.sub(rb"%b%b|(?P<row>(?:%b)++)" % (begun, pattern, _WHOLE_BREAK), replaced, body), count


_QUOTED = _Escape(bytes, _as_stands)
# URLs and HTML may be quoted more than once, which writes the sign of the code itself by its code.
_ESCAPES = (
    _Escape(
        _numbers(rb"\\u00([2-7][0-9A-Fa-f])", 16),
        lambda byte: (
            rb"(?:%b|\\+u00(?i:%02x))" % (_QUOTE if byte == ord('"') else rb"\\*" + re.escape(bytes([byte])), byte)
        ),
        _replace_after_backslashes,
    ),
    _Escape(
        _numbers(rb"%(?:25)*([2-7][0-9A-Fa-f])", 16),
        lambda byte: rb"(?:%b|%%(?:25)*(?i:%02x))" % (re.escape(bytes([byte])), byte),
    ),
    _Escape(
        _numbers(rb"&(?:amp;)*#0*(3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-7]);", 10),
        lambda byte: rb"(?:%b|&(?:amp;)*#0*%d;)" % (re.escape(bytes([byte])), byte),
    ),
    _Escape(
        _numbers(rb"&(?:amp;)*#[xX]0*([2-7][0-9A-Fa-f]);", 16),
        lambda byte: rb"(?:%b|&(?:amp;)*#[xX]0*(?i:%02x);)" % (re.escape(bytes([byte])), byte),
    ),
    _Escape(
        _unbroken,
        _as_stands,
        _replace_over_lines,
        _SHORTEST_SPLIT,
        rb"(?:%b)*" % _SHELL_BREAK,
    ),
)


class Masks:
    """Replaces secrets, also where they stand escaped or encoded within another text.

    Parameters
    ----------
    secrets : collection of str
        Empty ones, and ones of fewer than four characters, are left out.

    Notes
    -----
    Found are a secret as it is; in JSON, and in JSON that is a string of JSON; in CSV, also JSON in a cell; in HTML and
    in a URL, also twice; in Base64 of both alphabets, alone or within a longer text such as ``user:secret``; as
    hexadecimal digits; with some or all characters as ``\\u0061``, ``%61`` or ``&#97;``; and, as text, JSON, CSV or
    Base64, broken over lines, from twelve characters on. It is not found within something compressed or encrypted.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        forms: dict[bytes, bytes] = {}
        for text in secrets:
            if len(text) < _MIN_SECRET:
                continue
            for form in _forms(text):
                # Digits are masked by digits, none a leading zero: a number stays one, and the page can still be read.
                forms[form] = self._mask(form)
        # The longest first: one secret may be a part of another.
        self._forms = sorted(forms.items(), key=lambda item: (-len(item[0]), item[0]))

        plain = {text.encode() for text in secrets if len(text) >= _MIN_SECRET}
        encoded = {form for text in plain for form in (base64.b64encode(text), *_within_base64(text))}
        self._texts = sorted(plain | encoded, key=lambda text: (-len(text), text))
        in_html = {html.escape(text.decode(), quote=False).encode() for text in plain}
        self._quoted = sorted((text for text in plain | in_html if b'"' in text), key=lambda text: (-len(text), text))

    def __repr__(self) -> str:
        return f"Masks({len(self._forms)} forms)"

    def __bool__(self) -> bool:
        return bool(self._forms)

    def apply(self, body: bytes) -> tuple[bytes, int]:
        """The text without them, and in how many places one stood."""
        # Before the others: what of a doubled quote they would leave ends a cell.
        body, count = self._replace(_QUOTED, self._quoted, body, body) if self._quoted else (body, 0)
        for secret, mask in self._forms:
            found = body.count(secret)
            if found:
                body = body.replace(secret, mask)
                count += found
        for escape in _ESCAPES if self._texts else ():
            undone = escape.undone(body)
            if undone == body:
                continue  # what is written in one way alone was found above
            body, found = self._replace(escape, self._texts, undone, body)
            count += found
        return body, count

    def _replace(self, escape: _Escape, texts: Sequence[bytes], undone: bytes, body: bytes) -> tuple[bytes, int]:
        # JSON within JSON has several backslashes before a sign, CSV several quotes.
        unsigned = b'\\"' if self._quoted else b"\\"
        count, undone = 0, undone.translate(None, unsigned)
        for text in texts:
            # A text that itself looks escaped may be so once more.
            sought = {one.translate(None, unsigned) for one in (text, escape.undone(text))}
            if len(text) >= escape.shortest and any(one in undone for one in sought):
                signs = list(map(escape.written, text))
                for anywhere, at_start in _AT_START:
                    signs[0] = signs[0].replace(anywhere, at_start)
                signs[-1] = signs[-1].replace(_QUOTE, _LAST_QUOTE)
                between = escape.between.replace(_SHELL_BREAK, _BREAK) if b"\\" in text else escape.between
                body, found = escape.replace(between.join(signs), text, self._mask(text), body)
                count += found
        return body, count

    def _mask(self, text: bytes) -> bytes:
        return b"1" * len(text) if text.isdigit() else _MASK

    def text(self, text: str) -> str:
        """The same of a text, such as an address that is shown."""
        masked, count = self.apply(text.encode("utf-8", "surrogatepass"))
        return masked.decode("utf-8", "surrogatepass") if count else text


def _forms(secret: str) -> Iterator[bytes]:
    """The secret as it may stand in a page; most are the same for a secret of letters and digits alone."""
    plain = secret.encode()
    for text in (secret, *_in_json(secret), *_in_html(secret), *_in_url(secret)):
        yield text.encode()
    for digits in (plain.hex(), plain.hex().upper()):
        yield digits.encode()
        yield "".join(f"%{digits[at : at + 2]}" for at in range(0, len(digits), 2)).encode()
    for encoded in (base64.b64encode(plain), base64.urlsafe_b64encode(plain)):
        yield encoded
        yield encoded.rstrip(b"=")
    yield from _within_base64(plain)


def _in_json(secret: str) -> Iterator[str]:
    once = json.dumps(secret)[1:-1]
    yield once
    yield json.dumps(once)[1:-1]
    yield once.replace("/", "\\/")
    for signs in _NEEDLESS:
        text = secret if signs == "." else once
        yield _numbered(text, signs, "04x")
        yield _numbered(text, signs, "04X")


def _numbered(text: str, signs: str, digits: str) -> str:
    return re.sub(signs, lambda sign: f"\\u{ord(sign[0]):{digits}}", text)


def _in_html(secret: str) -> Iterator[str]:
    for once in _once_in_html(secret):
        for text in (once, html.escape(once)):
            yield text
            yield json.dumps(text)[1:-1]


def _once_in_html(secret: str) -> Iterator[str]:
    quoted = html.escape(secret)
    yield quoted
    yield quoted.replace("&#x27;", "&#39;")
    yield quoted.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield html.escape(secret, quote=False)


def _in_url(secret: str) -> Iterator[str]:
    for encoded in (urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), urllib.parse.quote_plus(secret)):
        for once in (encoded, re.sub("%[0-9A-F]{2}", lambda part: part[0].lower(), encoded)):
            yield once
            yield urllib.parse.quote(once, safe="")


def _within_base64(plain: bytes) -> Iterator[bytes]:
    """What of the code is the secret's alone, wherever in the encoded text it begins."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        first = -(-8 * before // 6)  # the first character without a bit of what stands before
        part = encoded[first : 8 * (before + len(plain)) // 6]
        if len(part) >= _MIN_PART:
            yield part
            yield part.translate(bytes.maketrans(b"+/", b"-_"))
