"""A simulated platform behind real sockets, on a clock that the test moves; plans of its dead letters; ways to send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.evidence.live import LiveWorld
from dlqkit.republish.plan import Plan, write_plan
from dlqkit.republish.plan_decisions import Approval, write_approval
from dlqkit.republish.registry import find_registry
from dlqkit.republish.run import Run, run_republish
from dlqkit.simulator.dialect import RepublishDialect
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.prometheus import Prometheus
from tests.republish.sent_plans import make_plan, planned

NOW = 1_790_000_000.0


class SimulatedWorld(LiveWorld):
    """Reads a platform over its sockets; time passes only by ``wait``."""

    def __init__(self, server: Server, *, has_metrics: bool = True) -> None:
        self.platform, self.moment = server.platform, server.platform.now
        self.platform.clock = lambda: self.moment  # type: ignore[method-assign]
        self.waited = 0.0
        self.later: list[tuple[float, Callable[[], None]]] = []
        metrics = Prometheus(f"{server.url}/prometheus") if has_metrics else None
        super().__init__(ExecutionLogs(f"{server.url}/execution-logs", server.api_key), metrics)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.moment, UTC)

    def wait(self, seconds: float) -> None:
        self.moment += seconds
        self.waited += seconds
        due = [act for at, act in self.later if at <= self.waited]
        self.later = [(at, act) for at, act in self.later if at > self.waited]
        for act in due:
            act()


class PlatformSink:
    """Brings messages to the platform's worker at once, and keeps what it was given."""

    def __init__(self, platform: Platform, topic: str) -> None:
        self.platform, self.topic = platform, topic
        self.items: list[int] = []
        self.is_closed = False

    def send(self, messages: Sequence[Any]) -> list[str]:
        self.platform.consume_many(self.topic, [(one.data, one.attributes) for one in messages])
        self.items += [one.item for one in messages]
        return [f"m{one.item}" for one in messages]

    def close(self) -> None:
        self.is_closed = True


class Scene:
    """A platform after an outage of its busiest workflow, an approved plan of its dead letters, and a run of it."""

    def __init__(self, server: Server, directory: Path, *, events: int, deadline_s: float, **options: Any) -> None:
        self.platform, self.directory = server.platform, directory
        self.world = SimulatedWorld(server, **options)
        self.workflow = self.platform.workflows[self.platform.fault.workflow]
        self.sink = PlatformSink(self.platform, self.workflow.topic)
        self.known = self.world.records(self.workflow.workflow_id, self._before()).frame
        self.plan = self._plan(events, deadline_s)
        find_registry(directory, None).claim(self.plan, "anna", self.plan.as_of)
        write_plan(directory, self.plan, {})
        write_approval(directory, Approval(self.plan.plan_id, self.plan.hash, "anna", "the database is back",
                                           self.plan.as_of, (), deadline_s))  # fmt: skip

    def _before(self) -> datetime:
        return datetime.fromtimestamp(self.platform.fault.begins - 60, UTC)

    def _plan(self, count: int, deadline_s: float) -> Plan:
        dead = self.known[self.known["queued_to_dlq"].fillna(False).astype(bool)]
        dead = dead.sort_values("recorded_at").drop_duplicates("event_key").head(count)
        events = [
            planned(
                number, event_key=row["event_key"], record_id=row["record_id"], trace_id=row["trace_id"],
                workflow_id=row["workflow_id"], dead_at=row["recorded_at"].isoformat(),
                payload=row["payload_snapshot"], address=self.workflow.topic,
            )
            for number, row in enumerate(dead.to_dict("records"), start=1)
        ]  # fmt: skip
        return make_plan(
            events, address=self.workflow.topic, steps=(1, 5, 20), max_rate=10_000.0, outcome_deadline_s=deadline_s,
            as_of=self.world.now().isoformat(),
        )  # fmt: skip

    def run(self, **options: Any) -> Run:
        """Execute the plan on the simulated clock."""
        return run_republish(self.directory, self.plan, sink=lambda: self.sink, world=self.world, execute=True,
                             known=self.known, **options)  # fmt: skip

    def records(self) -> pd.DataFrame:
        """Everything that the API shows of the workflow now."""
        return self.world.records(self.workflow.workflow_id, self._before()).frame


@contextmanager
def scene(
    directory: Path, *, seed: int = 5, fixed: bool = True, events: int = 26, deadline_s: float = 180.0,
    republish: RepublishDialect | None = None, **options: Any,
) -> Iterator[Scene]:  # fmt: skip
    """A platform whose database is back, or is still away although somebody said that it is back."""
    platform = Platform(seed=seed, scenario="infrastructure", events=8000, pagination="cursor", now=NOW,
                        republish=republish or RepublishDialect())  # fmt: skip
    platform.clock = lambda: NOW  # type: ignore[method-assign]
    if fixed:
        platform.heal(at=NOW - 600)
    else:
        platform.begin_outage(platform.fault.workflow, begins=platform.fault.begins)
    server = Server(platform)
    server.start()
    try:
        (directory / "incident.toml").write_text("[incident]\n")
        yield Scene(server, directory, events=events, deadline_s=deadline_s, **options)
    finally:
        server.stop()


def audit_lines(directory: Path) -> list[dict[str, Any]]:
    """What the audit log says of runs."""
    lines = [json.loads(line) for line in (directory / "audit.jsonl").read_text().splitlines()]
    return [line for line in lines if line["action"].startswith("republish run")]
