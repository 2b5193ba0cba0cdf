"""One look at the world between two steps: what became of what was sent, and what the counters did since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from dlqkit.frames import Loaded
from dlqkit.language import say
from dlqkit.republish.background import BEFORE_S, Background, measure_background
from dlqkit.republish.matching import is_payload_alone
from dlqkit.republish.outcomes import find_outcomes
from dlqkit.republish.plan import Plan
from dlqkit.republish.ramp import SCRAPES_PATIENCE_S, Judgement, judge_step
from dlqkit.republish.sent_events import sent_events
from dlqkit.republish.world import World

__all__ = ["Observer", "find_twins"]

# Counters are read from so long before a step, so that its first scrape has one before it.
LOOKBACK_S = 300.0
FAILURES = ("failed_same", "failed_new")


def find_twins(plan: Plan) -> Mapping[int, frozenset[int]]:
    """For each item that has one, the other items of the plan with the same payload: their records may be alike."""
    by_payload: dict[str, set[int]] = {}
    for event in plan.events:
        by_payload.setdefault(event.payload_sha256, set()).add(event.item)
    return {item: frozenset(items - {item}) for items in by_payload.values() if len(items) > 1 for item in items}


@dataclass(frozen=True)
class Observer:
    """Looks at the world for one workflow of one plan."""

    plan: Plan
    workflow_id: str
    world: World
    deadline_s: float
    names: Mapping[str, str]
    known: pd.DataFrame | None
    clock_tolerance_s: float
    twins: Mapping[int, frozenset[int]]
    before: Background | None
    """What the counters did before the run; None where no metrics are configured."""

    @classmethod
    def begin(
        cls,
        plan: Plan,
        workflow_id: str,
        world: World,
        deadline_s: float,
        *,
        names: Mapping[str, str] | None = None,
        known: pd.DataFrame | None = None,
        clock_tolerance_s: float | None = None,
    ) -> tuple[Observer, Judgement]:
        """An observer, and whether it sees enough for a first event to be sent.

        Parameters
        ----------
        plan, workflow_id, world
            What is to be sent, the workflow of its events, and the reader.
        deadline_s : float
            Seconds by which an outcome must be seen.
        names : mapping, optional
            Names of metrics that differ from the runbook's.
        known : DataFrame, optional
            ``frames.RECORDS`` of before the run.
        clock_tolerance_s : float, optional
            How far the API's clock may be behind ours; the plan's by default.

        Returns
        -------
        tuple of Observer and Judgement
            ``stop`` where the records cannot be read, or the counters are configured and were not scraped lately.
        """
        now = world.now()
        own = dict(names or {})
        samples = world.samples(workflow_id, now - timedelta(seconds=BEFORE_S + LOOKBACK_S))
        before = None if samples is None else measure_background(samples.frame, workflow_id, now, own)
        tolerance_s = plan.clock_tolerance_s if clock_tolerance_s is None else clock_tolerance_s
        observer = cls(plan, workflow_id, world, deadline_s, own, known, tolerance_s, find_twins(plan), before)
        records = world.records(workflow_id, now - timedelta(seconds=LOOKBACK_S))
        if records.frame.empty and records.coverage.completeness == "partial":
            text, why = say("The execution records cannot be read."), " ".join(records.coverage.missing)
            return observer, Judgement("stop", "records_unread", f"{text} {why}".strip())
        if before is not None and samples is not None:
            last = before.grown.last_scrape
            if last is None or (now - last).total_seconds() > SCRAPES_PATIENCE_S:
                why = " ".join(samples.coverage.missing)
                sentence = say("The worker's counters are configured, and there is no scrape of the last 5 minutes.")
                return observer, Judgement("stop", "scrapes_lost", f"{sentence} {why}".strip())
        return observer, Judgement("go_on", "", "The records can be read.")

    def look(
        self, journal: pd.DataFrame, step: Collection[int], unfinished: Collection[int]
    ) -> tuple[Judgement, set[int]]:
        """Judge a step by what is seen of it now.

        Parameters
        ----------
        journal : DataFrame
            ``journal.JOURNAL`` of the plan.
        step : collection of int
            Items of the step.
        unfinished : collection of int
            Items of earlier steps that were not seen to be done: they count where they have failed by now.

        Returns
        -------
        tuple of Judgement and set of int
            The judgement, and the items of the step and before that are not seen to be done.
        """
        now = self.world.now()
        watched = {*step, *unfinished}
        beside = {twin for item in watched for twin in self.twins.get(item, ())}
        sent = sent_events(self.plan, journal, watched | beside)
        own = sent[sent["item"].isin(watched)]
        if own.empty:
            return Judgement("go_on", "", "Nothing was sent."), set()
        since = own["sent_at"].min().to_pydatetime() - timedelta(seconds=self.clock_tolerance_s)
        records = self.world.records(self.workflow_id, since, tuple(own["trace_id"].dropna().unique()))
        outcomes = find_outcomes(
            sent, records.frame, dedupe_attribute=self.plan.target.dedupe_attribute, known=self.known,
            clock_tolerance_s=self.clock_tolerance_s,
        )  # fmt: skip
        outcomes = outcomes[outcomes["item"].isin(watched)]
        kinds = outcomes["outcome"].astype("str")
        doubtful = outcomes["item"].map(dict(zip(sent["item"], sent["state"], strict=True))) != "acked"
        is_of_step = outcomes["item"].isin(set(step)) & ~(doubtful & (kinds == "not_seen"))
        judged = outcomes[is_of_step | kinds.isin(FAILURES)].reset_index(drop=True)
        is_unsure = kinds.isin(["running", "not_seen"]) | is_payload_alone(outcomes["matched_by"])
        left = set(outcomes.loc[is_unsure, "item"])
        if judged.empty:
            return Judgement("go_on", "", "What was sent is in doubt."), left
        moments = own.loc[own["item"].isin(set(step)), "sent_at"]
        return self._judge(judged, records, moments if len(moments) else own["sent_at"], now), left

    def _judge(self, outcomes: pd.DataFrame, records: Loaded, moments: pd.Series, now: datetime) -> Judgement:
        first, last = moments.min().to_pydatetime(), moments.max().to_pydatetime()
        samples = None if self.before is None else self.world.samples(
            self.workflow_id, first - timedelta(seconds=LOOKBACK_S)
        )  # fmt: skip
        judgement = judge_step(
            outcomes, None if samples is None else samples.frame, self.before,
            workflow_id=self.workflow_id, first_sent_at=first, last_sent_at=last, now=now, deadline_s=self.deadline_s,
            names=self.names, records_at=records.frame["recorded_at"],
        )  # fmt: skip
        is_unread = records.frame.empty and records.coverage.completeness == "partial"
        if judgement.reason == "cannot_correlate" and is_unread:
            text = say(
                "The execution records could not be read within {deadline_s:,.0f} s.", deadline_s=self.deadline_s
            )
            why = " ".join((text, *records.coverage.missing))
            return Judgement("stop", "records_unread", why)
        if judgement.decision == "stop" and judgement.reason in {"cannot_correlate", "scrapes_lost"}:
            loaded = samples if judgement.reason == "scrapes_lost" and samples is not None else records
            why = " ".join((judgement.sentence, *loaded.coverage.missing))
            return Judgement("stop", judgement.reason, why)
        return judgement
