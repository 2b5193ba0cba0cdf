"""What is sent, in which order and how fast, and what each answer makes of an event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.republish import sending
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.plan import Target
from dlqkit.republish.sending import Message, SendError, send_events
from dlqkit.republish.sink import Pending
from tests.republish.plans import ATTRIBUTE, FAST, TOPIC, Answers, make_plan, send_all, states


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)


def test_the_plans_bytes_and_attributes_are_sent_in_its_order(tmp_path: Path) -> None:
    """To the byte; the only attribute that is added is the dedupe attribute."""
    got: list[Message] = []

    def keep(_: int, messages: Sequence[Message]) -> list[str]:
        got.extend(messages)
        return [str(one.item) for one in messages]

    plan = make_plan(3, payloads=['{"a": 1.10}', '{"a":  1e2,"a":2}', '{"б": "\\u0431"}'])
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(keep), plan)

    assert (sent.acked, sent.stopped) == (3, None)
    assert [one.data for one in got] == [event.payload.encode() for event in plan.events]
    assert [dict(one.attributes) for one in got] == [
        {"tenant": "a", ATTRIBUTE: event.dedupe_key} for event in plan.events
    ]


def test_the_dedupe_attribute_may_be_off(tmp_path: Path) -> None:
    got: list[Message] = []

    def keep(_: int, messages: Sequence[Message]) -> list[str]:
        got.extend(messages)
        return [str(one.item) for one in messages]

    with open_journal(tmp_path) as journal:
        send_all(journal, Answers(keep), make_plan(1, target=Target("pubsub", TOPIC, None)))

    assert dict(got[0].attributes) == {"tenant": "a"}


def test_an_intent_is_on_the_disk_before_its_request(tmp_path: Path) -> None:
    """Whoever looks while the request is under way reads it in the journal."""
    seen: list[set[str]] = []

    def look(_: int, messages: Sequence[Message]) -> list[str]:
        frame = read_journal(tmp_path).set_index("item")
        seen.append({str(frame.loc[one.item, "state"]) for one in messages})
        return [str(one.item) for one in messages]

    with open_journal(tmp_path) as journal:
        send_all(journal, Answers(look, most=2), make_plan(6))

    assert seen == [{"intent"}] * 3


def test_an_event_that_is_not_planned_is_not_sent_again(tmp_path: Path) -> None:
    plan = make_plan(4)
    with open_journal(tmp_path) as journal:
        first = send_all(journal, Answers(), make_plan(4))
        sink = Answers()
        second = send_all(journal, sink, plan)

    assert (first.acked, second.acked) == (4, 0)
    assert not sink.requests


def test_only_the_items_that_are_asked_for_are_sent(tmp_path: Path) -> None:
    plan, sink = make_plan(5), Answers()
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        send_events(journal, sink, plan, [2, 4, 99], run_id=run_id, step=1, max_rate=FAST, should_stop=lambda: False)

        assert states(journal, plan) == ["planned", "acked", "planned", "acked", "planned"]
    assert sink.items == [2, 4]


def test_a_payload_or_target_that_is_not_the_journals_is_refused(tmp_path: Path) -> None:
    plan, sink = make_plan(2), Answers()
    event = plan.events[1]
    changed = type(event)(**{name: getattr(event, name) for name in event.__slots__} | {"payload": "{}"})
    others = (
        {"events": (plan.events[0], changed)},
        {"target": Target("pubsub", TOPIC + "-other", ATTRIBUTE)},
    )
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        for other in others:
            odd = type(plan)(**{name: getattr(plan, name) for name in plan.__slots__} | other)
            with pytest.raises(EvidenceError, match="not what the journal has"):
                send_events(
                    journal, sink, odd, [1, 2], run_id=run_id, step=1, max_rate=FAST, should_stop=lambda: False
                )  # fmt: skip
    assert not sink.requests


def test_a_doubtful_answer_leaves_its_events_in_doubt_and_the_others_go_on(tmp_path: Path) -> None:
    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        if number == 2:
            raise SendError("UNAVAILABLE", False)
        return [str(one.item) for one in messages]

    plan, sink = make_plan(6), Answers(answer, most=2)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, sink, plan)

        assert states(journal, plan) == ["acked"] * 2 + ["in_doubt"] * 2 + ["acked"] * 2
        assert list(journal.events("plan-001")["code"][2:4]) == ["UNAVAILABLE"] * 2
    assert (sent.acked, sent.in_doubt, sent.stopped) == (4, 2, None)
    # Each event in one request, what was ready behind the bad answer too.
    assert sorted(sink.items) == [1, 2, 3, 4, 5, 6]


def test_after_three_doubtful_answers_in_a_row_the_call_stops_and_says_so(tmp_path: Path) -> None:
    def answer(_: int, __: Sequence[Message]) -> list[str]:
        raise SendError("RESOURCE_EXHAUSTED", False)

    plan = make_plan(10)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=2), plan)

        assert states(journal, plan) == ["in_doubt"] * 6 + ["planned"] * 4
    assert (sent.in_doubt, sent.not_sent, sent.stopped) == (6, 4, "doubtful")
    assert "RESOURCE_EXHAUSTED" in str(sent.reason)


def test_a_pause_follows_a_doubtful_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was ready behind it waits as well."""
    monkeypatch.setattr(sending, "PAUSE_S", 0.3)
    at: list[float] = []

    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        at.append(time.monotonic())
        if number == 1:
            raise SendError("UNAVAILABLE", False)
        return [str(one.item) for one in messages]

    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=1), make_plan(3))

    assert (sent.acked, sent.in_doubt) == (2, 1)
    assert at[1] - at[0] >= 0.3


@pytest.mark.parametrize(("asked", "most", "expected"), [(0.3, 300.0, 0.3), (3600.0, 0.3, 0.3)])
def test_a_target_that_names_a_time_is_left_alone_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: float, most: float, expected: float
) -> None:
    """An hour is not waited for: five minutes at most."""
    monkeypatch.setattr(sending, "MAX_PAUSE_S", most)
    at: list[float] = []

    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        at.append(time.monotonic())
        if number == 1:
            raise SendError("HTTP_429", False, asked)
        return [str(one.item) for one in messages]

    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=1), make_plan(2))

    assert (sent.acked, sent.in_doubt) == (1, 1)
    assert expected <= at[1] - at[0] < 30


def test_a_target_that_refuses_stops_the_call_and_fails_one_request_alone(tmp_path: Path) -> None:
    def answer(_: int, __: Sequence[Message]) -> list[str]:
        raise SendError("PERMISSION_DENIED", True)

    plan = make_plan(6)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=2), plan)

        assert states(journal, plan) == ["failed"] * 2 + ["planned"] * 4
    assert (sent.failed, sent.not_sent, sent.stopped) == (2, 4, "refused")


def test_a_target_that_cannot_be_reached_leaves_every_event_planned(tmp_path: Path) -> None:
    """Not a byte was sent, so nothing is in doubt; the same command goes on later."""

    def answer(_: int, __: Sequence[Message]) -> list[str]:
        raise SendError("UNREACHABLE", True)

    plan = make_plan(4)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=2), plan)
        assert states(journal, plan) == ["planned"] * 4
        assert (sent.not_sent, sent.stopped) == (4, "unreachable")

        assert send_all(journal, Answers(), plan).acked == 4


@pytest.mark.parametrize(
    "ids", [[], ["1"], ["1", "1"], ["1", ""], ["1", "2", "3"]], ids=["none", "fewer", "equal", "empty", "more"]
)
def test_ids_that_do_not_fit_the_messages_are_no_proof(tmp_path: Path, ids: list[str]) -> None:
    plan = make_plan(2)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(lambda _, __: ids), plan)

        assert states(journal, plan) == ["in_doubt", "in_doubt"]
    assert sent.in_doubt == 2


@pytest.mark.parametrize("bad", [{1}, {7}, {16}, {3, 4, 11}], ids=str)
def test_a_bad_message_is_found_and_the_others_are_sent(tmp_path: Path, bad: set[int]) -> None:
    def answer(_: int, messages: Sequence[Message]) -> list[str]:
        if bad & {one.item for one in messages}:
            raise SendError("INVALID_ARGUMENT", True)
        return [str(one.item) for one in messages]

    plan = make_plan(16)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer), plan)
        known = journal.states("plan-001")

    assert {item for item, state in known.items() if state == "failed"} == bad
    assert (sent.acked, sent.failed, sent.stopped) == (16 - len(bad), len(bad), None)


def test_a_doubtful_answer_while_a_bad_message_is_looked_for_leaves_the_rest_planned(tmp_path: Path) -> None:
    """The half that was not sent goes out after the pause."""

    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        if number == 1:
            raise SendError("INVALID_ARGUMENT", True)
        if number == 2:
            raise SendError("DEADLINE_EXCEEDED", False)
        return [str(one.item) for one in messages]

    plan, sink = make_plan(4), Answers(answer)
    with open_journal(tmp_path) as journal:
        send_all(journal, sink, plan)

        assert states(journal, plan) == ["in_doubt", "in_doubt", "acked", "acked"]
    assert sink.requests == [[1, 2, 3, 4], [1, 2], [3, 4]]


def test_a_target_that_takes_no_message_stops_the_call(tmp_path: Path) -> None:
    def answer(_: int, __: Sequence[Message]) -> list[str]:
        raise SendError("INVALID_ARGUMENT", True)

    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=5), make_plan(40))

    # Ten in a row, and the request that was ready behind them.
    assert 10 <= sent.failed <= 15
    assert (sent.failed + sent.not_sent, sent.stopped) == (40, "refused")


def test_events_of_a_key_go_in_order_and_a_request_has_one_key(tmp_path: Path) -> None:
    keys = ["a", "b", "a", "", "b", "a", "", "c"]
    sink = Answers(most=2)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, sink, make_plan(8, keys=keys))

    assert sent.acked == 8
    assert all(len({keys[item - 1] for item in request}) == 1 for request in sink.requests)
    order = sink.items
    for key in "abc":
        assert [item for item in order if keys[item - 1] == key] == [n for n, k in enumerate(keys, 1) if k == key]


def test_no_two_requests_of_a_key_are_under_way_at_once(tmp_path: Path) -> None:
    """If the first fails, the second would overtake it."""
    keys = ["a"] * 6
    with open_journal(tmp_path) as journal:

        def answer(_: int, messages: Sequence[Message]) -> list[str]:
            time.sleep(0.02)  # so long another request could be made ready
            assert list(read_journal(tmp_path)["state"]).count("intent") == len(messages)
            return [str(one.item) for one in messages]

        assert send_all(journal, Answers(answer, most=1), make_plan(6, keys=keys)).acked == 6


@pytest.mark.parametrize(("is_definite", "state"), [(True, "failed"), (False, "in_doubt")])
def test_later_events_of_a_key_are_held_when_one_fails_or_is_in_doubt(
    tmp_path: Path, is_definite: bool, state: str
) -> None:
    """Other keys, and events without one, go on."""
    keys = ["a", "b", "", "a", "b", "a", ""]

    def answer(_: int, messages: Sequence[Message]) -> list[str]:
        if 1 in {one.item for one in messages}:
            raise SendError("INVALID_ARGUMENT" if is_definite else "UNAVAILABLE", is_definite)
        return [str(one.item) for one in messages]

    plan = make_plan(7, keys=keys)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer, most=1), plan)
        assert states(journal, plan) == [state, "acked", "acked", "planned", "acked", "planned", "acked"]
        assert (sent.acked, sent.held, sent.not_sent) == (4, 2, 0)

        again = send_all(journal, Answers(), plan)
        assert (again.acked, again.held) == (0, 2)


def test_within_a_refused_request_of_a_key_what_stands_behind_the_bad_message_is_held(tmp_path: Path) -> None:
    def answer(_: int, messages: Sequence[Message]) -> list[str]:
        if 3 in {one.item for one in messages}:
            raise SendError("INVALID_ARGUMENT", True)
        return [str(one.item) for one in messages]

    plan = make_plan(6, keys=["a"] * 6)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, Answers(answer), plan)

        assert states(journal, plan) == ["acked", "acked", "failed", "planned", "planned", "planned"]
    assert (sent.acked, sent.failed, sent.held) == (2, 1, 3)


def test_an_event_does_not_overtake_an_earlier_one_of_its_key_that_is_not_in_this_step(tmp_path: Path) -> None:
    plan = make_plan(3, keys=["a", "a", "b"])
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        sent = send_events(
            journal, Answers(), plan, [2, 3], run_id=run_id, step=1, max_rate=FAST, should_stop=lambda: False
        )

    assert (sent.acked, sent.held) == (1, 1)


def test_a_rate_is_a_ceiling_over_many_short_calls_too(tmp_path: Path) -> None:
    """Eight events at 40 a second, each in a call of its own, take at least 0.2 s."""
    plan, began = make_plan(8), time.monotonic()
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        for item in range(1, 9):
            send_events(
                journal, Answers(), plan, [item], run_id=run_id, step=1, max_rate=40, should_stop=lambda: False
            )  # fmt: skip

    assert time.monotonic() - began >= 8 / 40


def test_a_request_holds_no_more_than_a_moment_of_the_rate(tmp_path: Path) -> None:
    sink = Answers()
    plan = make_plan(30)
    with open_journal(tmp_path) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        began = time.monotonic()
        send_events(
            journal, sink, plan, range(1, 31), run_id=run_id, step=1, max_rate=50, should_stop=lambda: False
        )  # fmt: skip

    assert time.monotonic() - began >= 30 / 50
    assert max(len(request) for request in sink.requests) <= 5


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_kept_is_refused(tmp_path: Path, rate: float) -> None:
    plan = make_plan(1)
    with open_journal(tmp_path) as journal, pytest.raises(ParameterError):
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        send_events(journal, Answers(), plan, [1], run_id=run_id, step=1, max_rate=rate, should_stop=lambda: False)


def test_when_asked_to_stop_what_is_under_way_is_finished_and_journalled(tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        if number == 2:
            asked.set()
            time.sleep(0.1)
        return [str(one.item) for one in messages]

    plan, sink = make_plan(20), Answers(answer, most=2)
    with open_journal(tmp_path) as journal:
        sent = send_all(journal, sink, plan, should_stop=asked.is_set)

        assert sorted(set(states(journal, plan))) == ["acked", "planned"]
        assert states(journal, plan).count("acked") == len(sink.items) == sent.acked < 20
    assert (sent.stopped, sent.not_sent) == ("asked", 20 - sent.acked)


def test_an_interrupt_from_the_keyboard_loses_no_answer(tmp_path: Path) -> None:
    """Even where nobody has made it a flag."""
    plan = make_plan(20)
    calls = iter(range(100))

    def interrupted() -> bool:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return False

    sink = Answers(most=2)
    with open_journal(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            send_all(journal, sink, plan, should_stop=interrupted)
        known = journal.states("plan-001")

    assert {item for item, state in known.items() if state == "acked"} == set(sink.items)
    assert "intent" not in known.values()


def test_a_sink_that_crashes_is_no_answer(tmp_path: Path) -> None:
    """A bug is not hidden; what it left at intent is in doubt in the next run."""

    def answer(number: int, messages: Sequence[Message]) -> list[str]:
        if number == 2:
            raise RuntimeError("a bug")
        return [str(one.item) for one in messages]

    plan = make_plan(6)
    with open_journal(tmp_path) as journal, pytest.raises(RuntimeError, match="a bug"):
        send_all(journal, Answers(answer, most=2), plan)
    with open_journal(tmp_path) as journal:
        journal.begin_run("plan-001")
        known = states(journal, plan)

    assert known[:4] == ["acked", "acked", "in_doubt", "in_doubt"]
    assert set(known[4:]) <= {"planned", "acked"}


def test_a_plan_that_is_done_sends_nothing_and_does_not_wait(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        plan = make_plan(1)
        journal.add_plan(plan)
        run_id = journal.begin_run("plan-001")
        sent = send_events(journal, Answers(), plan, [], run_id=run_id, step=1, max_rate=1e-9,
                           should_stop=lambda: False)  # fmt: skip

    assert sent == type(sent)()


class Prepared(Answers):
    """Requests that are let go and waited for apart; ``told`` has what happened in its order."""

    def __init__(self, interrupted: int = 0) -> None:
        super().__init__(most=2)
        self.told: list[str] = []
        self._interrupted = interrupted

    def prepare(self, messages: Sequence[Message]) -> Callable[[], Pending]:
        first = messages[0].item
        self.told.append(f"ready {first}")

        def start() -> Pending:
            self.told.append(f"go {first}")
            return Waiting(self, messages)

        return start

    def answer(self, messages: Sequence[Message]) -> list[str]:
        first = messages[0].item
        if first == self._interrupted:
            self._interrupted = 0
            raise KeyboardInterrupt
        self.told.append(f"answer {first}")
        return self.send(messages)


@dataclass(frozen=True)
class Waiting:
    sink: Prepared
    messages: Sequence[Message]

    def wait(self) -> list[str]:
        return self.sink.answer(self.messages)


def test_the_next_request_is_ready_and_goes_before_an_answer_is_written_down(tmp_path: Path) -> None:
    """So that the receiver does not wait for the journal; its own intent is on the disk by then."""
    sink = Prepared()
    with open_journal(tmp_path) as journal:
        before = journal.advance

        def advance(plan_id: str, changes: Sequence[Change], intended: Sequence[int], **more: Any) -> None:
            before(plan_id, changes, intended, **more)
            sink.told.append(f"written {[one.item for one in changes]} {list(intended)}")

        journal.advance = advance  # type: ignore[method-assign]
        assert send_all(journal, sink, make_plan(6)).acked == 6

    assert sink.told == [
        "written [] [1, 2]", "ready 1", "go 1",
        "written [] [3, 4]", "ready 3", "answer 1", "go 3",
        "written [1, 2] [5, 6]", "ready 5", "answer 3", "go 5",
        "written [3, 4] []", "answer 5", "written [5, 6] []",
    ]  # fmt: skip


def test_an_interrupt_while_an_answer_is_waited_for_does_not_lose_it(tmp_path: Path) -> None:
    """The answer is waited for once more and written down; what was ready behind it is still planned."""
    plan = make_plan(6)
    with open_journal(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            send_all(journal, Prepared(interrupted=3), plan)

        assert states(journal, plan) == ["acked"] * 4 + ["planned"] * 2
