"""Groups of signed errors: how many, since when, what was masked, and whether the baseline has them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.decision.signing.matching import Patterns
from dlqkit.decision.signing.templates import ANY, count_kinds, generalise
from dlqkit.signals.outcomes import in_order

__all__ = ["GROUPS", "find_new", "group_signed"]

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
    "masks": "str",
    "example": "str",
    "examples": "object",
    "is_new": "boolean",
}


def group_signed(dead: pd.DataFrame, baseline: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per signature of the dead letters, columns of ``GROUPS``; see ``signatures.group_errors``."""
    if dead.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in GROUPS.items()})
    signed = in_order(dead)
    last = signed.drop_duplicates("event_key", keep="last")
    by_event, by_record = last.groupby("signature_id", sort=True), signed.groupby("signature_id", sort=True)
    first = last.drop_duplicates("signature_id").set_index("signature_id").sort_index()
    every = by_record["recorded_at"]
    out = pd.DataFrame(
        {
            "signature": first["signature"],
            "events": by_event.size(),
            "records": by_record.size(),
            "share": by_event.size() / len(last),
            "first_at": every.min(),
            "last_at": every.max(),
            "example": first["last_error"],
        }
    ).loc[first.index]
    for name in ("error_type", "error_code"):
        out[name] = first[name] if name in first.columns else pd.NA
    out["workflow_ids"] = by_event["workflow_id"].agg(
        lambda names: tuple(sorted(names.dropna().astype("str").unique()))
    )
    out["masks"] = [count_kinds(text) for text in out["signature"]]
    out["examples"] = by_record["last_error"].agg(_choose_examples)
    out["is_new"] = find_new(signed, baseline).reindex(out.index) if baseline is not None else pd.NA
    frame = out.reset_index()[list(GROUPS)].astype(dict(GROUPS))
    return frame.sort_values(["events", "signature_id"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _choose_examples(texts: pd.Series) -> tuple[str, ...]:
    different = texts.dropna().unique()
    places = sorted({0, len(different) // 2, len(different) - 1})
    return tuple(str(different[place]) for place in places) if len(different) else ()


def find_new(signed: pd.DataFrame, baseline: pd.DataFrame) -> pd.Series:
    """By signature id: whether nothing in the baseline is of that signature.

    A word is starred where enough texts differ in it, which hangs on how many there are. So the templates of either
    side, in which nothing is starred, are held against the signatures of the other.
    """
    ours, theirs = _templates_by_kind(signed), _templates_by_kind(baseline)
    old = set(signed["signature_id"]) & set(baseline["signature_id"])
    for kind, own in ours.groupby("kind", sort=False):
        other = theirs[theirs["kind"] == kind]
        seen = set(other["general"])
        starred = Patterns(other.loc[other["is_starred"], "signature"])
        ids = own[own["is_starred"]].groupby("signature")["signature_id"].first().to_dict()
        patterns = Patterns(ids)
        old |= {ids[pattern] for text in seen for pattern in patterns.find(text)}
        left = own[~own["signature_id"].isin(old)]
        old |= {
            signature_id
            for signature_id, text in zip(left["signature_id"], left["general"], strict=True)
            if text in seen or starred.find(text)
        }
    return pd.Series({signature_id: signature_id not in old for signature_id in signed["signature_id"].unique()})


def _templates_by_kind(signed: pd.DataFrame) -> pd.DataFrame:
    template = signed["template"] if "template" in signed.columns else signed["signature"]
    names = [signed[name].astype("str").fillna("") if name in signed.columns else pd.Series("", index=signed.index)
             for name in ("error_type", "error_code")]  # fmt: skip
    out = pd.DataFrame(
        {
            "kind": names[0] + "\x1f" + names[1],
            "template": template,
            "signature": signed["signature"],
            "signature_id": signed["signature_id"],
        }
    ).drop_duplicates()
    out["general"] = [generalise(text) for text in out["template"]]
    general = pd.Series([generalise(text) for text in out["signature"]], index=out.index, dtype="str")
    # A signature of nothing but a star stands for the rare texts of a flood, and tells nothing of any of them.
    out["is_starred"] = (general != out["general"]) & (general != ANY)
    return out
