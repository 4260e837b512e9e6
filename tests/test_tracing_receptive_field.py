"""Receptive fields of a trace against the reference numbers and against counting by hand."""

import pytest
import torch
from helpers import Net
from torch import nn

from resnet_course.resnet import create_model
from resnet_course.tracing import trace

# Pixels, worked out by hand, after layer1 to layer4: a window of k adds (k − 1) · step, where step
# is how far apart its inputs lie. ResNet-18: 7 + 2 · 2 in the stem, 4 · (2 · 4) in layer1, so 43.
STAGES = {
    "resnet18": (43, 99, 211, 435),
    "resnet34": (59, 179, 547, 899),
    "resnet50": (35, 91, 267, 427),
    "resnet101": (35, 91, 811, 971),
    "resnet152": (35, 155, 1291, 1451),
}


@pytest.mark.parametrize("name", STAGES)
def test_stages_have_the_reference_fields(name):
    stages = trace(create_model(name, widths=(16, 16, 16, 16)), (1, 3, 64, 64)).grouped(1)
    assert tuple(stages[f"layer{i}"].receptive_field for i in (1, 2, 3, 4)) == STAGES[name]


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


@pytest.mark.parametrize("side", [28, 29, 32, 224])
def test_zero_padding_shortcuts_see_the_same_at_odd_sizes(side):
    # 7 → 4 pixels by taking every second one: the step is 2, not 7 / 4.
    model = create_model("resnet8", stem="imagenet")
    passage = trace(model, (1, 3, side, side))
    assert passage.within("layer3").rows[-1].receptive_field == 99
