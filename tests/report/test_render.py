from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest

from dlqkit.report.amounts import count_text
from dlqkit.report.diagnosis_tables import show_impact_counts
from dlqkit.report.figure import Figure
from dlqkit.report.milestones import show_milestones
from dlqkit.report.render import banners, meta_text, render_html, render_markdown
from dlqkit.report.tables import show_changes, show_coverage, show_impact, show_rules, show_signals
from dlqkit.report.wording import headline, summary
from tests.report.example import HOSTILE, make_facts

PNG = b"\x89PNG\r\n\x1a\n"


def test_first_lines_of_markdown_answer_every_question() -> None:
    """Workflow, state, onset, count, class, signature, change and next step stand in the first lines."""
    text = "\n".join(render_markdown(make_facts(), []).splitlines()[:60])

    for words in (
        "orders-sync",
        "Going on",
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


def test_what_is_missing_of_two_sources_for_one_reason_is_said_once() -> None:
    """Dead letters and all records of the workflow come from one API, and it shows no way to go on."""
    facts = make_facts()
    why = "The API gave 100 records and shows no way to go on, so there may be more."
    facts["coverage"] = [
        facts["coverage"][0] | {"kind": kind, "evidence_id": name, "completeness": "unverified", "missing": [why]}
        for kind, name in (("records: dead letters", "001/1"), ("records: workflow", "001/3"))
    ]

    lines = {line.label: line.text for line in summary(facts)}

    assert lines["Not whole"] == f"records of dead letters and records of the workflow may be cut: {why}"
    assert banners(facts, []) == [
        "May be cut, so that counts from them are “at least”: "
        f"records of dead letters [001/1] and records of the workflow [001/3]. {why}"
    ]


def test_a_field_that_is_gone_is_not_hidden_behind_the_one_that_came_for_it() -> None:
    """A restart, a version, and in the payloads, seen first 4.6 s after the onset, one field for another."""
    facts = make_facts()
    known = facts["changes"]["rows"][0]
    late = {"at": "2026-03-02T14:02:09+00:00", "kind": "payload", "before_s": -4.6}
    facts["changes"]["rows"] = [
        known,
        known | {"kind": "version", "what": "version 1.8.2 → 1.9.0"},
        known | late | {"what": "new field customerId"},
        known | late | {"what": "field customer_id is gone"},
    ]

    (text,) = [line.text for line in summary(facts) if line.label == "Changed before"]

    assert text == (
        "13:55:00 UTC version 1.8.2 → 1.9.0; 13:55:00 UTC worker-1 restarted; "
        "14:02:09 UTC new field customerId (seen first just after the onset); "
        "14:02:09 UTC field customer_id is gone (seen first just after the onset)"
    )


def test_of_changes_that_have_no_room_the_kinds_are_said() -> None:
    """A version and a note are shown; two restarts and a line of the log are not."""
    facts = make_facts()
    known = facts["changes"]["rows"][0]
    facts["changes"]["rows"] = [
        known | {"kind": kind, "what": what}
        for kind, what in (("restart", "restart of a"), ("restart", "restart of b"), ("log", "rollout begins"),
                           ("version", "version 1 → 2"), ("note", "deploy"))
    ]  # fmt: skip

    (text,) = [line.text for line in summary(facts) if line.label == "Changed before"]

    assert text == "13:55:00 UTC deploy; 13:55:00 UTC version 1 → 2; and 3 more (restart and log)"


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_what_the_first_screen_says_no_section_and_no_banner_says_again(render: Callable[..., str]) -> None:
    """What is not whole stands in the banner, the window under Scope, the counts on top."""
    facts = make_facts()
    facts["coverage"][0] |= {"completeness": "unverified", "missing": ["The API shows no way to go on."]}

    text = render(facts, [])
    first, _, rest = text.partition("Scope")

    # Once in the banner, and in the table of sources, which tells of each.
    assert first.count("The API shows no way to go on.") == 1
    assert rest.count("The API shows no way to go on.") == 1
    assert "Not whole" not in text
    assert ("2026-03-02 16:00 UTC" in first, "2026-03-02 16:00 UTC" in rest) == (False, True)
    assert "Events affected" in first
    assert not [label for label in ("Events affected", "Still open", "Healed") if label in rest]


def test_a_rough_onset_is_rounded_in_the_title_and_not_cut() -> None:
    """14:02:59 known to five minutes is about 14:03; 14:02:29 is about 14:02."""
    facts = make_facts()
    for at, shown in (("2026-03-02T14:02:59+00:00", "14:03"), ("2026-03-02T14:02:29+00:00", "14:02")):
        facts["onset"] |= {"at": at, "low": "2026-03-02T13:58:00+00:00", "high": "2026-03-02T14:03:00+00:00"}

        assert headline(facts).endswith(f"since about 2026-03-02 {shown} UTC")


@pytest.mark.parametrize(
    ("completeness", "words"),
    [("complete", "evidence complete"), ("partial", "evidence not whole"), ("unverified", "not known to be whole")],
)
def test_the_line_below_the_first_screen_says_whether_the_evidence_is_whole(completeness: str, words: str) -> None:
    facts = make_facts()
    facts["snapshot"]["completeness"] = completeness

    assert words in meta_text(facts)


def test_what_is_found_of_each_subscription_is_said_once() -> None:
    """Of three subscriptions two differ in their numbers alone; the third found something else."""
    facts = make_facts()
    told = "trace_id is read from attributes.trace_id of {} messages. Pub/Sub has no end mark: 3 requests came back."
    facts["coverage"] = [
        facts["coverage"][0] | {"evidence_id": f"001/{number}", "kind": "dead-letter subscription", "findings": [text]}
        for number, text in ((7, told.format(6)), (8, told.format(1_204)), (9, f"{told.format(2)} One was no JSON."))
    ]

    cells = [row[-1] for row in show_coverage(facts).rows]

    assert cells == [told.format(6), "As 001/7, with numbers of its own.", f"{told.format(2)} One was no JSON."]


def test_a_short_report_has_no_scope_and_says_its_window_on_top() -> None:
    facts = make_facts()
    facts["state"] |= {"value": "nothing", "kind": None}

    page = render_html(facts, [])

    assert "Window 2026-03-02 12:00 UTC to 2026-03-02 16:00 UTC; snapshot 001" in page


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_foot_says_of_what_the_paragraphs_are(render: Callable[..., str]) -> None:
    """Advice names §4, §5 and §7; whoever was only sent the report has to know of what document."""
    assert "§1 to §7 are the steps of the runbook." in render(make_facts(), [])[-300:]


def test_a_silence_is_no_matter_of_logs_alone() -> None:
    """Its evidence is often the counters, while the worker's logs were never given."""
    facts = make_facts()
    facts["signals"][0] |= {"signal": "silence", "evidence": "No sign of life in the counters."}

    assert show_signals(facts).rows[0][0] == "no sign of work"


def test_at_least_none_is_told_as_none_of_those_seen() -> None:
    """“≥ 0” would say nothing; of a count above it the bound does."""
    assert [count_text({"value": value, "bound": "at_least"}) for value in (0, 1)] == ["0 of those seen", "≥ 1"]


def test_the_table_of_changes_says_so_where_one_was_seen_after_the_onset() -> None:
    """A scrape of 4.6 s after the onset may be the first that shows what happened before it: nobody saw it before."""
    facts = make_facts()
    title = show_changes(facts).title
    facts["changes"]["rows"] = [*facts["changes"]["rows"], {**facts["changes"]["rows"][0], "before_s": -4.6}]
    late = show_changes(facts)

    assert title == "Changed before the onset: candidates, not conclusions"
    assert late.title == "Changed before the onset, or seen first just after it: candidates, not conclusions"
    assert [row[1] for row in late.rows] == ["7 min", "seen first just after it"]


def test_sources_that_begin_before_the_window_are_said_to() -> None:
    """Four hours were asked about, and eight read: else 2 dead letters stand beside a chart of 4."""
    facts = make_facts()
    facts["incident"]["window"] |= {"start": "2026-03-02T12:00:00+00:00", "end": "2026-03-02T16:00:00+00:00"}
    whatever_there_is = facts["coverage"][0] | {"asked_start": None}
    facts["coverage"] = [facts["coverage"][0] | {"asked_start": "2026-03-02T08:00:00+00:00"}, whatever_there_is]

    for window in (True, False):
        told = meta_text(facts, window=window)
        assert told.endswith("Charts and sources begin at 2026-03-02 08:00 UTC, for what is usual.")
    for row in facts["coverage"]:
        row["asked_start"] = "2026-03-02T12:00:00+00:00"
    assert meta_text(facts).endswith("All times UTC.")
    assert "begin" not in meta_text(facts, window=False)


def test_two_reasons_are_parted_by_one_sign() -> None:
    facts = make_facts()
    facts["coverage"] = [
        facts["coverage"][0] | {"kind": kind, "completeness": "partial", "missing": [why]}
        for kind, why in (("records", "It broke off."), ("worker logs", "No file."))
    ]

    (text,) = [line.text for line in summary(facts) if line.label == "Not whole"]

    assert text == "records not whole: It broke off; worker logs not whole: No file."


def test_one_event_of_another_class_is_not_hidden_by_the_class_of_the_others() -> None:
    """Sixty-seven infrastructure errors and a business error: sixty-seven may be sent again, and not sixty-eight."""
    facts = make_facts()
    facts["class"]["counts"] = {"business": 1, "infrastructure": 67, "timeout": 0, "unknown": 0}
    one = facts["causes"][0]
    facts["causes"] = [
        one | {"events": 67, "open": 67},
        one | {"failure_class": "business", "events": 1, "open": 1, "traces": ["t9"], "state": "ended",
               "last_at": "2026-03-02T15:00:00+00:00"},
    ]  # fmt: skip

    (text,) = [line.text for line in summary(facts) if line.label == "Class"]

    assert text == (
        "infrastructure error (retries used up): 67, going on; besides, business: 1, none since 15:00:00 UTC, trace t9"
    )


@pytest.mark.parametrize(
    ("kind", "what", "dead", "size", "events", "told"),
    [
        ("silence", "events", 0.0, 890.2,
         "Dead letters by the counter: 0. Events that were to come and are not seen: about 890.",
         "no dead letters, so no class"),
        ("silence", "scrapes", None, 40.0, "It is not known whether events were dead-lettered.",
         "not known: no dead-letter counter is seen"),
        ("failures", None, 2.0, 1340.0, "Dead letters by the counter: 2. Failed attempts: 1,340.",
         "no more dead letters than usual, so no class"),
        ("support", None, 0.0, 3.0, "Dead letters by the counter: 0. Reports from outside: 3.",
         "no dead letters, so no class"),
        ("duration", None, 0.0, 675.9, "Dead letters by the counter: 0.",
         "no dead letters, so no class"),
    ],
)  # fmt: skip
def test_count_and_class_stand_on_the_first_screen_of_every_incident(
    kind: str, what: str | None, dead: float | None, size: float, events: str, told: str
) -> None:
    """Also where no event is dead-lettered: the reader looks for both, and finds why there is none."""
    facts = make_facts()
    facts["state"] |= {"kind": kind, "what": what}
    facts["signals"] = [facts["signals"][0] | {"signal": kind, "onset_at": facts["onset"]["at"], "size": size}]
    facts["metrics"]["dead_letters_increase"] = dead

    lines = {line.label: (line.text, line.kind) for line in summary(facts)}

    is_known = "computed" if dead is not None else "unknown"
    assert (lines["Events affected"], lines["Class"]) == ((events, is_known), (told, is_known))


def test_milestones_that_no_event_has_are_not_called_unknown() -> None:
    """A silent worker has no first dead letter; when people knew of it is still to be written."""
    facts = make_facts()
    facts["state"] |= {"kind": "silence", "what": "events"}
    names = ("first_failure", "first_dead_letter", "alert", "known", "fix", "last_dead_letter", "drained")
    facts["milestones"]["rows"] = [
        {"milestone": name, "low": None, "high": None, "evidence": "", "who": None} for name in names
    ]

    assert [row[0] for row in show_milestones(facts).rows] == ["Alert", "People know", "Fix"]


def test_durations_that_add_up_all_attempts_are_not_held_against_the_timeout_of_one() -> None:
    """Five attempts of 60 s each: 300 s of 300 s, where the timeout of one attempt is 60 s."""
    facts = make_facts()
    facts["class"]["timeout_ms"] = {"value": 60_000.0, "basis": "as set"}
    rule = {"rule": "ran_into_timeout", "events": 3, "failure_class": "timeout", "reason": "it ran into the timeout",
            "retryable": "True", "attempts": [5, 5], "max_attempts": 5, "action_duration_ms": [300_010.0, 300_400.0],
            "timeout_ms": 300_000.0, "text_says": None, "texts": [], "counter_evidence": None,
            "counter_events": 0}  # fmt: skip
    facts["class"]["rules"] = [rule, rule | {"timeout_ms": 60_000.0, "action_duration_ms": [60_010.0, 60_020.0]}]

    summed, single = (row[5] for row in show_rules(facts).rows)

    assert summed == "300,010 to 300,400 ms of 300,000 ms, all attempts together"
    assert single == "60,010 to 60,020 ms of 60,000 ms"


def test_each_text_that_a_class_rests_on_is_said_with_its_own_number_of_events() -> None:
    """23 say 08006, 15 that there is no route, 2 nothing that tells; no number of one stands beside all forty."""
    facts = make_facts()
    texts = [{"words": "08006", "events": 23}, {"words": "ehostunreach", "events": 15}, {"words": None, "events": 2}]
    rule = {"rule": "attempts_used_up", "events": 40, "failure_class": "infrastructure", "reason": "attempts used up",
            "retryable": "True", "attempts": [5, 5], "max_attempts": 5, "action_duration_ms": None, "timeout_ms": None,
            "text_says": "08006", "texts": texts, "counter_evidence": "the text says business", "counter_events": 3,
            }  # fmt: skip
    many = [{"words": f"code {number}", "events": 9 - number} for number in range(8)]
    alone = rule | {"texts": [{"words": "08006", "events": 40}], "counter_evidence": None, "counter_events": 0}
    facts["class"]["rules"] = [rule, alone, alone | {"texts": many}, rule | {"counter_events": 40}]

    cells = [row[6:] for row in show_rules(facts).rows]

    assert cells == [
        ("08006 (23), ehostunreach (15), nothing that tells (2)", "of 3 of 40: the text says business"),
        ("08006", "nothing"),
        ("code 0 (9), code 1 (8), code 2 (7), code 3 (6), code 4 (5), 3 others (9)", "nothing"),
        ("08006 (23), ehostunreach (15), nothing that tells (2)", "the text says business"),
    ]


def test_the_notebook_tells_of_a_silence_what_the_first_screen_tells() -> None:
    """No event is counted as affected, open or healed, and none of the three is called unknown."""
    facts = make_facts()
    facts["state"] |= {"kind": "silence", "what": "events"}
    facts["metrics"]["dead_letters_increase"] = 0.0
    facts["impact"]["counts"] = []

    assert [f"{line.label}: {line.text}" for line in show_impact(facts).lines] == [
        "Events affected: Dead letters by the counter: 0.",
        "Class: no dead letters, so no class",
        "Lasted: 117 min",
    ]
    assert show_impact_counts(facts).to_text() == "Counts by source: no dead letters in the incident"


def test_a_time_stands_on_one_line_where_there_is_room_for_it() -> None:
    """Of three columns each is wide enough; of nine the date stands above the time."""
    page = render_html(make_facts(), [])

    assert ".few td.when{white-space:nowrap}" in page
    assert '<table role="table" class="few"><caption>What happened, in order</caption>' in page
    assert '<table role="table"><caption>Signals</caption>' in page


def test_a_sentence_in_a_table_has_the_width_of_one() -> None:
    """The evidence of a signal is a sentence in the last of seven columns, and says how sure it is."""
    facts = make_facts()
    sentence = "The counter grew by 12 where its usual share of the events makes 0.2."
    facts["signals"][0] |= {"evidence": sentence, "confidence": 0.98}

    page = render_html(facts, [])

    assert f'<td role="cell" class="prose" data-label="evidence">{sentence} Confidence: 0.98.</td>' in page
