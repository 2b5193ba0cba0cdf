"""Whether a payload is the whole one: missing, cut, masked, or no JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dlqkit.language import say
from dlqkit.republish.exact_json import read_value

__all__ = ["judge_payload"]

_WORDS = r"redacted|filtered|masked|removed|hidden|scrubbed|censored|sanitized"
# Without brackets only words that no field has as a value of its own.
_MASKED = re.compile(
    rf"\*{{3,}}|[•●█]{{3,}}|[\[<({{]+\s*(?:{_WORDS})\s*[\]>)}}]+|^(?:redacted|masked|censored)$"
    r"|(?-i:(?:X{4}[- ]){2,}|^X{6,20}$)",
    re.IGNORECASE,
)
# What loggers write where they cut, at the end: an ellipsis, or a word or a count in brackets.
_COUNT = r"\+?[0-9]+ (?:more )?(?:bytes|characters|chars)"
_CUT_INSIDE = re.compile(
    rf"(?:\.{{3}}|…|[\[(<])\s*[\[(<]?\s*(?:{_COUNT} )?(?:truncated|omitted)\b[^\]}})>]*[\])>]?$"
    rf"|(?:\.{{3}}|…)\s*[\[(<]?{_COUNT}(?: more)?[\])>]?$",
    re.IGNORECASE,
)
_CUT_NAME = re.compile(r"_*(?:is_?)?truncated_*", re.IGNORECASE)
_CUT_TEXT = re.compile(r"(?:\.{3}|…|truncated[\])>]?)\s*$", re.IGNORECASE)


def judge_payload(payload: Any) -> tuple[str, str] | None:
    """Why a payload cannot be the one that the worker got.

    Parameters
    ----------
    payload : str or NA
        ``payload_snapshot``.

    Returns
    -------
    (str, str) or None
        A reason of ``exclusions.REASONS`` and where it shows, without a value of the payload; None where nothing
        speaks against it.
    """
    if not isinstance(payload, str) or not payload.strip():
        return "payload missing", say("the record has none")
    try:
        payload.encode()
    except UnicodeEncodeError:
        return "payload not JSON", say("it holds half a character (a lone surrogate), which UTF-8 cannot carry")
    try:
        value = read_value(payload)
    except ValueError:
        stripped = payload.strip()
        if stripped[0] in '{["' or _CUT_TEXT.search(stripped):
            words = say("its text of {length} characters ends before its JSON does", length=len(payload))
            return "payload truncated", words
        return "payload not JSON", say("its text is no JSON")
    try:
        texts = list(_texts("payload", value))
    except RecursionError:
        return "payload not JSON", say("it is nested too deeply to look into")
    for path, found in texts:
        if found is True or _CUT_INSIDE.search(found):
            return "payload truncated", say("{path} was cut", path=path)
        if _MASKED.search(found):
            return "payload redacted", say("{path} looks masked", path=path)
    return None


def _texts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every text with its place, and ``True`` where a field says of itself that something was cut."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(f"{path}[]", item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if inner is True and _CUT_NAME.fullmatch(name):
                yield f"{path}.{name}", True
            yield from _texts(f"{path}.{name}", inner)
