"""What exercises practise on: networks, batches, losses; and notes on how they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.checks.questions import known
from resnet_course.checks.texts import messages
from resnet_course.checks.values import refuse
from resnet_course.resnet import ResNet, ResNetConfig

Batch = tuple[Tensor, Tensor]
SAY = messages("training")

# What is taken for the cross-entropy of logits z, labels y and a batch x.
LOSSES = known("losses", "z, y, x", F=F, nn=nn)


class Notes(list[SimpleNamespace]):
    """One note for each forward pass so far, also for those of copies of the net."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Notes:
        return self


class PracticeNet(nn.Module):
    """A classifier with batch norm, (batch, 1, 4, 4) → logits (batch, 3).

    Its stored statistics are far from those of a batch, so the two modes give different answers.
    It notes for each pass in `calls`: the `modes` of all its modules, {True} for training; whether
    the pass `records` for backward(); and whether a gradient came `back` to the logits.
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
        note = SimpleNamespace(modes=modes, records=logits.requires_grad, back=False)
        if note.records:
            logits.register_hook(lambda _: setattr(note, "back", True))
        self.calls.append(note)
        return logits


def check_calls(model: PracticeNet, training: bool) -> None:
    """Complain if the net was not called, or not with all of it in the right mode."""
    refuse(not model.calls, SAY.not_called)
    wrong = any((not training) in each.modes for each in model.calls)
    refuse(wrong, SAY.in_evaluation if training else SAY.in_training)


def small_trained_network(block: type[nn.Module]) -> ResNet:
    """Return a small network in training mode, whose batch norm layers have seen other pictures.

    It takes (batch, 1, height, width) and has three classes.
    """
    model = ResNet(
        ResNetConfig(block, (1, 1), widths=(4, 6), stem="cifar", in_channels=1, num_classes=3)
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (module.weight.data, module.running_var):
                numbers.uniform_(0.5, 2.0)
            for numbers in (module.bias.data, module.running_mean):
                numbers.normal_()
    return model


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
    """Batches as a generator gives them: once, without a length. `starts` counts the loops."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.starts, self._rest = 0, iter(batches)
        self.__name__ = in_words([len(labels) for _, labels in batches], once=True)

    def __iter__(self) -> Iterator[Batch]:
        self.starts += 1
        return self._rest


def labelled_batches(net: nn.Module, hits: Sequence[int], sizes: Sequence[int]) -> Batches:
    """Return batches of these sizes, random pictures with labels.

    A `PracticeNet` in evaluation mode is right so many times in each batch, at its beginning.
    """
    batches = Batches()
    for right, size in zip(hits, sizes, strict=True):
        x = torch.randn(size, 1, 4, 4) + 3 * torch.randn(size, 1, 1, 1)  # dark and bright ones
        with torch.no_grad():
            labels = net(x).argmax(dim=1)
        labels[right:] = (labels[right:] + 1) % 3
        batches.append((x, labels))
    return batches
