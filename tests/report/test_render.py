from __future__ import annotations

import copy
import re

from dlqkit.report.render import Figure, render_html, render_markdown
from tests.report.example import HOSTILE, make_facts

PNG = b"\x89PNG\r\n\x1a\n"


def test_first_lines_of_markdown_answer_every_question() -> None:
    """Workflow, state, onset, count, class, signature, change and next step stand in the first lines."""
    text = "\n".join(render_markdown(make_facts(), []).splitlines()[:60])

    for words in (
        "orders-sync",
        "GOING ON",
        "2026-03-02 14:02:05 UTC",
        "**Events affected**: 12",
        "infrastructure error",
        "connection refused by",
        "worker-1 restarted",
        "Find what refuses connections",
    ):
        assert words in text


def test_count_from_a_cut_source_is_at_least() -> None:
    """A count from a source that was cut is never shown as exact."""
    events = {
        "affected": {"value": 100, "bound": "at_least"},
        "open": {"value": 100, "bound": "at_least"},
        "healed": {"value": 0, "bound": "at_least"},
        "evidence": "E1",
    }

    assert "≥ 100 events dead-lettered" in render_html(make_facts(events=events), [])


def test_what_the_counter_counted_is_said_where_the_records_are_cut() -> None:
    """Of 12 seen and 300 counted neither the number nor the class is said of all; of 12 and 12 nothing is added."""
    facts = make_facts()
    whole = render_markdown(facts, [])
    facts["events"]["affected"]["bound"] = "at_least"
    facts["metrics"]["dead_letters_increase"] = 300.0
    cut = render_markdown(facts, [])

    assert "the counter grew by 300" in cut
    assert ", of the 12 seen" in cut
    assert "the counter grew by" not in whole
    assert "seen" not in next(line for line in whole.splitlines() if "**Class**" in line)


def test_hostile_error_text_is_text_in_html_and_markdown() -> None:
    """An error message that is HTML, a table cell and an escape sequence changes neither report."""
    facts = make_facts()
    facts["signatures"][0] = copy.deepcopy(facts["signatures"][0]) | {"signature": HOSTILE}

    page, text = render_html(facts, []), render_markdown(facts, [])

    assert "<script" not in page
    assert "\x1b" not in page + text
    assert "\\<script\\>" in text
    rows = [line for line in text.splitlines() if line.startswith("| 100%")]
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 10


def test_page_asks_nothing_of_a_network_and_runs_nothing() -> None:
    """No script, no outside reference, and a policy that forbids both."""
    page = render_html(make_facts(), [Figure("signals", PNG, "Dead letters jump")])

    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"<script|<link|<iframe|\son[a-z]+=|https?://(?!127)", page)
    assert 'alt="Dead letters jump"' in page


def test_missing_figure_is_said_to_be_missing() -> None:
    """A kernel that died leaves a report that says what it lacks."""
    page = render_html(make_facts(), [], problems=["3 of 9 cells did not run."])

    assert "This report is not whole: 3 of 9 cells did not run." in page
    assert "The figure “signals” was not drawn." in page


def test_judgement_that_is_missing_is_asked_for_and_a_given_one_is_shown() -> None:
    """A box asks for what a person must add; once added it is text, and the draft stamp goes."""
    asked = render_html(make_facts(), [])
    given = make_facts(contributing_factors=["Said."], lessons={"well": ["Said."]}, follow_ups=[])
    given["judgement"] = dict.fromkeys(given["judgement"], "Said.")
    given["review"] |= {"state": "reviewed", "lacks": [], "reviewed": {
        "by": "Olga", "at": "2026-03-02T17:00:00+00:00", "snapshot": "001", "mark": ""}}  # fmt: skip

    assert asked.count('class="judgement"') == 8
    assert "Draft" in asked
    assert 'class="judgement"' not in render_html(given, [])
    assert '<span class="state">Reviewed by Olga, 2026-03-02 17:00 UTC, over snapshot 001</span>' in render_html(
        given, []
    )


def test_equal_facts_give_equal_bytes() -> None:
    """The same facts and figures make the same report, byte for byte."""
    figures = [Figure("signals", PNG, "Dead letters jump")]

    assert render_html(make_facts(), figures) == render_html(make_facts(), figures)
    assert render_markdown(make_facts(), figures) == render_markdown(make_facts(), figures)


def test_commands_are_code_in_html_and_markdown() -> None:
    """What is to be pasted stands apart from what is to be read."""
    assert "<code>dlqkit lab orders</code>" in render_html(make_facts(), [])
    assert "| `dlqkit lab orders` |" in render_markdown(make_facts(), [])


def test_every_cell_names_its_column_and_times_are_not_broken() -> None:
    """A row can be read as a card, where a phone has no room for columns."""
    page = render_html(make_facts(), [])

    assert page.count("<td") == page.count("data-label=")
    assert '<td role="cell" class="when" data-label="when">2026-03-02 13:55:00 UTC</td>' in page
    assert 'class="span" data-label="window asked">2026-03-02 12:00 UTC to 2026-03-02 16:00 UTC</td>' in page
