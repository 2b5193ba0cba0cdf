"""Error signatures: the fixed part of an error message, ids and numbers masked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.frames import RECORDS, check_frame

__all__ = ["GROUPS", "group_errors", "sign_errors"]

TIME = "datetime64[us, UTC]"
GROUPS: Mapping[str, str] = {
    "signature_id": "str",
    "signature": "str",
    "error_type": "str",
    "error_code": "str",
    "events": "Int64",
    "records": "Int64",
    "share": "Float64",
    "first_at": TIME,
    "last_at": TIME,
    "workflow_ids": "object",
    "example": "str",
}
# In order; explicit classes, since \d and \w make pandas fall back to Python's slow engine. Exception class names and
# single words stay: what holds a digit is an id or a number.
_MASKS: tuple[tuple[str, str], ...] = (
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<id>"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?", "<time>"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+", "<email>"),
    (r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(:[0-9]+)?\b", "<host>"),
    (r"\b0x[0-9a-fA-F]+\b", "<id>"),
    (r"\b[A-Za-z][A-Za-z]*[_-][A-Za-z_-]*[0-9][A-Za-z0-9_-]*\b", "<id>"),
    # Eight or more of 0-9 and a-f are an id, even where chance made all of them letters or digits.
    (r"\b[0-9a-fA-F]{8,}\b", "<id>"),
    (r"\b[A-Za-z]+[0-9]+[A-Za-z0-9_-]{4,}\b", "<id>"),
    (r"[+-]?[0-9]+([.,:][0-9]+)*", "<n>"),
)  # fmt: skip
# Templates that differ in one word are one when the word takes this many values (measured on Loghub-2k: 3 to 6 differ
# by at most 0.004 in grouping accuracy).
_MERGE_VARIANTS = 5
_LONGEST = 400


def _mask(messages: pd.Series) -> pd.Series:
    texts = pa.array(messages.str.slice(0, 2000), type=pa.string())
    for pattern, mask in _MASKS:
        texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=mask)
    texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, pattern="[ \t\r\n]+", replacement=" "))
    return pd.Series(texts.to_pylist(), index=messages.index, dtype="str").str.slice(0, _LONGEST)


def _merge(templates: list[str]) -> dict[str, str]:
    """Each template's own, or the one with a starred word that it shares with enough others."""
    own = {template: template for template in templates}
    words = {template: template.split(" ") for template in templates}
    seats: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for template, parts in words.items():
        # A lone word is all there is to know of an error; a star in its place would join everything.
        for position in range(len(parts) if len(parts) > 2 else 0):
            if re.search("[A-Za-z]", parts[position]):
                starred = (*parts[:position], "<*>", *parts[position + 1 :])
                seats.setdefault((position, starred), []).append(template)
    for (place, shared), members in sorted(seats.items(), key=lambda seat: (-len(seat[1]), seat[0])):
        if len(members) >= _MERGE_VARIANTS:
            for member in members:
                if own[member] == member:
                    own[member] = " ".join(shared).replace("<*>", _star([words[one][place] for one in members]), 1)
    return own


def _star(variants: list[str]) -> str:
    """A star in what all the words begin and end with, such as a bracket."""
    before = os.path.commonprefix(variants)  # noqa: RUF071
    before = before if not before[-1:].isalnum() and "<" not in before else ""
    after = os.path.commonprefix([word[len(before) :][::-1] for word in variants])[::-1]  # noqa: RUF071
    after = after if not after[:1].isalnum() and ">" not in after[1:] else ""
    return f"{before}<*>{after.removeprefix('>')}"


def sign_errors(records: pd.DataFrame) -> pd.DataFrame:
    """The records with their ``signature`` and ``signature_id``.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; records that have both columns already are returned as they are.

    Returns
    -------
    DataFrame
        A copy. A record without an error text is signed by its type and code; without these it is "no error text".
    """
    check_frame(records, RECORDS, ("last_error",))
    if {"signature", "signature_id"} <= set(records.columns):
        return records
    out = records.copy()
    message = out["last_error"].astype("str").fillna("")
    kind = _text(out, "error_type")
    code = _text(out, "error_code")
    unique = pd.Series(message.unique(), dtype="str")
    masked = _mask(unique)
    own = _merge(sorted(set(masked)))
    names = dict(zip(unique, masked.map(own), strict=True))
    signature = message.map(names).astype("str")
    bare = (kind + " " + code).str.strip()
    signature = signature.mask(signature == "", bare).mask((signature == "") & (bare == ""), "no error text")
    out["signature"] = signature.astype("str")
    whole = kind + "\x1f" + code + "\x1f" + signature
    ids = {text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10] for text in whole.unique()}
    out["signature_id"] = whole.map(ids).astype("str")
    return out


def _text(records: pd.DataFrame, name: str) -> pd.Series:
    if name not in records.columns:
        return pd.Series("", index=records.index, dtype="str")
    return records[name].astype("str").fillna("")


def group_errors(records: pd.DataFrame) -> pd.DataFrame:
    """Dead letters by the signature of their last error, most frequent first.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; only dead letters count.

    Returns
    -------
    DataFrame
        A row per signature, columns of ``GROUPS``.

        events, records : Int64; share : Float64, of all events here; an event counts for the signature of its last
        dead letter
        first_at, last_at : UTC
        workflow_ids : tuple of str
        example : str, one raw message

    Notes
    -----
    Masks first, in Arrow, over the unique texts, then merges templates that differ in a single word.
    """
    check_frame(records, RECORDS, ("event_key", "workflow_id", "recorded_at", "queued_to_dlq", "last_error"))
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    if dead.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in GROUPS.items()})
    signed = sign_errors(dead).sort_values("recorded_at", kind="stable", na_position="first")
    last = signed.drop_duplicates("event_key", keep="last")
    total = len(last)
    rows = []
    for signature_id, part in last.groupby("signature_id", sort=True):
        every = signed[signed["signature_id"] == signature_id]
        first = part.iloc[0]
        rows.append(
            {
                "signature_id": signature_id,
                "signature": first["signature"],
                "error_type": first.get("error_type"),
                "error_code": first.get("error_code"),
                "events": len(part),
                "records": len(every),
                "share": len(part) / total,
                "first_at": every["recorded_at"].min(),
                "last_at": every["recorded_at"].max(),
                "workflow_ids": tuple(sorted(part["workflow_id"].dropna().astype("str").unique())),
                "example": first["last_error"],
            }
        )
    frame = pd.DataFrame(rows).astype(dict(GROUPS))
    return frame.sort_values(["events", "signature_id"], ascending=[False, True], kind="stable").reset_index(drop=True)
