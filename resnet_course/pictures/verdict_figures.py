"""Pictures of `Verdicts`: one test picture with its verdict, the worst of many, the whole table."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from torch import Tensor

from resnet_course.measure.verdicts import Pair, Verdicts
from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, PAPER, SOFT
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.style import STYLE, is_printed, pixels

INKS = ("#000000", PAPER)  # for light and for dark grounds
LONGEST = 22  # letters of a class name in a picture


@mpl.rc_context(STYLE)
def close_up(verdicts: Verdicts, index: int) -> DescribedFigure:
    """Draw a test picture, what speaks in it for which class, and the largest probabilities."""
    right, answer = verdicts.answer(index)
    classes, source = verdicts.classes, verdicts.source
    targets = [answer] if right == answer else [answer, right]
    heats = [] if verdicts.blind else list(verdicts.heat([index] * len(targets), targets))
    best = verdicts.predictions.logits[index].softmax(dim=0).topk(min(3, len(classes)))
    bars = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    mistake = f"{short(classes[right])} taken for {short(classes[answer])}"
    verdict = f"{short(classes[right])}, answered right" if right == answer else mistake
    words = [f"{classes[i]} {share:.2%}" for i, share in bars]
    speaks = [
        f" What speaks for {classes[i]} is strongest {_where(heat)}."
        for i, heat in zip(targets, heats, strict=False)
    ]
    headings = [f"what speaks for\n{short(classes[i])}" for i in targets[: len(heats)]]
    garment = pixels(verdicts.images[index], is_printed(source))
    figure = panels(
        [garment] * (len(heats) + 2),  # the bars take the place of the last one
        [f"label: {short(classes[right])}", *headings, "probability"],
        heat=[None, *heats, None],
        size=2.15,
        title=f"{verdict} ({source}, test picture {index})",
        alt=f"Test picture {index} of {source}: the right class is {classes[right]}, the network "
        f"says {classes[answer]}. The largest probabilities: {', '.join(words)}.{''.join(speaks)}",
    )
    figure.set_figheight(figure.get_figheight() - 0.12)  # else a white strip is left below
    _bars(figure.axes[-1], [(short(classes[i]), share, i == right) for i, share in bars])
    return figure


def sheet(verdicts: Verdicts, pair: Pair | None) -> DescribedFigure:
    """Draw the first eight pictures that a pair chooses, with heat where they speak for the answer.

    A pair is the right and the predicted class, or None for all mistakes; see `Verdicts`.
    """
    indices = verdicts.order(pair)[:8].tolist()
    names, words = [], []
    for index in indices:
        right, answer = (verdicts.classes[i] for i in verdicts.answer(index))
        share = f"{verdicts.predictions.confidence[index]:.2%}"
        names.append(f"label: {short(right)}\nnet: {short(answer)} {share}")
        words.append(f"label {right}, net {answer} {share}")
    answers = verdicts.predictions.predicted[indices].tolist()
    title = verdicts.name(pair)
    heat = "" if verdicts.blind else " with heat where they speak for the answer"
    return panels(
        [pixels(verdicts.images[index], is_printed(verdicts.source)) for index in indices],
        names,
        heat=verdicts.heat(indices, answers) if heat else None,
        columns=4,
        size=1.8,
        title=f"{title[0].upper()}{title[1:]} ({verdicts.source})",
        alt=f"Test pictures of {verdicts.source}{heat}; {title}: {'; '.join(words)}.",
    )


def table(verdicts: Verdicts) -> DescribedFigure:
    """Draw the confusion matrix."""
    names = [short(name) for name in verdicts.classes]
    return confusion(verdicts.counts, names, source=verdicts.source)


def shade(share: float, right: bool) -> tuple[str, str]:
    """Return the colours of a cell of a confusion matrix, ground and ink, as "#rrggbb".

    `share` says how much of its row is in this cell, from 0 to 1. The colour, blue for `right`
    answers, else orange, goes by its square root: mistakes are rare, and could not be seen
    otherwise.
    """
    level = round(20 * share**0.5) / 20  # few colours, so that cells can share them
    name, darkest = ("Blues", 0.7) if right else ("Oranges", 0.75)  # on which black can be read
    return mpl.colors.to_hex(mpl.colormaps[name](level)), INKS[level > darkest]


def short(name: str) -> str:
    """Return a class name in one line that is not too long for a picture."""
    name = " ".join(name.split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _bars(axes: Axes, bars: list[tuple[str, float, bool]]) -> None:
    """Draw (class, probability, whether it is the right one) as bars below their names."""
    title = axes.get_title()
    axes.clear()
    axes.axis("off")
    axes.set(aspect="auto", box_aspect=1)  # as tall as the pictures
    axes.set_title(title, fontsize=10, loc="center")
    for place, (name, share, right) in enumerate(bars):
        colour = BLUE if right else ORANGE if place == 0 else SOFT
        axes.barh(place, 1, height=0.3, color=GREY)
        axes.barh(place, share, height=0.3, color=colour)
        words = f"{name} {share:.2%}" + (" (label)" if right else "")
        axes.text(0, place - 0.22, words, va="bottom", fontsize=10, color=INK)
    axes.set(xlim=(-0.06, 1.04), ylim=(2.5, -0.6))


def _where(heat: Tensor) -> str:
    """Say in words where a map is largest."""
    if heat.amax() <= 0:
        return "nowhere"
    height, width = heat.shape
    y, x = divmod(int(heat.argmax()), width)
    down = ("at the top", "in the middle", "at the bottom")[3 * y // height]
    across = (" left", "", " right")[3 * x // width]
    return down + across
