from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import UnexpectedAnswer
from dlqkit.sources import json_elements
from dlqkit.sources.json_elements import count_elements, find_arrays
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

    (found,) = find_arrays(body)
    assert [json.loads(body[begin:end]) for begin, end in found] == values


def test_an_array_that_breaks_off_gives_what_is_whole_of_it() -> None:
    body = b'{"meta": {"n": 1}, "items": [{"a": "]"}, [1, 2], {"b": '

    assert [[body[begin:end].strip() for begin, end in one] for one in find_arrays(body)] == [
        [b'{"a": "]"}', b"[1, 2]"]
    ]


@pytest.mark.parametrize("tail", [b'"' + b'\\"' * 2_000_000, b'"' + b"x" * 4_000_000, b'"\\"\\', b'"x]', b'"x}]'])
def test_a_text_that_is_not_closed_is_looked_through_once(tail: bytes) -> None:
    """A page that was cut within a text, or was made to look so: no element too many, and no minutes."""
    began = time.monotonic()
    assert [len(one) for one in find_arrays(b'[{"a": 1},' + tail)] == [1]
    with pytest.raises(UnexpectedAnswer, match="cut off or broken"):
        decode_page(b'[{"a": 1},' + tail)
    assert time.monotonic() - began < 10


def test_a_page_of_a_million_empty_objects_is_refused_rather_than_built() -> None:
    """Three bytes each as text, a hundred each in memory."""
    with pytest.raises(UnexpectedAnswer, match="more than 500,000 elements"):
        decode_page(b"[" + b"{}," * 1_000_000 + b"{}]")


def test_brackets_in_a_row_are_told_apart_where_elements_begin_and_end() -> None:
    """Those of the page, of an element, and of what is in it stand side by side; fifteen million take no longer."""
    body = b'{"data":[{"a":[[1]]},[[[]]]]}'
    assert [[body[begin:end] for begin, end in one] for one in find_arrays(body)] == [[b'{"a":[[1]]}', b"[[[]]]"]]

    deep = b"[" * (15 << 20) + b"]" * (15 << 20)
    assert list(find_arrays(deep)) == [[(1, len(deep) - 1)]]
    assert list(find_arrays(b"[[1]],[2]]]")) == [[(1, 4)], [(7, 8)]]
