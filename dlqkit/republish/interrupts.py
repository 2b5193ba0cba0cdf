"""Ctrl-C is heard, but never between two steps that belong together."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

__all__ = ["holding_interrupts"]


@contextmanager
def holding_interrupts() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Keep SIGINT until the block has ended, and then let it do what it would have done.

    Yields
    ------
    callable
        Gives a context in which SIGINT is heard at once, for a place of the block that waits.

    Notes
    -----
    Python runs handlers in the main thread alone, so in another one nothing has to be kept.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is None:
        yield nullcontext
        return
    held: list[int] = []

    def keep(number: int, _: object) -> None:
        held.append(number)

    def pass_on() -> None:
        signal.signal(signal.SIGINT, usual)
        if held:
            held.clear()
            signal.raise_signal(signal.SIGINT)

    @contextmanager
    def listening() -> Iterator[None]:
        try:
            pass_on()
            yield
        finally:
            signal.signal(signal.SIGINT, keep)

    signal.signal(signal.SIGINT, keep)
    try:
        yield listening
    finally:
        pass_on()
