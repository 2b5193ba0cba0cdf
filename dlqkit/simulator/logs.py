"""Structured worker logs: a file for each instance, continued while the platform runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dlqkit.simulator.error_texts import ERRORS
from dlqkit.simulator.execution_logs_api import error_of
from dlqkit.simulator.platform import Platform, iso

__all__ = ["LogWriter"]

KEPT_S = 6 * 3600.0
# Some libraries print past the logger; such lines are in every real log.
_STRAY = (
    "Traceback (most recent call last):",
    '  File "/app/worker/db.py", line 214, in connect',
    "WARNING: connection pool is growing",
)


class LogWriter:
    """Writes what is visible and not written yet; first the last six hours, then as time goes on."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self._platform = platform
        self._folder = folder
        self._written_to = platform.now - KEPT_S
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = [folder / f"worker-{number + 1}.jsonl" for number in range(platform.instances)]
        for path in self.paths:
            path.write_text("", encoding="utf-8")

    def write(self, now: float | None = None) -> None:
        """Append every line up to now."""
        platform = self._platform
        moment = platform.clock() if now is None else now
        with platform.lock:
            rows = platform.attempts
            first, last = (int(np.searchsorted(rows.ended, at, side="right")) for at in (self._written_to, moment))
            lines: list[list[tuple[float, str]]] = [[] for _ in self.paths]
            for row in range(first, last):
                lines[int(rows.instance[row])].append((float(rows.ended[row]), self._line(row)))
                if rows.dead[row] and row % 7 == 0:
                    lines[int(rows.instance[row])].append((float(rows.ended[row]), _STRAY[row % len(_STRAY)]))
            for number, restarts in enumerate(platform.restarts):
                for _, started, version in restarts:
                    if self._written_to < started <= moment:
                        text = {"version": version, "instance": f"worker-{number + 1}"}
                        lines[number].append((started, self._record(started, "INFO", "worker starting", text)))
        for path, own in zip(self.paths, lines, strict=True):
            if own:
                with path.open("a", encoding="utf-8") as file:
                    file.writelines(f"{text}\n" for _, text in sorted(own, key=lambda pair: pair[0]))
        self._written_to = moment

    def _record(self, at: float, level: str, message: str, more: dict[str, Any]) -> str:
        time_name, level_name, message_name = self._platform.dialect.log_names
        return json.dumps({time_name: iso(at), level_name: level, message_name: message, **more}, ensure_ascii=False)

    def _line(self, row: int) -> str:
        platform = self._platform
        rows = platform.attempts
        event = int(rows.event[row])
        workflow = platform.workflows[int(platform.workflow_of[event])]
        more: dict[str, Any] = {
            "trace_id": platform.trace_id(event, int(rows.delivery[row])),
            "workflow_id": workflow.workflow_id,
            "attempts": int(rows.number[row]),
        }
        at = float(rows.ended[row])
        if not rows.failed[row]:
            return self._record(at, "INFO", "action succeeded", more)
        text, kind, _ = error_of(platform, row)
        what = "event queued to dlq" if rows.dead[row] else "action failed, will be retried"
        level = "ERROR" if rows.dead[row] else "WARNING"
        return self._record(
            at, level, f"{what}: {kind}: {text}", {**more, "retryable": ERRORS[int(rows.error[row])].retryable}
        )
