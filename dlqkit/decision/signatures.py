"""Error signatures: the fixed part of an error message, ids and numbers masked."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dlqkit.decision.signing.error_groups import GROUPS, group_signed
from dlqkit.decision.signing.heads import take_heads
from dlqkit.decision.signing.masks import MASK, find_masked, mask_texts
from dlqkit.decision.signing.merging import merge_templates
from dlqkit.decision.signing.signature_edits import SignatureEdits, edit_signatures
from dlqkit.decision.signing.templates import ANY, generalise, split_words, write_template
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import mark, say

__all__ = ["GROUPS", "group_errors", "show_signature", "sign_errors"]

# Of signatures. Where there are more, the texts of the rarest have no common form, and are together "<*>".
_MOST = 20_000
# It is hashed and compared with other incidents, so it is English in every language; ``show_signature`` translates it.
_NO_TEXT = mark("no error text")


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column as numbers, and what each number stands for."""

    codes: npt.NDArray[np.int64]
    values: list[str]

    def counts(self, each: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
        return np.bincount(self.codes, each, minlength=len(self.values)).astype(np.int64)

    def column(self, index: pd.Index) -> pd.Series:
        # Arrow reserves as many bytes as if each text came equally often, and where that is too little, copies them all
        # into twice as many; a text that no row has raises what it reserves.
        values, rows = pa.array(self.values, type=pa.large_string()), len(self.codes)
        lengths = pc.binary_length(values).to_numpy()
        needed = int(self.counts() @ lengths)
        if needed * len(lengths) > int(lengths.sum()) * rows:
            more = needed * (len(lengths) + 1) // rows + 1 - int(lengths.sum())
            values = pa.concat_arrays([values, pa.array(["-" * more], type=values.type)])
        return pd.Series(values.take(pa.array(self.codes)), index=index, dtype="str")


def sign_errors(
    records: pd.DataFrame, *, edits: SignatureEdits | None = None, counts: npt.NDArray[np.int64] | None = None
) -> pd.DataFrame:  # fmt: skip
    """The records with their ``template``, ``signature`` and ``signature_id``.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; records that have a signature and its id already are returned as they are.
    edits : SignatureEdits, optional
        What the analyst has joined and parted.
    counts : array of int, optional
        How many records each row stands for; by default itself alone.

    Returns
    -------
    DataFrame
        A copy. A record without an error text is signed by its type and code; without these it is "no error text".

        template : category, the text with its ids, numbers, times, hosts, addresses and paths masked; hangs on that
            text alone
        signature : str, the template, or the one with a starred word (``<*>``) that it shares with others here
        signature_id : str, of the error's type, its code and the signature, whatever the kinds of its masks

    Notes
    -----
    Masks all texts at once (``masks``), writes the few masked forms as templates, and merges those. More than 20,000
    signatures are not told apart: the texts of the rarest are ``<*>``.
    """
    check_frame(records, RECORDS, ("last_error",))
    if {"signature", "signature_id"} <= set(records.columns):
        return records
    heads = take_heads(_texts(records, "last_error"))
    templates = _write_templates(heads)
    kind, code = _code(records, "error_type"), _code(records, "error_code")
    signatures = _merge(templates, counts)
    signatures = _fill(signatures, kind, code)
    out = records.copy(deep=False)
    out["template"] = pd.Series(pd.Categorical.from_codes(templates.codes, templates.values), index=out.index)
    out["signature"] = signatures.column(out.index)
    if edits is not None and (edits.merges or edits.splits):
        edited = edit_signatures(out, pd.Series(heads, index=out.index, dtype="str"), edits)
        out["signature"] = edited
        codes, values = pd.factorize(edited)
        signatures = _Coded(codes.astype(np.int64), list(values))
    out["signature_id"] = _identify(kind, code, signatures).column(out.index)
    return out


def _texts(records: pd.DataFrame, name: str) -> pa.LargeStringArray:
    texts = pa.array(records[name].astype("str"), type=pa.large_string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return pc.fill_null(texts, "") if texts.null_count else texts


def _code(records: pd.DataFrame, name: str) -> _Coded:
    if name not in records.columns or records[name].isna().all():
        return _Coded(np.zeros(len(records), dtype=np.int64), [""])
    coded = _texts(records, name).dictionary_encode()
    return _Coded(coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist())


def _write_templates(heads: pa.LargeStringArray) -> _Coded:
    codes, forms = mask_texts(heads)
    # Forms are numbered as they come.
    first = np.searchsorted(np.maximum.accumulate(codes), np.arange(len(forms)))
    tokens = find_masked(heads.take(pa.array(first)))
    parts = ([part.decode() for part in form.split(MASK)] for form in forms)
    texts = [write_template(own, found) for own, found in zip(parts, tokens, strict=True)]
    return _recode(codes, texts)


def _recode(codes: npt.NDArray[np.int64], texts: list[str]) -> _Coded:
    """Codes of which several may stand for one text, as codes of which each stands for its own."""
    own, values = pd.factorize(np.array(texts, dtype=object))
    if len(values) == len(texts):
        return _Coded(codes, texts)
    return _Coded(own.astype(np.int64)[codes] if len(texts) else codes, list(values))


def _merge(templates: _Coded, counts: npt.NDArray[np.int64] | None) -> _Coded:
    general = [generalise(text) for text in templates.values]
    order = sorted(zip((-templates.counts(counts)).tolist(), templates.values, general, strict=True))
    shared = merge_templates(list(dict.fromkeys(text for _, _, text in order)))
    # The kinds of masks are those of the most frequent template.
    names: dict[str, str] = {}
    for _, text, own in order:
        if shared[own] not in names:
            names[shared[own]] = _overlay(text, own, shared[own]) if len(names) < _MOST else ANY
    return _recode(templates.codes, [names[shared[text]] for text in general])


def _overlay(template: str, general: str, shared: str) -> str:
    """The template with the stars of what it shares with others."""
    words = zip(*map(split_words, (template, general, shared)), strict=True)
    return "".join(word if own == common else common for word, own, common in words)


def _join(kind: _Coded, code: _Coded, texts: _Coded) -> tuple[npt.NDArray[np.int64], list[tuple[str, str, str]]]:
    """A number for each type, code and text together, and these."""
    sizes = len(kind.values), len(code.values), len(texts.values)
    joint = texts.codes
    if sizes[0] * sizes[1] > 1:
        joint = (kind.codes * sizes[1] + code.codes) * sizes[2] + joint
    if math.prod(sizes) <= max(len(joint), 1):
        # As few as these are counted faster than they are hashed.
        present = np.bincount(joint, minlength=math.prod(sizes)) > 0
        codes, found = (np.cumsum(present) - 1)[joint], np.flatnonzero(present)
    else:
        codes, found = pd.factorize(joint)
    places = zip(*(part.tolist() for part in np.unravel_index(found, sizes)), strict=True)
    return codes.astype(np.int64, copy=False), [
        (kind.values[one], code.values[other], texts.values[text]) for one, other, text in places
    ]


def _fill(signatures: _Coded, kind: _Coded, code: _Coded) -> _Coded:
    """The signatures; where the text is empty, the error's type and code."""
    if "" not in signatures.values:
        return signatures
    codes, found = _join(kind, code, signatures)
    return _recode(codes, [text or f"{one} {other}".strip() or _NO_TEXT for one, other, text in found])


def _identify(kind: _Coded, code: _Coded, signatures: _Coded) -> _Coded:
    codes, found = _join(kind, code, signatures)
    wholes = ["\x1f".join((one, other, generalise(text))) for one, other, text in found]
    return _recode(codes, [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10] for text in wholes])


def show_signature(signature: str) -> str:
    """A signature as people read it: an error's own text as it is, that there is none in their language."""
    return say(signature) if signature == _NO_TEXT else signature


def group_errors(
    records: pd.DataFrame, baseline: pd.DataFrame | None = None, *, edits: SignatureEdits | None = None
) -> pd.DataFrame:
    """Dead letters by the signature of their last error, most frequent first.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``; only dead letters count.
    baseline : DataFrame, optional
        Records of before the incident; each of them that has an error counts, also one that succeeded later.
    edits : SignatureEdits, optional
        What the analyst has joined and parted.

    Returns
    -------
    DataFrame
        A row per signature, columns of ``GROUPS``.

        events, records : Int64; share : Float64, of all events here; an event counts for the signature of its last
            dead letter
        first_at, last_at : UTC
        workflow_ids : tuple of str
        masks : str, what was masked: ``<id> ×2, <n>``
        example : str, one raw message; examples : tuple of up to three different ones, the first, the last and one
            from between
        is_new : boolean, False where the baseline has the signature, also where more or fewer of its words are
            starred there; NA without a baseline
    """
    needed = ("event_key", "workflow_id", "recorded_at", "queued_to_dlq", "last_error")
    check_frame(records, RECORDS, needed)
    dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    before = None
    if baseline is not None:
        check_frame(baseline, RECORDS, ("last_error",))
        said = baseline["last_error"].fillna("") != ""
        for name in ("error_type", "error_code"):
            if name in baseline.columns:
                said |= baseline[name].notna()
        before = sign_errors(baseline[said], edits=edits)
    return group_signed(sign_errors(dead, edits=edits), before)
