"""The checker about a frozen trunk: only the head learns, and batch norm keeps its numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.blocks import BasicBlock, PreActBlock
from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import call
from resnet_course.checks.practice import small_trained_network
from resnet_course.checks.questions import moved
from resnet_course.checks.texts import messages
from resnet_course.checks.values import refuse, some

SAY = messages("freeze_backbone")


@exercise(answers.freeze_backbone)
def freeze_backbone(answer: Callable[[nn.Module], Any]) -> str:
    """Check `f(model)`, which lets only `fc` train and batch norm keep its statistics."""
    stays_asleep = []
    for block in (BasicBlock, PreActBlock):
        model = small_trained_network(block)
        before, fc = copy.deepcopy(model), model.fc
        returned = call(answer, model)
        another = isinstance(returned, nn.Module) and returned is not model
        refuse(another and any(_trunk(model).values()), SAY.copy)
        refuse(not torch.is_grad_enabled(), SAY.gradients_off)
        refuse(model.fc is not fc, SAY.other_head)
        refuse(names := moved(model, before), SAY.changed.format(names=some(names)))
        _ask_for_gradients(model)
        stays_asleep.append(_ask_for_training(model, before))
    return SAY.asleep if all(stays_asleep) else SAY.wakes


def _trunk(model: nn.Module) -> dict[str, bool]:
    """Return for each parameter before the head whether it wants a gradient."""
    return {n: p.requires_grad for n, p in model.named_parameters() if not n.startswith("fc.")}


def _ask_for_gradients(model: nn.Module) -> None:
    """Ask that `fc` has requires_grad=True, and nothing else."""
    learns, total = [name for name, yes in _trunk(model).items() if yes], len(_trunk(model))
    refuse(learns and len(learns) == total, SAY.all_learn.format(total=total))
    norms = {name for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
    of_norms = [name for name in learns if name.rpartition(".")[0] in norms]
    why = SAY.only_fc if of_norms else SAY.convolutions
    if len(of_norms) == len(learns) == 2 * len(norms):
        why = SAY.norms
    facts = {"count": len(learns), "total": total, "names": some(learns), "why": why}
    refuse(learns, SAY.some_learn.format(**facts))
    still = [f"fc.{name}" for name, p in model.fc.named_parameters() if not p.requires_grad]
    refuse(still, SAY.head_frozen.format(names=" and ".join(still)))


def _ask_for_training(model: nn.Module, before: nn.Module) -> bool:
    """Ask that two training steps change `fc` and nothing else.

    Returns:
        whether it stays so after `model.train()`.
    """
    x, y = torch.randn(8, 1, 8, 8) + 2, torch.randint(3, (8,))  # brighter than what it knows
    with torch.no_grad():
        expected = copy.deepcopy(before).eval()(x)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1, momentum=0.9)
    try:
        for step in range(2):
            logits = model(x)
            if step == 0:
                buffers = dict(before.named_buffers())
                names = [name for name in moved(model, before) if name in buffers]
                means = [name for name in names if not name.endswith("num_batches_tracked")]
                refuse(means, SAY.means_move.format(count=len(means), names=some(means)))
                other = names or not torch.allclose(logits, expected, atol=1e-4)
                refuse(other, SAY.means_not_used)
            optimizer.zero_grad()
            F.cross_entropy(logits, y).backward()
            optimizer.step()
    except RuntimeError as error:
        refuse(True, SAY.step_stops.format(error=error), error)
    changed = moved(model, before)
    trunk = [name for name in changed if not name.startswith("fc.")]
    refuse(trunk, SAY.trunk_moves.format(names=some(trunk)))
    refuse(len(changed) < 2, SAY.head_stays)
    with torch.no_grad():
        logits = model(x)
        model.train()  # on a line of its own: a learner's `train` need not return the model
        same = torch.allclose(model(x), logits, atol=1e-5)
    return same and changed == moved(model, before)
