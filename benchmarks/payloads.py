"""Payloads of made-up workflows, of different make; and ways to spoil one."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["ASIDE", "KINDS", "spoil"]

Payload = dict[str, Any]
# Draws a payload; ``when`` runs from 0 to 1 over the window.
Maker = Callable[[np.random.Generator, float], Payload]


def _uuid(rng: np.random.Generator) -> str:
    return str(uuid.UUID(bytes=rng.bytes(16)))


def _moment(rng: np.random.Generator) -> str:
    return f"2026-03-{rng.integers(1, 29):02d}T{rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}Z"


def _words(rng: np.random.Generator, count: int) -> str:
    return " ".join("".join(rng.choice(list("abcdefghij"), size=rng.integers(2, 9))) for _ in range(count))


def order(rng: np.random.Generator, when: float) -> Payload:
    """Nested, with items, a few optional fields, ids and times in fixed forms."""
    out: Payload = {
        "order_id": _uuid(rng),
        "created_at": _moment(rng),
        "currency": str(rng.choice(["EUR", "RUB", "USD"], p=[0.7, 0.25, 0.05])),
        "customer": {"id": int(rng.integers(1, 10**6)), "email": f"{_words(rng, 1)}@example.com"},
        "items": [{"sku": f"S-{rng.integers(500)}", "qty": int(rng.integers(1, 5)),
                   "price": float(rng.integers(1, 9_000)) / 100} for _ in range(rng.integers(1, 5))],
    }  # fmt: skip
    if rng.random() < 0.3:
        out["coupon"] = _words(rng, 1).upper()
    if rng.random() < 0.02:
        out["customer"]["vat"] = None if rng.random() < 0.3 else "DE123"
    return out


def payment(rng: np.random.Generator, when: float) -> Payload:
    """Several shapes under one workflow, told apart by a field; numbers that are texts in one of them."""
    kind = str(rng.choice(["card", "transfer", "cash", "gift"], p=[0.6, 0.3, 0.08, 0.02]))
    out: Payload = {"kind": kind, "amount": round(float(rng.lognormal(3, 2)), 2), "ref": _words(rng, 1)}
    if kind == "card":
        out |= {"pan": f"****{rng.integers(10_000):04d}", "expiry": {"month": int(rng.integers(1, 13)), "year": 2028}}
    elif kind == "transfer":
        out |= {"iban": f"DE{rng.integers(10**8):08d}", "amount": int(rng.integers(1, 1000))}
    elif kind == "gift":
        out |= {"code": str(rng.integers(10**6)), "limits": {f"shop-{rng.integers(400)}": int(rng.integers(9))}}
    if rng.random() < 0.97:
        out["trace"] = {"hops": [str(rng.integers(9)) for _ in range(rng.integers(0, 3))]}
    return out


def row(rng: np.random.Generator, when: float) -> Payload:
    """Flat, from a table: everything may be null or empty, at any rate."""
    out: Payload = {"id": str(rng.integers(10**9)), "n": int(rng.integers(-50, 50))}
    for number in range(24):
        rate = (0.0005, 0.003, 0.02, 0.1, 0.4, 0.8)[number % 6]
        value: Any = (_words(rng, 2), int(rng.poisson(2)), float(rng.normal(3, 2)), bool(rng.random() < 0.5))[
            number % 4
        ]
        if rng.random() < rate:
            value = None if number % 3 else ""
        if number % 5 == 4 and rng.random() < rate:
            continue
        out[f"c{number}"] = value
    return out


def changing(rng: np.random.Generator, when: float) -> Payload:
    """A field is added, a list grows and a client joins while the window lasts."""
    states = ["new", "paid", "sent", "returned"][: 3 if when < 0.3 else 4]
    out: Payload = {
        "state": str(rng.choice(states)),
        "day": f"2026-03-{1 + int(27 * when):02d}",
        "v": f"1.{int(9 * when)}",
    }
    out["meta"] = {"source": "web" if when < 0.6 or rng.random() < 0.9 else "partner", "size": int(rng.pareto(1) * 10)}
    if when > 0.5:
        out["meta"]["locale"] = str(rng.choice(["de", "ru"]))
    if when > 0.7 and rng.random() < 0.05:
        out["meta"]["size"] = float(rng.pareto(1))
    out["tags"] = [_words(rng, 1) for _ in range(rng.poisson(0.7))]
    return out


def _any_value(
    rng: np.random.Generator, shape: np.random.Generator, depth: int
) -> Callable[[np.random.Generator], Any]:
    """A field of some kind, chosen once; how it varies is chosen with it."""
    kind = shape.choice(
        ["int", "float", "text", "list", "object", "choice", "mixed", "moment"] if depth < 3 else ["int", "text"]
    )
    spread = float(10 ** shape.uniform(0, 6))
    names = [_words(shape, 1) for _ in range(int(shape.integers(1, 40)))]
    weights = np.array([1.0 / (n + 1) ** 2 for n in range(len(names))])
    if kind == "object":
        return _any_object(shape, depth + 1)
    if kind == "list":
        item = _any_value(rng, shape, depth + 1)
        mean = float(shape.uniform(0, 6))
        return lambda draw: [item(draw) for _ in range(draw.poisson(mean))]
    if kind == "choice":
        return lambda draw: str(draw.choice(names, p=weights / weights.sum()))
    if kind == "mixed":
        rate = float(10 ** shape.uniform(-4, -0.3))
        return lambda draw: None if draw.random() < rate else int(draw.integers(0, spread + 1))
    plain: dict[str, Callable[[np.random.Generator], Any]] = {
        "int": lambda draw: int(draw.normal(spread / 3, spread)),
        "float": lambda draw: round(float(draw.exponential(spread)), 1),
        "text": lambda draw: _words(draw, int(draw.integers(0, 3))),
        "moment": _moment,
    }
    return plain[str(kind)]


def _any_object(shape: np.random.Generator, depth: int) -> Callable[[np.random.Generator], Payload]:
    fields = {
        f"{_words(shape, 1)}_{number}": _any_value(shape, shape, depth) for number in range(int(shape.integers(2, 9)))
    }
    rates = {name: 1.0 if shape.random() < 0.6 else 1 - float(10 ** shape.uniform(-4, 0)) for name in fields}
    return lambda draw: {name: make(draw) for name, make in fields.items() if draw.random() < rates[name]}


def anything(seed: int) -> Maker:
    """A workflow whose payload's make is drawn at random, too."""
    make = _any_object(np.random.default_rng(seed), 0)
    return lambda rng, when: make(rng)


KINDS: dict[str, Callable[[int], Maker]] = {
    "order": lambda seed: order,
    "payment": lambda seed: payment,
    "row": lambda seed: row,
    "changing": lambda seed: changing,
}
# No make of these seeds was looked at while the inference was written; after a first score those of seeds 0 to 11 were.
ASIDE: dict[str, Callable[[int], Maker]] = {"anything": lambda seed: anything(5_000 + seed)}


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from _places(inner, (*path, name))


def always_there(payloads: list[Payload]) -> list[tuple[str | int, ...]]:
    """Fields that every payload has, and never as null: what a worker may rely on."""
    shared = set(_places(payloads[0]))
    for payload in payloads[1:]:
        shared &= set(_places(payload))
    return sorted(place for place in shared if all(_get(payload, place) is not None for payload in payloads))


def _get(payload: Any, place: tuple[str | int, ...]) -> Any:
    for part in place:
        payload = payload[part]
    return payload


def spoil(payload: Payload, place: tuple[str | int, ...], way: str) -> Payload:
    """The payload with one field ``missing``, or of another ``type``."""
    out = copy.deepcopy(payload)
    parent = _get(out, place[:-1])
    value = parent.pop(place[-1])
    if way == "type":
        parent[place[-1]] = [value] if isinstance(value, str) else str(value)
    return out
