"""Figures and SVG pictures: the right numbers, a description, safe text."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image
from torch import nn

from resnet_course import BasicBlock, Bottleneck, create_model, trace
from resnet_course.pictures import draw, plots
from resnet_course.pictures.described import DescribedFigure
from resnet_course.train.history import EpochRow, History

SVG = "{http://www.w3.org/2000/svg}"


def svg_texts(picture) -> list[str]:
    return [element.text for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def histories():
    rows = [EpochRow(i, 1 / i, 0.5, 0.4 + i / 10, i) for i in (1, 2, 3)]
    return {"plain20": History("drawn-garments", rows)}


def figures():
    images = torch.zeros(12, 1, 28, 28, dtype=torch.uint8)
    yield plots.image_grid(images, range(12), [f"class {i}" for i in range(12)], "drawn-garments")
    yield plots.lines(
        [0, 1], {"a": [1, 2]}, title="t", xlabel="x", ylabel="y", alt="A rising line."
    )
    yield plots.gradient_flow({"net": [1e-9, 1e-3, 1.0]}, bound=0.25, source="drawn-garments")
    yield plots.gradient_flow({f"net {i}": [0.1, 1.0] for i in range(9)})
    yield plots.learning_curves(histories())
    yield plots.bars(
        ["a", "b"],
        {"n": [1, 2]},
        title="t",
        ylabel="y",
        alt="Two bars, one higher.",
        number_format="{:.0f}",
    )


@pytest.mark.parametrize("figure", list(figures()), ids=lambda figure: figure.axes[0].get_title())
def test_figures_can_be_saved_and_describe_themselves(figure, tmp_path):
    assert isinstance(figure, DescribedFigure) and len(figure.alt) > 10
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 2_000


def test_gradient_flow_draws_the_numbers_it_is_given():
    axes = plots.gradient_flow({"net": {"a": 1e-9, "b": 1e-3, "c": 1.0}}, bound=0.25).axes[0]
    measured, bound = axes.lines
    assert list(measured.get_ydata()) == [1e-9, 1e-3, 1.0]
    assert list(bound.get_ydata()) == [1 / 16, 1 / 4, 1.0]
    assert axes.get_yscale() == "log"


def test_learning_curves_name_the_source_of_the_images():
    axes = plots.learning_curves(histories(), "test_accuracy").axes[0]
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.5, 0.6, 0.7])
    assert "drawn-garments" in axes.get_title(loc="left")


def displayed(thing) -> list:
    InteractiveShell.instance()
    with capture_output() as captured:
        thing._ipython_display_()
    return captured.outputs


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (plots.learning_curves(histories()), "image/png"),
        (draw.function_classes(), "image/svg+xml"),
    ],
)
def test_shown_pictures_carry_their_description_twice(thing, kind):
    picture, words = displayed(thing)
    assert picture.metadata[kind]["alt"] == thing.alt == picture.data["text/plain"]
    assert thing.alt.split(".")[0] in words.data["text/html"]
    assert "<summary>" in words.data["text/html"]


def test_a_shown_figure_is_smaller_and_looks_the_same():
    figure = plots.learning_curves(histories())
    full = io.BytesIO()
    figure.savefig(full, format="png", facecolor="white")
    shown = base64.b64decode(displayed(figure)[0].data["image/png"])
    assert len(shown) < 0.7 * full.tell()
    before, after = (
        np.asarray(Image.open(f).convert("RGB"), int) for f in (full, io.BytesIO(shown))
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 0.5  # of 255


@pytest.mark.parametrize(
    "picture",
    [
        draw.block(trace(BasicBlock(64, 128, 2), (64, 56, 56)), "a block"),
        draw.block(trace(Bottleneck(256, 64), (256, 56, 56)), "a block"),
        draw.network(trace(create_model("resnet18"), (3, 64, 64)).grouped(2), "a network"),
        draw.function_classes(),
    ],
)
def test_svg_is_well_formed_with_title_and_description(picture):
    root = ElementTree.fromstring(picture)
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text == picture.alt
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", picture)


def test_a_block_shows_its_shapes_and_its_projection_dashed():
    picture = draw.block(trace(BasicBlock(64, 128, 2), (64, 56, 56)), "block")
    texts = svg_texts(picture)
    assert {"64×56×56", "128×28×28", "3×3, stride 2", "3×3, stride 1", "+"} <= set(texts)
    assert "conv 1×1, stride 2 → batch norm" in texts
    assert "stroke-dasharray" in picture


def test_an_identity_shortcut_is_solid_and_a_plain_block_has_none():
    identity = draw.block(trace(BasicBlock(64, 64), (64, 56, 56)), "block")
    plain = draw.block(trace(BasicBlock(64, 64, shortcut="none"), (64, 56, 56)), "block")
    assert "stroke-dasharray" not in identity and "identity: the input itself" in svg_texts(
        identity
    )
    assert "+" in svg_texts(identity) and "+" not in svg_texts(plain)


def test_a_network_has_one_bar_per_block_in_proportion():
    passage = trace(create_model("resnet34"), (3, 224, 224)).grouped(2)
    root = ElementTree.fromstring(draw.network(passage, "ResNet-34"))
    heights = [float(r.get("height")) for r in root.iter(f"{SVG}rect") if r.get("stroke")]
    # The picture, conv1, maxpool, 16 blocks, avgpool, fc; 10 points of margin, the rest to scale.
    assert len(heights) == 21
    assert (heights[0] - 10) / (heights[1] - 10) == pytest.approx(2)
    assert (heights[1] - 10) / (heights[3] - 10) == pytest.approx(2)
    assert heights[3] == heights[5] > heights[6]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "kernel", "padding"), [(8, 3, 1), (9, 3, 1), (8, 1, 0), (7, 3, 0)]
)
def test_windows_counts_as_a_convolution_does(size, kernel, padding, stride):
    convolution = nn.Conv1d(1, 1, kernel, stride, padding)
    windows = convolution(torch.zeros(1, 1, size)).shape[-1]
    root = ElementTree.fromstring(draw.windows(size, kernel, stride, padding))
    assert len(list(root.iter(f"{SVG}circle"))) == windows  # a dot in the middle of each
    # Cells that no window reads have no influence on the sum of the output.
    line = torch.zeros(1, 1, size + 2 * padding, requires_grad=True)
    nn.functional.conv1d(line, torch.ones(1, 1, kernel), stride=stride).sum().backward()
    assert len(list(root.iter(f"{SVG}path"))) == 2 * int((line.grad == 0).sum())


def test_windows_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="up to 16 pixels"):
        draw.windows(17, 3, 1, 1)
    with pytest.raises(ValueError, match="a window that fits"):
        draw.windows(4, 7, 1, 1)


def test_names_that_look_like_markup_are_escaped():
    class Evil(nn.Module):
        def forward(self, x):
            return x * 2

    Evil.__name__ = "<script>alert(1)</script>"
    model = nn.Sequential(Evil(), nn.Conv2d(3, 3, 1))
    picture = draw.block(trace(model, (3, 8, 8)), '"><script>')
    assert "<script" not in picture
    assert Evil.__name__ in svg_texts(picture)
    words = displayed(picture)[1].data["text/html"]
    assert "<script" not in words
