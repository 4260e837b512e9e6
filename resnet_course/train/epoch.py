"""One epoch: a pass over the training images, then a look at the test images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from resnet_course.data import TensorBatches
from resnet_course.train.config import TrainConfig
from resnet_course.train.precision import autocast
from resnet_course.train.processes import share_buffers, total, world
from resnet_course.train.state import RunState
from resnet_course.train.steps import evaluate, step
from resnet_course.train.watcher import Watcher

# Reading a loss makes Python wait for a GPU, and processes for each other: so not in every step.
READ_EVERY = 50


def train_epoch(
    network: nn.Module, batches: TensorBatches, run: RunState, watcher: Watcher
) -> tuple[list[float], float]:
    """Pass over the batches once, unless the watcher stops it before its end.

    Returns:
        the loss of every step, and the training accuracy.
    """
    config, losses = run.config, run.history.step_losses
    begin, epoch = len(losses), len(run.history) + 1
    unread: list[Tensor] = []
    hits = torch.zeros((), dtype=torch.int64, device=batches.images.device)
    images = 0
    try:
        for i, (x, y) in enumerate(batches):
            x = x.to(memory_format=torch.channels_last)
            # The share of this process in the mean over the whole batch.
            whole = min(config.batch_size, len(batches.images) - i * config.batch_size)
            share = len(y) / whole
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
                _read(unread, losses, begin, len(batches), epoch, config)
            if watcher.stopped:
                break
    finally:
        if world().size == 1:  # an interrupted run keeps the losses of its last steps
            losses += [loss.item() for loss in unread]
            unread = []
    _read(unread, losses, begin, len(batches), epoch, config)
    right, seen = total(torch.stack([hits, hits.new_tensor(images)])).tolist()
    _check_weights(network, epoch, config)
    return losses[begin:], right / seen


def _read(
    unread: list[Tensor],
    losses: list[float],
    begin: int,
    steps: int,
    epoch: int,
    config: TrainConfig,
) -> None:
    """Move the losses of the last steps to `losses`; stop if one of them is not finite."""
    if unread:
        losses += total(torch.stack(unread)).tolist()
        unread.clear()
    for i in range(begin, len(losses)):
        if not math.isfinite(losses[i]):
            raise FloatingPointError(
                f"the loss is {losses[i]} in step {i - begin + 1} of {steps} of epoch {epoch} "
                f"(step {i + 1} of the run), so the run is over. The step before was too large: "
                f"try a lower learning rate than {config.lr:g}. Checkpoints are those of the epoch "
                "before."
            )


def _check_weights(network: nn.Module, epoch: int, config: TrainConfig) -> None:
    """Stop if the last step of an epoch spoilt the weights: no loss after it would tell."""
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise FloatingPointError(
                f"{name} is not finite after the last step of epoch {epoch}, so the run is over. "
                f"The step was too large: try a lower learning rate than {config.lr:g}. "
                "Checkpoints are those of the epoch before."
            )


def test_accuracy(model: nn.Module, test: TensorBatches, run: RunState) -> float:
    """Return the accuracy on all test images, to which every process adds its part."""
    share_buffers(model)
    if world().size == 1:
        return evaluate(model, test, bfloat16=run.bfloat16, flip=run.config.flip_test)
    rank, size = test.part
    own = sum(len(batch.tensor_split(size)[rank]) for batch in test.labels.split(test.batch_size))
    accuracy = evaluate(model, test, bfloat16=run.bfloat16, flip=run.config.flip_test) if own else 0
    right, seen = total(torch.tensor([round(accuracy * own), own], device=test.labels.device))
    return int(right) / int(seen)
