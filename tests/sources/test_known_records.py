"""Keys of records: the same one wherever it is met again, and others for others."""

from __future__ import annotations

import pandas as pd

from dlqkit.sources.known_records import Hashes, KnownRecords
from tests.frames import records


def _page(*held: tuple[str, str]) -> pd.DataFrame:
    """Records of one state, by their errors and payloads."""
    return records([{"record_id": "run", "last_error": error, "payload_snapshot": payload} for error, payload in held])


def _add(known: KnownRecords, page: pd.DataFrame, near: list[pd.DataFrame] | None) -> list[bool]:
    hashes = Hashes.of(page)
    fresh: list[bool] = known.add(hashes, known.tell_apart(hashes, page, near)).tolist()
    return fresh


def test_one_that_was_met_alone_is_known_beside_others() -> None:
    known, alone = KnownRecords(), _page(("a", "1"))
    assert _add(known, alone, []) == [True]
    assert _add(known, _page(("a", "1"), ("b", "1")), [alone]) == [False, True]
    assert len(known) == 2


def test_one_that_was_met_beside_others_is_known_alone() -> None:
    known, both = KnownRecords(), _page(("a", "1"), ("b", "1"))
    assert _add(known, both, []) == [True, True]
    assert _add(known, _page(("b", "1")), [both]) == [False]


def test_another_payload_is_another_record_and_another_order_of_its_fields_is_not() -> None:
    known, first = KnownRecords(), _page(("a", '{"n":1,"m":2}'))
    assert _add(known, first, []) == [True]
    assert _add(known, _page(("a", '{"m": 2, "n": 1}')), [first]) == [False]
    assert _add(known, _page(("a", '{"n":2,"m":2}')), [first]) == [True]
    assert len(known) == 2


def test_another_payload_in_a_second_look_is_the_record_that_is_known() -> None:
    known = KnownRecords()
    assert _add(known, _page(("a", "1")), []) == [True]
    assert _add(known, _page(("a", "2")), None) == [False]


def test_another_error_is_the_same_record_and_can_be_told() -> None:
    known, first = KnownRecords(), _page(("a", "1"))
    _add(known, first, [])
    again = _page(("b", "1"))
    hashes = Hashes.of(again)
    keys = known.tell_apart(hashes, again, [first])

    assert known.find_alike(hashes, keys).tolist() == [True]
    assert known.add(hashes, keys).tolist() == [False]


def test_a_page_without_records_is_none_the_wiser() -> None:
    known, nothing = KnownRecords(), _page()
    assert _add(known, nothing, [nothing]) == []
    assert len(known) == 0
