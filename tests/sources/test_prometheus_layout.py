from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import UnexpectedAnswer
from dlqkit.frames import with_labels
from dlqkit.sources.prometheus_decode import decode_answer, frames_of
from dlqkit.sources.prometheus_layout import read_bulk

Rows = list[tuple[int, str]]

VALUES = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.integers(0, 99_999).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 1e9).map(lambda value: f"{value:e}"),
    st.sampled_from(
        ["NaN", "+Inf", "-Inf", "0", "-0", "007", "1e+06", "9007199254740993", "9999999999999999", "1e-320"]
    ),
)
STAMPS = st.one_of(
    st.integers(1_700_000_000, 1_799_999_999).map(str),
    st.integers(1_700_000_000_000, 1_799_999_999_999).map(lambda at_ms: f"{at_ms // 1000}.{at_ms % 1000:03}"),
    st.integers(10**12, 10**13 - 1).map(lambda at_ms: f"{at_ms / 1000:.15g}"),
)


def series(text: str, **labels: str) -> str:
    return f'{{"metric":{json.dumps(labels)},"values":{text}}}'


def answer(*series: str) -> bytes:
    text = ",".join(series)
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{text}]}}}}'.encode()


def as_json(body: bytes) -> list[tuple[list[int], list[float]]]:
    """What Python's own decoder and its exact decimal numbers make of a body, series by series."""
    value = json.loads(body.decode(errors="replace"), parse_float=Decimal)
    rows = [one.get("values", []) for one in value["data"]["result"]]
    return [([int(at * 1000) for at, _ in one], [float(value) for _, value in one]) for one in rows]


def as_read(body: bytes) -> list[tuple[list[int], list[float]]]:
    return [(one.at_ms.tolist(), one.value.tolist()) for one in decode_answer(body).series]


def same(left: Any, right: Any) -> bool:
    """Bit for bit: -0 is not 0, and NaN is NaN."""
    return len(left) == len(right) and all(
        at == other_at and np.array_equal(np.array(value).view(np.int64), np.array(other).view(np.int64))
        for (at, value), (other_at, other) in zip(left, right, strict=True)
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(STAMPS, VALUES), max_size=6), max_size=5), st.sampled_from(["", " ", "\n  "]))
def test_every_number_is_what_json_says(rows: list[list[tuple[str, str]]], space: str) -> None:
    """Whole, fractional, negative, endless, not a number, with an exponent; with spaces between them and without."""
    texts = ["[" + ",".join(f'[{at},{space}"{value}"]' for at, value in one) + "]" for one in rows]
    body = answer(*(series(text, n=str(number)) for number, text in enumerate(texts)))

    assert same(as_read(body), as_json(body))


@pytest.mark.parametrize("stamp", ["1772452800", "1772452800.5", "1772452800.25", "1772452800.125"])
def test_what_a_server_writes_is_read_in_bulk(stamp: str) -> None:
    """Without this the test above would say nothing of the fast way."""
    bulk = read_bulk(answer(series(f'[[{stamp},"1"],[1772452815,"-2.5e-3"],[1772452830.001,"+Inf"]]')))

    assert bulk is not None
    assert bulk.value.tolist() == [1, -0.0025, float("inf")]
    assert bulk.at_ms.tolist() == [round(float(stamp) * 1000), 1772452815000, 1772452830001]


def test_long_and_short_series_keep_their_own_samples() -> None:
    """A series that is read in three pieces, beside one in one piece, of one sample and of none."""
    rng = np.random.default_rng(5)
    lengths = [3, 50_000, 0, 1, 20_000, 1]
    wanted = [[(1_700_000_000_000 + 15_000 * n, int(value)) for n, value in enumerate(rng.integers(0, 10**12, length))]
              for length in lengths]  # fmt: skip
    texts = ["[" + ",".join(f'[{at // 1000},"{value}"]' for at, value in one) + "]" for one in wanted]
    bulk_read = read_bulk(answer(*(series(text, n=str(number)) for number, text in enumerate(texts))))
    assert bulk_read is not None

    frame = with_labels(
        *frames_of(decode_answer(answer(*(series(text, n=str(n)) for n, text in enumerate(texts)))).series)[:2]
    )

    for number, rows in enumerate(wanted):
        own = frame[frame["n"] == str(number)]
        assert own["value"].tolist() == [value for _, value in rows]
        assert (own["sampled_at"].astype("int64") // 1000).tolist() == [at for at, _ in rows]


@pytest.mark.parametrize("fraction", ["", ".5"])
def test_series_on_the_same_steps_differ_where_one_scrape_is_missing(fraction: str) -> None:
    """Steps that are equal are read once; one that is not is seen, be it the last digit of the last series."""
    steps = [f"{1_772_452_800 + 15 * n}{fraction}" for n in range(40)]
    gap = [*steps[:-1], f"1772453386{fraction}"]
    rows = [steps, steps, steps[1:], steps, gap]
    body = answer(*(series("[" + ",".join(f'[{at},"{n}"]' for n, at in enumerate(one)) + "]") for one in rows))

    assert read_bulk(body) is not None
    assert same(as_read(body), as_json(body))


BODY = answer(
    series('[[1772452800,"12"],[1772452815.125,"0.5"]]', a='x"values":[[1,"2"]]'),
    series('[[1772452800,"123456789012"]]', b="y"),
)


def test_a_body_that_was_cut_anywhere_is_no_answer() -> None:
    for length in range(len(BODY)):
        with pytest.raises(UnexpectedAnswer):
            decode_answer(BODY[:length])


def test_a_byte_that_was_changed_is_never_misread() -> None:
    """Each byte in turn becomes each of those that could matter: what is read in bulk is what JSON says."""
    taken = 0
    for place in range(BODY.index(b'{"metric"'), len(BODY)):
        for byte in b'0719+-.eEIN"\\[]{}(,: a\x00\x7f\xff':
            body = BODY[:place] + bytes([byte]) + BODY[place + 1 :]
            if read_bulk(body) is None:
                continue
            try:
                found = as_read(body)
            except UnexpectedAnswer:
                continue
            taken += 1
            assert same(found, as_json(body)), body
    assert taken > 500


@pytest.mark.parametrize(
    "text",
    [
        '[[1772452800,"1"],[1772452815,"x"]]',
        '[[1772452800,""]]',
        '[[1772452800,"123456"],[1772452815,""]]',
        '[[1772452800,"nan(1)"]]',
        '[[1772452800,1"]]',
        '[[0772452800,"1"]]',
        '[[1772452800.,"1"]]',
        '[[17724528000,"1"],]',
        '[[1772452800,"1"][1772452800,"1"]]',
    ],
)
def test_what_is_no_number_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        decode_answer(answer(series(text)))


@pytest.mark.parametrize(
    "one",
    [
        '{"metric":{},"values":[[1772452800,"1"]],"values":[[1772452800,"2"]]}',
        '{"values":[[1772452800,"2"]],"metric":{"a":"\\\\"}}',
        '{"metric":{},"more":{"values":[[1772452800,"1"]]},"values":[[1772452800,"2"]]}',
        '{"metric":{},"a\\"values":[[1772452800,"1"]],"values":[[1772452800,"2"]]}',
        '{"metric":{"a":"\x7f0"},"values":[[1772452800,"2"]]}',
        '{"metric":{},"values":[[1772452800,"\\u0032"]]}',
        '{"metric":{},"v\\u0061lues":[[1772452800,"2"]]}',
        '{"metric":{},"histograms":[[1772452800,{"values":[[1772452800,"1"]]}]],"values":[[1772452800,"2"]]}',
    ],
)
def test_samples_are_those_that_json_names_values(one: str) -> None:
    """A key twice, keys in another order, the same words inside of a label, an object or another key."""
    assert as_read(answer(one)) == [([1772452800000], [2.0])]


@pytest.mark.parametrize(
    "one",
    [
        '{"metric":{"values":[[1772452800,"1"]]},"values":[]}',
        '{"metric":{},"more":{"values":[[1772452800,"1"]]},"values":"\x7f0"}',
    ],
)
def test_samples_in_place_of_a_label_are_no_samples(one: str) -> None:
    """Nor are those of another key, though the values may name what stands for them while they are read."""
    with pytest.raises(UnexpectedAnswer):
        decode_answer(answer(one))


def test_an_answer_of_another_kind_is_handed_on_as_it_is() -> None:
    body = b'{"status":"success","data":{"resultType":"other","values":[[1772452800,"1"]]}}'

    assert decode_answer(body).data == {"resultType": "other", "values": [[1772452800, "1"]]}
