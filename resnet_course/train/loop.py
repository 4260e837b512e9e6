"""One training run.

The recipe is plain stochastic gradient descent with Nesterov momentum and a learning rate that
rises to a peak and falls to nearly zero within the run (Smith and Topin 2018, "Super-Convergence").
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim.lr_scheduler import OneCycleLR

from resnet_course.data import Splits, TensorBatches, check_splits, to_float
from resnet_course.train import checkpoints
from resnet_course.train.batch_norm import synchronise
from resnet_course.train.config import TrainConfig
from resnet_course.train.epoch import test_accuracy, train_epoch
from resnet_course.train.history import EpochRow, History
from resnet_course.train.inputs import check_labels, check_learns, check_model
from resnet_course.train.processes import check_same, from_first, local_gpu, parallel, world
from resnet_course.train.state import RunState, describe, fingerprint
from resnet_course.train.steps import predict
from resnet_course.train.watcher import ProgressBar, Watcher


def fit(
    model: nn.Module,
    splits: Splits,
    config: TrainConfig | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    progress: bool = True,
    monitor: Watcher | None = None,
    label: str | None = None,
    notes: Mapping[str, Any] | None = None,
) -> History:
    """Train `model` in place on the training images; measure it on the test images each epoch.

    The model ends in evaluation mode. A monitor can stop the run: then the last epoch is shorter,
    and it is measured like the others, but no checkpoint is written: a resumed run does that epoch
    again. Interrupting (Ctrl-C, or the kernel's ■) ends the run too, and the model stays as the
    last step left it. `History.interrupted` says where a run was ended.

    Under `torchrun`, inside `world.joined()`, all processes call `fit` with the same arguments and
    take their parts of every batch; process 0 writes the files.

    Args:
        model: a classifier of (batch, 1, 28, 28).
        splits: the images. To choose between recipes, pass `hold_out(splits)`: its "test" images
            are training images kept back.
        config: how to train; None takes the defaults of `TrainConfig`.
        out: folder for `last.pt` and `best.pt` (the epoch with the best accuracy on the test
            images of `splits`), written after each epoch, and `history.csv`; those of a run that
            was there are replaced. None writes nothing.
        resume: True goes on from `last.pt` in `out`, or begins where there is none yet; a file or
            folder goes on from there. On the same kind of processor, with as many threads, the
            weights end bit for bit as those of a run that was never interrupted.
        progress: show a bar with the loss and the time left.
        monitor: who watches instead of the bar, such as `widgets.TrainingMonitor`.
        label: name of the run in front of the bar; None takes the model's class name.
        notes: numbers and texts for the checkpoint; a run resumes only with the same notes.

    Returns:
        the `History` of the run.

    Raises:
        CheckpointError: the checkpoint to resume is missing, damaged or of another run; or a file
            cannot be written, or could not be read back. The old files are untouched.
        FloatingPointError: the loss is no finite number any more; the text says since which step.
        ValueError: model, splits or config are not such, or do not fit together; `resume=True`
            without `out`, a monitor where several processes train, or
            processes with different images or settings.
        KeyboardInterrupt: only where several processes train.
    """
    config, notes = config or TrainConfig(), dict(notes or {})
    folder = None if out is None else Path(out)
    if monitor is not None and world().size > 1:
        raise ValueError("a monitor can stop one process only: with several, use the progress bar.")
    _check(model, splits, config)
    if folder is not None:
        from_first(lambda: checkpoints.make(folder))
        checkpoints.check_plain({"config": config.as_data(), "notes": notes})
    run = _prepare(model, splits, config, notes)
    start_file = from_first(lambda: checkpoints.to_resume(resume, folder))
    if start_file is not None:
        run.restore(start_file)
        if folder is not None and world().is_first:
            checkpoints.adopt(start_file, folder)

    history, steps = run.history, len(run.train)
    run.train.epoch = len(history)
    network = parallel(model)
    watcher = monitor or ProgressBar(progress and world().is_first)
    watcher.start(label or type(model).__name__, config.epochs, steps, len(history))
    for row in history:
        watcher.epoch(row)
    start = time.perf_counter() - (history.last.seconds if history.rows else 0)
    ended = ""
    try:
        for epoch in range(len(history) + 1, config.epochs + 1):
            losses, accuracy = train_epoch(network, run, watcher)
            history.rows.append(
                EpochRow(
                    epoch=epoch,
                    train_loss=sum(losses) / len(losses),
                    train_accuracy=accuracy,
                    test_accuracy=test_accuracy(run),
                    seconds=time.perf_counter() - start,
                )
            )
            watcher.epoch(history.last)
            if len(losses) < steps:  # half an epoch: there is no going on from here
                ended = "stopped"
            elif folder is not None and world().is_first:
                run.save(folder)
            if watcher.stopped:
                break
    except KeyboardInterrupt:
        if world().size > 1:  # the others wait for this process: let the whole group end
            raise
        ended = "interrupted"
    finally:
        watcher.finish()
    if ended:
        losses = history.step_losses
        history.interrupted = f"{ended} after step {len(losses)} of {config.epochs * steps}"
        bad = next((i for i, loss in enumerate(losses, 1) if not math.isfinite(loss)), None)
        if bad is not None:
            history.interrupted += (
                f"; the loss is {losses[bad - 1]} since step {bad}, so the weights are of no use"
            )
    model.eval()  # ready for use: in training mode, every batch would change batch norm's means
    return history


def _check(model: nn.Module, splits: Splits, config: TrainConfig) -> None:
    """Look at everything, and try one picture, before anybody waits. Raises a ValueError."""
    check_model(model)
    check_splits(splits)
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a TrainConfig, got {type(config).__name__}.")
    check_learns(model)
    if any(map(is_lazy, model.parameters())):  # its sizes follow from the first batch
        return
    picture = to_float(splits.train_images[:1], splits.mean, splits.std)
    picture = picture.to(next(model.parameters()).device)
    logits, _ = predict(model, [(picture, splits.train_labels[:1])])
    for labels in (splits.train_labels, splits.test_labels):
        check_labels(labels, len(labels), logits.shape[1])


def _prepare(
    model: nn.Module, splits: Splits, config: TrainConfig, notes: dict[str, Any]
) -> RunState:
    images = fingerprint(splits)
    check_same("images", images)
    check_same("settings", config.as_data())
    check_same("network", describe(model))
    check_same("notes", notes)
    device = torch.device(config.device) if config.device else local_gpu() or torch.device("cpu")
    # Pixels whose channels lie side by side in memory suit the convolutions of most processors.
    model.to(device, memory_format=torch.channels_last)
    if config.sync_batch_norm:
        synchronise(model)
    train, test = _batches(splits, config, device)
    images["steps per epoch"] = len(train)
    moves = config.momentum > 0
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=moves,
    )
    steps, warm_up = config.epochs * len(train), config.warm_up
    if warm_up * steps == 1:  # OneCycleLR would divide by the 0 steps between first and highest
        warm_up *= 1 - 1e-9
    schedule = OneCycleLR(
        optimizer, config.lr, total_steps=steps, pct_start=warm_up, cycle_momentum=moves
    )
    bfloat16 = from_first(lambda: config.bfloat16_on(device))
    history = History(source=splits.source)
    return RunState(
        model, train, test, optimizer, schedule, history, config, bfloat16, images, notes
    )


def _batches(
    splits: Splits, config: TrainConfig, device: torch.device
) -> tuple[TensorBatches, TensorBatches]:
    own, count = world(), len(splits.train_labels)
    if config.batch_size < own.size:
        raise ValueError(
            f"batch_size is {config.batch_size}, but {own.size} processes share a batch: each "
            "needs a picture at least."
        )
    # Batch norm needs two pictures, and every process a picture of every batch. A last batch that
    # is smaller is left out.
    least = max(2, own.size) if config.sync_batch_norm else 2 * own.size
    if config.batch_size >= least > count:
        raise ValueError(f"there are {count} training images: at least {least} are needed.")
    batches = partial(
        TensorBatches, mean=splits.mean, std=splits.std, device=device, part=(own.rank, own.size)
    )
    train = batches(
        splits.train_images,
        splits.train_labels,
        config.batch_size,
        shuffle=True,
        seed=config.seed,
        transform=config.augment,
        drop_last=count % config.batch_size < least,
    )
    return train, batches(splits.test_images, splits.test_labels, 500)
