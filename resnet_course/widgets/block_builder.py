"""Choose a block and see its shapes, or the two shapes that cannot be added."""

from __future__ import annotations

import ipywidgets as w
import torch

from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock, check_sizes
from resnet_course.pictures import draw
from resnet_course.pictures.channel_diagrams import mismatch
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frames
from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, by
from resnet_course.train.inputs import check_name
from resnet_course.widgets.base import CourseWidget

BLOCKS = {kind.__name__: kind for kind in (BasicBlock, Bottleneck, PreActBlock)}
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

        def slider(value: int, words: str) -> w.SelectionSlider:
            widths = sorted({8, 16, 32, 64, 128, 256, 512, value})
            return w.SelectionSlider(options=widths, value=value, description=words)

        self.block = w.Dropdown(options=list(BLOCKS), value=block, description="block")
        self.in_channels = slider(in_channels, "channels in")
        self.channels = slider(channels, "channels")
        self.stride = w.Dropdown(options=STRIDES, value=stride, description="stride")
        named = list(SHORTCUTS.items())
        self.shortcut = w.Dropdown(options=named, value=shortcut, description="shortcut")
        self.size = w.IntSlider(size, min(7, size), max(112, size), description="height")
        self.picture = w.HTML()
        controls = [self.block, self.in_channels, self.channels]
        controls += [self.stride, self.shortcut, self.size]
        super().__init__([w.HBox(controls[:3]), w.HBox(controls[3:]), self.picture], controls)
        self._redraw()

    def still(self) -> Svg:
        """Draw the block as it is chosen."""
        channels = (self.in_channels.value, self.channels.value)
        return self._draw(self.block.value, channels, self.stride.value, self.shortcut.value)

    def frames(self) -> Frames:
        """Return every block with each stride, each shortcut and some channels."""
        own = (self.in_channels.value, self.channels.value)
        pairs = sorted({(64, 64), (64, 128), (256, 64), own})
        chosen = (self.block.value, own, self.stride.value)
        return Frames.of_choices(
            "a block",
            {
                "block": {name: name for name in BLOCKS},
                "channels in, channels": {f"{a}, {b}": (a, b) for a, b in pairs},
                "stride": {str(stride): stride for stride in STRIDES},
                "shortcut": SHORTCUTS,
            },
            self._draw,
            start=(*chosen, self.shortcut.value),
            strip=[(*chosen, shortcut) for shortcut in SHORTCUTS.values()],
        )

    def _draw(self, block: str, channels: tuple[int, int], stride: int, shortcut: str) -> Svg:
        kind, (in_channels, width) = BLOCKS[block], channels
        given = (in_channels, self.size.value, self.size.value)
        title = f"{block}({in_channels}, {width}, stride={stride})"
        out = width * kind.expansion

        def traced(shortcut: str) -> Trace:
            with torch.device("meta"):
                return trace(kind(in_channels, width, stride, shortcut=shortcut), given)

        branch = traced("none")[-1].out_shape
        if shortcut == "zero_pad" and out < in_channels:
            why = (
                f"Zero-padding can add channels, not remove them: {in_channels} channels come in "
                f"and the branch gives {out}. A projection can do it."
            )
            return mismatch(branch, (in_channels, *branch[1:]), title, why)
        if shortcut == "identity" and (stride > 1 or out != in_channels):
            found = [f"{out} channels against {in_channels}"] * (out != in_channels)
            if branch[1:] != given[1:]:
                found.append(f"maps of {by(branch[1:])} against {by(given[1:])}")
            why = (
                f"An addition needs equal shapes, and here are {' and '.join(found)}. The shortcut "
                "must change the input's shape too: choose a projection or zero-padding."
            )
            return mismatch(branch, given, title, why)
        table = traced("projection" if shortcut == "identity" else shortcut)
        return draw.block(table, title, hide=["BatchNorm2d"] if out > width else [])
