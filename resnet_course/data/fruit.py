"""A folder of coloured pictures to practise with: five kinds of fruit, drawn by formula.

The files are such as people have them: of different sizes and shapes, JPEG beside PNG, a folder for
each class. Every fruit may have every colour, on a background of any colour, so colour
alone does not tell what it is. They are no photographs, and an accuracy measured on them says
nothing about photographs.
"""

from __future__ import annotations

import colorsys
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from tqdm.auto import tqdm

from resnet_course.blocks import check_whole

FINE = 3  # drawn so many times larger, then made smaller, which softens the edges
HUES = (0.0, 0.07, 0.14, 0.25, 0.36, 0.78)  # red, orange, yellow, yellow-green, green, purple

Points = NDArray[np.float64]  # (n, 2), x to the right and y down; a fruit lies between -1 and 1
Colour = tuple[int, int, int]


def draw_fruit(root: str | os.PathLike[str], per_class: int = 100, seed: int = 0) -> Path:
    """Draw pictures of fruit into a folder for each class.

    Args:
        root: folder that is made, or that exists already; files of the same names are replaced.
        per_class: how many pictures of each fruit, 1 or more.
        seed: 0 to 2**32 - 1. The same seed gives the same pictures with one version of Pillow.

    Returns:
        `root` as a path: what `image_folder` takes.

    Raises:
        ValueError: `per_class` or `seed` is not a whole number in its range.
    """
    check_whole(1, 10**6, per_class=per_class)
    check_whole(0, 2**32 - 1, seed=seed)
    random = np.random.RandomState(seed)
    for name, draw in tqdm(FRUIT.items(), desc="Drawing fruit", delay=30):
        folder = Path(root) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            kind = "png" if random.random_sample() < 0.3 else "jpg"
            sheet = _Sheet(random)
            draw(sheet)
            sheet.finish().save(folder / f"{name}-{number:03d}.{kind}")
    return Path(root)


class _Sheet:
    """One picture: a background, and the place, size and turn of the fruit on it."""

    def __init__(self, random: np.random.RandomState) -> None:
        self.random = random
        self.width, self.height = random.randint(72, 145, 2).tolist()
        side = min(self.width, self.height)
        self.scale = FINE * side * self.between(0.24, 0.42)
        middle = np.array([self.width, self.height]) / 2
        self.place = FINE * (middle + side * random.uniform(-0.13, 0.13, 2))
        angle = self.between(-0.9, 0.9)
        cos, sin = np.cos(angle), np.sin(angle)
        squeeze = np.diag([self.between(0.85, 1.15) * random.choice([-1, 1]), 1.0])
        self.turn = squeeze @ np.array([[cos, sin], [-sin, cos]])
        self.colour = any_colour(random, random.choice(HUES))
        size = (FINE * self.width, FINE * self.height)
        self.image = Image.new("RGB", size, any_colour(random, random.random_sample()))
        self.pen = ImageDraw.Draw(self.image)
        for _ in range(random.randint(0, 4)):  # bands of cloth, the edge of a table
            start, slope = random.uniform(0, size[1]), random.uniform(-0.5, 0.5) * size[0]
            band = [(0, start), (size[0], start + slope)]
            wide = int(FINE * self.between(2, 30))
            self.pen.line(band, fill=any_colour(random, random.random_sample()), width=wide)

    def between(self, low: float, high: float) -> float:
        """A random number, evenly spread."""
        return float(self.random.uniform(low, high))

    def on_sheet(self, points: Points) -> list[tuple[float, float]]:
        """Return where points of the fruit lie in the picture, in pixels."""
        return [tuple(point) for point in self.place + self.scale * (points @ self.turn)]

    def area(self, points: Points, fill: Colour) -> None:
        """Fill an outline."""
        self.pen.polygon(self.on_sheet(points), fill=fill)

    def body(self, points: Points) -> None:
        """Fill an outline with the colour of the fruit, darker on one side, with a bright spot."""
        self.area(points, shaded(self.colour, 0.72))
        middle = points.mean(axis=0)
        self.area(middle + (points - middle) * 0.86 + [-0.05, -0.06], self.colour)
        spot = middle + (points - middle) * 0.2 + [-0.22, -0.25]
        self.area(spot, shaded(self.colour, 1.35))

    def stroke(self, points: Points, width: float, fill: Colour) -> None:
        """Draw a line of some width."""
        wide = max(1, round(width * self.scale))
        self.pen.line(self.on_sheet(points), fill=fill, width=wide, joint="curve")

    def stalk(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a stalk, and sometimes a leaf on it."""
        self.stroke(np.array([start, end]), 0.1, (96, 66, 40))
        if self.random.random_sample() < 0.5:
            leaf = np.array([[0, 0], [0.25, -0.21], [0.5, -0.1], [0.25, 0.09]])
            self.area(np.array(end) + leaf, (70, 130, 60))

    def finish(self) -> Image.Image:
        """Soften, add grain and return the picture at its size."""
        blur = ImageFilter.GaussianBlur(FINE * self.between(0.2, 1.2))
        small = self.image.filter(blur).resize((self.width, self.height))
        grain = self.random.normal(0, self.between(2, 14), (self.height, self.width, 1))
        light = self.between(0.7, 1.15)
        pixels = np.clip(np.asarray(small) * light + grain, 0, 255)
        return Image.fromarray(pixels.astype(np.uint8))


def any_colour(random: np.random.RandomState, hue: float) -> Colour:
    """Return a colour near a hue (0 red, 1/3 green, 2/3 blue), pale or strong, dark or bright."""
    hue = (hue + random.uniform(-0.03, 0.03)) % 1
    rgb = colorsys.hsv_to_rgb(hue, random.uniform(0.35, 0.95), random.uniform(0.45, 0.95))
    return shaded(rgb, 255)


def shaded(rgb: tuple[float, ...], factor: float) -> Colour:
    """Return a colour made darker or brighter."""
    red, green, blue = (min(255, int(part * factor)) for part in rgb)
    return red, green, blue


def around(count: int = 60) -> Points:
    """Points on a circle of radius 1, from the right side on, downwards."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _apple(sheet: _Sheet) -> None:
    circle = around()
    x, y = circle.T
    dent = 1 - sheet.between(0.2, 0.35) * np.exp(-((x / 0.35) ** 2)) * (y < 0)
    narrow = 1 - sheet.between(0.05, 0.2) * np.clip(y, 0, 1)
    sheet.body(np.stack([x * narrow, y * dent * 0.92], axis=1))
    sheet.stalk((0, -0.6), (sheet.between(-0.15, 0.15), -1.05))


def _pear(sheet: _Sheet) -> None:
    x, y = around().T
    neck = sheet.between(0.38, 0.5)
    width = np.where(y < 0.1, neck + (0.8 - neck) * np.clip((y + 1) / 1.3, 0, 1) ** 2, 0.8)
    sheet.body(np.stack([x * width, y], axis=1))
    sheet.stalk((0, -0.95), (sheet.between(-0.15, 0.15), -1.3))


def _banana(sheet: _Sheet) -> None:
    along = np.linspace(-1, 1, 30)
    bend = sheet.between(0.45, 0.75)
    thick = sheet.between(0.22, 0.3) * np.sqrt(np.clip(1.06 - along**2, 0, 1))
    middle = bend * (1 - along**2) - 0.3
    upper, line, lower = (np.stack([along, middle + side * thick], axis=1) for side in (-1, 0, 1))
    sheet.area(np.concatenate([upper, lower[::-1]]), shaded(sheet.colour, 0.75))
    sheet.area(np.concatenate([upper, line[::-1]]), sheet.colour)
    sheet.stroke(upper[:2], 0.12, (90, 70, 45))


def _cherries(sheet: _Sheet) -> None:
    knot = (sheet.between(-0.2, 0.2), -1.0)
    for side in (-1, 1):
        centre = np.array([side * sheet.between(0.45, 0.6), sheet.between(0.3, 0.7)])
        sheet.stroke(np.array([centre, knot]), 0.07, (84, 100, 50))
        sheet.body(centre + around() * sheet.between(0.36, 0.44))


def _lemon(sheet: _Sheet) -> None:
    x, y = around().T
    tip = sheet.between(0.12, 0.22) * np.exp(-((y / 0.2) ** 2)) * np.sign(x)
    sheet.body(np.stack([x * 0.85 + tip, y * sheet.between(0.58, 0.7)], axis=1))


FRUIT: dict[str, Callable[[_Sheet], None]] = {
    "apple": _apple,
    "banana": _banana,
    "cherries": _cherries,
    "lemon": _lemon,
    "pear": _pear,
}
