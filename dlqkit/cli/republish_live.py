"""A republish against the live world of the settings: the run, the looking for events in doubt, the new snapshot."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlqkit import language
from dlqkit.cli.shared import Progress, say

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.errors import DlqkitError
    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.journal import Journal
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.proof import Proof
    from dlqkit.republish.run import Run, Step
    from dlqkit.settings import Settings

__all__ = [
    "VERIFICATION",
    "execute_plan",
    "find_refusal",
    "release_cancelled",
    "release_settled",
    "settle_by_looking",
    "take_snapshot",
]

VERIFICATION = "the verification subscription"
"""What settled an event, where it was that."""
# Fates of which the end is not known, so that another plan must not have the event.
OPEN = ("not_sent", "in_doubt", "running", "not_seen")


def execute_plan(
    directory: Path,
    plan: Plan,
    settings: Settings,
    *,
    stopped: threading.Event | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Run:
    """Run a plan against the live world of the settings.

    Parameters
    ----------
    directory : Path
        The incident folder.
    plan : Plan
        As ``read_plan`` gives it.
    settings : Settings
        Where the sources and the receiver are.
    stopped : Event, optional
        Once set, the run ends after what is in flight.
    on_step : callable, optional
        Told of each look at a step; by default a line on standard error while somebody looks.

    Returns
    -------
    Run

    Raises
    ------
    PlanError
        If an event that is still to be sent is no longer this plan's in the registry, or today's settings do not
        permit the plan.
    """
    from dlqkit.evidence.live import connect_world
    from dlqkit.republish.permission import check_permission
    from dlqkit.republish.publisher import find_server
    from dlqkit.republish.registry import find_registry
    from dlqkit.republish.run import run_republish

    check_permission(directory, plan, settings, find_server(settings.republish.endpoint))
    ends = stopped or threading.Event()
    known = _known_before(directory, plan)
    with Progress() as progress:
        counted = _Counted(plan, directory, progress) if sys.stderr.isatty() else None
        return run_republish(
            directory, plan, sink=lambda: _open_sink(plan, settings) if counted is None
            else counted.watch(_open_sink(plan, settings)), world=connect_world(settings, stopped=ends),
            execute=True, registry=find_registry(directory, settings.republish.registry), should_stop=ends.is_set,
            known=known, names=dict(settings.prometheus.metrics), on_step=on_step or _say_step,
        )  # fmt: skip


def find_refusal(directory: Path, plan: Plan, settings: Settings) -> DlqkitError | None:
    """Why today's settings would not let an approved plan be sent; None where they would."""
    from dlqkit.errors import DlqkitError
    from dlqkit.republish.permission import check_permission
    from dlqkit.republish.publisher import find_server

    try:
        check_permission(directory, plan, settings, find_server(settings.republish.endpoint))
    except DlqkitError as error:
        return error
    return None


def release_settled(directory: Path, plan: Plan, settings: Settings, proof: Proof) -> int:
    """Let other plans have the events whose end is known: passed, failed again, or surely not sent; how many."""
    from dlqkit.republish.registry import find_registry
    from dlqkit.republish.sends import release_events

    fates = proof.events.set_index("event_key")["fate"].astype("str")
    registry = find_registry(directory, settings.republish.registry)
    return release_events(registry, plan, keep=set(fates[fates.isin(OPEN)].index))


def release_cancelled(directory: Path, plan: Plan, settings: Settings, states: Mapping[int, str]) -> int:
    """Let other plans have the events of a cancelled plan that were surely not sent; how many."""
    from dlqkit.republish.cancelling import HELD_STATES
    from dlqkit.republish.registry import find_registry
    from dlqkit.republish.sends import release_events

    held = {event.event_key for event in plan.events if states.get(event.item) in HELD_STATES}
    return release_events(find_registry(directory, settings.republish.registry), plan, keep=held)


def _open_sink(plan: Plan, settings: Settings) -> Any:
    """The receiver; where the plan names one, the verification subscription is there before the first event is sent."""
    from dlqkit.republish.publisher import connect_channel, connect_sink
    from dlqkit.republish.verification import create_verification_subscription

    own = settings.republish
    if plan.target.kind == "pubsub" and plan.verification_subscription is not None:
        channel, _ = connect_channel(own.endpoint)
        try:
            create_verification_subscription(channel, plan.verification_subscription, plan.target.address)
        finally:
            channel.close()
    return connect_sink(
        plan.target,
        endpoint=own.endpoint,
        bearer=own.http.bearer if own.http is not None else None,
        ca_file=own.http.ca_file if own.http is not None else None,
    )


class _Counted:
    """A receiver whose messages are counted as they go out, for the bar; what it answers is not touched."""

    def __init__(self, plan: Plan, directory: Path, progress: Callable[[str, int, int | None], None]) -> None:
        from dlqkit.republish.status import find_status

        (status,) = find_status(directory, plan.plan_id)
        self._total, self._progress = len(plan.events), progress
        self._done = self._total - status.states.get("planned", 0)
        self._sink: Any = None
        # A run speaks English, whoever looks at it.
        self._what = language.say("Sending")

    def watch(self, sink: Any) -> Any:
        """Itself, in place of a receiver that was opened."""
        self._sink = sink
        self._tell(0)
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    @property
    def prepare(self) -> Callable[[Any], Callable[[], Any]]:
        """As the receiver's own, where it has one."""
        prepare = self._sink.prepare

        def prepared(messages: Any) -> Callable[[], Any]:
            let_go = prepare(messages)

            def go() -> Any:
                self._tell(len(messages))
                return let_go()

            return go

        return prepared

    def send(self, messages: Any) -> list[str]:
        """As the receiver does."""
        self._tell(len(messages))
        ids: list[str] = self._sink.send(messages)
        return ids

    def _tell(self, more: int) -> None:
        self._done += more
        self._progress(self._what, min(self._done, self._total), self._total)


def _known_before(directory: Path, plan: Plan) -> pd.DataFrame:
    from dlqkit.evidence.folder import open_incident

    return open_incident(directory, snapshot=plan.snapshot).records().frame


def _say_step(step: Step) -> None:
    say(f"{step.place}: {step.judgement.sentence}")


def settle_by_looking(directory: Path, plan: Plan, settings: Settings, journal: Journal, who: str) -> dict[str, int]:
    """Settle by what can be seen now: execution records, then the verification subscription where there is one."""
    from dlqkit.evidence.live import connect_world
    from dlqkit.republish.outcomes import find_outcomes
    from dlqkit.republish.resolution import resolve_by_records

    settled: dict[str, int] = {}
    sent, doubtful = _doubtful(plan, journal)
    if doubtful.empty:
        return settled
    if settings.execution_logs.url is not None:
        since = doubtful["sent_at"].min().to_pydatetime() - timedelta(seconds=plan.clock_tolerance_s)
        world = connect_world(settings)
        traces = tuple(doubtful["trace_id"].dropna().unique())
        records = world.records(str(doubtful["workflow_id"].iloc[0]), since, traces)
        for sentence in records.coverage.missing:
            say(sentence)
        outcomes = find_outcomes(sent, records.frame, dedupe_attribute=plan.target.dedupe_attribute,
                                 known=_known_before(directory, plan),
                                 clock_tolerance_s=plan.clock_tolerance_s)  # fmt: skip
        settled["records"] = resolve_by_records(journal, plan.plan_id, outcomes, by=who)
    # The plan's, not today's setting: only that one was there before the first event was sent.
    name, attribute = plan.verification_subscription, plan.target.dedupe_attribute
    _, doubtful = _doubtful(plan, journal)
    if name is not None and attribute is not None and plan.target.kind == "pubsub" and len(doubtful):
        from dlqkit.republish.publisher import connect_channel
        from dlqkit.republish.resolution import resolve_by_subscription
        from dlqkit.republish.verification import load_seen

        channel, _ = connect_channel(settings.republish.endpoint)
        try:
            seen = load_seen(
                channel, name, set(doubtful["dedupe_key"]), topic=plan.target.address, dedupe_attribute=attribute
            )
        finally:
            channel.close()
        settled[VERIFICATION] = resolve_by_subscription(journal, plan.plan_id, seen, by=who)
    return settled


def _doubtful(plan: Plan, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    from dlqkit.republish.sent_events import sent_events

    sent = sent_events(plan, journal.events(plan.plan_id))
    return sent, sent[sent["state"] == "in_doubt"]


def take_snapshot(directory: Path, settings: Settings, workflow_id: str | None = None) -> IncidentFolder:
    """A new snapshot, of the same question up to now; of all records of that workflow, else of the one in trouble."""
    from dlqkit.evidence.collect import collect
    from dlqkit.evidence.folder import read_incident
    from dlqkit.incident import Incident
    from dlqkit.report.focus import find_focus

    asked = read_incident(directory)
    incident = Incident(asked.start, datetime.now(UTC), workflow_id=asked.workflow_id, trace_id=asked.trace_id)
    with Progress() as progress:
        return collect(incident, settings, directory, progress=progress,
                       focus=find_focus if workflow_id is None else lambda _: workflow_id)  # fmt: skip
