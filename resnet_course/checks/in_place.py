"""Checkers about what writes into tensors: batch norm (02) and the optimiser's step (05)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from resnet_course.checks import answers
from resnet_course.checks.compare import gradient
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.questions import Answer, ask, known_edits, tensors
from resnet_course.checks.values import Tensors, all_near, check_unchanged, copied

NORMS = known_edits("batch_norm", answers.batch_norm)
STEPS = known_edits("sgd_momentum", answers.sgd_momentum)


@exercise(answers.batch_norm)
def batch_norm(answer: Callable[..., Tensor]) -> None:
    """Check `f(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5)`.

    It returns what F.batch_norm returns of x (N, C, H, W). In training it changes running_mean and
    running_var in place, as F.batch_norm does.
    """
    cases = []
    for shape, training, *options in (
        ((4, 3, 2, 5), True),
        ((4, 3, 2, 5), False),
        ((3, 2, 4, 1), True, 0.3, 0.5),
        ((3, 2, 4, 1), False, 0.3, 0.5),
    ):
        channels = shape[1]
        scale = 10.0 ** -torch.arange(channels).view(-1, 1, 1)  # so that eps counts somewhere
        weight, bias, mean = torch.randn(3, channels)
        x, var = scale * (torch.randn(shape) + 2), torch.rand(channels) + 0.1
        cases.append((x, weight + 3, bias, mean, var, training, *options))
    tell = tensors(_mode, "unknown_batch_norm")
    ask(answer, cases, _norm_of_torch, NORMS, tell, _run_norm, all_near)


def _mode(*case: object) -> str:
    training, *options = case[5:]
    words = f", momentum {options[0]}, eps {options[1]}" if options else ""
    return f"{'Training' if training else 'Evaluation'}{words}"


def _norm_of_torch(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *rest: float
) -> Tensor:
    return F.batch_norm(x, mean, var, weight, bias, *rest)


def _run_norm(answer: Answer, x: Tensor, *rest: object) -> Tensors:
    leaf = x.clone().requires_grad_()
    own_x = leaf * 1.0  # a leaf may not be changed in place at all, what is made of it may
    weight, bias, mean, var, training, *options = copied(rest)
    with explained("error_in_batch_norm"):
        output = call(answer, own_x, weight, bias, mean, var, training, *options)
    facts = {"what": "a tensor", "name": "x", "exercise": "batch_norm"}
    check("tensor", got=output, like=x, **facts)
    if mean.shape != rest[2].shape or var.shape != rest[3].shape:
        raise AnswerError(fault("error_in_batch_norm", text="must match the size"))
    check_unchanged((own_x.detach(), weight, bias), (x, *rest[:2]), "x, weight or bias")
    same = torch.equal(mean, rest[2]) and torch.equal(var, rest[3])
    recorded = mean.requires_grad or var.requires_grad
    check("running", training=training, same=same, recorded=recorded)
    names = ("the output", "running_mean", "running_var", "the gradient of x")
    return dict(zip(names, (output.detach(), mean, var, gradient(output, leaf)), strict=True))


@exercise(answers.sgd_momentum)
def sgd_momentum(answer: Callable[..., object]) -> None:
    """Check `f(params, grads, velocities, lr, momentum, weight_decay)`, a step of torch's SGD."""
    cases = [
        (0.9, 0.0, (0.1, 0.1, 0.1)),
        (0.9, 0.2, (0.1, 0.1, 0.1)),
        (0.8, 0.1, (0.1, 0.4, 0.2, 0.05)),
    ]
    where = "Momentum {}, weight decay {}, learning rates {}".format
    tell = tensors(where, "unknown_sgd_momentum")
    ask(answer, cases, _step_of_torch, STEPS, tell, _run_steps, all_near)


def _step_of_torch(
    params: list[Tensor], grads: list[Tensor], velocities: list[Tensor], *rates: float
) -> None:
    lr, momentum, weight_decay = rates
    optimizer = torch.optim.SGD(params, lr, momentum, weight_decay=weight_decay)
    for param, grad, velocity in zip(params, grads, velocities, strict=True):
        param.grad, optimizer.state[param]["momentum_buffer"] = grad, velocity
    optimizer.step()
    optimizer.zero_grad()


def _run_steps(
    answer: Answer, momentum: float, weight_decay: float, rates: Sequence[float]
) -> Tensors:
    torch.manual_seed(1)
    shapes, found = ((2, 3), (4,)), {}
    start, *all_grads = [[torch.randn(shape) for shape in shapes] for _ in (0, *rates)]
    params = [nn.Parameter(numbers) for numbers in start]
    velocities = [torch.zeros(shape) for shape in shapes]
    for number, (lr, grads) in enumerate(zip(rates, all_grads, strict=True), start=1):
        given = [list(params), copied(grads), list(velocities)]
        with explained("error_in_sgd_momentum"):
            call(answer, *given, lr, momentum, weight_decay)
        check_unchanged(given[1], grads, "grads")
        check("step_in_place", given=given, params=params, velocities=velocities)
        after = f"after step {number}"
        found[f"the parameters {after}"] = parameters_to_vector(params).detach()
        found[f"the velocities {after}"] = parameters_to_vector(velocities)
    return found
