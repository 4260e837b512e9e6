"""The pictures that a learner can put into the network: to choose, to draw on, to change."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_course.data import Splits
from resnet_course.data.splits import first_of_each_class
from resnet_course.pictures.style import is_printed

MOST_PICTURES = 20
MOST_PIXELS = 256  # along one side, to be drawn on
OF = {
    "fashion-mnist": "test pictures of Fashion-MNIST (Zalando SE, MIT licence)",
    "mnist": "test pictures of MNIST",
    "drawn-garments": "garments drawn by a program, not photographs",
}


@dataclass(frozen=True)
class Pictures:
    """A few pictures as pixels, and how pixels become what the network takes.

    Attributes:
        pixels: uint8 (number, channels, height, width).
        names: of each picture.
        of: what they are.
        scale, shift: one number per channel: the network gets pixel / 255 · scale + shift.
        printed: whether 0 of a grey picture is shown white, see `is_printed`.
    """

    pixels: Tensor
    names: tuple[str, ...]
    of: str
    scale: Tensor
    shift: Tensor
    printed: bool = True

    def to_input(self, pixels: Tensor) -> Tensor:
        """Return what the network takes, float (number, channels, height, width)."""
        return pixels.float() / 255 * self.scale[:, None, None] + self.shift[:, None, None]

    def data(self) -> dict[str, Any]:
        """Return what the page gets; the pixels of the first are `picture` there."""
        return {
            "choices": [
                {"name": name} | ({"pixels": coded(one)} if number else {})
                for number, (one, name) in enumerate(zip(self.pixels, self.names, strict=True))
            ],
            "of": self.of,
            "scale": self.scale.tolist(),
            "shift": self.shift.tolist(),
        }


def pictures_of(splits: Splits) -> Pictures:
    """Return the first test pictures of each class, all classes alike, at most twenty.

    Raises:
        ValueError: there is no test picture.
    """
    if not len(splits.test_images):
        raise ValueError("these splits have no test picture, and the explorer shows those.")
    chosen = first_of_each_class(splits.test_labels, MOST_PICTURES)
    channels = splits.test_images.shape[1]
    mean, std = (
        torch.as_tensor(number, dtype=torch.float32).expand(channels)
        for number in (splits.mean, splits.std)
    )
    return Pictures(
        splits.test_images[chosen],
        tuple(splits.classes[label] for label in splits.test_labels[chosen].tolist()),
        OF.get(splits.source, f"test pictures of {splits.source}"),
        1 / std,
        -mean / std,
        is_printed(splits.source),
    )


def picture_alone(x: Tensor) -> Pictures | None:
    """Return the first picture of a batch, stretched to pixels; None for what is no picture."""
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        return None
    image = x[0].detach().float().cpu().nan_to_num(0, 0, 0)
    low, high = image.amin(), image.amax()
    span = high - low if high > low else torch.ones(())  # one can draw on a single colour too
    pixels = ((image - low) / span * 255).round().to(torch.uint8)
    name = "the picture" if len(x) == 1 else f"the first of {len(x)} pictures"
    ones = torch.ones(len(image))
    return Pictures(pixels[None], (name,), "the picture that was given", span * ones, low * ones)


def coded(pixels: Tensor) -> str:
    """Return one picture as the page takes it: rows of grey values, or of three colours each."""
    flat = pixels.permute(1, 2, 0) if len(pixels) == 3 else pixels[0]
    return base64.b64encode(np.ascontiguousarray(flat.numpy()).tobytes()).decode()


def decoded(content: bytes | memoryview, shape: Sequence[int]) -> Tensor:
    """Return the pixels that the page has sent, uint8 (channels, height, width).

    Raises:
        ValueError: there are not as many as the shape says.
    """
    channels, height, width = shape
    flat = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    if flat.numel() != channels * height * width:
        raise ValueError(f"a picture of {flat.numel()} values came, not of {tuple(shape)}.")
    return flat.reshape(height, width, channels).permute(2, 0, 1)
