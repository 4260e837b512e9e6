"""The whitening stem: its filters against the pictures, and a run with it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from helpers import QUICK, batches, count, linear_model, network
from torch import nn

from resnet_course import Splits, TrainConfig, drawn_garments, fit, predict, whiten
from resnet_course.data import to_float
from resnet_course.train import checkpoints
from resnet_course.train.__main__ import main

SPLITS = drawn_garments(96, 20)
ONE = TrainConfig(epochs=1, batch_size=32, bfloat16=False, device="cpu")


unwhitened = partial(network, stem="whitening")


def whitened(splits=SPLITS, eps=5e-4, **options) -> nn.Module:
    model = unwhitened(**options)
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

    def filters(count):
        images, labels = splits.train_images[:count], splits.train_labels[:count]
        return whitened(replace(splits, train_images=images, train_labels=labels)).conv1.whiten

    assert torch.equal(filters(5_002).weight, filters(5_000).weight)
    assert not torch.equal(filters(5_000).weight, filters(4_999).weight)


def test_the_stem_is_frozen_filters_relu_and_a_learned_convolution():
    model, x = whitened().eval(), torch.randn(2, 1, 28, 28)
    first = F.conv2d(x, model.conv1.whiten.weight, stride=2, padding=1).relu()
    seen = F.conv2d(first, model.conv1.mix.weight, padding=1)
    assert torch.equal(model.conv1(x), seen) and seen.shape == (2, 16, 14, 14)
    assert unwhitened(stem_stride=1).conv1(x).shape == (2, 16, 27, 27)
    assert count(model) - count(network()) == 32 * 16 + 16 * 32 * 9 - 16 * 9
    learned = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert learned == {"conv1.whiten.weight"}


def test_training_leaves_the_filters_and_weights_load_without_pictures():
    model, loaded = whitened(), unwhitened()
    kept, mix = model.conv1.whiten.weight.clone(), model.conv1.mix.weight.clone()
    fit(model, SPLITS, ONE, progress=False)
    assert torch.equal(model.conv1.whiten.weight, kept)
    assert not torch.equal(model.conv1.mix.weight, mix)
    loaded.load_state_dict(model.state_dict())
    assert not loaded.conv1.whiten.weight.requires_grad
    test = batches(SPLITS, 20)
    assert torch.equal(predict(loaded, test)[0], predict(model, test)[0])
    fit(loaded, SPLITS, ONE, progress=False)  # its filters count as whitened


def test_random_frozen_filters_are_refused_and_learned_ones_are_not():
    model = unwhitened()
    with pytest.raises(ValueError, match=r"random and frozen: call whiten\(model, splits\)"):
        fit(model, SPLITS, ONE, progress=False)
    model.conv1.requires_grad_(True)
    before = model.conv1.whiten.weight.clone()
    fit(model, SPLITS, ONE, progress=False)
    assert not torch.equal(model.conv1.whiten.weight, before)


def test_the_command_whitens_and_goes_on(tmp_path):
    quick = [*QUICK, "--stem", "whitening", "--optimizer", "muon"]
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


def pictures(*shape) -> Splits:
    images, labels = torch.zeros(shape, dtype=torch.uint8), torch.zeros(shape[0], dtype=torch.int64)
    return Splits(images, labels, images, labels, ("a",), "drawn-garments")


@pytest.mark.parametrize(
    ("model", "splits", "words"),
    [
        (linear_model(), SPLITS, r"Sequential has no whitening stem: .* stem=\"whitening\""),
        (network(stem="cifar"), SPLITS, "ResNet has no whitening stem"),
        (3, SPLITS, "model must be an nn.Module, got int"),
        (unwhitened(), SPLITS.train_images, "splits must be Splits"),
        (unwhitened(), pictures(8, 3, 8, 8), r"must have 1 channels, .* got \(8, 3, 8, 8\)"),
        (unwhitened(), pictures(8, 1, 8, 3), r"4×4 pixels or more, .* got \(8, 1, 8, 3\)"),
        (unwhitened(), pictures(3, 1, 8, 8), r"and be 4 at least, got \(3, 1, 8, 8\)"),
    ],
    ids=["no stem", "other stem", "no model", "no splits", "colour", "small", "few"],
)
def test_what_cannot_be_whitened_is_told(model, splits, words):
    with pytest.raises(ValueError, match=words):
        whiten(model, splits)


def test_pictures_without_contrast_give_filters_that_are_finite():
    assert whitened(pictures(8, 1, 8, 8)).conv1.whiten.weight.isfinite().all()
