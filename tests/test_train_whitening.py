"""The whitening stem: its filters against the pictures, and a run with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import StopAfter, count, equal, linear_model
from torch import nn

from resnet_course import (
    Splits,
    TrainConfig,
    create_model,
    drawn_garments,
    evaluate,
    fit,
    predict,
    whiten,
)
from resnet_course.data import to_float
from resnet_course.train import checkpoints
from resnet_course.train.__main__ import main

SPLITS = drawn_garments(96, 20)
CONFIG = TrainConfig(epochs=2, batch_size=32, bfloat16=False, device="cpu")


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    return create_model("resnet8", **{"stem": "whitening", "in_channels": 1} | options)


def whitened(splits=SPLITS, eps=5e-4, **options) -> nn.Module:
    model = network(**options)
    whiten(model, splits, eps)
    return model


def noise(channels, pictures=200, side=12) -> Splits:
    """Pictures whose neighbouring pixels and channels are alike, no two quite."""
    torch.manual_seed(1)
    blurred = F.avg_pool2d(torch.randn(pictures, channels, side + 1, side + 1), 2, stride=1)
    blurred = blurred + 0.5 * blurred.mean(1, keepdim=True)
    images = (128 + 40 * blurred).clamp(0, 255).to(torch.uint8)
    labels = torch.arange(pictures) % 2
    # Not normalised: the mean of the numbers is about 0.5.
    return Splits(images, labels, images, labels, ("a", "b"), "noise", mean=0.0, std=1.0)


def covariance(model, splits) -> torch.Tensor:
    """Of what the filters make of the patches inside the pictures, negatives left out."""
    filters = model.conv1.whiten.weight.chunk(2)[0].double()
    x = to_float(splits.train_images, splits.mean, splits.std).double()
    return torch.cov(F.conv2d(x, filters, stride=2).transpose(0, 1).flatten(1), correction=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_covariance_of_whitened_patches_is_the_identity(channels):
    splits = noise(channels)
    model = whitened(splits, eps=1e-9, in_channels=channels)
    filters = 16 * channels
    assert model.conv1.whiten.weight.shape == (2 * filters, channels, 4, 4)
    found = covariance(model, splits)
    assert found.shape == (filters, filters)
    assert (found - torch.eye(filters)).abs().max() < 1e-3


def test_with_eps_what_is_hardly_there_stays_quiet():
    plain, quiet = (whitened(eps=eps).conv1.whiten.weight for eps in (1e-9, 0.05))
    # An eigenvector has length 1, so the length of a filter tells its eigenvalue.
    eigenvalues = plain.chunk(2)[0].flatten(1).norm(dim=1) ** -2
    assert torch.equal(eigenvalues, eigenvalues.sort(descending=True).values)
    expected = (eigenvalues / (eigenvalues + 0.05)).double().diag()
    assert (covariance(whitened(eps=0.05), SPLITS) - expected).abs().max() < 1e-3
    assert quiet.abs().max() < 1 / 0.05**0.5


def test_the_negatives_follow_and_every_machine_has_the_same_signs():
    filters, negatives = whitened().conv1.whiten.weight.chunk(2)
    assert torch.equal(filters, -negatives)
    assert (filters[:, -1, -1, -1] > 0).all()


def test_the_first_five_thousand_pictures_decide():
    splits = noise(1, pictures=5_002, side=4)
    first = replace(splits, train_images=splits.train_images[:5_000].clone())
    first = replace(first, train_labels=splits.train_labels[:5_000])
    fewer = replace(first, train_images=first.train_images[:4_999])
    fewer = replace(fewer, train_labels=first.train_labels[:4_999])
    one, two, three = (whitened(each).conv1.whiten.weight for each in (splits, first, fewer))
    assert torch.equal(one, two) and not torch.equal(one, three)


def test_the_stem_is_frozen_filters_relu_and_a_learned_convolution():
    model, x = whitened().eval(), torch.randn(2, 1, 28, 28)
    stem = model.conv1
    seen = F.conv2d(F.conv2d(x, stem.whiten.weight, stride=2, padding=1).relu(), stem.mix.weight,
                    padding=1)  # fmt: skip
    assert torch.equal(stem(x), seen) and seen.shape == (2, 16, 14, 14)
    assert network(stem_stride=1).conv1(x).shape == (2, 16, 27, 27)
    plain = create_model("resnet8", in_channels=1)
    assert count(model) - count(plain) == 32 * 16 + 16 * 32 * 9 - 16 * 9
    learned = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert learned == {"conv1.whiten.weight"}


@pytest.mark.parametrize("optimizer", [None, "muon"])
def test_training_leaves_the_filters_and_a_resumed_run_ends_alike(tmp_path, optimizer):
    config = replace(CONFIG, optimizer=optimizer)
    whole, resumed = whitened(), whitened()
    kept, mix = whole.conv1.whiten.weight.clone(), whole.conv1.mix.weight.clone()
    expected = fit(whole, SPLITS, config, progress=False)
    assert torch.equal(whole.conv1.whiten.weight, kept)
    assert not torch.equal(whole.conv1.mix.weight, mix)

    fit(whitened(), SPLITS, config, progress=False, out=tmp_path, monitor=StopAfter(4))
    assert checkpoints.load(tmp_path / "last.pt")["epoch"] == 1
    history = fit(resumed, SPLITS, config, progress=False, out=tmp_path, resume=True)
    assert history.step_losses == expected.step_losses
    assert equal(resumed.state_dict(), whole.state_dict())


def test_weights_load_without_pictures():
    model, loaded = whitened(), network()
    fit(model, SPLITS, replace(CONFIG, epochs=1), progress=False)
    loaded.load_state_dict(model.state_dict())
    assert not loaded.conv1.whiten.weight.requires_grad
    test = [(to_float(SPLITS.test_images, SPLITS.mean, SPLITS.std), SPLITS.test_labels)]
    assert torch.equal(predict(loaded, test)[0], predict(model, test)[0])
    assert evaluate(loaded, test) == evaluate(model, test)
    fit(loaded, SPLITS, replace(CONFIG, epochs=1), progress=False)  # its filters count as whitened


def test_random_frozen_filters_are_refused_and_learned_ones_are_not():
    model = network()
    with pytest.raises(ValueError, match=r"random and frozen: call whiten\(model, splits\)"):
        fit(model, SPLITS, CONFIG, progress=False)
    model.conv1.requires_grad_(True)
    before = model.conv1.whiten.weight.clone()
    fit(model, SPLITS, replace(CONFIG, epochs=1), progress=False)
    assert not torch.equal(model.conv1.whiten.weight, before)


def test_the_command_whitens_and_goes_on(tmp_path, capsys):
    quick = ["--dataset", "drawn-garments", "--limit", "64", "--model", "resnet8", "--seed", "2"]
    quick += ["--stem", "whitening", "--optimizer", "muon", "--batch-size", "32"]
    main([*quick, "--epochs", "1", "--out", str(tmp_path / "one")])
    last = checkpoints.load(tmp_path / "one" / "last.pt")
    expected = whitened(drawn_garments(64, 64)).conv1.whiten.weight
    assert torch.equal(last["model"]["conv1.whiten.weight"], expected)
    assert last["config"]["optimizer"].startswith("muon: Muon")
    assert "stem='whitening'" in last["network"]
    # A run that starts from these weights keeps their filters: other pictures set no others.
    start = ["--weights", str(tmp_path / "one" / "last.pt"), "--limit", "96", "--epochs", "1"]
    main([*quick, *start, "--out", str(tmp_path / "two")])
    again = checkpoints.load(tmp_path / "two" / "last.pt")
    assert torch.equal(again["model"]["conv1.whiten.weight"], expected)
    capsys.readouterr()


def pictures(*shape) -> Splits:
    images, labels = torch.zeros(shape, dtype=torch.uint8), torch.zeros(shape[0], dtype=torch.int64)
    return Splits(images, labels, images, labels, ("a",), "drawn-garments")


@pytest.mark.parametrize(
    ("model", "splits", "words"),
    [
        (linear_model(), SPLITS, r"Sequential has no whitening stem: .* stem=\"whitening\""),
        (network(stem="cifar"), SPLITS, "ResNet has no whitening stem"),
        (3, SPLITS, "model must be an nn.Module, got int"),
        (network(), SPLITS.train_images, "splits must be Splits"),
        (network(), pictures(8, 3, 8, 8), r"must have 1 channels, .* got \(8, 3, 8, 8\)"),
        (network(), pictures(8, 1, 8, 3), r"4×4 pixels or more, .* got \(8, 1, 8, 3\)"),
        (network(), pictures(3, 1, 8, 8), r"and be 4 at least, got \(3, 1, 8, 8\)"),
    ],
    ids=["no stem", "other stem", "no model", "no splits", "colour", "small", "few"],
)
def test_what_cannot_be_whitened_is_told(model, splits, words):
    with pytest.raises(ValueError, match=words):
        whiten(model, splits)


def test_pictures_without_contrast_give_filters_that_are_finite():
    assert whitened(pictures(8, 1, 8, 8)).conv1.whiten.weight.isfinite().all()
