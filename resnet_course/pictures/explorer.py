"""The picture behind `ShapeExplorer`: the whole network as a strip, and one layer close up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import drawsvg as svg

from resnet_course.pictures.canvas import Group, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frame, Frames
from resnet_course.pictures.layer_closeup import draw_layer
from resnet_course.pictures.network_strip import Strip
from resnet_course.tracing.rows import LayerRow, Trace, by, join, neighbours

WIDTH, HEIGHT = 920, 522


class Explorer:
    """Draws a network with one layer close up, any layer, quickly.

    >>> Explorer(trace(model, (3, 224, 224)), "ResNet-18").frame(17)
    """

    def __init__(self, trace: Trace, title: str) -> None:
        self.trace = trace
        self.title = title
        self.strip = Strip(trace)
        self._drawn = _markup(self.strip.draw())  # written once, used in every frame

    def places(self, parts: int = 99) -> list[int]:
        """Return the rows at which a stage (parts=1), block (2) or layer (99) ends."""
        return [last for _, _, last in neighbours(self.trace.rows, parts)]

    def frame(self, index: int, parts: int = 99) -> Svg:
        """Draw the network with one row close up (parts=99), or its block (2) or stage (1).

        Raises:
            IndexError: there is no such row.
        """
        row, last = self._row(index, parts)
        picture = Paper(WIDTH, HEIGHT)
        picture.append(svg.Raw(self._drawn))
        picture.append(self.strip.mark(last))
        picture.text(self.title, 24, 22, 15, bold=True, anchor="start")
        if self.trace.shortcuts:
            legend = "arcs: shortcuts; solid: identity, dashed: with layers of its own"
            picture.text(legend, 896, 22, 12, anchor="end")
        picture.append(draw_layer(self.trace, row, last))
        return picture.finish(self.title, self.alt(index, parts))

    def alt(self, index: int, parts: int = 99) -> str:
        """Describe the frame in words."""
        row, last = self._row(index, parts)
        sees = f"; one value sees {row.sees.replace(' px', ' pixels')}" if row.sees else ""
        return (
            f"{self.title}, layer {last + 1} of {len(self.trace)}, {row.name} ({row.kind}): "
            f"{by(row.in_shape)} goes in, {by(row.out_shape)} comes out; {row.params:,} "
            f"parameters, {row.macs:,} multiply-adds{sees}."
        )

    def frames(self, levels: Mapping[str, int], level: str, index: int) -> Frames:
        """Draw all frames of all levels, name → `parts`; they start at this level and row."""
        frames: list[Frame] = []
        paths: list[range] = []
        for parts in levels.values():
            before = len(frames)
            frames += [Frame.of(self.frame(at, parts), at) for at in self.places(parts)]
            paths.append(range(before, len(frames)))
        names = list(levels)
        number = names.index(level)
        start = next(i for i, frame in enumerate(paths[number]) if frames[frame].at >= index)
        few = next((path for path in paths if len(path) > 2), paths[-1])
        return Frames(
            name=self.title,
            choices={"step by": names},
            paths={str(i): list(path) for i, path in enumerate(paths)},
            frames=frames,
            start=(str(number), start),
            strip=list(few)[:12],
        )

    def _row(self, index: int, parts: int) -> tuple[LayerRow, int]:
        """Return the row to show, joined from several if need be, and the last of them."""
        if not 0 <= index < len(self.trace):
            raise IndexError(f"layer {index} does not exist: there are {len(self.trace)}.")
        name, first, last = next(g for g in neighbours(self.trace.rows, parts) if index <= g[2])
        if first == last:
            return self.trace.rows[last], last
        return replace(join(list(self.trace.rows[first : last + 1])), name=name), last


def _markup(group: Group) -> str:
    """Return the markup of a group without the picture around it."""
    drawing = svg.Drawing(1, 1, id_prefix="s")
    drawing.append(group)
    return re.sub(r"^.*?</defs>|</svg>\s*$", "", drawing.as_svg(), flags=re.DOTALL)
