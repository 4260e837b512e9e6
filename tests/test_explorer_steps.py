"""Networks as steps for a page; browser/test_network_in_page.py tests what it makes of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers import Net
from torch import nn

from resnet_course import trace
from resnet_course.train import trained_model
from resnet_course.widgets.explorer_steps import flat_weights, network_steps


def conv(**options: object) -> nn.Conv2d:
    return nn.Conv2d(3, 4, 3, **options)


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


@pytest.mark.parametrize(
    ("model", "ops"),
    [
        (nn.Sequential(conv(padding="same"), nn.ReLU(True), nn.Dropout()), "conv relu same"),
        (nn.Sequential(nn.Flatten(), nn.Linear(432, 2)), "flatten linear"),
        (Net(lambda net, x: F.relu(net.a(x)).mean((2, 3)), a=conv()), "conv relu mean"),
        (nn.Sequential(conv(), nn.MaxPool2d(2)), "conv max"),
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
