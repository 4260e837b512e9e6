"""Checkers about trained networks with new heads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock, PreActBlock
from resnet_course.checks import answers, freezing
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call, show
from resnet_course.checks.modules import call_to_make


@exercise(answers.freeze_backbone)
def freeze_backbone(answer: Callable[[nn.Module], Any]) -> str:
    """Check `f(model)`, which lets only `fc` train and batch norm keep its statistics."""
    stays_asleep = []
    for block in (BasicBlock, PreActBlock):
        model = freezing.small_trained_network(block)
        before, fc = copy.deepcopy(model), model.fc
        returned = call(answer, model)
        if isinstance(returned, nn.Module) and returned is not model and freezing.learning(model):
            raise AnswerError(
                "Your function returns another model, and the one that it was given still learns. "
                "Change the model itself, not a copy."
            )
        if not torch.is_grad_enabled():
            raise AnswerError(
                "After your function, gradients are off for everybody, so `fc` cannot learn "
                "either. Which parameters need no gradient?"
            )
        if model.fc is not fc:
            raise AnswerError(
                "`model.fc` is another layer now. The model comes with the head that it needs: "
                "only decide what learns."
            )
        if changed := freezing.changed(model, before):
            raise AnswerError(
                f"Your function has changed {freezing.some(changed)}. Freezing keeps every number, "
                "its type and its device."
            )
        freezing.ask_for_gradients(model)
        stays_asleep.append(freezing.ask_for_training(model, before))
    if all(stays_asleep):
        return (
            "Two training steps changed `fc` and nothing else, and not even a later model.train() "
            "wakes your batch norm layers."
        )
    return (
        "Two training steps changed `fc` and nothing else. Mind the order: a later model.train(), "
        "as in train_step of chapter 05, would wake batch norm again."
    )


@exercise(answers.MultiHead)
def multi_head(answer: Callable[[int, Sequence[int]], nn.Module]) -> str:
    """Check a class `(in_features, sizes)`: features → one logits tensor per size."""
    for in_features, sizes in ((6, [5, 3, 2]), (4, (3, 3)), (7, (4,))):
        own = copy.copy(sizes)
        module = _made(answer, in_features, own)
        if own != sizes:
            raise AnswerError("Your class has changed the list `sizes`. Only read it.")
        module.eval()  # dropout in a head is no mistake
        case = f"in_features={in_features}, sizes={sizes}"
        for batch in (5, 1):
            features = torch.randn(batch, in_features)
            given = features.clone()
            for i, logits in enumerate(_heads(module, given, sizes, case)):
                _ask_tensor(logits, (batch, sizes[i]), f"{case}, head {i}, batch of {batch}")
            if not torch.equal(given, features):
                raise AnswerError("Your forward has changed the features. Only read them.")
        _ask_linear(module, torch.randn(6, in_features))
        _ask_independent(module, torch.randn(6, in_features), case)
    return "Every head has weights of its own, and one backward() reaches them all."


def _made(answer: Callable[..., nn.Module], in_features: int, sizes: Sequence[int]) -> nn.Module:
    try:
        module = call_to_make(answer, in_features, sizes)
    except AnswerError as wrong:
        if isinstance(wrong.__cause__, (IndexError, ValueError)) and len(sizes) != 3:
            count = f"{len(sizes)} head{'s' if len(sizes) > 1 else ''}"
            raise AnswerError(
                f"{wrong} Here `sizes` asks for {count}. Is the number of heads fixed in your "
                "code? A loop over `sizes` makes one layer for each."
            ) from wrong
        raise
    if not isinstance(module, nn.Module):
        raise AnswerError(
            f"Expected an nn.Module, got {show(module)} ({type(module).__name__}). Does your "
            "class inherit from nn.Module?"
        )
    return module


def _heads(
    module: nn.Module, features: Tensor, sizes: Sequence[int], case: str
) -> Sequence[Tensor]:
    try:
        got = call(module, features)
    except AnswerError as error:
        if "shapes cannot be multiplied" in str(error):
            raise AnswerError(f"{case}: {error} Does each head take in_features numbers?") from None
        raise
    if isinstance(got, Tensor) and got.shape == (len(features), sum(sizes)):
        what = f"all {sum(sizes)} logits side by side in one tensor"
        why = "Each question has a loss of its own, so it needs a tensor of its own."
    elif isinstance(got, dict):
        what = "a dict"
        why = (
            "Here the heads have no names, only an order: `first, second = heads(features)` would "
            "give the keys of your dict."
        )
    elif isinstance(got, Tensor):
        what, why = show(got), "Is the `return` inside the loop?"
    elif not isinstance(got, (list, tuple)):
        what = f"{show(got)} ({type(got).__name__})"
        why = "Does `forward` end with `return`?" if got is None else ""
    elif len(got) != len(sizes):
        what = len(got)
        why = "Does the number of heads come from `sizes`, and is every head used?"
    else:
        return got
    tensors = "1 logits tensor" if len(sizes) == 1 else f"{len(sizes)} logits tensors"
    wanted = f"expected a list or tuple with {tensors}, one per size"
    raise AnswerError(f"{case}: {wanted}, got {what}. {why}".rstrip())


def _ask_tensor(logits: Any, shape: tuple[int, int], where: str) -> None:
    if not isinstance(logits, Tensor):
        raise AnswerError(f"{where}: expected a tensor, got {show(logits)}.")
    if logits.shape != shape:
        raise AnswerError(
            f"{where}: expected shape {shape}, got {tuple(logits.shape)}. Does the number of "
            "logits come from `sizes`, and is the axis of the batch still there?"
        )
    if logits.device.type != "cpu" or logits.dtype != torch.float32:
        raise AnswerError(
            f"{where}: expected float32 on cpu, as the features are, got {logits.dtype} on "
            f"{logits.device}."
        )
    if not logits.isfinite().all():
        raise AnswerError(f"{where}: some logits are NaN or infinite. Are the weights initialised?")


def _ask_linear(module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():  # a ReLU would look linear with a factor of +2
        once, again, turned, bias = (module(z) for z in (x, x, -2 * x, 0 * x))
    for i, z in enumerate(once):
        if not torch.equal(z, again[i]):
            raise AnswerError(
                f"Head {i} gives two different answers to the same features. Is a layer made in "
                "`forward`? Then it is a new one each time, and it never learns."
            )
        if torch.allclose(turned[i] - bias[i], -2 * (z - bias[i]), rtol=1e-3, atol=1e-4):
            continue
        why = "Is there anything between the features and the logits but one linear layer?"
        if any(torch.allclose(p.sum(dim=1), torch.ones(len(z))) for p in (z, z.exp())):
            why = "These are probabilities or their logarithms: is there a softmax at the end?"
        elif (z >= 0).all():
            why = "No value is negative: is there a ReLU or a sigmoid at the end?"
        raise AnswerError(
            f"Head {i} is not linear. {why} Logits are the bare output of a linear layer; the loss "
            "does the rest."
        )


def _ask_independent(module: nn.Module, features: Tensor, case: str) -> None:
    weights = [p for p in module.parameters() if p.requires_grad]
    if not weights:
        raise AnswerError(
            f"{case}: PyTorch finds no weights that learn in your module, so no optimiser would "
            "move them. A Python list hides layers from `parameters()`. Which container of PyTorch "
            "shows them?"
        )
    heads = module(features.requires_grad_())
    used: list[list[Tensor]] = []  # for each head, which numbers of each weight it uses
    for i, z in enumerate(heads):
        if not z.requires_grad:
            raise AnswerError(f"Head {i}: no gradient goes back. Is there a detach() or no_grad()?")
        loss = (z * torch.randn_like(z)).sum()
        of_features, *gradients = torch.autograd.grad(
            loss, [features, *weights], retain_graph=True, materialize_grads=True
        )
        if not of_features.any():
            raise AnswerError(
                f"Head {i}: no gradient goes back to the features, so a trunk before it could not "
                "learn. Is there a detach()?"
            )
        used.append([gradient != 0 for gradient in gradients])
        if not any(places.any() for places in used[-1]):
            raise AnswerError(
                f"{case}: the weights of head {i} are not among the `parameters()` of your module. "
                "Is it in a Python list only?"
            )
    for (i, one), (j, other) in combinations(enumerate(used), 2):
        if any((a & b).any() for a, b in zip(one, other, strict=True)):
            raise AnswerError(
                f"{case}: heads {i} and {j} share weights, so they cannot learn different things. "
                "Is one layer used for both?"
            )
