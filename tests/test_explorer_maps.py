"""The explorer's feature maps, measured against PyTorch's own sums and gradients."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import Net, meta, trained_norms
from test_tracing_untouched import assert_same, snapshot, used_network
from torch import nn

from resnet_course import BasicBlock, create_model, trace
from resnet_course.tracing.values import trace_values
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explored import explore
from resnet_course.widgets.explorer_maps import FeatureMaps, book_data


def walked(model: nn.Module, x: torch.Tensor):
    """Return the trace, and what each of its rows gives."""
    table, found = trace(model, x), {}
    trace_values(model, x, table, lambda row, _, value, __: found.update({row: value.clone()}))
    return table, found


def test_the_model_is_left_as_it_was():
    model = used_network()
    heard = []
    model.layer1.register_forward_hook(lambda *_: heard.append(1))
    x = torch.randn(1, 3, 32, 32, requires_grad=True)
    before, numbers, state = snapshot(model), x.detach().clone(), torch.random.get_rng_state()
    widget = ShapeExplorer(model, x)
    for row in range(-1, len(widget.trace)):
        widget._now.maps.record(row)
    json.dumps(widget.page_data())
    assert_same(before, snapshot(model))
    assert not heard and torch.equal(x, numbers) and x.grad is None
    assert torch.equal(state, torch.random.get_rng_state())


def numbers_of(record: dict) -> torch.Tensor:
    values = np.frombuffer(record["values"], "<f2").astype(np.float32) * record["scale"]
    sizes = record["shape"][1:]
    return torch.tensor(values).reshape(len(record["channels"]), *sizes)


def weights_of(record: dict) -> torch.Tensor:
    weights = np.frombuffer(record["weights"], "<f2").astype(np.float32)
    return torch.tensor(weights * record["weight_scale"]).reshape(record["weight_shape"])


def computed(step, came: torch.Tensor, record: dict) -> torch.Tensor:
    """Compute what a page computes from what it gets: the sums over the channels shown."""
    weights = weights_of(record)
    bias = torch.tensor(record["bias"]) if "bias" in record else None
    if step.kind == "Linear":
        return F.linear(came, weights[:, :, 0, 0], bias)
    return F.conv2d(came[None], weights, bias, step.stride, step.padding, step.dilation)[0]


def test_values_of_before_are_not_explained_with_weights_of_after():
    model, x = create_model("resnet8", in_channels=1).eval(), torch.randn(1, 1, 28, 28)
    maps = FeatureMaps(model, x, trace(model, x))
    assert "weights" in maps.record(0)
    with torch.no_grad():
        model.fc.bias.add_(1)  # as a step of training does
    assert "weights" not in maps.record(0) and "values" in maps.record(0)


ODD = nn.Sequential(
    nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=2),
    nn.ReLU(inplace=True),
    nn.Conv2d(8, 8, 3, groups=8, bias=False),
    nn.Conv2d(8, 12, (1, 3), stride=(2, 1), padding=(0, 1)),
    nn.BatchNorm2d(12),
    nn.Flatten(),
    nn.Linear(12 * 5 * 9, 3),
)


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (create_model("resnet8", in_channels=1), torch.randn(1, 1, 28, 28)),
        (create_model("resnext20_8x4d"), torch.randn(1, 3, 16, 16)),
        (ODD, torch.randn(1, 4, 11, 11)),
        (torchvision.models.resnet18(num_classes=7), torch.randn(1, 3, 64, 64)),
    ],
    ids=["resnet8", "resnext20", "odd", "torchvision"],
)
def test_a_value_is_the_bias_and_the_products_of_its_window(model, x):
    trained_norms(model)
    maps = FeatureMaps(model, x, trace(model, x))
    (_, given), parts = walked(model, x), dict(model.named_modules())
    exact = rest = affine = 0
    for row, step in enumerate(maps.table):
        record = maps.record(row)
        close = {"atol": 0.004 * record["scale"], "rtol": 0}
        value = numbers_of(record)
        assert torch.allclose(maps.values[row].float(), value, **close)
        source = next(e.source for e in maps.table.edges if e.target == row)
        came = numbers_of(maps.record(source))
        if "affine" in record:
            a, b = torch.tensor(record["affine"]).T[..., None, None]
            assert torch.allclose(a * came + b, value, **close), step.name
            affine += 1
        if "weights" not in record:
            assert step.kind not in ("Conv2d",), step.name
            continue
        found = computed(step, came, record)
        shown, ins = maps.record(source)["channels"], step.in_shape[0]
        if len(shown) < ins:  # the rest, as PyTorch computes it
            before = given[source].clone()
            before[:, shown] = 0
            layer = parts[step.name]
            without = layer(before)[0] - layer(torch.zeros_like(before))[0]
            found = found + without[record["channels"]].detach()
            rest += 1
        exact += 1
        assert torch.allclose(found, value, **close), step.name
    assert exact >= 4 and affine >= 1 and (rest or model is ODD or ins <= 16)


class Standardised(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), None)


@pytest.mark.parametrize(
    "model",
    [
        Net(lambda self, x: self.conv(x - 1), conv=nn.Conv2d(1, 2, 3)),
        Net(lambda self, x: self.conv(x.flip(-1)), conv=nn.Conv2d(1, 2, 3)),
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(1, 2, 2, padding="same"),
        Standardised(1, 2, 3),
        Net(lambda self, x: F.conv2d(x, self.conv.weight), conv=nn.Conv2d(1, 2, 3)),
    ],
)
def test_products_that_would_not_be_true_are_left_out(model):
    x = torch.randn(1, 1, 8, 8)
    maps = FeatureMaps(model, x, trace(model, x))
    records = list(filter(None, (maps.record(row) for row in range(len(maps.table)))))
    assert records and not any("weights" in record for record in records)


class ChannelsLast(nn.Module):
    """A block as in ConvNeXt; its width, height and channels are all the same if `size` is 8."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.LayerNorm(8)
        self.wide, self.back = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        x = self.conv(x)
        y = self.back(F.gelu(self.wide(self.norm(x.permute(0, 2, 3, 1)))))
        return x + y.permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [(8, 8), (6, 10)])
def test_maps_with_channels_last_show_channels(size):
    torch.manual_seed(0)
    model, x = ChannelsLast(), torch.randn(1, 3, *size)
    table, values = walked(model, x)
    maps, rows = FeatureMaps(model, x, table), explore(model, x, "").data["rows"]
    for row, step in enumerate(table):
        record, last = maps.record(row), step.name in ("norm", "wide", "gelu", "back")
        assert (record.get("last", False), rows[row].get("out_last", False)) == (last, last)
        one = values[row][0].movedim(-1, 0) if last else values[row][0]
        assert torch.equal(maps.values[row], one[record["channels"]])
        high, wide = size
        assert len(record["fields"]["y"][0]) == high and len(record["fields"]["x"][0]) == wide
        assert step.sees == "3 px" and step.field == (
            (high // 2 - 1, high // 2 + 1),
            (wide // 2 - 1, wide // 2 + 1),
        )


@pytest.mark.parametrize("name", ["swin_t", "vit_b_16", "convnext_tiny"])
def test_what_is_no_map_of_channels_has_no_picture(name):
    """Windows of tokens are boxes; channels are features where they come last, to the very end."""
    model, x = (
        torchvision.models.get_model(name),
        torch.randn(1, 3, *[224 if name == "vit_b_16" else 64] * 2),
    )
    table = trace(model, x)
    maps = FeatureMaps(model, x, table)
    for row, step in enumerate(table):
        record = maps.record(row)
        if record and len(step.out_shape) == 3:
            assert ".attn." not in step.name or step.kind == "pad"
            features = step.kind in ("LayerNorm", "Linear", "GELU") or "swin" in name and row
            expected = features and step.kind not in ("Permute", "AdaptiveAvgPool2d")
            if step.kind != "Permute":
                assert record.get("last", False) == bool(expected), step.name
            count = step.out_shape[-1 if record.get("last") else 0]
            assert max(record["channels"]) < count and count % 96 == 0, step.name


def test_channels_that_were_mixed_between_two_rows_are_not_shown_as_those_before():
    model = Net(
        lambda self, x: self.b(self.a(x)[:, [1, 0]]), a=nn.Conv2d(1, 2, 3), b=nn.Conv2d(2, 2, 3)
    )
    x = torch.randn(1, 1, 9, 9)
    maps = FeatureMaps(model, x, trace(model, x))
    assert [maps.record(row).get("apart", False) for row in (0, 1)] == [False, True]
    inplace = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Identity())
    maps = FeatureMaps(inplace, x, trace(inplace, x))
    assert not any("apart" in maps.record(row) for row in range(4))


@pytest.mark.parametrize("name", ["resnet20", "plain20", "resnet18", "resnet50", "resnext20_8x4d"])
def test_x_and_f_of_x_show_the_same_channels_everywhere(name):
    torch.manual_seed(0)
    model, x = trained_norms(create_model(name)), torch.randn(1, 3, 32, 32)
    maps = FeatureMaps(model, x, trace(model, x))
    additions = [row for row, step in enumerate(maps.table) if step.kind == "add"]
    assert len(additions) == len(maps.table.shortcuts)
    for row in additions:
        one, other = maps.sources[row]
        assert maps.channels[one] == maps.channels[other] == maps.channels[row]
        assert torch.equal(maps.values[one] + maps.values[other], maps.values[row])
        relu = row + 1
        assert maps.table[relu].kind != "ReLU" or maps.channels[relu] == maps.channels[row]


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3, dilation=2)),
        nn.Sequential(nn.Conv2d(1, 2, 7, 2, 3), BasicBlock(2, 4, 2), BasicBlock(4, 4)),
        nn.Sequential(nn.Conv2d(1, 1, (1, 5)), nn.ReLU(), nn.Conv2d(1, 1, (3, 2), (1, 3))),
    ],
)
def test_fields_are_those_that_gradients_measure(model):
    model = model.double().eval()
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    x = torch.rand(1, 1, 40, 36, dtype=torch.float64, requires_grad=True)
    table = trace(model, x)
    maps, row = FeatureMaps(model, x, table), len(table) - 1
    (top, bottom), (left, right) = (maps.fields[row][axis] for axis in "yx")
    out = model(x)
    for i in range(out.shape[-2]):
        for j in range(out.shape[-1]):
            (gradient,) = torch.autograd.grad(out[0, 0, i, j], x, retain_graph=True)
            ys, xs = gradient[0, 0].nonzero().T
            seen = int(ys.min()), int(ys.max()), int(xs.min()), int(xs.max())
            clipped = max(top[i], 0), min(bottom[i], 39), max(left[j], 0), min(right[j], 35)
            assert seen == clipped
    middle = out.shape[-2] // 2, out.shape[-1] // 2
    expected = (top[middle[0]], bottom[middle[0]]), (left[middle[1]], right[middle[1]])
    assert table[row].field == expected


@pytest.mark.parametrize(
    ("make", "given", "records"),
    [
        (trained_model, torch.randn(1, 1, 28, 28), True),
        (lambda: create_model("resnet18"), torch.rand(1, 3, 64, 64), True),
        (lambda: meta("resnet50"), (1, 3, 224, 224), False),
    ],
)
def test_the_data_of_the_book_is_small(make, given, records):
    found = explore(make(), given, "a network")
    data = book_data(found.data, found.maps)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert len(text) <= 300_000
    assert set(data["maps"]) == (
        {str(i) for i in range(-1, len(found.trace))} if records else set()
    )
    for record in data["maps"].values():
        assert len(record["channels"]) >= 1


def test_where_the_maps_do_not_fit_the_network_stays():
    found = explore(nn.Conv2d(3, 4, 3), torch.rand(1, 3, 400, 400), "a network")
    data = book_data(found.data, found.maps)
    assert data["maps"] == {} and not data["network"]["maps"] and data["network"]["rows"]
