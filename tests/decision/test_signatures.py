from __future__ import annotations

import pytest

from dlqkit.decision.signatures import group_errors, sign_errors
from tests.frames import dead, good, records


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        ("connect to 10.0.3.7:5432 refused", "connect to <host> refused"),
        ("order ORD-10023 has no customer", "order <id> has no customer"),
        ("5f0c2a1e-1b2c-4000-8000-0123456789ab not found", "<id> not found"),
        ("timed out after 2003 ms", "timed out after <n> ms"),
        ("java.lang.NullPointerException: order", "java.lang.NullPointerException: order"),
        ("at 2026-03-02T14:00:05.123Z it stopped", "at <time> it stopped"),
        ("mail to ann@example.com bounced", "mail to <email> bounced"),
        ("amount is -12,50", "amount is <n>"),
        ("счёт 77 закрыт", "счёт <n> закрыт"),
    ],
)
def test_what_changes_from_event_to_event_is_masked(message: str, signature: str) -> None:
    assert sign_errors(records([dead(1, last_error=message)]))["signature"].tolist() == [signature]


def test_templates_that_differ_in_one_word_are_one() -> None:
    """Five or more names in one place are values, fewer may be kinds."""
    many = [dead(n, last_error=f"client {name} sent no body") for n, name in enumerate("abcdef")]
    few = [dead(n, last_error=f"disk {name} is full") for n, name in enumerate(("root", "data"))]

    assert set(sign_errors(records(many))["signature"]) == {"client <*> sent no body"}
    assert len(set(sign_errors(records(few))["signature"])) == 2


def test_groups_count_each_event_once_by_its_last_dead_letter() -> None:
    rows = [dead(1, event_key="a"), dead(2, event_key="a", last_error="no such account 7"),
            dead(3, event_key="b"), good(4), dead(5, event_key="c")]  # fmt: skip

    groups = group_errors(records(rows))

    assert groups["signature"].tolist() == ["connection refused", "no such account <n>"]
    assert groups["events"].tolist() == [2, 1]
    assert groups["records"].tolist() == [3, 1]
    assert groups["share"].tolist() == [2 / 3, 1 / 3]


def test_a_dead_letter_without_text_is_signed_by_its_type() -> None:
    rows = [dead(1, last_error=None, error_type="Boom"), dead(2, last_error=None)]

    assert sign_errors(records(rows))["signature"].tolist() == ["Boom", "no error text"]


def test_no_dead_letters_are_no_groups() -> None:
    assert group_errors(records([good(1)])).empty
