"""One training run.

The recipe is plain stochastic gradient descent with Nesterov momentum and a learning rate that
rises to a peak and falls to nearly zero within the run (Smith and Topin 2018, "Super-Convergence").
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from resnet_course.data import Splits, TensorBatches
from resnet_course.history import EpochRow, History
from resnet_course.train import checkpoints
from resnet_course.train.config import TrainConfig
from resnet_course.train.precision import autocast
from resnet_course.train.steps import evaluate, step
from resnet_course.train.watch import ProgressBar, Watcher


def fit(
    model: nn.Module,
    splits: Splits,
    config: TrainConfig | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    monitor: Watcher | None = None,
    label: str | None = None,
) -> History:
    """Train `model` in place on the training images; measure it on the test images each epoch.

    The model ends in evaluation mode. A monitor can stop the run: then the last epoch is shorter,
    and it is measured like the others.

    Args:
        model: a classifier of (batch, 1, 28, 28).
        splits: the images. To choose between recipes, pass `hold_out(splits)`: its "test" images
            are training images kept back.
        config: how to train; None takes the defaults of `TrainConfig`.
        out: folder for `last.pt` and `best.pt` (the epoch with the best accuracy on the test
            images of `splits`), written after each epoch, and `history.csv`. None writes nothing.
        progress: show a bar with the loss and the time left.
        monitor: who watches instead of the bar, such as `widgets.TrainingMonitor`.
        label: name of the run in front of the bar; None takes the model's class name.

    Returns:
        the `History` of the run.
    """
    config = config or TrainConfig()
    device = torch.device(config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    bfloat16 = config.bfloat16_on(device)
    # Pixels whose channels lie side by side in memory suit the convolutions of most processors.
    model.to(device, memory_format=torch.channels_last)
    train, test = _batches(splits, config, device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )
    schedule = OneCycleLR(optimizer, config.lr, total_steps=config.epochs * len(train))

    history = History(source=splits.source)
    watcher = monitor or ProgressBar(progress)
    watcher.start(label or type(model).__name__, config.epochs, len(train))
    start = time.perf_counter()
    try:
        for epoch in range(1, config.epochs + 1):
            losses, accuracy = _epoch(model, train, optimizer, schedule, config, bfloat16, watcher)
            history.step_losses += losses
            history.rows.append(
                EpochRow(
                    epoch=epoch,
                    train_loss=sum(losses) / len(losses),
                    train_accuracy=accuracy,
                    test_accuracy=evaluate(model, test, bfloat16=bfloat16),
                    seconds=time.perf_counter() - start,
                )
            )
            watcher.epoch(history.last)
            if out is not None:
                _save(Path(out), model, config, history)
            if watcher.stopped:
                break
    finally:
        watcher.finish()
    model.eval()  # ready for use: in training mode, every batch would change batch norm's means
    return history


def _batches(
    splits: Splits, config: TrainConfig, device: torch.device
) -> tuple[TensorBatches, TensorBatches]:
    scale = {"mean": splits.mean, "std": splits.std, "device": device}
    train = TensorBatches(
        splits.train_images,
        splits.train_labels,
        config.batch_size,
        shuffle=True,
        seed=config.seed,
        transform=config.augment,
        **scale,
    )
    return train, TensorBatches(splits.test_images, splits.test_labels, 500, **scale)


def _epoch(
    model: nn.Module,
    batches: TensorBatches,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    config: TrainConfig,
    bfloat16: bool,
    watcher: Watcher,
) -> tuple[list[float], float]:
    """Pass over the batches once, unless the watcher stops it before its end.

    Returns:
        the loss of every step, and the training accuracy.
    """
    losses: list[Tensor] = []
    hits = torch.zeros((), dtype=torch.int64, device=batches.images.device)
    images = 0
    for x, y in batches:
        x = x.to(memory_format=torch.channels_last)
        with autocast(x.device, bfloat16):
            loss, logits = step(model, x, y, optimizer, config.label_smoothing)
        schedule.step()
        losses.append(loss)
        hits += (logits.argmax(dim=1) == y).sum()
        images += len(y)
        watcher.step(loss)
        if watcher.stopped:
            break
    return torch.stack(losses).tolist(), hits.item() / images


def _save(folder: Path, model: nn.Module, config: TrainConfig, history: History) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "config": asdict(config),
        "epoch": history.last.epoch,
        "test_accuracy": history.last.test_accuracy,
    }
    checkpoints.save(state, folder / "last.pt")
    if history.last is history.best:
        checkpoints.save(state, folder / "best.pt")
    history.to_csv(folder / "history.csv")
