"""Random changes of a batch of training pictures: shift, mirror, crop, brighten, cover a square.

torchvision's transforms draw one random number per call. Called on a whole batch, they move all
pictures alike. Here every picture of the batch gets numbers of its own in one indexing operation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import check_whole, shape_or_type

LEAST_RATIO = 3 / 4  # of the sides of a crop, as in torchvision's RandomResizedCrop


@dataclass(frozen=True)
class Augment:
    """Change a batch of pictures at random, each in its own way.

    The changes are made in this order: `each`, `resized_crop`, `shift` and `flip`, `brightness`,
    `cutout`.

    Attributes:
        shift: move by up to so many pixels in each direction; the gap becomes 0. The same as
            padding by `shift` and cropping (He et al. 2016, section 4.2).
        flip: mirror each picture, left and right, with probability 1/2.
        cutout: set a square of so many pixels a side to 0, centred anywhere in the picture, so that
            a part may fall outside (DeVries and Taylor 2017, arXiv 1708.04552); 0 covers nothing.
        brightness: multiply each picture by a number from 1 - `brightness` to 1 + `brightness`;
            what is brighter than white becomes white (255, and 1 for floats). 0 changes nothing.
        resized_crop: take a part of each picture and enlarge it to the size of the whole (Szegedy
            et al. 2015, section 6). The part has at least this share of the area, every share up to
            1 is as likely, and it is up to a third wider or taller than the picture. 1 takes the
            whole.
        each: a function of one picture (channels, height, width), called for every picture: a
            transform of `torchvision.transforms.v2`, as it is. It returns a picture of the same
            type; the size may be another one, the same for all. It costs more time than the others.

    The random numbers come from torch's global generator (`torch.manual_seed`). What is off draws
    none, but for `shift`.

    Raises:
        ValueError: for numbers outside their range, or an `each` that is no function.
    """

    shift: int = 2
    flip: bool = True
    cutout: int = 0
    brightness: float = 0.0
    resized_crop: float = 1.0
    each: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.flip, bool):
            raise ValueError(f"flip must be True or False, got {self.flip!r}.")
        check_whole(0, shift=self.shift, cutout=self.cutout)
        light, crop = self.brightness, self.resized_crop
        for name, value, least, words in (
            ("brightness", light, 0, "from 0 to 1"),
            ("resized_crop", crop, 1e-6, "above 0, at most 1"),
        ):
            if not isinstance(value, Real) or not least <= value <= 1:
                raise ValueError(f"{name} must be a number {words}, got {value!r}.")
            # A number of NumPy would be code in a checkpoint, which holds data only.
            object.__setattr__(self, name, float(value))
        if self.each is not None and not callable(self.each):
            raise ValueError(f"each must be a function of one picture, got {self.each!r}.")

    def as_data(self) -> dict[str, Any]:
        """Return the options as numbers and texts, for a checkpoint.

        `each` is there by its name; a transform of torchvision tells its settings too. The newer
        `brightness`, `resized_crop` and `each` are there only where they are used.
        """
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.each is not None:
            module = isinstance(self.each, nn.Module)  # as transforms of torchvision are
            words = repr(self.each) if module else name_of(self.each)
            # Without addresses: a function in a Compose has another one in each process.
            data["each"] = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", words).split())
        off = {"brightness": 0.0, "resized_crop": 1.0, "each": None}
        return {k: v for k, v in data.items() if k not in off or v != off[k]}

    def __call__(self, images: Tensor) -> Tensor:
        """Return changed copies: (batch, channels, height, width), any type, any device.

        Raises:
            ValueError: these are no pictures, or `each` made none of them.
        """
        if not isinstance(images, Tensor) or images.ndim != 4:
            got = shape_or_type(images)
            raise ValueError(f"images must be (batch, channels, height, width), got {got}.")
        if self.each is not None and len(images):
            images = self._change_each(images)
        if self.resized_crop < 1:
            images = self._crop_and_resize(images)
        images = self._shift_and_flip(images)
        if self.brightness:
            images = self._brighten(images)
        return self._cut_out(images) if self.cutout else images

    def _change_each(self, images: Tensor) -> Tensor:
        changed = [self.each(image) for image in images]
        for image in changed:
            if not isinstance(image, Tensor) or image.ndim != 3:
                got = shape_or_type(image)
                raise ValueError(f"each must return (channels, height, width), got {got}.")
            if image.dtype != images.dtype:
                raise ValueError(
                    f"each must return {images.dtype}, as it got, but it returns {image.dtype}: "
                    "leave ToDtype and Normalize out of it, they come after it by themselves."
                )
            if image.shape != changed[0].shape:
                raise ValueError(
                    "each must return pictures of one size, but it returns "
                    f"{tuple(changed[0].shape)} and {tuple(image.shape)}."
                )
        return torch.stack(changed)

    def _crop_and_resize(self, images: Tensor) -> Tensor:
        batch, _, height, width = images.shape
        area, stretch, down, right = torch.rand(4, batch).to(images.device)
        area = self.resized_crop + (1 - self.resized_crop) * area
        # More stretched than that, a part of this area would not fit into the picture.
        most = -area.clamp(min=LEAST_RATIO).log()
        stretch = ((2 * stretch - 1) * most).exp()

        def places(side: int, share: Tensor, start: Tensor) -> Tensor:
            """Return where in a side of the picture the pixels come from, -1 to 1: (batch, side)"""
            length = (side * share.sqrt()).round().clamp(1, side)[:, None]
            first = (start[:, None] * (side - length + 1)).floor()
            pixels = torch.arange(side, device=images.device)
            inside = (pixels + 0.5) * length / side - 0.5  # centre upon centre
            inside = torch.minimum(inside.clamp(min=0), length - 1)
            return 2 * (first + inside) / max(side - 1, 1) - 1

        rows, columns = places(height, area / stretch, down), places(width, area * stretch, right)
        grid = torch.stack(
            [
                columns[:, None, :].expand(batch, height, width),
                rows[:, :, None].expand(batch, height, width),
            ],
            dim=-1,
        )
        resized = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=True)
        return (resized if images.is_floating_point() else resized.round()).to(images.dtype)

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

    def _brighten(self, images: Tensor) -> Tensor:
        factor = 1 + self.brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
        white = 1 if images.is_floating_point() else 255
        brighter = (images * factor.to(images.device)).clamp(0, white)
        return (brighter if images.is_floating_point() else brighter.round()).to(images.dtype)

    def _cut_out(self, images: Tensor) -> Tensor:
        covered = []  # (batch, height) and (batch, width)
        for side in images.shape[2:]:
            start = torch.randint(side, (len(images), 1)).to(images.device) - self.cutout // 2
            pixels = torch.arange(side, device=images.device)
            covered.append((start <= pixels) & (pixels < start + self.cutout))
        rows, columns = covered
        return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def name_of(function: Callable[..., object]) -> str:
    """Return what a record says of a function: its name, or that of its class."""
    return getattr(function, "__qualname__", type(function).__qualname__)
