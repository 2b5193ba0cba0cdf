"""Interleaved rounds of ours and theirs; the figure is the median of the rounds' ratios."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "build" / "peers"
MARKS = ("<!-- figures: written by make bench -->", "<!-- end of figures -->")
# Without their dependencies on pandas and matplotlib, which are here already: both sides run on the same ones.
PEER_PACKAGES = ("prometheus-api-client==0.7.2", "prometheus-pandas==0.3.3", "dateparser", "tzlocal", "regex")


@dataclass(frozen=True)
class Figure:
    """One comparison: seconds are medians, the ratio is theirs over ours (more than 1: ours is faster)."""

    name: str
    ours: str
    theirs: str
    unit: str
    ours_s: float
    theirs_s: float
    ratio: float
    lowest: float
    highest: float
    rounds: int

    def line(self) -> str:
        """As a line for people."""
        return (
            f"{self.name}: {self.ours} {self.ours_s * 1000:,.1f} ms, {self.theirs} {self.theirs_s * 1000:,.1f} ms "
            f"({self.unit}); ratio {self.ratio:.2f} ({self.lowest:.2f} to {self.highest:.2f} in {self.rounds} rounds)"
        )


@dataclass(frozen=True)
class Measure:
    """How good an answer is, against what it must be and what is aimed at; no peer."""

    name: str
    value: float
    must: float | None
    aim: float | None
    higher_is_better: bool
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the value is at least as good as it must be."""
        if self.must is None:
            return True
        return self.value >= self.must if self.higher_is_better else self.value <= self.must

    def line(self) -> str:
        """As a line for people; a figure that falls short says so."""
        bounds = "" if self.must is None else f" (must {self.must:g}, aim {self.aim:g})"
        return f"{self.name}: {self.value:.4g}{bounds}{'' if self.holds else ' FALLS SHORT'}; {self.detail}"


def install_peers() -> None:
    """Install the peers beside the project and make them importable, after everything of ours."""
    if not PEERS.is_dir():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(PEERS),
            *PEER_PACKAGES,
        ]
        subprocess.run(command, check=True)
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))


def compare(
    name: str,
    ours: tuple[str, Callable[[], object]],
    theirs: tuple[str, Callable[[], object]],
    *,
    rounds: int = 7,
    clock: Callable[[], float] = time.process_time,
    unit: str = "CPU",
) -> Figure:
    """Time both in turn, the order changing each round."""
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds + 1):
        pair = [("ours", ours[1]), ("theirs", theirs[1])]
        for key, call in pair if number % 2 else reversed(pair):
            gc.collect()
            began = clock()
            call()
            if number:  # the first round warms up
                spent[key].append(clock() - began)
    ratios = [other / own for own, other in zip(spent["ours"], spent["theirs"], strict=True)]
    return Figure(
        name, ours[0], theirs[0], unit, statistics.median(spent["ours"]), statistics.median(spent["theirs"]),
        statistics.median(ratios), min(ratios), max(ratios), rounds,
    )  # fmt: skip


def write_figures(figures: Sequence[Figure | Measure], path: Path) -> None:
    """Keep the figures beside what they were measured on."""
    value = {"machine": _machine(), "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def write_tables(figures: Sequence[Figure | Measure], path: Path) -> None:
    """Put the figures in place of the tables between the marks of a page."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    machine = ", ".join(f"{name} {value}" for name, value in _machine().items())
    lines = ["", f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}.", ""]
    lines += ["| what | against | clock | ratio (lowest to highest of the rounds) |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.theirs} | {one.unit} | {one.ratio:.2f} ({one.lowest:.2f} to {one.highest:.2f}) |"
        for one in figures if isinstance(one, Figure)
    ]  # fmt: skip
    lines += ["", "| what | must | aim | measured |", "|---|---|---|---|"]
    lines += [
        f"| {one.name}: {one.detail} | {_bound(one.must)} | {_bound(one.aim)} | {one.value:.4g}"
        f"{'' if one.holds else ' **falls short**'} |"
        for one in figures if isinstance(one, Measure)
    ]  # fmt: skip
    path.write_text("\n".join([before + MARKS[0], *lines, "", MARKS[1] + after]), encoding="utf-8")


def _bound(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _machine() -> dict[str, str]:
    versions = {name: version(name) for name in ("pandas", "pyarrow", "numpy")}
    return {"Python": platform.python_version(), **versions, "machine": platform.machine(),
            "cores": str(os.cpu_count())}  # fmt: skip
