"""Collages: several garments, or other things, on one canvas, with boxes and per-pixel classes.

A picture with one garment in the middle asks one question, "what is it?". A collage asks two more,
"where is it?" and "which pixels are it?", and its maker knows the answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resnet_course.blocks import check_whole, is_whole
from resnet_course.data.splits import Splits, check_splits

INK = 20  # a pixel of at least this value, of 255, in any channel belongs to the garment
TRIES = 40  # places tried for each garment


@dataclass(frozen=True, eq=False)
class Collages:
    """Pictures with several garments each, and where these are.

    Attributes:
        images: uint8 (N, channels, H, W), 0 black to 255 white.
        boxes: N tensors, float32 (garments, 4): x1, y1, x2, y2 in pixels, x to the right and y
            down. x2 and y2 are the edges behind the last pixel, so x2 - x1 is the width.
        labels: N tensors, int64 (garments,), indices into the classes of the splits.
        masks: uint8 (N, H, W): 0 for background, label + 1 where a garment can be seen.
    """

    images: Tensor
    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]
    masks: Tensor

    def __len__(self) -> int:
        return len(self.images)


def collages(
    splits: Splits,
    count: int,
    *,
    part: str = "train",
    size: tuple[int, int] = (64, 64),
    garments: tuple[int, int] = (2, 4),
    seed: int = 0,
) -> Collages:
    """Put garments on dark grey canvases, at random places and with little overlap.

    Each canvas has its own grey level and some noise. Of 40 random places a garment takes the
    first that touches no earlier garment's box, else the one that overlaps least; it hides what
    lies below.

    Args:
        splits: where the garments come from. Of pictures of your own, what is not black stands for
            them: of a photograph nearly all of it.
        count: how many collages, 1 or more.
        part: "train" or "test": which images of the splits.
        size: height and width of the canvas in pixels; pictures larger than 28×28 need a larger
            one.
        garments: fewest and most garments on one canvas.
        seed: 0 to 2**32 - 1. The same splits, arguments and seed give the same collages; a larger
            `count` only adds more at the end.

    Raises:
        ValueError: an argument is out of range, or so many garments have no room on the canvas.
    """
    check_splits(splits)
    _check(count, part, size, garments, seed, tuple(splits.train_images.shape[2:]))
    pictures = getattr(splits, f"{part}_images").numpy()
    labels = getattr(splits, f"{part}_labels").numpy()
    # RandomState, the old generator: NumPy promises that its numbers never change.
    random = np.random.RandomState([seed, part == "test"])

    height, width = size
    images = np.empty((count, pictures.shape[1], height, width), np.uint8)
    masks = np.zeros((count, height, width), np.uint8)
    all_boxes, all_labels = [], []
    for canvas, mask in zip(images, masks, strict=True):
        noise = random.normal(random.uniform(0, 60), 6, size)
        canvas[:] = noise.clip(0, 255).astype(np.uint8)
        boxes = np.empty((0, 4), np.int64)
        chosen = random.randint(len(pictures), size=random.randint(garments[0], garments[1] + 1))
        for index in chosen:
            garment = _cut_out(pictures[index])
            box = _place(random, garment.shape[1:], size, boxes)
            boxes = np.concatenate([boxes, box[None]])
            x1, y1, x2, y2 = box
            ink = (garment >= INK).any(axis=0)
            canvas[:, y1:y2, x1:x2][:, ink] = garment[:, ink]
            mask[y1:y2, x1:x2][ink] = labels[index] + 1
        all_boxes.append(torch.from_numpy(boxes.astype(np.float32)))
        all_labels.append(torch.from_numpy(labels[chosen]))
    return Collages(
        torch.from_numpy(images), tuple(all_boxes), tuple(all_labels), torch.from_numpy(masks)
    )


def _check(
    count: int, part: str, size: object, garments: object, seed: int, shape: tuple[int, ...]
) -> None:
    high, wide = shape  # of a picture
    check_whole(1, count=count)
    check_whole(0, 2**32 - 1, seed=seed)
    if part not in ("train", "test"):
        raise ValueError(f'part must be "train" or "test", got {part!r}.')
    if not _is_pair(size) or size[0] < high or size[1] < wide:
        raise ValueError(f"size must be (height, width), {high}x{wide} or more, got {size!r}.")
    if not _is_pair(garments) or garments[0] > garments[1]:
        raise ValueError(f"garments must be (fewest, most), 1 or more, got {garments!r}.")
    if garments[1] * high * wide > size[0] * size[1]:
        raise ValueError(
            f"{garments[1]} garments of {high}x{wide} have no room on {size[0]}x{size[1]}: "
            "take fewer garments or a larger size."
        )


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_whole, value))


def _cut_out(picture: np.ndarray) -> np.ndarray:
    """Return the smallest rectangle that holds all ink; a picture without ink comes whole."""
    ink = (picture >= INK).any(axis=0)
    if not ink.any():
        return picture
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return picture[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(
    random: np.random.RandomState, shape: tuple[int, ...], size: tuple[int, int], boxes: np.ndarray
) -> np.ndarray:
    """Choose a box (x1, y1, x2, y2) of `shape` = (height, width) among `boxes`, inside `size`."""
    height, width = shape
    y1 = random.randint(size[0] - height + 1, size=TRIES)
    x1 = random.randint(size[1] - width + 1, size=TRIES)
    places = np.stack([x1, y1, x1 + width, y1 + height], axis=1)  # (TRIES, 4)
    # Overlap of every place with every box there is: (TRIES, boxes, x and y), then the area.
    ends = np.minimum(places[:, None, 2:], boxes[None, :, 2:])
    starts = np.maximum(places[:, None, :2], boxes[None, :, :2])
    overlap = (ends - starts).clip(0).prod(axis=2).sum(axis=1)
    return places[overlap.argmin()]  # the first of the smallest
