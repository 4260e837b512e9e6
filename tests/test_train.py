"""The training loop against one written out with plain PyTorch, and its small parts."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course import (
    TensorBatches,
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


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(300, 100)


def linear_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def test_train_step_is_one_step_of_sgd_and_returns_the_loss_before_it(splits):
    model = linear_model()
    twin = copy.deepcopy(model)
    x, y = next(iter(TensorBatches(splits.train_images, splits.train_labels, 32, mean=0, std=1)))
    loss = train_step(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))

    expected = F.cross_entropy(twin(x), y)
    expected.backward()
    assert loss == pytest.approx(expected.item())
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(parameter, other - 0.1 * other.grad, atol=1e-7)


def test_train_step_trains_batch_norm_and_does_not_add_up_gradients(splits):
    model = create_model("resnet8", in_channels=1).eval()
    x, y = next(iter(TensorBatches(splits.train_images, splits.train_labels, 8, mean=0, std=1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    train_step(model, x, y, optimizer)
    first = model.fc.weight.grad.clone()
    train_step(model, x, y, optimizer)
    assert model.bn1.num_batches_tracked == 2 and model.training
    assert torch.allclose(model.fc.weight.grad, first, atol=1e-6)


def test_fit_equals_a_loop_in_plain_pytorch(splits):
    config = TrainConfig(epochs=2, batch_size=64, lr=0.05, seed=3, bfloat16=False, device="cpu")
    model = linear_model()
    twin = copy.deepcopy(model)
    history = fit(model, splits, config, progress=False)

    optimizer = torch.optim.SGD(
        twin.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=10)
    batches = TensorBatches(
        splits.train_images,
        splits.train_labels,
        64,
        mean=splits.mean,
        std=splits.std,
        shuffle=True,
        seed=3,
    )
    losses = []
    for _ in range(2):
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(twin(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    assert history.step_losses == pytest.approx(losses)
    assert history.last.train_loss == pytest.approx(sum(losses[5:]) / 5)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_fit_is_the_same_twice_and_learns(splits):
    histories = []
    for _ in range(2):
        torch.manual_seed(0)
        model = create_model("resnet8", in_channels=1, stem_stride=2)
        histories.append(fit(model, splits, TrainConfig(epochs=2, device="cpu"), progress=False))
    assert histories[0].step_losses == histories[1].step_losses
    assert histories[0].last.train_loss < histories[0].rows[0].train_loss
    assert histories[0].source == "drawn-garments"


def test_fit_reports_what_evaluate_measures(splits):
    model = linear_model()
    history = fit(model, splits, TrainConfig(epochs=1, bfloat16=False), progress=False)
    test = TensorBatches(
        splits.test_images, splits.test_labels, 7, mean=splits.mean, std=splits.std
    )
    assert history.last.test_accuracy == pytest.approx(evaluate(model, test))


@pytest.mark.parametrize("bfloat16", [True, False])
def test_fit_works_with_16_and_with_32_bits(splits, bfloat16):
    model = create_model("resnet8", in_channels=1, stem_stride=2)
    history = fit(model, splits, TrainConfig(epochs=1, bfloat16=bfloat16), progress=False)
    assert all(torch.isfinite(torch.tensor(history.step_losses)))
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


def test_flip_takes_the_mean_of_the_answers_to_picture_and_mirror_image(splits):
    model = linear_model()
    scale = {"mean": splits.mean, "std": splits.std}
    batches = TensorBatches(splits.test_images, splits.test_labels, 30, **scale)
    mirrored = TensorBatches(splits.test_images.flip(3), splits.test_labels, 30, **scale)
    expected = (predict(model, batches)[0] + predict(model, mirrored)[0]) / 2
    logits, labels = predict(model, batches, flip=True)
    assert torch.allclose(logits, expected, atol=1e-6)
    assert evaluate(model, batches, flip=True) == topk_accuracy(expected, labels)
    config = TrainConfig(epochs=1, bfloat16=False, flip_test=True)
    history = fit(model, splits, config, progress=False)
    assert history.last.test_accuracy == evaluate(model, batches, flip=True)


def test_evaluate_without_images_is_an_error():
    with pytest.raises(ValueError, match="no images"):
        evaluate(Lookup(), [])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(2, 12), st.integers(0, 10**6), st.data())
def test_topk_accuracy_against_counting_by_hand(batch, classes, seed, data):
    k = data.draw(st.integers(1, classes))
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(batch, classes, generator=generator)
    labels = torch.randint(classes, (batch,), generator=generator)
    hits = sum(
        sum(other > row[label] for other in row) < k
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    )
    assert topk_accuracy(logits, labels, k) == pytest.approx(hits / batch)


@pytest.mark.parametrize("k", [0, -1, 11])
def test_topk_accuracy_says_which_k_is_allowed(k):
    with pytest.raises(ValueError, match="from 1 to 10"):
        topk_accuracy(torch.zeros(2, 10), torch.zeros(2, dtype=torch.long), k)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer"),
        ({"batch_size": -1}, "batch_size must be a positive integer"),
        ({"lr": 0.0}, "lr must be more than 0"),
        ({"lr": float("nan")}, "lr must be more than 0"),
        ({"warm_up": 0.0}, "warm_up must be between 0 and 1"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing must be at least 0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
    ],
)
def test_bad_configurations_say_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**options)


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


def test_history_is_a_table():
    history = History("drawn-garments", [EpochRow(1, 0.5, 0.8, 0.75, 3.0)])
    assert str(history).splitlines()[1].split() == ["1", "0.5000", "80.0%", "75.0%"]
    assert "drawn-garments" in str(history)
    assert history.column("test_accuracy") == [0.75] and len(history) == 1
    with pytest.raises(ValueError, match="no epoch is finished"):
        _ = History("x").last


def test_history_draws_itself(splits):
    history = fit(linear_model(), splits, TrainConfig(epochs=2, bfloat16=False), progress=False)
    picture = history_curves(history, "a linear model")
    assert "a linear model" in picture and picture.lstrip().startswith("<")
    assert f"test accuracy {history.last.test_accuracy:.1%}" in picture
    with pytest.raises(ValueError, match="no epoch is finished"):
        history_curves(History("x"))


def test_the_learning_rate_rises_for_the_share_that_was_asked_for(splits):
    rates = []

    class Recorder(nn.Linear):
        def forward(self, x):
            return super().forward(x.flatten(1))

    original = torch.optim.SGD.step

    def step(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return original(self, *args, **kwargs)

    config = TrainConfig(epochs=2, batch_size=15, lr=0.5, warm_up=0.1, bfloat16=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", step)
        fit(Recorder(784, 10), splits, config, progress=False)
    assert len(rates) == 40 and rates.index(max(rates)) == 3  # a tenth of 40 steps, from 0
    assert max(rates) == pytest.approx(0.5)


@pytest.mark.parametrize(("count", "steps"), [(64, 2), (65, 2), (66, 3), (33, 1)])
def test_a_last_batch_of_one_picture_is_left_out(count, steps):
    """Batch norm cannot normalise the one value per channel of a 1×1 map."""
    net = nn.Sequential(nn.Conv2d(1, 4, 28), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 10))
    config = TrainConfig(epochs=1, batch_size=32, device="cpu")
    history = fit(net, drawn_garments(count, 20), config, progress=False)
    assert len(history.step_losses) == steps


def test_one_picture_is_too_few():
    with pytest.raises(ValueError, match="there are 1 training images: at least 2 are needed"):
        fit(create_model("resnet8", in_channels=1), drawn_garments(1, 20), progress=False)


def test_a_warm_up_of_exactly_one_step_works():
    config = TrainConfig(epochs=1, batch_size=32, warm_up=0.2, lr=0.01, device="cpu")
    model = create_model("resnet8", in_channels=1)
    assert len(fit(model, drawn_garments(160, 20), config, progress=False).step_losses) == 5


def test_without_momentum_the_steps_are_plain():
    """One step of gradient descent: the weights move by the learning rate times the gradient."""
    config = TrainConfig(epochs=4, batch_size=64, momentum=0, weight_decay=0, bfloat16=False)
    splits = drawn_garments(64, 20)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    twin = copy.deepcopy(net)
    fit(net, splits, config, progress=False)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 4, cycle_momentum=False)
    x = (splits.train_images.float() / 255 - splits.mean) / splits.std
    for _ in range(4):
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(x), splits.train_labels).backward()
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(net[1].weight, twin[1].weight, rtol=1e-4, atol=1e-6)
