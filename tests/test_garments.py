"""The drawn garments: reproducible, varied, too hard for a linear model, easy for a ResNet."""

import hashlib

import pytest
import torch
from helpers import network
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torchvision import datasets

from resnet_course import TrainConfig, drawn_garments, fit
from resnet_course.data import garments, to_float


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(10_000, 2_000)


@pytest.fixture
def one_thread():
    """On busy cores torch's threads wait for each other: seen 100 s with two, 10 s with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_shapes_types_names_and_classes(splits):
    assert splits.train_images.shape == (10_000, 1, 28, 28)
    assert splits.test_images.shape == (2_000, 1, 28, 28)
    assert splits.train_images.dtype == torch.uint8 and splits.train_labels.dtype == torch.int64
    assert splits.train_labels.bincount().tolist() == [1000] * 10
    assert splits.train_labels[:500].bincount().tolist() == [50] * 10
    assert list(splits.classes) == datasets.FashionMNIST.classes
    assert splits.source == "drawn-garments"


def test_the_pictures_of_a_seed_never_change():
    """Seen alike with NumPy 1.23 and 2.4. Who changes the drawings on purpose changes this."""
    images, labels = garments.draw_garments(1000, seed=7)
    digest = hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    assert digest == "02d9beaead442659f4eb5841513ae1e5595a8e4c90047203442d698987551eeb"


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 1200), st.integers(1, 1200))
def test_more_pictures_begin_with_the_same_ones(few, many):
    few, many = sorted((few, many))
    images, labels = garments.draw_garments(few, seed=1)
    more_images, more_labels = garments.draw_garments(many, seed=1)
    assert torch.equal(images, more_images[:few]) and torch.equal(labels, more_labels[:few])


def test_no_picture_twice_also_not_across_train_and_test_or_seeds(splits):
    other = drawn_garments(1000, 500, seed=1)
    parts = (splits.train_images, splits.test_images, other.train_images, other.test_images)
    flat = torch.cat(parts).flatten(1)
    assert len(flat.unique(dim=0)) == len(flat)


def test_garments_on_black_in_many_grays(splits):
    images = splits.train_images
    covered = (images > 0).float().mean(dim=(1, 2, 3))
    assert covered.min() > 0.03 and covered.max() < 0.85
    assert (images[:, 0, 0, :] == 0).float().mean() > 0.97  # the upper edge
    assert images.flatten(1).max(dim=1).values.min() > 40  # none is too dark to see
    brightness = images.flatten(1).float().mean(dim=1)
    assert brightness.std() > 0.3 * brightness.mean()


def test_the_declared_mean_and_std_are_those_of_the_default_draw():
    splits = drawn_garments()
    assert len(splits.train_images) == 20_000 and len(splits.test_images) == 4_000
    pixels = splits.train_images.double() / 255
    measured = [round(float(number), 4) for number in (pixels.mean(), pixels.std())]
    assert [splits.mean, splits.std] == measured


@pytest.mark.parametrize("bad", [0, -1, 1.0, True, "5", 10**10])
def test_bad_sizes_and_seeds(bad):
    for sizes in ((bad, 10), (10, bad)):
        with pytest.raises(ValueError, match="count"):
            drawn_garments(*sizes)
    with pytest.raises(ValueError, match="seed"):
        drawn_garments(10, 10, seed=bad or 0.5)  # 0 is a good seed


def test_a_linear_model_stays_below_90_percent(splits, one_thread):
    """Logistic regression on 10,000 pictures; L-BFGS until it stands still. Seen: 74 to 77 %."""
    x = to_float(splits.train_images, splits.mean, splits.std).flatten(1)
    test_x = to_float(splits.test_images, splits.mean, splits.std).flatten(1)
    model = nn.Linear(28 * 28, 10)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")
    losses = []

    def closure():
        optimizer.zero_grad()
        # The penalty helps the linear model: without it, it overfits and tests two points worse.
        penalty = 0.01 * model.weight.square().sum()
        loss = F.cross_entropy(model(x), splits.train_labels) + penalty
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        accuracy = (model(test_x).argmax(1) == splits.test_labels).float().mean().item()
    assert losses[-10] - losses[-1] < 0.01  # it stands still
    assert 0.65 < accuracy < 0.90


def test_a_small_resnet_passes_85_percent(splits, one_thread):
    """ResNet-8 on 10,000 pictures, four epochs. Seen: 90 to 92 %."""
    config = TrainConfig(epochs=4, bfloat16=False, device="cpu")
    assert fit(network(), splits, config, progress=False).last.test_accuracy > 0.85
