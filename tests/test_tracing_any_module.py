"""The tracer follows whatever a learner writes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from resnet_course.resnet import create_model
from resnet_course.tracing import trace


def count(model):
    return sum(p.numel() for p in model.parameters())


class Functions(nn.Module):
    """No layers at all, as in a lesson that starts from torch.nn.functional."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.matrix = nn.Parameter(torch.randn(10, 4))

    def forward(self, x):
        x = F.relu(F.conv2d(x, self.kernel, stride=2, padding=1))
        x = torch.relu_(x)
        x += 1
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 1)
        return F.linear(torch.flatten(x, 1), self.matrix)


def test_functions_have_rows_too():
    table = trace(Functions(), (2, 3, 8, 8))
    assert [row.kind for row in table] == [
        *("conv2d", "relu", "relu", "add", "max_pool2d", "adaptive_avg_pool2d", "flatten", "linear")
    ]
    assert table[0].out_shape == (4, 4, 4)
    assert (table[0].kernel, table[0].stride, table[0].padding) == ((3, 3), (2, 2), (1, 1))
    assert (table.params, table.macs) == (4 * 27 + 40, 4 * 16 * 27 + 40)
    assert sum(row.params for row in table) == table.params
    inside = trace(nn.Sequential(Functions()), (2, 3, 8, 8))  # a custom layer is one row
    assert [(row.kind, row.params, row.macs) for row in inside] == [
        ("Functions", table.params, table.macs)
    ]


class Containers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        return {"logits": (self.b(x["hidden"]), x["skip"])}


class Boxed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.inner = nn.Linear(4, 3), Containers()

    def forward(self, x):
        out = self.inner({"hidden": self.first(x), "skip": [x]})
        return out, None, "text"


def test_dicts_and_tuples_go_in_and_out():
    table = trace(Boxed(), (5, 4))
    assert [(row.name, row.out_shape) for row in table] == [("first", (3,)), ("inner.b", (2,))]
    assert table.params == count(Boxed())  # the unused layer too
    assert table.macs == 4 * 3 + 3 * 2


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.text = nn.Conv2d(1, 2, 3), nn.Embedding(50, 2)

    def forward(self, image, tokens, scale):
        pooled = self.image(image).mean(dim=(2, 3))
        return torch.cat([pooled * scale, self.text(tokens).mean(dim=1)], dim=1)


def test_several_inputs_of_several_kinds():
    tokens = torch.randint(50, (3, 7))
    table = trace(TwoInputs(), [(3, 1, 8, 8), tokens, (3, 1)])
    assert [row.kind for row in table] == ["Conv2d", "mean", "mul", "Embedding", "mean", "cat"]
    assert table["text"].in_shape == (7,)
    assert table["text"].out_shape == (7, 2)
    assert table[-1].out_shape == (4,)
    assert table.macs == 2 * 6 * 6 * 9


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.layer(self.layer(x))


def test_layer_used_twice_has_its_parameters_once():
    first, second = trace(Twice(), (1, 3, 8, 8))
    table = trace(Twice(), (1, 3, 8, 8))
    assert (first.params, second.params) == (84, 0)
    assert first.macs == second.macs == 3 * 64 * 27
    assert (table.params, table.macs) == (84, 2 * 3 * 64 * 27)


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    table = trace(model, (1, 4))
    assert [row.params for row in table] == [20, 4]
    assert (table.params, table.macs) == (count(model), 32)
    assert table.params == 24


class PlainList(nn.Module):
    """Layers in a Python list: PyTorch does not see them, a common beginner's mistake."""

    def __init__(self):
        super().__init__()
        self.hidden = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)]
        self.named = {"last": nn.Conv2d(4, 4, 6)}

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x)
        return nn.ReLU()(self.named["last"](x))


def test_layers_in_plain_lists():
    model = PlainList()
    fired = []
    model.hidden[0].register_forward_hook(lambda *_: fired.append(1))
    before = model.hidden[1].running_mean.clone(), model.hidden[0].weight.clone()
    table = trace(model, (2, 3, 8, 8))
    assert [row.kind for row in table] == ["conv2d", "batch_norm", "conv2d", "relu"]
    assert table.params == count(model) == 0
    assert table.macs == 4 * 36 * 27 + 4 * 4 * 36
    assert fired == []
    assert torch.equal(model.hidden[1].running_mean, before[0])
    assert torch.equal(model.hidden[0].weight, before[1])
    assert model.hidden[1].num_batches_tracked == 0
    assert model.hidden[1].training


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "normalise",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
    ],
)
def test_parametrized_layer_is_one_row(normalise):
    model = nn.Sequential(normalise(nn.Conv2d(3, 4, 3)), nn.ReLU(), normalise(nn.Conv2d(4, 4, 1)))
    table = trace(model, (1, 3, 8, 8))
    assert [(row.name, row.kind) for row in table] == [
        ("0", "Conv2d"),
        ("1", "ReLU"),
        ("2", "Conv2d"),
    ]
    assert table.params == sum(row.params for row in table) == count(model)
    assert table.macs == 4 * 36 * 27 + 4 * 36 * 4
    assert table[-1].receptive_field == 3


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.match = nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.norm(self.conv(x)))
        out += self.match(x)
        out *= 2
        return self.relu(out)


def test_in_place_functions():
    table = trace(InPlace(), (1, 4, 8, 8))
    kinds = ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "add", "mul", "ReLU"]
    assert [row.kind for row in table] == kinds
    assert [row.name for row in table if row.path == "shortcut"] == ["match"]
    assert [row.receptive_field for row in table] == [3, 3, 3, 1, 3, 3, 3]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    model = create_model("resnet8")
    table = trace(model, (1, 3, 16, 16))
    assert trace(model.to(dtype), (1, 3, 16, 16)).rows == table.rows
    assert next(model.parameters()).dtype == dtype


def test_batch_norm_in_train_mode_on_single_pixels():
    model = nn.Sequential(nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8)).train()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(torch.zeros(1, 3, 4, 4))  # what PyTorch itself makes of it
    assert trace(model, (1, 3, 4, 4))[-1].out_shape == (8, 1, 1)
    assert model.training


def test_frozen_and_meta_models():
    table = trace(create_model("resnet8"), (1, 3, 16, 16))
    assert trace(create_model("resnet8").requires_grad_(False), (1, 3, 16, 16)).rows == table.rows
    assert trace(create_model("resnet8").to("meta"), (1, 3, 16, 16)).rows == table.rows


def test_compiled_model_looks_like_the_model():
    model = create_model("resnet8")
    table = trace(torch.compile(model, backend="eager"), (1, 3, 16, 16))
    assert table.rows == trace(model, (1, 3, 16, 16)).rows


def test_model_that_keeps_an_activation():
    """A tensor with a history, stored by forward, cannot be copied in the ordinary way."""
    model = InPlace()
    model.kept = model.conv(torch.randn(1, 4, 8, 8))
    model.seen = {"all": [model.kept]}
    assert len(trace(model, (1, 4, 8, 8))) == 7
    assert model.kept.grad_fn is not None
