"""The next page is made while the present one is used, and only the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dlqkit.sources.ahead import one_ahead


def makers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "next page"]


def ended() -> bool:
    for thread in makers():
        thread.join(10)
    return not makers()


def test_every_item_comes_in_order_and_the_maker_ends() -> None:
    assert list(one_ahead(iter(range(100)))) == list(range(100))
    assert list(one_ahead(iter([]))) == []
    assert ended()


def test_one_is_made_while_another_is_in_use_and_never_two() -> None:
    """Memory holds two pages at most: the one that is written, and the one that comes."""
    made = [threading.Event() for _ in range(4)]

    def numbers() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in one_ahead(numbers()):
        if number + 1 < len(made):
            assert made[number + 1].wait(10)
        if number + 2 < len(made):
            assert not made[number + 2].wait(0.05)
    assert ended()


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    got = []
    with pytest.raises(KeyError, match="broken"):
        for number in one_ahead(broken()):
            got.append(number)
    assert got == [1]
    assert ended()


def test_who_stops_early_leaves_no_maker_behind() -> None:
    """A disk that fills up ends the reading: the page under way is the last one that is made."""
    made = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    pages = one_ahead(endless())
    assert next(pages) == 0
    pages.close()  # type: ignore[attr-defined]
    assert ended()
    assert len(made) <= 2
