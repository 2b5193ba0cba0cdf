"""Feed every parser and sink bad input for so long, and print what broke: python -m benchmarks.fuzz --cpu-hours 1."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks import fuzz_files, fuzz_seeds
from benchmarks.fuzz_targets import PARSERS, SINKS
from benchmarks.harness import ROOT, Measure
from dlqkit.errors import DlqkitError

SLOW_S = 20.0
"""CPU seconds that no input of some kilobytes may take."""
MEMORY_BYTES = 12 << 30
BATCH = 300
CPU_HOURS = 1.0
# Rounds that no process gets through: each begins at another.
ROUNDS = 1_000_000
_PIECES = (b"[" * 3000, b"{\"a\":" * 2000, b"9" * 5000, b"1e400", b"NaN", b"\xff", b"\x00", b"\\ud800", b"\xed\xa0\x80",
           "\u202e\u2028".encode(), b"\x1b]0;x\x07", b"null", b"''", b"\"", b"{}", b"[]", b"../", b"\r\n", b"&a *a",
           b"<<: ", b"!!python/object/apply:os.system [x]", b"-", b"0", b"=", b",", b":",
           b"9999-12-31", b"-1", b"0001-01-01T00:00:00+14:00",
           b"9999-12-31T23:59:59-01:00")  # fmt: skip


@dataclass
class Tally:
    """Examples by target, and each finding once, by target, kind of error and place."""

    examples: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], str] = field(default_factory=dict)


def changed(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """A good example with a few places changed, cut, doubled or filled with something bad; or any bytes."""

    @st.composite
    def draw_one(draw: Any) -> bytes:
        body = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(0, 6))):
            at = draw(st.integers(0, len(body)))
            end = min(len(body), at + draw(st.integers(0, 12)))
            how = draw(st.integers(0, 4))
            if how == 0:
                body[at:end] = draw(st.binary(max_size=8))
            elif how == 1:
                body[at:end] = draw(st.sampled_from(_PIECES))
            elif how == 2:
                body[at:at] = body[at:end]
            elif how == 3:
                other = draw(st.sampled_from(seeds))
                body[at:end] = other[at : at + 40]
            else:
                del body[at:]
        return bytes(body)

    return st.one_of(draw_one(), st.binary(max_size=200)) if seeds else st.binary(max_size=200)


_SIGNS = st.one_of(
    st.characters(),
    st.sampled_from("`*_[]()<>#|\\!&@~$:=+-.%{}\"'\n\r\t\x00\x1b\x9b\u202e\u2066\u200b\u2028\ud800\U000e0041/0aZ "),
    st.sampled_from(["http://a.b", "www.a.b", "@all", "#12", "GH-1", ":boom:", "&lt;", "&#60;", "- [ ] ", "1. ", "```",
                     "[x](y)", "![a](b)", "<b>", "||", "!45", "5f3ab1c", "$x$", "\\", "[^1]:"]),
)  # fmt: skip
TEXTS = st.lists(_SIGNS, max_size=40).map("".join)


def targets(place: Path) -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]]:
    """Every target with what it is fed."""
    fuzz_seeds.add_audit(place / "seeds")
    fuzz_files.add_journal(place / "seeds")
    seeds = {**fuzz_seeds.SEEDS, **fuzz_files.SEEDS}
    out: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {}
    for name, parser in {**PARSERS, **fuzz_files.PARSERS}.items():
        own = seeds.get(name) or seeds["exact JSON"]
        out[name] = changed(list(own)), (lambda body, parser=parser: parser(body, place))  # type: ignore[misc]
    for name, sink in SINKS.items():
        out[name] = TEXTS, sink
    return out


def _place_of(error: BaseException) -> str:
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/dlqkit/" in one.filename
              or "benchmarks/fuzz_" in one.filename]  # fmt: skip
    last = frames[-1] if frames else None
    return f"{Path(last.filename).name}:{last.name}" if last else "outside"


def run_batch(name: str, strategy: st.SearchStrategy[Any], check: Callable[[Any], None], number: int, tally: Tally,
              examples: int = BATCH) -> None:  # fmt: skip
    """So many examples of one target; a finding is made small, and told once."""

    def once(value: Any) -> None:
        tally.examples[name] += 1
        signal.setitimer(signal.ITIMER_PROF, SLOW_S)
        try:
            check(value)
        except DlqkitError:
            tally.refused[name] += 1
        except (Exception, RecursionError) as error:
            if (name, type(error).__name__, _place_of(error)) not in tally.findings:
                raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    phases = (Phase.generate, Phase.shrink)
    config = settings(max_examples=examples, database=None, deadline=None, phases=phases, print_blob=False,
                      suppress_health_check=list(HealthCheck), report_multiple_bugs=False)  # fmt: skip
    smallest: list[Any] = []

    def last(value: Any) -> None:
        smallest[:] = [value]
        once(value)

    try:
        seed(number)(config(given(strategy)(last)))()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        key = (name, type(error).__name__, _place_of(error))
        tally.findings[key] = f"{str(error)[:200]!r} of {ascii(smallest[0])[:300]}"


def fuzz(cpu_s: float, *, start: int = 0, only: str = "", say: Callable[[str], None] = lambda _: None) -> Tally:
    """Go round the targets until the CPU time is used up."""
    tally, began, number = Tally(), time.process_time(), start
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "seeds").mkdir()
        all_targets = {name: one for name, one in targets(Path(folder)).items() if only in name}
        with suppress(KeyboardInterrupt):
            while time.process_time() - began < cpu_s:
                for name, (strategy, check) in all_targets.items():
                    known = len(tally.findings)
                    run_batch(name, strategy, check, number, tally)
                    for key, text in list(tally.findings.items())[known:]:
                        say(f"{' '.join(key)}: {text}")
                    if time.process_time() - began >= cpu_s:
                        break
                number += 1
    return tally


def _too_slow(_: int, frame: FrameType | None) -> None:
    del frame
    raise TimeoutError(f"more than {SLOW_S:.0f} s of CPU time")


def _lines(tally: Tally, cpu_s: float) -> Iterator[str]:
    for name in sorted(tally.examples):
        yield f"{name}: {tally.examples[name]:,} examples, {tally.refused[name]:,} refused in words"
    total = sum(tally.examples.values())
    yield f"{total:,} examples of {len(tally.examples)} targets in {cpu_s / 3600:.2f} CPU hours"
    yield f"findings: {len(tally.findings)}"


def run(cpu_hours: float = CPU_HOURS, start: int = 0, processes: int = os.cpu_count() or 1) -> list[Measure]:
    """So many CPU hours, shared by processes that begin at rounds of their own."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_files:
        places = [Path(folder) / f"{number}.json" for number in range(processes)]
        said = [open_files.enter_context(place.with_suffix(".txt").open("w+")) for place in places]
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fuzz", "--cpu-hours", str(cpu_hours / processes), "--start",
                 str(start + number * ROUNDS), "--json", str(place)],
                cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
            )
            for number, (place, file) in enumerate(zip(places, said, strict=True))
        ]  # fmt: skip
        for one in running:
            one.wait()
        found = [json.loads(place.read_text()) for place in places if place.is_file()]
        told = [finding for one in found for finding in one["findings"]]
        # A process that ended without its figures has found something, too.
        told += [place.with_suffix(".txt").read_text()[-300:] or "killed" for place in places if not place.is_file()]
    examples: Counter[str] = Counter()
    for one in found:
        examples.update(one["examples"])
    spent = sum(one["cpu_s"] for one in found) / 3600
    detail = f"{examples.total():,} examples of {len(examples)} parsers and sinks, from round {start}"
    return [
        Measure("CPU hours of fuzzing", spent, cpu_hours, cpu_hours, True, detail),
        Measure("findings of it", len(told), 0, 0, False, "; ".join(told) or "none"),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the findings as they come, then the figures; 1 where there was a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu-hours", type=float, default=CPU_HOURS)
    parser.add_argument("--start", type=int, default=0, help="number of the first round, which is its seed")
    parser.add_argument("--only", default="", help="targets with this in their name")
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    given_options = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, _too_slow)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped early, the figures are printed all the same
    began = time.process_time()

    def say(line: str) -> None:
        print(line, flush=True)

    tally = fuzz(given_options.cpu_hours * 3600, start=given_options.start, only=given_options.only, say=say)
    spent = time.process_time() - began
    for line in _lines(tally, spent):
        print(line, flush=True)
    if given_options.json is not None:
        findings = [f"{' '.join(key)}: {text}" for key, text in tally.findings.items()]
        figures = {"cpu_s": spent, "examples": tally.examples, "findings": findings}
        given_options.json.write_text(json.dumps(figures), encoding="utf-8")
    return int(bool(tally.findings))


if __name__ == "__main__":
    sys.exit(main())
