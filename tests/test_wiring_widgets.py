"""BlockBuilder and GroupedConvExplorer: right pictures, right numbers, and mistakes explained."""

from __future__ import annotations

import re
from itertools import product
from xml.etree import ElementTree

import pytest
import torch
from helpers import SVG, count, texts
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock
from resnet_course.pictures import draw
from resnet_course.pictures.channel_diagrams import channels
from resnet_course.tracing import trace
from resnet_course.widgets import BlockBuilder, GroupedConvExplorer
from resnet_course.widgets.slider import place_slider


@pytest.mark.parametrize("make", [BasicBlock, Bottleneck])
def test_a_builder_agrees_with_pytorch_about_what_can_be_added(make):
    for in_channels, width, stride, size in product((16, 64), (16, 64), (1, 2), (3, 14)):
        builder = BlockBuilder(make.__name__, in_channels, width, stride, size=size)
        block = make(in_channels, width, stride, shortcut="none")
        block.shortcut = "identity"  # adds the input as it is
        try:
            out = block.eval()(torch.zeros(1, in_channels, size, size))
            shape = "×".join(map(str, out.shape[1:]))
            assert shape in texts(builder.picture.value)
            assert "identity: the input itself" in texts(builder.picture.value)
        except RuntimeError:
            assert "#B3001B" in builder.picture.value
            assert "cannot be added" in builder.still().alt


@pytest.mark.parametrize("size", [4, 56, 224])
def test_every_height_that_is_asked_for_is_shown(size):
    builder = BlockBuilder("BasicBlock", 64, 64, 1, size=size)
    assert f"64×{size}×{size}" in texts(builder.picture.value)


def test_the_reason_names_what_differs():
    both = BlockBuilder("BasicBlock", 64, 128, 2)
    words = " ".join(texts(both.picture.value))
    assert "128×28×28" in words and "64×56×56" in words
    assert "128 channels against 64" in words and "28×28 against 56×56" in words
    only_channels = BlockBuilder("BasicBlock", 64, 128, 1).still().alt
    assert "128 channels against 64" in only_channels and "maps of" not in only_channels


def test_the_right_shortcut_mends_the_picture():
    builder = BlockBuilder("BasicBlock", 64, 128, 2)
    assert "#B3001B" in builder.picture.value
    builder.shortcut.value = "projection"
    assert "conv 1×1, stride 2 → batch norm" in texts(builder.picture.value)
    builder.shortcut.value = "zero_pad"
    assert "#B3001B" not in builder.picture.value
    builder.in_channels.value = 256
    assert "not remove them: 256 channels come in and" in " ".join(texts(builder.picture.value))
    builder.shortcut.value = "none"
    assert "128×28×28" in texts(builder.picture.value) and "+" not in texts(builder.picture.value)


def test_a_shortcut_that_changes_nothing_says_so():
    for shortcut in ("projection", "zero_pad"):
        assert "shapes are equal already" in BlockBuilder(shortcut=shortcut).describe()
        for other in ({"stride": 2}, {"channels": 128}, {"block": "Bottleneck"}):
            assert "equal already" not in BlockBuilder(shortcut=shortcut, **other).describe()
    assert "equal already" not in BlockBuilder().describe()


def test_every_choice_of_the_controls_draws_something():
    builder = BlockBuilder(size=9)
    for control in (builder.block, builder.shortcut, builder.stride, builder.channels):
        for value in [v[1] if isinstance(v, tuple) else v for v in control.options]:
            control.value = value
            root = ElementTree.fromstring(builder.picture.value)
            assert root.find(f"{SVG}desc").text == builder.describe()


@pytest.mark.parametrize("make", [BasicBlock, Bottleneck, PreActBlock])
@pytest.mark.parametrize("shortcut", ["projection", "zero_pad", "none"])
def test_what_a_block_costs_is_what_the_real_block_costs(make, shortcut):
    for width, stride in ((64, 1), (128, 2)):
        real = make(64, width, stride, shortcut=shortcut)
        rows = trace(real, (64, 20, 20))
        builder = BlockBuilder(make.__name__, 64, width, stride, shortcut, 20)
        shown = texts(builder.picture.value)
        assert f"{count(real):,} parameters, {rows.macs:,} multiply-adds" in builder.describe()
        assert {f"{count(real):,}", f"{rows.macs:,}", "in all"} <= set(shown)
        for row in rows:
            own = {f"{row.params:,}"} if row.params else set()
            own |= {f"{row.macs:,}"} if row.macs else set()
            assert row.path == "shortcut" or own <= set(shown), row.name
        side = [row for row in rows if row.path == "shortcut"]
        params, macs = sum(row.params for row in side), sum(row.macs for row in side)
        words = f"{params:,} parameters, {macs:,} multiply-adds"
        assert (words in shown) == (params > 0)


@pytest.mark.parametrize(("name", "norms"), [("BasicBlock", 2), ("Bottleneck", 3)])
def test_every_batch_norm_is_drawn_with_letters_that_can_be_read(name, norms):
    for shortcut in ("projection", "identity", "none"):
        picture = BlockBuilder(name, 256, 128, 2, shortcut).still()
        assert texts(picture).count("batch") == texts(picture).count("norm") == norms
        root = ElementTree.fromstring(picture)
        scale = float(root.get("width")) / float(root.get("viewBox").split()[2])
        sizes = [float(each.get("font-size")) for each in root.iter(f"{SVG}text")]
        assert min(sizes) * scale >= 11.9 and float(root.get("width")) <= 860


def test_a_bottleneck_says_why_it_gives_four_times_as_many_channels():
    builder = BlockBuilder("Bottleneck", 256, 128, 1, "projection")
    for shortcut in ("projection", "identity", "none"):
        builder.shortcut.value = shortcut
        assert "128 channels give 512" in builder.describe()
        assert "4 · 128 = 512" in " ".join(texts(builder.picture.value))
    builder.block.value = "BasicBlock"
    assert "channels give" not in builder.describe()


def test_the_button_at_the_plus_takes_the_shortcut_away_and_brings_it_back():
    builder = BlockBuilder("BasicBlock", 64, 128, 2, "projection")
    on = builder.picture.value
    assert builder.switch.value and builder.switch.description == "shortcut: on"
    builder.switch.value = False
    assert builder.shortcut.value == "none" and builder.switch.description == "shortcut: off"
    assert "+" not in texts(builder.picture.value)
    assert builder.describe() == BlockBuilder("BasicBlock", 64, 128, 2, "none").describe()
    builder.switch.value = True
    assert builder.shortcut.value == "projection" and builder.picture.value == on
    builder.shortcut.value = "none"
    assert not builder.switch.value
    builder.shortcut.value = "zero_pad"
    assert builder.switch.value
    plain = BlockBuilder(shortcut="none")
    plain.switch.value = True
    assert plain.shortcut.value == "identity"


@pytest.mark.parametrize("name", ["BasicBlock", "Bottleneck", "PreActBlock"])
def test_the_button_stands_at_the_plus(name):
    builder = BlockBuilder(name, 64, 64, 2, "projection")
    root = ElementTree.fromstring(builder.picture.value)
    (circle,) = root.iter(f"{SVG}circle")
    top, left = re.findall(r"([\d.]+)%", builder.switch.layout.margin)
    width = float(root.get("width"))
    assert float(left) / 100 * width == pytest.approx(float(circle.get("cx")), abs=0.2)
    below = float(top) / 100 * width - float(circle.get("cy")) - float(circle.get("r"))
    assert 0 < below < 40
    assert f"{width:.0f}px" in builder._stage.layout.width
    builder.switch.value = False  # nothing moves
    assert (f"{top}%", f"{left}%") == tuple(re.findall(r"[\d.]+%", builder.switch.layout.margin))


@pytest.mark.parametrize(("a", "b", "groups"), [(8, 8, 1), (6, 9, 3), (4, 16, 2), (16, 16, 16)])
def test_the_lines_are_the_weights_and_every_dot_says_what_feeds_it(a, b, groups):
    # The weight of a convolution that is one everywhere: which input reaches which output?
    weight = torch.ones(b, a // groups, 1, 1)
    reach = nn.functional.conv2d(torch.eye(a)[:, :, None, None], weight, groups=groups)
    pairs = [tuple(pair) for pair in reach.squeeze().nonzero().tolist()]
    assert len(pairs) == weight.numel()
    picture = channels(a, b, groups)
    assert f"{weight.numel()} of {a * b} lines" in texts(picture)
    assert f"{weight.numel()} lines between them" in picture.alt
    root = ElementTree.fromstring(picture)
    lines = [tuple(map(int, re.findall(r"\d+", p.get("class")))) for p in root.iter(f"{SVG}path")]
    assert sorted(lines) == pairs
    dots = [g for g in root.iter(f"{SVG}g") if g.get("class") not in (None, "channels")]
    assert len(dots) == a + b
    for j in range(b):
        feeding = [i for i, out in pairs if out == j]
        (dot,) = (g for g in dots if f"out{j}" in g.get("class").split())
        first, last = feeding[0] + 1, feeding[-1] + 1
        channel = f"channel in {first}" if first == last else f"channels in {first} to {last}"
        assert dot.find(f"{SVG}title").text == f"channel out {j + 1} is fed by {channel}"
        lit = [
            i for i in range(a) for g in dots if {f"in{i}", f"to{j}"} <= {*g.get("class").split()}
        ]
        assert lit == feeding
        assert f".channels:has(.out{j}:hover)" in picture


def test_the_channels_fit_a_phone_with_their_words():
    root = ElementTree.fromstring(channels(16, 16, 2))
    width = float(root.get("width"))
    assert width <= 360
    for text in root.iter(f"{SVG}text"):
        half = len(text.text) * 0.65 * float(text.get("font-size")) / 2
        assert half <= float(text.get("x")) <= width - half, text.text
    for dot in root.iter(f"{SVG}circle"):
        assert 10 < float(dot.get("cx")) < width - 10


def test_the_numbers_follow_the_groups():
    widget = GroupedConvExplorer(8, 16, 4, size=10)
    conv = nn.Conv2d(8, 16, 3, groups=4, bias=False)
    cost = widget.cost
    assert cost["weights with these groups"] == conv.weight.numel()
    assert cost["multiply-adds with these groups"] == conv.weight.numel() * 100
    assert cost["weights without groups"] == 4 * cost["weights with these groups"]
    assert f"{conv.weight.numel():,}" in widget.numbers.value
    widget.groups.value = 8
    assert widget.cost["weights with these groups"] == 9 * 16
    assert "8 groups" in widget.describe() and "<table>" in widget.to_html()
    assert "A 3×3 convolution on a map of 10×10 has weights with these" in widget.describe()


def test_what_a_channel_says_to_the_mouse_stands_in_a_list_too():
    widget = GroupedConvExplorer(8, 8, 4)
    widget.points.shown.value = True
    assert widget.points.words.value.count("<li>") == 16
    assert "<li>channel out 3 is fed by channels in 3 to 4</li>" in widget.points.words.value
    widget.groups.value = 8
    assert "<li>channel out 3 is fed by channel in 3</li>" in widget.points.words.value


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((64, 128, 1), "add channels of zeros"),
        ((128, 128, 2), "skip pixels"),
        ((64, 128, 2), "skip pixels, add channels of zeros"),
    ],
)
def test_zero_padding_says_what_it_does(sizes, words):
    builder = BlockBuilder("BasicBlock", *sizes, "zero_pad")
    assert words in texts(builder.picture.value)
    assert f"carries {words} to" in builder.describe()


def test_a_zero_padding_that_changes_nothing_has_a_name_too():
    block = BasicBlock(64, 64, 2, shortcut="zero_pad")
    words = draw.block(trace(block, (64, 1, 1)), "b").alt
    assert "the shortcut carries the input as it is to the addition" in words


def test_the_groups_on_offer_divide_both_sides():
    widget = GroupedConvExplorer(8, 8, 8)
    widget.in_channels.value = 12
    assert list(widget.groups.options) == [1, 2, 4] and widget.groups.value == 4
    widget.out_channels.value = 7
    assert list(widget.groups.options) == [1]
    assert "12 channels in" in texts(widget.picture.value)
    # What was chosen comes back as soon as it fits again.
    widget.out_channels.value = widget.in_channels.value = 16
    assert widget.groups.value == 8
    widget.groups.value = 2
    widget.in_channels.value = 9
    widget.in_channels.value = 8
    assert widget.groups.value == 2


def test_a_slider_stays_in_its_range_and_its_buttons_too():
    back, slider, forward = place_slider(min=1, max=3, value=1)
    assert slider.description == "place" and slider.value == 1
    back.click()
    assert slider.value == 1
    for _ in range(4):
        forward.click()
    assert slider.value == 3
    slider.max = 2
    assert slider.value == 2
    slider.value = -7
    assert slider.value == 1
