"""The checker about several heads on one trunk: linear layers that share nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call, show
from resnet_course.checks.modules import call_to_make
from resnet_course.checks.questions import check_unchanged
from resnet_course.checks.texts import messages
from resnet_course.checks.values import described, refuse

SAY = messages("multi_head")


@exercise(answers.MultiHead)
def multi_head(answer: Callable[[int, Sequence[int]], nn.Module]) -> str:
    """Check a class `(in_features, sizes)`: features → one logits tensor per size."""
    for in_features, sizes in ((6, [5, 3, 2]), (4, (3, 3)), (7, (4,))):
        own = copy.copy(sizes)
        module = _made(answer, in_features, own)
        check_unchanged(own, sizes, "the list `sizes`", "Your class")
        module.eval()  # dropout in a head is no mistake
        case = f"in_features={in_features}, sizes={sizes}"
        for batch in (5, 1):
            features = torch.randn(batch, in_features)
            given = features.clone()
            for i, logits in enumerate(_heads(module, given, sizes, case)):
                _ask_tensor(logits, (batch, sizes[i]), f"{case}, head {i}, batch of {batch}")
            check_unchanged(given, features, "the features", "Your forward")
        _ask_linear(module, torch.randn(6, in_features))
        _ask_independent(module, torch.randn(6, in_features), case)
    return "Every head has weights of its own, and one backward() reaches them all."


def _made(answer: Callable[..., nn.Module], in_features: int, sizes: Sequence[int]) -> nn.Module:
    try:
        module = call_to_make(answer, in_features, sizes)
    except AnswerError as wrong:
        fixed = isinstance(wrong.__cause__, (IndexError, ValueError)) and len(sizes) != 3
        count = f"{len(sizes)} head{'s' * (len(sizes) > 1)}"
        refuse(fixed, f"{wrong} {SAY.fixed.format(count=count)}")
        raise
    refuse(not isinstance(module, nn.Module), SAY.no_module.format(came=described(module)))
    return module


def _heads(
    module: nn.Module, features: Tensor, sizes: Sequence[int], case: str
) -> Sequence[Tensor]:
    try:
        got = call(module, features)
    except AnswerError as error:
        refuse("shapes cannot be multiplied" in str(error), f"{case}: {error} {SAY.features}")
        raise
    came: Any
    if isinstance(got, Tensor):
        came, why = show(got), SAY.one_tensor
        if got.shape == (len(features), sum(sizes)):
            came = f"all {sum(sizes)} logits side by side in one tensor"
            why = SAY.side_by_side
    elif isinstance(got, dict):
        came, why = "a dict", SAY.a_dict
    elif not isinstance(got, (list, tuple)):
        came, why = described(got), SAY.no_return if got is None else ""
    elif len(got) != len(sizes):
        came, why = len(got), SAY.count
    else:
        return got
    tensors = f"{len(sizes)} logits tensor{'s' * (len(sizes) > 1)}"
    words = SAY.wanted.format(case=case, tensors=tensors, came=came, why=why)
    raise AnswerError(words.rstrip())


def _ask_tensor(logits: Any, shape: tuple[int, int], where: str) -> None:
    refuse(not isinstance(logits, Tensor), f"{where}: expected a tensor, got {show(logits)}.")
    came = tuple(logits.shape)
    refuse(came != shape, SAY.shape.format(where=where, wanted=shape, came=came))
    other = logits.device.type != "cpu" or logits.dtype != torch.float32
    refuse(other, SAY.kind.format(where=where, logits=logits))
    refuse(not logits.isfinite().all(), SAY.infinite.format(where=where))


def _ask_linear(module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():  # a ReLU would look linear with a factor of +2
        outputs = [module(z) for z in (x, x, -2 * x, 0 * x)]
    for i, (z, again, turned, bias) in enumerate(zip(*outputs, strict=True)):
        refuse(not torch.equal(z, again), SAY.two_answers.format(i=i))
        why = SAY.between
        if any(torch.allclose(p.sum(dim=1), torch.ones(len(z))) for p in (z, z.exp())):
            why = SAY.probabilities
        elif (z >= 0).all():
            why = SAY.positive
        linear = torch.allclose(turned - bias, -2 * (z - bias), rtol=1e-3, atol=1e-4)
        refuse(not linear, SAY.not_linear.format(i=i, why=why))


def _ask_independent(module: nn.Module, features: Tensor, case: str) -> None:
    weights = [p for p in module.parameters() if p.requires_grad]
    refuse(not weights, SAY.no_weights.format(case=case))
    used: list[list[Tensor]] = []  # for each head, which numbers of each weight it uses
    for i, z in enumerate(module(features.requires_grad_())):
        refuse(not z.requires_grad, SAY.detached.format(i=i))
        loss = (z * torch.randn_like(z)).sum()
        of_features, *gradients = torch.autograd.grad(
            loss, [features, *weights], retain_graph=True, materialize_grads=True
        )
        refuse(not of_features.any(), SAY.features_detached.format(i=i))
        used.append([gradient != 0 for gradient in gradients])
        refuse(not any(n.any() for n in used[-1]), SAY.hidden.format(case=case, i=i))
    for (i, one), (j, other) in combinations(enumerate(used), 2):
        both = any((a & b).any() for a, b in zip(one, other, strict=True))
        refuse(both, SAY.shared.format(case=case, i=i, j=j))
