"""Edits: signatures that an analyst has joined or parted, kept by their text so that later events follow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dlqkit.decision.signing.matching import Patterns
from dlqkit.decision.signing.templates import ANY, generalise
from dlqkit.errors import ParameterError

__all__ = ["SignatureEdits", "SignatureMerge", "SignatureSplit", "edit_signatures", "read_signature_edits"]

_NEXT = 'See docs/signatures.md, "Joining and parting signatures".'


@dataclass(frozen=True, slots=True)
class SignatureMerge:
    """Signatures that are one to the analyst."""

    templates: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.templates or not all(text.strip() for text in self.templates):
            raise ParameterError("A merge of signatures lacks its templates or its name.", _NEXT)


@dataclass(frozen=True, slots=True)
class SignatureSplit:
    """A signature that is several to the analyst: by a literal text, or by the values of its n-th mask (from 1)."""

    template: str
    by: str | int

    def __post_init__(self) -> None:
        if not self.template.strip() or self.by == "":
            raise ParameterError("A split of a signature lacks its template or what to split by.", _NEXT)
        masks = generalise(self.template).count(ANY)
        if isinstance(self.by, int) and not 1 <= self.by <= masks:
            raise ParameterError(
                f"The signature {self.template!r} has {masks} masks; it cannot be split by mask {self.by}.",
                "Count its masks from 1, or split it by a literal text.",
            )


@dataclass(frozen=True, slots=True)
class SignatureEdits:
    """What the analyst has joined and parted; splits come first, so a merge may join what a split has made."""

    merges: tuple[SignatureMerge, ...] = ()
    splits: tuple[SignatureSplit, ...] = ()


def read_signature_edits(values: Mapping[str, Any] | None) -> SignatureEdits:
    """The edits of ``judgement.yaml``, key ``signatures``; ``ParameterError`` says which of them cannot be used."""
    if values is None:
        return SignatureEdits()
    if not isinstance(values, Mapping) or set(values) - {"merge", "split"}:
        raise ParameterError("The signatures of the judgement hold something else than merge and split.", _NEXT)
    merges = [
        SignatureMerge(_read_texts(row, "templates"), _read_text(row, "name"))
        for row in _read_rows(values, "merge", {"templates", "name"})
    ]
    splits = [
        SignatureSplit(_read_text(row, "template"), row["by"] if type(row.get("by")) is int else _read_text(row, "by"))
        for row in _read_rows(values, "split", {"template", "by"})
    ]
    return SignatureEdits(tuple(merges), tuple(splits))


def _read_rows(values: Mapping[str, Any], name: str, keys: set[str]) -> Sequence[Mapping[str, Any]]:
    rows = values.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and set(row) == keys for row in rows):
        raise ParameterError(f"signatures.{name} is not a list of {' and '.join(sorted(keys))}.", _NEXT)
    return rows


def _read_text(row: Mapping[str, Any], name: str) -> str:
    if not isinstance(row[name], str):
        raise ParameterError(f"{name} of a signature is {row[name]!r}, not a text.", _NEXT)
    return str(row[name])


def _read_texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = row[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ParameterError(f"{name} of a signature is {texts!r}, not a list of texts.", _NEXT)
    return tuple(texts)


def edit_signatures(signed: pd.DataFrame, heads: pd.Series, edits: SignatureEdits) -> pd.Series:
    """The signature of each record after the analyst's edits.

    Parameters
    ----------
    signed : DataFrame
        ``template`` and ``signature`` of each record.
    heads : Series of str
        The texts that the templates were made of.
    edits : SignatureEdits
        Splits apply before merges.

    Returns
    -------
    Series of str
        A split has what it was split by behind it in brackets; a merge has the analyst's name.
    """
    pairs = signed.groupby(["template", "signature"], sort=False, observed=True).ngroup()
    first = ~pairs.duplicated()
    known = signed.loc[first, ["template", "signature"]].set_axis(pairs[first])
    out = signed["signature"].copy()
    for split in edits.splits:
        rows = pairs.map(_find(known, Patterns([split.template]))).astype(bool)
        out = out.mask(rows, _split(out[rows], signed.loc[rows, "template"], heads[rows], split.by))
    for merge in edits.merges:
        named = {generalise(text) for text in merge.templates}
        unsplit = out == signed["signature"]
        covered = pairs.map(_find(known, Patterns(merge.templates))).astype(bool)
        texts = {text for text in out[~unsplit].unique() if generalise(text) in named}
        out = out.mask(covered & unsplit | ~unsplit & out.isin(texts), merge.name)
    return out.astype("str")


def _find(known: pd.DataFrame, patterns: Patterns) -> pd.Series:
    return pd.Series(
        [bool(patterns.find(template) or patterns.find(signature)) for template, signature in known.to_numpy()],
        index=known.index,
        dtype=bool,
    )


def _split(signatures: pd.Series, templates: pd.Series, heads: pd.Series, by: str | int) -> pd.Series:
    if isinstance(by, str):
        return signatures.where(~heads.str.contains(by, regex=False), signatures + f" [{by}]")
    patterns = {text: _values(text) for text in templates.unique()}
    texts = [
        _name(signature, patterns[template].fullmatch(" ".join(head.split())), by)
        for signature, template, head in zip(signatures, templates, heads, strict=True)
    ]
    return pd.Series(texts, index=signatures.index, dtype="str")


def _values(template: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in generalise(template).split(ANY)), re.DOTALL)


def _name(signature: str, found: re.Match[str] | None, by: int) -> str:
    return f"{signature} [{found[by]}]" if found and by <= len(found.groups()) else signature
