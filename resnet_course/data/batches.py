"""Batches from images that fit in memory.

60,000 gray 28x28 pictures are 47 MB of uint8. Picking a batch is one indexing operation on the
whole tensor, so neither worker processes nor Python code per picture are needed to keep a network
busy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from resnet_course.blocks import check_whole

Scale = float | Sequence[float] | Tensor  # a number, or a number for each channel


def to_float(images: Tensor, mean: Scale, std: Scale) -> Tensor:
    """Turn uint8 pixels into float32: (pixel / 255 - mean) / std.

    Args:
        images: of any shape; (..., channels, height, width) where `mean` or `std` has a number for
            each channel.
        mean: a number, or a tuple, a list or a tensor with a number for each channel.
        std: likewise.

    Raises:
        TypeError: the pixels are not uint8.
        ValueError: there are more or fewer channels than numbers.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"expected uint8 pixels, got {images.dtype}")
    numbers = []
    for name, value in (("mean", mean), ("std", std)):
        value = _number_or_tensor(name, value, images.device)
        if isinstance(value, Tensor) and value.ndim:
            if value.shape != images.shape[-3:-2]:
                raise ValueError(
                    f"{name} must be a number, or a number for each channel: got shape "
                    f"{tuple(value.shape)} for images of shape {tuple(images.shape)}"
                )
            value = value[:, None, None]
        numbers.append(value)
    return images.to(torch.float32).div_(255).sub_(numbers[0]).div_(numbers[1])


def _number_or_tensor(name: str, value: Scale, device: torch.device | str) -> float | Tensor:
    """Return a number as it is, and numbers for the channels as float32 (channels,) on `device`."""
    if isinstance(value, Real):
        return value
    try:
        return torch.as_tensor(value, dtype=torch.float32, device=device)
    except (TypeError, ValueError, RuntimeError):
        message = f"{name} must be a number, or a number for each channel, got {value!r}"
        raise ValueError(message) from None


def check_pairs(images: object, labels: object) -> None:
    """Check pictures and their labels.

    Raises:
        TypeError: they are no tensors, images are not uint8 or labels not int64.
        ValueError: shapes do not match.
    """
    for name, value in (("images", images), ("labels", labels)):
        if not isinstance(value, Tensor):
            hint = ": torch.from_numpy makes one" if isinstance(value, np.ndarray) else ""
            raise TypeError(f"{name} must be a tensor, got {type(value).__name__}{hint}")
    if images.dtype != torch.uint8 or labels.dtype != torch.int64:
        raise TypeError(
            f"expected uint8 images and int64 labels, got {images.dtype}, {labels.dtype}"
        )
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise ValueError(
            "expected images (N, channels, height, width) and labels (N,),"
            f" got {tuple(images.shape)} and {tuple(labels.shape)}"
        )


@dataclass(eq=False, repr=False)
class TensorBatches:
    """Iterate over batches of images and labels; each pass is one epoch.

    Args:
        images: uint8 (N, channels, height, width).
        labels: int64 (N,).
        batch_size: pictures in a batch, 1 or more; the last batch of an epoch may be smaller.
        mean, std: see `to_float`; std is more than 0.
        shuffle: a new order in every epoch. It depends on `seed` (0 or more) and on the number of
            the epoch alone, not on the device and not on any other random numbers drawn.
        transform: changes a batch of uint8 images (batch, channels, height, width) on `device`,
            before they become floats; size and number of channels may change.
        drop_last: leave out a last batch that is smaller.
        device: where the images are kept and the batches come out.
        part: (k, n) gives the k-th of n nearly equal parts of every batch, k from 0. The transform
            sees the whole batch, so that n processes together use the same pictures as one.

    Each batch is (x, y): float32 (batch, channels, height, width), normalised, and int64 (batch,).
    `epoch` counts the passes begun; set it to go on from a checkpoint with the order that comes
    next. (`fit` sets it itself: it begins with 0, or goes on with the run that it resumes.)

    Raises:
        TypeError: images are not uint8 or labels not int64, at first or after the transform.
        ValueError: shapes do not match, a number is out of its range, or there would be no batch at
            all.
    """

    images: Tensor
    labels: Tensor
    batch_size: int
    _: KW_ONLY
    mean: Scale
    std: Scale
    shuffle: bool = False
    seed: int = 0
    transform: Callable[[Tensor], Tensor] | None = None
    drop_last: bool = False
    device: torch.device | str = "cpu"
    part: tuple[int, int] = (0, 1)
    epoch: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_pairs(self.images, self.labels)
        check_whole(1, batch_size=self.batch_size)
        check_whole(0, seed=self.seed)
        for name in ("mean", "std"):
            setattr(self, name, _number_or_tensor(name, getattr(self, name), self.device))
        if not torch.as_tensor(self.std).gt(0).all():
            raise ValueError(f"std must be more than 0, got {self.std!r}")
        if self.transform is not None and not callable(self.transform):
            raise ValueError(f"transform must be a function of a batch, got {self.transform!r}")
        part = self.part
        if not isinstance(part, tuple) or len(part) != 2 or not 0 <= part[0] < part[1]:
            raise ValueError(f"part must be (k, n) with k from 0 to n - 1, got {part!r}")
        self.images, self.labels = self.images.to(self.device), self.labels.to(self.device)
        if len(self) == 0:
            raise ValueError(f"{len(self.images)} images give no batch of {self.batch_size}")
        if self.transform is None:  # which may change the number of channels
            to_float(self.images[:1], self.mean, self.std)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(len(self.images), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Begin an epoch."""
        order = torch.arange(len(self.images))
        if self.shuffle:
            # Mixed, because seed + epoch would give one seed the orders of the next.
            mixed = np.random.SeedSequence((self.seed, self.epoch)).generate_state(1)
            generator = torch.Generator().manual_seed(int(mixed[0]))
            order = torch.randperm(len(self.images), generator=generator)
        self.epoch += 1
        # Not a generator function itself: the epoch begins with iter(), not with the first batch.
        return self._batches(order.to(self.images.device))

    def _batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in order.split(self.batch_size)[: len(self)]:
            images, labels = self.images[chosen], self.labels[chosen]
            if self.transform is not None:
                images = self.transform(images)
            k, n = self.part
            images, labels = images.tensor_split(n)[k], labels.tensor_split(n)[k]
            if len(labels):  # a last batch may be too small for every part
                yield to_float(images, self.mean, self.std), labels
