"""Error texts as they come in real life: bodies, traces, statements, paths, other scripts, dumps, nothing."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from dlqkit.decision.signatures import sign_errors
from tests.frames import dead, records

_FIRST, _SECOND = uuid.UUID(int=0x5F0C2A1E1B2C40008000A123456789AB), uuid.UUID(int=0xA1B2C3D4E5F64111811199887766CCDD)


def signatures(*texts: str) -> list[str]:
    return sign_errors(records([dead(n, last_error=text) for n, text in enumerate(texts)]))["signature"].tolist()


def trace(order: int, line: int, cause: str) -> str:
    return (
        f"com.shop.OrderFailed: order {order}\n\tat com.shop.Orders.run(Orders.java:{line})\n\tat "
        f"java.base/java.lang.Thread.run(Thread.java:{line + 700})\nCaused by: {cause}\n\t... {line} more"
    )


@pytest.mark.parametrize(
    ("texts", "signature"),
    [
        (
            [json.dumps({"error": {"code": 429, "id": str(key)}}) for key in (_FIRST, _SECOND)],
            '{"error": {"code": 429, "id": "<id>"}}',
        ),
        (
            [trace(n, n * 7, "java.net.UnknownHostException: db.shop") for n in (8, 91)],
            "com.shop.OrderFailed: order <n> Caused by: java.net.UnknownHostException: db.shop",
        ),
        (
            [
                f"ERROR 1213: Deadlock; UPDATE orders SET sum = {n}.50, at = '2026-03-0{n}' WHERE id = {n}"
                for n in (1, 2)
            ],
            "ERROR <n>: Deadlock; UPDATE orders SET sum = <n>, at = '<time>' WHERE id = <n>",
        ),
        ([f"event {key.hex} is gone" for key in (_FIRST, _SECOND)], "event <id> is gone"),
        ([f"event {key.hex.upper()} is gone" for key in (_FIRST, _SECOND)], "event <id> is gone"),
        (
            [f"cannot read C:\\Users\\{name}\\in\\{n}.xml: denied" for n, name in enumerate(("ann", "bob"))],
            "cannot read <path>: denied",
        ),
        (["订单12345已取消", "订单678已取消"], "订单<n>已取消"),
        (["فشل الطلب 12 للعميل 7", "فشل الطلب 345 للعميل 99"], "فشل الطلب <n> للعميل <n>"),
        (["注文 ١٢ failed 🙈", "注文 ٣٤٥ failed 🙈"], "注文 <n> failed 🙈"),
        (["12345", "7"], "<n>"),
        ([_FIRST.hex, str(_SECOND)], "<id>"),
        (["", " \t\n", "\x00"], "no error text"),
    ],
)
def test_two_errors_of_one_kind_are_one_signature(texts: list[str], signature: str) -> None:
    assert signatures(*texts) == [signature] * len(texts)


def test_traces_of_two_causes_are_two_signatures() -> None:
    """The same line of the same service may fail for another reason; the innermost cause tells."""
    found = signatures(
        *(trace(8, 7, f"java.net.{kind}: db.shop") for kind in ("UnknownHostException", "BindException"))
    )

    assert len(set(found)) == 2


@pytest.mark.parametrize(
    "piece",
    ["a1-", "/a", "<n>", "1,", "deadbeef", "x@y.", ": ", "\\x\\", "aA1", "=", "1:", "Mon ", "\n\tat x(", "é", "{["],
)
def test_a_text_of_a_megabyte_takes_the_time_of_its_beginning(piece: str) -> None:
    """Whatever a dump repeats, it delays the report by less than a second."""
    text = piece * (1_000_000 // len(piece))
    begun = time.process_time()

    sign_errors(records([dead(1, last_error=text), dead(2, last_error=f"order 7 failed: {text}")]))

    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    ("piece", "start"),
    [("x", " at "), ("x:", " from "), ("y", "\t"), (" ", ""), ("-", ""), ("1", ""), ("(", " at x"), ("x/", "\tat ")],
)
def test_a_line_that_looks_like_a_stack_frame_takes_no_longer_than_another(piece: str, start: str) -> None:
    """A dump on one line behind "at" once took seventeen seconds."""
    text = f"order 7 failed\n{start}{piece * 100_000}"
    begun = time.process_time()

    sign_errors(records([dead(1, last_error=text)]))

    assert time.process_time() - begun < 1.0
