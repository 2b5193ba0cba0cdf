"""How far a long step is: so many of how many, how fast, how long it still takes; only where somebody is looking."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from dlqkit import language
from dlqkit.untrusted import for_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

__all__ = ["POSTMORTEM", "Progress", "aside", "make_bars", "step_progress"]

POSTMORTEM = (language.mark("Post-mortem: {step}"), 3)
"""What ``step_progress`` takes for ``run_postmortem``: facts, notebook, report."""

# A ramp waits for outcomes between its steps, so its rate is known only over several of them.
_RATE_OVER_S = 300.0
_BAR_CELLS = 16
_shown: ContextVar[Bars | None] = ContextVar("bars", default=None)


def make_bars(console: Console, get_time: Callable[[], float] = time.monotonic) -> Bars:
    """Bars on that console: what, how many of how many, the rate, and the time left where an end is known.

    Parameters
    ----------
    console : rich Console
    get_time : callable
        The clock, in seconds.
    """
    from rich.progress import BarColumn, ProgressColumn, Task
    from rich.progress import Progress as Bars
    from rich.table import Column
    from rich.text import Text

    class Told(ProgressColumn):
        """Counts, rate and time in words."""

        def render(self, task: Task) -> Text:
            return Text(_told(task.completed, task.total, task.speed, task.time_remaining, task.elapsed))

    class What(ProgressColumn):
        """What is done, cut where the screen is narrow."""

        def render(self, task: Task) -> Text:
            return Text(task.description, overflow="ellipsis", no_wrap=True)

    return Bars(
        What(table_column=Column(ratio=1, no_wrap=True)), BarColumn(_BAR_CELLS),
        Told(table_column=Column(no_wrap=True)), console=console, transient=True, get_time=get_time,
        speed_estimate_period=_RATE_OVER_S, expand=True,
        # Else what is printed meanwhile would go where the bars do, and not into the file that it was sent to.
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip


def _told(done: float, total: float | None, speed: float | None, left_s: float | None, elapsed_s: float | None) -> str:
    parts = [f"{language.number(done)}/{language.number(total)}" if total else language.number(done) if done else ""]
    if speed:
        parts.append(
            language.say("{rate:.1f} a second", rate=float(speed))
            if speed >= 1
            else language.say("{rate:.1f} a minute", rate=speed * 60)
        )
    if total is not None and left_s is not None and done < total:
        parts.append(language.say("{time} left", time=_clock(left_s)))
    elif elapsed_s is not None:
        parts.append(_clock(elapsed_s))
    return ", ".join(part for part in parts if part)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Bars on standard error while somebody is looking; silent when piped."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, Any] = {}
        self._token: Any = None

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        if sys.stderr.isatty():
            from rich.console import Console

            self._bars = make_bars(Console(stderr=True))
            self._bars.start()
            self._token = _shown.set(self._bars)
        return self._step

    def _step(self, what: str, done: int, total: int | None) -> None:
        if self._bars is None:
            return
        if what not in self._tasks:
            # What is done already when it begins was done by an earlier run, and is no rate of this one.
            self._tasks[what] = self._bars.add_task(for_terminal(what), total=total, completed=done)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def end(self, what: str) -> None:
        """Stop the clock of something that is done."""
        if self._bars is not None:
            self._bars.stop_task(self._tasks[what])

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            _shown.reset(self._token)


@contextmanager
def aside() -> Iterator[None]:
    """Take the bars away while something is printed, so that neither is written into the other."""
    bars = _shown.get()
    if bars is None:
        yield
        return
    bars.stop()
    try:
        yield
    finally:
        sys.stdout.flush()
        bars.start()


@contextmanager
def step_progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """A callable that is told each of so many steps as it begins, in a marked word.

    Parameters
    ----------
    title : str
        A marked sentence with ``{step}`` in it.
    steps : int
    """
    bars = Progress()
    with bars as progress:
        begun: list[str] = []

        def tell(step: str) -> None:
            word = language.say(step)
            if begun:
                bars.end(begun[-1])
            begun.append(language.say(title, step=f"{word} ({len(begun) + 1}/{steps})"))
            progress(begun[-1], 0, None)

        yield tell
