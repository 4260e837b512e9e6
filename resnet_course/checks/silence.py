"""Is the branch of a block silent, and can it still learn? The questions of `zero_init`."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from resnet_course.blocks import BasicBlock
from resnet_course.checks.compare import enliven
from resnet_course.checks.guard import AnswerError, call


def check_same_parts(block: BasicBlock, before: BasicBlock, result: object) -> None:
    """Only numbers may have changed."""
    old, new = before.state_dict(), block.state_dict()
    for name in [*old, *new]:
        if name not in new:
            raise AnswerError(f"{name} is gone. The branch must stay, so that it can learn later.")
        if name not in old:
            raise AnswerError(f"{name} is new in the block. Change numbers only, no layers.")
    parts = dict(block.named_parameters())
    for name, part in before.named_parameters():
        now = parts.get(name, new[name])
        if now.device != part.device or now.dtype != part.dtype or now.shape != part.shape:
            raise AnswerError(
                f"{name} was a {part.dtype} tensor of shape {tuple(part.shape)} on {part.device}, "
                f"now it is {now.dtype}, {tuple(now.shape)}, on {now.device}. Change its numbers "
                "only."
            )
        if not now.isfinite().all():
            raise AnswerError(f"{name} contains NaN or infinity.")
        if not now.requires_grad:
            raise AnswerError(
                f"{name} is frozen: its requires_grad is False, so the branch can never wake up. "
                "Start at 0, and let it learn."
            )
    unchanged = all(torch.equal(old[key], new[key]) for key in old)
    if isinstance(result, nn.Module) and result is not block and unchanged:
        raise AnswerError(
            "You return another block, and the one that was given is as before. Change its numbers "
            "in place: whoever calls the function keeps using that block."
        )
    if not block.training:
        raise AnswerError("The block is left in evaluation mode. Training begins now.")
    # With other numbers the block must still be a BasicBlock: no new forward, no hooks.
    ours, reference = copy.deepcopy(block), copy.deepcopy(before)
    for part in ours.parameters():
        enliven(part)
    reference.load_state_dict(ours.state_dict())
    x = torch.randn(4, before.conv1.in_channels, 6, 5)
    if not torch.allclose(call(ours, x), reference(x), atol=1e-4):
        raise AnswerError(
            "With other numbers in its parameters the block no longer computes what a BasicBlock "
            "does: forward, a layer or a hook is new. Change numbers only."
        )
    if unchanged:
        raise AnswerError(
            "Nothing in the block has changed. Does your code write into one of its parameters, in "
            "place?"
        )


def check_start(block: BasicBlock, before: BasicBlock) -> None:
    """The branch is silent in both modes, and the shortcut is as it was."""
    x = torch.randn(4, before.conv1.in_channels, 6, 5)
    for training, mode in ((True, "training"), (False, "evaluation")):
        now, old = copy.deepcopy(block).train(training), copy.deepcopy(before).train(training)
        shortcut = x if old.downsample is None else old.downsample(x)
        with torch.no_grad():
            out, expected = now(x), F.relu(shortcut)
            error = (out - expected).abs().max()
            if error < 1e-6:
                continue
            what = "ReLU(x)" if old.downsample is None else "ReLU(projection(x))"
            if old.downsample is not None and torch.equal(out, F.relu(now.downsample(x))):
                raise AnswerError(
                    "The shortcut has changed too. Only the branch is to be silent: its own batch "
                    "norms are bn1 and bn2, the one in downsample belongs to the shortcut."
                )
            raise AnswerError(
                f"In {mode} mode block(x) differs from {what} by up to {error:.2g}: expected 0. "
                + _why_not_silent(now)
            )


def _why_not_silent(block: BasicBlock) -> str:
    if block.bn2.weight.any() and block.conv2.weight.any():
        if not block.bn1.weight.any():
            return "bn1 is in the middle of the branch. What is the last thing that happens in it?"
        if block.bn2.weight.abs().max() < 0.1 or block.conv2.weight.abs().max() < 1e-3:
            return "Nearly silent is not silent: set exactly 0."
        return "The last thing that happens in the branch should multiply by 0."
    if block.bn2.bias.any():
        return "The weight of the last batch norm is 0, but its bias is not: the bias is added."
    return "Is every number of the last batch norm's weight 0?"


def check_alive(block: BasicBlock) -> None:
    """After a few steps the gradient must reach every parameter."""
    last = block.bn2.weight.any() and block.conv2.weight.any()
    block = copy.deepcopy(block)
    optimizer = torch.optim.SGD(block.parameters(), lr=0.01)
    x = torch.randn(4, block.conv1.in_channels, 6, 5)
    target = torch.randn_like(block(x)).relu()
    for _ in range(4):
        optimizer.zero_grad()
        F.mse_loss(block(x), target).backward()
        optimizer.step()
    dead = [n for n, p in block.named_parameters() if p.grad is None or not p.grad.any()]
    if dead:
        why = "If two factors in a row are 0, neither learns: set only the last one to 0."
        if last:
            why = "The zeros are inside the branch. What is the last thing that happens in it?"
        raise AnswerError(
            f"The branch is silent, but dead: after four steps no gradient has reached "
            f"{', '.join(dead[:3])}. {why}"
        )
