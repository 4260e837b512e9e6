"""The checker of the training step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam, Optimizer

from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, fault
from resnet_course.checks.guard import call
from resnet_course.checks.practice import LOSS, PracticeNet
from resnet_course.checks.questions import Answer, Case, ask, known_edits
from resnet_course.checks.values import check_unchanged, close, copied, number
from resnet_course.train import steps

_near = functools.partial(torch.allclose, rtol=1e-3, atol=1e-5)  # a step changes weights far more


def _step(model: nn.Module, x: Tensor, y: Tensor, optimizer: Optimizer) -> float:
    model.train()
    optimizer.zero_grad()
    z = model(x)
    loss = F.cross_entropy(z, y)
    loss.backward()
    optimizer.step()
    return float(loss)


MISTAKES = [
    *known_edits("train_step", _step),
    *known_edits("train_step_losses", _step, LOSS),
    *known_edits("losses", _step, LOSS),
    *known_edits("train_step_returned", _step, "float(loss)"),
]


@exercise(steps.train_step, steps.step)
def train_step(answer: Callable[[nn.Module, Tensor, Tensor, Optimizer], float]) -> None:
    """Check `f(model, x, y, optimizer) -> float`."""
    for kind in ("SGD", "Adam"):  # one after the other: what is wrong with one tells enough
        ask(answer, [(kind,)], _step, MISTAKES, _tell, _run, _same)


class Step(NamedTuple):
    """What one training step has done."""

    loss: float  # that was returned
    before: Tensor  # all weights in a row
    after: Tensor
    passes: int  # how often the batch went through the net
    still: str  # why no weight has moved, if none has


def _run(answer: Answer, kind: str) -> list[Step]:
    """Take two steps."""
    model = PracticeNet().eval()  # as somebody leaves it who has just measured,
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)  # with gradients of somebody else
    optimizer: Optimizer = Adam(model.parameters(), lr=0.01)
    if kind == "SGD":
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.__name__ = kind  # for messages: its repr is long
    rate, done = optimizer.param_groups[0]["lr"], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        batch = torch.randn(8, 1, 4, 4), torch.randint(3, (8,))
        own, before = copied(batch), _weights(model)
        model.calls.clear()
        loss = number(call(answer, model, *own, optimizer), "the loss")
        check("calls", calls=model.calls, training=True)
        check_unchanged(own, batch, "x or y")
        check("learning_rate", before=rate, after=optimizer.param_groups[0]["lr"])
        done.append(Step(loss, before, _weights(model), len(model.calls), _why_still(model)))
    return done


def _weights(model: nn.Module) -> Tensor:
    return parameters_to_vector(model.parameters()).detach()


def _why_still(model: PracticeNet) -> str:
    gradient = any(p.grad is not None and p.grad.any() for p in model.parameters())
    return fault("no_step", gradient=gradient, back=any(each.back for each in model.calls))


def _same(one: list[Step], other: list[Step]) -> bool:
    return all(
        close(a.loss, b.loss) and _near(a.after, b.after) and a.passes == b.passes
        for a, b in zip(one, other, strict=True)
    )


def _tell(case: Case, right: list[Step], got: list[Step]) -> tuple[str, str]:
    for which, one, own in zip(("first", "second"), right, got, strict=True):
        facts = {"one": one, "own": own, "close": close, "near": _near}
        if where := fault("step", kind=case[0], which=which, **facts):
            return where, fault("unknown_train_step", times=_times(right[0], got[0]), **facts)
    return fault("passes", count=max(each.passes for each in got)), ""


def _times(right: Step, got: Step) -> float | None:
    """Say how long a step is, in right steps, if it goes in the right direction."""
    expected, moved = (step.after - step.before for step in (right, got))
    times = float(moved @ expected / (expected @ expected))
    other = not close(times, 1) and _near(moved / times, expected)
    return times if other else None
