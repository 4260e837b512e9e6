"""One training run: its epochs, each a pass over the training images and a look at the others."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.data import Splits
from resnet_course.train import checkpoints
from resnet_course.train.config import TrainConfig
from resnet_course.train.history import EpochRow, History
from resnet_course.train.loaders import pair_of_loaders
from resnet_course.train.optimizers import highest_rate
from resnet_course.train.processes import from_first, parallel, share_buffers, total, world
from resnet_course.train.readiness import check_run, not_finite
from resnet_course.train.state import RunState
from resnet_course.train.steps import Batches, autocast, evaluate, hit, step
from resnet_course.train.watcher import ProgressBar, Watcher

# Reading a loss makes Python wait for a GPU, and processes for each other: so not in every step.
READ_EVERY = 50


def fit(
    model: nn.Module,
    splits: Splits | tuple[Batches, Batches],
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

    The model ends in evaluation mode. A monitor can stop the run: the epoch that it cuts short is
    measured too, but a resumed run does it again. Interrupting (Ctrl-C, or the kernel's ■) ends the
    run as well, and the model stays as the last step left it. `History.interrupted` says where; it
    is empty where a monitor stops between an epoch's last step and the end of its measurement: that
    epoch is finished.

    What is frozen stays so, batch norm too: a part of the model, such as its trunk, that comes in
    evaluation mode and none of whose parameters can learn: `trunk.requires_grad_(False).eval()`.

    Under `torchrun`, inside `processes.joined()`, all processes call `fit` with the same arguments
    and take their parts of every batch; process 0 writes the files.

    Args:
        model: a classifier of (batch, channels, height, width), with an answer for every class.
        splits: the images; `hold_out(splits)` to choose between recipes. Or a pair (training
            loader, test loader): whatever gives pairs (pictures, labels) anew in every epoch, such
            as `DataLoader`, the pictures as floats. `batch_size`, `seed` and `augment` of the
            config are the loaders' affair then, and one process trains.
        config: how to train; None takes the defaults of `TrainConfig`.
        out: folder for `last.pt`, `best.pt` (the epoch with the best accuracy on the test images)
            and `history.csv`, written after each epoch; those of an earlier run are replaced. One
            run at a time can have it. None writes nothing.
        resume: True goes on from `last.pt` in `out`, or begins where there is none yet; a file or
            folder goes on from there. On the same kind of processor, with as many threads, the
            weights end bit for bit as those of a run that was never interrupted. If the network or
            `augment` draws random numbers, as dropout does, that is so for one process on the CPU
            or on the first GPU of NVIDIA: no other generator is kept. A `TensorBatches`, or a
            `DataLoader` that shuffles by torch's global generator, goes on with the order that
            comes next; one with a `generator` of its own, or with workers that draw, begins again.
        progress: show a bar with the loss and the time left.
        monitor: who watches instead of the bar, such as `widgets.TrainingMonitor`.
        label: name of the run in front of the bar; None takes the model's class name.
        notes: numbers and texts for the checkpoint; a run resumes only with the same notes.

    Raises:
        CheckpointError: the checkpoint to resume is missing, damaged or of another run; another
            run writes into `out`; or a file cannot be written. The old files are untouched.
        FloatingPointError: the loss is no finite number any more; the text says since which step.
        ValueError: model, splits or config are not such, or do not fit together; weights that are
            not finite at the start; `resume=True` without `out`, an empty `out`, a monitor where
            several processes train, or processes with different images or settings.
        KeyboardInterrupt: only where several processes train.
    """
    config, notes = config or TrainConfig(), dict(notes or {})
    if out is not None and not os.fspath(out):
        raise ValueError('out is "", which names no folder: "." is the one you are in.')
    folder = None if out is None else Path(out)
    if monitor is not None and world().size > 1:
        raise ValueError("a monitor can stop one process only: with several, use the progress bar.")
    splits = pair_of_loaders(splits) or splits
    check_run(model, splits, config)
    if folder is not None:
        checkpoints.check_plain({"config": config.as_data(), "notes": notes})
    with checkpoints.taken(folder):
        run = RunState(model, splits, config, notes)
        if folder is not None:
            checkpoints.check_plain({"optimizer": run.optimizer.state_dict()})
        start_file = from_first(lambda: checkpoints.to_resume(resume, folder))
        if start_file is not None:
            run.restore(start_file)
            if folder is not None and world().is_first:
                checkpoints.adopt(start_file, folder)
                run.complete(folder)
        watcher = monitor or ProgressBar(progress and world().is_first)
        name = label or type(model).__name__
        watcher.start(name, config.epochs, len(run.train), len(run.history))
        for row in run.history:
            watcher.epoch(row)
        try:
            _train_and_test(run, folder, watcher)
        finally:
            watcher.finish()
    model.eval()  # ready for use: in training mode, every batch would change batch norm's means
    return run.history


def _train_and_test(run: RunState, folder: Path | None, watcher: Watcher) -> None:
    """Go through the epochs that are left; where the run is ended early, the history says so."""
    history, steps, epochs = run.history, len(run.train), run.config.epochs
    run.train.epoch = len(history)
    network = parallel(run.model)
    start = time.perf_counter() - (history.last.seconds if history.rows else 0)
    ended = ""
    try:
        for epoch in range(len(history) + 1, epochs + 1):
            loss, accuracy = train_epoch(network, run, watcher)
            tested, seconds = test_accuracy(run), time.perf_counter() - start
            history.rows.append(EpochRow(epoch, loss, accuracy, tested, seconds))
            watcher.epoch(history.last)
            if len(history.step_losses) < epoch * steps:  # half an epoch: no going on from here
                ended = "stopped"
            elif folder is not None and world().is_first:
                run.save(folder)
            if watcher.stopped:
                break
    except KeyboardInterrupt:
        if world().size > 1:  # the others wait for this process: let the whole group end
            raise
        ended = "interrupted"
    if ended:
        losses = history.step_losses
        history.interrupted = f"{ended} after step {len(losses)} of {epochs * steps}"
        bad = next((i for i, loss in enumerate(losses, 1) if not math.isfinite(loss)), 0)
        if bad:
            history.interrupted += (
                f"; the loss is {losses[bad - 1]} since step {bad}, so the weights are of no use"
            )


def train_epoch(network: nn.Module, run: RunState, watcher: Watcher) -> tuple[float, float]:
    """Pass over the training images once, unless the watcher stops it before the end.

    Returns the mean of the steps' losses, which are in the history then, and the accuracy.
    """
    config, train, losses = run.config, run.train, run.history.step_losses
    unread: list[Tensor] = []
    hits = torch.zeros((), dtype=torch.int64, device=run.device)
    images, share = 0, 1.0
    try:
        for i, (x, y) in enumerate(train):
            x = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
            if world().size > 1:  # the share of this process in the mean over the whole batch
                share = len(y) / min(config.batch_size, len(train.images) - i * config.batch_size)
            with autocast(x.device, run.bfloat16):
                loss, logits = step(
                    network, x, y, run.optimizer, config.label_smoothing, share * world().size
                )
            run.schedule.step()
            unread.append(loss * share)
            hits += hit(logits, y).sum()
            images += len(y)
            watcher.step(loss)
            if len(unread) == READ_EVERY or not losses:
                _read(unread, run)
            if watcher.stopped:
                break
    finally:
        if world().size == 1:  # an interrupted run keeps the losses of its last steps
            losses += [loss.item() for loss in unread]
            unread = []
    _read(unread, run)
    right, seen = total(torch.stack([hits, hits.new_tensor(images)])).tolist()
    if bad := not_finite(network):  # no loss tells what the last step did
        raise _over(run, f"{bad} is not finite after the last step of epoch {len(run.history) + 1}")
    own = losses[len(run.history) * len(train) :]
    return sum(own) / len(own), right / seen


def _read(unread: list[Tensor], run: RunState) -> None:
    """Move the losses of the last steps to the history; stop if one of them is not finite."""
    losses, steps, done = run.history.step_losses, len(run.train), len(run.history)
    if unread:
        losses += total(torch.stack(unread)).tolist()
        unread.clear()
    for i in range(done * steps, len(losses)):
        if not math.isfinite(losses[i]):
            where = f"step {i % steps + 1} of {steps} of epoch {done + 1} (step {i + 1} of the run)"
            what = f"the loss is {losses[i]} in {where}"
            if i:
                raise _over(run, what, " before")
            raise FloatingPointError(
                f"{what}, so the run is over. The weights were finite before it, so the network "
                "itself makes such numbers of the pictures: activation_stats(model, x) shows where."
            )


def _over(run: RunState, what: str, before: str = "") -> FloatingPointError:
    return FloatingPointError(
        f"{what}, so the run is over. The step{before} was too large: try a lower learning rate "
        f"than {highest_rate(run.optimizer):g}. Checkpoints are those of the epoch before."
    )


def test_accuracy(run: RunState) -> float:
    """Return the accuracy on all test images, to which every process adds its part."""
    test, options = run.test, {"bfloat16": run.bfloat16, "flip": run.config.flip_test}
    if world().size == 1:
        return evaluate(run.model, test, **options)
    share_buffers(run.model)
    rank, size = test.part
    own = sum(len(batch.tensor_split(size)[rank]) for batch in test.labels.split(test.batch_size))
    accuracy = evaluate(run.model, test, **options) if own else 0
    right, seen = total(torch.tensor([round(accuracy * own), own], device=test.labels.device))
    return int(right) / int(seen)
