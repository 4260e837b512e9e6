"""Receptive fields against autograd: the pixels that really reach one output value."""

import copy

import pytest
import torch
from helpers import Net
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course.measure import measured_receptive_field
from resnet_course.resnet import create_model
from resnet_course.tracing import trace

# From FACTS.md: receptive field after layer1 to layer4.
STAGES = {
    "resnet18": (43, 99, 211, 435),
    "resnet34": (59, 179, 547, 899),
    "resnet50": (35, 91, 267, 427),
    "resnet101": (35, 91, 811, 971),
    "resnet152": (35, 155, 1291, 1451),
}


def seen_pixels(model, shape):
    """Return the first and last column of the input that the middle output value depends on.

    Weights are all positive and pooling averages, so that no path is blocked or cancelled.
    """
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MaxPool2d):
                average = nn.AvgPool2d(child.kernel_size, child.stride, child.padding)
                setattr(module, name, average)
    model = model.double().eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.fill_(0.1)
    x = torch.ones(shape, dtype=torch.double, requires_grad=True)
    out = model(x)
    middle = out[0, 0]
    for n in middle.shape:
        middle = middle[n // 2]
    middle.backward()
    columns = x.grad.abs().sum(dim=tuple(range(x.ndim - 1))).nonzero().flatten()
    return columns.min().item(), columns.max().item()


@pytest.mark.parametrize("name", STAGES)
def test_stages_have_the_reference_fields(name):
    stages = trace(create_model(name, widths=(16, 16, 16, 16)), (1, 3, 64, 64)).grouped(1)
    assert tuple(stages[f"layer{i}"].receptive_field for i in (1, 2, 3, 4)) == STAGES[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet8", "plain8"])
def test_field_of_a_network_is_what_autograd_finds(name):
    small = {"widths": (16, 16, 16, 16)} if name in STAGES else {}
    model = create_model(name, **small)
    names = ("conv1", "bn1", "relu", "maxpool", *model.stage_names)
    trunk = nn.Sequential(*map(model.get_submodule, names))
    field = trace(trunk, (1, 3, 64, 64))[-1].receptive_field
    size = 544 if name in STAGES else 96
    first, last = seen_pixels(trunk, (1, 3, size, size))
    assert 0 < first < last < size - 1
    assert last - first + 1 == field
    assert field == STAGES.get(name, [field])[-1]


layers = st.tuples(
    st.sampled_from(["conv", "pool"]), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2)
)


@given(st.lists(layers, min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_field_of_a_stack_is_what_autograd_finds(stack):
    modules = []
    for kind, kernel, stride, dilation in stack:
        if kind == "conv":
            padding = dilation * (kernel - 1) // 2
            modules.append(nn.Conv1d(1, 1, kernel, stride, padding, dilation))
        else:
            modules.append(nn.AvgPool1d(kernel, stride, kernel // 2))
    model = nn.Sequential(*modules)
    table = trace(model, torch.zeros(1, 1, 1500))
    assert [row.receptive_field for row in table] == sorted(row.receptive_field for row in table)
    first, last = seen_pixels(model, (1, 1, 1500))
    assume(first > 0 and last < 1499)  # else the border cuts the field off
    assert table[-1].receptive_field == last - first + 1


def test_transposed_convolution_against_autograd():
    model = nn.Sequential(
        nn.Conv1d(1, 1, 3, stride=2), nn.ConvTranspose1d(1, 1, 4, 2, 1), nn.Conv1d(1, 1, 3)
    )
    fields = []
    for crop in (60, 61):  # the two phases of the transposed convolution
        first, last = seen_pixels(model, (1, 1, crop))
        fields.append(last - first + 1)
    assert trace(model, torch.zeros(1, 1, 60))[-1].receptive_field == max(fields)


@pytest.mark.parametrize(("stride", "scale", "field"), [(2, 2, 5), (1, 0.5, 7)])
def test_resizing_moves_neighbours(stride, scale, field):
    first = nn.Conv2d(1, 2, 3, stride, padding=1)
    net = nn.Sequential(first, nn.Upsample(scale_factor=scale), nn.Conv2d(2, 1, 3, padding=1))
    assert trace(net, (1, 1, 32, 32))[-1].receptive_field == field
    assert measured_receptive_field(net, (1, 1, 32, 32)) == (field, field)


def test_where_paths_meet_the_wider_one_counts():
    wide, narrow = nn.Conv1d(1, 1, 7, padding=3), nn.Conv1d(1, 1, 3, padding=1)
    net = Net(
        lambda own, x: torch.cat([own.narrow(x), own.wide(x)], dim=1) + own.narrow(x),
        wide=wide,
        narrow=narrow,
    )
    table = trace(net, torch.zeros(1, 1, 30))
    assert [row.receptive_field for row in table] == [3, 7, 7, 3, 7]


def test_pooling_everything_sees_everything():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    table = trace(model, (1, 1, 16, 32))
    # 16 columns, 2 pixels apart, each 3 pixels wide: along the longer side.
    assert [row.receptive_field for row in table] == [3, 3 + 15 * 2, 3 + 15 * 2]
    flat = trace(nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Flatten()), (1, 1, 16, 32))
    assert flat[-1].receptive_field == 3 + 15 * 2


def test_dilated_pooling_sees_its_gaps():
    net = Net(lambda own, x: torch.max_pool2d(x, 3, 2, 1, 2))  # kernel, stride, padding, dilation
    row = trace(net, (1, 1, 16, 16))[0]
    assert (row.kernel, row.receptive_field) == ((5, 5), 5)


@pytest.mark.parametrize("side", [28, 29, 32, 224])
def test_zero_padding_shortcuts_see_the_same_at_odd_sizes(side):
    # 7 → 4 pixels by taking every second one: the step is 2, not 7 / 4.
    model = create_model("resnet8", stem="imagenet")
    passage = trace(model, (1, 3, side, side))
    assert passage.within("layer3").rows[-1].receptive_field == 99
