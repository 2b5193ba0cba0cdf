"""A field is found by its name, however it is written."""

from __future__ import annotations

import pytest

from dlqkit.republish.field_paths import escape_name, is_field_or_beside, read_names


@pytest.mark.parametrize("name", ["a", "a.b", "a\\", ".", "", "a[0]", "[", "\\."])
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    """A dot, a backslash or a bracket in a name does not make two fields of one."""
    assert read_names(f"payload.{escape_name(name)}.{escape_name(name)}") == ["payload", name, name]


@pytest.mark.parametrize(
    ("names", "field", "is_it"),
    [
        (("customer", "id"), "customer.id", True),
        (("customer", "id"), "payload.customer.id", True),
        (("customer",), "payload.customer.id", True),
        (("customer", "id", "deep"), "customer.id", True),
        ((), "customer.id", True),
        (("customer", "name"), "customer.id", False),
        (("customer_id",), "customer", False),
        (("payload_id",), "payload_id", True),
        (("payload", "id"), "payload.id", True),
        (("id",), "payload", True),
        (("a.b",), "a.b", True),
        (("a.b",), r"a\.b", True),
        (("a", "b"), "a.b", True),
        (("a.b",), "a", False),
        (("items", "sku"), "items[].sku", True),
        (("items",), "items[0].sku", True),
        (("a[0]",), "a[0]", True),
        (("a\\b",), "a\\b", True),
    ],
)
def test_a_field_is_what_leads_to_it_and_what_is_in_it(names: tuple[str, ...], field: str, is_it: bool) -> None:
    """Where a name can be read in two ways both are taken for the field: a lock holds rather too much."""
    assert is_field_or_beside(names, field) is is_it
