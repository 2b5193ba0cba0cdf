"""A private key is replaced whole: encrypted, cut off, escaped in JSON, or on one line."""

from __future__ import annotations

import json
import time

import pytest

from dlqkit.report.redaction import Redactor, find_personal

KEY = bytes(range(32))
# Put together here, so that no scanner takes them for somebody's.
BEGIN, END = ("-" * 5 + f"{side} RSA PRIVATE " + "KEY" + "-" * 5 for side in ("BEGIN", "END"))
LINES = ["MIIEpAIBAAKCAQEAx0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK", "q+/" * 20 + "Wxyz", "dGhlIGVuZA=="]
HEADERS = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,7BEC9E7B6F3A2D01", ""]
WHOLE = [BEGIN, *LINES, END]


def left_of(text: str) -> str:
    """A text with its one token cut out."""
    (found,) = find_personal(text)
    assert found.kind == "token"
    return text[: found.start] + "|" + text[found.end :]


@pytest.mark.parametrize("between", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", " ", "\n> "])
@pytest.mark.parametrize("headers", [[], HEADERS])
def test_a_key_with_its_end_is_replaced_to_its_end(headers: list[str], between: str) -> None:
    assert left_of(f"bad key {between.join([BEGIN, *headers, *LINES, END])} of orders") == "bad key | of orders"


@pytest.mark.parametrize("between", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n> ", '\\n"\n"'])
@pytest.mark.parametrize("headers", [[], HEADERS])
def test_of_a_key_that_was_cut_off_each_line_is_replaced(headers: list[str], between: str) -> None:
    for count in (1, 2, 3):
        text = between.join([BEGIN, *headers, *LINES[:count]])
        assert left_of(f"bad key {text}") == "bad key |"
        assert left_of(f"bad key {text} (cut)") == "bad key | (cut)"
        assert left_of(f"bad key {text}\n2 orders failed: see the log") == "bad key |\n2 orders failed: see the log"


def test_a_cut_within_the_headers_the_first_line_or_the_end_leaves_nothing() -> None:
    assert left_of(f"{BEGIN}\n{HEADERS[0]}\nDEK-Info: AES-12") == "|"
    assert left_of(f"{BEGIN}\nMIIEp") == "|"
    assert left_of(f"{BEGIN} MIIEp...") == "|..."
    assert left_of("\n".join([BEGIN, *LINES, "-----END RSA PRIV"])) == "|"
    assert left_of("\n".join([BEGIN, LINES[0], "q+/q"])) == "|"


def test_a_key_on_one_line_is_replaced_as_far_as_it_looks_like_one() -> None:
    assert left_of(f"bad key {' '.join([BEGIN, *LINES])} is not valid") == "bad key | is not valid"
    assert left_of(f"bad key {' '.join([BEGIN, LINES[0]])} is not valid") == "bad key | is not valid"


def test_what_other_encoders_make_of_a_key_is_replaced() -> None:
    escaped = "\\n".join([BEGIN, *LINES]).replace("/", "\\/").replace("+", "\\u002b").replace("=", "\\u003d")

    assert left_of(f'{{"key":"{escaped}","n":7}}') == '{"key":"|","n":7}'
    assert left_of(json.dumps({"key": "\n".join([BEGIN, *HEADERS, *LINES]), "n": 7})) == '{"key": "|", "n": 7}'
    assert left_of(f"{BEGIN}\nMIIEpAIBAAK<id>Qx<n>abcdefgh<n>ij (cut)") == "| (cut)"


def test_each_of_several_keys_is_replaced_and_what_is_between_them_stays() -> None:
    text = f"{BEGIN}\n{LINES[0]} first\n" + "\n".join(WHOLE) + " second"
    first, second = find_personal(text)

    assert text[first.end : second.start] == " first\n"
    assert text[second.end :] == " second"


def test_a_sentence_about_a_key_stays() -> None:
    assert left_of(f"the line {BEGIN} is missing in the file") == "the line | is missing in the file"
    assert left_of(f"no {BEGIN} missing") == "no | missing"
    assert Redactor(KEY).text("-----BEGIN CERTIFICATE-----\nMIIE") == "-----BEGIN CERTIFICATE-----\nMIIE"


def test_a_time_within_a_key_does_not_keep_it_from_being_replaced() -> None:
    text = "\n".join([BEGIN, "Comment: of 2026-03-02T14:00:00Z", *LINES, END])

    assert left_of(text) == "|"


def test_hostile_texts_with_many_keys_take_no_longer_than_their_length() -> None:
    texts = [
        BEGIN * 8_000,
        f"{BEGIN}\n" * 8_000,
        f"{BEGIN}\nMIIE\n" * 7_000,
        BEGIN + "\n" * 250_000,
        BEGIN + "\\n" * 125_000,
        BEGIN + "\\" * 250_000,
        BEGIN + "ab \n" * 63_000,
        BEGIN + "\nA" * 125_000,
        BEGIN + "A" * 250_000,
        BEGIN + "Comment:" * 32_000,
        BEGIN + "\nComment: x" * 23_000,
        BEGIN + "<a>" * 83_000,
        BEGIN + "\n" + " " * 250_000 + "x",
        (BEGIN + "x" * 70_000 + END) * 4,
        END * 8_000,
        "-----BEGIN " * 23_000,
        "eyJaaaaaaaa-" * 20_000,
        "eyJaaaaaaaa.eyJ" * 15_000,
        "1.2.3.4-" * 30_000,
        "8.8.4.4 " * 30_000,
    ]

    began = time.process_time()
    for text in texts:
        find_personal(text)
    assert time.process_time() - began < 60
