"""See which input channel feeds which output channel, as the number of groups changes."""

from __future__ import annotations

import ipywidgets as w
import torch
from torch import nn

from resnet_course.blocks import check_sizes, is_whole
from resnet_course.pictures.channel_diagrams import channels
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frames
from resnet_course.tracing import trace
from resnet_course.widgets.base import WHOLE, CourseWidget, figure_html
from resnet_course.widgets.point_list import PointList
from resnet_course.widgets.slider import Slider


class GroupedConvExplorer(CourseWidget):
    """The channels of a grouped convolution as dots and lines, with its cost.

    A channel under the mouse lights up those that feed it, or that it feeds; "show every point in
    words" lists them all.

    Args:
        in_channels: channels in, at most 16.
        out_channels: channels out, at most 16.
        groups: groups at the start; must divide both.
        size: height and width of the map, for the multiply-adds.

    Raises:
        ValueError: the groups do not divide the channels, or there are too many channels to see.
    """

    def __init__(
        self, in_channels: int = 8, out_channels: int = 8, groups: int = 1, size: int = 14
    ) -> None:
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if not is_whole(value, 1, 16):
                raise ValueError(f"{name} must be from 1 to 16, to be seen, got {value}.")
        check_sizes(groups=groups, size=size)
        channels(in_channels, out_channels, groups)  # raises for groups that do not fit
        self.size = size
        bounds = {"min": 1, "max": 16, "layout": {"width": "280px"}}
        self.in_channels = Slider(**bounds, value=in_channels, description="channels in")
        self.out_channels = Slider(**bounds, value=out_channels, description="channels out")
        fitting = self._divisors(in_channels, out_channels)
        look = {"style": WHOLE, "layout": {"width": "auto"}}
        self.groups = w.Dropdown(options=fitting, value=groups, description="groups", **look)
        self.picture, self.numbers, self.points = w.HTML(), w.HTML(), PointList()
        sizes = [self.in_channels, self.out_channels]
        rows = [[*sizes, self.groups], [self.picture, self.numbers]]
        boxes = [w.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self.points], [self.groups])
        self._wished = groups  # while the channels move through numbers that it does not divide
        self._resizing = False
        self.groups.observe(self._wish, "value")
        for control in sizes:
            control.observe(self._resize, "value")
        self._redraw()

    @property
    def cost(self) -> dict[str, int]:
        """Weights and multiply-adds of the 3×3 convolution as it is, and without groups."""
        return self._cost(self.groups.value)

    @property
    def _where(self) -> str:
        return f"3×3 convolution on a map of {self.size}×{self.size}"

    def _cost(self, chosen: int) -> dict[str, int]:
        given, out = (self.in_channels.value, self.size, self.size), self.out_channels.value
        found = {}
        for name, groups in (("with these groups", chosen), ("without groups", 1)):
            with torch.device("meta"):
                conv = nn.Conv2d(given[0], out, 3, padding=1, groups=groups, bias=False)
            table = trace(conv, given)
            found[f"weights {name}"], found[f"multiply-adds {name}"] = table.params, table.macs
        return found

    def still(self) -> Svg:
        """Draw the dots and lines."""
        return channels(self.in_channels.value, self.out_channels.value, self.groups.value)

    def frames(self) -> Frames:
        """Return one frame for each number of groups, with its cost in words."""
        options = self.groups.options
        return Frames.of_choices(
            f"{self.in_channels.value} channels in, {self.out_channels.value} out",
            {"groups": {str(groups): groups for groups in options}},
            self._with_cost,
            start=(self.groups.value,),
            strip=[(groups,) for groups in options],
        )

    def to_html(self) -> str:
        """Return the picture and the numbers as they stand."""
        return figure_html(self.still()) + self.numbers.value

    def describe(self) -> str:
        """Return the picture and the numbers in words."""
        return self._with_cost(self.groups.value).alt

    def _with_cost(self, groups: int) -> Svg:
        """Draw the dots and lines, with the cost in the words."""
        picture = channels(self.in_channels.value, self.out_channels.value, groups)
        words = ", ".join(f"{name}: {number:,}" for name, number in self._cost(groups).items())
        return Svg(picture, f"{picture.alt} A {self._where} has {words}.")

    def _redraw(self, _: object = None) -> None:
        if self._resizing:
            return
        super()._redraw()
        self.points.follow(self.picture.value)
        rows = "".join(
            f"<tr><td>{name}</td><td style='text-align:right'><b>{number:,}</b></td></tr>"
            for name, number in self.cost.items()
        )
        self.numbers.value = f"<table><caption>{self._where}</caption>{rows}</table>"

    def _resize(self, _: object) -> None:
        divisors = self._divisors(self.in_channels.value, self.out_channels.value)
        self._resizing = True
        self.groups.options = divisors  # which chooses the first of them
        self.groups.value = max(d for d in divisors if d <= self._wished)
        self._resizing = False
        self._redraw()

    def _wish(self, change: dict) -> None:
        if not self._resizing:
            self._wished = change["new"]

    @staticmethod
    def _divisors(a: int, b: int) -> list[int]:
        return [d for d in range(1, min(a, b) + 1) if a % d == 0 and b % d == 0]
