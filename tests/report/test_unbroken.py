"""What is copied from the HTML, and what is read in one piece."""

from __future__ import annotations

import pytest

from dlqkit.report.unbroken import command_html, words_html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("then: dlqkit closure d --confirmed-by NAME", 'dlqkit closure d <span class="one">--confirmed-by</span> NAME'),
        ("took 54.2 s.", 'took <span class="one">54.2 s</span>.'),
        ("54,2 с; 1 203 мс", '<span class="one">54,2 с</span>;'),
        ("of 500 ms, all", 'of <span class="one">500 ms</span>, all'),
        ("a--b <i>--x</i>", "a--b &lt;i&gt;--x&lt;/i&gt;"),
        ("5 events", "5 events"),
        ("the newest of 2026-11-26 05:20", 'of <span class="one">2026-11-26</span> 05:20'),
        ("3 of 9 sat", "3 of 9 sat"),
        ("09:31 UTC", "09:31 UTC"),
    ],
)
def test_an_option_and_a_number_with_its_unit_stay_on_one_line(text: str, shown: str) -> None:
    """The rest of the sentence is escaped as ever, and a word that only looks like an option is left alone."""
    assert shown in words_html(text)


def test_a_command_is_pasted_as_it_was_written() -> None:
    """Only words that a browser would break are held together; nothing stands between the words but their blanks."""
    command = "dlqkit collect 'a b' --records export.jsonl --start 2026-03-02T12:00:00+00:00"

    shown = command_html(command)

    assert shown == (
        "dlqkit collect &#x27;a b&#x27; "
        '<span class="one">--records</span> export.jsonl <span class="one">--start</span> '
        '<span class="one">2026-03-02T12:00:00+00:00</span>'
    )
    assert command_html("dlqkit lab orders") == "dlqkit lab orders"
