"""Figures of boxes, masks and draws: what is drawn, and the words that come with it."""

from __future__ import annotations

import pytest
import torch
from matplotlib.patches import Rectangle

from resnet_course.data import garments
from resnet_course.pictures import plots
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.overlays import (
    CLASS_COLOURS,
    RIGHT,
    WRONG,
    _regions,
    boxes_with_names,
    masks_side_by_side,
)

IMAGES = torch.zeros(2, 1, 64, 48, dtype=torch.uint8)
BOXES = [torch.tensor([[2.0, 4.0, 20.0, 30.0], [25.0, 35.0, 45.0, 60.0]]), torch.empty(0, 4)]


def boxes_figure(**changes):
    arguments = {"names": [["Coat", "Bag"], []], "truth": [["Shirt", "Bag"], []], **changes}
    return boxes_with_names(IMAGES, BOXES, title="Found", **arguments)


def masks_figure():
    true = torch.zeros(2, 64, 48, dtype=torch.long)
    true[0, 10:30, 10:30] = 9
    predicted = true.clone()
    predicted[0, 10:20] = 3
    return masks_side_by_side(IMAGES, true, predicted, garments.CLASSES, title="Pixels")


def draws_figure(**changes):
    results = {"frozen": [[50, 60], [70, 75]], "from scratch": [[30, 40], [60, 62]]}
    return plots.bars(
        ["1", "5"],
        {"frozen": [55, 72.5], "from scratch": [35, 61]},
        draws=results,
        title="Transfer",
        xlabel="pictures",
        ylabel="% right",
        alt="Four bars with two dots each.",
        **changes,
    )


@pytest.mark.parametrize("make", [boxes_figure, masks_figure, draws_figure])
def test_figures_can_be_saved_and_describe_themselves(make, tmp_path):
    figure = make()
    assert isinstance(figure, DescribedFigure) and len(figure.alt) > 20
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 2_000


def test_a_wrong_name_is_dashed_in_another_colour_and_says_the_right_one():
    figure = boxes_figure()
    _, *drawn = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert [patch.get_linestyle() for patch in drawn] == ["--", "-"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["Coat\ntrue:\nShirt", "Bag"]
    assert [text.get_color() for text in figure.axes[0].texts] == [WRONG, RIGHT]
    assert "Coat (truly Shirt), Bag" in figure.alt


def test_a_wrong_label_is_small_and_hangs_from_the_top_of_its_box():
    wrong, right = boxes_figure().axes[0].texts
    assert wrong.get_position()[1] == 4.5 and wrong.get_verticalalignment() == "top"
    assert right.get_position() == (35, 47.5) and right.get_verticalalignment() == "center"
    assert wrong.get_fontsize() < right.get_fontsize()


@pytest.mark.parametrize(("x", "name"), [(0.0, "T-shirt/top"), (20.0, "Bag"), (44.0, "Trouser")])
def test_a_name_that_would_stick_out_is_moved_sideways(x, name):
    box = torch.tensor([[x, 4.0, x + 4, 30.0]])
    figure = boxes_with_names(IMAGES[:1], [box], [[name]], title="Found")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (text,) = axes.texts
    picture, word = axes.get_window_extent(), text.get_window_extent()
    assert picture.x0 - 3 <= word.x0 and word.x1 <= picture.x1 + 3
    moved = text.get_position()[0] - (x + 2)
    assert (moved > 0) == (x == 0) and (moved < 0) == (x == 44)


def test_boxes_stand_where_they_should():
    _, first, _ = boxes_figure().axes[0].patches
    # The left edge of pixel 2 is at 1.5 in matplotlib's coordinates of pictures.
    assert (first.get_x(), first.get_y()) == (1.5, 3.5)
    assert (first.get_width(), first.get_height()) == (18, 26)


def test_without_truth_every_name_is_right():
    figure = boxes_figure(truth=None)
    assert {text.get_color() for text in figure.axes[0].texts} == {RIGHT}
    assert "truly" not in figure.alt


@pytest.mark.parametrize(
    "changes",
    [
        {"names": [["Coat"], []]},
        {"names": [["Coat", "Bag"]]},
        {"truth": [["Coat", "Bag"], ["Bag"]]},
    ],
)
def test_boxes_and_names_must_belong_together(changes):
    with pytest.raises(ValueError, match="many|names"):
        boxes_figure(**changes)


def test_masks_show_the_classes_that_occur_and_how_many_pixels_agree():
    figure = masks_figure()
    assert len(figure.axes) == 6
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Pullover", "Bag"]
    same = 1 - 10 * 48 / (2 * 64 * 48)
    assert f"{same:.0%}" in figure.alt and "Pullover, Bag" in figure.alt


def test_regions_of_a_mask_are_named_on_both_sides_and_crumbs_are_not():
    figure = masks_figure()
    said = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert [sorted(names) for names in said] == [[], ["Bag"], ["Bag", "Pullover"], [], [], []]
    mask = torch.zeros(20, 30, dtype=torch.uint8)
    mask[2:10, 2:10] = 3  # touches the next one only at a corner
    mask[10:18, 10:18] = 3
    mask[2:10, 10:18] = 5
    mask[0:3, 25:28] = 7
    assert sorted(_regions(mask.numpy())) == [(3, 5.5, 5.5), (3, 13.5, 13.5), (5, 13.5, 5.5)]
    snake = torch.zeros(21, 21, dtype=torch.uint8)
    snake[::2] = 4
    snake[1::4, 20] = 4
    snake[3::4, 0] = 4
    assert len(list(_regions(snake.numpy()))) == 1
    assert not list(_regions(torch.zeros(4, 4).numpy()))


def test_every_class_has_its_own_colour():
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS) == 1 + len(garments.CLASSES)


def test_masks_must_fit_the_pictures_and_the_colours():
    mask = torch.zeros(2, 64, 48, dtype=torch.long)
    with pytest.raises(ValueError, match="same sizes"):
        masks_side_by_side(IMAGES, mask, mask[:, :32], garments.CLASSES, title="t")
    with pytest.raises(ValueError, match="10 classes"):
        masks_side_by_side(IMAGES, mask, mask, [str(i) for i in range(11)], title="t")


def test_bars_are_means_and_dots_are_draws():
    axes = draws_figure().axes[0]
    assert [bar.get_height() for bar in axes.patches] == [55, 72.5, 35, 61]
    assert [list(line.get_ydata()) for line in axes.lines] == [
        [50, 60],
        [70, 75],
        [30, 40],
        [60, 62],
    ]
    assert [text.get_text() for text in axes.texts] == ["55", "72", "35", "61"]


def test_the_legend_says_what_dots_and_the_line_are():
    figure = draws_figure(guessing=33.3)
    (axes,), (legend,) = figure.axes, figure.legends
    words = {text.get_text() for text in legend.get_texts()}
    assert words == {"frozen", "from scratch", "one draw (bar: mean)", "guessing"}
    assert [33.3, 33.3] in [list(line.get_ydata()) for line in axes.lines]
    assert axes.get_xlabel() == "pictures"
