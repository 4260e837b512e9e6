"""The pictures of chapter 04: squares, accuracy against cost, parallel paths, hidden layers."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

from resnet_course import BasicBlock, Bottleneck, trace
from resnet_course.pictures import draw, plots
from resnet_course.pictures.described import DescribedFigure

SVG = "{http://www.w3.org/2000/svg}"


def svg_texts(picture) -> list[str]:
    return [element.text for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def squares(**tables) -> DescribedFigure:
    return plots.matrices(
        tables, title="t", xlabel="input channel", ylabel="output channel", alt="Blocks."
    )


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


def test_matrices_share_one_scale_and_count_in_words():
    figure = squares(half=torch.eye(4) / 2, full=torch.ones(4, 4))
    half, full = (shades(axes) for axes in figure.axes)
    assert half.max() < full.max() == 1
    assert figure.alt.startswith("Blocks.")
    assert "half: 4 of 16, full: 16 of 16" in figure.alt
    assert figure.axes[0].get_title(loc="left") == "half\n4 of 16 not zero"
    assert figure.axes[0].get_xlabel() == "input channel"
    assert figure.axes[0].get_ylabel() == "output channel"


def test_matrices_take_weights_and_tables_of_zeros(tmp_path):
    weights = torch.nn.Parameter(torch.zeros(2, 2))
    figure = squares(zeros=weights)
    figure.savefig(tmp_path / "figure.png")
    assert set(shades(figure.axes[0])) == {0} and "0 of 4" in figure.alt


COSTS = {"small": 2.0, "large": 16.0}
SERIES = {"V1": {"small": 70.0, "large": 79.25}, "V2": {"large": 83.0}}


def cloud(**options) -> DescribedFigure:
    return plots.trade_off(COSTS, SERIES, title="t", xlabel="cost", ylabel="worth", **options)


def test_trade_off_puts_each_model_at_its_cost_and_worth(tmp_path):
    figure = cloud()
    figure.savefig(tmp_path / "figure.png")
    axes = figure.axes[0]
    drawn = {
        line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in axes.lines
        if line.get_label() in SERIES
    }
    assert drawn == {"V1": [(2.0, 70.0), (16.0, 79.25)], "V2": [(16.0, 83.0)]}
    markers = {line.get_marker() for line in axes.lines if line.get_label() in SERIES}
    assert len(markers) == 2  # told apart without colours too
    assert axes.get_xscale() == "log"
    names = [(text.get_text(), text.xy) for text in axes.texts]
    assert names == [("small", (2.0, 70.0)), ("large", (16.0, 79.25)), ("large", (16.0, 83.0))]


def test_trade_off_joins_the_markers_of_one_model():
    joins = [line for line in cloud().axes[0].lines if line.get_label() not in SERIES]
    ends = [(list(line.get_xdata()), list(line.get_ydata())) for line in joins]
    assert ends == [([2.0], [70.0]), ([16.0, 16.0], [79.25, 83.0])]


def test_trade_off_says_all_numbers_in_words():
    assert "V1: small 70.0 at 2.0, large 79.2 at 16.0. V2: large 83.0 at 16.0." in cloud().alt


def test_trade_off_writes_names_to_the_left_where_asked():
    sides = {text.get_text(): text.get_ha() for text in cloud(left=["small"]).axes[0].texts}
    assert sides == {"small": "right", "large": "left"}


ROUTES = [["1×1, 8→4"], ["1×1, 8→2", "5×5, 2→4"]]


def test_paths_show_every_layer_and_the_joint():
    picture = draw.paths("Block", "8 channels", ROUTES, "concatenate", "8 channels")
    assert svg_texts(picture) == [
        *("Block", "8 channels", "1×1, 8→4", "1×1, 8→2", "5×5, 2→4"),
        *("concatenate", "8 channels"),
    ]
    root = ElementTree.fromstring(picture)
    heights = [float(text.get("y")) for text in root.iter(f"{SVG}text")]
    assert heights[2] < heights[3] == heights[4]  # one lane per path
    assert "8 channels go into 2 paths: 1×1, 8→4; 1×1, 8→2 → 5×5, 2→4." in picture.alt
    assert root.find(f"{SVG}desc").text == picture.alt


def test_paths_can_be_added_and_followed_by_layers():
    picture = draw.paths("Block", "8", [*ROUTES, []], "+", "16", after=["1×1, 4→16"])
    texts = svg_texts(picture)
    assert {"+", "the input itself", "1×1, 4→16"} <= set(texts)
    assert "5×5, 2→4; the input itself." in picture.alt
    circles = list(ElementTree.fromstring(picture).iter(f"{SVG}circle"))
    assert len(circles) == 1
    assert picture.alt.endswith("joined by +, then 1×1, 4→16, 16 come out.")


@pytest.mark.parametrize("joint", ["+", "concatenate"])
def test_paths_stay_on_the_paper(joint):
    root = ElementTree.fromstring(
        draw.paths("B", "8", [["a"] * 3, ["b"]] * 3, joint, "8", after=["c"])
    )
    _, _, width, height = map(float, root.get("viewBox").split())
    for box in root.iter(f"{SVG}rect"):
        if box.get("stroke"):
            assert float(box.get("x")) + float(box.get("width")) < width
            assert float(box.get("y")) + float(box.get("height")) < height


def test_a_block_can_hide_its_batch_norm():
    table = trace(Bottleneck(64, 32, 2), (64, 8, 8))
    whole, short = draw.block(table, "b"), draw.block(table, "b", hide=["BatchNorm2d"])
    assert svg_texts(whole).count("batch norm") == 3 and "batch norm" not in svg_texts(short)
    assert "conv 1×1, stride 2" in svg_texts(short)  # on the shortcut too
    assert "batch norm" in whole.alt and "batch norm" not in short.alt
    assert svg_texts(short).count("conv") == 3 and "+" in svg_texts(short)


def test_hiding_leaves_an_identity_shortcut_as_it_is():
    table = trace(BasicBlock(64, 64), (64, 8, 8))
    assert "identity: the input itself" in svg_texts(draw.block(table, "b", hide=["ReLU"]))


def test_a_shortcut_through_an_identity_layer_is_the_input_itself():
    block = BasicBlock(64, 64)
    block.downsample = nn.Identity()
    picture = draw.block(trace(block, (64, 8, 8)), "b", hide=["ReLU"])
    assert "identity: the input itself" in svg_texts(picture)
    assert "stroke-dasharray" not in picture
