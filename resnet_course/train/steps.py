"""The parts of a training loop: one step, and what a network gets right."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.modes import evaluation_mode
from resnet_course.train.precision import autocast


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
    return step(model, x, y, optimizer, label_smoothing)[0].item()


def step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: torch.optim.Optimizer,
    label_smoothing: float,
) -> tuple[Tensor, Tensor]:
    """Do the same as `train_step`; return loss () and logits (batch, classes), still on the device.

    Reading a number from a GPU makes Python wait for it, so the caller decides when.
    """
    model.train()
    optimizer.zero_grad(set_to_none=True)
    logits = model(x)
    loss = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
    loss.backward()
    optimizer.step()
    return loss.detach(), logits.detach()


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
    return int(hits.sum()) / len(labels)


def predict(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, bfloat16: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the logits (N, classes) of all batches and their labels (N,), in order.

    The model is in evaluation mode meanwhile; afterwards each module is in its own mode again.

    Raises:
        ValueError: if there is no image at all.
    """
    logits, labels = [], []
    with evaluation_mode(model), torch.inference_mode():
        for x, y in batches:
            with autocast(x.device, bfloat16):
                logits.append(model(x).float())
            labels.append(y)
    if sum(map(len, labels)) == 0:
        raise ValueError("there are no images to evaluate on.")
    return torch.cat(logits), torch.cat(labels)


def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, bfloat16: bool = False
) -> float:
    """Return the top-1 accuracy over all batches, from 0 to 1; batches may differ in size.

    Mode and errors are those of `predict`.
    """
    return topk_accuracy(*predict(model, batches, bfloat16=bfloat16))
