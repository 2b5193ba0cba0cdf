"""Who is on the platform: workflows, clients, and the payloads that the clients send."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlqkit.simulator.mixing import mix, pick

__all__ = [
    "CLIENTS",
    "Shape",
    "Workflow",
    "break_payload",
    "describe_change",
    "draw_workflows",
    "event_number",
    "payload",
    "wrong_field",
]

_FIRST_NAMES = ("Anna", "Ivan", "Мария", "Chloé", "Wei", "Fatima", "José", "Олег", "Priya", "Tom")
_LAST_NAMES = ("Kovalenko", "Smirnov", "O'Neil", "Müller", "García", "Zhang", "Иванова", "Silva", "Rao", "Berg")
_CITIES = ("Berlin", "Kazan", "Lisboa", "Москва", "Gdańsk", "Austin")
_CURRENCIES = ("EUR", "USD", "RUB", "PLN")
CLIENTS = ("acme", "globex", "initech", "umbrella", "hooli", "severny-veter", "stark")
_FIRST_NUMBER = 10_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What a workflow's payloads look like: the field that is its key, and the field that must be a number."""

    name: str
    prefix: str
    key: str
    number: str

    def key_of(self, event: int) -> str:
        """The business key of the event with this number."""
        return f"{self.prefix}-{_FIRST_NUMBER + event}"


SHAPES = (
    Shape("orders-sync", "ORD", "order_id", "amount"),
    Shape("invoice-issue", "INV", "invoice_id", "total"),
    Shape("payment-capture", "PAY", "payment_id", "amount"),
    Shape("shipment-notify", "SHP", "shipment_id", "weight_kg"),
    Shape("profile-update", "PRF", "request_id", "credit_limit"),
    Shape("stock-reserve", "RSV", "reservation_id", "quantity"),
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow: its share of the traffic, how long its action takes, what cuts the action."""

    workflow_id: str
    shape: Shape
    topic: str
    share: float
    median_ms: float
    spread: float
    timeout_ms: int

    @property
    def name(self) -> str:
        """The name that people use."""
        return self.shape.name


def draw_workflows(rng: np.random.Generator, project: str) -> tuple[Workflow, ...]:
    """Four to six workflows; the first has the largest share of the traffic."""
    count = int(rng.integers(4, 7))
    shapes = [SHAPES[int(i)] for i in rng.permutation(len(SHAPES))[:count]]
    shares = np.sort(rng.uniform(0.5, 1.5, count))[::-1]
    shares[0] += 1.0
    shares = shares / shares.sum()
    default_timeout = int(rng.choice([10_000, 15_000, 20_000, 30_000]))
    own_timeout = rng.random(count) < 0.3
    return tuple(
        Workflow(
            workflow_id=str(uuid.UUID(bytes=rng.bytes(16), version=4)),
            shape=shape,
            topic=f"projects/{project}/topics/{shape.name}",
            share=float(share),
            median_ms=float(rng.uniform(60, 900)),
            spread=float(rng.uniform(0.25, 0.5)),
            timeout_ms=default_timeout * (2 if own else 1),
        )
        for shape, share, own in zip(shapes, shares, own_timeout, strict=True)
    )


def payload(shape: Shape, number: int, client: str, created: str, salt: int) -> dict[str, Any]:
    """The payload of the event with this number, always the same for the same number and salt."""
    bits = mix(salt ^ number)
    more = mix(bits)
    first, last = pick(bits, 0, _FIRST_NAMES), pick(bits, 8, _LAST_NAMES)
    cents = 500 + bits % 250_000
    body: dict[str, Any] = {
        shape.key: shape.key_of(number),
        "client_id": client,
        "customer_id": f"C-{more % 90_000 + 10_000}",
        "created_at": created,
    }
    if shape.prefix in {"ORD", "INV"}:
        body[shape.number] = cents / 100
        body["currency"] = pick(more, 3, _CURRENCIES)
        body["customer"] = {"name": f"{first} {last}", "email": f"user{more % 9973}@example.com"}
        body["items"] = [
            {"sku": f"SKU-{(more >> (7 * i)) % 9000 + 1000}", "qty": 1 + (more >> (3 * i)) % 4, "price": cents / 100}
            for i in range(1 + (more >> 20) % 3)
        ]
    elif shape.prefix == "PAY":
        body[shape.number] = cents / 100
        body["currency"] = pick(more, 3, _CURRENCIES)
        body["method"] = pick(more, 5, ("card", "sepa", "sbp"))
        body["card"] = {"last4": f"{more % 10_000:04d}", "holder": f"{first} {last}".upper()}
    elif shape.prefix == "SHP":
        body[shape.number] = round(cents / 7000, 2)
        body["address"] = {
            "city": pick(more, 2, _CITIES),
            "zip": f"{more % 100_000:05d}",
            "line1": f"Main st. {bits % 200}",
        }
        body["notify"] = {"email": f"user{more % 9973}@example.com", "phone": f"+49 30 {more % 10_000_000:07d}"}
    elif shape.prefix == "PRF":
        body[shape.number] = 100 * (bits % 50)
        body["profile"] = {"name": f"{first} {last}", "city": pick(more, 2, _CITIES), "newsletter": bool(more & 1)}
    else:
        body[shape.number] = 1 + bits % 12
        body["warehouse"] = pick(more, 2, ("WH-1", "WH-2", "WH-7"))
        body["sku"] = f"SKU-{more % 9000 + 1000}"
    return body


def break_payload(body: dict[str, Any], shape: Shape, change: str) -> dict[str, Any]:
    """The payload as the client sends it after its change: ``number_as_text``, ``field_renamed`` or ``field_empty``."""
    if change == "number_as_text":
        return {**body, shape.number: f"{body[shape.number]:.2f}".replace(".", ",")}
    if change == "field_renamed":
        return {("customerId" if name == "customer_id" else name): value for name, value in body.items()}
    return {**body, "customer_id": None}


def describe_change(shape: Shape, change: str) -> dict[str, str | None]:
    """Which ``field`` a change breaks, what it is after it (``text``, ``nothing`` or ``missing``), what is ``new``."""
    if change == "number_as_text":
        return {"field": shape.number, "becomes": "text", "new_field": None}
    if change == "field_renamed":
        return {"field": "customer_id", "becomes": "missing", "new_field": "customerId"}
    return {"field": "customer_id", "becomes": "nothing", "new_field": None}


def wrong_field(body: Any, shape: Shape) -> str | None:
    """The field for which the action refuses this payload, or None."""
    if not isinstance(body, dict) or not isinstance(body.get(shape.key), str):
        return shape.key
    number = body.get(shape.number)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return shape.number
    return None if isinstance(body.get("customer_id"), str) else "customer_id"


def event_number(body: Any, shape: Shape) -> int | None:
    """The number of the event that this payload is of, or None where it is new."""
    key = body.get(shape.key) if isinstance(body, dict) else None
    if not isinstance(key, str) or not key.startswith(f"{shape.prefix}-"):
        return None
    digits = key.removeprefix(f"{shape.prefix}-")
    return int(digits) - _FIRST_NUMBER if digits.isascii() and digits.isdigit() else None
