"""How large may the learning rate be? The range test of Smith 2017.

"Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, section 3.3: train for a
short time while the rate grows, and look at the loss. At first hardly anything happens, then the
loss falls, and at last it explodes.
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass, replace

from torch import nn
from tqdm.auto import tqdm

from resnet_course.blocks import check_whole
from resnet_course.data import Splits
from resnet_course.train.config import TrainConfig
from resnet_course.train.loaders import Loaders, pair_of_loaders, undisturbed
from resnet_course.train.readiness import check_run
from resnet_course.train.state import RunState
from resnet_course.train.steps import Batches, autocast, step

SMOOTH = 0.9  # share of the mean so far in the next mean of the losses
TOO_LARGE = 1.25  # times the lowest mean so far: there the test ends


@dataclass(frozen=True)
class RateTest:
    """What a range test has seen."""

    rates: tuple[float, ...]  # of each step, growing
    losses: tuple[float, ...]  # the mean until then, the latest counting most
    source: str  # of the pictures

    @property
    def lowest(self) -> float:
        """The rate at which the loss is lowest; soon after it training fails."""
        return self.rates[min(range(len(self.losses)), key=self.losses.__getitem__)]

    @property
    def suggestion(self) -> float:
        """A third of `lowest`: a highest rate with a little room for bad luck."""
        return self.lowest / 3

    def __str__(self) -> str:
        return (
            f"the loss is lowest at a rate of {self.lowest:.2g} ({self.source}): "
            f"try {self.suggestion:.2g} as the highest rate"
        )


def find_learning_rate(
    model: nn.Module,
    splits: Splits | tuple[Batches, Batches],
    config: TrainConfig | None = None,
    *,
    lowest: float = 1e-4,
    highest: float = 10.0,
    steps: int = 100,
    progress: bool = True,
) -> RateTest:
    """Train a copy of `model` for some steps while the learning rate grows; return the losses.

    `model` stays as it is, and so do the random numbers: those of the global generators, of the
    training loader's `generator`, and the order of a `TensorBatches`. The test ends early where the
    loss has risen by a quarter. It says what is too large for the first steps; a run that begins
    with a low rate, as those of `fit` do, can often go higher.

    Args:
        model: as in `fit`.
        splits: as in `fit`; only training pictures are used.
        config: batch size, optimiser and augmentation count. If the optimiser has several groups,
            the rate is that of the fastest, and the others keep their distance.
        lowest: rate of the first step.
        highest: rate of the last step.
        steps: how many; in one step the rate grows by the same factor.
        progress: show a bar.

    Raises:
        ValueError: rates or steps are out of their range, or as in `fit`.
    """
    if not 0 < lowest < highest < math.inf:
        raise ValueError(f"0 < lowest < highest is needed, got {lowest!r} and {highest!r}.")
    check_whole(10, steps=steps)
    config = replace(config or TrainConfig(), epochs=1)
    splits = pair_of_loaders(splits) or splits
    check_run(model, splits, config)
    with undisturbed(splits.train.loader if isinstance(splits, Loaders) else None):
        run = RunState(copy.deepcopy(model), splits, config, {})
        rates, losses = _grow(run, lowest, (highest / lowest) ** (1 / (steps - 1)), steps, progress)
    return RateTest(rates, losses, run.history.source)


def _grow(
    run: RunState, rate: float, factor: float, steps: int, progress: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    groups = run.optimizer.param_groups
    shares = [group["max_lr"] for group in groups]
    shares = [share / max(shares) for share in shares]
    batches = itertools.chain.from_iterable(itertools.repeat(run.train))
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for number in tqdm(range(1, steps + 1), "learning rate", disable=not progress, leave=False):
        for group, share in zip(groups, shares, strict=True):
            group["lr"] = rate * share
        x, y = next(batches)
        with autocast(x.device, run.bfloat16):
            loss = step(run.model, x, y, run.optimizer, run.config.label_smoothing)[0].item()
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        now = mean / (1 - SMOOTH**number)
        if not math.isfinite(now):
            break
        rates.append(rate)
        losses.append(now)
        if now > TOO_LARGE * min(losses):
            break
        rate *= factor
    if not losses:
        raise ValueError(f"the loss explodes at once, at a rate of {rate:g}: choose a lower one.")
    return tuple(rates), tuple(losses)
