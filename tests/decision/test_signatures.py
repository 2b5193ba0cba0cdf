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


def test_a_group_explains_itself() -> None:
    """What was masked, and the first, a middle and the last of its different texts."""
    rows = [dead(number, last_error=f"order ORD-{number} took {number} ms") for number in range(1, 6)]

    group = group_errors(records(rows)).iloc[0]

    assert group["signature"] == "order <id> took <n> ms"
    assert group["masks"] == "<id>, <n>"
    assert group["example"] == "order ORD-1 took 1 ms"
    assert group["examples"] == ("order ORD-1 took 1 ms", "order ORD-3 took 3 ms", "order ORD-5 took 5 ms")


def test_without_a_baseline_nobody_knows_what_is_new() -> None:
    assert group_errors(records([dead(1)]))["is_new"].isna().all()


def test_a_signature_of_the_baseline_is_old_also_where_it_led_to_no_dead_letter() -> None:
    before = records([{**good(1), "last_error": "connection refused"}])
    now = records([dead(10), dead(11, last_error="no such account 7")])

    groups = group_errors(now, before).set_index("signature")

    assert groups["is_new"].to_dict() == {"connection refused": False, "no such account <n>": True}


def test_more_data_make_no_signature_new() -> None:
    """The baseline had one client with this error, the incident has many, and so the word is starred only now."""
    many = records([dead(n, last_error=f"client {name} sent no body") for n, name in enumerate("abcdef")])
    one = records([dead(1, last_error="client zoe sent no body")])

    assert group_errors(many, one)["is_new"].tolist() == [False]
    assert group_errors(one, many)["is_new"].tolist() == [False]
    assert group_errors(many, records([dead(1, last_error="client zoe sent a body")]))["is_new"].tolist() == [True]


def test_another_type_of_error_is_new_under_the_same_words() -> None:
    groups = group_errors(records([dead(1, error_type="A")]), records([dead(1, error_type="B")]))

    assert groups["is_new"].tolist() == [True]


def test_an_empty_baseline_makes_everything_new() -> None:
    assert group_errors(records([dead(1)]), records([]))["is_new"].tolist() == [True]


def test_a_signature_has_the_same_id_alone_and_in_the_incident() -> None:
    """What is masked in a text hangs on that text alone, so earlier incidents can be asked for its id."""
    rows = [dead(n, last_error=f"order {n} of {n:08x} failed") for n in range(40)]
    signed = sign_errors(records(rows))

    assert signed["signature_id"].nunique() == 1
    assert sign_errors(records(rows[-1:]))["signature_id"].tolist() == signed["signature_id"].tolist()[:1]


def test_rare_texts_beyond_the_limit_are_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of texts with nothing in common ends in one group, not in a thousand; the frequent ones stay."""
    monkeypatch.setattr("dlqkit.decision.signatures._MOST", 2)
    texts = ["disk is full", "disk is full", "no route", "no route", "bad key", "out of cheese"]

    signed = sign_errors(records([dead(n, last_error=text) for n, text in enumerate(texts)]))

    assert signed["signature"].tolist() == [*texts[:4], "<*>", "<*>"]


@pytest.mark.parametrize("text", ["", "\x00\x01", "\n \t", None])
def test_an_error_of_nothing_but_spaces_has_no_text(text: str | None) -> None:
    assert sign_errors(records([dead(1, last_error=text)]))["signature"].tolist() == ["no error text"]


def test_signed_records_are_left_as_they_are() -> None:
    signed = sign_errors(records([dead(1)]))

    assert sign_errors(signed) is signed
    assert group_errors(signed)["signature"].tolist() == ["connection refused"]


def test_no_records_are_signed_as_none() -> None:
    assert sign_errors(records([]))["signature"].tolist() == []
