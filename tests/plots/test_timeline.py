"""The figure of the incident in lanes."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from dlqkit.frames import Coverage
from dlqkit.plots.theme import alt_text, figure_png
from dlqkit.plots.timeline import plot_timeline

TIME = "datetime64[us, UTC]"
COLUMNS = ["at", "end_at", "lane", "kind", "text", "workflow_id", "count", "evidence"]


def make_timeline(*rows):
    """Rows (at, end_at, lane, text, count); times as text."""
    full = [
        (at, end_at, lane, "bin" if count else "moment", text, pd.NA, count, "")
        for at, end_at, lane, text, count in rows
    ]
    frame = pd.DataFrame(full, columns=COLUMNS).astype({"count": "Int64", "lane": "category"})
    for name in ("at", "end_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype(TIME)
    return frame


def make_coverage(completeness, got_start="10:30", rows=10):
    hour, minute = (int(part) for part in got_start.split(":"))
    return Coverage(
        asked_start=datetime(2026, 3, 2, 10, tzinfo=UTC),
        asked_end=datetime(2026, 3, 2, 12, tzinfo=UTC),
        got_start=datetime(2026, 3, 2, hour, minute, tzinfo=UTC),
        got_end=datetime(2026, 3, 2, 11, 30, tzinfo=UTC),
        rows=rows,
        completeness=completeness,
    )


def texts(axes):
    return [text.get_text() for text in axes.texts]


BINS = (
    ("2026-03-02T11:00Z", "2026-03-02T11:10Z", "dead letters", "", 20),
    ("2026-03-02T11:10Z", "2026-03-02T11:20Z", "dead letters", "", 50),
)
RESTART = ("2026-03-02T10:55Z", None, "changes", "worker-1 restarted", None)


def test_words_say_each_lane():
    """The alternative text has the window, each lane's total and peak, and each change."""
    axes = plot_timeline(make_timeline(*BINS, RESTART), coverage=make_coverage("complete"))

    assert alt_text(axes) == (
        "Timeline from 10:00 to 12:00 UTC. Changes: worker-1 restarted at 10:55. "
        "Dead letters: 70 from 11:00 to 11:20, at most 50 in 10 min."
    )
    assert axes.get_title(loc="left") == "70 dead letters, 1 change"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["changes", "dead letters\npeak 50 in 10 min"]
    figure_png(axes)


@pytest.mark.parametrize(
    ("own", "title", "words"),
    [
        (67, "70 dead letters, 67 of the incident, 1 change", "at most 50 in 10 min. Of the incident: 67."),
        (0, "70 dead letters, none of the incident, 1 change", "None of them is of the incident."),
        (70, "70 dead letters, 1 change", "at most 50 in 10 min."),
        (None, "70 dead letters, 1 change", "at most 50 in 10 min."),
    ],
)
def test_the_incident_s_own_dead_letters_are_told_from_those_that_the_window_holds_too(own, title, words):
    """The headline counts 67, and the lane three more of before it: both numbers stand in the title."""
    axes = plot_timeline(make_timeline(*BINS, RESTART), coverage=make_coverage("complete"), of_incident=own)

    assert axes.get_title(loc="left") == title
    assert alt_text(axes).endswith(words)


def test_a_list_that_was_cut_gives_at_least_so_many():
    """70 of a page that is as long as its limit: there may be more, in the title and in the words."""
    axes = plot_timeline(make_timeline(*BINS), coverage=make_coverage("unverified"), of_incident=60)

    assert axes.get_title(loc="left") == "≥ 70 dead letters, ≥ 60 of the incident"
    assert "Dead letters: ≥ 70 from 11:00 to 11:20, at most 50 in 10 min. Of the incident: ≥ 60." in alt_text(axes)


def test_bars_are_scaled_by_their_count():
    """The second bar is two and a half times as high as the first."""
    axes = plot_timeline(make_timeline(*BINS))

    heights = [patch.get_height() for patch in axes.patches]
    assert heights[1] / heights[0] == pytest.approx(2.5)
    figure_png(axes)


def test_a_few_dead_letters_are_counted_not_turned_into_a_rate():
    """One dead letter in a second is one, not sixty a minute."""
    axes = plot_timeline(make_timeline(("2026-03-02T11:00:00Z", "2026-03-02T11:00:01Z", "dead letters", "", 1)))

    assert axes.get_yticklabels()[0].get_text() == "dead letters\npeak 1 in 1 s"
    assert "at most 1 in 1 s." in alt_text(axes)
    figure_png(axes)


def test_long_changes_are_whole_in_words_and_shortened_in_the_middle_where_drawn():
    """Which version and which worker can be read in both."""
    text = "version 1.8.2 → 1.9.0 on worker-1:8000, worker-2:8000"
    longer = f"{text}, worker-3:8000, worker-4:8000"

    axes = plot_timeline(
        make_timeline(
            ("2026-03-02T10:40Z", None, "changes", text, None), ("2026-03-02T10:40Z", None, "notes", longer, None)
        ),
        coverage=make_coverage("complete"),
    )

    assert text in texts(axes)
    assert f"Changes: {text} at 10:40." in alt_text(axes)
    assert f"Notes: {longer} at 10:40." in alt_text(axes)
    short = next(one for one in texts(axes) if "…" in one)
    assert short.startswith("version 1.8.2 → 1.9.0 on worker-1")
    assert short.endswith("worker-4:8000")
    figure_png(axes)


@pytest.mark.parametrize("completeness", ["partial", "unverified"])
def test_what_the_records_do_not_cover_is_marked(completeness):
    """Before the oldest record that came, an empty lane means nothing."""
    axes = plot_timeline(make_timeline(*BINS), coverage=make_coverage(completeness))

    assert "not covered" in texts(axes)
    assert "Not covered (dead letters): 10:00 to 10:30." in alt_text(axes)
    figure_png(axes)


def test_a_complete_answer_covers_all_that_was_asked():
    """Where a whole answer has no record, nothing happened."""
    axes = plot_timeline(make_timeline(*BINS), coverage=make_coverage("complete"))

    assert "not covered" not in texts(axes)
    figure_png(axes)


def test_a_source_that_gave_nothing_covers_nothing():
    """Without any record the whole window is open."""
    axes = plot_timeline(make_timeline(RESTART), coverage=make_coverage("partial", rows=0))

    assert "Not covered (dead letters): 10:00 to 12:00." in alt_text(axes)
    figure_png(axes)


def test_each_lane_may_have_its_own_coverage():
    """Dead letters that are whole are not hatched because the other records were cut off."""
    success = ("2026-03-02T11:00Z", "2026-03-02T11:10Z", "successes", "", 20)
    covered = {"dead letters": make_coverage("complete"), "successes": make_coverage("unverified")}

    axes = plot_timeline(make_timeline(*BINS, success), coverage=covered)

    assert "Not covered (successes): 10:00 to 10:30." in alt_text(axes)
    assert texts(axes).count("not covered") == 1
    figure_png(axes)


def test_failures_without_a_record_are_not_said_not_to_be():
    """An API that holds each event once knows of none of the 438 attempts that the counter counted."""
    axes = plot_timeline(make_timeline(*BINS), coverage={"failures": make_coverage("complete")})

    assert "Failures: no record of one in this window." in alt_text(axes)
    assert "failures\nno records" in [label.get_text() for label in axes.get_yticklabels()]
    figure_png(axes)


@pytest.mark.parametrize(
    ("start", "end", "title"),
    [
        ("2026-03-02T11:05Z", "2026-03-02T11:15Z", "70 dead letters"),
        ("2026-03-02T11:05Z", None, "70 dead letters"),
        ("2026-03-02T11:12Z", None, "70 dead letters, some of them outside the incident"),
        ("2026-03-02T11:00Z", "2026-03-02T11:08Z", "70 dead letters, some of them outside the incident"),
        (None, None, "70 dead letters"),
    ],
)
def test_dead_letters_that_are_none_of_the_incidents_are_said_to_be_drawn(start, end, title):
    """The report counts 50 of the 70; the other 20 died before its onset, in the time that tells what is usual."""
    rows = make_timeline(*BINS, *([(start, end, "incident", "dead letters", None)] if start else []))
    rows.loc[rows["lane"] == "incident", "kind"] = "dead_letters"

    assert plot_timeline(rows, coverage=make_coverage("complete")).get_title(loc="left") == title


def test_no_dead_letters_is_a_lane():
    """That nothing was dead-lettered in the window is seen, not left out."""
    axes = plot_timeline(make_timeline(), coverage=make_coverage("complete"))

    assert alt_text(axes) == "Timeline from 10:00 to 12:00 UTC. Dead letters: none seen in this window."
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dead letters\nnone seen"]
    figure_png(axes)


def test_texts_of_neighbours_do_not_overlap():
    """Changes that follow each other closely are in rows of their own; alike ones are counted."""
    moments = [
        (f"2026-03-02T10:{minute}Z", None, "changes", f"worker-{minute} restarted", None) for minute in (40, 42, 44)
    ]
    twice = [("2026-03-02T11:30:00Z", None, "changes", "pod gone", None)] * 2

    axes = plot_timeline(make_timeline(*moments, *twice), coverage=make_coverage("complete"))

    figure = axes.get_figure()
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 4
    assert "pod gone ×2" in texts(axes)
    assert not any(one.overlaps(two) for index, one in enumerate(boxes) for two in boxes[index + 1 :])
    figure_png(axes)


def test_dead_letters_are_named_before_other_signals_and_workflows_by_their_whole_names():
    """Of three workflows with two signals each there is room for three texts: how their events die."""
    names = ("shipment-notification", "invoice-issue", "stock-reserve")
    rows = [("2026-03-02T11:00Z", "2026-03-02T11:30Z", "incident", f"failures {name[0]}", None) for name in names]
    rows += [("2026-03-02T11:05Z", "2026-03-02T11:30Z", "incident", "dead letters", None)] * 3
    frame = make_timeline(*rows)
    frame["workflow_id"] = [*names, *names]
    frame["kind"] = ["failures"] * 3 + ["dead_letters"] * 3

    axes = plot_timeline(frame, coverage=make_coverage("complete"))

    assert [text for text in texts(axes) if text] == [
        f"dead letters, {name}" for name in names
    ]  # fmt: skip
    assert axes.get_yticklabels()[0].get_text() == "incident\n3 more, no label"
    figure_png(axes)


def test_more_moments_than_there_is_room_for_are_counted():
    """A hundred changes in a minute keep their marks, and the lane says how many have no name."""
    rows = [(f"2026-03-02T10:40:{second:02d}Z", None, "changes", f"change {second}", None) for second in range(60)]

    axes = plot_timeline(make_timeline(*rows), coverage=make_coverage("complete"))

    label = axes.get_yticklabels()[0].get_text()
    assert label == f"changes\n{60 - len(axes.texts)} more, no label"
    figure_png(axes)


def test_an_incident_without_an_end_goes_on():
    """Its bar reaches the end of the window."""
    axes = plot_timeline(
        make_timeline(("2026-03-02T11:00Z", None, "incident", "dead letters", None)), coverage=make_coverage("complete")
    )

    bar = axes.patches[0]
    assert bar.get_x() + bar.get_width() == pytest.approx(axes.get_xlim()[1])
    figure_png(axes)


def test_one_wrong_clock_does_not_squeeze_the_rest():
    """A row of another year is left out, and that is said."""
    odd = ("1970-01-01T00:00Z", None, "notes", "odd", None)

    axes = plot_timeline(make_timeline(odd, *BINS), coverage=make_coverage("complete"))

    assert "1 row outside this window is not drawn." in alt_text(axes)
    assert alt_text(axes).startswith("Timeline from 10:00 to 12:00 UTC.")
    figure_png(axes)


def test_nothing_is_said():
    """An empty timeline is an answer, not an error."""
    axes = plot_timeline(make_timeline())

    assert alt_text(axes) == "Timeline: nothing is known."
    figure_png(axes)


def test_hostile_text_is_only_text():
    """A note with a dollar, a NUL or ten thousand signs is a short label."""
    rows = [("2026-03-02T10:40Z", None, lane, "$\\frac$\0世" + "x" * 10_000, None) for lane in ("notes", "$lane_1$")]

    axes = plot_timeline(make_timeline(*rows))

    assert all(len(text) < 60 for text in texts(axes))
    assert figure_png(axes)
