"""What the exercises about training practise on: a small net that notes how it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.guard import AnswerError

Batch = tuple[Tensor, Tensor]


@dataclass
class Pass:
    """How a net was used in one forward pass.

    Attributes:
        modes: {True} if all its modules were in training mode, {False} if all in evaluation mode.
        records: the operations were recorded for `backward()`.
        backward: a gradient has come back to the logits.
    """

    modes: frozenset[bool]
    records: bool
    backward: bool = False


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
        note = Pass(modes, logits.requires_grad)
        if logits.requires_grad:
            logits.register_hook(lambda _: setattr(note, "backward", True))
        self.calls.append(note)
        return logits

    def check_called(self) -> None:
        """Complain if a learner's code has never called the net."""
        if not self.calls:
            raise AnswerError("Your function does not call the model that it is given.")


def in_words(sizes: Sequence[int], once: bool) -> str:
    """Describe batches of these sizes, in a list, or in a generator that gives them once."""
    *first, last = map(str, sizes)
    count = f"{', '.join(first)} and {last}" if first else last
    return f"{'a generator of' if once else 'a list with'} batches of {count} pictures"


class Batches(list[Batch]):
    """A list of batches with a short name for messages."""

    def __repr__(self) -> str:
        return in_words([len(labels) for _, labels in self], once=False)


class OnceOnly:
    """Batches as a generator gives them: in order, once, without a length.

    Attributes:
        starts: how many loops have begun so far.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.starts = 0
        self._name = in_words([len(labels) for _, labels in batches], once=True)
        self._rest = iter(batches)

    def __iter__(self) -> Iterator[Batch]:
        self.starts += 1
        return self

    def __next__(self) -> Batch:
        return next(self._rest)

    def __repr__(self) -> str:
        return self._name


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
