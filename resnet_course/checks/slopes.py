"""Checkers about slopes: one of the sigmoid, and many of them multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.practice import number
from resnet_course.checks.values import NOT_RETURNED, described, plain, recognise

# z → what this mistake makes of the slope
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "That is the sigmoid itself. By what is it multiplied to give the slope?": torch.sigmoid,
    "That is σ(z)². The second factor is another one: it falls while σ(z) rises.": (
        lambda z: z.sigmoid() ** 2
    ),
    "That is 1 − σ(z). One factor is missing.": lambda z: 1 - z.sigmoid(),
    "That is (1 − σ(z))². The two factors are not the same.": lambda z: (1 - z.sigmoid()) ** 2,
    "The sign is wrong: the sigmoid rises everywhere.": lambda z: -z.sigmoid() * (1 - z.sigmoid()),
    "Is there a + where a − belongs?": lambda z: z.sigmoid() * (1 + z.sigmoid()),
    "Are brackets missing?": lambda z: z.sigmoid() * 1 - z.sigmoid(),
    "Are brackets missing around a difference?": lambda z: 1 - z.sigmoid() * z.sigmoid(),
    "The second factor has z in it. It must have σ(z).": lambda z: z.sigmoid() * (1 - z),
    "That is z · (1 − z). The slope is made of σ(z), not of z.": lambda z: z * (1 - z),
    "There is a factor z too many.": lambda z: z * z.sigmoid() * (1 - z.sigmoid()),
    "Is the sigmoid taken twice?": lambda z: _slope(z.sigmoid()),
    "A quarter is the largest slope, at z = 0 only.": lambda z: torch.full_like(z, 0.25),
    "That is the slope of tanh.": lambda z: 1 - z.tanh() ** 2,
    "That is the slope of ReLU.": lambda z: (z > 0).to(z.dtype),
    "That is the slope of the mean over all numbers. Each number has a slope of its own.": (
        lambda z: _slope(z) / z.numel()
    ),
}

# depth → what this mistake makes of the product
BOUNDS: dict[str, Callable[[int], float]] = {
    "The slopes are multiplied, not added.": lambda depth: 0.25 * depth,
    "A quarter is divided by the depth. What does the chain rule do with the factors?": (
        lambda depth: 0.25 / depth
    ),
    "One layer is missing.": lambda depth: 0.25 ** (depth - 1),
    "One layer too many.": lambda depth: 0.25 ** (depth + 1),
    "1/2 is the value of the sigmoid at 0. How large is its slope there?": (
        lambda depth: 0.5**depth
    ),
    "Where does the depth come in?": lambda depth: 0.25,
    "Does your function use the depth that it is given, or always 30?": lambda depth: 0.25**30,
    "That is how many times smaller it gets. How much is left?": lambda depth: 4.0**depth,
    "That is what gets lost. How much is left?": lambda depth: 1 - 0.25**depth,
    "Are base and exponent exchanged?": lambda depth: depth**0.25,
    "It is 0: a slope cannot be 0 here. Is there a division // that rounds down?": lambda depth: 0,
    "It is the number 1: does the loop run?": lambda depth: 1,
}


def _slope(z: Tensor) -> Tensor:
    # 1 − σ(z) is σ(−z), without the rounding where σ(z) is nearly 1.
    return z.sigmoid() * (-z).sigmoid()


@exercise(
    chapter=1,
    title="The slope of the sigmoid",
    difficulty=1,
    minutes=5,
    important=False,
    hints=(
        "The text above has a formula for the slope, with σ(z) in it twice.",
        "Compute σ(z) once and give it a name. Everything else follows from this one number.",
        "Multiply σ(z) by its distance from 1.",
    ),
    answers=(answers.sigmoid_slope,),
)
def sigmoid_slope(answer: Callable[[Tensor], Tensor]) -> str:
    """Check `f(z) -> tensor`, the slope at every number of a tensor of any shape."""
    cases = [
        torch.tensor([-2.0, -1.0, 0.0, 0.5, 3.0]),
        torch.linspace(-6, 7, 6, dtype=torch.float64).reshape(2, 3),
        torch.tensor(0.7, dtype=torch.float64),
        torch.tensor([[[-1000.0, -100.0], [-20.0, 20.0], [100.0, 1000.0]]]),
    ]
    given = [_slopes(answer, z) for z in cases]
    for z, got in zip(cases, given, strict=True):
        right = _slope(z)
        wrong = ~torch.isclose(got, right, rtol=1e-4, atol=1e-6)
        if wrong.any():
            place, expected, mine = (t[wrong][0].item() for t in (z, right, got))
            raise AnswerError(
                f"z = {place:.4g}: expected {expected:.6g}, got {mine:.6g}. {_why(cases, given)}"
            )
    return "Your slope is right everywhere, also where the curve is flat: never above 1/4."


def _slopes(answer: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    own = z.clone()
    got = call(answer, own)
    if not isinstance(got, Tensor):
        why = NOT_RETURNED if got is None else "z is a tensor, and so are its slopes."
        raise AnswerError(f"Expected a tensor of slopes, got {described(got)}. {why}")
    if got.shape != z.shape:
        raise AnswerError(
            f"Expected one slope per number, a tensor of shape {tuple(z.shape)}, got shape "
            f"{tuple(got.shape)}. Is something summed up, or one axis taken for granted?"
        )
    if got.device != z.device or got.dtype != z.dtype:
        raise AnswerError(
            f"Expected {z.dtype} on {z.device}, as z is, got {got.dtype} on {got.device}."
        )
    first = got.detach().clone()
    if not torch.equal(own.detach(), z):
        raise AnswerError("Your function has changed z in place. Make a new tensor.")
    again = call(answer, own)
    if not torch.equal(first.nan_to_num(), again.detach().nan_to_num()):
        why = "Random numbers have no place here."
        if own.grad is not None:
            why = "Gradients in z.grad add up from call to call: is there a way without it?"
        raise AnswerError(
            f"Called again with the same z, your function gives something else. {why}"
        )
    return first


def _why(cases: list[Tensor], given: list[Tensor]) -> str:
    if not all(got.isfinite().all() for got in given):
        return (
            "Is there an exp? That of a large number is infinite, and inf / inf is nan. "
            "torch.sigmoid has no such trouble: can you write the slope with it?"
        )
    known = {words: [f(z) for z in cases] for words, f in SLOPES.items()}

    def same(one: list[Tensor], other: list[Tensor], atol: float = 1e-5) -> bool:
        return all(torch.allclose(a, b, atol=atol) for a, b in zip(one, other, strict=True))

    rough = same([_slope(z) for z in cases], given, 0.03)
    return recognise(
        given,
        known,
        same,
        "That is close, but not exact. Is something rounded? A difference of two sigmoids is only "
        "a rough slope too. There is an exact formula."
        if rough
        else "Work out one number by hand, z = 0 for example, where σ is 1/2.",
    )


@exercise(
    chapter=1,
    title="How much is left after many layers?",
    difficulty=1,
    minutes=5,
    important=False,
    hints=(
        "How large is the slope of one sigmoid at most? Look at the figure above.",
        "Two layers: two slopes. What does the chain rule do with them?",
        "The same factor, as many times as there are layers: a power.",
    ),
    answers=(answers.slope_bound,),
)
def slope_bound(answer: Callable[[int], float]) -> str:
    """Check `f(depth) -> float`, the largest product of `depth` slopes."""
    depths = (1, 2, 3, 10, 30, 50)
    given = [number(plain(call(answer, depth)), "the largest product") for depth in depths]
    for depth, got in zip(depths, given, strict=True):
        if not math.isclose(got, 0.25**depth, rel_tol=1e-4):
            known = {words: [f(n) for n in depths] for words, f in BOUNDS.items()}
            otherwise = "Begin with depth 1, then depth 2."
            if depth == 1 and 0.2 < got < 0.25:
                otherwise = "The slope is largest at exactly z = 0. Is 0 among the z you try?"
            why = recognise(given, known, _close, otherwise)
            raise AnswerError(f"depth {depth}: expected {0.25**depth:.6g}, got {got:.6g}. {why}")
    return "Right from one layer to fifty: each layer lets through a quarter, at best."


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(one, other, strict=True))
