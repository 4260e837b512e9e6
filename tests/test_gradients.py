"""Gradient norms against autograd and a formula; nothing about the model changes."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from helpers import Net, network
from torch import nn
from torch.ao.quantization import quantize_dynamic
from torch.nn.utils import parametrizations, parametrize, prune

from resnet_course import (
    activation_stats,
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


def test_norms_are_those_of_backward(batch):
    x, y = batch
    model = network(stem_stride=1)
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


def three_layers() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=9), nn.ReLU(), nn.Flatten(), nn.Linear(36, 36), nn.Linear(36, 10)
    )


COMPUTED = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "weight norm by hooks": nn.utils.weight_norm,
    "spectral norm by hooks": nn.utils.spectral_norm,
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "pruned and frozen": lambda layer: prune.l1_unstructured(layer, "weight", 0.5).requires_grad_(
        False
    ),
    "frozen": lambda layer: layer.requires_grad_(False),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize("change", COMPUTED.values(), ids=COMPUTED)
@pytest.mark.parametrize("wrap", [None, nn.DataParallel, torch.compile])
def test_where_a_weight_is_computed_the_computed_one_counts(batch, change, wrap):
    model = three_layers().eval()
    for i in (0, 3):
        change(model[i])
    model(batch[0])
    plain = three_layers()
    for layer, other in zip(plain, model, strict=True):
        if hasattr(layer, "weight"):
            layer.weight.data, layer.bias.data = other.weight.detach(), other.bias.detach()
    F.cross_entropy(plain(batch[0]), batch[1]).backward()
    expected = [plain[i].weight.grad.norm().item() for i in (0, 3, 4)]
    wrapped = model if wrap is None else wrap(model)
    before = {m: dict(vars(m)) for m in model.modules()}
    norms = gradient_norms(wrapped, *batch)
    assert list(norms.values()) == pytest.approx(expected, rel=1e-4)
    assert [name.split(".")[-1] for name in norms] == ["0", "3", "4"]
    assert all(vars(m) == attributes for m, attributes in before.items())


@pytest.mark.parametrize("change", [lambda layer: layer, parametrizations.weight_norm])
def test_a_weight_used_twice_has_one_gradient_the_sum_over_both_uses(batch, change):
    model = three_layers()
    change(model[3])
    model.insert(4, model[3])  # one layer, two calls
    plain = three_layers()
    plain.insert(4, copy.deepcopy(plain[3]))
    F.cross_entropy(plain(batch[0]), batch[1]).backward()
    both = (plain[3].weight.grad + plain[4].weight.grad).norm().item()
    assert gradient_norms(model, *batch)["3"] == pytest.approx(both, rel=1e-4)
    tied = three_layers()
    tied.insert(4, nn.Linear(36, 36))
    tied[4].weight, tied[4].bias = tied[3].weight, tied[3].bias
    norms = gradient_norms(tied, *batch)
    assert norms["3"] == norms["4"] == pytest.approx(both, rel=1e-4)


def test_a_weight_that_serves_outside_its_layer_has_a_norm(batch):
    def forward(own, x):
        return F.linear(x.flatten(1), own.head.weight)

    norms = gradient_norms(Net(forward, head=nn.Linear(784, 10)), *batch)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert norms["head"] > 0
    model = Net(forward, head=plain[1])
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    assert gradient_norms(model, *batch)["head"] == pytest.approx(plain[1].weight.grad.norm())


class Cut(nn.Module):
    def forward(self, weight):
        return weight.detach() * 2


def with_a_cut() -> nn.Sequential:
    model = three_layers()
    parametrize.register_parametrization(model[3], "weight", Cut())
    return model


@pytest.mark.filterwarnings("ignore:.*quantiz")
@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: quantize_dynamic(three_layers(), {nn.Linear}), "3 is quantized"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "run it once first"),
        (lambda: Net(lambda own, x: own.a(x).detach(), a=three_layers()), "cuts its logits off"),
        (with_a_cut, "weight of 3 is computed without"),
    ],
)
def test_where_no_gradient_can_be_measured_the_reason_is_told(batch, model, says):
    with pytest.raises(ValueError, match=says):
        gradient_norms(model(), *batch)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_changes_nothing(batch, training):
    x, y = batch
    model = network(stem_stride=1).train(training)
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


def test_measuring_moves_no_buffer_of_a_parametrization(batch):
    x, y = batch
    layer = parametrizations.spectral_norm(nn.Linear(784, 10))
    model = nn.Sequential(nn.Flatten(), layer).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradient_norms(model, x, y)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_tokens_are_inputs_too():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3))
    tokens, labels = torch.randint(9, (5, 3)), torch.tensor([0, 1, 2, 0, 1])
    assert list(activation_stats(model, tokens)) == ["0", "1", "2"]
    assert list(gradient_norms(model, tokens, labels)) == ["2"]


def test_activation_stats_know_layers_whose_weights_are_computed(batch):
    x, layer = batch[0], parametrizations.weight_norm(nn.Linear(784, 4))
    model = nn.Sequential(nn.Flatten(), layer, nn.ReLU())
    stats = activation_stats(model, x)
    assert list(stats) == ["0", "1", "2"]
    assert stats["1"].mean == pytest.approx(model[:2](x).mean().item(), abs=1e-5)


def test_activation_stats_keep_both_calls_of_a_layer_used_twice(batch):
    stats = activation_stats(network(stem_stride=1), batch[0])
    assert {"layer1.0.relu", "layer1.0.relu (2)"} <= stats.keys()
