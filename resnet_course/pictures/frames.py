"""Pictures of a widget made in advance, for places without a kernel: the website of the course.

One file holds the frames of one widget, as a call of a JavaScript function, so that a page can load
it without a server. `book/frames.js` shows them, `book/widgets.py` makes the page around them.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

PREFIX, SUFFIX = "explorerFrames(", ");\n"
STILL = "resnet-course-still"  # class of the words below a widget's stored picture


def write_call(prefix: str, key: str, content: dict[str, Any], *, inline: bool = False) -> str:
    """Return the text of a script that hands `content` to a function of the page.

    `prefix` is the name of the function and "("; `key` tells pages with several widgets which one
    it is. An `inline` text may also stand in a page: no "<" in it can end the script.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c") if inline else text
    return f"{prefix}{json.dumps(key)},{text}{SUFFIX}"


def read_call(prefix: str, text: str, what: str, *, inline: bool = False) -> dict[str, Any]:
    """Return the content of what `write_call` has written; a message calls it `what`.

    Raises:
        ValueError: the text is anything else.
    """
    content = r"(\{[^<]*\})" if inline else r"(\{.*\})"
    pattern = re.escape(prefix) + r'"[\w-]+",' + content + re.escape(SUFFIX)
    found = re.fullmatch(pattern, text, re.DOTALL)
    if not found:
        raise ValueError(f"expected {prefix}…{SUFFIX.strip()} with {what} between")
    return json.loads(found[1])


class Picture(Protocol):
    """What can be stored as an image: `Svg` and `DescribedFigure`."""

    alt: str

    def png(self) -> bytes:
        """Return the picture as PNG."""


def png_address(picture: Picture) -> str:
    """Return a picture as the address of an image."""
    return f"data:image/png;base64,{base64.b64encode(picture.png()).decode()}"


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        picture: an SVG picture as markup, or another one as the address "data:image/png;base64,…".
        words: what can be seen.
    """

    picture: str
    words: str

    @classmethod
    def of(cls, picture: Picture) -> Frame:
        """Return a picture with its own words as a frame."""
        return cls(picture if isinstance(picture, str) else png_address(picture), picture.alt)


@dataclass(frozen=True)
class Frames:
    """One frame for each combination of a widget's choices.

    Attributes:
        name: of the widget, for readers.
        choices: label → options.
        frames: one for each combination; the option of the last choice changes first.
        start: number of the frame that the widget showed.
        strip: numbers of the few frames that stand for all where nothing moves.

    Raises:
        ValueError: more or fewer frames than combinations, or a number without a frame.
    """

    name: str
    choices: Mapping[str, Sequence[str]]
    frames: Sequence[Frame]
    start: int
    strip: Sequence[int]

    def __post_init__(self) -> None:
        count, wanted = len(self.frames), math.prod(map(len, self.choices.values()))
        if count != wanted:
            raise ValueError(f"{self.name}: {wanted} combinations, but {count} frames")
        used = {self.start, *self.strip}
        if not used <= set(range(count)):
            raise ValueError(f"{self.name}: there are {count} frames, and these are used: {used}")

    @classmethod
    def of_choices(
        cls,
        name: str,
        choices: Mapping[str, Mapping[str, Any]],
        draw: Callable[..., Picture],
        start: tuple[Any, ...],
        strip: Sequence[tuple[Any, ...]],
    ) -> Frames:
        """Draw one frame for each combination of options: label → option → its value.

        `draw` is called with one value of each choice. `start` has the values that the widget
        showed, `strip` those of the few frames that stand for all.
        """
        values = list(itertools.product(*(options.values() for options in choices.values())))
        return cls(
            name=name,
            choices={label: list(options) for label, options in choices.items()},
            frames=[Frame.of(draw(*chosen)) for chosen in values],
            start=values.index(start),
            strip=[values.index(chosen) for chosen in strip],
        )

    @property
    def first(self) -> Frame:
        """The frame that the widget showed."""
        return self.frames[self.start]

    def to_js(self, key: str) -> str:
        """Return the text of the file; `key` tells pages with several widgets which one it is."""
        return write_call(PREFIX, key, self._content())

    @classmethod
    def from_js(cls, text: str) -> Frames:
        """Read what `to_js` has written; the pictures are complete again.

        Raises:
            ValueError: the text is anything else.
        """
        content = read_call(PREFIX, text, "frames")
        try:
            lines = content["lines"]
            made = cls(
                name=content["name"],
                choices={each["label"]: each["options"] for each in content["choices"]},
                frames=[
                    Frame("\n".join(lines[i] for i in each["picture"]), each["words"])
                    for each in content["frames"]
                ],
                start=content["start"],
                strip=content["strip"],
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"the frames lack something: {error}") from error
        if made._content() != content:
            raise ValueError("the frames hold something else")
        return made

    def _content(self) -> dict[str, Any]:
        """Return what the file holds."""
        lines: dict[str, int] = {}  # most stand in many pictures: each is written once
        frames = []
        for frame in self.frames:
            numbers = [lines.setdefault(line, len(lines)) for line in frame.picture.split("\n")]
            frames.append({"picture": numbers, "words": frame.words})
        return {
            "name": self.name,
            "choices": [{"label": k, "options": list(v)} for k, v in self.choices.items()],
            "start": self.start,
            "strip": list(self.strip),
            "lines": list(lines),
            "frames": frames,
        }
