"""Compare a whole network with ResNet-34, and say in which part it differs.

Twenty-one million weights are quick to copy, and slow to draw at random. So the learner's network
is made without its starting numbers, and the one it is compared with has no memory of its own: it
lies on the meta device and borrows the learner's weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from resnet_course.checks.compare import GRADIENTS, Subject, count
from resnet_course.checks.diagnosis import in_other_words
from resnet_course.checks.faults import check, fault
from resnet_course.checks.flow import watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.variants import NETWORK, compiled, edited, table
from resnet_course.tracing.recorder import tensors_in

PARAMETERS = 21_797_672  # for 1000 classes
SMALL, FULL = 33, 224  # sides of a picture: an odd one shows more, and is soon done
IN_SIZES = table("network sizes")  # a map has another size, and the size alone does not say why
IN_NUMBERS = table("network numbers")  # no shape shows these
WIDTHS = (64, 128, 256, 512)  # of the stages


class WithoutStartingNumbers(TorchFunctionMode):
    """Leave out the random numbers that fresh layers start with; they get others anyway."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return the tensor as it is where random numbers would be drawn into it."""
        kwargs = kwargs or {}
        # torch.nn.init hands over its own functions of these names, and its tensor by name.
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "kaiming_uniform_"):
            return next(tensors_in((args, kwargs)))
        return func(*args, **kwargs)


def made(num_classes: int, edits: Iterable[str] = ()) -> nn.Module:
    """Make ResNet-34, or a wrong one, without memory."""
    with torch.device("meta"):
        return compiled(edited(NETWORK, edits))(num_classes)


def check_network(model: nn.Module, num_classes: int) -> None:
    """Compare a network with ResNet-34.

    Args:
        model: without starting numbers.
        num_classes: of its last layer.

    Raises:
        AnswerError: the network is another one, or fails.
    """
    try:
        subject = Subject(model, torch.randn(2, 3, SMALL, SMALL))
    except AnswerError as wrong:
        if wrong.__cause__ is None:
            raise
        # It may be made for pictures of 224×224 alone, as the exercise allows.
        subject = _large(model)
    x = subject.x
    check("logits", output=subject.output, batch=len(x), num_classes=num_classes)
    with torch.no_grad():
        check("logits", output=call(model, x[:1].clone()), batch=1, num_classes=num_classes)
    reference = made(num_classes)
    differ = subject.difference(reference)
    if differ == "":
        return
    where = f"num_classes={num_classes}: " + fault(
        "network_differs", have=count(model), want=count(reference), differ=differ
    )
    if differ == GRADIENTS:
        raise AnswerError(where)
    cause = _part(subject, reference, num_classes)
    # Right at 224×224 is right, whatever it does with smaller pictures.
    if differ and not cause and x.shape[-1] != FULL and _large(model).difference(reference) == "":
        return
    cause = cause or "If you wrote the block yourself: does it pass its own check?"
    raise AnswerError(f"{where.rstrip()} {cause}")


def _large(model: nn.Module) -> Subject:
    x = torch.randn(1, 3, FULL, FULL)
    try:
        return Subject(model, x, gradients=False)
    except AnswerError as wrong:
        words = in_other_words(model, x)
        if "features, but it gets" in words:
            words += " Is the last map averaged and flattened before the linear layer?"
        raise AnswerError(f"A picture of 3×{FULL}×{FULL}: {wrong} {words}".rstrip()) from wrong


def _part(subject: Subject, reference: nn.Module, num_classes: int) -> str:
    """Find the part of the network that is wrong."""
    shapes = [tuple(weight.shape) for unit in subject.units for weight in unit.weights]
    counts = Counter(shape[0] for shape in shapes if shape[2:] == (3, 3))
    cause = fault(
        "network_weights",
        shapes=shapes,
        counts=[counts[width] for width in WIDTHS],
        wide=[shape[1] for shape in shapes if len(shape) == 2 and shape[1] != 512],
    )
    if cause:
        return cause
    where = _maps(subject, reference)
    for message, *edits in IN_SIZES if where else IN_NUMBERS:
        if subject.difference(made(num_classes, edits)) == "":
            return message
    return where


def _maps(subject: Subject, reference: nn.Module) -> str:
    """Compare the sizes of the maps, convolution by convolution."""
    _, watcher = watch(reference, subject.x.to("meta"))
    want, have = (
        [shapes for shapes in trail if shapes[1][-1] in (3, 7)]
        for trail in (watcher.trail, subject.trail)
    )
    for (_, weight, right), (_, _, wrong) in zip(want, have, strict=False):
        if right[2:] != wrong[2:]:
            stage = 0 if weight[-1] == 7 else WIDTHS.index(weight[0]) + 1
            return fault("maps", stage=stage, want=right, have=wrong, side=subject.x.shape[-1])
    return ""
