"""Ctrl-C at any moment leaves a journal that is whole and knows every answer."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dlqkit.republish.interrupts import holding_interrupts
from dlqkit.republish.journal import open_journal, read_journal
from dlqkit.republish.sending import send_events
from dlqkit.republish.sink import Message, SendError
from tests.republish.plans import Answers, make_plan, send_all


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Whoever starts the tests in the background has SIGINT ignored; here somebody sits at the keyboard."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class InterruptedAtCommit:
    """A connection at whose nth commit somebody presses Ctrl-C."""

    def __init__(self, connection: sqlite3.Connection, at: int) -> None:
        self.connection, self.left = connection, at

    def cursor(self) -> InterruptedAtCommit:
        return self

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        out = self.connection.execute(statement, *values)
        if statement == "COMMIT":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def test_an_interrupt_during_a_commit_waits_until_the_journal_knows_of_it(tmp_path: Path) -> None:
    """The journal can be read and opened afterwards, and says of each event what became of it."""
    sink, plan = Answers(most=2), make_plan(20)
    with pytest.raises(KeyboardInterrupt), open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        journal.begin_run(plan.plan_id)
        journal._connection = InterruptedAtCommit(journal._connection, 3)  # type: ignore[assignment]
        send_all(journal, sink, plan)

    frame = read_journal(tmp_path)
    acked = frame[frame["state"] == "acked"]["item"].tolist()
    assert 0 < len(acked) < 20
    assert acked == sink.items
    with open_journal(tmp_path) as journal:
        assert send_all(journal, sink, plan).acked == 20 - len(acked)


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Ctrl-C so long after the block begins, if it has not ended by then."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def test_an_interrupt_at_any_moment_loses_no_answer_and_damages_nothing(tmp_path: Path) -> None:
    """A hundred of them, wherever they fall: what the receiver answered is acknowledged, and nothing is sent twice."""
    draw, interrupted = random.Random(5), 0
    for number in range(100):
        folder, plan, sink = tmp_path / str(number), make_plan(60), Answers(most=2)
        with open_journal(folder) as journal:
            journal.add_plan(plan)
            run_id = journal.begin_run(plan.plan_id)
            try:
                with interrupted_after(draw.uniform(0.0005, 0.02)):
                    send_events(
                        journal, sink, plan, range(1, 61), run_id=run_id, step=1, max_rate=plan.max_rate,
                        should_stop=lambda: False,
                    )  # fmt: skip
            except KeyboardInterrupt:
                interrupted += 1
        frame = read_journal(folder)
        assert set(frame[frame["state"] == "acked"]["item"]) == set(sink.items)
        assert len(sink.items) == len(set(sink.items))

    assert interrupted >= 20


def test_an_interrupt_while_a_bad_message_is_looked_for_sends_nothing_twice(tmp_path: Path) -> None:
    """The halves of a refused request are under way once, however often the answer is asked for."""
    pressed = False

    def answer(_: int, messages: Sequence[Message]) -> list[str]:
        nonlocal pressed
        if any(one.item == 7 for one in messages):
            if len(messages) == 1 and not pressed:
                pressed = True
                os.kill(os.getpid(), signal.SIGINT)
            raise SendError("INVALID_ARGUMENT", True)
        return [f"id-{one.item}" for one in messages]

    sink, plan = Answers(answer, most=16), make_plan(16)
    with open_journal(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        send_all(journal, sink, plan)

    stored = [item for request in sink.requests if 7 not in request for item in request]
    frame = read_journal(tmp_path)
    assert pressed
    assert len(stored) == len(set(stored))
    assert set(frame[frame["state"] == "acked"]["item"]) == set(stored)


def test_what_was_held_back_does_what_it_would_have_done() -> None:
    """Once, and only when the block has ended."""
    heard: list[str] = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("interrupt"))
    try:
        with holding_interrupts():
            signal.raise_signal(signal.SIGINT)
            heard.append("end of the block")
    finally:
        signal.signal(signal.SIGINT, before)

    assert heard == ["end of the block", "interrupt"]
