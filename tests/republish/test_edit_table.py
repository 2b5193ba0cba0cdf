"""Payloads are edited cell by cell in a notebook."""

from __future__ import annotations

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish.edit_table import edits_of_table, payload_table
from dlqkit.republish.edits import apply_edit

PAYLOAD = '{"id": 12345678901234567890, "price": 1.10, "customer": {"id": 7, "name": "A\\u006e"}, "tags": ["x", "y"]}'


def test_a_table_of_payloads_is_edited_cell_by_cell() -> None:
    """The notebook's table gives a merge patch for each row with a changed cell, and none for the others."""
    before = payload_table({"e1": PAYLOAD, "e2": '{"price": 2, "customer": {"id": 9}}', "e3": '{"price": 3}'})
    assert list(before.columns) == ["payload.id", "payload.price", "payload.customer.id", "payload.customer.name",
                                    "payload.tags"]  # fmt: skip
    assert before.at["e1", "payload.id"] == "12345678901234567890"
    assert pd.isna(before.at["e3", "payload.customer.id"])
    after = before.copy()
    after.loc["e1", "payload.price"] = "1.20"
    after.loc["e1", "payload.customer.name"] = "Ann"
    after.loc["e2", "payload.customer.id"] = ""

    edits = edits_of_table(before, after, reason="OPS-1", by="ann")

    assert {edit.event_key: edit.patch for edit in edits} == {
        "e1": '{"price":1.20,"customer":{"name":"Ann"}}',
        "e2": '{"customer":{"id":null}}',
    }
    assert apply_edit(PAYLOAD, edits[0]) == PAYLOAD.replace("1.10", "1.20").replace('"A\\u006e"', '"Ann"')


def test_half_a_character_stays_a_number_in_a_cell_and_is_refused_in_a_name() -> None:
    """JSON can hold it, no column and no file can."""
    table = payload_table({"e": '{"a": "\\udc80x", "b": 1}'})
    after = table.copy()
    after.loc["e", "payload.b"] = "2"

    assert table.at["e", "payload.a"] == '"\\udc80x"'
    assert [one.patch for one in edits_of_table(table, after, reason="r", by="b")] == ['{"b":2}']
    with pytest.raises(ParameterError, match="half a character in its name"):
        payload_table({"e": '{"\\ud800a": 1}'})


def test_a_row_that_is_not_in_the_table_is_refused() -> None:
    """A sorted or filtered table is fine; an invented row is not."""
    before = payload_table({"e1": '{"a": 1}', "e2": '{"a": 2}'})

    assert edits_of_table(before, before.iloc[::-1], reason="r", by="b") == ()
    with pytest.raises(ParameterError, match="e9"):
        edits_of_table(before, before.rename(index={"e1": "e9"}), reason="r", by="b")
    with pytest.raises(ParameterError, match="no JSON object"):
        payload_table({"e1": "[1]"})


def test_a_field_whose_name_has_a_dot_is_edited_and_no_other() -> None:
    """``a.b`` is a name, and beside it there is a ``b`` within ``a``; a backslash and an empty name are names too."""
    text = '{"a.b": 1, "a": {"b": 2}, "c\\\\": {"": 3, "d.": 4}}'
    before = payload_table({"e1": text})
    assert list(before.columns) == [r"payload.a\.b", "payload.a.b", r"payload.c\\.", r"payload.c\\.d\."]

    for column, old, new in ((r"payload.a\.b", ": 1", ": 9"), ("payload.a.b", ": 2", ": 9"),
                             (r"payload.c\\.", ": 3", ": 9"), (r"payload.c\\.d\.", ": 4", ": 9")):  # fmt: skip
        after = before.copy()
        after.loc["e1", column] = "9"
        (edit,) = edits_of_table(before, after, reason="OPS-1", by="ann")
        assert apply_edit(text, edit) == text.replace(old, new)


@pytest.mark.parametrize(
    ("cell", "written"),
    [(True, "true"), (3, "3"), (1.5, "1.5"), ("[1, 2]", "[1,2]"), ("1e1000000000000000000", '"1e1000000000000000000"')],
)
def test_a_whole_column_is_set_at_once(cell: object, written: str) -> None:
    """Pandas keeps it as its own kinds of flag and number; what is no JSON number is a text."""
    before = payload_table({"e1": '{"x": 0}', "e2": '{"x": 0}'})

    edits = edits_of_table(before, before.assign(**{"payload.x": cell}), reason="OPS-1", by="ann")

    assert [edit.patch for edit in edits] == [f'{{"x":{written}}}'] * 2


@pytest.mark.parametrize("cell", [[1, 2], {"k": 1}, float("inf"), pd.Timestamp("2026-03-02"), b"x"])
def test_a_cell_that_is_no_value_of_json_is_refused_by_its_row_and_column(cell: object) -> None:
    before = payload_table({"e1": '{"x": 0}'})
    after = before.copy()
    after["payload.x"] = pd.Series([cell], index=after.index, dtype="object")

    with pytest.raises(ParameterError, match=r"payload\.x of e1"):
        edits_of_table(before, after, reason="OPS-1", by="ann")
