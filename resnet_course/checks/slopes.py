"""Checkers about slopes: one of the sigmoid, and many of them multiplied."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Case, ask, check_unchanged, known, numbers, simply
from resnet_course.checks.texts import messages
from resnet_course.checks.values import number, plain, refuse, tensor_like


def _slope(z: Tensor) -> Tensor:
    # 1 − σ(z) is σ(−z), without the rounding where σ(z) is nearly 1.
    return z.sigmoid() * (-z).sigmoid()


SAY = messages("sigmoid_slope")
SLOPES = known("sigmoid_slope", "z", s=torch.sigmoid, slope=_slope)
BOUNDS = known("slope_bound", "depth", exp=math.exp)


@exercise(answers.sigmoid_slope)
def sigmoid_slope(answer: Callable[[Tensor], Tensor]) -> str:
    """Check `f(z) -> tensor`, the slope at every number of a tensor of any shape."""
    cases = (
        torch.tensor([-2.0, -1.0, 0.0, 0.5, 3.0]),
        torch.linspace(-6, 7, 6, dtype=torch.float64).reshape(2, 3),
        torch.tensor(0.7, dtype=torch.float64),
        torch.tensor([[[-1000.0, -100.0], [-20.0, 20.0], [100.0, 1000.0]]]),
    )
    same = functools.partial(torch.allclose, rtol=1e-4, atol=1e-6)
    ask(answer, [(z,) for z in cases], _slope, SLOPES, _tell, _run, same)
    return "Your slope is right everywhere, also where the curve is flat: never above 1/4."


def _run(answer: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    own = z.clone()
    got = tensor_like(call(answer, own), z, "z", "a tensor of slopes", SAY.shape).detach().clone()
    check_unchanged(own.detach(), z, "z in place")
    again = call(answer, own).detach()
    why = SAY.random if own.grad is None else SAY.adds_up
    refuse(not torch.equal(got.nan_to_num(), again.nan_to_num()), f"{SAY.again} {why}")
    return got


def _tell(case: Case, right: Tensor, got: Tensor) -> tuple[str, str]:
    wrong = ~torch.isclose(right, got, rtol=1e-4, atol=1e-6)
    z, one, other = (t[wrong][0].item() for t in (*case, right, got))
    why = SAY.near if torch.allclose(right, got, atol=0.03) else SAY.unknown
    if not got.isfinite().all():
        why = SAY.infinite
    return f"z = {z:.4g}: expected {one:.6g}, got {other:.6g}.", why


@exercise(answers.slope_bound)
def slope_bound(answer: Callable[[int], float]) -> str:
    """Check `f(depth) -> float`, the largest product of `depth` slopes."""
    ask(
        answer,
        [(depth,) for depth in (1, 2, 3, 10, 30, 50)],
        answers.slope_bound,
        BOUNDS,
        numbers("depth {}".format, _why_bound),
        simply(lambda got: number(plain(got), "the largest product")),
        lambda one, other: math.isclose(one, other, rel_tol=1e-4),
    )
    return "Right from one layer to fifty: each layer lets through a quarter, at best."


def _why_bound(case: Case, right: float, got: float) -> str:
    if case == (1,) and 0.19 < got < right:
        z = 2 * math.acosh(0.5 / math.sqrt(got))
        return f"That is the slope at z = {z:.2g}. Is 0 among the z you try? It is largest there."
    return "Begin with depth 1, then depth 2."
