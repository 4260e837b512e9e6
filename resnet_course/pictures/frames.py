"""Pictures of a widget made in advance, for places without a kernel: the website of the course.

One file holds the frames of one widget, as a call of a JavaScript function, so that a page can load
it without a server. `book/explorer.js` shows them, `book/explorers.py` makes the page around them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PREFIX, SUFFIX = "explorerFrames(", ");\n"
STILL = "resnet-course-still"  # class of the words below a widget's stored picture


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
        count = len(self.frames)
        sizes = [len(options) for options in self.choices.values()]
        for path, places in self.paths.items():
            numbers = [int(number) for number in path.split(",")] if path else []
            fits = len(numbers) == len(sizes) and all(
                0 <= number < size for number, size in zip(numbers, sizes, strict=True)
            )
            if not fits or not places:
                raise ValueError(
                    f"{self.name}: no choice leads to the path {path!r}, or it is empty"
                )
        used = {index for path in self.paths.values() for index in path} | set(self.strip)
        if not used or not used <= set(range(count)):
            raise ValueError(f"{self.name}: there are {count} frames, and these are used: {used}")
        path, place = self.start
        if not 0 <= place < len(self.paths.get(path, ())):
            raise ValueError(f"{self.name}: it cannot start at {self.start}")

    @property
    def first(self) -> Frame:
        """The frame that the widget showed."""
        path, place = self.start
        return self.frames[self.paths[path][place]]

    def to_js(self, key: str) -> str:
        """Return the text of the file; `key` tells pages with several explorers which one it is."""
        lines: dict[str, int] = {}  # most stand in many pictures: each is written once
        frames = [
            {
                "picture": [
                    lines.setdefault(line, len(lines)) for line in frame.picture.split("\n")
                ],
                "words": frame.words,
                "at": frame.at,
            }
            for frame in self.frames
        ]
        content = {
            "name": self.name,
            "choices": [
                {"label": label, "options": list(options)}
                for label, options in self.choices.items()
            ],
            "paths": {path: list(places) for path, places in self.paths.items()},
            "start": list(self.start),
            "strip": list(self.strip),
            "lines": list(lines),
            "frames": frames,
        }
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return f"{PREFIX}{json.dumps(key)},{text}{SUFFIX}"

    @classmethod
    def from_js(cls, text: str) -> Frames:
        """Read what `to_js` has written; the pictures are complete again.

        Raises:
            ValueError: the text is anything else.
        """
        found = re.fullmatch(
            re.escape(PREFIX) + r'"[\w-]+",(\{.*\})' + re.escape(SUFFIX), text, re.DOTALL
        )
        if not found:
            raise ValueError(f"expected {PREFIX}…{SUFFIX.strip()} with frames between")
        try:
            content = json.loads(found[1])
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
