"""Error texts of known kinds: as libraries write them, and as services, drivers and traces wrap them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

TOWNS = ("Riga", "Lyon", "Porto", "Graz", "Turku", "Bergen", "Gdansk", "Nantes", "Utrecht", "Malmö", "Kazan", "Quito")


class _Values:
    """What changes from message to message."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def hexes(self, size: int) -> str:
        return f"{self._rng.getrandbits(4 * size):0{size}x}"

    def uuid(self) -> str:
        text = self.hexes(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def number(self, size: int) -> int:
        return self._rng.randrange(10**size)

    def host(self) -> str:
        return f"10.{self.number(2)}.{self.number(2)}.{self.number(2)}"

    def moment(self) -> str:
        return f"2026-03-{1 + self.number(1):02d}T{self.number(1):02d}:{self.number(1):02d}:00.{self.number(3):03d}Z"


def _draw(makers: Sequence[Callable[[], str]], count: int, rng: random.Random) -> tuple[list[str], list[int]]:
    found: dict[str, int] = {}
    while len(found) < count:
        kind = rng.randrange(len(makers))
        found[makers[kind]()] = kind
    return list(found), list(found.values())


def make_messages(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Error texts as libraries write them, each with ids of its own, and the kind of each."""
    rng = random.Random(seed)
    made = _Values(rng)
    hexes, uuid, number, host, moment = made.hexes, made.uuid, made.number, made.host, made.moment
    makers = (
        lambda: (
            f"java.net.ConnectException: Connection to {host()}:5432 refused. Check that the hostname and port are "
            f"correct (order {number(6)})"
        ),
        lambda: (
            'psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "orders_pkey" DETAIL: '
            f"Key (id)=({uuid()}) already exists."
        ),
        lambda: (
            f"requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='api-{number(2)}.partner.com', port=443): "
            f"Read timed out. (read timeout={number(2)}) request {hexes(16)}"
        ),
        lambda: f"ValidationError: customer {number(6)} has no valid e-mail address: user{number(6)}@example.com",
        lambda: f"KeyError: 'customer_id' while handling event {uuid()}",
        lambda: (
            "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403;"
            f" Request ID: {hexes(16).upper()}; S3 Extended Request ID: {hexes(40)})"
        ),
        lambda: (
            f"redis.exceptions.ConnectionError: Error 111 connecting to {host()}:6379. Connection refused after "
            f"{number(4)} ms, trace {hexes(32)}"
        ),
        lambda: (
            f"org.apache.kafka.common.errors.TimeoutException: Expiring {number(3)} record(s) for orders-{number(2)}:"
            f"{number(5)} ms has passed since batch creation, batch {hexes(12)}"
        ),
        lambda: (
            "Deadlock found when trying to get lock; try restarting transaction "
            f"(thread {number(9)}, table orders_{number(3)})"
        ),
        lambda: (
            f"Invoice INV-{number(8)} cannot be closed: amount {number(4)}.{number(2):02d} is not covered at {moment()}"
        ),
        lambda: (
            'java.lang.NullPointerException: Cannot invoke "Order.getCustomer()" because the return value for order '
            f"ORD-{number(9)} is null"
        ),
        lambda: (
            f"HTTP 503 from https://inventory.internal/v1/items/{number(6)}?trace={hexes(16)}: upstream connect error"
        ),
        lambda: f"Message {uuid()} rejected at {moment()}: schema version {number(2)} is not supported",
        lambda: (
            f"pymongo.errors.ServerSelectionTimeoutError: mongo-{number(1)}.prod.internal:27017: timed out, Timeout: "
            f"{number(2)}.0s, Topology Description: <TopologyDescription id: {hexes(24)}>"
        ),
        lambda: (
            f"Failed to lock account {number(9)} for user {rng.choice(('ann', 'bob', 'eve', 'zoe', 'ivan', 'olga'))}:"
            f" version conflict {number(6)} != {number(6)}"
        ),
        lambda: f"OSError: [Errno 28] No space left on device: '/var/spool/worker/{hexes(8)}/{number(8)}.json'",
        lambda: f"Ошибка обработки заказа {number(6)}: клиент {uuid()} не найден",
        lambda: f"TypeError: unsupported operand type(s) for +: 'int' and 'NoneType' in event {hexes(32)}",
        lambda: (
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has"
            f" expired (_ssl.c:{number(4)}) host {host()} attempt {number(3)} trace {hexes(16)}"
        ),
        lambda: (
            f"google.api_core.exceptions.ServiceUnavailable: 503 failed to connect to all addresses; last error: "
            f"UNKNOWN: ipv4:{host()}:{number(4)}: Failed to connect to remote host: {hexes(16)}"
        ),
    )
    return _draw(makers, count, rng)


def make_bodies(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Errors with a body, a statement or a trace around them, with names and towns that hold no digit."""
    rng = random.Random(seed)
    made = _Values(rng)
    hexes, uuid, number, host, moment = made.hexes, made.uuid, made.number, made.host, made.moment

    def word(size: int = 7) -> str:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=size))

    def frames() -> str:
        return "".join(
            f"\n\tat com.shop.{word()}.{word().title()}.run({word().title()}.java:{number(3)})" for _ in "123"
        )

    makers = (
        lambda: json.dumps({"error": {"code": 429, "message": "Quota exceeded", "requestId": uuid()}, "at": moment()}),
        lambda: json.dumps(
            {"status": "FAILED", "reason": "card declined", "payment": f"pay_{hexes(14)}", "amount": number(5)}
        ),
        lambda: f"java.lang.IllegalStateException: order {number(7)} is locked{frames()}",
        lambda: (
            f"com.shop.OrderFailed: order {number(7)}{frames()}\nCaused by: java.net.UnknownHostException: db.shop"
            f"{frames()}"
        ),
        lambda: (
            f"com.shop.OrderFailed: order {number(7)}{frames()}\nCaused by: java.sql.SQLTimeoutException: none "
            f"within {number(5)}ms{frames()}"
        ),
        lambda: (
            'Traceback (most recent call last):\n  File "/app/run.py", line 8, in run\n    go()\nRuntimeError: '
            f"no stock of SKU-{number(6)} in {rng.choice(TOWNS)} today"
        ),
        lambda: (
            f"ERROR 1213 (40001): Deadlock found; INSERT INTO orders (id, sum) VALUES ({number(7)}, {number(4)}.50)"
        ),
        lambda: f'insert or update on table "orders" violates foreign key; Key (customer)=({uuid()}) is not present',
        lambda: f"The customer {word()} of {word()} has no contract since {moment()}",
        lambda: (
            f"Read of https://{word()}.example.com/{word()}/{number(5)} broke after {number(2)}.{number(1)}s: reset"
        ),
        lambda: f"dial tcp [fd00::{hexes(4)}:{hexes(4)}]:{number(4)}: connect: no route to host",
        lambda: f"PERMISSION_DENIED: caller svc-{word()}@shop-{number(3)}.iam.example.com lacks pubsub.publish",
        lambda: f"Клиент {word()} не оплатил счёт {number(6)} до {moment()[:10]}",
        lambda: f"订单{number(8)}已取消, 客户{number(5)}",
        lambda: f"token {hexes(30)}.{hexes(60)}.{hexes(40)} has expired at {moment()}",
        lambda: (
            f"panic: send on closed\n\ngoroutine {number(4)} [running]:\nmain.main()\n\t/app/x.go:{number(3)} "
            f"+0x{hexes(3)}"
        ),
        lambda: f"unexpected EOF while reading {number(6)} bytes from {host()}:{number(4)}",
        lambda: f"C:\\jobs\\{word()}\\{number(6)}.xml is not a valid invoice (line {number(3)}, column {number(2)})",
    )
    return _draw(makers, count, rng)
