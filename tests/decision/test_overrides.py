from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from dlqkit.decision.classes import classify_failures
from dlqkit.decision.overrides import (
    OVERRIDDEN,
    ClassOverride,
    apply_overrides,
    find_unmatched_overrides,
    parse_overrides,
)
from dlqkit.errors import FrameError, ParameterError
from tests.frames import dead, records

ENTRY = {"signature_id": "0a1b2c3d4e", "class": "business", "by": "ann", "reason": "the client confirmed it"}


def classified() -> pd.DataFrame:
    """Two events that could not connect, one of them flagged not retryable, and one that says nothing."""
    rows = [dead(1, event_key="a"), dead(2, event_key="b", retryable=False, attempts=1),
            dead(3, event_key="c", retryable=None, last_error="hm")]  # fmt: skip
    return classify_failures(records(rows))


def test_an_analysts_word_replaces_the_class_and_the_fields_stay_visible() -> None:
    frame = classified()
    signature = frame.loc[frame["event_key"] == "a", "signature_id"].iloc[0]

    out = apply_overrides(frame, [ClassOverride("infrastructure", "ann", "flag is wrong", signature_id=signature)])

    assert out["failure_class"].tolist() == ["infrastructure", "infrastructure", "unknown"]
    assert out["class_by_fields"].tolist() == ["infrastructure", "business", "unknown"]
    assert out["overridden"].tolist() == [True, True, False]
    assert out["overridden_by"].tolist() == ["ann", "ann", ""]
    assert frame["failure_class"].tolist() == ["infrastructure", "business", "unknown"]


def test_what_a_person_decided_is_no_longer_disputed_and_may_be_planned() -> None:
    frame = classified()
    assert frame["disputed"].tolist() == [False, True, False]

    out = apply_overrides(frame, [ClassOverride("infrastructure", "ann", "flag is wrong", event_key="b")])

    assert out["disputed"].tolist() == [False, False, False]
    assert out["republish"].tolist() == ["after_repair", "after_repair", "look_first"]
    assert out["counter_evidence"].tolist() == frame["counter_evidence"].tolist()


def test_the_word_on_an_event_counts_before_the_word_on_its_signature() -> None:
    frame = classified()
    signature = frame["signature_id"].iloc[0]
    overrides = [ClassOverride("timeout", "bob", "slow", event_key="a"),
                 ClassOverride("business", "ann", "bad", signature_id=signature)]  # fmt: skip

    assert apply_overrides(frame, overrides)["failure_class"].tolist() == ["timeout", "business", "unknown"]


def test_overrides_that_match_nothing_are_named() -> None:
    missed = ClassOverride("business", "ann", "bad", event_key="z")

    assert find_unmatched_overrides(classified(), [missed]) == (missed,)
    assert apply_overrides(classified(), [missed])["overridden"].sum() == 0


def test_without_events_or_overrides_the_columns_are_the_same() -> None:
    empty = classify_failures(records([]))

    assert list(apply_overrides(empty, parse_overrides([ENTRY])).columns) == list(OVERRIDDEN)
    assert list(apply_overrides(classified(), ()).columns) == list(OVERRIDDEN)


def test_a_list_of_judgement_yaml_is_read() -> None:
    assert parse_overrides(None) == ()
    assert parse_overrides([ENTRY]) == (
        ClassOverride("business", "ann", "the client confirmed it", signature_id="0a1b2c3d4e"),
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("business", "is not a list"),
        (["business"], "is not a table"),
        ([{**ENTRY, "class": "buisness"}], "no failure class"),
        ([{**ENTRY, "class": None}], "no failure class"),
        ([{**ENTRY, "by": " "}], "has no by"),
        ([{**ENTRY, "reason": None}], "has no reason"),
        ([{**ENTRY, "event_key": "a"}], "one of them alone"),
        ([{name: ENTRY[name] for name in ("class", "by", "reason")}], "one of them alone"),
        ([{**ENTRY, "severity": "high"}], "means nothing"),
        ([{**ENTRY, "signature_id": 1234567890}], "is not text"),
        ([ENTRY, {**ENTRY, "class": "timeout"}], "two class overrides"),
    ],
)
def test_a_slip_in_the_file_is_named_with_what_to_write(value: Any, problem: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_overrides(value)

    assert problem in caught.value.problem
    assert caught.value.next_step


def test_a_frame_that_was_not_classified_is_refused() -> None:
    with pytest.raises(FrameError):
        apply_overrides(pd.DataFrame({"event_key": ["a"]}), ())


def test_the_example_of_the_guide_is_read() -> None:
    """What an analyst copies from docs/classes.md into judgement.yaml holds."""
    guide = (Path(__file__).parents[2] / "docs" / "classes.md").read_text("utf-8")
    example = yaml.safe_load(guide.split("```yaml")[1].split("```")[0])

    overrides = parse_overrides(example["class_overrides"])

    assert [override.target for override in overrides] == ["signature 1f0c2a9b7d", "event order-77"]
