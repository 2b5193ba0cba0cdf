"""Where a long word is broken on paper."""

from __future__ import annotations

import pytest

from dlqkit.report.typesetting import FONTS, find_fonts, set_command, set_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("connection refused", ["connection refused"]),
        ("queued_to_dlq=true now", [["queued_", "to_", "dlq=", "true"], " now"]),
        ("0123456789abcdef01234", [["0123", "4567", "89ab", "cdef", "0123", "4"]]),
        ("then --confirmed-by NAME", ["then ", ["--confirmed-by"], " NAME"]),
        ("at 2026-03-02 14:02:05 UTC", ["at 2026-03-02 ", ["14:02:05 UTC"]]),
        ("שלוםשלוםשלוםשלוםשלום", ["שלוםשלוםשלוםשלוםשלום"]),
        ("数据库连接失败数据库连接失败数据库连接失败", ["数据库连接失败数据库连接失败数据库连接失败"]),
        ("", []),
    ],
)
def test_a_word_is_broken_after_its_signs_or_every_four_letters(text: str, parts: list[object]) -> None:
    """Ids at their dashes, hashes anywhere; times and scripts that have rules of their own nowhere."""
    assert set_parts(text) == parts


def test_a_word_of_a_command_is_whole_up_to_an_id_or_a_time() -> None:
    """36 letters of an id stay together; of a word of 45 there are pieces, and a blank stays between the words."""
    one, other = "da864b99-6592-4f75-a8eb-048219b33496", "incidents/" + "a" * 35

    assert set_command(f"dlqkit event {one}") == [["dlqkit"], " ", ["event"], " ", [one]]
    assert set_command(f"lab {other}")[2][:2] == ["incidents/", "aaaa"]
    assert "".join(set_command(f"lab {other}")[2]) == other


def test_no_piece_begins_with_an_accent() -> None:
    """A mark stays on the letter that it belongs to."""
    word = "e\u0301" * 15

    [pieces] = set_parts(word)

    assert "".join(pieces) == word
    assert not [piece for piece in pieces if piece[0] == "\u0301"]


def test_a_text_is_cut_and_says_so() -> None:
    assert set_parts("a b " * 10, 9) == ["a b a b…"]


def test_every_font_that_is_named_is_there() -> None:
    """The wheels of the extra, and matplotlib's own; a name that is misspelt would be passed over in silence."""
    import typst

    there = typst.Fonts(include_system_fonts=False, font_paths=find_fonts()).families()

    assert set(FONTS) <= set(there)
