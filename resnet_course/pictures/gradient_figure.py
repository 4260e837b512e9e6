"""The figure of `measure.stack_gradients`: the gradient norm of every layer of deep stacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain

import drawsvg as svg
from matplotlib.ticker import MaxNLocator

from resnet_course.measure import stack_gradients
from resnet_course.measure.stack_gradients import EXPLODES, StackGradients, number
from resnet_course.pictures.canvas import INK, PAPER, SOFT, Group, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.gradient_marks import (
    BOTTOM,
    HOVER,
    LEFT,
    RIGHT,
    SQUARE,
    TOP,
    WIDTH,
    Scale,
    look,
    square,
    tipped,
    triangle,
)
from resnet_course.pictures.style import COLOURS

ROW = 22  # height of a line of the legend
HEALTHY = "#dff3ec"
MOST_DECADES = 9  # that are written beside the axis


def stack_gradients_figure(
    present: StackGradients,
    kept: Mapping[int, StackGradients],
    source: str,
    moved: Mapping[str, float] | None = None,
) -> Svg:
    """Draw the gradient norm of every layer, of one stack and, thinner, of others to compare.

    Title, verdict and, for the sigmoid, the line of a quarter per layer, back from the last one,
    are about `present`. `kept` has the others by their places in `COLOURS`, from 1 on; one that is
    `present` itself is a broad pale line below it. Triangles at the edge stand for what a
    logarithmic axis cannot show. `moved`, of `train_one_step`, adds a square for every layer.
    """
    stacks = {**kept, 0: present}  # the present one lies on top
    bound = _bound(present)
    scale = _scale(stacks, bound)
    strip = 46 if moved else 0
    rows = len(stacks) + bool(bound) + 1 + sum(_has_edges(stacks, m) for m in ("v", "^"))
    rows += bool(moved)
    picture = Paper(WIDTH, BOTTOM + 64 + strip + ROW * rows)
    picture.append(svg.Raw(f"<style>{HOVER}</style>"))
    picture.text(
        f"{present.recipe}: {present.level.lower()}", 16, 28, 16, bold=True, anchor="start"
    )
    _axes(picture, scale, source, strip)
    if bound:
        _line(picture, scale, bound, {"stroke": INK, "stroke_width": 1.4})
    for place, stack in stacks.items():
        _curve(picture, scale, stack, place, place > 0 and stack.config == present.config)
    _edges(picture, scale, stacks)
    if moved:
        _squares(picture, scale, moved)
    _legend(picture, stacks, bool(bound), moved is not None, BOTTOM + 68 + strip)
    alt = f"Gradient norm by layer on pictures of {source}, logarithmic scale. "
    alt += f"{present.ends} {present.verdict}"
    others = [stack for stack in kept.values() if stack.config != present.config]
    if others:
        alt += " To compare: " + " ".join(other.ends for other in others)
    if moved:
        alt += f" {stack_gradients.step_words(moved)}"
    return picture.finish("Gradient norm by layer", alt)


def _bound(present: StackGradients) -> list[float]:
    """Return a quarter per layer, back from the last norm; nothing for another activation."""
    *_, last = norms = list(present.norms.values())
    last = stack_gradients.drawable(last)
    if present.config.activation != "sigmoid" or not math.isfinite(last):
        return []
    return [last * stack_gradients.SLOPE ** (len(norms) - 1 - i) for i in range(len(norms))]


def _scale(stacks: Mapping[int, StackGradients], bound: list[float]) -> Scale:
    norms = [*chain.from_iterable(stack.norms.values() for stack in stacks.values()), *bound]
    heights = [norm for norm in map(stack_gradients.drawable, norms) if math.isfinite(norm)]
    low = min([*heights, stack_gradients.VANISHES / 100])
    high = max([*heights, EXPLODES * 10])
    low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
    room = math.ceil(0.04 * (high - low))  # for a row of triangles
    low -= room * _has_edges(stacks, "v")
    high += room * _has_edges(stacks, "^")
    return Scale(max(len(stack.norms) for stack in stacks.values()), low, high)


def _has_edges(stacks: Mapping[int, StackGradients], marker: str) -> bool:
    return any(stack.at(marker) for stack in stacks.values())


def _axes(picture: Paper, scale: Scale, source: str, strip: float) -> None:
    top, bottom = scale.y(EXPLODES), scale.y(stack_gradients.FADES)
    picture.rectangle(LEFT, top, RIGHT - LEFT, bottom - top, fill=HEALTHY)
    step = -(-(scale.high - scale.low) // (MOST_DECADES - 1))
    for power in range(-(-scale.low // step) * step, scale.high + 1, step):
        y = scale.y(10.0**power)
        picture.line(LEFT, y, RIGHT, y, stroke="#d5dbe3", stroke_width=1)
        picture.text("1" if power == 0 else f"1e{power}", LEFT - 8, y + 4, 12.5, SOFT, anchor="end")
    picture.line(LEFT, TOP, LEFT, BOTTOM, stroke_width=1)
    picture.line(LEFT, BOTTOM, RIGHT, BOTTOM, stroke_width=1)
    picture.text("gradient norm", LEFT, TOP - 6, 12.5, SOFT, anchor="start")
    for layer in MaxNLocator(12, integer=True).tick_values(1, scale.layers):
        if 1 <= layer <= scale.layers:
            picture.line(scale.x(layer), BOTTOM, scale.x(layer), BOTTOM + 4, stroke_width=1)
            picture.text(f"{layer:g}", scale.x(layer), BOTTOM + 19, 12.5, SOFT)
    images = source if len(source) < 40 else f"{source[:39]}…"
    words = f"layer, from the picture to the logits ({images})"
    picture.text(words, (LEFT + RIGHT) / 2, BOTTOM + 40 + strip, 13, SOFT)


def _line(picture: Paper, scale: Scale, norms: list[float], own: dict) -> None:
    """Draw a curve, with gaps where a norm has no place."""
    piece: list[float] = []
    for layer, norm in enumerate([*norms, math.nan], 1):
        if math.isfinite(stack_gradients.drawable(norm)):
            piece += [scale.x(layer), scale.y(norm)]
            continue
        if len(piece) > 2:
            picture.append(svg.Lines(*piece, fill="none", **own))
        piece = []


def _curve(picture: Paper, scale: Scale, stack: StackGradients, place: int, hidden: bool) -> None:
    """Draw one curve with its dots; `hidden` below the present one, it is broad and pale."""
    norms = list(stack.norms.values())
    own = look(place)
    if hidden:
        own |= {"stroke_width": 11, "stroke_opacity": 0.4, "stroke_dasharray": None}
    _line(picture, scale, norms, {**own, "class_": f"gradient-curve place{place}"})
    if hidden:
        return
    reach = round(min(9, 2 + (RIGHT - LEFT) / scale.layers / 2), 1)
    for layer, norm in enumerate(norms, 1):
        if not math.isfinite(stack_gradients.drawable(norm)):
            continue
        x, y = scale.x(layer), scale.y(norm)
        fill = PAPER if place else COLOURS[place]
        mark = {"fill": fill, "stroke": COLOURS[place], "stroke_width": 1.8}
        dot = tipped(x, y, reach, _says(stack, layer, place))
        dot.circle(x, y, 3.4 if place else 4.2, class_="gradient-mark", **mark)
        picture.append(dot)


def _says(stack: StackGradients, layer: int, place: int) -> str:
    """Return the words of one point; a kept curve says whose it is."""
    words = f"layer {layer}: {number([*stack.norms.values()][layer - 1])}"
    return f"{words} ({stack.recipe})" if place else words


def _edges(picture: Paper, scale: Scale, stacks: Mapping[int, StackGradients]) -> None:
    """Draw the triangles, one row for each curve that needs it."""
    for marker in stack_gradients.EDGES:
        rows = {place: stack.at(marker) for place, stack in stacks.items() if stack.at(marker)}
        for row, (place, layers) in enumerate(rows.items()):
            y = BOTTOM - 8 - 12 * row if marker == "v" else TOP + 8 + 12 * row
            hidden = place and stacks[place].config == stacks[0].config  # it would say it twice
            for layer in layers:
                x, words = scale.x(layer), _says(stacks[place], layer, place)
                dot = Group() if hidden else tipped(x, y, 7, words)
                triangle(dot, x, y, marker, COLOURS[place])
                picture.append(dot)


def _squares(picture: Paper, scale: Scale, moved: Mapping[str, float]) -> None:
    picture.text("does a layer move?", LEFT, BOTTOM + 42, 12.5, SOFT, anchor="start")
    for layer, share in enumerate(moved.values(), 1):
        x, y = scale.x(layer), BOTTOM + 50
        words = f"layer {layer}: {number(100 * share)}% of its weights have changed"
        dot = tipped(x, y + SQUARE / 2, 9, words)
        square(dot, x, y, stack_gradients.moves(share))
        picture.append(dot)


def _legend(
    picture: Paper, stacks: Mapping[int, StackGradients], bound: bool, moved: bool, y: float
) -> None:
    """Explain every line and sign, one below the other."""
    x, words_at = 24, 72

    def explain(words: str) -> None:
        nonlocal y
        picture.text(words, words_at, y + 4, 13, anchor="start")
        y += ROW

    for place, stack in sorted(stacks.items()):
        picture.line(x, y, x + 38, y, **look(place))
        fill = PAPER if place else COLOURS[place]
        picture.circle(x + 19, y, 4, fill=fill, stroke=COLOURS[place], stroke_width=1.8)
        explain(f"kept: {stack.recipe}" if place else stack.recipe)
    if bound:
        picture.line(x, y, x + 38, y, stroke_width=1.4)
        explain("0.25 per layer")
    picture.rectangle(x, y - 8, 38, 16, fill=HEALTHY)
    explain("healthy: 0.001 to 1,000")
    for marker, words in stack_gradients.EDGES.items():
        if _has_edges(stacks, marker):
            triangle(picture, x + 19, y, marker, INK)
            explain(words)
    if moved:
        for i, how in enumerate(("most", "some", "none")):
            square(picture, x + 6 + 14 * i, y - 5, how)
        explain("after one step of training, another number: most weights, some, none")
