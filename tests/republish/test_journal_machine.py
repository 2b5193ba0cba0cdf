"""Whatever order of sends, kills, answers and words: no acknowledged event is sent again, and none is in two states."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dlqkit.errors import DlqkitError
from dlqkit.republish.journal import Change, open_journal, read_journal
from dlqkit.republish.resolution import resolve_by_word
from tests.republish.plans import make_plan

COUNT = 5
ITEMS = st.sets(st.integers(1, COUNT), min_size=1)


class JournalMachine(RuleBasedStateMachine):
    """A journal against a plain dictionary that says what each event must be, and a list of what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.expected = dict.fromkeys(range(1, COUNT + 1), "planned")
        self.requests: list[int] = []
        self.words: list[int] = []
        self.open()
        self.journal.add_plan(make_plan(COUNT))
        self.begin()

    def open(self) -> None:
        self.context = open_journal(self.directory)
        self.journal = self.context.__enter__()

    def begin(self) -> None:
        self.run_id = self.journal.begin_run("plan-001")
        for item, state in self.expected.items():
            if state == "intent":
                self.expected[item] = "in_doubt"

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        shutil.rmtree(self.directory)

    @rule(items=ITEMS)
    def send(self, items: set[int]) -> None:
        """An intent is taken whole or not at all, and only of planned events."""
        is_legal = all(self.expected[item] == "planned" for item in items)
        try:
            self.journal.advance("plan-001", [], sorted(items), run_id=self.run_id, step=1)
        except DlqkitError:
            assert not is_legal
        else:
            assert is_legal
            self.expected.update(dict.fromkeys(items, "intent"))
            self.requests += items

    @rule(items=ITEMS, state=st.sampled_from(["acked", "failed", "in_doubt", "planned"]))
    def answer(self, items: set[int], state: str) -> None:
        is_legal = all(self.expected[item] == "intent" for item in items)
        code = "NOT_SENT" if state == "planned" else "CODE"
        changes = [Change(item, state, message_id=f"id-{item}", code=code) for item in sorted(items)]
        try:
            self.journal.advance("plan-001", changes, [], run_id=self.run_id, step=1)
        except DlqkitError:
            assert not is_legal
        else:
            assert is_legal
            self.expected.update(dict.fromkeys(items, state))
            if state == "planned":
                for item in items:
                    self.requests.remove(item)

    @rule(items=ITEMS, choice=st.sampled_from([(True, False), (False, False), (False, True)]))
    def say(self, items: set[int], choice: tuple[bool, bool]) -> None:
        is_legal = all(self.expected[item] == "in_doubt" for item in items)
        try:
            resolve_by_word(
                self.journal, "plan-001", items, was_sent=choice[0], send_again=choice[1], by="anna", reason="saw it"
            )
        except DlqkitError:
            assert not is_legal
        else:
            assert is_legal
            state = "acked" if choice[0] else "planned" if choice[1] else "failed"
            self.expected.update(dict.fromkeys(items, state))
            if state == "planned":
                self.words += items

    @rule()
    def end_and_begin(self) -> None:
        """As after a kill: the file alone says what was intended."""
        self.context.__exit__(None, None, None)
        self.open()
        self.begin()

    @rule()
    def add_the_plan_once_more(self) -> None:
        self.journal.add_plan(make_plan(COUNT))

    @invariant()
    def every_event_is_in_the_one_state_that_it_must_be_in(self) -> None:
        frame = read_journal(self.directory)
        assert dict(zip(frame["item"], frame["state"], strict=True)) == self.expected

    @invariant()
    def no_event_is_sent_twice_but_by_a_word(self) -> None:
        for item in range(1, COUNT + 1):
            assert self.requests.count(item) <= 1 + self.words.count(item)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
