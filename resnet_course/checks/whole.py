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
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from resnet_course.checks.compare import GRADIENTS, Subject
from resnet_course.checks.diagnosis import in_other_words
from resnet_course.checks.flow import watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.references import IN_NUMBERS, IN_SIZES, NETWORK
from resnet_course.checks.variants import Mistake, compiled, count, edited
from resnet_course.tracing.recorder import tensors_in
from resnet_course.tracing.rows import by

PARAMETERS = 21_797_672  # for 1000 classes
SMALL, FULL = 33, 224  # sides of a picture: an odd one shows more, and is soon done


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
    check_logits(subject.output, len(subject.x), num_classes)
    with torch.no_grad():
        check_logits(call(model, subject.x[:1].clone()), 1, num_classes)
    reference = made(num_classes)
    differ = subject.difference(reference)
    if differ == "":
        return
    head = f"num_classes={num_classes}: "
    if differ == GRADIENTS:
        raise AnswerError(
            f"{head}the logits are right, but the gradients are not. Is the input of a shortcut "
            "detached (detach, .data, no_grad)? Then no gradient comes back through it."
        )
    cause = _part(subject, reference, num_classes)
    doubtful = differ and not cause and subject.x.shape[-1] != FULL
    # Right at 224×224 is right, whatever it does with smaller pictures.
    if doubtful and _large(model).difference(reference) == "":
        return
    have, want = count(model), count(reference)
    if have != want:
        head += f"expected {want:,} parameters, got {have:,}. "
    elif differ:
        head += f"the number of parameters is right, but the logits differ {differ}. "
    raise AnswerError(
        head + (cause or "If you wrote the block yourself: does it pass its own check?")
    )


def _large(model: nn.Module) -> Subject:
    x = torch.randn(1, 3, FULL, FULL)
    try:
        return Subject(model, x, gradients=False)
    except AnswerError as wrong:
        words = in_other_words(model, x)
        if "features, but it gets" in words:
            words += " Is the last map averaged and flattened before the linear layer?"
        raise AnswerError(f"A picture of 3×{FULL}×{FULL}: {wrong} {words}".rstrip()) from wrong


def check_logits(output: Tensor, batch: int, num_classes: int) -> None:
    """Check the shape of the output.

    Raises:
        AnswerError: it is not (batch, num_classes).
    """
    pictures, *rest = output.shape or (0,)
    if pictures != batch:
        raise AnswerError(
            f"{batch} {'pictures' if batch > 1 else 'picture'} went in, but the output has shape "
            f"{by(tuple(output.shape))}. Does flatten (or squeeze) leave the batch axis as it is?"
        )
    if rest == [num_classes]:
        return
    got = f"num_classes={num_classes}: expected {num_classes} logits for each picture, got "
    if len(rest) > 1:
        raise AnswerError(f"{got}{by(tuple(rest))}. Is there a flatten before the last layer?")
    if rest == [512]:
        raise AnswerError(f"{got}512 features. The linear layer at the end is missing.")
    raise AnswerError(
        f"{got}{by(tuple(output.shape))} for {pictures} pictures. Does the last layer use "
        "num_classes?"
    )


def _part(subject: Subject, reference: nn.Module, num_classes: int) -> str:
    """Find the part of the network that is wrong."""
    if cause := _weights(subject):
        return cause
    if where := _maps(subject, reference):
        return _tried(subject, num_classes, IN_SIZES) or where
    return _tried(subject, num_classes, IN_NUMBERS)


def _tried(subject: Subject, num_classes: int, mistakes: Iterable[Mistake]) -> str:
    """Return what to say about the first mistake that makes the right network compute the same."""
    for message, *edits in mistakes:
        suspect = made(num_classes, edits)
        if count(suspect) == count(subject.module) and subject.difference(suspect) == "":
            return message
    return ""


def _weights(subject: Subject) -> str:
    """Compare the kinds of convolutions."""
    shapes = [tuple(weight.shape) for unit in subject.units for weight in unit.weights]
    first = shapes[0] if shapes else ()
    if first != (64, 3, 7, 7):
        return f"The first convolution should have weights of 64×3×7×7, yours has {by(first)}."
    counts = Counter(shape[0] for shape in shapes if shape[2:] == (3, 3))
    have = tuple(counts[width] for width in (64, 128, 256, 512))
    if have == (6, 8, 12, 6):
        wide = [shape[1] for shape in shapes if len(shape) == 2 and shape[1] != 512]
        return "".join(
            f"The linear layer takes {width:,} features, expected 512: the head averages each "
            "channel first, so that one number per channel is left."
            for width in wide[:1]
        )
    known = {
        (4, 4, 4, 4): "That is ResNet-18.",
        (3, 4, 6, 3): "Are these bottlenecks?",
        (6, 9, 13, 7): "Have the projections 3×3 kernels? They should be 1×1.",
    }
    return (
        "3×3 convolutions with 64, 128, 256 and 512 channels: expected 6, 8, 12 and 6 (depths 3, "
        f"4, 6 and 3, two in each block), got {', '.join(map(str, have))}. {known.get(have, '')}"
    ).rstrip()


def _maps(subject: Subject, reference: nn.Module) -> str:
    """Compare the sizes of the maps, convolution by convolution."""
    _, watcher = watch(reference, subject.x.to("meta"))
    want, have = (
        [shapes for shapes in trail if shapes[1][-1] in (3, 7)]
        for trail in (watcher.trail, subject.trail)
    )
    pairs = [(a, b) for a, b in zip(want, have, strict=False) if a[2][2:] != b[2][2:]]
    if not pairs:
        return ""
    (_, weight, right), (_, _, wrong) = pairs[0]
    side, larger = subject.x.shape[-1], wrong[-1] > right[-1]
    sizes = f"for a picture of {side}×{side} expected {by(right[1:])}, got {by(wrong[1:])}. "
    if weight[-1] == 7:
        return f"The first convolution: {sizes}It should have stride 2 and padding 3."
    stage = {64: 1, 128: 2, 256: 3, 512: 4}[weight[0]]
    if stage == 1 and larger:
        why = "Is the max pooling before it missing?"
    elif stage == 1:
        why = "The stem has halved the map twice already: this stage keeps the size."
    elif larger:
        why = "Its first block should halve the map: stride 2."
    else:
        why = "Only the first block of a stage halves the map, and only in stages 2, 3 and 4."
    return f"Stage {stage}: {sizes}{why}"
