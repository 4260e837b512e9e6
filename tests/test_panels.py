"""Figures of maps, confusion matrices and recorded curves: what they say and what they draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.plots import accuracy_in_time, recorded_curves
from resnet_course.train.records import Record, RecordedRun

MAPS = list(torch.rand(5, 7, 7, generator=torch.Generator().manual_seed(0)))
NAMES = ["a", "b", "c\nd", "", "e"]
WORDS = {"title": "Five maps", "alt": "Five maps of random numbers."}


def test_panels_draw_one_named_map_per_place_and_hide_the_empty_places():
    figure = panels(MAPS, NAMES, columns=3, **WORDS)
    assert figure.alt == WORDS["alt"] and figure._suptitle.get_text() == WORDS["title"]
    assert [axes.get_title() for axes in figure.axes] == [*NAMES, ""]
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert not any(axes.axison for axes in figure.axes)
    for axes, values in zip(figure.axes, MAPS, strict=False):
        assert np.array_equal(axes.images[0].get_array(), values.numpy())


def test_panels_lay_heat_over_each_map_stronger_where_it_is_larger():
    heat = [torch.linspace(0, 1, 49).view(7, 7) for _ in MAPS]
    figure = panels(MAPS, NAMES, heat=heat, **WORDS)
    for axes in figure.axes:
        alpha = axes.images[1].get_alpha()
        assert alpha.min() == 0 and 0.5 < alpha.max() <= 1
        assert (np.diff(alpha.ravel()) > 0).all()


def test_panels_draw_pictures_lighter_under_heat_so_that_it_shows_on_black():
    (black,) = panels([torch.tensor([[0.0, 9.0]])], [""], **WORDS).axes
    heat = [torch.ones(1, 2)]
    (under_heat,) = panels([torch.tensor([[0.0, 9.0]])], [""], heat=heat, **WORDS).axes
    (blank,) = panels([torch.zeros(1, 2)], [""], heat=heat, **WORDS).axes

    def grey(axes, value):
        image = axes.images[0]
        return image.cmap(image.norm(value))[0]

    assert grey(black, 9.0) == 0 and 0.4 < grey(under_heat, 9.0) < 0.7
    assert grey(black, 0.0) == grey(under_heat, 0.0) == grey(blank, 0.0) == 1


def test_signed_panels_share_one_scale_with_zero_in_the_middle():
    figure = panels([torch.tensor([[-1.0, 0.0]]), torch.tensor([[0.5, 3.0]])], ["", ""],
                    signed=True, **WORDS)  # fmt: skip
    assert [axes.images[0].get_clim() for axes in figure.axes] == [(-3, 3), (-3, 3)]
    middle = figure.axes[0].images[0].cmap(0.5)
    assert min(middle[:3]) > 0.9  # nearly white


def test_panels_grow_where_a_name_or_the_title_needs_room():
    def width(names, title):
        return panels(MAPS, names, columns=2, title=title, alt="x" * 30).get_size_inches()[0]

    short = width([""] * 5, "x")
    assert width(["a long name of a class"] + [""] * 4, "x") > short
    assert width([""] * 5, "a title that is longer than two small maps are wide") > short
    larger = panels(MAPS, NAMES, columns=2, size=3, **WORDS).get_size_inches()
    assert larger[0] >= 6 and larger[1] > 9


@pytest.mark.parametrize("wrong", [{"names": NAMES[:4]}, {"heat": MAPS[:2]}])
def test_panels_refuse_names_or_heat_of_another_number(wrong):
    given = {"names": NAMES, "heat": None} | wrong
    (what,) = wrong
    with pytest.raises(ValueError, match=rf"5 maps, but {len(wrong[what])} {what}"):
        panels(MAPS, given["names"], heat=given["heat"], **WORDS)


def test_confusion_shows_every_count_but_zero_and_names_the_largest_mistake():
    matrix = torch.tensor([[8, 2, 0], [5, 4, 1], [0, 0, 10]])
    figure = confusion(matrix, ["shirt", "coat", "bag"], source="some pictures")
    (axes,) = figure.axes
    written = {text.get_position()[::-1]: int(text.get_text()) for text in axes.texts}
    assert written == {(i, j): int(matrix[i, j]) for i, j in matrix.nonzero().tolist()}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["shirt", "coat", "bag"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["shirt", "coat", "bag"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "right class")
    assert "some pictures" in axes.get_title("left")
    for part in ("3 × 3", "some pictures", "22 of 30", "coat taken for shirt, 5 times"):
        assert part in figure.alt
    # A row is coloured by its shares: all of the bags are on the diagonal.
    assert axes.images[0].get_array()[2].tolist() == [0, 0, 1]
    # By the square root: mistakes are rare, and could not be seen otherwise.
    assert np.allclose(axes.images[0].get_array()[0], np.sqrt([0.8, 0.2, 0]))


def test_confusion_has_no_trouble_with_a_class_that_never_comes():
    figure = confusion(torch.tensor([[0, 0], [1, 3]]), ["a", "b"], source="few")
    assert np.isfinite(figure.axes[0].images[0].get_array()).all()


def run(label, seed, accuracies):
    numbers = tuple(accuracies)
    return RecordedRun(label, "a command", seed, 10, numbers, numbers, numbers)


def test_recorded_curves_draw_the_mean_and_a_band_over_the_seeds():
    runs = (run("one", 0, (0.5, 0.7)), run("one", 1, (0.6, 0.9)), run("two", 0, (0.1, 0.2)))
    record = Record("name", {"images": "few pictures, 5 for training"}, runs)
    figure = recorded_curves(record)
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.get_lines()] == ["one", "two"]
    assert np.allclose(axes.get_lines()[0].get_ydata(), [0.55, 0.8])
    assert list(axes.get_lines()[0].get_xdata()) == [1, 2]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.5, 0.9)
    title = axes.get_title("left")
    assert title == "Test accuracy on few pictures, mean of the seeds (recorded)"
    assert "one: 0.800 at the end. two: 0.200 at the end." in figure.alt
    assert list(recorded_curves(record, start=2).axes[0].lines[0].get_xdata()) == [2]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def timed(label, seed, seconds, accuracy):
    none = (0.0,) * len(seconds)
    return RecordedRun(label, "a command", seed, 10, none, none, accuracy, seconds)


def test_accuracy_in_time_ends_at_the_means_and_reaches_from_the_lowest_to_the_highest_seed():
    runs = (
        timed("short", 0, (1.0, 2.0), (0.85, 0.90)),
        timed("short", 1, (1.0, 4.0), (0.87, 0.92)),
        timed("long", 0, (5.0, 10.0), (0.86, 0.95)),
    )
    figure = accuracy_in_time(Record("name", {"images": "few pictures, 5 for training"}, runs))
    (axes,) = figure.axes
    short, bars = axes.containers[0].lines[0], axes.containers[0].lines[2]
    assert [float(v[0]) for v in short.get_data()] == pytest.approx([3.0, 91.0])
    low, high = bars[0].get_segments()[0]
    assert (low[1], high[1]) == pytest.approx((90.0, 92.0))
    curve = axes.get_lines()[0]
    assert list(curve.get_xdata()) == [1.0, 3.0]
    assert list(curve.get_ydata()) == pytest.approx([86.0, 91.0])
    assert axes.get_xscale() == "log" and axes.get_ylim()[0] == 84
    assert "short: 91.0 % after 3 seconds; long: 95.0 % after 10 seconds." in figure.alt
    untimed = Record("name", {"images": "few"}, (replace(runs[0], seconds=()),))
    with pytest.raises(ValueError, match="'name' are not timed"):
        accuracy_in_time(untimed)
