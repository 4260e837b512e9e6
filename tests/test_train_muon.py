"""Muon: against the singular value decomposition, by hand, and as the optimiser of `fit`."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from helpers import equal, network
from torch import nn

from resnet_course import PreActBlock, TrainConfig, drawn_garments, fit
from resnet_course.train import Muon, checkpoints
from resnet_course.train.optimizers import orthogonalised

SPLITS = drawn_garments(96, 20)
CONFIG = TrainConfig(epochs=2, batch_size=32, bfloat16=False, device="cpu", optimizer="muon")


def train(model, config=CONFIG, **options):
    return fit(model, SPLITS, config, progress=False, **options)


def quintic(s, steps=3):
    """What Jordan et al. do to one singular value."""
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def matrix(rows, columns, smallest):
    """Make a matrix whose singular values fall from 1 to `smallest`; return it and its parts."""
    torch.manual_seed(rows)
    left, right = (torch.linalg.qr(torch.randn(n, n))[0] for n in (rows, columns))
    least = min(rows, columns)
    values = torch.logspace(0, torch.tensor(smallest).log10().item(), least)
    u, vt = left[:, :least], right[:least]
    return u @ values.diag() @ vt, u, values, vt


@pytest.mark.parametrize(("rows", "columns"), [(8, 72), (72, 8), (16, 16), (1, 9), (9, 1)])
@pytest.mark.parametrize(("steps", "smallest"), [(3, 0.05), (5, 0.005)])
def test_the_singular_values_become_about_one_and_the_directions_stay(
    rows, columns, steps, smallest
):
    given, u, values, vt = matrix(rows, columns, smallest)
    made = orthogonalised(given, steps)
    assert made.shape == given.shape
    share = values / values.norm()  # the length of a matrix is that of its singular values
    assert torch.allclose(made, u @ quintic(share, steps).diag() @ vt, atol=1e-4)


def test_the_bounds_of_the_docstring_are_those_of_the_quintic():
    for steps, least in ((3, 0.02), (5, 0.002)):
        s = torch.linspace(least, 1, 100_001, dtype=torch.float64)
        assert quintic(s, steps).min() >= 0.68 and quintic(s, steps).max() <= 1.21


def test_nothing_comes_of_nothing():
    assert torch.equal(orthogonalised(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_two_steps_by_hand():
    conv, bias = nn.Parameter(torch.empty(2, 1, 1, 1)), nn.Parameter(torch.tensor([1.0]))
    conv.data.flatten()[:] = torch.tensor([3.0, 4.0])
    optimizer = Muon([conv, bias], lr=0.1, momentum=0.5, weight_decay=0.01)
    # A matrix of one column has one singular value, its length, which becomes quintic(1).
    length, one = 2**0.5, quintic(1.0)
    conv.grad, bias.grad = torch.tensor([0.0, 7.0]).view(2, 1, 1, 1), torch.tensor([2.0])
    optimizer.step()
    first = [length * 0.6, length * 0.8 - 0.1 * one]
    assert conv.flatten().tolist() == pytest.approx(first, rel=1e-5)
    # 2 + 0.01 · 1 is the gradient with weight decay; Nesterov adds half of it again.
    assert bias.item() == pytest.approx(1 - 0.1 * 2.01 * 1.5)
    conv.grad = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    optimizer.step()
    # The velocity is 0.6 · (0, 7) + (1, 0), and the step goes along (1, 0) + 0.6 times it.
    step = torch.tensor([1 + 0.6, 0.6 * 0.6 * 7])
    start = torch.tensor(first)
    expected = start * length / start.norm() - 0.1 * one * step / step.norm()
    assert torch.allclose(conv.flatten(), expected, rtol=1e-5)


def test_all_but_convolutions_take_the_steps_of_sgd():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.BatchNorm1d(4))
    twin, x = copy.deepcopy(model), torch.randn(8, 1, 2, 3)
    numbers = {"lr": 0.2, "momentum": 0.7, "weight_decay": 0.1}
    made = [Muon(model.parameters(), **numbers)]
    made.append(torch.optim.SGD(twin.parameters(), **numbers, nesterov=True))
    for _ in range(3):
        for net, optimizer in zip((model, twin), made, strict=True):
            optimizer.zero_grad()
            net(x).pow(3).sum().backward()
            optimizer.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_fit_takes_it_by_name_with_the_numbers_of_the_config(tmp_path):
    named, own, numbers = network(), network(), {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.01}
    history = train(named, replace(CONFIG, **numbers), out=tmp_path)
    given = replace(CONFIG, optimizer=lambda model: Muon(model.parameters(), **numbers))
    assert history.step_losses == train(own, given).step_losses
    assert equal(named.state_dict(), own.state_dict())
    kept = checkpoints.load(tmp_path / "last.pt")
    assert numbers.items() <= kept["config"].items()
    assert kept["config"]["optimizer"].startswith("muon: Muon, ")
    group = kept["optimizer"]["param_groups"][0]
    assert group["max_lr"] == 0.02 > group["lr"] and group["momentum"] == 0.8  # it stays
    assert len(train(network(), replace(CONFIG, momentum=0.0, weight_decay=0.0))) == 2


def test_it_trains_blocks_that_begin_silent_and_leaves_what_is_frozen():
    # The silent branch of this block has a convolution of zeros.
    model = network(block=PreActBlock, zero_init_residual=True)
    model.conv1.requires_grad_(False)
    kept = model.conv1.weight.clone()
    losses = train(model).step_losses
    assert all(value.isfinite().all() for value in model.parameters()) and losses[-1] < losses[0]
    assert torch.equal(model.conv1.weight, kept)


@pytest.mark.parametrize(
    "numbers", [{"lr": 0.0}, {"lr": float("nan")}, {"momentum": 1.0}, {"weight_decay": -1.0}]
)
def test_numbers_outside_their_range_are_told(numbers):
    with pytest.raises(ValueError, match="Muon needs lr above 0, momentum from 0 .* got"):
        Muon(network().parameters(), **numbers)
