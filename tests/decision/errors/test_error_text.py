from __future__ import annotations

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.decision.classes import CLASSES
from dlqkit.decision.errors.error_phrases import CAUSES, HINTS, KINDS, NOTHING, VAGUE
from dlqkit.decision.errors.error_text import classify_error, read_error
from dlqkit.decision.errors.fault_phrases import FAULTS
from dlqkit.decision.errors.russian_phrases import RUSSIAN_FAULTS, RUSSIAN_HINTS, RUSSIAN_KINDS, RUSSIAN_VAGUE
from dlqkit.errors import ParameterError


@pytest.mark.parametrize("text", ["ConnectionRefusedError", "CONNECTION_REFUSED", "the connection refused us"])
def test_a_name_and_a_sentence_are_the_same_words(text: str) -> None:
    assert read_error(text).words == "connection refused"


@pytest.mark.parametrize(
    ("text", "failure_class"),
    [
        ("OperationalError 40P01", "infrastructure"),
        ("ERROR: new row is wrong (SQLSTATE 23514)", "business"),
        ("SQLSTATE[08006] it went", "infrastructure"),
        ("SQLSTATE=57014", "timeout"),
        ("ORA-12541", "infrastructure"),
        ("ORA-20001: Order is shipped", "business"),
        ("(1205, 'x')", "unknown"),
        ("Error 1205: x", "infrastructure"),
        ("status code 422", "business"),
        ("HTTP/1.1 504", "timeout"),
        ("upstream answered 503", "infrastructure"),
        # What Windows says is in its user's language; the number is not.
        ("[WinError 10061] 由于目标计算机积极拒绝", "infrastructure"),
        ("OSError: [WinError 64] Der angegebene Netzwerkname ist weg", "infrastructure"),
        ("[WinError 111] Der Dateiname ist zu lang", "unknown"),
        ("401 Client Error: Unauthorized for url: https://api.example.com/orders", "infrastructure"),
    ],
)
def test_a_code_counts_where_it_stands_as_a_code(text: str, failure_class: str) -> None:
    """SQLSTATE, Oracle, MySQL and HTTP, each by the words around it."""
    assert classify_error(text) == failure_class


@pytest.mark.parametrize("text", ["took 503 ms", "order 40400", "at 10.0.4.12", "room 23505 in use", "sent 404 items"])
def test_a_number_that_is_no_code_says_nothing(text: str) -> None:
    assert classify_error(text) == "unknown"


@pytest.mark.parametrize(
    ("text", "failure_class"),
    [
        ("500 Internal Server Error: duplicate key value violates unique constraint", "business"),
        ("Max retries exceeded with url: /v (Caused by ReadTimeoutError('Read timed out.'))", "timeout"),
        ("Deadline of 60s exceeded, last exception: 503 failed to connect to all addresses", "infrastructure"),
        ("timed out waiting for a connection from the pool", "infrastructure"),
        ("TimeoutError: could not connect to server", "infrastructure"),
        ("ValidationError: host must not be 'connection refused'", "business"),
        ("KeyError: 'timeout'", "business"),
    ],
)  # fmt: skip
def test_the_plainer_words_and_the_named_cause_decide(text: str, failure_class: str) -> None:
    """A status is vaguer than a fault; what is down comes before what timed out; a cause before what it made."""
    assert classify_error(text) == failure_class


def test_the_code_in_a_traceback_says_nothing_of_the_error() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "connection_refused.py", line 3, in read_timeout\n'
        "    raise deadlock(connection_refused)\n"
        "KeyError: 'amount'\n"
    )
    java = "java.lang.NullPointerException\n\tat com.x.ConnectionRefused.deadlock(Deadlock.java:4)\n\t... 3 more"

    assert read_error(text).words == "key error"
    assert read_error(java).words == "null pointer"


def test_urls_and_repeated_statements_say_nothing_of_the_error() -> None:
    assert classify_error("502 for url: https://api.example.com/validate/invalid-input") == "infrastructure"
    assert classify_error("(x) deadlock detected\n[SQL: INSERT INTO t (not_found) VALUES (1)]") == "infrastructure"


@pytest.mark.parametrize("text", ["", "hm", "Unknown error", "Error: 1", "failed", "Something went wrong", "ошибка"])
def test_a_text_that_tells_nothing_is_unknown(text: str) -> None:
    assert read_error(text).strength == "nothing"


def test_single_words_are_hints_and_statuses_are_kinds() -> None:
    assert read_error("the connection").strength == "hint"
    assert read_error("status code 503").strength == "kind"
    assert read_error("connection refused").strength == "fault"


def test_errors_of_a_russian_database_are_read() -> None:
    """Teams of the runbook run servers whose messages are Russian."""
    assert classify_error("ОШИБКА: повторяющееся значение ключа нарушает ограничение уникальности") == "business"
    assert classify_error("не удалось подключиться к серверу: В соединении отказано") == "infrastructure"


@pytest.mark.parametrize(
    ("text", "failure_class"),
    [
        ("Подключение не установлено, т.к. конечный компьютер отверг запрос на подключение", "infrastructure"),
        ("Ошибка валидации: поле email обязательно", "business"),
        ("Товар не найден", "business"),
        ("Истекло время ожидания ответа от сервиса", "timeout"),
        ("Доступ запрещён", "infrastructure"),
        ("Превышен лимит запросов", "infrastructure"),
        ("Ошибка подключения к базе данных", "infrastructure"),
        ("Удалённый хост принудительно разорвал существующее подключение", "infrastructure"),
        ("Отказано в доступе", "infrastructure"),
        ("Время ожидания ответа от сервера истекло", "timeout"),
        ("Сервер не отвечает", "timeout"),
        ("Поле не может быть пустым", "business"),
        ("Неверный ИНН", "business"),
    ],
)
def test_what_russian_workers_say_is_read(text: str, failure_class: str) -> None:
    """A refused connection, a check, a lookup, a wait, rights and a limit, in a Russian team's own words."""
    assert classify_error(text) == failure_class


@pytest.mark.parametrize(
    "text",
    [
        "Shipping address is not reachable by courier",
        "Delivery slot unavailable for postcode 10115",
        "The room is unavailable on these days",
        "Subscription plan quota exceeded for customer acme",
        "Товар недоступен",
    ],
)
def test_what_the_business_lacks_is_not_plainly_a_dependency_that_is_down(text: str) -> None:
    """Plain words of an outage would dispute what the fields say; a courier that does not go there is none."""
    reading = read_error(text)

    assert reading.failure_class == "business" or reading.strength == "hint"


@pytest.mark.parametrize(
    "text",
    [
        "database db-1 is not reachable",
        "10.0.0.3 not reachable",
        "db-1:5432 is unavailable",
        "UNAVAILABLE: io exception",
        "Quota exceeded for quota metric 'Publish requests'",
        "Сервер недоступен",
    ],
)
def test_a_machine_that_is_not_to_be_reached_is_plainly_down(text: str) -> None:
    """A host, an address, the name of a status or what a system rations: no business has these."""
    reading = read_error(text)

    assert (reading.failure_class, reading.strength in ("fault", "kind")) == ("infrastructure", True)


def test_a_status_beside_its_name_is_a_server_that_is_down_whatever_it_waited_for() -> None:
    """The service answered 503; that something behind it was slow is its own affair."""
    for text in ("ServiceUnavailable: 503 The datastore operation timed out", "503 Service Unavailable: timed out"):
        assert classify_error(text) == "infrastructure"
    assert classify_error("504 Gateway Timeout: operation timed out") == "timeout"


def test_a_missing_environment_variable_is_not_the_payloads_fault() -> None:
    """Its name alone may be that of a field in capitals as well, so that nothing is said of it."""
    assert classify_error("environment variable DATABASE_URL is not set") == "infrastructure"
    assert classify_error("KeyError KeyError: 'DATABASE_URL'") == "unknown"
    assert classify_error("KeyError: 'email'") == "business"


def test_a_tls_connection_that_was_cut_is_no_violation_of_a_rule() -> None:
    """Python says "in violation of protocol" when the other side hangs up in the middle."""
    assert classify_error("ssl.SSLEOFError: EOF occurred in violation of protocol (_ssl.c:2396)") == "infrastructure"
    assert classify_error("lookup api.example.com: i/o timeout") == "infrastructure"


@pytest.mark.parametrize("text", [None, float("nan"), pd.NA, pd.NaT])
def test_where_there_is_no_text_nothing_is_known(text: object) -> None:
    """As a column of records has it where an event succeeded."""
    assert classify_error(text) == "unknown"  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [503, b"refused", ["refused"]])
def test_what_is_no_text_is_refused_with_the_way_to_make_it_one(text: object) -> None:
    with pytest.raises(ParameterError, match="not a text"):
        read_error(text)  # type: ignore[arg-type]


def test_being_refused_access_is_told_from_being_down() -> None:
    assert read_error("403 Forbidden").is_about_access
    assert not read_error("connection refused").is_about_access
    for text in ("KeyError: 'email'", "duplicate key value", "Unexpected token < in JSON"):
        assert not read_error(text).is_about_access


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_a_class(text: str) -> None:
    assert classify_error(text) in CLASSES


@pytest.mark.parametrize("text", ["a " * 500_000, "connection to " * 80_000, "https://" + "x" * 1_000_000, "~" * 10**6,
                                  "\n  at x" * 150_000, "9" * 1_000_000, "A" * 1_000_000])  # fmt: skip
def test_a_megabyte_of_text_is_read_in_a_moment(text: str) -> None:
    began = time.process_time()

    read_error(text)

    assert time.process_time() - began < 0.5


def test_a_long_text_is_read_at_its_end_too() -> None:
    """The error stands in the last line of a traceback."""
    assert classify_error("x" * 100_000 + "\nconnection refused") == "infrastructure"


def test_no_phrase_stands_in_two_lists() -> None:
    tables = (FAULTS, KINDS, VAGUE, HINTS, RUSSIAN_FAULTS, RUSSIAN_KINDS, RUSSIAN_VAGUE, RUSSIAN_HINTS)
    blocks = [CAUSES, NOTHING, *(block for table in tables for block in table.values())]
    phrases = [text.strip() for block in blocks for text in block.split(",") if text.strip()]

    assert sorted({phrase for phrase in phrases if phrases.count(phrase) > 1}) == []
