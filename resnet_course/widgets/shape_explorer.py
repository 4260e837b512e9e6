"""Step through a network, layer by layer, and see what happens to the shape."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import torch
import traitlets
from torch import Tensor, nn

from resnet_course.blocks import is_whole
from resnet_course.pictures.described import Svg
from resnet_course.pictures.explorer import Explorer
from resnet_course.pictures.frames import Frames
from resnet_course.resnet import CONFIGS, create_model
from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, TraceError
from resnet_course.train.inputs import check_model, check_name
from resnet_course.widgets.base import CourseWidget, figure_html, message_html, place_slider

LEVELS = {"stages": 1, "blocks": 2, "layers": 99}
YOURS = "your model"
SIZES = (28, 32, 64, 96, 128, 160, 192, 224, 256)


class ShapeExplorer(CourseWidget):
    """The network as a strip, one layer close up, and controls to step, slide and play.

    >>> ShapeExplorer(create_model("resnet18"), (1, 3, 224, 224))

    Args:
        model: any module, or the name of a network of the course.
        input_shape: (batch, channels, height, width) or (channels, height, width); for a module of
            your own also what else `trace` takes: an example tensor, several, a dictionary.
        title: what to call a module of your own in the picture; None takes its class name.

    Raises:
        ValueError: `model` is neither a module nor the name of a network, or `input_shape` is no
            shape.

    Attributes:
        layer: index into the rows of `trace`; setting it redraws the picture at once.
        trace: the rows; None while the model cannot take the input.
        error: why not, or "".
    """

    layer = traitlets.Int(0)
    level = traitlets.Unicode("layers")

    def __init__(
        self,
        model: nn.Module | str,
        input_shape: Sequence[int] | Tensor | dict[str, Any] = (1, 3, 224, 224),
        *,
        title: str | None = None,
    ) -> None:
        if isinstance(model, str):
            check_name(model, list(CONFIGS), "network")
        else:
            check_model(model)
        self._own = model if isinstance(model, nn.Module) else None
        self._example = None
        if self._own is not None and _holds_tensors(input_shape):
            self._example, input_shape = input_shape, (1, 3, 224, 224)
            if isinstance(self._example, Tensor):
                input_shape = tuple(self._example.shape)
        if not isinstance(input_shape, (tuple, list)) or not all(map(is_whole, input_shape)):
            raise ValueError(
                f"input_shape must be whole numbers such as (1, 3, 224, 224), got {input_shape!r}."
            )
        self._title = title or type(model).__name__
        names = ([YOURS] if self._own is not None else []) + list(CONFIGS)
        *_, channels, height, width = (*input_shape,) if len(input_shape) > 2 else (3, 1, 1)
        first = YOURS if self._own is not None else str(model)
        self.model_choice = w.Dropdown(options=names, value=first, description="network")
        sizes = sorted({*SIZES, height})
        self.size_choice = w.Dropdown(options=sizes, value=height, description="input size")
        counts = sorted({1, 3, channels})
        self.channel_choice = w.Dropdown(options=counts, value=channels, description="channels")
        tooltips = [f"step by {name}" for name in LEVELS]
        look = {"style": {"button_width": "68px"}, "layout": {"width": "226px"}}
        self.level_choice = w.ToggleButtons(
            options=list(LEVELS), value="layers", tooltips=tooltips, **look
        )
        self.back, self.slider, self.forward = place_slider("420px", min=0, max=1)
        self.play = w.Play(interval=700, min=0, max=1, tooltip="play from here, stop, repeat")
        self.picture = w.HTML()
        choices = (self.model_choice, self.size_choice, self.channel_choice)
        row = w.HBox([self.level_choice, self.back, self.forward, self.play, self.slider])
        super().__init__([w.HBox(choices), row, self.picture])
        self._input = tuple(input_shape)
        self._explored = functools.cache(self._explore)
        self._retrace()
        # Not linked in the browser: there an old place can come back and undo a quick click.
        self.play.observe(self._slid, "value")
        self.slider.observe(self._slid, "value")
        for choice in choices:
            choice.observe(lambda _: self._retrace(), "value")
        traitlets.link((self, "level"), (self.level_choice, "value"))

    # What the learner sees.

    def still(self) -> Svg | None:
        """Return the picture as it stands, None while there is none."""
        return self._explorer and self._explorer.frame(self.layer, LEVELS[self.level])

    def frames(self) -> Frames | None:
        """Return every stage, block and layer of the network that is shown."""
        return self._explorer and self._explorer.frames(LEVELS, self.level, self.layer)

    def to_html(self) -> str:
        """Return the picture and, below it, one for each further stage."""
        if self._failure:
            return self._message(self._failure)
        stages = self._explorer.places(1)[1:]
        steps = [figure_html(self._explorer.frame(at, 1)) for at in stages]
        summary = f"<summary>All {len(steps)} further stages, one picture each</summary>"
        return f"{figure_html(self.still())}<details>{summary}{''.join(steps)}</details>"

    def describe(self) -> str:
        """Return the picture in words."""
        if self._failure:
            return f"{self._failure.module} failed: {self.error}"
        return self._explorer.alt(self.layer, LEVELS[self.level])

    # What the controls do.

    @traitlets.validate("layer")
    def _check_layer(self, proposal: dict) -> int:
        last = len(self.trace) - 1 if self.trace is not None else 0
        if not 0 <= proposal["value"] <= last:
            wrong = f"layer must be from 0 to {last}, got {proposal['value']}"
            raise traitlets.TraitError(f"{wrong}: the network has {last + 1} rows.")
        return proposal["value"]

    @traitlets.validate("level")
    def _check_level(self, proposal: dict) -> str:
        if proposal["value"] not in LEVELS:
            known = ", ".join(LEVELS)
            raise traitlets.TraitError(f"level must be one of {known}, got {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("layer", "level")
    def _redraw(self, _: object = None) -> None:
        if self._failure:
            self.picture.value = self._message(self._failure)
            return
        places = self._explorer.places(LEVELS[self.level])
        self._moving = True  # the slider follows, and must not answer
        position = next(i for i, place in enumerate(places) if self.layer <= place)
        for control in (self.slider, self.play):
            control.max = len(places) - 1
            control.value = position
        self._moving = False
        self.picture.value = self.still()

    def _slid(self, change: dict) -> None:
        if self._explorer and not self._moving:
            self.layer = self._explorer.places(LEVELS[self.level])[change["new"]]

    def _retrace(self) -> None:
        """Trace the chosen network for the chosen input, once for each choice."""
        channels, size = self.channel_choice.value, self.size_choice.value
        found = self._explored(self.model_choice.value, channels, size)
        self._failure = found if isinstance(found, TraceError) else None
        self._explorer = None if self._failure else found
        self.trace: Trace | None = self._explorer and self._explorer.trace
        self.error = str(self._failure or "")
        for control in (self.slider, self.play, self.back, self.forward):
            control.disabled = bool(self._failure)
        if self.layer:
            self.layer = 0
        else:
            self._redraw()

    def _explore(self, name: str, channels: int, size: int) -> Explorer | TraceError:
        has_map, width = len(self._input) > 2, size
        if has_map and size == self._input[-2]:  # the given width; else a square
            width = self._input[-1]
        try:
            if name == YOURS:
                if self._example is not None:
                    return Explorer(trace(self._own, self._example), self._title)
                shape = (*self._input[:-3], channels, size, width) if has_map else self._input
                return Explorer(trace(self._own, shape), self._title)
            with torch.device("meta"):
                model = create_model(name, in_channels=channels)
            return Explorer(trace(model, (1, channels, size, width)), name)
        except TraceError as error:
            return error

    @staticmethod
    def _message(failure: TraceError) -> str:
        shapes = " and ".join("×".join(map(str, shape)) for shape in failure.shapes)
        where = f"It stops at {failure.module}" + (f", where {shapes} met." if shapes else ".")
        return message_html(where, str(failure))


def _holds_tensors(value: object) -> bool:
    """Is it an example for a forward pass, in place of one shape?"""
    return isinstance(value, (Tensor, dict)) or (
        isinstance(value, (tuple, list))
        and any(isinstance(v, (Tensor, dict, tuple, list)) for v in value)
    )
