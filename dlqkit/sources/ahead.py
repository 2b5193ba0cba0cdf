"""The next page is fetched and decoded while the present one is written: the wait for one hides behind the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

__all__ = ["one_ahead"]

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items in their order, each made in another thread while the one before it is in use; never two ahead.

    Whoever stops early leaves the item under way to that thread, which ends with it; an error in making an item is
    raised in its place.
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    made: queue.SimpleQueue[list[T] | BaseException] = queue.SimpleQueue()

    def make() -> None:
        while wanted.get():
            try:
                made.put([next(items)])
            except StopIteration:
                made.put([])
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits for the item
                made.put(error)

    # A daemon: an analyst who interrupts a collect does not wait for an API that hangs.
    threading.Thread(target=make, name="next page", daemon=True).start()
    try:
        wanted.put(True)
        while item := made.get():
            if isinstance(item, BaseException):
                raise item
            wanted.put(True)
            yield item[0]
    finally:
        wanted.put(False)
