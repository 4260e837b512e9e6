"""One epoch: a pass over the training images, then a look at the test images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from resnet_course.train.processes import share_buffers, total, world
from resnet_course.train.state import RunState
from resnet_course.train.steps import autocast, evaluate, step
from resnet_course.train.watcher import Watcher

# Reading a loss makes Python wait for a GPU, and processes for each other: so not in every step.
READ_EVERY = 50


def train_epoch(network: nn.Module, run: RunState, watcher: Watcher) -> tuple[list[float], float]:
    """Pass over the training images once, unless the watcher stops it before the end.

    Returns:
        the loss of every step, and the training accuracy.
    """
    config, train, losses = run.config, run.train, run.history.step_losses
    begin, epoch = len(losses), len(run.history) + 1
    unread: list[Tensor] = []
    hits = torch.zeros((), dtype=torch.int64, device=train.images.device)
    images = 0
    try:
        for i, (x, y) in enumerate(train):
            x = x.to(memory_format=torch.channels_last)
            # The share of this process in the mean over the whole batch.
            share = len(y) / min(config.batch_size, len(train.images) - i * config.batch_size)
            with autocast(x.device, run.bfloat16):
                loss, logits = step(
                    network, x, y, run.optimizer, config.label_smoothing, share * world().size
                )
            run.schedule.step()
            unread.append(loss * share)
            hits += (logits.argmax(dim=1) == y).sum()
            images += len(y)
            watcher.step(loss)
            if len(unread) == READ_EVERY:
                _read(unread, run)
            if watcher.stopped:
                break
    finally:
        if world().size == 1:  # an interrupted run keeps the losses of its last steps
            losses += [loss.item() for loss in unread]
            unread = []
    _read(unread, run)
    right, seen = total(torch.stack([hits, hits.new_tensor(images)])).tolist()
    for name, value in network.state_dict().items():  # no loss tells what the last step did
        if value.is_floating_point() and not value.isfinite().all():
            raise _over(run, f"{name} is not finite after the last step of epoch {epoch}")
    return losses[begin:], right / seen


def _read(unread: list[Tensor], run: RunState) -> None:
    """Move the losses of the last steps to the history; stop if one of them is not finite."""
    losses, steps, done = run.history.step_losses, len(run.train), len(run.history)
    if unread:
        losses += total(torch.stack(unread)).tolist()
        unread.clear()
    for i in range(done * steps, len(losses)):
        if not math.isfinite(losses[i]):
            where = f"step {i % steps + 1} of {steps} of epoch {done + 1} (step {i + 1} of the run)"
            raise _over(run, f"the loss is {losses[i]} in {where}", " before")


def _over(run: RunState, what: str, before: str = "") -> FloatingPointError:
    return FloatingPointError(
        f"{what}, so the run is over. The step{before} was too large: try a lower learning rate "
        f"than {run.config.lr:g}. Checkpoints are those of the epoch before."
    )


def test_accuracy(run: RunState) -> float:
    """Return the accuracy on all test images, to which every process adds its part."""
    share_buffers(run.model)
    test, (rank, size) = run.test, run.test.part
    own = sum(len(batch.tensor_split(size)[rank]) for batch in test.labels.split(test.batch_size))
    options = {"bfloat16": run.bfloat16, "flip": run.config.flip_test}
    accuracy = evaluate(run.model, test, **options) if own else 0
    right, seen = total(torch.tensor([round(accuracy * own), own], device=test.labels.device))
    return int(right) / int(seen)
