"""What is folded away of error texts in an engine."""

from __future__ import annotations

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlqkit.decision.scale.folding import choose_way, fold_texts
from dlqkit.decision.signing.heads import take_heads
from dlqkit.decision.signing.masks import mask_texts
from dlqkit.engines.scan import connect

# What the masks and heads look at, and what stands beside it.
PIECES = [
    *("http", "HTTP", "status", "code", "Error", "e", "x", "ab", "Fault", "Abc", "S3", "v1", "q7", "é", "٤"),
    *("4", "5", "9", "12", "47", "503", "404", "312", "5000", "12345", "123456", "4711", "0", "00000", "0a", "0000"),
    *(" ", " ", " ", ".", "-", "_", "@", ":", "/", "\n", "\n\tat ", "... ", " more", "#", "$1"),
    *("3fa85f64-5717-4562-b3fc-2c963f66afa6", "abcdefab-abcd-0abc-abcd-abcdefabcdef", "anna.b@ex-1.example.org"),
    *("10.0.0.7", "503.1.2.3", "aws.s3.Fault", "Traceback (most recent call last)", "Caused by: ", "goroutine "),
]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)


def fold(texts: list[str], engine: str) -> list[tuple[str, str]]:
    """Way and fold of each text."""
    frame = pd.DataFrame({"place": range(len(texts)), "text": pd.Series(texts, dtype="str")})
    lazy = nw.from_native(frame).lazy()
    if engine == "duckdb":
        connection = connect()
        lazy = nw.from_native(connection.from_arrow(pa.Table.from_pandas(frame)))
    lazy = lazy.with_columns(way=choose_way(nw.col("text")))
    found = lazy.with_columns(fold=fold_texts(nw.col("text"), nw.col("way"))).collect("pandas").sort("place")
    return list(zip(found["way"].to_list(), found["fold"].to_list(), strict=True))


def mask(texts: list[str]) -> list[bytes]:
    codes, forms = mask_texts(take_heads(pa.array(texts, type=pa.large_string())))
    return [forms[code] for code in codes]


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@given(st.lists(TEXTS, min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
@example(["code error1234 503", "code error12345 503", "code 1234 503", "code 12345 503"])
@example(["code abcdefab-abcd-0abc-abcd-abcdefabcdefcode 503", "code abcdefab-abcd-0abc-abcd-abcdefabcdefabcd 503"])
@example(["code 0a 503", "code 3fa85f64-5717-4562-b3fc-2c963f66afa6 503", "code 0 503"])
@example(["aws.s3.Fault", "aws.s4.Fault", "aws.s345.Fault"])
@example(["1234.5.6.7 x", "10.0.0.0 x", "0.0.0.0 x"])
def test_texts_of_one_fold_have_one_masked_form(engine: str, texts: list[str]) -> None:
    """Folding joins nothing that the masks tell apart, so no two errors become one."""
    texts = sorted(set(texts))
    forms: dict[tuple[str, str], bytes] = {}

    for text, key, form in zip(texts, fold(texts, engine), mask(texts), strict=True):
        assert forms.setdefault(key, form) == form, (text, key)


@pytest.mark.parametrize(
    ("template", "way"),
    [
        ("order {id} of customer {n} is unknown", "all"),
        ("connection to 10.0.{n}.7:{n} refused", "all"),
        ("mail to {id}@example.com bounced", "all"),
        ("java.net.SocketTimeoutException: {n} ms", "all"),
        ("HTTP 503 for order {id}", "statuses"),
        ("status code: 502, request {id}, trace {trace}", "statuses"),
        ("aws.s3.Fault: no bucket {uuid}", "numbers"),
        ("Traceback (most recent call last):\n  File \"/app/a.py\", line {n}, in f\nValueError: {id}", "all"),
        ("panic: order {uuid}\ngoroutine 1 [running]:\nmain.go:12 +0x1f", "numbers"),
    ],
)  # fmt: skip
def test_a_thousand_events_leave_few_folds(template: str, way: str) -> None:
    """Ids and numbers of the usual kinds go, so a flood of distinct messages is few rows out of the engine."""
    texts = [
        template.format(
            id=f"{number * 7919:x}q{number}", n=10_000 + number, trace=f"{number * 104_729 + 2**120:032x}",
            uuid=f"{number * 7919:08x}-{number:04x}-4{number % 4096:03x}-b{number % 256:03x}-{number * 104_729:012x}",
        )
        for number in range(1, 1_001)
    ]  # fmt: skip

    found = fold(texts, "duckdb")

    assert max(found, key=found.count)[0] == way
    # An id of digits alone is a number, and now and then one looks like a status.
    assert len(set(found)) <= 3
    assert found.count(max(found, key=found.count)) >= 900


def test_statuses_are_kept_apart() -> None:
    """A 503 is another failure than a 404, and stays so."""
    found = fold(["HTTP 503 for order a1b2", "HTTP 404 for order c3d4"], "duckdb")

    assert len(set(found)) == 2
