"""The figures as a Russian team reads them."""

from __future__ import annotations

import pandas as pd
import pytest

from dlqkit import language
from dlqkit.plots.durations import plot_durations
from dlqkit.plots.signals import plot_signals
from dlqkit.plots.theme import alt_text, figure_png, moment_text, tick_text, time_axis
from dlqkit.plots.timeline import plot_timeline
from tests.languages import english_in
from tests.plots.test_durations import HISTOGRAM, make_buckets
from tests.plots.test_signals import ONSET, make_incidents, make_samples
from tests.plots.test_timeline import BINS, RESTART, make_coverage, make_timeline

SIGNALS = ("dead_letters", "failures", "support", "duration", "silence")


def texts(axes):
    """Every text that is drawn, and what is told of the figure."""
    axes.get_figure().canvas.draw()
    legend = axes.get_legend()
    drawn = [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels(), *(legend.get_texts() if legend else ())]
    labels = [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel(), alt_text(axes)]
    return [*(text.get_text() for text in drawn), *labels]


def signals(*incidents, **more):
    names = ("worker_dlq_total", "worker_failure_total", "worker_success_total")
    parts = [make_samples([1] * 20 + [41] * 10, metric=name, series_id=index, missing=range(3, 8))
             for index, name in enumerate(names)]  # fmt: skip
    return plot_signals(pd.concat(parts, ignore_index=True), make_incidents(*incidents), **more)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("end", [{}, {"end_at": "2026-03-02T10:25:00Z"}])
def test_no_english_is_left_in_the_signals(signal, end):
    """Whatever the incident began with, and whether it goes on."""
    with language.use("ru"):
        axes = signals({**ONSET, "signal": signal, **end}, workflow_id="wf-1")

        assert english_in(texts(axes), "wf-1") == []
    figure_png(axes)


def test_the_signals_say_in_russian_what_is_seen():
    with language.use("ru"):
        axes = plot_signals(make_samples([3] * 20 + [41] * 10), make_incidents(ONSET), workflow_id="wf-1")

    assert axes.get_title(loc="left") == "Событий в DLQ в минуту: до 41, с 10:20:15 UTC"
    assert axes.get_xlabel() == "время, UTC, 02.03.2026; workflow wf-1"
    assert alt_text(axes) == (
        "События в DLQ в минуту (workflow wf-1) с 10:00 до 10:30 UTC: до 10:20 обычно 3, затем обычно 41, "
        "максимум 41 в минуту. Начало 10:20:15, конца в данных нет."
    )
    figure_png(axes)


def test_no_english_is_left_in_the_timeline():
    """Lanes, peaks, what is not covered and what happened; the change itself is the analyst's own text."""
    incident = ("2026-03-02T11:00Z", None, "incident", "события в DLQ", None)
    outside = ("2026-01-01T00:00Z", "2026-01-01T00:01Z", "failures", "", 3)
    with language.use("ru"):
        axes = plot_timeline(make_timeline(*BINS, RESTART, incident, outside), coverage=make_coverage("partial"))

        assert english_in(texts(axes), "worker-1 restarted") == []
        lanes = language.listing([language.say("dead letters"), language.say("failures")])
        assert f"Нет данных ({lanes}): с 10:00 до 10:30." in alt_text(axes)
        assert "Вне этого окна осталась 1 строка, она не показана." in alt_text(axes)
    figure_png(axes)


@pytest.mark.parametrize(
    ("count", "title"),
    [
        (1, "1 событие в DLQ, 1 изменение"),
        (3, "3 события в DLQ, 1 изменение"),
        (11, "11 событий в DLQ, 1 изменение"),
        (1021, "1\xa0021 событие в DLQ, 1 изменение"),
    ],
)
def test_the_title_counts_as_russian_does(count, title):
    with language.use("ru"):
        axes = plot_timeline(
            make_timeline(("2026-03-02T11:00Z", "2026-03-02T11:10Z", "dead letters", "", count), RESTART)
        )

    assert axes.get_title(loc="left") == title
    figure_png(axes)


def test_a_text_of_wide_letters_stays_within_the_figure():
    """Cyrillic letters are wider than Latin ones: a note near the right edge is put before its moment."""
    note = ("2026-03-02T11:25Z", None, "notes", "выкатили исправление платежей", None)
    with language.use("ru"):
        axes = plot_timeline(make_timeline(*BINS, note), coverage=make_coverage("complete"))

    axes.get_figure().canvas.draw()
    box = next(text for text in axes.texts if "исправление" in text.get_text()).get_window_extent()
    assert axes.bbox.x0 <= box.x0
    assert box.x1 <= axes.bbox.x1
    figure_png(axes)


def test_a_lane_with_a_long_name_leaves_the_axes_their_width():
    """Its name is in two lines above its peak, and none of them leaves the lane."""
    long = [(start, end, "отложенные повторы", text, count) for start, end, _, text, count in BINS]
    with language.use("ru"):
        axes = plot_timeline(make_timeline(*BINS, *long))

    axes.get_figure().canvas.draw()
    short, label = axes.get_yticklabels()
    assert short.get_text() == "события в DLQ\nпик 50 за 10 мин"
    assert label.get_text() == "отложенные\nповторы\nпик 50 за 10 мин"
    assert label.get_window_extent().height <= axes.bbox.height
    figure_png(axes)


@pytest.mark.parametrize("timeout_ms", [None, 30_000])
@pytest.mark.parametrize("buckets", [None, make_buckets((100.0, 200.0, 3.0), (10_000.0, None, 2.0))])
def test_no_english_is_left_in_the_durations(timeout_ms, buckets):
    with language.use("ru"):
        axes = plot_durations(HISTOGRAM, timeout_ms=timeout_ms, buckets=buckets)

        assert english_in(texts(axes)) == []
    figure_png(axes)


def test_the_durations_say_in_russian_what_is_seen():
    """Numbers have a decimal comma, and units are мс and с."""
    with language.use("ru"):
        axes = plot_durations(HISTOGRAM, timeout_ms=30_000)

    assert axes.get_title(loc="left") == "Таймаут 30 с оборвал записей: 7 из 102"
    assert alt_text(axes) == (
        "Длительности записей (всего 102) — от 100 мс до 37,8 с; средняя половина — от 100 мс до 158 мс. "
        "Событий в DLQ: 7, неудачных попыток: 5, успешных: 90. Таймаут 30 с; оборвано им записей: 7."
    )
    figure_png(axes)


@pytest.mark.parametrize("plot", [
    lambda: plot_signals(make_samples([1]).iloc[:0], make_incidents(), workflow_id="wf-1"),
    lambda: plot_timeline(make_timeline()),
    lambda: plot_durations(HISTOGRAM.iloc[:0]),
])  # fmt: skip
def test_nothing_to_draw_is_said_in_russian(plot):
    with language.use("ru"):
        axes = plot()

        assert english_in(texts(axes), "wf-1") == []
        assert alt_text(axes)
    figure_png(axes)


def test_ticks_are_dates_and_numbers_as_russian_writes_them():
    """Days as 02.03, and no month's name in English, also over half a year."""
    from dlqkit.plots.theme import new_axes, theme

    day = float((pd.Timestamp("2026-03-02") - pd.Timestamp(0)).days)
    for length in (0.2, 3, 40, 500):
        with language.use("ru"), theme():
            axes = new_axes()
            time_axis(axes, day, day + length)

            assert english_in(texts(axes)) == []
        figure_png(axes)
    with language.use("ru"):
        assert moment_text(day) == "02.03.2026 00:00"
        assert [tick_text(value) for value in (0.25, 2500.0, 10.0)] == ["0,25", "2\xa0500", "10"]


@pytest.mark.parametrize(
    ("onset", "end"), [("10:29:59", "10:31:00"), ("10:01:00", "10:06:00"), ("10:53:00", "10:58:00")]
)
def test_russian_labels_of_moments_that_are_near_do_not_cross(onset, end):
    """Wider letters are reckoned with: each label has its own place within the axes."""
    others = [{"signal": "failures", "onset_at": "2026-03-02T10:35:00Z"}]
    first = {"onset_at": f"2026-03-02T{onset}Z", "end_at": f"2026-03-02T{end}Z", "signal": "support"}
    with language.use("ru"):
        axes = plot_signals(make_samples([1] * 60), make_incidents(first, *others))

    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 3
    assert not any(one.overlaps(two) for index, one in enumerate(boxes) for two in boxes[index + 1 :])
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)
    figure_png(axes)


def test_equal_data_give_equal_bytes_in_russian():
    with language.use("ru"):
        pictures = [figure_png(signals(ONSET)) for _ in range(2)]

    assert pictures[0] == pictures[1]
