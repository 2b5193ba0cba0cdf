from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import UnexpectedAnswer
from dlqkit.sources import json_elements
from dlqkit.sources.json_elements import count_elements, find_elements, find_members
from dlqkit.sources.record_decode import decode_page

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\,[]{}:é\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='a",[{\\'), inner, max_size=3),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values=st.lists(VALUES, min_size=1, max_size=6), at_once=st.sampled_from([1, 2, 7, 1 << 20]))
def test_elements_are_counted_and_found_whatever_they_hold(values: list[Any], at_once: int) -> None:
    """Quotation marks, brackets and commas within texts are none of the array's; nor are those of what is inside."""
    body = json.dumps(values, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "_FEW", 0)
        patch.setattr(json_elements, "_AT_ONCE", at_once)
        assert count_elements(body) == len(values)
        found = find_elements(body)
        members = find_members(json.dumps(dict(enumerate(values)), ensure_ascii=False).encode())

    assert found is not None
    assert members is not None
    assert [json.loads(body[begin:end]) for begin, end in found] == values
    assert {name: json.loads(bytes(raw)) for name, raw in members.items()} == {
        str(place): value for place, value in enumerate(values)
    }


@pytest.mark.parametrize("body", [b'[{"a": "]"}, [1, 2], {"b": ', b"[1, 2,]", b"[,]", b"[1] 2", b"[1]]", b"[1],[2]",
                                  b"1", b"1, [2]", b"", b'["a]', b"[1}, {2]", b"[[1]],[2]]]"])  # fmt: skip
def test_an_array_that_is_not_closed_or_is_followed_by_something_has_no_elements(body: bytes) -> None:
    assert find_elements(body) is None


def test_an_array_of_nothing_has_no_element() -> None:
    assert find_elements(b"[]") == find_elements(b" [ \n ] ") == find_elements(b"{}") == []


def test_members_are_told_apart_whatever_their_values_are() -> None:
    """Odd bytes in a name are replaced; a value that is no JSON is as it came, without the blanks around it."""
    body = b'{"a\xff" : nul , "\\ud800":[NaN, {"x": -}],"b\\"":"\xff" }'

    found = find_members(body)

    assert found is not None
    assert {name: bytes(raw) for name, raw in found.items()} == {
        "a\ufffd": b"nul", "?": b'[NaN, {"x": -}]', 'b"': b'"\xff"'}  # fmt: skip
    for broken in (b"{a: 1}", b'{"a" 1}', b'{"a":}', b'{"a":1,}', b"[1]", b'{"a":1'):
        assert find_members(broken) is None


@pytest.mark.parametrize("before", [b"\n", b" \t\r\n"])
def test_members_are_told_apart_behind_a_line_break(before: bytes) -> None:
    found = find_members(before + b'{"a": nul}')

    assert found is not None
    assert {name: bytes(raw) for name, raw in found.items()} == {"a": b"nul"}
    assert find_members(before + b"[1]") is None


@pytest.mark.parametrize("tail", [b'"' + b'\\"' * 2_000_000, b'"' + b"x" * 4_000_000, b'"\\"\\', b'"x]', b'"x}]'])
def test_a_text_that_is_not_closed_is_looked_through_once(tail: bytes) -> None:
    """A page that was cut within a text, or was made to look so: no element too many, and no minutes."""
    began = time.monotonic()
    assert find_elements(b'[{"a": 1},' + tail) is None
    with pytest.raises(UnexpectedAnswer, match="cut off or broken"):
        decode_page(b'[{"a": 1},' + tail)
    assert time.monotonic() - began < 10


def test_a_page_of_a_million_empty_objects_is_refused_rather_than_built() -> None:
    """Three bytes each as text, a hundred each in memory."""
    with pytest.raises(UnexpectedAnswer, match="more than 500,000 elements"):
        decode_page(b"[" + b"{}," * 1_000_000 + b"{}]")


def test_brackets_in_a_row_are_told_apart_where_elements_begin_and_end() -> None:
    """Those of the page, of an element, and of what is in it stand side by side; fifteen million take no longer."""
    body = b'[{"a":[[1]]},[[[]]]]'
    assert [body[begin:end] for begin, end in find_elements(body) or ()] == [b'{"a":[[1]]}', b"[[[]]]"]

    deep = b"[" * (15 << 20) + b"]" * (15 << 20)
    assert find_elements(deep) == [(1, len(deep) - 1)]
    assert count_elements(b"[" + deep + b"]") == 1
