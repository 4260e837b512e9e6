"""SVG pictures: the right numbers, safe text; all pictures show themselves with a description."""

from __future__ import annotations

import base64
import io
import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from helpers import SVG, Net, texts
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image
from torch import nn
from torchvision import models

from resnet_course import BasicBlock, Bottleneck, create_model, trace
from resnet_course.pictures import draw, plots

IDENTITY = "identity: the input itself"
ROUTES = [["1×1, 8→4"], ["1×1, 8→2", "5×5, 2→4"]]


def found(picture, kind) -> list:
    return list(ElementTree.fromstring(picture).iter(f"{SVG}{kind}"))


def block(layer: nn.Module, **options):
    return draw.block(trace(layer, (64, 8, 8)), "b", **options)


def figure():
    return plots.lines([0, 1], {"a": [1, 2]}, title="", xlabel="", ylabel="", alt="A line.")


def displayed(thing) -> list:
    InteractiveShell.instance()
    with capture_output() as captured:
        thing._ipython_display_()
    return captured.outputs


@pytest.mark.parametrize(
    ("thing", "kind"), [(figure(), "image/png"), (draw.windows(8, 3, 1, 1), "image/svg+xml")]
)
def test_shown_pictures_carry_their_description_twice(thing, kind):
    picture, words = displayed(thing)
    assert picture.metadata[kind]["alt"] == thing.alt == picture.data["text/plain"]
    assert thing.alt.split(".")[0] in words.data["text/html"]
    assert "<summary>" in words.data["text/html"]


def test_a_shown_figure_is_smaller_and_looks_the_same():
    full = io.BytesIO()
    figure().savefig(full, format="png", facecolor="white")
    shown = base64.b64decode(displayed(figure())[0].data["image/png"])
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
        draw.network(trace(create_model("resnet18"), (3, 64, 64)).grouped(2), "a network"),
        draw.windows(8, 3, 1, 1),
        draw.paths("Block", [draw.ParallelPaths("A", "8", ROUTES, "concatenate", "8")]),
    ],
)
def test_svg_is_well_formed_with_title_and_description(picture):
    root = ElementTree.fromstring(picture)
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text == picture.alt
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", picture)


def test_a_block_shows_its_shapes_and_its_projection_dashed():
    picture = draw.block(trace(BasicBlock(64, 128, 2), (64, 56, 56)), "block")
    shown = texts(picture)
    assert {"64×56×56", "128×28×28", "3×3", "stride 2", "stride 1", "+"} <= set(shown)
    assert "conv 1×1, stride 2 → batch norm" in shown
    assert "stroke-dasharray" in picture


def test_an_identity_shortcut_is_solid_and_a_plain_block_has_none():
    through_identity, through_nothing = BasicBlock(64, 64), BasicBlock(64, 64)
    through_identity.downsample = nn.Identity()
    through_nothing.downsample = nn.Sequential()
    for layer in (BasicBlock(64, 64), through_identity, through_nothing):
        picture = block(layer, hide=["ReLU"])
        assert {"+", IDENTITY} <= set(texts(picture)) and "stroke-dasharray" not in picture
    assert "+" not in texts(block(BasicBlock(64, 64, shortcut="none")))


def test_a_block_can_hide_its_batch_norm():
    whole, short = (block(Bottleneck(64, 32, 2), hide=hide) for hide in ([], ["BatchNorm2d"]))
    assert texts(whole).count("batch") == texts(whole).count("norm") == 3
    assert "batch" not in texts(short)
    assert "conv 1×1, stride 2" in texts(short)  # on the shortcut too
    assert "batch norm" in whole.alt and "batch norm" not in short.alt
    assert texts(short).count("conv") == 3 and "+" in texts(short)


def test_paths_that_are_equally_long_have_no_shortcut():
    layers = {"conv": nn.Conv2d(8, 8, 3, padding=1), "proj": nn.Conv2d(8, 8, 1)}
    picture = draw.block(
        trace(Net(lambda own, x: own.conv(x) + own.proj(x), **layers), (8, 9, 9)), "two"
    )
    assert IDENTITY not in texts(picture) and "+" in texts(picture)
    assert "shortcut" not in picture.alt and "paths of equal length" in picture.alt


def test_the_sums_of_a_block_count_what_is_hidden():
    whole, short = (
        block(Bottleneck(64, 32, 2), hide=hide, costs=True) for hide in ([], ["BatchNorm2d"])
    )
    params = sum(p.numel() for p in Bottleneck(64, 32, 2).parameters())
    for picture in (whole, short):
        assert f"{params:,}" in texts(picture) and f"{params:,} parameters" in picture.alt


def test_a_network_has_one_bar_per_block_in_proportion():
    passage = trace(create_model("resnet34"), (3, 224, 224)).grouped(2)
    bars = [bar for bar in found(draw.network(passage, "ResNet-34"), "rect") if bar.get("stroke")]
    # The picture, conv1, maxpool, 16 blocks, avgpool, fc; 10 points of margin, the rest to scale.
    assert len(bars) == 21
    heights = [float(bar.get("height")) - 10 for bar in bars]
    assert heights[:2] == pytest.approx([4 * heights[3], 2 * heights[3]])
    assert heights[3] == heights[5] > heights[6]
    assert "from left to right lower and wider" in draw.network(passage, "ResNet-34").alt
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 2, 4, stride=2))
    assert "lower" not in draw.network(trace(layers, (1, 8, 8)), "Up again").alt
    same = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)))
    assert "lower" not in draw.network(trace(same, (8, 8, 8)), "All the same").alt


def test_the_bars_of_a_network_know_channels_that_come_last():
    passage = trace(models.swin_t(weights=None), (3, 224, 224)).grouped(2)
    picture = draw.network(passage, "Swin")
    assert "from left to right lower and wider" in picture.alt
    bars = [bar for bar in found(picture, "rect") if bar.get("stroke")]
    assert float(bars[0].get("height")) == pytest.approx(140)
    assert float(bars[1].get("height")) == pytest.approx(10 + 130 / 4)
    volume = nn.Sequential(nn.Conv3d(1, 16, 1), nn.Flatten(), nn.Linear(16 * 4 * 4 * 2, 1))
    row = trace(volume, torch.zeros(1, 1, 4, 4, 2))[0]
    assert draw._channels(row) == 16
    assert float(bars[-5].get("height")) == pytest.approx(10 + 130 / 32)  # the last norm


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "kernel", "padding"), [(8, 3, 1), (9, 3, 1), (8, 1, 0), (7, 3, 0)]
)
def test_windows_counts_as_a_convolution_does(size, kernel, padding, stride):
    picture = draw.windows(size, kernel, stride, padding)
    # Cells that no window reads have no influence on the sum of the output.
    line = torch.zeros(1, 1, size + 2 * padding, requires_grad=True)
    windows = nn.functional.conv1d(line, torch.ones(1, 1, kernel), stride=stride)
    windows.sum().backward()
    assert len(found(picture, "circle")) == windows.numel()  # a dot in the middle of each
    assert len(found(picture, "path")) == 2 * int((line.grad == 0).sum())


def test_paths_show_every_layer_and_the_joints():
    one = draw.ParallelPaths("A", "8 channels", ROUTES, "concatenate", "6 channels")
    other = draw.ParallelPaths("B", "8 in", [*ROUTES, []], "+", "16 out", after=["1×1, 4→16"])
    picture = draw.paths("Blocks", [one, other])
    shown = texts(picture)
    assert shown.count("8→4") == shown.count("8→2") == shown.count("2→4") == 2
    assert {"Blocks", "A", "8 channels", "5×5", "concatenate", "6 channels"} <= set(shown)
    assert {"B", "8 in", "+", "4→16", "16 out", "the input", "split", "merge"} <= set(shown)
    assert len(found(picture, "circle")) == 1
    assert f"{one.words} {other.words}" == picture.alt
    assert "8 channels go into 2 paths: 1×1, 8→4; 1×1, 8→2 → 5×5, 2→4." in one.words
    assert "5×5, 2→4; the input itself." in other.words
    assert other.words.endswith("joined by +, then 1×1, 4→16, 16 out come out.")


def test_paths_run_from_above_and_blocks_meet_at_one_height():
    blocks = [
        draw.ParallelPaths("short", "8", ROUTES, "concatenate", "6"),
        draw.ParallelPaths("long", "8", [["a", "b", "c"], []], "+", "9"),
    ]
    words = found(draw.paths("Blocks", blocks), "text")
    at = {each.text: (float(each.get("x")), float(each.get("y"))) for each in words}
    assert at["8→4"][1] == at["8→2"][1] < at["2→4"][1]  # one column per path
    assert at["8→4"][0] < at["8→2"][0] == at["2→4"][0] < at["a"][0] == at["c"][0]
    assert at["concatenate"][1] == pytest.approx(at["+"][1], abs=4)
    assert at["+"][1] > at["c"][1]


@pytest.mark.parametrize("joint", ["+", "concatenate"])
@pytest.mark.parametrize("name", ["B", "a name much wider than its one path"])
def test_paths_stay_on_the_paper_and_beside_each_other(joint, name):
    one = draw.ParallelPaths(name, "8", [["a"] * 3], joint, "8")
    many = draw.ParallelPaths(name, "8", [["a"] * 3, ["b"]] * 2, joint, "8", after=["c"])
    picture = draw.paths("Blocks", [one, many, one])
    _, _, width, height = map(float, ElementTree.fromstring(picture).get("viewBox").split())
    sides = []
    for box in (box for box in found(picture, "rect") if box.get("stroke")):
        left, top, wide, tall = (float(box.get(k)) for k in ("x", "y", "width", "height"))
        assert left > 0 and left + wide < width and top + tall < height
        sides.append((top, left, left + wide))
    for (top, _, right), (next_top, left, _) in itertools.pairwise(sorted(sides)):
        assert top != next_top or right < left


def test_names_that_look_like_markup_are_escaped():
    class Evil(nn.Module):
        def forward(self, x):
            return x * 2

    Evil.__name__ = "<script>alert(1)</script>"
    model = nn.Sequential(Evil(), nn.Conv2d(3, 3, 1))
    picture = draw.block(trace(model, (3, 8, 8)), '"><script>')
    assert "<script" not in picture
    assert Evil.__name__ in texts(picture)
    assert "<script" not in displayed(picture)[1].data["text/html"]


def test_a_layer_that_is_never_used_is_no_step_on_the_way():
    with_spare = BasicBlock(64, 64)
    with_spare.spare = nn.Conv2d(64, 64, 1)
    drawn = draw.block(trace(with_spare, (64, 8, 8)), "b")
    assert drawn == draw.block(trace(BasicBlock(64, 64), (64, 8, 8)), "b")


def test_a_stride_of_its_own_for_each_axis_is_told():
    conv = nn.Conv2d(1, 8, 3, stride=(1, 2), padding=1)
    assert "3×3, stride 1×2" in draw.block(trace(conv, (1, 8, 8)), "t").alt
