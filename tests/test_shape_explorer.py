"""The explorer's pictures and its widget, without a browser."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch
import traitlets
from helpers import SVG, meta, texts
from resnet_course.pictures.explorer import Explorer
from resnet_course.pictures.network_strip import MOST_BARS, Strip
from torch import nn

from resnet_course import BasicBlock, trace
from resnet_course.widgets import ShapeExplorer


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.halved = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.whole = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        return self.halved(x) + self.whole(x)


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()), torch.zeros(1, 1, 28)),
        (nn.Sequential(nn.Embedding(9, 4)), torch.zeros(1, 7, dtype=torch.int64)),
        (nn.MultiheadAttention(8, 2, batch_first=True), [torch.zeros(1, 5, 8)] * 3),
    ],
)
def test_networks_for_other_inputs_than_pictures(model, example):
    explorer = ShapeExplorer(model, example)
    assert explorer.error == ""
    assert explorer.trace == trace(model, example)
    assert type(explorer.still()).__name__ == "Svg" and "<figure" in explorer.to_html()
    explorer.size_choice.value = 224  # the example stays
    assert explorer.trace == trace(model, example)


def test_shortcuts_say_where_they_start_and_end():
    table = trace(meta("resnet18"), (3, 224, 224))
    ends = [(table[s.start].name, table[s.end].name) for s in table.shortcuts]
    assert ends[:3] == [
        ("maxpool", "layer1.0.add"),
        ("layer1.0.relu", "layer1.1.add"),
        ("layer1.1.relu", "layer2.0.add"),
    ]
    layers = [[table[i].name for i in s.layers] for s in table.shortcuts]
    assert layers[2] == ["layer2.0.downsample.0", "layer2.0.downsample.1"]
    assert [bool(names) for names in layers] == [False, False] + [True, False] * 3
    (only,) = trace(BasicBlock(4, 4), (4, 8, 8)).shortcuts
    assert (only.start, only.layers) == (-1, ())
    assert trace(meta("plain20"), (3, 32, 32)).shortcuts == ()


@pytest.mark.parametrize(("name", "arcs", "dashed"), [("resnet34", 16, 3), ("resnet152", 50, 4)])
def test_the_strip_has_an_arc_for_every_shortcut_dashed_where_it_has_layers(name, arcs, dashed):
    strip = Strip(trace(meta(name), (3, 224, 224)))
    found = strip.arcs()
    assert (len(found), sum(has_layers for *_, has_layers in found)) == (arcs, dashed)
    assert all(left < right for left, right, _ in found)
    assert len(strip.bars) <= MOST_BARS
    for bar, following in zip(strip.bars, strip.bars[1:], strict=False):
        assert bar.x + bar.width < following.x
        assert following.first == bar.last + 1
    assert strip.bars[0].x >= 24 and strip.bars[-1].x + strip.bars[-1].width <= 897


def test_bars_are_to_scale():
    strip = Strip(trace(meta("resnet34"), (3, 224, 224)))
    tall = {bar.name: bar.height - 8 for bar in strip.bars}
    assert tall["layer1.0"] / tall["layer2.0"] == pytest.approx(2)
    assert tall["layer2.0"] / tall["layer4.0"] == pytest.approx(4)
    wide = {bar.name: bar.width for bar in strip.bars}
    assert wide["layer1.0"] < wide["layer2.0"] < wide["layer3.0"] < wide["layer4.0"]


def test_the_frame_of_the_first_strided_convolution_says_everything():
    table = trace(meta("resnet34"), (3, 224, 224))
    index = next(i for i, row in enumerate(table) if row.name == "layer2.0.conv1")
    frame = Explorer(table, "ResNet-34").frame(index)
    assert {
        "layer2.0.conv1",
        "64×56×56",
        "128×28×28",
        "3×3 convolution",
        "64 → 128 channels",
        "stride 2 · padding 1",
        "⌊(56 + 2·1 − 3) / 2⌋ + 1 = 28",
        "3·3·64·128 = 73,728",
        "73,728·28·28 = 57,802,752",
        "67 px",
        "392 KiB",
        "1×1, stride 2 → batch norm",
        "128×28×28 + 128×28×28",
    } <= set(texts(frame))
    assert "64×56×56 goes in, 128×28×28 comes out" in frame.alt


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (lambda: meta("resnet18"), (3, 224, 224)),
        (lambda: meta("resnext20_8x4d", in_channels=1), (1, 28, 28)),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Sigmoid()), (1, 28, 28)),
        (lambda: nn.Conv1d(2, 3, 5, stride=2), torch.zeros(1, 2, 40)),
        (lambda: nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 9, 9)),
        (lambda: BasicBlock(8, 16, stride=2), (8, 15, 20)),
    ],
)
def test_every_frame_of_any_network_is_well_formed_and_described(model, shape):
    explorer = Explorer(trace(model(), shape), "a network")
    for parts in (99, 2, 1):
        for place in explorer.places(parts):
            frame = explorer.frame(place, parts)
            root = ElementTree.fromstring(frame)
            assert root.find(f"{SVG}desc").text == frame.alt
            assert "nan" not in frame and "None" not in texts(frame)
            assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", frame)


def test_a_hostile_name_is_text():
    name = "<script>alert(1)</script>"
    model = nn.Sequential()
    model.add_module(name, nn.Conv2d(1, 1, 1))
    frame = Explorer(trace(model, (1, 4, 4)), name).frame(0)
    assert "<script" not in frame
    assert name in texts(frame)
    widget = ShapeExplorer(model, (1, 4, 4))
    assert "<script" not in widget.to_html() and "<script" not in widget.picture.value


def test_a_block_and_a_stage_are_one_step():
    explorer = Explorer(trace(meta("resnet18"), (3, 224, 224)), "ResNet-18")
    index = next(i for i, row in enumerate(explorer.trace) if row.name == "layer2.0.bn1")
    assert "layer2.0" in texts(explorer.frame(index, 2))
    assert "64×56×56" in texts(explorer.frame(index, 1))
    assert len(explorer.places(2)) == 4 + 8 + 3 and len(explorer.places(1)) == 11


def test_frames_that_do_not_exist():
    explorer = Explorer(trace(meta("resnet20"), (3, 32, 32)), "a")
    for index in (-1, len(explorer.trace)):
        with pytest.raises(IndexError, match=f"layer {index} does not exist"):
            explorer.frame(index)


# The widget.


def test_setting_the_layer_redraws_before_the_assignment_returns():
    widget = ShapeExplorer(meta("resnet34"), (1, 3, 224, 224))
    assert "conv1" in texts(widget.picture.value)
    for layer in (25, 124, 0):
        widget.layer = layer
        assert widget.trace[layer].name in texts(widget.picture.value)
        assert widget.slider.value == widget.play.value == layer


def test_the_buttons_the_slider_and_play_move_by_the_chosen_step():
    widget = ShapeExplorer("resnet18")
    widget.forward.click()
    assert widget.layer == 1
    widget.level_choice.value = "blocks"
    widget.slider.value = 5
    assert "layer1.1" in texts(widget.picture.value)
    widget.back.click()
    assert "layer1.0" in texts(widget.picture.value)
    widget.level = "stages"
    assert widget.level_choice.value == "stages" and widget.slider.max == widget.play.max == 10
    widget.level = "layers"
    assert widget.slider.value == widget.layer and widget.slider.max == len(widget.trace) - 1
    widget.play.value = 13
    assert widget.layer == widget.slider.value == 13
    for _ in range(3):
        widget.slider.value = 0
        widget.back.click()
    assert widget.layer == 0


@pytest.mark.parametrize("layer", [-1, 69, 10**6])
def test_a_layer_that_does_not_exist_leaves_the_picture(layer):
    widget = ShapeExplorer("resnet18")
    before = widget.picture.value
    with pytest.raises(traitlets.TraitError, match="from 0 to 68"):
        widget.layer = layer
    assert widget.picture.value == before and widget.layer == 0


def test_model_size_and_channels_can_be_chosen():
    widget = ShapeExplorer("resnet18")
    widget.layer = 20
    widget.model_choice.value = "resnet50"
    assert widget.layer == 0 and len(widget.trace) > 100
    widget.size_choice.value = 32
    assert "3×32×32" in texts(widget.picture.value)
    widget.channel_choice.value = 1
    assert widget.trace[0].in_shape == (1, 32, 32)
    with pytest.raises(traitlets.TraitError, match="one of stages, blocks, layers"):
        widget.level = "pixels"


def test_a_named_model_keeps_the_width_that_was_given():
    explorer = ShapeExplorer("resnet18", (1, 3, 224, 320))
    assert "64×112×160" in explorer.still().alt


def test_one_number_for_each_picture_can_be_drawn():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))
    explorer = ShapeExplorer(model, (1, 1, 2, 2))
    for layer in range(3):
        explorer.layer = layer
        assert texts(explorer.picture.value) and f"layer {layer + 1} of 3" in explorer.still().alt


def test_a_model_that_fails_shows_where_in_red_and_can_be_left():
    widget = ShapeExplorer(Broken(), (1, 3, 32, 32))
    assert widget.trace is None and "add cannot join" in widget.error
    for page in (widget.picture.value, widget.to_html()):
        assert 'role="alert"' in page and "#B3001B" in page
        assert "1×8×16×16 and 1×8×32×32" in page and "Traceback" not in page
    assert widget.slider.disabled
    widget.model_choice.value = "resnet20"
    assert widget.trace is not None and not widget.slider.disabled
    widget.model_choice.value = "your model"
    assert widget.trace is None


def test_a_module_of_your_own_can_have_a_name():
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    assert "Sequential" in texts(ShapeExplorer(model, (3, 9, 9)).picture.value)
    named = ShapeExplorer(model, (3, 9, 9), title="my first block")
    assert "my first block" in texts(named.picture.value)
    assert named.describe().startswith("my first block, layer 1 of 1")


def test_own_channels_are_kept_and_wrong_ones_are_explained():
    widget = ShapeExplorer(meta("resnet20", in_channels=1), (1, 28, 28))
    assert widget.trace[0].in_shape == (1, 28, 28)
    widget.channel_choice.value = 3
    assert "was built for 1 channels, but it gets 1×3×28×28" in widget.error


def test_the_static_form_holds_every_stage():
    widget = ShapeExplorer("resnet20", (3, 32, 32))
    page = widget.to_html()
    assert page.count("<img ") == len(widget.trace.grouped(1))
    assert 'alt="resnet20, layer 1 of' in page
