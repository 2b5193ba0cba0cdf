"""A Spark that stands still is an error after a while; one that works, however slowly, is not."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dlqkit.engines.standstill import run_watched
from dlqkit.errors import EngineError


class Cancelled(Exception):
    """What Spark raises in the thread whose jobs were cancelled."""


@dataclass
class Spark:
    """As much of a session as is asked: one job of the group that was set last, with tasks that run or none."""

    tasks: int
    status: str = "RUNNING"
    properties: dict[str, Any] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def sparkContext(self) -> Spark:
        return self

    def setJobGroup(self, group: str, description: str) -> None:
        self.properties |= {"spark.jobGroup.id": group, "spark.job.description": description}

    def getLocalProperty(self, name: str) -> Any:
        return self.properties.get(name)

    def setLocalProperty(self, name: str, value: Any) -> None:
        self.properties[name] = value

    def statusTracker(self) -> Spark:
        return self

    def getJobIdsForGroup(self, group: str) -> list[int]:
        return [4] if group == self.properties["spark.jobGroup.id"] else []

    def getJobInfo(self, job: int) -> Any:
        return SimpleNamespace(status=self.status, stageIds=[7, 8])

    def getStageInfo(self, stage: int) -> Any:
        # Spark forgets old stages, and says None of them.
        return SimpleNamespace(numActiveTasks=self.tasks) if stage == 8 else None

    def cancelJobGroup(self, group: str) -> None:
        assert group == self.properties["spark.jobGroup.id"]
        self.cancelled.set()

    def answer(self, seconds: float) -> str:
        """Take so long, or until cancelled."""
        if self.cancelled.wait(seconds):
            raise Cancelled
        return "the answer"


def test_a_job_without_a_running_task_is_given_up() -> None:
    """The error says what to look at; that Spark was told to cancel is beneath it."""
    spark = Spark(tasks=0)

    with pytest.raises(EngineError) as raised:
        run_watched(spark, lambda: spark.answer(20), patience_s=0.2, poll_s=0.02)

    assert raised.value.problem.startswith("Spark has run no task for 0 s: its workers are gone")
    assert isinstance(raised.value.__cause__, Cancelled)


@pytest.mark.parametrize("spark", [Spark(tasks=1), Spark(tasks=0, status="SUCCEEDED")])
def test_a_job_at_work_is_waited_for_longer_than_the_patience(spark: Spark) -> None:
    """Slow is not gone; nor is a moment in which no job is there."""
    assert run_watched(spark, lambda: spark.answer(0.6), patience_s=0.1, poll_s=0.02) == "the answer"
    assert not spark.cancelled.is_set()


def test_an_error_of_the_job_itself_stays_as_it_is() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_watched(Spark(tasks=1), fail, patience_s=5, poll_s=0.02)


def test_the_next_jobs_of_the_session_are_in_the_group_that_they_were_in() -> None:
    """A session is often somebody's notebook, with a group and a description of its own."""
    spark = Spark(tasks=1, properties={"spark.jobGroup.id": "theirs"})

    run_watched(spark, lambda: spark.answer(0), patience_s=5, poll_s=0.02)

    assert spark.properties["spark.jobGroup.id"] == "theirs"
    assert spark.properties["spark.job.description"] is None


def test_a_session_of_spark_connect_is_asked_as_it_is() -> None:
    """It has no context in this process, so that to ask for one would fail."""
    session = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()

    assert run_watched(session, lambda: 7) == 7
