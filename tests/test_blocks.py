"""Blocks against torchvision's blocks, exact formulas and the mistakes that learners make."""

import pytest
import torch
import torch.nn.functional as F
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


def lively(module):
    """Draw batch normalisation at random: fresh ones are all alike and would hide a mix-up."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)
    return module


def their_projection(in_channels, out_channels, stride):
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def assert_same_step(ours, reference, x):
    """Equal outputs, gradients and running statistics, bit for bit, in both modes."""
    reference.load_state_dict(lively(ours).state_dict())
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


@pytest.mark.parametrize(("in_channels", "channels", "stride"), [(8, 8, 1), (8, 16, 2), (8, 4, 1)])
def test_basic_block_equals_torchvision(in_channels, channels, stride):
    ours = BasicBlock(in_channels, channels, stride)
    shortcut = their_projection(in_channels, channels, stride)
    reference = theirs.BasicBlock(in_channels, channels, stride, shortcut)
    assert list(ours.state_dict()) == list(reference.state_dict())
    assert_same_step(ours, reference, torch.randn(2, in_channels, 7, 9))


@pytest.mark.parametrize(
    ("in_channels", "stride", "groups", "base_width"),
    [(64, 1, 1, 64), (16, 2, 1, 64), (64, 1, 4, 16), (16, 2, 4, 8), (16, 1, 1, 128)],
)
def test_bottleneck_equals_torchvision(in_channels, stride, groups, base_width):
    ours = Bottleneck(in_channels, 16, stride, groups=groups, base_width=base_width)
    shortcut = their_projection(in_channels, 64, stride)
    reference = theirs.Bottleneck(in_channels, 16, stride, shortcut, groups, base_width)
    assert list(ours.state_dict()) == list(reference.state_dict())
    assert_same_step(ours, reference, torch.randn(2, in_channels, 7, 9))


def normed(norm, x):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


@pytest.mark.parametrize(("channels", "stride"), [(6, 1), (12, 2)])
def test_preact_block_is_norm_relu_conv_twice_plus_shortcut(channels, stride):
    block = lively(PreActBlock(6, channels, stride)).eval()
    x = torch.randn(2, 6, 8, 8)
    branch = F.conv2d(normed(block.bn1, x).relu(), block.conv1.weight, stride=stride, padding=1)
    branch = F.conv2d(normed(block.bn2, branch).relu(), block.conv2.weight, padding=1)
    identity = x
    if stride == 2:
        conv, norm = block.downsample
        identity = normed(norm, F.conv2d(x, conv.weight, stride=2))
    torch.testing.assert_close(block(x), branch + identity)
    assert (block(x) < 0).any()  # no ReLU after the addition


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("block", BLOCKS)
def test_without_shortcut_a_block_is_its_branch_alone(block, stride):
    plain = lively(block(16, 16 // block.expansion, stride, shortcut="none")).eval()
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


def test_zero_pad_block_adds_the_padded_input():
    block = BasicBlock(4, 8, 2, shortcut="zero_pad").eval()
    block.zero_init_branch()
    x = torch.randn(2, 4, 8, 8)
    expected = torch.cat([x[:, :, ::2, ::2], torch.zeros(2, 4, 4, 4)], dim=1)
    assert torch.equal(block(x), expected.relu())


@pytest.mark.parametrize("block", BLOCKS)
def test_silent_branch_makes_the_block_an_identity(block):
    made = lively(block(16, 16 // block.expansion))
    if block is not PreActBlock:  # there the silent layer is the last, whatever norms do
        last = made.bn3 if block is Bottleneck else made.bn2
        nn.init.zeros_(last.bias)
    made.zero_init_branch()
    x = torch.randn(4, 16, 5, 5)
    for mode in (True, False):
        assert torch.equal(made.train(mode)(x), x if block is PreActBlock else x.relu())


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


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("block", BLOCKS)
def test_full_backward_hooks_work_on_every_layer(block, shortcut):
    # An in-place ReLU or addition makes PyTorch refuse full backward hooks.
    made = block(8, 16, 2, shortcut=shortcut)
    heard = set()
    for name, module in made.named_modules():
        module.register_full_backward_hook(lambda m, gin, gout, name=name: heard.add(name))
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    before = x.detach().clone()
    made(x).sum().backward()
    assert heard == {name for name, _ in made.named_modules()}
    assert torch.equal(x.detach(), before)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("in_channels", "stride"), [(64, 2), (32, 1), (64, 1)])
def test_projection_has_norm_and_only_where_the_shape_changes(block, in_channels, stride):
    made = block(in_channels, 64 // block.expansion, stride)
    if in_channels == 64 and stride == 1:
        assert made.downsample is None
    else:
        conv, norm = made.downsample
        assert (conv.kernel_size, conv.stride, conv.bias) == ((1, 1), (stride, stride), None)
        assert isinstance(norm, nn.BatchNorm2d)


@pytest.mark.parametrize("block", BLOCKS)
def test_no_convolution_has_a_bias(block):
    convs = [m for m in block(8, 16, 2).modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) >= 3
    assert all(conv.bias is None for conv in convs)


def test_bottleneck_strides_in_its_3x3():
    block = Bottleneck(64, 32, 2)
    strides = [conv.stride[0] for conv in (block.conv1, block.conv2, block.conv3)]
    assert strides == [1, 2, 1]


@pytest.mark.parametrize(
    ("channels", "groups", "base_width", "width"),
    [(64, 32, 4, 128), (512, 32, 4, 1024), (64, 32, 8, 256), (64, 1, 128, 128), (48, 2, 30, 44)],
)
def test_bottleneck_width(channels, groups, base_width, width):
    block = Bottleneck(8, channels, groups=groups, base_width=base_width)
    assert block.conv2.in_channels == block.conv2.out_channels == width
    assert block.conv2.weight.shape == (width, width // groups, 3, 3)
    assert block.conv3.out_channels == 4 * channels


BAD_SIZES = [0, -1, True, 2.0, "2", None]


@pytest.mark.parametrize("bad", BAD_SIZES)
@pytest.mark.parametrize("argument", ["in_channels", "channels", "stride"])
@pytest.mark.parametrize("block", BLOCKS)
def test_bad_sizes_are_named(block, argument, bad):
    with pytest.raises(ValueError, match=f"^{argument} must be a positive integer, got {bad!r}"):
        block(**{"in_channels": 8, "channels": 8, "stride": 1, argument: bad})


@pytest.mark.parametrize("bad", BAD_SIZES)
@pytest.mark.parametrize("argument", ["in_channels", "out_channels", "stride", "groups"])
def test_bad_convolution_sizes_are_named(argument, bad):
    sizes = {"in_channels": 8, "out_channels": 8, "stride": 1, "groups": 1, argument: bad}
    with pytest.raises(ValueError, match=f"^{argument} must be a positive integer"):
        conv3x3(**sizes)
    if argument != "groups":
        del sizes["groups"]
        with pytest.raises(ValueError, match=f"^{argument} must be a positive integer"):
            conv1x1(**sizes)


@pytest.mark.parametrize("argument", ["groups", "base_width"])
def test_bad_bottleneck_sizes_are_named(argument):
    with pytest.raises(ValueError, match=f"^{argument} must be a positive integer, got 0"):
        Bottleneck(8, 8, **{argument: 0})


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match="channels · base_width must be at least 64"):
        Bottleneck(8, 8, groups=4, base_width=4)


@pytest.mark.parametrize(("in_channels", "out_channels", "groups"), [(8, 9, 4), (9, 8, 4)])
def test_channels_must_be_dealt_out_evenly(in_channels, out_channels, groups):
    with pytest.raises(ValueError, match=f"divisible by groups={groups}"):
        conv3x3(in_channels, out_channels, groups=groups)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("bad", ["identity", "", None, 3])
def test_unknown_shortcut_lists_the_known_ones(block, bad):
    with pytest.raises(ValueError, match="choose one of projection, zero_pad, none"):
        block(8, 8, shortcut=bad)
