"""Words that tell nothing of a cause are looked through once for all texts that differ by them alone."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.decision.errors import error_text
from dlqkit.decision.errors.error_text import read_error

MESSAGES = [
    json.loads(line)["text"]
    for line in Path(__file__).with_name("error_messages.jsonl").read_text(encoding="utf-8").splitlines()
]
KNOWN = sorted(error_text._known_words())


def test_every_message_of_the_collection_is_read_as_if_all_its_words_were_looked_at() -> None:
    for message in MESSAGES:
        words = error_text._words(message)
        assert error_text._read(error_text._told(words)) == error_text._read(words), message


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(KNOWN),
            st.sampled_from(
                ["anna", "заказ", "xx005", "²²²²²²²", "40p01", "4a123", "503", "1205", "08006", "12541", "20001"]
            ),
            st.integers(0, 700).map(str),
            st.integers(0, 99_999).map("{:05d}".format),
            st.integers(0, 10**9).map(str),
        ),
        max_size=12,
    )
)
def test_unknown_words_and_long_numbers_change_no_reading(words: list[str]) -> None:
    own = tuple(words)
    assert error_text._read(error_text._told(own)) == error_text._read(own)


def test_what_told_the_class_is_said_in_the_words_of_the_text_itself() -> None:
    """Two texts that differ by an id are looked through once, and each is quoted as it is."""
    first, second = read_error("status 503 for order 123456789"), read_error("status 504 for order 987654321")
    assert (first.words, first.failure_class) == ("503", "infrastructure")
    assert (second.words, second.failure_class) == ("504", "timeout")
