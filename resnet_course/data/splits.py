"""Pictures for training and for testing, as four tensors in memory, and a part kept back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_course.blocks import check_whole
from resnet_course.data.batches import check_pairs

# The sets of `sources`, whose pictures come in mixed order: mean and standard deviation of
# pixel / 255 over all their training pictures, however few are loaded. They are shown as printed.
KNOWN = {
    "fashion-mnist": (0.2860, 0.3530),
    "mnist": (0.1307, 0.3081),
    "drawn-garments": (0.1370, 0.2595),
}

Scale = float | tuple[float, ...]  # a number for one channel, else a number for each channel


@dataclass(frozen=True, eq=False)
class Splits:
    """Images and labels for training and for testing.

    `mean` and `std` are what `to_float` takes: of pixel / 255 over the training images. Where they
    are not given, those of Fashion-MNIST, MNIST and the drawn garments are known by `source`, and
    those of other pictures are measured. The `std` of a channel that is the same everywhere is 1,
    because it cannot be divided by 0.

    Raises:
        TypeError, ValueError: `mean` or `std` is to be measured, and these are no pictures with
            their labels.
    """

    train_images: Tensor  # uint8 (N, C, H, W), 0 black to 255 white; C = 3: red, green, blue
    train_labels: Tensor  # int64 (N,), indices into `classes`
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]  # the name of each label
    source: str  # "fashion-mnist", "mnist", "drawn-garments", or the name of a folder
    mean: Scale | None = None
    std: Scale | None = None

    def __post_init__(self) -> None:
        given = (self.mean, self.std)
        found = KNOWN.get(self.source)
        if found is None and any(value is None for value in given):
            check_pairs(self.train_images, self.train_labels)
            found = mean_and_std(self.train_images)
        for place, name in enumerate(("mean", "std")):
            value = found[place] if given[place] is None else given[place]
            # A list, an array or a tensor is as good as a tuple.
            plain = torch.as_tensor(value, dtype=torch.float64).tolist()
            object.__setattr__(self, name, tuple(plain) if isinstance(plain, list) else plain)


def mean_and_std(images: Tensor) -> tuple[Scale, Scale]:
    """Return mean and standard deviation of pixel / 255 per channel, as `Splits` keeps them."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):
        # Counted, because all pixels as float64 would take eight times the memory.
        share = channel.flatten().bincount(minlength=256) / max(channel.numel(), 1)
        mean = (share * levels).sum()
        means.append(mean.item())
        stds.append((share * (levels - mean) ** 2).sum().sqrt().item() or 1.0)
    return (means[0], stds[0]) if len(means) == 1 else (tuple(means), tuple(stds))


def check_splits(splits: object) -> None:
    """Raise a ValueError if these are no `Splits`, or their tensors do not fit together."""
    if not isinstance(splits, Splits):
        raise ValueError(
            "splits must be Splits, as fashion_mnist(), drawn_garments() or image_folder() returns "
            f"them, got {type(splits).__name__}."
        )
    check_pairs(splits.train_images, splits.train_labels)
    check_pairs(splits.test_images, splits.test_labels)
    train, test = (tuple(part.shape[1:]) for part in (splits.train_images, splits.test_images))
    if train != test:
        raise ValueError(
            "training and test pictures must have the same (channels, height, width), got "
            f"{train} and {test}."
        )
    last = len(splits.classes) - 1
    for name in ("train_labels", "test_labels"):
        labels = getattr(splits, name)
        low, high = map(int, labels.aminmax()) if len(labels) else (0, 0)
        if low < 0 or high > last:
            raise ValueError(
                f"{name} hold {low if low < 0 else high}, but classes has {last + 1} names, for "
                f"the labels 0 to {last}: name every label, and count the labels from 0."
            )


def hold_out(splits: Splits, count: int = 5_000) -> Splits:
    """Keep `count` training images back and let them take the place of the test images.

    Whoever chooses a recipe by its accuracy on the test images measures its luck as well. Choose
    on images kept back, then look at the test images once.

    Of Fashion-MNIST, MNIST and the drawn garments, whose classes are mixed, the last `count` images
    are kept back. Of other pictures, which may be sorted, the last images of each class are, in
    proportion to its size.

    Raises:
        ValueError: if these are no `Splits`, or `count` is not from 1 to one less than the number
            of training images.
    """
    check_splits(splits)
    check_whole(1, len(splits.train_labels) - 1, count=count)
    images, labels = splits.train_images, splits.train_labels
    if (splits.mean, splits.std) == KNOWN.get(splits.source):  # not a folder of the same name
        tensors = (images[:-count], labels[:-count], images[-count:], labels[-count:])
    else:
        kept = last_of_each_class(labels, count)
        tensors = (images[~kept], labels[~kept], images[kept], labels[kept])
    return Splits(*tensors, splits.classes, splits.source, splits.mean, splits.std)


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Return indices of `count` items, in order: the first of each class, all classes alike."""
    seen = F.one_hot(labels).cumsum(dim=0)  # (items, classes): how many of each have come by now
    turn = seen.gather(1, labels[:, None]).flatten()
    return turn.argsort(stable=True)[:count].sort().values


def last_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Choose the last pictures of each class, `count` in all, in proportion to its size.

    As far as `count` allows, each class gives one at least and keeps one at least.

    Args:
        labels: int64 (N,).
        count: 1 to N.

    Returns:
        bool (N,), True for those that are chosen.
    """
    # How far from the end of its class a picture stands: from 0, the first taken, to 1, the last.
    turn = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        own = (labels == label).nonzero().flatten().flip(0)
        turn[own] = (torch.arange(len(own), dtype=torch.float64) + 0.5) / len(own)
        turn[own[0]] = 0
        turn[own[-1]] = 1
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[turn.argsort(stable=True)[:count]] = True
    return chosen
