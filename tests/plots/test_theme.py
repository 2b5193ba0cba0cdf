"""What every figure has in common."""

import matplotlib
import pandas as pd
import pytest

from dlqkit.plots.theme import alt_text, figure_png, label_text, new_axes, set_alt_text, theme, time_axis, to_num


def test_equal_data_give_equal_bytes():
    """A report that is made again from the same evidence has the same pictures, byte for byte."""
    pictures = []
    for _ in range(2):
        with theme():
            axes = new_axes()
            axes.plot([1, 2], [3, 4])
        pictures.append(figure_png(axes))

    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
    assert b"matplotlib" not in pictures[0].lower()


def test_the_figure_is_closed_once_it_is_a_picture():
    """A long session does not keep every figure that it has drawn."""
    import matplotlib.pyplot as plt

    before, axes = plt.get_fignums(), new_axes()
    assert len(plt.get_fignums()) == len(before) + 1

    figure_png(axes)

    assert plt.get_fignums() == before


def test_the_analysts_own_settings_come_back():
    """Drawing changes nothing about the analyst's other figures."""
    before = dict(matplotlib.rcParams)

    with theme():
        assert not matplotlib.rcParams["text.parse_math"]

    assert dict(matplotlib.rcParams) == before


def test_axes_keep_their_words():
    """Each figure says in words what it shows; axes of others say nothing."""
    first, second = new_axes(), new_axes()
    set_alt_text(first, "3 dead letters")

    assert (alt_text(first), alt_text(second)) == ("3 dead letters", "")
    figure_png(first), figure_png(second)


@pytest.mark.parametrize("text", ["$x^2$", "a\0b", "\u202eevil", "世界 😀", "m" * 10_000, "", "{}%s\\n"])
def test_any_text_can_be_a_label(text):
    """No id or error text that a client chooses breaks a figure."""
    with theme():
        axes = new_axes()
        axes.set_title(label_text(text))

    assert figure_png(axes)
    assert len(label_text(text)) <= 60
    assert "\0" not in label_text(text)


def test_signs_the_font_lacks_are_boxes():
    """A sign that cannot be drawn is seen to be missing, and gives no warning."""
    assert label_text("a世b") == "a□b"
    assert label_text("é→ж") == "é→ж"


def test_the_time_axis_is_utc_and_names_its_day():
    """Nobody has to guess the zone or the date."""
    with theme():
        axes = new_axes()
        times = pd.Series(pd.to_datetime(["2026-03-02T23:00+01:00", "2026-03-03T02:00+01:00"], utc=True))
        time_axis(axes, *to_num(times))

    assert axes.get_xlabel() == "time, UTC, from 2026-03-02 to 2026-03-03"
    figure_png(axes)
