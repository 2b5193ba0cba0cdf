"""A short share of ``python -m benchmarks.fuzz``: every parser refuses in words, every sink shows the text alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import fuzz, fuzz_files, fuzz_targets


@pytest.mark.parametrize("name", [*fuzz_targets.PARSERS, *fuzz_files.PARSERS, *fuzz_targets.SINKS])
def test_bad_input_is_refused_in_words_and_bad_text_is_shown_as_text(name: str, tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    strategy, check = fuzz.targets(tmp_path)[name]
    tally = fuzz.Tally()
    fuzz.run_batch(name, strategy, check, 7, tally, examples=40)

    assert tally.findings == {}
    assert tally.examples[name] >= 30
    # A target that refuses everything, good examples too, tries nothing.
    assert tally.refused[name] < tally.examples[name]


def test_a_fault_is_found_and_made_small(tmp_path: Path) -> None:
    """The fuzzer could fail: a parser that breaks on a byte is caught with that byte."""
    tally = fuzz.Tally()

    def breaks(body: bytes) -> None:
        assert b"\xff" not in body

    fuzz.run_batch("broken", fuzz.changed([b"good"]), breaks, 2, tally, examples=300)

    assert [key[:2] for key in tally.findings] == [("broken", "AssertionError")]
    assert "of b'\\xff'" in next(iter(tally.findings.values()))


def test_a_process_that_ends_without_its_figures_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal, without memory, or by an error of the fuzzer itself, which all leave another code or none."""
    monkeypatch.setattr(fuzz.sys, "executable", shutil.which("false"))
    spent, findings = fuzz.run(1 / 3600, processes=2)

    assert (spent.value, spent.holds) == (0, False)
    assert (findings.value, findings.holds, findings.detail) == (2, False, "killed; killed")


def test_a_campaign_adds_up_what_its_processes_tried() -> None:
    """One target and more of each process, in the CPU time that was asked for."""
    spent, findings = fuzz.run(2 / 3600, processes=2)

    assert spent.holds
    assert 2 / 3600 <= spent.value < 20 / 3600
    assert int(spent.detail.split(" ")[0].replace(",", "")) >= 2 * fuzz.BATCH
    assert (findings.value, findings.detail) == (0, "none")
