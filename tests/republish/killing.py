"""Kill a sending at random points, go on until it is done, and hold the journal against what the server has stored.

In every third plan an older copy of the journal is put back on the way and adopted, and the adopting is killed too.

The server is in this process and survives. A child imports everything once; for each try it forks a grandchild that
sends, and kills it: after a random time, which falls inside commits and requests too, or at a named point.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.republish import adoption, publisher, sending
from dlqkit.republish.batches import Queue
from dlqkit.republish.journal import Journal, open_journal, read_journal
from dlqkit.republish.journal_file import journal_path
from dlqkit.republish.plan import Plan, read_plan, write_plan
from dlqkit.republish.publisher import Publisher, connect_sink
from dlqkit.republish.resolution import resolve_by_subscription, resolve_by_word
from dlqkit.simulator.pubsub import PubSub
from tests.republish.plans import ATTRIBUTE, TOPIC, make_plan

ROOT = Path(__file__).parents[2]
BATCH = 5
POINTS = ("before commit", "after commit", "before request", "after request", "before answer", "after answer")
ADOPTING = ("before telling", "after telling", "after adopting")
FAULTS = ("ack_lost", "unavailable", "exhausted", "fewer_ids", "internal", "slow_answer")
DEADLINE_S = 0.3


@dataclass
class Tally:
    """What a campaign found; every number but the first five must be nought."""

    plans: int = 0
    events: int = 0
    kills: int = 0
    adopted: int = 0
    killed_adopting: int = 0
    stored_twice: int = 0
    acked_not_stored: int = 0
    stored_not_known: int = 0
    resent_in_doubt: int = 0
    not_in_one_state: int = 0
    taken_back: int = 0
    too_many_in_doubt: int = 0
    out_of_order: int = 0
    lost: int = 0
    killed_at: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> dict[str, int]:
        """What must be nought and is not."""
        names = ("stored_twice", "acked_not_stored", "stored_not_known", "resent_in_doubt", "not_in_one_state",
                 "taken_back", "too_many_in_doubt", "out_of_order", "lost")  # fmt: skip
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class Server:
    """The simulator's Pub/Sub, with a list of every request that came."""

    def __init__(self) -> None:
        self.pubsub = PubSub([TOPIC])
        self.asked: list[list[str]] = []
        before = self.pubsub.faults.before

        def note(request: Any, context: Any) -> Any:
            self.asked.append([message.attributes[ATTRIBUTE] for message in request.messages])
            return before(request, context)

        self.pubsub.faults.before = note  # type: ignore[method-assign]
        self.pubsub.start()

    def stored(self, plan: Plan) -> list[str]:
        """Dedupe keys of a plan's messages, in the order of storing."""
        own = {event.dedupe_key for event in plan.events}
        return [key for one in self.pubsub.published() if (key := one["attributes"][ATTRIBUTE]) in own]


@contextmanager
def forker(address: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """The child that forks; a call is one try, killed or not."""
    environ = {**os.environ, "PUBSUB_EMULATOR_HOST": address, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.republish.killing"], cwd=ROOT, env=environ, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None

    def run(**order: Any) -> dict[str, Any]:
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        assert child.stdout is not None
        answer = child.stdout.readline()
        assert answer, "the child that forks has ended"
        return dict(json.loads(answer))

    try:
        yield run
    finally:
        child.stdin.close()
        child.wait(30)
        child.stdout.close()


def campaign(folder: Path, *, plans: int, kills: int, seed: int, events: int = 40) -> Tally:
    """At least so many kills over so many plans, each with faults of its own."""
    draw, tally, server = random.Random(seed), Tally(), Server()
    try:
        with forker(f"127.0.0.1:{server.pubsub.port}") as run:
            # On a busy machine a journal that is put back is often of the last moment.
            while tally.plans < plans or tally.kills < kills or not tally.adopted:
                plan = _plan(draw, tally.plans, events)
                _one_plan(folder / f"plan-{tally.plans}", plan, -(-kills // plans), draw, tally, server, run)
    finally:
        server.pubsub.stop()
    return tally


def _plan(draw: random.Random, number: int, events: int) -> Plan:
    keys = [draw.choice(["", "a", "b"]) for _ in range(events)] if number % 3 == 0 else ()
    # Event keys that no other plan of the campaign has: the server is one.
    return make_plan(events, first=1 + number * 10_000, keys=keys)


def _one_plan(
    directory: Path, plan: Plan, kills: int, draw: random.Random, tally: Tally, server: Server, run: Any
) -> None:
    write_plan(directory, plan, {})
    faults = server.pubsub.faults
    faults.draw(FAULTS, draw.choice([0.0, 0.05, 0.2]), draw.randrange(1 << 30), seconds=2 * DEADLINE_S)
    if tally.plans % 2:
        faults.add("bad_message", times=0, text=plan.events[draw.randrange(len(plan.events))].payload[:-1])
    done, before, tries, older = 0, None, 0, _Older(directory)
    while not _is_done(plan, before):
        tries += 1
        assert tries < 40 * (kills + 1), "a plan does not come to its end"
        order: dict[str, Any] = {"directory": str(directory)}
        if done < kills:
            order |= _draw_kill(draw, tally)
        doubtful = _keys(before, {"intent", "in_doubt"})
        asked = len(server.asked)
        answer = run(**order)
        if answer["killed"]:
            done += 1
            tally.killed_at[order.get("point", "any time")] += 1
        after = read_journal(directory)
        tally.resent_in_doubt += sum(key in doubtful for keys in server.asked[asked:] for key in keys)
        tally.not_in_one_state += _not_in_one_state(plan, after)
        tally.taken_back += _taken_back(before, after)
        tally.too_many_in_doubt += int(_at(after, "intent") > sending.MAX_IN_FLIGHT * BATCH)
        before = after
        if tally.plans % 3 == 1 and done < kills and len(after) and older.put_back(draw):
            done += _adopt(directory, draw, tally, server, run)
            before = None  # what an older file does not know is in doubt now, though it was acknowledged
    tally.plans, tally.events, tally.kills = tally.plans + 1, tally.events + len(plan.events), tally.kills + done
    faults.clear()
    _compare(plan, before, tally, server)
    _settle(directory, plan, tally, server, run)


def _draw_kill(draw: random.Random, tally: Tally) -> dict[str, Any]:
    if draw.random() < 0.5:
        return {"after_s": draw.uniform(0.0, 0.12)}
    point = POINTS[sum(tally.killed_at[one] for one in POINTS) % len(POINTS)]
    return {"point": point, "number": draw.randrange(1, 12)}


@dataclass
class _Older:
    """A copy of the journal of some moment, with its log, as a backup of the folder would have it."""

    directory: Path
    kept: dict[str, bytes] = field(default_factory=dict)
    is_used: bool = False

    def put_back(self, draw: random.Random) -> bool:
        """Keep the first journal that knows the plan (one without is refused as lost); later, once, put it back."""
        files = [journal_path(self.directory).with_name(journal_path(self.directory).name + end) for end in _FILES]
        if not self.kept:
            self.kept = {path.name: path.read_bytes() for path in files if path.exists()}
        elif not self.is_used and draw.random() < 0.5:
            self.is_used = True
            for path in files:
                path.unlink(missing_ok=True)
                if path.name in self.kept:
                    path.write_bytes(self.kept[path.name])
            return True
        return False


_FILES = ("", "-wal", "-shm")


def _adopt(directory: Path, draw: random.Random, tally: Tally, server: Server, run: Any) -> int:
    """Adopt the older journal, killed at random until one comes to its end; how often it was killed."""
    kills, asked = 0, len(server.asked)
    while True:
        order: dict[str, Any] = {"directory": str(directory), "adopt": True}
        if kills < 3:
            # An adoption takes some ten milliseconds: on a fast machine a random time falls past its end.
            order |= (
                {"after_s": draw.uniform(0.0, 0.03)} if kills % 2 else {"point": draw.choice(ADOPTING), "number": 1}
            )
        if not run(**order)["killed"]:
            break
        kills += 1
        tally.killed_at[order.get("point", "any time")] += 1
    assert len(server.asked) == asked, "adopting has sent something"
    if not kills:
        return 0  # the copy was of the last moment, so that there was nothing to adopt: the first kill is at a point
    tally.adopted, tally.killed_adopting = tally.adopted + 1, tally.killed_adopting + kills
    return kills


def _at(frame: Any, state: str) -> int:
    return 0 if frame is None else int((frame["state"].astype("str") == state).sum())


def _keys(frame: Any, states: set[str]) -> set[str]:
    return set() if frame is None else set(frame.loc[frame["state"].astype("str").isin(states), "dedupe_key"])


def _is_done(plan: Plan, frame: Any) -> bool:
    """Whether a run would send nothing more: what is still planned is held behind an event of its key."""
    if frame is None or not len(frame) or _at(frame, "intent"):
        return False
    states = {int(item): str(state) for item, state in zip(frame["item"], frame["state"], strict=True)}
    return not len(Queue(plan, states, states))


def _not_in_one_state(plan: Plan, frame: Any) -> int:
    if not len(frame):
        return 0  # killed before the plan was added
    return int(sorted(frame["dedupe_key"]) != sorted(event.dedupe_key for event in plan.events))


def _taken_back(before: Any, after: Any) -> int:
    """Acknowledged or failed events that are not what they were."""
    if before is None or not len(before):
        return 0
    settled = before[before["state"].astype("str").isin(["acked", "failed"])]
    now = after.set_index("item")
    return int(
        sum(
            str(now.loc[row["item"], "state"]) != row["state"]
            or str(now.loc[row["item"], "message_id"]) != str(row["message_id"])
            for row in settled.to_dict(orient="records")
        )
    )


def _compare(plan: Plan, frame: Any, tally: Tally, server: Server) -> None:
    """The journal against the server, once nothing is under way."""
    time.sleep(0.05)  # a request that a kill left behind is stored by now
    stored = server.stored(plan)
    tally.stored_twice += len(stored) - len(set(stored))
    tally.acked_not_stored += len(_keys(frame, {"acked"}) - set(stored))
    tally.stored_not_known += len(set(stored) - _keys(frame, {"acked", "in_doubt"}))
    item = {event.dedupe_key: (event.ordering_key, event.item) for event in plan.events}
    for key in {name for name, _ in item.values()} - {""}:
        order = [item[one][1] for one in stored if item[one][0] == key]
        tally.out_of_order += int(order != sorted(order))


def _settle(directory: Path, plan: Plan, tally: Tally, server: Server, run: Any) -> None:
    """With the server's word for every event in doubt, each is sent exactly once in the end, or was refused."""
    for _ in range(len(plan.events) + 1):
        with open_journal(directory) as journal:
            resolve_by_subscription(journal, plan.plan_id, dict.fromkeys(server.stored(plan), "seen"), by="harness")
            left = [item for item, state in journal.states(plan.plan_id).items() if state == "in_doubt"]
            resolve_by_word(
                journal, plan.plan_id, left, was_sent=False, send_again=True, by="harness", reason="not at the server"
            )
            if not any(state == "planned" for state in journal.states(plan.plan_id).values()):
                break
        before = len(server.stored(plan))
        run(directory=str(directory))
        if len(server.stored(plan)) == before:
            break  # held behind an event that was refused for good
    frame = read_journal(directory)
    stored = server.stored(plan)
    tally.stored_twice += len(stored) - len(set(stored))
    tally.lost += int(set(stored) != _keys(frame, {"acked"})) + _at(frame, "in_doubt")


# --- the child


def _adopt_older(order: dict[str, Any]) -> None:
    """In the grandchild: take the older journal, unless a try that was killed has done so already."""
    directory = Path(order["directory"])
    _die_at(order.get("point"), order.get("number", 0))
    try:
        adoption.adopt(directory, by="harness", reason="the newer one is lost")
    except ParameterError as error:
        if "written last" not in error.problem:
            raise


def _send(order: dict[str, Any]) -> None:
    """In the grandchild: what ``run_republish`` does of a step."""
    sending.PAUSE_S = 0.002
    sending.MAX_BATCH = BATCH
    _die_at(order.get("point"), order.get("number", 0))
    directory = Path(order["directory"])
    plan = read_plan(directory, "plan-001")
    sink = connect_sink(plan.target, deadline_s=DEADLINE_S)
    with open_journal(directory) as journal:
        journal.add_plan(plan)
        run_id = journal.begin_run(plan.plan_id)
        items = [event.item for event in plan.events]
        sending.send_events(journal, sink, plan, items, run_id=run_id, step=1, max_rate=1e9, should_stop=lambda: False)
    sink.close()


def _die_at(point: str | None, number: int) -> None:
    left = number

    def die(at: str) -> None:
        nonlocal left
        if at == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(name: str, call: Any) -> Any:
        def wrapped(*values: Any, **named: Any) -> Any:
            die(f"before {name}")
            out = call(*values, **named)
            die(f"after {name}")
            return out

        return wrapped

    if point is not None:
        Journal.advance = around("commit", Journal.advance)  # type: ignore[method-assign]
        # The last thing before an adoption is committed, and the moment after it.
        Journal.audit = around("telling", Journal.audit)  # type: ignore[method-assign]
        adoption.adopt = around("adopting", adoption.adopt)
        # A request begins and is answered at two places: its messages are under way between them.
        Publisher._start = around("request", Publisher._start)  # type: ignore[method-assign]
        publisher._Publish.wait = around("answer", publisher._Publish.wait)  # type: ignore[method-assign]


def _main() -> None:
    import google.pubsub_v1.services.publisher  # noqa: F401  (before the fork, so that no try pays for it)

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                (_adopt_older if order.get("adopt") else _send)(order)
                status = 0
            finally:
                if status:
                    traceback.print_exc()  # os._exit would not tell why
                os._exit(status)
        if "after_s" in order:
            time.sleep(order["after_s"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.WEXITSTATUS(status) == 0, "a try has failed by itself"
        sys.stdout.write(json.dumps({"killed": killed}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
