"""Pictures of a widget made in advance, for places without a kernel: the website of the course.

One file holds the frames of one widget, as a call of a JavaScript function, so that a page can load
it without a server. `book/frames.js` shows them, `book/widgets.py` makes the page around them.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

PREFIX, SUFFIX = "explorerFrames(", ");\n"
STILL = "resnet-course-still"  # class of the words below a widget's stored picture


def write_call(prefix: str, key: str, content: dict[str, Any], *, inline: bool = False) -> str:
    """Return the text of a script that hands `content` to a function of the page.

    Args:
        prefix: how the text begins: the name of the function and "(".
        key: tells pages with several widgets which one it is.
        content: what JSON can hold.
        inline: the text may also stand in a page: no "<" in it can end the script.
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
        at: how far it is along its path, in any unit; when a choice changes, the place is kept.
    """

    picture: str
    words: str
    at: int = 0

    @classmethod
    def of(cls, picture: Picture, at: int = 0) -> Frame:
        """Return a picture with its own words as a frame."""
        drawn = picture if isinstance(picture, str) else png_address(picture)
        return cls(drawn, picture.alt, at)


@dataclass(frozen=True)
class Frames:
    """All frames of a widget and the choices that lead to them.

    Attributes:
        name: of the widget, for readers.
        choices: label → options.
        paths: the numbers of the chosen options, "2" or "0,1,0" ("" if there is nothing to
            choose) → the frames, in order. A path of several frames can be walked along.
        frames: all of them.
        start: the path, and the place on it, that the widget showed.
        strip: the few frames that stand for all where nothing moves.

    Raises:
        ValueError: a path that the choices do not give, or a frame that does not exist.
    """

    name: str
    choices: Mapping[str, Sequence[str]]
    paths: Mapping[str, Sequence[int]]
    frames: Sequence[Frame]
    start: tuple[str, int]
    strip: Sequence[int]

    def __post_init__(self) -> None:
        count, known = len(self.frames), _paths(self.choices)
        for path, places in self.paths.items():
            if path not in known or not places:
                raise ValueError(
                    f"{self.name}: no choice leads to the path {path!r}, or it is empty"
                )
        used = {index for path in self.paths.values() for index in path} | set(self.strip)
        if not used or not used <= set(range(count)):
            raise ValueError(f"{self.name}: there are {count} frames, and these are used: {used}")
        path, place = self.start
        if not 0 <= place < len(self.paths.get(path, ())):
            raise ValueError(f"{self.name}: it cannot start at {self.start}")

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
        paths = _paths(choices)
        return cls(
            name=name,
            choices={label: list(options) for label, options in choices.items()},
            paths={path: [place] for place, path in enumerate(paths)},
            frames=[Frame.of(draw(*chosen)) for chosen in values],
            start=(paths[values.index(start)], 0),
            strip=[values.index(chosen) for chosen in strip],
        )

    @property
    def first(self) -> Frame:
        """The frame that the widget showed."""
        path, place = self.start
        return self.frames[self.paths[path][place]]

    def to_js(self, key: str) -> str:
        """Return the text of the file; `key` tells pages with several widgets which one it is."""
        lines: dict[str, int] = {}  # most stand in many pictures: each is written once
        frames = []
        for frame in self.frames:
            numbers = [lines.setdefault(line, len(lines)) for line in frame.picture.split("\n")]
            frames.append(vars(frame) | {"picture": numbers})
        content = {
            "name": self.name,
            "choices": [{"label": k, "options": list(v)} for k, v in self.choices.items()],
            "paths": {path: list(places) for path, places in self.paths.items()},
            "start": list(self.start),
            "strip": list(self.strip),
            "lines": list(lines),
            "frames": frames,
        }
        return write_call(PREFIX, key, content)

    @classmethod
    def from_js(cls, text: str) -> Frames:
        """Read what `to_js` has written; the pictures are complete again.

        Raises:
            ValueError: the text is anything else.
        """
        content = read_call(PREFIX, text, "frames")
        try:
            lines = content["lines"]
            return cls(
                name=content["name"],
                choices={each["label"]: each["options"] for each in content["choices"]},
                paths=content["paths"],
                frames=[
                    Frame("\n".join(lines[i] for i in each["picture"]), each["words"], each["at"])
                    for each in content["frames"]
                ],
                start=(content["start"][0], content["start"][1]),
                strip=content["strip"],
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"the frames lack something: {error}") from error


def _paths(choices: Mapping[str, Collection]) -> list[str]:
    """Return the numbers of every combination of options."""
    numbers = itertools.product(*(range(len(options)) for options in choices.values()))
    return [",".join(map(str, combination)) for combination in numbers]
