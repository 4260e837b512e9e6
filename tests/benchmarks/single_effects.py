"""What does each idea of the short recipe bring by itself? One change at a time, equal steps.

    python tests/benchmarks/single_effects.py run
    python tests/benchmarks/single_effects.py run --only "EMA 0.98"
    python tests/benchmarks/single_effects.py collect

Each run trains for 642 steps of 256 pictures, on 55,000 of the training pictures of Fashion-MNIST,
and is measured on the 5,000 that are kept back. It is written as it ends, into a folder of its own;
what is there is not run again. `collect` makes `resnet_course/train/records/single-effects.json`.

What does not begin with "both" compares stems and optimisers; all others change "both". Those with
"(equal time)" take fewer, dearer steps. What the package does not have is written out below.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
from record_runs import collect
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.ops import SqueezeExcitation, StochasticDepth

from resnet_course import (
    Augment,
    PreActBlock,
    Splits,
    TensorBatches,
    TrainConfig,
    create_model,
    drawn_garments,
    evaluate,
    fashion_mnist,
    fit,
    hold_out,
    predict,
    topk_accuracy,
    whiten,
)
from resnet_course.resnet import ResNet, initialise
from resnet_course.train import optimizers
from resnet_course.train.evidence import gather_evidence
from resnet_course.train.history import EpochRow

GROUP, BATCH = "single-effects", 256
STEM, MUON = {"stem": "whitening"}, {"optimizer": "muon", "lr": 0.1}


class Average:
    """A watcher of `fit` that keeps the mean of the weights, the last steps counting most."""

    stopped = False

    def __init__(self, model: nn.Module, decay: float) -> None:
        mean = get_ema_multi_avg_fn(decay)
        self.learning = model
        self.model = AveragedModel(model, multi_avg_fn=mean, use_buffers=True)

    def step(self, loss: Tensor) -> None:
        """Take the weights after a step into the mean."""
        self.model.update_parameters(self.learning)

    def start(self, *told: object) -> None:
        """Do nothing, like the two others."""

    epoch = finish = start


class AlternatingFlip(TensorBatches):
    """Half of the pictures, drawn once, are mirrored in odd epochs, the others in even ones.

    Jordan 2024, arXiv 2404.00498: so each picture is seen both ways in two epochs.
    """

    def __iter__(self):
        """Begin an epoch."""
        if self.epoch == 0:
            self.original, self.odd = self.images, torch.rand(len(self.images), 1, 1, 1) < 0.5
        mirrored = self.odd ^ (self.epoch % 2 == 1)
        self.images = torch.where(mirrored, self.original.flip(3), self.original)
        return super().__iter__()


class Growing:
    """Mirror at random, and make the pictures 20 pixels wide in the first half of the steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps // 2

    def __call__(self, images: Tensor) -> Tensor:
        """Change a batch of uint8 pictures."""
        images, self.left = Augment(0)(images), self.left - 1
        if self.left < 0:
            return images
        small = F.interpolate(images.float(), 20, mode="bilinear", antialias=True)
        return small.round().clamp(0, 255).to(torch.uint8)


def behind_each_branch(model: ResNet, make: Callable[[int], nn.Module]) -> None:
    """Put a module, made for so many channels, behind the last batch norm of every block."""
    for block in model.modules():
        if hasattr(block, "zero_init_branch"):
            block.bn2 = nn.Sequential(block.bn2, make(block.bn2.num_features))


def with_random_filters(model: ResNet) -> None:
    """Draw the filters of the whitening stem anew, and let them learn."""
    initialise(model.conv1)
    model.conv1.requires_grad_(True)


def with_gelu(model: ResNet) -> None:
    """Replace every ReLU."""
    for module in model.modules():
        if isinstance(getattr(module, "relu", None), nn.ReLU):
            module.relu = nn.GELU()


def shifted_too(model: nn.Module, test: TensorBatches, **options: bool) -> float:
    """Measure with half of the answer from the picture, half from it moved along a diagonal."""
    images, logits = F.pad(test.images, (1, 1, 1, 1)), []
    for start in (1, 0, 2):
        side = slice(start, start + test.images.shape[-1])
        moved = replace(test, images=images[:, :, side, side])
        answers, labels = predict(model, moved, **options)
        logits.append(answers)
    return topk_accuracy(2 * logits[0] + logits[1] + logits[2], labels)


@dataclass
class Effect:
    """One line of the table: what differs from SGD with a learned stem.

    `network` and `recipe` are arguments of `create_model` and `TrainConfig`; `change` gets the
    network; `watch` makes a watcher; `measure` is called in place of `evaluate`; `batches` takes
    the place of `TensorBatches` with mirrored pictures; `patch` are names in `train.optimizers`.
    """

    network: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    change: Callable[[ResNet], None] = lambda model: None
    watch: Callable[[ResNet], Average] | None = None
    measure: Callable[..., float] | None = None
    batches: type[TensorBatches] | None = None
    patch: dict = field(default_factory=dict)
    epochs: int = 3


def both(network: dict | None = None, recipe: dict | None = None, **others: object) -> Effect:
    """Return an effect on top of the whitening stem and Muon."""
    return Effect(STEM | (network or {}), MUON | (recipe or {}), **others)


linear = partial(torch.optim.lr_scheduler.OneCycleLR, anneal_strategy="linear")
five = partial(optimizers.orthogonalised, steps=5)
EFFECTS: dict[str, Effect] = {
    "SGD, learned stem": Effect(),
    "Muon": Effect(recipe=MUON),
    "whitening": Effect(STEM),
    "both": both(),
    "whitening, learned further": Effect(
        STEM, change=lambda model: model.conv1.requires_grad_(True)
    ),
    "the same stem, random and learned": Effect(STEM, change=with_random_filters),
    "both, smoothing 0": both(recipe={"label_smoothing": 0.0}),
    "both, smoothing 0.1": both(recipe={"label_smoothing": 0.1}),
    "both, lr 0.05": both(recipe={"lr": 0.05}),
    "both, lr 0.2": both(recipe={"lr": 0.2}),
    "both, five Newton-Schulz steps": both(patch={"orthogonalised": five}),
    "both, linear schedule": both(patch={"OneCycleLR": linear}),
    "both, zero init": both({"zero_init_residual": True}),
    "both, projection shortcuts": both({"shortcut": "projection"}),
    "both, pre-activation": both({"block": PreActBlock}),
    "both, stochastic depth 0.1": both(
        change=lambda model: behind_each_branch(model, lambda _: StochasticDepth(0.1, "row"))
    ),
    "both, no mirroring in training": both(recipe={"augment": None}),
    "both, no mirroring in the test": both(recipe={"flip_test": False}),
    "both, alternating flip": both(batches=AlternatingFlip),
    "both, cutout 8": both(recipe={"augment": Augment(0, cutout=8)}),
    "both, shift 1": both(recipe={"augment": Augment(1)}),
    "both, EMA 0.98": both(watch=partial(Average, decay=0.98)),
    "both, squeeze-and-excite": both(
        change=lambda model: behind_each_branch(model, lambda c: SqueezeExcitation(c, c // 8))
    ),
    "both, GELU": both(change=with_gelu),
    "both, shift averaging in the test": both(measure=shifted_too),
    "both, 20 pixels in the first half": both(recipe={"augment": Growing}),
    "both, 48-96-192, 2 epochs (equal time)": both({"widths": (48, 96, 192)}, epochs=2),
}


def train(effect: Effect, splits: Splits, seed: int) -> tuple[ResNet, list[EpochRow], bool]:
    """Train and measure; return the network, its epochs, and whether it computed with 16 bits."""
    torch.manual_seed(seed)
    network = {"widths": (32, 64, 128), "stem_stride": 2, "in_channels": 1} | effect.network
    model = create_model("resnet8", **network)
    if model.config.stem == "whitening":
        whiten(model, splits)
    effect.change(model)
    scale = {"mean": splits.mean, "std": splits.std}
    order = {"shuffle": True, "seed": seed, "drop_last": True, **scale}
    data = TensorBatches(splits.train_images, splits.train_labels, BATCH, **order)
    steps = effect.epochs * len(data)
    config = {"lr": 0.4, "warm_up": 0.2, "label_smoothing": 0.05, "flip_test": True}
    config |= {"augment": Augment(0), "batch_size": BATCH, "seed": seed} | effect.recipe
    if config["augment"] is Growing:
        config["augment"] = Growing(steps)
    if effect.batches is not None:
        data = effect.batches(splits.train_images, splits.train_labels, BATCH, **order)
    # `fit` takes loaders, because it would not leave out the last, smaller batch by itself.
    data.transform = None if effect.batches else config["augment"]
    test = TensorBatches(splits.test_images, splits.test_labels, 500, **scale)
    config = TrainConfig(epochs=effect.epochs, **config | {"augment": None})
    watcher = effect.watch and effect.watch(model)
    with ExitStack() as stack:
        for name, value in effect.patch.items():
            stack.enter_context(mock.patch.object(optimizers, name, value))
        rows = fit(model, (data, test), config, progress=False, monitor=watcher).rows
    bfloat16 = config.bfloat16_on(next(model.parameters()).device)
    if effect.measure or watcher:
        measured = watcher.model if watcher else model
        options = {"bfloat16": bfloat16, "flip": config.flip_test}
        accuracy = (effect.measure or evaluate)(measured, test, **options)
        rows[-1] = replace(rows[-1], test_accuracy=accuracy)
    return model, rows, bfloat16


def main() -> None:
    """Run what is missing, or collect what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("run", "collect"))
    parser.add_argument("--only", choices=EFFECTS, metavar="LABEL", help="; ".join(EFFECTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--drawn", action="store_true", help="try it with few drawn pictures")
    options = parser.parse_args()
    folder = options.runs / GROUP
    if options.action == "collect":
        collect(GROUP, EFFECTS, folder, None)
        return
    splits = drawn_garments(1_600, 20) if options.drawn else fashion_mnist()
    if splits.source != "fashion-mnist" and not options.drawn:
        parser.error("it needs Fashion-MNIST: set RESNET_COURSE_DATA, see the README.")
    splits = hold_out(splits, 500 if options.drawn else 5_000)
    for seed in range(options.seeds):  # all of one seed first: a table of one seed is soon there
        for label in filter(lambda label: options.only in (None, label), EFFECTS):
            path = folder / label.replace(" ", "_") / str(seed) / "run.json"
            if path.exists():
                continue
            model, rows, bfloat16 = train(EFFECTS[label], splits, seed)
            device = next(model.parameters()).device
            command = f'python tests/benchmarks/single_effects.py run --only "{label}"'
            run = {
                **gather_evidence(command, splits, device, bfloat16),
                "seed": seed,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "history": [asdict(row) for row in rows],
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
            print(f"{rows[-1].test_accuracy:.4f}  {label}, seed {seed}", flush=True)


if __name__ == "__main__":
    main()
