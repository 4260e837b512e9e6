"""The tracer on networks that other people wrote: transformers and torchvision's zoo."""

import pytest
import torch
import torchvision
from torch import nn

from resnet_course.tracing import trace


def count(model):
    return sum(p.numel() for p in model.parameters())


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
        assert table["encoder.layers.0.self_attn"].macs == 5 * 4 * 16 * 16


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
