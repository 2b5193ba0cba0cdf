"""A Spark cluster that goes away: its driver waits for it without an end, so the wait is ended here."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from dlqkit.errors import EngineError

__all__ = ["PATIENCE_S", "run_watched"]

# A worker that fails is replaced, and a shared cluster may be busy, within less than this.
PATIENCE_S = 120.0
_POLL_S = 0.5
_GROUP = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")

Answer = TypeVar("Answer")


def run_watched(
    session: Any, run: Callable[[], Answer], *, patience_s: float = PATIENCE_S, poll_s: float = _POLL_S
) -> Answer:
    """What ``run`` gives, or an error once its jobs have stood still for so long.

    Parameters
    ----------
    session : SparkSession
        In whose jobs ``run`` computes, in this thread. A session of Spark Connect is not watched: its server is.
    run : callable
        Asks Spark once; called once.
    patience_s : float, optional
        Seconds without a task that runs, while there is a job, after which the jobs are cancelled.
    poll_s : float, optional
        Seconds from one look to the next.

    Raises
    ------
    EngineError
        If no task ran for that long: a master and workers that are gone, or that others keep busy.
    """
    context = _context_of(session)
    if context is None:
        return run()
    group = f"dlqkit-{uuid.uuid4().hex}"
    ended, cancelled = threading.Event(), threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(context, group, patience_s, poll_s, ended, cancelled), daemon=True, name=group
    )
    before = {name: context.getLocalProperty(name) for name in _GROUP}
    context.setJobGroup(group, "dlqkit")
    watcher.start()
    try:
        return run()
    except Exception as error:
        if not cancelled.is_set():
            raise
        raise EngineError(
            f"Spark has run no task for {patience_s:,.0f} s: its workers are gone, or others keep them busy.",
            "Look at the page of the cluster's master, then ask again; or choose another engine.",
        ) from error
    finally:
        ended.set()
        watcher.join()
        # The session is somebody's, whose next jobs are not ours to cancel.
        for name, value in before.items():
            context.setLocalProperty(name, value)


def _context_of(session: Any) -> Any:
    # A session of Spark Connect raises where it is asked for a context.
    return None if type(session).__module__.startswith("pyspark.sql.connect") else session.sparkContext


def _watch(
    context: Any, group: str, patience_s: float, poll_s: float, ended: threading.Event, cancelled: threading.Event
) -> None:
    last_at_work = time.monotonic()
    # Where Java itself has ended, the thread that asked is told so.
    with suppress(OSError, *_java_errors()):
        while not ended.wait(poll_s):
            if not _stands_still(context.statusTracker(), group):
                last_at_work = time.monotonic()
            elif time.monotonic() - last_at_work >= patience_s:
                cancelled.set()
                context.cancelJobGroup(group)
                return


def _java_errors() -> tuple[type[Exception], ...]:
    try:
        from py4j.protocol import Py4JError
    except ImportError:
        return ()
    return (Py4JError,)


def _stands_still(tracker: Any, group: str) -> bool:
    """Whether there is a job and none of its tasks runs."""
    jobs = [tracker.getJobInfo(number) for number in tracker.getJobIdsForGroup(group)]
    running = [job for job in jobs if job is not None and job.status == "RUNNING"]
    stages = [tracker.getStageInfo(number) for job in running for number in job.stageIds]
    return bool(running) and not any(stage is not None and stage.numActiveTasks for stage in stages)
