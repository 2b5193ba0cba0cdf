"""What became of every event of a plan, each in exactly one state, with totals that balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from dlqkit.frames import Coverage
from dlqkit.notebook_html import Shown
from dlqkit.republish.outcomes import OUTCOMES, find_outcomes
from dlqkit.republish.plan import Plan
from dlqkit.republish.sent_events import TIME, sent_events

__all__ = ["FATES", "PROOF", "Proof", "prove_republish"]

FATES = ("passed", "failed_same", "failed_new", "running", "not_seen", "in_doubt", "failed_to_send", "not_sent")
PROOF: Mapping[str, str] = {
    "item": "Int64",
    "event_key": "str",
    "trace_id": "str",
    "fate": "category",
    "matched_by": "str",
    "record_id": "str",
    "sent_at": TIME,
    "seen_at": TIME,
    "signature_id": "str",
    "message_id": "str",
    "code": "str",
    "executions": "Int64",
}


@dataclass(frozen=True, repr=False)
class Proof(Shown):
    """What became of a plan's events, as of a moment.

    ``events`` has a row for each planned event, columns of ``PROOF``; ``totals`` a number for each of ``FATES``.
    """

    plan_id: str
    plan_hash: str
    as_of: datetime
    events: pd.DataFrame
    totals: Mapping[str, int]
    planned: int
    left_out: int
    gaps: tuple[str, ...]
    """One sentence for each thing because of which an event may be unseen."""

    def _shown(self) -> tuple[str, list[tuple[str, object]]]:
        return f"Proof of {self.plan_id}: {self.sentence}", [
            ("hash", self.plan_hash),
            ("as of", f"{self.as_of:%Y-%m-%d %H:%M:%S} UTC"),
            ("may be unseen", " ".join(self.gaps)),
        ]

    @property
    def balances(self) -> bool:
        """Whether every planned event is in exactly one of the totals."""
        items = set(self.events["item"])
        return sum(self.totals.values()) == self.planned == len(self.events) == len(items)

    @property
    def has_all_passed(self) -> bool:
        """Whether every planned event was sent and seen to pass."""
        return self.totals["passed"] == self.planned

    @property
    def sentence(self) -> str:
        """The totals in one line, without those that are 0."""
        parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in self.totals.items() if count]
        return f"{self.planned:,} planned = {' + '.join(parts) or '0'}; {self.left_out:,} left out"


def prove_republish(
    plan: Plan,
    journal: pd.DataFrame,
    records: pd.DataFrame,
    *,
    as_of: datetime,
    coverage: Coverage | None = None,
    known: pd.DataFrame | None = None,
    clock_tolerance_s: float | None = None,
) -> Proof:
    """What became of every event of a plan.

    Parameters
    ----------
    plan : Plan
        Frozen.
    journal : DataFrame
        ``journal.JOURNAL``, also of other plans; empty where nothing was run.
    records : DataFrame
        ``frames.RECORDS`` of after the run; those after ``as_of`` are passed over.
    as_of : datetime
        Aware; until when the records tell.
    coverage : Coverage, optional
        Of the records: what is missing there may be why an event is not seen.
    known : DataFrame, optional
        ``frames.RECORDS`` of before the run (``outcomes.find_outcomes``).
    clock_tolerance_s : float, optional
        How far the API's clock may be behind ours; the plan's by default.

    Returns
    -------
    Proof
        passed, failed_same, failed_new, running, not_seen : of what was sent, as ``outcomes.find_outcomes`` has it
        in_doubt : no answer tells whether it was stored, and no record shows it
        failed_to_send : refused for certain, so it was not stored
        not_sent : neither sent nor tried
    """
    until = records[records["recorded_at"].isna() | (records["recorded_at"] <= pd.Timestamp(as_of))]
    sent = sent_events(plan, journal)
    outcomes = find_outcomes(
        sent, until, dedupe_attribute=plan.target.dedupe_attribute, known=known,
        clock_tolerance_s=plan.clock_tolerance_s if clock_tolerance_s is None else clock_tolerance_s,
    )  # fmt: skip
    own = journal[journal["plan_id"] == plan.plan_id]
    events = pd.DataFrame(
        [(event.item, event.event_key, event.trace_id) for event in plan.events], columns=list(PROOF)[:3]
    ).astype({name: PROOF[name] for name in list(PROOF)[:3]})
    joined = events.merge(
        own[["item", "state", "message_id", "code", "intent_at"]].rename(columns={"intent_at": "sent_at"}),
        on="item", how="left", validate="one_to_one",
    )  # fmt: skip
    joined = joined.merge(outcomes[[name for name in OUTCOMES if name != "event_key"]], on="item", how="left")
    fates = [_fate(state, outcome) for state, outcome in zip(joined["state"].astype("str"),
                                                             joined["outcome"].astype("str"), strict=True)]  # fmt: skip
    joined["fate"] = pd.Categorical(fates, categories=list(FATES))
    totals = {name: fates.count(name) for name in FATES}
    proved = joined[list(PROOF)].astype(dict(PROOF))
    gaps = () if coverage is None else tuple(coverage.missing)
    return Proof(plan.plan_id, plan.hash, as_of, proved, totals, len(plan.events), len(plan.left_out), gaps)


def _fate(state: object, outcome: object) -> str:
    """The one word for an event, of its state in the journal and its outcome in the records."""
    if state == "acked":
        return str(outcome)
    if state in {"in_doubt", "intent"}:
        # A record of it shows that it was stored after all.
        return "in_doubt" if outcome == "not_seen" else str(outcome)
    return "failed_to_send" if state == "failed" else "not_sent"
