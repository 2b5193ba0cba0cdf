"""Which execution record is of which sent event: by the dedupe attribute, by trace and payload, or by payload alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from dlqkit.frames import RECORD_STATE
from dlqkit.republish.payload_forms import hash_bytes, hash_value

__all__ = ["ATTRIBUTE", "PAIRS", "PAYLOAD", "TRACE", "is_payload_alone", "match_records"]

ATTRIBUTE, TRACE, PAYLOAD = "dedupe attribute", "trace and payload", "payload alone"
_REWRITTEN = ", re-serialised"
_UNWRAPPED = ", without its envelope"
# Strongest first: an event's records are taken from the first way that finds any.
_BY_PAYLOAD_ALONE = (PAYLOAD, PAYLOAD + _REWRITTEN, PAYLOAD + _UNWRAPPED)
_WAYS = (ATTRIBUTE, TRACE, TRACE + _REWRITTEN, TRACE + _UNWRAPPED, *_BY_PAYLOAD_ALONE)
PAIRS: Mapping[str, str] = {"row": "Int64", "item": "Int64", "matched_by": "str"}
# A record as some APIs give many one id.
_RECORD = ["record_id", "workflow_id", "trace_id"]


def is_payload_alone(matched_by: pd.Series) -> pd.Series:
    """Whether a record was recognised by its payload alone: a producer may have published the same once more."""
    return matched_by.isin(_BY_PAYLOAD_ALONE).fillna(False).astype(bool)


def match_records(
    sent: pd.DataFrame,
    records: pd.DataFrame,
    *,
    dedupe_attribute: str | None,
    known: pd.DataFrame | None,
    clock_tolerance_s: float,
) -> pd.DataFrame:
    """Pairs of a record and the one sent event that it can be of.

    Parameters
    ----------
    sent : DataFrame
        ``sent_events.SENT``; without ``state`` all of them count as acknowledged.
    records : DataFrame
        ``frames.RECORDS``, index from 0.
    dedupe_attribute : str, optional
        Its name; looked for anywhere in ``extra_json``.
    known : DataFrame, optional
        ``frames.RECORDS`` of before the send; none of them is of a sent event.
    clock_tolerance_s : float
        How far the API's clock may be behind ours.

    Returns
    -------
    DataFrame
        Columns of ``PAIRS``; ``row`` is the record's index. A record that fits several sent events alike is in none.

    Notes
    -----
    Payload alone is taken only where no sent event was found by its trace, since traces then do not survive a
    republish here, where one event alone was sent with that payload, and where no other event is known to have it; and
    never for an event in doubt, since the same payload seen later does not show that this send arrived.
    """
    fresh = _fresh(sent, records, known, clock_tolerance_s)
    pairs = _by_attribute(sent, fresh, dedupe_attribute)
    marked = _carries(fresh, dedupe_attribute)
    fresh = fresh[~marked]
    by_trace = _by_keys(sent[sent["trace_id"].notna()], fresh, ["workflow_id", "trace_id"], TRACE)
    parts = [pairs, by_trace]
    if by_trace.empty:
        parts.append(_by_payload(sent, fresh, known))
    every = pd.concat(parts, ignore_index=True)
    every = every.merge(sent[["item", "sent_at", "sent_again_at", "dead_at"]], on="item").merge(
        records[["record_id", "recorded_at"]].rename(columns={"recorded_at": "at"}), left_on="row", right_index=True
    )
    tolerance = pd.Timedelta(seconds=clock_tolerance_s)
    is_after = (every["at"] >= every["sent_at"] - tolerance) & ~(every["at"] <= every["dead_at"])
    # Where the event was sent again, what came from then on is of that send.
    is_own = is_after & ~(every["at"] >= every["sent_again_at"] - tolerance)
    every = every[is_own | (every["matched_by"] == ATTRIBUTE)]
    every["strength"] = every["matched_by"].map({way: place for place, way in enumerate(_WAYS)})
    newest = every.sort_values(["at", "row", "strength"], ascending=[True, True, False], na_position="first")
    every = newest.drop_duplicates(["item", "record_id"], keep="last").sort_index()
    strongest = every[every["strength"] == every.groupby("item")["strength"].transform("min")]
    # An event whose record could as well be another's is not told apart from it, whichever of its records that is.
    shared = strongest[strongest.groupby("row")["item"].transform("nunique") > 1]["item"]
    out = strongest[~strongest["item"].isin(set(shared))]
    if "state" in sent:
        doubtful = set(sent.loc[sent["state"] != "acked", "item"])
        out = out[~(is_payload_alone(out["matched_by"]) & out["item"].isin(doubtful))]
    return out[list(PAIRS)].astype(dict(PAIRS)).reset_index(drop=True)


def _fresh(
    sent: pd.DataFrame, records: pd.DataFrame, known: pd.DataFrame | None, clock_tolerance_s: float
) -> pd.DataFrame:
    """The states of each record of these workflows that are not of before all sends, with their ``row``."""
    own = records.assign(row=records.index)
    own = own[own["workflow_id"].isin(set(sent["workflow_id"].dropna()))]
    begin = sent["sent_at"].min() - pd.Timedelta(seconds=clock_tolerance_s)
    own = own[own["recorded_at"].isna() | (own["recorded_at"] >= begin)]
    if known is None or known.empty or own.empty:
        return own
    before = set(_versions(known))
    is_known = pd.Series([version in before for version in _versions(own)], index=own.index, dtype=bool)
    by_time = own.sort_values("recorded_at", kind="stable", na_position="first")
    newest = by_time.drop_duplicates(_RECORD, keep="last")
    unchanged = newest.loc[is_known[newest.index], _RECORD].assign(is_unchanged=True)
    of_unchanged = own[_RECORD].merge(unchanged, on=_RECORD, how="left")["is_unchanged"].notna().to_numpy(bool)
    return own[~is_known & ~of_unchanged]


def _versions(records: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    return zip(*(records[name].astype("str").fillna("") for name in RECORD_STATE), strict=True)


def _carries(fresh: pd.DataFrame, name: str | None) -> pd.Series:
    """Whether a record carries the dedupe attribute: then it is of the event of that key, and of no other."""
    return pd.Series([bool(name) and bool(_values(text, name or "")) for text in fresh["extra_json"]],
                     index=fresh.index, dtype=bool)  # fmt: skip


def _by_attribute(sent: pd.DataFrame, fresh: pd.DataFrame, name: str | None) -> pd.DataFrame:
    items = dict(zip(sent["dedupe_key"], sent["item"], strict=True))
    rows = []
    for row, text in zip(fresh["row"], fresh["extra_json"], strict=True) if name else ():
        rows += [(row, items[value], ATTRIBUTE) for value in _values(text, name or "") if value in items]
    return pd.DataFrame(rows, columns=list(PAIRS)).astype(dict(PAIRS))


def _values(text: object, name: str) -> set[str]:
    """Every value of the attribute in a record's other fields, whether flat, nested, as text or as name and value."""
    if not isinstance(text, str) or name not in text:
        return set()
    try:
        return set(_find(json.loads(text), name))
    except (ValueError, RecursionError):
        return set()


def _find(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get(name), str):
            yield value[name]
        named = value.get("name", value.get("key"))
        if named == name and isinstance(value.get("value"), str):
            yield value["value"]
        for inner in value.values():
            yield from _find(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _find(inner, name)
    elif isinstance(value, str) and name in value and value[:1] in "{[":
        try:
            yield from _find(json.loads(value), name)
        except ValueError:
            return


def _by_keys(sent: pd.DataFrame, fresh: pd.DataFrame, keys: list[str], way: str) -> pd.DataFrame:
    """Pairs that agree in the keys and in the payload: its bytes, what it says, or what it was before its envelope."""
    with_text = fresh[fresh["payload_snapshot"].notna()]
    wanted = sent[keys].drop_duplicates()
    near = with_text.merge(wanted, on=keys, how="inner")
    near = near.assign(payload_sha256=[hash_bytes(str(text)) for text in near["payload_snapshot"]])
    near["payload_sha256"] = near["payload_sha256"].astype("str")
    exact = near.merge(sent[[*keys, "payload_sha256", "item"]], on=[*keys, "payload_sha256"])
    rest = near[~near["row"].isin(set(exact["row"]))]
    rest = rest.assign(value_sha256=pd.Series([hash_value(str(text)) for text in rest["payload_snapshot"]],
                                              index=rest.index, dtype="str"))  # fmt: skip
    said, inner = sent[sent["value_sha256"].notna()], sent[sent["inner_sha256"].notna()]
    again = rest.merge(said[[*keys, "value_sha256", "item"]], on=[*keys, "value_sha256"])
    bare = rest.merge(inner[[*keys, "inner_sha256", "item"]], left_on=[*keys, "payload_sha256"],
                      right_on=[*keys, "inner_sha256"])  # fmt: skip
    parts = [exact.assign(matched_by=way), again.assign(matched_by=way + _REWRITTEN),
             bare.assign(matched_by=way + _UNWRAPPED)]  # fmt: skip
    return pd.concat([part[list(PAIRS)].astype(dict(PAIRS)) for part in parts], ignore_index=True)


def _by_payload(sent: pd.DataFrame, fresh: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """Pairs by payload alone, of events whose payload no other event is known to have."""
    found = _by_keys(sent, fresh, ["workflow_id"], PAYLOAD)
    if found.empty or known is None or known.empty:
        return found
    own = known[known["workflow_id"].isin(set(sent["workflow_id"])) & known["payload_snapshot"].notna()]
    who = own["trace_id"].fillna(own["record_id"])
    bearers = who.groupby([own["workflow_id"], own["payload_snapshot"].map(hash_bytes)]).nunique()
    keys = zip(sent["workflow_id"], sent["payload_sha256"], strict=True)
    usual = {item for item, key in zip(sent["item"], keys, strict=True) if bearers.get(key, 0) > 1}
    return found[~found["item"].isin(usual)]
