"""Soft-edged shapes on a stack of small gray pictures: the brushes behind `garments`.

Coordinates: x grows to the right and y down, both from -1 to 1 over the picture. A shape is an
array of distances in these units, negative inside, so the larger of two distances is an
intersection, the smaller a union.

Only + - * / and square roots are used on the way to a pixel: unlike sine or exp, IEEE 754 rounds
these alike on every processor, so a seed gives the same pictures everywhere.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIDE = 28  # pixels

Array = NDArray[np.float32]  # (count, 1, 1): one number per picture; (count, 28, 28): one per pixel
Length = Array | float
Point = tuple[Length, Length]


class Page:
    """`count` black pictures, each seen through its own shift, size and tilt."""

    def __init__(self, random: np.random.RandomState, count: int) -> None:
        self.random = random
        self.count = count
        pixel_centres = ((np.arange(SIDE) + 0.5) * 2 / SIDE - 1).astype(np.float32)
        across = pixel_centres[None, None, :] - self.between(-0.14, 0.14)
        down = pixel_centres[None, :, None] - self.between(-0.08, 0.08)
        # The tangent of half the angle, up to 10 degrees, gives sine and cosine by + - * /
        half_tilt = self.between(-0.09, 0.09)
        cos = (1 - half_tilt**2) / (1 + half_tilt**2)
        sin = 2 * half_tilt / (1 + half_tilt**2)
        size = self.between(0.78, 1.04)
        self.x: Array = (across * cos + down * sin) / (size * self.between(0.85, 1.1))
        self.y: Array = (down * cos - across * sin) / size
        self.ink: Array = np.zeros_like(self.x)  # 0 black to 1 white
        self.tone = self.between(0.3, 1.0)
        contrast = self.between(0.06, 0.5)
        darker = (self.tone - contrast > 0.1) & (self.sometimes(0.7) > 0)
        self.accent: Array = np.where(darker, self.tone - contrast, self.tone + contrast)

    def between(self, low: float, high: float) -> Array:
        """A random number per picture, evenly spread."""
        spread = self.random.random_sample((self.count, 1, 1))
        return (low + (high - low) * spread).astype(np.float32)

    def sometimes(self, share: float) -> Array:
        """1 for about this share of the pictures, 0 for the others."""
        return (self.random.random_sample((self.count, 1, 1)) < share).astype(np.float32)

    def paint(self, distance: Array, tone: Array | float, where: Array | float = 1.0) -> None:
        """Lay `tone` over the inside of a shape, edges soft, in the pictures where `where` is 1."""
        cover = np.clip(0.5 - distance * (SIDE / 2), 0, 1) * where
        self.ink += cover * (tone - self.ink)

    def trim(self, distance: Array, share: float) -> None:
        """Lay the accent over a shape in about this share of the pictures."""
        self.paint(distance, self.accent, self.sometimes(share))

    def mirror(self) -> None:
        """Turn half of the pictures around."""
        self.x *= 1 - 2 * self.sometimes(0.5)

    def finish(self) -> NDArray[np.uint8]:
        """Add pattern, light and noise; return (count, 28, 28) pixels."""
        direction = self.random.randint(0, 4, (self.count, 1, 1))
        along_x = np.array([1, 0, 0.7, 0.7], np.float32)[direction]
        along_y = np.array([0, 1, 0.7, -0.7], np.float32)[direction]
        stripes = wave((along_x * self.x + along_y * self.y) * self.between(1.5, 5))
        crossing = wave((along_y * self.x - along_x * self.y) * self.between(1.5, 5))
        pattern = stripes + crossing * self.sometimes(0.25)
        strength = self.between(0.1, 0.4) * self.sometimes(0.5)
        light = 1 + self.between(-0.25, 0.25) * self.x + self.between(-0.25, 0.25) * self.y
        noise = self.random.random_sample(self.x.shape).astype(np.float32) - 0.5
        grain = 1 + self.between(0.2, 0.7) * noise
        ink = self.ink * (1 - strength * pattern) * light * grain
        return np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)


def wave(phase: Array) -> Array:
    """Stripes with soft edges: 0 to 1 and back once per unit of `phase`."""
    return np.clip(np.abs(phase - np.floor(phase) - 0.5) * 6 - 1, 0, 1)


def curve(t: Array, *knots: Point) -> Array:
    """The line through the knots (t, value), level before the first and after the last."""
    value = knots[0][1]
    for (t0, v0), (t1, v1) in pairwise(knots):
        value = value + (v1 - v0) * np.clip((t - t0) / (t1 - t0), 0, 1)
    return value


def box(x: Array, y: Array, half_width: Length, half_height: Length) -> Array:
    """A rectangle around (0, 0)."""
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def ellipse(x: Array, y: Array, half_width: Length, half_height: Length) -> Array:
    """An ellipse around (0, 0); the distance is exact for a circle, good enough for others."""
    radius = np.sqrt((x / half_width) ** 2 + (y / half_height) ** 2)
    return (radius - 1) * np.minimum(half_width, half_height)


def limb(
    x: Array, y: Array, start: Point, end: Point, start_radius: Length, end_radius: Length
) -> Array:
    """A stroke from `start` to `end` with round ends, thick as the two radii say."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    gap = np.sqrt((x - start[0] - share * dx) ** 2 + (y - start[1] - share * dy) ** 2)
    return gap - start_radius - share * (end_radius - start_radius)
