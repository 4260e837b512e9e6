"""Blocks against torchvision's blocks, exact formulas and the mistakes that learners make."""

import pytest
import torch
import torch.nn.functional as F
from helpers import trained_norms
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import resnet as theirs

from resnet_course.blocks import (
    SHORTCUTS,
    BasicBlock,
    Bottleneck,
    PreActBlock,
    ZeroPadShortcut,
    conv1x1,
    conv3x3,
)

BLOCKS = (BasicBlock, Bottleneck, PreActBlock)


def their_projection(in_channels, out_channels, stride):
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def assert_same_step(ours, reference, x):
    """Equal outputs, gradients and running statistics, bit for bit, in both modes."""
    reference.load_state_dict(trained_norms(ours).state_dict())
    for mode in (False, True):
        results = []
        for block in (ours.train(mode), reference.train(mode)):
            leaf = x.clone().requires_grad_()
            out = block(leaf)
            wanted = [leaf, *block.parameters()]
            results.append([out, *torch.autograd.grad(out.square().sum(), wanted)])
        assert all(map(torch.equal, *results))
        assert all(map(torch.equal, ours.buffers(), reference.buffers()))
    assert ours.bn1.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("ours", "sizes"),
    [
        *((BasicBlock, sizes) for sizes in ((8, 8, 1), (8, 16, 2), (8, 4, 1))),
        *((Bottleneck, sizes) for sizes in ((64, 16, 1), (16, 16, 2), (64, 16, 1, 4, 16))),
        *((Bottleneck, sizes) for sizes in ((16, 16, 2, 4, 8), (16, 16, 1, 1, 128))),
        (Bottleneck, (8, 40, 2, 2, 30)),  # 18.75 channels per group become 18
    ],
)
def test_a_block_equals_torchvision(ours, sizes):
    in_channels, channels, stride, *groups = sizes
    widths = dict(zip(("groups", "base_width"), groups, strict=False))
    block = ours(in_channels, channels, stride, **widths)
    shortcut = their_projection(in_channels, channels * ours.expansion, stride)
    other = getattr(theirs, ours.__name__)(in_channels, channels, stride, shortcut, **widths)
    assert list(block.state_dict()) == list(other.state_dict())
    assert_same_step(block, other, torch.randn(2, in_channels, 7, 9))


def normed(norm, x):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


@pytest.mark.parametrize(("channels", "stride"), [(6, 1), (12, 2)])
def test_preact_block_is_norm_relu_conv_twice_plus_shortcut(channels, stride):
    block = trained_norms(PreActBlock(6, channels, stride))
    x = torch.randn(2, 6, 8, 8)
    branch = F.conv2d(normed(block.bn1, x).relu(), block.conv1.weight, stride=stride, padding=1)
    branch = F.conv2d(normed(block.bn2, branch).relu(), block.conv2.weight, padding=1)
    identity = x
    assert (block.downsample is None) == (stride == 1)
    assert all(m.bias is None for m in block.modules() if isinstance(m, nn.Conv2d))
    if stride == 2:
        conv, norm = block.downsample
        identity = normed(norm, F.conv2d(x, conv.weight, stride=2))
    torch.testing.assert_close(block(x), branch + identity)
    assert (block(x) < 0).any()  # no ReLU after the addition


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("block", BLOCKS)
def test_without_shortcut_a_block_is_its_branch_alone(block, stride):
    plain = trained_norms(block(16, 16 // block.expansion, stride, shortcut="none"))
    residual = block(16, 16 // block.expansion, stride, shortcut="zero_pad").eval()
    residual.load_state_dict(plain.state_dict())  # neither has parameters in its shortcut
    x = torch.rand(2, 16, 8, 8)
    for made in (plain, residual):
        made.relu = nn.Identity()  # else the last ReLU would cut off what is to be compared
    torch.testing.assert_close(residual(x) - plain(x), x[:, :, ::stride, ::stride])


@pytest.mark.parametrize(("channels", "stride"), [(4, 2), (7, 1), (7, 2), (12, 3)])
def test_zero_pad_shortcut_slices_and_appends_zeros(channels, stride):
    x = torch.randn(2, 4, 9, 8)
    kept = torch.stack([x[..., i, :] for i in range(0, 9, stride)], dim=2)
    kept = torch.stack([kept[..., i] for i in range(0, 8, stride)], dim=3)
    zeros = torch.zeros(2, channels - 4, *kept.shape[2:])
    shortcut = ZeroPadShortcut(4, channels, stride)
    assert torch.equal(shortcut(x), torch.cat([kept, zeros], dim=1))
    assert not list(shortcut.parameters())


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    in_channels=st.sampled_from([4, 8]),
    channels=st.sampled_from([2, 4, 8]),
    stride=st.integers(1, 3),
    block=st.sampled_from(BLOCKS),
    shortcut=st.sampled_from(SHORTCUTS),
)
@settings(deadline=None, max_examples=60)
def test_output_shape_is_the_ceiling_of_size_over_stride(
    size, in_channels, channels, stride, block, shortcut
):
    out_channels = channels * block.expansion
    if shortcut == "zero_pad" and out_channels < in_channels:
        with pytest.raises(ValueError, match="can add channels, not remove them"):
            block(in_channels, channels, stride, shortcut=shortcut)
        return
    made = block(in_channels, channels, stride, shortcut=shortcut).eval()
    height, width = (-(-n // stride) for n in size)
    assert made(torch.randn(1, in_channels, *size)).shape == (1, out_channels, height, width)


BAD_SIZES = [0, -1, True, 2.0, "2", None]


@pytest.mark.parametrize("bad", BAD_SIZES)
@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        *((block, ("in_channels", "channels", "stride")) for block in BLOCKS),
        (Bottleneck, ("groups", "base_width")),
        (conv3x3, ("in_channels", "out_channels", "stride", "groups")),
        (conv1x1, ("in_channels", "out_channels", "stride")),
    ],
)
def test_bad_sizes_are_named(make, arguments, bad):
    channels = "channels" if make in BLOCKS else "out_channels"
    for argument in arguments:
        sizes = {"in_channels": 8, channels: 8, "stride": 1, argument: bad}
        words = f"^{argument} must be a positive integer, got {bad!r}"
        with pytest.raises(ValueError, match=words):
            make(**sizes)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bottleneck(8, 8, groups=4, base_width=4), "base_width must be at least 64"),
        (lambda: conv3x3(8, 9, groups=4), "divisible by groups=4"),
        (lambda: conv3x3(9, 8, groups=4), "divisible by groups=4"),
        *(
            (lambda block=block, bad=bad: block(8, 8, shortcut=bad), "one of projection, zero_pad")
            for block in BLOCKS
            for bad in ("identity", "", None, 3)
        ),
    ],
)
def test_other_wrong_arguments_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
