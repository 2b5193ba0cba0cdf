"""Values of many payloads, place by place."""

from __future__ import annotations

from dlqkit.json_places import by_type, fields_of, first_items


def test_values_of_a_place_are_parted_by_their_type_and_keep_their_rows() -> None:
    """True is no number."""
    parts = by_type([1, "a", True, 2], [7, 8, 9, 10])

    assert {kind: (list(own), list(rows)) for kind, (own, rows) in parts.items()} == {
        int: ([1, 2], [7, 10]),
        str: (["a"], [8]),
        bool: ([True], [9]),
    }
    assert by_type([], []) == {}


def test_fields_are_told_with_the_rows_of_the_objects_that_have_them() -> None:
    alike = fields_of([{"a": 1, "b": 2}, {"a": 3, "b": 4}], [5, 6])
    different = fields_of([{"b": 1}, {"a": 2, "b": 3}, {}], [4, 5, 6])

    assert {name: (list(own), list(rows)) for name, (own, rows) in alike.items()} == {
        "a": ([1, 3], [5, 6]),
        "b": ([2, 4], [5, 6]),
    }
    assert list(different.items()) == [("b", ([1, 3], [4, 5])), ("a", ([2], [5]))]


def test_of_each_array_the_first_items_follow_each_other() -> None:
    assert first_items([[1, 2, 3], [], [4]], [0, 1, 2], 2) == ([1, 2, 4], [0, 0, 2])
