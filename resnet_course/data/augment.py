"""Random changes of a batch of training pictures: shift, mirror, cover a square.

torchvision's transforms draw one random number per call. Called on a whole batch, they move all
pictures alike. Here every picture of the batch gets numbers of its own in one indexing operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_course.blocks import is_whole, shape_or_type


@dataclass(frozen=True)
class Augment:
    """Change a batch of pictures at random, each in its own way.

    Attributes:
        shift: move by up to so many pixels in each direction; the gap becomes 0. The same as
            padding by `shift` and cropping (He et al. 2016, section 4.2).
        flip: mirror each picture, left and right, with probability 1/2.
        cutout: set a square of so many pixels a side to 0, centred anywhere in the picture, so that
            a part may fall outside (DeVries and Taylor 2017, arXiv 1708.04552); 0 covers nothing.

    The random numbers come from torch's global generator (`torch.manual_seed`).

    Raises:
        ValueError: for sizes that are not whole numbers from 0 up.
    """

    shift: int = 2
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.flip, bool):
            raise ValueError(f"flip must be True or False, got {self.flip!r}.")
        for name in ("shift", "cutout"):
            if not is_whole(value := getattr(self, name), 0):
                raise ValueError(f"{name} must be a whole number from 0 up, got {value!r}.")

    def __call__(self, images: Tensor) -> Tensor:
        """Return changed copies: (batch, channels, height, width), any type, any device.

        Raises:
            ValueError: these are no pictures.
        """
        if not isinstance(images, Tensor) or images.ndim != 4:
            got = shape_or_type(images)
            raise ValueError(f"images must be (batch, channels, height, width), got {got}.")
        images = self._shift_and_flip(images)
        return self._cut_out(images) if self.cutout else images

    def _shift_and_flip(self, images: Tensor) -> Tensor:
        batch, _, height, width = images.shape
        device = images.device
        down, right = torch.randint(2 * self.shift + 1, (2, batch, 1)).to(device)
        rows = down + torch.arange(height, device=device)  # (batch, height), of the padded picture
        columns = right + torch.arange(width, device=device)
        if self.flip:
            mirrored = (torch.rand(batch, 1) < 0.5).to(device)
            columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(images, (self.shift,) * 4)
        picture = torch.arange(batch, device=device)[:, None, None]
        moved = padded[picture, :, rows[:, :, None], columns[:, None, :]]
        return moved.permute(0, 3, 1, 2)  # indexing put the channels last

    def _cut_out(self, images: Tensor) -> Tensor:
        covered = []  # (batch, height) and (batch, width)
        for side in images.shape[2:]:
            start = torch.randint(side, (len(images), 1)).to(images.device) - self.cutout // 2
            pixels = torch.arange(side, device=images.device)
            covered.append((start <= pixels) & (pixels < start + self.cutout))
        rows, columns = covered
        return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)
