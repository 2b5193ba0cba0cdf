"""What is asked of a schema for each payload agrees with what the library says of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dlqkit.prevention.payload_check import check_payloads
from dlqkit.prevention.stand_ins import find_refused, is_plain, make_reader

_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, -1.5, 2.0]),
              st.sampled_from(["", "x", "12", "USD", "a@b"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
_TYPES = st.lists(
    st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"]), min_size=1, unique=True
)
_SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries({}, optional={"type": _TYPES, "minimum": st.just(0), "minLength": st.just(1),
                                        "pattern": st.just("^[0-9]+$")})
    | st.just({"type": "string", "enum": ["USD", "x"]}),
    lambda inner: st.one_of(
        st.fixed_dictionaries({}, optional={"type": _TYPES, "properties": st.dictionaries(_NAMES, inner, max_size=3),
                                            "required": st.lists(_NAMES, unique=True),
                                            "dependentRequired": st.dictionaries(_NAMES, st.lists(_NAMES, unique=True),
                                                                                 max_size=2)}),
        st.fixed_dictionaries({"additionalProperties": inner}),
        st.fixed_dictionaries({"items": inner}, optional={"minItems": st.just(1)}),
    ),
    max_leaves=4,
)  # fmt: skip


@given(_SCHEMAS, _VALUES)
def test_a_payload_that_is_plainly_accepted_is_one_that_the_schema_accepts(schema: dict[str, Any], value: Any) -> None:
    """The quick answer and the one that makes stand-ins are the same; and neither lets anything in."""
    assert is_plain(schema)
    accepted = not find_refused(schema, [value])

    assert accepted == make_reader(schema)(value)[0]
    if accepted:
        assert Draft202012Validator(schema).is_valid(value)


@given(_SCHEMAS, st.lists(_VALUES, max_size=6))
def test_many_payloads_are_refused_as_each_of_them_alone_is(schema: dict[str, Any], values: list[Any]) -> None:
    """They are looked at place by place, and not one after the other."""
    assert find_refused(schema, values) == {n for n, one in enumerate(values) if not make_reader(schema)(one)[0]}


def test_a_list_of_values_without_a_type_refuses_what_is_no_text() -> None:
    """Somebody edited the schema and took the type away: 5 is still no currency."""
    schema = {"type": "object", "properties": {"currency": {"enum": ["EUR", "USD"]}}}

    found = check_payloads(schema, pd.Series(['{"currency": 5}', '{"currency": "EUR"}', '{"currency": "eur"}']))

    assert found.is_refused.tolist() == [True, False, True]


def test_each_keyword_refuses_what_it_names() -> None:
    """A client without an id, an amount below nothing, a currency that is not in the list, no items."""
    schema = {
        "type": "object",
        "required": ["id"],
        "dependentRequired": {"amount": ["currency"]},
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "amount": {"type": "integer", "minimum": 0},
            "currency": {"type": "string", "enum": ["EUR", "USD"]},
            "items": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        },
    }
    good = {"id": "3e58debe-9669-48a4-bed8-6a4e235c211d", "amount": 2.0, "currency": "EUR", "items": ["a"], "more": 1}

    bad = [
        {name: value for name, value in good.items() if name != "id"},
        {**good, "id": "17"},
        {**good, "amount": -1},
        {**good, "amount": 1.5},
        {**good, "currency": "eur"},
        {name: value for name, value in good.items() if name != "currency"},
        {**good, "items": []},
        {**good, "items": [""]},
        [good],
    ]

    assert find_refused(schema, [good, *bad, good]) == set(range(1, len(bad) + 1))
