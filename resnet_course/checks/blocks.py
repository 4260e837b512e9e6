"""Checkers of chapters 02 and 04: the addition; blocks, basic, bottleneck, ResNeXt; their start."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers
from resnet_course.checks.compare import enliven
from resnet_course.checks.diagnosis import check_block
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault, located
from resnet_course.checks.guard import call
from resnet_course.checks.questions import ask, known, tensors
from resnet_course.checks.values import Tensors, all_near, check_unchanged, slopes
from resnet_course.checks.variants import BASIC, THIN, Right, edited, table

Layer = Callable[[Tensor], Tensor]

ADDITIONS = known("residual_forward", "x, f", relu=torch.relu, nn=nn)


@exercise(answers.residual_forward)
def residual_forward(answer: Callable[[Tensor, Layer], Tensor]) -> None:
    """Check `f(x, branch) -> tensor`, which is ReLU(branch(x) + x)."""
    conv = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)).eval()
    x = torch.randn(2, 3, 4, 4)
    cases = [
        ("With a convolution and batch norm as branch", conv, torch.randn(2, 4, 5, 6)),
        ("With a linear layer as branch", nn.Linear(6, 6), torch.randn(3, 6)),
        ("With a branch that returns x itself", nn.Identity(), x),
        ("With a branch that returns −3 · x", lambda x: x.clone().mul_(-3), x),
    ]
    tell = tensors(lambda where, *_: where, "unknown_residual_forward")
    ask(answer, cases, answers.residual_forward, ADDITIONS, tell, _run_addition, all_near)


def _run_addition(
    answer: Callable[[Tensor, Layer], Tensor], where: str, branch: Layer, values: Tensor
) -> Tensors:
    leaf = values.clone().requires_grad_()
    x = leaf * 1.0  # a leaf may not be changed in place at all, what is made of it may
    runs: list[Tensor] = []

    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            runs.append(x)
            return branch(x)

    output = call(answer, x, Branch())
    with located(where):
        facts = {"what": "a tensor", "name": "x", "exercise": "residual_forward"}
        check("tensor", got=output, like=x, **facts)
        check_unchanged(x, values, "x", "your function")
        check("branch", runs=runs, output=output)
    (slope,) = slopes(output, [leaf])
    return {"the output": output.detach(), "the gradient of x": slope}


SHORTCUTS, BRANCHES = ("paths", "shortcut"), ("batch norms", "small things")
IN_BASIC_BLOCKS = table(*SHORTCUTS, "basic strides", *BRANCHES)
BASIC_BLOCK = Right(BASIC, ("the first convolution", "the second convolution"), IN_BASIC_BLOCKS)

THIN_NAMES = ("the first 1×1", "the 3×3", "the last 1×1")
IN_ANY_THIN = (*SHORTCUTS, "thin strides", *BRANCHES)
BOTTLENECK = Right(THIN, THIN_NAMES, table("thin widths", *IN_ANY_THIN))
IN_RESNEXT = table("groups", "group widths", "output", *IN_ANY_THIN)
RESNEXT_BLOCK = Right(THIN, THIN_NAMES, IN_RESNEXT)
# With its defaults the block is that of ResNeXt-50 32×4d.
DEFAULTS = "groups=1, base_width=64 → groups=32, base_width=4"
DEFAULT_BLOCK = Right(edited(THIN, [DEFAULTS]), THIN_NAMES, table("defaults"))


@exercise(BasicBlock)
def basic_block(answer: Callable[..., nn.Module]) -> None:
    """Check a class `(in_channels, channels, stride=1)`."""
    for arguments in ((16, 16), (16, 32, 2), (16, 16, 2), (16, 24, 1), (24, 8, 1)):
        check_block(answer, arguments, BASIC_BLOCK)
    for arguments in ((8, 12, 2), (8, 8, 3)):
        check_block(answer, arguments, BASIC_BLOCK, size=(9, 7))


@exercise(answers.zero_init)
def zero_init(answer: Callable[[BasicBlock], object]) -> None:
    """Check `f(block)`, which makes a fresh `BasicBlock` start as ReLU(x), in place."""
    for sizes in ((8, 8), (16, 16), (8, 16, 2)):
        block = BasicBlock(*sizes)
        before = copy.deepcopy(block)
        with located(f"BasicBlock{sizes}"):
            with explained("error_in_zero_init"):
                result = call(answer, block)
            _check_same_parts(block, before, result)
            _check_start(block, before)
            _check_alive(block)


def _check_same_parts(block: BasicBlock, before: BasicBlock, result: object) -> None:
    """Only numbers may have changed."""
    old, new = before.state_dict(), block.state_dict()

    def same() -> bool:
        """With other numbers the block must still be a BasicBlock: no new forward, no hooks."""
        ours, reference = copy.deepcopy(block), copy.deepcopy(before)
        for part in ours.parameters():
            enliven(part)
        reference.load_state_dict(ours.state_dict())
        x = torch.randn(4, before.conv1.in_channels, 6, 5)
        return torch.allclose(call(ours, x), reference(x), atol=1e-4)

    check(
        "zero_init",
        block=block,
        result=result,
        old=old,
        new=new,
        was=dict(before.named_parameters()),
        now=new | dict(block.named_parameters()),
        unchanged=lambda: all(torch.equal(old[name], new[name]) for name in old),
        same=same,
    )


@torch.no_grad()
def _check_start(block: BasicBlock, before: BasicBlock) -> None:
    """The branch is silent in both modes, and the shortcut is as it was."""
    x = torch.randn(4, before.conv1.in_channels, 6, 5)
    for mode in ("training", "evaluation"):
        now, old = (copy.deepcopy(each).train(mode == "training") for each in (block, before))
        projects = old.downsample is not None
        out, expected = now(x), F.relu(old.downsample(x) if projects else x)
        error = (out - expected).abs().max()
        other = projects and torch.equal(out, F.relu(now.downsample(x)))
        check("start", block=now, mode=mode, projects=projects, error=error, other=other)


def _check_alive(block: BasicBlock) -> None:
    """After a few steps the gradient must reach every parameter."""
    trained = copy.deepcopy(block)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.01)
    x = torch.randn(4, block.conv1.in_channels, 6, 5)
    target = torch.randn_like(trained(x)).relu()
    for _ in range(4):
        optimizer.zero_grad()
        F.mse_loss(trained(x), target).backward()
        optimizer.step()
    check("after_steps", trained=trained, block=block)


@exercise(Bottleneck)
def bottleneck(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1)`, expansion 4."""
    for arguments in ((32, 8), (32, 16, 2), (8, 8, 1), (16, 4, 2), (16, 4, 3)):
        check_block(answer, arguments, BOTTLENECK, size=(9, 8))
    return fault("praise_bottleneck", expansion=getattr(answer, "expansion", None))


@exercise(answers.ResNeXtBlock, Bottleneck)
def resnext_block(answer: Callable[..., nn.Module]) -> None:
    """Check a class `(in_channels, channels, stride=1, groups=32, base_width=4)`."""
    for arguments in (
        (32, 64, 1, 8, 4),
        (64, 32, 2, 4, 16),
        (128, 32, 1, 8, 6),
        (48, 24, 1, 2, 4),
        (16, 4, 3, 2, 32),
    ):
        check_block(answer, arguments, RESNEXT_BLOCK, size=(7, 6))
    check_block(answer, (64, 64), DEFAULT_BLOCK, size=(6, 5))
