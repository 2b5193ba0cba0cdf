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
