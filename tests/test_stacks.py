"""The deep stacks of chapter 01: what each option builds, and what it does to gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from resnet_course import create_stack, gradient_norms


def second_layer(**options):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(64, 1, 28, 28, generator=generator)
    y = torch.randint(10, (64,), generator=generator)
    return gradient_norms(create_stack(depth=30, **options), x, y)["layers.1.linear"]


def test_a_stack_is_the_sequential_of_its_layers():
    model = create_stack(depth=3, width=5)
    x = torch.randn(4, 1, 28, 28)
    out = x.flatten(1)
    for layer in model.layers:
        out = torch.sigmoid(layer.linear(out))
    assert torch.equal(model(x), model.fc(out))


def test_a_shortcut_adds_the_input_of_every_layer_but_the_first():
    plain, residual = create_stack(depth=2, width=5), create_stack(depth=2, width=5, shortcut=True)
    x = torch.randn(4, 784)
    first = plain.layers[0](x)
    assert torch.equal(residual.layers[0](x), first)
    assert torch.equal(residual.layers[1](first), plain.layers[1](first) + first)


# What a linear layer does by itself: uniform between -1/8 and 1/8 for 64 inputs.
@pytest.mark.parametrize(
    ("init", "std"),
    [("small", 0.01), ("xavier", 64**-0.5), ("he", (2 / 64) ** 0.5), ("pytorch", 192**-0.5)],
)
def test_initialisations_have_the_spread_of_their_formula(init, std):
    weight = create_stack(depth=12, init=init).layers[3].linear.weight
    assert weight.std().item() == pytest.approx(std, rel=0.05)
    assert (weight.abs().max() <= 1 / 8) == (init in ("pytorch", "small"))


def test_the_seed_decides_the_weights_and_leaves_the_global_one_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    a, b, c = create_stack(seed=1), create_stack(seed=1), create_stack(seed=2)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(a.fc.weight, b.fc.weight) and not torch.equal(a.fc.weight, c.fc.weight)


def test_what_each_cure_does_to_the_gradient_of_the_second_layer():
    assert second_layer() < 1e-20
    assert 1e-20 < second_layer(activation="relu") < 1e-6
    assert second_layer(activation="relu", init="he") > 1e-2
    assert second_layer(batch_norm=True) > 1e-2
    assert second_layer(shortcut=True, init="small") > 1e-3


def test_batch_norm_comes_before_the_activation_of_every_layer_when_asked_for():
    kinds = [type(module) for module in create_stack(depth=4, batch_norm=True).modules()]
    assert kinds.count(nn.BatchNorm1d) == 4
    assert nn.BatchNorm1d not in map(type, create_stack(depth=4).modules())
    layer = create_stack(depth=2, width=5, batch_norm=True).layers[1]
    x = torch.randn(16, 5)
    normal = nn.functional.batch_norm(layer.linear(x), None, None, training=True)
    assert torch.allclose(layer(x), torch.sigmoid(normal), atol=1e-6)


def test_a_stack_leaves_every_generator_as_it_was(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    seeded.clear()
    create_stack(depth=2)
    assert torch.equal(torch.rand(1), expected) and not seeded
