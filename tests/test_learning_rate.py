"""The range test for the learning rate, and its picture."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers import batches, linear_model, network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from resnet_course import TrainConfig, drawn_garments, find_learning_rate, fit
from resnet_course.data import to_float
from resnet_course.pictures import plots
from resnet_course.train import RateTest

SETTINGS = {"steps": 60, "progress": False}


class Slope(nn.Module):
    """Logits (w·mean, −w·mean) of a picture: the loss is convex in the one weight w."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        score = self.w * x.mean((1, 2, 3))
        return torch.stack([score, -score], 1)


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(600, 100)


def test_the_loss_falls_and_the_model_stays_as_it_is(splits):
    model = network().train()
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    found = find_learning_rate(model, splits, **SETTINGS)
    assert model.training and torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert min(found.losses) < found.losses[0] - 0.3
    assert found.rates[0] < found.suggestion < found.lowest
    ratios = [b / a for a, b in zip(found.rates, found.rates[1:], strict=False)]
    assert ratios == pytest.approx([1e5 ** (1 / 59)] * len(ratios))
    assert len(found.rates) == len(found.losses) <= 60


@pytest.mark.parametrize("own", [True, False], ids=["DataLoader", "TensorBatches"])
def test_the_order_of_a_loader_stays_too(splits, own):
    def losses(ask):
        pair = batches(splits, 100, "train", shuffle=True), batches(splits, 100)
        if own:
            g = torch.Generator().manual_seed(1)
            x = to_float(splits.train_images, splits.mean, splits.std)
            data = TensorDataset(x, splits.train_labels)
            pair = DataLoader(data, 100, shuffle=True, generator=g), pair[1]
        model, config = linear_model(), TrainConfig(epochs=1, bfloat16=False, device="cpu")
        if ask:
            find_learning_rate(model, pair, config, steps=10, progress=False)
        epoch = getattr(pair[0], "epoch", 0)
        return epoch, fit(model, pair, config, progress=False).step_losses

    assert losses(ask=True) == losses(ask=False)


def test_it_ends_where_the_loss_rises_by_a_quarter():
    """Plain steps on a quadratic-like loss explode above a rate that is known: 2 / curvature."""
    x = torch.randn(256, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 6
    y = (torch.rand(256, generator=torch.Generator().manual_seed(1)) < 0.5).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=256)
    curvature = float(x.mean((1, 2, 3)).square().mean())  # of the loss at w = 0
    config = TrainConfig(momentum=0, weight_decay=0)
    found = find_learning_rate(
        Slope(), (loader, loader), config, lowest=1e-3, highest=1e4, steps=200, progress=False
    )
    assert len(found.rates) < 200, "it has ended"
    assert found.losses[-1] > 1.25 * min(found.losses) >= found.losses[-2]
    assert 1 / curvature < found.rates[-1] < 100 / curvature
    assert found.source == "loaders"


def test_groups_keep_their_distance_and_the_same_seed_gives_the_same_test(splits):
    def two_groups(model):
        slow = {"params": model.conv1.parameters(), "lr": 0.01}
        made.append(torch.optim.SGD([slow, {"params": model.fc.parameters()}], lr=0.1))
        return made[-1]

    made: list[torch.optim.Optimizer] = []
    config = TrainConfig(optimizer=two_groups)
    one, other = (find_learning_rate(network(), splits, config, **SETTINGS) for _ in range(2))
    assert one == other
    slow, fast = (group["lr"] for group in made[0].param_groups)
    assert fast == one.rates[-1] and slow == pytest.approx(fast / 10)


def test_the_picture_marks_the_suggestion():
    test = RateTest((0.001, 0.01, 0.1, 1.0), (2.0, 1.0, 0.5, 4.0), "my pictures")
    figure = plots.learning_rates(test)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == pytest.approx([0.1 / 3, 0.1])
    assert "lowest at a rate of 0.1 (my pictures): try 0.033" in figure.alt
    assert "my pictures" in axes.get_title(loc="left")
