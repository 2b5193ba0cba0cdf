"""Measure every figure and print it."""

from __future__ import annotations

from pathlib import Path

from benchmarks import (
    differences,
    durations,
    engines,
    error_classes,
    postmortem,
    prevention,
    prometheus,
    records,
    republish,
    signals,
    signatures,
    startup,
    triage,
)
from benchmarks.harness import ROOT, Figure, Measure, write_figures, write_tables

MODULES = (
    records,
    prometheus,
    postmortem,
    signals,
    error_classes,
    signatures,
    differences,
    durations,
    prevention,
    republish,
    engines,
    triage,
    startup,
)


def main() -> None:
    """Print each figure as it comes, keep them in ``figures.json`` and put them into ``docs/benchmarks.md``."""
    figures: list[Figure | Measure] = []
    for module in MODULES:
        for figure in module.run():
            print(figure.line(), flush=True)
            figures.append(figure)
    write_figures(figures, Path(__file__).with_name("figures.json"))
    write_tables(figures, ROOT / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
