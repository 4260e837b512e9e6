"""The checker about the end of a residual block: add, then ReLU, and leave the input alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.values import NOT_RETURNED, described, recognise

Layer = Callable[[Tensor], Tensor]
UNKNOWN = "In which order do branch, addition and ReLU come?"
MISTAKES: dict[str, Callable[[Tensor, Layer], Tensor]] = {
    "The ReLU comes before the addition: then the branch can only make numbers larger.": (
        lambda x, f: f(x).relu() + x
    ),
    "There is one ReLU too many, before the addition: the branch could not take anything away.": (
        lambda x, f: (f(x).relu() + x).relu()
    ),
    "Negative numbers are left: what comes after the addition?": lambda x, f: f(x) + x,
    "The branch alone comes out. Where is x added?": lambda x, f: f(x).relu(),
    "The branch alone comes out, and no ReLU.": lambda x, f: f(x),
    "The ReLU works on both terms, before the addition. It belongs after it.": (
        lambda x, f: f(x).relu() + x.relu()
    ),
    "The ReLU works on x, before the branch. It belongs after the addition.": (
        lambda x, f: f(x.relu()) + x
    ),
    "The ReLU works on x before anything else. The shortcut carries x as it is.": (
        lambda x, f: (f(x.relu()) + x.relu()).relu()
    ),
    "The shortcut carries x as it is, without a ReLU.": lambda x, f: (f(x) + x.relu()).relu(),
    "x is subtracted. It has to be added.": lambda x, f: (f(x) - x).relu(),
    "The branch is subtracted. It has to be added.": lambda x, f: (x - f(x)).relu(),
    "The two are multiplied. They have to be added.": lambda x, f: (f(x) * x).relu(),
    "It is the mean of the two. The sum is asked for.": lambda x, f: ((f(x) + x) / 2).relu(),
    "x is added twice.": lambda x, f: (f(x) + 2 * x).relu(),
    "The branch gets the sum. It takes x alone.": lambda x, f: f(x + x).relu(),
}


class Branch(nn.Module):
    """A branch that counts how often it runs."""

    def __init__(self, branch: Layer) -> None:
        super().__init__()
        self.branch = branch
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return branch(x)."""
        self.runs += 1
        return self.branch(x)


def _cases() -> list[tuple[str, Layer, Tensor]]:
    conv = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
    return [
        ("a convolution and batch norm as branch", conv.eval(), torch.randn(2, 4, 5, 6)),
        ("a linear layer as branch", nn.Linear(6, 6), torch.randn(3, 6)),
        ("a branch that returns x itself", nn.Identity(), torch.randn(2, 3, 4, 4)),
        ("a branch that returns −3 · x", lambda x: x.clone().mul_(-3), torch.randn(2, 3, 4, 4)),
    ]


@exercise(
    chapter=2,
    title="Add the shortcut",
    difficulty=1,
    minutes=5,
    important=True,
    hints=(
        "Three steps: the branch, the addition, the ReLU. Say which comes last, and why.",
        "A branch may give x itself back. What happens to x then, if you write the sum into the "
        "branch's result?",
        "Call the branch once, make a *new* tensor from its result and x, and give the ReLU of "
        "that back.",
    ),
    answers=(answers.residual_forward,),
)
def residual_forward(answer: Callable[[Tensor, Layer], Tensor]) -> str:
    """Check `f(x, branch) -> tensor`, which is ReLU(branch(x) + x)."""
    results = [_ask(answer, *case) for case in _cases()]
    for where, mine, right in results:
        if not _agree(mine, right):
            raise AnswerError(f"With {where}: {_cause(answer, mine[0], right[0])}")
    return "Branch, addition, ReLU: and x is still what it was, also when the branch returns it."


Results = tuple[Tensor, Tensor]  # the output, and the gradient of x


def _ask(
    answer: Callable[[Tensor, Layer], Tensor], where: str, branch: Layer, values: Tensor
) -> tuple[str, Results, Results]:
    """Run the learner's function, and ours; complain about everything but wrong numbers."""
    leaf = values.clone().requires_grad_()
    x = leaf * 1.0  # a leaf may not be changed in place at all, what is made of it may
    counted = Branch(branch)
    output = call(answer, x, counted)
    if not isinstance(output, Tensor):
        why = f" {NOT_RETURNED}" if output is None else ""
        raise AnswerError(f"Expected a tensor, got {described(output)}.{why}")
    if not torch.equal(x, values):
        raise AnswerError(
            f"With {where}: your function has changed x. An operation in place, such as += or "
            "relu_, writes into a tensor that somebody else still needs. Make a new tensor."
        )
    if counted.runs != 1:
        how = "is never called" if counted.runs == 0 else f"is called {counted.runs} times"
        raise AnswerError(
            f"With {where}: the branch {how}. Call it once: it is the costly part, and batch norm "
            "in it counts every call."
        )
    if output.device != x.device or output.dtype != x.dtype:
        raise AnswerError(
            f"Expected {x.dtype} on {x.device}, as x is, got {output.dtype} on {output.device}."
        )
    if output.shape != x.shape:
        raise AnswerError(
            f"With {where}: expected the shape of x, {tuple(x.shape)}, got {tuple(output.shape)}. "
            "Adding keeps the shape: are the two laid side by side, or summed up?"
        )
    if not output.isfinite().all():
        raise AnswerError(f"With {where}: there is NaN or infinity in the result.")
    other = values.clone().requires_grad_()
    expected = torch.relu(branch(other) + other)
    return where, (output, _slope(output, leaf)), (expected, _slope(expected, other))


def _slope(output: Tensor, leaf: Tensor) -> Tensor:
    if not output.requires_grad:
        return torch.zeros_like(leaf)
    weights = torch.linspace(1, 2, output.numel()).reshape(output.shape)
    (slope,) = torch.autograd.grad(output, leaf, weights, materialize_grads=True)
    return slope


def _agree(one: Results, other: Results) -> bool:
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(one, other, strict=True))


def _cause(answer: Callable[..., Any], got: Tensor, expected: Tensor) -> str:
    wrong = ~torch.isclose(got, expected, rtol=1e-4, atol=1e-5)
    if not wrong.any():
        return (
            "the numbers are right, but the wrong gradient comes back to x. The shortcut must let "
            "it through: is there a detach, a no_grad or .data?"
        )
    cases = _cases()
    given = [call(answer, x, branch) for _, branch, x in cases]
    known = {words: [f(x, branch) for _, branch, x in cases] for words, f in MISTAKES.items()}

    def same(one: list[Tensor], other: list[Tensor]) -> bool:
        return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other, strict=True))

    pair = f"{expected[wrong][0].item():.4g}, got {got[wrong][0].item():.4g}"
    return f"expected {pair} at one place. {recognise(given, known, same, UNKNOWN)}"
