"""Pages of the API that somebody saved: they are whole only if nothing follows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlqkit.frames import Completeness, Coverage
from dlqkit.sources.record_exports import RecordExports
from tests.sources.api import rows

GOES_ON = "page-0.json is a page after which more follow, and none of the files is the last one."


def read(folder: Path, *pages: dict[str, Any]) -> Coverage:
    """What is said of files that hold 30 records each."""
    data = rows(30 * len(pages))
    for number, page in enumerate(pages):
        items = {"items": data[30 * number : 30 * number + 30]}
        (folder / f"page-{number}.json").write_text(json.dumps({**items, **page}))
    return RecordExports([folder / f"page-{number}.json" for number in range(len(pages))]).load().coverage


@pytest.mark.parametrize(
    ("wrapper", "completeness", "missing"),
    [
        ({"next_cursor": "abc", "has_more": True, "total": 60}, "partial", [GOES_ON]),
        ({"next_cursor": "abc"}, "partial", [GOES_ON]),
        ({"links": {"next": "/execution-logs?page=2"}}, "partial", [GOES_ON]),
        ({"page": 1, "total_pages": 2}, "partial", [GOES_ON]),
        ({"number": 0, "totalPages": 2}, "partial", [GOES_ON]),
        ({"total": 60}, "unverified", ["The files speak of 60 records, and hold 30."]),
        ({"total": 30, "has_more": True}, "partial", [GOES_ON]),
        ({"total": 30, "has_more": False}, "complete", []),
        ({"next_cursor": None}, "complete", []),
        ({"timed_out": True}, "partial", ["The API says of an answer that it is not whole: “timed_out”."]),
        ({"truncated": True}, "partial", [GOES_ON]),
        (
            {"records": rows(95)[:3]},
            "unverified",
            ["An answer holds another list that looks like records, “records”; it was not read."],
        ),
        ({"count": 30}, "complete", []),
        ({}, "complete", []),
    ],
)
def test_a_saved_page_is_complete_unless_it_says_otherwise(
    wrapper: dict[str, Any], completeness: Completeness, missing: list[str], tmp_path: Path
) -> None:
    coverage = read(tmp_path, wrapper)

    assert (coverage.rows, coverage.completeness, list(coverage.missing)) == (30, completeness, missing)


def test_all_pages_saved_one_by_one_are_complete(tmp_path: Path) -> None:
    """Each but the last says that more follow; or all of them do, and together hold the total."""
    first = {"next_cursor": "abc", "total": 60}

    assert read(tmp_path, first, {"next_cursor": None, "total": 60}).completeness == "complete"
    assert read(tmp_path, first, {"next_cursor": "def", "total": 60}).completeness == "complete"
    assert read(tmp_path, first, {"next_cursor": "def", "total": 90}).completeness == "partial"
    assert read(tmp_path, first, {"next_cursor": None, "total": 90}).completeness == "unverified"


def read_records(folder: Path, *pages: tuple[dict[str, Any], range], error: str = "refused") -> Coverage:
    """What is said of files that hold these of a hundred records; the error's text differs from file to file."""
    data = rows(200)
    files = []
    for number, (page, places) in enumerate(pages):
        items = [{**data[place], "last_error": f"{error}, retry in {number} s"} for place in places]
        files.append(folder / f"page-{number}.json")
        files[-1].write_text(json.dumps({"items": items, **page}))
    return RecordExports(files).load().coverage


def test_a_page_that_is_saved_twice_counts_once_whatever_its_error_texts(tmp_path: Path) -> None:
    """Five records of ten, twice: the other five are on neither."""
    twice = read_records(tmp_path, ({"total": 10}, range(5)), ({"total": 10}, range(5)))
    assert (twice.rows, twice.completeness) == (5, "unverified")
    assert twice.missing == ("The files speak of 10 records, and hold 5.",)

    going = {"total": 10, "has_more": True}
    assert read_records(tmp_path, (going, range(5)), (going, range(5))).missing == (GOES_ON,)


def test_records_of_one_id_that_stand_side_by_side_count_for_each(tmp_path: Path) -> None:
    """One page shows an id under two errors, so that these are two of its three records."""
    one, other = rows(2)
    items = [one, {**one, "last_error": "refused"}, other]
    (tmp_path / "page.json").write_text(json.dumps({"items": items, "total": 3}))

    assert RecordExports(tmp_path / "page.json").load().coverage.completeness == "complete"


def test_what_is_no_record_counts_once_where_its_page_is_saved_twice(tmp_path: Path) -> None:
    """Three records and two numbers, twice, are five of seven."""
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(json.dumps({"items": [*rows(3), 1, 1], "total": 7}))

    coverage = RecordExports([tmp_path / "a.json", tmp_path / "b.json"]).load().coverage

    assert coverage.completeness == "unverified"
    assert coverage.missing[-1] == "The files speak of 7 records, and hold 5."


def numbered(number: int, pages: int) -> dict[str, Any]:
    return {"page": number, "total_pages": pages}


@pytest.mark.parametrize(
    ("wrappers", "absent"),
    [
        ([numbered(1, 3), numbered(2, 3), numbered(3, 3)], None),
        ([numbered(0, 3), numbered(1, 3), numbered(2, 3)], None),
        ([numbered(3, 3), numbered(1, 3), numbered(2, 3)], None),
        ([numbered(1, 3), numbered(3, 3)], 2),
        ([numbered(0, 3), numbered(2, 3)], 1),
        ([numbered(2, 3), numbered(3, 3)], 1),
        ([numbered(2, 2)], 1),
        ([{"page": 1, "has_more": True}, {"page": 3, "has_more": False}], 2),
        ([numbered(1, 1), numbered(1, 2), numbered(2, 2)], None),
        ([numbered(1, 2), numbered(2, 2), numbered(1, 2)], 2),
    ],
)
def test_pages_that_have_numbers_are_whole_from_the_first_to_the_last(
    wrappers: list[dict[str, Any]], absent: int | None, tmp_path: Path
) -> None:
    """Counted from 0 or from 1; of two lists each has its own."""
    coverage = read(tmp_path, *wrappers)

    assert coverage.completeness == ("complete" if absent is None else "partial")
    text = f"The saved pages have numbers, and no file is the page {absent} that they tell of."
    assert coverage.missing == (() if absent is None else (text,))


def test_a_numbered_page_that_is_saved_again_in_a_list_that_moved_is_one_page(tmp_path: Path) -> None:
    """Of the second save of page 1 four records are those of the first one."""
    first, last = {"page": 1, "has_more": True}, {"page": 2, "has_more": False}

    coverage = read_records(tmp_path, (first, range(1, 6)), (first, range(5)), (last, range(6, 9)))

    assert (coverage.rows, coverage.completeness) == (9, "complete")


@pytest.mark.parametrize(
    ("wrappers", "is_whole"),
    [
        ([{"offset": 0, "has_more": True}, {"offset": 30, "has_more": False}], True),
        ([{"offset": 30, "has_more": True}, {"offset": 60, "has_more": False}], True),
        ([{"offset": 0, "has_more": True}, {"offset": 60, "has_more": False}], False),
        ([{"offset": 75}], False),
        ([{"offset": 30, "limit": 30}], False),
        ([{"cursor": None, "next_cursor": "a"}, {"cursor": "a", "next_cursor": None}], True),
        ([{"next_cursor": "a"}, {"cursor": "a", "next_cursor": "b"}, {"cursor": "b", "next_cursor": None}], True),
        ([{"cursor": "s", "next_cursor": "a"}, {"cursor": "a", "next_cursor": None}], True),
        ([{"cursor": None, "next_cursor": "a"}, {"cursor": "b", "next_cursor": None}], False),
        ([{"cursor": None, "next_cursor": None}, {"cursor": "b", "next_cursor": None}], False),
        ([{"next_cursor": "p2", "has_more": True}, {"cursor": "p3", "next_cursor": None}], False),
    ],
)
def test_pages_that_tell_their_places_are_whole_where_each_has_the_one_before_it(
    wrappers: list[dict[str, Any]], is_whole: bool, tmp_path: Path
) -> None:
    """By offset, of the page itself or of the next one; or by the cursor with which it was asked for."""
    coverage = read(tmp_path, *wrappers)

    text = "page-0.json is a page of a list of which others stand before or behind it, and not all are shown."
    assert coverage.completeness == ("complete" if is_whole else "unverified")
    assert coverage.missing == (() if is_whole else (text,))


CHAINED = (
    "The saved pages tell only which one follows them: one is the last, each other one names another page, and so they "
    "are taken for all of one list."
)
UNSHOWN = "page-0.json is a page after which more follow, and nothing shows that the next one is among the files."


@pytest.mark.parametrize(
    ("wrappers", "is_whole"),
    [
        ([{"next_cursor": "a", "has_more": True}, {"next_cursor": None, "has_more": False}], True),
        ([{"next_cursor": "a"}, {"next_cursor": "b"}, {"next_cursor": None}], True),
        ([{"id": "x", "nextToken": "a"}, {"id": "y"}], True),
        ([{"next": "/logs?after=a"}, {"next": "/logs?after=b"}, {"next": None}], True),
        ([{"next_page": 2}, {"next_page": 3}, {"next_page": None}], True),
        ([{"next_page": 3}, {"next_page": None}], False),
        ([{"next_cursor": "a"}, {"next_cursor": "a"}, {"next_cursor": None}], False),
        ([{"next_cursor": "a"}, {"next_cursor": None}, {"next_cursor": None}], False),
        ([{"has_more": True}, {"has_more": False}], False),
    ],
)
def test_pages_that_name_only_the_next_one_are_one_list_where_their_count_says_so(
    wrappers: list[dict[str, Any]], is_whole: bool, tmp_path: Path
) -> None:
    coverage = read(tmp_path, *wrappers)

    assert coverage.completeness == ("complete" if is_whole else "unverified")
    assert coverage.missing == (() if is_whole else (UNSHOWN,))
    assert (CHAINED in coverage.findings) == is_whole


def test_pages_that_name_only_the_next_one_and_share_records_are_not_shown_to_be_one_list(tmp_path: Path) -> None:
    pages = ({"next_cursor": "a"}, range(5)), ({"next_cursor": "b"}, range(1, 6)), ({"next_cursor": None}, range(9, 12))

    assert read_records(tmp_path, *pages).completeness == "unverified"


def test_pages_none_of_which_is_the_first_are_not_whole(tmp_path: Path) -> None:
    assert read(tmp_path, {"has_previous": True, "has_next": False}).completeness == "unverified"


def test_records_of_one_question_do_not_make_up_the_total_of_another(tmp_path: Path) -> None:
    """50 of 100 are no more for 60 of 60 beside them, nor for 60 that speak of no total."""
    for other in ({"total": 60}, {"has_more": False}):
        coverage = read_records(tmp_path, ({"total": 100}, range(50)), (other, range(100, 160)))

        assert (coverage.rows, coverage.completeness) == (110, "unverified")
        assert coverage.missing == ("Pages such as page-0.json speak of 100 records, and hold 50.",)


def test_several_questions_are_complete_where_each_is(tmp_path: Path) -> None:
    asked = ({"total": 50}, range(50)), ({"total": 60}, range(60, 120)), ({"has_more": False}, range(130, 140))

    assert read_records(tmp_path, *asked).completeness == "complete"


def test_a_total_that_the_first_page_alone_tells_counts_for_all(tmp_path: Path) -> None:
    first, last = {"total": 60, "next_cursor": "a"}, {"next_cursor": None}

    assert read(tmp_path, first, last).completeness == "complete"


def test_the_length_of_a_page_is_not_the_total_of_a_list(tmp_path: Path) -> None:
    """Each page calls its own length the total; the second of three is not there."""
    going = {"total": 30, "has_more": True}

    assert read(tmp_path, going, going).completeness == "partial"
    assert read(tmp_path, going, {"total": 30, "has_more": False}).completeness == "unverified"


def test_a_list_that_grew_while_its_numbered_pages_were_saved_is_complete(tmp_path: Path) -> None:
    first, last = {"total": 9, "page": 1, "has_more": True}, {"total": 10, "page": 2, "has_more": False}

    assert read_records(tmp_path, (first, range(5)), (last, range(5, 10))).completeness == "complete"
    assert read_records(tmp_path, (first, range(5)), (last, range(5, 9))).completeness == "unverified"


def test_lines_of_json_do_not_make_up_the_total_of_a_page(tmp_path: Path) -> None:
    """They may be of any question, even where they are as many as the page lacks."""
    page, lines = tmp_path / "page.json", tmp_path / "lines.jsonl"
    page.write_text(json.dumps({"items": rows(60)[:30], "total": 60}))
    lines.write_text("\n".join(map(json.dumps, rows(60)[30:])))

    assert RecordExports([page, lines]).load().coverage.completeness == "unverified"
