from __future__ import annotations

from pathlib import Path

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish.selection import Selection, find_absent, read_ids, select_events
from tests.frames import dead, records

ROWS = records(
    [
        dead(1, payload_snapshot='{"customer":{"id":7},"items":[{"sku":"a"},{"sku":"b"}],"vip":true}', error_code="E1"),
        dead(2, payload_snapshot='{"customer":{"id":"7"},"total":10.50}', attempts=3, retryable=False),
        dead(3, payload_snapshot='{"customer":{"id":12345678901234567890}}', last_error="Timeout of x"),
        dead(4, payload_snapshot="broken", workflow_id="other", extra_json='{"region":"eu"}'),
        dead(5, payload_snapshot=None, trace_id=None, action_duration_ms=None),
    ]
).assign(failure_class=["infrastructure", "business", "timeout", "unknown", "infrastructure"],
         signature_id=["s1", "s2", "s3", "s1", "s1"])  # fmt: skip


def _keys(**asked: tuple[str, ...]) -> list[str]:
    return list(select_events(Selection(**asked), ROWS)[0]["event_key"])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("payload.customer.id=7", ["e0", "e1"]),
        ("payload.customer.id=12345678901234567890", ["e2"]),
        ("payload.customer.id=12345678901234567891", []),
        ("payload.customer.id!=7", ["e2"]),
        ("payload.customer.id=07", []),
        ("payload.items[].sku=b", ["e0"]),
        ("payload.vip=true", ["e0"]),
        ("payload.total=10.5", ["e1"]),
        ("payload.total>=10.5", ["e1"]),
        ("payload.total<10.5", []),
        ("attempts<5", ["e1"]),
        ("attempts=5", ["e0", "e2", "e3", "e4"]),
        ("retryable=false", ["e1"]),
        ("error_code=E1", ["e0"]),
        ("last_error~TIMEOUT", ["e2"]),
        ("action_duration_ms>100", ["e0", "e1", "e2", "e3"]),
        ("extra.region=eu", ["e3"]),
        ("recorded_at>2026-03-02T12:00:03Z", ["e3", "e4"]),
        ("recorded_at=2026-03-02T12:00:03+00:00", ["e2"]),
        ("failure_class=timeout", ["e2"]),
        ("workflow_id = wf", ["e0", "e1", "e2", "e4"]),
    ],
)
def test_events_are_chosen_by_any_column_or_payload_field(condition: str, expected: list[str]) -> None:
    """Numbers compare by value, ids as numbers and texts alike, and what is absent is neither equal nor different."""
    assert _keys(where=(condition,)) == expected


def test_what_is_asked_in_several_ways_must_hold_in_each() -> None:
    """A signature and a class narrow each other; two signatures widen."""
    assert _keys(signatures=("s1",), classes=("infrastructure",)) == ["e0", "e4"]
    assert _keys(signatures=("s1", "s2"), workflows=("wf",)) == ["e0", "e1", "e4"]
    assert _keys(where=("attempts=5", "payload.customer.id=7")) == ["e0"]


def test_a_list_names_events_traces_or_records_and_tells_what_it_did_not_find() -> None:
    """An id that is no dead event is said, not passed over."""
    chosen, not_found = select_events(Selection(ids=("e0", "t1", "r2", "nobody")), ROWS)

    assert list(chosen["event_key"]) == ["e0", "e1", "e2"]
    assert not_found == ("nobody",)


def test_an_event_with_several_dead_letters_is_chosen_once_by_its_last() -> None:
    """An earlier record's id still names the event; conditions hold for its last dead letter."""
    twice = records([dead(1, event_key="e", attempts=3), dead(9, event_key="e", attempts=5)]).assign(
        failure_class="infrastructure", signature_id="s1"
    )

    chosen, _ = select_events(Selection(ids=("r0",)), twice)

    assert list(chosen["record_id"]) == ["r1"]
    assert select_events(Selection(where=("attempts=3",)), twice)[0].empty


@pytest.mark.parametrize(
    "condition",
    [
        "payload.customer.id",
        "colour=red",
        "payload=1",
        "attempts<many",
        "recorded_at>yesterday",
        "=7",
        "last_error~",
        "last_error~ ",
        "payload.customer.id!=",
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(condition: str) -> None:
    """A mistyped condition never means everything, or nothing."""
    with pytest.raises(ParameterError):
        _keys(where=(condition,))


def test_everything_is_never_meant() -> None:
    """A selection without a condition is refused, however it came about; accepting a reason is no condition."""
    for selection in (Selection(), Selection(accept=("poison",)), Selection.from_json({})):
        with pytest.raises(ParameterError, match="everything is never meant"):
            select_events(selection, ROWS)


def test_a_selection_is_the_same_in_whatever_order_it_was_typed() -> None:
    """Its place in the plan's hash depends on what was asked alone."""
    one = Selection(where=("a=1", "b=2"), ids=("y", "x", "x"))

    assert one.to_json() == Selection(where=("b=2", "a=1"), ids=("x", "y")).to_json()
    assert Selection.from_json(one.to_json()).to_json() == one.to_json()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trace_id,note\nt1,x\nt2,\nt1,again\n", ("t1", "t2")),
        ("note,event_key\nx,e1\ny,e2\n", ("e1", "e2")),
        ("\ufeffTrace_ID\r\nt1\r\n\r\n", ("t1",)),
        ("t1\nt2\n", ("t1", "t2")),
        ("record_id\n'=r1\n'r2\n", ("=r1", "'r2")),
        ('event_key\n"a,b"\n', ("a,b",)),
    ],
)
def test_ids_are_read_from_a_spreadsheet(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    """With a header or without, saved by whatever program, and without the apostrophe that guards a formula."""
    path = tmp_path / "ids.csv"
    path.write_bytes(text.encode())

    assert read_ids(path) == expected


@pytest.mark.parametrize("content", [b"", b"trace_id\n", b"\xff\xfe"])
def test_a_file_that_lists_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty list never means everything."""
    path = tmp_path / "ids.csv"
    path.write_bytes(content)

    with pytest.raises(ParameterError):
        read_ids(path)
    with pytest.raises(ParameterError):
        read_ids(tmp_path / "absent.csv")


@pytest.mark.parametrize("condition", ["last_error~", "last_error~ ", "payload.x!=", "error_code=", "attempts>="])
def test_a_condition_without_a_value_is_refused_and_means_nothing(condition: str) -> None:
    """A variable that was not set leaves its place empty; every text contains that, and differs from it."""
    with pytest.raises(ParameterError, match="compares with nothing"):
        _keys(where=(condition,))


@pytest.mark.parametrize("asked", ["signatures", "classes", "workflows", "ids"])
def test_an_empty_name_is_refused(asked: str) -> None:
    """Events without a signature would be meant by an empty one."""
    with pytest.raises(ParameterError, match="is empty"):
        _keys(**{asked: ("s1" if asked == "signatures" else "timeout", " ")})


@pytest.mark.parametrize("separator", [";", "\t"])
def test_ids_are_read_where_a_spreadsheet_separates_by_other_signs(tmp_path: Path, separator: str) -> None:
    """Excel of a country that writes 1,5 saves a CSV with semicolons."""
    path = tmp_path / "ids.csv"
    path.write_text(f"id{separator}trace_id\n1,5{separator}t-1\n2{separator}t-2\n")

    assert read_ids(path) == ("t-1", "t-2")


def test_where_no_id_of_a_list_is_found_this_is_said() -> None:
    """One id is shown, and what separates columns where it holds another sign."""
    assert find_absent(Selection(ids=("x9",)), ROWS) == "No dead event has the id x9."
    assert find_absent(Selection(ids=("x9", "7;t-1")), ROWS) == (
        "No dead event has one of the 2 ids, such as 7;t-1; without a row of names the columns of a CSV are separated"
        " by commas."
    )
    assert find_absent(Selection(ids=("x9", "e0")), ROWS) is None


def test_which_classes_there_are_is_told_of_the_chosen_workflow_alone() -> None:
    """Four events are of wf, one of them a business error; the one of the other workflow counts for nothing."""
    absent = find_absent(Selection(workflows=("wf",), classes=("unknown",)), ROWS)

    assert absent == (
        "No dead event of the chosen workflow is of the class unknown; "
        "there are: infrastructure (2), business (1), timeout (1)."
    )
    assert find_absent(Selection(workflows=("gone",), classes=("unknown",)), ROWS) == (
        "No dead event of the chosen class is of the workflow gone; there are: other (1)."
    )
    assert find_absent(Selection(workflows=("wf",), classes=("timeout",)), ROWS) is None
