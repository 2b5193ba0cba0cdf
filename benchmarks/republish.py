"""Events a second with the journal on, against the stock client without one, and against ourselves without one."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks.harness import Figure, Measure
from dlqkit.republish.batches import Queue
from dlqkit.republish.journal import Journal, open_journal
from dlqkit.republish.plan import Plan, hash_text
from dlqkit.republish.publisher import EMULATOR, Publisher, connect_channel
from dlqkit.republish.request import send_request
from dlqkit.republish.sending import MAX_BATCH, send_events
from dlqkit.republish.sink import message_of
from tests.republish.plans import FAST, TOPIC, make_plan

# About the size of a payload with an order in it, as in the notes on the stock client's throughput.
PADDING = "x" * 440
EVENTS, FAR_EVENTS, FAR_S = 10_000, 5000, 0.02
ROUNDS = 7


def run() -> list[Figure | Measure]:
    """The two comparisons, by the wall clock: a commit waits for the disk, which no CPU time shows."""
    near = _compare_stock()
    far = _compare_bare()
    return [
        near,
        Measure("republish against the stock client", near.ratio, 2.0, 4.0, True,
                f"times as many events a second, journal on; {EVENTS / near.ours_s:,.0f} events a second"),
        far,
        Measure("republish against itself without a journal", far.ratio, 0.9, 1.0, True,
                f"at a server that takes {FAR_S * 1000:.0f} ms a request"),
    ]  # fmt: skip


def _plan(count: int) -> Plan:
    return make_plan(count, payloads=[json.dumps({"order": n, "note": PADDING}) for n in range(count)])


@contextmanager
def _server(delay_s: float) -> Iterator[str]:
    """The simulator's Pub/Sub in a process of its own, as a service is."""
    code = (
        "import sys; from dlqkit.simulator.pubsub import PubSub; from tests.republish.plans import TOPIC\n"
        f"served = PubSub([TOPIC]); served.faults.delay_s = {delay_s}; served.start()\n"
        "print(served.port, flush=True); sys.stdin.read(); served.stop()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield f"127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.stdin.close()
        child.wait(20)
        child.stdout.close()


class _Ours:
    """A fresh journal each time; its plan is added and its run begun before the clock runs."""

    def __init__(self, plan: Plan, address: str, folder: Path) -> None:
        self._plan, self._folder, self._number = plan, folder, 0
        self._items = [event.item for event in plan.events]
        self.publisher = Publisher(TOPIC, connect_channel(environ={EMULATOR: address})[0])

    @contextmanager
    def ready(self) -> Iterator[tuple[Journal, str]]:
        self._number += 1
        with open_journal(self._folder / f"journal-{self._number}") as journal:
            journal.add_plan(self._plan)
            yield journal, journal.begin_run(self._plan.plan_id)

    def send(self, journal: Journal, run_id: str) -> None:
        sent = send_events(
            journal, self.publisher, self._plan, self._items, run_id=run_id, step=1, max_rate=FAST,
            should_stop=lambda: False,
        )  # fmt: skip
        assert sent.acked == len(self._items), sent

    def send_bare(self) -> None:
        """The same requests from the same plan, their hashes checked, without a journal."""
        assert all(hash_text(event.payload) == event.payload_sha256 for event in self._plan.events)
        queue = Queue(self._plan, self._items, dict.fromkeys(self._items, "planned"))
        while batch := queue.next_batch(MAX_BATCH, ()):
            answer = send_request(self.publisher, batch)
            assert answer.code is None


def _stock(plan: Plan, address: str) -> Callable[[], None]:
    import grpc
    from google.cloud import pubsub_v1
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    channel = grpc.insecure_channel(address)
    client = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))

    def send() -> None:
        futures = []
        for event in plan.events:
            message = message_of(plan, event)
            futures.append(client.publish(TOPIC, message.data, **message.attributes))
        assert len({future.result(timeout=60) for future in futures}) == len(futures)

    return send


def _rounds(ours: _Ours, theirs: Callable[[], None], name: str, labels: tuple[str, str]) -> Figure:
    """As ``harness.compare`` by the wall clock, with the journal of a round made ready before its clock runs."""
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(ROUNDS + 1):
        for side in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
            gc.collect()
            with ours.ready() if side == "ours" else nullcontext() as ready:
                began = time.perf_counter()
                theirs() if ready is None else ours.send(*ready)
                if number:  # the first round warms up
                    spent[side].append(time.perf_counter() - began)
    ratios = [other / own for own, other in zip(spent["ours"], spent["theirs"], strict=True)]
    return Figure(
        name, *labels, "wall", statistics.median(spent["ours"]), statistics.median(spent["theirs"]),
        statistics.median(ratios), min(ratios), max(ratios), ROUNDS,
    )  # fmt: skip


def _compare_stock() -> Figure:
    plan = _plan(EVENTS)
    with tempfile.TemporaryDirectory() as folder, _server(0.0) as address:
        ours = _Ours(plan, address, Path(folder))
        return _rounds(ours, _stock(plan, address), "republish", ("journalled", "stock client"))


def _compare_bare() -> Figure:
    plan = _plan(FAR_EVENTS)
    with tempfile.TemporaryDirectory() as folder, _server(FAR_S) as address:
        ours = _Ours(plan, address, Path(folder))
        return _rounds(ours, ours.send_bare, "republish at 20 ms a request", ("journalled", "without a journal"))


if __name__ == "__main__":
    for one in run():
        print(one.line(), flush=True)
