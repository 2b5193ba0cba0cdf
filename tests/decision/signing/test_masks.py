from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.decision.signing import masks
from dlqkit.decision.signing.masks import MASK, find_masked, mask_texts

PIECES = [
    "7", "503", "HTTP ", "code: ", "status=", "ORD-12", "a1b2", "S3Exception", "x@y.z", "x@y", ".", ":", "::", "-", "_",
    " ", "/", "0xff", "é", "订单", "10.0.0.1", "db-7.prod", "\x00", "\n", "�", "aws.s3.Fault", "Error", "5", "",
]  # fmt: skip


def forms(texts: list[str]) -> list[str]:
    codes, found = mask_texts(pa.array(texts, type=pa.large_string()))
    return [found[code].replace(MASK, b"#").decode() for code in codes]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Connection to 10.0.3.7:5432 refused", "Connection to #:# refused"),
        (
            "com.amazonaws.services.s3.model.AmazonS3Exception: x",
            "com.amazonaws.services.s3.model.AmazonS3Exception: x",
        ),
        ("psycopg2.errors.UniqueViolation", "psycopg2.errors.UniqueViolation"),
        ("Http2Exception on db7.prod.internal", "Http2Exception on #"),
        ("com.x.Foo$1 failed", "com.x.Foo$# failed"),
        ("HTTP/1.1 503 and status code: 404, 503 rows", "HTTP/# 503 and status code: 404, # rows"),
        ("code 5:3, code 5 3, code 5033, code 40a", "code #:#, code # #, code #, code #"),
        ("Key (email)=(x@y.z) of root@db", "Key (email)=(#) of root@db"),
        ("sent to ann-7@example.com.", "sent to #."),
        ("com.acme.Client@a1b2c3 closed", "# closed"),
        ("status@503, code 503", "#, code 503"),
        ("blk_-1608 at node-12, foo-", "# at #, foo-"),
        ("订单12345不存在", "订单#不存在"),
        ("", ""),
    ],
)
def test_what_holds_a_digit_is_masked_unless_it_is_a_name_or_a_status(text: str, form: str) -> None:
    """Names of exceptions and HTTP statuses of failure say what failed; they stay."""
    assert forms([text]) == [form]


def test_a_status_word_in_the_text_before_says_nothing_of_this_one() -> None:
    assert forms(["no such code", "503 rows", "HTTP 503"]) == ["no such code", "# rows", "HTTP 503"]
    assert forms(["503 rows", "no such code"]) == ["# rows", "no such code"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), min_size=1, max_size=12))
def test_a_text_is_masked_alike_alone_and_among_others(texts: list[str]) -> None:
    """An event's signature may not hang on which other events came in the same page."""
    assert forms(texts) == [forms([text])[0] for text in texts]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), min_size=1, max_size=6))
def test_what_was_masked_fits_into_the_gaps(texts: list[str]) -> None:
    """Each text can be put together again from its masked form and what was masked."""
    array = pa.array(texts, type=pa.large_string())
    codes, found = mask_texts(array)

    for text, code, tokens in zip(texts, codes, find_masked(array), strict=True):
        parts = [part.decode() for part in found[code].split(MASK)]
        whole = parts[0] + "".join(token + part for token, part in zip(tokens, parts[1:], strict=True))
        assert whole == text.replace("\x00", " ").replace("\n", " ")


def test_texts_that_come_again_and_again_are_masked_as_those_that_do_not() -> None:
    texts = [f"order {number} failed" for number in range(5)] + ["no route", "order 7 failed with HTTP 503", ""]
    order = [number * 5 % 8 for number in range(200)]

    codes, found = mask_texts(pa.array([texts[number] for number in order], type=pa.large_string()))

    alone = [forms([text])[0] for text in texts]
    assert [found[code].replace(MASK, b"#").decode() for code in codes] == [alone[number] for number in order]
    assert len(found) == 4


def test_chunks_and_slices_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"order {number} of client c{number % 7} failed with HTTP 50{number % 4}" for number in range(100)]
    array = pa.array(["left out", *texts], type=pa.large_string()).slice(1)
    whole = mask_texts(array)
    monkeypatch.setattr(masks, "_CHUNK", 100)

    codes, found = mask_texts(array)

    assert codes.tolist() == whole[0].tolist()
    assert found == whole[1]
    assert len(found) == 4
