"""What a report may not carry on: values of a payload that an error repeats, and credentials in a log line."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pandas as pd

__all__ = ["mask_credentials", "mask_payload_values"]

# Shorter values are words of any sentence; numbers and ids are masked by the signature anyway.
SHORTEST = 4
# A field with so few values in so many payloads holds categories (a currency, a status), which name nobody.
CATEGORY_VALUES, CATEGORY_PAYLOADS = 20, 50
SAMPLE = 5_000
DEEPEST = 12
LONGEST_TEXT = 4_000
_CONTAINERS = (dict, list)
_WORD = re.compile(r"[A-Za-z][a-z_-]*|[A-Z_-]+")
# Every pattern begins with a fixed word or sign, and its repetitions are bounded, so none takes long on any text. The
# words before it are those that it cannot do without: most texts have none, which is seen in a tenth of the time.
_CREDENTIALS = (
    (("://",), re.compile(r"://[^\s/@:]{1,100}:[^\s/@]{1,200}@"), "://<secret>@"),
    (
        ("bearer", "basic"),
        re.compile(r"\b(bearer|basic)\s{1,4}[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
        r"\1 <secret>",
    ),
    (
        ("passw", "pwd", "secret", "token", "key", "credential", "authorization"),
        re.compile(
            r"""((?:passw|pwd|secret|token|api[_-]?key|credential|private[_-]?key|access[_-]?key|authorization)"""
            r"""[\w.-]{0,40}["']?\s{0,4}[=:]\s{0,4})(?!<)("[^"]*"|'[^']*'|[^\s,;&}]+)""",
            re.IGNORECASE,
        ),
        r"\1<secret>",
    ),
    (("@",), re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z0-9.-]{1,200}"), "<email>"),
)
_HINTS = re.compile(r"[@=:]|bearer|basic", re.IGNORECASE)


def mask_credentials(text: str) -> str:
    """The text without what looks like a password, a token or an e-mail address."""
    # Beyond ASCII a pattern takes some letters for others, as in "ſecret", so that words alone do not tell.
    is_ascii = text.isascii()
    if not is_ascii and _HINTS.search(text) is None:
        return text
    for words, pattern, mask in _CREDENTIALS:
        lowered = text.lower()
        if not is_ascii or any(word in lowered for word in words):
            text = pattern.sub(mask, text)
    return text


def mask_payload_values(records: pd.DataFrame) -> pd.Series:
    """Each record's ``last_error`` with the values of its own payload replaced by ``<value>``.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``.

    Returns
    -------
    Series
        str; NA where there is no error. Credentials are masked too.

    Notes
    -----
    A value is replaced where it stands as a whole word, in any case. A single plain word stays where its field has at
    most ``CATEGORY_VALUES`` values in at least ``CATEGORY_PAYLOADS`` payloads: "currency EUR is not supported" tells
    an analyst something, and names nobody. A part of a value (one name of two) is not recognised.
    """
    texts = records["last_error"].astype("str")
    payloads = records["payload_snapshot"].astype("str")
    categories = _find_categories(payloads.dropna())
    known: dict[tuple[str, str], str] = {}
    out: list[str | None] = []
    for text, payload in zip(texts.to_numpy(dtype=object), payloads.to_numpy(dtype=object), strict=True):
        if not isinstance(text, str):
            out.append(None)
            continue
        key = (text, payload if isinstance(payload, str) else "")
        if key not in known:
            known[key] = _mask(text[:LONGEST_TEXT], key[1], categories)
        out.append(known[key])
    return pd.Series(out, index=records.index, dtype="str")


def _mask(text: str, payload: str, categories: set[str]) -> str:
    lowered = text.lower()
    found = {
        value
        for path, value in _leaves(_decode(payload))
        if len(value) >= SHORTEST
        and value.lower() in lowered
        and not (path in categories and _WORD.fullmatch(value) is not None)
    }
    for value in sorted(found, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "<value>", text, flags=re.IGNORECASE)
    return mask_credentials(text)


def _find_categories(payloads: pd.Series) -> set[str]:
    if len(payloads) < CATEGORY_PAYLOADS:
        return set()
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for payload in payloads.iloc[:: max(len(payloads) // SAMPLE, 1)]:
        for path, value in _leaves(_decode(payload)):
            counts[path] = counts.get(path, 0) + 1
            own = values.setdefault(path, set())
            if len(own) <= CATEGORY_VALUES:
                own.add(value)
    return {path for path, own in values.items() if len(own) <= CATEGORY_VALUES and counts[path] >= CATEGORY_PAYLOADS}


def _decode(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload) if payload else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _leaves(value: Any) -> list[tuple[str, str]]:
    """Path and text of every value; the places of an array share one path."""
    out: list[tuple[str, str]] = []
    _add_leaves(value, "", 0, out)
    return out


def _add_leaves(value: Any, path: str, depth: int, out: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        out.append((path, value))
    elif depth == DEEPEST:
        return
    elif isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                out.append((f"{path}.{name}", inner))
            elif isinstance(inner, _CONTAINERS):
                _add_leaves(inner, f"{path}.{name}", depth + 1, out)
    elif isinstance(value, list):
        for inner in value:
            _add_leaves(inner, f"{path}[]", depth + 1, out)
