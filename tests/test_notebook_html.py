"""How objects show themselves in a notebook."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from dlqkit.frames import RECORDS, Coverage, Loaded, conform
from dlqkit.incident import Incident
from dlqkit.notebook_html import IN_LAB, lines_html, searchable_html, text_html

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


def make_records(**columns: Any) -> pd.DataFrame:
    return conform(pd.DataFrame(columns), RECORDS)


def test_a_long_text_is_folded_after_its_beginning() -> None:
    """A stack trace does not push the next row out of sight, and is whole where somebody opens it."""
    text = "refused " * 100

    shown = text_html(text)

    assert text_html("refused") == "refused"
    assert shown.startswith("<details><summary") and text.strip() in shown
    assert len(re.sub("<[^>]*>", "", shown.partition("</summary>")[0])) <= 120


def test_an_endless_text_is_cut_and_says_so() -> None:
    """A megabyte of one error would make the notebook that large."""
    shown = lines_html("x" * 1_000_000)

    assert len(shown) < 21_000
    assert "(980,000 more characters)" in shown


def test_the_script_is_added_in_the_lab_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's notebook, and what VS Code runs, hold none; a table that is seen whole needs none."""
    html = "<div><table></table></div>"

    assert searchable_html(html, 20) == html
    monkeypatch.setenv(IN_LAB, "1")
    assert searchable_html(html, 7) == html
    assert "<script>" in searchable_html(html, 8)


def test_the_script_cannot_be_ended_by_what_it_holds() -> None:
    """It stands in the page as it is."""
    from dlqkit.notebook_html import _script

    assert "</" not in _script() and "<!--" not in _script()


def test_an_object_says_in_one_look_what_it_is() -> None:
    """A line, then what there is to know; what is not known is left out."""
    coverage = Coverage(
        asked_start=datetime(2026, 3, 2, 14, tzinfo=UTC), asked_end=datetime(2026, 3, 2, 16, tzinfo=UTC), rows=1200,
        completeness="partial", missing=("The source stopped answering.",),
    )  # fmt: skip

    assert repr(coverage).splitlines() == [
        "Coverage: partial, 1,200 rows",
        "  asked: 2026-03-02 14:00:00 to 2026-03-02 16:00:00 UTC",
        "  missing: The source stopped answering.",
    ]
    assert repr(Incident(datetime(2026, 3, 2, 14, tzinfo=UTC), datetime(2026, 3, 2, 16, tzinfo=UTC), "w-1")) == (
        "Incident: workflow w-1, 2026-03-02 14:00:00 to 2026-03-02 16:00:00 UTC"
    )


@pytest.mark.parametrize("show", [lambda one: one._repr_html_(), repr])
def test_foreign_words_are_shown_as_they_read(show: Any) -> None:
    """An id or an error that a client chose is no element and no escape sequence."""
    loaded = Loaded(
        make_records(last_error=[HOSTILE], trace_id=[HOSTILE], payload_snapshot=['{"phone": "555-0199"}']),
        Coverage(rows=1, missing=(HOSTILE,)),
        HOSTILE,
    )

    shown = show(loaded)

    assert "\x1b" not in shown and "\u202e" not in shown
    assert "<img" not in shown or show is repr
    assert "555-0199" not in shown


def test_what_clients_sent_is_not_kept_by_looking_at_a_frame() -> None:
    """The first rows are shown, without payloads; how many there are, and what is not shown, is said."""
    count = 150
    loaded = Loaded(
        make_records(last_error=[f"error {n}" for n in range(count)], payload_snapshot=['{"a": "secret"}'] * count),
        Coverage(rows=count), "001/1",
    )  # fmt: skip

    shown = loaded._repr_html_()

    assert "The first 100 of 150 rows, without payload_snapshot, extra_json" in shown
    assert "error 99<" in shown and "error 100<" not in shown and "secret" not in shown
