"""The measured receptive field against sizes known by hand, for every kind of layer and network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers import Net
from torch import nn

from resnet_course import create_model, measured_receptive_field


# By hand: CIFAR-style nets see 81 pixels with 20 layers; ResNet-18 sees 43, 99, 211, 435.
@pytest.mark.parametrize(
    ("name", "layer", "side", "pixels"),
    [
        ("resnet20", "layer3", 128, 81),
        ("resnet18", "layer1", 128, 43),
        ("resnet18", "layer2", 192, 99),
    ],
)
def test_measured_receptive_fields(name, layer, side, pixels):
    model = create_model(name, in_channels=1)
    assert measured_receptive_field(model, (1, 1, side, side), layer) == (pixels, pixels)


def conv(channels: int = 1, out: int = 1, kernel: int = 3, **options) -> nn.Module:
    return nn.Conv2d(channels, out, kernel, padding=kernel // 2, **options)


def then(function) -> nn.Module:
    """A 3×3 convolution, a function of its two maps, and another 3×3 convolution."""
    return Net(lambda own, x: own.b(own.f(own.a(x))), a=conv(1, 2), b=conv(2, 2), f=function)


def only(function, **layers) -> nn.Module:
    return Net(lambda own, x: function(x, *layers.values()), **layers)


def without_gradient(x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return x * 2


EVERY = (18, 20)  # the whole picture
# More kinds are measured, and traced, in test_tracing_fields.py.
CASES = {
    # Pooling, by modules and by functions.
    "max pool": (then(lambda x: F.max_pool2d(F.relu(x), 2)), (8, 8)),
    "dilated": (then(lambda x: F.max_pool2d(x, 3, 1, 1, 2)), (9, 9)),
    "dilated module": (nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True), (5, 5)),
    "torch.max_pool2d": (then(lambda x: torch.max_pool2d(x, (3, 2), (2, 1))), (9, 6)),
    "indices": (nn.MaxPool2d((3, 5), 2, (1, 2), return_indices=True), (3, 5)),
    "lp pool": (nn.Sequential(nn.LPPool2d(2, 3, 2), nn.LPPool2d(float("inf"), 2)), (5, 5)),
    "adaptive max": (nn.Sequential(nn.ReLU(), nn.AdaptiveMaxPool2d((6, 4))), (3, 5)),
    "adaptive avg": (nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d((6, 4))), (3, 5)),
    "max minus mean": (only(lambda x: F.max_pool2d(x, 3, 1) - F.avg_pool2d(x, 3, 1)), (3, 3)),
    # Whatever selects along an axis.
    "row max": (only(lambda x: F.relu(x).max(-1).values), (1, 20)),
    "largest three": (only(lambda x: x.topk(3, 2).values), (18, 1)),
    "median": (only(lambda x: x.flatten(2).median(2)[0]), EVERY),
    "of two": (then(lambda x: torch.maximum(x, -x).minimum(x * 2)), (5, 5)),
    # Functions that are flat somewhere, in place, and by chance.
    **{
        name: (then(layer), (5, 5))
        for name, layer in {
            "ReLU in place": nn.ReLU(inplace=True),
            "ReLU6": nn.ReLU6(inplace=True),
            "Hardswish": nn.Hardswish(inplace=True),
            "Hardsigmoid": nn.Hardsigmoid(),
            "GELU": nn.GELU(),
            "round": torch.round,
            "far from 0": lambda x: F.relu(x - 100),
            "clamp_": lambda x: (x - 100).clamp_(min=0),
            "in place, result unused": lambda x: (F.relu_(x), x)[1],
            "dropout": lambda x: F.dropout(x, 0.99),
            "no_grad": without_gradient,
            "another type": lambda x: x.half().float().to(torch.float32),
        }.items()
    },
    "first in place": (nn.Sequential(nn.ReLU(inplace=True), conv()), (3, 3)),
    # Normalisation: within a pixel, by stored statistics, over the picture.
    "batch norm": (then(nn.BatchNorm2d(2)), (5, 5)),
    "instance norm": (then(nn.InstanceNorm2d(2)), EVERY),
    # Paths that meet.
    "branch minus input": (only(lambda x, a: a(x) - x, a=conv()), (3, 3)),
    "gate": (only(lambda x, a, b: a(x) * b(x).sigmoid(), a=conv(), b=conv(kernel=5)), (5, 5)),
    "zero at the start": (
        Net(lambda own, x: x + own.scale * own.a(x), a=conv(), scale=nn.Parameter(torch.zeros(1))),
        (3, 3),
    ),
    "kernel of its own": (Net(lambda own, x: F.conv2d(x, own.k), k=torch.ones(1, 1, 3, 5)), (3, 5)),
    # Weights that are computed, networks in wrappers.
    "weight norm": (nn.utils.parametrizations.weight_norm(conv()), (3, 3)),
    "spectral norm": (nn.utils.spectral_norm(conv()), (3, 3)),
    "parallel": (nn.DataParallel(conv()), (3, 3)),
    "compiled": (torch.compile(conv()), (3, 3)),
    "logits": (nn.Sequential(conv(1, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()), EVERY),
}


@pytest.mark.parametrize(("net", "field"), CASES.values(), ids=CASES)
def test_every_pixel_that_can_have_an_influence_counts_and_no_other(net, field):
    assert measured_receptive_field(net, (1, 1, *EVERY)) == field


@pytest.mark.parametrize(
    ("net", "shape", "field"),
    [
        (nn.Sequential(conv(3, 4), nn.BatchNorm2d(4)), (3, 9, 9), (3, 3)),
        (nn.Sequential(conv(3, 4), nn.ReLU()), (3, 9, 9), (3, 3)),
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.MaxPool1d(2)), (2, 2, 60), (4,)),
        (nn.Sequential(nn.Conv3d(1, 1, 3), nn.MaxPool3d((1, 2, 2))), (1, 1, 9, 9, 9), (3, 4, 4)),
        (nn.Conv2d(1, 2, (3, 5), padding=(1, 2)), (1, 1, 20, 20), (3, 5)),
    ],
    ids=["one picture", "without batch norm", "signal", "volume", "flat kernel"],
)
def test_a_field_has_one_number_for_each_axis_after_the_channels(net, shape, field):
    assert measured_receptive_field(net, shape) == field


def test_a_deep_network_is_measured_to_its_edges():
    blocks = [only(lambda x, a: F.relu(x + a(F.relu(x))), a=conv(4, 4)) for _ in range(100)]
    net = nn.Sequential(conv(1, 4), *blocks)
    assert measured_receptive_field(net, (1, 1, 220, 7)) == (203, 7)


def test_measuring_leaves_computed_weights_and_counters_alone():
    class Counting(nn.Sequential):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    net = Counting(nn.utils.weight_norm(conv()), nn.ReLU())
    net(torch.ones(1, 1, 8, 8))
    weight = net[0].weight
    measured_receptive_field(net, (1, 1, 8, 8))
    assert net[0].weight is weight and net.calls == 1 and net.training
