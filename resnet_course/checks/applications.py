"""Checkers of chapter 06 about what stands on a trunk: boxes, attention, the cost of growth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, fault
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Case, ask, known, known_edits, numbers, simply
from resnet_course.checks.values import check_unchanged, close, number, plain, slopes

Box = Sequence[float]  # x1, y1, x2, y2
Results = tuple[Tensor, ...]  # the output, and the gradients of q, k and v


IOU = known_edits("box_iou", answers.box_iou)
ATTENTION = known("attention", "q, k, v", softmax=torch.softmax)
GROWTH = known("growth_cost", "depth, width, size")


@exercise(answers.box_iou)
def box_iou(answer: Callable[[Box, Box], float]) -> None:
    """Check `f(a, b) -> float`, for boxes (x1, y1, x2, y2)."""
    cases: list[Case] = [
        ((0.0, 0.0, 4.0, 4.0), (2.0, 0.0, 6.0, 4.0)),
        ((1.0, 2.0, 5.0, 4.0), (3.0, 1.0, 6.0, 7.0)),
        ((1.0, 1.0, 9.0, 9.0), (3.0, 4.0, 5.0, 5.0)),
        ((2.0, 3.0, 7.0, 5.0), (2.0, 3.0, 7.0, 5.0)),
        ((0.0, 0.0, 2.0, 8.0), (5.0, 1.0, 9.0, 3.0)),
        ((0.0, 0.0, 8.0, 2.0), (5.0, 3.0, 9.0, 5.0)),
        ((6.0, 5.0, 9.0, 9.0), (1.0, 0.0, 2.0, 3.0)),
    ]
    tell = numbers("boxes {} and {}".format, "unknown_box_iou")
    ask(answer, cases, answers.box_iou, IOU, tell, simply(_number("the IoU")), close)


def _number(what: str) -> Callable[[object], float]:
    return lambda got: number(plain(got), what)


@exercise(answers.growth_cost)
def growth_cost(answer: Callable[[float, float, float], float]) -> None:
    """Check `f(depth, width, size) -> float`, how many times more multiply-adds."""
    cases = [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 2, 1), (1, 3, 0.5), (5, 0.5, 4)]
    where = "{} times as many blocks, {} times the channels, {} times the side".format
    tell = numbers(where, "unknown_growth_cost")
    run = simply(_number("the factor"))
    ask(answer, cases, answers.growth_cost, GROWTH, tell, run, close)


@exercise(answers.attention)
def attention(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `f(q, k, v) -> tensor`, the weighted mean of the values for each query."""
    cases = [
        ("Three tokens", *torch.randn(3, 3, 4)),
        (
            "Two sets, 5 queries, 7 keys",
            torch.randn(2, 5, 8),
            torch.randn(2, 7, 8),
            torch.randn(2, 7, 3),
        ),
        ("With two axes in front", *torch.randn(3, 2, 3, 4, 6)),
        ("With large numbers", *(30 * torch.randn(3, 2, 5, 9))),
    ]
    right = F.scaled_dot_product_attention
    ask(answer, cases, right, ATTENTION, _tell, _run, _same)


def _run(answer: Callable[..., Tensor], where: str, q: Tensor, k: Tensor, v: Tensor) -> Results:
    given = [each.clone().requires_grad_() for each in (q, k, v)]
    copies = [each * 1.0 for each in given]  # a leaf may not be changed in place at all
    output = call(answer, *copies)
    like = F.scaled_dot_product_attention(q, k, v)
    check("tensor", got=output, what="a tensor", name="v", like=like, exercise="attention")
    check_unchanged(copies, [q, k, v], "q, k or v")
    return output.detach(), *slopes(output, given)


def _same(right: Results, got: Results) -> bool:
    # Where one weight is nearly 1, large numbers cancel in the gradients: rounding is left, on some
    # processors more than on others. The output has none of that.
    size = max(1.0, float(right[0].nan_to_num(0, 0, 0).abs().max()))
    least = (1e-4, *[1e-4 * size] * 3)
    return all(
        torch.allclose(a, b, rtol=1e-3, atol=atol)
        for a, b, atol in zip(right, got, least, strict=True)
    )


def _tell(case: Case, right: Results, got: Results) -> tuple[str, str]:
    wrong = ~torch.isclose(right[0], got[0], rtol=1e-3, atol=1e-4)
    words = "the numbers are right, but the wrong gradient comes back."
    if wrong.any():
        one, other = (results[0][wrong][0].item() for results in (right, got))
        words = f"expected {one:.4g}, got {other:.4g} at one place."
    return f"{case[0]}: {words}", fault("unknown_attention", wrong=wrong, got=got[0])
