"""`fit` with a pair of loaders in place of Splits, and what loaders can do wrong."""

from __future__ import annotations

import copy
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import StopAfter, batches, equal, linear_model, plain_loop
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from resnet_course import Augment, TrainConfig, create_model, drawn_garments, evaluate, fit
from resnet_course.data import to_float
from resnet_course.train import CheckpointError, loaders, predict, readiness
from resnet_course.train.processes import World

SPLITS = drawn_garments(100, 30)
CONFIG = TrainConfig(epochs=2, lr=0.05, bfloat16=False, device="cpu")
X = to_float(SPLITS.train_images, SPLITS.mean, SPLITS.std)
Y = SPLITS.train_labels
PAIRS = [(X[:32], Y[:32]), (X[32:64], Y[32:64])]
TEST = [(X[64:90], Y[64:90]), (X[90:], Y[90:])]


def loader(size: int = 32, **options) -> DataLoader:
    return DataLoader(TensorDataset(X, Y), size, **options)


def train(given, model=None, config=CONFIG, **options):
    return fit(model or linear_model(), given, config, progress=False, **options)


class Stream(IterableDataset):
    """Pictures one after the other, of which nobody knows how many there are."""

    def __iter__(self):
        return zip(X[:50], Y[:50], strict=True)


class Once:
    """Batches that are gone after so many passes."""

    def __init__(self, passes: int, known: bool = True) -> None:
        self.left, self.known = passes, known

    def __len__(self):
        if self.known:
            return 2
        raise TypeError

    def __iter__(self):
        self.left -= 1
        return iter(PAIRS if self.left >= 0 else ())


def test_a_pair_of_loaders_trains_as_a_loop_in_plain_pytorch():
    model = linear_model()
    twin = copy.deepcopy(model)
    torch.manual_seed(5)  # of the order
    history = train((loader(shuffle=True), loader(30)), model)

    torch.manual_seed(5)
    own, test = loader(shuffle=True), loader(30)
    optimizer = torch.optim.SGD(twin.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=8)
    # A DataLoader draws from the global generator in every pass.
    losses, hits = plain_loop(twin, optimizer, schedule, own, 2, lambda: evaluate(twin, test))
    assert history.step_losses == pytest.approx(losses)
    assert history.last.train_accuracy == hits / 100
    assert history.last.test_accuracy == evaluate(model, loader(7))
    assert history.source == "loaders" and "loaders" in str(history)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_batches_of_the_course_are_loaders_too_and_give_the_same_run():
    model, same = linear_model(), linear_model()
    train(SPLITS, model, replace(CONFIG, batch_size=25, seed=3))
    pair = batches(SPLITS, 25, "train", shuffle=True, seed=3), batches(SPLITS, 9)
    history = train(pair, same)
    assert equal(model.state_dict(), same.state_dict())
    assert history.last.test_accuracy == evaluate(same, batches(SPLITS, 30))


@pytest.mark.parametrize("test", [TEST, DataLoader(Stream(), 20)], ids=["list", "stream"])
def test_a_loader_without_a_length_is_counted_once(test):
    history = train([DataLoader(Stream(), 16), test])
    assert len(history) == 2 and len(history.step_losses) == 2 * 4


def test_looking_first_uses_no_random_number_of_anybody():
    class Draws(IterableDataset):
        def __iter__(self):
            torch.rand(3), random.random(), np.random.rand()
            return zip(X[:9], Y[:9], strict=True)

    def seeded():
        torch.manual_seed(1), own.manual_seed(1), random.seed(1), np.random.seed(1)

    def numbers():
        return torch.rand(1), torch.rand(1, generator=own), random.random(), np.random.rand()

    own, model = torch.Generator(), linear_model()
    seeded()
    before = numbers()
    seeded()
    draws = DataLoader(Draws(), 4)
    pair = loaders.pair_of_loaders((draws, loader(shuffle=True, generator=own)))
    readiness.check_run(model, pair, CONFIG)
    assert numbers() == before


def test_labels_and_pictures_go_where_the_network_is():
    """Shapes without numbers stand for a device on which the pictures are not."""
    model = create_model("resnet8", in_channels=1).to("meta")
    logits, labels = predict(model, PAIRS)
    assert logits.device.type == labels.device.type == "meta" and logits.shape == (64, 10)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ((iter(PAIRS), TEST), "the training loader gives its batches only once: a list or a Data"),
        ((PAIRS, (batch for batch in TEST)), "the test loader gives its batches only once"),
        ((Once(1), TEST), "the training loader gives 0 batches in pass 2, but has 2 by its len"),
        ((Once(2, known=False), TEST), "gives 0 batches in pass 2, .* or in its first pass"),
        ((PAIRS, Once(2)), "the test loader gives 0 batches in pass 2"),
        (([], TEST), "the training loader gives no batch"),
        ((PAIRS, Once(0)), "the test loader gives 0 batches in pass 1"),
        ((PAIRS, Once(0, known=False)), "the test loader gives no batch"),
        ((PAIRS, X), "splits must be Splits, .*or a pair .training loader, test loader., got tup"),
        ((PAIRS, TEST, TEST), "splits must be Splits"),
        (loader(), "splits must be Splits, .*got DataLoader"),
        ((TensorDataset(X, Y), TEST), "the training loader is a data set.*DataLoader"),
        ((PAIRS, Stream()), "the test loader is a data set, which gives single pictures"),
        ((PAIRS, [(X, Y.tolist())]), "must be a tensor, got list"),
        (([(X.double(), Y)], TEST), r"the pictures are float64: make them floats, x.float\(\)"),
        ((PAIRS, list(zip(X, Y, strict=True))), r"takes a batch .batch, channels"),
        ((PAIRS, [(X, Y + 1)]), "labels of a test batch hold 10, but the network has 10"),
        (([X], TEST), "must give pairs .*; here comes a Tensor"),
        ((PAIRS, [{"x": X, "y": Y}]), "must give pairs .*; here comes a dict"),
        (([(X.numpy(), Y)], TEST), "a training batch must be a tensor, got ndarray"),
        (([(SPLITS.train_images, Y)], TEST), "a training batch has pixels from 0 to 255"),
        ((PAIRS, [(X, Y.float())]), "labels of a test batch must be one class .*long"),
        (([(X, F.one_hot(Y))], TEST), "labels of a training batch must be .*is it one-hot"),
        (([(X, Y + 1)], TEST), "labels of a training batch hold 10, but the network has 10"),
        (([(X[:0], Y[:0])], TEST), "a training batch is empty"),
        (([(X.expand(-1, 3, -1, -1), Y)], TEST), "1 channels, but the pictures have 3"),
    ],
)
def test_what_is_no_loader_is_told(pair, words):
    model = create_model("resnet8", in_channels=1, stem_stride=2)
    with pytest.raises(ValueError, match=words):
        train(pair, model)


def test_a_loader_that_gives_more_than_it_says_is_told():
    class Longer(list):
        def __len__(self):
            return 1

    with pytest.raises(ValueError, match="training loader gives more batches than the 1"):
        train((Longer(PAIRS), TEST))


def test_a_last_batch_of_one_picture_is_told_with_a_way_out():
    net = nn.Sequential(nn.Conv2d(1, 4, 28), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 10))
    with pytest.raises(ValueError, match=r"one value per channel.*drop_last=True"):
        train((loader(33), TEST), net)
    assert len(train((loader(33, drop_last=True), TEST), net)) == 2


def test_rows_of_numbers_are_pictures_too():
    flat = [(x.flatten(1), y) for x, y in PAIRS]
    assert train((flat, flat)).step_losses == train((PAIRS, PAIRS)).step_losses


def test_what_does_not_go_with_loaders_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="augment changes the pictures of Splits"):
        train((PAIRS, TEST), config=replace(CONFIG, augment=Augment()))
    monkeypatch.setattr(readiness, "world", lambda: World(0, 2))
    with pytest.raises(ValueError, match="loaders train in one process"):
        train((PAIRS, TEST))


def test_a_run_with_batches_of_the_course_goes_on_with_the_order_that_comes_next(tmp_path):
    def go(**options):  # as in a new process, with new loaders
        pair = batches(SPLITS, 25, "train", shuffle=True, seed=3), batches(SPLITS, 30)
        return train(pair, config=replace(CONFIG, epochs=3), **options)

    assert len(go(out=tmp_path, monitor=StopAfter(6)).step_losses) == 6
    assert go(out=tmp_path, resume=True).step_losses == go().step_losses


def test_a_run_with_loaders_goes_on_with_the_global_generator(tmp_path):
    config = replace(CONFIG, epochs=3)

    def fresh():
        torch.manual_seed(2)
        return linear_model(), (loader(shuffle=True), loader(50))

    (whole, pair), (again, same) = fresh(), fresh()
    torch.manual_seed(3)
    expected = train(pair, whole, config)
    torch.manual_seed(3)
    broken = train(same, again, config, out=tmp_path, monitor=StopAfter(6))
    assert len(broken.step_losses) == 6
    model, third = fresh()
    resumed = train(third, model, config, out=tmp_path, resume=True)
    assert resumed.step_losses == expected.step_losses
    assert equal(model.state_dict(), whole.state_dict())
    for other, words in (
        ((loader(50), loader(50)), "images: training is 4 batches in the checkpoint and 2 batches"),
        (SPLITS, "images: source is loaders in the checkpoint and drawn-garments here"),
    ):
        with pytest.raises(CheckpointError, match=words):
            train(other, linear_model(), config, out=tmp_path, resume=True)
