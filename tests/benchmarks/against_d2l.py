"""This course's `fit` against `d2l.Trainer`: `python tests/benchmarks/against_d2l.py`.

(a) Images per second in training: the same ResNet-18, the same 96×96 pictures, batches of 128. The
    two take turns, so that whatever else the machine does slows both alike. d2l gets its own data
    loader with its four worker processes; its live plot is switched off, which favours d2l. Our
    time contains the enlarging of the pictures.
(b) Seconds until 0.907 on the 10,000 test pictures, the best that ten epochs of the chapter's
    recipe reach, after nine of them. Ours are measured, from the call to the end, whitening and the
    measuring after each epoch included: the plain recipe, and the one with a whitening stem and
    Muon. d2l's is its time per epoch, from (a), times nine.

It needs Fashion-MNIST, d2l and about ten minutes on two cores. Nothing else should run meanwhile.
With `--save` the output becomes the record that chapter 07 shows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from d2l import torch as d2l
from torch.utils.data import Subset
from torchvision.transforms.v2 import functional as vision

from resnet_course import Augment, Splits, TrainConfig, create_model, fashion_mnist, fit, whiten
from resnet_course.data import cache
from resnet_course.data.sources import FASHION_MNIST
from resnet_course.train.evidence import gather_evidence
from resnet_course.train.records import FOLDER

SIDE, BATCH, GOAL, D2L_EPOCHS = 96, 128, 0.907, 9
# Chosen on pictures kept back (`hold_out`), never on the test pictures.
RECIPE = TrainConfig(
    epochs=3,
    batch_size=192,
    lr=0.4,
    warm_up=0.2,
    label_smoothing=0.1,
    augment=Augment(shift=0, flip=True),
    flip_test=True,
)
WITH_MUON = replace(
    RECIPE, epochs=2, batch_size=256, lr=0.1, label_smoothing=0.05, optimizer="muon"
)
OURS = {  # by stem
    "cifar": ("fit", RECIPE),
    "whitening": ("fit, whitening", WITH_MUON),
}


class Book(d2l.Classifier):
    """Our network in d2l's trainer: plain SGD with the chapter's learning rate."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.lr = net, 0.01

    def plot(self, key: str, value: torch.Tensor, train: bool) -> None:
        """Draw nothing."""


class Pictures(d2l.FashionMNIST):
    """d2l's own data set and loader, with the first `count` training pictures only."""

    def __init__(self, count: int) -> None:
        super().__init__(batch_size=BATCH, resize=(SIDE, SIDE))
        self.train, self.val = Subset(self.train, range(count)), None

    def val_dataloader(self) -> None:
        """Train only: both sides are timed without the measuring."""


def seconds_of_d2l(count: int, seed: int) -> float:
    """Train for one epoch on `count` pictures."""
    torch.manual_seed(seed)
    book, data = Book(network()), Pictures(count)
    trainer = d2l.Trainer(max_epochs=1)
    start = time.perf_counter()
    trainer.fit(book, data)
    return time.perf_counter() - start


def seconds_of_fit(splits: Splits, count: int, seed: int) -> float:
    """Train for one epoch on the same pictures, enlarged within the time."""
    torch.manual_seed(seed)
    net, config = network(), TrainConfig(epochs=1, batch_size=BATCH, lr=0.01, seed=seed)
    start = time.perf_counter()
    large = replace(
        splits,
        train_images=enlarge(splits.train_images[:count]),
        train_labels=splits.train_labels[:count],
        test_images=enlarge(splits.test_images[:1]),  # `fit` has to measure something
        test_labels=splits.test_labels[:1],
    )
    fit(net, large, config, progress=False)
    return time.perf_counter() - start


def enlarge(images: torch.Tensor) -> torch.Tensor:
    """Resize as torchvision's `Resize`, all pictures at once."""
    return vision.resize(images, [SIDE, SIDE], antialias=True)


def network() -> torch.nn.Module:
    """Build the ResNet-18 of both."""
    return create_model("resnet18", in_channels=1, num_classes=10)


def time_to_goal(splits: Splits, stem: str, seed: int) -> tuple[float, float]:
    """Train our small net from nothing; return seconds and test accuracy."""
    torch.manual_seed(seed)
    start = time.perf_counter()
    net = create_model("resnet8", stem=stem, stem_stride=2, in_channels=1)
    if stem == "whitening":
        whiten(net, splits)
    history = fit(net, splits, replace(OURS[stem][1], seed=seed), progress=False)
    return time.perf_counter() - start, history.last.test_accuracy


@contextmanager
def torchvision_folder() -> Iterator[None]:
    """Go where d2l finds the unpacked files under ../data, and back."""
    with TemporaryDirectory() as folder:
        raw, here = Path(folder) / "data" / "FashionMNIST" / "raw", Path(folder) / "here"
        raw.mkdir(parents=True)
        here.mkdir()
        for name, content in zip(cache.NAMES, cache.read_files(FASHION_MNIST), strict=True):
            (raw / name).write_bytes(content)
        with chdir(here):
            yield


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Write median and extremes."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} (from {low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Run both parts; print what was measured, on what."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=2560, help="in each turn of (a)")
    parser.add_argument("--save", action="store_true", help="keep the output as a record")
    options = parser.parse_args()
    splits = fashion_mnist()
    if splits.source != "fashion-mnist":
        parser.error("it needs Fashion-MNIST: set RESNET_COURSE_DATA, see the README.")

    lines = []
    for line in report(splits, options.seeds, options.pictures):
        print(line, flush=True)
        lines.append(line)
    if options.save:
        (FOLDER / "against-d2l.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def report(splits: Splits, seeds: int, pictures: int) -> Iterator[str]:
    """Measure, and yield the lines of the report."""
    cpu = torch.device("cpu")
    command = "python tests/benchmarks/against_d2l.py"
    made = gather_evidence(command, splits, cpu, TrainConfig().bfloat16_on(cpu))
    made["versions"] += f", d2l {metadata.version('d2l')}"
    yield from (f"{key:9} {value}" for key, value in made.items())

    rates: dict[str, list[float]] = {"d2l": [], "ours": []}
    with torchvision_folder():
        seconds_of_d2l(BATCH, 0), seconds_of_fit(splits, BATCH, 0)  # warm up
        for seed in range(seeds):
            rates["d2l"].append(pictures / seconds_of_d2l(pictures, seed))
            rates["ours"].append(pictures / seconds_of_fit(splits, pictures, seed))
    ratios = [ours / theirs for theirs, ours in zip(*rates.values(), strict=True)]
    yield ""
    yield f"(a) training ResNet-18, {SIDE}×{SIDE} pictures, batches of {BATCH}, {seeds} turns"
    yield f"    d2l.Trainer      {spread(rates['d2l'])} images/s"
    yield f"    fit              {spread(rates['ours'])} images/s"
    yield f"    ratio            {spread(ratios)}"

    epochs = [len(splits.train_labels) / rate for rate in rates["d2l"]]
    yield ""
    yield f"(b) seconds until {GOAL} of the test pictures are right, {seeds} seeds"
    yield f"    d2l, computed    {D2L_EPOCHS} epochs × {spread(epochs, 0)} s"
    for stem, (name, _) in OURS.items():
        results = [time_to_goal(splits, stem, seed) for seed in range(seeds)]
        seconds = [used for used, _ in results]
        ratios = [D2L_EPOCHS * theirs / ours for theirs, ours in zip(epochs, seconds, strict=True)]
        yield f"    {name:16} {spread(seconds)} s, measured"
        yield "    test accuracies  " + ", ".join(f"{accuracy:.4f}" for _, accuracy in results)
        yield f"    ratio            {spread(ratios, 0)}"
        missed = sum(accuracy < GOAL for _, accuracy in results)
        if missed:
            yield f"    {missed} of {seeds} runs did not reach {GOAL}: no result."


if __name__ == "__main__":
    main()
