"""Is a trunk frozen? The single questions, each with its message."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.checks.guard import AnswerError
from resnet_course.resnet import ResNet, ResNetConfig


def small_trained_network(block: type[nn.Module]) -> ResNet:
    """Return a small network in training mode, whose batch norm layers have seen other pictures.

    It takes (batch, 1, height, width) and has three classes.
    """
    model = ResNet(
        ResNetConfig(block, (1, 1), widths=(4, 6), stem="cifar", in_channels=1, num_classes=3)
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (module.weight.data, module.running_var):
                numbers.uniform_(0.5, 2.0)
            for numbers in (module.bias.data, module.running_mean):
                numbers.normal_()
    return model


def changed(model: nn.Module, before: nn.Module) -> list[str]:
    """Return the names of stored tensors that are no longer the same.

    A layer that keeps no count of batches, such as torchvision's FrozenBatchNorm2d, is fine.
    """
    now = model.state_dict()
    return [
        name
        for name, old in before.state_dict().items()
        if (name in now or not name.endswith("num_batches_tracked"))
        and not (name in now and _same(now[name], old))
    ]


def _same(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.device) == (other.dtype, other.device) and torch.equal(one, other)


def some(names: Sequence[str]) -> str:
    """Write the first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def learning(model: nn.Module) -> list[str]:
    """Return the names of the trunk's parameters that want a gradient."""
    return [name for name, p in _trunk(model) if p.requires_grad]


def _trunk(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, p) for name, p in model.named_parameters() if not name.startswith("fc.")]


def ask_for_gradients(model: nn.Module) -> None:
    """Ask that `fc` has requires_grad=True, and nothing else."""
    learns, total = learning(model), len(_trunk(model))
    if learns and len(learns) == total:
        raise AnswerError(
            f"All {total} parameters of the trunk still have requires_grad=True. Evaluation mode, "
            "gradients of zero or an optimiser without them do not freeze parameters. (Is "
            "`requires_grad` spelled right?)"
        )
    if learns:
        norms = {name for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
        of_norms = [name for name in learns if name.rpartition(".")[0] in norms]
        why = "Only `fc` is to learn."
        if len(of_norms) == len(learns) == 2 * len(norms):
            why = "Batch norm has a weight and a bias too, and they are parameters."
        elif not of_norms:
            why = "Every convolution before `fc` belongs to the trunk."
        raise AnswerError(
            f"{len(learns)} of {total} parameters of the trunk still have requires_grad=True: "
            f"{some(learns)}. {why}"
        )
    if still := [f"fc.{name}" for name, p in model.fc.named_parameters() if not p.requires_grad]:
        raise AnswerError(
            f"{' and '.join(still)} cannot learn any more. `fc` must still learn. If your code "
            'compares names: the parameters are called "fc.weight" and "fc.bias", never "fc".'
        )


def ask_for_training(model: nn.Module, before: nn.Module) -> bool:
    """Ask that two training steps change `fc` and nothing else.

    Returns:
        whether it stays so after `model.train()`.
    """
    x, y = torch.randn(8, 1, 8, 8) + 2, torch.randint(3, (8,))  # brighter than what it knows
    with torch.no_grad():
        expected = copy.deepcopy(before).eval()(x)
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9
    )
    try:
        for step in range(2):
            logits = model(x)
            if step == 0:
                _ask_batch_norm(model, before, logits, expected)
            optimizer.zero_grad()
            F.cross_entropy(logits, y).backward()
            optimizer.step()
    except RuntimeError as error:
        raise AnswerError(
            f"After your function, a training step stops with RuntimeError: {error}."
        ) from error
    moved = changed(model, before)
    if trunk := [name for name in moved if not name.startswith("fc.")]:
        raise AnswerError(f"Two training steps have changed the trunk: {some(trunk)}.")
    if len(moved) < 2:
        raise AnswerError("Two training steps did not change `fc`. Does a gradient reach it?")
    with torch.no_grad():
        logits = model(x)
        model.train()  # on a line of its own: a learner's `train` need not return the model
        same = torch.allclose(model(x), logits, atol=1e-5)
    return same and moved == changed(model, before)


def _ask_batch_norm(model: nn.Module, before: nn.Module, logits: Tensor, expected: Tensor) -> None:
    buffers = {name for name, _ in before.named_buffers()}
    moved = [name for name in changed(model, before) if name in buffers]
    if means := [name for name in moved if not name.endswith("num_batches_tracked")]:
        raise AnswerError(
            f"One batch of new pictures has moved {len(means)} stored means and variances in batch "
            f"norm layers: {some(means)}. They are buffers, so requires_grad does not stop them. "
            "What does?"
        )
    if moved or not torch.allclose(logits, expected, atol=1e-4):
        raise AnswerError(
            "The stored means stay, but batch norm does not use them: it computes with the mean "
            "and variance of the batch, so the features of a picture depend on its neighbours. "
            "Which mode uses the stored ones?"
        )
