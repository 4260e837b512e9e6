"""What exercises practise on: losses, and networks. Is a network still what it was?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.faults import check
from resnet_course.resnet import ResNet, ResNetConfig

# What the table of wrong losses is about: logits z and labels y, here or there of a batch x.
LOSS = "F.cross_entropy(z, y)"


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


def small_trained_network(block: type[nn.Module]) -> ResNet:
    """Return a small network in training mode, whose batch norm layers have seen other pictures.

    It takes (batch, 1, height, width) and has three classes.
    """
    model = ResNet(
        ResNetConfig(block, (1, 1, 1), widths=(4, 6, 8), stem="cifar", in_channels=1, num_classes=3)
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (module.weight.data, module.running_var):
                numbers.uniform_(0.5, 2.0)
            for numbers in (module.bias.data, module.running_mean):
                numbers.normal_()
    return model


def moved(now: nn.Module, before: nn.Module) -> list[str]:
    """Return the names of stored tensors that are no longer the same.

    A layer that keeps no count of batches, such as torchvision's FrozenBatchNorm2d, is fine.
    """
    new, names = now.state_dict(), []
    for name, old in before.state_dict().items():
        if name not in new:
            same = name.endswith("num_batches_tracked")
        else:
            kinds = {(each.dtype, each.device) for each in (old, new[name])}
            same = len(kinds) == 1 and torch.equal(old, new[name])
        if not same:
            names.append(name)
    return names


def check_measured(now: nn.Module, before: nn.Module, *, everything: bool) -> None:
    """Complain if measuring has changed a model since a copy, or has switched gradients off.

    With `everything`, gradients and the stored numbers of batch norm must be the same too.
    """
    old, new = dict(before.named_parameters()), dict(now.named_parameters())
    names = [name for name in moved(now, before) if everything or name in old]
    check("measured", moved=names, old=old, new=new, everything=everything)
