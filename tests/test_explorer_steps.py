"""Networks as steps for a page: what a page can compute, and what it must leave alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers import Net
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from resnet_course import create_model, trace
from resnet_course.train import trained_model
from resnet_course.widgets.explorer_steps import computed, flat_weights, network_steps


def conv(*more: int, **options: object) -> nn.Conv2d:
    return nn.Conv2d(3, 4, *(more or (3,)), **options)


def test_a_step_for_each_row_and_every_number_of_the_state():
    model = trained_model("drawn-garments")
    table = trace(model, (1, 1, 28, 28))
    steps, flat = network_steps(model, table), flat_weights(model)
    assert [step["out"] for step in steps] == [list(row.out_shape) for row in table]
    add = next(i for i, row in enumerate(table) if row.kind == "add")
    assert steps[add]["op"] == "add" and len(steps[add]["from"]) == 2 and steps[0]["from"] == [-1]
    assert flat.dtype == torch.float16 and flat.device.type == "cpu"
    at = steps[-1]["bias"]
    assert torch.equal(flat[at : at + 10].float(), model.fc.bias.detach())
    numbers = (x.numel() for x in model.state_dict().values() if x.is_floating_point())
    assert len(flat) == at + 10 == sum(numbers)
    x, given = torch.randn(2, 1, 28, 28), {}
    for row, step in enumerate(steps):
        given[row] = computed(step, [given.get(i, x) for i in step["from"]], flat.float())
    assert torch.allclose(given[len(steps) - 1], model(x), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "ops"),
    [
        (nn.Sequential(conv(padding="same"), nn.ReLU(True), nn.Dropout()), "conv relu same"),
        (nn.Sequential(nn.Flatten(), nn.Linear(432, 2)), "flatten linear"),
        (Net(lambda net, x: F.relu(net.a(x)).mean((2, 3)), a=conv()), "conv relu mean"),
        (torch.compile(nn.Sequential(conv(), nn.MaxPool2d(2))), "conv max"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_layers_and_functions_that_a_page_can_compute(model, ops):
    steps = network_steps(model, trace(model, (1, 3, 12, 12)))
    assert [step["op"] for step in steps] == ops.split()


def test_a_layer_that_is_used_twice_has_its_weights_once():
    layer = nn.Conv2d(3, 3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    first, _, last = network_steps(model, trace(model, (1, 3, 12, 12)))
    flat = flat_weights(model)
    for step in (first, last):
        found = flat[step["weight"] : step["weight"] + 81]
        assert torch.equal(found, layer.weight.detach().half().flatten())


too_large = nn.Sequential(conv())
nn.init.constant_(too_large[0].weight, 1e5)
LEFT_ALONE = {
    "an unknown layer": nn.Sequential(conv(), nn.GELU()),
    "a function between rows": Net(lambda net, x: net.b(net.a(x).abs()), a=conv(), b=nn.ReLU()),
    "a number added": Net(lambda net, x: net.a(x) + 1, a=conv()),
    "a sum with a factor": Net(lambda n, x: n.a(x).add(n.b(x), alpha=2), a=conv(), b=conv()),
    "the same twice": Net(lambda net, x: (y := net.a(x)) + y, a=conv()),
    "mirrored padding": nn.Sequential(conv(padding=1, padding_mode="reflect")),
    "more padding on one side": nn.Sequential(conv(4, padding="same")),
    "pooling beyond the edge": nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True)),
    "pooling with gaps": nn.Sequential(nn.MaxPool2d(3, 2, dilation=2)),
    "pooling to 2×2": nn.Sequential(nn.AdaptiveAvgPool2d(2)),
    "statistics of the batch": nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)),
    "a weight made of others": nn.Sequential(weight_norm(conv())),
    "a layer that is not used": Net(lambda net, x: net.a(x), a=conv(), b=conv()),
    "a lazy layer": nn.Sequential(nn.LazyConv2d(4, 3)),
    "no numbers": nn.Sequential(conv(device="meta")),
    "64-bit numbers": nn.Sequential(conv(dtype=torch.double)),
    "too large for 16 bits": too_large,
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("why", LEFT_ALONE)
def test_what_a_page_cannot_compute_has_no_steps(why):
    model = LEFT_ALONE[why]
    assert network_steps(model, trace(model, (1, 3, 12, 12))) is None


def test_several_inputs_and_sequences_have_no_steps():
    model = Net(lambda net, x, y: net.a(x) + y, a=conv())
    assert network_steps(model, trace(model, [(1, 3, 8, 8), (1, 4, 6, 6)])) is None
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    assert network_steps(model, trace(model, (1, 4))) is not None
    assert network_steps(model, trace(model, torch.randn(1, 7, 4))) is None


def test_the_model_and_chance_stay_as_they_are():
    model = create_model("resnet8").train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert network_steps(model, trace(model, (2, 3, 16, 16))) is not None
    assert torch.equal(torch.rand(1), expected) and model.training
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
