"""Choose a block and see its shapes, or the two shapes that cannot be added."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets as w
import torch
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock, check_sizes, check_whole
from resnet_course.pictures.block_drawing import block, plus_place
from resnet_course.pictures.block_words import Joint
from resnet_course.pictures.canvas import WIDEST
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frames
from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, by
from resnet_course.train.inputs import check_name
from resnet_course.widgets.base import WHOLE, CourseWidget
from resnet_course.widgets.slider import Slider

BLOCKS = {kind.__name__: kind for kind in (BasicBlock, Bottleneck, PreActBlock)}
SHORTCUTS = {
    "identity: the input itself": "identity",
    "projection: 1×1 convolution": "projection",
    "zero-padding": "zero_pad",
    "none: a plain block": "none",
}
STRIDES = (1, 2)
SWITCH = "110px"  # width of the button below the +


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
        size: height and width of the input, at least 2.

    Attributes:
        block, in_channels, channels, stride, shortcut, size: the controls.
        switch: button below the + that takes the shortcut away and brings the last one back.

    Raises:
        ValueError: for unknown names and for sizes that are no whole numbers or too small.
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
        check_sizes(in_channels=in_channels, channels=channels)
        check_whole(2, size=size)  # stride 2 leaves one pixel as it is

        def choice(options: Iterable, value: object, words: str) -> w.Dropdown:
            look = {"style": WHOLE, "layout": {"width": "auto"}}
            return w.Dropdown(options=list(options), value=value, description=words, **look)

        widths = {8, 16, 32, 64, 128, 256, 512}
        self.block = choice(BLOCKS, block, "block")
        self.in_channels = choice(sorted({*widths, in_channels}), in_channels, "channels in")
        self.channels = choice(sorted({*widths, channels}), channels, "channels")
        self.stride = choice(STRIDES, stride, "stride")
        self.shortcut = choice(SHORTCUTS.items(), shortcut, "shortcut")
        bounds = {"min": min(7, size), "max": max(112, size)}
        self.size = Slider(**bounds, value=size, description="height", layout={"width": "230px"})
        here = w.Layout(grid_area="1 / 1")  # one above the other
        self.picture = w.HTML(layout=here)
        self.switch = w.ToggleButton(layout={"grid_area": "1 / 1", "width": SWITCH})
        self._last = "identity" if shortcut == "none" else shortcut
        controls = [self.block, self.in_channels, self.channels]
        controls += [self.stride, self.shortcut, self.size]
        row = w.HBox(controls, layout={"flex_flow": "row wrap", "grid_gap": "0 16px"})
        self._stage = w.GridBox([self.picture, self.switch])
        wide = w.Box([self._stage], layout={"overflow": "auto"})  # a phone scrolls it sideways
        super().__init__([row, wide], controls)
        self.switch.observe(self._switch, "value")
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

    def _redraw(self, _: object = None) -> None:
        super()._redraw()
        shortcut = self.shortcut.value
        self._last = self._last if shortcut == "none" else shortcut
        self.switch.value = shortcut != "none"
        self.switch.description = "shortcut: on" if self.switch.value else "shortcut: off"
        kind, channels = BLOCKS[self.block.value], (self.in_channels.value, self.channels.value)
        x, y, width = plus_place(self._trace(kind, channels, self.stride.value, "projection"))
        # Margins in per cent, so that the button stays below the + where the picture is smaller.
        shown = min(width, WIDEST)
        left, top = f"calc({x / width:.2%} - {SWITCH} / 2)", f"{y / width:.2%}"
        self.switch.layout.margin = f"{top} 0 0 {left}"
        self._stage.layout.width = f"clamp({min(640, shown)}px, 100%, {shown}px)"

    def _switch(self, change: dict) -> None:
        self.shortcut.value = self._last if change["new"] else "none"

    def _draw(self, block_name: str, channels: tuple[int, int], stride: int, shortcut: str) -> Svg:
        kind, (in_channels, width) = BLOCKS[block_name], channels
        out = width * kind.expansion
        joint = self._joint(kind, channels, stride, shortcut)
        shown = "zero_pad" if shortcut == "zero_pad" and joint.kind == "added" else "projection"
        note = ""
        if kind.expansion > 1:
            note = (
                f"{width} channels give {out}: the last 1×1 convolution of a bottleneck makes "
                f"{kind.expansion} times as many, {kind.expansion} · {width} = {out}."
            )
        if shortcut in ("projection", "zero_pad") and stride == 1 and out == in_channels:
            same = "The shapes are equal already: the block adds the input as it is."
            note = f"{note} {same}".strip()
        title = f"{block_name}({in_channels}, {width}, stride={stride})"
        return block(
            self._trace(kind, channels, stride, shown), title, joint=joint, costs=True, note=note
        )

    def _joint(
        self, kind: type[nn.Module], channels: tuple[int, int], stride: int, shortcut: str
    ) -> Joint:
        """Say whether branch and shortcut can be added, and if not, why not."""
        in_channels, out = channels[0], channels[1] * kind.expansion
        given = (in_channels, self.size.value, self.size.value)
        branch = self._trace(kind, channels, stride, "none")[-1].out_shape
        if shortcut == "none":
            return Joint("absent")
        if shortcut == "zero_pad" and out < in_channels:
            why = (
                f"Zero-padding can add channels, not remove them: {in_channels} channels come in "
                f"and the branch gives {out}. A projection can do it."
            )
            return Joint("refused", branch, (in_channels, *branch[1:]), why)
        if shortcut == "identity" and (stride > 1 or out != in_channels):
            found = [f"{out} channels against {in_channels}"] * (out != in_channels)
            if branch[1:] != given[1:]:
                found.append(f"maps of {by(branch[1:])} against {by(given[1:])}")
            other = " (zero-padding can only add channels)"
            if out >= in_channels:
                other = " or zero-padding"
            why = (
                f"An addition needs equal shapes, and here are {' and '.join(found)}. The shortcut "
                f"must change the input's shape too: choose a projection{other}."
            )
            return Joint("refused", branch, given, why)
        return Joint()

    def _trace(
        self, kind: type[nn.Module], channels: tuple[int, int], stride: int, shortcut: str
    ) -> Trace:
        with torch.device("meta"):
            made = kind(*channels, stride, shortcut=shortcut)
            return trace(made, (channels[0], self.size.value, self.size.value))
