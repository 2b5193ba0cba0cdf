"""An edit is held against the fields that the error names."""

from __future__ import annotations

import pytest

from dlqkit.republish.edits import find_changes
from dlqkit.republish.named_fields import find_named, leaves_named

ORDER = {"customerId": 7, "customer": {"id": 7, "email": "x", "name": "A"}, "items": [{"sku": "s", "2": 1}], "note": ""}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("validation failed: email", {("customer", "email")}),
        ("customer_id must be a number", {("customerId",)}),
        ("the customer id is unknown", {("customerId",)}),
        ("CUSTOMERID?", {("customerId",)}),
        ("customer.email is no address", {("customer", "email")}),
        ("customer was closed", {("customer",)}),
        ("items[2].sku: unknown", {("items", "sku")}),
        ("notes are too long", set()),
        ("rejected, code 2", set()),
        ("", set()),
    ],
)
def test_a_field_is_named_by_its_whole_name_however_it_is_spelled(text: str, named: set[tuple[str, ...]]) -> None:
    """A longer name is not taken for a shorter one, a number for none; the innermost field is meant."""
    assert find_named([text], [ORDER]) == named


@pytest.mark.parametrize(
    ("error", "before", "after", "left"),
    [
        ("email is invalid", '{"email": "x", "note": 1}', '{"email": "y", "note": 1}', set()),
        ("email is invalid", '{"email": "x", "note": 1}', '{"email": "x", "note": 2}', {"email"}),
        ("email is missing", '{"note": 1}', '{"note": 1, "email": "y"}', set()),
        ("email is missing", '{"note": 1}', '{"note": 2}', None),
        ("customer is closed", '{"customer": {"id": 1}}', '{"customer": {"id": 2}}', set()),
        ("sku is unknown", '{"items": [{"sku": 1}]}', '{"items": [{"sku": 1}, {"sku": 2}]}', set()),
        ("order: email is bad", '{"order": {"email": 1, "note": 1}}', '{"order": {"email": 1, "note": 2}}', {"email"}),
        ("email is bad", '{"email": 1', '{"email": 2}', set()),
        ("timed out", '{"email": 1}', '{"email": 2}', None),
    ],
)
def test_an_edit_touches_what_the_error_names_or_leaves_it(
    error: str, before: str, after: str, left: set[str] | None
) -> None:
    """A field that was missing is touched by being added, one in an object by a change of the whole object."""
    changes = [{"path": one.path, "after": one.after} for one in find_changes(before, after)]

    assert leaves_named([error], before, changes) == left
