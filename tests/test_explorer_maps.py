"""Feature maps and products of the explorer, compared with the network itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from helpers import Net, meta
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_course import create_model, trace
from resnet_course.widgets.explorer_data import network_data
from resnet_course.widgets.explorer_maps import BOOK_BYTES, MOST_CHANNELS, FeatureMaps, book_data


def trained(name: str, channels: int = 3) -> nn.Module:
    """Return a network whose batch norms are not the identity."""
    torch.manual_seed(0)
    model = create_model(name, in_channels=channels)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval()


def maps_of(model: nn.Module, x: Tensor) -> FeatureMaps:
    return FeatureMaps(model, x, trace(model, x))


def unpack(record: dict, name: str = "values", scale: str = "scale") -> Tensor:
    numbers = torch.from_numpy(np.frombuffer(record[name], "<f2").astype(np.float32))
    return numbers * record[scale]


def volume(record: dict) -> Tensor:
    return unpack(record).reshape(len(record["channels"]), *record["shape"][1:])


def source(maps: FeatureMaps, row: int) -> int:
    return next(edge.source for edge in maps.table.edges if edge.target == row)


@pytest.mark.parametrize(("name", "size"), [("resnet14", 28), ("resnet18", 64), ("resnet50", 32)])
def test_maps_are_what_hooks_see_and_products_make_them(name, size):
    model = trained(name)
    x = torch.randn(1, 3, size, size)
    maps, seen = maps_of(model, x), {}
    for path, module in model.named_modules():
        module.register_forward_hook(
            lambda _, given, y, path=path: seen.update({path: (given[0].clone(), y.clone())})
        )
    with torch.no_grad():
        model(x)
    convolutions = norms = 0
    for row, each in enumerate(maps.table):
        record = maps.record(row)
        channels = record["channels"]
        assert 0 < len(channels) <= MOST_CHANNELS and record["shape"] == list(each.out_shape)
        module = dict(model.named_modules()).get(each.name)
        if not isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            continue
        given, output = seen[each.name]
        near = {"rtol": 2e-3, "atol": 2e-3 * float(output.abs().max())}
        torch.testing.assert_close(volume(record), output[0, channels], **near)
        if isinstance(module, nn.BatchNorm2d):
            a, b = torch.tensor(record["affine"]).T.reshape(2, -1, 1, 1)
            torch.testing.assert_close(a * given[0, channels] + b, output[0, channels], **near)
            norms += 1
        else:
            came = maps.record(source(maps, row))["channels"]
            weight = unpack(record, "weights", "weight_scale").reshape(record["weight_shape"])
            assert record["weight_shape"][:2] == [len(channels), len(came)]
            torch.testing.assert_close(weight, module.weight[channels][:, came], **near)
            convolutions += 1
    assert convolutions > 10 and norms == convolutions


def test_bias_and_window_give_the_value_of_a_convolution():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(inplace=True))
    x = torch.randn(1, 3, 9, 9)
    maps = maps_of(model, x)
    record, came = maps.record(0), volume(maps.record(-1))
    weights = unpack(record, "weights", "weight_scale").reshape(record["weight_shape"])
    window = F.pad(came, (1, 1, 1, 1))[:, 4:7, 2:5]  # of the value in row 2, column 1
    sums = torch.tensor(record["bias"]) + (weights * window).sum((1, 2, 3))
    torch.testing.assert_close(sums, volume(record)[:, 2, 1], rtol=5e-3, atol=5e-3)


def test_no_products_where_the_input_is_not_what_the_row_before_gave():
    def forward(self: Net, x: Tensor) -> Tensor:
        return self.second(self.first(x).flip(1))

    model = Net(forward, first=nn.Conv2d(1, 2, 3), second=nn.Conv2d(2, 2, 3))
    maps = maps_of(model, torch.randn(1, 1, 9, 9))
    records = [maps.record(row) for row in range(len(maps.table))]
    assert "weights" in records[0] and "weights" not in records[-1]


def test_the_channels_of_both_summands_and_the_sum_are_the_same():
    maps = maps_of(trained("resnet18"), torch.randn(1, 3, 64, 64))
    additions = [i for i, row in enumerate(maps.table) if row.kind == "add"]
    assert len(additions) == 8
    for row in additions:
        for edge in maps.table.edges:
            if edge.target == row:
                assert maps.record(edge.source)["channels"] == maps.record(row)["channels"]
        x, f = (maps.record(e.source) for e in maps.table.edges if e.target == row)
        near = {"rtol": 0, "atol": 3e-3 * maps.record(row)["scale"]}
        torch.testing.assert_close(volume(x) + volume(f), volume(maps.record(row)), **near)


def test_channels_that_vary_most_are_shown():
    model = nn.Sequential(nn.Conv2d(1, 40, 1, bias=False))
    nn.init.zeros_(model[0].weight)
    model[0].weight.data[[7, 31]] = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    assert maps_of(model, torch.randn(1, 1, 6, 6)).record(0)["channels"][:2] == [31, 7]


def test_fields_of_lines_and_columns():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.MaxPool2d(2))
    maps = maps_of(model, torch.randn(1, 1, 8, 12))
    first, second = (maps.record(row)["fields"] for row in range(2))
    assert first["y"] == [[-1, 1, 3, 5], [1, 3, 5, 7]]
    assert first["x"] == [[-1, 1, 3, 5, 7, 9], [1, 3, 5, 7, 9, 11]]
    assert second["y"] == [[-1, 3], [3, 7]] and second["x"] == [[-1, 3, 7], [3, 7, 11]]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_data_of_a_network_without_a_picture_stay_small(name):
    data = book_data(network_data(trace(meta(name), (3, 224, 224)), name), None)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert len(text.encode()) <= BOOK_BYTES and data["maps"] == {}


@pytest.mark.parametrize(("name", "channels", "size"), [("resnet14", 1, 28), ("resnet18", 3, 64)])
def test_the_data_of_the_book_stay_small(name, channels, size):
    model = trained(name, channels)
    maps = maps_of(model, torch.randn(1, channels, size, size))
    data = book_data(network_data(maps.table, name), maps)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert len(text.encode()) <= BOOK_BYTES and len(data["maps"]) == len(maps.table) + 1
