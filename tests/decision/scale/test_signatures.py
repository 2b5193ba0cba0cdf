"""Signatures of dead letters that are counted in an engine."""

from __future__ import annotations

import pytest

from dlqkit.decision.scale.dead_letters import TEXTS, count_alike, mark_last_dead, with_texts
from dlqkit.decision.scale.signatures import count_signatures
from dlqkit.decision.signing.signature_edits import SignatureEdits, SignatureMerge, SignatureSplit
from dlqkit.engines.scan import scan_frame
from dlqkit.errors import EngineError, ParameterError
from tests.frames import at, dead, good, records

FRAME = records(
    [
        dead(0, event_key="e1", last_error="order a1b2 is unknown"),
        dead(10, event_key="e1", last_error="connection to 10.0.0.7:5432 refused"),
        dead(20, event_key="e2", last_error="connection to 10.0.0.8:5432 refused"),
        dead(30, event_key="e3", last_error="order c3d4 is unknown"),
        dead(40, event_key="e4", last_error="connection to 10.0.0.9:5432 refused"),
        good(50, event_key="e5"),
    ]
)


def test_an_event_counts_for_its_last_error_and_a_record_for_its_own() -> None:
    """Of four dead events three ended refused; one of these had been unknown before."""
    found = count_signatures(scan_frame(FRAME))

    assert found["signature"].tolist() == ["connection to <host> refused", "order <id> is unknown"]
    assert found["events"].tolist() == [3, 1]
    assert found["records"].tolist() == [3, 2]
    assert found["share"].tolist() == [0.75, 0.25]
    assert found["first_at"].tolist() == [at(10), at(0)]
    assert found["last_at"].tolist() == [at(40), at(30)]
    assert found["example"].tolist() == ["connection to 10.0.0.7:5432 refused", "order a1b2 is unknown"]
    assert found["workflow_ids"].tolist() == [("wf",), ("wf",)]


def test_texts_come_out_of_the_engine_folded() -> None:
    """Five texts are two rows, each with the least of its texts."""
    found = count_alike(with_texts(mark_last_dead(scan_frame(FRAME))), TEXTS).sort_values("last_error")

    assert found[["records", "events"]].to_numpy().tolist() == [[3, 3], [2, 1]]
    assert found["last_error"].tolist() == ["connection to 10.0.0.7:5432 refused", "order a1b2 is unknown"]


def test_texts_that_nothing_folds_are_not_collected() -> None:
    """Messages of nothing but words that differ raise, and do not fill the memory."""
    frame = records([dead(number, last_error=f"word {chr(97 + number) * 3}") for number in range(20)])

    with pytest.raises(EngineError, match="more than 19 rows"):
        count_signatures(scan_frame(frame), at_most=19)


def test_joined_signatures_are_one() -> None:
    """What the analyst has joined is counted together, by the analyst's name."""
    merge = SignatureMerge(("connection to <host> refused", "order <id> is unknown"), "all of it")

    found = count_signatures(scan_frame(FRAME), edits=SignatureEdits(merges=(merge,)))

    assert found[["signature", "events", "records"]].to_numpy().tolist() == [["all of it", 4, 5]]


def test_a_parted_signature_is_refused() -> None:
    """To part a signature each text has to be looked at, of which one stands for many here."""
    split = SignatureSplit("order <id> is unknown", 1)

    with pytest.raises(ParameterError, match="was parted"):
        count_signatures(scan_frame(FRAME), edits=SignatureEdits(splits=(split,)))
