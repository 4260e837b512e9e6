"""Compare a whole network with ResNet-34, and say in which part it differs.

Twenty-one million weights are quick to copy, and slow to draw at random. So the learner's network
is made without its starting numbers, and the one it is compared with has no memory of its own: it
lies on the meta device and borrows the learner's weights.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from resnet_course.checks.compare import GRADIENTS, Subject, borrowed, enliven
from resnet_course.checks.diagnosis import Patience, in_other_words
from resnet_course.checks.flow import watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.mistakes_network import Mistakes, in_numbers, in_sizes, made
from resnet_course.resnet import ResNet
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


def check_network(model: nn.Module, num_classes: int) -> None:
    """Compare a network with ResNet-34.

    Args:
        model: without starting numbers.
        num_classes: of its last layer.

    Raises:
        AnswerError: the network is another one, or fails.
    """
    for part in model.parameters():
        if not is_lazy(part):
            enliven(part)
    reference = made(num_classes)
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
    differ = subject.difference(reference, gradients=GRADIENTS in subject.results)
    if differ == "":
        return
    if differ == GRADIENTS:
        raise AnswerError(
            f"num_classes={num_classes}: the logits are right, but the gradients are not. Is the "
            "input of a shortcut detached (detach, .data, no_grad)? Then no gradient comes back "
            "through it."
        )
    cause = _part(subject, reference)
    doubtful = differ and not cause and subject.x.shape[-1] != FULL
    # Right at 224×224 is right, whatever it does with smaller pictures.
    if doubtful and _large(model).difference(reference, gradients=False) == "":
        return
    have, want = (sum(p.numel() for p in each.parameters()) for each in (model, reference))
    head = f"num_classes={num_classes}: "
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


def _part(subject: Subject, reference: ResNet) -> str:
    """Find the part of the network that is wrong."""
    if cause := _weights(subject):
        return cause
    if where := _maps(subject, reference):
        return _tried(subject, reference, in_sizes()) or where
    return _tried(subject, reference, in_numbers())


def _tried(subject: Subject, reference: ResNet, mistakes: Mistakes) -> str:
    """Return what to say about the first mistake that makes the right network compute the same."""
    count = sum(p.numel() for p in subject.module.parameters())
    # Most mistakes change no parameter: then the numbers for the right network fit the wrong one.
    pairings = subject.pairings(reference)
    numbers = borrowed(reference, pairings[0]) if pairings else {}
    patience = Patience(1.2)
    for message, spoil in mistakes:
        if patience.is_over():
            break
        suspect = spoil(copy.deepcopy(reference))
        if [name for name, _ in suspect.named_parameters()] == list(numbers):
            same = subject.evaluates_like(suspect, numbers)
        else:
            same = sum(p.numel() for p in suspect.parameters()) == count
            same = same and subject.difference(suspect, gradients=False) == ""
        if same:
            return message
    return ""


def _weights(subject: Subject) -> str:
    """Compare the kinds of convolutions."""
    shapes = [tuple(w.shape) for unit in subject.watcher.units for w in unit.weights]
    first = shapes[0] if shapes else ()
    if first != (64, 3, 7, 7):
        return f"The first convolution should have weights of 64×3×7×7, yours has {by(first)}."
    counts = Counter(shape[0] for shape in shapes if shape[2:] == (3, 3))
    widths, right = (64, 128, 256, 512), (6, 8, 12, 6)
    have = tuple(counts[width] for width in widths)
    if have == right:
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


def _maps(subject: Subject, reference: ResNet) -> str:
    """Compare the sizes of the maps, convolution by convolution."""
    _, watcher = watch(reference, subject.x.to("meta"))
    want, have = (
        [each for each in trail if len(each) == 3 and each[1][-1] in (3, 7)]
        for trail in (watcher.trail, subject.watcher.trail)
    )
    pairs = ((a[2], b[2], b[1]) for a, b in zip(want, have, strict=False))
    right, wrong, weight = next((p for p in pairs if p[0][2:] != p[1][2:]), (None, None, None))
    if right is None:
        return ""
    side = subject.x.shape[-1]
    sizes = f"for a picture of {side}×{side} expected {by(right[1:])}, got {by(wrong[1:])}. "
    if weight[-1] == 7:
        return f"The first convolution: {sizes}It should have stride 2 and padding 3."
    stage = {64: 1, 128: 2, 256: 3, 512: 4}.get(weight[0], "?")
    head = f"Stage {stage}: {sizes}"
    larger = wrong[-1] > right[-1]
    if stage == 1:
        return head + (
            "Is the max pooling before it missing?"
            if larger
            else "The stem has halved the map twice already: this stage keeps the size."
        )
    if larger:
        return head + "Its first block should halve the map: stride 2."
    return head + "Only the first block of a stage halves the map, and only in stages 2, 3 and 4."
