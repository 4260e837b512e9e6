"""The checker of the training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from torch.optim import SGD, Adam, Optimizer

from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import call
from resnet_course.checks.practice import LOSSES, PracticeNet, check_calls
from resnet_course.checks.questions import Answer, Case, ask, check_unchanged, copied, known
from resnet_course.checks.texts import messages, read_toml
from resnet_course.checks.values import close, number, refuse
from resnet_course.train import steps

SAY = messages("train_step")


def _acts(
    order: str = "zero forward backward step",
    loss: Callable[..., Any] = lambda z, y, x: F.cross_entropy(z, y),
    give: Callable[..., Any] = lambda value, n: value,
) -> Answer:
    """Return a training step with these acts, in order; the right one, if nothing is said.

    `plain` is a step of gradient descent without the optimiser. The loss is one of (logits, labels,
    batch), and `give` makes of it and of the size of the batch what is returned.
    """

    def step(model: nn.Module, x: Tensor, y: Tensor, optimizer: Optimizer) -> float:
        values: list[Any] = [torch.zeros(())]
        acts: dict[str, Callable[[], Any]] = {
            "zero": optimizer.zero_grad,
            "forward": lambda: values.append(loss(model(x), y, x)),
            "item": lambda: values.append(values[-1].item()),
            "backward": lambda: values[-1].backward(),
            "step": optimizer.step,
            "plain": SGD(model.parameters(), optimizer.param_groups[0]["lr"]).step,
        }
        model.train()
        for act in order.split():
            acts[act]()
        return float(give(values[-1], len(y)))

    return step


ORDERS = read_toml("mistakes")["train_step"]
OTHER_LOSSES = known("train_step_losses", "z, y, x", F=F)
RETURNED = known("train_step_returned", "value, n")
MISTAKES = [
    *((words, _acts(order)) for order, words in ORDERS.items()),
    *((words, _acts(loss=loss)) for words, loss in OTHER_LOSSES + LOSSES),
    *((words, _acts(give=give)) for words, give in RETURNED),
]


@exercise(steps.train_step, steps.step)
def train_step(answer: Callable[[nn.Module, Tensor, Tensor, Optimizer], float]) -> str:
    """Check `f(model, x, y, optimizer) -> float`."""
    for kind in ("SGD", "Adam"):  # one after the other: what is wrong with one tells enough
        ask(answer, [(kind,)], _acts(), MISTAKES, _tell, _run, _same)
    return "With SGD and with Adam: the losses are right, and the weights go where they should."


@dataclass(frozen=True)
class Steps:
    """What two training steps have done."""

    losses: list[float]  # that were returned
    weights: list[Tensor]  # all of them in a row, before, between and after the steps
    passes: list[int]  # how often each batch went through the net
    still: str  # why no weight has moved, if none has


def _run(answer: Answer, kind: str) -> Steps:
    model = PracticeNet().eval()  # as somebody leaves it who has just measured,
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)  # with gradients of somebody else
    optimizer: Optimizer = Adam(model.parameters(), lr=0.01)
    if kind == "SGD":
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.__name__ = kind  # for messages: its repr is long
    rate = optimizer.param_groups[0]["lr"]
    done = Steps([], [parameters_to_vector(model.parameters()).detach()], [], "")
    for seed in (1, 2):
        torch.manual_seed(seed)
        batch = torch.randn(8, 1, 4, 4), torch.randint(3, (8,))
        own = copied(batch)
        model.calls.clear()
        done.losses.append(number(call(answer, model, *own, optimizer), "the loss"))
        check_calls(model, training=True)
        check_unchanged(own, batch, "x or y")
        now = optimizer.param_groups[0]["lr"]
        refuse(now != rate, SAY.rate.format(before=rate, after=now))
        done.weights.append(parameters_to_vector(model.parameters()).detach())
        done.passes.append(len(model.calls))
    return replace(done, still=_why_still(model))


def _why_still(model: PracticeNet) -> str:
    if any(p.grad is not None and p.grad.any() for p in model.parameters()):
        return SAY.nobody_moves
    return SAY.cleared if any(each.back for each in model.calls) else SAY.no_backward


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5)  # a step changes weights far more


def _same(one: Steps, other: Steps) -> bool:
    return (
        all(map(close, one.losses, other.losses))
        and all(map(_near, one.weights, other.weights))
        and one.passes == other.passes
    )


def _tell(case: Case, right: Steps, got: Steps) -> tuple[str, str]:
    for i, which in enumerate((f"{case[0]}, first step", f"{case[0]}, second step")):
        one, other = right.losses[i], got.losses[i]
        if not close(one, other):
            where = f"the loss before the step is {one:.6g}, yours is {other:.6g}."
            return f"{which}: {where}", SAY.compare
        if torch.equal(got.weights[i], got.weights[i + 1]):
            return f"{which}: no weight has moved.", got.still
        if not _near(right.weights[i + 1], got.weights[i + 1]):
            where = "the loss is right, but the weights went to the wrong place."
            return f"{which}: {where}", _length(right, got) + SAY.compare
    return SAY.passes.format(count=max(got.passes)), "Compute the logits once."


def _length(right: Steps, got: Steps) -> str:
    expected, moved = (each.weights[1] - each.weights[0] for each in (right, got))
    times = float(moved @ expected / (expected @ expected))
    if close(times, 1) or not _near(moved / times, expected):
        return ""
    return SAY.longer.format(times=times)
