"""The tracer follows whatever a learner writes, and networks that other people wrote."""

import pytest
import torch
import torchvision
from helpers import Net, count
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from resnet_course.resnet import create_model
from resnet_course.tracing import trace


def test_functions_have_rows_too():
    """No layers at all, as in a lesson that starts from torch.nn.functional."""

    def forward(own, x):
        x = F.relu(F.conv2d(x, own.kernel, stride=2, padding=1))
        x = torch.relu_(x)
        x += 1
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 1)
        return F.linear(torch.flatten(x, 1), own.matrix)

    kernel, matrix = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(10, 4))
    model = Net(forward, kernel=kernel, matrix=matrix)
    table = trace(model, (2, 3, 8, 8))
    assert [row.kind for row in table] == [
        *("conv2d", "relu", "relu", "add", "max_pool2d", "adaptive_avg_pool2d", "flatten", "linear")
    ]
    assert table[0].out_shape == (4, 4, 4)
    assert (table[0].kernel, table[0].stride, table[0].padding) == ((3, 3), (2, 2), (1, 1))
    assert (table.params, table.macs) == (4 * 27 + 40, 4 * 16 * 27 + 40)
    assert sum(row.params for row in table) == table.params
    inside = trace(nn.Sequential(model), (2, 3, 8, 8))  # a custom layer is one row
    assert [(row.kind, row.params, row.macs) for row in inside] == [
        ("Net", table.params, table.macs)
    ]


def test_dicts_and_tuples_go_in_and_out():
    inner = Net(
        lambda own, x: {"logits": (own.b(x["hidden"]), x["skip"])},
        a=nn.Linear(4, 3),
        b=nn.Linear(3, 2),
    )
    boxed = Net(
        lambda own, x: (own.inner({"hidden": own.first(x), "skip": [x]}), None, "text"),
        first=nn.Linear(4, 3),
        inner=inner,
    )
    table = trace(boxed, (5, 4))
    rows = [(row.name, row.kind, row.out_shape) for row in table]
    assert rows == [("first", "Linear", (3,)), ("inner", "unused", ()), ("inner.b", "Linear", (2,))]
    assert table.params == count(boxed)  # the unused layer too
    assert table.macs == 4 * 3 + 3 * 2


def test_several_inputs_of_several_kinds():
    def forward(own, image, tokens, scale):
        pooled = own.image(image).mean(dim=(2, 3))
        return torch.cat([pooled * scale, own.text(tokens).mean(dim=1)], dim=1)

    model = Net(forward, image=nn.Conv2d(1, 2, 3), text=nn.Embedding(50, 2))
    table = trace(model, [(3, 1, 8, 8), torch.randint(50, (3, 7)), (3, 1)])
    assert [row.kind for row in table] == ["Conv2d", "mean", "mul", "Embedding", "mean", "cat"]
    assert table["text"].in_shape == (7,)
    assert table["text"].out_shape == (7, 2)
    assert table[-1].out_shape == (4,)
    assert table.macs == 2 * 6 * 6 * 9


def test_layers_used_twice_and_tied_weights_count_once():
    twice = Net(lambda own, x: own.layer(own.layer(x)), layer=nn.Conv2d(3, 3, 3, padding=1))
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    for model, shape, params, macs in (
        (twice, (1, 3, 8, 8), [84, 0], 3 * 64 * 27),
        (tied, (1, 4), [20, 4], 16),
    ):
        table = trace(model, shape)
        assert [(row.params, row.macs) for row in table] == [(n, macs) for n in params]
        assert (table.params, table.macs) == (count(model), 2 * macs)
        assert table.params == sum(params)


def test_layers_in_plain_lists():
    """PyTorch does not see them, a common beginner's mistake."""
    hidden, named = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)], {"last": nn.Conv2d(4, 4, 6)}
    model = Net(
        lambda own, x: nn.ReLU()(own.named["last"](own.hidden[1](own.hidden[0](x)))),
        hidden=hidden,
        named=named,
    )
    fired = []
    hidden[0].register_forward_hook(lambda *_: fired.append(1))
    before = hidden[1].running_mean.clone(), hidden[0].weight.clone()
    table = trace(model, (2, 3, 8, 8))
    assert [row.kind for row in table] == ["conv2d", "batch_norm", "conv2d", "relu"]
    assert table.params == count(model) == 0
    assert table.macs == 4 * 36 * 27 + 4 * 4 * 36
    assert fired == []
    assert torch.equal(hidden[1].running_mean, before[0])
    assert torch.equal(hidden[0].weight, before[1])
    assert hidden[1].num_batches_tracked == 0 and hidden[1].training


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


def in_place_net():
    def forward(own, x):
        out = own.relu(own.norm(own.conv(x)))
        out += own.match(x)
        out *= 2
        return own.relu(out)

    layers = {"conv": nn.Conv2d(4, 4, 3, padding=1), "match": nn.Conv2d(4, 4, 1)}
    return Net(forward, norm=nn.BatchNorm2d(4), relu=nn.ReLU(inplace=True), **layers)


def test_in_place_functions():
    table = trace(in_place_net(), (1, 4, 8, 8))
    kinds = ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "add", "mul", "ReLU"]
    assert [row.kind for row in table] == kinds
    assert [row.name for row in table if row.path == "shortcut"] == ["match"]
    assert [row.receptive_field for row in table] == [3, 3, 3, 1, 3, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        *(lambda model, dtype=dtype: model.to(dtype) for dtype in (torch.float16, torch.bfloat16)),
        lambda model: model.double(),
        lambda model: model.requires_grad_(False),
        lambda model: model.to("meta"),
        lambda model: torch.compile(model, backend="eager"),
    ],
    ids=["float16", "bfloat16", "float64", "frozen", "meta", "compiled"],
)
def test_other_precisions_frozen_and_compiled_models_have_the_same_rows(change):
    table = trace(create_model("resnet8"), (1, 3, 16, 16))
    model = change(create_model("resnet8"))
    before = next(model.parameters()).dtype
    assert trace(model, (1, 3, 16, 16)).rows == table.rows
    assert next(model.parameters()).dtype == before


def test_batch_norm_in_train_mode_on_single_pixels():
    model = nn.Sequential(nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8)).train()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(torch.zeros(1, 3, 4, 4))  # what PyTorch itself makes of it
    assert trace(model, (1, 3, 4, 4))[-1].out_shape == (8, 1, 1)
    assert model.training


def test_model_that_keeps_an_activation():
    """A tensor with a history, stored by forward, cannot be copied in the ordinary way."""
    model = in_place_net()
    model.kept = model.conv(torch.randn(1, 4, 8, 8))
    model.seen = {"all": [model.kept]}
    assert len(trace(model, (1, 4, 8, 8))) == 7
    assert model.kept.grad_fn is not None


@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer(batch_first):
    model = nn.Transformer(16, 4, 1, 2, 32, batch_first=batch_first)
    source, target = torch.zeros(2, 5, 16), torch.zeros(2, 7, 16)
    if not batch_first:
        source, target = torch.zeros(5, 2, 16), torch.zeros(7, 2, 16)
    table = trace(model, [source, target])
    assert table.params == sum(row.params for row in table) == count(model)
    kinds = [row.kind for row in table]
    assert kinds.count("MultiheadAttention") == 1 + 2 * 2
    assert kinds.count("add") == 2 + 2 * 3
    assert table["encoder.layers.0.linear1"].params == 16 * 32 + 32
    assert table["encoder.layers.0.self_attn"].params == 4 * (16 * 16 + 16)
    if batch_first:
        assert table["encoder.layers.0.linear1"].macs == 5 * 16 * 32
        assert table["encoder.layers.0.self_attn"].macs == 5 * 4 * 16 * 16 + 2 * 5 * 5 * 16


def test_recurrent_layer():
    model = nn.LSTM(4, 5, batch_first=True)
    table = trace(model, torch.zeros(2, 3, 4))
    assert [(row.kind, row.out_shape, row.params) for row in table] == [
        ("LSTM", (3, 5), count(model))
    ]


NETWORKS = [
    *("alexnet", "vgg11_bn", "googlenet", "inception_v3", "densenet121", "squeezenet1_1"),
    *("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "efficientnet_b0"),
    *("mnasnet0_5", "convnext_tiny", "vit_b_16", "swin_t"),
]


@pytest.mark.parametrize("name", NETWORKS)
def test_torchvision_networks(name):
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    weights = torchvision.models.get_model_weights(name).DEFAULT
    size = weights.transforms().crop_size[0]
    with torch.device("meta"):
        # Stochastic depth asks for numbers, so Swin is built on the CPU.
        model = torchvision.models.get_model(name, **options) if name != "swin_t" else None
    model = model or torchvision.models.get_model(name)
    table = trace(model, (1, 3, size, size))
    assert table.params == count(model)
    assert table[-1].out_shape == (1000,)
    if name not in ("vit_b_16", "swin_t"):  # products of two activations are not counted here
        assert table.macs / 1e9 == pytest.approx(weights.meta["_ops"], abs=5.01e-4)
    if name not in ("googlenet", "inception_v3", "convnext_tiny", "vit_b_16", "swin_t"):
        # The others have training-only heads, or parameters outside of layers.
        assert sum(row.params for row in table) == table.params
