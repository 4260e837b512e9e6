"""The parts of a training loop: one step, and what a network gets right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from resnet_course.blocks import is_whole, shape_or_type
from resnet_course.data.memory import give_back
from resnet_course.train import inputs

Batches = Iterable[tuple[Tensor, Tensor]]  # pairs of images and labels


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put `model` into evaluation mode, and each of its modules back into its own mode at the end.

    (`model.train()` would also wake the batch norm layers that somebody has frozen on purpose.)
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def training_mode(model: nn.Module) -> None:
    """Put `model` into training mode; parts of it that are frozen stay as they are.

    Frozen is a part in evaluation mode that has parameters, none of which can learn: a learner has
    called `part.eval()` and `part.requires_grad_(False)`. So its batch norms go on with the means
    that they have. A part without parameters, which is in evaluation mode after every run, wakes
    up unless it is inside a frozen one.
    """
    modes = {
        inner: inner.training
        for part in model.modules()
        if not part.training and _cannot_learn(part)
        for inner in part.modules()
    }
    model.train()
    for part, training in modes.items():
        part.training = training


def _cannot_learn(part: nn.Module) -> bool:
    learning = [parameter.requires_grad for parameter in part.parameters()]
    return bool(learning) and not any(learning)


def train_step(
    model: nn.Module, x: Tensor, y: Tensor, optimizer: Optimizer, label_smoothing: float = 0.0
) -> float:
    """Take one step of gradient descent on one batch; return the loss before the step.

    The model goes into training mode; parts of it that are frozen stay as they are, see `fit`.

    Args:
        model: a classifier, x → logits (batch, classes).
        x: inputs, (batch, channels, height, width).
        y: labels, int64 (batch,).
        optimizer: holds the model's parameters.
        label_smoothing: see `TrainConfig`.

    Raises:
        ValueError: one of these is something else.
    """
    inputs.check_model(model)
    inputs.check_learns(model)
    inputs.check_pictures(x)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer must be made for the model, torch.optim.SGD(model.parameters(), lr=0.1), "
            f"got {optimizer!r:.80}."
        )
    return step(model, x, y, optimizer, label_smoothing)[0].item()


def step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: Optimizer,
    label_smoothing: float,
    weight: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Do the same as `train_step`; return loss () and logits (batch, classes), still on the device.

    Reading a number from a GPU makes Python wait for it, so the caller decides when. `weight`
    multiplies the gradients: 1 but for processes with unequal parts of a batch.
    """
    training_mode(model)
    optimizer.zero_grad(set_to_none=True)
    logits = inputs.run(model, x)
    inputs.check_logits(logits, len(x), model)
    if not y.is_cuda:  # reading a number from a GPU would make Python wait
        inputs.check_labels(y, len(x), logits.shape[1], "y")
    loss = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
    (loss if weight == 1 else loss * weight).backward()
    optimizer.step()
    return loss.detach(), logits.detach()


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager[None]:
    """Return the context in which convolutions and products are computed in bfloat16."""
    # Where it is not enabled, torch is not even asked: some devices know no autocast at all.
    return torch.autocast(device.type, dtype=torch.bfloat16) if enabled else nullcontext()


def topk_accuracy(logits: Tensor, labels: Tensor, k: int = 1) -> float:
    """Return the share of rows whose label is among the k largest logits, from 0 to 1.

    Args:
        logits: (batch, classes).
        labels: int64 (batch,).
        k: 1 for the usual accuracy ("top-1"); at most the number of classes.

    A row that holds NaN counts as wrong.

    Raises:
        ValueError: if k is out of range, the batch is empty, or logits and labels are not such.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError(f"logits must be a tensor (batch, classes), got {shape_or_type(logits)}.")
    inputs.check_labels(labels, len(logits), logits.shape[1])
    if not is_whole(k, 1, logits.shape[1]):
        raise ValueError(
            f"k must be from 1 to {logits.shape[1]}, the number of classes, got {k!r}."
        )
    if len(labels) == 0:
        raise ValueError("an empty batch has no accuracy.")
    return int(hit(logits, labels, k).sum()) / len(labels)


def hit(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    """Return for each row whether its label is among the k largest logits: bool (batch,)."""
    best = logits.topk(k, dim=1).indices
    # NaN counts as the largest of all numbers, but a row with it names no class.
    return (best == labels[:, None]).any(dim=1) & ~logits.isnan().any(dim=1)


def predict(
    model: nn.Module, batches: Batches, *, bfloat16: bool = False, flip: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the logits (N, classes) of all batches and their labels (N,), in order.

    The model is in evaluation mode meanwhile; afterwards each module is in its own mode again.

    Args:
        model: a classifier, x → logits.
        batches: pairs of images (batch, channels, height, width) and labels (batch,), which are
            moved to the device of the model.
        bfloat16: compute convolutions and products with 16 bits.
        flip: ask twice, for each picture and for its mirror image, and return the mean logits.

    Raises:
        ValueError: if there is no image at all, or model and batches are not what is said above.
    """
    inputs.check_model(model)
    inputs.check_initialized(model)
    logits, labels = [], []
    device = next((value.device for value in model.parameters()), None)
    with evaluation_mode(model), torch.inference_mode():
        for x, y in pairs(batches):
            inputs.check_pictures(x)
            inputs.check_tensor("y", y)
            if device is not None:
                x, y = x.to(device), y.to(device)
            x = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
            with autocast(x.device, bfloat16):
                answer = inputs.run(model, x)
                inputs.check_logits(answer, len(y), model)
                answer = answer.float()
                if flip:
                    answer = (answer + model(x.flip(3)).float()) / 2
            logits.append(answer)
            labels.append(y)
    if sum(map(len, labels)) == 0:
        raise ValueError("there are no images to evaluate on.")
    give_back()
    return torch.cat(logits), torch.cat(labels)


def pairs(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the pairs of pictures and labels; raise a ValueError where something else comes."""
    wanted = "batches must give pairs (pictures, labels), such as TensorBatches(…) or [(x, y)]"
    if not isinstance(batches, Iterable):
        raise ValueError(f"{wanted}, got {type(batches).__name__}.")
    for batch in batches:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ValueError(f"{wanted}; here comes a {type(batch).__name__}.")
        yield batch[0], batch[1]


def evaluate(
    model: nn.Module, batches: Batches, *, bfloat16: bool = False, flip: bool = False
) -> float:
    """Return the top-1 accuracy over all batches, from 0 to 1; batches may differ in size.

    Options, mode and errors are those of `predict`.
    """
    return topk_accuracy(*predict(model, batches, bfloat16=bfloat16, flip=flip))
