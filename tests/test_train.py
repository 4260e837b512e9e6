"""The training loop against one written out with plain PyTorch, and its small parts."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import batches, linear_model, network, plain_loop
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course import (
    TrainConfig,
    create_model,
    drawn_garments,
    evaluate,
    fit,
    topk_accuracy,
    train_step,
)
from resnet_course.pictures.curves import history_curves
from resnet_course.train import has_fast_bfloat16, predict
from resnet_course.train.history import EpochRow, History

SPLITS = drawn_garments(300, 100)
PLAIN = TrainConfig(epochs=1, bfloat16=False)


def test_train_step_is_one_step_of_sgd_and_returns_the_loss_before_it():
    model = linear_model()
    twin = copy.deepcopy(model)
    x, y = next(iter(batches(SPLITS, 32)))
    loss = train_step(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))

    expected = F.cross_entropy(twin(x), y)
    expected.backward()
    assert loss == pytest.approx(expected.item())
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(parameter, other - 0.1 * other.grad, atol=1e-7)


def test_train_step_trains_batch_norm_and_does_not_add_up_gradients():
    model = create_model("resnet8", in_channels=1).eval()
    x, y = next(iter(batches(SPLITS, 8)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    train_step(model, x, y, optimizer)
    first = model.fc.weight.grad.clone()
    train_step(model, x, y, optimizer)
    assert model.bn1.num_batches_tracked == 2 and model.training
    assert torch.allclose(model.fc.weight.grad, first, atol=1e-6)


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (300, TrainConfig(epochs=2, batch_size=64, lr=0.05, seed=3, bfloat16=False, device="cpu")),
        (64, replace(PLAIN, epochs=4, batch_size=64, momentum=0, weight_decay=0)),
        (64, replace(PLAIN, epochs=2, batch_size=32, label_smoothing=0.2)),
    ],
)
def test_fit_equals_a_loop_in_plain_pytorch(count, config):
    splits = drawn_garments(count, 20)
    model = linear_model()
    twin = copy.deepcopy(model)
    history = fit(model, splits, config, progress=False)

    size = config.batch_size
    own = batches(splits, size, "train", shuffle=True, seed=config.seed)
    momentum = {"momentum": config.momentum, "nesterov": config.momentum > 0}
    optimizer = torch.optim.SGD(
        twin.parameters(), config.lr, weight_decay=config.weight_decay, **momentum
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.lr, len(own) * config.epochs, cycle_momentum=config.momentum > 0
    )
    smooth = {"label_smoothing": config.label_smoothing}
    losses, _ = plain_loop(twin, optimizer, schedule, own, config.epochs, **smooth)
    assert history.step_losses == pytest.approx(losses)
    assert history.last.train_loss == pytest.approx(sum(losses[-len(own) :]) / len(own))
    assert history.last.test_accuracy == evaluate(model, batches(splits, 7))
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_sixteen_bits_are_used_where_they_are_asked_for():
    config = TrainConfig(epochs=1, device="cpu")
    exact, rounded = (
        fit(network(), SPLITS, replace(config, bfloat16=use), progress=False).step_losses
        for use in (False, True)
    )
    assert exact != rounded and rounded == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("bfloat16", [True, False])
def test_fit_is_the_same_twice_and_learns(bfloat16):
    histories = []
    for _ in range(2):
        model = network()
        config = TrainConfig(epochs=2, device="cpu", bfloat16=bfloat16)
        histories.append(fit(model, SPLITS, config, progress=False))
    assert histories[0].step_losses == histories[1].step_losses
    assert histories[0].last.train_loss < histories[0].rows[0].train_loss
    assert histories[0].source == "drawn-garments"
    assert model.fc.weight.dtype == torch.float32


class Lookup(nn.Module):
    """Logits are the inputs themselves; dropout shows whether it is in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.99)

    def forward(self, x):
        return self.dropout(x)


def test_evaluate_weighs_batches_by_their_size_and_restores_the_mode():
    # Three right of three, none right of one: 3/4, not the mean of 1 and 0.
    right = torch.eye(10)[:3], torch.arange(3)
    wrong = torch.eye(10)[:1], torch.tensor([5])
    for training in (True, False):
        model = Lookup().train(training)
        assert evaluate(model, [right, wrong]) == 0.75
        assert model.training is training


def test_flip_takes_the_mean_of_the_answers_to_picture_and_mirror_image():
    model = linear_model()
    own = batches(SPLITS, 30)
    mirrored = batches(replace(SPLITS, test_images=SPLITS.test_images.flip(3)), 30)
    expected = (predict(model, own)[0] + predict(model, mirrored)[0]) / 2
    logits, labels = predict(model, own, flip=True)
    assert torch.allclose(logits, expected, atol=1e-6)
    assert evaluate(model, own, flip=True) == topk_accuracy(expected, labels)
    history = fit(model, SPLITS, replace(PLAIN, flip_test=True), progress=False)
    assert history.last.test_accuracy == evaluate(model, own, flip=True)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(2, 12), st.integers(0, 10**6), st.data())
def test_topk_accuracy_against_counting_by_hand(batch, classes, seed, data):
    k = data.draw(st.integers(1, classes))
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(batch, classes, generator=generator)
    labels = torch.randint(classes, (batch,), generator=generator)
    lost = data.draw(st.sets(st.integers(0, batch - 1)))
    for i in lost:  # a row with NaN is never right
        logits[i, data.draw(st.integers(0, classes - 1))] = torch.nan
    hits = sum(
        i not in lost and sum(other > row[label] for other in row) < k
        for i, (row, label) in enumerate(zip(logits.tolist(), labels.tolist(), strict=True))
    )
    assert topk_accuracy(logits, labels, k) == pytest.approx(hits / batch)


@pytest.mark.parametrize("found", [None, "_is_amx_tile_supported", "_is_avx512_bf16_supported"])
def test_bfloat16_on_the_cpu_is_decided_by_its_instructions(monkeypatch, found):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda answer=name == found: answer, raising=False)
    assert has_fast_bfloat16() is TrainConfig().bfloat16_on(torch.device("cpu")) is bool(found)
    assert not has_fast_bfloat16("mps")
    if found is not None:  # nor without the function, which is not public
        monkeypatch.delattr(torch.cpu, found)
        assert has_fast_bfloat16() is False


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bfloat16_on_a_gpu_is_decided_by_its_capability(monkeypatch, capability, fast):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert has_fast_bfloat16("cuda") is fast


def test_history_is_a_table_and_a_picture():
    rows = [EpochRow(i, 0.5, 0.8, test, 3.0) for i, test in ((1, 0.5), (2, 0.75), (3, 0.75))]
    history = History("drawn-garments", rows)
    assert str(history).splitlines()[2].split() == ["2", "0.5000", "80.0%", "75.0%"]
    assert "drawn-garments" in str(history)
    assert history.column("test_accuracy") == [0.5, 0.75, 0.75] and len(history) == 3
    assert history.last is rows[2] and history.best is rows[1]  # the first of the best
    picture = history_curves(history, "a linear model")
    assert "a linear model" in picture and picture.lstrip().startswith("<")
    assert "test accuracy 75.0%" in picture
    for wrong in (lambda h: h.last, lambda h: h.best, history_curves):
        with pytest.raises(ValueError, match="no epoch is finished"):
            wrong(History("x"))


@pytest.mark.parametrize(("count", "steps"), [(64, 2), (65, 2), (66, 3), (33, 1)])
def test_a_last_batch_of_one_picture_is_left_out(count, steps):
    """Batch norm cannot normalise the one value per channel of a 1×1 map."""
    net = nn.Sequential(nn.Conv2d(1, 4, 28), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 10))
    config = replace(PLAIN, batch_size=32)
    history = fit(net, drawn_garments(count, 20), config, progress=False)
    assert len(history.step_losses) == steps


def test_a_warm_up_of_exactly_one_step_works():
    config = replace(PLAIN, batch_size=32, warm_up=0.2, lr=0.01)
    splits = drawn_garments(160, 20)
    assert len(fit(linear_model(), splits, config, progress=False).step_losses) == 5
