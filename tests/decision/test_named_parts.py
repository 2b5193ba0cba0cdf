"""What the errors of an outage name: parts that have a name, and none of the words beside it."""

from __future__ import annotations

import pytest

from dlqkit.decision.named_parts import find_named_parts, named_text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("timed out waiting for a connection from pool orders_rw after <n> ms (<n> in use)", ["pool orders_rw"]),
        ('upstream connect error: Service "payment-gateway" is not reachable', ["service payment-gateway"]),
        ("server closed the connection unexpectedly, backend pid <n>", []),
        ("could not connect to database server at <host>: Connection refused", []),
        ("queue <id> is down, host <host> too", []),
        ("pool <b>orders_rw</b> is empty", []),
    ],
)
def test_a_part_is_named_by_its_kind_and_by_a_name_that_is_no_word(text: str, parts: list[str]) -> None:
    assert find_named_parts([text]) == parts


def test_two_parts_are_named_each_once() -> None:
    texts = ["pool a_1 is empty", "no answer of service b-2", "pool a_1 is full", "topic c.3 is gone"]

    assert named_text(texts) == " (the errors name pool a_1 and service b-2)"
    assert named_text(["connection refused"]) == ""
