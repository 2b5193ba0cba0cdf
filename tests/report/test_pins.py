"""What an analyst pins from a notebook into the post-mortem."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit import language
from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.frames import RECORDS, Coverage, Loaded, conform
from dlqkit.plots.theme import theme
from dlqkit.report.pinnable import LONGEST_CELL, MOST_ROWS
from dlqkit.report.pinned import pinned_blocks
from dlqkit.report.pins import describe_pins, pin, pinned_figures, unpin
from dlqkit.report.redaction import Redactor
from dlqkit.report.render import render_html, render_markdown
from dlqkit.report.render_pdf import render_pdf
from dlqkit.report.tables import Table
from tests.report.example import HOSTILE, make_facts


@dataclass(frozen=True)
class Folder:
    """What pinning asks of an incident folder."""

    path: Path
    snapshot: str = "001"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def facts_of(folder: Folder, **over: Any) -> dict[str, Any]:
    return make_facts(pinned=describe_pins(folder), **over)  # type: ignore[arg-type]


def axes() -> Any:
    import matplotlib.pyplot as plt

    with theme():
        _, ax = plt.subplots()
        ax.plot([1, 2])
    return ax


def test_a_table_an_observation_and_a_figure_reach_every_format(folder: Folder) -> None:
    """With their notes, by whom and of which snapshot; in both languages, byte-equal."""
    pin(folder, Table("Pools", ("pool", "in use"), (("orders_rw", "12 of 12"),)), "One pool was full", evidence="001/2")
    pin(folder, axes(), "Two points, rising")
    pin(folder, "Olga saw it, too", "Said on the phone")
    facts = facts_of(folder)
    figures = pinned_figures(folder.path, facts)

    for render in (render_html, render_markdown):
        text = render(facts, figures)
        for words in ("One pool was full", "001/2", "12 of 12", "Two points, rising", "Olga saw it, too"):
            assert words in text
        assert text == render(facts_of(folder), pinned_figures(folder.path, facts))
        with language.use("ru"):
            assert "Закреплено" in render({**facts, "language": "ru"}, figures)
    assert "(figures/pin-002.png)" in render_markdown(facts, figures)
    assert 'alt="Two points, rising"' in render_html(facts, figures)
    assert render_pdf(facts, figures) == render_pdf(facts, figures)
    made = json.loads((folder.path / "pins" / "001.json").read_text())
    assert (made["snapshot"], made["evidence"], made["columns"]) == ("001", "001/2", ["pool", "in use"])


def test_a_pin_is_taken_back_and_both_are_in_the_audit_log(folder: Folder) -> None:
    """A later pin does not take the number of one that others may have spoken of."""
    first, second = pin(folder, 1, "one"), pin(folder, 2, "two")

    unpin(folder, first.number)

    assert [(row["number"], row["text"]) for row in describe_pins(folder)["rows"]] == [(second.number, "2")]
    assert pin(folder, 3, "three").number == 3
    assert [line["action"] for line in audit_log.read(folder.path)] == ["pinned", "pinned", "unpinned", "pinned"]
    with pytest.raises(ParameterError, match="no pin 1"):
        unpin(folder, 1)


def test_what_clients_sent_is_left_out_and_masked(folder: Folder) -> None:
    """Payloads of a frame, their values in its errors, credentials anywhere."""
    frame = conform(
        pd.DataFrame({
            "trace_id": ["t1"], "last_error": ["no account of Ada Lovelace, token=abc123"],
            "payload_snapshot": ['{"customer": "Ada Lovelace"}'], "extra_json": ['{"x": "Ada"}'],
        }),
        RECORDS,
    )  # fmt: skip

    made = pin(folder, Loaded(frame, Coverage(rows=1), "001/1"), "see password=hunter2")
    pin(folder, pd.DataFrame({"payload.customer": ["Ada"], "n": [1]}), "of fields")

    written = "".join(path.read_text() for path in (folder.path / "pins").glob("*.json"))
    assert "Ada" not in written and "abc123" not in written and "hunter2" not in written
    assert made.values["evidence"] == "001/1"
    assert {"payload_snapshot", "extra_json"} <= set(made.values["left_out"])


def test_personal_data_are_replaced_in_what_leaves_the_folder(folder: Folder) -> None:
    """By their form anywhere, and by the name of a column."""
    pin(folder, pd.DataFrame({"phone": ["555 0199"], "about": ["called +49 30 56819210"]}), "of ann@example.com")

    facts = Redactor(b"k" * 32).facts(facts_of(folder))
    shown = json.dumps(facts["pinned"])

    assert not [words for words in ("ann@example.com", "555 0199", "56819210") if words in shown]
    assert shown.count("phone-") == 2


def test_hostile_words_stay_words(folder: Folder) -> None:
    """In a note, a column, a cell, a title and an observation."""
    pin(folder, Table(HOSTILE, (HOSTILE, "b"), ((HOSTILE, HOSTILE),)), HOSTILE, evidence=HOSTILE)
    pin(folder, HOSTILE, HOSTILE)
    facts = facts_of(folder)

    html, text = render_html(facts, []), render_markdown(facts, [])

    assert "<script" not in html and "\x1b" not in html + text
    assert " <script" not in text and "[x](javascript" not in text
    assert render_pdf(facts, []).startswith(b"%PDF")


def test_a_large_table_is_cut_and_says_so(folder: Folder) -> None:
    """The report stays small, whatever was pinned."""
    pin(folder, pd.DataFrame({f"c{n}": ["x" * 1000] * 1000 for n in range(20)}), "all")
    facts = facts_of(folder)

    table = pinned_blocks(facts)[1]

    assert isinstance(table, Table)
    assert (len(table.rows), len(table.columns), len(table.rows[0][0])) == (MOST_ROWS, 8, LONGEST_CELL)
    assert "the first 50 of 1,000 rows" in table.title and "c19" in table.title


def test_of_many_columns_those_that_tell_something_are_shown(folder: Folder) -> None:
    """Not the key that is made of other columns, nor what is the same in every row; errors are looked for."""
    count = 4
    records = conform(
        pd.DataFrame({
            "record_id": [f"r{n}" for n in range(count)], "event_key": [f"t{n}.w.0" for n in range(count)],
            "workflow_id": ["w"] * count, "trace_id": [f"t{n}" for n in range(count)], "status": ["FAILED"] * count,
            "recorded_at": pd.date_range("2026-03-02", periods=count, tz="UTC"), "queued_to_dlq": [True] * count,
            "attempts": [5, 5, 1, 5], "last_error": [f"refused {n}" for n in range(count)],
            "action_duration_ms": [1.0, 2.0, 3.0, 4.0], "error_code": ["08006", "08001", "08006", "08006"],
            "retryable": [True, True, False, True],
        }),
        RECORDS,
    )  # fmt: skip

    pin(folder, records, "the first four")

    table = pinned_blocks(facts_of(folder))[1]
    assert isinstance(table, Table)
    assert {*table.columns} >= {
        "trace_id", "recorded_at", "attempts", "last_error", "action_duration_ms", "error_code", "retryable"
    }  # fmt: skip
    assert {*table.columns}.isdisjoint({"record_id", "event_key"})
    assert "event_key" in table.title and len(table.columns) == 8


def test_a_frame_whose_columns_have_one_name_is_pinned_whole(folder: Folder) -> None:
    """What a join by hand leaves."""
    pin(folder, pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "twice")

    table = pinned_blocks(facts_of(folder))[1]
    assert isinstance(table, Table)
    assert (table.columns, table.rows) == (("a", "a"), (("1", "2"), ("3", "4")))


def test_a_table_of_an_english_notebook_has_a_russian_head_in_a_russian_report(folder: Folder) -> None:
    """Its cells stay as they were pinned, and so do the names of a frame's columns."""
    pin(
        folder,
        Table("Changed before the onset: candidates, not conclusions", ("when", "what"), (("now", "kind"),)),
        "x",
    )
    pin(folder, pd.DataFrame({"when": ["now"], "what": ["kind"]}), "y")

    with language.use("ru"):
        own, frame = (block for block in pinned_blocks(facts_of(folder)) if isinstance(block, Table))

    assert own.title == "Что менялось до начала: кандидаты, не выводы"
    assert own.columns == ("когда", "что") and own.rows == (("now", "kind"),)
    assert frame.columns == ("when", "what") and frame.rows == (("now", "kind"),)


def test_what_cannot_be_pinned_is_refused(folder: Folder) -> None:
    """An object that no report can show, and a pin that says nothing."""
    with pytest.raises(ParameterError, match="cannot be pinned"):
        pin(folder, object(), "what")
    with pytest.raises(ParameterError, match="no note"):
        pin(folder, 1, " ")
    assert not (folder.path / "pins").exists()


@pytest.mark.parametrize(
    "change",
    [{"rows": [["a", "b"]]}, {"kind": "html"}, {"at": "now"}, {"note": 1}, {"more": 1}, {"png_sha256": "../../x"},
     {"columns": [None]}, {"of_rows": "1"}],
)  # fmt: skip
def test_a_file_that_dlqkit_did_not_write_is_refused(folder: Folder, change: dict[str, Any]) -> None:
    """It may have come with the folder; a value of another kind would break the report."""
    pin(folder, Table("t", ("a",), (("1",),)), "note")
    path = folder.path / "pins" / "001.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(EvidenceError, match=r"pins/001\.json"):
        describe_pins(folder)


def test_a_figure_that_was_changed_since_is_not_shown(folder: Folder) -> None:
    """The report says that it is missing."""
    pin(folder, axes(), "Two points")
    facts = facts_of(folder)
    (png,) = (folder.path / "pins").glob("*.png")
    png.write_bytes(png.read_bytes() + b"x")

    assert pinned_figures(folder.path, facts) == []
    assert "“pin-001” was not drawn" in render_html(facts, [])
