"""What failed actions say: fixed words with ids and numbers inside, some of them hostile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlqkit.simulator.mixing import mix, pick

__all__ = ["BACKGROUND", "BUSINESS", "ERRORS", "INFRASTRUCTURE", "REFUSED", "TIMEOUT", "ErrorText", "Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What an error text may name."""

    key: str
    trace_id: str
    workflow_name: str
    timeout_ms: int
    field: str
    value: str
    bits: int


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One way to fail."""

    kind: str
    retryable: bool
    error_type: str
    error_code: str
    text: Callable[[Facts], str]


def _host(bits: int) -> str:
    return f"10.{bits % 4}.{(bits >> 8) % 250}.{(bits >> 16) % 250 + 1}"


ERRORS: tuple[ErrorText, ...] = (
    ErrorText(
        "connection_refused",
        True,
        "OperationalError",
        "ECONNREFUSED",
        lambda f: f"could not connect to database server at {_host(f.bits)}:5432: Connection refused",
    ),
    ErrorText(
        "pool_timeout",
        True,
        "PoolTimeout",
        "POOL_TIMEOUT",
        lambda f: (
            f"timed out waiting for a connection from pool orders_rw after {2000 + f.bits % 900} ms "
            f"({10 + f.bits % 7} in use)"
        ),
    ),
    ErrorText(
        "server_closed",
        True,
        "OperationalError",
        "08006",
        lambda f: f"server closed the connection unexpectedly, backend pid {1000 + f.bits % 60000}",
    ),
    ErrorText(
        "no_route",
        True,
        "ConnectionError",
        "EHOSTUNREACH",
        lambda f: f"database unavailable: no route to host {_host(f.bits)} (request {f.trace_id[:8]})",
    ),
    ErrorText(
        "deadline",
        True,
        "ActionTimeout",
        "DEADLINE_EXCEEDED",
        lambda f: f"action {f.workflow_name} did not finish within {f.timeout_ms} ms for {f.key}",
    ),
    ErrorText(
        "invalid_payload",
        False,
        "ValidationError",
        "INVALID_PAYLOAD",
        lambda f: f"payload.{f.field} is not valid: got {f.value} in {f.key}",
    ),
    ErrorText(
        "upstream_503",
        True,
        "UpstreamError",
        "503",
        lambda f: f"upstream answered 503 Service Unavailable after {f.bits % 900} ms",
    ),
    ErrorText(
        "deadlock",
        True,
        "DeadlockDetected",
        "40P01",
        lambda f: f"deadlock detected: process {f.bits % 60000} waits for ShareLock on transaction {f.bits % 9999999}",
    ),
    ErrorText(
        "reset",
        True,
        "ConnectionResetError",
        "ECONNRESET",
        lambda f: f"[Errno 104] Connection reset by peer {_host(f.bits)}:443",
    ),
    ErrorText(
        "html_answer",
        True,
        "UpstreamError",
        "502",
        lambda f: f"upstream answered <html><script>alert({f.bits % 999})</script><b>502 | Bad Gateway</b></html>",
    ),
    ErrorText(
        "unknown_account",
        False,
        "BusinessRuleError",
        "UNKNOWN_ACCOUNT",
        lambda f: f"account {f.bits % 900000 + 100000} is closed, {f.key} refused",
    ),
    ErrorText(
        "hostile_note",
        False,
        "BusinessRuleError",
        "BAD_NOTE",
        lambda f: (
            "note cannot be stored: "
            + pick(
                f.bits,
                4,
                (
                    "\x1b[31mDROP\x1b[0m | x",
                    "<img src=x onerror=alert(1)>",
                    '=HYPERLINK("x") $a_b$',
                    "a\u202eb\r\n| c |",
                ),
            )
            + f" in {f.key}"
        ),
    ),
)
_INDEX = {error.kind: number for number, error in enumerate(ERRORS)}
INFRASTRUCTURE = tuple(_INDEX[kind] for kind in ("connection_refused", "pool_timeout", "server_closed", "no_route"))
TIMEOUT = _INDEX["deadline"]
BUSINESS = _INDEX["invalid_payload"]
BACKGROUND = tuple(_INDEX[kind] for kind in ("upstream_503", "deadlock", "reset", "html_answer"))
REFUSED = tuple(_INDEX[kind] for kind in ("unknown_account", "hostile_note"))


def error_bits(salt: int, event: int, attempt: int) -> int:
    """The bits of one attempt's error."""
    return mix(salt ^ (event * 64 + attempt))
