"""Error signatures: grouping accuracy on the public Loghub-2k sets, and speed against drain3."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path
from statistics import fmean, median

import pandas as pd

from benchmarks.harness import ROOT, Figure, Measure
from dlqkit.decision.signatures import sign_errors

# The sets are not in the project; DLQKIT_LOGHUB is a checkout of github.com/logpai/loghub.
LOGHUB = "DLQKIT_LOGHUB"
# Every other one of the alphabet; only these were looked at while masks and merging were made.
TUNED = ("Android", "BGL", "HPC", "HealthApp", "Mac", "OpenStack", "Spark", "Windows")
UNSEEN = ("Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Proxifier", "Thunderbird", "Zookeeper")
PEERS = ROOT / "build" / "peers-signatures"
PEER_PACKAGES = ("drain3==0.9.11", "jsonpickle", "cachetools")
MESSAGES = 1_000_000
# drain3 takes seconds for each; it gets the first of the messages, and is timed per message.
PEER_MESSAGES = 100_000
ROUNDS = 5
HOSTILE = 200_000


def make_messages(count: int, seed: int) -> list[str]:
    """Error texts as libraries write them, each with ids of its own."""
    rng = random.Random(seed)

    def hexes(size: int) -> str:
        return f"{rng.getrandbits(4 * size):0{size}x}"

    def uuid() -> str:
        text = hexes(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def number(size: int) -> int:
        return rng.randrange(10**size)

    def host() -> str:
        return f"10.{number(2)}.{number(2)}.{number(2)}"

    def moment() -> str:
        return f"2026-03-{1 + number(1):02d}T{number(1):02d}:{number(1):02d}:{number(1):02d}.{number(3):03d}Z"

    makers = (
        lambda: (
            f"java.net.ConnectException: Connection to {host()}:5432 refused. Check that the hostname and port are "
            f"correct (order {number(6)})"
        ),
        lambda: (
            'psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "orders_pkey" DETAIL: '
            f"Key (id)=({uuid()}) already exists."
        ),
        lambda: (
            f"requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='api-{number(2)}.partner.com', port=443): "
            f"Read timed out. (read timeout={number(2)}) request {hexes(16)}"
        ),
        lambda: f"ValidationError: customer {number(6)} has no valid e-mail address: user{number(6)}@example.com",
        lambda: f"KeyError: 'customer_id' while handling event {uuid()}",
        lambda: (
            "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403;"
            f" Request ID: {hexes(16).upper()}; S3 Extended Request ID: {hexes(40)})"
        ),
        lambda: (
            f"redis.exceptions.ConnectionError: Error 111 connecting to {host()}:6379. Connection refused after "
            f"{number(4)} ms, trace {hexes(32)}"
        ),
        lambda: (
            f"org.apache.kafka.common.errors.TimeoutException: Expiring {number(3)} record(s) for orders-{number(2)}:"
            f"{number(5)} ms has passed since batch creation, batch {hexes(12)}"
        ),
        lambda: (
            "Deadlock found when trying to get lock; try restarting transaction "
            f"(thread {number(9)}, table orders_{number(3)})"
        ),
        lambda: (
            f"Invoice INV-{number(8)} cannot be closed: amount {number(4)}.{number(2):02d} is not covered at {moment()}"
        ),
        lambda: (
            'java.lang.NullPointerException: Cannot invoke "Order.getCustomer()" because the return value for order '
            f"ORD-{number(9)} is null"
        ),
        lambda: (
            f"HTTP 503 from https://inventory.internal/v1/items/{number(6)}?trace={hexes(16)}: upstream connect error"
        ),
        lambda: f"Message {uuid()} rejected at {moment()}: schema version {number(2)} is not supported",
        lambda: (
            f"pymongo.errors.ServerSelectionTimeoutError: mongo-{number(1)}.prod.internal:27017: timed out, Timeout: "
            f"{number(2)}.0s, Topology Description: <TopologyDescription id: {hexes(24)}>"
        ),
        lambda: (
            f"Failed to lock account {number(9)} for user {rng.choice(('ann', 'bob', 'eve', 'zoe', 'ivan', 'olga'))}:"
            f" version conflict {number(6)} != {number(6)}"
        ),
        lambda: f"OSError: [Errno 28] No space left on device: '/var/spool/worker/{hexes(8)}/{number(8)}.json'",
        lambda: f"Ошибка обработки заказа {number(6)}: клиент {uuid()} не найден",
        lambda: f"TypeError: unsupported operand type(s) for +: 'int' and 'NoneType' in event {hexes(32)}",
        lambda: (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has"
            f" expired (_ssl.c:{number(4)}) host {host()} attempt {number(3)} trace {hexes(16)}"
        ),
        lambda: (
            f"google.api_core.exceptions.ServiceUnavailable: 503 failed to connect to all addresses; last error: "
            f"UNKNOWN: ipv4:{host()}:{number(4)}: Failed to connect to remote host: {hexes(16)}"
        ),
    )
    found: dict[str, None] = {}
    while len(found) < count:
        found[rng.choice(makers)()] = None
    return list(found)


def _frame(messages: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame({"last_error": pd.Series(list(messages), dtype="str")})


def score_groups(found: Iterable[Hashable], true: Iterable[Hashable]) -> tuple[float, float]:
    """FGA and GA: a group counts only if it holds exactly the messages of a true template."""
    sets: tuple[dict[Hashable, set[int]], dict[Hashable, set[int]]] = (defaultdict(set), defaultdict(set))
    for number, pair in enumerate(zip(found, true, strict=True)):
        for name, groups in zip(pair, sets, strict=True):
            groups[name].add(number)
    wanted = {frozenset(group) for group in sets[1].values()}
    right = [group for group in sets[0].values() if frozenset(group) in wanted]
    return 2 * len(right) / (len(sets[0]) + len(sets[1])), sum(map(len, right)) / sum(map(len, sets[0].values()))


def _measure_groups() -> list[Measure]:
    folder = os.environ.get(LOGHUB)
    if not folder or not all((Path(folder) / name).is_dir() for name in (*TUNED, *UNSEEN)):
        print(f"signatures, FGA on Loghub-2k: not measured: no copy ({LOGHUB} names none)")
        return []
    scores = {}
    for name in (*TUNED, *UNSEEN):
        rows = pd.read_csv(Path(folder) / name / f"{name}_2k.log_structured.csv", dtype="str", keep_default_na=False)
        scores[name] = score_groups(sign_errors(_frame(rows["Content"]))["signature_id"], rows["EventId"])
    out = []
    for label, names in (("looked at while tuning", TUNED), ("not looked at", UNSEEN), ("all", (*TUNED, *UNSEEN))):
        each = ", ".join(f"{name} {scores[name][0]:.3f}" for name in names)
        fga, ga = (fmean(scores[name][place] for name in names) for place in (0, 1))
        out.append(Measure(f"signatures, FGA on Loghub-2k, {label}", fga, 0.88, 0.92, True, f"GA {ga:.3f}; {each}"))
    return out


def _install_drain3() -> type:
    if not PEERS.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(PEERS)]
        subprocess.run([*command, *PEER_PACKAGES], check=True)
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    logging.getLogger("drain3").setLevel(logging.ERROR)
    from drain3 import TemplateMiner

    return TemplateMiner  # type: ignore[no-any-return]


def _measure_speed() -> list[Measure]:
    """Per message, in turn, so that both see the same machine; the ratio is the median of the rounds'."""
    miner = _install_drain3()
    messages = make_messages(MESSAGES, seed=1)
    frame = _frame(messages)
    ratios, own = [], []
    for number in range(ROUNDS + 1):
        begun = time.process_time()
        signed = sign_errors(frame)
        ours = (time.process_time() - begun) / MESSAGES
        drain = miner()
        begun = time.process_time()
        for message in messages[:PEER_MESSAGES]:
            drain.add_log_message(message)
        theirs = (time.process_time() - begun) / PEER_MESSAGES
        if number:  # the first round warms up
            ratios.append(theirs / ours)
            own.append(ours)
        groups = signed["signature_id"].nunique()
        del signed
    detail = (
        f"{median(own) * 1e6:.2f} µs of CPU a message, {ROUNDS} rounds, {min(ratios):.1f} to {max(ratios):.1f}, a million "
        f"distinct messages of {fmean(map(len, messages)):.0f} characters; {groups} groups, drain3 "
        f"{len(drain.drain.clusters)}, made of 20 kinds"
    )
    return [Measure("signatures, speed of a million distinct messages over that of drain3", median(ratios), 10, 15, True, detail)]


def _measure_hostile() -> list[Measure]:
    """Texts with nothing in common: how long, and how many signatures they end in."""
    rng = random.Random(2)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(HOSTILE)]
    frame = _frame(" ".join(rng.choices(words, k=10)) for _ in range(HOSTILE))
    begun = time.process_time()
    signed = sign_errors(frame)
    spent = (time.process_time() - begun) / HOSTILE * 1e6
    name = "signatures, texts with nothing in common, µs of CPU a text"
    return [Measure(name, spent, None, None, False, f"{signed['signature_id'].nunique():,} signatures of {HOSTILE:,}")]


def run() -> list[Figure | Measure]:
    """Accuracy, then speed."""
    return [*_measure_groups(), *_measure_speed(), *_measure_hostile()]


if __name__ == "__main__":
    for measure in run():
        print(measure.line())
