"""The tracer's numbers against torchinfo, d2l's book, exact formulas and a golden table."""

import math

import pytest
import torch
import torchvision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock
from resnet_course.resnet import CONFIGS, create_model
from resnet_course.tracing import trace

GOLDEN = """\
layer         kind         input  output  parameters  multiply-adds  sees
conv1         Conv2d       2×8×8  4×4×4           72          1,152  3 px
bn1           BatchNorm2d  4×4×4  4×4×4            8              0  3 px
relu          ReLU         4×4×4  4×4×4            0              0  3 px
conv2         Conv2d       4×4×4  4×4×4          144          2,304  7 px
bn2           BatchNorm2d  4×4×4  4×4×4            8              0  7 px
downsample.0  Conv2d       2×8×8  4×4×4            8            128  1 px
downsample.1  BatchNorm2d  4×4×4  4×4×4            8              0  1 px
add           add          4×4×4  4×4×4            0              0  7 px
relu          ReLU         4×4×4  4×4×4            0              0  7 px
total                                            248          3,584"""


def test_table_of_a_small_block():
    table = trace(BasicBlock(2, 4, 2), (1, 2, 8, 8))
    assert str(table) == repr(table) == GOLDEN


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnext50_32x4d", "resnet20", "plain8", "mobilenet_v2"]
)
def test_layers_agree_with_torchinfo(name):
    torchinfo = pytest.importorskip("torchinfo", reason="needs torchinfo as an oracle")
    model = create_model(name) if name in CONFIGS else torchvision.models.get_model(name)
    size = (3, 32, 32) if name == "resnet20" else (3, 96, 64)
    infos = torchinfo.summary(model, (2, *size), verbose=0)
    infos = [info for info in infos.summary_list if info.is_leaf_layer and info.num_params]
    rows = [row for row in trace(model, (2, *size)) if row.params]
    assert len(rows) > 10
    for row, info in zip(rows, infos, strict=True):
        assert (row.kind, row.params) == (info.class_name, info.num_params)
        assert list(row.in_shape) == info.input_size[1:]
        assert list(row.out_shape) == info.output_size[1:]
        if row.kind == "Conv2d":  # torchinfo also counts biases and batch normalisation
            assert info.module.bias is None
            assert row.macs * 2 == info.macs


@given(
    size=st.tuples(*[st.integers(1, 40)] * 2),
    kernel=st.tuples(*[st.integers(1, 5)] * 2),
    stride=st.tuples(*[st.integers(1, 4)] * 2),
    padding=st.tuples(*[st.integers(0, 3)] * 2),
    dilation=st.tuples(*[st.integers(1, 3)] * 2),
    groups=st.sampled_from([1, 2, 6]),
    batch=st.integers(1, 3),
)
@settings(deadline=None, max_examples=80)
def test_convolution_arithmetic(size, kernel, stride, padding, dilation, groups, batch):
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    steps = [
        (n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, spans, stride, strict=True)
    ]
    assume(min(n + 2 * p - k for n, p, k in zip(size, padding, spans, strict=True)) >= 0)
    conv = nn.Conv2d(6, 12, kernel, stride, padding, dilation, groups)
    row = trace(conv, (batch, 6, *size))[0]
    assert row.out_shape == (12, *steps)
    assert (row.stride, row.padding, row.groups) == (stride, padding, groups)
    assert row.kernel == tuple(spans)  # with its gaps
    assert row.params == 12 * (6 // groups) * math.prod(kernel) + 12
    assert row.macs == 12 * math.prod(steps) * (6 // groups) * math.prod(kernel)
    assert row.receptive_field == max(spans)


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 5),
    stride=st.none() | st.integers(1, 4),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 3),
    kind=st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]),
)
@settings(deadline=None, max_examples=60)
def test_pooling_arithmetic(size, kernel, stride, padding, dilation, kind):
    dilation = dilation if kind is nn.MaxPool2d else 1
    span = dilation * (kernel - 1) + 1
    assume(size + 2 * padding >= span and padding <= kernel // 2)
    pool = kind(kernel, stride, padding, **({"dilation": dilation} if dilation > 1 else {}))
    row = trace(pool, (1, 3, size, 40))[0]
    assert row.out_shape[:2] == (3, (size + 2 * padding - span) // (stride or kernel) + 1)
    assert (row.kernel, row.stride) == ((span,) * 2, (stride or kernel,) * 2)
    assert (row.padding, row.groups, row.params, row.macs) == ((padding,) * 2, None, 0, 0)
    assert row.receptive_field == span


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_of_every_dimension(n, transposed):
    make = getattr(nn, f"Conv{'Transpose' * transposed}{n}d")
    conv = make(4, 6, 4, stride=2, padding=1, groups=2)
    row = trace(conv, torch.zeros(3, 4, *[10] * n))[0]
    out = 20 if transposed else 5
    assert (row.out_shape, row.kernel, row.groups) == ((6, *[out] * n), (4,) * n, 2)
    # Every input value of a transposed one meets the whole kernel.
    assert row.macs == (4 * 10**n * 3 if transposed else 6 * 5**n * 2) * 4**n
    assert row.params == sum(p.numel() for p in conv.parameters())


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name(padding):
    row = trace(nn.Conv2d(1, 1, 3, padding=padding), (1, 1, 8, 8))[0]
    assert row.padding == ((1, 1) if padding == "same" else (0, 0))
    assert row.out_shape == ((1, 8, 8) if padding == "same" else (1, 6, 6))


def test_batch_size_changes_nothing():
    model = create_model("resnet18", num_classes=10)
    assert trace(model, (5, 3, 64, 64)).rows == trace(model, (1, 3, 64, 64)).rows
    assert trace(model, (3, 64, 64)).rows == trace(model, (1, 3, 64, 64)).rows


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet20"])
def test_groups_add_up(name):
    table = trace(create_model(name), (1, 3, 64, 64))
    stages, blocks = table.grouped(1), table.grouped(2)
    for grouped in (stages, blocks):
        assert (grouped.params, grouped.macs) == (table.params, table.macs)
        assert grouped[0].in_shape == (3, 64, 64)
        assert grouped[-1].out_shape == (table[-1].out_shape[0],)
    depths = CONFIGS[name].depths
    assert len([row for row in blocks if row.name.startswith("layer")]) == sum(depths)
    for i, depth in enumerate(depths, start=1):
        stage = table.within(f"layer{i}")
        row = stages[f"layer{i}"]
        assert (row.params, row.macs) == (stage.params, stage.macs)
        assert (row.in_shape, row.out_shape) == (stage[0].in_shape, stage[-1].out_shape)
        assert row.kind == f"{len(stage)} steps"
        inside = [table.within(f"layer{i}.{j}") for j in range(depth)]
        assert sum((part.rows for part in inside), ()) == stage.rows
        assert sum(part.macs for part in inside) == stage.macs > 0


def test_within_takes_whole_names_only():
    table = trace(nn.Sequential(*[nn.Linear(2, 2) for _ in range(11)]), (1, 2))
    assert [row.name for row in table.within("1")] == ["1"]


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock])
@pytest.mark.parametrize("shortcut", ["projection", "zero_pad"])
def test_every_block_has_one_shortcut(block, shortcut):
    table = trace(block(8, 16, 2, shortcut=shortcut), (1, 8, 8, 8))
    found = [row.name for row in table if row.path == "shortcut"]
    assert found == (["downsample"] if shortcut == "zero_pad" else ["downsample.0", "downsample.1"])
    for same in (block(16, 16 // block.expansion), block(8, 16, 2, shortcut="none")):
        channels = next(same.parameters()).shape[1] if block is not PreActBlock else 0
        channels = channels or same.bn1.num_features
        rows = trace(same, (1, channels, 8, 8))
        assert {row.path for row in rows} == {"main"}


def test_d2l_book_shapes():
    """Chapter 8.6 prints the output shapes of its ResNet-18 for (1, 1, 96, 96)."""
    d2l = pytest.importorskip("d2l.torch", reason="d2l does not install on this Python")
    book = [(64, 24, 24), (64, 24, 24), (128, 12, 12), (256, 6, 6), (512, 3, 3), (10,)]
    lazy = nn.Sequential()
    lazy.add_module("b1", d2l.nn.Sequential(d2l.nn.LazyConv2d(64, 7, 2, 3), nn.MaxPool2d(3, 2, 1)))
    for i, channels in enumerate((64, 128, 256, 512)):
        first = d2l.Residual(channels, use_1x1conv=i > 0, strides=2 if i else 1)
        lazy.add_module(f"b{i + 2}", nn.Sequential(first, d2l.Residual(channels)))
    lazy.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(10)))
    theirs = trace(lazy, (1, 1, 96, 96))
    assert [row.out_shape for row in theirs.grouped(1)] == book
    ours = trace(create_model("resnet18", in_channels=1, num_classes=10), (1, 1, 96, 96))
    stages = ours.grouped(1)
    assert [stages["maxpool"].out_shape] == book[:1]
    assert [stages[f"layer{i}"].out_shape for i in (1, 2, 3, 4)] == book[1:5]
    assert stages["fc"].out_shape == book[5]
    shortcuts = [row for row in theirs if row.path == "shortcut"]
    assert [row.name for row in shortcuts] == [f"b{i}.0.conv3" for i in (3, 4, 5)]


def test_d2l_resnext_block_confuses_groups_with_group_width():
    """Its text says 16 groups; its code makes 32 / 16 = 2 of them."""
    d2l = pytest.importorskip("d2l.torch", reason="d2l does not install on this Python")
    table = trace(d2l.ResNeXtBlock(32, 16, 1, use_1x1conv=True, strides=2), (1, 32, 8, 8))
    assert table["conv2"].groups == 2
    assert table["conv2"].macs == 32 * 4 * 4 * (32 // 2) * 9
    assert [row.name for row in table if row.path == "shortcut"] == ["conv4", "bn4"]
    assert table[-1].out_shape == (32, 4, 4)
    right = trace(Bottleneck(32, 8, 2, groups=16, base_width=16), (1, 32, 8, 8))
    assert right["conv2"].groups == 16
    assert right["conv2"].macs * 8 == table["conv2"].macs
