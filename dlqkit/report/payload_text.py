"""A payload, or an error that is JSON, as a person reads it: indented, numbers as they came, letters readable."""

from __future__ import annotations

import contextlib
import json
import re

__all__ = ["indent_json"]

# A backslash that is escaped itself is passed over, or it would be taken for the next one's.
_ESCAPED = re.compile(r"\\\\|(?P<letters>(?:\\u[0-9a-fA-F]{4})+)")


def indent_json(text: str) -> str:
    """The JSON line by line; as it is where it is none."""
    import msgspec

    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return _ESCAPED.sub(_letters, msgspec.json.format(text.encode(), indent=2).decode())
    return text


def _letters(found: re.Match[str]) -> str:
    """Letters for ``\\u5ba2``; what would end the string or cannot be seen stays escaped, so that it is still JSON."""
    if found["letters"] is None:
        return found[0]
    text: str = json.loads(f'"{found["letters"]}"')
    return "".join(sign if sign.isprintable() and sign not in '"\\' else json.dumps(sign)[1:-1] for sign in text)
