"""`TrainConfig(optimizer=…)`: any optimiser of torch, groups with their own rates, Muon."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from helpers import batches, equal, network, plain_loop
from torch import nn
from torch.optim import SGD, AdamW

from resnet_course import PreActBlock, TrainConfig, drawn_garments, fit
from resnet_course.train import CheckpointError, Muon, checkpoints
from resnet_course.train.optimizers import orthogonalised

SPLITS = drawn_garments(96, 20)
CONFIG = TrainConfig(epochs=2, batch_size=32, bfloat16=False, device="cpu")


def head_faster(model, rate=1e-3, kind=AdamW, **options):
    """Ten times the rate for the last layer."""
    trunk = [p for name, p in model.named_parameters() if not name.startswith("fc.")]
    groups = [{"params": trunk}, {"params": model.fc.parameters(), "lr": 10 * rate}]
    return kind(groups, lr=rate, **options)


FASTER = replace(CONFIG, optimizer=head_faster)


def train(model, config=FASTER, **options):
    return fit(model, SPLITS, config, progress=False, **options)


def test_it_takes_the_steps_of_a_loop_in_plain_pytorch():
    model = network()
    twin = copy.deepcopy(model)
    history = train(model, replace(FASTER, seed=4))
    optimizer = head_faster(twin)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [1e-3, 1e-2], total_steps=6, cycle_momentum=False
    )
    own = batches(SPLITS, 32, "train", shuffle=True, seed=4)
    losses, _ = plain_loop(twin, optimizer, schedule, own, 2)
    assert history.step_losses == pytest.approx(losses, rel=1e-4)


def test_every_group_follows_the_same_schedule_and_nothing_else_moves():
    seen = []  # what every step is taken with

    def watched(model):
        optimizer = head_faster(model)
        optimizer.register_step_pre_hook(
            lambda own, *_: seen.append([(each["lr"], each["betas"]) for each in own.param_groups])
        )
        return optimizer

    train(network(), replace(CONFIG, batch_size=4, epochs=1, optimizer=watched, warm_up=0.25))
    one, other = (torch.tensor([step[i][0] for step in seen]) for i in (0, 1))
    assert len(one) == 24 and torch.allclose(other, 10 * one, rtol=1e-6)
    assert one.max() == pytest.approx(1e-3) and int(one.argmax()) + 1 == 6  # a quarter of 24
    assert one[-1] < 1e-5
    assert {betas for step in seen for _, betas in step} == {(0.9, 0.999)}


@pytest.mark.parametrize("warm_up", [0.3, 0.5, 0.9])
def test_a_run_of_one_step_takes_it_at_the_highest_rate(warm_up):
    seen = []

    def watched(model):
        optimizer = SGD(model.parameters(), lr=0.1)
        optimizer.register_step_pre_hook(lambda own, *_: seen.append(own.param_groups[0]["lr"]))
        return optimizer

    config = replace(CONFIG, epochs=1, batch_size=96, optimizer=watched, warm_up=warm_up)
    assert len(train(network(), config).step_losses) == 1 and seen == pytest.approx([0.1])


def test_without_one_the_record_is_that_of_before_and_with_one_it_tells_it(tmp_path):
    train(network(), CONFIG, out=tmp_path / "plain")
    assert list(checkpoints.load(tmp_path / "plain" / "last.pt")["config"]) == [
        *("epochs", "batch_size", "lr", "warm_up", "momentum", "weight_decay", "label_smoothing"),
        *("augment", "seed", "flip_test", "bfloat16", "device", "sync_batch_norm"),
    ]
    train(network(), out=tmp_path / "own")
    for name in ("last.pt", "best.pt"):
        kept = checkpoints.load(tmp_path / "own" / name)["config"]
        assert kept["optimizer"] == (
            "head_faster: AdamW, 21 tensors with lr=0.001; 2 tensors with lr=0.01"
        )
        assert not {"lr", "momentum", "weight_decay"} & kept.keys()
    for other, words in (
        (None, "optimizer is head_faster: AdamW.* in the checkpoint and None here"),
        (partial(head_faster, rate=0.5), "lr=0.01 in the checkpoint and .*lr=0.5; 2 tensors"),
        (partial(head_faster, weight_decay=0.3), "and .* weight_decay=0.3"),
        (partial(head_faster, kind=SGD), "and .*: SGD"),
        ("muon", "and muon: Muon, 23 tensors with lr=0.1"),
    ):
        with pytest.raises(CheckpointError, match=words):
            train(network(), replace(CONFIG, optimizer=other), out=tmp_path / "own", resume=True)


def test_a_loss_that_is_lost_names_the_rate_of_the_optimizer():
    config = replace(CONFIG, optimizer=partial(head_faster, rate=1e20, kind=SGD))
    with pytest.raises(FloatingPointError, match=r"a lower learning rate than 1e\+21"):
        train(network(), config)


def test_a_number_that_would_have_no_effect_is_refused():
    with pytest.raises(ValueError, match="lr and weight_decay would have no effect"):
        TrainConfig(optimizer=head_faster, lr=0.05, weight_decay=0.0)


def test_numbers_of_numpy_in_it_are_told_before_the_first_step(tmp_path):
    config = replace(CONFIG, optimizer=partial(head_faster, eps=np.float64(1e-8)))
    assert len(train(network(), config)) == 2
    with pytest.raises(CheckpointError, match=r"become plain ones with \.item\(\)"):
        train(network(), config, out=tmp_path)


def test_it_is_made_for_the_parameters_that_can_learn():
    model = network().requires_grad_(False)
    model.fc.requires_grad_(True)
    kept = copy.deepcopy(model.conv1.state_dict())
    before = model.fc.weight.clone()
    train(model)
    assert equal(model.conv1.state_dict(), kept) and not torch.equal(model.fc.weight, before)
    only_trunk = replace(CONFIG, optimizer=lambda model: SGD(model.conv1.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="all parameters in the optimiser are frozen"):
        train(model, only_trunk)


# Muon: against the singular value decomposition, by hand, and as the optimiser of `fit`.

MUON = replace(CONFIG, optimizer="muon")


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
    history = train(named, replace(MUON, **numbers), out=tmp_path)
    given = replace(MUON, optimizer=lambda model: Muon(model.parameters(), **numbers))
    assert history.step_losses == train(own, given).step_losses
    assert equal(named.state_dict(), own.state_dict())
    kept = checkpoints.load(tmp_path / "last.pt")
    assert numbers.items() <= kept["config"].items()
    assert kept["config"]["optimizer"].startswith("muon: Muon, ")
    group = kept["optimizer"]["param_groups"][0]
    assert group["max_lr"] == 0.02 > group["lr"] and group["momentum"] == 0.8  # it stays
    assert len(train(network(), replace(MUON, momentum=0.0, weight_decay=0.0))) == 2


def test_it_trains_blocks_that_begin_silent_and_leaves_what_is_frozen():
    # The silent branch of this block has a convolution of zeros.
    model = network(block=PreActBlock, zero_init_residual=True)
    model.conv1.requires_grad_(False)
    kept = model.conv1.weight.clone()
    losses = train(model, MUON).step_losses
    assert all(value.isfinite().all() for value in model.parameters()) and losses[-1] < losses[0]
    assert torch.equal(model.conv1.weight, kept)


@pytest.mark.parametrize(
    "numbers", [{"lr": 0.0}, {"lr": float("nan")}, {"momentum": 1.0}, {"weight_decay": -1.0}]
)
def test_numbers_outside_their_range_are_told(numbers):
    with pytest.raises(ValueError, match="Muon needs lr above 0, momentum from 0 .* got"):
        Muon(network().parameters(), **numbers)
