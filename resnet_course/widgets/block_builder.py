"""Choose a block and see its shapes, or the two shapes that cannot be added."""

from __future__ import annotations

import itertools

import ipywidgets as w
import torch
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock, check_sizes
from resnet_course.pictures import draw
from resnet_course.pictures.channel_diagrams import mismatch
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frame, Frames
from resnet_course.tracing import trace
from resnet_course.tracing.rows import by
from resnet_course.train.inputs import check_name
from resnet_course.widgets.base import CourseWidget, figure_html

BLOCKS: dict[str, type[nn.Module]] = {
    "BasicBlock": BasicBlock,
    "Bottleneck": Bottleneck,
    "PreActBlock": PreActBlock,
}
SHORTCUTS = {
    "identity: the input itself": "identity",
    "projection: 1×1 convolution": "projection",
    "zero-padding": "zero_pad",
    "none: a plain block": "none",
}


STRIDES = (1, 2)


class BlockBuilder(CourseWidget):
    """One residual block with controls for everything that decides its shapes.

    The shortcut "identity" adds the input as it is, also where it cannot: that is the mistake to
    look at.

    Args:
        block: "BasicBlock", "Bottleneck" or "PreActBlock".
        in_channels: channels of the input.
        channels: nominal width of the block.
        stride: stride of the block.
        shortcut: "identity", "projection", "zero_pad" or "none".
        size: height and width of the input.

    Raises:
        ValueError: for unknown names and sizes that are not positive integers.
    """

    def __init__(
        self,
        block: str = "BasicBlock",
        in_channels: int = 64,
        channels: int = 64,
        stride: int = 1,
        shortcut: str = "identity",
        size: int = 56,
    ) -> None:
        check_name(block, list(BLOCKS), "block")
        check_name(shortcut, list(SHORTCUTS.values()), "shortcut")
        check_name(stride, STRIDES, "stride")
        check_sizes(in_channels=in_channels, channels=channels, size=size)
        wide = (8, 16, 32, 64, 128, 256, 512)
        self.block = w.Dropdown(options=list(BLOCKS), value=block, description="block")
        self.in_channels = w.SelectionSlider(
            options=sorted({*wide, in_channels}), value=in_channels, description="channels in"
        )
        self.channels = w.SelectionSlider(
            options=sorted({*wide, channels}), value=channels, description="channels"
        )
        self.stride = w.Dropdown(options=STRIDES, value=stride, description="stride")
        self.shortcut = w.Dropdown(
            options=list(SHORTCUTS.items()), value=shortcut, description="shortcut"
        )
        self.size = w.IntSlider(
            min=min(7, size), max=max(112, size), value=size, description="height"
        )
        self.picture = w.HTML()
        controls = (self.block, self.in_channels, self.channels, self.stride)
        more = (self.shortcut, self.size)
        super().__init__([w.HBox(controls[:3]), w.HBox([self.stride, *more]), self.picture])
        for control in (*controls, *more):
            control.observe(self._redraw, "value")
        self._redraw()

    def still(self) -> Svg:
        """Draw the block as it is chosen."""
        channels = (self.in_channels.value, self.channels.value)
        return self._draw(self.block.value, channels, self.stride.value, self.shortcut.value)

    def frames(self) -> Frames:
        """Return every block with each stride, each shortcut and some channels."""
        own = (self.in_channels.value, self.channels.value)
        pairs = sorted({(64, 64), (64, 128), (256, 64), own})
        strides, shortcuts = self.stride.options, list(SHORTCUTS.values())
        frames, paths = [], {}
        choices = itertools.product(*map(enumerate, (BLOCKS, pairs, strides, shortcuts)))
        for (i, block), (j, pair), (k, stride), (m, shortcut) in choices:
            picture = self._draw(block, pair, stride, shortcut)
            paths[f"{i},{j},{k},{m}"] = [len(frames)]
            frames.append(Frame(picture, picture.alt))
        block = list(BLOCKS).index(self.block.value)
        stride = strides.index(self.stride.value)
        places = f"{block},{pairs.index(own)},{stride}"
        start = f"{places},{shortcuts.index(self.shortcut.value)}"
        return Frames(
            name="a block",
            choices={
                "block": list(BLOCKS),
                "channels in, channels": [f"{given}, {width}" for given, width in pairs],
                "stride": [str(stride) for stride in strides],
                "shortcut": list(SHORTCUTS),
            },
            paths=paths,
            frames=frames,
            start=(start, 0),
            strip=[paths[f"{places},{m}"][0] for m in range(len(shortcuts))],
        )

    def _draw(self, block: str, channels: tuple[int, int], stride: int, shortcut: str) -> Svg:
        kind, (in_channels, width) = BLOCKS[block], channels
        given = (in_channels, self.size.value, self.size.value)
        title = f"{block}({in_channels}, {width}, stride={stride})"
        out = width * kind.expansion
        fits = stride == 1 and out == given[0]
        if shortcut == "zero_pad" and out < given[0]:
            return mismatch(
                self._branch(kind, given, width, stride),
                (given[0], *self._branch(kind, given, width, stride)[1:]),
                title,
                f"Zero-padding can add channels, not remove them: {given[0]} channels come in and "
                f"the branch gives {out}. A projection can do it.",
            )
        if shortcut == "identity" and not fits:
            branch = self._branch(kind, given, width, stride)
            return mismatch(branch, given, title, self._reason(branch, given))
        with torch.device("meta"):
            chosen = "projection" if shortcut == "identity" else shortcut
            module = kind(given[0], width, stride, shortcut=chosen)
        return draw.block(trace(module, given), title, hide=["BatchNorm2d"] if out > width else [])

    def to_html(self) -> str:
        """Return the picture as it stands."""
        return figure_html(self.still())

    def describe(self) -> str:
        """Return the picture in words."""
        return self.still().alt

    def _redraw(self, _: object = None) -> None:
        self.picture.value = self.still()

    @staticmethod
    def _branch(
        kind: type[nn.Module], given: tuple[int, int, int], width: int, stride: int
    ) -> tuple[int, ...]:
        """Return the shape that the branch computes."""
        with torch.device("meta"):
            return trace(kind(given[0], width, stride, shortcut="none"), given)[-1].out_shape

    @staticmethod
    def _reason(branch: tuple[int, ...], given: tuple[int, ...]) -> str:
        reasons = []
        if branch[0] != given[0]:
            reasons.append(f"{branch[0]} channels against {given[0]}")
        if branch[1:] != given[1:]:
            reasons.append(f"maps of {by(branch[1:])} against {by(given[1:])}")
        return (
            f"An addition needs equal shapes, and here are {' and '.join(reasons)}. The shortcut "
            "must change the input's shape too: choose a projection or zero-padding."
        )
