"""Known secrets out of what services and files echo, before anything is kept."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Collection, Iterator

__all__ = ["Masks"]

_MIN_SECRET = 4  # a shorter text stands in any page by chance
_MIN_PART = 6  # and so does a shorter piece of Base64
_MASK = b"*" * 8
# What encoders of JSON write as a number though they need not: Go's <, > and &, Gson's = and ' too, others all.
_NEEDLESS = ("[<>&]", "[<>&='+/]", ".")


class Masks:
    """Replaces secrets, also where they stand escaped or encoded within another text.

    Parameters
    ----------
    secrets : collection of str
        Empty ones, and ones of fewer than four characters, are left out.

    Notes
    -----
    Found are a secret as it is; in JSON, and in JSON that is a string of JSON; in HTML; in a URL; in Base64 of both
    alphabets, alone or within a longer text such as ``user:secret``; as hexadecimal digits; and with every character as
    ``\\u0061`` or ``%61``. Where only some of the characters that need not be escaped are, it is not found, nor within
    something compressed or encrypted.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        forms: dict[bytes, bytes] = {}
        for text in secrets:
            if len(text) < _MIN_SECRET:
                continue
            for form in _forms(text):
                # Digits are masked by digits, none a leading zero: a number stays one, and the page can still be read.
                forms[form] = b"1" * len(form) if form.isdigit() else _MASK
        # The longest first: one secret may be a part of another.
        self._forms = sorted(forms.items(), key=lambda item: (-len(item[0]), item[0]))

    def __repr__(self) -> str:
        return f"Masks({len(self._forms)} forms)"

    def __bool__(self) -> bool:
        return bool(self._forms)

    def apply(self, body: bytes) -> tuple[bytes, int]:
        """The text without them, and in how many places one stood."""
        count = 0
        for secret, mask in self._forms:
            found = body.count(secret)
            if found:
                body = body.replace(secret, mask)
                count += found
        return body, count

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
    quoted = html.escape(secret)
    yield quoted
    yield quoted.replace("&#x27;", "&#39;")
    yield quoted.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield html.escape(secret, quote=False)


def _in_url(secret: str) -> Iterator[str]:
    for encoded in (urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), urllib.parse.quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda part: part[0].lower(), encoded)


def _within_base64(plain: bytes) -> Iterator[bytes]:
    """What of the code is the secret's alone, wherever in the encoded text it begins."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        first = -(-8 * before // 6)  # the first character without a bit of what stands before
        part = encoded[first : 8 * (before + len(plain)) // 6]
        if len(part) >= _MIN_PART:
            yield part
            yield part.translate(bytes.maketrans(b"+/", b"-_"))
