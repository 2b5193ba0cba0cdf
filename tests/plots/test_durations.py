"""The figure of the durations."""

import pandas as pd
import pytest

from dlqkit.plots.durations import plot_durations
from dlqkit.plots.theme import alt_text, figure_png

COLUMNS = ["low_ms", "high_ms", "outcome", "records", "censored"]
DTYPES = {"low_ms": "Float64", "high_ms": "Float64", "outcome": "category", "records": "Int64", "censored": "boolean"}


def make_histogram(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(DTYPES)


HISTOGRAM = make_histogram(
    (100.0, 125.0, "succeeded", 60, False),
    (100.0, 125.0, "failed", 5, False),
    (125.0, 158.0, "succeeded", 30, False),
    (30_000.0, 30_600.0, "dead", 7, True),
)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_what_the_timeout_cut_is_a_bar_of_its_own():
    """It is named, and not filled like durations that are known."""
    axes = plot_durations(HISTOGRAM, timeout_ms=30_000)

    assert texts(axes) == ["7 cut by the timeout", "timeout 30 s"]
    assert "cut by the timeout" in legend(axes)
    cut = next(patch for patch in axes.patches if patch.get_x() == 30_000 and patch.get_height())
    assert cut.get_hatch() and cut.get_facecolor()[:3] == (1.0, 1.0, 1.0)
    assert axes.get_title(loc="left") == "7 of 102 records were cut by the timeout of 30 s"
    figure_png(axes)


def test_words_say_what_is_seen():
    """The alternative text has the range, the outcomes, and what the timeout cut."""
    axes = plot_durations(HISTOGRAM, timeout_ms=30_000)

    assert alt_text(axes) == (
        "Durations of 102 records, in bins from 100 ms to 30 s; the middle half is in those from 100 ms to 158 ms. "
        "7 dead letters, 5 failed attempts, 90 successes. Timeout 30 s; 7 records were cut by it."
    )
    figure_png(axes)


def test_a_bar_of_what_was_cut_ends_at_the_timeout_in_words():
    """Six took 38 to 60 s and 178 were cut at 60 s: no action is said to have taken 75 s."""
    histogram = make_histogram(
        (37_900.0, 47_700.0, "succeeded", 1, False),
        (47_700.0, 60_000.0, "succeeded", 5, False),
        (60_000.0, 61_200.0, "dead", 100, True),
        (60_000.0, 61_200.0, "failed", 78, True),
    )

    assert alt_text(plot_durations(histogram, timeout_ms=60_000)) == (
        "Durations of 184 records, in bins from 37.9 s to 60 s. 100 dead letters, 78 failed attempts, 6 successes. "
        "Timeout 60 s; 178 records were cut by it."
    )


def test_outcomes_are_stacked():
    """The parts of a bar stand on each other, and together are all its records."""
    axes = plot_durations(HISTOGRAM)

    parts = [patch for patch in axes.patches if patch.get_x() == 100 and patch.get_height()]
    assert sorted((patch.get_y(), patch.get_height()) for patch in parts) == [(0, 5), (5, 60)]
    figure_png(axes)


def test_outcomes_are_told_apart_without_colour():
    """Each outcome has its own hatch."""
    axes = plot_durations(make_histogram(*[(100.0, 125.0, name, 5, False) for name in ("dead", "failed", "succeeded")]))

    assert len({patch.get_hatch() for patch in axes.patches}) == 3
    assert legend(axes) == ["dead letters", "failed attempts", "successes"]
    figure_png(axes)


def test_a_timeout_that_cut_nothing_is_drawn():
    """The line stands where the timeout is, beyond the last bar."""
    axes = plot_durations(HISTOGRAM.iloc[:3], timeout_ms=600_000)

    assert texts(axes) == ["timeout 10 min"]
    assert "Timeout 10 min; no record was cut by it." in alt_text(axes)
    assert axes.get_xlim()[1] > 600_000
    figure_png(axes)


def test_the_axis_speaks_in_human_units():
    """Nobody counts the zeros of milliseconds."""
    axes = plot_durations(
        make_histogram((10.0, 12.5, "succeeded", 3, False), (500_000.0, 630_000.0, "failed", 3, False))
    )

    axes.get_figure().canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "10 ms", "100 ms", "1 s", "10 s", "30 s", "60 s", "10 min",
    ]  # fmt: skip
    figure_png(axes)


def test_a_rare_failure_is_seen_beside_many_successes():
    """Where failures would vanish, the axis is logarithmic and says so."""
    axes = plot_durations(make_histogram((100.0, 125.0, "succeeded", 100_000, False), (200.0, 250.0, "dead", 3, False)))

    assert axes.get_ylabel() == "records, logarithmic scale"
    figure_png(axes)


@pytest.mark.parametrize("timeout_ms", [None, 30_000])
def test_no_durations_is_said(timeout_ms):
    """An empty histogram is an answer, not an error."""
    axes = plot_durations(HISTOGRAM.iloc[:0], timeout_ms=timeout_ms)

    assert alt_text(axes) == "How long the action took: no durations."
    figure_png(axes)


def test_open_and_unknown_bins_can_be_drawn():
    """A last bin without an end has the width of the others; records without a duration are no bar."""
    axes = plot_durations(make_histogram((100.0, float("inf"), "failed", 3, False), (None, None, "failed", 9, False)))

    assert alt_text(axes).startswith("Durations of 3 records, in bins from 100 ms to 126 ms;")
    figure_png(axes)


def make_buckets(*rows):
    dtypes = {"low_ms": "Float64", "high_ms": "Float64", "actions": "Float64", "source": "str"}
    return pd.DataFrame([(*row, "classic") for row in rows], columns=["low_ms", "high_ms", "actions", "source"]).astype(
        dtypes
    )


def test_the_metrics_histogram_lies_over_the_exact_durations():
    """One decade of 200 attempts is 20 in each tenth of it, the width of a bar."""
    axes = plot_durations(HISTOGRAM, timeout_ms=30_000, buckets=make_buckets((100.0, 1000.0, 200.0)))

    outline = next(patch for patch in axes.patches if patch.get_linestyle() == "--" and patch.get_width() == 900)
    assert outline.get_height() == pytest.approx(20)
    assert outline.get_facecolor()[3] == 0
    assert "attempts, by the metrics" in legend(axes)
    assert axes.get_ylabel() == "records or attempts"
    assert "counted 200 attempts, most of them (200) from 100 ms to 1 s." in alt_text(axes)
    figure_png(axes)


def test_a_bucket_without_an_end_is_hatched():
    """Nobody knows how long what took more than 10 s did take."""
    axes = plot_durations(HISTOGRAM, buckets=make_buckets((0.0, 50.0, 4.0), (10_000.0, None, 7.0)))

    hatched = [patch for patch in axes.patches if patch.get_hatch() == "OO"]
    assert [round(patch.get_x()) for patch in hatched] == [25, 10_000]
    assert "11 are in buckets that are open at one end." in alt_text(axes)
    assert "bucket that is open at one end" in legend(axes)
    figure_png(axes)


def test_the_metrics_alone_can_be_drawn():
    """Records without a duration leave the worker's histogram."""
    axes = plot_durations(HISTOGRAM.iloc[:0], buckets=make_buckets((100.0, 200.0, 3.0), (0.0, None, 2.0)))

    assert axes.get_title(loc="left") == "5 attempts, as the worker's own histogram counted them"
    assert axes.get_ylabel() == "attempts"
    figure_png(axes)


def test_a_histogram_of_one_open_bucket_can_be_drawn():
    axes = plot_durations(HISTOGRAM.iloc[:0], buckets=make_buckets((0.0, None, 2.0)))

    assert alt_text(axes).endswith("2 attempts; 2 are in buckets that are open at one end.")
    figure_png(axes)


def test_the_fullest_bucket_with_two_ends_is_not_called_most_of_all():
    """39 attempts took 30 to 60 s, and 573 longer than the last bound."""
    buckets = make_buckets((30_000.0, 60_000.0, 39.0), (60_000.0, None, 573.0))

    text = alt_text(plot_durations(HISTOGRAM, buckets=buckets))

    assert "most of them" not in text
    assert text.endswith(
        "The worker's histogram counted 612 attempts; 573 are in buckets that are open at one end, 39 in the fullest "
        "of the others, 30 s to 60 s."
    )
