"""What a check of the payload at the door would have refused: of the dead letters, and wrongly of the good ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.executions.event_history import record_outcomes
from dlqkit.executions.intervals import share_interval
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import mark, say, say_count
from dlqkit.membership import is_one_of
from dlqkit.notebook_html import Shown
from dlqkit.prevention.payload_check import Refusals, check_inferred, decode_payload
from dlqkit.prevention.payload_schema import SUPPORT, infer_schema

__all__ = ["PROPOSED", "PROPOSED_FROM", "SchemaProposal", "propose_schema"]

PROPOSED_FROM = ("event_key", "recorded_at", "status", "queued_to_dlq", "last_error", "payload_snapshot")
"""The columns that a schema is proposed from."""

PROPOSED: Mapping[str, str] = {"path": "str", "keyword": "str", "dead": "Int64", "good": "Int64"}
HELD_OUT = 0.25
# A share of so many payloads is known well enough, to 3 in 10,000 where it is none (95 %); more only take time.
LEARN_AT_MOST = 10_000
TRY_AT_MOST = 10_000
# What a check at the door may cost: one good payload in a hundred.
WRONG_AT_MOST = 0.01
# How a payload differs where a keyword of JSON Schema refuses it.
_KEYWORDS = {
    "required": mark("missing"),
    "dependentRequired": mark("missing beside its partner"),
    "type": mark("another type"),
    "enum": mark("a value that is not in the list"),
    "format": mark("another form"),
    "pattern": mark("another form"),
    "minimum": mark("negative"),
    "minItems": mark("empty"),
    "minLength": mark("empty"),
    "json": mark("no JSON"),
}


@dataclass(frozen=True, slots=True, repr=False)
class SchemaProposal(Shown):
    """A schema, and what it would have done.

    ``verdict``: ``helps``, ``nothing`` (dead payloads are refused no more often than good ones) or ``cannot tell``.
    ``schema`` is None where none was learned. ``reasons`` has a row per ``path`` and ``keyword`` with the payloads that
    it refuses, ``dead`` and (held out) ``good``, Int64. Shares are of events that have a payload.
    """

    verdict: Literal["helps", "nothing", "cannot tell"]
    sentence: str
    schema: dict[str, Any] | None
    learned: int
    held_out: int
    good_refused: int
    dead: int
    dead_refused: int
    reasons: pd.DataFrame

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Schema proposal: {self.verdict}", [
            ("", self.sentence),
            ("learned from", f"{self.learned:,} good payloads, tried on {self.held_out:,} others"),
        ]


def propose_schema(records: pd.DataFrame, *, held_out: float = HELD_OUT, min_support: int = SUPPORT) -> SchemaProposal:
    """A schema of the payloads that succeeded, tried on those that died and on good ones it has not seen.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow. An event counts once; one that died and passed later with the same payload
        is a good one that a check would have had to let pass: of the dead ones, none that is refused.
    held_out : float
        The share of the good events that the schema is not learned from, chosen by a hash of ``event_key``.
    min_support : int
        As for ``infer_schema``; with fewer good payloads there is no schema.

    Returns
    -------
    SchemaProposal

    Notes
    -----
    Runbook §6. It ``helps`` where dead payloads are refused more often than good ones, beyond what chance does (the
    95 % intervals do not touch), and more than one in a hundred more often. What a good payload of next month looks
    like the records do not say.
    """
    check_frame(records, RECORDS, PROPOSED_FROM)
    texts, good, dead, passed = _payloads(records)
    if good.empty and dead.empty:
        return _untold(say("No event has a payload."), 0, 0, 0)
    place = pd.Series(_places(good["event_key"].to_numpy(dtype=object)), index=good.index)
    kept = good["recorded_at"].loc[place[place >= held_out].nsmallest(LEARN_AT_MOST).index].sort_values(kind="stable")
    tried = place[place < held_out].nsmallest(TRY_AT_MOST).sort_index().index
    values = [value for text in texts[kept.index].to_numpy(dtype=object) for value in _decoded(text)]
    if len(values) < min_support:
        words = say(
            "{count} good payloads are too few to learn from; {needed} are needed.",
            count=len(values), needed=min_support,
        )  # fmt: skip
        return _untold(words, len(values), len(tried), len(dead) + passed)
    if dead.empty and not passed:
        return _untold(say("No dead letter has a payload."), len(values), len(tried), 0)
    schema = infer_schema(values, min_support=min_support)
    on_good, on_dead = (check_inferred(schema, texts[index]) for index in (tried, dead.index))
    return _judged(schema, len(values), on_good, on_dead, passed)


def _untold(sentence: str, learned: int, held_out: int, dead: int) -> SchemaProposal:
    reasons = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in PROPOSED.items()})
    return SchemaProposal("cannot tell", sentence, None, learned, held_out, 0, dead, 0, reasons)


def _payloads(records: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame, int]:
    """All payloads; the row of one for each event that succeeded, and for each that died with one that did not; how
    many died and passed with the same.
    """
    frame = records[["event_key", "recorded_at", "payload_snapshot"]]
    unnamed = frame["event_key"].isna()
    if unnamed.any():
        names = frame["event_key"].mask(unnamed, "row " + frame.index.astype("str").to_series(frame.index))
        frame = frame.assign(event_key=names)
    # Frames that were put together may have the same label twice.
    frame, outcome = frame.reset_index(drop=True), record_outcomes(records).reset_index(drop=True)
    texts = frame["payload_snapshot"]
    has_payload = texts.notna() & (texts != "")
    good, dead = (_newest(frame, has_payload & (outcome == name)) for name in ("succeeded", "dead"))
    both = good.loc[is_one_of(good["event_key"], dead["event_key"]), "event_key"]
    passed_with = texts[both.index].set_axis(both)
    has_passed = texts[dead.index] == dead["event_key"].map(passed_with)
    has_passed = has_passed.fillna(False).astype(bool)
    return texts, good, dead[~has_passed], int(has_passed.sum())


def _newest(frame: pd.DataFrame, mask: pd.Series) -> pd.DataFrame:
    """The newest row of each event of a mask, in order of time, without its payload: few of them are read."""
    kept = frame.loc[mask, ["event_key", "recorded_at"]]
    return kept.sort_values("recorded_at", kind="stable", na_position="first").drop_duplicates("event_key", keep="last")


def _places(event_keys: Iterable[str]) -> npt.NDArray[np.float64]:
    """For each key a number from 0 to 1 that the key alone decides."""
    blake = hashlib.blake2b
    digests = b"".join([blake(key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in event_keys])
    return np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2**64


def _decoded(text: str) -> list[Any]:
    try:
        return [decode_payload(text)]
    except ValueError:
        return []


def _judged(schema: dict[str, Any], learned: int, on_good: Refusals, on_dead: Refusals, passed: int) -> SchemaProposal:
    died = on_dead.payloads + passed
    good_share, dead_share = on_good.refused / max(on_good.payloads, 1), on_dead.refused / died
    _, good_high = share_interval(on_good.refused, on_good.payloads)
    dead_low, _ = share_interval(on_dead.refused, died)
    helps = dead_low > good_high and dead_share - good_share > WRONG_AT_MOST
    reasons = on_dead.reasons.rename(columns={"payloads": "dead"}).merge(
        on_good.reasons.rename(columns={"payloads": "good"}), on=["path", "keyword"], how="outer"
    )
    reasons[["dead", "good"]] = reasons[["dead", "good"]].fillna(0)
    reasons = reasons.sort_values(["dead", "good", "path", "keyword"], ascending=[False, True, True, True])
    reasons = reasons[list(PROPOSED)].reset_index(drop=True).astype(dict(PROPOSED))
    counts: dict[str, object] = {
        "refused": on_dead.refused, "dead": died, "share": dead_share,
        "wrongly": on_good.refused, "good": on_good.payloads, "wrong_share": good_share, "at_most": good_high,
    }  # fmt: skip
    if helps:
        first = reasons.iloc[0]
        sentence = say(
            "A check of the payload, learned from {learned} good ones, would have refused {refused} of {dead} dead "
            "events ({share:.0%}), and wrongly {wrongly} of {good} good ones that it was not learned from "
            "({wrong_share:.2%}; at most {at_most:.2%}). Most often: {path} ({how}), {most} dead events.",
            **counts, learned=learned, path=first["path"], how=_words(str(first["keyword"])), most=first["dead"],
        )  # fmt: skip
        if good_share > WRONG_AT_MOST:
            sentence += " " + say("That is too many good ones: keep only the rules that you know to be right.")
    else:
        sentence = say(
            "Nothing in the payload tells dead letters from good events: a check would have refused {refused} of "
            "{dead} dead events ({share:.0%}), and wrongly {wrongly} of {good} good ones that it was not learned "
            "from ({wrong_share:.2%}; at most {at_most:.2%}).",
            **counts,
        )
    if passed:
        sentence += " " + say_count(
            "{count} of the dead events passed later with the payload that it died with.",
            "{count} of the dead events passed later with the payload that they died with.",
            passed,
        )
    return SchemaProposal("helps" if helps else "nothing", sentence, schema, learned, on_good.payloads, on_good.refused,
                          died, on_dead.refused, reasons)  # fmt: skip


def _words(keyword: str) -> str:
    return say(_KEYWORDS[keyword]) if keyword in _KEYWORDS else keyword
