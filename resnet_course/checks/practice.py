"""What the exercises about training practise on: a small net that notes how it is used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.guard import AnswerError, show

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Pass:
    """How a net was used in one forward pass.

    Attributes:
        modes: {True} if all its modules were in training mode, {False} if all in evaluation mode.
        records: the operations were recorded for `backward()`.
    """

    modes: frozenset[bool]
    records: bool


class Notes(list[Pass]):
    """One `Pass` for each forward pass so far, also for those of copies of the net."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Notes:
        return self


class PracticeNet(nn.Module):
    """A classifier with batch norm, (batch, 1, 4, 4) → logits (batch, 3).

    Its stored statistics are far from those of a batch, so the two modes give different answers.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)  # with this one it names each of the three classes
        # No bias: before batch norm its gradient is mere rounding, which Adam would enlarge.
        self.conv = nn.Conv2d(1, 6, kernel_size=3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 3)
        nn.init.normal_(self.fc.weight)
        self.bn.running_mean.normal_()
        self.bn.running_var.uniform_(0.5, 2.0)
        self.calls = Notes()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (batch, 3)."""
        modes = frozenset(module.training for module in self.modules())
        logits = self.fc(torch.relu(self.bn(self.conv(x))).mean(dim=(2, 3)))
        self.calls.append(Pass(modes, logits.requires_grad))
        return logits


class Batches(list[Batch]):
    """A list of batches with a short name for messages."""

    def __repr__(self) -> str:
        return f"a list with batches of {_sizes(self)}"


class OnceOnly:
    """Batches as a generator gives them: in order, once, without a length.

    Attributes:
        starts: how many loops have begun so far.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.starts = 0
        self._name = f"a generator of batches of {_sizes(batches)}"
        self._rest = iter(batches)

    def __iter__(self) -> Iterator[Batch]:
        self.starts += 1
        return self

    def __next__(self) -> Batch:
        return next(self._rest)

    def __repr__(self) -> str:
        return self._name


def _sizes(batches: Sequence[Batch]) -> str:
    *first, last = [str(len(labels)) for _, labels in batches]
    return f"{', '.join(first)} and {last} pictures" if first else f"{last} pictures"


def labelled_batches(net: nn.Module, hits: Sequence[int], sizes: Sequence[int]) -> Batches:
    """Return batches of random pictures with labels for which the net is right so many times.

    Args:
        net: a `PracticeNet` in evaluation mode.
        hits: right answers in each batch; they come first.
        sizes: pictures in each batch.
    """
    batches = Batches()
    for right, size in zip(hits, sizes, strict=True):
        x = torch.randn(size, 1, 4, 4) + 3 * torch.randn(size, 1, 1, 1)  # dark and bright ones
        with torch.no_grad():
            labels = net(x).argmax(dim=1)
        labels[right:] = (labels[right:] + 1) % 3
        batches.append((x, labels))
    return batches


def number(got: Any, what: str) -> float:
    """Return the learner's number as a float.

    Args:
        got: what their function returned. Any real number but a bool will do, also one of numpy.
        what: it should be, such as "the loss".

    Raises:
        AnswerError: it is something else; the text says what.
    """
    if got is None:
        raise AnswerError(f"Expected {what}, got None. Does your function end with `return`?")
    if isinstance(got, Tensor):
        raise AnswerError(f"Expected {what} as a Python number, got {_tensor(got)}")
    if isinstance(got, bool) or not isinstance(got, Real):
        raise AnswerError(
            f"Expected {what} as a Python number, got {show(got)} ({type(got).__name__})."
        )
    if not math.isfinite(got):
        raise AnswerError(f"Expected {what}, got {got}. Was something divided by zero?")
    return float(got)


def _tensor(got: Tensor) -> str:
    if got.is_meta:
        return 'a tensor on the device "meta", which holds no numbers.'
    if got.numel() != 1:
        return f"{show(got)}. One number for all of it is asked for."
    if got.requires_grad:
        return (
            f"{show(got.detach())}. It still holds on to all that was recorded for backward(), and "
            "so to a lot of memory: `.item()` takes the number out."
        )
    return f"{show(got)}: `.item()` takes the number out."


def ask_used_well(model: PracticeNet) -> None:
    """Ask that the net was called, only in evaluation mode, and nothing was recorded."""
    if not model.calls:
        raise AnswerError("Your function does not call the model that it is given.")
    if any(True in each.modes for each in model.calls):
        raise AnswerError(
            "The model, or a part of it, was in training mode when your function used it. There "
            "batch norm uses the mean of each batch, and its stored means move: measuring changes "
            "the network. Which call puts a model into evaluation mode?"
        )
    if any(each.records for each in model.calls):
        raise AnswerError(
            "While the model ran, everything was recorded for backward(). Nobody needs that here, "
            "and it costs time and memory. What switches it off for some lines?"
        )


def ask_left_as_found(model: PracticeNet, before: PracticeNet) -> None:
    """Ask that the net is as it was `before`, or in evaluation mode, and gradients are on."""
    if not torch.is_grad_enabled():
        raise AnswerError(
            "After your function, gradients are off for everybody, and no network could be trained "
            "any more. Switch them off for some lines only, in a `with` block."
        )
    old = before.state_dict()
    changed = [name for name, now in model.state_dict().items() if not torch.equal(now, old[name])]
    if changed:
        raise AnswerError(f"Measuring has changed the network: {', '.join(changed)}.")
    if any(p.grad is not None or not p.requires_grad for p in model.parameters()):
        raise AnswerError(
            "Your function has changed `grad` or `requires_grad` of the weights. Leave them alone: "
            "whoever trains the network next needs them."
        )
    modes_now = {module.training for module in model.modules()}
    if modes_now not in ({False}, {before.training}):
        raise AnswerError(
            "The model came in evaluation mode, and now it is in training mode: the next picture "
            "would move the stored means of batch norm. Leave it as it came, or in evaluation mode."
        )
