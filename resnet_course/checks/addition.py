"""The checker about the end of a residual block: add, then ReLU, and leave the input alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, fault, located
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Case, ask, check_unchanged, known
from resnet_course.checks.values import tensor_like

Layer = Callable[[Tensor], Tensor]
Results = tuple[Tensor, Tensor]  # the output, and the gradient of x

MISTAKES = known("residual_forward", "x, f", relu=torch.relu, nn=nn)


@exercise(answers.residual_forward)
def residual_forward(answer: Callable[[Tensor, Layer], Tensor]) -> str:
    """Check `f(x, branch) -> tensor`, which is ReLU(branch(x) + x)."""
    conv = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)).eval()
    x = torch.randn(2, 3, 4, 4)
    cases = [
        ("With a convolution and batch norm as branch", conv, torch.randn(2, 4, 5, 6)),
        ("With a linear layer as branch", nn.Linear(6, 6), torch.randn(3, 6)),
        ("With a branch that returns x itself", nn.Identity(), x),
        ("With a branch that returns −3 · x", lambda x: x.clone().mul_(-3), x),
    ]
    ask(answer, cases, answers.residual_forward, MISTAKES, _tell, _run, _same)
    return "Branch, addition, ReLU: and x is still what it was, also when the branch returns it."


def _run(
    answer: Callable[[Tensor, Layer], Tensor], where: str, branch: Layer, values: Tensor
) -> Results:
    leaf = values.clone().requires_grad_()
    x = leaf * 1.0  # a leaf may not be changed in place at all, what is made of it may
    runs: list[Tensor] = []

    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            runs.append(x)
            return branch(x)

    output = call(answer, x, Branch())
    with located(where):
        tensor_like(output, x, "x", "a tensor", "residual_forward")
        check_unchanged(x, values, "x", "your function")
        check("branch", runs=runs, output=output)
    slope = torch.zeros_like(leaf)
    if output.requires_grad:
        weights = torch.linspace(1, 2, output.numel()).reshape(output.shape)
        (slope,) = torch.autograd.grad(output, leaf, weights, materialize_grads=True)
    return output.detach(), slope


def _same(one: Results, other: Results) -> bool:
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(one, other, strict=True))


def _tell(case: Case, right: Results, got: Results) -> tuple[str, str]:
    wrong = ~torch.isclose(right[0], got[0], rtol=1e-4, atol=1e-5)
    words = "the numbers are right, but the wrong gradient comes back to x."
    if wrong.any():
        one, other = (results[0][wrong][0].item() for results in (right, got))
        words = f"expected {one:.4g}, got {other:.4g} at one place."
    return f"{case[0]}: {words}", fault("unknown_residual_forward", wrong=wrong)
