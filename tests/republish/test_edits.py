from __future__ import annotations

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish.edits import (
    Change,
    Edit,
    apply_edit,
    check_locked,
    find_changes,
    read_edit,
)

PAYLOAD = '{"id": 12345678901234567890, "price": 1.10, "customer": {"id": 7, "name": "A\\u006e"}, "tags": ["x", "y"]}'


def _edit(patch: str, event_key: str | None = None) -> Edit:
    return read_edit(patch, "OPS-1", "ann", event_key)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ('{"customer": {"id": 8}}', PAYLOAD.replace('"id": 7', '"id": 8')),
        ('{"price": null}', PAYLOAD.replace('"price": 1.10, ', "")),
        ('[{"op": "replace", "path": "/customer/id", "value": 8}]', PAYLOAD.replace('"id": 7', '"id": 8')),
        ('[{"op": "remove", "path": "/tags/0"}]', PAYLOAD.replace('["x", "y"]', '["y"]')),
        ('[{"op": "test", "path": "/price", "value": 1.10}, {"op": "add", "path": "/tags/-", "value": "z"}]',
         PAYLOAD.replace('["x", "y"]', '["x", "y", "z"]')),
        ('{"customer": {"id": 7}}', PAYLOAD),
    ],
)  # fmt: skip
def test_a_patch_changes_what_it_names_and_no_other_character(patch: str, expected: str) -> None:
    """Big numbers, 1.10 and escapes of the other fields are sent as they came."""
    assert apply_edit(PAYLOAD, _edit(patch)) == expected


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
        ('{"a":"b"}', '{"a":null}', "{}"),
        ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
        ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
        ('["a","b"]', '{"a":"b"}', '{"a":"b"}'),
        ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
        ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
        ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
    ],
)
def test_merge_patches_do_what_rfc_7396_says(target: str, patch: str, result: str) -> None:
    """The examples of the RFC's appendix that have an object as patch."""
    assert apply_edit(target, _edit(patch)) == result


@pytest.mark.parametrize(
    "patch",
    [
        '[{"op": "remove", "path": "/nothing"}]',
        '[{"op": "test", "path": "/price", "value": 1.1000001}]',
        '[{"op": "replace", "path": "no pointer", "value": 1}]',
        '[{"op": "fly", "path": "/price"}]',
        "[1]",
    ],
)
def test_a_patch_that_does_not_fit_is_refused_without_the_payload_in_the_words(patch: str) -> None:
    """A mistyped path changes nothing, and the error tells no client's data."""
    with pytest.raises(ParameterError, match="does not fit") as caught:
        apply_edit(PAYLOAD, _edit(patch))

    assert "12345678901234567890" not in str(caught.value)


@pytest.mark.parametrize("text", ["3", '"x"', "{", "null", ""])
def test_a_patch_is_an_object_or_a_list(text: str) -> None:
    """Anything else would replace the whole payload by accident."""
    with pytest.raises(ParameterError, match="patch is n"):
        _edit(text)


def test_an_edit_has_a_reason_and_an_author() -> None:
    """Nobody changes a client's data without a name."""
    for reason, by in (("", "ann"), ("OPS-1", " ")):
        with pytest.raises(ParameterError, match="no reason or no author"):
            read_edit("{}", reason, by)


def test_one_new_text_is_of_one_event() -> None:
    """The payload of one event is never sent for another."""
    assert apply_edit("broken {", Edit("text", '{"a": 1}', "OPS-1", "ann", "e1")) == '{"a": 1}'
    with pytest.raises(ParameterError, match="for all events"):
        Edit("text", '{"a": 1}', "OPS-1", "ann")


def test_the_difference_is_told_place_by_place() -> None:
    """A reviewer sees each field before and after, in the digits that it has."""
    after = PAYLOAD.replace("1.10", "1.1").replace('"y"', '"z"').replace('"name": "A\\u006e"', '"vip": true')

    assert find_changes(PAYLOAD, after) == [
        Change("payload.price", "1.10", "1.1"),
        Change("payload.customer.name", '"An"', None),
        Change("payload.customer.vip", None, "true"),
        Change("payload.tags[1]", '"y"', '"z"'),
    ]
    assert find_changes(PAYLOAD, PAYLOAD) == []
    assert find_changes("broken", "{}") == [Change("payload", "broken", "{}")]


@pytest.mark.parametrize(
    ("patch", "is_locked"),
    [
        ('{"customer": {"id": 8}}', True),
        ('{"customer": null}', True),
        ('{"customer": {"id": {"deep": 1}}}', True),
        ('{"customer": {"name": "B"}}', False),
        ('{"customer_id": 3}', False),
    ],
)
def test_a_locked_field_is_not_changed_at_below_or_above_it(patch: str, is_locked: bool) -> None:
    """Whose order it is cannot be edited, nor removed with the object around it."""
    changes = find_changes(PAYLOAD, apply_edit(PAYLOAD, _edit(patch)))
    if not is_locked:
        check_locked(changes, ["payload.customer.id"])
        return
    for name in ("payload.customer.id", "customer.id"):
        with pytest.raises(ParameterError, match=r"customer\.id is locked"):
            check_locked(changes, [name])


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("payload_id", '{"payload_id": 1}', '{"payload_id": 2}'),
        ("payload.id", '{"payload": {"id": 1}}', '{"payload": {"id": 2}}'),
        ("a.b", '{"a.b": 1}', '{"a.b": 2}'),
        ("items[].sku", '{"items": [{"sku": 1}]}', '{"items": [{"sku": 2}]}'),
        ("id", '{"id": 1, "id": 2}', '{"id": 3, "id": 2}'),
    ],
)
def test_a_locked_field_is_locked_whatever_it_is_called(name: str, before: str, after: str) -> None:
    """A name that begins with “payload”, has a dot, is in a list or stands there twice is locked like any other."""
    with pytest.raises(ParameterError, match="is locked"):
        check_locked(find_changes(before, after), [name])


def test_each_value_of_a_name_that_stands_twice_is_one_place() -> None:
    """Some readers take the first of them, so a change of it is shown."""
    assert find_changes('{"a": {"b": 1, "b": 2}}', '{"a": {"b": 3, "b": 2}}') == [Change("payload.a.b", "1", "3")]
    assert find_changes('{"b": 1}', '{"b": 4, "b": 1}') == [Change("payload.b", None, "4")]


def test_a_dot_in_a_name_is_shown_as_one() -> None:
    """Whoever approves the edit sees which of two fields is meant."""
    before, after = '{"a.b": 1, "a": {"b": 1}}', '{"a.b": 2, "a": {"b": 3}}'

    assert [change.path for change in find_changes(before, after)] == [r"payload.a\.b", "payload.a.b"]
