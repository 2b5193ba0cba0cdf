"""The figure of the worker's counters."""

import pandas as pd
import pytest

from dlqkit.plots.signals import plot_signals
from dlqkit.plots.theme import alt_text, figure_png

TIME = "datetime64[us, UTC]"
START = pd.Timestamp("2026-03-02T10:00Z")
TIMES = ("onset_at", "onset_low_at", "onset_high_at", "end_at")


def make_samples(steps, *, metric="worker_dlq_total", workflow_id="wf-1", series_id=0, every_s=60, missing=()):
    """A counter that grows by each of the steps, scraped once a minute, without the scrapes that are missing."""
    values = [float(sum(steps[:index])) for index in range(len(steps) + 1)]
    rows = [
        (series_id, START + pd.Timedelta(seconds=every_s * index), value, metric, workflow_id)
        for index, value in enumerate(values)
        if index not in missing
    ]
    frame = pd.DataFrame(rows, columns=["series_id", "sampled_at", "value", "metric", "workflow_id"])
    return frame.astype({"series_id": "Int32", "sampled_at": TIME, "value": "Float64", "metric": "category"})


def make_incidents(*rows):
    """Incidents as find_incidents gives them; times as text."""
    columns = ["workflow_id", "signal", *TIMES, "resolution_s", "size"]
    frame = pd.DataFrame([{"workflow_id": "wf-1", "signal": "dead_letters", **row} for row in rows], columns=columns)
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype(TIME)
    return frame


def texts(axes):
    return [text.get_text() for text in axes.texts]


ONSET = {
    "onset_at": "2026-03-02T10:20:15Z",
    "onset_low_at": "2026-03-02T10:20:00Z",
    "onset_high_at": "2026-03-02T10:21:00Z",
}


def test_words_say_what_is_seen():
    """The alternative text has the workflow, the window, the rate before and after, and the onset."""
    axes = plot_signals(make_samples([3] * 20 + [41] * 10), make_incidents(ONSET), workflow_id="wf-1")

    assert alt_text(axes) == (
        "Dead letters per minute of workflow wf-1 from 10:00 to 10:30 UTC: usually 3 until 10:20, then usually 41 "
        "and up to 41 a minute. "
        "Onset 10:20:15, no end in the data."
    )
    assert "onset 10:20:15" in texts(axes)
    assert axes.get_title(loc="left") == "Up to 41 dead letters a minute since 10:20:15 UTC"
    assert "UTC" in axes.get_xlabel()
    figure_png(axes)


def test_bars_are_events_per_minute():
    """Bars of one minute are as high as the counter grew in it."""
    axes = plot_signals(make_samples([0, 2, 5, 0]), make_incidents())

    bars = next(patch for patch in axes.patches if hasattr(patch, "get_data"))
    assert list(bars.get_data().values) == pytest.approx([0, 2, 5, 0])
    figure_png(axes)


def test_a_restart_is_no_negative_rate():
    """A counter that begins anew counts from zero."""
    samples = make_samples([4, 4, 4])
    samples.loc[2, "value"], samples.loc[3, "value"] = 1.0, 3.0

    axes = plot_signals(samples, make_incidents())

    bars = next(patch for patch in axes.patches if hasattr(patch, "get_data"))
    assert list(bars.get_data().values) == pytest.approx([4, 1, 2])
    figure_png(axes)


def test_pauses_between_scrapes_are_hatched_not_bridged():
    """Where nothing was scraped the figure says so, and what the counter had grown by then."""
    axes = plot_signals(make_samples([1] * 30, missing=range(10, 20)), make_incidents())

    assert "no samples,\n+11 dead letters" in texts(axes)
    assert "No samples from 10:09 to 10:20." in alt_text(axes)
    assert any(patch.get_hatch() for patch in axes.patches)
    figure_png(axes)


def test_a_pause_too_short_for_words_is_told_by_the_legend():
    """Its hatching is but a dotted line; one with room for words needs no legend."""
    short = plot_signals(make_samples([1] * 240, missing=range(100, 103)), make_incidents())
    wide = plot_signals(make_samples([1] * 30, missing=range(10, 20)), make_incidents())

    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (short, wide)]
    assert ["no samples" in one for one in names] == [True, False]
    figure_png(short)
    figure_png(wide)


def test_what_came_before_is_compared_with_what_is_usual_since():
    """Six a minute, then one but for a minute with nine: the highest alone would tell of growth."""
    rates = [6] * 20 + [1] * 5 + [9] + [1] * 4
    axes = plot_signals(make_samples(rates), make_incidents(ONSET), workflow_id="wf-1")

    assert ": usually 6 until 10:20, then usually 1 and up to 9 a minute." in alt_text(axes)
    figure_png(axes)


def test_a_worker_that_is_scraped_no_more_leaves_a_gap_at_the_end():
    """Silence is not drawn as zero while other workflows still count."""
    gone = make_samples([1] * 10)
    other = make_samples([1] * 30, workflow_id="wf-2", series_id=1)

    axes = plot_signals(pd.concat([gone, other], ignore_index=True), make_incidents(), workflow_id="wf-1")

    assert "No samples from 10:10 to 10:30." in alt_text(axes)
    figure_png(axes)


def test_a_counter_born_in_the_incident_was_zero_before():
    """A labelled counter appears at its first dead letter; the minutes before it had none."""
    success = make_samples([5] * 30, metric="worker_success_total")
    late = make_samples([2] * 30, series_id=1).iloc[20:]

    axes = plot_signals(pd.concat([success, late], ignore_index=True), make_incidents(ONSET))

    assert "Dead letters per minute of all workflows from 10:00 to 10:30 UTC: usually 0 until 10:20" in alt_text(axes)
    figure_png(axes)


def test_the_three_counters_are_told_apart_without_colour():
    """Fill, line style and marker differ, not the colour alone."""
    names = ("worker_dlq_total", "worker_failure_total", "worker_success_total")
    parts = [make_samples([1] * 10, metric=name, series_id=index) for index, name in enumerate(names)]

    axes = plot_signals(pd.concat(parts, ignore_index=True), make_incidents())

    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert [line.get_label() for line in lines] == ["failures", "successes"]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 2
    figure_png(axes)


def test_a_counter_without_workflow_is_said_to_be_of_the_whole_worker():
    """A number of all workflows is never shown as one workflow's."""
    dead = make_samples([1] * 10)
    success = make_samples([9] * 10, metric="worker_success_total", workflow_id=pd.NA, series_id=1)

    axes = plot_signals(pd.concat([dead, success], ignore_index=True), make_incidents(), workflow_id="wf-1")

    assert "Successes (of the whole worker) per minute: 9 to 9." in alt_text(axes)
    figure_png(axes)


def test_onsets_of_other_workflows_are_left_out():
    """A figure of one workflow shows its own onset alone."""
    axes = plot_signals(make_samples([1] * 30), make_incidents({**ONSET, "workflow_id": "wf-2"}), workflow_id="wf-1")

    assert texts(axes) == []
    figure_png(axes)


def test_the_end_is_drawn():
    """An incident that is over shows when."""
    axes = plot_signals(
        make_samples([1] * 60), make_incidents({**ONSET, "end_at": "2026-03-02T10:50:00Z"}), workflow_id="wf-1"
    )

    assert "end 10:50" in texts(axes)
    assert "end 10:50." in alt_text(axes)
    figure_png(axes)


@pytest.mark.parametrize("workflow_id", [None, "wf-1", "$x^2\0" + "m" * 10_000])
def test_nothing_scraped_is_said(workflow_id):
    """No samples is an answer, not an error, and takes two lines, not a quarter of a page."""
    axes = plot_signals(make_samples([1]).iloc[:0], make_incidents(), workflow_id=workflow_id)

    assert "no samples" in alt_text(axes)
    assert "No samples" in texts(axes)
    assert axes.figure.get_size_inches()[1] <= 1.2
    figure_png(axes)


def test_one_sample_can_be_drawn():
    """A single scrape tells no rate and breaks nothing."""
    axes = plot_signals(make_samples([1]).iloc[:1], make_incidents(ONSET))

    assert alt_text(axes)
    assert figure_png(axes)


def test_hostile_workflow_ids_are_only_text():
    """An id of ten thousand signs, a NUL or a dollar is a short label."""
    hostile = "$\\frac{1}{0}$\0世" + "x" * 10_000
    axes = plot_signals(make_samples([1] * 5, workflow_id=hostile), make_incidents(), workflow_id=hostile)

    assert len(alt_text(axes)) < 300
    assert figure_png(axes)


def test_drawing_into_given_axes_keeps_the_figure():
    """An analyst can put the plot into a figure of their own."""
    import matplotlib.pyplot as plt

    figure, own = plt.subplots()

    assert plot_signals(make_samples([1] * 5), make_incidents(), ax=own) is own
    plt.close(figure)


@pytest.mark.parametrize(
    ("onset", "end", "more"),
    [
        ("10:30:00", "10:34:00", ()),
        ("10:01:00", "10:04:00", ()),
        ("10:56:00", "10:59:00", ()),
        ("10:29:59", "10:30:58", ("10:31:20", "10:33:00")),
        ("10:57:00", "10:59:00", ("10:50:00", "10:53:00")),
        ("10:02:00", "10:04:30", ("10:06:00", "10:08:00")),
    ],
)
def test_labels_of_moments_that_are_near_do_not_cross(onset, end, more):
    """No label lies on another, beside the axes, or on the line of another moment."""
    others = [{"signal": "failures", "onset_at": f"2026-03-02T{at}Z"} for at in more]
    first = {"onset_at": f"2026-03-02T{onset}Z", "end_at": f"2026-03-02T{end}Z"}

    axes = plot_signals(make_samples([1] * 60), make_incidents(first, *others))

    axes.figure.canvas.draw()
    labels = {text.xy[0]: text.get_window_extent() for text in axes.texts}
    boxes = list(labels.values())
    assert len(boxes) >= 2
    assert not any(one.overlaps(two) for index, one in enumerate(boxes) for two in boxes[index + 1 :])
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)
    for line in axes.lines:
        path = line.get_window_extent()
        assert not any(path.overlaps(box) for at, box in labels.items() if at != line.get_xdata()[0])
    figure_png(axes)


def test_a_silence_is_told_as_a_silence():
    """Title and words speak of the signal that is seen: events until then, none after."""
    success = make_samples([6] * 20 + [0] * 10, metric="worker_success_total")
    dead = make_samples([1] + [0] * 29, series_id=1)
    incident = {**ONSET, "signal": "silence", "onset_at": "2026-03-02T10:20:05Z"}

    axes = plot_signals(pd.concat([success, dead], ignore_index=True), make_incidents(incident))

    assert axes.get_title(loc="left") == "No events since 10:20:05 UTC"
    assert alt_text(axes) == (
        "No events since 10:20:05 UTC. Counters of all workflows from 10:00 to 10:30 UTC. "
        "Dead letters per minute: usually 0 until 10:20, then 0. Successes per minute: usually 6 until 10:20, then 0."
    )
    figure_png(axes)


@pytest.mark.parametrize(
    ("signal", "title"),
    [
        ("failures", "Failures outgrow successes from 10:20:15 to 10:25 UTC"),
        ("duration", "The action takes longer from 10:20:15 to 10:25 UTC"),
        ("support", "Clients report missing events from 10:20:15 to 10:25 UTC"),
    ],
)
def test_the_title_names_the_signal_that_is_seen(signal, title):
    """A figure of another signal is not titled by the dead letters."""
    incident = {**ONSET, "signal": signal, "end_at": "2026-03-02T10:25:00Z"}

    axes = plot_signals(make_samples([1] * 30), make_incidents(incident))

    assert axes.get_title(loc="left") == title
    assert alt_text(axes).startswith(title)
    figure_png(axes)


def test_a_single_dead_letter_is_counted_not_turned_into_a_rate():
    """One dead letter in hours is one in its bin, not a fifth of one a minute."""
    axes = plot_signals(make_samples([0] * 200 + [1] + [0] * 200), make_incidents())

    assert axes.get_title(loc="left") == "Up to 1 dead letter in 5 minutes"
    assert axes.get_ylabel() == "events per minute,\nmean of 5 min"
    figure_png(axes)
