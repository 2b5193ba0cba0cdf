from __future__ import annotations

import pyarrow as pa
import pytest

from dlqkit.decision.signing.heads import find_head, take_heads

JAVA = """java.lang.RuntimeException: order failed
\tat com.example.Orders.run(Orders.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.sql.SQLException: pool is empty
\tat com.example.Pool.get(Pool.java:7)
\t... 12 more
Caused by: java.net.SocketTimeoutException: Read timed out
\t... 20 more"""
PYTHON = """Traceback (most recent call last):
  File "/app/worker.py", line 3, in run
    handle(event)
  File "/app/orders.py", line 9, in handle
    raise ValueError("no customer")
ValueError: no customer"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at Object.<anonymous> (/app/x.js:3:5)
    at node:internal/main:1:2"""
GO = """panic: runtime error: index out of range

goroutine 1 [running]:
main.main()
\t/app/main.go:8 +0x1d"""
PYDANTIC = """1 validation error for Order
amount
  Field required [type=missing]"""


@pytest.mark.parametrize(
    ("text", "head"),
    [
        (JAVA, "java.lang.RuntimeException: order failed Caused by: java.net.SocketTimeoutException: Read timed out"),
        (PYTHON, "ValueError: no customer"),
        ("worker failed\n" + PYTHON, "worker failed ValueError: no customer"),
        (NODE, "TypeError: Cannot read properties of undefined (reading 'id')"),
        (GO, "panic: runtime error: index out of range main.main()"),
        (PYDANTIC, "1 validation error for Order amount   Field required [type=missing]"),
        ("\n\n", ""),
    ],
)
def test_an_error_is_what_failed_and_its_innermost_cause_not_its_stack(text: str, head: str) -> None:
    assert find_head(text) == head


def test_a_megabyte_is_read_by_its_beginning() -> None:
    """A dump behind an error does not cost the analyst a minute."""
    texts = pa.array(["short 7", "x" * 1_000_000, JAVA, ""], type=pa.large_string())

    heads = take_heads(texts).to_pylist()

    assert [len(head) for head in heads] == [7, 2_000, len(find_head(JAVA)), 0]
