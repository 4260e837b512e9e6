"""The checkers of blocks: every right way to write one passes, every usual mistake is named."""

from __future__ import annotations

import functools
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet as theirs

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers, blocks
from resnet_course.checks.compare import Subject
from resnet_course.checks.diagnosis import check_block
from resnet_course.checks.exercise import EXERCISES
from resnet_course.checks.flow import Unit, joined, pair
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.variants import compiled, edited, spelled


def conv(in_channels, channels, kernel=3, stride=1, **options):
    options = {"padding": kernel // 2, "bias": False} | options
    return nn.Conv2d(in_channels, channels, kernel, stride, **options)


class Right(nn.Module):
    """The block as chapter 02 writes it; the wrong ones below change one thing."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = conv(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.skip = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.skip = nn.Sequential(
                conv(in_channels, channels, 1, stride), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.skip(x))


# Right ways to write a basic block.


class SequentialBranch(nn.Module):
    def __init__(self, i, o, s=1, dilation=1):
        super().__init__()
        self.branch = nn.Sequential(
            conv(i, o, 3, s),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            conv(o, o),
            nn.BatchNorm2d(o),
        )
        self.proj = nn.Sequential(conv(i, o, 1, s), nn.BatchNorm2d(o)) if s > 1 or i != o else None

    def forward(self, x):
        shortcut = x if self.proj is None else self.proj(x)
        out = self.branch(x)
        out += shortcut
        return out.relu_()


class ShortcutFirst(Right):
    def forward(self, x):
        total = self.skip(x)
        out = self.conv2(self.bn1(self.conv1(x)).clamp(min=0))
        total = total + self.bn2(out)
        return torch.maximum(total, torch.zeros(()))


class Lazy(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "b": nn.LazyBatchNorm2d(),
                "c": nn.LazyConv2d(channels, 3, padding=1, bias=False),
                "a": nn.LazyConv2d(channels, 3, stride, padding=1, bias=False),
                "z": nn.LazyBatchNorm2d(),
            }
        )
        self.project = (stride, in_channels) != (1, channels)
        if self.project:
            self.p = nn.LazyConv2d(channels, 1, stride, bias=False)
            self.n = nn.LazyBatchNorm2d()

    def forward(self, x):
        la = self.layers
        y = la["b"](la["c"](la["z"](la["a"](x)).relu()))
        return (y + (self.n(self.p(x)) if self.project else x)).relu()


class Functional(nn.Module):
    """No layers at all: parameters, buffers and functions."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.stride = stride
        shapes = [(channels, in_channels, 3, 3), (channels, channels, 3, 3)]
        if stride != 1 or in_channels != channels:
            shapes.append((channels, in_channels, 1, 1))
        self.norms = nn.ParameterList()
        self.weights = nn.ParameterList([nn.Parameter(0.1 * torch.randn(s)) for s in shapes])
        for i in range(len(shapes)):
            self.norms.append(nn.Parameter(torch.zeros(channels)))  # bias
            self.norms.append(nn.Parameter(torch.ones(channels)))  # weight
            self.register_buffer(f"mean{i}", torch.zeros(channels))
            self.register_buffer(f"var{i}", torch.ones(channels))

    def norm(self, i, x):
        mean, var = getattr(self, f"mean{i}"), getattr(self, f"var{i}")
        bias, weight = self.norms[2 * i], self.norms[2 * i + 1]
        return F.batch_norm(x, mean, var, bias=bias, weight=weight, training=self.training)

    def forward(self, x):
        s = self.stride
        out = F.relu(self.norm(0, F.conv2d(x, self.weights[0], stride=s, padding=1)))
        out = self.norm(1, F.conv2d(out, self.weights[1], padding=1))
        if len(self.weights) == 3:
            x = self.norm(2, F.conv2d(x, self.weights[2], stride=s))
        return F.relu(out + x)


class NormByHand(nn.Module):
    """As d2l writes it: moving averages are plain attributes, the variance divides by n."""

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.moving_mean = torch.zeros(1, channels, 1, 1)
        self.moving_var = torch.ones(1, channels, 1, 1)

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            var = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            self.moving_mean = (0.9 * self.moving_mean + 0.1 * mean).detach()
            self.moving_var = (0.9 * self.moving_var + 0.1 * var).detach()
        return self.gamma * ((x - mean) / (var + 1e-5).sqrt()) + self.beta


class ByHand(nn.Module):
    """Convolution as a matrix product of windows, projection as a linear layer."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.stride, self.channels = stride, channels
        self.w1 = nn.Parameter(0.1 * torch.randn(channels, 9 * in_channels))
        self.w2 = nn.Parameter(0.1 * torch.randn(channels, channels, 3, 3))
        self.n1, self.n2 = NormByHand(channels), NormByHand(channels)
        self.linear = None
        if stride != 1 or in_channels != channels:
            self.linear = nn.Linear(in_channels, channels, bias=False)
            self.n3 = NormByHand(channels)

    def conv(self, x, weight, stride):
        windows = F.unfold(x, 3, padding=1, stride=stride)
        height = (x.shape[2] - 1) // stride + 1
        return (weight.flatten(1) @ windows).unflatten(2, (height, -1))

    def forward(self, x):
        out = self.n1(self.conv(x, self.w1, self.stride)).relu()
        out = self.n2(self.conv(out, self.w2, 1))
        if self.linear is not None:
            x = x[:, :, :: self.stride, :: self.stride]
            x = self.n3(self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return (x + out).relu()


class BiasFirst(NormByHand):
    """Uses its bias before its weight, in one function."""

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            mean, var = x.mean((0, 2, 3), True), x.var((0, 2, 3), correction=0, keepdim=True)
            self.moving_mean = (0.9 * self.moving_mean + 0.1 * mean).detach()
            self.moving_var = (0.9 * self.moving_var + 0.1 * var).detach()
        return torch.addcmul(self.beta, (x - mean) * (var + 1e-5).rsqrt(), self.gamma)


class BiasFirstBlock(ByHand):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, channels, stride)
        self.n1, self.n2, self.n3 = (BiasFirst(channels) for _ in range(3))
        if self.linear is None:
            self.n3 = None


class OwnStart(Right):
    """Another initialisation, and the names of the layers in a list."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.orthogonal_(part.weight)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        out = x
        for name in ("conv1", "bn1", "relu", "conv2", "bn2"):
            out = torch.relu(out) if name == "relu" else getattr(self, name)(out)
        return torch.relu(torch.add(out, self.skip(x)))


def from_torchvision(in_channels, channels, stride=1):
    skip = None
    if stride != 1 or in_channels != channels:
        skip = nn.Sequential(
            theirs.conv1x1(in_channels, channels, stride), nn.BatchNorm2d(channels)
        )
    return theirs.BasicBlock(in_channels, channels, stride, skip)


class Maker:
    """A callable that is neither a function nor a class of modules."""

    def __call__(self, *sizes):
        return Right(*sizes)


RIGHT_BASIC = [
    BasicBlock, Right, SequentialBranch, ShortcutFirst, Lazy, Functional, ByHand, OwnStart,
    BiasFirstBlock, from_torchvision, Maker(), functools.partial(BasicBlock, shortcut="projection"),
]  # fmt: skip


@pytest.mark.parametrize("answer", RIGHT_BASIC, ids=lambda a: getattr(a, "__name__", str(a)[:20]))
def test_a_right_basic_block_passes(answer):
    result = blocks.basic_block(answer)
    assert result, result.message


# Wrong ways.


def variant(**methods):
    """Return the right block with other methods."""
    return type("MyBasicBlock", (Right,), methods)


def made_like(change):
    """Return the right block, changed by `change(block, in_channels, channels, stride)`."""

    def init(self, in_channels, channels, stride=1):
        Right.__init__(self, in_channels, channels, stride)
        change(self, in_channels, channels, stride)

    return variant(__init__=init)


def set_parts(**parts):
    """Return a change that sets attributes, each made by a function of (i, o, s)."""

    def change(block, i, o, s):
        for name, make in parts.items():
            setattr(block, name, make(i, o, s))

    return made_like(change)


def forward(text):
    """Return the right block with another forward, given as one expression."""
    space = {"F": F, "torch": torch, "nn": nn}
    exec(f"def forward(s, x):\n    return {text}", space)
    return variant(forward=space["forward"])


BRANCH = "s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x)))))"


def plain_list():
    class MyBasicBlock(nn.Module):
        def __init__(self, i, o, s=1):
            super().__init__()
            self.layers = [
                conv(i, o, 3, s),
                nn.BatchNorm2d(o),
                nn.ReLU(),
                conv(o, o),
                nn.BatchNorm2d(o),
            ]
            self.skip = Right(i, o, s).skip

        def forward(self, x):
            out = x
            for layer in self.layers:
                out = layer(out)
            return F.relu(out + self.skip(x))

    return MyBasicBlock


def made_in_forward():
    def step(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        fresh = conv(out.shape[1], out.shape[1])
        return F.relu(self.bn2(fresh(out)) + self.skip(x))

    return variant(forward=step)


def changes_its_input(self, x):
    out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
    if out.shape != x.shape:
        return F.relu(out + self.skip(x))
    x += out
    return F.relu(x)


def adds_the_middle(self, x):
    out = F.relu(self.bn1(self.conv1(x)))
    shortcut = out if isinstance(self.skip, nn.Identity) else self.skip(x)
    return F.relu(self.bn2(self.conv2(out)) + shortcut)


def running_mean_in_training(self, x):
    def norm(layer, x):
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    out = norm(self.bn2, self.conv2(F.relu(norm(self.bn1, self.conv1(x)))))
    return F.relu(out + self.skip(x))


class ScaledBias(NormByHand):
    """Adds the bias first and multiplies the sum."""

    def forward(self, x):
        return super().forward(x) + (self.gamma - 1) * self.beta


def relu_in_place_on_input(self, x):
    out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
    return F.relu_(self.skip(x)) + out


class NoSuper(nn.Module):
    def __init__(self, i, o, s=1):
        self.conv1 = conv(i, o, 3, s)

    def forward(self, x):
        return x


class NoModule:
    def __init__(self, i, o, s=1):
        self.conv1 = conv(i, o, 3, s)

    def forward(self, x):
        return x


class NoSuperPlain(nn.Module):
    """Has only plain attributes, so that nothing fails yet."""

    def __init__(self, i, o, s=1):
        self.stride = s

    def forward(self, x):
        return x


class NoSuperAdds(nn.Module):
    def __init__(self, i, o, s=1):
        self.add_module("conv1", conv(i, o, 3, s))


def throws_the_sum_away(self, x):
    out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
    torch.add(out, self.skip(x))
    return F.relu(out)


class HardCoded(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(64, 64, 3, stride), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = conv(64, 64), nn.BatchNorm2d(64)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class D2L(nn.Module):
    """The book's block: bias everywhere, no batch norm on the projection."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(channels, 3, padding=1, stride=stride)
        self.conv2 = nn.LazyConv2d(channels, 3, padding=1)
        self.conv3 = None
        if stride > 1 or in_channels != channels:
            self.conv3 = nn.LazyConv2d(channels, 1, stride=stride)
        self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.conv3(x) if self.conv3 else x))


def frozen(block, i, o, s):
    block.conv1.weight.requires_grad_(False)


def biased(block, i, o, s):
    block.conv1, block.conv2 = conv(i, o, 3, s, bias=True), conv(o, o, bias=True)


def two_things(block, i, o, s):
    biased(block, i, o, s)
    block.bn2 = nn.Identity()


def no_projection_for_stride(block, i, o, s):
    if i == o:
        block.skip = nn.Identity()


def no_projection_for_channels(block, i, o, s):
    if s == 1:
        block.skip = nn.Identity()


WRONG_BASIC = {
    "relu before the addition": (
        forward(f"F.relu({BRANCH}) + s.skip(x)"),
        "ReLU at the end of the branch, before the addition.*comes after the addition",
    ),
    "relu before and after": (
        forward(f"F.relu(F.relu({BRANCH}) + s.skip(x))"), "one ReLU too many"
    ),
    "no last relu": (forward(f"{BRANCH} + s.skip(x)"), "last ReLU is missing"),
    "no addition": (forward(f"F.relu({BRANCH})"), "Where is its input added"),
    "relu on the shortcut": (
        forward(f"F.relu({BRANCH} + F.relu(s.skip(x)))"), "ReLU on the shortcut"
    ),
    "no relu inside": (
        forward("F.relu(s.bn2(s.conv2(s.bn1(s.conv1(x)))) + s.skip(x))"),
        "no ReLU behind the first convolution",
    ),
    "relu before batch norm": (
        forward("F.relu(s.bn2(s.conv2(s.bn1(F.relu(s.conv1(x))))) + s.skip(x))"),
        "ReLU comes before batch norm",
    ),
    "batch norm after addition": (
        forward("F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x)))) + s.skip(x)))"),
        "Batch norm comes after the addition",
    ),
    "adds the middle": (
        variant(forward=adds_the_middle),
        "comes from inside the branch",
    ),
    "one batch norm for two": (
        forward("F.relu(s.bn1(s.conv2(F.relu(s.bn1(s.conv1(x))))) + s.skip(x))"),
        "parameters are never used.*bn2.weight",
    ),
    "shared batch norm": (
        made_like(lambda b, i, o, s: setattr(b, "bn2", b.bn1)),
        "expected 4,672 parameters, got 4,640. One batch norm is used in two places",
    ),
    "shared convolution": (
        made_like(lambda b, i, o, s: i == o and s == 1 and setattr(b, "conv2", b.conv1)),
        "One convolution is used twice",
    ),
    "no batch norm on the projection": (
        made_like(lambda b, i, o, s: setattr(b, "skip", b.skip[0] if o != i or s > 1 else b.skip)),
        "in_channels=16, channels=32, stride=2, input 16×14×10: expected .* parameters, got .*"
        "The projection has no batch norm",
    ),
    "no batch norm 2": (set_parts(bn2=lambda i, o, s: nn.Identity()), "behind the second"),
    "no batch norm": (
        set_parts(bn1=lambda i, o, s: nn.Identity(), bn2=lambda i, o, s: nn.Identity()),
        "one belongs behind every convolution",
    ),
    "stride in the second": (
        set_parts(conv1=lambda i, o, s: conv(i, o), conv2=lambda i, o, s: conv(o, o, 3, s)),
        "stride=2.*right, but the block differs in evaluation mode.*The stride is in the second",
    ),
    "stride in both": (
        set_parts(conv2=lambda i, o, s: conv(o, o, 3, s)), "Only the first convolution has the"
    ),
    "stride ignored": (
        variant(__init__=lambda self, i, o, s=1: Right.__init__(self, i, o)),
        "expected 32×7×5, got 32×14×10. The stride is ignored",
    ),
    "bias": (made_like(biased), "expected 4,672 parameters, got 4,704. Each convolution of"),
    "bias and no batch norm": (
        made_like(two_things), r"Two things. \(1\) .*no batch norm.*\(2\) .*bias"
    ),
    "d2l": (D2L, "has a bias"),
    "always a projection": (
        set_parts(skip=lambda i, o, s: nn.Sequential(conv(i, o, 1, s), nn.BatchNorm2d(o))),
        "projection where none is needed",
    ),
    "projection forgotten for stride": (
        made_like(no_projection_for_stride), "in_channels=16, channels=16, stride=2.*no projection"
    ),
    "projection forgotten for channels": (
        made_like(no_projection_for_channels), "channels=24, stride=1.*shortcut has no projection"
    ),
    "no projection at all": (
        set_parts(skip=lambda i, o, s: nn.Identity()), "size of tensor.*shortcut has no projection"
    ),
    "projection without stride": (
        set_parts(skip=lambda i, o, s: nn.Sequential(conv(i, o, 1), nn.BatchNorm2d(o))
                  if i != o or s > 1 else nn.Identity()),
        "keeps height and width",
    ),
    "3×3 projection": (
        set_parts(skip=lambda i, o, s: nn.Sequential(conv(i, o, 3, s), nn.BatchNorm2d(o))
                  if i != o or s > 1 else nn.Identity()),
        "3×3 kernel",
    ),
    "option A": (
        functools.partial(BasicBlock, shortcut="zero_pad"), "channels of zeros.*projection"
    ),
    "no padding": (
        set_parts(conv1=lambda i, o, s: conv(i, o, 3, s, padding=0),
                  conv2=lambda i, o, s: conv(o, o, padding=0)),
        "padding is missing",
    ),
    "no padding in one": (
        set_parts(conv2=lambda i, o, s: conv(o, o, padding=0)), "padding is missing in the second"
    ),
    "1×1 second": (
        set_parts(conv2=lambda i, o, s: conv(o, o, 1)), "second convolution has a 1×1 kernel"
    ),
    "evaluates with the batch": (
        set_parts(bn1=lambda i, o, s: nn.BatchNorm2d(o, track_running_stats=False),
                  bn2=lambda i, o, s: nn.BatchNorm2d(o, track_running_stats=False)),
        "In evaluation mode batch norm still uses the mean of the batch",
    ),
    "running mean never moves": (
        set_parts(bn2=lambda i, o, s: nn.BatchNorm2d(o, momentum=0.0)),
        "after a step in training mode. A step .* should move batch norm's running mean",
    ),
    "weight also on the bias": (
        set_parts(bn1=lambda i, o, s: ScaledBias(o)), "right, but the block differs in evaluation"
    ),
    "running mean in training": (
        variant(forward=running_mean_in_training), "In training mode batch norm uses its running"
    ),
    "detached shortcut": (
        forward(f"F.relu({BRANCH} + s.skip(x.detach()))"),
        "differs in its gradients. No gradient comes back through the shortcut",
    ),
    "plain list": (plain_list(), "parameters.. does not list.*plain Python list"),
    "made in forward": (made_in_forward(), r"\(16, 16, 3, 3\).*made in forward"),
    "frozen": (made_like(frozen), "conv1.weight is frozen"),
    "hard-coded channels": (HardCoded, "conv1.*was built for 64 channels, but it gets 3×16×14×10"),
    "pre-activation": (
        forward("x + s.conv2(F.relu(s.bn2(s.conv1(F.relu(s.bn1(x))))))"), "pre-activation"
    ),
    "unused projection": (
        variant(__init__=lambda self, i, o, s=1: (
            Right.__init__(self, i, o, s), setattr(self, "extra", conv(i, o, 1, s)))[0]),
        "never used in forward, for example extra.weight",
    ),
    "input changed": (variant(forward=changes_its_input), "changes its input x in place"),
    "relu on input": (variant(forward=relu_in_place_on_input), "changes its input x in place"),
    "returns nothing": (forward("[s.conv1(x)] and None"), "forward returned None"),
    "returns a tuple": (forward(f"(F.relu({BRANCH} + s.skip(x)), x)"), "got a value of type tuple"),
    "empty": (forward(f"F.relu({BRANCH} + s.skip(x))[:, :0]"), r"output is empty.*\(3, 0, 14, 10"),
    "nan": (variant(forward=lambda s, x: Right.forward(s, x) / 0 * 0), "NaN"),
    "double": (forward(f"F.relu({BRANCH} + s.skip(x)).double()"), "torch.float64"),
    "meta": (forward("s.conv1(x).to('meta')"), "device meta"),
    "built on meta": (made_like(lambda b, *_: b.to("meta")), "parameters are on the device meta"),
    "built in double": (made_like(lambda b, *_: b.double()), "float64: expected torch"),
    "no grad": (variant(forward=torch.no_grad()(Right.forward)), "No gradient comes back"),
    "raises": (forward("x / {}"), "stopped with TypeError"),
    "no super": (NoSuper, r"call super\(\).__init__\(\) first"),
    "no module": (NoModule, r"Expected an nn.Module, got a value of type NoModule.*behind"),
    "an object": (Right(64, 64), "Expected the class .*already made"),
    "a function without return": (lambda i, o, s=1: print(end=""), "returned None"),
    "a number": (7, "not callable"),
    "dropout": (
        made_like(lambda b, i, o, s: setattr(b, "bn2", nn.Sequential(b.bn2, nn.Dropout(0.5)))),
        "differs in training mode.*random",
    ),
    "no super, plain attributes": (NoSuperPlain, r"call super\(\).__init__\(\) first"),
    "no super, add_module": (NoSuperAdds, r"call super\(\).__init__\(\) first"),
    "sum thrown away": (variant(forward=throws_the_sum_away), "on a line of its own, is thrown"),
    "average pooling before the projection": (
        set_parts(skip=lambda i, o, s: nn.Sequential(
            nn.AvgPool2d(s), conv(i, o, 1), nn.BatchNorm2d(o)) if i != o or s > 1
            else nn.Identity()),
        "takes averages of pixels.*has the stride itself",
    ),
    "average pooling for the stride": (
        made_like(lambda b, i, o, s: i == o and s > 1 and setattr(b, "skip", nn.AvgPool2d(s))),
        "channels=16, stride=2.*takes averages of pixels",
    ),
    "relu on the input of the branch": (
        forward("F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(F.relu(x)))))) + s.skip(x))"),
        "branch begins with a ReLU",
    ),
    "relu on the input": (
        forward("Right.forward(s, F.relu(x))".replace("Right", "type(s).__mro__[1]")),
        "ReLU is applied to x before the block",
    ),
    "shortcut twice": (forward(f"F.relu({BRANCH} + s.skip(x) + s.skip(x))"), "added twice"),
    "relu before the last batch norm": (
        forward("F.relu(s.bn2(F.relu(s.conv2(F.relu(s.bn1(s.conv1(x)))))) + s.skip(x))"),
        "ReLU between the second convolution and its batch norm",
    ),
    "dropout always on": (
        forward(f"F.relu(F.dropout({BRANCH}) + s.skip(x))"),
        "two different outputs for the same input.*random.*training=self.training",
    ),
    "a layer instead of its output": (
        forward(f"nn.ReLU({BRANCH} + s.skip(x))"), r"must first be made.*self.layer\(x\)"
    ),
    "a layer in the middle": (
        forward("F.relu(s.bn2(s.conv2(nn.ReLU(s.bn1(s.conv1(x))))) + s.skip(x))"),
        "(?s)stopped with TypeError.*ReLU.*must first be made",
    ),
    "a layer to add": (forward(f"nn.ReLU({BRANCH}) + s.skip(x)"), "must first be made"),
    "5×5": (
        set_parts(conv1=lambda i, o, s: conv(i, o, 5, s)),
        "Expected weights of 16×16×3×3, 16×16×3×3; yours are 16×16×5×5, 16×16×3×3",
    ),
}  # fmt: skip


def assert_says(result, message):
    assert result.attempted and not result.passed
    assert re.search(message, result.message), result.message


@pytest.mark.parametrize("name", WRONG_BASIC)
def test_a_wrong_basic_block_is_told_why(name):
    answer, message = WRONG_BASIC[name]
    assert_says(blocks.basic_block(answer), message)


# Bottleneck.


class RightThin(nn.Module):
    """A bottleneck and a ResNeXt block by hand; `sizes` is what the mistakes below change."""

    def __init__(self, in_channels, channels, stride=1, groups=1, base_width=64):
        super().__init__()
        width, out, strides, parts = self.sizes(channels, stride, groups, base_width)
        self.conv1 = conv(in_channels, width, 1, strides[0], groups=parts[0])
        self.conv2 = conv(width, width, 3, strides[1], groups=parts[1])
        self.conv3 = conv(width, out, 1, strides[2], groups=parts[2])
        self.bn1, self.bn2, self.bn3 = map(nn.BatchNorm2d, (width, width, out))
        self.skip = nn.Sequential()
        if stride != 1 or in_channels != out:
            self.skip = nn.Sequential(conv(in_channels, out, 1, stride), nn.BatchNorm2d(out))

    def sizes(self, channels, stride, groups, base_width):
        width = int(channels * base_width / 64) * groups
        return width, 4 * channels, (1, stride, 1), (1, groups, 1)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.skip(x))


def thin(sizes=None, **methods):
    """Return the right thin block with other sizes or methods."""
    if sizes:
        methods["sizes"] = lambda self, c, s, g, b: sizes(c, s, g, b)
    return type("MyThin", (RightThin,), methods)


class LazyThin(nn.Module):
    def __init__(self, i, c, s=1):
        super().__init__()

        def unit(out, kernel, stride=1):
            layers = (
                nn.LazyConv2d(out, kernel, stride, kernel // 2, bias=False),
                nn.LazyBatchNorm2d(),
            )
            return nn.Sequential(*layers)

        self.branch = nn.Sequential(
            unit(c, 1), nn.ReLU(), unit(c, 3, s), nn.ReLU(True), unit(4 * c, 1)
        )
        self.add_module("shortcut", unit(4 * c, 1, s) if (s, i) != (1, 4 * c) else nn.Identity())

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.branch(x))


def thin_from_torchvision(i, c, s=1, groups=1, width=64):
    skip = None
    if s != 1 or i != 4 * c:
        skip = nn.Sequential(theirs.conv1x1(i, 4 * c, s), nn.BatchNorm2d(4 * c))
    return theirs.Bottleneck(i, c, s, skip, groups, width)


class LinearThin(RightThin):
    """1×1 convolutions as linear maps over the channels, as chapter 04 shows."""

    def __init__(self, i, c, s=1):
        super().__init__(i, c, s)
        self.conv1, self.conv3 = nn.Linear(i, c, bias=False), nn.Linear(c, 4 * c, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x.movedim(1, -1)).movedim(-1, 1)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return F.relu(self.skip(x) + out)


RIGHT_THIN = [Bottleneck, RightThin, LazyThin, thin_from_torchvision, LinearThin]


@pytest.mark.parametrize("answer", RIGHT_THIN, ids=lambda a: a.__name__)
def test_a_right_bottleneck_passes(answer):
    result = blocks.bottleneck(answer)
    assert result, result.message


def thin_forward(text):
    space = {"F": F}
    exec(f"def forward(s, x):\n    return {text}", space)
    return thin(forward=space["forward"])


def without_bn3(self, *sizes):
    RightThin.__init__(self, *sizes)
    self.bn3 = nn.Identity()


def only_where_in_differs_from_channels(self, i, c, s=1):
    RightThin.__init__(self, i, c, s)
    if s == 1 and i == c:
        self.skip = nn.Identity()


def with_bias(self, *sizes):
    RightThin.__init__(self, *sizes)
    self.conv3 = nn.Conv2d(self.conv3.in_channels, self.conv3.out_channels, 1)


def width_by_division(i, c, s=1):
    return RightThin(i, c // 4, s)


WRONG_THIN = {
    "v1": (
        thin(lambda c, s, g, b: (c, 4 * c, (s, 1, 1), (1, 1, 1))),
        "stride=2.*The stride is in the first 1×1.*paper of 2016.*v1.*in the 3×3.*v1.5",
    ),
    "stride in the last": (
        thin(lambda c, s, g, b: (c, 4 * c, (1, 1, s), (1, 1, 1))), "The stride is in the last 1×1"
    ),
    "stride twice": (
        thin(lambda c, s, g, b: (c, 4 * c, (s, s, 1), (1, 1, 1))), "Only the 3×3 has the stride"
    ),
    "no expansion": (
        thin(lambda c, s, g, b: (c, c, (1, s, 1), (1, 1, 1))),
        "expected 32×9×8, got 8×9×8. The block gives 8 channels.*expansion forgotten",
    ),
    "channels are the output": (width_by_division, "read as the number of output channels"),
    "thick middle": (
        thin(lambda c, s, g, b: (4 * c, 4 * c, (1, s, 1), (1, 1, 1))), "The middle has 32 channels"
    ),
    "basic block": (Right, "basic block with two 3×3"),
    "basic block, expanded": (lambda i, c, s=1: Right(i, 4 * c, s), "basic block with two 3×3"),
    "projection by channels": (
        thin(__init__=only_where_in_differs_from_channels),
        "in_channels=8, channels=8, stride=1.*The shortcut has no projection",
    ),
    "no batch norm 3": (thin(__init__=without_bn3), "no batch norm behind the last 1×1"),
    "bias": (thin(__init__=with_bias), "The last 1×1 has a bias"),
    "no relu between": (
        thin_forward(
            "F.relu(s.bn3(s.conv3(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))))) + s.skip(x))"
        ),
        "no ReLU behind the 3×3",
    ),
    "relu before the addition": (
        thin_forward(
            "F.relu(s.bn3(s.conv3(F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))))))) + s.skip(x)"
        ),
        "ReLU at the end of the branch",
    ),
    "hard-coded expansion": (
        lambda i, c, s=1: RightThin(i, 16, s), "expected 32×9×8, got 64×9×8|size of tensor"
    ),
    "nothing": (thin_forward("print(end='')"), "forward returned None"),
    "raises": (thin_forward("x.nope"), "stopped with AttributeError"),
    "meta": (lambda *a: RightThin(*a).to("meta"), "parameters are on the device meta"),
    "nan": (thin(forward=lambda s, x: RightThin.forward(s, x) / 0 * 0), "NaN"),
    "input changed": (thin_forward("x.mul_(2)"), "changes its input x in place"),
    "a list": (lambda *a: [RightThin(*a)], "Expected an nn.Module, got a value of type list"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_THIN)
def test_a_wrong_bottleneck_is_told_why(name):
    answer, message = WRONG_THIN[name]
    assert_says(blocks.bottleneck(answer), message)


# ResNeXt.


class Paths(nn.Module):
    """Form (b) of chapter 04: thin paths side by side, concatenated."""

    def __init__(self, i, c, s=1, groups=32, base_width=4):
        super().__init__()
        d = c * base_width // 64

        def layer(a, b, kernel, stride=1):
            return nn.Sequential(conv(a, b, kernel, stride), nn.BatchNorm2d(b), nn.ReLU())

        self.paths = nn.ModuleList(
            nn.Sequential(layer(i, d, 1), layer(d, d, 3, s)) for _ in range(groups)
        )
        self.last = nn.Sequential(conv(d * groups, 4 * c, 1), nn.BatchNorm2d(4 * c))
        self.skip = layer(i, 4 * c, 1, s)[:2] if s != 1 or i != 4 * c else nn.Identity()

    def forward(self, x):
        together = torch.cat([path(x) for path in self.paths], dim=1)
        return F.relu(self.last(together) + self.skip(x))


class AddedPaths(Paths):
    """Form (a): every path returns to the full number of channels, then add."""

    def __init__(self, i, c, s=1, groups=32, base_width=4):
        super().__init__(i, c, s, groups, base_width)
        d = c * base_width // 64
        self.ends = nn.ModuleList(conv(d, 4 * c, 1) for _ in range(groups))
        self.last = self.last[1]

    def forward(self, x):
        total = sum(end(path(x)) for path, end in zip(self.paths, self.ends, strict=True))
        return F.relu(self.last(total) + self.skip(x))


class OneWeightManyCalls(RightThin):
    """The grouped convolution as a loop over slices of one weight."""

    def __init__(self, i, c, s=1, groups=32, base_width=4):
        super().__init__(i, c, s, groups, base_width)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        g = self.conv2.groups
        parts = zip(out.chunk(g, 1), self.conv2.weight.chunk(g), strict=True)
        parts = [F.conv2d(p, w, stride=self.conv2.stride, padding=1) for p, w in parts]
        out = F.relu(self.bn2(torch.cat(parts, 1)))
        return F.relu(self.bn3(self.conv3(out)) + self.skip(x))


def resnext_from_torchvision(i, c, s=1, groups=32, base_width=4):
    return thin_from_torchvision(i, c, s, groups, base_width)


class RightNext(RightThin):
    def __init__(self, in_channels, channels, stride=1, groups=32, base_width=4, extra=None):
        super().__init__(in_channels, channels, stride, groups=groups, base_width=base_width)


RIGHT_NEXT = [
    answers.ResNeXtBlock, RightNext, Paths, AddedPaths, OneWeightManyCalls, resnext_from_torchvision
]  # fmt: skip


@pytest.mark.parametrize("answer", RIGHT_NEXT, ids=lambda a: a.__name__)
def test_a_right_resnext_block_passes(answer):
    result = blocks.resnext_block(answer)
    assert result, result.message


def wide(sizes=None, **methods):
    if sizes:
        methods["sizes"] = lambda self, c, s, g, b: sizes(c, s, g, b, int(c * b / 64))
    return type("MyNext", (RightNext,), methods)


def sized(width=None, parts=None, out=None):
    """Return a wrong block with another width, division into groups or output."""
    return wide(
        lambda c, s, g, b, d: (
            width(c, g, b, d) if width else d * g,
            out(c) if out else 4 * c,
            (1, s, 1),
            parts(c, g, b, d) if parts else (1, g, 1),
        )
    )


class LinearNext(RightNext):
    """Forgets the groups' ReLU."""

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.bn3(self.conv3(out)) + self.skip(x))


WRONG_NEXT = {
    "exchanged, as in d2l": (
        sized(parts=lambda c, g, b, d: (1, d, 1)),
        "groups=8 is read as the number of channels in each group.*8 groups of 4",
    ),
    "not grouped": (
        sized(parts=lambda c, g, b, d: (1, 1, 1)), "not divided into groups: expected 8 groups of 4"
    ),
    "all grouped": (sized(parts=lambda c, g, b, d: (g, g, g)), "All three convolutions"),
    "width of a bottleneck": (
        sized(lambda c, g, b, d: c), "should have int.64 · 4 / 64. · 8 = 32.*yours has 64.*plain"
    ),
    "width does not grow": (sized(lambda c, g, b, d: g * b), "channels=32.*Does it grow"),
    "width of one group": (
        sized(lambda c, g, b, d: d, lambda c, g, b, d: (1, 1, 1)), "width of a single group"
    ),
    "rounded at the end": (
        sized(lambda c, g, b, d: int(c * b / 64 * g)), "must be divisible.*Round down for one group"
    ),
    "groups and base_width exchanged": (
        sized(lambda c, g, b, d: int(c * g / 64) * b, lambda c, g, b, d: (1, b, 1)),
        "groups|divisible",
    ),
    "width of 32×4d": (sized(lambda c, g, b, d: 2 * c), "yours has 128. Twice the channels"),
    "output by width": (
        wide(lambda c, s, g, b, d: (d * g, 4 * d * g, (1, s, 1), (1, g, 1))),
        "gives 128 channels, four times the width",
    ),
    "expansion forgotten": (sized(out=lambda c: c), "expansion by 4 forgotten"),
    "expansion 2": (sized(out=lambda c: 2 * c), "expected 256×7×6, got 128×7×6"),
    "arguments unused": (
        lambda i, c, s=1, groups=32, base_width=4: RightNext(i, c, s, 32, 4), "32×4d. Does it use"
    ),
    "wrong defaults": (RightThin, "in_channels=64, channels=64, input.*which defaults"),
    "bottleneck's arguments": (Bottleneck, "stopped with TypeError.*positional"),
    "stride in the first": (
        wide(lambda c, s, g, b, d: (d * g, 4 * c, (s, 1, 1), (1, g, 1))), "in the first 1×1"
    ),
    "no relu": (LinearNext, "no ReLU behind the 3×3"),
    "no batch norm": (wide(__init__=lambda self, *a: (
        RightNext.__init__(self, *a), setattr(self, "bn1", nn.Identity()))[0]),
        "no batch norm behind the first 1×1"),
    "nothing": (wide(forward=lambda s, x: print(end="")), "returned None"),
    "raises": (wide(forward=lambda s, x: 1 / 0), "ZeroDivisionError"),
    "meta": (lambda *a: RightNext(*a).to("meta"), "device meta"),
    "nan": (wide(forward=lambda s, x: RightNext.forward(s, x) * float("nan")), "NaN"),
    "input changed": (wide(forward=lambda s, x: RightNext.forward(s, x.add_(1))), "in place"),
    "a function of tensors": (lambda *a: torch.zeros(3), "got a value of type Tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_NEXT)
def test_a_wrong_resnext_block_is_told_why(name):
    answer, message = WRONG_NEXT[name]
    assert_says(blocks.resnext_block(answer), message)


# Start as the identity.


def in_place(text):
    """Return f(block) from one statement, run without gradients."""

    def answer(block):
        with torch.no_grad():
            exec(text, {"torch": torch, "nn": nn, "F": F, "block": block})

    return answer


def by_name(block):
    last = [m for m in block.children() if isinstance(m, nn.BatchNorm2d)][-1]
    nn.init.constant_(last.weight, 0.0)
    return block


RIGHT_ZERO = {
    "reference": answers.zero_init,
    "the package's method": BasicBlock.zero_init_branch,
    "nn.init": lambda block: nn.init.zeros_(block.bn2.weight),
    "by type, returns the block": by_name,
    "data": in_place("block.bn2.weight.data.zero_()"),
    "multiplied": in_place("block.bn2.weight *= 0"),
    "new parameter": in_place(
        "block.bn2.weight = nn.Parameter(torch.zeros(block.bn2.num_features))"
    ),
    "last convolution": in_place("block.conv2.weight.fill_(0)"),
    "weight and bias": in_place("block.bn2.weight.zero_(); block.bn2.bias.zero_()"),
    "state dict": in_place(
        "block.load_state_dict({**block.state_dict(), 'bn2.weight': 0 * block.bn2.weight})"
    ),
    "another start of the rest": in_place(
        "nn.init.zeros_(block.bn2.weight); nn.init.orthogonal_(block.conv1.weight)"
    ),
}


@pytest.mark.parametrize("name", RIGHT_ZERO)
def test_a_right_zero_init_passes(name):
    result = blocks.zero_init(RIGHT_ZERO[name])
    assert result, result.message


WRONG_ZERO = {
    "bn1": (in_place("block.bn1.weight.zero_()"), "dead: .*conv1.weight.*inside the branch"),
    "all batch norms": (
        in_place("[m.weight.zero_() for m in block.modules() if isinstance(m, nn.BatchNorm2d)]"),
        "dead: .*no gradient has reached conv1.weight",
    ),
    "both of the branch": (
        in_place("block.bn1.weight.zero_(); block.bn2.weight.zero_()"), "dead: .*conv1.*If two"
    ),
    "last convolution and batch norm": (
        in_place("block.conv2.weight.zero_(); block.bn2.weight.zero_()"),
        "dead.*set only the last one to 0",
    ),
    "first convolution": (in_place("block.conv1.weight.zero_()"), "dead"),
    "everything": (in_place("[p.zero_() for p in block.parameters()]"), "dead"),
    "the shortcut too": (
        in_place("[m.weight.zero_() for m in (block.bn2, block.downsample and block.downsample[1])"
                 " if m]"),
        r"BasicBlock\(8, 16, 2\): The shortcut has changed too",
    ),
    "nearly": (in_place("block.bn2.weight.fill_(1e-3)"), "Nearly silent is not silent"),
    "ones": (in_place("block.bn2.weight.fill_(2)"), "differs from ReLU.x. by up to.*multiply by 0"),
    "bias": (
        in_place("block.bn2.weight.zero_(); block.bn2.bias.fill_(0.5)"),
        r"by up to 0.5: expected 0. The weight .* but its bias is not",
    ),
    "bias alone": (in_place("block.bn2.bias.zero_()"), "Nothing in the block has changed"),
    "not in place": (lambda block: block.bn2.weight * 0, "Nothing in the block has changed"),
    "first channels": (in_place("block.bn2.weight[:4] = 0"), "differs from ReLU"),
    "running variance": (in_place("block.bn2.running_var.fill_(1e20)"), "In training mode"),
    "frozen": (
        in_place("block.bn2.weight.zero_(); block.bn2.weight.requires_grad_(False)"),
        "bn2.weight is frozen",
    ),
    "branch removed": (in_place("block.bn2 = nn.Identity()"), "bn2.weight is gone"),
    "a new number": (
        in_place("block.alpha = nn.Parameter(torch.zeros(1))"), "alpha is new in the block"
    ),
    "forward replaced": (
        in_place("block.forward = lambda x: F.relu(x)"), "no longer computes what a BasicBlock"
    ),
    "hook": (
        in_place("block.bn2.register_forward_hook(lambda m, i, o: 0 * o)"), "or a hook is new"
    ),
    "evaluation mode": (in_place("block.bn2.weight.zero_(); block.eval()"), "evaluation mode"),
    "other size": (
        in_place("block.bn2.weight = nn.Parameter(torch.zeros(8))"),
        r"BasicBlock\(16, 16\): bn2.weight was .*\(16,\).*now it is .*\(8,\)",
    ),
    "double": (
        in_place("block.bn2.weight = nn.Parameter(torch.zeros(8).double())"), "float64"
    ),
    "meta": (in_place("block.bn2.to('meta')"), "on meta"),
    "nan": (in_place("block.bn2.weight.fill_(float('nan'))"), "contains NaN"),
    "a new block": (lambda block: BasicBlock(8, 8), "return another block"),
    "a number for a parameter": (
        in_place("block.bn2.weight = 0"), "TypeError.*a number cannot take its place.*nn.init"
    ),
    "gradient needed": (lambda block: block.bn2.weight.zero_(), "RuntimeError.*leaf.*no_grad"),
    "raises": (lambda block: block.bn9, "stopped with AttributeError"),
    "a number": (0, "not callable"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_ZERO)
def test_a_wrong_zero_init_is_told_why(name):
    answer, message = WRONG_ZERO[name]
    assert_says(blocks.zero_init(answer), message)


# What the checkers stand on.


@pytest.mark.parametrize("arguments", [(6, 6), (6, 8, 2), (6, 6, 2), (8, 6, 1)])
def test_the_text_of_a_basic_block_is_the_package_s_block(arguments):
    x = torch.randn(3, arguments[0], 7, 6)
    right = compiled(blocks.BASIC_BLOCK.text)(*arguments)
    assert Subject(BasicBlock(*arguments), x).difference(right) == ""
    assert Subject(from_torchvision(*arguments), x).difference(right) == ""


@pytest.mark.parametrize("arguments", [(16, 4), (12, 8, 2), (32, 16, 1, 4, 16), (32, 32, 2, 2, 8)])
def test_the_text_of_a_bottleneck_is_torchvision_s_block(arguments):
    x = torch.randn(3, arguments[0], 7, 6)
    right = compiled(blocks.BOTTLENECK.text)(*arguments)
    assert Subject(thin_from_torchvision(*arguments), x).difference(right) == ""


def chain(*weights):
    """Return units that follow each other, each with a weight and two vectors."""
    units, before = [], Unit()
    for weight, norm in weights:
        before = Unit(before, before.depth + 1, [weight], list(norm))
        units.append(before)
    return units


def numbers(*shape):
    return nn.Parameter(torch.randn(shape))


def test_layers_are_paired_by_place_and_size_and_a_shared_one_only_with_a_shared_one():
    a, b, c = (numbers(4, 4, 3, 3) for _ in range(3))
    norms = [(numbers(4), numbers(4)) for _ in range(4)]
    mine, theirs = chain((a, norms[0]), (b, norms[1])), chain((b, norms[2]), (c, norms[3]))
    pairs = pair(mine, theirs)
    assert pairs[id(a)] == [b] and pairs[id(b)] == [c]
    assert pairs[id(norms[1][0])] == [norms[3][0]] and pairs[id(norms[1][1])] == [norms[3][1]]

    shared = chain((a, norms[0]), (a, norms[0]))
    assert pair(mine, shared) is None and pair(shared, mine) is None
    assert pair(shared, shared) is not None
    assert pair(mine, theirs[:1]) is None
    assert pair(mine, chain((b, norms[2]), (c, ()))) is None
    assert pair(mine, chain((b, norms[2]), (c, (numbers(5), numbers(5))))) is None


def test_paths_side_by_side_make_one_layer():
    whole, parts = numbers(6, 4, 3, 3), [numbers(2, 4, 3, 3) for _ in range(3)]
    vectors = [numbers(2) for _ in range(6)]
    mine = chain((whole, (numbers(6), numbers(6))))
    theirs = [Unit(None, 1, parts, vectors)]
    weight, scale, bias = pair(mine, theirs).values()
    assert weight == parts and scale == vectors[::2] and bias == vectors[1::2]
    assert torch.equal(joined(parts, whole.shape), torch.cat(parts))
    added = [numbers(6, 2, 1, 1), numbers(6, 2, 1, 1)]
    assert torch.equal(joined(added, (6, 4, 1, 1)), torch.cat(added, 1))


KINDS = {
    "basic_block": (blocks.BASIC_BLOCK, [(16, 16), (16, 32, 2), (16, 16, 2)]),
    "bottleneck": (blocks.BOTTLENECK, [(32, 8), (32, 16, 2)]),
    "resnext_block": (
        blocks.RESNEXT_BLOCK,
        [(256, 64, 1, 8, 4), (32, 32, 2, 8, 5), (48, 24, 1, 2, 4)],
    ),
    "defaults": (blocks.DEFAULT_BLOCK, [(64, 64)]),
}


def all_mistakes():
    """Yield the edits of each mistake, with the cases in which they change the text."""
    for name, (right, cases) in KINDS.items():
        found = {}
        for arguments in cases:
            for suspect in right.suspects(arguments):
                found.setdefault(tuple(suspect.edits), []).append((arguments, suspect))
        for edits, suspects in found.items():
            yield pytest.param(right, suspects, id=f"{name}: {' | '.join(edits)}")


@pytest.mark.parametrize(("right", "suspects"), list(all_mistakes()))
def test_every_known_mistake_is_recognised(right, suspects):
    """Each one, given as an answer, gets its own words in a case where it makes a difference."""
    said = []
    for arguments, suspect in suspects:
        answer = compiled(edited(right.text, suspect.edits))
        try:
            check_block(answer, arguments, right, size=(9, 8))
        except AnswerError as wrong:
            said.append(str(wrong))
        # Where a convolution cannot be made, the reason is the same for several mistakes.
        if said and (suspect.refusal or suspect.message) in said[-1]:
            return
    pytest.fail(f"expected {suspects[0][1].message}, got {said}")


@pytest.mark.parametrize("name", ["basic_block", "zero_init", "bottleneck", "resnext_block"])
def test_exercises_have_an_answer_that_passes_and_leave_random_numbers_alone(name):
    about, checker = EXERCISES[name], getattr(blocks, name)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert checker(about.answers[0])
    assert torch.equal(torch.rand(3), expected)
    assert not any(word in hint for hint in about.hints for word in ("def ", "Conv2d(", "= "))


def test_two_typical_mistakes_at_once_are_both_named():
    class Three(nn.Module):
        """The stride in the wrong convolution, and a projection with a bias and without BN."""

        def __init__(self, in_channels, channels, stride=1):
            super().__init__()
            self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.project = nn.Identity()
            if stride > 1 or in_channels != channels:
                self.project = nn.Conv2d(in_channels, channels, 1, stride)

        def forward(self, x):
            out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(out + self.project(x))

    result = blocks.basic_block(Three)
    assert result.attempted and not result
    assert "Two things" in result.message
    assert "The projection has no batch norm" in result.message
    assert "The stride is in the second convolution" in result.message


@pytest.mark.parametrize("second", range(0, 45, 4))
@pytest.mark.parametrize("first", [1, 6, 11])
def test_any_two_mistakes_together_get_a_verdict(first, second):
    right = blocks.BASIC_BLOCK
    rows = list(spelled(right.mistakes, right.names, {}))
    edits = [edit for place in (first, second) for edit in rows[place % len(rows)][1]]
    result = blocks.basic_block(compiled(edited(right.text, edits)))
    assert not result and "could not be checked" not in result.message
