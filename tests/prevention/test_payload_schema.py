"""A schema that good payloads have in common."""

from __future__ import annotations

import json
import uuid

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.errors import ParameterError
from dlqkit.prevention.formats import FORMATS
from dlqkit.prevention.payload_check import check_payloads
from dlqkit.prevention.payload_schema import infer_schema


def inferred(payloads):
    return infer_schema(payloads)["properties"]


def texts(*payloads):
    return pd.Series([json.dumps(one) for one in payloads], dtype="str")


def reasons(schema, *payloads):
    frame = check_payloads(schema, texts(*payloads)).reasons
    return list(zip(frame["path"], frame["keyword"], frame["payloads"], strict=True))


def order(n, **more):
    return {"id": str(uuid.UUID(int=n)), "qty": n + 1, "customer": {"name": "Анна"}, "items": [{"sku": "A"}], **more}


GOOD = [order(n) for n in range(300)]
MANY = [order(n) for n in range(1000)]


def test_what_every_good_payload_has_is_required() -> None:
    """The field that one of 300 lacks is not."""
    schema = infer_schema([order(n, note="x") if n else order(n) for n in range(300)])

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["customer", "id", "items", "qty"]
    assert schema["properties"]["customer"]["required"] == ["name"]


def test_a_hundred_payloads_are_needed_to_require_a_field() -> None:
    """Of 99 only the types are said."""
    assert "required" not in infer_schema(GOOD[:99])
    assert "required" in infer_schema(GOOD[:100])


def test_an_integer_that_may_have_decimals_is_a_number() -> None:
    assert inferred([{"price": 1 if n % 2 else 1.5} for n in range(100)])["price"]["type"] == "number"


def test_a_field_of_two_types_is_allowed_both() -> None:
    assert inferred([{"a": None if n % 50 == 0 else "x"} for n in range(100)])["a"]["type"] == ["null", "string"]


def test_a_field_beside_one_that_is_null_at_times_may_be_null_too() -> None:
    """Until a thousand payloads show that it never is."""
    payloads = [{"a": None if n % 50 == 0 else "x", "b": 1} for n in range(1000)]

    assert inferred(payloads[:999])["b"]["type"] == ["integer", "null"]
    assert inferred(payloads)["b"]["type"] == "integer"


def test_a_form_is_said_only_where_every_text_has_it() -> None:
    """One order in a hundred has another kind of id."""
    assert inferred(GOOD)["id"]["format"] == "uuid"
    assert "format" not in inferred([order(n, id="old-7") if n % 100 == 5 else order(n) for n in range(300)])["id"]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("uuid", "6d3f1e0c-8a4b-4c0e-9b1f-0a1b2c3d4e5f", "6d3f1e0c"),
        ("date-time", "2026-03-02T12:00:00.5+03:00", "2026-03-02 at noon"),
        ("date-time", "2026-06-30T23:59:60Z", "2026-13-02T12:00:00Z"),
        ("date", "2026-02-28", "2026-02-30"),
        ("email", "a@localhost", "a b@c"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("uri", "https://example.com/x", "example.com"),
    ],
)
def test_forms_are_those_of_their_standards(form, good, bad) -> None:
    assert FORMATS[form](good)
    assert not FORMATS[form](bad)


def test_few_values_that_all_came_early_are_a_list() -> None:
    assert inferred([{"state": ("new", "paid")[n % 2]} for n in range(100)])["state"]["enum"] == ["new", "paid"]


def test_a_value_that_is_new_shows_that_the_list_is_not_whole() -> None:
    """The third value came only with the 200th of 300 payloads."""
    states = ["new"] * 100 + ["paid"] * 100 + ["lost"] * 100

    assert "enum" not in inferred([{"state": state} for state in states])["state"]


@pytest.mark.parametrize("values", [("web",), ("v1", "v2"), ("2026-03-02", "2026-03-03")])
def test_what_may_be_another_tomorrow_is_no_list(values) -> None:
    """One value, versions and dates are what they are today."""
    assert "enum" not in inferred([{"a": values[n % len(values)]} for n in range(200)])["a"]


def test_optional_fields_that_come_together_are_required_together() -> None:
    """Card payments have number and expiry; others have neither."""
    payloads = [{"a": 1, "card": "x", "expiry": "y"} if n % 3 == 0 else {"a": 1} for n in range(600)]
    schema = infer_schema(payloads)

    assert schema["dependentRequired"] == {"card": ["expiry"], "expiry": ["card"]}
    assert reasons(schema, {"a": 1, "card": "x"}) == [("payload.expiry", "dependentRequired", 1)]


def test_a_dictionary_with_keys_of_its_own_is_not_taken_for_an_object() -> None:
    """A price for each of 600 articles: any other article is as good, a price in words is not."""
    schema = infer_schema([{"prices": {f"article-{n}-{k}": 1.5 for k in range(2)}} for n in range(300)])

    assert schema["properties"]["prices"]["additionalProperties"]["type"] == "number"
    assert reasons(schema, {"prices": {"new": 2.5}}) == []
    assert reasons(schema, {"prices": {"new": "two"}}) == [("payload.prices.<key>", "type", 1)]


def test_what_was_never_negative_in_three_hundred_payloads_is_not() -> None:
    assert inferred(GOOD)["qty"]["minimum"] == 0
    assert "minimum" not in inferred(GOOD[:299])["qty"]
    assert "minimum" not in inferred([{"qty": n - 5} for n in range(300)])["qty"]


def test_a_refusal_names_its_place_and_its_reason() -> None:
    """Each of five payloads is wrong in another way; the good one passes."""
    bad = [
        {key: value for key, value in order(1).items() if key != "qty"},
        order(2, qty="two"),
        order(3, items=[]),
        order(4, items=[{"sku": "A"}, {"sku": None}]),
        order(5, id="x"),
    ]

    assert reasons(infer_schema(GOOD), *bad, order(6)) == [
        ("payload.id", "format", 1),
        ("payload.items", "minItems", 1),
        ("payload.items[].sku", "type", 1),
        ("payload.qty", "required", 1),
        ("payload.qty", "type", 1),
    ]


def test_a_new_field_is_no_reason_to_refuse() -> None:
    assert reasons(infer_schema(GOOD), order(1, extra={"a": [1]})) == []


def test_no_json_is_refused_and_no_text_is_not_judged() -> None:
    """An absent payload is unknown, not wrong."""
    found = check_payloads(infer_schema(GOOD), pd.Series(["{", None, ""], dtype="str"))

    assert (found.payloads, found.refused, found.absent) == (1, 1, 2)
    assert found.reasons["keyword"].tolist() == ["json"]
    assert found.is_refused.isna().tolist() == [False, True, True]


def test_an_edited_schema_may_use_every_keyword() -> None:
    """What the analyst adds by hand is judged as the standard says."""
    schema = {"properties": {"qty": {"maximum": 10, "multipleOf": 2}}, "additionalProperties": False}

    assert reasons(schema, {"qty": 13}, {"qty": 4}) == [
        ("payload.qty", "maximum", 1),
        ("payload.qty", "multipleOf", 1),
    ]


def test_what_is_no_schema_is_refused_with_a_next_step() -> None:
    with pytest.raises(ParameterError, match="no JSON Schema"):
        check_payloads({"type": "text"}, texts({}))


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("https://schemas.example/order.json", "refers to https://schemas.example/order.json, which is not in it"),
        ("#/$defs/order", "which is not in it"),
        ("#", "refers to itself without an end"),
    ],
)
def test_a_schema_that_refers_to_what_is_not_in_it_is_refused(reference: str, what: str) -> None:
    """Nothing is fetched in the middle of an incident; what is missing is named instead."""
    with pytest.raises(ParameterError, match=what):
        check_payloads({"$ref": reference}, texts({}))


@pytest.mark.parametrize("payloads", [[], [1], ["a"] * 200, [[]] * 200, [{}] * 200, [None] * 200])
def test_any_payloads_give_a_schema_that_accepts_them(payloads) -> None:
    schema = infer_schema(payloads)

    assert not check_payloads(schema, texts(*payloads)).refused


KEYS = st.sampled_from(["a", "b", "c.d", "<key>", ""])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(-2, 2),
        st.sampled_from(["", "x", "paid", "2026-03-02", "17", "192.0.2.1", "6d3f1e0c-8a4b-4c0e-9b1f-0a1b2c3d4e5f"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@settings(max_examples=80, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=4), OBJECTS)
def test_stand_ins_are_judged_like_the_payloads_themselves(seen, change) -> None:
    """A title makes the library look at each payload itself; it must give the same reasons."""
    schema = infer_schema(seen * 25, min_support=20)
    tried = [{**seen[0], **change}, change, *change.values()]

    assert not check_payloads(schema, texts(*seen)).refused
    assert reasons(schema, *tried) == reasons({**schema, "title": "edited"}, *tried)


def test_digits_with_a_line_break_after_them_have_no_form_of_digits() -> None:
    """``$`` of JSON Schema is the end of the text, and other libraries would refuse them."""
    field = inferred([{"number": f"{n}\n"} for n in range(1000)])["number"]

    assert "pattern" not in field
