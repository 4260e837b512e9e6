"""Train a classifier: one step, one epoch, one run.

The recipe is plain stochastic gradient descent with Nesterov momentum and a learning rate that
rises to a peak and falls to nearly zero within the run (Smith and Topin 2018, "Super-Convergence").
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from resnet_course.blocks import check_sizes
from resnet_course.data import Splits, TensorBatches
from resnet_course.history import EpochRow, History


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit small networks on 28×28 pictures.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        lr: the highest learning rate of the run.
        momentum: of SGD, Nesterov's variant.
        weight_decay: pull of all weights towards zero.
        label_smoothing: share of the label that is spread over all classes.
        seed: of the order of the images.
        bfloat16: compute convolutions with 16 bits; None tries which is faster here.
        device: "cpu", "cuda", ...; None takes a GPU if there is one.

    Raises:
        ValueError: for numbers outside their range; the message says the range.
    """

    epochs: int = 4
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    seed: int = 0
    bfloat16: bool | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        check_sizes(epochs=self.epochs, batch_size=self.batch_size)
        if not self.lr > 0:
            raise ValueError(f"lr must be more than 0, got {self.lr!r}.")
        for name, end in (("momentum", 1), ("label_smoothing", 1), ("weight_decay", float("inf"))):
            if not 0 <= getattr(self, name) < end:
                raise ValueError(
                    f"{name} must be at least 0 and below {end}, got {getattr(self, name)!r}."
                )


def train_step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: torch.optim.Optimizer,
    label_smoothing: float = 0.0,
) -> float:
    """Take one step of gradient descent on one batch.

    Args:
        model: a classifier, x → logits (batch, classes).
        x: inputs, (batch, channels, height, width).
        y: labels, int64 (batch,).
        optimizer: holds the model's parameters.
        label_smoothing: see `TrainConfig`.

    Returns:
        the loss before the step.
    """
    return _step(model, x, y, optimizer, label_smoothing)[0]


def _step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: torch.optim.Optimizer,
    label_smoothing: float,
) -> tuple[float, Tensor]:
    model.train()
    optimizer.zero_grad(set_to_none=True)
    logits = model(x)
    loss = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
    loss.backward()
    optimizer.step()
    return loss.item(), logits.detach()


def topk_accuracy(logits: Tensor, labels: Tensor, k: int = 1) -> float:
    """Return the share of rows whose label is among the k largest logits, from 0 to 1.

    Args:
        logits: (batch, classes).
        labels: int64 (batch,).
        k: 1 for the usual accuracy ("top-1"); at most the number of classes.

    Raises:
        ValueError: if k is out of range or the batch is empty.
    """
    if not 1 <= k <= logits.shape[1]:
        raise ValueError(f"k must be from 1 to {logits.shape[1]}, the number of classes, got {k}.")
    if len(labels) == 0:
        raise ValueError("an empty batch has no accuracy.")
    best = logits.topk(k, dim=1).indices
    hits = (best == labels[:, None]).any(dim=1)
    return hits.float().mean().item()


def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, bfloat16: bool = False
) -> float:
    """Return the top-1 accuracy over all batches, from 0 to 1; batches may differ in size.

    The model is in evaluation mode meanwhile and afterwards in the mode it was in.

    Raises:
        ValueError: if there is no image at all.
    """
    training = model.training
    model.eval()
    hits = images = 0
    try:
        for x, y in batches:
            with torch.inference_mode(), _autocast(x.device, bfloat16):
                logits = model(x)
            hits += int((logits.argmax(dim=1) == y).sum())
            images += len(y)
    finally:
        model.train(training)
    if images == 0:
        raise ValueError("there are no images to evaluate on.")
    return hits / images


def fit(
    model: nn.Module,
    splits: Splits,
    config: TrainConfig | None = None,
    *,
    progress: bool = True,
    label: str | None = None,
) -> History:
    """Train `model` in place on the training images; measure it on the test images each epoch.

    Args:
        model: a classifier of (batch, 1, 28, 28).
        splits: the images.
        config: how to train; None takes the defaults of `TrainConfig`.
        progress: show a bar with the loss and the time left.
        label: text in front of the bar; None takes the model's class name.

    Returns:
        the `History` of the run.
    """
    config = config or TrainConfig()
    device = torch.device(config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    bfloat16 = bfloat16_is_faster(device.type) if config.bfloat16 is None else config.bfloat16
    # Pixels whose channels lie side by side in memory suit the convolutions of most processors.
    model.to(device, memory_format=torch.channels_last)
    scale = {"mean": splits.mean, "std": splits.std, "device": device}
    train = TensorBatches(
        splits.train_images,
        splits.train_labels,
        config.batch_size,
        shuffle=True,
        seed=config.seed,
        **scale,
    )
    test = TensorBatches(splits.test_images, splits.test_labels, 500, **scale)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )
    schedule = OneCycleLR(optimizer, config.lr, total_steps=config.epochs * len(train))

    history = History(source=splits.source)
    start = time.perf_counter()
    with tqdm(
        total=config.epochs * len(train),
        desc=label or type(model).__name__,
        disable=not progress,
        leave=False,
    ) as bar:
        for epoch in range(1, config.epochs + 1):
            losses, hits, images = [], 0, 0
            for x, y in train:
                x = x.to(memory_format=torch.channels_last)
                with _autocast(device, bfloat16):
                    loss, logits = _step(model, x, y, optimizer, config.label_smoothing)
                schedule.step()
                losses.append(loss)
                hits += int((logits.argmax(dim=1) == y).sum())
                images += len(y)
                bar.update()
                bar.set_postfix(epoch=epoch, loss=f"{loss:.3f}", refresh=False)
            history.step_losses += losses
            history.rows.append(
                EpochRow(
                    epoch=epoch,
                    train_loss=sum(losses) / len(losses),
                    train_accuracy=hits / images,
                    test_accuracy=evaluate(model, test, bfloat16=bfloat16),
                    seconds=time.perf_counter() - start,
                )
            )
    return history


def _autocast(device: torch.device, enabled: bool) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@functools.cache
def bfloat16_is_faster(device: str = "cpu") -> bool:
    """Time a few small training steps with 32 and with 16 bits: which is faster here?

    Processors with AMX or AVX512-BF16 gain a factor of two to three, others lose. The answer is
    kept for the process; the attempt takes a fraction of a second.
    """
    if device != "cpu":
        return torch.cuda.is_bf16_supported() if device == "cuda" else False
    with torch.random.fork_rng(devices=[]):
        layers = [nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(4)]
        net = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        x = torch.randn(64, 32, 14, 14).to(memory_format=torch.channels_last)

    def fastest(bfloat16: bool) -> float:
        times = []
        for _ in range(4):  # the first round warms up, and the best of the rest counts
            start = time.perf_counter()
            with _autocast(torch.device("cpu"), bfloat16):
                net(x).sum().backward()
            times.append(time.perf_counter() - start)
        return min(times[1:])

    return fastest(True) < 0.9 * fastest(False)
