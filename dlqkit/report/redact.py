"""What a report may not carry on: values of a payload that an error repeats, and credentials in a log line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import pandas as pd

from dlqkit.json_places import by_type, fields_of

__all__ = [
    "HINT_WORDS",
    "LONGEST_TEXT",
    "find_categories",
    "mask_credentials",
    "mask_payload_values",
    "mask_text",
    "sample_step",
]

# Shorter values are words of any sentence; numbers and ids are masked by the signature anyway.
SHORTEST = 4
# A field with so few values in so many payloads holds categories (a currency, a status), which name nobody.
CATEGORY_VALUES, CATEGORY_PAYLOADS = 20, 50
SAMPLE = 5_000
DEEPEST = 12
LONGEST_TEXT = 4_000
_WORD_SIGN = re.compile("[A-Za-z0-9_]")
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
# Each text that ``_CREDENTIALS`` change holds one of these; read alike by RE2, Java and Python.
HINT_WORDS = (
    "(?i)@|bearer|basic|passw|pwd|secret|token|api[_-]?key|credential|private[_-]?key|access[_-]?key|authorization"
)
_HINTS = re.compile(r"[@=:]|bearer|basic", re.IGNORECASE)


def mask_credentials(text: str) -> str:
    """The text without what looks like a password, a token or an e-mail address."""
    # Beyond ASCII a pattern takes some letters for others, as in "ſecret", so that words alone do not tell.
    is_ascii = text.isascii()
    if not is_ascii and _HINTS.search(text) is None:
        return text
    lowered = text.lower()
    for words, pattern, mask in _CREDENTIALS:
        if not is_ascii or any(word in lowered for word in words):
            text = pattern.sub(mask, text)
            lowered = text.lower()
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
    told = payloads.dropna()
    categories = find_categories(told.iloc[:: sample_step(len(told))].tolist(), len(told))
    known: dict[tuple[str, str], str] = {}
    out: list[str | None] = []
    for text, payload in zip(texts.to_numpy(dtype=object), payloads.to_numpy(dtype=object), strict=True):
        if not isinstance(text, str):
            out.append(None)
            continue
        key = (text, payload if isinstance(payload, str) else "")
        if key not in known:
            known[key] = mask_text(text, key[1], categories)
        out.append(known[key])
    return pd.Series(out, index=records.index, dtype="str")


def mask_text(text: str, payload: str, categories: Collection[str]) -> str:
    """One error text without the values of its payload that are no categories; the payload may be empty."""
    text = text[:LONGEST_TEXT]
    found: set[str] = set()
    _add_repeated(_decode(payload), "", 0, text.lower(), categories, found)
    for value in sorted(found, key=len, reverse=True):
        text = _replace_word(text, value)
    return mask_credentials(text)


def _add_repeated(
    value: Any, path: str, depth: int, lowered: str, categories: Collection[str], found: set[str]
) -> None:  # fmt: skip
    """Add the texts of a payload that a text in small letters holds, but for plain words of categories."""
    if isinstance(value, str):
        is_repeated = len(value) >= SHORTEST and value.lower() in lowered
        if is_repeated and (path not in categories or _WORD.fullmatch(value) is None):
            found.add(value)
    elif depth == DEEPEST:
        return
    elif isinstance(value, dict):
        for name, inner in value.items():
            # Most values are texts, and most of them stand in no error.
            if type(inner) is not str or (len(inner) >= SHORTEST and inner.lower() in lowered):
                _add_repeated(inner, f"{path}.{name}", depth + 1, lowered, categories, found)
    elif isinstance(value, list):
        for inner in value:
            _add_repeated(inner, f"{path}[]", depth + 1, lowered, categories, found)


def _replace_word(text: str, value: str) -> str:
    """The text with ``<value>`` in place of the value where it is a whole word, in any case."""
    if not (text.isascii() and value.isascii()):
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "<value>", text, flags=re.IGNORECASE)
    # Nearly every text repeats another value, and to compile a pattern takes longer than all else.
    lowered, wanted, parts, begin = text.lower(), value.lower(), [], 0
    at = lowered.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if _WORD_SIGN.match(text[at - 1 : at]) or _WORD_SIGN.match(text[end : end + 1]):
            at = lowered.find(wanted, at + 1)
            continue
        parts += [text[begin:at], "<value>"]
        begin = end
        at = lowered.find(wanted, end)
    return "".join([*parts, text[begin:]])


def sample_step(payloads: int) -> int:
    """Of so many payloads every how manieth is read for categories."""
    return max(payloads // SAMPLE, 1)


def find_categories(sample: Iterable[str], payloads: int) -> set[str]:
    """Paths of the fields that hold categories, by a sample of so many payloads."""
    if payloads < CATEGORY_PAYLOADS:
        return set()
    texts: dict[str, list[str]] = {}
    _add_texts([_decode(payload) for payload in sample], "", 0, texts)
    return {path for path, own in texts.items() if len(own) >= CATEGORY_PAYLOADS and len(set(own)) <= CATEGORY_VALUES}


def _decode(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload) if payload else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _add_texts(values: Sequence[Any], path: str, depth: int, out: dict[str, list[str]]) -> None:
    """Add all texts at each path of many values; the places of an array share one path."""
    parts = by_type(values, range(len(values)))
    if str in parts:
        out.setdefault(path, []).extend(parts[str][0])
    if depth == DEEPEST:
        return
    for name, (inner, _) in fields_of(*parts[dict]).items() if dict in parts else ():
        _add_texts(inner, f"{path}.{name}", depth + 1, out)
    if list in parts:
        _add_texts([one for array in parts[list][0] for one in array], f"{path}[]", depth + 1, out)
