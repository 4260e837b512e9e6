"""Gradient norms against autograd and a formula; nothing about the model changes."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_course import (
    activation_stats,
    create_model,
    create_stack,
    gradient_norms,
    measured_receptive_field,
)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 1, 28, 28, generator=generator)
    y = torch.randint(10, (8,), generator=generator)
    return x, y


def small_net():
    torch.manual_seed(1)
    return create_model("resnet8", in_channels=1)


def test_norms_are_those_of_backward(batch):
    x, y = batch
    model = small_net()
    norms = gradient_norms(model, x, y)
    F.cross_entropy(model(x), y).backward()
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    assert list(norms) == list(layers)
    for name, layer in layers.items():
        assert norms[name] == pytest.approx(layer.weight.grad.norm().item(), rel=1e-4)


def test_norms_of_a_linear_model_follow_the_formula(batch):
    x, y = batch
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    error = model(x).softmax(1) - F.one_hot(y, 10)
    expected = (error.T @ x.flatten(1) / len(y)).norm().item()
    assert gradient_norms(model, x, y)["1"] == pytest.approx(expected, rel=1e-4)


def test_norms_below_the_range_of_float32_squares_are_not_zero(batch):
    norms = gradient_norms(create_stack(depth=30), *batch)
    assert 0 < norms["layers.1.linear"] < 1e-20


def test_a_single_linear_layer_and_an_unused_layer_have_norms(batch):
    x, y = batch[0].flatten(1), batch[1]
    model = nn.Linear(784, 10)
    assert list(gradient_norms(model, x, y)) == [""]
    model.unused = nn.Linear(3, 3)
    norms = gradient_norms(model, x, y)
    assert norms[""] > 0 == norms["unused"]
    with pytest.raises(ValueError, match="no convolution and no linear layer"):
        gradient_norms(nn.Sequential(nn.ReLU()), x, y)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_changes_nothing(batch, training):
    x, y = batch
    model = small_net().train(training)
    model.fc.weight.requires_grad_(False)
    F.cross_entropy(model(x), y).backward()
    before = copy.deepcopy(model.state_dict())
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
    gradient_norms(model, x, y)
    activation_stats(model, x)
    measured_receptive_field(model, (1, 1, 40, 40), "layer1")
    assert model.training is training and not model.fc.weight.requires_grad
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    for name, old in grads.items():
        new = model.get_parameter(name).grad
        assert new is None if old is None else torch.equal(new, old), name
    assert not any(m._forward_hooks for m in model.modules())


def test_activation_stats_are_those_of_the_tensors(batch):
    x, _ = batch
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.ReLU())
    stats = activation_stats(model, x)
    out = model(x)
    assert list(stats) == ["0", "1", "2"]
    assert vars(stats["2"]) == pytest.approx(
        {
            "mean": out.mean().item(),
            "std": out.std(correction=0).item(),
            "batch_std": out.std(dim=0, correction=0).mean().item(),
            "zeros": (out == 0).float().mean().item(),
        },
        rel=1e-5,
    )


def test_activation_stats_keep_both_calls_of_a_layer_used_twice(batch):
    stats = activation_stats(small_net(), batch[0])
    assert {"layer1.0.relu", "layer1.0.relu (2)"} <= stats.keys()
