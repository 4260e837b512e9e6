"""Garments drawn by formula: the stand-in where Fashion-MNIST cannot be had.

Ten classes with the names and the order of Fashion-MNIST, as 28x28 gray pixels on black. Every
picture has its own size, place, tilt, cut, pattern and noise. They are not Fashion-MNIST, and an
accuracy measured on them says nothing about it. `garment_classes` says how each class is cut.
"""

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import FashionMNIST
from tqdm.auto import tqdm

from resnet_course.blocks import check_whole
from resnet_course.data.garment_classes import PAINTERS
from resnet_course.data.raster import Page

CLASSES = tuple(FashionMNIST.classes)
BLOCK = 500  # pictures drawn together: 50 of each class, few enough for the processor's cache


def draw_garments(count: int, seed: int = 0, *, stream: int = 0) -> tuple[Tensor, Tensor]:
    """Draw pictures of garments.

    Args:
        count: how many, 1 or more. Every 500 in a row hold 50 of each class, in random order.
        seed: 0 to 2**32 - 1. The same seed gives the same pictures; a larger `count` only adds more
            at the end.
        stream: pictures of different streams differ, also for one seed (0 for training, 1 for
            testing).

    Returns:
        images, uint8 (count, 1, 28, 28), and labels, int64 (count,), indices into `CLASSES`.

    Raises:
        ValueError: `count` or `seed` is not a whole number in its range.
    """
    check_whole(1, 10**7, count=count)
    check_whole(0, 2**32 - 1, seed=seed)
    blocks = range(-(-count // BLOCK))  # rounded up; the last block is drawn in full, then cut
    bar = tqdm(blocks, desc="Drawing garments", unit_scale=BLOCK, delay=2)
    drawn = [_draw_block(seed, stream, block, count - block * BLOCK) for block in bar]
    images, labels = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*drawn, strict=True))
    return images.unsqueeze(1), labels


def _draw_block(seed: int, stream: int, block: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a block; return its pictures and labels, but at most so many."""
    # RandomState, the old generator: NumPy promises that its numbers never change.
    random = np.random.RandomState([seed, stream, block])
    per_class = BLOCK // len(CLASSES)
    pictures = []
    for paint in PAINTERS:
        page = Page(random, per_class)
        paint(page)
        pictures.append(page.finish())
    labels = np.repeat(np.arange(len(CLASSES)), per_class)
    order = np.argsort(random.random_sample(BLOCK))[:most]
    return np.concatenate(pictures)[order], labels[order]
