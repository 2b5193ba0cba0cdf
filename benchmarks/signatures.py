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

from benchmarks.error_texts import make_bodies, make_messages
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


def _measure_made() -> list[Measure]:
    out = []
    for label, make in (("library errors", make_messages), ("bodies and traces, not looked at", make_bodies)):
        texts, kinds = make(20_000, seed=3)
        found = sign_errors(_frame(texts))["signature_id"]
        fga, ga = score_groups(found, kinds)
        detail = f"GA {ga:.3f}; {found.nunique()} signatures of {len(set(kinds))} kinds"
        out.append(Measure(f"signatures, FGA on made {label}", fga, 0.88, 0.92, True, detail))
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
    messages, _ = make_messages(MESSAGES, seed=1)
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
        f"{median(own) * 1e6:.2f} µs a message, {ROUNDS} rounds, {min(ratios):.1f} to {max(ratios):.1f}; distinct "
        f"messages of {fmean(map(len, messages)):.0f} characters; {groups} groups of 20 kinds, drain3 "
        f"{len(drain.drain.clusters)}"
    )
    name = f"signatures, speed on {MESSAGES:,} messages over drain3's"
    return [Measure(name, median(ratios), 10, 15, True, detail)]


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
    return [*_measure_groups(), *_measure_made(), *_measure_speed(), *_measure_hostile()]


if __name__ == "__main__":
    for measure in run():
        print(measure.line())
