"""Known secrets out of what services and files echo, before anything is kept."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Collection

__all__ = ["Masks"]

_MIN_SECRET = 4  # a shorter text stands in any page by chance


class Masks:
    """Replaces secrets, also where they stand as JSON, URL or Base64 text.

    Parameters
    ----------
    secrets : collection of str
        Empty ones, and ones of fewer than four characters, are left out.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        forms: dict[bytes, bytes] = {}
        for text in secrets:
            if len(text) < _MIN_SECRET:
                continue
            plain = text.encode()
            for form in (
                plain,
                json.dumps(text)[1:-1].encode(),
                urllib.parse.quote(text, safe="").encode(),
                base64.b64encode(plain),
            ):
                # Digits are masked by digits, so that a number stays one and the page can still be read.
                forms[form] = b"0" * len(form) if form.isdigit() else b"*" * 8
        # The longest first: one secret may be a part of another.
        self._forms = sorted(forms.items(), key=lambda item: -len(item[0]))

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
