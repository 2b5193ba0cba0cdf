from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlqkit.republish.exact_json import is_same, parse_exact, plain_value, read_value, rewrite, write_value

TEXT = '{ "a" : 1.10, "b":[1e5,  2, 3],"u":"\\u0041","dup":1, "dup": 2 ,"big":123456789012345678901234567890 }'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _value(text: str) -> Any:
    return plain_value(parse_exact(text))


def test_what_is_not_touched_keeps_every_character() -> None:
    """Big numbers, 1.10, escapes, spaces and repeated names stay as they came when another field is edited."""
    value = _value(TEXT)
    value["b"][1] = Decimal(7)

    assert rewrite(TEXT, value) == TEXT.replace("[1e5,  2, 3]", "[1e5,  7, 3]")
    assert rewrite(TEXT, _value(TEXT)) == TEXT


def test_a_field_is_added_and_removed_in_the_texts_own_manner() -> None:
    """A new field is written with the spaces that the others have; a removed one leaves no comma behind."""
    value = _value(TEXT)
    del value["a"]
    value["new"] = "я"

    assert rewrite(TEXT, value) == (
        '{ "b":[1e5,  2, 3],"u":"\\u0041","dup":1, "dup": 2 ,"big":123456789012345678901234567890, "new" : "я" }'
    )


def test_of_a_repeated_name_the_last_one_is_edited() -> None:
    """Readers take the last one, so that one is changed, and the first is left alone."""
    value = _value(TEXT)
    value["dup"] = Decimal(5)

    assert rewrite(TEXT, value) == TEXT.replace('"dup": 2', '"dup": 5')


def test_a_value_that_moves_keeps_its_digits() -> None:
    """1e5 stays 1e5 where an item before it is removed, and where it becomes another field."""
    assert rewrite("[0, 1e5, 2]", _value("[1e5, 2]")) == "[1e5, 2]"
    assert rewrite('{"a": 1e5}', {"b": Decimal("1e5")}) == '{"b": 1e5}'


def test_numbers_are_the_same_only_to_the_digit() -> None:
    """1.10 is not 1.1, 1 is not true, and the text is changed where an edit says so."""
    assert not is_same(Decimal("1.10"), Decimal("1.1"))
    assert not is_same(Decimal(1), True)
    assert rewrite("[1.10]", [Decimal("1.1")]) == "[1.1]"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,}',
        "[1,]",
        "[,1]",
        "01",
        '{"a"}',
        '"\n"',
        "nul",
        "1 2",
        "{,}",
        "",
        "NaN",
        "[1",
        '{"a":}',
        '"\\x"',
        "+1",
        ".5",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Nothing is guessed from a broken text."""
    with pytest.raises(ValueError, match=r"."):
        parse_exact(text)
    with pytest.raises(ValueError, match=r"."):
        read_value(text)


def test_a_text_nested_too_deeply_is_refused_and_does_not_crash() -> None:
    """An attacker's payload cannot end the command."""
    for depth in (5_000, 100_000):
        with pytest.raises(ValueError, match=r"nested|recursion"):
            parse_exact("[" * depth + "]" * depth)
        with pytest.raises(ValueError, match="nested"):
            read_value("[" * depth + "]" * depth)


@given(JSON, st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", "\t:")]), st.booleans())
def test_the_parser_agrees_with_pythons_own(value: Any, separators: tuple[str, str], ascii_only: bool) -> None:
    """The same values come of every text, however it is laid out."""
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)

    assert is_same(_value(text), read_value(text))
    assert rewrite(text, _value(text)) == text


@given(JSON, JSON)
def test_a_rewritten_text_holds_exactly_the_new_value(before: Any, after: Any) -> None:
    """Whatever an edit asks for, the new text says that and nothing else."""
    new = read_value(json.dumps(after))

    assert is_same(read_value(rewrite(json.dumps(before), new)), new)
    assert is_same(read_value(write_value(new)), new)


@pytest.mark.parametrize("number", ["1e1000000000000000000", "-1E-9999999999999999999"])
def test_a_number_that_no_library_counts_with_is_no_value(number: str) -> None:
    """A payload may hold it; it is refused in words, as any text that cannot be read."""
    for read in (read_value, parse_exact):
        with pytest.raises(ValueError, match="exponent"):
            read(f'{{"a": {number}}}')
