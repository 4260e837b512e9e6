"""Checkers of chapter 07: the statistics of one's own pictures, and a part of them kept back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Answer, Case, ask, known_edits, tensors
from resnet_course.checks.values import Tensors, all_near, check_unchanged, copied
from resnet_course.train.randomness import random_states


def _statistics(u: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    p = [picture.flatten(1).double() / 255 for picture in u]
    x = torch.cat(p, dim=1)
    return x.mean(1), x.std(1)


STATISTICS = known_edits("channel_statistics", _statistics, "x.mean(1), x.std(1)")
SPLITS = known_edits("stratified_split", answers.stratified_split)


@exercise(answers.channel_statistics)
def channel_statistics(answer: Callable[[list[Tensor]], tuple[Tensor, Tensor]]) -> None:
    """Check `f(pictures) -> (mean, std)`, each a float tensor (C,), of all pixels / 255.

    The pictures are uint8 (C, H, W) of different sizes.
    """
    cases = []
    for channels, sizes in ((3, ((9, 40), (30, 14), (8, 8))), (1, ((30, 22), (12, 5)))):
        pictures = []
        for light, size in enumerate(sizes):  # dark ones, bright ones, and as different channels
            low = 60 * light + 20 * torch.arange(channels).view(-1, 1, 1)
            high = low + 30 * (1 + light)
            pictures.append((low + (high - low) * torch.rand(channels, *size)).to(torch.uint8))
        cases.append((pictures,))
    tell = tensors(_pictures, "unknown_channel_statistics")
    ask(answer, cases, answers.channel_statistics, STATISTICS, tell, _run_statistics, all_near)


def _pictures(pictures: list[Tensor]) -> str:
    kind = "colour" if len(pictures[0]) == 3 else "grey"
    return f"{len(pictures)} {kind} pictures of different sizes"


def _run_statistics(answer: Answer, pictures: list[Tensor]) -> Tensors:
    own = copied(pictures)
    with explained("error_in_channel_statistics"):
        got = call(answer, own)
    found = _pair(got, ("mean", "std"))
    for name, tensor in found.items():
        check("statistic", name=name, got=tensor, channels=len(pictures[0]))
    check_unchanged(own, pictures, "the pictures")
    return found


def _pair(got: Any, names: tuple[str, str]) -> Tensors:
    check("pair", got=got, names=names)
    return dict(zip(names, got, strict=True))


@exercise(answers.stratified_split)
def stratified_split(answer: Callable[[Tensor, float, int], tuple[Tensor, Tensor]]) -> None:
    """Check `f(labels, share, seed) -> (rest, held_out)`, indices that hold each picture once.

    Of each class with n pictures, round(share · n) are held out by chance, but one at least, and
    one at least stays; of a class with a single picture, it stays. The same seed gives the same
    split.
    """
    sizes = torch.tensor([10, 23, 6, 2, 1])
    in_order = [
        torch.arange(3).repeat_interleave(torch.tensor([10, 20, 30])),  # as folders come
        torch.arange(5).repeat_interleave(sizes),
        torch.tensor([0, 2, 5]).repeat_interleave(torch.tensor([3, 2, 11])),
    ]
    mixed = in_order[1][torch.randperm(42)]
    cases = [(in_order[0], 0.2, 1), (in_order[1], 0.2, 2), (mixed, 0.3, 3), (in_order[2], 0.8, 4)]
    ask(answer, cases, answers.stratified_split, SPLITS, _tell_split, _run_split)
    _ask_for_chance(answer, in_order[0])


def _run_split(answer: Answer, labels: Tensor, share: float, seed: int) -> list[int]:
    """Count how many of each class are held out."""
    return labels[_held_out(answer, labels, share, seed)].bincount(minlength=6).tolist()


def _held_out(answer: Answer, labels: Tensor, share: float, seed: int) -> Tensor:
    own = labels.clone()
    parts = _pair(call(answer, own, share, seed), ("rest", "held_out"))
    for name, part in parts.items():
        check("indices", name=name, part=part, labels=labels)
    check("parts", **parts, labels=labels)
    check_unchanged(own, labels, "labels")
    return parts["held_out"].long()


def _tell_split(case: Case, right: list[int], got: list[int]) -> tuple[str, str]:
    labels, share, _ = case
    pairs = enumerate(zip(right, got, strict=True))
    label, (one, other) = next(each for each in pairs if each[1][0] != each[1][1])
    size = int((labels == label).sum())
    where = f"Share {share}, class {label} with {size} in all"
    words = f"{where}: expected {one} held out, got {other}."
    count = round(share * len(labels))
    return words, fault("unknown_stratified_split", right=right, got=got, count=count)


def _ask_for_chance(answer: Answer, labels: Tensor) -> None:
    before = _generators()
    parts = [_held_out(answer, labels, 0.2, seed) for seed in (7, 7, 8, 9)]
    held_out = [part.sort().values.tolist() for part in parts]
    check("chance", held_out=held_out, changed=_generators() != before)


def _generators() -> list[Any]:
    states = random_states()
    return [states["torch"].tolist(), states["numpy"], states["python"]]
