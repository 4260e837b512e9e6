"""Checkers of chapter 06: a frozen trunk, on which only the head learns; several heads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock, PreActBlock
from resnet_course.checks import answers
from resnet_course.checks.compare import made_by
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault, located
from resnet_course.checks.guard import call
from resnet_course.checks.practice import moved, small_trained_network
from resnet_course.checks.values import check_unchanged


@exercise(answers.freeze_backbone)
def freeze_backbone(answer: Callable[[nn.Module], Any]) -> str:
    """Check `f(model)`, which lets only `fc` train and batch norm keep its statistics."""
    stays_asleep = []
    for block in (BasicBlock, PreActBlock):
        model = small_trained_network(block)
        before, fc = copy.deepcopy(model), model.fc
        returned = call(answer, model)
        trunk = {n: p for n, p in model.named_parameters() if not n.startswith("fc.")}
        check(
            "freeze_backbone",
            model=model,
            returned=returned,
            fc=fc,
            trunk={name: part.requires_grad for name, part in trunk.items()},
            moved=moved(model, before),
        )
        stays_asleep.append(_ask_for_training(model, before))
    return fault("praise_freeze_backbone", asleep=all(stays_asleep))


def _ask_for_training(model: nn.Module, before: nn.Module) -> bool:
    """Ask that two training steps change `fc` and nothing else.

    Returns:
        whether it stays so after `model.train()`.
    """
    x, y = torch.randn(8, 1, 8, 8) + 2, torch.randint(3, (8,))  # brighter than what it knows
    with torch.no_grad():
        expected = copy.deepcopy(before).eval()(x)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer, stopped = torch.optim.SGD(learning, lr=0.1, momentum=0.9), None
    buffers = dict(before.named_buffers())
    try:
        for step in range(2):
            logits = model(x)
            if step == 0:
                names = [name for name in moved(model, before) if name in buffers]
                check("first_step", moved=names, same=torch.allclose(logits, expected, atol=1e-4))
            optimizer.zero_grad()
            F.cross_entropy(logits, y).backward()
            optimizer.step()
    except RuntimeError as error:
        stopped = error
    changed = moved(model, before)
    check("two_steps", error=stopped, moved=changed)
    with torch.no_grad():
        logits = model(x)
        model.train()  # on a line of its own: a learner's `train` need not return the model
        same = torch.allclose(model(x), logits, atol=1e-5)
    return same and changed == moved(model, before)


@exercise(answers.MultiHead)
def multi_head(answer: Callable[[int, Sequence[int]], nn.Module]) -> None:
    """Check a class `(in_features, sizes)`: features → one logits tensor per size."""
    for in_features, sizes in ((6, [5, 3, 2]), (4, (3, 3)), (7, (4,))):
        own = copy.copy(sizes)
        with explained("error_in_multi_head", sizes=sizes):
            module = made_by(answer, in_features, own)
        check("multi_head", module=module)
        check_unchanged(own, sizes, "the list `sizes`", "Your class")
        module.eval()  # dropout in a head is no mistake
        with located(f"in_features={in_features}, sizes={sizes}"):
            for batch in (5, 1):
                _ask_logits(module, torch.randn(batch, in_features), sizes)
            _ask_linear(module, torch.randn(6, in_features))
            _ask_independent(module, torch.randn(6, in_features))


def _ask_logits(module: nn.Module, features: Tensor, sizes: Sequence[int]) -> None:
    given, batch = features.clone(), len(features)
    with explained("error_in_heads"):
        got = call(module, given)
    check("heads", got=got, features=features, sizes=sizes)
    for i, (logits, size) in enumerate(zip(got, sizes, strict=True)):
        check("logits_of_head", logits=logits, shape=(batch, size), i=i, batch=batch)
    check_unchanged(given, features, "the features", "Your forward")


def _ask_linear(module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():  # a ReLU would look linear with a factor of +2
        outputs = [module(z) for z in (x, x, -2 * x, 0 * x)]
    for i, (z, again, turned, bias) in enumerate(zip(*outputs, strict=True)):
        check("linear", i=i, z=z, again=again, turned=turned, bias=bias)


def _ask_independent(module: nn.Module, features: Tensor) -> None:
    weights = [p for p in module.parameters() if p.requires_grad]
    check("weights_of_heads", weights=weights)
    used: list[list[Tensor]] = []  # for each head, which numbers of each weight it uses
    for i, z in enumerate(module(features.requires_grad_())):
        check("detached_head", i=i, z=z)
        loss = (z * torch.randn_like(z)).sum()
        of_features, *gradients = torch.autograd.grad(
            loss, [features, *weights], retain_graph=True, materialize_grads=True
        )
        check("gradients_of_head", i=i, of_features=of_features, gradients=gradients)
        used.append([gradient != 0 for gradient in gradients])
    for (i, one), (j, other) in combinations(enumerate(used), 2):
        both = any((a & b).any() for a, b in zip(one, other, strict=True))
        check("shared_by_heads", both=both, i=i, j=j)
