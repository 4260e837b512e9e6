"""Receptive fields of a trace against measured ones: random networks, and layers by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import Net
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from resnet_course.measure import measured_receptive_field
from resnet_course.tracing import trace
from resnet_course.tracing.fields import Field
from resnet_course.tracing.meta import meta_copy
from resnet_course.tracing.origins import Operations
from resnet_course.tracing.recorder import Recorder

Draw = Callable[[st.SearchStrategy], int]


def field_of(model: nn.Module, shape: Sequence[int], jump: float = 1) -> Field:
    """What the output sees; with a jump of 0, what lies in the padding sees what the edge sees."""
    operations, x = Operations(), torch.empty(shape, device="meta")
    operations.start(x, 0, range(2, len(shape)))
    start = operations.origins[x]
    jumps = dict.fromkeys(start.field.jump, jump)
    operations.origins[x] = replace(start, field=replace(start.field, jump=jumps))
    with torch.no_grad(), operations, Recorder(operations):
        output = meta_copy(model)(x)
    return operations.field(output)


# Random networks -------------------------------------------------------------------------------
# Each maker draws a layer for maps of a shape (1, channels, *sizes), or gives None if none fits.


def layer(name: str, axes: int) -> type[nn.Module]:
    return getattr(nn, f"{name}{axes}d")


def apply(function: Callable[..., Tensor], **layers: nn.Module) -> nn.Module:
    return Net(lambda own, x: function(x, *layers.values()), **layers)


def number(draw: Draw, low: int, high: int) -> int:
    return draw(st.integers(low, high))


def one_of(draw: Draw, *choices: object) -> object:
    return draw(st.sampled_from(choices))


def convolution(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    kernel, dilation = number(draw, 1, 4), number(draw, 1, 2)
    groups = one_of(draw, *(n for n in (1, 2, 4) if channels % n == 0))
    return layer("Conv", len(sizes))(
        channels,
        groups * number(draw, 1, 4 // groups),
        kernel,
        stride=number(draw, 1, 2),
        padding=number(draw, 0, kernel // 2),
        dilation=dilation,
        groups=groups,
        padding_mode=one_of(draw, "zeros", "zeros", "reflect", "replicate", "circular"),
    )


def transposed(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    kernel, stride, dilation = number(draw, 1, 4), number(draw, 1, 3), number(draw, 1, 2)
    groups = one_of(draw, *(n for n in (1, 2) if channels % n == 0))
    return layer("ConvTranspose", len(sizes))(
        channels,
        2,
        kernel,
        stride=stride,
        padding=number(draw, 0, (kernel - 1) // 2),
        output_padding=number(draw, 0, max(stride, dilation) - 1),
        dilation=dilation,
        groups=groups,
    )


def pooling(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    axes, kernel, stride = len(sizes), number(draw, 1, 4), number(draw, 1, 3)
    padding, ceil = number(draw, 0, kernel // 2), draw(st.booleans())
    kind = one_of(draw, "max", "avg", "lp", "Max", "Avg")
    if kind == "lp":
        return layer("LPPool", axes)(2, kernel, stride, ceil_mode=ceil)
    options = {"dilation": number(draw, 1, 2)} if kind.lower() == "max" else {}
    if kind in ("Max", "Avg"):
        made = layer(f"{kind}Pool", axes)
        return made(kernel, stride, padding=padding, ceil_mode=ceil, **options)
    function = getattr(F, f"{kind}_pool{axes}d")
    return apply(lambda x: function(x, kernel, stride, padding=padding, ceil_mode=ceil, **options))


def adaptive(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    goal = [number(draw, max(1, n // 3), n + 3) for n in sizes]
    return layer(f"Adaptive{one_of(draw, 'Max', 'Avg')}Pool", len(sizes))(goal)


def resizing(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    modes = ("linear",) if len(sizes) == 1 else ("bilinear", "bicubic")
    mode = one_of(draw, "nearest", "nearest-exact", "area", *modes)
    options = {"mode": mode}
    by_size = draw(st.booleans())
    if mode in modes and by_size:  # places of halves: others are rounded, which can decide
        options |= {"size": [2 * n - 1 for n in sizes], "align_corners": True}
    elif by_size:
        options["size"] = [number(draw, n // 2, 2 * n) for n in sizes]
    else:
        options["scale_factor"] = one_of(draw, 0.5, 1.5, 2)
    return apply(lambda x: F.interpolate(x, **options))


def pixel_shuffle(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module | None:
    if len(sizes) == 2 and channels % 4 == 0:
        return nn.PixelShuffle(2)
    if len(sizes) == 2 and all(n % 2 == 0 for n in sizes):
        return nn.PixelUnshuffle(2)
    return None


def slices(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    cut = tuple(
        slice(number(draw, 0, 2), n - number(draw, 0, 2), number(draw, 1, 2)) for n in sizes
    )
    if draw(st.booleans()):
        return apply(lambda x: x[:, :, *cut])
    return apply(lambda x: x[..., cut[-1]])


def moving(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    dim, shift = number(draw, 2, 1 + len(sizes)), number(draw, -5, 5)
    if draw(st.booleans()):
        return apply(lambda x: x.roll(shift, dim))
    return apply(lambda x: x.flip(dim))


def transposing(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    return apply(lambda x: x.transpose(-1, -2) if x.ndim == 4 else x.mT.mT)


def padding(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    margins = [number(draw, -1, 2) for _ in range(2 * len(sizes))]
    mode = one_of(draw, "constant", "reflect", "replicate", "circular")
    return apply(lambda x: F.pad(x, margins, mode=mode))


def norm(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    kind = one_of(draw, "batch", "batch", "layer", "layer", "group", "instance")
    if kind == "layer" and channels > 1:  # of one channel it leaves nothing
        return apply(
            lambda x, own: own(x.movedim(1, -1)).movedim(-1, 1), own=nn.LayerNorm(channels)
        )
    if kind == "group":
        return nn.GroupNorm(one_of(draw, 1, channels), channels)
    return layer("InstanceNorm" if kind == "instance" else "BatchNorm", len(sizes))(channels)


def gate(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    own = layer("Conv", len(sizes))(2, 1, 3, padding=1)
    return apply(
        lambda x, own: (
            x * own(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()
        ),
        own=own,
    )


def squeeze_excite(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    over = tuple(range(2, 2 + len(sizes)))
    return apply(
        lambda x, own: x * own(x.mean(over))[(..., *(None,) * len(over))].sigmoid(),
        own=nn.Linear(channels, channels),
    )


def channel_shuffle(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module | None:
    return nn.ChannelShuffle(2) if channels % 2 == 0 else None


def branches(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module | None:
    if channels % 2:
        return None
    kind, half = layer("Conv", len(sizes)), channels // 2
    kernels = (1, 3, 5)
    a, b = (kind(half, half, k, padding=k // 2) for k in (one_of(draw, *kernels) for _ in "ab"))

    def forward(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
        left, right = x.chunk(2, dim=1)
        return torch.cat([a(left), b(right)], dim=1)

    return apply(forward, a=a, b=b)


def residual(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    kind, stride = layer("Conv", len(sizes)), number(draw, 1, 2)
    kernel = one_of(draw, 3, 5)
    a, b = kind(channels, 2, kernel, stride, kernel // 2), kind(channels, 2, 1, stride)
    return apply(lambda x, a, b: F.relu(a(x) + b(x)), a=a, b=b)


def attention(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    module = nn.MultiheadAttention(channels, 1, batch_first=True) if draw(st.booleans()) else None
    layers = {"module": module} if module else {}

    def forward(x: Tensor, *module: nn.Module) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        if module:
            mixed, _ = module[0](tokens, tokens, tokens)
        else:
            mixed = (tokens @ tokens.mT).softmax(-1) @ tokens
        return x + mixed.transpose(1, 2).reshape(x.shape)

    return apply(forward, **layers)


def windows(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module | None:
    """Attention within windows, as in Swin."""
    if any(n % 4 for n in sizes):
        return None
    shift, grid = number(draw, 0, 3), len(sizes)

    def forward(x: Tensor) -> Tensor:
        dims = tuple(range(2, x.ndim))
        moved = x.roll((-shift,) * grid, dims)
        split = moved.reshape(1, x.shape[1], *(m for n in x.shape[2:] for m in (n // 4, 4)))
        outer, inner = range(2, split.ndim, 2), range(3, split.ndim, 2)
        order = (0, *outer, *inner, 1)
        parted = split.permute(order)
        tokens = parted.reshape(-1, 4**grid, x.shape[1])
        mixed = F.scaled_dot_product_attention(tokens, tokens, tokens).reshape(parted.shape)
        back = sorted(range(len(order)), key=order.__getitem__)
        return mixed.permute(back).reshape(x.shape).roll((shift,) * grid, dims)

    return apply(forward)


def unfolding(draw: Draw, channels: int, sizes: Sequence[int]) -> nn.Module:
    size, step, dilation = number(draw, 1, 3), number(draw, 1, 2), number(draw, 1, 2)
    if len(sizes) == 1 or draw(st.booleans()):
        return apply(lambda x: x.unfold(-1, size, step).mean(-1))
    own = nn.Conv1d(channels * size**2, 2, 1)
    out = [(n - dilation * (size - 1) - 1) // step + 1 for n in sizes]
    return apply(
        lambda x, own: own(F.unfold(x, size, dilation, 0, step)).reshape(1, 2, *out), own=own
    )


MAKERS = (
    *(convolution, transposed, pooling, adaptive, resizing, pixel_shuffle, slices, moving),
    *(transposing, padding, norm, gate, squeeze_excite, channel_shuffle, branches, residual),
    *(attention, windows, unfolding),
)
LOCAL = [make for make in MAKERS if make not in (squeeze_excite, attention)]
ENDS = (
    *(lambda channels, sizes: nn.Identity(),) * 7,
    lambda channels, sizes: apply(lambda x: x.flatten(2).mean(2)),
    lambda channels, sizes: apply(lambda x: x.flatten(2).amax(-1)),
    lambda channels, sizes: nn.Sequential(nn.Flatten(), nn.Linear(channels * sizes.numel(), 2)),
)


def shape_after(model: nn.Module, shape: Sequence[int]) -> torch.Size:
    with torch.device("meta"), torch.no_grad():
        return model(torch.empty(shape)).shape


@st.composite
def networks(draw: Draw) -> tuple[nn.Module, tuple[int, ...]]:
    """A network and the shape of its input."""
    axes = number(draw, 1, 2)
    start = (1, 2, *(number(draw, 36, 48) for _ in range(axes)))
    with torch.device("meta"):
        layers = [layer("Conv", axes)(2, 4, one_of(draw, 1, 3))]
        shape = shape_after(layers[0], start)
        makers = st.sampled_from(one_of(draw, LOCAL, MAKERS))
        for make in draw(st.lists(makers, min_size=1, max_size=4)):
            fits = min(shape[2:]) > 6 and max(shape[2:]) < 100
            if made := make(draw, shape[1], shape[2:]) if fits else None:
                layers.append(made)
                shape = shape_after(made, shape)
        layers.append(one_of(draw, *ENDS)(shape[1], shape[2:]))
    return nn.Sequential(*layers).eval().to_empty(device="cpu"), start


def disagreement(model: nn.Module, shape: Sequence[int]) -> str:
    """Compare the trace with the measurement; "" if they agree.

    A trace counts the padding as if the picture went on. Where that makes a difference, it must
    cover the picture if the measured field does; where it makes none, the two must be equal.
    """
    field = field_of(model, shape)
    if not field.exact:
        return "not exact"
    seen = list(field.middle.values())
    cut_off = list(field_of(model, shape, jump=0).middle.values())
    lengths = [last - first + 1 for first, last in seen]
    try:
        measured = measured_receptive_field(model, shape)
    except ValueError:
        return "" if min(lengths) <= 0 else f"{seen}, but nothing is measured"
    for axis, (first, last) in enumerate(seen):
        size, found = shape[2 + axis], measured[axis]
        inside = seen[axis] == cut_off[axis]
        covers = first <= 0 and last >= size - 1
        if found != lengths[axis] if inside else found == size and not covers:
            return f"{seen}, but {measured} is measured"
    return ""


@given(networks())
@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
def test_random_networks_see_what_is_measured(drawn):
    assert not disagreement(*drawn)


# Kinds of layers by name ------------------------------------------------------------------------

CONV = nn.Conv2d(1, 2, 3, padding=1)
LAST = nn.Conv2d(2, 1, 3, padding=1)


def then(function: Callable[[Tensor], Tensor], channels: int = 2) -> nn.Module:
    """A 3×3 convolution, a function of its two maps, and another 3×3 convolution."""
    return nn.Sequential(CONV, apply(function), nn.Conv2d(channels, 1, 3, padding=1))


def only(function: Callable[..., Tensor], **layers: nn.Module) -> nn.Module:
    return nn.Sequential(apply(function, **layers), nn.Identity())


def resized(stride: int = 2, **options: object) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, stride, 1), apply(lambda x: F.interpolate(x, **options)), LAST
    )


def wide_and_narrow(x: Tensor, wide: nn.Module) -> Tensor:
    return torch.cat([wide(x), x], dim=1)


def two(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """A channel that sees 7 pixels and one that sees 1, then a function of both."""
    return nn.Sequential(
        apply(wide_and_narrow, wide=nn.Conv2d(1, 1, 7, padding=3)), apply(function), nn.Identity()
    )


def last_half(x: Tensor) -> Tensor:
    return x.chunk(2, dim=1)[1]


def in_windows(x: Tensor) -> Tensor:
    parts = x.reshape(1, 2, 8, 4, 8, 4).permute(0, 2, 4, 3, 5, 1).reshape(64, 16, 2)
    mixed = (parts @ parts.mT).softmax(-1) @ parts
    return mixed.reshape(1, 8, 8, 4, 4, 2).permute(0, 5, 1, 3, 2, 4).reshape(x.shape)


def attention_by(tokens: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Attention over all tokens (1, H·W, channels)."""
    return lambda x: x + tokens(x.flatten(2).mT).mT.reshape(x.shape)


SIDE = 32
EVERY = (SIDE, SIDE)
CASES = {
    # Reductions: along channels, along an axis of the picture, over all of it.
    "channel mean": (then(lambda x: x * x.mean(1, keepdim=True)), (5, 5)),
    "channel max": (then(lambda x: x * x.amax(1, keepdim=True)), (5, 5)),
    "channel mean alone": (only(lambda x, a: a(x).mean(1, keepdim=True), a=CONV), (3, 3)),
    "mean of rows": (only(lambda x: x.mean(3)), (1, SIDE)),
    "mean of columns": (only(lambda x: x.mean(-2, keepdim=True)), (SIDE, 1)),
    "view and mean": (only(lambda x: x.view(1, 1, -1).mean(2)), EVERY),
    "global max": (then(lambda x: x * x.amax((2, 3), keepdim=True)), EVERY),
    "max of max": (only(lambda x: x.max(3)[0].max(2)[0]), EVERY),
    "third smallest": (only(lambda x: x.kthvalue(3)[0]), (1, SIDE)),
    "sum of a part": (only(lambda x: x[..., 4:9].sum(-1)), (1, 5)),
    "running sum": (only(lambda x: x.cumsum(3)), (1, SIDE // 2 + 1)),
    "softmax of rows": (only(lambda x: x.softmax(3)), (1, SIDE)),
    "spectrum": (only(lambda x: torch.fft.rfft2(x).abs()), EVERY),
    "spectrum of rows": (only(lambda x: torch.fft.rfft(x).abs()), (1, SIDE)),
    # Pixels that move.
    "pixel shuffle": (
        nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.PixelShuffle(2), LAST),
        (5, 5),
    ),
    "pixel unshuffle": (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, 1, 3)), (6, 6)),
    "slices": (then(lambda x: x[:, :, ::2, ::2]), (7, 7)),
    "ellipsis": (then(lambda x: x[..., ::2]), (5, 7)),
    "indices": (then(lambda x: x.index_select(2, torch.arange(0, SIDE, 3))), (9, 5)),
    "index": (then(lambda x: x[:, :, torch.arange(0, SIDE, 3)]), (9, 5)),
    "crop": (then(lambda x: F.pad(x, (-3, -2, 0, -4))), (5, 5)),
    "roll": (then(lambda x: x.roll(5, 3)), (5, 5)),
    "roll by all": (then(lambda x: x.roll(5)), (5, 5)),
    "roll to the middle": (only(lambda x: F.avg_pool2d(x.roll(SIDE // 2, 3), 3)), (3, SIDE)),
    "flip": (then(lambda x: x.flip(2)), (5, 5)),
    "another axis in place": (then(lambda x: x.clone().unsqueeze_(1).squeeze_(1)), (5, 5)),
    "flip and itself": (only(lambda x: x + x.flip(3)), (1, 2)),
    "turned": (
        nn.Sequential(nn.Conv2d(1, 2, (1, 5), padding=(0, 2)), only(lambda x: x.mT)),
        (1, 5),
    ),
    "columns": (
        then(lambda x: F.unfold(x, (3, 5), padding=(1, 2)).view(1, 30, *EVERY), 30),
        (7, 9),
    ),
    "unfold": (only(lambda x: x.unfold(2, 5, 3).mean(-1)), (5, 1)),
    # Resizing, and padding.
    "nearest": (resized(scale_factor=2), (5, 5)),
    "nearest, half": (resized(1, scale_factor=0.5), (7, 7)),
    "output padding": (
        nn.Sequential(nn.ConvTranspose2d(1, 2, 1, dilation=2, output_padding=1), LAST),
        (3, 3),
    ),
    "bilinear": (resized(scale_factor=2, mode="bilinear"), (7, 7)),
    "bilinear to a size": (resized(size=EVERY, mode="bilinear"), (7, 7)),
    "bilinear, half": (resized(1, scale_factor=0.5, mode="bilinear"), (8, 8)),
    "bicubic": (resized(scale_factor=2, mode="bicubic"), (11, 11)),
    "area": (resized(1, scale_factor=0.5, mode="area"), (8, 8)),
    "corners": (resized(1, size=(63, 63), mode="bilinear", align_corners=True), (4, 4)),
    **{
        mode: (nn.Sequential(CONV, nn.Conv2d(2, 1, 5, padding=2, padding_mode=mode)), (7, 7))
        for mode in ("zeros", "reflect", "replicate", "circular")
    },
    # Channels that see different pixels.
    "in groups": (two(lambda x: F.avg_pool2d(x, 3, 1, 1)[:, 1:]), (3, 3)),
    "grouped convolution": (
        nn.Sequential(two(nn.Identity()), nn.Conv2d(2, 4, 3, groups=2), only(last_half)),
        (3, 3),
    ),
    "both": (two(lambda x: F.avg_pool2d(x, 3, 1, 1)), (9, 9)),
    "chunk": (two(lambda x: x.chunk(2, 1)[1]), (1, 1)),
    "unbind": (two(lambda x: x.unbind(1)[0][:, None]), (7, 7)),
    "shuffled": (two(lambda x: F.channel_shuffle(x, 2)[:, :1]), (7, 7)),
    "repeated": (two(lambda x: x.repeat(1, 2, 1, 1)[:, 3:]), (1, 1)),
    "stacked": (two(lambda x: torch.stack([x, -x], 2)[:, 1, 1:]), (1, 1)),
    "gated": (two(lambda x: F.glu(x, 1)), (7, 7)),
    "group norm": (two(lambda x: F.group_norm(x, 2)), EVERY),
    "layer norm": (two(lambda x: F.layer_norm(x.movedim(1, 3), (2,))[..., 1][:, None]), (7, 7)),
    # Products of activations.
    "attention": (then(attention_by(lambda t: (t @ t.mT).softmax(-1) @ t)), EVERY),
    "scaled attention": (
        then(attention_by(lambda t: F.scaled_dot_product_attention(t, t, t))),
        EVERY,
    ),
    "in windows": (nn.Sequential(CONV, apply(in_windows), nn.Identity()), (6, 6)),
    "distances": (
        only(lambda x: torch.cdist(x[0, 0], x[0, 0, :9] + 1)[None, None]),
        (SIDE // 2 - 4 + 1, SIDE),
    ),
    "complex numbers": (
        only(lambda x: torch.view_as_complex(x.reshape(1, 1, SIDE, 16, 2)).abs()),
        (1, 2),
    ),
    "outer product": (only(lambda x: (x[0, 0] @ x[0, 0].T)[None, None]), (1, SIDE)),
    "matrix and vector": (only(lambda x: (x[0, 0] @ x[0, 0, 0])[None, None]), (17, SIDE)),
    "kernel of the picture": (only(lambda x: F.conv2d(x, x[..., :3, :3], padding=1)), (18, 18)),
}


@pytest.mark.parametrize(("net", "pixels"), CASES.values(), ids=CASES)
def test_a_kind_of_layer_sees_what_is_measured(net, pixels):
    shape = (1, 1, *EVERY)
    assert measured_receptive_field(net, shape) == pixels
    row = trace(net, shape)[-1]
    if pixels == EVERY:
        assert row.sees == "the whole picture"
    else:
        assert (row.receptive_field, row.sees) == (max(pixels), f"{max(pixels)} px")


def axes_together(x: Tensor) -> Tensor:
    """The value in the middle, of place 4, sees the places 4, 3 and 1 of the first axis."""
    y = x + x.transpose(2, 3).roll(1, 3) + x.transpose(2, 4).roll(3, 4)
    return torch.cat([y, x], dim=1)


@pytest.mark.parametrize(
    ("net", "example", "sees"),
    [
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2)), torch.zeros(1, 2, 60), "4 values"),
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU()), torch.zeros(2, 60), "3 values"),
        (nn.Sequential(nn.Conv3d(1, 1, 3), nn.AvgPool3d(2)), torch.zeros(1, 1, 9, 9, 9), "4 px"),
        (only(axes_together), torch.zeros(1, 1, 9, 9, 9), "4 px"),
        (nn.Sequential(nn.Conv3d(1, 1, (1, 3, 3))), torch.zeros(1, 9, 9, 9), "3 px"),
        (
            nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.PixelShuffle(2), LAST),
            torch.zeros(1, 32, 32),
            "5 px",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8)),
            torch.zeros(4, 1, 9, 9),
            "the whole picture",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveMaxPool2d(1)),
            torch.zeros(1, 9, 9),
            "the whole picture",
        ),
        (nn.Sequential(nn.Linear(9, 4)), torch.zeros(1, 9), ""),
        (
            nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2)),
            torch.zeros(1, 7, dtype=torch.long),
            "1 value",
        ),
    ],
)
def test_signals_videos_and_pictures_without_a_batch_axis(net, example, sees):
    assert trace(net, example)[-1].sees == sees


def test_a_place_in_the_middle_of_a_pixel_reads_no_neighbour():
    def forward(x: Tensor) -> Tensor:  # place 29 is 29 · 30 / 58 = 15, but for rounding
        return F.interpolate(x, size=59, mode="bilinear", align_corners=True)

    assert trace(apply(forward), (1, 1, 31, 31))[-1].sees == "1 px"


@pytest.mark.parametrize(
    "step",
    [
        nn.Conv2d(2, 2, 3, 2, 1),
        nn.ConvTranspose2d(2, 2, 4, 2, 1),
        nn.MaxPool2d(2),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        apply(lambda x: x[..., ::2, ::2]),
        apply(lambda x: F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2)),
        apply(lambda x: F.pixel_unshuffle(x, 2).unflatten(1, (2, 4)).amax(2)),
        apply(lambda x: x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))),
    ],
)
def test_the_padding_of_a_small_picture_counts_as_if_it_went_on(step):
    net = nn.Sequential(CONV, step, nn.Conv2d(2, 1, 9, padding=4))
    [pixels] = set(measured_receptive_field(net, (1, 1, 48, 48)))
    assert trace(net, (1, 1, 12, 12))[-1].receptive_field == pixels


def write_into(x: Tensor) -> Tensor:
    padded = torch.zeros_like(x)
    padded[:, :, :, 1:] = x[:, :, :, :-1]
    return padded


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.grid_sample(x, x.movedim(1, 3), align_corners=False),
        lambda x: x.gather(2, torch.zeros(x.shape, dtype=torch.long)),
        lambda x: x[:, :, [4, 1]],
        write_into,
    ],
    ids=["sampled", "gathered", "list", "written into"],
)
def test_what_cannot_be_followed_sees_at_least_what_it_saw_before(function):
    rows = trace(then(function), (1, 1, *EVERY)).rows
    assert rows[-1].sees.startswith("at least ")
    assert rows[-1].receptive_field >= rows[0].receptive_field


def test_an_identity_that_is_changed_in_place_is_followed():
    def forward(own: nn.Module, x: Tensor) -> Tensor:
        y = own.first(x)
        F.relu_(own.nothing(y))
        return own.last(y)

    net = Net(forward, first=CONV, nothing=nn.Identity(), last=LAST)
    assert trace(net, (1, 1, *EVERY))[-1].sees == "5 px"


@pytest.mark.parametrize(
    ("layers", "example", "seen"),
    [
        ([nn.Linear(6, 4), nn.ReLU()], (2, 9, 6), ["1 value", "1 value"]),
        ([nn.LayerNorm(6), nn.Linear(6, 4)], (2, 9, 6), ["1 value", "1 value"]),
        ([nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)], (2, 9, 6), None),
        ([nn.Conv1d(6, 4, 3), nn.ReLU()], (2, 6, 9), ["3 values", "3 values"]),
        (
            [nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 5), nn.AdaptiveAvgPool1d(1)],
            (1, 1, 30),
            ["1 value", "5 values", "the whole input"],
        ),
    ],
)
def test_the_field_of_a_sequence_is_counted_in_steps(layers, example, seen):
    rows = trace(nn.Sequential(*layers), torch.zeros(example)).rows
    if seen is None:
        assert rows[0].kind == "MultiheadAttention"
        seen = ["the whole input"] * len(rows)
    assert [row.sees for row in rows] == seen
