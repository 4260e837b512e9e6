"""Figures: what they draw is what they are given, and the words say the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle
from torch import nn

from resnet_course.data import garments
from resnet_course.pictures import plots
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.overlays import (
    CLASS_COLOURS,
    RIGHT,
    WRONG,
    boxes_with_names,
    masks_side_by_side,
)
from resnet_course.pictures.style import pixels
from resnet_course.train.history import EpochRow, History
from resnet_course.train.records import Record, RecordedRun

WORDS = {"title": "t", "alt": "Something in words."}
LABELLED = {**WORDS, "xlabel": "x", "ylabel": "y"}
IMAGES = torch.zeros(2, 1, 64, 48, dtype=torch.uint8)
RUNS = {f"net {i}": [0.1, 1.0] for i in range(9)}  # more than there are colours
BOXES = [torch.tensor([[2.0, 4.0, 20.0, 30.0], [25.0, 35.0, 45.0, 60.0]]), torch.empty(0, 4)]
MAPS = list(torch.rand(5, 7, 7, generator=torch.Generator().manual_seed(0)))
NAMES = ["a", "b", "c\nd", "", "e"]
COSTS = {"small": 2.0, "large": 16.0}
SERIES = {"V1": {"small": 70.0, "large": 79.25}, "V2": {"large": 83.0}}
DRAWS = {"frozen": [[50, 60], [70, 75]], "from scratch": [[30, 40], [60, 62]]}


def squares(**tables: torch.Tensor) -> DescribedFigure:
    return plots.matrices(tables or {"zeros": torch.nn.Parameter(torch.zeros(2, 2))}, **LABELLED)


def cloud() -> DescribedFigure:
    words = {"title": "t", "xlabel": "cost", "ylabel": "worth"}
    return plots.trade_off(COSTS, SERIES, left=["small"], **words)


def draws_figure(**changes) -> DescribedFigure:
    means = {"frozen": [55, 72.5], "from scratch": [35, 61]}
    return plots.bars(["1", "5"], means, draws=DRAWS, **LABELLED, **changes)


def boxes_figure(**changes) -> DescribedFigure:
    arguments = {"names": [["Coat", "Bag"], []], "truth": [["Shirt", "Bag"], []], **changes}
    return boxes_with_names(IMAGES, BOXES, title="Found", source="drawn-garments", **arguments)


def masks_figure() -> DescribedFigure:
    true = torch.zeros(2, 64, 48, dtype=torch.long)
    true[0, 10:30, 10:30] = 9
    predicted = true.clone()
    predicted[0, 10:20] = 3
    words = {"title": "Pixels", "source": "drawn-garments"}
    return masks_side_by_side(IMAGES, true, predicted, garments.CLASSES, **words)


@pytest.mark.parametrize(
    "make",
    [
        *(squares, cloud, draws_figure, boxes_figure, masks_figure),
        lambda: plots.image_grid(IMAGES, [0, 1], ["a", "b"], "drawn-garments"),
        lambda: plots.gradient_flow(RUNS),
    ],
)
def test_figures_can_be_saved_and_describe_themselves(make):
    figure = make()
    assert isinstance(figure, DescribedFigure) and len(figure.alt) > 10
    assert len(figure.png()) > 2_000


# Curves.


def test_gradient_flow_draws_the_numbers_it_is_given():
    axes = plots.gradient_flow({"net": {"a": 1e-9, "b": 1e-3, "c": 1.0}}, bound=0.25).axes[0]
    measured, bound = axes.lines
    assert list(measured.get_ydata()) == [1e-9, 1e-3, 1.0]
    assert list(bound.get_ydata()) == [1 / 16, 1 / 4, 1.0]
    assert axes.get_yscale() == "log"


def test_learning_curves_draw_a_column_and_name_the_source_of_the_images():
    rows = [EpochRow(i, 1 / i, 0.5, 0.4 + i / 10, i) for i in (1, 2, 3)]
    figure = plots.learning_curves({"a": History("drawn-garments", rows)}, "test_accuracy")
    (axes,) = figure.axes
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.5, 0.6, 0.7])
    assert "drawn-garments" in axes.get_title(loc="left") and "a: 0.70 at the end" in figure.alt
    # All runs have their epochs on the axis, and long ones not each of them.
    for epochs in (10, 100):
        rows = [EpochRow(i, 1 / i, 0.5, 0.4, i) for i in range(1, epochs + 1)]
        both = {"long": History("x", rows), "short": History("x", rows[:3])}
        ticks = plots.learning_curves(both).axes[0].get_xticks()
        assert len(ticks) <= 12 and max(ticks) >= epochs
        assert all(tick == int(tick) for tick in ticks)


def run(label, seed, accuracies) -> RecordedRun:
    return RecordedRun(label, "a command", seed, 10, *[accuracies] * 3)


def test_recorded_curves_draw_the_mean_and_a_band_over_the_seeds():
    runs = (run("one", 0, (0.5, 0.7)), run("one", 1, (0.6, 0.9)), run("two", 0, (0.1, 0.2)))
    record = Record("name", {"images": "few pictures, 5 for training"}, runs)
    figure = plots.recorded_curves(record)
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.get_lines()] == ["one", "two"]
    assert np.allclose(axes.get_lines()[0].get_ydata(), [0.55, 0.8])
    assert list(axes.get_lines()[0].get_xdata()) == [1, 2]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.5, 0.9)
    title = axes.get_title("left")
    assert title == "Test accuracy on few pictures, mean of the seeds (recorded)"
    assert "one: 0.800 at the end. two: 0.200 at the end." in figure.alt
    assert list(plots.recorded_curves(record, start=2).axes[0].lines[0].get_xdata()) == [2]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


# Charts.


def test_bars_are_means_and_dots_are_draws():
    figure = draws_figure(guessing=33.3)
    (axes,), (legend,) = figure.axes, figure.legends
    assert [bar.get_height() for bar in axes.patches] == [55, 72.5, 35, 61]
    heights = [list(line.get_ydata()) for line in axes.lines]
    assert heights == [*DRAWS["frozen"], *DRAWS["from scratch"], [33.3, 33.3]]
    assert [text.get_text() for text in axes.texts] == ["55", "72", "35", "61"]
    words = {text.get_text() for text in legend.get_texts()}
    assert words == {*DRAWS, "one draw (bar: mean)", "guessing"}
    assert axes.get_xlabel() == "x"
    (plain,) = plots.bars(["a", "b"], {"n": [1, 2]}, **LABELLED).axes
    assert [text.get_text() for text in plain.texts] == ["1", "2"] and plain.get_legend()


def shades(axes) -> np.ndarray:
    return np.asarray(axes.collections[0].get_array()).reshape(-1)


def test_matrices_leave_zeros_white_and_nothing_else():
    table = torch.tensor([[0.0, 1e-6], [-2.0, 0.0], [4.0, 0.0]])
    axes = squares(table=table).axes[0]
    first, second, third, fourth, fifth, last = shades(axes)
    assert first == fourth == last == 0
    assert 0.3 < second < third < fifth == 1  # the sign does not count, the size does
    assert axes.yaxis_inverted()  # the first row on top, as in a table
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "2"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1"]
    assert set(shades(squares().axes[0])) == {0}


def test_matrices_share_one_scale_and_count_in_words():
    figure = squares(half=torch.eye(4) / 2, full=torch.ones(4, 4))
    half, full = (shades(axes) for axes in figure.axes)
    assert half.max() < full.max() == 1
    assert figure.alt.startswith(WORDS["alt"])
    assert "half: 4 of 16, full: 16 of 16" in figure.alt
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "half\n4 of 16 not zero"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_trade_off_puts_each_model_at_its_cost_and_worth_and_joins_its_markers():
    figure = cloud()
    (axes,) = figure.axes
    marked = [line for line in axes.lines if line.get_label() in SERIES]
    points = {line.get_label(): line.get_xydata().tolist() for line in marked}
    assert points == {"V1": [[2.0, 70.0], [16.0, 79.25]], "V2": [[16.0, 83.0]]}
    assert len({line.get_marker() for line in marked}) == 2  # told apart without colours too
    joins = [line.get_xydata().tolist() for line in axes.lines if line not in marked]
    assert joins == [[[2.0, 70.0]], [[16.0, 79.25], [16.0, 83.0]]]
    assert axes.get_xscale() == "log"
    assert [(text.get_text(), text.xy, text.get_ha()) for text in axes.texts] == [
        ("small", (2.0, 70.0), "right"),
        ("large", (16.0, 79.25), "left"),
        ("large", (16.0, 83.0), "left"),
    ]
    assert "V1: small 70.0 at 2.0, large 79.2 at 16.0. V2: large 83.0 at 16.0." in figure.alt


# Maps and confusion matrices.


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
    for axes in panels(MAPS, NAMES, heat=heat, **WORDS).axes:
        alpha = axes.images[1].get_alpha()
        assert alpha.min() == 0 and 0.5 < alpha.max() <= 1
        assert (np.diff(alpha.ravel()) > 0).all()
    # The pictures are lighter under it, so that it shows on black.
    dark, heat = [torch.tensor([[0.0, 9.0]])], [torch.ones(1, 2)]
    (black,) = panels(dark, [""], **WORDS).axes
    (under_heat,) = panels(dark, [""], heat=heat, **WORDS).axes
    (blank,) = panels([torch.zeros(1, 2)], [""], heat=heat, **WORDS).axes

    def grey(axes, value):
        image = axes.images[0]
        return image.cmap(image.norm(value))[0]

    assert grey(black, 9.0) == 0 and 0.4 < grey(under_heat, 9.0) < 0.7
    assert grey(black, 0.0) == grey(under_heat, 0.0) == grey(blank, 0.0) == 1
    red = torch.tensor([[[1.0, 0.0, 0.0]]])  # a colour has no map of colours
    (colour,) = panels([red], [""], heat=[torch.zeros(1, 1)], **WORDS).axes
    assert np.allclose(colour.images[0].get_array(), red)


def test_signed_panels_share_one_scale_with_zero_in_the_middle():
    maps = [torch.tensor([[-1.0, 0.0]]), torch.tensor([[0.5, 3.0]])]
    figure = panels(maps, ["", ""], signed=True, **WORDS)
    assert [axes.images[0].get_clim() for axes in figure.axes] == [(-3, 3), (-3, 3)]
    middle = figure.axes[0].images[0].cmap(0.5)
    assert min(middle[:3]) > 0.9  # nearly white


def test_panels_grow_where_a_name_or_the_title_needs_room():
    def inches(name="", title="x", **options):
        names = [name] + [""] * 4
        return panels(MAPS, names, columns=2, title=title, alt="", **options).get_size_inches()

    (small, _), (large, high) = inches(), inches(size=3)
    assert inches("a long name of a class")[0] > small
    assert inches(title="a title that is longer than two small maps are wide")[0] > small
    assert large >= 6 and high > 9


def test_confusion_shows_every_count_but_zero_and_names_the_largest_mistake():
    matrix = torch.tensor([[8, 2, 0], [5, 4, 1], [0, 0, 10]])
    figure = confusion(matrix, ["shirt", "coat", "bag"], source="some pictures")
    (axes,) = figure.axes
    written = {text.get_position()[::-1]: int(text.get_text()) for text in axes.texts}
    assert written == {(i, j): int(matrix[i, j]) for i, j in matrix.nonzero().tolist()}
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["shirt", "coat", "bag"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "right class")
    assert "some pictures" in axes.get_title("left")
    for part in ("3 × 3", "some pictures", "22 of 30", "coat taken for shirt, 5 times"):
        assert part in figure.alt
    # A row is coloured by its shares, by their square root: mistakes are rare, and could not be
    # seen otherwise.
    shares = [[0.8, 0.2, 0], [0.5, 0.4, 0.1], [0, 0, 1]]
    assert np.allclose(axes.images[0].get_array(), np.sqrt(shares))
    one_never_comes = confusion(torch.tensor([[0, 0], [1, 3]]), ["a", "b"], source="few")
    assert np.isfinite(one_never_comes.axes[0].images[0].get_array()).all()


# Boxes and masks.


def test_boxes_stand_where_they_should_and_a_wrong_name_is_dashed_and_says_the_right_one():
    figure = boxes_figure()
    axes = figure.axes[0]
    _, first, second = [p for p in axes.patches if isinstance(p, Rectangle)]
    # The left edge of pixel 2 is at 1.5 in matplotlib's coordinates of pictures.
    assert (*first.get_xy(), first.get_width(), first.get_height()) == (1.5, 3.5, 18, 26)
    assert (first.get_linestyle(), second.get_linestyle()) == ("--", "-")
    wrong, right = axes.texts
    assert (wrong.get_text(), right.get_text()) == ("Coat\ntrue:\nShirt", "Bag")
    assert (wrong.get_color(), right.get_color()) == (WRONG, RIGHT)
    assert wrong.get_position()[1] == 4.5 and wrong.get_verticalalignment() == "top"
    assert right.get_position() == (35, 47.5) and right.get_verticalalignment() == "center"
    assert wrong.get_fontsize() < right.get_fontsize()
    assert "Coat (truly Shirt), Bag" in figure.alt
    untold = boxes_figure(truth=None)  # then every name is right
    assert {text.get_color() for text in untold.axes[0].texts} == {RIGHT}
    assert "truly" not in untold.alt


@pytest.mark.parametrize(("source", "shown"), [("mine", 200), ("drawn-garments", 55)])
def test_grey_photographs_are_not_drawn_as_negatives(source, shown):
    light = torch.full((1, 1, 8, 8), 200, dtype=torch.uint8)
    boxes = boxes_with_names(light, [torch.zeros(0, 4)], [[]], title="t", source=source)
    none = torch.zeros(1, 8, 8, dtype=torch.long)
    masks = masks_side_by_side(light, none, none, "a", title="t", source=source)
    for figure in (boxes, masks):
        image = figure.axes[0].images[0]
        assert image.to_rgba(image.get_array(), bytes=True)[0, 0].tolist() == [shown] * 3 + [255]


def test_pictures_with_four_channels_of_ones_own_are_no_negatives():
    four = torch.full((4, 2, 2), 200, dtype=torch.uint8)
    assert pixels(four, printed=False).shape == (2, 2, 3) and (pixels(four, False) == 200).all()
    assert pixels(four).shape == (2, 2)


@pytest.mark.parametrize("heat", [None, [torch.zeros(2, 2)]])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_zero_is_white_on_a_signed_scale(value, heat):
    maps = [torch.tensor([[0.0, value], [0.0, 0.0]])]
    image = panels(maps, [""], heat=heat, signed=True, **WORDS).axes[0].images[0]
    assert min(image.cmap(image.norm(0.0))[:3]) > 0.9


def test_filters_are_maps_too():
    filters = nn.Conv2d(1, 2, 3).weight[:, 0]
    shown = panels(list(filters), ["a", "b"], **WORDS).axes[0].images[0].get_array()
    assert np.array_equal(shown, filters[0].detach())


def test_every_series_of_a_trade_off_is_drawn():
    series = {f"s{i}": {"m": 70.0 + i} for i in range(6)}
    labels = {"title": "t", "xlabel": "x", "ylabel": "y"}
    (axes,) = plots.trade_off({"m": 1.0}, series, **labels).axes
    assert {*series} <= {line.get_label() for line in axes.lines}


@pytest.mark.parametrize(("x", "name"), [(0.0, "T-shirt/top"), (20.0, "Bag"), (44.0, "Trouser")])
def test_a_name_that_would_stick_out_is_moved_sideways(x, name):
    box = torch.tensor([[x, 4.0, x + 4, 30.0]])
    figure = boxes_with_names(IMAGES[:1], [box], [[name]], title="Found", source="mine")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (text,) = axes.texts
    picture, word = axes.get_window_extent(), text.get_window_extent()
    assert picture.x0 - 3 <= word.x0 and word.x1 <= picture.x1 + 3
    moved = text.get_position()[0] - (x + 2)
    assert (moved > 0) == (x == 0) and (moved < 0) == (x == 44)


def test_masks_show_the_classes_that_occur_and_how_many_pixels_agree():
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS) == 1 + len(garments.CLASSES)
    figure = masks_figure()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Pullover", "Bag"]
    same = 1 - 10 * 48 / (2 * 64 * 48)
    assert f"{same:.0%}" in figure.alt and "Pullover, Bag" in figure.alt
    said = [sorted(text.get_text() for text in axes.texts) for axes in figure.axes]
    assert said == [[], ["Bag"], ["Bag", "Pullover"], [], [], []]


def test_every_region_of_a_mask_has_its_name_in_its_middle_and_crumbs_have_none():
    true = torch.zeros(2, 21, 30, dtype=torch.long)
    true[0, 2:10, 2:10] = 3  # touches the next one only at a corner
    true[0, 10:18, 10:18] = 3
    true[0, 2:10, 10:18] = 5
    true[0, 0:3, 25:28] = 7
    true[1, ::2] = true[1, 1::4, 29] = true[1, 3::4, 0] = 4  # a snake is one region
    words = {"title": "t", "source": "drawn-garments"}
    figure = masks_side_by_side(IMAGES[:, :, :21, :30], true, 0 * true, "abcdefg", **words)
    (_, several, empty), (_, snake, _) = figure.axes[:3], figure.axes[3:]
    written = [(text.get_text(), *text.get_position()) for text in several.texts]
    assert sorted(written) == [("c", 5.5, 5.5), ("c", 13.5, 13.5), ("e", 13.5, 5.5)]
    assert [text.get_text() for text in snake.texts] == ["d"] and not empty.texts


def test_a_table_of_many_classes_has_numbers_for_names():
    for many, named in ((36, True), (37, False)):
        names = [f"class {i:03}" for i in range(many)]
        (axes,) = confusion(torch.eye(many, dtype=torch.int64), names, source="x").axes
        assert len(axes.texts) == (many if named else 0)
        assert (names[-1] in [each.get_text() for each in axes.get_yticklabels()]) == named


def test_numbers_of_sixteen_bits_are_drawn():
    half = torch.rand(3, 4, dtype=torch.bfloat16)
    figure = panels([half], ["half"], **WORDS)
    assert np.allclose(figure.axes[0].images[0].get_array(), half.float())
