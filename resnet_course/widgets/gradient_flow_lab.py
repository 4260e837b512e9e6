"""Choose a deep stack of layers and see how much of the gradient reaches each of them."""

from __future__ import annotations

import html
from dataclasses import replace
from functools import cache, partial

import ipywidgets as w

from resnet_course.blocks import check_sizes
from resnet_course.data import Splits, check_splits, fashion_mnist, to_float
from resnet_course.measure.stack_gradients import (
    StackGradients,
    measure_stack,
    step_words,
    train_one_step,
)
from resnet_course.measure.stacks import StackConfig
from resnet_course.pictures.described import Svg
from resnet_course.pictures.frames import Frames
from resnet_course.pictures.gradient_figure import stack_gradients_figure
from resnet_course.widgets.base import WHOLE, CourseWidget, figure_html
from resnet_course.widgets.point_list import PointList
from resnet_course.widgets.slider import Slider

SHALLOWEST, DEEPEST = 2, 60
PLACES = (1, 2, 3)  # of the kept curves in COLOURS
CONTROLS = ("depth", "activation", "init", "batch_norm", "shortcut")
ACTIVATION_NAMES = {"sigmoid": "sigmoid", "tanh": "tanh", "ReLU": "relu"}
INIT_NAMES = {
    "pytorch: what nn.Linear does": "pytorch",
    "small: standard deviation 0.01": "small",
    "xavier: Glorot and Bengio 2010": "xavier",
    "he: He et al. 2015": "he",
}


class GradientFlowLab(CourseWidget):
    """The gradient norm of every layer of a stack, with controls for all that decides it.

    The stack has 64 values per layer and the weights of seed 0. Nothing is trained, unless "train
    one step" is pressed: then squares below the curve show which layers move. A dot under the
    mouse says its layer and its number; "show every point in words" lists them all.

    Args:
        splits: the pictures; None loads as many of Fashion-MNIST as are needed.
        depth: layers before the classifier, 2 to 60.
        activation: "sigmoid", "tanh" or "relu".
        init: "pytorch", "small", "xavier" or "he", see `StackConfig`.
        batch_norm: normalise before each activation.
        shortcut: add each layer's input to its output.
        batch_size: on how many pictures to measure, at least 2; they are the first training
            pictures of `splits`, or all of them if there are not so many.

    Attributes:
        depth, activation, init, batch_norm, shortcut: the controls.
        step: button that trains each choice for one step and shows which layers move.
        keep: button that leaves the present curve in the figure, thin. Of four the oldest goes.
        forget: button that removes the kept curves.
        picture: figure and verdict, as HTML.
        points: what every dot says, as a list to show.

    Raises:
        ValueError: for unknown names, a depth outside its range, or a single picture.
    """

    def __init__(
        self,
        splits: Splits | None = None,
        *,
        depth: int = 30,
        activation: str = "sigmoid",
        init: str = "pytorch",
        batch_norm: bool = False,
        shortcut: bool = False,
        batch_size: int = 256,
    ) -> None:
        StackConfig(depth=depth, activation=activation, init=init)  # raises for wrong names
        check_sizes(batch_size=batch_size)
        if not SHALLOWEST <= depth <= DEEPEST:
            raise ValueError(f"depth must be from {SHALLOWEST} to {DEEPEST}, got {depth}.")
        splits = fashion_mnist(limit=(batch_size, 1)) if splits is None else splits
        check_splits(splits)
        self._y = splits.train_labels[:batch_size]
        if len(self._y) < 2:
            raise ValueError(
                f"batch norm needs a batch of at least 2 pictures, got {len(self._y)}: choose a "
                "larger batch_size, or splits with more training pictures."
            )
        self._x = to_float(splits.train_images[:batch_size], splits.mean, splits.std)
        self._sizes = {"in_features": self._x[0].numel(), "num_classes": len(splits.classes)}
        self._source = splits.source
        self._measured = cache(lambda config: measure_stack(config, self._x, self._y))  # once each
        self._trained = cache(lambda config: train_one_step(config, self._x, self._y))
        self._kept: dict[StackConfig, int] = {}  # → one of PLACES, oldest first

        self.depth = Slider(
            min=SHALLOWEST,
            max=DEEPEST,
            value=depth,
            description="depth",
            tooltip="number of layers before the classifier",
            continuous_update=False,
            layout=w.Layout(width="260px"),
        )
        self.activation = w.ToggleButtons(
            options=list(ACTIVATION_NAMES.items()),
            value=activation,
            description="activation",
            style={**WHOLE, "button_width": "76px"},
            # Buttons stand below their description unless their box is told otherwise.
            layout=w.Layout(display="flex", flex_flow="row wrap", grid_gap="0 6px", width="auto"),
        )
        self.init = w.Dropdown(
            options=list(INIT_NAMES.items()),
            value=init,
            description="initialisation",
            tooltip="how the weights are drawn at the start",
            style=WHOLE,
            layout=w.Layout(width="330px", max_width="100%", margin="2px 16px 2px 2px"),
        )
        box = partial(w.Checkbox, indent=False, layout=w.Layout(width="110px"))
        self.batch_norm = box(
            value=batch_norm, description="batch norm", tooltip="normalise before each activation"
        )
        self.shortcut = box(
            value=shortcut, description="shortcut", tooltip="add each layer's input to its output"
        )
        button = partial(w.Button, layout=w.Layout(width="170px"))
        others = f"compare with others, {len(PLACES)} at most"
        self.keep = button(description="keep this curve", tooltip=others)
        alone = "show the present curve alone"
        self.forget = button(description="forget kept curves", tooltip=alone)
        self.step = w.ToggleButton(
            description="train one step",
            tooltip="show which layers have other weights after one step of training",
            layout=w.Layout(width="170px"),
        )
        self.told = w.HTML()
        self.picture, self.points = w.HTML(), PointList()
        controls = [getattr(self, name) for name in CONTROLS]
        row = partial(w.HBox, layout=w.Layout(flex_flow="row wrap"))
        rows = [
            row(controls[:2]),
            row(controls[2:]),
            row([self.step, self.keep, self.forget, self.told]),
        ]
        super().__init__([*rows, self.picture, self.points], [*controls, self.step])
        self.keep.on_click(self._keep)
        self.forget.on_click(self._forget)
        self._redraw()

    @property
    def norms(self) -> dict[str, float]:
        """Layer name → gradient norm of the present choice, with the classifier `fc` last."""
        return dict(self._present().norms)

    @property
    def verdict(self) -> str:
        """What the present choice does to the gradient, in words and numbers."""
        return self._present().verdict

    @property
    def kept(self) -> list[str]:
        """The recipes of the kept curves, oldest first."""
        return [self._measured(config).recipe for config in self._kept]

    @property
    def moved(self) -> dict[str, float] | None:
        """Layer name → share of its weights that one step changes; None until it is trained."""
        return dict(self._trained(self._config())) if self.step.value else None

    def still(self) -> Svg:
        """Draw the present curve and the kept ones."""
        kept = {n: self._measured(other) for other, n in self._kept.items()}
        return stack_gradients_figure(self._present(), kept, self._source, self.moved)

    def frames(self) -> Frames:
        """Return all activations, the usual initialisations, batch norm and shortcut or not."""
        config = self._config()
        wanted = {"pytorch", "xavier", "he", config.init}
        inits = {label: name for label, name in INIT_NAMES.items() if name in wanted}
        no_or_yes = {"no": False, "yes": True}

        def draw(*chosen: str | bool) -> Svg:
            other = replace(config, **dict(zip(CONTROLS[1:], chosen, strict=True)))
            return stack_gradients_figure(self._measured(other), {}, self._source)

        return Frames.of_choices(
            f"{config.depth} layers",
            {
                "activation": ACTIVATION_NAMES,
                "initialisation": inits,
                "batch norm": no_or_yes,
                "shortcut": no_or_yes,
            },
            draw,
            start=(config.activation, config.init, config.batch_norm, config.shortcut),
            strip=[(name, "pytorch", False, False) for name in ACTIVATION_NAMES.values()],
        )

    def to_html(self) -> str:
        """Return the figure and the verdict as they stand."""
        return figure_html(self.still()) + self._words()

    def _config(self) -> StackConfig:
        chosen = {name: getattr(self, name).value for name in CONTROLS}
        return StackConfig(**chosen, **self._sizes)

    def _present(self) -> StackGradients:
        return self._measured(self._config())

    def _words(self) -> str:
        level, colon, rest = map(html.escape, self.verdict.partition(":"))
        style = "max-width:720px;margin:6px 0;line-height:1.5"
        words = f'<p style="{style}"><b>{level}</b>{colon}{rest}</p>'
        if self.step.value:
            words += f'<p style="{style}">{html.escape(step_words(self.moved))}</p>'
        return words

    def _redraw(self, _: object = None) -> None:
        drawing = self.still()
        self.picture.value = drawing + self._words()
        self.points.follow(drawing)
        self.keep.disabled = self._config() in self._kept
        self.forget.disabled = not self._kept
        self.told.value = html.escape(f"kept: {'; '.join(self.kept)}" if self.kept else "")

    def _keep(self, _: object) -> None:
        if self._config() in self._kept:
            return
        if len(self._kept) == len(PLACES):
            del self._kept[next(iter(self._kept))]
        self._kept[self._config()] = min(set(PLACES) - set(self._kept.values()))
        self._redraw()

    def _forget(self, _: object) -> None:
        self._kept.clear()
        self._redraw()
